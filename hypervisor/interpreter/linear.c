/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses that the interpreter makes on a guest's behalf. They see what the guest would see: its
 * page tables, its privilege level, SMEP and SMAP. A and D bits are not set: Limit: a guest that
 * relies on D bits set by string I/O to a fresh page would miss them.
 */
#include "interpreter/linear.h"
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "interpreter/control.h"
#include "interpreter/interpreter.h"
#include "lib/insn.h"
#include "machine/x86.h"

static bool read_entry(void *context, gpa_t gpa, unsigned bytes, u64 *entry)
{
	struct vcpu *v = context;

	*entry = 0;
	return guest_read(&v->domain->p2m, gpa, entry, bytes) == 0;
}

struct walk_result linear_walk(struct vcpu *v, gva_t gva, u32 access)
{
	const struct walk_state state = {
		.cr0 = backend->read(v, VREG_CR0),
		.cr3 = backend->read(v, VREG_CR3),
		.cr4 = backend->read(v, VREG_CR4),
		.efer = backend->read(v, VREG_EFER),
		.rflags_ac = backend->read(v, VREG_RFLAGS) & RFLAGS_AC,
		.physical_bits = guest_physical_bits(),
	};

	if (backend->read(v, VREG_CPL) == 3)
		access |= WALK_USER;
	return page_walk(&state, gva, access, read_entry, v);
}

int linear_read(struct vcpu *v, gva_t gva, void *to, size_t bytes, u32 access,
		struct walk_result *why)
{
	while (bytes) {
		size_t part = min(bytes, (size_t)(PAGE_SIZE - (gva & (PAGE_SIZE - 1))));

		*why = linear_walk(v, gva, access);
		if (!why->ok || guest_read(&v->domain->p2m, why->gpa, to, part))
			return -PV_EFAULT;
		to = (char *)to + part;
		gva += part;
		bytes -= part;
	}
	return 0;
}

bool hap_is_writable(struct vcpu *v, gpa_t gpa)
{
	const struct hap *hap = &v->domain->hap;
	u64 bytes;

	return hap_lookup(hap, gpa, &bytes) & hap->format->write;
}

int linear_write(struct vcpu *v, gva_t gva, const void *from, size_t bytes, struct walk_result *why)
{
	while (bytes) {
		size_t part = min(bytes, (size_t)(PAGE_SIZE - (gva & (PAGE_SIZE - 1))));

		*why = linear_walk(v, gva, WALK_WRITE);
		if (!why->ok || !hap_is_writable(v, why->gpa) ||
		    guest_write(&v->domain->p2m, why->gpa, from, part))
			return -PV_EFAULT;
		from = (const char *)from + part;
		gva += part;
		bytes -= part;
	}
	return 0;
}

int insn_fetch(struct vcpu *v, u64 rip, u8 *bytes, struct insn *insn)
{
	size_t first = min((size_t)INSN_MAX, (size_t)(PAGE_SIZE - (rip & (PAGE_SIZE - 1))));
	unsigned mode = (unsigned)backend->read(v, VREG_CODE_BYTES);
	struct walk_result why;
	enum insn_result result;

	if (linear_read(v, rip, bytes, first, WALK_FETCH, &why))
		return -PV_EFAULT;
	result = insn_decode(insn, bytes, first, mode);
	if (result == INSN_OK)
		return 0;
	/* Only an instruction that really crosses the page needs the next one to be there. */
	if (result == INSN_TRUNCATED && first < INSN_MAX) {
		if (linear_read(v, rip + first, bytes + first, INSN_MAX - first, WALK_FETCH, &why))
			return -PV_EFAULT;
		first = INSN_MAX;
		if (insn_decode(insn, bytes, INSN_MAX, mode) == INSN_OK)
			return 0;
	}
	insn->length = (u8)first;
	return -PV_EINVAL;
}

static gva_t segment_base(struct vcpu *v, enum segment_name name)
{
	struct segment segment;

	backend->segment(v, name, &segment);
	return segment.base;
}

gva_t code_linear(struct vcpu *v, u64 rip)
{
	if (backend->read(v, VREG_CODE_BYTES) == 8)
		return rip;
	return (u32)(segment_base(v, SEG_CS) + rip);
}

static enum segment_name data_segment(const struct insn *insn)
{
	if (insn->segment)
		return (enum segment_name)(insn->segment - 1);
	return insn->base == RSP || insn->base == RBP ? SEG_SS : SEG_DS;
}

gva_t insn_linear(struct vcpu *v, const struct insn *insn, u64 next_rip)
{
	u64 gprs[16];
	gva_t base = 0;

	for (unsigned i = 0; i < 16; i++)
		gprs[i] = gpr_read(v, i);
	if (backend->read(v, VREG_CODE_BYTES) != 8)
		base = segment_base(v, data_segment(insn));
	else if (insn->segment == 5)
		base = backend->read(v, VREG_FS_BASE);
	else if (insn->segment == 6)
		base = backend->read(v, VREG_GS_BASE);
	base += insn_offset(insn, gprs, next_rip);
	return backend->read(v, VREG_CODE_BYTES) == 8 ? base : (u32)base;
}
