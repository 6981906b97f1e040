/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to guest-physical addresses that are no memory: the instruction is fetched and carried
 * out by emulate(), whose memory is the guest's own, page by page, and the devices of the emulated
 * PC. What is neither reads as ones and swallows writes, as an empty bus does.
 */
#include "allocator/copy.h"
#include "interpreter/emulate/emulate.h"
#include "interpreter/interpreter.h"
#include "interpreter/linear.h"
#include "interpreter/platform.h"
#include "lib/insn.h"
#include "lib/lib.h"
#include "machine/x86.h"

/* ---- the emulator's memory and ports --------------------------------------------------------- */

/*
 * An access that stays within a page. -PV_EFAULT: protected, or no memory in a domain without
 * devices.
 */
typedef int (*part_t)(struct vcpu *v, gpa_t gpa, void *bytes, unsigned count);

/* A device takes eight bytes at most, and where there is none all bits are set. */
static int read_part(struct vcpu *v, gpa_t gpa, void *to, unsigned count)
{
	if (!guest_read(&v->domain->p2m, gpa, to, count))
		return 0;
	if (!v->domain->platform)
		return -PV_EFAULT;
	for (unsigned done = 0; done < count; done += 8) {
		unsigned now = min(count - done, 8u);
		u64 value = ~0ull;

		platform_mmio_read(v, gpa + done, now, &value);
		memcpy((u8 *)to + done, &value, now);
	}
	return 0;
}

static int write_part(struct vcpu *v, gpa_t gpa, void *from, unsigned count)
{
	if (p2m_lookup(&v->domain->p2m, ALIGN_DOWN(gpa, PAGE_SIZE)))
		return hap_is_writable(v, gpa) ? guest_write(&v->domain->p2m, gpa, from, count) :
						 -PV_EFAULT;
	if (!v->domain->platform)
		return -PV_EFAULT;
	for (unsigned done = 0; done < count; done += 8) {
		unsigned now = min(count - done, 8u);
		u64 value = 0;

		memcpy(&value, (const u8 *)from + done, now);
		platform_mmio_write(v, gpa + done, now, value);
	}
	return 0;
}

static void fault_of(struct emu_fault *fault, gva_t gva, const struct walk_result *why)
{
	*fault = (struct emu_fault){ .valid = true, .vector = VEC_GP, .has_error = true };
	if (why->non_canonical)
		return;
	fault->vector = VEC_PF;
	fault->error = why->error;
	fault->address = gva;
}

static int access(struct vcpu *v, gva_t gva, void *bytes, unsigned count, u32 how, part_t part,
		  struct emu_fault *fault)
{
	u8 *at = bytes;

	while (count) {
		unsigned now = min(count, (unsigned)(PAGE_SIZE - (gva & (PAGE_SIZE - 1))));
		struct walk_result to = linear_walk(v, gva, how);

		if (!to.ok) {
			fault_of(fault, gva, &to);
			return EMU_FAULT;
		}
		if (part && part(v, to.gpa, at, now)) {
			vm_kill(v->domain, v, "%s of guest-physical 0x%llx, which is %s",
				part == read_part ? "read" : "write", (unsigned long long)to.gpa,
				p2m_lookup(&v->domain->p2m, ALIGN_DOWN(to.gpa, PAGE_SIZE)) ?
					"protected" :
					"not memory");
			return EMU_RETRY;
		}
		at += part ? now : 0;
		gva += now;
		count -= now;
	}
	return 0;
}

static int bus_read(void *context, u64 gva, void *to, unsigned bytes, struct emu_fault *fault)
{
	return access(context, gva, to, bytes, 0, read_part, fault);
}

/* Only the walk, of each page. */
static int bus_check_write(void *context, u64 gva, unsigned bytes, struct emu_fault *fault)
{
	return access(context, gva, NULL, bytes, WALK_WRITE, NULL, fault);
}

