/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine below the hypervisor, as host memory: CPUs with a kick and a timer that a test looks
 * at, a clock that a test turns, CPUID rows, the debug port and the serial port as buffers, frames
 * and chunks on the heap. A machine address is a host address. Everything starts empty.
 */
#ifndef TESTS_UNIT_FAKE_HARDWARE_H
#define TESTS_UNIT_FAKE_HARDWARE_H

#include "lib/types.h"
#include "machine/cpu.h"

/* ---- CPUs ---- */

struct fake_cpu {
	bool kick; /* an IPI is pending */
	unsigned kicks; /* how many were sent */
};

extern struct fake_cpu fake_cpus[PV_CPUS_MAX]; /* beside cpus[] */
/* Called by idle_wait(); a test leaves it by longjmp(). NULL: a CPU that idles is a failure. */
extern void (*fake_idle)(void);
/* Called where other CPUs may act meanwhile: no lock is held, no state half-way. NULL: nothing. */
extern void (*fake_meanwhile)(void);
/* Zeroes and numbers `count` CPUs; this_cpu() is the first. */
void fake_cpus_init(u32 count);

/* ---- time, registers ---- */

extern u64 fake_tsc; /* what rdtsc() gives */
extern u64 fake_tsc_step; /* by how much each rdtsc() moves it on */
extern u64 fake_wall_ns; /* ns since 1970: what the machine's clock shows */
extern u64 fake_xcr0;
extern u64 fake_tsc_aux;

/* A row of the machine's CPUID; leaves without one are zero. */
void fake_cpuid_set(u32 leaf, u32 subleaf, u32 eax, u32 ebx, u32 ecx, u32 edx);
void fake_cpuid_clear(void);
/* A machine with every feature that guests may be offered, and every one that they may not. */
void fake_cpuid_all(void);

/* ---- what was written ---- */

struct fake_output {
	u8 *data;
	size_t used, room;
};

extern struct fake_output fake_debug_port, fake_serial;
/* A frame of the debug port is complete as text: NUL behind it, lines of the serial port. */
void fake_output_clear(void);
bool fake_serial_has(const char *text); /* since the last clear */

extern const char *fake_typed; /* what comes in at the serial port; read on from here */

/* ---- memory ---- */

extern u32 fake_chunks_left; /* chunk_alloc() fails when this is 0 */
/* Frees all frames and chunks that are still out. */
void fake_memory_free(void);

#endif
