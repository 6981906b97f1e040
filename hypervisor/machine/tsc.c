/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TSC as the clock of the hypervisor: its frequency, measured once against the ACPI PM timer
 * (or the PIT where there is none), and the conversions. CPUID 15h is exact where it tells the
 * truth, but an emulated CPU may state the frequency of the model it imitates, so it only refines
 * a measurement that it agrees with. Needs acpi_init().
 */
#include "lib/muldiv.h"
#include "lib/types.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define MEASUREMENTS 3u
#define MEASURE_MS 10u
#define PM_TIMER_HZ 3579545u
#define PM_TIMER_MASK 0xffffffu /* 24 bits in any case */
#define PIT_HZ 1193182u
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_MODE0_CHANNEL2 0xb0 /* low byte, high byte, interrupt on terminal count */
#define PORT_B 0x61 /* bit 0 gate, bit 1 speaker, bit 5 output of channel 2 */
#define PORT_B_OUT2 0x20
#define GIVE_UP_TICKS BIT(30) /* 0.1 s or more on any CPU: the timer stands still */
#define TSC_KHZ_MIN 10000u /* below, it was no timer that we read */
#define FALLBACK_KHZ 1000000u

u64 tsc_khz;

/* Exact to one tick for any argument: no precomputed factor that loses digits over days. */
u64 ns_to_tsc(u64 ns)
{
	return multiply_divide(ns, tsc_khz, 1000000);
}

u64 tsc_to_ns(u64 tsc)
{
	return multiply_divide(tsc, 1000000, tsc_khz);
}

void delay_us(u32 microseconds)
{
	u64 end = rdtsc() + multiply_divide(microseconds, tsc_khz, 1000);

	while (rdtsc() < end)
		cpu_relax();
}

/* The PM timer's next value other than `from` (masked), or `from` if it stands still. */
static u32 pm_timer_edge(u32 from)
{
	u64 begin = rdtsc();
	u32 now = from;

	while (now == from && rdtsc() - begin < GIVE_UP_TICKS)
		now = inl(acpi_info.pm_timer) & PM_TIMER_MASK;
	return now;
}

/*
 * TSC ticks a ms, or 0 if there is no such timer. From the edge of one tick to that of another:
 * the error is a port read, not a tick.
 */
static u64 measure_pm_timer(void)
{
	u32 wanted = PM_TIMER_HZ / 1000 * MEASURE_MS, passed = 0, last;
	u32 start = inl(acpi_info.pm_timer) & PM_TIMER_MASK;
	u64 tsc;

	last = start = pm_timer_edge(start);
	tsc = rdtsc();
	while (passed < wanted) {
		u32 now = pm_timer_edge(last);

		if (now == last)
			return 0;
		last = now;
		passed = (now - start) & PM_TIMER_MASK;
	}
	return multiply_divide(rdtsc() - tsc, PM_TIMER_HZ, (u64)passed * 1000);
}

/* Channel 2, because its gate and output are in port 0x61 and nobody else uses it. */
static u64 measure_pit(void)
{
	u32 count = PIT_HZ / 1000 * MEASURE_MS;
	u8 port_b = inb(PORT_B);
	u64 start, end = 0;

	outb(PORT_B, (u8)((port_b & ~2u) | 1));
	outb(PIT_COMMAND, PIT_MODE0_CHANNEL2);
	outb(PIT_CHANNEL2, (u8)count);
	outb(PIT_CHANNEL2, (u8)(count >> 8)); /* counting starts here */
	start = rdtsc();
	/* Done before it began: there is no PIT, and the port reads as all ones. */
	if (!(inb(PORT_B) & PORT_B_OUT2))
		while (!end && rdtsc() - start < GIVE_UP_TICKS)
			if (inb(PORT_B) & PORT_B_OUT2)
				end = rdtsc();
	outb(PORT_B, port_b);
	return end ? multiply_divide(end - start, PIT_HZ, (u64)count * 1000) : 0;
}

/* The middle one of three: a pause of the firmware (SMM) or of an emulator spoils one, not two. */
static u64 measure(u64 (*once)(void))
{
	u64 a = once(), b, c, low, high;

	if (a < TSC_KHZ_MIN)
		return 0;
	b = once();
	c = once();
	low = min(a, b);
	high = max(a, b);
	return c < low ? low : min(c, high);
}

/* CPUID 15h: TSC clock = ECX Hz * EBX / EAX; 0 where it is not told in full. */
static u64 cpuid_khz(void)
{
	struct cpuid_regs r;

	if (cpuid(0, 0).eax < 0x15)
		return 0;
	r = cpuid(0x15, 0);
	if (!r.eax || !r.ebx || !r.ecx)
		return 0;
	return multiply_divide(r.ecx, r.ebx, (u64)r.eax * 1000);
}

/* CPUID is believed within 1 %: measurements are off by far less, imitated models by far more. */
void tsc_init(void)
{
	u64 measured = acpi_info.pm_timer ? measure(measure_pm_timer) : 0, stated = cpuid_khz();

	if (!measured)
		measured = measure(measure_pit);
	if (measured && stated > measured - measured / 100 && stated < measured + measured / 100)
		tsc_khz = stated;
	else
		tsc_khz = measured ? measured : stated;
	if (!tsc_khz) {
		log_line("tsc: no timer to measure with; taking %u kHz", FALLBACK_KHZ);
		tsc_khz = FALLBACK_KHZ;
	}
}
