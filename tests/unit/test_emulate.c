/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator on written cases: each form of each instruction with its result, which
 * opcodes are in the set and which may be locked, segment limits and canonical addresses, and that
 * what fails leaves no trace. The bus is a page of memory that can be told to fail.
 */
#include <string.h>

#include "interpreter/emulate/emulate.h"
#include "tap.h"

#define PAGE 0x5000ull /* the only memory */
#define DATA 0x5100ull /* where rbx, rsi point */
#define OTHER 0x5200ull /* where rdi, rbp point */
#define STACK 0x5800ull
#define RIP 0x401000ull

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };
enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, DF = 0x400, OF = 0x800, RF = 0x10000 };
#define STATUS (CF | PF | AF | ZF | SF | OF)

/* ---- the bus --------------------------------------------------------------------------------- */

static struct {
	u8 memory[0x1000];
	unsigned reads, writes, exchanges, checks, ins, outs, accesses;
	unsigned fail_at; /* the access, counted from 1, that returns fail_with */
	int fail_with;
	bool is_contended; /* another CPU changes memory before each cmpxchg */
	u16 port;
	u32 sent;
} world;

static int access(u64 linear, unsigned bytes, struct emu_fault *fault)
{
	if (++world.accesses == world.fail_at) {
		if (world.fail_with == EMU_FAULT)
			*fault = (struct emu_fault){ .valid = true,
						     .vector = 14,
						     .address = linear };
		return world.fail_with;
	}
	if (linear - PAGE <= sizeof(world.memory) - bytes)
		return EMU_OK;
	*fault = (struct emu_fault){
		.valid = true,
		.vector = 14,
		.has_error = true,
		.error = 2,
		.address = linear,
	};
	return EMU_FAULT;
}

static int bus_read(void *context, u64 linear, void *to, unsigned bytes, struct emu_fault *fault)
{
	int status = access(linear, bytes, fault);

	(void)context;
	world.reads++;
	if (!status)
		memcpy(to, world.memory + (linear - PAGE), bytes);
	return status;
}

static int bus_write(void *context, u64 linear, const void *from, unsigned bytes,
		     struct emu_fault *fault)
{
	int status = access(linear, bytes, fault);

	(void)context;
	world.writes++;
	if (!status)
		memcpy(world.memory + (linear - PAGE), from, bytes);
	return status;
}

static int bus_cmpxchg(void *context, u64 linear, void *expected, const void *desired,
		       unsigned bytes, struct emu_fault *fault)
{
	int status = access(linear, bytes, fault);
	u8 *at = world.memory + (linear - PAGE);

	(void)context;
	world.exchanges++;
	if (status)
		return status;
	if (world.is_contended)
		at[0]++;
	if (memcmp(at, expected, bytes))
		memcpy(expected, at, bytes);
	else
		memcpy(at, desired, bytes);
	return EMU_OK;
}

static int bus_check_write(void *context, u64 linear, unsigned bytes, struct emu_fault *fault)
{
	(void)context;
	world.checks++;
	return access(linear, bytes, fault);
}

static int bus_in(void *context, u16 port, unsigned bytes, u32 *value, struct emu_fault *fault)
{
	(void)context;
	(void)bytes;
	world.ins++;
	world.port = port;
	*value = 0xa1b2c3d4;
	return access(PAGE, 1, fault);
}

static int bus_out(void *context, u16 port, unsigned bytes, u32 value, struct emu_fault *fault)
{
	(void)context;
	world.outs++;
	world.port = port;
	world.sent = value | (u32)bytes << 28;
	return access(PAGE, 1, fault);
}

static const struct emu_bus bus = {
	.read = bus_read, .write = bus_write, .cmpxchg = bus_cmpxchg,
	.check_write = bus_check_write, .port_in = bus_in, .port_out = bus_out,
};

/* ---- one instruction ------------------------------------------------------------------------- */

static struct emu_fault fault;

static struct emu_state state_of(unsigned code_bytes)
{
	struct emu_state state = {
		.gpr = { [RBX] = DATA, [RSP] = STACK, [RBP] = OTHER, [RSI] = DATA, [RDI] = OTHER },
		.rip = RIP,
		.rflags = 2,
		.code_bytes = (u8)code_bytes,
		.is_protected = true,
	};

	for (unsigned i = 0; i < EMU_SEGMENTS; i++)
		state.segment[i] = (struct segment){ .selector = (u16)(0x10 + 8 * i),
						     .limit = 0xffffffff,
						     .access = 0xc093 };
	state.segment[SEG_CS].access = 0xc09b;
	if (code_bytes == 2)
		state.segment[SEG_SS].access &= ~SEG_BIG;
	return state;
}

/* code: hexadecimal digits and spaces. */
static struct insn decode(const char *code, unsigned code_bytes)
{
	u8 bytes[INSN_MAX] = { 0 };
	struct insn insn;
	unsigned n = 0, digit;

	for (; *code && n < 2 * INSN_MAX; code++) {
		if (*code == ' ')
			continue;
		digit = (unsigned)(*code <= '9' ? *code - '0' : *code - 'a' + 10);
		bytes[n / 2] = (u8)(bytes[n / 2] << 4 | digit);
		n++;
	}
	EXPECT_EQ(insn_decode(&insn, bytes, n / 2, code_bytes), INSN_OK);
	return insn;
}

static enum emu_result execute(struct emu_state *state, const char *code)
{
	struct insn insn = decode(code, state->code_bytes);

	world.reads = world.writes = world.exchanges = world.checks = 0;
	world.ins = world.outs = world.accesses = 0;
	return emulate(state, &insn, &bus, NULL, &fault);
}

static u64 peek(u64 linear)
{
	u64 value;

	memcpy(&value, world.memory + (linear - PAGE), 8);
	return value;
}

static void poke(u64 linear, u64 value)
{
	memcpy(world.memory + (linear - PAGE), &value, 8);
}

/* ---- each form ------------------------------------------------------------------------------- */

#define OLD 0x1122334455667788ull

struct values {
	u64 rax, rcx, rdx, data; /* data: the 8 bytes at DATA */
	u64 flags; /* STATUS and DF */
};

