/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IN, OUT and their string forms (interpreter/port.c, port_string.c, linear.c), and the one-word
 * rules of privileged.c: widths, ports that nobody has, what a string leaves in its registers when
 * it is cut off or faults half-way, and that nothing is read from or written to the wrong place.
 */
#include <stdio.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/interpreter.h"
#include "interpreter/policy.h"
#include "lib/pagewalk.h"
#include "machine/x86.h"
#include "tap.h"

#define CODE 0x100000u
#define DATA 0x120000u
#define RFLAGS_DF BIT(10)

static struct vcpu *v;
static struct recorder *r;

static void begin(void)
{
	const struct world_domain two_chunks = { .mode = PV_MODE_PV_HAP, .chunks = 2 };

	v = world_of(&two_chunks);
	r = recorder_of(v);
	world_map(v);
	fake_output_clear();
}

/* The text of the domain's console so far. */
static const char *console_text(void)
{
	static char text[CONSOLE_LINE + 1];

	memcpy(text, domains[0]->console.line, domains[0]->console.used);
	text[domains[0]->console.used] = 0;
	return text;
}

static void put(gpa_t gpa, const void *bytes, size_t n)
{
	EXPECT(!guest_write(&v->domain->p2m, gpa, bytes, n));
}

static void set_entry(gva_t gva, u64 entry)
{
	put(WORLD_PTE(gva), &entry, sizeof(entry));
}

static u64 in(u16 port, u8 bytes, u64 rax)
{
	struct vmexit exit = { .code.exit = PV_EXIT_PORT_IN,
			       .io = { .port = port, .bytes = bytes, .is_in = true } };

	v->gpr[RAX] = rax;
	EXPECT_EQ(interpret_port_in(v, &exit), ADVANCE);
	return v->gpr[RAX];
}

static void out(u16 port, u8 bytes, u64 rax)
{
	struct vmexit exit = { .code.exit = PV_EXIT_PORT_OUT,
			       .io = { .port = port, .bytes = bytes } };

	v->gpr[RAX] = rax;
	EXPECT_EQ(interpret_port_out(v, &exit), ADVANCE);
	EXPECT_EQ(v->gpr[RAX], rax);
}

static void test_single(void)
{
	const u64 before = 0x1122334455667788;
	u64 unknown = 0;

	begin();
	for (u32 port = 0; port < 0x10000; port += port < 0x100 || port > 0xff00 ? 1 : 7) {
		if (port == PV_PORT_CONSOLE)
			continue;
		EXPECT_EQ(in((u16)port, 1, before), 0x11223344556677ff);
		EXPECT_EQ(in((u16)port, 2, before), 0x112233445566ffff);
		EXPECT_EQ(in((u16)port, 4, before), 0xffffffff);
		if (port == PV_PORT_EXIT || port == PV_PORT_MARK)
			continue;
		unknown += 6;
		out((u16)port, 1, before);
		out((u16)port, 2, before);
		out((u16)port, 4, before);
	}
	EXPECT(!domains[0]->ending && !fake_debug_port.used && !*console_text());
	EXPECT_EQ(v->events[PV_EVENT_PORT_UNKNOWN], unknown);
	EXPECT_EQ(in(PV_PORT_CONSOLE, 1, before), 0x1122334455667700 | PV_PORT_CONSOLE);
	out(PV_PORT_CONSOLE, 1, 0xabcd00 | 'x');
	EXPECT(!strcmp(console_text(), "x"));
	for (unsigned i = 0; i < port_rule_count; i++)
		EXPECT(port_rules[i].why && port_rules[i].first <= port_rules[i].last);

	/* A mark: a snapshot a vCPU, and its exit goes to a counter that nobody reads. */
	v->counter = &v->exits[PV_EXIT_PORT_OUT];
	out(PV_PORT_MARK, 4, 77);
	EXPECT(v->counter && (v->counter < v->exits || v->counter >= v->exits + PV_EXIT_COUNT));
	EXPECT(fake_debug_port.used >=
	       sizeof(struct pv_frame_header) + sizeof(struct pv_frame_stats));
	out(PV_PORT_EXIT, 1, 0xffffff03);
	EXPECT(domains[0]->ending && domains[0]->end.how == PV_END_SHUTDOWN &&
	       domains[0]->end.status == 3);
	EXPECT_EQ(v->events[PV_EVENT_PORT_UNKNOWN], unknown); /* none of these is */
	world_destroy();
	tap_case("ports that nobody has read all ones and are counted; the few that there are");
}

