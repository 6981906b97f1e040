/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways in which a PC ends: kind=s5 by ACPI, kind=cf9 and kind=port92 by reset. What is not the
 * right word at the right port must not end it before. kind=triple has no handler for anything.
 */
#include "pc.h"

#define PM1_CONTROL 0x604
#define SLP_EN 0x2000
#define SLP_S5 (5u << 10)

static const struct {
	u16 limit;
	u64 base;
} __attribute__((packed)) no_table;

/* Near misses. */
static void check_harmless(void)
{
	outw(PM1_CONTROL, SLP_S5); /* without SLP_EN */
	outw(PM1_CONTROL, SLP_EN | 1u << 10); /* another sleep */
	outb(0xcf9, 0x02); /* no reset, only which one */
	outb(0x92, 0x02); /* A20 alone */
	outb(0xcf9, 0x00);
	ok((inb(0x92) & 3) == 2 && inb(0xcf9) == 0, "near misses do no harm");
}

void guest_main(void)
{
	plan(1);
	pc_init();
	check_harmless();
	if (tap_end())
		guest_exit(1);
	if (arg_is("kind", "s5"))
		outw(PM1_CONTROL, SLP_EN | SLP_S5);
	else if (arg_is("kind", "cf9"))
		outb(0xcf9, 0x06);
	else if (arg_is("kind", "port92"))
		outb(0x92, inb(0x92) | 1);
	else if (arg_is("kind", "triple"))
		__asm__ volatile("lidt %0; int3" : : "m"(no_table));
	bail("it lives on");
}
