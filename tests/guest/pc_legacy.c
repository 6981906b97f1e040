/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What only 32-bit systems do. kind=task: a jump to a TSS, which goes on here or ends the domain.
 * kind=stale: PAE paging whose top entry the CPU alone still has, and then a device register.
 */
#include "legacy.h"

static struct tss other;
static uint64_t top[4] __attribute__((aligned(32))), wide[4][512] __attribute__((aligned(4096)));

__attribute__((noreturn)) static void task(void)
{
	uint16_t tr;

	asm volatile("str %0" : "=r"(tr));
	result(" - a task switch, by the CPU\n", tr == 0x20 && (gdt[3] >> 40 & 2) == 0);
	end();
}

static void run_task(void)
{
	set_tss(4, &other);
	other.eip = (uint32_t)task;
	other.eflags = 2;
	other.esp = (uint32_t)other_stack + STACK_BYTES;
	other.cs = 0x08;
	other.es = other.ss = other.ds = other.fs = other.gs = 0x10;
	asm volatile("ljmp $0x20, $0");
}

/* The CPU goes on with its copy of top[]; who looks into memory finds no code any more. */
static void run_stale(void)
{
	for (unsigned int n = 0; n < 4; n++)
		top[n] = (uint32_t)wide[n] | 1;
	wide[0][0] = BIG;
	wide[0][1] = 0x200000 | BIG;
	wide[3][IOAPIC >> 21 & 511] = 0xfec00000u | BIG;
	paging((uint32_t)top, CR4_PAE);
	top[0] = 0;
	*(volatile uint32_t *)IOAPIC = 0x21;
}

static void run(const uint32_t *info)
{
	const char *kind = (const char *)info[4];

	while (*kind && *kind != '=')
		kind++;
	set_tables(stack);
	if (kind[1] == 't')
		run_task();
	else
		run_stale();
	result(" - it lives on\n", 0);
	end();
}