/* ---- strings ---- */

static const u8 outsb[] = { 0x6e }, rep_outsb[] = { 0xf3, 0x6e }, outsd[] = { 0x6f };
static const u8 rep_insb[] = { 0xf3, 0x6c }, rep_insd[] = { 0xf3, 0x6d }, insw[] = { 0x66, 0x6d };
static const u8 fs_rep_outsb[] = { 0x64, 0xf3, 0x6e }, rep_outsb_32[] = { 0x67, 0xf3, 0x6e };
static const u8 gs_outsb[] = { 0x65, 0x6e }, rep_insb_32[] = { 0x67, 0xf3, 0x6c };

#define STRING(code, port, width, in) string(code, sizeof(code), port, width, in)

static enum verdict string(const u8 *code, size_t bytes, u16 port, u8 width, bool is_in)
{
	struct vmexit exit = { .code.exit = is_in ? PV_EXIT_PORT_IN : PV_EXIT_PORT_OUT,
			       .rip = CODE,
			       .io = { .port = port,
				       .bytes = width,
				       .is_in = is_in,
				       .is_string = true,
				       .is_rep = memchr(code, 0xf3, bytes) } };

	put(CODE, code, bytes);
	return is_in ? interpret_port_in(v, &exit) : interpret_port_out(v, &exit);
}

