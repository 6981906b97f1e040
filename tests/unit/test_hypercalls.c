/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: each call's success, every errno that abi.toml names for it (a row that is missing
 * here fails the test), the rules that hold for all of them, and random calls with random memory.
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "fake/world.h"
#include "host/frame.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "pv_names.h"
#include "tap.h"

#define CONTEXT_GPA 0x10000u
#define MEMORY CHUNK_SIZE
#define VCPUS 3u

static struct vcpu *v;
static struct domain *d;

static const struct {
	const char *name;
	unsigned number, args;
} calls[] = {
#define ABI_CALL(call, nr, count) { #call, nr, count },
#define ABI_ERROR(call, errno_name)
#include "abi_errors.h"
#undef ABI_CALL
#undef ABI_ERROR
};

static void begin(void)
{
	v = world_small(VCPUS);
	d = v->domain;
	memset(v->gpr, 0, sizeof(v->gpr));
	fake_output_clear();
}

static void set_args(u64 number, const u64 args[6])
{
	v->gpr[RAX] = number;
	v->gpr[RDI] = args[0];
	v->gpr[RSI] = args[1];
	v->gpr[RDX] = args[2];
	v->gpr[RCX] = args[3];
	v->gpr[R8] = args[4];
	v->gpr[R9] = args[5];
}

/* The call as an exit brings it; only rax may change. */
static s64 call(u64 number, const u64 args[6])
{
	struct vmexit exit = { .code.exit = PV_EXIT_HYPERCALL };
	u64 before[16];

	set_args(number, args);
	memcpy(before, v->gpr, sizeof(before));
	EXPECT_EQ(hypercall_exit(v, &exit), ADVANCE);
	before[RAX] = v->gpr[RAX];
	EXPECT(!memcmp(before, v->gpr, sizeof(before)));
	return (s64)v->gpr[RAX];
}

#define CALL(number, ...) call(number, (const u64[6]){ __VA_ARGS__ })

static void put_context(gpa_t gpa, const struct pv_vcpu_context *context)
{
	EXPECT(!guest_write(&d->p2m, gpa, context, sizeof(*context)));
}

/* ---- successes ---- */

static void test_null_and_console(void)
{
	char text[PV_CONSOLE_MAX];

	begin();
	EXPECT_EQ(CALL(PV_CALL_NULL), 0);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	guest_write(&d->p2m, 0x20000, text, sizeof(text));
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000, 1), 1);
	EXPECT(d->console.used == 1 && d->console.line[0] == 'x' && !fake_debug_port.used);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000 + PV_CONSOLE_MAX - 1, 1), 1);
	EXPECT(!d->console.used && fake_serial_has("[d0] x\n"));
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, 0x20000, PV_CONSOLE_MAX), PV_CONSOLE_MAX);
	EXPECT_EQ(CALL(PV_CALL_CONSOLE, MEMORY - 256, 256), 256); /* the last bytes of memory */
	EXPECT_EQ(d->console.written, 2 + 256 + 256);
	EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 0);
	world_destroy();
	tap_case("NULL and CONSOLE");
}

static void test_shutdown(void)
{
	for (u64 reason = PV_SHUTDOWN_POWEROFF; reason <= PV_SHUTDOWN_CRASH; reason++) {
		begin();
		EXPECT_EQ(CALL(PV_CALL_SHUTDOWN, reason, 255 - reason), 0);
		EXPECT(d->ending && d->end.how == PV_END_SHUTDOWN);
		EXPECT(d->end.reason == reason && d->end.status == 255 - reason);
		for (u32 i = 0; i < VCPUS; i++)
			EXPECT(d->vcpus[i]->attention & ATTENTION_DYING);
		EXPECT_EQ(CALL(PV_CALL_SHUTDOWN, 0, 0), 0); /* the first one stays */
		EXPECT_EQ(d->end.reason, reason);
		world_destroy();
	}
	tap_case("SHUTDOWN");
}

static void test_mark(void)
{
	struct pv_frame_header header;
	struct pv_frame_stats stats;
	size_t at = 0;

	begin();
	v->exits[PV_EXIT_CPUID].count = 5;
	EXPECT_EQ(CALL(PV_CALL_TRACE_MARK, 0x1234567890), 0);
	for (u32 i = 0; i < VCPUS; i++) {
		memcpy(&header, fake_debug_port.data + at, sizeof(header));
		memcpy(&stats, fake_debug_port.data + at + sizeof(header), sizeof(stats));
		EXPECT(header.type == PV_FRAME_STATS && stats.vcpu == i && stats.domain == 0);
		EXPECT(stats.why == PV_STATS_MARK && stats.mark == 0x1234567890);
		EXPECT_EQ(stats.rows, i == 0);
		at += sizeof(header) + header.length;
	}
	EXPECT_EQ(at, fake_debug_port.used);
	world_destroy();
	tap_case("TRACE_MARK");
}

