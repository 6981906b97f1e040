/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generated cases for the instruction emulator (emulate_cases.h). Operands are chosen after the
 * instruction, so that most of its addresses lie in the window, and some across its edges.
 */
#include "emulate_cases.h"

const u64 windows[2] = { 0x22000, 0x123456780000 };

/* ---- one side's memory and ports ------------------------------------------------------------- */

static u64 port_digest(u64 before, u16 port, unsigned bytes, u32 value)
{
	u64 seed = before ^ ((u64)port << 40 | (u64)bytes << 32 | value);

	return rnd(&seed);
}

static u32 port_value(u16 port, unsigned bytes)
{
	return (port * 0x9e3779b9u) >> (32 - 8 * bytes);
}

static u8 *find(struct side *side, u64 linear, unsigned bytes)
{
	for (unsigned i = 0; i < 2; i++) {
		if (linear - windows[i] <= WINDOW_BYTES - bytes) /* also where it wraps around */
			return side->memory[i] + (linear - windows[i]);
	}
	return NULL;
}

static int page_fault(struct emu_fault *fault, u64 linear)
{
	*fault = (struct emu_fault){ .valid = true, .vector = 14, .address = linear };
	return EMU_FAULT;
}

static int bus_read(void *context, u64 linear, void *to, unsigned bytes, struct emu_fault *fault)
{
	struct side *side = context;
	const u8 *at = find(side, linear, bytes);

	if (linear - CODE <= CODE_BYTES - bytes)
		at = side->code + (linear - CODE);
	if (!at)
		return page_fault(fault, linear);
	memcpy(to, at, bytes);
	return EMU_OK;
}

static int bus_write(void *context, u64 linear, const void *from, unsigned bytes,
		     struct emu_fault *fault)
{
	u8 *at = find(context, linear, bytes);

	if (!at)
		return page_fault(fault, linear);
	memcpy(at, from, bytes);
	return EMU_OK;
}

static int bus_cmpxchg(void *context, u64 linear, void *expected, const void *desired,
		       unsigned bytes, struct emu_fault *fault)
{
	u8 *at = find(context, linear, bytes);

	if (!at)
		return page_fault(fault, linear);
	if (memcmp(at, expected, bytes))
		memcpy(expected, at, bytes);
	else
		memcpy(at, desired, bytes);
	return EMU_OK;
}

static int bus_check_write(void *context, u64 linear, unsigned bytes, struct emu_fault *fault)
{
	return find(context, linear, bytes) ? EMU_OK : page_fault(fault, linear);
}

int bus_in(void *context, u16 port, unsigned bytes, u32 *value, struct emu_fault *fault)
{
	struct side *side = context;

	(void)fault;
	*value = port_value(port, bytes);
	side->ports = port_digest(side->ports, port, bytes, 0);
	return EMU_OK;
}

int bus_out(void *context, u16 port, unsigned bytes, u32 value, struct emu_fault *fault)
{
	struct side *side = context;

	(void)fault;
	side->ports = port_digest(side->ports, port, bytes, value);
	return EMU_OK;
}

static const struct emu_bus bus = {
	.read = bus_read, .write = bus_write, .cmpxchg = bus_cmpxchg,
	.check_write = bus_check_write, .port_in = bus_in, .port_out = bus_out,
};

void random_memory(struct rig *rig, u64 *seed)
{
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned at = 0; at < WINDOW_BYTES; at += 8) {
			u64 value = rnd(seed) % 4 ? rnd(seed) : 0;

			memcpy(rig->ours.memory[i] + at, &value, 8);
		}
		memcpy(rig->theirs.memory[i], rig->ours.memory[i], WINDOW_BYTES);
	}
}

/* ---- instructions ---------------------------------------------------------------------------- */

static struct {
	u8 map, opcode;
} opcodes[1024];
static unsigned opcode_count;
static unsigned long done[2][256]; /* by map and opcode */

bool is_string(u8 map, u8 opcode)
{
	return map == INSN_MAP_1 && ((opcode & 0xfc) == 0x6c || (opcode & 0xfc) == 0xa4 ||
				     (opcode >= 0xaa && opcode <= 0xaf));
}

