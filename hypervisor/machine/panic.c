/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end after a bug of ours: stops the other CPUs, tells what is known, powers off. The first
 * CPU to panic does the telling; another one that panics meanwhile, or takes the stopping NMI,
 * halts. A fault within the panic starts a shorter one, so it always comes to an end. Uses no lock
 * and no memory but its own.
 */
#include <stdarg.h>
#include "lib/lib.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define STOP_WAIT_LOOPS 1000000u /* for other CPUs to take the NMI: some ms, and never for ever */
#define BACKTRACE_MAX 24u
#define POWER_OFF_STATUS 3

static u32 owner; /* index + 1 of the CPU that panics */
static u32 depth; /* of panics within it */
static u32 halted; /* CPUs stopped by it */
static char message[160], line[200];

static const char *const exception_names[32] = {
	[0] = "#DE divide error",
	[1] = "#DB debug",
	[2] = "NMI",
	[3] = "#BP breakpoint",
	[4] = "#OF overflow",
	[5] = "#BR bound range",
	[6] = "#UD invalid opcode",
	[7] = "#NM no FPU",
	[8] = "#DF double fault",
	[10] = "#TS invalid TSS",
	[11] = "#NP segment not present",
	[12] = "#SS stack fault",
	[13] = "#GP general protection",
	[14] = "#PF page fault",
	[16] = "#MF x87 error",
	[17] = "#AC alignment check",
	[18] = "#MC machine check",
	[19] = "#XM SIMD error",
	[20] = "#VE virtualization",
	[21] = "#CP control protection",
};

static void say(const char *format, ...) PRINTF(1, 2);
static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_text_v(line, sizeof(line), format, args);
	va_end(args);
	log_panic_line(line);
}

/* this_cpu(), but a GS base that is not ours is mended first: it may be why we are here. */
static struct cpu *panic_cpu(void)
{
	u64 base = rdmsr(MSR_GS_BASE);

	if (base < (u64)cpus || base >= (u64)(cpus + ARRAY_SIZE(cpus)) ||
	    (base - (u64)cpus) % sizeof(cpus[0])) {
		wrmsr(MSR_GS_BASE, (u64)&cpus[0]);
		return &cpus[0];
	}
	return (struct cpu *)base;
}

