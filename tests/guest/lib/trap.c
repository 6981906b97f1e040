/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IDT, GDT and TSS of the guest, and what becomes of a vector: a hook takes it; an exception inside
 * try_insn() ends that call; an interrupt or NMI is counted; anything else ends the domain with a
 * report. Every vCPU has a GDT and a TSS of its own and all share the IDT.
 */
#include "guest.h"

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS 0x28
#define GATE_INTERRUPT 0x8e00ull /* present, DPL 0, 64-bit interrupt gate: IF is cleared */
#define GATE_USER 0x6000ull /* DPL 3 */
#define GATE_PRESENT 0x8000ull

void guest_try(void (*fn)(void *), void *arg, u64 resume[2]);
void user_enter(u64 rip, u64 rsp, u64 rflags, u64 arg);
void trap(struct trap_frame *frame);
extern const u8 trap_stubs[256][16];
extern const u8 user_return[];

struct guest_vcpu vcpus[GUEST_VCPUS_MAX];
trap_hook_t trap_hooks[256];
u64 idt[512] __attribute__((aligned(4096)));

struct table_pointer {
	u16 limit;
	u64 base;
} __attribute__((packed));

struct guest_vcpu *this_vcpu(void)
{
	struct table_pointer p;

	__asm__ volatile("sgdt %0" : "=m"(p));
	return container_of((u64 *)p.base, struct guest_vcpu, gdt[0]);
}

void trap_gate(unsigned vector, unsigned ist, bool present)
{
	u64 stub = (u64)trap_stubs[vector];
	u64 flags = GATE_INTERRUPT | ist;

	if (vector == VECTOR_USER || vector == VEC_BP)
		flags |= GATE_USER;
	if (!present)
		flags &= ~GATE_PRESENT;
	idt[vector * 2] = (stub & 0xffff) | SELECTOR_CODE << 16 | flags << 32 |
			  (stub >> 16 & 0xffff) << 48;
	idt[vector * 2 + 1] = stub >> 32;
}

void trap_vcpu_init(u32 id)
{
	struct guest_vcpu *vcpu = &vcpus[id];
	struct tss *tss = &vcpu->tss;
	u64 base = (u64)tss, limit = sizeof(*tss) - 1;
	struct table_pointer boot;

	/* Selectors and segments stay the loader's; only the TSS is another. */
	__asm__ volatile("sgdt %0" : "=m"(boot));
	memcpy(vcpu->gdt, (const void *)boot.base, 7 * sizeof(u64));
	vcpu->gdt[5] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	vcpu->gdt[6] = base >> 32;
	vcpu->id = id;
	memset(tss, 0, sizeof(*tss));
	tss->rsp[0] = (u64)(vcpu->trap_stack + sizeof(vcpu->trap_stack));
	tss->ist[IST_DOUBLE_FAULT - 1] = (u64)(vcpu->fault_stack + sizeof(vcpu->fault_stack));
	tss->iomap = sizeof(*tss); /* beyond the limit: no port is open to ring 3 */
}

void trap_init(void)
{
	struct table_pointer p;

	for (unsigned v = 0; v < 256; v++)
		trap_gate(v, v == VEC_DF ? IST_DOUBLE_FAULT : 0, true);
	trap_vcpu_init(0);
	p = (struct table_pointer){ 7 * sizeof(u64) - 1, (u64)vcpus[0].gdt };
	__asm__ volatile("lgdt %0" : : "m"(p));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	p = (struct table_pointer){ sizeof(idt) - 1, (u64)idt };
	__asm__ volatile("lidt %0" : : "m"(p));
}

static u64 take_dr6(void)
{
	u64 dr6;

	__asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ull));
	return dr6;
}

/* Leaves the function that try_insn() or run_user() called, as if it had returned. */
static void leave_try(struct guest_vcpu *vcpu, struct trap_frame *frame)
{
	vcpu->fault = (struct fault){ (int)frame->vector, frame->error, frame->rip, frame->cs,
				      frame->rflags,      read_cr2(),   0 };
	if (frame->vector == VEC_DB)
		vcpu->fault.dr6 = take_dr6();
	frame->rsp = vcpu->resume[0];
	frame->rip = vcpu->resume[1];
	frame->cs = SELECTOR_CODE;
	frame->ss = SELECTOR_DATA;
	frame->rflags = RFLAGS_FIXED1;
	vcpu->resume[1] = 0;
}

void trap(struct trap_frame *frame)
{
	struct guest_vcpu *vcpu = this_vcpu();
	u8 vector = (u8)frame->vector;
	bool from_user = vector == VECTOR_USER && vcpu->resume[1];
	bool is_exception = (vector < 32 && vector != VEC_NMI) || from_user;

	if (!is_exception) {
		vcpu->counts[vector]++;
		vcpu->order[vcpu->order_count++ % 256] = vector;
	}
	if (trap_hooks[vector] && trap_hooks[vector](frame))
		return;
	if (!is_exception)
		return;
	if (!vcpu->resume[1])
		bail("vCPU %u: exception %u, error %#llx at %#llx, cr2 %#llx, rsp %#llx", vcpu->id,
		     vector, (unsigned long long)frame->error, (unsigned long long)frame->rip,
		     (unsigned long long)read_cr2(), (unsigned long long)frame->rsp);
	leave_try(vcpu, frame);
}

struct fault try_insn(void (*fn)(void *), void *arg)
{
	struct guest_vcpu *vcpu = this_vcpu();

	vcpu->fault = (struct fault){ .vector = NO_FAULT };
	guest_try(fn, arg, vcpu->resume);
	vcpu->resume[1] = 0;
	return vcpu->fault;
}

struct user_call {
	u64 rip, rsp, rflags, arg;
};

static void user_call(void *arg)
{
	const struct user_call *call = arg;

	user_enter(call->rip, call->rsp, call->rflags, call->arg);
}

struct fault run_user(void (*fn)(void *), void *arg, u64 rflags)
{
	static u64 stack[512] __attribute__((aligned(16)));
	struct user_call call = { (u64)fn, (u64)&stack[511], rflags | RFLAGS_FIXED1, (u64)arg };

	stack[511] = (u64)user_return;
	return try_insn(user_call, &call);
}

/* Sets the user bit in all present entries of the loader's tables: 2 MiB leaves, three levels. */
static void open_table(u64 *table, unsigned level)
{
	for (unsigned n = 0; n < 512; n++) {
		if (!(table[n] & BIT(0)))
			continue;
		table[n] |= BIT(2);
		if (level > 1 && !(table[n] & BIT(7)))
			open_table((u64 *)(table[n] & 0xffffffffff000ull), level - 1);
	}
}

void user_init(void)
{
	open_table((u64 *)read_cr3(), 4);
	write_cr4(read_cr4() ^ CR4_PGE); /* flushes global entries too */
	write_cr4(read_cr4() ^ CR4_PGE);
}

void counts_clear(struct guest_vcpu *vcpu)
{
	for (unsigned v = 0; v < 256; v++)
		vcpu->counts[v] = 0;
	vcpu->order_count = 0;
}