static const struct form {
	unsigned code_bytes;
	const char *code, *what;
	struct values before, after;
} forms[] = {
	/* mov */
	{ 8, "88 03", "mov [rbx], al",
	  { 0x99, 0, 0, OLD, CF }, { 0x99, 0, 0, 0x1122334455667799, CF } },
	{ 8, "88 23", "mov [rbx], ah",
	  { 0x9900, 0, 0, OLD, 0 }, { 0x9900, 0, 0, 0x1122334455667799, 0 } },
	{ 8, "40 88 23", "mov [rbx], spl",
	  { 0, 0, 0, OLD, 0 }, { 0, 0, 0, 0x1122334455667700, 0 } },
	{ 8, "66 89 0b", "mov [rbx], cx",
	  { 0, 0x9999aaaa, 0, OLD, 0 }, { 0, 0x9999aaaa, 0, 0x112233445566aaaa, 0 } },
	{ 8, "89 0b", "mov [rbx], ecx",
	  { 0, ~0ull, 0, OLD, 0 }, { 0, ~0ull, 0, 0x11223344ffffffff, 0 } },
	{ 8, "48 89 0b", "mov [rbx], rcx", { 0, 7, 0, OLD, 0 }, { 0, 7, 0, 7, 0 } },
	{ 8, "8a 03", "mov al, [rbx]",
	  { ~0ull, 0, 0, OLD, 0 }, { 0xffffffffffffff88, 0, 0, OLD, 0 } },
	{ 8, "8a 23", "mov ah, [rbx]",
	  { ~0ull, 0, 0, OLD, 0 }, { 0xffffffffffff88ff, 0, 0, OLD, 0 } },
	{ 8, "66 8b 03", "mov ax, [rbx]",
	  { ~0ull, 0, 0, OLD, 0 }, { 0xffffffffffff7788, 0, 0, OLD, 0 } },
	{ 8, "8b 03", "mov eax, [rbx]", { ~0ull, 0, 0, OLD, 0 }, { 0x55667788, 0, 0, OLD, 0 } },
	{ 8, "48 8b 03", "mov rax, [rbx]", { 0, 0, 0, OLD, 0 }, { OLD, 0, 0, OLD, 0 } },
	{ 8, "8b c1", "mov eax, ecx", { ~0ull, ~0ull, 0, 0, 0 }, { 0xffffffff, ~0ull, 0, 0, 0 } },
	{ 8, "c6 03 5a", "mov byte [rbx], 5a",
	  { 0, 0, 0, OLD, 0 }, { 0, 0, 0, 0x112233445566775a, 0 } },
	{ 8, "48 c7 03 fe ff ff ff", "mov qword [rbx], -2",
	  { 0, 0, 0, OLD, 0 }, { 0, 0, 0, ~1ull, 0 } },
	{ 8, "b4 12", "mov ah, 12", { ~0ull, 0, 0, 0, 0 }, { 0xffffffffffff12ff, 0, 0, 0, 0 } },
	{ 8, "b8 01 00 00 80", "mov eax, 80000001",
	  { ~0ull, 0, 0, 0, 0 }, { 0x80000001, 0, 0, 0, 0 } },
	{ 8, "48 b8 01 02 03 04 05 06 07 08", "mov rax, imm64",
	  { 0, 0, 0, 0, 0 }, { 0x0807060504030201, 0, 0, 0, 0 } },
	{ 8, "a1 00 51 00 00 00 00 00 00", "mov eax, [moffs64]",
	  { ~0ull, 0, 0, OLD, 0 }, { 0x55667788, 0, 0, OLD, 0 } },
	{ 8, "67 a2 00 51 00 00", "mov [moffs32], al",
	  { 0x42, 0, 0, OLD, 0 }, { 0x42, 0, 0, 0x1122334455667742, 0 } },
	{ 4, "a3 00 51 00 00", "mov [moffs32], eax",
	  { 0x42, 0, 0, OLD, 0 }, { 0x42, 0, 0, 0x1122334400000042, 0 } },
	{ 2, "a0 00 51", "mov al, [moffs16]", { 0x4200, 0, 0, OLD, 0 }, { 0x4288, 0, 0, OLD, 0 } },
	{ 2, "89 07", "mov [bx], ax",
	  { 0xaaaa, 0, 0, OLD, 0 }, { 0xaaaa, 0, 0, 0x112233445566aaaa, 0 } },
	{ 8, "8c 1b", "mov [rbx], ds", { 0, 0, 0, OLD, 0 }, { 0, 0, 0, 0x1122334455660028, 0 } },
	{ 8, "48 8c d8", "mov rax, ds", { ~0ull, 0, 0, 0, 0 }, { 0x28, 0, 0, 0, 0 } },
	{ 8, "8b 05 fa 40 c0 ff", "mov eax, [rip - 3fbf06]",
	  { 0, 0, 0, OLD, 0 }, { 0x55667788, 0, 0, OLD, 0 } },
	{ 8, "48 66 8b 03", "REX before 66 is none",
	  { ~0ull, 0, 0, OLD, 0 }, { 0xffffffffffff7788, 0, 0, OLD, 0 } },
	{ 8, "0f b6 03", "movzx eax, byte", { ~0ull, 0, 0, OLD, 0 }, { 0x88, 0, 0, OLD, 0 } },
	{ 8, "66 0f be 03", "movsx ax, byte", { 0, 0, 0, OLD, 0 }, { 0xff88, 0, 0, OLD, 0 } },
	{ 8, "48 0f b7 03", "movzx rax, word", { ~0ull, 0, 0, OLD, 0 }, { 0x7788, 0, 0, OLD, 0 } },
	{ 8, "48 0f be 03", "movsx rax, byte",
	  { 0, 0, 0, OLD, 0 }, { 0xffffffffffffff88, 0, 0, OLD, 0 } },
	{ 8, "0f bf 43 06", "movsx eax, word",
	  { ~0ull, 0, 0, 0x8122334455667788, 0 }, { 0xffff8122, 0, 0, 0x8122334455667788, 0 } },
	{ 8, "48 63 03", "movsxd rax, dword",
	  { 0, 0, 0, 0x80000000, 0 }, { 0xffffffff80000000, 0, 0, 0x80000000, 0 } },
	/* arithmetic */
	{ 8, "00 03", "add [rbx], al",
	  { 0x78, 0, 0, OLD, 0 }, { 0x78, 0, 0, 0x1122334455667700, ZF | CF | PF | AF } },
	{ 8, "03 03", "add eax, [rbx]",
	  { 0x7fffffff, 0, 0, 1, 0 }, { 0x80000000, 0, 0, 1, SF | OF | PF | AF } },
	{ 8, "48 83 03 ff", "add qword [rbx], -1", { 0, 0, 0, 0, 0 }, { 0, 0, 0, ~0ull, SF | PF } },
	{ 8, "04 80", "add al, 80", { 0x80, 0, 0, 0, 0 }, { 0, 0, 0, 0, ZF | PF | CF | OF } },
	{ 8, "11 03", "adc [rbx], eax", { 1, 0, 0, 0xffffffff, CF }, { 1, 0, 0, 1, CF | AF } },
	{ 8, "15 ff ff ff ff", "adc eax, -1",
	  { 0, 0, 0, 0, CF }, { 0, 0, 0, 0, CF | ZF | PF | AF } },
	{ 8, "19 03", "sbb [rbx], eax",
	  { 0, 0, 0, 0x100000000, CF }, { 0, 0, 0, 0x1ffffffff, CF | SF | PF | AF } },
	{ 8, "29 03", "sub [rbx], eax",
	  { 1, 0, 0, 0x80000000, 0 }, { 1, 0, 0, 0x7fffffff, OF | PF | AF } },
	{ 4, "82 2b 01", "sub byte [ebx], 1 (82)",
	  { 0, 0, 0, 0x100, 0 }, { 0, 0, 0, 0x1ff, CF | SF | PF | AF } },
	{ 8, "21 03", "and [rbx], eax", { 0xf0, 0, 0, 0x3c, CF | OF }, { 0xf0, 0, 0, 0x30, PF } },
	{ 8, "0b 03", "or eax, [rbx]", { 0xf0, 0, 0, 0x3c, CF }, { 0xfc, 0, 0, 0x3c, PF } },
	{ 8, "31 03", "xor [rbx], eax", { 5, 0, 0, 5, CF }, { 5, 0, 0, 0, ZF | PF } },
	{ 8, "38 03", "cmp [rbx], al", { 0x88, 0, 0, OLD, CF }, { 0x88, 0, 0, OLD, ZF | PF } },
	{ 8, "3b 03", "cmp eax, [rbx]", { 0, 0, 0, 1, 0 }, { 0, 0, 0, 1, CF | SF | PF | AF } },
	{ 8, "3c 01", "cmp al, 1", { 0x100, 0, 0, 0, 0 }, { 0x100, 0, 0, 0, CF | SF | PF | AF } },
	{ 8, "80 3b 88", "cmp byte [rbx], 88", { 0, 0, 0, OLD, 0 }, { 0, 0, 0, OLD, ZF | PF } },
	{ 8, "84 03", "test [rbx], al", { 0x77, 0, 0, OLD, CF }, { 0x77, 0, 0, OLD, ZF | PF } },
	{ 8, "f6 03 80", "test byte [rbx], 80", { 0, 0, 0, OLD, 0 }, { 0, 0, 0, OLD, SF } },
	{ 8, "f7 0b 00 00 00 10", "test dword [rbx], imm (/1)",
	  { 0, 0, 0, OLD, 0 }, { 0, 0, 0, OLD, PF } },
	{ 8, "a9 01 00 00 00", "test eax, 1", { 1, 0, 0, 0, OF }, { 1, 0, 0, 0, 0 } },
	{ 8, "ff 03", "inc dword [rbx]",
	  { 0, 0, 0, 0x1ffffffff, CF }, { 0, 0, 0, 0x100000000, CF | ZF | PF | AF } },
	{ 8, "fe 0b", "dec byte [rbx]", { 0, 0, 0, 0x80, 0 }, { 0, 0, 0, 0x7f, OF | AF } },
	{ 4, "48", "dec eax", { 1, 0, 0, 0, CF }, { 0, 0, 0, 0, CF | ZF | PF } },
	{ 8, "f7 13", "not dword [rbx]",
	  { 0, 0, 0, OLD, CF | ZF }, { 0, 0, 0, 0x11223344aa998877, CF | ZF } },
	{ 8, "f6 1b", "neg byte [rbx]", { 0, 0, 0, 1, 0 }, { 0, 0, 0, 0xff, CF | SF | PF | AF } },
	{ 8, "f0 f7 1b", "lock neg dword [rbx]",
	  { 0, 0, 0, 0x10, 0 }, { 0, 0, 0, 0xfffffff0, CF | SF | PF } },
	/* bits */
	{ 8, "0f ba 23 03", "bt dword [rbx], 3", { 0, 0, 0, OLD, ZF }, { 0, 0, 0, OLD, ZF | CF } },
	{ 8, "0f ba 2b 3f", "bts dword [rbx], 31",
	  { 0, 0, 0, OLD, 0 }, { 0, 0, 0, 0x11223344d5667788, 0 } },
	{ 8, "0f ab 03", "bts [rbx], eax: 33", { 33, 0, 0, 0, 0 }, { 33, 0, 0, 0x200000000, 0 } },
	{ 8, "0f b3 43 08", "btr [rbx + 8], eax: -1",
	  { 0xffffffff, 0, 0, ~0ull, 0 }, { 0xffffffff, 0, 0, 0x7fffffffffffffff, CF } },
	{ 8, "f0 48 0f bb 43 10", "lock btc [rbx + 16], rax: -128",
	  { -128ull, 0, 0, OLD, CF }, { -128ull, 0, 0, OLD ^ 1, 0 } },
	{ 8, "0f bb c1", "btc ecx, eax", { 35, ~0ull, 0, 0, 0 }, { 35, 0xfffffff7, 0, 0, CF } },
	/* exchange */
	{ 8, "87 03", "xchg [rbx], eax",
	  { ~0ull, 0, 0, OLD, CF }, { 0x55667788, 0, 0, 0x11223344ffffffff, CF } },
	{ 8, "86 e0", "xchg al, ah", { 0x1234, 0, 0, 0, 0 }, { 0x3412, 0, 0, 0, 0 } },
	{ 8, "48 91", "xchg rcx, rax", { 1, 2, 0, 0, 0 }, { 2, 1, 0, 0, 0 } },
	{ 8, "90", "nop", { ~0ull, 0, 0, 0, 0 }, { ~0ull, 0, 0, 0, 0 } },
	{ 8, "f3 41 90", "pause", { ~0ull, 0, 0, 0, 0 }, { ~0ull, 0, 0, 0, 0 } },
	{ 8, "0f c1 0b", "xadd [rbx], ecx",
	  { 0, 1, 0, 0xffffffff, 0 }, { 0, 0xffffffff, 0, 0, CF | ZF | PF | AF } },
	{ 8, "0f c1 c9", "xadd ecx, ecx", { 0, 3, 0, 0, 0 }, { 0, 6, 0, 0, PF } },
	{ 8, "0f b1 0b", "cmpxchg [rbx], ecx: equal",
	  { ~0x7full << 32 | 5, 9, 0, 5, 0 }, { ~0x7full << 32 | 5, 9, 0, 9, ZF | PF } },
	{ 8, "f0 0f b1 0b", "lock cmpxchg [rbx], ecx: not",
	  { ~0ull << 32 | 4, 9, 0, 5, 0 }, { 5, 9, 0, 5, CF | SF | PF | AF } },
	{ 8, "0f b1 ca", "cmpxchg edx, ecx: not",
	  { 4, 9, ~0ull, 0, 0 }, { 0xffffffff, 9, ~0ull, 0, CF | AF | PF } },
	{ 8, "0f c7 0b", "cmpxchg8b: not equal",
	  { 1, 0, 2, OLD, ZF }, { 0x55667788, 0, 0x11223344, OLD, 0 } },
	{ 4, "f0 0f c7 0b", "lock cmpxchg8b: equal",
	  { 0x55667788, 7, 0x11223344, OLD, 0 }, { 0x55667788, 7, 0x11223344, 0x700005100, ZF } },
	{ 8, "48 0f c7 0b", "cmpxchg16b: equal", { OLD, 7, 0, OLD, 0 }, { OLD, 7, 0, DATA, ZF } },
	/* strings, one iteration */
	{ 8, "a4", "movsb", { 0, 0, 0, OLD, CF }, { 0, 0, 0, OLD, CF } },
	{ 8, "48 ad", "lodsq", { 0, 0, 0, OLD, 0 }, { OLD, 0, 0, OLD, 0 } },
	{ 8, "a6", "cmpsb", { 0, 0, 0, 5, 0 }, { 0, 0, 0, 5, PF } },
	{ 8, "af", "scasd", { 0, 0, 0, 0, CF }, { 0, 0, 0, 0, ZF | PF } },
	/* a count of 0 does nothing */
	{ 8, "f3 a6", "repe cmpsb, rcx = 0", { 0, 0, 0, OLD, CF | DF }, { 0, 0, 0, OLD, CF | DF } },
};

