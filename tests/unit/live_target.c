// SPDX-License-Identifier: BSD-2-Clause
/*
 * Stands for an emulator in tools_live.c: live_target KEY KEY VCPUS has frames of vCPUs somewhere
 * in 64 MiB of memory, most of it never touched, and counts in them until its standard input ends.
 * Without sanitizers, whose memory would be searched as well.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "live_target.h"

#define BYTES (64u << 20)

int main(int argc, char **argv)
{
	uint64_t key[2], other[2];
	uint8_t *memory, *frames[64];
	unsigned int vcpus, i;
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	if (argc != 4)
		return 2;
	key[0] = strtoull(argv[1], NULL, 16);
	key[1] = strtoull(argv[2], NULL, 16);
	vcpus = (unsigned int)strtoul(argv[3], NULL, 10) % 64;
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 3;
	for (i = 0; i < vcpus; i++) {
		frames[i] = memory + (i * 2654435761u) % (BYTES / 4096) * 4096;
		target_tag(frames[i], key, i / 4, i % 4);
		target_exit(frames[i], PV_EXIT_CPUID)->count = 1000 + i;
	}
	/* Frames of somebody else, and one that says the same again. */
	other[0] = key[0] ^ 1;
	other[1] = key[1];
	target_tag(memory + 4096, other, 0, 0);
	target_tag(memory + 8192, key, 0, 0);
	puts("ready");
	fflush(stdout);
	while (!poll(&in, 1, 0)) {
		for (i = 0; i < vcpus; i++) {
			volatile uint64_t *seen = target_number(frames[i], TARGET_SEEN);

			*seen += 0xffff;
			__atomic_fetch_add(&target_exit(frames[i], PV_EXIT_HLT)->count, 1,
					   __ATOMIC_RELAXED);
		}
	}
	return 0;
}
