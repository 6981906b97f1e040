/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ports that reset a PC. No locks. */
#ifndef INTERPRETER_DEVICES_RESET_H
#define INTERPRETER_DEVICES_RESET_H

#include "lib/types.h"

#define RESET_FAST 0x92
#define RESET_CONTROL 0xcf9

struct reset_ports {
	u8 fast, control;
};

void reset_ports_reset(struct reset_ports *r);
u8 reset_ports_read(const struct reset_ports *r, u16 port);
bool reset_ports_write(struct reset_ports *r, u16 port, u8 value); /* true: the machine resets */

#endif