/* Every opcode that the table has; what there are few of, more often. */
void collect_opcodes(void)
{
	for (unsigned map = INSN_MAP_1; map <= INSN_MAP_0F; map++) {
		for (unsigned opcode = 0; opcode < 256; opcode++) {
			unsigned times = map == INSN_MAP_0F || is_string((u8)map, (u8)opcode) ||
							 opcode >= 0xc0 ?
						 4 :
					 opcode >= 0x80 ? 2 :
							  1;
			bool is_known = false;

			for (u8 reg = 0; reg < 8; reg++)
				is_known |= !!emu_find_row(&(struct insn){
					.map = (u8)map, .opcode = (u8)opcode, .reg = reg });
			while (is_known && times--) {
				opcodes[opcode_count].map = (u8)map;
				opcodes[opcode_count++].opcode = (u8)opcode;
			}
		}
	}
}

bool random_insn(struct candidate *c, unsigned code_bytes, u64 *seed)
{
	static const u8 segments[6] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	u64 random = rnd(seed), pick = rnd(seed) % opcode_count;
	u8 map = opcodes[pick].map, opcode = opcodes[pick].opcode;
	const struct emu_row *row;
	unsigned n = 0;

	if (random % 4 == 0)
		c->bytes[n++] = 0x66;
	if ((random >>= 4) % 8 == 0)
		c->bytes[n++] = 0x67;
	if ((random >>= 4) % 6 == 0)
		c->bytes[n++] = segments[(random >> 4) % 6];
	if ((random >>= 8) % 10 == 0)
		c->bytes[n++] = 0xf0;
	else if ((random >>= 8) % (is_string(map, opcode) ? 2 : 32) == 0)
		c->bytes[n++] = random & 32 ? 0xf2 : 0xf3;
	if (code_bytes == 8 && (random >>= 8) % 2)
		c->bytes[n++] = 0x40 | (random >> 4 & 15);
	if (map == INSN_MAP_0F)
		c->bytes[n++] = 0x0f;
	c->bytes[n++] = opcode;
	while (n < INSN_MAX)
		c->bytes[n++] = (u8)(rnd(seed) >> 24);
	if (insn_decode(&c->insn, c->bytes, INSN_MAX, code_bytes))
		return false;
	row = emu_find_row(&c->insn);
	return row && (!(row->flags & ROW_LONG) || code_bytes == 8);
}

/* ---- operands -------------------------------------------------------------------------------- */

static u64 random_value(u64 *seed)
{
	u64 random = rnd(seed);

	switch (random % 8) {
	case 0:
		return random >> 8 & 0xff;
	case 1:
		return (u64)((s64)random >> (random >> 8 & 63));
	case 2:
		return BIT(random >> 8 & 63) - (random >> 16 & 1);
	case 3:
		return windows[0] + (random >> 8) % WINDOW_BYTES;
	default:
		return random >> 8 | random << 56;
	}
}

/* An address in a window, now and then across its edge or just outside. */
static u64 random_target(const struct rig *rig, u64 *seed)
{
	u64 random = rnd(seed);
	u64 window = windows[rig->state.code_bytes == 8 && random % 4 == 0];

	random >>= 8;
	if (random % 16 == 0)
		return window + (random >> 8) % 24 - 12;
	if (random % 16 == 1)
		return window + WINDOW_BYTES + (random >> 8) % 24 - 16;
	return window + 0x200 + ((random >> 8) % (WINDOW_BYTES - 0x400) & ~(random >> 40 & 15));
}

static u64 base_of(const struct emu_state *state, enum segment_name segment)
{
	return state->code_bytes == 8 && segment < SEG_FS ? 0 : state->segment[segment].base;
}

