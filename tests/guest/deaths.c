/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ways in which a guest ends itself: kind= triple (fault), poweroff, reboot, panic, crash
 * (SHUTDOWN reasons, with status=), port (OUT 0xf4 with status=), denied (SHUTDOWN is not on its
 * list).
 */
#include "guest.h"

struct table {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void triple_fault(void)
{
	struct table none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void shutdown(u64 reason)
{
	hypercall(PV_CALL_SHUTDOWN, reason, arg_number("status", 0));
}

void guest_main(void)
{
	print("# about to end\n");
	if (arg_is("kind", "triple"))
		triple_fault();
	else if (arg_is("kind", "poweroff"))
		shutdown(PV_SHUTDOWN_POWEROFF);
	else if (arg_is("kind", "reboot"))
		shutdown(PV_SHUTDOWN_REBOOT);
	else if (arg_is("kind", "panic"))
		shutdown(PV_SHUTDOWN_PANIC);
	else if (arg_is("kind", "crash"))
		shutdown(PV_SHUTDOWN_CRASH);
	else if (arg_is("kind", "port"))
		outb(PV_PORT_EXIT, (u8)arg_number("status", 0));
	else if (arg_is("kind", "denied"))
		print("# SHUTDOWN gives %lld\n", (long long)hypercall(PV_CALL_SHUTDOWN, 0, 0));
	else
		bail("what kind of death?");
	if (!arg_is("kind", "denied"))
		print("# still here\n");
	outb(PV_PORT_EXIT, arg_is("kind", "denied") ? 0 : 1);
}