static void test_start(void)
{
	struct pv_vcpu_context context = world_context(0x123000);
	struct vcpu *other;

	begin();
	other = d->vcpus[2];
	context.rdi = 77;
	context.cr4 |= CR4_OSXSAVE;
	put_context(CONTEXT_GPA, &context);
	EXPECT_EQ(CALL(PV_CALL_VCPU_START, 2, CONTEXT_GPA), 0);
	EXPECT(other->state == VCPU_RUNNABLE && d->vcpus_live == 2);
	EXPECT(other->gpr[RDI] == 77 && other->osxsave);
	EXPECT(!memcmp(&recorder_of(other)->start, &context, sizeof(context)));
	EXPECT_EQ(d->vcpus[1]->state, VCPU_STOPPED);
	/* It gets its CPU, dies with its domain and can be told so. */
	EXPECT(sched_next(&cpus[0]) == other);
	vcpu_attend(other, ATTENTION_DYING);
	sched_put(&cpus[0], other);
	EXPECT(other->state == VCPU_STOPPED && d->vcpus_live == 1);
	put_context(2 * PAGE_SIZE - sizeof(context), &context); /* the last one that fits a page */
	EXPECT_EQ(CALL(PV_CALL_VCPU_START, 2, 2 * PAGE_SIZE - sizeof(context)), 0);
	other = sched_next(&cpus[0]);
	vcpu_attend(other, ATTENTION_DYING);
	sched_put(&cpus[0], other);
	world_destroy();
	tap_case("VCPU_START");
}

static void test_yield_and_block(void)
{
	begin();
	EXPECT_EQ(CALL(PV_CALL_YIELD), 0);
	EXPECT_EQ(v->attention, ATTENTION_YIELD);
	v->attention = 0;
	EXPECT_EQ(CALL(PV_CALL_BLOCK, 0), 0);
	EXPECT(v->attention == ATTENTION_BLOCK && v->deadline == ~0ull);
	EXPECT_EQ(v->wake_mask, ATTENTION_IRQ | ATTENTION_NMI);
	v->attention = 0;
	EXPECT_EQ(CALL(PV_CALL_BLOCK, 5000000), 0);
	EXPECT(v->attention == ATTENTION_BLOCK && v->deadline == 5000000);
	/* An event is pending: at once, whichever kind it is. */
	v->attention = 0;
	irq_raise(v, 0x30);
	EXPECT(!CALL(PV_CALL_BLOCK, 0) && !(v->attention & ATTENTION_BLOCK));
	memset(v->irr, 0, sizeof(v->irr));
	v->attention = 0;
	v->offered = 0x30;
	EXPECT(!CALL(PV_CALL_BLOCK, 0) && !(v->attention & ATTENTION_BLOCK));
	v->offered = -1;
	nmi_raise(v);
	EXPECT(!CALL(PV_CALL_BLOCK, 0) && !(v->attention & ATTENTION_BLOCK));
	world_destroy();
	tap_case("YIELD and BLOCK");
}

static void test_ipi(void)
{
	begin();
	for (u64 vector = 32; vector < 256; vector++) {
		EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 1, vector), 0);
		EXPECT(d->vcpus[1]->irr[vector / 64] & BIT(vector % 64));
		EXPECT(!irq_pending(v));
	}
	EXPECT_EQ(d->vcpus[1]->attention, ATTENTION_IRQ);
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 2, VEC_NMI), 0);
	EXPECT_EQ(d->vcpus[2]->attention, ATTENTION_NMI);
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 0, 0x41), 0); /* to itself */
	EXPECT(irq_pending(v));
	/* A vCPU that runs elsewhere is kicked, one that sleeps is woken. */
	cpus[1].index = 1;
	d->vcpus[1]->state = VCPU_RUNNING;
	d->vcpus[1]->cpu = &cpus[1];
	EXPECT_EQ(CALL(PV_CALL_IPI_SEND, 1, 0x41), 0);
	EXPECT_EQ(fake_cpus[1].kicks, 1);
	d->vcpus[1]->state = VCPU_STOPPED;
	world_destroy();
	tap_case("IPI_SEND");
}