/* Changes what the address is made of so that it becomes `target`, where that is possible. */
static void aim(struct candidate *c, u64 target)
{
	struct emu_state *state = &c->before;
	struct insn *insn = &c->insn;
	struct emu e = { .state = state, .insn = insn };
	enum segment_name segment = emu_data_segment(&e);
	u64 next = state->rip + insn->length, wrong;
	u8 *displacement = c->bytes + insn->length - insn->immediate_bytes;

	if (!insn->segment && (insn->base == EMU_RSP || insn->base == EMU_RBP))
		segment = SEG_SS;
	wrong = target - base_of(state, segment) - insn_offset(insn, state->gpr, next);
	if (insn->base != INSN_NO_REGISTER && insn->base != insn->index) {
		emu_gpr_write(&e, insn->base, insn->address_bytes, state->gpr[insn->base] + wrong);
	} else if (insn->base == INSN_NO_REGISTER) {
		u32 to = (u32)insn->displacement + (u32)wrong;

		memcpy(displacement - (insn->address_bytes == 2 ? 2 : 4), &to,
		       insn->address_bytes == 2 ? 2 : 4);
	}
}

static void aim_operands(const struct rig *rig, struct candidate *c, u64 *seed)
{
	struct emu_state *state = &c->before;
	const struct insn *insn = &c->insn;
	struct emu e = { .state = state, .insn = insn };
	u64 target = random_target(rig, seed);

	if (insn->has_modrm && insn->mod != 3 && rnd(seed) % 32) {
		aim(c, target);
	} else if (insn->map == INSN_MAP_1 && (insn->opcode & 0xfc) == 0xa0) {
		u64 offset = target - base_of(state, emu_data_segment(&e));

		memcpy(c->bytes + insn->length - insn->immediate_bytes, &offset,
		       insn->immediate_bytes);
	} else if (is_string(insn->map, insn->opcode)) {
		emu_gpr_write(&e, EMU_RSI, insn->address_bytes,
			      target - base_of(state, emu_data_segment(&e)));
		emu_gpr_write(&e, EMU_RDI, insn->address_bytes,
			      random_target(rig, seed) - base_of(state, SEG_ES));
		if (rnd(seed) % 64)
			emu_gpr_write(&e, EMU_RCX, insn->address_bytes, rnd(seed) % 100);
	}
}

static void random_state(const struct rig *rig, struct candidate *c, u64 *seed)
{
	struct emu_state *state = &c->before;
	unsigned n = state->code_bytes == 8 ? 16 : 8;

	*state = rig->state;
	for (unsigned i = 0; i < n; i++)
		state->gpr[i] = random_value(seed) & emu_mask(n == 16 ? 8 : 4);
	state->gpr[EMU_RSP] = random_target(rig, seed) - base_of(state, SEG_SS);
	if (n != 16)
		state->gpr[EMU_RSP] = (u32)state->gpr[EMU_RSP];
	state->rflags = (rnd(seed) &
			 (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_DF | FLAG_OF)) |
			2;
	state->rip = rig->code_at + (state->code_bytes == 2 ? 0 : CODE);
	if (c->insn.map == INSN_MAP_0F && (c->insn.opcode & 0xe7) == 0xa3) /* BT: mostly near */
		state->gpr[c->insn.reg & (n - 1)] =
			(u64)((s64)rnd(seed) >> (rnd(seed) % 2 ? 54 : 20)) &
			emu_mask(n == 16 ? 8 : 4);
	/* Often equal, or CMPXCHG would never store. */
	if (c->insn.map == INSN_MAP_0F && (c->insn.opcode & 0xf0) != 0xa0 && rnd(seed) % 2)
		state->gpr[EMU_RAX] = state->gpr[EMU_RDX] = 0;
}

void random_operands(const struct rig *rig, struct candidate *c, u64 *seed)
{
	random_state(rig, c, seed);
	aim_operands(rig, c, seed);
	insn_decode(&c->insn, c->bytes, INSN_MAX, rig->state.code_bytes);
}

/* ---- the comparison -------------------------------------------------------------------------- */

void run_ours(struct rig *rig, struct candidate *c)
{
	memcpy(rig->code + rig->code_at, c->bytes, sizeof(c->bytes));
	c->ours = c->before;
	do
		c->result = emulate(&c->ours, &c->insn, &bus, &rig->ours, &c->fault);
	while (c->result == EMU_AGAIN);
	done[c->insn.map][c->insn.opcode] += c->result == EMU_DONE;
}

