/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The batch ring (hypercalls/batch.c): order, a status for every entry, stopping at an error, the
 * limit of units, indices that wrap or lie, members that may not be, and what is counted as what.
 */
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "machine/machine.h"
#include "tap.h"

#define RING_GPA 0x30000u
#define TEXT_GPA 0x20000u
#define VCPUS 2u
#define UNTOUCHED 0x5a5a5a5a /* status of an entry that was not run */

static struct vcpu *v;
static struct domain *d;
static u32 prod;

static void begin(u64 features_off)
{
	const struct world_domain one = {
		.vcpus = VCPUS, .mode = PV_MODE_PV_HAP, .chunks = 2, .features_off = features_off
	};

	v = world_of(&one);
	d = v->domain;
	fake_output_clear();
	prod = 0;
	if (domain_has(d, BIT(PV_FEATURE_BIT_AREAS)))
		EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_BATCH, RING_GPA), 0);
}

static gpa_t entry_at(u32 index)
{
	return RING_GPA + sizeof(struct pv_batch_head) +
	       index % PV_BATCH_ENTRIES * sizeof(struct pv_batch_entry);
}

static u32 head_word(size_t offset)
{
	u32 word;

	caller_get(v, RING_GPA + offset, &word, sizeof(word));
	return word;
}

#define CONS head_word(PV_BATCH_HEAD_CONS)
#define FIRST_ERROR head_word(PV_BATCH_HEAD_FIRST_ERROR)

static void set_indices(u32 put, u32 taken)
{
	const struct pv_batch_head head = { .prod = put, .cons = taken, .first_error = 0xeeee };

	caller_put(v, RING_GPA, &head, sizeof(head));
	prod = put;
}

static void add(u16 nr, u16 flags, u64 a0, u64 a1, u64 a2)
{
	const struct pv_batch_entry e = {
		.nr = nr, .flags = flags, .status = UNTOUCHED, .args = { a0, a1, a2 }
	};

	caller_put(v, entry_at(prod), &e, sizeof(e));
	prod++;
	caller_put(v, RING_GPA + PV_BATCH_HEAD_PROD, &prod, sizeof(prod));
}

static s32 status_of(u32 index)
{
	struct pv_batch_entry e;

	caller_get(v, entry_at(index), &e, sizeof(e));
	return e.status;
}

static s64 kick(void)
{
	return CALL_OF(v, PV_CALL_BATCH_KICK);
}

static void put_text(const char *text)
{
	caller_put(v, TEXT_GPA, text, strlen(text));
}

static void test_order(void)
{
	begin(0);
	EXPECT_EQ(kick(), 0); /* an empty ring */
	EXPECT(CONS == 0 && FIRST_ERROR == 0);
	put_text("abc\n");
	add(PV_CALL_CONSOLE, 0, TEXT_GPA + 2, 1, 0);
	add(PV_CALL_CONSOLE, 0, TEXT_GPA, 2, 0);
	add(PV_CALL_NULL, 0, 0, 0, 0);
	add(PV_CALL_CONSOLE, 0, TEXT_GPA + 3, 1, 0);
	EXPECT_EQ(kick(), 4);
	EXPECT(fake_serial_has("[d0] cab\n"));
	EXPECT(status_of(0) == 1 && status_of(1) == 2 && status_of(2) == 0 && status_of(3) == 1);
	EXPECT_EQ(CONS, 4);
	EXPECT_EQ(kick(), 0); /* nothing is done twice */
	add(PV_CALL_KICK, 0, 1, 0, 0);
	EXPECT_EQ(kick(), 1);
	EXPECT(CONS == 5 && d->vcpus[1]->wake_sticky);
	world_destroy();
	tap_case("entries are run in order, each with its status, and once");
}

static void test_errors(void)
{
	begin(0);
	add(PV_CALL_NULL, 0, 0, 0, 0);
	add(PV_CALL_KICK, 0, VCPUS, 0, 0); /* fails, and the next goes on */
	add(PV_CALL_IPI_SEND, PV_BATCH_FLAG_STOP_ON_ERROR, 1, 64, 0);
	add(PV_CALL_IPI_SEND, PV_BATCH_FLAG_STOP_ON_ERROR, 1, 31, 0);
	add(PV_CALL_IPI_SEND, 0, 1, 65, 0);
	EXPECT_EQ(kick(), 4);
	EXPECT(status_of(0) == 0 && status_of(1) == -PV_ENOENT && status_of(2) == 0);
	EXPECT(status_of(3) == -PV_EINVAL && status_of(4) == UNTOUCHED);
	EXPECT(CONS == 4 && FIRST_ERROR == 3);
	EXPECT(d->vcpus[1]->irr[1] == BIT(0));
	/* What was left is the next kick's. */
	EXPECT_EQ(kick(), 1);
	EXPECT(status_of(4) == 0 && d->vcpus[1]->irr[1] == (BIT(0) | BIT(1)));
	EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 2);
	world_destroy();
	tap_case("an error stops the kick only where its entry says so");
}