/* ---- every errno ---- */

static void put_good_context(void)
{
	const struct pv_vcpu_context context = world_context(0x123000);

	put_context(CONTEXT_GPA, &context);
}

#define CROSSING_GPA (CONTEXT_GPA + PAGE_SIZE - sizeof(struct pv_vcpu_context) + 8)

/* Good ones where none may stand. */
static void put_misplaced_contexts(void)
{
	const struct pv_vcpu_context context = world_context(0x123000);

	put_context(CONTEXT_GPA + 4, &context);
	put_context(CROSSING_GPA, &context);
}

static void put_bad_context(void)
{
	struct pv_vcpu_context context = world_context(0x123000);

	context.cr0 = 0;
	put_context(CONTEXT_GPA, &context);
}

static void claim_other(void)
{
	put_good_context();
	EXPECT(sched_claim(d->vcpus[1]));
}

#define ROW(call, errno_name) #call, #errno_name, PV_CALL_##call, PV_##errno_name
static const struct {
	const char *call, *errno_name;
	unsigned number;
	int error;
	u64 args[6];
	void (*prepare)(void);
} errors[] = {
	{ ROW(NULL, EINVAL), { 1 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 0 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 257 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, ~0ull }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20fff, 2 }, NULL },
	{ ROW(CONSOLE, EINVAL), { ~0ull, 256 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 1, 1 }, NULL },
	{ ROW(CONSOLE, EFAULT), { MEMORY, 1 }, NULL },
	{ ROW(CONSOLE, EFAULT), { ~0xfffull, 256 }, NULL },
	{ ROW(CONSOLE, EFAULT), { BIT(63), 1 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { PV_SHUTDOWN_CRASH + 1, 0 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { BIT(32), 0 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, 256 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, BIT(40) }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, 0, 1 }, NULL },
	{ ROW(TRACE_MARK, EINVAL), { 0, 1 }, NULL },
	{ ROW(VCPU_START, EINVAL), { 1, CONTEXT_GPA + 4 }, put_misplaced_contexts },
	{ ROW(VCPU_START, EINVAL), { 1, CROSSING_GPA }, put_misplaced_contexts },
	{ ROW(VCPU_START, EINVAL), { 1, CONTEXT_GPA }, put_bad_context },
	{ ROW(VCPU_START, EINVAL), { 1, CONTEXT_GPA, 0, 0, 0, 1 }, put_good_context },
	{ ROW(VCPU_START, ENOENT), { VCPUS, CONTEXT_GPA }, put_good_context },
	{ ROW(VCPU_START, ENOENT), { ~0ull, CONTEXT_GPA }, put_good_context },
	{ ROW(VCPU_START, ENOENT), { BIT(32), CONTEXT_GPA }, put_good_context },
	{ ROW(VCPU_START, EEXIST), { 0, CONTEXT_GPA }, put_good_context },
	{ ROW(VCPU_START, EEXIST), { 1, CONTEXT_GPA }, claim_other },
	{ ROW(VCPU_START, EFAULT), { 1, MEMORY }, NULL },
	{ ROW(VCPU_START, EFAULT), { 1, ~0xfffull }, NULL },
	{ ROW(YIELD, EINVAL), { 0, 0, 0, 1 }, NULL },
	{ ROW(BLOCK, EINVAL), { 1000, 1 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 31 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 0 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 256 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, BIT(32) + 64 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 64, 0, 0, 1 }, NULL },
	{ ROW(IPI_SEND, ENOENT), { VCPUS, 64 }, NULL },
	{ ROW(IPI_SEND, ENOENT), { BIT(32), 64 }, NULL },
};

static void test_errors(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		u32 attention[VCPUS];
		s64 result;

		begin();
		if (errors[i].prepare)
			errors[i].prepare();
		for (u32 n = 0; n < VCPUS; n++)
			attention[n] = d->vcpus[n]->attention;
		result = call(errors[i].number, errors[i].args);
		EXPECT_MSG(result == -errors[i].error, "row %u: %s gives %lld, expected -%s", i,
			   errors[i].call, (long long)result, errors[i].errno_name);
		/* It has done nothing. */
		for (u32 n = 0; n < VCPUS; n++)
			EXPECT(d->vcpus[n]->attention == attention[n] && !irq_pending(d->vcpus[n]));
		EXPECT(!d->ending && !d->console.used && !fake_debug_port.used &&
		       d->vcpus_live == 1);
		EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 1);
		world_destroy();
	}
	tap_case("every call refuses what it must, and has done nothing then");
}

