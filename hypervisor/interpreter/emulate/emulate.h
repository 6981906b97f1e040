/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator: what MMIO and page-table writes need of the instruction set (table.c).
 * Pure: a state, a decoded instruction, and a bus that does the accesses; no vCPU, no hardware. The
 * caller fetches and decodes, writes the state back, and injects what *fault says.
 *
 * Always: a faulting instruction leaves state and memory as they were, but for iterations of a REP
 * that were done. Limit: no alignment checks (#AC), no single-step trap (TF), no breakpoints.
 */
#ifndef INTERPRETER_EMULATE_H
#define INTERPRETER_EMULATE_H

#include "lib/insn.h"
#include "lib/segment.h"
#include "lib/types.h"

#define EMU_REP_MAX 64u /* iterations of one call: bounds the time with interrupts off */
#define EMU_CMPXCHG_MAX 64u /* attempts at one locked instruction, before EMU_AGAIN */

#define EMU_SEGMENTS 6 /* SEG_ES to SEG_GS */

struct emu_state {
	u64 gpr[16]; /* in ModRM order */
	u64 rip, rflags;
	u8 code_bytes; /* 2, 4, 8 = 16, 32, 64-bit code */
	u8 cpl;
	bool is_protected; /* CR0.PE */
	bool is_v86;
	struct segment segment[EMU_SEGMENTS];
};

struct emu_fault {
	bool valid;
	u8 vector;
	bool has_error;
	u32 error;
	u64 address; /* of a page fault: the bus fills it, and CR2 gets it */
};

/* What a bus operation returns. */
enum { EMU_OK, EMU_FAULT /* *fault is filled */, EMU_RETRY /* nothing done; execute it again */ };

/*
 * Accesses to linear addresses and ports. An access may be unaligned and cross a page: the callback
 * splits it, and does all of it or nothing; outside long mode one that runs over 4 GiB goes on at
 * 0. Paging and its privilege are the callback's, and so is the permission for a port (IOPL and the
 * TSS): both are asked before anything is changed.
 *
 * A plain read-modify-write is one read() and one write(). A locked one (XCHG always is) is one
 * read() and then cmpxchg(), until that finds what was read: so it never comes without a read() of
 * the same bytes just before, and on a device it should simply write, for one read and one write.
 */
struct emu_bus {
	int (*read)(void *context, u64 linear, void *to, unsigned bytes, struct emu_fault *fault);
	int (*write)(void *context, u64 linear, const void *from, unsigned bytes,
		     struct emu_fault *fault);
	/* One atomic step: writes desired where memory holds *expected, else loads it into
	 * *expected. 1, 2, 4, 8 or 16 bytes. Memory that cannot be written faults either way. */
	int (*cmpxchg)(void *context, u64 linear, void *expected, const void *desired,
		       unsigned bytes, struct emu_fault *fault);
	/* Would write() be done? For INS, which must not read a port in vain. */
	int (*check_write)(void *context, u64 linear, unsigned bytes, struct emu_fault *fault);
	int (*port_in)(void *context, u16 port, unsigned bytes, u32 *value,
		       struct emu_fault *fault);
	int (*port_out)(void *context, u16 port, unsigned bytes, u32 value,
			struct emu_fault *fault);
};

enum emu_result {
	EMU_DONE, /* rip is behind it, RF is clear */
	EMU_AGAIN, /* the same instruction once more: REP did some iterations, or the bus said so */
	EMU_FAULTED, /* inject *fault */
	EMU_UNHANDLEABLE, /* not in the set; nothing was done */
};

/*
 * Flags are as the CPU's. Where the manual leaves them undefined: AF is 0 after AND, OR, XOR and
 * TEST, and BT and its like change CF alone. REPE CMPS and SCAS set flags when they end; before
 * that, a fault or EMU_AGAIN leaves them as they were before the instruction.
 */
enum emu_result emulate(struct emu_state *state, const struct insn *insn, const struct emu_bus *bus,
			void *context, struct emu_fault *fault);

#endif
