/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUs, clock, CPUID and ports of the fake machine; see hardware.h. */
#include "fake/hardware.h"

#include <stdlib.h>
#include <string.h>

#include "fake/panic.h"
#include "machine/machine.h"
#include "machine/x86.h"

struct cpu cpus[PV_CPUS_MAX];
u32 cpu_count;
struct cpu *fake_this_cpu = &cpus[0];
struct fake_cpu fake_cpus[PV_CPUS_MAX];
void (*fake_idle)(void);
void (*fake_meanwhile)(void);
u64 fake_tsc, fake_tsc_step, fake_wall_ns, fake_xcr0, fake_tsc_aux;
u64 tsc_khz = 1000000; /* a tick is a nanosecond */
struct fake_output fake_debug_port, fake_serial;

void fake_cpus_init(u32 count)
{
	memset(fake_cpus, 0, sizeof(fake_cpus));
	for (u32 i = 0; i < PV_CPUS_MAX; i++) {
		cpus[i].index = i;
		cpus[i].current = NULL;
		cpus[i].kicked = false;
		cpus[i].slice_end = 0;
		cpus[i].timer_armed = ~0ull;
		cpus[i].ring = NULL;
		cpus[i].idle_tsc = 0;
	}
	cpu_count = count;
	fake_this_cpu = &cpus[0];
}

static void meanwhile(void)
{
	if (fake_meanwhile && !fake_locks_held)
		fake_meanwhile();
}

/* ---- machine.h ---- */

u64 rdtsc(void)
{
	return fake_tsc += fake_tsc_step;
}

u64 ns_to_tsc(u64 ns)
{
	return ns;
}

u64 wall_clock_ns(void)
{
	return fake_wall_ns;
}

u64 tsc_to_ns(u64 tsc)
{
	return tsc;
}

/* Under sched_lock in places: only noted. */
void apic_send_kick(struct cpu *target)
{
	fake_cpus[target->index].kick = true;
	fake_cpus[target->index].kicks++;
}

void apic_timer_arm(u64 tsc)
{
	this_cpu()->timer_armed = tsc;
	meanwhile();
}

/* What machine/idt.c does when interrupts are let in. */
void irq_window(void)
{
	struct cpu *cpu = this_cpu();

	if (fake_cpus[cpu->index].kick)
		cpu->kicked = true;
	fake_cpus[cpu->index].kick = false;
	if (cpu->timer_armed <= fake_tsc)
		cpu->timer_armed = ~0ull;
}

void idle_wait(void)
{
	if (!fake_idle)
		panic("a CPU idles, and nothing would wake it");
	fake_idle();
}

void nmi_handle(void)
{
}

/* The hand switch of registers (dispatcher/context.c) needs ring 0; the linker sends calls here. */
struct vcpu;
void __wrap_context_load(struct vcpu *v);
void __wrap_context_save(struct vcpu *v);

void __wrap_context_load(struct vcpu *v)
{
	(void)v;
	meanwhile();
}

void __wrap_context_save(struct vcpu *v)
{
	(void)v;
	meanwhile();
}

/* ---- x86.h ---- */

#define CPUID_ROWS 64u

static struct {
	u32 leaf, subleaf;
	struct cpuid_regs regs;
} cpuid_rows[CPUID_ROWS];
static unsigned cpuid_used;

void fake_cpuid_clear(void)
{
	cpuid_used = 0;
}

void fake_cpuid_set(u32 leaf, u32 subleaf, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
	unsigned i = 0;

	while (i < cpuid_used && (cpuid_rows[i].leaf != leaf || cpuid_rows[i].subleaf != subleaf))
		i++;
	if (i == CPUID_ROWS)
		abort();
	cpuid_rows[i].leaf = leaf;
	cpuid_rows[i].subleaf = subleaf;
	cpuid_rows[i].regs = (struct cpuid_regs){ eax, ebx, ecx, edx };
	if (i == cpuid_used)
		cpuid_used++;
}

void fake_cpuid_all(void)
{
	fake_cpuid_clear();
	fake_cpuid_set(0, 0, 0x1f, 0x756e6547, 0x6c65746e, 0x49656e69);
	fake_cpuid_set(1, 0, 0x306c3, 0xff100800, ~0u, ~0u);
	for (u32 leaf = 2; leaf < 0x20; leaf++)
		for (u32 subleaf = 0; subleaf < (leaf == 4 || leaf == 7 || leaf == 0xd ? 3u : 1u);
		     subleaf++)
			fake_cpuid_set(leaf, subleaf, ~0u, ~0u, ~0u, ~0u);
	fake_cpuid_set(0x80000000, 0, 0x8000001f, 0, 0, 0);
	for (u32 leaf = 0x80000001; leaf < 0x80000009; leaf++)
		fake_cpuid_set(leaf, 0, ~0u, ~0u, ~0u, ~0u);
	fake_cpuid_set(0x80000008, 0, 0x3027, 0, 0, 0);
}

struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	for (unsigned i = 0; i < cpuid_used; i++)
		if (cpuid_rows[i].leaf == leaf && cpuid_rows[i].subleaf == subleaf)
			return cpuid_rows[i].regs;
	return (struct cpuid_regs){ 0 };
}

u64 rdmsr(u32 msr)
{
	if (msr != MSR_TSC_AUX)
		panic("RDMSR 0x%x", msr);
	return fake_tsc_aux;
}

void wrmsr(u32 msr, u64 value)
{
	panic("WRMSR 0x%x = 0x%llx", msr, (unsigned long long)value);
}

void xsetbv(u32 index, u64 value)
{
	if (index)
		panic("XSETBV %u", index);
	fake_xcr0 = value;
}

/* ---- ports ---- */

static void put(struct fake_output *out, const void *data, size_t bytes)
{
	if (out->room - out->used < bytes + 1) {
		out->room = (out->used + bytes + 1) * 2;
		out->data = realloc(out->data, out->room);
		if (!out->data)
			abort();
	}
	if (bytes)
		memcpy(out->data + out->used, data, bytes);
	out->used += bytes;
	out->data[out->used] = 0;
}

void debug_port_write(const void *data, size_t bytes)
{
	put(&fake_debug_port, data, bytes);
}

void serial_write(const char *text, size_t bytes)
{
	put(&fake_serial, text, bytes);
}

const char *fake_typed;

size_t serial_read(char *text, size_t max)
{
	size_t bytes = 0;

	while (fake_typed && *fake_typed && bytes < max)
		text[bytes++] = *fake_typed++;
	return bytes;
}

void fake_output_clear(void)
{
	fake_debug_port.used = 0;
	fake_serial.used = 0;
}

bool fake_serial_has(const char *text)
{
	return fake_serial.used && strstr((const char *)fake_serial.data, text);
}
