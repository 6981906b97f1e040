// SPDX-License-Identifier: BSD-2-Clause
/*
 * boot [--mark N]: the first program that a shell starts; its mark closes what was counted since
 * the kernel's entry. Linked without a C library (-nostdlib -static), whose start would execute
 * CPUID before the mark. Prints `boot ops=1 ns=N ok`: the time since the kernel started its clock.
 */
#include <stdint.h>
#include <sys/syscall.h>

#define MARK_PORT 0x5056
#define CLOCK_MONOTONIC 1

static long call(long number, long first, long second, long third)
{
	long result;

	__asm__ __volatile__("syscall"
			     : "=a"(result)
			     : "a"(number), "D"(first), "S"(second), "d"(third)
			     : "rcx", "r11", "memory");
	return result;
}

static int is_same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static _Noreturn void leave(int status)
{
	for (;;)
		call(SYS_exit, status, 0, 0);
}

static void mark(const char *number)
{
	unsigned int id = 0;

	for (; *number >= '0' && *number <= '9'; number++)
		id = 10 * id + (unsigned int)(*number - '0');
	if (*number || call(SYS_ioperm, MARK_PORT, 4, 1))
		leave(1);
	__asm__ __volatile__("outl %0, %w1" : : "a"(id), "Nd"(MARK_PORT));
}

static void report(uint64_t ns)
{
	static char line[] = "boot ops=1 ns=                     ok\n";
	char *to = line + sizeof("boot ops=1 ns=") - 1;
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + ns % 10);
	while (ns /= 10);
	while (n)
		*to++ = digits[--n];
	for (const char *rest = " ok\n"; *rest; rest++)
		*to++ = *rest;
	if (call(SYS_write, 1, (long)line, to - line) != to - line)
		leave(1);
}

/* What the kernel put on the stack: the count of arguments, then their addresses. */
__attribute__((used, noreturn)) static void start(const long *stack)
{
	struct {
		int64_t seconds, ns;
	} now = { 0, 0 };

	call(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0);
	if (stack[0] == 3 && is_same((const char *)stack[2], "--mark"))
		mark((const char *)stack[3]);
	else if (stack[0] != 1)
		leave(2);
	report((uint64_t)now.seconds * 1000000000u + (uint64_t)now.ns);
	leave(0);
}

__asm__(".globl _start\n"
	"_start:\n"
	"mov %rsp, %rdi\n"
	"call start\n");
