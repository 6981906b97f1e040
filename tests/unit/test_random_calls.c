/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random hypercalls with random arguments, memory and batch rings, from a seed: the real checks and
 * the real work under the sanitizers. Whatever a guest says, only an errno or a result comes back,
 * and tables, memory and locks are as they should be.
 *
 *	test_random_calls [CALLS [SEED]]
 */
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "tap.h"

#define CONTEXT_GPA 0x10000u
#define RING_GPA 0x30000u
#define AREA_GPA 0x40000u
#define CHUNKS 3u
#define MEMORY (CHUNKS * CHUNK_SIZE)
#define VCPUS 3u

static struct vcpu *v, *peer;
static struct domain *d;
static u64 seed;

static u64 roll(u64 n)
{
	return rnd(&seed) % n;
}

static u64 random_argument(void)
{
	u64 wild = rnd(&seed);

	switch (wild >> 56 & 15) {
	case 0:
		return 0;
	case 1:
	case 2:
		return wild % 4;
	case 3:
		return wild % 300;
	case 4:
		return wild % (MEMORY + 2 * PAGE_SIZE);
	case 5:
		return (wild % (MEMORY + PAGE_SIZE)) & ~7ull;
	case 6:
		return (wild % (MEMORY + PAGE_SIZE)) & ~(PAGE_SIZE - 1ull);
	case 7:
		return wild % (CHUNKS + 2) * CHUNK_SIZE;
	case 8:
		return CONTEXT_GPA + (wild & 0xff8);
	case 9:
		return -(wild % 5000);
	case 10:
		return PV_DOMAIN_SELF;
	case 11:
		return AREA_GPA + wild % 4 * PAGE_SIZE;
	case 12:
		return fake_tsc + wild % 100000 - 50000;
	default:
		return wild;
	}
}

/* A context in memory with a few wrong bits, so that some starts succeed. */
static void random_context(void)
{
	struct pv_vcpu_context context = world_context(0x123000);
	u8 *bytes = (u8 *)&context;

	for (u64 n = roll(4); n; n--) {
		u64 wild = rnd(&seed);

		bytes[wild % sizeof(context)] ^= (u8)BIT(wild >> 32 & 7);
	}
	guest_write(&d->p2m, CONTEXT_GPA, &context, sizeof(context));
}

static unsigned random_number(void)
{
	return roll(32) ? hypercall_number((unsigned)roll(HYPERCALL_ROWS)) : (unsigned)roll(0x110);
}

static void random_ring(void)
{
	struct pv_batch_head head = { .cons = (u32)rnd(&seed) };

	head.prod = head.cons + (u32)roll(roll(8) ? 12 : 200);
	if (v->batch == AREA_NONE || guest_write(&d->p2m, v->batch, &head, sizeof(head)))
		return;
	for (unsigned n = 0; n < 12; n++) {
		struct pv_batch_entry e = { .nr = (u16)random_number(),
					    .flags = roll(4) ? 0 : (u16)rnd(&seed),
					    .args = { random_argument(), random_argument(),
						      random_argument() } };

		guest_write(&d->p2m,
			    v->batch + sizeof(head) +
				    (head.cons + n) % PV_BATCH_ENTRIES * sizeof(e),
			    &e, sizeof(e));
	}
}

/* What the guest may have put into its areas meanwhile. */
static void random_area(void)
{
	u64 words[16];

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = rnd(&seed);
	guest_write(&d->p2m, AREA_GPA + roll(PAGE_SIZE - sizeof(words)), words, sizeof(words));
}

/* Memory that the domain has is what its tables map, and nothing else is. */
static void check_memory(void)
{
	u32 chunks = 0;

	for (gpa_t at = 0; at < MEMORY + CHUNK_SIZE; at += CHUNK_SIZE) {
		u64 bytes, leaf = hap_lookup(&d->hap, at + 0x123000, &bytes);
		hpa_t chunk = p2m_lookup(&d->p2m, at);

		chunks += chunk != 0;
		EXPECT(!leaf == !chunk);
		EXPECT(!chunk || (leaf & 0xfffffffe00000) == chunk);
	}
	EXPECT(chunks >= 1 && p2m_lookup(&d->p2m, 0));
	for (unsigned p = 0; p < PV_EVENT_PORTS; p++) {
		const struct event_port *port = &d->events.ports[p], *far;

		EXPECT(!p ? port->state == PORT_FREE : port->vcpu < VCPUS);
		if (port->state != PORT_BOUND)
			continue;
		far = &domains[port->peer]->events.ports[port->peer_port];
		EXPECT(far->state == PORT_BOUND && far->peer == 0 && far->peer_port == p);
	}
}

