// SPDX-License-Identifier: BSD-2-Clause
/* A page is made read-only and read, or writable and written: an operation is one change. */
#include <signal.h>
#include <setjmp.h>
#include <sys/mman.h>

#include "workload.h"

#define PAGE 4096u

static volatile unsigned long *page;
static sigjmp_buf back;

static void on_fault(int number)
{
	siglongjmp(back, number);
}

static void prepare(void)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		fail_errno("mmap");
	*page = 0;
}

static void work(unsigned long ops)
{
	unsigned long i;

	for (i = 0; i < ops; i++) {
		int is_writable = i & 1;

		if (mprotect((void *)page, PAGE, PROT_READ | (is_writable ? PROT_WRITE : 0)))
			fail_errno("mprotect");
		if (is_writable)
			*page = i;
		else if (*page != (i ? i - 1 : *page))
			fail("the page holds %lu in operation %lu", *page, i);
	}
}

/* Does read-only mean it? Not measured: the fault and its signal are another matter. */
static void check(unsigned long ops)
{
	(void)ops;
	signal(SIGSEGV, on_fault);
	if (mprotect((void *)page, PAGE, PROT_READ))
		fail_errno("mprotect");
	if (!sigsetjmp(back, 1)) {
		*page = 1;
		fail("a read-only page could be written");
	}
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "mprotect",
					   .ops = 1000,
					   .warm_up = 100,
					   .prepare = prepare,
					   .work = work,
					   .check = check };

	return workload_run(&w, argc, argv);
}
