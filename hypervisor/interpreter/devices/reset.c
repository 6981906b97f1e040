/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port 92h (IBM PS/2 "System Control Port A": bit 0 resets, bit 1 is A20) and the reset control
 * register CF9h (Intel 82371SB, "RC - Reset Control Register": bit 2 going from 0 to 1 resets, bit
 * 1 tells how hard). Called by pc.c alone. Limit: address line 20 is always on; its bit is only
 * remembered.
 */
#include "interpreter/devices/reset.h"

#define FAST_RESET 0x01
#define FAST_A20 0x02
#define CONTROL_RESET 0x04
#define CONTROL_STORED 0x0a /* system reset, full reset */

void reset_ports_reset(struct reset_ports *r)
{
	*r = (struct reset_ports){ .fast = FAST_A20 };
}

u8 reset_ports_read(const struct reset_ports *r, u16 port)
{
	return port == RESET_FAST ? r->fast : r->control;
}

bool reset_ports_write(struct reset_ports *r, u16 port, u8 value)
{
	if (port == RESET_FAST) {
		bool rises = value & (u8)~r->fast & FAST_RESET;

		r->fast = value;
		return rises;
	}
	r->control = value & CONTROL_STORED;
	return value & CONTROL_RESET;
}
