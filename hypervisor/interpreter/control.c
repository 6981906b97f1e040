/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers: which bits a guest may have, what a change means for its mode, and the #GP
 * conditions of SDM vol. 3, "Control Registers" and "Initializing IA-32e Mode". Bits that the
 * backend lets through without an exit are checked by the CPU itself.
 */
#include "interpreter/control.h"
#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "interpreter/cpuid.h"
#include "interpreter/interpreter.h"
#include "interpreter/linear.h"
#include "interpreter/platform.h"
#include "lib/insn.h"
#include "machine/x86.h"

/* Low 32 bits that exist; the others are reserved and read as 0. */
#define CR0_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | \
		  CR0_CD | CR0_PG)

bool cr0_is_valid(u64 value)
{
	if (value >> 32)
		return false;
	if ((value & CR0_PG) && !(value & CR0_PE))
		return false;
	return !((value & CR0_NW) && !(value & CR0_CD));
}

/* Row: the CR4 bits that come with a CPUID feature that guests are offered. */
static const struct {
	u32 leaf, reg, bit; /* reg: 0..3 = eax..edx */
	u64 cr4;
} cr4_features[] = {
	{ 1, 3, 1, CR4_VME | CR4_PVI }, { 1, 3, 2, CR4_DE }, { 1, 3, 3, CR4_PSE },
	{ 1, 3, 4, CR4_TSD }, { 1, 3, 6, CR4_PAE }, { 1, 3, 13, CR4_PGE },
	{ 1, 3, 24, CR4_OSFXSR }, { 1, 3, 25, CR4_OSXMMEXCPT }, { 1, 2, 17, CR4_PCIDE },
	{ 1, 2, 26, CR4_OSXSAVE }, { 7, 1, 0, CR4_FSGSBASE }, { 7, 1, 7, CR4_SMEP },
	{ 7, 1, 20, CR4_SMAP }, { 7, 2, 2, CR4_UMIP },
};

static u64 cr4_bits, efer_bits;
static unsigned physical_bits;

void control_init(void)
{
	/* MCE can be set by any guest: it is a promise to handle what it will never be given. */
	cr4_bits = CR4_MCE | CR4_PCE;
	for (unsigned i = 0; i < ARRAY_SIZE(cr4_features); i++)
		if (cpuid_offers(cr4_features[i].leaf, cr4_features[i].reg, cr4_features[i].bit))
			cr4_bits |= cr4_features[i].cr4;
	efer_bits = EFER_SCE | EFER_LME | EFER_LMA;
	if (cpuid_offers(0x80000001, 3, 20))
		efer_bits |= EFER_NXE;
	physical_bits = cpuid(0x80000008, 0).eax & 0xff;
	if (!physical_bits)
		physical_bits = 36;
}

u64 cr4_valid_bits(void)
{
	return cr4_bits;
}

u64 efer_valid_bits(void)
{
	return efer_bits;
}

unsigned guest_physical_bits(void)
{
	return physical_bits;
}

/*
 * Reserved bits in the four top entries of PAE paging are found when they are loaded, which a
 * change of mode does (SDM vol. 3, "PDPTE Registers"); entries that nothing maps read as absent.
 * Bit 5 passes: QEMU sets it as an A bit.
 */
static bool pae_entries_are_valid(struct vcpu *v)
{
	u64 entries[4] = { 0 };
	u64 reserved = 0x1c6 | ~(BIT(physical_bits) - 1);

	guest_read(&v->domain->p2m, backend->read(v, VREG_CR3) & 0xffffffe0, entries,
		   sizeof(entries));
	for (unsigned i = 0; i < 4; i++)
		if ((entries[i] & 1) && (entries[i] & reserved))
			return false;
	return true;
}

