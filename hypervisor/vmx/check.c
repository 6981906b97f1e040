/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why was an entry refused? The CPU only says "invalid guest state"; this file makes the checks of
 * SDM vol. 3, "Checks on the Guest State Area", once more in software and names each field that
 * fails. A state that passes them all and was refused anyway is said to be so.
 */
#include "interpreter/control.h"
#include "lib/canonical.h"
#include "trace/trace.h"
#include "vmx/vmx.h"

static unsigned failures;

static void complain(enum vmcs_field field, const char *what)
{
	failures++;
	log_line("  %s = 0x%llx: %s", vmcs_field_name(field), (unsigned long long)vmread(field),
		 what);
}

#define EXPECT(condition, field, what) \
	do { \
		if (!(condition)) \
			complain(field, what); \
	} while (0)

static void check_controls(void)
{
	u64 cr0 = vmread(GUEST_CR0), cr4 = vmread(GUEST_CR4), efer = vmread(GUEST_EFER);
	u64 fixed0 = vmx_caps.cr0_fixed0 & ~(CR0_PE | CR0_PG);
	bool long_mode = vmread(ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST;

	EXPECT((cr0 & fixed0) == fixed0, GUEST_CR0, "a bit that VMX fixes to 1 is 0");
	EXPECT(!(cr0 & ~vmx_caps.cr0_fixed1), GUEST_CR0, "a bit that VMX fixes to 0 is 1");
	EXPECT(!(cr0 & CR0_PG) || (cr0 & CR0_PE), GUEST_CR0, "PG without PE");
	EXPECT((cr4 & vmx_caps.cr4_fixed0) == vmx_caps.cr4_fixed0, GUEST_CR4,
	       "a bit that VMX fixes to 1 is 0");
	EXPECT(!(cr4 & ~vmx_caps.cr4_fixed1), GUEST_CR4, "a bit that VMX fixes to 0 is 1");
	EXPECT(!(vmread(GUEST_CR3) >> guest_physical_bits()), GUEST_CR3,
	       "a bit above the physical width");
	EXPECT(!long_mode || (cr0 & CR0_PG), GUEST_CR0, "64-bit guest without PG");
	EXPECT(!long_mode || (cr4 & CR4_PAE), GUEST_CR4, "64-bit guest without PAE");
	EXPECT(long_mode || !(cr4 & CR4_PCIDE), GUEST_CR4, "PCIDE outside IA-32e mode");
	EXPECT(long_mode == !!(efer & EFER_LMA), GUEST_EFER, "LMA differs from the entry control");
	EXPECT(!(cr0 & CR0_PG) || !(efer & EFER_LMA) == !(efer & EFER_LME), GUEST_EFER,
	       "LME differs from LMA");
	EXPECT(!(efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)), GUEST_EFER,
	       "a reserved bit");
	EXPECT(!(vmread(GUEST_DR7) >> 32), GUEST_DR7, "a bit above 31");
	EXPECT(!(vmread(GUEST_DEBUGCTL) & ~0xffc3ull), GUEST_DEBUGCTL, "a reserved bit");
	EXPECT(is_canonical(vmread(GUEST_SYSENTER_ESP)), GUEST_SYSENTER_ESP, "not canonical");
	EXPECT(is_canonical(vmread(GUEST_SYSENTER_EIP)), GUEST_SYSENTER_EIP, "not canonical");
}

/* What holds for each usable code or data segment. */
static void check_segment(enum vmcs_field selector, bool is_code)
{
	unsigned step = selector - GUEST_ES_SELECTOR;
	enum vmcs_field access_field = GUEST_ES_ACCESS + step, limit_field = GUEST_ES_LIMIT + step;
	u64 access = vmread(access_field), limit = vmread(limit_field);

	if (access & BIT(16)) {
		EXPECT(!is_code, access_field, "CS is unusable");
		return;
	}
	EXPECT(access & BIT(0), access_field, "type is not accessed");
	EXPECT(access & BIT(4), access_field, "S is 0: a system segment");
	EXPECT(access & BIT(7), access_field, "not present");
	EXPECT(!(access & 0xfffe0f00), access_field, "a reserved bit");
	EXPECT((limit & 0xfff) == 0xfff || !(access & BIT(15)), access_field,
	       "G is 1 with limit bits 11:0 not all 1");
	EXPECT(!(limit & 0xfff00000) || (access & BIT(15)), access_field,
	       "G is 0 with limit bits 31:20 not all 0");
	EXPECT(!is_code || !(access & BIT(13)) || !(access & BIT(14)) ||
		       !(vmread(GUEST_EFER) & EFER_LMA),
	       access_field, "L and D are both 1");
}

