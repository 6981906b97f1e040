/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * INS and OUTS, with and without REP. One exit moves a bounded number of elements and, if RCX is
 * not 0 then, resumes at the same instruction, as hardware does when it is interrupted. SDM vol. 2,
 * "INS", "OUTS", "REP".
 */
#include "dispatcher/dispatcher.h"
#include "interpreter/interpreter.h"
#include "interpreter/linear.h"
#include "lib/insn.h"
#include "machine/x86.h"

#define ELEMENTS_MAX 64u /* of one exit: bounds the time with interrupts off */
#define RFLAGS_DF BIT(10)

static enum verdict raise(struct vcpu *v, gva_t gva, const struct walk_result *why)
{
	if (why->ok) {
		vm_kill(v->domain, v,
			"string I/O to guest-physical 0x%llx, which is not memory or protected",
			(unsigned long long)why->gpa);
		return KILL;
	}
	if (why->bad_table) {
		vm_kill(v->domain, v, "string I/O at 0x%llx, whose page tables are not memory",
			(unsigned long long)gva);
		return KILL;
	}
	if (why->non_canonical)
		return fault(v, VEC_GP);
	backend->write(v, VREG_CR2, gva);
	event_raise(v, VEC_PF, true, why->error);
	return FAULT;
}

/* Outside 64-bit mode, and for FS and GS in it, linear = base + offset. */
static gva_t linear_of(struct vcpu *v, const struct insn *insn, u64 offset, bool is_in)
{
	u64 mask = insn->address_bytes == 8 ? ~0ull :
		   insn->address_bytes == 4 ? 0xffffffffull :
					      0xffffull;
	gva_t base = 0;

	if (!is_in && insn->segment == 5)
		base = backend->read(v, VREG_FS_BASE);
	else if (!is_in && insn->segment == 6)
		base = backend->read(v, VREG_GS_BASE);
	return base + (offset & mask);
}

static int move_one(struct vcpu *v, const struct exit_io *io, gva_t gva, struct walk_result *why)
{
	u32 value = 0;

	if (io->is_in) {
		/* Checked first: a port must not be read for a store that then faults. */
		if (linear_read(v, gva, &value, io->bytes, WALK_WRITE, why))
			return -PV_EFAULT;
		value = port_read(v, io->port, io->bytes);
		return linear_write(v, gva, &value, io->bytes, why);
	}
	if (linear_read(v, gva, &value, io->bytes, 0, why))
		return -PV_EFAULT;
	port_write(v, io->port, io->bytes, value);
	return 0;
}

enum verdict interpret_port_string(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_io *io = &exit->io;
	unsigned index = io->is_in ? RDI : RSI;
	struct walk_result why;
	struct insn insn;
	u8 bytes[INSN_MAX];
	unsigned most;
	u64 count = 1, step;

	/* With segments it is the emulator's. */
	if (backend->read(v, VREG_CODE_BYTES) != 8)
		return interpret_instruction(v, exit, 0);
	if (insn_fetch(v, exit->rip, bytes, &insn))
		return insn_unreadable(v, exit->rip, 0);
	if (io->is_rep)
		count = insn.address_bytes == 8 ? v->gpr[RCX] : (u32)v->gpr[RCX];
	step = backend->read(v, VREG_RFLAGS) & RFLAGS_DF ? (u64)-io->bytes : io->bytes;
	/* A mark a time: each is a snapshot of the whole domain. */
	most = io->port == PV_PORT_MARK ? 1 : ELEMENTS_MAX;
	for (unsigned n = 0; count && n < most; n++, count--) {
		gva_t gva = linear_of(v, &insn, v->gpr[index], io->is_in);

		if (move_one(v, io, gva, &why))
			return why.ok && v->domain->platform ?
				       interpret_instruction(v, exit, why.gpa) :
				       raise(v, gva, &why);
		gpr_write(v, index, insn.address_bytes, v->gpr[index] + step);
		if (io->is_rep)
			gpr_write(v, RCX, insn.address_bytes, count - 1);
	}
	v->retries = 0;
	return io->is_rep && count ? RESUME : ADVANCE;
}