bool cr0_write(struct vcpu *v, u64 value)
{
	u64 old = backend->read(v, VREG_CR0), efer = backend->read(v, VREG_EFER);

	value &= CR0_BITS | ~0xffffffffull;
	if (!cr0_is_valid(value))
		return false;
	value |= CR0_ET;
	if ((value & ~old) & CR0_PG) {
		if ((efer & EFER_LME) && (!(backend->read(v, VREG_CR4) & CR4_PAE) ||
					  backend->read(v, VREG_CODE_BYTES) == 8))
			return false;
		if (!(efer & EFER_LME) && (backend->read(v, VREG_CR4) & CR4_PAE) &&
		    !pae_entries_are_valid(v))
			return false;
		if (efer & EFER_LME)
			backend->write(v, VREG_EFER, efer | EFER_LMA);
	}
	if ((old & ~value) & CR0_PG) {
		if (backend->read(v, VREG_CODE_BYTES) == 8 ||
		    (backend->read(v, VREG_CR4) & CR4_PCIDE))
			return false;
		backend->write(v, VREG_EFER, efer & ~EFER_LMA);
	}
	backend->write(v, VREG_CR0, value);
	if ((old ^ value) & (CR0_PG | CR0_WP))
		backend->flush(v, FLUSH_LINEAR);
	return true;
}

bool cr4_write(struct vcpu *v, u64 value)
{
	u64 old = backend->read(v, VREG_CR4), efer = backend->read(v, VREG_EFER);

	if (value & ~cr4_bits)
		return false;
	if ((efer & EFER_LMA) && !(value & CR4_PAE))
		return false;
	if (((value & ~old) & CR4_PCIDE) &&
	    (!(efer & EFER_LMA) || (backend->read(v, VREG_CR3) & 0xfff)))
		return false;
	if ((value & CR4_PAE) && (backend->read(v, VREG_CR0) & CR0_PG) && !(efer & EFER_LMA) &&
	    !pae_entries_are_valid(v))
		return false;
	backend->write(v, VREG_CR4, value);
	v->osxsave = value & CR4_OSXSAVE;
	if ((old ^ value) & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP))
		backend->flush(v, FLUSH_LINEAR);
	return true;
}

bool efer_write(struct vcpu *v, u64 value)
{
	u64 old = backend->read(v, VREG_EFER);

	/* LMA is read only: what is written to it is ignored. */
	value = (value & ~EFER_LMA) | (old & EFER_LMA);
	if (value & ~efer_bits)
		return false;
	if (((old ^ value) & EFER_LME) && (backend->read(v, VREG_CR0) & CR0_PG))
		return false;
	backend->write(v, VREG_EFER, value);
	return true;
}

/* MOV to CR8: the task priority has four bits; only an emulated local APIC looks at it. */
static enum verdict write_cr8(struct vcpu *v, u64 value)
{
	if (value & ~0xfull)
		return fault(v, VEC_GP);
	v->cr8 = (u8)value;
	if (v->domain->platform)
		platform_set_cr8(v, (u8)value);
	return ADVANCE;
}

static enum verdict done(struct vcpu *v, bool ok)
{
	return ok ? ADVANCE : fault(v, VEC_GP);
}

/* The operand in memory of LMSW and SMSW, on the guest's behalf. */
static enum verdict move_status_word(struct vcpu *v, struct vmexit *exit, u16 *word, bool is_store)
{
	struct walk_result why;
	u8 bytes[INSN_MAX];
	struct insn insn;
	gva_t gva;
	int error;

	if (insn_fetch(v, code_linear(v, exit->rip), bytes, &insn))
		return RESUME; /* the code went away under it: let the guest take its own fault */
	gva = insn_linear(v, &insn, exit->rip + insn.length);
	error = is_store ? linear_write(v, gva, word, sizeof(*word), &why) :
			   linear_read(v, gva, word, sizeof(*word), 0, &why);
	if (!error)
		return ADVANCE;
	if (why.non_canonical)
		return fault(v, VEC_GP);
	if (why.ok || why.bad_table) {
		vm_kill(v->domain, v, "LMSW or SMSW at 0x%llx, which is not memory",
			(unsigned long long)gva);
		return KILL;
	}
	backend->write(v, VREG_CR2, gva);
	event_raise(v, VEC_PF, true, why.error);
	return FAULT;
}