/* Entries that may not be, each between two good ones. */
static const struct {
	const char *what;
	u16 nr, flags;
	u64 args[3];
	int error;
	u64 features_off;
	bool is_masked; /* not on the domain's list */
} refused[] = {
	{ "a kick inside", PV_CALL_BATCH_KICK, 0, { 0 }, PV_EINVAL, 0, false },
	{ "BLOCK", PV_CALL_BLOCK, 0, { 0 }, PV_EINVAL, 0, false },
	{ "SHUTDOWN", PV_CALL_SHUTDOWN, 0, { 0 }, PV_EINVAL, 0, false },
	{ "VCPU_STOP", PV_CALL_VCPU_STOP, 0, { 0 }, PV_EINVAL, 0, false },
	{ "MEM_RELEASE", PV_CALL_MEM_RELEASE, 0, { CHUNK_SIZE, 1 }, PV_EINVAL, 0, false },
	{ "AREA_REGISTER", PV_CALL_AREA_REGISTER, 0, { 0, 0x5000 }, PV_EINVAL, 0, false },
	{ "an unknown number", 0x0f, 0, { 0 }, PV_ENOSYS, 0, false },
	{ "a number beyond the table", 0x100, 0, { 0 }, PV_ENOSYS, 0, false },
	{ "the highest number", 0xffff, 0, { 0 }, PV_ENOSYS, 0, false },
	{ "an unknown flag", PV_CALL_NULL, 4, { 0 }, PV_EINVAL, 0, false },
	{ "all flags", PV_CALL_NULL, 0xfffe, { 0 }, PV_EINVAL, 0, false },
	{ "EXPECT of a call that knows none", PV_CALL_NULL, PV_BATCH_FLAG_EXPECT, { 0 }, PV_EINVAL,
	  0, false },
	{ "an argument too many", PV_CALL_NULL, 0, { 0, 0, 1 }, PV_EINVAL, 0, false },
	{ "a masked feature", PV_CALL_KICK, 0, { 1 }, PV_EOPNOTSUPP, BIT(PV_FEATURE_BIT_SPIN),
	  false },
	{ "a call that is not allowed", PV_CALL_CONSOLE, 0, { TEXT_GPA, 1 }, PV_EPERM, 0, true },
	{ "memory that is not there", PV_CALL_CONSOLE, 0, { 2 * CHUNK_SIZE, 1 }, PV_EFAULT, 0,
	  false },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		begin(refused[i].features_off);
		if (refused[i].is_masked)
			d->call_mask[refused[i].nr / 64] &= ~BIT(refused[i].nr % 64);
		add(PV_CALL_IPI_SEND, 0, 1, 64, 0);
		add(refused[i].nr, refused[i].flags, refused[i].args[0], refused[i].args[1],
		    refused[i].args[2]);
		add(PV_CALL_IPI_SEND, 0, 1, 65, 0);
		EXPECT_EQ(kick(), 3);
		EXPECT_MSG(status_of(1) == -refused[i].error, "%s gives %d", refused[i].what,
			   status_of(1));
		EXPECT(status_of(0) == 0 && status_of(2) == 0 && d->vcpus[1]->irr[1] == 3);
		EXPECT(!v->attention && !d->ending && !d->console.used && v->batch == RING_GPA);
		EXPECT(FIRST_ERROR == 0 && p2m_lookup(&d->p2m, CHUNK_SIZE));
		world_destroy();
	}
	tap_case("members that are refused harm no other one");
}

static void test_masked(void)
{
	begin(BIT(PV_FEATURE_BIT_BATCH));
	add(PV_CALL_CONSOLE, 0, TEXT_GPA, 1, 0);
	EXPECT_EQ(kick(), -PV_EOPNOTSUPP);
	EXPECT(status_of(0) == UNTOUCHED && CONS == 0);
	world_destroy();
	begin(0);
	d->call_mask[0] &= ~BIT(PV_CALL_BATCH_KICK);
	add(PV_CALL_CONSOLE, 0, TEXT_GPA, 1, 0);
	EXPECT_EQ(kick(), -PV_EPERM);
	EXPECT_EQ(status_of(0), UNTOUCHED);
	world_destroy();
	tap_case("a domain without batches has none");
}

