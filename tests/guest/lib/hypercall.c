/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls: the instruction by vendor, the start of further vCPUs, and the clock that BLOCK uses.
 */
#include "guest.h"

extern const u8 vcpu_entry[];
void vcpu_main(struct guest_vcpu *vcpu) __attribute__((noreturn));

s64 hypercall6(u64 nr, const u64 args[6])
{
	register u64 r8 __asm__("r8") = args[4];
	register u64 r9 __asm__("r9") = args[5];
	u64 rax = nr;

	if (is_amd)
		__asm__ volatile("vmmcall"
				 : "+a"(rax)
				 : "D"(args[0]), "S"(args[1]), "d"(args[2]), "c"(args[3]), "r"(r8),
				   "r"(r9)
				 : "memory");
	else
		__asm__ volatile("vmcall"
				 : "+a"(rax)
				 : "D"(args[0]), "S"(args[1]), "d"(args[2]), "c"(args[3]), "r"(r8),
				   "r"(r9)
				 : "memory");
	return (s64)rax;
}

s64 hypercall(u64 nr, u64 arg0, u64 arg1)
{
	u64 args[6] = { arg0, arg1, 0, 0, 0, 0 };

	return hypercall6(nr, args);
}

void hypercall_insn(void *arg)
{
	hypercall((u64)arg, 0, 0);
}

bool case_holds(s64 result, s64 wanted)
{
	return wanted ? result == -wanted : result >= 0;
}

s64 case_run(u64 nr, s64 wanted, const char *what, const u64 args[6])
{
	s64 result = hypercall6(nr, args);

	ok(case_holds(result, wanted), "%s gives %lld", what, (long long)result);
	return result;
}

bool wait_for(const volatile u32 *value, u32 wanted)
{
	u64 end = rdtsc() + 1000 * tsc_khz();

	while (*value != wanted && rdtsc() < end) {
		hypercall(PV_CALL_YIELD, 0, 0);
		irq_window();
	}
	return *value == wanted;
}

void area_register(u64 kind, const volatile void *page)
{
	if (hypercall(PV_CALL_AREA_REGISTER, kind, (u64)page) != 0)
		bail("area %llu is refused", (unsigned long long)kind);
}

u64 take_events(struct pv_vcpu_area *area)
{
	u64 first;

	WRITE_ONCE(area->upcall_pending, 0);
	__atomic_exchange_n(&area->port_selector, 0, __ATOMIC_SEQ_CST);
	first = __atomic_exchange_n(&area->port_pending[0], 0, __ATOMIC_SEQ_CST);
	for (unsigned n = 1; n < 4; n++)
		__atomic_exchange_n(&area->port_pending[n], 0, __ATOMIC_SEQ_CST);
	return first;
}

struct pv_vcpu_context *vcpu_context(u32 id, void (*fn)(void *), void *arg)
{
	struct guest_vcpu *vcpu = &vcpus[id];
	struct pv_vcpu_context *c = &vcpu->context;

	trap_vcpu_init(id);
	vcpu->run = fn;
	vcpu->arg = arg;
	memset(c, 0, sizeof(*c));
	c->rip = (u64)vcpu_entry;
	c->rsp = (u64)(vcpu->stack + sizeof(vcpu->stack));
	c->rdi = (u64)vcpu;
	c->rflags = RFLAGS_FIXED1;
	c->cr0 = read_cr0();
	c->cr3 = read_cr3();
	c->cr4 = read_cr4();
	c->efer = rdmsr(MSR_EFER);
	c->gdt_base = (u64)vcpu->gdt;
	c->gdt_limit = 7 * sizeof(u64) - 1;
	c->idt_base = (u64)idt;
	c->idt_limit = 256 * 16 - 1;
	c->cs = 0x08;
	c->ss = c->ds = c->es = c->fs = c->gs = 0x10;
	c->tr = 0x28;
	c->tr_base = (u64)&vcpu->tss;
	c->tr_limit = sizeof(vcpu->tss) - 1;
	return c;
}

s64 vcpu_start(u32 id, void (*fn)(void *), void *arg)
{
	return hypercall(PV_CALL_VCPU_START, id, (u64)vcpu_context(id, fn, arg));
}

void vcpu_main(struct guest_vcpu *vcpu)
{
	vcpu->running = 1;
	vcpu->run(vcpu->arg);
	for (;;)
		__asm__ volatile("cli; hlt");
}

u64 tsc_khz(void)
{
	return cpuid(PV_CPUID_BASE + PV_CPUID_TSC_KHZ, 0).eax;
}

u64 now_ns(void)
{
	static u64 khz;
	u64 ns, high;

	if (!khz)
		khz = tsc_khz();
	if (!khz)
		bail("the hypervisor gives no TSC frequency");
	/* 128-bit product and quotient; it does not overflow within 500 years of ns. */
	__asm__("mul %3; div %4"
		: "=a"(ns), "=&d"(high)
		: "a"(rdtsc()), "rm"(1000000ull), "rm"(khz)
		: "cc");
	return ns;
}
