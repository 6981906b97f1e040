// SPDX-License-Identifier: BSD-2-Clause
/*
 * The classes of sensitive instructions, from scan_classes.def, and what class a decoded
 * instruction has. Capstone's name decides, but for MOV, PUSH and POP, whose opcodes do.
 */
#include <capstone/capstone.h>
#include <string.h>

#include "scan.h"

#define PROC(bit, name) { SCAN_CONTROL, "proc", bit, name }
#define PROC2(bit, name) { SCAN_CONTROL, "proc2", bit, name }
#define FIELD(name) { SCAN_CONTROL, "", -1, name }
#define VMCB(offset, bit, name) { SCAN_CONTROL, #offset, bit, name }
#define VMCB_BITS(offset, name) { SCAN_CONTROL, #offset, -1, name }
#define ALWAYS { SCAN_ALWAYS, "", -1, "always" }
#define NEVER { SCAN_NEVER, "", -1, "never" }
#define ABSENT { SCAN_ABSENT, "", -1, "#UD" }

const struct scan_class scan_classes[SCAN_CLASSES] = {
#define SCAN_CLASS(name, group, vtx, svm) [SCAN_##name] = { #name, SCAN_##group, vtx, svm },
#include "scan_classes.def"
#undef SCAN_CLASS
};

const char *const scan_group_names[SCAN_GROUPS] = {
	[SCAN_UNPRIVILEGED] = "unprivileged",
	[SCAN_PRIVILEGED] = "privileged",
	[SCAN_VIRTUALIZATION] = "virtualization",
	[SCAN_OTHER] = "other",
};

const char *const scan_exits_names[SCAN_EXITS] = {
	[SCAN_ALWAYS] = "always",
	[SCAN_CONTROL] = "control",
	[SCAN_NEVER] = "never",
	[SCAN_ABSENT] = "absent",
};

/* Capstone's instruction to class; 0: none, or the opcode says. */
#define INSN(insn, class) [X86_INS_##insn] = SCAN_##class + 1
static const uint8_t by_id[X86_INS_ENDING] = {
	INSN(SGDT, sgdt),
	INSN(SIDT, sidt),
	INSN(SLDT, sldt),
	INSN(STR, str),
	INSN(SMSW, smsw),
	INSN(PUSHF, pushf),
	INSN(PUSHFD, pushf),
	INSN(PUSHFQ, pushf),
	INSN(POPF, popf),
	INSN(POPFD, popf),
	INSN(POPFQ, popf),
	INSN(LAR, lar),
	INSN(LSL, lsl),
	INSN(VERR, verr),
	INSN(VERW, verw),
	INSN(LCALL, call_far),
	INSN(LJMP, jmp_far),
	INSN(RETF, ret_far),
	INSN(RETFQ, ret_far),
	INSN(INT, int_n),
	INSN(LGDT, lgdt),
	INSN(LIDT, lidt),
	INSN(LLDT, lldt),
	INSN(LTR, ltr),
	INSN(LMSW, lmsw),
	INSN(CLTS, clts),
	INSN(CLI, cli),
	INSN(STI, sti),
	INSN(HLT, hlt),
	INSN(INVLPG, invlpg),
	INSN(INVPCID, invpcid),
	INSN(INVD, invd),
	INSN(WBINVD, wbinvd),
	INSN(RDMSR, rdmsr),
	INSN(WRMSR, wrmsr),
	INSN(IN, in),
	INSN(OUT, out),
	INSN(INSB, ins),
	INSN(INSW, ins),
	INSN(INSD, ins),
	INSN(OUTSB, outs),
	INSN(OUTSW, outs),
	INSN(OUTSD, outs),
	INSN(IRET, iret),
	INSN(IRETD, iret),
	INSN(IRETQ, iret),
	INSN(SWAPGS, swapgs),
	INSN(SYSRET, sysret),
	INSN(SYSEXIT, sysexit),
	INSN(XSETBV, xsetbv),
	INSN(XSAVES, xsaves),
	INSN(XSAVES64, xsaves),
	INSN(XRSTORS, xrstors),
	INSN(XRSTORS64, xrstors),
	INSN(MONITOR, monitor),
	INSN(MWAIT, mwait),
	INSN(VMCALL, vmcall),
	INSN(VMFUNC, vmfunc),
	INSN(VMCLEAR, vmx),
	INSN(VMLAUNCH, vmx),
	INSN(VMPTRLD, vmx),
	INSN(VMPTRST, vmx),
	INSN(VMREAD, vmx),
	INSN(VMRESUME, vmx),
	INSN(VMWRITE, vmx),
	INSN(VMXOFF, vmx),
	INSN(VMXON, vmx),
	INSN(INVEPT, vmx),
	INSN(INVVPID, vmx),
	INSN(VMMCALL, vmmcall),
	INSN(VMRUN, vmrun),
	INSN(VMLOAD, vmload),
	INSN(VMSAVE, vmsave),
	INSN(STGI, stgi),
	INSN(CLGI, clgi),
	INSN(SKINIT, skinit),
	INSN(INVLPGA, invlpga),
	INSN(CPUID, cpuid),
	INSN(RDTSC, rdtsc),
	INSN(RDTSCP, rdtscp),
	INSN(RDPMC, rdpmc),
	INSN(PAUSE, pause),
	INSN(RDRAND, rdrand),
	INSN(RDSEED, rdseed),
};

