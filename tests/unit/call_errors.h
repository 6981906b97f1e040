/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every errno of every call: the arguments that cause it, and what must be so before. Included by
 * test_hypercalls.c alone; a row that abi.toml names and that is missing here fails the test.
 */
#ifndef TESTS_UNIT_CALL_ERRORS_H
#define TESTS_UNIT_CALL_ERRORS_H

#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "fake/caller.h"
#include "fake/hardware.h"
#include "machine/machine.h"
#include "tap.h"

#define CONTEXT_GPA 0x10000u
#define RING_GPA 0x30000u
#define CHUNKS 3u
#define MEMORY (CHUNKS * CHUNK_SIZE)
#define VCPUS 3u

static struct vcpu *v;
static struct domain *d;

#define CALL(number, ...) CALL_OF(v, number, __VA_ARGS__)

static void put_context(gpa_t gpa, const struct pv_vcpu_context *context)
{
	caller_put(v, gpa, context, sizeof(*context));
}

#define CROSSING_GPA (CONTEXT_GPA + PAGE_SIZE - sizeof(struct pv_vcpu_context) + 8)

static void put_good_context(void)
{
	const struct pv_vcpu_context context = world_context(0x123000);

	put_context(CONTEXT_GPA, &context);
}

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

static void put_wild_ring(void)
{
	const struct pv_batch_head head = { .prod = PV_BATCH_ENTRIES + 8, .cons = 7 };

	EXPECT_EQ(area_register(v, PV_AREA_BATCH, RING_GPA), 0);
	caller_put(v, RING_GPA, &head, sizeof(head));
}

static void put_backward_ring(void)
{
	const struct pv_batch_head head = { .prod = 6, .cons = 7 };

	EXPECT_EQ(area_register(v, PV_AREA_BATCH, RING_GPA), 0);
	caller_put(v, RING_GPA, &head, sizeof(head));
}

/* It does not come out of its guest: a machine whose clock goes on meanwhile. */
static void run_other(void)
{
	d->vcpus[1]->state = VCPU_RUNNING;
	d->vcpus[1]->cpu = &cpus[1];
	cpus[1].index = 1;
	fake_tsc_step = 1000000;
}

static void put_area_into_chunk(void)
{
	EXPECT_EQ(area_register(v, PV_AREA_CPUID, CHUNK_SIZE + 0x5000), 0);
}

static void release_chunk(void)
{
	EXPECT_EQ(CALL(PV_CALL_MEM_RELEASE, CHUNK_SIZE, 1), 1);
	v->events[PV_EVENT_CALL_REFUSED] = 0;
}

static void release_and_empty(void)
{
	release_chunk();
	fake_chunks_left = 0;
}

static void take_all_ports(void)
{
	for (unsigned port = 1; port < PV_EVENT_PORTS; port++)
		EXPECT_EQ(CALL(PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), port);
}

static void alloc_port(void) /* 1, not bound */
{
	EXPECT_EQ(CALL(PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF), 1);
}

static void bind_port(void) /* 1 and 2 are one */
{
	alloc_port();
	EXPECT_EQ(CALL(PV_CALL_EVT_BIND, PV_DOMAIN_SELF, 1), 2);
}

