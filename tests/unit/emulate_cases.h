/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generated cases for the instruction emulator, shared by what compares it with another
 * implementation: an instruction of its set, registers, flags and operands at random, mostly in a
 * window of memory; how the emulator does it; and whether the other side did the same.
 */
#ifndef TESTS_UNIT_EMULATE_CASES_H
#define TESTS_UNIT_EMULATE_CASES_H

#include <string.h>

#include "interpreter/emulate/parts.h"
#include "tap.h"

#define CODE 0x10000ull /* readable, not writable */
#define CODE_BYTES 0x10000u
#define WINDOW_BYTES 0x2000u /* nothing is mapped around it */

extern const u64 windows[2]; /* the second in 64-bit code */

struct side {
	u8 *memory[2];
	const u8 *code;
	u64 ports; /* a digest of what went through them */
};

/* A pair of machines. */
struct rig {
	struct side ours, theirs;
	struct emu_state state; /* what both begin a case with */
	u8 *code;
	u32 code_at;
	void *engine; /* of the other side */
};

struct candidate {
	u8 bytes[INSN_MAX + 1];
	struct insn insn;
	struct emu_state before, ours, theirs;
	enum emu_result result;
	struct emu_fault fault;
	int error; /* of the other side */
	bool is_done_by_them;
	const char *said; /* by the other side of its end */
};

/* What emulated ports do; the other side's do the same. */
int bus_in(void *context, u16 port, unsigned bytes, u32 *value, struct emu_fault *fault);
int bus_out(void *context, u16 port, unsigned bytes, u32 value, struct emu_fault *fault);

void collect_opcodes(void); /* first */
bool is_string(u8 map, u8 opcode);
void random_memory(struct rig *rig, u64 *seed);
/* An instruction into c; false: not in the set. */
bool random_insn(struct candidate *c, unsigned code_bytes, u64 *seed);
/* Registers and operands for it; it is whole after that. */
void random_operands(const struct rig *rig, struct candidate *c, u64 *seed);
void run_ours(struct rig *rig, struct candidate *c); /* and puts the code where both have it */
u64 undefined_flags(const struct insn *insn);
bool is_equal(const struct rig *rig, const struct candidate *c);
void complain(const struct rig *rig, const struct candidate *c, unsigned long number);
void make_equal(struct rig *rig); /* after a difference */
void check_coverage(bool is_64); /* every opcode was executed without a fault */

#endif
