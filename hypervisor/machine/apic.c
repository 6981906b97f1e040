/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The local APIC of each CPU: kicks and NMIs to other CPUs, and the one-shot timer. x2APIC mode
 * where CPUID has it and the machine description allows it, else the memory-mapped registers. Only
 * our two vectors are ever let through: all other local sources and both 8259s are masked.
 */
#include "lib/types.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

/* SDM vol. 3, "Local APIC Register Address Map"; the x2APIC MSR is 0x800 + offset / 16. */
enum apic_register {
	APIC_ID = 0x20,
	APIC_TPR = 0x80,
	APIC_EOI = 0xb0,
	APIC_SPURIOUS = 0xf0,
	APIC_ERROR_STATUS = 0x280,
	APIC_LVT_CMCI = 0x2f0,
	APIC_ICR = 0x300, /* MMIO: high half at 0x310 */
	APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320,
	APIC_LVT_THERMAL = 0x330,
	APIC_LVT_PERFORMANCE = 0x340,
	APIC_LVT_LINT0 = 0x350,
	APIC_LVT_LINT1 = 0x360,
	APIC_LVT_ERROR = 0x370,
	APIC_TIMER_INITIAL = 0x380,
	APIC_TIMER_CURRENT = 0x390,
	APIC_TIMER_DIVIDE = 0x3e0,
	APIC_VERSION = 0x30,
};

#define X2APIC_MSR(offset) (0x800u + (offset) / 16)

#define APIC_BASE_X2 BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

#define SPURIOUS_ENABLE BIT(8)
#define LVT_MASKED BIT(16)
#define LVT_TSC_DEADLINE (2u << 17) /* 0 = one-shot */
#define DIVIDE_BY_1 0xb

/* SDM vol. 3, "Interrupt Command Register (ICR)" */
#define ICR_FIXED (0u << 8)
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_ASSERT BIT(14)
#define ICR_PENDING BIT(12)
#define ICR_POLLS_MAX 100000u

#define PIC1 0x20
#define PIC2 0xa0
#define PIC1_VECTOR 0x20 /* of a spurious interrupt, even while masked: none of ours */

#define CALIBRATE_US 2000u
#define TIMER_FRACTION_BITS 20u

/* Set once by apic_init() before other CPUs run, read-only from then on. */
static bool ready, x2apic, has_deadline;
static volatile u32 *mmio;
static u64 apic_ticks_per_tsc; /* with TIMER_FRACTION_BITS binary places */

/*
 * No function pointers for the two ways: the branch is foreseen, and EOI and timer are the only
 * ones that run often.
 */
static u32 apic_read(enum apic_register reg)
{
	return x2apic ? (u32)rdmsr(X2APIC_MSR(reg)) : mmio[reg / 4];
}

static void apic_write(enum apic_register reg, u32 value)
{
	if (x2apic)
		wrmsr(X2APIC_MSR(reg), value);
	else
		mmio[reg / 4] = value;
}

bool apic_is_x2(void)
{
	return x2apic;
}

/* Before apic_init() from CPUID: SDM vol. 3, "Local APIC ID" (leaf 0x0b has all 32 bits). */
u32 apic_id(void)
{
	if (x2apic)
		return apic_read(APIC_ID);
	if (ready)
		return apic_read(APIC_ID) >> 24;
	if (cpuid(0, 0).eax >= 0xb && cpuid(0xb, 0).ebx)
		return cpuid(0xb, 0).edx;
	return cpuid(1, 0).ebx >> 24;
}

/* Any value ends the interrupt in service; in x2APIC mode anything but 0 would be #GP. */
void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* ---- interprocessor interrupts --------------------------------------------------------------- */

/*
 * In x2APIC mode one write with a 32-bit destination. In xAPIC mode two, of which the low one
 * sends; the command before must have left, or it is lost. An NMI between the two that sends as
 * well would change the destination: only a panic does that, and nothing comes after it.
 */
static void icr_write(u32 id, u32 command)
{
	if (x2apic) {
		/* Unlike MMIO, this WRMSR orders nothing: our stores must be seen first. */
		__asm__ volatile("mfence; lfence" : : : "memory");
		wrmsr(X2APIC_MSR(APIC_ICR), (u64)id << 32 | command);
		return;
	}
	for (u32 i = 0; i < ICR_POLLS_MAX && (apic_read(APIC_ICR) & ICR_PENDING); i++)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, id << 24);
	apic_write(APIC_ICR, command);
}

/* The target leaves HLT or its guest; a CPU in the hypervisor takes it when it next looks. */
void apic_send_kick(struct cpu *target)
{
	icr_write(target->apic_id, ICR_FIXED | ICR_ASSERT | VECTOR_KICK);
}

void apic_send_nmi(u32 id)
{
	icr_write(id, ICR_NMI | ICR_ASSERT);
}

void apic_send_init(u32 id)
{
	icr_write(id, ICR_INIT | ICR_ASSERT);
}

/* The vector field carries the page's number: SDM vol. 3, "MP Initialization Protocol". */
void apic_send_startup(u32 id, hpa_t page)
{
	icr_write(id, ICR_STARTUP | ICR_ASSERT | (u32)(page >> PAGE_SHIFT));
}

/* One by one, not by the broadcast: CPUs that we never started sit in the firmware's code. */
void apic_send_nmi_all_others(void)
{
	if (!ready)
		return;
	for (u32 i = 0; i < PV_CPUS_MAX; i++)
		if (cpus[i].online && &cpus[i] != this_cpu())
			apic_send_nmi(cpus[i].apic_id);
}