static struct emu_state state_before(const struct form *form)
{
	struct emu_state state = state_of(form->code_bytes);

	memset(world.memory, 0, sizeof(world.memory));
	poke(DATA, form->before.data);
	state.gpr[RAX] = form->before.rax;
	state.gpr[RCX] = form->before.rcx;
	state.gpr[RDX] = form->before.rdx;
	state.rflags |= form->before.flags;
	return state;
}

static void test_forms(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		struct emu_state state = state_before(form);
		struct insn insn = decode(form->code, form->code_bytes);
		enum emu_result result = execute(&state, form->code);
		const struct values found = {
			state.gpr[RAX],
			state.gpr[RCX],
			state.gpr[RDX],
			peek(DATA),
			state.rflags & (STATUS | DF),
		};

		EXPECT_MSG(result == EMU_DONE && state.rip == RIP + insn.length,
			   "%s: result %d vector %u", form->what, result, fault.vector);
		EXPECT_MSG(!memcmp(&found, &form->after, sizeof(found)),
			   "%s: rax %llx rcx %llx rdx %llx data %llx flags %llx", form->what,
			   (unsigned long long)found.rax, (unsigned long long)found.rcx,
			   (unsigned long long)found.rdx, (unsigned long long)found.data,
			   (unsigned long long)found.flags);
	}
	tap_case("each form");
}

