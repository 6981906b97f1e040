/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform as a whole: which device's line goes to which pin, what is due when, and the way of
 * an interrupt to a vCPU. Ports are in pc_ports.c. ISA lines go to the PIC and to the IOAPIC pin of
 * the same number, but the PIT's to pin 2; the PIC's output to LINT0 of vCPU 0 and to pin 0.
 *
 * Devices are asked lazily: `due` has what each of them waits for, and only an access to it or that
 * time makes it look at the clock. What no controller would take is not waited for.
 */
#include "dispatcher/area.h"
#include "interpreter/devices/pc_internal.h"
#include "lib/lib.h"

#define IRQ_PIT 0u
#define PIN_PIT 2u
#define PIN_INTR 0u
#define IRQ_UART 4u
#define IRQ_RTC 8u
#define ISA_LINES 16u

#define MSR_APIC_BASE 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u

/* ---- lines ----------------------------------------------------------------------------------- */

void pc_update_intr(struct pc *pc)
{
	bool level = i8259_output(&pc->pic);

	if (level == pc->lapic[0].line0)
		return;
	lapic_line0(pc, &pc->lapic[0], level);
	ioapic_line(pc, PIN_INTR, level);
}

static void line(struct pc *pc, unsigned irq, bool level)
{
	if (irq < ISA_LINES)
		i8259_line(&pc->pic, irq, level);
	ioapic_line(pc, irq == IRQ_PIT ? PIN_PIT : irq, level);
	pc_update_intr(pc);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Somebody waits for the first of all deadlines; tell him if it is earlier than he thinks. */
static void set_due(struct pc *pc, enum pc_clock clock, u64 ns)
{
	u64 first = PC_NEVER, before = pc->due_first;

	if (pc->due[clock] == ns)
		return;
	pc->due[clock] = ns;
	for (unsigned i = 0; i < CLOCKS; i++)
		first = min(first, pc->due[i]);
	if (first == before)
		return;
	pc->due_first = first;
	__atomic_store_n(&pc->deadline, first == PC_NEVER ? PC_NEVER : pvclock_tsc(first),
			 __ATOMIC_RELAXED);
	if (first < before && pc->host->timer)
		pc->host->timer(pc, PC_DEVICES, pc->deadline);
}

static void set_pit_due(struct pc *pc)
{
	bool wanted = i8259_wants(&pc->pic, IRQ_PIT) || ioapic_wants(&pc->ioapic, PIN_PIT);

	set_due(pc, CLOCK_PIT, wanted ? pc->pit_edge : PC_NEVER);
}

/* Edges that came while nobody looked are one. */
static void update_pit(struct pc *pc, u64 ns)
{
	bool rose, level = i8254_sync(&pc->pit, ns, &rose);

	if (rose) {
		line(pc, IRQ_PIT, false);
		line(pc, IRQ_PIT, true);
	}
	line(pc, IRQ_PIT, level);
	pc->pit_edge = i8254_deadline(&pc->pit);
	set_pit_due(pc);
}

void pc_update_pit_pin(struct pc *pc, u64 ns)
{
	if (ns >= pc->pit_edge)
		update_pit(pc, ns);
	else
		set_pit_due(pc);
}

void pc_update(struct pc *pc, enum pc_clock clock, u64 ns)
{
	switch (clock) {
	case CLOCK_PIT:
		update_pit(pc, ns);
		break;
	case CLOCK_RTC:
		line(pc, IRQ_RTC, mc146818_sync(&pc->rtc, ns));
		set_due(pc, clock, mc146818_deadline(&pc->rtc));
		break;
	case CLOCK_UART:
		line(pc, IRQ_UART, uart_sync(&pc->uart, ns));
		set_due(pc, clock, uart_deadline(&pc->uart));
		break;
	case CLOCK_PM:
		line(pc, ACPI_PM_SCI, acpi_pm_sync(&pc->pm, ns));
		set_due(pc, clock, acpi_pm_deadline(&pc->pm));
		break;
	case CLOCKS:
		break;
	}
}

static void tick_devices(struct pc *pc, u64 now)
{
	u64 ns;

	if (pc->deadline > now)
		return;
	ns = pvclock_ns(now);
	for (unsigned i = 0; i < CLOCKS; i++)
		if (pc->due[i] <= ns)
			pc_update(pc, i, ns);
}

u64 pc_vcpu_deadline(const struct pc *pc, u32 vcpu)
{
	if (vcpu == PC_DEVICES)
		return __atomic_load_n(&pc->deadline, __ATOMIC_RELAXED);
	return vcpu < pc->vcpus ? __atomic_load_n(&pc->lapic[vcpu].deadline, __ATOMIC_RELAXED) :
				  PC_NEVER;
}

u64 pc_tick_vcpu(struct pc *pc, u32 vcpu, u64 now)
{
	u64 next = pc_vcpu_deadline(pc, vcpu);

	if (next > now)
		return next; /* the usual case, without the lock */
	spin_lock(&pc->lock);
	if (vcpu == PC_DEVICES)
		tick_devices(pc, now);
	else
		lapic_timer_fire(pc, &pc->lapic[vcpu], now);
	next = pc_vcpu_deadline(pc, vcpu);
	spin_unlock(&pc->lock);
	return next;
}

u64 pc_tick(struct pc *pc, u64 now)
{
	u64 next = pc_tick_vcpu(pc, PC_DEVICES, now);

	for (u32 i = 0; i < pc->vcpus; i++)
		next = min(next, pc_tick_vcpu(pc, i, now));
	/* One vCPU's timer may have changed what another device waits for. */
	return min(next, pc_vcpu_deadline(pc, PC_DEVICES));
}

/* ---- the way to a vCPU ----------------------------------------------------------------------- */

/* The PIC's output reaches the CPU through LINT0 of vCPU 0, or through the IOAPIC by a message. */
static bool takes_pic(const struct pc *pc, const struct lapic *l)
{
	return pc->lapic[0].line0 && (l->extint || (l->id == 0 && lapic_takes_extint(l)));
}

static int peek(const struct pc *pc, struct lapic *l)
{
	if (takes_pic(pc, l))
		return PC_EXTINT;
	return lapic_deliverable(l);
}

int pc_interrupt_peek(struct pc *pc, u32 vcpu)
{
	int vector;

	spin_lock(&pc->lock);
	vector = peek(pc, &pc->lapic[vcpu]);
	spin_unlock(&pc->lock);
	return vector;
}

/* INTA. The timer's edges until now belong to the request that is being taken. */
static int acknowledge(struct pc *pc, struct lapic *l, u64 now)
{
	u64 ns = pvclock_ns(now);
	int vector;

	pc_update_pit_pin(pc, ns);
	l->extint = false;
	vector = i8259_acknowledge(&pc->pic);
	lapic_line0(pc, &pc->lapic[0], false); /* INT falls after each INTA */
	ioapic_line(pc, PIN_INTR, false);
	pc_update_intr(pc);
	pc_update_pit_pin(pc, ns);
	return vector;
}

int pc_interrupt_accept(struct pc *pc, u32 vcpu, u64 now)
{
	struct lapic *l = &pc->lapic[vcpu];
	int vector;

	spin_lock(&pc->lock);
	vector = takes_pic(pc, l) ? acknowledge(pc, l, now) : lapic_accept(l);
	spin_unlock(&pc->lock);
	return vector;
}

void pc_interrupt_undo(struct pc *pc, u32 vcpu, u8 vector)
{
	spin_lock(&pc->lock);
	lapic_undo(&pc->lapic[vcpu], vector);
	spin_unlock(&pc->lock);
}

u8 pc_tpr(const struct pc *pc, u32 vcpu)
{
	return (u8)lapic_get(&pc->lapic[vcpu], LAPIC_TPR);
}

void pc_set_tpr(struct pc *pc, u32 vcpu, u8 tpr)
{
	spin_lock(&pc->lock);
	lapic_set_tpr(pc, &pc->lapic[vcpu], tpr);
	spin_unlock(&pc->lock);
}

void pc_eoi_vector(struct pc *pc, u32 vcpu, u8 vector)
{
	spin_lock(&pc->lock);
	apic_bus_eoi_vector(pc, &pc->lapic[vcpu], vector);
	spin_unlock(&pc->lock);
}

int pc_irr_highest(const struct pc *pc, u32 vcpu)
{
	return lapic_highest(&pc->lapic[vcpu], LAPIC_IRR);
}

int pc_isr_highest(const struct pc *pc, u32 vcpu)
{
	return lapic_highest(&pc->lapic[vcpu], LAPIC_ISR);
}

bool pc_is_x2apic(const struct pc *pc, u32 vcpu)
{
	return lapic_is_x2(&pc->lapic[vcpu]);
}

gpa_t pc_lapic_base(const struct pc *pc, u32 vcpu)
{
	const struct lapic *l = &pc->lapic[vcpu];

	return lapic_is_on(l) && !lapic_is_x2(l) ? l->base & ~(PAGE_SIZE - 1) : ~0ull;
}

/* ---- MSRs and MMIO --------------------------------------------------------------------------- */

bool pc_msr_read(struct pc *pc, u32 vcpu, u32 msr, u64 *value, u64 now)
{
	struct lapic *l = &pc->lapic[vcpu];
	bool done = true;

	spin_lock(&pc->lock);
	if (msr == MSR_APIC_BASE) {
		*value = l->base;
	} else if (msr == MSR_TSC_DEADLINE) {
		lapic_timer_fire(pc, l, now);
		*value = l->tsc_deadline;
	} else {
		done = msr >> 8 == MSR_X2APIC >> 8 && lapic_msr_read(pc, l, msr, value, now);
	}
	spin_unlock(&pc->lock);
	return done;
}

bool pc_msr_write(struct pc *pc, u32 vcpu, u32 msr, u64 value, u64 now)
{
	struct lapic *l = &pc->lapic[vcpu];
	bool done = true;

	spin_lock(&pc->lock);
	if (msr >> 8 == MSR_X2APIC >> 8)
		done = lapic_msr_write(pc, l, msr, value, now);
	else if (msr == MSR_TSC_DEADLINE)
		lapic_timer_deadline(pc, l, value, now);
	else
		done = msr == MSR_APIC_BASE && lapic_base_write(pc, l, value);
	spin_unlock(&pc->lock);
	return done;
}

static u64 cut(u64 value, unsigned bytes)
{
	return bytes >= 8 ? value : value & (BIT(bytes * 8) - 1);
}

bool pc_mmio_read(struct pc *pc, u32 vcpu, gpa_t gpa, unsigned bytes, u64 *value, u64 now)
{
	u32 offset = gpa & (PAGE_SIZE - 1);
	bool found = true;

	spin_lock(&pc->lock);
	if (gpa - offset == pc_lapic_base(pc, vcpu))
		*value = cut(lapic_mmio_read(pc, &pc->lapic[vcpu], offset, now), bytes);
	else if (gpa - offset == IOAPIC_ADDRESS)
		*value = cut(ioapic_read(pc, offset & ~3u) >> (offset & 3) * 8, bytes);
	else
		found = false;
	spin_unlock(&pc->lock);
	return found;
}

bool pc_mmio_write(struct pc *pc, u32 vcpu, gpa_t gpa, unsigned bytes, u64 value, u64 now)
{
	u32 offset = gpa & (PAGE_SIZE - 1);
	bool found = true;

	spin_lock(&pc->lock);
	if (gpa - offset == pc_lapic_base(pc, vcpu)) {
		lapic_mmio_write(pc, &pc->lapic[vcpu], offset, bytes, value, now);
	} else if (gpa - offset == IOAPIC_ADDRESS) {
		/* Only the index takes less than 32 bits, of which it has eight. */
		if (bytes == 4 || offset == 0)
			ioapic_write(pc, offset, (u32)value);
		pc_update_pit_pin(pc, pvclock_ns(now)); /* it may be open now */
	} else {
		found = false;
	}
	spin_unlock(&pc->lock);
	return found;
}

void pc_lapic_written(struct pc *pc, u32 vcpu, u32 reg, u64 now)
{
	spin_lock(&pc->lock);
	lapic_written(pc, &pc->lapic[vcpu], reg & 0xff0, now);
	spin_unlock(&pc->lock);
}

/* ---- other devices --------------------------------------------------------------------------- */

void pc_line(struct pc *pc, u32 pin, bool level)
{
	spin_lock(&pc->lock);
	if (pin > PIN_PIT)
		line(pc, pin, level);
	spin_unlock(&pc->lock);
}

/* SDM vol. 3, "Message Signalled Interrupts" */
void pc_msi(struct pc *pc, u32 address, u32 data)
{
	struct apic_message m = {
		.destination = address >> 12 & 0xff,
		.is_logical = address & 4,
		.vector = (u8)data,
		.mode = data >> 8 & 7,
	};

	spin_lock(&pc->lock);
	apic_bus_deliver(pc, &m);
	spin_unlock(&pc->lock);
}

size_t pc_input(struct pc *pc, const u8 *bytes, size_t count, u64 now)
{
	u64 ns = pvclock_ns(now);
	size_t taken;

	spin_lock(&pc->lock);
	taken = uart_input(&pc->uart, bytes, count, ns);
	pc_update(pc, CLOCK_UART, ns);
	spin_unlock(&pc->lock);
	return taken;
}

void pc_power_button(struct pc *pc, u64 now)
{
	spin_lock(&pc->lock);
	acpi_pm_button(&pc->pm);
	pc_update(pc, CLOCK_PM, pvclock_ns(now));
	spin_unlock(&pc->lock);
}