/* What others in the machine would do meanwhile: started vCPUs run and end, the domain lives on. */
static void tidy(void)
{
	while (d->vcpus_live > 1 && roll(4)) {
		struct vcpu *other;

		for (u32 i = 1; i < VCPUS; i++)
			if (d->vcpus[i]->state == VCPU_BLOCKED)
				nmi_raise(d->vcpus[i]);
		other = sched_next(&cpus[0]);
		EXPECT(other != v && context_check(&recorder_of(other)->start) == 0);
		vcpu_attend(other, ATTENTION_DYING);
		sched_put(&cpus[0], other);
		EXPECT_EQ(other->state, VCPU_STOPPED);
		other->attention = 0;
	}
	d->ending = false;
	d->watchdog = ~0ull;
	d->vcpus_stopping = 0;
	v->attention = 0;
	v->wake_sticky = false;
	memset(v->irr, 0, sizeof(v->irr));
	if (fake_debug_port.used > 1 << 16)
		fake_output_clear();
}

/* One call; the arguments are likely ones for some, so that their work is reached at all. */
static s64 one_call(void)
{
	unsigned number = random_number();
	u64 args[6] = { 0 }, used = roll(16) ? 0 : 6;

	for (unsigned row = 0; row < HYPERCALL_ROWS && !used; row++) {
#define HYPERCALL(nr, handler, count, units, batch, feature) \
	if (number == (nr)) \
		used = count;
#include "pv_dispatch.h"
#undef HYPERCALL
	}
	for (unsigned n = 0; n < used && n < 6; n++)
		args[n] = random_argument();
	switch (number) {
	case PV_CALL_VCPU_START:
		random_context();
		args[0] = roll(4);
		args[1] = roll(4) ? CONTEXT_GPA : args[1];
		break;
	case PV_CALL_BATCH_KICK:
		if (v->batch == AREA_NONE)
			v->batch = RING_GPA;
		random_ring();
		break;
	case PV_CALL_AREA_REGISTER:
		args[0] = roll(5);
		break;
	case PV_CALL_MEM_CLAIM:
	case PV_CALL_MEM_RELEASE:
		args[0] = roll(4) ? roll(CHUNKS + 1) * CHUNK_SIZE : args[0];
		args[1] = roll(4);
		break;
	default:
		break;
	}
	return caller_call(roll(8) ? v : peer, number, args);
}

static void test_random(unsigned long count)
{
	const struct world_domain two[] = {
		{ .vcpus = VCPUS, .mode = PV_MODE_PV_HAP, .chunks = CHUNKS },
		{ .vcpus = 1, .mode = PV_MODE_PV_HAP },
	};
	unsigned long done = 0, started = 0, moved = 0;
	u8 pattern[PAGE_SIZE], found[PAGE_SIZE];

	world_create(two, 2, 1);
	d = domains[0];
	v = d->vcpus[0];
	peer = domains[1]->vcpus[0];
	for (u32 n = 0; n < 2; n++) {
		domains[n]->vcpus[0]->state = VCPU_RUNNING;
		domains[n]->vcpus[0]->cpu = &cpus[0];
		domains[n]->vcpus_live = 1;
	}
	/* The other domain makes calls too, but of its memory only what it names may change. */
	memset(pattern, 0xa5, sizeof(pattern));
	caller_put(peer, 0x1ff000, pattern, sizeof(pattern));
	domains[1]->call_mask[0] = BIT(PV_CALL_NULL) | BIT(PV_CALL_YIELD);
	domains[1]->call_mask[1] = 0xff; /* events */
	for (unsigned long i = 0; i < count; i++) {
		u32 left = fake_chunks_left;

		done += one_call() >= 0;
		started += d->vcpus_live > 1;
		moved += fake_chunks_left != left;
		tidy();
		domains[1]->ending = false;
		peer->attention = 0;
		if (i % 64 == 0)
			random_area();
		if (i % 1024 == 0)
			check_memory();
		if (i % 4096 == 0)
			fake_tsc += 1000000;
	}
	check_memory();
	caller_get(peer, 0x1ff000, found, sizeof(found));
	EXPECT(!memcmp(pattern, found, sizeof(found)));
	EXPECT_MSG(done > count / 8 && started > count / 400 && moved > count / 400,
		   "%lu succeeded, %lu vCPUs started, memory came or went %lu times", done, started,
		   moved);
	for (unsigned row = 0; row < HYPERCALL_ROWS; row++)
		EXPECT_MSG(caller_succeeded[hypercall_number(row)], "call 0x%x never succeeded",
			   hypercall_number(row));
	fake_output_clear();
	world_destroy();
	tap_case("random calls with random arguments, memory and rings");
}

int main(int argc, char **argv)
{
	fake_cpuid_all();
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 31;
	test_random(argc > 1 ? strtoul(argv[1], NULL, 10) : 300000);
	return tap_done();
}