/* Every access of every form fails once, by a fault and by a retry. */
static void test_no_trace(void)
{
	unsigned failures = 0;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (unsigned n = 0;; n++) {
			struct emu_state before = state_before(&forms[i]), state = before;
			u8 memory[sizeof(world.memory)];
			enum emu_result result;

			memcpy(memory, world.memory, sizeof(memory));
			world.fail_at = n / 2 + 1;
			world.fail_with = n & 1 ? EMU_RETRY : EMU_FAULT;
			result = execute(&state, forms[i].code);
			if (result == EMU_DONE)
				break; /* fewer accesses than that */
			failures++;
			EXPECT_MSG(result == (n & 1 ? EMU_AGAIN : EMU_FAULTED) &&
					   fault.valid == !(n & 1) &&
					   !memcmp(&state, &before, sizeof(state)) &&
					   !memcmp(memory, world.memory, sizeof(memory)),
				   "%s: access %u", forms[i].what, n / 2 + 1);
		}
	}
	world.fail_at = 0;
	EXPECT(failures > 2 * ARRAY_SIZE(forms));
	tap_case("a fault or a retry at any access leaves no trace");
}

/* ---- the stack ------------------------------------------------------------------------------- */

static void test_stack(void)
{
	static const struct {
		unsigned code_bytes;
		const char *code;
		u64 rsp, top, rcx; /* after it; top: 8 bytes there */
	} rows[] = {
		{ 8, "51", STACK - 8, 0x1111222233334444, 0x1111222233334444 },
		{ 8, "66 51", STACK - 2, 0x4444, 0x1111222233334444 },
		{ 8, "54", STACK - 8, STACK, 0x1111222233334444 },
		{ 4, "51", STACK - 4, 0x33334444, 0x1111222233334444 },
		{ 2, "51", STACK - 2, 0x4444, 0x1111222233334444 },
		{ 8, "6a fe", STACK - 8, ~1ull, 0x1111222233334444 },
		{ 8, "68 00 00 00 80", STACK - 8, 0xffffffff80000000, 0x1111222233334444 },
		{ 4, "66 68 34 12", STACK - 2, 0x1234, 0x1111222233334444 },
		{ 8, "ff 33", STACK - 8, OLD, 0x1111222233334444 },
		{ 8, "0f a0", STACK - 8, 0x30, 0x1111222233334444 },
		{ 4, "1e", STACK - 4, 0x28, 0x1111222233334444 },
		{ 8, "59", STACK + 8, 0, 0 },
		{ 8, "66 59", STACK + 2, 0, 0x1111222233330000 },
		{ 8, "8f 04 24", STACK + 8, 0, 0x1111222233334444 }, /* to the new top */
	};
	struct emu_state state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		state = state_of(rows[i].code_bytes);
		memset(world.memory, 0, sizeof(world.memory));
		poke(DATA, OLD);
		state.gpr[RCX] = 0x1111222233334444;
		EXPECT_MSG(execute(&state, rows[i].code) == EMU_DONE, "%s", rows[i].code);
		EXPECT_MSG(state.gpr[RSP] == rows[i].rsp && peek(state.gpr[RSP]) == rows[i].top &&
				   state.gpr[RCX] == rows[i].rcx,
			   "%s: rsp %llx top %llx rcx %llx", rows[i].code,
			   (unsigned long long)state.gpr[RSP],
			   (unsigned long long)peek(state.gpr[RSP]),
			   (unsigned long long)state.gpr[RCX]);
	}
	poke(STACK, 0x5abc);
	state = state_of(8);
	EXPECT_EQ(execute(&state, "5c"), EMU_DONE);
	EXPECT_EQ(state.gpr[RSP], 0x5abc);
	/* 16-bit stack pointer: the rest of ESP stays. */
	state = state_of(4);
	state.segment[SEG_SS].access &= ~SEG_BIG;
	state.gpr[RSP] = 0xabcd5800;
	EXPECT_EQ(execute(&state, "50"), EMU_DONE);
	EXPECT_EQ(state.gpr[RSP], 0xabcd57fc);
	/* A POP whose destination faults has not moved the pointer. */
	state = state_of(8);
	state.gpr[RBX] = 0x9000;
	EXPECT_EQ(execute(&state, "8f 03"), EMU_FAULTED);
	EXPECT_EQ(state.gpr[RSP], STACK);
	EXPECT_EQ(fault.address, 0x9000);
	tap_case("push and pop");
}

