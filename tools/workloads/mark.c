// SPDX-License-Identifier: BSD-2-Clause
/*
 * mark N: one mark, and nothing else: linked without a C library (-nostdlib -static), so that its
 * own start executes no CPUID and the mark says what was counted up to the shell that started it.
 */
#include <sys/syscall.h>

#define MARK_PORT 0x5056

static long call(long number, long first, long second, long third)
{
	long result;

	__asm__ __volatile__("syscall"
			     : "=a"(result)
			     : "a"(number), "D"(first), "S"(second), "d"(third)
			     : "rcx", "r11", "memory");
	return result;
}

/* What the kernel put on the stack: the count of arguments, then their addresses. */
__attribute__((used, noreturn)) static void start(const long *stack)
{
	const char *text = stack[0] == 2 ? (const char *)stack[2] : "";
	unsigned int id = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		id = 10 * id + (unsigned int)(*text - '0');
	if (stack[0] == 2 && !*text && !call(SYS_ioperm, MARK_PORT, 4, 1)) {
		__asm__ __volatile__("outl %0, %w1" : : "a"(id), "Nd"(MARK_PORT));
		call(SYS_exit, 0, 0, 0);
	}
	call(SYS_exit, 1, 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n"
	"_start:\n"
	"mov %rsp, %rdi\n"
	"call start\n");
