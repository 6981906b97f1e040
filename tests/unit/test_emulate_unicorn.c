/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator against Unicorn (QEMU's translator as a library): generated instructions
 * of its whole set, in 16, 32 and 64-bit code, with registers, flags, segments and memory at
 * random. Registers, flags, memory, port traffic and fault or no fault must be the same.
 * Arguments: number of cases, seed. What Unicorn has wrong is a row of exceptions[].
 */
#include <stdlib.h>
#include <time.h>
#include <unicorn/unicorn.h>

#include "emulate_cases.h"

#define CASES 1000000ul
#define SLOT 16u /* of a case in it */
#define GDT 0xfedc0000ull /* where no operand comes */
#define GDT_ENTRIES 8u

static uint32_t unicorn_in(uc_engine *uc, uint32_t port, int bytes, void *context)
{
	u32 value = 0;

	(void)uc;
	bus_in(context, (u16)port, (unsigned)bytes, &value, NULL);
	return value;
}

static void unicorn_out(uc_engine *uc, uint32_t port, int bytes, uint32_t value, void *context)
{
	(void)uc;
	bus_out(context, (u16)port, (unsigned)bytes, value & (u32)emu_mask((unsigned)bytes), NULL);
}

/* ---- a pair of machines, one for each code size ---------------------------------------------- */

#define CHECK(call) \
	do { \
		uc_err check_error = (call); \
		if (check_error) { \
			printf("Bail out! %s: %s\n", #call, uc_strerror(check_error)); \
			exit(1); \
		} \
	} while (0)

static int register_ids[18] = {
	UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP,
	UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8, UC_X86_REG_R9,
	UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14,
	UC_X86_REG_R15, UC_X86_REG_EFLAGS, UC_X86_REG_RIP,
};
static int register_ids_32[18] = {
	UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX, UC_X86_REG_ESP,
	UC_X86_REG_EBP, UC_X86_REG_ESI, UC_X86_REG_EDI, UC_X86_REG_EFLAGS, UC_X86_REG_EIP,
};
static const int segment_ids[EMU_SEGMENTS] = {
	UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS,
};

static void load_registers(struct rig *rig, const struct emu_state *state)
{
	bool is_64 = state->code_bytes == 8;
	unsigned n = is_64 ? 16 : 8;
	u64 values[18];
	void *pointers[18];

	memcpy(values, state->gpr, sizeof(state->gpr));
	values[n] = state->rflags;
	for (unsigned i = 0; i <= n; i++)
		pointers[i] = &values[i];
	CHECK(uc_reg_write_batch(rig->engine, is_64 ? register_ids : register_ids_32, pointers,
				 (int)n + 1));
}

static void save_registers(struct rig *rig, struct emu_state *state)
{
	bool is_64 = state->code_bytes == 8;
	unsigned n = is_64 ? 16 : 8;
	u64 values[18] = { 0 };
	void *pointers[18];

	for (unsigned i = 0; i < n + 2; i++)
		pointers[i] = &values[i];
	CHECK(uc_reg_read_batch(rig->engine, is_64 ? register_ids : register_ids_32, pointers,
				(int)n + 2));
	memcpy(state->gpr, values, n * sizeof(u64));
	state->rflags = values[n];
	state->rip = values[n + 1];
}

/* Entry i: base as given, writable data or (1) code, 4 GiB; odd ones have 16-bit stacks. */
static u64 gdt_base(unsigned i)
{
	static const u32 bases[GDT_ENTRIES] = { 0, 0, 0, 0, 0x21000, 0x22000, 0xfffff000, 0x22800 };

	return bases[i];
}

static void make_gdt(struct rig *rig)
{
	uc_x86_mmr gdtr = { .base = GDT, .limit = 8 * GDT_ENTRIES - 1 };
	u64 entries[GDT_ENTRIES] = { 0 };

	for (unsigned i = 1; i < GDT_ENTRIES; i++)
		entries[i] = 0x008f93000000ffff | (i & 1 && i > 1 ? 0 : BIT(54)) |
			     (i == 1 ? BIT(43) : 0) | (gdt_base(i) & 0xffffff) << 16 |
			     (gdt_base(i) >> 24) << 56;
	CHECK(uc_mem_map(rig->engine, GDT, 0x1000, UC_PROT_READ));
	CHECK(uc_mem_write(rig->engine, GDT, entries, sizeof(entries)));
	CHECK(uc_reg_write(rig->engine, UC_X86_REG_GDTR, &gdtr));
}

static void load_segment(struct rig *rig, enum segment_name number, u16 selector)
{
	struct segment *segment = &rig->state.segment[number];

	segment->selector = selector;
	segment->limit = 0xffffffff;
	segment->access = number == SEG_CS ? 0xc09b : 0xc093;
	if (rig->state.code_bytes == 2) {
		segment->base = (u64)selector << 4;
		segment->access &= ~SEG_BIG;
	} else {
		segment->base = gdt_base(selector >> 3);
		if (selector >> 3 & 1 && selector >> 3 > 1)
			segment->access &= ~SEG_BIG;
	}
	CHECK(uc_reg_write(rig->engine, segment_ids[number], &selector));
}

/* 64-bit code has bases for FS and GS alone, and any. */
static void random_segments(struct rig *rig, u64 *seed)
{
	static const u16 paragraphs[4] = { 0x2200, 0x2100, 0x21f8, 0x2280 };

	if (rig->state.code_bytes == 8) {
		for (unsigned i = SEG_FS; i <= SEG_GS; i++) {
			u64 base = rnd(seed) % 4 ? rnd(seed) % 0x10000 : 0x123400000000;

			rig->state.segment[i].base = base;
			CHECK(uc_reg_write(rig->engine,
					   i == SEG_FS ? UC_X86_REG_FS_BASE : UC_X86_REG_GS_BASE,
					   &base));
		}
		return;
	}
	for (unsigned i = 0; i < EMU_SEGMENTS; i++) {
		if (i != SEG_CS)
			load_segment(rig, i,
				     rig->state.code_bytes == 2 ? paragraphs[rnd(seed) % 4] :
								  (u16)(8 * (2 + rnd(seed) % 6)));
	}
}

static void open_engine(struct rig *rig, u64 *seed)
{
	unsigned code_bytes = rig->state.code_bytes;
	uc_mode mode = code_bytes == 2 ? UC_MODE_16 : code_bytes == 4 ? UC_MODE_32 : UC_MODE_64;
	uc_engine *uc;
	uc_hook hook;

	rig->code_at = 0;
	CHECK(uc_open(UC_ARCH_X86, mode, &uc));
	rig->engine = uc;
	CHECK(uc_mem_map_ptr(rig->engine, CODE, 0x10000, UC_PROT_READ | UC_PROT_EXEC, rig->code));
	for (unsigned i = 0; i < 2; i++) {
		CHECK(uc_mem_map_ptr(rig->engine, windows[i], WINDOW_BYTES,
				     UC_PROT_READ | UC_PROT_WRITE, rig->theirs.memory[i]));
	}
	CHECK(uc_hook_add(rig->engine, &hook, UC_HOOK_INSN, (void *)unicorn_in, &rig->theirs, 1, 0,
			  UC_X86_INS_IN));
	CHECK(uc_hook_add(rig->engine, &hook, UC_HOOK_INSN, (void *)unicorn_out, &rig->theirs, 1, 0,
			  UC_X86_INS_OUT));
	if (code_bytes == 4)
		make_gdt(rig);
	if (code_bytes == 2)
		load_segment(rig, SEG_CS, CODE >> 4);
	else if (code_bytes == 4)
		load_segment(rig, SEG_CS, 8);
	random_segments(rig, seed);
}

static void rig_init(struct rig *rig, unsigned code_bytes, u64 *seed)
{
	rig->state.code_bytes = (u8)code_bytes;
	rig->state.is_protected = code_bytes != 2;
	for (unsigned i = 0; i < 2; i++) {
		rig->ours.memory[i] = aligned_alloc(0x1000, WINDOW_BYTES);
		rig->theirs.memory[i] = aligned_alloc(0x1000, WINDOW_BYTES);
	}
	rig->code = aligned_alloc(0x1000, 0x10000);
	memset(rig->code, 0, 0x10000);
	rig->ours.code = rig->code;
	random_memory(rig, seed);
	open_engine(rig, seed);
}

/* Throwing away what is translated costs more by flushing, which clears a GiB. */
static void renew_engine(struct rig *rig, u64 *seed)
{
	if (rig->code_at < CODE_BYTES - SLOT)
		return;
	uc_close(rig->engine);
	open_engine(rig, seed);
}

static void rig_free(struct rig *rig)
{
	uc_close(rig->engine);
	free(rig->code);
	for (unsigned i = 0; i < 2; i++) {
		free(rig->ours.memory[i]);
		free(rig->theirs.memory[i]);
	}
}

/* ---- the other side -------------------------------------------------------------------------- */

static void run_theirs(struct rig *rig, struct candidate *c)
{
	u64 begin = CODE + rig->code_at;

	load_registers(rig, &c->before);
	c->theirs = c->before;
	c->error = uc_emu_start(rig->engine, begin, begin + c->insn.length, 0, 0);
	save_registers(rig, &c->theirs);
	/* Not by the error alone: at times it says OK of an invalid one, and has not moved. */
	c->is_done_by_them = !c->error && c->theirs.rip == c->before.rip + c->insn.length;
	c->said = uc_strerror((uc_err)c->error);
}

/* ---- where the two may differ ---------------------------------------------------------------- */

static bool is_test_alias(const struct candidate *c)
{
	return !c->is_done_by_them && c->insn.map == INSN_MAP_1 &&
	       (c->insn.opcode & 0xfe) == 0xf6 && (c->insn.reg & 7) == 1;
}

static bool is_mov_with_rex_r(const struct candidate *c)
{
	return !c->is_done_by_them && c->insn.map == INSN_MAP_1 &&
	       (c->insn.opcode & 0xfe) == 0xc6 && c->insn.rex & REX_R;
}

static bool is_write_to_code(const struct candidate *c)
{
	return c->error == UC_ERR_OK && c->before.code_bytes == 4 &&
	       c->insn.segment == SEG_CS + 1 && c->result == EMU_FAULTED &&
	       c->fault.vector == EMU_VECTOR_GP;
}

static bool is_write_across_edge(const struct candidate *c)
{
	u64 last = c->fault.address | (WINDOW_BYTES - 1);

	return c->result == EMU_FAULTED && c->fault.vector == 14 &&
	       (c->error == UC_ERR_WRITE_UNMAPPED || c->error == UC_ERR_READ_UNMAPPED) &&
	       last - c->fault.address < 15 &&
	       !memcmp(c->ours.gpr, c->theirs.gpr, sizeof(c->ours.gpr));
}

static bool is_limit(const struct candidate *c)
{
	return c->before.code_bytes != 8 && c->result == EMU_FAULTED &&
	       (c->fault.vector == EMU_VECTOR_GP || c->fault.vector == EMU_VECTOR_SS);
}

static bool is_movsxd_16(const struct candidate *c)
{
	return c->error == UC_ERR_READ_UNMAPPED && c->result == EMU_DONE &&
	       c->insn.opcode == 0x63 && c->insn.operand_bytes == 2;
}

static bool is_pause(const struct candidate *c)
{
	return c->insn.map == INSN_MAP_1 && c->insn.opcode == 0x90 && c->insn.has_rep;
}

static bool is_cmpxchg8b(const struct candidate *c)
{
	return c->error == UC_ERR_WRITE_PROT && c->result == EMU_FAULTED &&
	       c->insn.map == INSN_MAP_0F && c->insn.opcode == 0xc7;
}

static bool is_lock_neg(const struct candidate *c)
{
	return c->error == UC_ERR_OK && c->result == EMU_DONE && c->insn.has_lock &&
	       c->insn.map == INSN_MAP_1 && (c->insn.opcode & 0xfe) == 0xf6 &&
	       (c->insn.reg & 7) == 3 && !memcmp(c->ours.gpr, c->theirs.gpr, sizeof(c->ours.gpr));
}

static struct {
	const char *why;
	bool (*applies)(const struct candidate *);
	unsigned count;
} exceptions[] = {
	{ "F6 /1 and F7 /1 are TEST too (APM vol. 3 \"Opcode Encodings\"); Unicorn has only /0",
	  is_test_alias, 0 },
	{ "C6 and C7 with REX.R, which means nothing there; Unicorn takes it for another /reg",
	  is_mov_with_rex_r, 0 },
	{ "a code segment cannot be written in protected mode; Unicorn does not check types",
	  is_write_to_code, 0 },
	{ "a store across the end of memory; Unicorn stores the bytes before it and then faults",
	  is_write_across_edge, 0 },
	{ "offsets that run over 4 GiB: to fault or not is left to the CPU (SDM vol. 3 \"Limit "
	  "Checking\"); Unicorn knows no limits", is_limit, 0 },
	{ "MOVSXD with prefix 66 reads 16 bits (SDM vol. 2); Unicorn reads 32, beyond the window",
	  is_movsxd_16, 0 },
	{ "F3 41 90 is PAUSE; Unicorn exchanges R8 and RAX", is_pause, 0 },
	{ "CMPXCHG8B of memory that cannot be written; Unicorn loads EDX:EAX before it faults",
	  is_cmpxchg8b, 0 },
	{ "LOCK NEG; Unicorn sets the flags of another value", is_lock_neg, 0 },
};

static bool excused(const struct candidate *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		if (exceptions[i].applies(c)) {
			exceptions[i].count++;
			return true;
		}
	}
	return false;
}

/*
 * A REX before another prefix means nothing (tests/unit/test_emulate.c has rows for that); Unicorn
 * heeds it, may so take the instruction for a longer one, and runs on behind it.
 */
static bool is_rex_not_last(const struct candidate *c, unsigned code_bytes)
{
	unsigned at = 0, rex_at = INSN_MAX;

	for (;; at++) {
		u8 byte = c->bytes[at];

		if (code_bytes == 8 && (byte & 0xf0) == 0x40 && rex_at == INSN_MAX)
			rex_at = at;
		else if ((byte & 0xe7) != 0x26 && (byte & 0xfc) != 0x64 && byte != 0xf0 &&
			 byte != 0xf2 && byte != 0xf3 && (byte & 0xf0) != 0x40)
			break;
	}
	return rex_at + 1 < at;
}

/* An instruction that Unicorn can be asked to execute: it would not refuse a LOCK that is wrong. */
static bool random_insn_for_unicorn(struct candidate *c, unsigned code_bytes, u64 *seed)
{
	if (!random_insn(c, code_bytes, seed) || is_rex_not_last(c, code_bytes))
		return false;
	return !c->insn.has_lock || (emu_find_row(&c->insn)->flags & ROW_LOCK && c->insn.mod != 3);
}

int main(int argc, char **argv)
{
	unsigned long cases = argc > 1 ? strtoul(argv[1], NULL, 0) : CASES;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 4711;
	unsigned long faults = 0;
	struct rig rigs[3] = { 0 };
	clock_t begin = clock();

	printf("# %lu cases, seed %llu\n", cases, (unsigned long long)seed);
	collect_opcodes();
	for (unsigned i = 0; i < 3; i++)
		rig_init(&rigs[i], 2u << i, &seed);
	for (unsigned long n = 0; n < cases;) {
		struct rig *rig = &rigs[n % 4 < 2 ? 2 : n % 4 - 2]; /* every second one 64-bit */
		struct candidate c = { 0 };

		if (!random_insn_for_unicorn(&c, rig->state.code_bytes, &seed))
			continue;
		n++;
		if (n % 256 < 3)
			random_segments(rig, &seed);
		if (n % 4096 < 3)
			random_memory(rig, &seed);
		random_operands(rig, &c, &seed);
		run_ours(rig, &c);
		run_theirs(rig, &c);
		rig->code_at += SLOT;
		renew_engine(rig, &seed);
		faults += c.result == EMU_FAULTED;
		if (!is_equal(rig, &c)) {
			if (!excused(&c))
				complain(rig, &c, n);
			make_equal(rig);
		}
	}
	tap_case("registers, flags, memory and ports are Unicorn's");
	for (size_t i = 0; i < ARRAY_SIZE(exceptions); i++) {
		printf("# %6u times: %s\n", exceptions[i].count, exceptions[i].why);
		EXPECT(exceptions[i].count < cases / 50 + 10);
	}
	tap_case("the listed exceptions are rare");
	check_coverage(false);
	tap_case("every opcode of the set was executed without a fault");
	printf("# %lu faults, %.1f s\n", faults, (double)(clock() - begin) / CLOCKS_PER_SEC);
	for (unsigned i = 0; i < 3; i++)
		rig_free(&rigs[i]);
	return tap_done();
}