static void test_outs(void)
{
	begin();
	put(DATA, "0123456789", 10);
	v->gpr[RSI] = DATA + 2;
	v->gpr[RCX] = 99; /* not looked at without REP */
	EXPECT_EQ(STRING(outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 3 && v->gpr[RCX] == 99 && !strcmp(console_text(), "2"));
	v->gpr[RCX] = 4;
	EXPECT_EQ(STRING(rep_outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 7 && v->gpr[RCX] == 0 && !strcmp(console_text(), "23456"));
	EXPECT_EQ(STRING(rep_outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 7 && v->gpr[RCX] == 0 && !strcmp(console_text(), "23456"));
	/* Downwards. */
	r->reg[VREG_RFLAGS] |= RFLAGS_DF;
	v->gpr[RCX] = 3;
	EXPECT_EQ(STRING(rep_outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 4 && !strcmp(console_text(), "23456765"));
	EXPECT_EQ(STRING(outsd, 0x80, 4, false), ADVANCE);
	EXPECT_EQ(v->gpr[RSI], DATA);
	r->reg[VREG_RFLAGS] &= ~RFLAGS_DF;
	/* FS and GS have bases, DS has none. */
	r->reg[VREG_FS_BASE] = DATA;
	r->reg[VREG_GS_BASE] = DATA + 1;
	v->gpr[RSI] = 8;
	v->gpr[RCX] = 2;
	EXPECT_EQ(STRING(fs_rep_outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == 10 && !strcmp(console_text(), "2345676589"));
	v->gpr[RSI] = 0;
	EXPECT_EQ(STRING(gs_outsb, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(!strcmp(console_text(), "23456765891"));
	/* 32-bit addresses: the upper halves do not count, and go. */
	v->gpr[RSI] = BIT(40) | DATA;
	v->gpr[RCX] = BIT(40) | 2;
	EXPECT_EQ(STRING(rep_outsb_32, PV_PORT_CONSOLE, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 2 && v->gpr[RCX] == 0 &&
	       !strcmp(console_text(), "2345676589101"));
	EXPECT(!v->event.valid && !domains[0]->ending);
	world_destroy();
	tap_case("OUTS: count, direction, segment, address size");
}

static void test_ins(void)
{
	u8 buffer[24];

	begin();
	memset(buffer, 0, sizeof(buffer));
	put(DATA, buffer, sizeof(buffer));
	v->gpr[RDI] = DATA + 4;
	v->gpr[RCX] = 3;
	r->reg[VREG_FS_BASE] = 0x5000; /* ES has no base, whatever the prefix */
	EXPECT_EQ(STRING(rep_insd, 0x3f8, 4, true), ADVANCE);
	EXPECT(v->gpr[RDI] == DATA + 16 && v->gpr[RCX] == 0);
	EXPECT_EQ(STRING(insw, PV_PORT_CONSOLE, 2, true), ADVANCE);
	EXPECT_EQ(v->gpr[RDI], DATA + 18);
	v->gpr[RDI] = BIT(40) | (DATA + 20);
	v->gpr[RCX] = 1;
	EXPECT_EQ(STRING(rep_insb_32, 0x60, 1, true), ADVANCE);
	EXPECT_EQ(v->gpr[RDI], DATA + 21);
	guest_read(&v->domain->p2m, DATA, buffer, sizeof(buffer));
	EXPECT(!memcmp(buffer,
		       "\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xe9\0\0\0\xff\0\0",
		       24));
	world_destroy();
	tap_case("INS");
}

static void test_long_strings(void)
{
	unsigned exits = 0;
	enum verdict verdict;

	begin();
	v->gpr[RDI] = DATA;
	v->gpr[RCX] = 5000;
	do {
		u64 left = v->gpr[RCX];

		verdict = STRING(rep_insb, 0x60, 1, true);
		exits++;
		EXPECT(left - v->gpr[RCX] <= 64);
		EXPECT_EQ(v->gpr[RDI], DATA + 5000 - v->gpr[RCX]);
		EXPECT_EQ(verdict, v->gpr[RCX] ? RESUME : ADVANCE);
	} while (verdict == RESUME && exits < 1000);
	EXPECT_EQ(exits, (5000 + 63) / 64);
	/* Without an end: still one bounded exit after the other. */
	v->gpr[RSI] = DATA;
	v->gpr[RCX] = ~0ull;
	EXPECT_EQ(STRING(rep_outsb, 0x80, 1, false), RESUME);
	EXPECT_EQ(v->gpr[RCX], ~0ull - 64);
	world_destroy();
	tap_case("a long string comes back to the same instruction");
}

static void take_fault(u64 address, u32 error)
{
	EXPECT(v->event.valid && v->event.type == EVENT_EXCEPTION && v->event.vector == VEC_PF);
	EXPECT(v->event.has_error && v->event.error == error);
	EXPECT_EQ(r->reg[VREG_CR2], address);
	v->event.valid = false;
	vcpu_attended(v, ATTENTION_EVENT);
}

static void test_faults(void)
{
	u8 bytes[8] = { 'a', 'b', 'c', 'd' };

	begin();
	put(DATA + 4092, bytes, 4);
	set_entry(DATA + 4096, 0);
	v->gpr[RSI] = DATA + 4092;
	v->gpr[RCX] = 10;
	EXPECT_EQ(STRING(rep_outsb, PV_PORT_CONSOLE, 1, false), FAULT);
	take_fault(DATA + 4096, 0);
	EXPECT(v->gpr[RSI] == DATA + 4096 && v->gpr[RCX] == 6 && !strcmp(console_text(), "abcd"));
	/* The page is there now: on it goes. */
	set_entry(DATA + 4096, (DATA + 4096) | 7);
	EXPECT_EQ(STRING(rep_outsb, 0x80, 1, false), ADVANCE);
	EXPECT(v->gpr[RSI] == DATA + 4102 && v->gpr[RCX] == 0);

	/* A store that faults must not have read the port; a page that cannot be written. */
	set_entry(DATA, DATA | 5);
	v->gpr[RDI] = DATA;
	v->gpr[RCX] = 2;
	r->reg[VREG_CPL] = 3;
	EXPECT_EQ(STRING(rep_insb, 0x60, 1, true), FAULT);
	take_fault(DATA, 7);
	EXPECT(v->gpr[RDI] == DATA && v->gpr[RCX] == 2);
	/* User code and a supervisor's page. */
	set_entry(DATA, DATA | 3);
	v->gpr[RSI] = DATA;
	EXPECT_EQ(STRING(rep_outsb, 0x60, 1, false), FAULT);
	take_fault(DATA, 5);
	r->reg[VREG_CPL] = 0;
	EXPECT_EQ(STRING(rep_outsb, 0x60, 1, false), ADVANCE);
	/* A doubleword across pages, of which the second is missing: nothing is written. */
	set_entry(DATA, DATA | 7);
	set_entry(DATA + 4096, 0);
	put(DATA + 4094, "..", 2);
	v->gpr[RDI] = DATA + 4094;
	v->gpr[RCX] = 1;
	EXPECT_EQ(STRING(rep_insd, 0x60, 4, true), FAULT);
	guest_read(&v->domain->p2m, DATA + 4094, bytes, 2);
	EXPECT(bytes[0] == '.' && bytes[1] == '.' && v->gpr[RCX] == 1);
	EXPECT(v->event.vector == VEC_PF && v->event.error == 2);
	EXPECT(r->reg[VREG_CR2] >= DATA + 4094 && r->reg[VREG_CR2] <= DATA + 4096);
	v->event.valid = false;
	/* No linear address at all. */
	v->gpr[RSI] = 0x800000000000;
	v->gpr[RCX] = 1;
	EXPECT_EQ(STRING(rep_outsb, 0x80, 1, false), FAULT);
	EXPECT(v->event.valid && v->event.vector == VEC_GP && v->event.has_error &&
	       !v->event.error);
	v->event.valid = false;
	/* The code itself goes away before we look. */
	set_entry(CODE, 0);
	EXPECT_EQ(STRING(rep_outsb, 0x80, 1, false), RESUME);
	EXPECT(!v->event.valid && v->gpr[RCX] == 1 && !domains[0]->ending);
	world_destroy();
	tap_case("faults half-way leave the registers where the instruction stopped");
}

/*
 * Physical addresses that are no memory, or not the guest's to write, end the domain as a store
 * would.
 */
static void test_deadly(void)
{
	u8 byte = 0;

	begin();
	v->gpr[RDI] = 0x8000; /* read-only by the nested tables */
	v->gpr[RCX] = 1;
	EXPECT_EQ(STRING(rep_insb, 0x60, 1, true), KILL);
	EXPECT(domains[0]->ending && strstr(domains[0]->end.why, "protected"));
	guest_read(&v->domain->p2m, 0x8000, &byte, 1);
	EXPECT_EQ(byte, 0);
	EXPECT_EQ(v->gpr[RCX], 1);
	world_destroy();

	begin();
	set_entry(DATA, 0x10000000 | 7);
	v->gpr[RSI] = DATA;
	EXPECT_EQ(STRING(outsb, 0x60, 1, false), KILL);
	EXPECT(domains[0]->ending && strstr(domains[0]->end.why, "not memory"));
	world_destroy();

	begin();
	put(0x2000 + 8, &(u64){ 0x10000000 | 7 }, 8); /* a page directory that is no memory */
	v->gpr[RSI] = 0x40000000;
	EXPECT_EQ(STRING(outsb, 0x60, 1, false), KILL);
	EXPECT(domains[0]->ending && !v->event.valid);
	world_destroy();

	tap_case("string I/O to what is no memory ends the domain");
}

/* ---- instructions whose policy is one word ---- */

/* PAUSE gives way to a sibling that has no CPU, and exits only as long as there is one. */
static void test_pause(void)
{
	const struct world_domain pair = { .mode = PV_MODE_FULL_HAP, .vcpus = 2 };
	struct vmexit exit = { .code.exit = PV_EXIT_PAUSE, .rip = CODE };
	struct vcpu *other;

	world_create(&pair, 1, 1);
	v = domains[0]->vcpus[0];
	other = domains[0]->vcpus[1];
	v->state = VCPU_RUNNING;
	v->cpu = &cpus[0];
	domains[0]->vcpus_live = 2;
	r = recorder_of(v);
	r->reg[VREG_PAUSE_EXITS] = 1;
	v->attention = 0;
	other->state = VCPU_RUNNABLE;
	EXPECT_EQ(exit_table[PV_EXIT_PAUSE](v, &exit), ADVANCE);
	EXPECT(v->attention == ATTENTION_YIELD && r->reg[VREG_PAUSE_EXITS] == 1);
	v->attention = 0;
	other->state = VCPU_BLOCKED;
	EXPECT_EQ(exit_table[PV_EXIT_PAUSE](v, &exit), ADVANCE);
	EXPECT(!v->attention && r->reg[VREG_PAUSE_EXITS] == 0);
	/* Runnable, but not here; and with a CPU for each. */
	other->state = VCPU_RUNNABLE;
	other->cpu_mask = BIT(1);
	EXPECT(!sched_has_waiting_sibling(v));
	other->cpu_mask = ~0ull;
	EXPECT(sched_has_waiting_sibling(v));
	domains[0]->vcpus_live = 1;
	EXPECT(!sched_has_waiting_sibling(v));
	world_destroy();
	tap_case("PAUSE gives way to a sibling that waits, and to nobody else");
}

static void test_privileged(void)
{
	static const struct {
		u16 class;
		u8 verdict, vector;
	} rows[] = {
		{ PV_EXIT_INVD, ADVANCE, 0 },       { PV_EXIT_WBINVD, ADVANCE, 0 },
		{ PV_EXIT_PAUSE, ADVANCE, 0 },      { PV_EXIT_RDPMC, FAULT, VEC_GP },
		{ PV_EXIT_MONITOR, FAULT, VEC_UD }, { PV_EXIT_VMX_INSN, FAULT, VEC_UD },
		{ PV_EXIT_RSM, FAULT, VEC_UD },
	};
	struct vmexit exit = { .rip = CODE };

	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		exit.code.exit = rows[i].class;
		EXPECT_EQ(exit_table[rows[i].class](v, &exit), rows[i].verdict);
		EXPECT_EQ(v->event.valid, rows[i].verdict == FAULT);
		if (v->event.valid)
			EXPECT(v->event.vector == rows[i].vector &&
			       v->event.has_error == (rows[i].vector == VEC_GP));
		EXPECT(!(v->attention & ATTENTION_YIELD));
		v->event.valid = false;
		v->attention = 0;
	}
	/* HLT: what wakes it depends on IF. */
	exit.code.exit = PV_EXIT_HLT;
	r->reg[VREG_RFLAGS] |= RFLAGS_IF;
	EXPECT_EQ(interpret_hlt(v, &exit), ADVANCE);
	EXPECT(v->attention == ATTENTION_BLOCK && v->deadline == ~0ull);
	EXPECT_EQ(v->wake_mask, ATTENTION_IRQ | ATTENTION_NMI | ATTENTION_EVENT | ATTENTION_STOP);
	r->reg[VREG_RFLAGS] &= ~RFLAGS_IF;
	EXPECT_EQ(interpret_hlt(v, &exit), ADVANCE);
	EXPECT_EQ(v->wake_mask, ATTENTION_NMI | ATTENTION_EVENT | ATTENTION_STOP);
	v->attention = 0;
	/* RDTSC: the machine's own; CR4.TSD keeps user code from it. */
	exit.code.exit = PV_EXIT_RDTSC;
	fake_tsc = 0x123456789a;
	fake_tsc_aux = 0x1234;
	v->gpr[RCX] = 1;
	EXPECT_EQ(interpret_rdtsc(v, &exit), ADVANCE);
	EXPECT(v->gpr[RAX] == 0x3456789a && v->gpr[RDX] == 0x12 && v->gpr[RCX] == 1);
	exit.has_aux = true;
	EXPECT_EQ(interpret_rdtsc(v, &exit), ADVANCE);
	EXPECT_EQ(v->gpr[RCX], 0x1234);
	r->reg[VREG_CR4] |= CR4_TSD;
	EXPECT_EQ(interpret_rdtsc(v, &exit), ADVANCE);
	r->reg[VREG_CPL] = 3;
	EXPECT_EQ(interpret_rdtsc(v, &exit), FAULT);
	EXPECT_EQ(v->event.vector, VEC_GP);
	v->event.valid = false;
	v->attention = 0;
	EXPECT(!domains[0]->ending);
	world_destroy();
	/* Classes that no rule asks for end the domain, with a report. */
	for (u16 class = 0; class < PV_EXIT_COUNT; class ++) {
		EXPECT(exit_table[class] != NULL);
		if (class != PV_EXIT_DR && class != PV_EXIT_DESCRIPTOR && class != PV_EXIT_INVLPG &&
		    class != PV_EXIT_INIT && class != PV_EXIT_UNKNOWN)
			continue;
		begin();
		exit = (struct vmexit){ .code = { class, 0x2b }, .rip = CODE };
		EXPECT_EQ(exit_table[class](v, &exit), KILL);
		EXPECT(domains[0]->ending && strstr(domains[0]->end.why, "0x2b"));
		EXPECT(fake_serial_has("rip") && fake_serial_has("cr0"));
		world_destroy();
	}
	tap_case("one-word rules; HLT, RDTSC; classes that nothing asks for");
}

static void test_random(void)
{
	static const struct {
		const u8 *code;
		u8 bytes, width;
		bool is_in;
	} strings[] = {
		{ rep_outsb, 2, 1, false },  { outsd, 1, 4, false }, { rep_insd, 2, 4, true },
		{ rep_insb_32, 3, 1, true }, { insw, 2, 2, true },   { fs_rep_outsb, 3, 1, false },
	};
	u64 seed = 29;

	begin();
	for (unsigned i = 0; i < 30000; i++) {
		const unsigned n = (unsigned)rnd(&seed) % ARRAY_SIZE(strings);
		u64 wild = rnd(&seed);
		u64 address = wild % 3 ? DATA + (wild >> 8) % 0x6000 :
					 wild >> 32 << (wild >> 8) % 32;

		v->gpr[RSI] = v->gpr[RDI] = address;
		v->gpr[RCX] = rnd(&seed) >> rnd(&seed) % 64;
		r->reg[VREG_RFLAGS] = 2 | (rnd(&seed) & RFLAGS_DF);
		r->reg[VREG_FS_BASE] = wild % 5 ? 0 : wild;
		r->reg[VREG_CPL] = wild % 7 ? 0 : 3;
		if (wild % 4 == 0)
			set_entry(DATA + (wild >> 16) % 8 * 4096,
				  (DATA + (wild >> 20) % 8 * 4096) | (rnd(&seed) & 7));
		string(strings[n].code, strings[n].bytes, (u16)(wild % 2 ? 0xe9 : 0x60),
		       strings[n].width, strings[n].is_in);
		v->event.valid = false;
		v->attention = 0;
		if (!domains[0]->ending)
			continue;
		world_destroy();
		begin();
	}
	fake_output_clear();
	world_destroy();
	tap_case("random strings");
}

int main(void)
{
	fake_cpuid_all();
	test_single();
	test_outs();
	test_ins();
	test_long_strings();
	test_faults();
	test_deadly();
	test_pause();
	test_privileged();
	test_random();
	return tap_done();
}