static void bind_virq(void) /* 1 */
{
	EXPECT_EQ(CALL(PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, 0), 1);
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
	{ ROW(INFO, EINVAL), { 0x20004 }, NULL },
	{ ROW(INFO, EINVAL), { 0x20fc8 }, NULL },
	{ ROW(INFO, EINVAL), { ~7ull }, NULL },
	{ ROW(INFO, EINVAL), { 0x20000, 1 }, NULL },
	{ ROW(INFO, EFAULT), { MEMORY }, NULL },
	{ ROW(INFO, EFAULT), { BIT(63) }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { PV_AREA_BATCH + 1, 0x20000 }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { BIT(32), 0x20000 }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { PV_AREA_BATCH + 1, ~0ull }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { PV_AREA_TIME, 0x20040 }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { PV_AREA_VCPU, 0x20800 }, NULL },
	{ ROW(AREA_REGISTER, EINVAL), { PV_AREA_VCPU, 0x20000, 1 }, NULL },
	{ ROW(AREA_REGISTER, EFAULT), { PV_AREA_TIME, MEMORY }, NULL },
	{ ROW(AREA_REGISTER, EFAULT), { PV_AREA_VCPU, MEMORY }, NULL },
	{ ROW(AREA_REGISTER, EFAULT), { PV_AREA_CPUID, BIT(63) }, NULL },
	{ ROW(AREA_REGISTER, EFAULT), { PV_AREA_BATCH, ~0xfffull }, NULL },
	{ ROW(BATCH_KICK, EINVAL), { 0 }, put_wild_ring },
	{ ROW(BATCH_KICK, EINVAL), { 0 }, put_backward_ring },
	{ ROW(BATCH_KICK, EINVAL), { 1 }, NULL },
	{ ROW(BATCH_KICK, ENOENT), { 0 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 0 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 257 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, ~0ull }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20fff, 2 }, NULL },
	{ ROW(CONSOLE, EINVAL), { ~0ull, 256 }, NULL },
	{ ROW(CONSOLE, EINVAL), { 0x20000, 1, 1 }, NULL },
	{ ROW(CONSOLE, EFAULT), { MEMORY, 1 }, NULL },
	{ ROW(CONSOLE, EFAULT), { ~0xfffull, 256 }, NULL },
	{ ROW(CONSOLE, EFAULT), { BIT(63), 1 }, NULL },
	{ ROW(CONSOLE, EFAULT), { CHUNK_SIZE, 1 }, release_chunk },
	{ ROW(SHUTDOWN, EINVAL), { PV_SHUTDOWN_CRASH + 1, 0 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { BIT(32), 0 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, 256 }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, BIT(40) }, NULL },
	{ ROW(SHUTDOWN, EINVAL), { 0, 0, 1 }, NULL },
	{ ROW(STATS_READ, EINVAL), { 0, 0x20008 }, NULL },
	{ ROW(STATS_READ, EINVAL), { 0, 0x20000, 1 }, NULL },
	{ ROW(STATS_READ, ENOENT), { VCPUS, 0x20000 }, NULL },
	{ ROW(STATS_READ, ENOENT), { ~0ull, 0x20000 }, NULL },
	{ ROW(STATS_READ, EFAULT), { 0, MEMORY }, NULL },
	{ ROW(STATS_READ, EFAULT), { 0, ~0xfffull }, NULL },
	{ ROW(TRACE_MARK, EINVAL), { 0, 1 }, NULL },
	{ ROW(CONSOLE_READ, EINVAL), { 0x20000, 0 }, NULL },
	{ ROW(CONSOLE_READ, EINVAL), { 0x20000, 257 }, NULL },
	{ ROW(CONSOLE_READ, EINVAL), { 0x20fff, 2 }, NULL },
	{ ROW(CONSOLE_READ, EINVAL), { ~0ull, 2 }, NULL },
	{ ROW(CONSOLE_READ, EINVAL), { 0x20000, 1, 1 }, NULL },
	{ ROW(CONSOLE_READ, EFAULT), { MEMORY, 1 }, NULL },
	{ ROW(CONSOLE_READ, EFAULT), { BIT(62), 1 }, NULL },
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
	{ ROW(VCPU_STOP, EINVAL), { 1 }, NULL },
	{ ROW(VCPU_STOP, EBUSY), { 0 }, NULL },
	{ ROW(VCPU_QUERY, EINVAL), { 0, 1 }, NULL },
	{ ROW(VCPU_QUERY, ENOENT), { VCPUS }, NULL },
	{ ROW(VCPU_QUERY, ENOENT), { BIT(32) }, NULL },
	{ ROW(YIELD, EINVAL), { 0, 0, 0, 1 }, NULL },
	{ ROW(BLOCK, EINVAL), { 1000, 1 }, NULL },
	{ ROW(KICK, EINVAL), { 0, 1 }, NULL },
	{ ROW(KICK, ENOENT), { VCPUS }, NULL },
	{ ROW(KICK, ENOENT), { ~0ull }, NULL },
	{ ROW(TIMER_SET, EINVAL), { 0, 1 }, NULL },
	{ ROW(TIMER_SET, EINVAL), { 1000, 99999 }, NULL },
	{ ROW(TIMER_SET, EINVAL), { 1000, 0, 1 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 31 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 0 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 256 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, BIT(32) + 64 }, NULL },
	{ ROW(IPI_SEND, EINVAL), { 1, 64, 0, 0, 1 }, NULL },
	{ ROW(IPI_SEND, ENOENT), { VCPUS, 64 }, NULL },
	{ ROW(IPI_SEND, ENOENT), { BIT(32), 64 }, NULL },
	{ ROW(WATCHDOG, EINVAL), { 0, 1 }, NULL },
	{ ROW(IPI_MASK, EINVAL), { 2, 31 }, NULL },
	{ ROW(IPI_MASK, EINVAL), { 2, 256 }, NULL },
	{ ROW(IPI_MASK, EINVAL), { BIT(VCPUS), 64 }, NULL },
	{ ROW(IPI_MASK, EINVAL), { BIT(63) | 2, 64 }, NULL },
	{ ROW(IPI_MASK, EINVAL), { 2, 64, 1 }, NULL },
	{ ROW(TLB_FLUSH, EINVAL), { PV_FLUSH_CONTEXTS + 1, 0, 0, 1 }, NULL },
	{ ROW(TLB_FLUSH, EINVAL), { BIT(32), 0, 0, 1 }, NULL },
	{ ROW(TLB_FLUSH, EINVAL), { 0, 0, 0, BIT(VCPUS) }, NULL },
	{ ROW(TLB_FLUSH, EINVAL), { 0, 0, 0, ~0ull }, NULL },
	{ ROW(TLB_FLUSH, EINVAL), { 0, 0, 0, 1, 1 }, NULL },
	{ ROW(TLB_FLUSH, EAGAIN), { 0, 0, 0, 3 }, run_other },
	{ ROW(MEM_LAYOUT, EINVAL), { 0x20008 }, NULL },
	{ ROW(MEM_LAYOUT, EINVAL), { 0x20000, 1 }, NULL },
	{ ROW(MEM_LAYOUT, EFAULT), { MEMORY }, NULL },
	{ ROW(MEM_LAYOUT, EFAULT), { ~0xfffull }, NULL },
	{ ROW(MEM_RELEASE, EINVAL), { CHUNK_SIZE + PAGE_SIZE, 1 }, NULL },
	{ ROW(MEM_RELEASE, EINVAL), { CHUNK_SIZE, 0 }, NULL },
	{ ROW(MEM_RELEASE, EINVAL), { CHUNK_SIZE, 65 }, NULL },
	{ ROW(MEM_RELEASE, EINVAL), { CHUNK_SIZE, ~0ull }, NULL },
	{ ROW(MEM_RELEASE, EINVAL), { CHUNK_SIZE, 1, 1 }, NULL },
	{ ROW(MEM_RELEASE, EFAULT), { MEMORY, 1 }, NULL },
	{ ROW(MEM_RELEASE, EFAULT), { BIT(63), 1 }, NULL },
	{ ROW(MEM_RELEASE, EFAULT), { CHUNK_SIZE, 1 }, release_chunk },
	{ ROW(MEM_RELEASE, EBUSY), { 0, 1 }, NULL },
	{ ROW(MEM_RELEASE, EBUSY), { CHUNK_SIZE, 1 }, put_area_into_chunk },
	{ ROW(MEM_RELEASE, EBUSY), { CHUNK_SIZE, 1 }, run_other },
	{ ROW(MEM_CLAIM, EINVAL), { CHUNK_SIZE + PAGE_SIZE, 1 }, NULL },
	{ ROW(MEM_CLAIM, EINVAL), { CHUNK_SIZE, 0 }, NULL },
	{ ROW(MEM_CLAIM, EINVAL), { CHUNK_SIZE, 65 }, NULL },
	{ ROW(MEM_CLAIM, EINVAL), { MEMORY, 1 }, NULL },
	{ ROW(MEM_CLAIM, EINVAL), { ~(CHUNK_SIZE - 1), 2 }, NULL },
	{ ROW(MEM_CLAIM, EINVAL), { CHUNK_SIZE, 1, 1 }, NULL },
	{ ROW(MEM_CLAIM, EEXIST), { CHUNK_SIZE, 1 }, NULL },
	{ ROW(MEM_CLAIM, ENOMEM), { CHUNK_SIZE, 1 }, release_and_empty },
	{ ROW(EVT_SETUP, EINVAL), { 31 }, NULL },
	{ ROW(EVT_SETUP, EINVAL), { 1 }, NULL },
	{ ROW(EVT_SETUP, EINVAL), { 256 }, NULL },
	{ ROW(EVT_SETUP, EINVAL), { BIT(32) + 64 }, NULL },
	{ ROW(EVT_SETUP, EINVAL), { 64, 1 }, NULL },
	{ ROW(EVT_SETUP, ENOENT), { 64 }, NULL },
	{ ROW(EVT_ALLOC, EINVAL), { PV_DOMAIN_SELF, 1 }, NULL },
	{ ROW(EVT_ALLOC, ESRCH), { 1 }, NULL },
	{ ROW(EVT_ALLOC, ESRCH), { ~0ull }, NULL },
	{ ROW(EVT_ALLOC, ESRCH), { PV_DOMAIN_SELF + 1 }, NULL },
	{ ROW(EVT_ALLOC, ENOSPC), { PV_DOMAIN_SELF }, take_all_ports },
	{ ROW(EVT_BIND, EINVAL), { PV_DOMAIN_SELF, 1, 1 }, alloc_port },
	{ ROW(EVT_BIND, ESRCH), { 1, 1 }, alloc_port },
	{ ROW(EVT_BIND, ESRCH), { BIT(32), 1 }, alloc_port },
	{ ROW(EVT_BIND, ENOENT), { PV_DOMAIN_SELF, 0 }, alloc_port },
	{ ROW(EVT_BIND, ENOENT), { PV_DOMAIN_SELF, 2 }, alloc_port },
	{ ROW(EVT_BIND, ENOENT), { PV_DOMAIN_SELF, PV_EVENT_PORTS + 1 }, alloc_port },
	{ ROW(EVT_BIND, ENOENT), { PV_DOMAIN_SELF, ~0ull }, alloc_port },
	{ ROW(EVT_BIND, ENOENT), { PV_DOMAIN_SELF, 1 }, bind_virq },
	{ ROW(EVT_BIND, EBUSY), { PV_DOMAIN_SELF, 1 }, bind_port },
	{ ROW(EVT_BIND, EBUSY), { PV_DOMAIN_SELF, 2 }, bind_port },
	{ ROW(EVT_BIND, ENOSPC), { PV_DOMAIN_SELF, 1 }, take_all_ports },
	{ ROW(EVT_BIND_VIRQ, EINVAL), { PV_VIRQ_SHUTDOWN + 1, 0 }, NULL },
	{ ROW(EVT_BIND_VIRQ, EINVAL), { BIT(32), 0 }, NULL },
	{ ROW(EVT_BIND_VIRQ, EINVAL), { 0, 0, 1 }, NULL },
	{ ROW(EVT_BIND_VIRQ, ENOENT), { 0, VCPUS }, NULL },
	{ ROW(EVT_BIND_VIRQ, ENOENT), { 0, BIT(32) }, NULL },
	{ ROW(EVT_BIND_VIRQ, EEXIST), { PV_VIRQ_TIMER, 0 }, bind_virq },
	{ ROW(EVT_BIND_VIRQ, ENOSPC), { 0, 0 }, take_all_ports },
	{ ROW(EVT_SEND, EINVAL), { 1, 1 }, bind_port },
	{ ROW(EVT_SEND, ENOENT), { 0 }, bind_port },
	{ ROW(EVT_SEND, ENOENT), { 3 }, bind_port },
	{ ROW(EVT_SEND, ENOENT), { PV_EVENT_PORTS + 1 }, bind_port },
	{ ROW(EVT_SEND, ENOENT), { BIT(32) + 1 }, bind_port },
	{ ROW(EVT_SEND, ENOENT), { 1 }, alloc_port },
	{ ROW(EVT_SEND, ENOENT), { 1 }, bind_virq },
	{ ROW(EVT_UNMASK, EINVAL), { 1, 1 }, bind_port },
	{ ROW(EVT_UNMASK, ENOENT), { 0 }, bind_port },
	{ ROW(EVT_UNMASK, ENOENT), { 3 }, bind_port },
	{ ROW(EVT_UNMASK, ENOENT), { ~0ull }, bind_port },
	{ ROW(EVT_CLOSE, EINVAL), { 1, 1 }, bind_port },
	{ ROW(EVT_CLOSE, ENOENT), { 0 }, bind_port },
	{ ROW(EVT_CLOSE, ENOENT), { 3 }, bind_port },
	{ ROW(EVT_CLOSE, ENOENT), { PV_EVENT_PORTS }, bind_port },
	{ ROW(EVT_ROUTE, EINVAL), { 1, 1, 1 }, bind_port },
	{ ROW(EVT_ROUTE, ENOENT), { 0, 1 }, bind_port },
	{ ROW(EVT_ROUTE, ENOENT), { 3, 1 }, bind_port },
	{ ROW(EVT_ROUTE, ENOENT), { 1, VCPUS }, bind_port },
	{ ROW(EVT_ROUTE, ENOENT), { 1, BIT(32) }, bind_port },
	{ ROW(EVT_ROUTE, ENOENT), { 1, 1 }, bind_virq },
};

#endif