enum scan_class_id scan_class_find(const char *name, struct errors *e)
{
	const char *names[SCAN_CLASSES + 1] = { NULL }, *nearest;

	for (unsigned int i = 0; i < SCAN_CLASSES; i++) {
		names[i] = scan_classes[i].name;
		if (!strcmp(names[i], name))
			return i;
	}
	nearest = nearest_name(name, names);
	if (nearest)
		errors_add(e, "unknown class \"%s\", did you mean \"%s\"?", name, nearest);
	else
		errors_add(e, "unknown class \"%s\"; expected one of the table's first column",
			   name);
	return SCAN_NONE;
}

/* The opcode's place behind the prefixes, and REX; size if there is none. */
static size_t skip_prefixes(const uint8_t *bytes, size_t size, uint8_t *rex)
{
	size_t at = 0;

	*rex = 0;
	while (at < size && memchr("\x66\x67\xf0\xf2\xf3\x2e\x36\x3e\x26\x64\x65", bytes[at], 11))
		at++;
	if (at < size && (bytes[at] & 0xf0) == 0x40)
		*rex = bytes[at++];
	return at;
}

/* MOV from (20h) and to (22h) a control register; the CPU has CR0, 2, 3, 4 and 8. */
static enum scan_class_id control_register(uint8_t opcode, unsigned int reg)
{
	bool is_write = opcode == 0x22;

	switch (reg) {
	case 0:
		return is_write ? SCAN_mov_to_cr0 : SCAN_mov_from_cr0;
	case 2:
		return is_write ? SCAN_mov_to_cr2 : SCAN_mov_from_cr2;
	case 3:
		return is_write ? SCAN_mov_to_cr3 : SCAN_mov_from_cr3;
	case 4:
		return is_write ? SCAN_mov_to_cr4 : SCAN_mov_from_cr4;
	case 8:
		return is_write ? SCAN_mov_to_cr8 : SCAN_mov_from_cr8;
	default:
		return SCAN_NONE;
	}
}

/* SDM vol. 2, "Opcode Map", the rows of MOV, PUSH and POP with system and segment registers. */
static enum scan_class_id by_opcode(const uint8_t *bytes, size_t size)
{
	uint8_t rex;
	size_t at = skip_prefixes(bytes, size, &rex);

	if (at < size && bytes[at] == 0x8c)
		return SCAN_mov_from_seg;
	if (at < size && bytes[at] == 0x8e)
		return SCAN_mov_to_seg;
	if (at + 1 >= size || bytes[at] != 0x0f)
		return SCAN_NONE;
	switch (bytes[at + 1]) {
	case 0x20:
	case 0x22:
		return at + 2 >= size ? SCAN_NONE :
					control_register(bytes[at + 1], (bytes[at + 2] >> 3 & 7) |
									   (rex & 4) << 1);
	case 0x21:
		return SCAN_mov_from_dr;
	case 0x23:
		return SCAN_mov_to_dr;
	case 0xa0:
	case 0xa8:
		return SCAN_push_seg;
	case 0xa1:
	case 0xa9:
		return SCAN_pop_seg;
	default:
		return SCAN_NONE;
	}
}

enum scan_class_id scan_classify(unsigned int id, const uint8_t *bytes, size_t size)
{
	if (id == X86_INS_MOV || id == X86_INS_PUSH || id == X86_INS_POP)
		return by_opcode(bytes, size);
	return id < X86_INS_ENDING && by_id[id] ? by_id[id] - 1u : SCAN_NONE;
}

void scan_treatment_text(const struct scan_treatment *t, char *out, size_t size)
{
	/* "0x0c" of the table is 00Ch in the manual. */
	bool is_offset = !strncmp(t->field, "0x", 2);

	if (is_offset && t->bit >= 0)
		snprintf(out, size, "0%sh.%d %s", t->field + 2, t->bit, t->name);
	else if (is_offset)
		snprintf(out, size, "0%sh.%s", t->field + 2, t->name);
	else if (*t->field)
		snprintf(out, size, "%s.%d %s", t->field, t->bit, t->name);
	else
		snprintf(out, size, "%s", t->name);
}
