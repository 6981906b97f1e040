/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that reach what is no memory (interpreter/mmio.c): carried out, or the end of the
 * domain with their bytes, or of their absence. An instruction that cannot be carried out is tried
 * again a few times and never for ever. Strings between ports and devices, and task switches.
 */
#include <stdio.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "interpreter/interpreter.h"
#include "machine/x86.h"
#include "tap.h"

#define CODE 0x100000u
#define DEVICE 0x120000u /* linear */
#define NOWHERE 0x10000000u
#define TRIES 4u

static struct vcpu *v;
static struct recorder *r;

static void begin(void)
{
	const struct world_domain one = { .mode = PV_MODE_FULL_HAP };

	v = world_of(&one);
	r = recorder_of(v);
	world_map(v);
	EXPECT(!guest_write(&v->domain->p2m, WORLD_PTE(DEVICE), &(u64){ NOWHERE | 7 }, 8));
	v->gpr[RBX] = DEVICE;
	v->attention = 0;
	fake_output_clear();
}

static enum verdict touch(u64 rip, const void *code, size_t bytes)
{
	struct vmexit exit = { .code.exit = PV_EXIT_NESTED_FAULT,
			       .rip = rip,
			       .fault = { .gpa = NOWHERE } };

	EXPECT(!guest_write(&v->domain->p2m, rip, code, bytes));
	return exit_table[PV_EXIT_NESTED_FAULT](v, &exit);
}

#define TOUCH(...) touch(CODE, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static const char *why(void)
{
	return domains[0]->ending ? domains[0]->end.why : "(it lives)";
}

static void test_done(void)
{
	begin();
	EXPECT_EQ(TOUCH(0x48, 0x8b, 0x03), RESUME); /* mov (%rbx), %rax */
	EXPECT(v->gpr[RAX] == ~0ull && r->reg[VREG_RIP] == CODE + 3);
	EXPECT_EQ(TOUCH(0x88, 0x03), RESUME); /* mov %al, (%rbx) */
	EXPECT(r->reg[VREG_RIP] == CODE + 2 && !domains[0]->ending && !v->attention);
	world_destroy();
	tap_case("what can be carried out is, at once");
}

/* A few times with nothing cached, in case somebody has changed the code; then it ends. */
static void expect_end(const char *name, u64 rip, const void *code, size_t bytes, const char *text)
{
	begin();
	for (unsigned n = 0; n < TRIES; n++) {
		EXPECT_MSG(touch(rip, code, bytes) == RESUME && !domains[0]->ending, "%s", name);
		EXPECT_MSG(v->attention & ATTENTION_FLUSH, "%s: no flush", name);
		v->attention = 0;
	}
	EXPECT_MSG(touch(rip, code, bytes) == KILL && strstr(why(), text), "%s: %s", name, why());
	world_destroy();
}

static void test_unknown(void)
{
	static const u8 movups[] = { 0x0f, 0x10, 0x03 }, fld[] = { 0xdd, 0x03 };
	static const u8 vmovdqu[] = { 0xc5, 0xfe, 0x6f, 0x03 };
	static const u8 evex[] = { 0x62, 0xf1, 0x7e, 0x28, 0x6f, 0x03 };
	/* A map that only later CPUs have: the decoder cannot even say how long it is. */
	static const u8 map4[15] = { 0x62, 0xf4, 0x7c, 0x48, 0x58, 0x03 };

	expect_end("MOVUPS", CODE, movups, sizeof(movups),
		   "no emulation of the instruction {64-bit: 0f 10 03} for 0x10000000");
	expect_end("FLD", CODE, fld, sizeof(fld), "{64-bit: dd 03} for 0x10000000");
	expect_end("VMOVDQU", CODE, vmovdqu, sizeof(vmovdqu), "{64-bit: c5 fe 6f 03}");
	expect_end("EVEX", CODE, evex, sizeof(evex), "{64-bit: 62 f1 7e 28 6f 03}");
	expect_end("EVEX map 4", CODE, map4, sizeof(map4),
		   "{64-bit: 62 f4 7c 48 58 03 00 00 00 00 00 00 00 00 00} for 0x10000000");
	expect_end("EVEX map 4 at a page's end", CODE + 0xffa, map4, 6,
		   "{64-bit: 62 f4 7c 48 58 03} for 0x10000000");
	tap_case("what cannot be carried out ends the domain, with its bytes");
}

static void test_unreadable(void)
{
	struct vmexit exit = { .code.exit = PV_EXIT_NESTED_FAULT,
			       .rip = CODE,
			       .fault = { .gpa = NOWHERE } };

	begin();
	EXPECT(!guest_write(&v->domain->p2m, WORLD_PTE(CODE), &(u64){ 0 }, 8));
	for (unsigned n = 0; n < TRIES; n++)
		EXPECT_EQ(exit_table[PV_EXIT_NESTED_FAULT](v, &exit), RESUME);
	EXPECT(v->attention & ATTENTION_FLUSH);
	EXPECT_EQ(exit_table[PV_EXIT_NESTED_FAULT](v, &exit), KILL);
	EXPECT_MSG(strstr(why(), "for 0x10000000 cannot be fetched again"), "%s", why());
	world_destroy();
	tap_case("code that only the CPU still sees ends the domain, too");
}

