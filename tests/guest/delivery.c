/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events whose delivery goes wrong in the guest's own tables. The CPU handles it, without an exit
 * and as without us: a fault while an interrupt is delivered comes instead of it, two faults make
 * #DF.
 */
#include "guest.h"

#define VECTOR 0x41
#define IST_TEST 3
#define ERROR_IDT 2u
#define ERROR_EXT 1u

/* #NP for a gate of the IDT. QEMU's software CPU leaves EXT 0 and doubles the index. */
static bool is_no_gate(const struct fault *f, unsigned vector)
{
	u64 error = f->error & ~ERROR_EXT;

	return f->vector == VEC_NP && (error == (vector << 3 | ERROR_IDT) ||
				       (is_amd && error == (vector << 4 | ERROR_IDT)));
}

static u64 *stack_entry;
static volatile unsigned page_faults;
static volatile u64 fault_address, fault_error;

/* The 2 MiB entry of the loader's tables that maps address. */
static u64 *entry_of(u64 address)
{
	u64 *table = (u64 *)read_cr3();

	table = (u64 *)(table[address >> 39 & 511] & 0xffffffffff000ull);
	table = (u64 *)(table[address >> 30 & 511] & 0xffffffffff000ull);
	return &table[address >> 21 & 511];
}

static bool map_stack(struct trap_frame *frame)
{
	page_faults++;
	fault_address = read_cr2();
	fault_error = frame->error;
	*stack_entry |= BIT(0);
	return true;
}

/* The interrupt's own stack is not mapped; the #PF handler maps it. */
static void check_stack_fault(struct guest_vcpu *self)
{
	u64 stack = start_info->memory_bytes - 64; /* the last 2 MiB: nothing else is there */

	stack_entry = entry_of(stack);
	self->tss.ist[IST_TEST - 1] = stack;
	trap_gate(VECTOR, IST_TEST, true);
	trap_hooks[VEC_PF] = map_stack;
	*stack_entry &= ~BIT(0);
	invlpg(stack);
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
	irq_window();
	ok(page_faults == 1 && fault_address >= stack - 64 && fault_address < stack,
	   "%u #PF for the interrupt's stack, at %#llx", page_faults,
	   (unsigned long long)fault_address);
	ok((fault_error & ~ERROR_EXT) == 2, "a write to no page (error %#llx)",
	   (unsigned long long)fault_error);
	/* The fault took the place of the interrupt; the sender sends again, and now it arrives. */
	ok(self->counts[VECTOR] <= 1, "the interrupt came %u times", self->counts[VECTOR]);
	counts_clear(self);
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
	irq_window();
	ok(self->counts[VECTOR] == 1 && page_faults == 1, "the next one arrives");
	trap_hooks[VEC_PF] = NULL;
	trap_gate(VECTOR, 0, true);
}

static void send_and_open(void *arg)
{
	(void)arg;
	hypercall(PV_CALL_IPI_SEND, 0, VECTOR);
	__asm__ volatile("sti; nop; nop; nop; cli" : : : "memory");
}

static void check_no_gate(struct guest_vcpu *self)
{
	struct fault f;

	counts_clear(self);
	trap_gate(VECTOR, 0, false);
	f = try_insn(send_and_open, NULL);
	ok(is_no_gate(&f, VECTOR), "an interrupt without a gate is #NP, error %#llx",
	   (unsigned long long)f.error);
	trap_gate(VECTOR, 0, true);
	f = try_insn(send_and_open, NULL);
	ok(f.vector == NO_FAULT && self->counts[VECTOR] >= 1,
	   "with its gate back the next one arrives");
}

INSN(undefined, "ud2")
INSN(page_fault, "mov $1, %%rax; shl $40, %%rax; mov (%%rax), %%al")
INSN(general, "mov $0x1234, %%eax; mov %%ax, %%ds")

static struct fault without_gate(void (*insn)(void *), unsigned vector)
{
	struct fault f;

	trap_gate(vector, 0, false);
	f = try_insn(insn, NULL);
	trap_gate(vector, 0, true);
	return f;
}

static void check_double_fault(void)
{
	struct fault f = without_gate(undefined, VEC_UD);

	ok(is_no_gate(&f, VEC_UD), "#UD without a gate is #NP, error %#llx",
	   (unsigned long long)f.error);
	f = without_gate(page_fault, VEC_PF);
	ok(f.vector == VEC_DF && f.error == 0, "#PF without a gate is #DF");
	f = without_gate(general, VEC_GP);
	ok(f.vector == VEC_DF && f.error == 0, "#GP without a gate is #DF");
}

/* The same for exceptions that the hypervisor injects: RDMSR's #GP and VMX's #UD come from it. */
INSN(bad_msr, "mov $0x12345678, %%ecx; rdmsr")
INSN(monitor, "mov %0, %%rax; xor %%ecx, %%ecx; xor %%edx, %%edx; monitor")

static void check_injected(void)
{
	struct fault f = without_gate(bad_msr, VEC_GP);

	/* QEMU's software CPU forgets what it was injecting. */
	if (is_amd && is_no_gate(&f, VEC_GP))
		skip(1, "this CPU makes no #DF of an injected exception");
	else
		ok(f.vector == VEC_DF && f.error == 0, "an injected #GP without a gate is #DF");
	f = without_gate(monitor, VEC_UD);
	ok(is_no_gate(&f, VEC_UD), "an injected #UD without a gate is #NP, error %#llx",
	   (unsigned long long)f.error);
}

void guest_main(void)
{
	struct guest_vcpu *self = this_vcpu();

	plan(11);
	check_stack_fault(self);
	check_no_gate(self);
	check_double_fault();
	check_injected();
}
