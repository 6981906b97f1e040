/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an exit costs, in TSC ticks: "BENCH name ticks", read by `pvn bench exits`. The best of 20
 * batches of 100, so time slices and the host's own interrupts stay out; the loop around is
 * measured alone and taken off; rounded up.
 */
#include "guest.h"

#define BATCHES 20u
#define ROUNDS 100u

typedef void (*round_t)(u64 rounds);

/* No argument; what a body needs it sets itself. */
#define ZERO \
	"xor %%edi, %%edi\n\txor %%esi, %%esi\n\txor %%edx, %%edx\n\t" \
	"xor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\t"

/* One loop per instruction: a call inside the loop would be measured too. */
#define BENCH(name, text) \
	static void bench_##name(u64 rounds) \
	{ \
		__asm__ volatile("1: push %%rcx\n\t" ZERO text \
				 "\n\tpop %%rcx\n\tdec %%rcx\n\tjnz 1b" \
				 : "+c"(rounds) \
				 : \
				 : "rax", "rdx", "rsi", "rdi", "rbx", "r8", "r9", "cc", "memory"); \
	}

/* Every body has both moves, so the empty loop has as many instructions but the one measured. */
#define SET(eax, ecx) "mov $" #eax ", %%eax\n\tmov $" #ecx ", %%ecx\n\t"

BENCH(empty, SET(0xee, 0))
BENCH(null_vmx, SET(0xee, 0) "vmcall")
BENCH(null_svm, SET(0xee, 0) "vmmcall")
BENCH(call_null_vmx, SET(0, 0) "vmcall")
BENCH(call_null_svm, SET(0, 0) "vmmcall")
BENCH(cpuid, SET(1, 0) "cpuid")
BENCH(rdmsr, SET(0, 0x1b) "rdmsr")
BENCH(port_in, SET(0, 0) "in $0x80, %%al")
BENCH(port_out, SET(0, 0) "out %%al, $0x80")
BENCH(wbinvd, SET(0, 0) "wbinvd")

/* PAT as it is: the low and the high half need moves of their own. */
BENCH(pat_empty, "mov $0x00070406, %%edx\n\t" SET(0x00070406, 0x277))
BENCH(wrmsr, "mov $0x00070406, %%edx\n\t" SET(0x00070406, 0x277) "wrmsr")

/* XCR0 = x87 alone, which every CPU takes. */
BENCH(xsetbv, SET(1, 0) "xsetbv")

static u64 best_of(round_t round)
{
	u64 best = ~0ull;

	for (unsigned n = 0; n < BATCHES; n++) {
		u64 start = rdtsc();

		round(ROUNDS);
		best = min(best, rdtsc() - start);
	}
	return best;
}

static void measure(const char *name, round_t round, round_t empty)
{
	u64 with = best_of(round), without = best_of(empty);
	u64 ticks = with > without ? (with - without + ROUNDS - 1) / ROUNDS : 0;

	print("BENCH %s %llu\n", name, (unsigned long long)ticks);
}

void guest_main(void)
{
	u64 cr4 = read_cr4();

	measure("null", is_amd ? bench_null_svm : bench_null_vmx, bench_empty);
	measure("call_null", is_amd ? bench_call_null_svm : bench_call_null_vmx, bench_empty);
	measure("cpuid", bench_cpuid, bench_empty);
	measure("rdmsr", bench_rdmsr, bench_empty);
	measure("wrmsr", bench_wrmsr, bench_pat_empty);
	measure("port_in", bench_port_in, bench_empty);
	measure("port_out", bench_port_out, bench_empty);
	measure("wbinvd", bench_wbinvd, bench_empty);
	if (cpuid(1, 0).ecx & BIT(26)) {
		write_cr4(cr4 | CR4_OSXSAVE);
		measure("xsetbv", bench_xsetbv, bench_empty);
		write_cr4(cr4);
	}
	guest_exit(0);
}
