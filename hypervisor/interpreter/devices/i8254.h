/* SPDX-License-Identifier: BSD-2-Clause */
/* The interval timer of a PC, with the parts of port 61h that belong to it. No locks. */
#ifndef INTERPRETER_DEVICES_I8254_H
#define INTERPRETER_DEVICES_I8254_H

#include "lib/types.h"

enum i8254_phase {
	I8254_IDLE, /* no count since the control word */
	I8254_WAITING, /* for a trigger: modes 1 and 5 */
	I8254_RUNNING,
	I8254_STOPPED, /* by the gate, or between the two bytes of a count */
};

struct i8254_counter {
	u8 mode; /* 0..5 */
	u8 access; /* 1 low byte, 2 high byte, 3 both */
	u8 phase; /* enum i8254_phase */
	bool is_bcd, gate;
	bool write_high, read_high; /* which byte comes next, for access 3 */
	bool has_status, has_switch, is_null;
	u8 low; /* first byte of a count being written */
	u8 latched_bytes; /* left to read of `latched` */
	u8 status; /* latched */
	u16 latched;
	u32 n; /* count in use, 1..65536 */
	u32 next_n; /* last count written */
	u64 start; /* clock at which n was loaded */
	u64 elapsed; /* clocks counted when it was stopped */
	u64 switch_at; /* has_switch: clock at which next_n is loaded */
};

struct i8254 {
	struct i8254_counter counter[3];
	u64 seen; /* clock up to which rising edges of OUT 0 have been reported */
	u64 reported; /* clock of the last one */
	bool rose; /* not reported yet */
	u8 port61; /* bits 0..3 */
};

void i8254_reset(struct i8254 *p, u64 ns);
u8 i8254_read(struct i8254 *p, u16 port, u64 ns);
void i8254_write(struct i8254 *p, u16 port, u8 value, u64 ns);
/* The level of OUT 0; *rose: it has risen, once or more often, since it was last asked. */
bool i8254_sync(struct i8254 *p, u64 ns, bool *rose);
/* ns at which OUT 0 rises next, ~0 = never. */
u64 i8254_deadline(const struct i8254 *p);

#endif
