/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time clock with its NVRAM. No locks. */
#ifndef INTERPRETER_DEVICES_RTC_H
#define INTERPRETER_DEVICES_RTC_H

#include "lib/types.h"

struct rtc {
	u8 ram[128]; /* date and time are valid in it only while the clock stands */
	u8 index;
	u64 wall; /* to add to ns for the wall clock's nanoseconds */
	u64 alarm_at; /* ns of the next alarm after `seen`, ~0 = none */
	u64 seen; /* ns up to which the flags of register C are right */
};

/* memory_bytes: for the NVRAM; wall_ns: Unix time at ns. */
void mc146818_init(struct rtc *r, u64 memory_bytes, u64 wall_ns, u64 ns);
void mc146818_reset(struct rtc *r); /* the RESET pin: interrupts off; clock and NVRAM go on */
u8 mc146818_read(struct rtc *r, u16 port, u64 ns);
void mc146818_write(struct rtc *r, u16 port, u8 value, u64 ns);
/* Sets the flags that are due; the level of IRQ. */
bool mc146818_sync(struct rtc *r, u64 ns);
u64 mc146818_deadline(const struct rtc *r); /* ns of the next interrupt, ~0 = none */

#endif
