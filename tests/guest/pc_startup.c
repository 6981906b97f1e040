/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Application processors by INIT and SIPI, through a real-mode trampoline; IPIs to them by physical
 * and logical destination and by shorthand; INIT stops one, SIPI starts it again, and a SIPI to one
 * that runs is nothing. Needs vcpus: 2 or more. At the end the last one spins with interrupts off.
 */
#include "pc.h"

#define ROUNDS 20u
#define PING 0x50
#define PONG 0x60 /* + APIC id of who answers */
#define EVERYBODY 0x48

static u32 cpus;
static volatile u32 apic_id[GUEST_VCPUS_MAX], alive[GUEST_VCPUS_MAX], spins;

static bool answer(struct trap_frame *frame)
{
	u32 id = this_vcpu()->id;

	if (id)
		ipi(0, ICR_ASSERT | (PONG + id));
	return take_with_eoi(frame);
}

static void other_main(void *arg)
{
	u32 id = (u32)(u64)arg;

	lapic_write(APIC_SVR, SVR_ENABLE | 0xff);
	lapic_write(APIC_LDR, 1u << (24 + id));
	apic_id[id] = lapic_read(APIC_ID) >> 24;
	alive[id]++;
	while (!vcpus[id].counts[VEC_NMI])
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	for (spins = 1;;)
		cpu_relax();
}

static void check_start(u32 id)
{
	volatile struct startup *page = startup_prepare(id, other_main, (void *)(u64)id, true);

	ipi(id, ICR_STARTUP | STARTUP_PAGE >> 12);
	ok(wait_taking(&vcpus[id].running, 1) && wait_taking(&alive[id], 1),
	   "CPU %u starts by a SIPI, as after its reset", id);
	ok(apic_id[id] == id, "and has that APIC id");
	ipi(id, ICR_STARTUP | STARTUP_PAGE >> 12);
	delay_us(500);
	ok(page->started == 1 && alive[id] == 1, "a SIPI to a CPU that runs does nothing");
}

static void check_stop(u32 id)
{
	volatile struct startup *page;

	ipi(id, ICR_INIT | ICR_ASSERT | ICR_LEVEL);
	ipi(id, ICR_INIT | ICR_ASSERT | ICR_LEVEL); /* as good as one, though it still stops */
	ipi(id, ICR_INIT | ICR_LEVEL); /* de-assert: nothing */
	delay_us(500);
	ipi(id, ICR_ASSERT | PING);
	delay_us(500);
	ok(!vcpus[id].counts[PING], "after INIT CPU %u takes no interrupt", id);
	page = startup_prepare(id, NULL, NULL, false);
	ipi(id, ICR_STARTUP | STARTUP_PAGE >> 12);
	ok(wait_taking(&page->started, 1), "it starts again and halts in real mode");
	ok(startup_run(id, other_main, (void *)(u64)id) && wait_taking(&alive[id], 2),
	   "INIT out of real-mode HLT, and on to long mode");
}

static void check_ipis(void)
{
	struct guest_vcpu *self = this_vcpu();
	bool lost = false;
	u32 set = 0;

	for (u32 n = 1; n <= ROUNDS; n++)
		for (u32 id = 1; id < cpus; id++) {
			ipi(id, ICR_ASSERT | PING);
			lost |= !wait_taking(&self->counts[PONG + id], n);
		}
	ok(!lost, "%u IPIs each way, none lost", ROUNDS * (cpus - 1));
	for (u32 id = 1; id < cpus; id++)
		set |= 1u << id;
	ipi(set, ICR_LOGICAL | ICR_ASSERT | PING);
	for (u32 id = 1; id < cpus; id++)
		lost |= !wait_taking(&self->counts[PONG + id], ROUNDS + 1);
	ok(!lost, "a logical destination of %u", cpus - 1);
	lapic_write(APIC_ICR, ICR_OTHERS | ICR_ASSERT | PING);
	for (u32 id = 1; id < cpus; id++)
		lost |= !wait_taking(&self->counts[PONG + id], ROUNDS + 2);
	ok(!lost, "all others");
	lapic_write(APIC_ICR, ICR_ALL | ICR_ASSERT | EVERYBODY);
	for (u32 id = 0; id < cpus; id++)
		lost |= !wait_taking(&vcpus[id].counts[EVERYBODY], 1);
	ok(!lost, "all");
	ipi(0xff, ICR_ASSERT | EVERYBODY);
	for (u32 id = 0; id < cpus; id++)
		lost |= !wait_taking(&vcpus[id].counts[EVERYBODY], 2);
	ok(!lost, "the broadcast id");
	for (u32 id = 1; id < cpus; id++)
		ok(vcpus[id].counts[PING] == ROUNDS + 2, "CPU %u took %u", id,
		   vcpus[id].counts[PING]);
}

void guest_main(void)
{
	cpus = start_info->vcpus;
	plan(7 * (cpus - 1) + 6);
	pc_init();
	lapic_write(APIC_LDR, 1u << 24);
	trap_hooks[PING] = answer;
	trap_hooks[EVERYBODY] = take_with_eoi;
	for (u32 id = 1; id < cpus; id++) {
		trap_hooks[PONG + id] = take_with_eoi;
		check_start(id);
	}
	for (u32 id = 1; id < cpus; id++)
		check_stop(id);
	check_ipis();
	ipi(cpus - 1, ICR_NMI | ICR_ASSERT);
	ok(wait_taking(&spins, 1), "an NMI wakes the last one, which spins from now on");
}
