/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power button: waits with the CPU halted until somebody presses it twice, and powers off as
 * ACPI says. Run by tests/boot/button.py, which presses.
 */
#include "pc.h"

#define PM1_STATUS 0x600
#define PM1_ENABLE 0x602
#define PM1_CONTROL 0x604
#define POWER_BUTTON 0x100u
#define SLP_EN 0x2000
#define SLP_S5 (5u << 10)
#define SCI 0x49

static struct guest_vcpu *self;
static u16 status, after;

static bool take_sci(struct trap_frame *frame)
{
	status = inw(PM1_STATUS);
	outw(PM1_STATUS, status);
	after = inw(PM1_STATUS);
	return take_with_eoi(frame);
}

void guest_main(void)
{
	plan(4);
	self = this_vcpu();
	pc_init();
	trap_hooks[SCI] = take_sci;
	ioapic_route(9, REDIRECT_LEVEL | SCI);
	print("press it, nobody listens\n");
	while (!(inw(PM1_STATUS) & POWER_BUTTON))
		delay_us(1000);
	irq_window();
	ok(!self->counts[SCI], "the status alone is no interrupt");
	outw(PM1_ENABLE, POWER_BUTTON);
	ok(wait_taking(&self->counts[SCI], 1) && status == POWER_BUTTON && !after,
	   "enabled it is: status %#x, then %#x", status, after);
	status = 0;
	print("press it again\n");
	sleep_taking(&self->counts[SCI], 2);
	ok(status == POWER_BUTTON && !after, "a press wakes the CPU: status %#x", status);
	irq_window();
	ok(self->counts[SCI] == 2, "an interrupt a press: %u", self->counts[SCI]);
	if (tap_end())
		guest_exit(1);
	outw(PM1_CONTROL, SLP_EN | SLP_S5);
}