static bool has_row(const char *name, const char *errno_name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcmp(errors[i].call, name) && !strcmp(errors[i].errno_name, errno_name))
			return true;
	return false;
}

/* What abi.toml lists stands in the table above, and nothing else does. */
static void test_table_is_complete(void)
{
	static const struct {
		const char *call, *errno_name;
	} named[] = {
#define ABI_CALL(call, nr, count)
#define ABI_ERROR(call, errno_name) { #call, #errno_name },
#include "abi_errors.h"
#undef ABI_CALL
#undef ABI_ERROR
	};

	for (unsigned i = 0; i < ARRAY_SIZE(named); i++)
		EXPECT_MSG(has_row(named[i].call, named[i].errno_name), "no row causes -%s of %s",
			   named[i].errno_name, named[i].call);
	for (unsigned i = 0; i < ARRAY_SIZE(errors); i++) {
		bool is_named = false;

		for (unsigned n = 0; n < ARRAY_SIZE(named); n++)
			is_named |= !strcmp(errors[i].call, named[n].call) &&
				    !strcmp(errors[i].errno_name, named[n].errno_name);
		EXPECT_MSG(is_named, "abi.toml does not name -%s of %s", errors[i].errno_name,
			   errors[i].call);
	}
	EXPECT_EQ(HYPERCALL_ROWS, ARRAY_SIZE(calls));
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		EXPECT_EQ(hypercall_number(i), calls[i].number);
		EXPECT(pv_call_names[calls[i].number] &&
		       !strcmp(pv_call_names[calls[i].number], calls[i].name));
	}
	tap_case("abi.toml names exactly the errors that are tested");
}

/* ---- what holds for all ---- */

static void test_unused_registers(void)
{
	static const unsigned order[6] = { RDI, RSI, RDX, RCX, R8, R9 };

	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		for (unsigned n = calls[i].args; n < 6; n++) {
			struct vmexit exit = { .code.exit = PV_EXIT_HYPERCALL };

			set_args(calls[i].number, (const u64[6]){ 0 });
			v->gpr[order[n]] = BIT(63);
			EXPECT_EQ(hypercall_exit(v, &exit), ADVANCE);
			EXPECT_MSG((s64)v->gpr[RAX] == -PV_EINVAL, "%s, argument register %u",
				   calls[i].name, n);
		}
	}
	EXPECT(!v->attention && !d->ending);
	world_destroy();
	tap_case("argument registers that a call does not use must be 0");
}

static void test_unknown(void)
{
	u64 unknown = 0;

	begin();
	v->counter = &v->exits[PV_EXIT_HYPERCALL];
	for (u64 number = 0; number < 2 * PV_CALL_MAX; number++) {
		bool exists = false;

		for (unsigned i = 0; i < ARRAY_SIZE(calls); i++)
			exists |= calls[i].number == number;
		if (exists)
			continue;
		EXPECT_EQ(CALL(number, 1, 2, 3), -PV_ENOSYS);
		EXPECT_EQ(v->events[PV_EVENT_CALL_UNKNOWN], ++unknown);
		EXPECT(v->counter == &v->exits[PV_EXIT_HYPERCALL]);
	}
	EXPECT_EQ(CALL(~0ull), -PV_ENOSYS);
	EXPECT_EQ(CALL(BIT(32)), -PV_ENOSYS);
	EXPECT_EQ(CALL(BIT(63) | PV_CALL_YIELD), -PV_ENOSYS);
	EXPECT(!v->attention && v->events[PV_EVENT_CALL_REFUSED] == 0);
	world_destroy();
	tap_case("unknown numbers are ENOSYS, counted as such");
}

