// SPDX-License-Identifier: BSD-2-Clause
/*
 * What an exit was about, in words: port and size, MSR by name and value, control register, guest
 * address. From the detail that the hypervisor recorded in terms that both vendors share; without
 * one (its kind was not recorded) the vendor's qualification is shown as it is.
 */
#include <string.h>

#include "trace_exits.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* SDM vol. 3, "Exceptions and Interrupts". */
static const char *const exceptions[] = { "#DE", "#DB", NULL,  "#BP", "#OF", "#BR", "#UD",
					  "#NM", "#DF", NULL,  "#TS", "#NP", "#SS", "#GP",
					  "#PF", NULL,  "#MF", "#AC", "#MC", "#XM" };
static const char *const gprs[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
				    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15" };

/* Those that guests of ours touch. SDM vol. 4, APM vol. 2 appendix A. */
static const struct {
	uint32_t number;
	const char *name;
} msrs[] = {
	{ 0x10, "TSC" },
	{ 0x1b, "APIC_BASE" },
	{ 0x3a, "FEATURE_CONTROL" },
	{ 0x3b, "TSC_ADJUST" },
	{ 0x48, "SPEC_CTRL" },
	{ 0x49, "PRED_CMD" },
	{ 0x79, "BIOS_UPDT_TRIG" },
	{ 0x8b, "BIOS_SIGN_ID" },
	{ 0xce, "PLATFORM_INFO" },
	{ 0xfe, "MTRRCAP" },
	{ 0x10a, "ARCH_CAPABILITIES" },
	{ 0x140, "MISC_FEATURES_ENABLES" },
	{ 0x174, "SYSENTER_CS" },
	{ 0x175, "SYSENTER_ESP" },
	{ 0x176, "SYSENTER_EIP" },
	{ 0x179, "MCG_CAP" },
	{ 0x17a, "MCG_STATUS" },
	{ 0x1a0, "MISC_ENABLE" },
	{ 0x1b0, "ENERGY_PERF_BIAS" },
	{ 0x1d9, "DEBUGCTL" },
	{ 0x277, "PAT" },
	{ 0x2ff, "MTRR_DEF_TYPE" },
	{ 0x606, "RAPL_POWER_UNIT" },
	{ 0x6e0, "TSC_DEADLINE" },
	{ 0xda0, "XSS" },
	{ 0xc0000080, "EFER" },
	{ 0xc0000081, "STAR" },
	{ 0xc0000082, "LSTAR" },
	{ 0xc0000083, "CSTAR" },
	{ 0xc0000084, "SFMASK" },
	{ 0xc0000100, "FS_BASE" },
	{ 0xc0000101, "GS_BASE" },
	{ 0xc0000102, "KERNEL_GS_BASE" },
	{ 0xc0000103, "TSC_AUX" },
	{ 0xc0010010, "SYSCFG" },
	{ 0xc0010015, "HWCR" },
	{ 0xc0010055, "INT_PENDING" },
	{ 0xc0010114, "VM_CR" },
	{ 0xc0010117, "VM_HSAVE_PA" },
	{ 0xc0011029, "DE_CFG" },
};

const char *trace_exception_name(unsigned int vector)
{
	return vector < COUNT(exceptions) ? exceptions[vector] : NULL;
}

static void put_hex(struct trace_line *line, uint64_t value)
{
	trace_put(line, "0x");
	trace_put_hex(line, value, 1);
}

static void put_msr(struct trace_line *line, uint32_t number)
{
	size_t i;

	for (i = 0; i < COUNT(msrs); i++) {
		if (msrs[i].number == number) {
			trace_put(line, msrs[i].name);
			return;
		}
	}
	if (number >= 0x800 && number < 0x900)
		trace_put(line, "x2APIC+");
	put_hex(line, number >= 0x800 && number < 0x900 ? (number - 0x800) * 16 : number);
}

static void port_args(const struct trace_entry *entry, struct trace_line *line)
{
	uint64_t what = entry->detail.what;

	put_hex(line, what & 0xffff);
	trace_put(line, ", ");
	trace_put_number(line, PV_DETAIL_PORT_BYTES(what));
	if (what & PV_DETAIL_PORT_STRING) {
		trace_put(line, what & PV_DETAIL_PORT_REP ? ", rep string" : ", string");
	} else if (!(what & PV_DETAIL_PORT_IN)) {
		trace_put(line, ", ");
		put_hex(line, entry->detail.value);
		if (PV_DETAIL_PORT_BYTES(what) == 1 && entry->detail.value >= ' ' &&
		    entry->detail.value < 127) {
			const char letter[] = { ' ', '\'', (char)entry->detail.value, '\'', 0 };

			trace_put(line, letter);
		}
	}
}

static void register_args(const struct trace_entry *entry, struct trace_line *line, const char *set)
{
	static const char *const ops[] = { "", "", "clts ", "lmsw ", "lmsw ", "smsw " };
	uint64_t what = entry->detail.what;
	unsigned int op = PV_DETAIL_CR_OP(what);
	char number[2] = { (char)('0' + (what & 7)), 0 };

	trace_put(line, op < COUNT(ops) ? ops[op] : "");
	trace_put(line, set);
	trace_put(line, (what & 0xff) == 8 ? "8" : number);
	if (what & PV_DETAIL_CR_HAS_GPR) {
		trace_put(line, ", ");
		trace_put(line, gprs[PV_DETAIL_CR_GPR(what)]);
	}
	if (!op || op == 3) {
		trace_put(line, "=");
		put_hex(line, entry->detail.value);
	}
}

static void fault_args(const struct trace_entry *entry, struct trace_line *line)
{
	unsigned int flags = entry->detail.flags;

	trace_put(line, "gpa=");
	put_hex(line, entry->detail.what);
	trace_put(line, flags & PV_DETAIL_FAULT_WRITE ? ", write" :
			flags & PV_DETAIL_FAULT_FETCH ? ", fetch" :
							", read");
	if (flags & PV_DETAIL_FAULT_MAPPED)
		trace_put(line, ", protected");
	if (flags & PV_DETAIL_FAULT_WALK)
		trace_put(line, ", in a page walk");
	if (flags & PV_DETAIL_FAULT_LINEAR) {
		trace_put(line, ", gva=");
		put_hex(line, entry->detail.value);
	}
}

static void exception_args(const struct trace_entry *entry, struct trace_line *line)
{
	const char *name = trace_exception_name((unsigned int)entry->detail.what & 0xff);

	trace_put(line, name ? name : "");
	if (!name)
		put_hex(line, entry->detail.what);
	trace_put(line, ", ");
	put_hex(line, entry->detail.value);
}

/* Without a detail. */
static void raw_args(const struct trace_entry *entry, struct trace_line *line)
{
	if (!entry->record.arg)
		return;
	trace_put(line, entry->record.code == PV_EXIT_INVLPG ? "address=" : "qualification=");
	put_hex(line, entry->record.arg);
}

/* SDM vol. 2, "CPUID"; APM vol. 3, appendix E; ours. */
static bool has_subleaves(uint32_t leaf)
{
	static const uint32_t leaves[] = { 0x4,
					   0x7,
					   0xb,
					   0xd,
					   0xf,
					   0x10,
					   0x12,
					   0x14,
					   0x17,
					   0x18,
					   0x1f,
					   0x8000001d,
					   PV_CPUID_BASE + 6 };
	size_t i;

	for (i = 0; i < COUNT(leaves); i++) {
		if (leaves[i] == leaf)
			return true;
	}
	return false;
}

static void cpuid_args(const struct trace_entry *entry, struct trace_line *line)
{
	trace_put(line, "leaf=");
	put_hex(line, (uint32_t)entry->record.arg);
	/* Elsewhere ECX is what the guest happened to have in it. */
	if (has_subleaves((uint32_t)entry->record.arg)) {
		trace_put(line, ", subleaf=");
		put_hex(line, entry->record.arg >> 32);
	}
}

void trace_exit_args(const struct trace *trace, const struct trace_entry *entry,
		     struct trace_line *line)
{
	(void)trace;
	if (entry->record.code == PV_EXIT_CPUID) {
		cpuid_args(entry, line);
		return;
	}
	if (entry->record.code == PV_EXIT_HYPERCALL) {
		trace_put(line, "number=");
		put_hex(line, entry->record.arg & 0xffff);
		trace_put(line, ", not allowed here");
		return;
	}
	if (!entry->detail.is_there) {
		raw_args(entry, line);
		return;
	}
	switch (entry->record.code) {
	case PV_EXIT_RDMSR:
		put_msr(line, (uint32_t)entry->detail.what);
		break;
	case PV_EXIT_WRMSR:
		put_msr(line, (uint32_t)entry->detail.what);
		trace_put(line, ", ");
		put_hex(line, entry->detail.value);
		break;
	case PV_EXIT_XSETBV:
		trace_put(line, "xcr");
		trace_put_number(line, entry->detail.what);
		trace_put(line, ", ");
		put_hex(line, entry->detail.value);
		break;
	case PV_EXIT_PORT_IN:
	case PV_EXIT_PORT_OUT:
		port_args(entry, line);
		break;
	case PV_EXIT_CR_READ:
	case PV_EXIT_CR_WRITE:
		register_args(entry, line, "cr");
		break;
	case PV_EXIT_DR:
		register_args(entry, line, "dr");
		break;
	case PV_EXIT_EXCEPTION:
		exception_args(entry, line);
		break;
	case PV_EXIT_APIC:
		trace_put(line, entry->detail.what ? "EOI of vector " : "register ");
		put_hex(line, entry->detail.value);
		break;
	default:
		fault_args(entry, line);
	}
}

void trace_exit_result(const struct trace_entry *entry, struct trace_line *line)
{
	uint64_t what = entry->detail.what;

	if (!entry->detail.is_there)
		return;
	if (entry->detail.flags & PV_DETAIL_FAULTED)
		trace_put(line, "fault");
	else if (entry->record.code == PV_EXIT_RDMSR ||
		 (entry->record.code == PV_EXIT_PORT_IN && !(what & PV_DETAIL_PORT_STRING)) ||
		 (entry->record.code == PV_EXIT_CR_READ && (what & PV_DETAIL_CR_HAS_GPR)))
		put_hex(line, entry->detail.value);
}