/* As many units as a kick has; an entry that begins within them is done whole. */
static void test_units(void)
{
	static const u16 members[] = { PV_CALL_NULL, PV_CALL_CONSOLE, PV_CALL_TRACE_MARK };

	for (unsigned i = 0; i < ARRAY_SIZE(members); i++) {
		unsigned units = hypercall_units(members[i]);
		unsigned fit = (PV_BATCH_UNITS + units - 1) / units, left = PV_BATCH_ENTRIES;

		begin(0);
		put_text("x");
		while (prod < PV_BATCH_ENTRIES)
			if (members[i] == PV_CALL_CONSOLE)
				add(members[i], 0, TEXT_GPA, 1, 0);
			else
				add(members[i], 0, 0, 0, 0);
		while (left) {
			unsigned now = left < fit ? left : fit;

			EXPECT_EQ(kick(), now);
			left -= now;
			EXPECT_EQ(CONS, PV_BATCH_ENTRIES - left);
			EXPECT(status_of(CONS - 1) >= 0);
			EXPECT(!left || status_of(CONS) == UNTOUCHED);
		}
		EXPECT_EQ(kick(), 0);
		world_destroy();
	}
	EXPECT(hypercall_units(PV_CALL_CONSOLE) > 1 && hypercall_units(PV_CALL_TRACE_MARK) > 1);
	tap_case("a kick ends at its units, and the next one goes on");
}

/* Members that take long, as text to a slow serial port does, at the end of a slice. */
static void test_time(void)
{
	for (unsigned is_late = 0; is_late < 2; is_late++) {
		s64 first;

		begin(0);
		while (prod < PV_BATCH_ENTRIES)
			add(PV_CALL_NULL, 0, 0, 0, 0);
		fake_tsc_step = 100000; /* ns: so long takes each look at the clock */
		this_cpu()->due = is_late ? fake_tsc : ~0ull;
		first = kick();
		if (!is_late) {
			EXPECT_EQ(first, PV_BATCH_ENTRIES);
		} else {
			/*
			 * A millisecond it has in any case, and the rest is left for the next one.
			 */
			EXPECT(first >= 5 && first <= 15);
			EXPECT_EQ(CONS, first);
			EXPECT_EQ(status_of(CONS - 1), 0);
			EXPECT_EQ(status_of(CONS), UNTOUCHED);
			fake_tsc_step = 0;
			EXPECT_EQ(kick(), PV_BATCH_ENTRIES - first);
		}
		fake_tsc_step = 0;
		this_cpu()->due = 0;
		world_destroy();
	}
	tap_case("a kick ends at the end of the slice, but not at once");
}

static void test_wrap(void)
{
	begin(0);
	/* The ring is filled and emptied many times over, by different amounts. */
	for (unsigned round = 0; round < 200; round++) {
		unsigned count = round * 7 % (PV_BATCH_ENTRIES + 1);
		u32 first = prod;

		for (unsigned n = 0; n < count; n++)
			add(PV_CALL_IPI_SEND, 0, 1, n % 2 ? 64 : 31, 0);
		EXPECT_EQ(kick(), count);
		EXPECT_EQ(CONS, prod);
		for (unsigned n = 0; n < count; n++)
			EXPECT_EQ(status_of(first + n), n % 2 ? 0 : -PV_EINVAL);
	}
	EXPECT(prod > 10 * PV_BATCH_ENTRIES);
	/* A full one is no empty one, and one more is a lie. */
	set_indices(PV_BATCH_ENTRIES + 5, 5);
	EXPECT_EQ(kick(), PV_BATCH_ENTRIES);
	set_indices(PV_BATCH_ENTRIES + 6, 5);
	EXPECT_EQ(kick(), -PV_EINVAL);
	set_indices(4, 5);
	EXPECT_EQ(kick(), -PV_EINVAL);
	set_indices(0x80000000, 0);
	EXPECT_EQ(kick(), -PV_EINVAL);
	set_indices(~0u, 0);
	EXPECT_EQ(kick(), -PV_EINVAL);
	EXPECT(CONS == 0 && FIRST_ERROR == 0xeeee);
	world_destroy();
	tap_case("indices wrap, and lies about them are refused");
}

static void test_registers(void)
{
	u64 before[16];

	begin(0);
	add(PV_CALL_IPI_SEND, 0, 1, 64, 0);
	add(PV_CALL_NULL, 0, 1, 2, 3);
	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[RBX] = v->gpr[RBP] = v->gpr[R10] = v->gpr[R15] = 0x1234;
	memcpy(before, v->gpr, sizeof(before));
	EXPECT_EQ(hypercall_batch_kick(v), 2);
	EXPECT(!memcmp(before, v->gpr, sizeof(before)));
	world_destroy();
	tap_case("members leave the caller's registers alone");
}

