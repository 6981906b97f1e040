/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reboots lives= times (2 unless given), then powers off. Each life leaves all that it can behind
 * and checks at its start that nothing of the former one is there. With `storm` it does nothing but
 * reboot.
 */
#include "guest.h"

#define SELF 0u
#define PORT_VECTOR 0x50
#define WATCHDOG_NS 150000000u

static u64 life; /* how often the domain has rebooted */
static u32 initialised = 0x12345678, zero;
static struct pv_vcpu_area area __attribute__((aligned(PAGE_SIZE)));
static u8 page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static volatile u32 second_runs;

/* How often this domain has rebooted: a counter of its vCPU 0. */
static u64 lives_so_far(void)
{
	static u8 stats[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	const struct pv_stats_row *row = (const void *)(stats + sizeof(struct pv_frame_stats));
	s64 rows = hypercall(PV_CALL_STATS_READ, SELF, (u64)stats);
	u64 found = 0;

	for (s64 n = 0; n < rows; n++)
		if (row[n].space == PV_STATS_EVENT && row[n].code == PV_EVENT_RESTART)
			found = row[n].count;
	memset(stats, 0, sizeof(stats));
	return found;
}

/* Numbers of results would begin anew in each life: only the last one has any. */
static void must(bool holds, const char *what)
{
	if (!holds)
		bail("life %llu: not so: %s", (unsigned long long)life, what);
}

static u64 *top_chunk(void)
{
	return (u64 *)(start_info->memory_bytes - CHUNK_SIZE);
}

static void check_memory(void)
{
	const struct pv_mem_range *range = (const void *)page;
	u64 *last = top_chunk();
	unsigned wrong = 0;

	for (unsigned n = 0; n < CHUNK_SIZE / 8; n++)
		wrong += last[n] != 0;
	must(!wrong, "the last chunk is zero");
	must(initialised == 0x12345678 && !zero, "data is what the image says, bss is zero");
	must(hypercall(PV_CALL_MEM_LAYOUT, (u64)page, 0) == 1 && !range->start &&
		     range->bytes == start_info->memory_bytes,
	     "memory is in one piece, and whole");
}

static void check_cpu(void)
{
	u64 dr0, dr7;

	__asm__ volatile("mov %%dr0, %0; mov %%dr7, %1" : "=r"(dr0), "=r"(dr7));
	must(!dr0 && (dr7 & 0xff) == 0 && !rdmsr(MSR_KERNEL_GS_BASE) && !rdmsr(MSR_LSTAR),
	     "debug registers and MSRs are as at the start");
	must(hypercall(PV_CALL_VCPU_QUERY, 1, 0) == PV_STATE_STOPPED, "vCPU 1 is stopped");
}

static void second(void *arg)
{
	(void)arg;
	second_runs = 1;
	for (;;)
		cpu_relax();
}

static void check_registrations(void)
{
	must(hypercall(PV_CALL_EVT_SETUP, PORT_VECTOR, 0) == -PV_ENOENT, "no VCPU area");
	must(hypercall(PV_CALL_BATCH_KICK, 0, 0) == -PV_ENOENT, "no batch ring");
	area_register(PV_AREA_VCPU, &area);
	must(hypercall(PV_CALL_EVT_BIND_VIRQ, PV_VIRQ_TIMER, SELF) == 1,
	     "all ports are free, and no virq is bound");
	must(hypercall(PV_CALL_EVT_ALLOC, PV_DOMAIN_SELF, 0) == 2, "the second port too");
}

/* For the next life to find, if the hypervisor forgets to forget. */
static void leave_behind(void)
{
	initialised = zero = 0xdead;
	memset(top_chunk(), 0x5a, CHUNK_SIZE);
	hypercall(PV_CALL_EVT_SETUP, PORT_VECTOR, 0);
	area_register(PV_AREA_BATCH, page);
	hypercall(PV_CALL_TIMER_SET, now_ns() + 3000000, 1000000);
	hypercall(PV_CALL_WATCHDOG, WATCHDOG_NS, 0);
	wrmsr(MSR_KERNEL_GS_BASE, 0x1234000);
	wrmsr(MSR_LSTAR, 0x5678000);
	__asm__ volatile("mov %0, %%dr0" : : "r"(0x77777ull));
	must(!vcpu_start(1, second, NULL) && wait_for(&second_runs, 1), "vCPU 1 starts");
	/* Only one that runs alone may give memory back: this one may be refused. */
	hypercall(PV_CALL_MEM_RELEASE, (u64)top_chunk(), 1);
}

void guest_main(void)
{
	u64 lives = arg_number("lives", 2), until;

	life = lives_so_far();
	if (arg_flag("storm")) {
		if (life < lives)
			hypercall(PV_CALL_SHUTDOWN, PV_SHUTDOWN_REBOOT, 0);
		return;
	}
	check_memory();
	check_cpu();
	check_registrations();
	if (life < lives) {
		leave_behind();
		console_flush();
		hypercall(PV_CALL_SHUTDOWN, PV_SHUTDOWN_REBOOT, 0);
	}
	/* A watchdog that nobody stopped would end this. */
	hypercall(PV_CALL_EVT_CLOSE, 1, 0);
	until = now_ns() + WATCHDOG_NS + 10000000;
	while (now_ns() < until)
		hypercall(PV_CALL_BLOCK, until, 0);
	ok(!area.upcall_pending && !area.port_pending[0], "no event of a former life comes");
	ok(life == lives, "%llu lives, each as the first", (unsigned long long)life);
}