static void test_allowed(void)
{
	begin();
	for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
		memset(d->call_mask, 0xff, sizeof(d->call_mask));
		d->call_mask[calls[i].number / 64] &= ~BIT(calls[i].number % 64);
		v->counter = NULL;
		EXPECT_EQ(CALL(calls[i].number), -PV_EPERM);
		EXPECT_EQ(CALL(calls[i].number, 1, 1, 1, 1, 1, 1), -PV_EPERM);
		EXPECT(v->counter == &v->calls[i]); /* counted as what it is */
	}
	EXPECT(!v->attention && !d->ending);
	memset(d->call_mask, 0, sizeof(d->call_mask));
	d->call_mask[0] = BIT(PV_CALL_NULL);
	EXPECT_EQ(CALL(PV_CALL_NULL), 0);
	EXPECT_EQ(CALL(PV_CALL_YIELD), -PV_EPERM);
	EXPECT_EQ(CALL(0xee), -PV_ENOSYS);
	EXPECT_EQ(hypercall_bitmap(d->call_mask, 0), 1);
	/* No hypercalls at all: what the instruction does without us. */
	v->special = SPECIAL_FORBIDDEN;
	v->gpr[RAX] = PV_CALL_NULL;
	EXPECT_EQ(hypercall_exit(v, &(struct vmexit){ .code.exit = PV_EXIT_HYPERCALL }), FAULT);
	EXPECT(v->event.valid && v->event.vector == VEC_UD && !v->event.has_error);
	EXPECT_EQ(v->gpr[RAX], PV_CALL_NULL);
	world_destroy();
	tap_case("calls that a domain may not make");
}

/* ---- random calls ---- */

static u64 random_argument(u64 *seed)
{
	u64 wild = rnd(seed);

	switch (wild >> 56 & 7) {
	case 0:
		return 0;
	case 1:
		return wild % 4;
	case 2:
		return wild % 300;
	case 3:
		return wild % (MEMORY + 2 * PAGE_SIZE);
	case 4:
		return (wild % (MEMORY + PAGE_SIZE)) & ~7ull;
	case 5:
		return CONTEXT_GPA + (wild & 0xff8);
	case 6:
		return -(wild % 5000);
	default:
		return wild;
	}
}

/* A context in memory with a few wrong bits, so that some starts succeed. */
static void random_context(u64 *seed)
{
	struct pv_vcpu_context context = world_context(0x123000);
	u8 *bytes = (u8 *)&context;

	for (u64 n = rnd(seed) % 4; n; n--) {
		u64 wild = rnd(seed);

		bytes[wild % sizeof(context)] ^= (u8)BIT(wild >> 32 & 7);
	}
	guest_write(&d->p2m, CONTEXT_GPA, &context, sizeof(context));
}

/*
 * What others in the machine would do meanwhile: started vCPUs run and end, the domain lives again.
 */
static void tidy(void)
{
	while (d->vcpus_live > 1) {
		struct vcpu *other = sched_next(&cpus[0]);

		EXPECT(other != v && context_check(&recorder_of(other)->start) == 0);
		vcpu_attend(other, ATTENTION_DYING);
		sched_put(&cpus[0], other);
		EXPECT_EQ(other->state, VCPU_STOPPED);
		other->attention = 0;
	}
	d->ending = false;
	v->attention = 0;
	memset(v->irr, 0, sizeof(v->irr));
	if (fake_debug_port.used > 1 << 16)
		fake_output_clear();
}

static void test_random(void)
{
	unsigned long done = 0, started = 0;
	u64 seed = 31;

	begin();
	for (unsigned i = 0; i < 600000; i++) {
		struct vmexit exit = { .code.exit = PV_EXIT_HYPERCALL };
		u64 wild = rnd(&seed), args[6] = { 0 };
		const unsigned row = (unsigned)wild % ARRAY_SIZE(calls);

		for (unsigned n = 0; n < (wild >> 16 & 15 ? calls[row].args : 6); n++)
			args[n] = random_argument(&seed);
		if (calls[row].number == PV_CALL_VCPU_START) {
			if (wild >> 20 & 3) {
				args[0] = wild >> 40 & 3;
				args[1] = CONTEXT_GPA;
			}
			random_context(&seed);
		}
		set_args(wild >> 24 & 31 ? calls[row].number : random_argument(&seed), args);
		EXPECT_EQ(hypercall_exit(v, &exit), ADVANCE);
		EXPECT((s64)v->gpr[RAX] > -4096);
		done += (s64)v->gpr[RAX] >= 0;
		started += d->vcpus_live > 1;
		tidy();
	}
	EXPECT_MSG(done > 100000 && started > 5000, "%lu succeeded, %lu vCPUs started", done,
		   started);
	fake_output_clear();
	world_destroy();
	tap_case("random calls with random arguments and memory");
}

int main(void)
{
	fake_cpuid_all();
	test_null_and_console();
	test_shutdown();
	test_mark();
	test_start();
	test_yield_and_block();
	test_ipi();
	test_errors();
	test_table_is_complete();
	test_unused_registers();
	test_unknown();
	test_allowed();
	test_random();
	return tap_done();
}