/* ---- timer ----------------------------------------------------------------------------------- */

/*
 * TSC ticks to timer ticks, rounded up: a timer that is early by a tick would only be armed again.
 * A time beyond 32 bits of ticks is cut short, and whoever armed the timer arms it again.
 */
static u32 timer_count(u64 tsc_ticks)
{
	unsigned __int128 count = (unsigned __int128)tsc_ticks * apic_ticks_per_tsc >>
				  TIMER_FRACTION_BITS;

	return count >= 0xffffffff ? 0xffffffff : (u32)count + 1;
}

/*
 * With the deadline mode this is one WRMSR, and the CPU compares with the TSC itself. Without it,
 * a time that has passed becomes the shortest count there is, so both fire at once. 0 turns both
 * off.
 */
void apic_timer_arm(u64 tsc)
{
	u64 now;

	this_cpu()->timer_armed = tsc;
	if (has_deadline) {
		wrmsr(MSR_TSC_DEADLINE, tsc == ~0ull ? 0 : max(tsc, (u64)1));
		return;
	}
	if (tsc == ~0ull) {
		apic_write(APIC_TIMER_INITIAL, 0);
		return;
	}
	now = rdtsc();
	apic_write(APIC_TIMER_INITIAL, timer_count(tsc > now ? tsc - now : 0));
}

/* All CPUs' timers run at one bus clock, so the boot CPU measures for all. */
static void timer_calibrate(void)
{
	u64 start, end;
	u32 left;

	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, 0xffffffff);
	start = rdtsc();
	delay_us(CALIBRATE_US);
	left = apic_read(APIC_TIMER_CURRENT);
	end = rdtsc();
	apic_write(APIC_TIMER_INITIAL, 0);
	apic_ticks_per_tsc = ((u64)(0xffffffff - left) << TIMER_FRACTION_BITS) / (end - start);
	if (!apic_ticks_per_tsc)
		panic("the APIC timer does not run");
}

/* ---- set-up ---------------------------------------------------------------------------------- */

/*
 * Both 8259s: vectors away from the exceptions, then everything masked. Masking alone is not
 * enough: a line that drops at the wrong moment makes a spurious interrupt, by default on vector
 * 15.
 */
void pic_disable(void)
{
	outb(PIC1, 0x11); /* ICW1: initialise, ICW4 follows */
	outb(PIC2, 0x11);
	outb(PIC1 + 1, PIC1_VECTOR);
	outb(PIC2 + 1, PIC1_VECTOR + 8);
	outb(PIC1 + 1, 4); /* ICW3: the second is at line 2 */
	outb(PIC2 + 1, 2);
	outb(PIC1 + 1, 1); /* ICW4: 8086 mode */
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, 0xff);
	outb(PIC2 + 1, 0xff);
}

/* The highest LVT register there is tells how many: SDM vol. 3, "Local APIC Version Register". */
static void mask_local_sources(void)
{
	u32 highest = apic_read(APIC_VERSION) >> 16 & 0xff;
	/* A vector below 16 would be an error of its own. */
	u32 masked = LVT_MASKED | VECTOR_SPURIOUS;

	apic_write(APIC_LVT_TIMER, masked);
	apic_write(APIC_LVT_LINT0, masked);
	apic_write(APIC_LVT_LINT1, masked);
	apic_write(APIC_LVT_ERROR, masked);
	if (highest >= 4)
		apic_write(APIC_LVT_PERFORMANCE, masked);
	if (highest >= 5)
		apic_write(APIC_LVT_THERMAL, masked);
	if (highest >= 6)
		apic_write(APIC_LVT_CMCI, masked);
}

/* Twice on the boot CPU: the timer's mode is known only after calibration, which needs the APIC. */
void apic_cpu_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

	/* In two steps: from off straight to x2APIC is no legal change. */
	wrmsr(MSR_APIC_BASE, base);
	if (x2apic)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	mask_local_sources();
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	this_cpu()->apic_id = apic_id();
	this_cpu()->timer_armed = ~0ull;
	if (!ready)
		return; /* the boot CPU: how the timer runs is not known yet */
	apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
	apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (has_deadline ? LVT_TSC_DEADLINE : 0));
	/* SDM vol. 3, "TSC-Deadline Mode": the LVT write must be done before the first deadline. */
	__asm__ volatile("mfence" : : : "memory");
}

void apic_init(bool allow_x2apic)
{
	u32 ecx = cpuid(1, 0).ecx;
	u64 base;

	if (!(cpuid(1, 0).edx & BIT(9)))
		panic("no local APIC");
	base = rdmsr(MSR_APIC_BASE);
	/* Firmware that left x2APIC on may have locked it, and IDs above 254 need it. */
	x2apic = (ecx & BIT(21)) && (allow_x2apic || (base & APIC_BASE_X2));
	has_deadline = ecx & BIT(24);
	if (!x2apic) {
		hpa_t lapic = base & APIC_BASE_ADDRESS;

		paging_map(lapic, PAGE_SIZE, MAP_W | MAP_UNCACHED);
		mmio = machine_pointer(lapic);
	}
	pic_disable();
	apic_cpu_init();
	if (!has_deadline)
		timer_calibrate();
	ready = true;
	apic_cpu_init();
}
