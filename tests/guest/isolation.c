/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers belong to one domain: fills everything that a vCPU carries with a pattern of seed=,
 * lets others run for ms=, and looks. Run several of these on one CPU with different seeds.
 */
#include "guest.h"

#define SPIN 100000u /* rounds between two looks */
#define XSAVE_BYTES 832u
#define YMM_OFFSET 576u

u64 registers_spin(u64 pattern, u64 rounds);

/* Fills 14 registers, waits with all of them live (it counts in memory); 0 if none changed. */
__asm__(".text\n.globl registers_spin\nregisters_spin:\n\t"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n\t"
	"mov %rdi, spin_pattern(%rip); mov %rsi, spin_left(%rip)\n\t"
	".set spin_n, 1\n\t"
	".irp reg, rax, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n\t"
	"lea spin_n(%rdi), %\\reg\n\t.set spin_n, spin_n + 1\n\t.endr\n\t"
	"1: decq spin_left(%rip); jnz 1b\n\t"
	".set spin_n, 1\n\t"
	".irp reg, rax, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n\t"
	"lea -spin_n(%\\reg), %\\reg\n\txor spin_pattern(%rip), %\\reg\n\t"
	".set spin_n, spin_n + 1\n\t.endr\n\t"
	"xor spin_pattern(%rip), %rdi\n\t"
	".irp reg, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15\n\t"
	"or %\\reg, %rax\n\t.endr\n\t"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n\t"
	".local spin_pattern, spin_left; .comm spin_pattern, 8; .comm spin_left, 8");

static u8 fpu_set[XSAVE_BYTES] __attribute__((aligned(64)));
static u8 fpu_seen[XSAVE_BYTES] __attribute__((aligned(64)));
static u32 xcr0;

static void fpu_prepare(u64 seed)
{
	xcr0 = cpuid(1, 0).ecx & BIT(26) ? cpuid(0xd, 0).eax & 7 : 0;
	for (unsigned n = 0; n < XSAVE_BYTES; n++)
		fpu_set[n] = (u8)(seed * 37 + n * 11);
	/* Control words that hardware takes, all x87 registers in use, the header of XSAVE. */
	memset(fpu_set, 0, 32);
	memset(fpu_set + 416, 0, 576 - 416);
	*(u16 *)fpu_set = 0x37f;
	fpu_set[4] = 0xff;
	*(u32 *)(fpu_set + 24) = 0x1f80;
	*(u64 *)(fpu_set + 512) = xcr0;
	if (xcr0) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		xsetbv(0, xcr0);
		__asm__ volatile("xrstor64 %0" : : "m"(fpu_set), "a"(xcr0), "d"(0));
	} else {
		__asm__ volatile("fxrstor64 %0" : : "m"(fpu_set));
	}
}

static unsigned fpu_changes(void)
{
	unsigned wrong = 0;

	memset(fpu_seen, 0, sizeof(fpu_seen));
	if (xcr0)
		__asm__ volatile("xsave64 %0" : "+m"(fpu_seen) : "a"(xcr0), "d"(0));
	else
		__asm__ volatile("fxsave64 %0" : "=m"(fpu_seen));
	for (unsigned n = 0; n < 8; n++) /* 80 bits of each x87 register */
		wrong += memcmp(fpu_seen + 32 + n * 16, fpu_set + 32 + n * 16, 10) != 0;
	wrong += memcmp(fpu_seen + 160, fpu_set + 160, 256) != 0;
	if (xcr0 & 4)
		wrong += memcmp(fpu_seen + YMM_OFFSET, fpu_set + YMM_OFFSET, 256) != 0;
	return wrong;
}

static u32 msrs[] = { MSR_STAR,           MSR_LSTAR,   MSR_CSTAR,   MSR_SFMASK,
		      MSR_KERNEL_GS_BASE, MSR_FS_BASE, MSR_GS_BASE, MSR_SYSENTER_ESP,
		      MSR_SYSENTER_EIP,   MSR_PAT,     MSR_TSC_AUX };
static unsigned msr_count = ARRAY_SIZE(msrs);

/* A canonical address; SFMASK and TSC_AUX have 32 bits, PAT only memory types. */
static u64 msr_value(u64 seed, u32 msr)
{
	if (msr == MSR_SFMASK || msr == MSR_TSC_AUX)
		return seed * 0x11110 & 0x3f7f00;
	if (msr == MSR_PAT)
		return 0x0007040600070400ull + (seed & 1);
	return seed << 40 | (u64)msr << 4;
}

#define DR(n, value) \
	do { \
		if (write) \
			__asm__ volatile("mov %0, %%dr" #n : : "r"(value)); \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(seen)); \
		wrong += seen != (value); \
	} while (0)

/*
 * Breakpoints on addresses that nobody touches. QEMU's software CPU crashes when VMRUN switches
 * enabled ones: there DR7 differs in their kinds alone.
 */
static unsigned debug_registers(u64 seed, bool write)
{
	u64 base = 0x500000000000ull + (seed << 20), seen;
	unsigned wrong = 0;

	DR(0, base);
	DR(1, base + 8);
	DR(2, base + 16);
	DR(3, base + 24);
	DR(7, (seed & 1 ? 0x99990400ull : 0x11110400ull) | (is_amd ? 0 : 0x55));
	DR(6, 0xffff0ff0ull | (seed & 0xf));
	return wrong;
}

void guest_main(void)
{
	u64 seed = arg_number("seed", 1), pattern = seed * 0x0123456789abcdefull;
	u64 span = arg_number("ms", 50) * tsc_khz(), end = rdtsc() + span, limit = end + 5 * span;
	u64 last, gap = tsc_khz() / 2;
	unsigned gpr = 0, fpu = 0, msr = 0, dr = 0, control = 0, away = 0;

	plan(6);
	if (!(cpuid(0x80000001, 0).edx & BIT(27)))
		msr_count--; /* TSC_AUX comes with RDTSCP */
	fpu_prepare(seed);
	for (unsigned n = 0; n < msr_count; n++)
		wrmsr(msrs[n], msr_value(seed, msrs[n]));
	debug_registers(seed, true);
	write_cr2(pattern);
	do {
		gpr += registers_spin(pattern, SPIN) != 0;
		fpu += fpu_changes();
		for (unsigned n = 0; n < msr_count; n++)
			msr += rdmsr(msrs[n]) != msr_value(seed, msrs[n]);
		dr += debug_registers(seed, false);
		control += read_cr2() != pattern;
		for (unsigned n = 0; n < 20000; n++) {
			last = rdtsc();
			cpu_relax();
			away += rdtsc() - last > gap;
		}
		/* Slices may all have ended in the checks above: then look a while longer. */
	} while (rdtsc() < end || (!away && rdtsc() < limit));
	ok(!gpr, "general registers (%u changes)", gpr);
	ok(!fpu, "x87, XMM%s (%u changes)", xcr0 & 4 ? " and YMM" : "", fpu);
	ok(!msr, "%u MSRs (%u changes)", msr_count, msr);
	ok(!dr, "debug registers (%u changes)", dr);
	ok(!control, "CR2 (%u changes)", control);
	ok(away, "others ran meanwhile, %u times seen", away);
}