/* ---- strings --------------------------------------------------------------------------------- */

static void test_rep(void)
{
	struct emu_state state = state_of(8);

	state.gpr[RCX] = 150;
	state.gpr[RAX] = 0x77;
	EXPECT_EQ(execute(&state, "f3 aa"), EMU_AGAIN);
	EXPECT_EQ(world.writes, EMU_REP_MAX);
	EXPECT_EQ(state.gpr[RCX], 150 - EMU_REP_MAX);
	EXPECT_EQ(state.gpr[RDI], OTHER + EMU_REP_MAX);
	EXPECT_EQ(state.rip, RIP);
	EXPECT_EQ(execute(&state, "f3 aa"), EMU_AGAIN);
	EXPECT_EQ(execute(&state, "f3 aa"), EMU_DONE);
	EXPECT_EQ(state.gpr[RCX], 0);
	EXPECT_EQ(state.rip, RIP + 2);
	tap_case("REP does a bounded number of iterations a call");

	state = state_of(8);
	state.gpr[RCX] = 0xffffffff00000003; /* 32-bit addresses: ECX counts, ESI and EDI point */
	state.gpr[RSI] |= ~0ull << 32;
	state.rflags |= DF;
	EXPECT_EQ(execute(&state, "67 f2 a5"), EMU_DONE);
	EXPECT_EQ(state.gpr[RCX], 0);
	EXPECT_EQ(state.gpr[RSI], DATA - 12);
	EXPECT_EQ(state.gpr[RDI], OTHER - 12);
	EXPECT_EQ(world.writes, 3);
	tap_case("address size, direction, REPNE as REP");

	/*
	 * Up to the end of memory, then the fault; flags of a comparison are not touched by then.
	 */
	state = state_of(8);
	memset(world.memory, 0, sizeof(world.memory));
	state.gpr[RCX] = 100;
	state.gpr[RSI] = PAGE + 0xff0;
	state.rflags |= CF | SF;
	EXPECT_EQ(execute(&state, "f3 66 a7"), EMU_FAULTED);
	EXPECT_EQ(state.gpr[RCX], 92);
	EXPECT_EQ(state.gpr[RSI], PAGE + 0x1000);
	EXPECT_EQ(state.gpr[RDI], OTHER + 16);
	EXPECT_EQ(state.rflags, 2 | CF | SF);
	EXPECT_EQ(fault.address, PAGE + 0x1000);
	tap_case("a fault in a REP keeps what was done before it");

	state = state_of(8);
	poke(DATA, 0x0000040302010000);
	poke(OTHER, 0x0000050302010000);
	state.gpr[RCX] = 10;
	EXPECT_EQ(execute(&state, "f3 a6"), EMU_DONE);
	EXPECT_EQ(state.gpr[RCX], 4);
	EXPECT_EQ(state.rflags & (ZF | CF), CF);
	state = state_of(8);
	state.gpr[RCX] = 10;
	state.gpr[RAX] = 3;
	EXPECT_EQ(execute(&state, "f2 ae"), EMU_DONE);
	EXPECT_EQ(state.gpr[RCX], 5);
	EXPECT_EQ(state.rflags & ZF, ZF);
	tap_case("REPE and REPNE end by the flag");
}