/* All pages are looked at before the first byte is written. */
static int bus_write(void *context, u64 gva, const void *from, unsigned bytes,
		     struct emu_fault *fault)
{
	if (PAGE_SIZE - (gva & (PAGE_SIZE - 1)) < bytes &&
	    bus_check_write(context, gva, bytes, fault))
		return EMU_FAULT;
	return access(context, gva, (void *)from, bytes, WALK_WRITE, write_part, fault);
}

/*
 * A device is not read again: it may count, or reading may change it. Limit: an operand in memory
 * that crosses a page is compared and written in two steps.
 */
static int bus_cmpxchg(void *context, u64 gva, void *expected, const void *desired, unsigned bytes,
		       struct emu_fault *fault)
{
	struct vcpu *v = context;
	struct walk_result to = linear_walk(v, gva, WALK_WRITE);
	int result;

	if (!to.ok) {
		fault_of(fault, gva, &to);
		return EMU_FAULT;
	}
	if (PAGE_SIZE - (gva & (PAGE_SIZE - 1)) >= bytes && hap_is_writable(v, to.gpa)) {
		result = guest_cmpxchg(&v->domain->p2m, to.gpa, expected, desired, bytes);
		if (!result)
			return 0;
	}
	return bus_write(context, gva, desired, bytes, fault);
}

static int bus_port_in(void *context, u16 port, unsigned bytes, u32 *value, struct emu_fault *fault)
{
	(void)fault;
	*value = port_read(context, port, bytes);
	return 0;
}

static int bus_port_out(void *context, u16 port, unsigned bytes, u32 value, struct emu_fault *fault)
{
	(void)fault;
	port_write(context, port, bytes, value);
	return 0;
}

static const struct emu_bus bus = {
	.read = bus_read,
	.write = bus_write,
	.cmpxchg = bus_cmpxchg,
	.check_write = bus_check_write,
	.port_in = bus_port_in,
	.port_out = bus_port_out,
};

/* ---- the vCPU's state, in and out ------------------------------------------------------------ */

static void state_read(struct vcpu *v, const struct vmexit *exit, struct emu_state *s)
{
	memcpy(s->gpr, v->gpr, sizeof(s->gpr));
	s->gpr[RSP] = backend->read(v, VREG_RSP);
	s->rip = exit->rip;
	s->rflags = backend->read(v, VREG_RFLAGS);
	s->code_bytes = (u8)backend->read(v, VREG_CODE_BYTES);
	s->cpl = (u8)backend->read(v, VREG_CPL);
	s->is_protected = backend->read(v, VREG_CR0) & CR0_PE;
	s->is_v86 = s->rflags & RFLAGS_VM;
	for (unsigned i = 0; i < EMU_SEGMENTS; i++)
		backend->segment(v, (enum segment_name)i, &s->segment[i]);
}

static void state_write(struct vcpu *v, const struct emu_state *s)
{
	memcpy(v->gpr, s->gpr, sizeof(s->gpr));
	backend->write(v, VREG_RSP, s->gpr[RSP]);
	backend->write(v, VREG_RFLAGS, s->rflags);
}

/* The end of a guest that did what we cannot: its bytes, which pvn disassembles. */
static enum verdict unhandled(struct vcpu *v, gpa_t gpa, const struct emu_state *s, const u8 *bytes,
			      unsigned count)
{
	char text[INSN_MAX * 3 + 1];
	size_t used = 0;

	for (unsigned i = 0; i < count; i++)
		used += (size_t)format_text(text + used, sizeof(text) - used, i ? " %02x" : "%02x",
					    bytes[i]);
	vm_kill(v->domain, v, "no emulation of the instruction {%u-bit: %s} for 0x%llx",
		s->code_bytes * 8, text, (unsigned long long)gpa);
	return KILL;
}

/*
 * What is found can be something else than what the CPU executed: another vCPU changes code, or
 * tables of which the CPU has a copy. So the guest comes by once more, with nothing cached; for
 * ever it may not, since that would be silence.
 */
#define RETRIES_MAX 4u

