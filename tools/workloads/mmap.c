// SPDX-License-Identifier: BSD-2-Clause
/* 4 MiB mapped, each page written and read back, unmapped. */
#include <sys/mman.h>

#include "workload.h"

#define BYTES (4u << 20)
#define PAGE 4096u

static void work(unsigned long ops)
{
	while (ops--) {
		unsigned long *page, sum = 0;
		size_t at;
		char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			fail_errno("mmap");
		for (at = 0; at < BYTES; at += PAGE) {
			page = (unsigned long *)(memory + at);
			if (*page)
				fail("a new page is not zero");
			*page = at;
		}
		for (at = 0; at < BYTES; at += PAGE)
			sum += *(volatile unsigned long *)(memory + at) / PAGE;
		if (sum != (unsigned long)(BYTES / PAGE) * (BYTES / PAGE - 1) / 2)
			fail("the pages hold %lu", sum);
		if (munmap(memory, BYTES))
			fail_errno("munmap");
	}
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "mmap", .ops = 20, .warm_up = 2, .work = work };

	return workload_run(&w, argc, argv);
}
