/* SPDX-License-Identifier: BSD-2-Clause */
/* What pc.c and pc_ports.c share. The pc's lock is held. */
#ifndef INTERPRETER_DEVICES_PC_INTERNAL_H
#define INTERPRETER_DEVICES_PC_INTERNAL_H

#include "interpreter/devices/platform.h"

/* A device may have changed, or its time has come: its line, and when it is due again. */
void pc_update(struct pc *pc, enum pc_clock clock, u64 ns);
/* Edges of the PIT until now, or a controller that may wait for them now, or no longer. */
void pc_update_pit_pin(struct pc *pc, u64 ns);
void pc_update_intr(struct pc *pc); /* the PIC may have changed */

#endif