bool insn_may_retry(struct vcpu *v, u64 rip)
{
	if (v->retry_rip != rip)
		v->retries = 0;
	v->retry_rip = rip;
	if (v->retries == RETRIES_MAX)
		return false;
	v->retries++;
	vcpu_attend(v, ATTENTION_FLUSH);
	return true;
}

enum verdict insn_unreadable(struct vcpu *v, u64 rip, gpa_t gpa)
{
	if (insn_may_retry(v, rip))
		return RESUME;
	vm_kill(v->domain, v,
		"the instruction for 0x%llx cannot be fetched again: its page tables have changed",
		(unsigned long long)gpa);
	return KILL;
}

static enum verdict carry_out(struct vcpu *v, struct emu_state *s, const struct insn *insn,
			      const u8 *bytes, gpa_t gpa)
{
	struct emu_fault fault = { 0 };
	u64 rip = s->rip;

	switch (emulate(s, insn, &bus, v, &fault)) {
	case EMU_DONE:
		v->retries = 0;
		state_write(v, s);
		return advance_to(v, s->rip);
	case EMU_AGAIN:
		v->retries = 0;
		state_write(v, s);
		return v->domain->ending ? KILL : RESUME;
	case EMU_FAULTED:
		v->retries = 0;
		state_write(v, s);
		if (fault.vector == VEC_PF)
			backend->write(v, VREG_CR2, fault.address);
		event_raise(v, fault.vector, fault.has_error, fault.error);
		return FAULT;
	default:
		if (insn_may_retry(v, rip))
			return RESUME;
		return unhandled(v, gpa, s, bytes, insn->length);
	}
}

/*
 * Whether a program may use a port (IOPL, the TSS) the CPU has asked before the exit. So ports are
 * used as it found them, and not by an instruction that another vCPU has put in the place of one:
 * else a program with a device's memory would have all ports.
 */
static bool is_what_exited(const struct vmexit *exit, const struct insn *insn)
{
	bool exited = exit->code.exit == PV_EXIT_PORT_IN || exit->code.exit == PV_EXIT_PORT_OUT;
	bool is_byte = !(insn->opcode & 1), is_out = insn->opcode & 2;

	if (insn->map != INSN_MAP_1 || (insn->opcode & 0xfc) != 0x6c) /* INS OUTS */
		return !exited;
	return exited && exit->io.is_in == !is_out &&
	       exit->io.bytes == (is_byte ? 1 : min(insn->operand_bytes, 4));
}

enum verdict interpret_instruction(struct vcpu *v, struct vmexit *exit, gpa_t gpa)
{
	struct emu_state state;
	struct insn insn;
	u8 bytes[INSN_MAX];
	int error;

	state_read(v, exit, &state);
	error = insn_fetch(v, code_linear(v, exit->rip), bytes, &insn);
	if (!error && is_what_exited(exit, &insn))
		return carry_out(v, &state, &insn, bytes, gpa);
	if (error == -PV_EFAULT)
		return insn_unreadable(v, exit->rip, gpa);
	/* Another one by now, or the CPU knows it and the decoder does not. */
	if (insn_may_retry(v, exit->rip))
		return RESUME;
	return unhandled(v, gpa, &state, bytes, insn.length);
}

enum verdict interpret_nested_fault(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_fault *f = &exit->fault;

	/* Not what the delivery of an event accesses: the instruction at RIP has no part in it. */
	if (v->domain->platform && !f->is_fetch && !f->in_walk && !v->event.valid &&
	    !p2m_lookup(&v->domain->p2m, ALIGN_DOWN(f->gpa, PAGE_SIZE)))
		return interpret_instruction(v, exit, f->gpa);
	vm_kill(v->domain, v, "nested fault: %s of guest-physical 0x%llx, which is %s",
		f->is_fetch ? "fetch" :
		f->is_write ? "write" :
			      "read",
		(unsigned long long)f->gpa, f->was_mapped ? "protected" : "not memory");
	return KILL;
}