/* From the NMI handler. The owner may take an NMI too, one sent before it panicked, and goes on. */
void panic_stop_here(void)
{
	u32 who = __atomic_load_n(&owner, __ATOMIC_ACQUIRE);

	if (!who || who == panic_cpu()->index + 1)
		return;
	__atomic_fetch_add(&halted, 1, __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/*
 * Before the first word is printed, so that nobody else writes to the channel, and guests do not
 * go on while the hypervisor is known to be wrong.
 */
static void stop_other_cpus(void)
{
	u32 others = 0;

	for (u32 i = 0; i < ARRAY_SIZE(cpus); i++)
		others += cpus[i].online && i + 1 != owner;
	if (!others)
		return;
	apic_send_nmi_all_others();
	for (u32 i = 0; i < STOP_WAIT_LOOPS; i++) {
		if (__atomic_load_n(&halted, __ATOMIC_ACQUIRE) >= others)
			return;
		cpu_relax();
	}
	say("  %u other CPUs did not stop", others - halted);
}

/* Becomes the one panic; what a panic within it still does depends on how deep it is. */
static void panic_enter(void)
{
	u32 nobody = 0, me;

	__asm__ volatile("cli");
	me = panic_cpu()->index + 1;
	if (!__atomic_compare_exchange_n(&owner, &nobody, me, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE) &&
	    nobody != me)
		panic_stop_here();
	depth++;
	if (depth == 1)
		stop_other_cpus();
	if (depth == 3)
		power_off(POWER_OFF_STATUS);
	while (depth > 3)
		__asm__ volatile("cli; hlt");
}

/* ---- what is known --------------------------------------------------------------------------- */

/* SDM vol. 3, "Interrupt 14 - Page-Fault Exception": error code bits. */
static void describe_page_fault(u64 error)
{
	const char *access = error & BIT(4) ? "fetch" : error & BIT(1) ? "write" : "read";

	say("  %s of 0x%016lx: %s%s%s", access, (unsigned long)read_cr2(),
	    error & BIT(0) ? "not allowed" : "not mapped", error & BIT(2) ? ", user mode" : "",
	    error & BIT(3) ? ", reserved bit" : "");
}

static void show_registers(const struct trap_frame *f)
{
	static const struct {
		const char *name;
		size_t offset;
	} rows[] = {
#define REGISTER(name) { #name, offsetof(struct trap_frame, name) }
		REGISTER(rax), REGISTER(rbx), REGISTER(rcx), REGISTER(rdx),
		REGISTER(rsi), REGISTER(rdi), REGISTER(rbp), REGISTER(rsp),
		REGISTER(r8),  REGISTER(r9),  REGISTER(r10), REGISTER(r11),
		REGISTER(r12), REGISTER(r13), REGISTER(r14), REGISTER(r15),
	};
	unsigned long value[4];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i += 4) {
		for (size_t j = 0; j < 4; j++)
			memcpy(&value[j], (const char *)f + rows[i + j].offset, sizeof(value[j]));
		say("  %-3s %016lx  %-3s %016lx  %-3s %016lx  %-3s %016lx", rows[i].name, value[0],
		    rows[i + 1].name, value[1], rows[i + 2].name, value[2], rows[i + 3].name,
		    value[3]);
	}
	say("  cs %04lx  ss %04lx  rflags %016lx", (unsigned long)f->cs, (unsigned long)f->ss,
	    (unsigned long)f->rflags);
	say("  cr0 %08lx  cr2 %016lx  cr3 %012lx  cr4 %08lx  efer %04lx", (unsigned long)read_cr0(),
	    (unsigned long)read_cr2(), (unsigned long)read_cr3(), (unsigned long)read_cr4(),
	    (unsigned long)rdmsr(MSR_EFER));
	if (trap_counts.unknown || trap_counts.spurious || trap_counts.nmi)
		say("  interrupts nobody asked for: %lu unknown, %lu spurious, %lu NMI",
		    (unsigned long)trap_counts.unknown, (unsigned long)trap_counts.spurious,
		    (unsigned long)trap_counts.nmi);
}

static bool is_indirect_call(const u8 *at)
{
	return at[0] == 0xff && (at[1] >> 3 & 7) == 2;
}

/* Is this the address behind a CALL in our text? SDM vol. 2, "CALL": E8, or FF /2 in 2..7 bytes. */
static bool is_return_address(u64 value)
{
	const u8 *at = (const u8 *)value;

	if (value < ADDRESS(text_start) + 7 || value >= ADDRESS(text_end))
		return false;
	return at[-5] == 0xe8 || is_indirect_call(at - 2) || is_indirect_call(at - 3) ||
	       is_indirect_call(at - 4) || is_indirect_call(at - 6) || is_indirect_call(at - 7);
}

/* The end of the stack that rsp points into, or 0 if that is none of this CPU's. */
static u64 stack_end(const struct cpu *cpu, u64 rsp)
{
	if (rsp >= (u64)cpu->stack && rsp < (u64)cpu->stack + CPU_STACK_BYTES)
		return (u64)cpu->stack + CPU_STACK_BYTES;
	for (size_t i = 0; i < ARRAY_SIZE(cpu->ist); i++)
		if (rsp >= (u64)cpu->ist[i] && rsp < (u64)cpu->ist[i] + CPU_IST_BYTES)
			return (u64)cpu->ist[i] + CPU_IST_BYTES;
	return 0;
}

/*
 * Frame pointers would cost instructions on the exit path, so the stack is searched for return
 * addresses instead; '?' marks them, because some may be left over from earlier calls.
 */
static void show_backtrace(const struct cpu *cpu, u64 rip, u64 rsp, bool is_return)
{
	char name[80];
	u64 end;

	if (rsp - (u64)cpu->guard < sizeof(cpu->guard)) /* it overflowed: show its innermost part */
		rsp = (u64)cpu->stack;
	end = stack_end(cpu, rsp);
	symbol_format(name, sizeof(name), rip, is_return);
	say("  backtrace:");
	say("   [<%016lx>] %s", (unsigned long)rip, name);
	if (!end)
		say("   rsp points to no stack of this CPU");
	for (u32 shown = 0; rsp + 8 <= end && shown < BACKTRACE_MAX; rsp += 8) {
		u64 value = *(const u64 *)ALIGN_DOWN(rsp, 8);

		if (!is_return_address(value))
			continue;
		symbol_format(name, sizeof(name), value, true);
		say("   [<%016lx>] ? %s", (unsigned long)value, name);
		shown++;
	}
}

/* pvn learns the reason from the last frame, people from the lines before it. */
static void panic_finish(void) __attribute__((noreturn));
static void panic_finish(void)
{
	log_machine_end(true, message);
	power_off(POWER_OFF_STATUS);
}

/* A CPU exception that no fixup foresaw. `frame` lies on this CPU's stack and stays readable. */
void panic_trap(const struct trap_frame *frame)
{
	const char *name = exception_names[frame->vector & 31];
	char where[80];

	panic_enter();
	symbol_format(where, sizeof(where), frame->rip, false);
	if (depth > 1) { /* keep the first message: it is the cause */
		say("PANIC within the panic: %s at 0x%lx %s", name ? name : "exception",
		    (unsigned long)frame->rip, where);
		panic_finish();
	}
	format_text(message, sizeof(message), "%s (vector %lu, error 0x%lx) at 0x%lx %s",
		    name ? name : "exception", (unsigned long)frame->vector,
		    (unsigned long)frame->error, (unsigned long)frame->rip, where);
	say("PANIC on CPU %u: %s", panic_cpu()->index, message);
	if (frame->vector == VEC_PF)
		describe_page_fault(frame->error);
	show_registers(frame);
	show_backtrace(panic_cpu(), frame->rip, frame->rsp, false);
	panic_finish();
}

/* Registers first: what formatting leaves in them says nothing. */
void panic(const char *format, ...)
{
	struct trap_frame frame = { 0 };
	va_list args;

	capture_registers(&frame);
	/* It happened where we were called from. */
	frame.rip = (u64)__builtin_return_address(0);
	frame.rsp = (u64)__builtin_frame_address(0) + 2 * sizeof(u64);
	panic_enter();
	va_start(args, format);
	format_text_v(depth > 1 ? line : message, sizeof(message), format, args);
	va_end(args);
	if (depth > 1) {
		log_panic_line(line);
		panic_finish();
	}
	say("PANIC on CPU %u: %s", panic_cpu()->index, message);
	show_registers(&frame);
	show_backtrace(panic_cpu(), frame.rip, frame.rsp, true);
	panic_finish();
}