static void test_ports(void)
{
	struct emu_state state = state_of(8);

	state.gpr[RDX] = 0xabcd03f8;
	state.gpr[RCX] = 2;
	EXPECT_EQ(execute(&state, "f3 48 6d"), EMU_DONE); /* there are no 64-bit ports */
	EXPECT_EQ(world.ins, 2);
	EXPECT_EQ(world.port, 0x3f8);
	EXPECT_EQ(state.gpr[RDI], OTHER + 8);
	EXPECT_EQ((u32)peek(OTHER + 4), 0xa1b2c3d4);
	poke(DATA, OLD);
	EXPECT_EQ(execute(&state, "66 6f"), EMU_DONE);
	EXPECT_EQ(world.sent, 0x20007788);
	state.gpr[RDI] = 0x9000;
	EXPECT_EQ(execute(&state, "6c"), EMU_FAULTED);
	EXPECT_EQ(world.ins, 0);
	world.fail_at = 2; /* the port: not permitted */
	world.fail_with = EMU_FAULT;
	state.gpr[RDI] = OTHER;
	EXPECT_EQ(execute(&state, "6c"), EMU_FAULTED);
	EXPECT_EQ(world.writes, 0);
	world.fail_at = 0;
	tap_case("INS and OUTS; no port is read for a store that faults");
}

/* ---- what the bus sees ----------------------------------------------------------------------- */

static void test_accesses(void)
{
	static const struct {
		const char *code;
		unsigned reads, writes, exchanges;
	} rows[] = {
		{ "89 03", 0, 1, 0 },
		{ "8b 03", 1, 0, 0 },
		{ "01 03", 1, 1, 0 },
		{ "03 03", 1, 0, 0 },
		{ "39 03", 1, 0, 0 },
		{ "85 03", 1, 0, 0 },
		{ "f0 01 03", 1, 0, 1 },
		{ "87 03", 1, 0, 1 },
		{ "f0 87 03", 1, 0, 1 },
		{ "0f b1 0b", 1, 1, 0 },
		{ "f0 0f b1 0b", 1, 0, 1 },
		{ "0f c7 0b", 1, 1, 0 },
		{ "f0 48 0f c7 0b", 1, 0, 1 },
		{ "0f ab 03", 1, 1, 0 },
		{ "0f a3 03", 1, 0, 0 },
		{ "a5", 1, 1, 0 },
		{ "a7", 2, 0, 0 },
		{ "ab", 0, 1, 0 },
		{ "ff 33", 1, 1, 0 },
	};
	struct emu_state state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		state = state_of(8);
		EXPECT_MSG(execute(&state, rows[i].code) == EMU_DONE &&
				   world.reads == rows[i].reads && world.writes == rows[i].writes &&
				   world.exchanges == rows[i].exchanges,
			   "%s: %u reads, %u writes, %u exchanges", rows[i].code, world.reads,
			   world.writes, world.exchanges);
	}
	tap_case("accesses of each kind, and no more");

	poke(DATA, 0);
	world.is_contended = true;
	state = state_of(8);
	EXPECT_EQ(execute(&state, "f0 ff 03"), EMU_AGAIN);
	EXPECT_EQ(world.exchanges, EMU_CMPXCHG_MAX);
	EXPECT_EQ(state.rip, RIP);
	EXPECT_EQ(state.rflags, 2);
	state.gpr[RAX] = 0x1000; /* never found: written back is what is there */
	EXPECT_EQ(execute(&state, "f0 0f b1 0b"), EMU_AGAIN);
	EXPECT_EQ(world.exchanges, EMU_CMPXCHG_MAX);
	EXPECT_EQ(state.gpr[RAX], 0x1000);
	world.is_contended = false;
	tap_case("a locked instruction under contention is tried a bounded number of times");
}

/* ---- the set, and LOCK ----------------------------------------------------------------------- */

/*
 * Opcodes of the set, without and with LOCK on memory: written down here once more, by ModRM.reg.
 */
static u8 expected_regs(unsigned map, unsigned opcode, bool is_locked)
{
	if (map == INSN_MAP_0F) {
		switch (opcode) {
		case 0xb3:
		case 0xbb:
		case 0xab:
		case 0xb0:
		case 0xb1:
		case 0xc0:
		case 0xc1:
			return 0xff;
		case 0xba:
			return is_locked ? 0xe0 : 0xf0;
		case 0xc7:
			return 0x02;
		case 0xa0:
		case 0xa8:
		case 0xa3:
		case 0xb6:
		case 0xb7:
		case 0xbe:
		case 0xbf:
			return is_locked ? 0 : 0xff;
		default:
			return 0;
		}
	}
	if (opcode < 0x40 && (opcode & 7) < 6)
		return is_locked && (opcode >= 0x38 || (opcode & 7) > 1) ? 0 : 0xff;
	switch (opcode) {
	case 0x80:
	case 0x81:
	case 0x82:
	case 0x83:
		return is_locked ? 0x7f : 0xff;
	case 0x86:
	case 0x87:
		return 0xff;
	case 0xf6:
	case 0xf7:
		return is_locked ? 0x0c : 0x0f;
	case 0xfe:
		return 0x03;
	case 0xff:
		return is_locked ? 0x03 : 0x43;
	case 0x8f:
	case 0xc6:
	case 0xc7:
		return is_locked ? 0 : 0x01;
	case 0x06:
	case 0x0e:
	case 0x16:
	case 0x1e:
	case 0x68:
	case 0x6a:
	case 0x6c:
	case 0x6d:
	case 0x6e:
	case 0x6f:
	case 0x84:
	case 0x85:
	case 0x8c:
		return is_locked ? 0 : 0xff;
	default:
		break;
	}
	if ((opcode >= 0x40 && opcode < 0x60) || (opcode >= 0x88 && opcode <= 0x8b) ||
	    (opcode >= 0x90 && opcode <= 0x97) || (opcode >= 0xa0 && opcode <= 0xbf))
		return is_locked ? 0 : 0xff;
	return 0;
}