static u64 members_of(unsigned number)
{
	for (unsigned row = 0; row < HYPERCALL_ROWS; row++)
		if (hypercall_number(row) == number)
			return v->members[row];
	return ~0ull;
}

static void test_counted(void)
{
	begin(0);
	v->counter = NULL;
	for (unsigned n = 0; n < 5; n++)
		add(PV_CALL_NULL, 0, n == 4, 0, 0);
	add(PV_CALL_KICK, 0, 1, 0, 0);
	add(PV_CALL_BLOCK, 0, 0, 0, 0);
	add(0xee, 0, 0, 0, 0);
	EXPECT_EQ(kick(), 8);
	EXPECT(members_of(PV_CALL_NULL) == 5 && members_of(PV_CALL_KICK) == 1);
	EXPECT(members_of(PV_CALL_BLOCK) == 0 && members_of(PV_CALL_BATCH_KICK) == 0);
	/* The exit is the kick's, and no member's. */
	EXPECT(v->counter == &v->calls[ROW_hypercall_batch_kick]);
	EXPECT_EQ(v->events[PV_EVENT_CALL_REFUSED], 1);
	world_destroy();
	tap_case("members are counted apart from the kick");
}

/* The ring's page may go, be shared with another vCPU's, or hold its own members' memory. */
static void test_hostile(void)
{
	begin(0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_BATCH, ~0ull), 0);
	EXPECT_EQ(kick(), -PV_ENOENT);
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_BATCH, RING_GPA), 0);
	EXPECT_EQ(CALL_OF(d->vcpus[1], PV_CALL_BATCH_KICK), -PV_ENOENT); /* each has its own */
	EXPECT_EQ(CALL_OF(d->vcpus[1], PV_CALL_AREA_REGISTER, PV_AREA_BATCH, RING_GPA), 0);
	add(PV_CALL_CONSOLE, 0, RING_GPA, 256, 0);
	EXPECT_EQ(CALL_OF(d->vcpus[1], PV_CALL_BATCH_KICK), 1);
	EXPECT_EQ(status_of(0), 256);
	EXPECT_EQ(kick(), 0);
	/* An area that the hypervisor writes lies over the ring. */
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_VCPU, RING_GPA), 0);
	set_indices(3, 0);
	area_write_state(v);
	EXPECT(kick() <= PV_BATCH_ENTRIES);
	/* Memory that is given back behind an area cannot be: it would have been refused. */
	EXPECT_EQ(CALL_OF(v, PV_CALL_AREA_REGISTER, PV_AREA_BATCH, CHUNK_SIZE), 0);
	EXPECT_EQ(CALL_OF(v, PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), -PV_EBUSY);
	world_destroy();
	tap_case("a ring in odd places");
}

/* Rings of random bytes and of likely ones: what comes back is always a count or an errno. */
static void test_random(unsigned rounds)
{
	unsigned long done = 0;
	u64 seed = 5;

	begin(0);
	for (unsigned round = 0; round < rounds; round++) {
		u32 taken = (u32)rnd(&seed), count = (u32)rnd(&seed) % PV_BATCH_ENTRIES;
		s64 result;

		set_indices(taken, taken);
		for (u32 n = 0; n < count; n++) {
			u64 wild = rnd(&seed);

			add(wild & 3 ? wild >> 8 & 0x4f : (u16)(wild >> 8),
			    wild >> 32 & 15 ? 0 : (u16)(wild >> 40), rnd(&seed) % 300,
			    rnd(&seed) % 300, wild >> 60 ? 0 : wild);
		}
		if (rnd(&seed) % 4 == 0)
			set_indices(taken + (u32)rnd(&seed) % 200, taken);
		result = kick();
		EXPECT(result >= 0 ? result <= PV_BATCH_ENTRIES : result == -PV_EINVAL);
		if (result > 0)
			EXPECT_EQ(CONS, (u32)(taken + result));
		done += result > 0 ? (unsigned long)result : 0;
		EXPECT(!v->attention || v->attention & (ATTENTION_IRQ | ATTENTION_NMI));
		v->attention = 0;
		fake_output_clear();
		events_close_all(d);
	}
	EXPECT(done > 5ul * rounds);
	world_destroy();
	tap_case("random rings");
}

int main(void)
{
	fake_cpuid_all();
	test_order();
	test_errors();
	test_refused();
	test_masked();
	test_units();
	test_time();
	test_wrap();
	test_registers();
	test_counted();
	test_hostile();
	test_random(3000);
	return tap_done();
}