u64 undefined_flags(const struct insn *insn)
{
	bool is_group_1 = (insn->opcode & 0xfc) == 0x80;
	unsigned op = is_group_1 ? insn->reg & 7 : insn->opcode >> 3 & 7;

	if (insn->map == INSN_MAP_0F && ((insn->opcode & 0xe7) == 0xa3 || insn->opcode == 0xba))
		return FLAG_OF | FLAG_SF | FLAG_AF | FLAG_PF; /* SDM vol. 2 "BT" */
	if (insn->map != INSN_MAP_1)
		return 0;
	/* OR AND XOR; TEST */
	if ((is_group_1 || insn->opcode < 0x40) && (op == 1 || op == 4 || op == 6))
		return FLAG_AF;
	if ((insn->opcode & 0xfe) == 0x84 || (insn->opcode & 0xfe) == 0xa8 ||
	    ((insn->opcode & 0xfe) == 0xf6 && (insn->reg & 7) < 2))
		return FLAG_AF;
	return 0;
}

bool is_equal(const struct rig *rig, const struct candidate *c)
{
	u64 flags = c->ours.rflags ^ c->theirs.rflags;

	if ((c->result == EMU_DONE) != c->is_done_by_them)
		return false;
	if (c->result == EMU_DONE && flags & ~undefined_flags(&c->insn))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		if (memcmp(rig->ours.memory[i], rig->theirs.memory[i], WINDOW_BYTES))
			return false;
	}
	return rig->ours.ports == rig->theirs.ports &&
	       !memcmp(c->ours.gpr, c->theirs.gpr, sizeof(c->ours.gpr)) &&
	       (c->result != EMU_DONE || c->ours.rip == c->theirs.rip);
}

void complain(const struct rig *rig, const struct candidate *c, unsigned long number)
{
	char hex[3 * INSN_MAX + 1] = "", text[1500] = "";
	size_t at = 0;

	for (unsigned i = 0; i < c->insn.length; i++)
		snprintf(hex + 3 * i, 4, "%02x ", c->bytes[i]);
	for (unsigned i = 0; i < 16; i++) {
		if (c->ours.gpr[i] != c->theirs.gpr[i])
			at += (size_t)snprintf(text + at, sizeof(text) - at,
					       " r%u %llx -> %llx, theirs %llx;", i,
					       (unsigned long long)c->before.gpr[i],
					       (unsigned long long)c->ours.gpr[i],
					       (unsigned long long)c->theirs.gpr[i]);
	}
	for (unsigned i = 0; i < 2 * WINDOW_BYTES && at < sizeof(text) - 100; i++) {
		u8 ours = rig->ours.memory[i / WINDOW_BYTES][i % WINDOW_BYTES];
		u8 theirs = rig->theirs.memory[i / WINDOW_BYTES][i % WINDOW_BYTES];

		if (ours != theirs)
			at += (size_t)snprintf(text + at, sizeof(text) - at, " [%x] %02x %02x;", i,
					       ours, theirs);
	}
	EXPECT_MSG(false,
		   "case %lu: %sin %u-bit code: result %d vector %u, theirs: %s; flags %llx -> "
		   "%llx, theirs %llx; rip %llx %llx;%s",
		   number, hex, c->before.code_bytes * 8, c->result, c->fault.vector, c->said,
		   (unsigned long long)c->before.rflags, (unsigned long long)c->ours.rflags,
		   (unsigned long long)c->theirs.rflags, (unsigned long long)c->ours.rip,
		   (unsigned long long)c->theirs.rip, text);
}

void make_equal(struct rig *rig)
{
	for (unsigned i = 0; i < 2; i++)
		memcpy(rig->ours.memory[i], rig->theirs.memory[i], WINDOW_BYTES);
	rig->ours.ports = rig->theirs.ports;
}

/* 64-bit code has fewer one-byte opcodes, and no port can be used without privilege. */
void check_coverage(bool is_64)
{
	for (unsigned i = 0; i < opcode_count; i++) {
		u8 map = opcodes[i].map, opcode = opcodes[i].opcode;

		if (is_64 && map == INSN_MAP_1 &&
		    ((opcode & 0xe7) == 0x06 || (opcode & 0xf0) == 0x40 || opcode == 0x82 ||
		     (opcode & 0xfc) == 0x6c))
			continue;
		EXPECT_MSG(done[map][opcode], "map %u opcode %02x", map, opcode);
	}
}