static void check_opcode(const u8 *bytes, unsigned map, u8 opcode, unsigned reg, bool is_memory,
			 bool is_locked)
{
	struct emu_state state = state_of(4);
	bool is_in_set = expected_regs(map, opcode, false) >> reg & 1, is_fine;
	enum emu_result result;
	struct insn insn;

	if (insn_decode(&insn, bytes, INSN_MAX, 4) != INSN_OK || insn.map != map ||
	    insn.opcode != opcode || (!insn.has_modrm && is_memory))
		return;
	is_fine = !is_locked || (is_memory && expected_regs(map, opcode, true) >> reg & 1);
	if (map == INSN_MAP_0F && opcode == 0xc7 && !is_memory)
		is_fine = false;
	if (map == INSN_MAP_1 && opcode == 0x8c && reg > 5)
		is_fine = false;
	result = emulate(&state, &insn, &bus, NULL, &fault);
	if (!is_in_set)
		EXPECT_MSG(result == EMU_UNHANDLEABLE, "map %u opcode %02x /%u", map, opcode, reg);
	else if (is_fine)
		EXPECT_MSG(result == EMU_DONE, "map %u opcode %02x /%u %s: result %d vector %u",
			   map, opcode, reg, is_locked ? "locked" : "", result, fault.vector);
	else
		EXPECT_MSG(result == EMU_FAULTED && fault.vector == 6 && !fault.has_error,
			   "map %u opcode %02x /%u %s: result %d", map, opcode, reg,
			   is_locked ? "locked" : "", result);
}

static void test_set(void)
{
	for (unsigned i = 0; i < 2 * 256 * 8 * 4; i++) {
		u8 opcode = (u8)i, bytes[INSN_MAX] = { 0 };
		unsigned map = i >> 8 & 1, reg = i >> 9 & 7, n = 0;
		bool is_memory = i >> 12 & 1, is_locked = i >> 13 & 1;

		if (is_locked)
			bytes[n++] = 0xf0;
		if (map)
			bytes[n++] = 0x0f;
		bytes[n++] = opcode;
		bytes[n++] = (u8)((is_memory ? 0x03 : 0xc1) | reg << 3);
		if (map == INSN_MAP_1 && (opcode & 0xfc) == 0xa0) /* an address in the page */
			memcpy(bytes + n - 1, (u8[]){ 0x00, 0x51, 0x00, 0x00 }, 4);
		check_opcode(bytes, map, opcode, reg, is_memory, is_locked);
	}
	tap_case("exactly the set is emulated; LOCK elsewhere is #UD");
}

/* ---- segments and canonical addresses -------------------------------------------------------- */

enum { OK_ = 0, SS_ = 12, GP_ = 13, PF_ = 14 };

static const struct limit {
	const char *code, *what;
	u64 rbx;
	u32 limit, attributes; /* of DS, and of SS but for its D/B bit */
	u8 vector;
} limits[] = {
	{ "8b 03", "last dword", 0x51fc, 0x51ff, 0xc093, OK_ },
	{ "8b 03", "one byte beyond", 0x51fd, 0x51ff, 0xc093, GP_ },
	{ "8a 03", "last byte", 0x51ff, 0x51ff, 0xc093, OK_ },
	{ "8b 03", "offset beyond 4 GiB", 0xfffffffe, 0xffffffff, 0xc093, GP_ },
	{ "8b 03", "expand-down: above", 0x5100, 0x50ff, 0xc097, OK_ },
	{ "8b 03", "expand-down: at the limit", 0x50ff, 0x50ff, 0xc097, GP_ },
	{ "8b 03", "expand-down, 16 bits: beyond 64 KiB", 0xfffe, 0x50ff, 0x8097, GP_ },
	{ "8b 03", "expand-down, 32 bits: no such bound", 0xfffe, 0x50ff, 0xc097, PF_ },
	{ "89 03", "read-only data", DATA, 0xffffffff, 0xc091, GP_ },
	{ "8b 03", "read of read-only data", DATA, 0xffffffff, 0xc091, OK_ },
	{ "01 03", "read-modify-write of read-only data", DATA, 0xffffffff, 0xc091, GP_ },
	{ "8b 03", "readable code", DATA, 0xffffffff, 0xc09b, OK_ },
	{ "89 03", "write to code", DATA, 0xffffffff, 0xc09b, GP_ },
	{ "8b 03", "execute-only code", DATA, 0xffffffff, 0xc099, GP_ },
	{ "8b 03", "conforming code is not expand-down", DATA, 0xffffffff, 0xc09f, OK_ },
	{ "8b 03", "unusable", DATA, 0xffffffff, 0x1c093, GP_ },
	{ "36 8b 03", "SS by override", 0x51fd, 0x51ff, 0xc093, SS_ },
	{ "8b 45 00", "SS by base", DATA, 0x51ff, 0xc093, SS_ },
	{ "50", "stack", DATA, 0x51ff, 0xc093, SS_ },
	{ "a1 fd 51 00 00", "moffs", DATA, 0x51ff, 0xc093, GP_ },
	{ "67 8b 87 00 80", "16-bit address wraps", 0xd100, 0xffffffff, 0xc093, OK_ },
	{ "0f a3 03", "bit offset reaches beyond", 0x51fc, 0x51ff, 0xc093, GP_ },
};

