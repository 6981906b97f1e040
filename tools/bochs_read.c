// SPDX-License-Identifier: BSD-2-Clause
/*
 * A read() for Bochs, preloaded by host_bochs.c. Bochs 2.7 keeps guest memory in blocks of 128 KiB
 * that it takes from one host area in the order of first use. It loads a RAM image (optramimage) by
 * read() of the whole file to where the first block lies, so all that exceeds this block lands in
 * memory that other blocks get later, and the bundle ends after 128 KiB. But it goes on, block by
 * block, after a read() that returned less: so that is what it gets here. Every use of read() must
 * cope with less, so with a Bochs that does better this changes nothing.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK_BYTES (128u << 10)

ssize_t read(int fd, void *buffer, size_t bytes)
{
	return syscall(SYS_read, fd, buffer, bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES);
}