static void test_progress(void)
{
	begin();
	for (unsigned n = 0; n < 10 * TRIES; n++) {
		EXPECT_EQ(TOUCH(0x0f, 0x10, 0x03), RESUME);
		if (n % TRIES == TRIES - 1)
			EXPECT_EQ(TOUCH(0x48, 0x8b, 0x03), RESUME);
	}
	for (unsigned n = 0; n < 10 * TRIES; n++) /* in turn at two places */
		EXPECT_EQ(touch(CODE + n % 2, (const u8[]){ 0x06, 0x06 }, 2), RESUME);
	EXPECT(!domains[0]->ending);
	world_destroy();
	tap_case("where it gets on, the tries begin anew");
}

static enum verdict string(u8 opcode, bool is_in)
{
	struct vmexit exit = { .rip = CODE, .io = { .port = 0x80, .bytes = 1 } };

	exit.code.exit = is_in ? PV_EXIT_PORT_IN : PV_EXIT_PORT_OUT;
	exit.io.is_in = is_in;
	exit.io.is_string = exit.io.is_rep = true;
	EXPECT(!guest_write(&v->domain->p2m, CODE, (u8[]){ 0xf3, opcode }, 2));
	return exit_table[exit.code.exit](v, &exit);
}

static void test_strings(void)
{
	begin();
	v->gpr[RCX] = 5; /* the last three of them the device's */
	v->gpr[RSI] = DEVICE - 2;
	EXPECT_EQ(string(0x6e, false), RESUME);
	EXPECT(v->gpr[RCX] == 0 && v->gpr[RSI] == DEVICE + 3 && r->reg[VREG_RIP] == CODE + 2);
	v->gpr[RCX] = 5;
	v->gpr[RDI] = DEVICE - 2;
	EXPECT_EQ(string(0x6c, true), RESUME);
	EXPECT(v->gpr[RCX] == 0 && v->gpr[RDI] == DEVICE + 3 && r->reg[VREG_RIP] == CODE + 2);
	EXPECT_MSG(!domains[0]->ending && !v->event.valid, "%s", why());
	world_destroy();
	tap_case("INS and OUTS between ports and devices");
}

/*
 * The CPU asked whether the program may use ports for the instruction that it found; one that a
 * program on another vCPU has put there since has nobody's permission.
 */
static void test_ports_not_asked_for(void)
{
	begin();
	v->gpr[RSI] = v->gpr[RDI] = DEVICE;
	v->gpr[RDX] = 0xcf9; /* all ones there reset the machine */
	EXPECT_EQ(TOUCH(0x6e), RESUME); /* outsb, where an access to the device exited */
	EXPECT_EQ(TOUCH(0x66, 0x6f), RESUME);
	EXPECT_EQ(TOUCH(0x6c), RESUME);
	EXPECT_MSG(!domains[0]->ending && !v->events[PV_EVENT_PORT_UNKNOWN], "%s", why());
	EXPECT(v->gpr[RSI] == DEVICE && v->gpr[RDI] == DEVICE);
	EXPECT(v->attention & ATTENTION_FLUSH);
	v->gpr[RDX] = 0x80;
	v->gpr[RCX] = 1;
	v->retries = 0;
	EXPECT_EQ(string(0x6f, false), RESUME); /* four ports, where one was asked for */
	EXPECT_EQ(string(0x6c, false), RESUME);
	EXPECT_EQ(string(0xa4, false), RESUME);
	EXPECT(v->gpr[RSI] == DEVICE && v->gpr[RDI] == DEVICE && v->gpr[RCX] == 1);
	EXPECT_EQ(string(0x6e, false), RESUME); /* and now it is the one that exited */
	EXPECT(v->gpr[RSI] == DEVICE + 1 && v->gpr[RCX] == 0 && !domains[0]->ending);
	v->gpr[RSI] = DEVICE;
	v->gpr[RCX] = 1;
	for (unsigned n = 0; n < TRIES; n++)
		EXPECT_EQ(string(0x6f, false), RESUME);
	EXPECT_EQ(string(0x6f, false), KILL); /* not for ever */
	EXPECT_MSG(strstr(why(), "{64-bit: f3 6f}"), "%s", why());
	world_destroy();
	tap_case("ports are used as the CPU has found it allowed, and not otherwise");
}

static void test_task_switch(void)
{
	struct vmexit exit = { .code.exit = PV_EXIT_TASK_SWITCH, .qualification = 0x80000020 };

	begin();
	EXPECT_EQ(exit_table[PV_EXIT_TASK_SWITCH](v, &exit), KILL);
	EXPECT_MSG(strstr(why(), "hardware task switch to selector 0x20"), "%s", why());
	world_destroy();
	tap_case("a task switch ends the domain, and says so");
}

int main(void)
{
	test_done();
	test_unknown();
	test_unreadable();
	test_progress();
	test_strings();
	test_ports_not_asked_for();
	test_task_switch();
	return tap_done();
}