/* PE can be set but not cleared. */
static enum verdict write_status_word(struct vcpu *v, struct vmexit *exit)
{
	u64 kept = backend->read(v, VREG_CR0) & ~(CR0_MP | CR0_EM | CR0_TS);
	u16 word = exit->cr.lmsw;
	enum verdict verdict = ADVANCE;

	if (exit->cr.op == CR_LMSW_MEMORY)
		verdict = move_status_word(v, exit, &word, false);
	return verdict == ADVANCE ? done(v, cr0_write(v, kept | (word & 0xf))) : verdict;
}

enum verdict interpret_cr_write(struct vcpu *v, struct vmexit *exit)
{
	const struct exit_cr *cr = &exit->cr;
	u64 cr0 = backend->read(v, VREG_CR0), value;

	switch (cr->op) {
	case CR_CLTS:
		return done(v, cr0_write(v, cr0 & ~CR0_TS));
	case CR_LMSW:
	case CR_LMSW_MEMORY:
		return write_status_word(v, exit);
	default:
		break;
	}
	value = gpr_read(v, cr->gpr);
	if (backend->read(v, VREG_CODE_BYTES) != 8)
		value = (u32)value;
	switch (cr->cr) {
	case 0:
		return done(v, cr0_write(v, value));
	case 4:
		return done(v, cr4_write(v, value));
	case 8:
		return write_cr8(v, value);
	default:
		vm_kill(v->domain, v, "MOV to CR%u exited, though nothing asks for it", cr->cr);
		return KILL;
	}
}

/*
 * SMSW exits on SVM only, while reading CR0 exits because the guest's CD or NW is not the CPU's. To
 * a register it stores as much as the operand size says, to memory always 16 bits.
 */
static enum verdict read_status_word(struct vcpu *v, struct vmexit *exit)
{
	u64 cr0 = backend->read(v, VREG_CR0);
	u16 word = (u16)cr0;
	u8 bytes[INSN_MAX];
	struct insn insn;

	if (!exit->cr.has_gpr)
		return move_status_word(v, exit, &word, true);
	if (insn_fetch(v, code_linear(v, exit->rip), bytes, &insn))
		return RESUME;
	gpr_write(v, exit->cr.gpr, insn.operand_bytes, cr0);
	return ADVANCE;
}

enum verdict interpret_cr_read(struct vcpu *v, struct vmexit *exit)
{
	u64 value;

	if (exit->cr.op == CR_SMSW)
		return read_status_word(v, exit);
	switch (exit->cr.cr) {
	case 0:
		value = backend->read(v, VREG_CR0);
		break;
	case 4:
		value = backend->read(v, VREG_CR4);
		break;
	case 8:
		value = v->domain->platform ? platform_cr8(v) : v->cr8;
		break;
	default:
		vm_kill(v->domain, v, "MOV from CR%u exited, unasked for", exit->cr.cr);
		return KILL;
	}
	gpr_write(v, exit->cr.gpr, 8, value);
	return ADVANCE;
}

/*
 * XCR0: x87 always, AVX only with SSE, nothing that guests are not offered (SDM vol. 1, "XSETBV").
 */
enum verdict interpret_xsetbv(struct vcpu *v, struct vmexit *exit)
{
	u64 value = (v->gpr[RDX] << 32) | (u32)v->gpr[RAX];

	(void)exit;
	/*
	 * The privilege check comes before the exit on VMX and after it on SVM: check it here for
	 * both.
	 */
	if (backend->read(v, VREG_CPL) != 0 || (u32)v->gpr[RCX] != 0)
		return fault(v, VEC_GP);
	if (!(value & 1) || (value & ~cpuid_xcr0_bits()) || ((value & 4) && !(value & 2)))
		return fault(v, VEC_GP);
	context_set_xcr0(v, value);
	return ADVANCE;
}