static void test_limits(void)
{
	struct emu_state state;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		const struct limit *row = &limits[i];
		enum emu_result result;

		state = state_of(4);
		state.gpr[RBX] = row->rbx;
		state.gpr[RAX] = 32;
		state.segment[SEG_DS].limit = state.segment[SEG_SS].limit = row->limit;
		state.segment[SEG_DS].access = row->attributes;
		result = execute(&state, row->code);
		EXPECT_MSG((row->vector ? result == EMU_FAULTED && fault.vector == row->vector &&
						  fault.has_error :
					  result == EMU_DONE),
			   "%s: result %d vector %u", row->what, result, fault.vector);
		EXPECT_MSG(row->vector != GP_ || (!fault.error && !world.accesses), "%s",
			   row->what);
	}
	tap_case("limits and types outside 64-bit code");

	state = state_of(2); /* real mode: no types, no error code */
	state.is_protected = false;
	state.segment[SEG_DS] = (struct segment){ 0x500, 0x5000, 0xffff, 0x9b };
	state.gpr[RBX] = 0x100;
	EXPECT_EQ(execute(&state, "89 07"), EMU_DONE);
	state.gpr[RBX] = 0xffff;
	EXPECT_EQ(execute(&state, "89 07"), EMU_FAULTED);
	EXPECT(fault.vector == GP_ && !fault.has_error);
	EXPECT_EQ(execute(&state, "67 8b 03"), EMU_FAULTED);
	state.is_protected = state.is_v86 = true;
	state.gpr[RBX] = 0x100;
	EXPECT_EQ(execute(&state, "89 07"), EMU_DONE);
	state.segment[SEG_DS].base = 0xffffff00; /* linear addresses wrap at 4 GiB */
	state.gpr[RBX] = 0x5200;
	EXPECT_EQ(execute(&state, "89 07"), EMU_DONE);
	tap_case("real and virtual-8086 mode");
}

static void test_canonical(void)
{
	static const struct {
		const char *code;
		u64 rbx;
		u8 vector;
	} rows[] = {
		{ "8b 03", 0x800000000000, GP_ },       { "8b 03", 0x7ffffffffffd, GP_ },
		{ "8b 03", 0x7ffffffffffc, PF_ },       { "8b 03", 0xffff7fffffffffff, GP_ },
		{ "8b 03", 0xffff800000000000, PF_ },   { "8b 45 00", 0x800000000000, SS_ },
		{ "8b 04 24", 0x800000000000, SS_ },    { "64 8b 45 00", 0x800000000000, GP_ },
		{ "41 8b 45 00", 0x800000000000, GP_ }, { "50", 0x800000000008, SS_ },
		{ "a4", 0x800000000000, GP_ },          { "67 8b 03", 0x800000005100, OK_ },
		{ "3e 8b 45 00", 0x800000000000, SS_ }, /* DS overrides nothing here */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct emu_state state = state_of(8);
		enum emu_result result;

		state.gpr[RBX] = state.gpr[RBP] = state.gpr[13] = state.gpr[RSI] = rows[i].rbx;
		if (rows[i].vector == SS_)
			state.gpr[RSP] = rows[i].rbx;
		for (unsigned s = 0; s < SEG_FS; s++)
			state.segment[s].limit = 0; /* which means nothing here */
		result = execute(&state, rows[i].code);
		EXPECT_MSG(rows[i].vector ?
				   result == EMU_FAULTED && fault.vector == rows[i].vector :
				   result == EMU_DONE,
			   "%s at %llx: result %d vector %u", rows[i].code,
			   (unsigned long long)rows[i].rbx, result, fault.vector);
	}
	tap_case("canonical addresses in 64-bit code");
}

static void test_segment_bases(void)
{
	struct emu_state state = state_of(8);

	for (unsigned i = 0; i < EMU_SEGMENTS; i++)
		state.segment[i].base = 0x5000;
	poke(DATA, OLD);
	state.gpr[RBX] = 0x100;
	EXPECT_EQ(execute(&state, "64 8b 03"), EMU_DONE);
	EXPECT_EQ(state.gpr[RAX], 0x55667788);
	EXPECT_EQ(execute(&state, "65 a4"), EMU_FAULTED); /* of the source alone */
	EXPECT_EQ(fault.address, DATA + 0x5000);
	EXPECT_EQ(execute(&state, "26 8b 03"), EMU_FAULTED); /* ES has no base here */
	EXPECT_EQ(fault.address, 0x100);
	state.gpr[RSI] = 0x100;
	EXPECT_EQ(execute(&state, "65 a5"), EMU_DONE);
	EXPECT_EQ((u32)peek(OTHER), 0x55667788);
	state.code_bytes = 4;
	state.gpr[RSI] = 0x100;
	state.gpr[RDI] = 0x300;
	EXPECT_EQ(execute(&state, "a5"), EMU_DONE);
	EXPECT_EQ((u32)peek(0x5300), 0x55667788);
	tap_case("bases and overrides");
}

static void test_rest(void)
{
	struct emu_state state = state_of(8), before;

	state.rflags |= RF;
	EXPECT_EQ(execute(&state, "8b 03"), EMU_DONE);
	EXPECT_EQ(state.rflags, 2);
	state = state_of(4);
	state.rip = 0xffffffff;
	EXPECT_EQ(execute(&state, "8b 03"), EMU_DONE);
	EXPECT_EQ(state.rip, 1);
	state = state_of(8);
	state.gpr[RBX] = DATA + 8; /* CMPXCHG16B wants 16 bytes, CMPXCHG8B does not care */
	before = state;
	EXPECT_EQ(execute(&state, "48 0f c7 0b"), EMU_FAULTED);
	EXPECT(fault.vector == GP_ && fault.has_error && !world.accesses);
	EXPECT_EQ(execute(&state, "0f a2"), EMU_UNHANDLEABLE); /* cpuid */
	EXPECT_EQ(execute(&state, "c5 f9 6f 03"), EMU_UNHANDLEABLE); /* VEX, the opcode of OUTS */
	EXPECT_EQ(execute(&state, "f0 0f a2"), EMU_UNHANDLEABLE);
	EXPECT(!memcmp(&state, &before, sizeof(state)));
	state = state_of(4);
	EXPECT_EQ(execute(&state, "63 03"), EMU_UNHANDLEABLE); /* ARPL */
	EXPECT_EQ(execute(&state, "0f c7 0b"), EMU_DONE);
	tap_case("RF, the end of 4 GiB, alignment, what is not in the set");
}

int main(void)
{
	test_forms();
	test_no_trace();
	test_stack();
	test_rep();
	test_ports();
	test_accesses();
	test_set();
	test_limits();
	test_canonical();
	test_segment_bases();
	test_rest();
	return tap_done();
}