static void check_segments(void)
{
	u64 tr = vmread(GUEST_TR_ACCESS), tr_limit = vmread(GUEST_TR_LIMIT);

	check_segment(GUEST_CS_SELECTOR, true);
	check_segment(GUEST_SS_SELECTOR, false);
	check_segment(GUEST_DS_SELECTOR, false);
	check_segment(GUEST_ES_SELECTOR, false);
	check_segment(GUEST_FS_SELECTOR, false);
	check_segment(GUEST_GS_SELECTOR, false);
	EXPECT(!(vmread(GUEST_TR_SELECTOR) & 4), GUEST_TR_SELECTOR, "TI is 1");
	EXPECT(!(tr & BIT(16)), GUEST_TR_ACCESS, "unusable");
	EXPECT((tr & 0xf) == 11, GUEST_TR_ACCESS, "not a busy 64-bit TSS");
	EXPECT(!(tr & BIT(4)) && (tr & BIT(7)), GUEST_TR_ACCESS, "S is 1 or P is 0");
	EXPECT(!(tr_limit & 0xfff00000) || (tr & BIT(15)), GUEST_TR_ACCESS,
	       "G is 0 with limit bits 31:20 not all 0");
	EXPECT(is_canonical(vmread(GUEST_TR_BASE)), GUEST_TR_BASE, "not canonical");
	EXPECT(is_canonical(vmread(GUEST_FS_BASE)), GUEST_FS_BASE, "not canonical");
	EXPECT(is_canonical(vmread(GUEST_GS_BASE)), GUEST_GS_BASE, "not canonical");
	EXPECT(!(vmread(GUEST_CS_BASE) >> 32), GUEST_CS_BASE, "a bit above 31");
	EXPECT(is_canonical(vmread(GUEST_GDTR_BASE)), GUEST_GDTR_BASE, "not canonical");
	EXPECT(is_canonical(vmread(GUEST_IDTR_BASE)), GUEST_IDTR_BASE, "not canonical");
	EXPECT(!(vmread(GUEST_GDTR_LIMIT) >> 16), GUEST_GDTR_LIMIT, "a bit above 15");
	EXPECT(!(vmread(GUEST_IDTR_LIMIT) >> 16), GUEST_IDTR_LIMIT, "a bit above 15");
}

static void check_flow(void)
{
	u64 rflags = vmread(GUEST_RFLAGS), blocked = vmread(GUEST_INTERRUPTIBILITY);
	u64 info = vmread(ENTRY_INTERRUPTION_INFO);
	bool long_mode = vmread(ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST;
	bool code64 = long_mode && (vmread(GUEST_CS_ACCESS) & BIT(13));

	EXPECT(code64 ? is_canonical(vmread(GUEST_RIP)) : !(vmread(GUEST_RIP) >> 32), GUEST_RIP,
	       "outside the address space of its mode");
	EXPECT(rflags & RFLAGS_FIXED1, GUEST_RFLAGS, "bit 1 is 0");
	EXPECT(!(rflags & ~0x3f7fd7ull), GUEST_RFLAGS, "a reserved bit");
	EXPECT(!(rflags & RFLAGS_VM) || !long_mode, GUEST_RFLAGS, "VM in IA-32e mode");
	EXPECT(!(blocked & ~0x1full), GUEST_INTERRUPTIBILITY, "a reserved bit");
	EXPECT((blocked & 3) != 3, GUEST_INTERRUPTIBILITY, "blocking by STI and by MOV SS");
	EXPECT(!(blocked & BLOCKED_BY_STI) || (rflags & RFLAGS_IF), GUEST_INTERRUPTIBILITY,
	       "blocking by STI with IF 0");
	EXPECT(vmread(GUEST_ACTIVITY) <= 3, GUEST_ACTIVITY, "no such state");
	EXPECT(vmread(VMCS_LINK_POINTER) == ~0ull, VMCS_LINK_POINTER, "not all ones");
	if (!(info & BIT(31)) || (info >> 8 & 7) != EVENT_INTERRUPT)
		return;
	EXPECT(rflags & RFLAGS_IF, ENTRY_INTERRUPTION_INFO, "an interrupt is injected with IF 0");
	EXPECT(!(blocked & 3), ENTRY_INTERRUPTION_INFO,
	       "an interrupt is injected while they are blocked");
}

void vmx_explain_failure(struct vcpu *v)
{
	u64 reason = vmread(EXIT_REASON) & 0xffff, qualification = vmread(EXIT_QUALIFICATION);

	log_line("VM entry of domain %s vCPU %u failed: %s, qualification %llu", v->domain->name,
		 v->id,
		 reason == 33 ? "invalid guest state" :
		 reason == 34 ? "MSR loading" :
				"machine check",
		 (unsigned long long)qualification);
	failures = 0;
	check_controls();
	check_segments();
	check_flow();
	if (!failures)
		log_line("  every check made here passes: see the emulator's log");
}
