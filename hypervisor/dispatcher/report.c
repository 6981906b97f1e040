/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of a vCPU that cannot go on: registers, where it stood, and its last exits. Guest code
 * addresses are written [<address> dN], which pvn completes with the symbol of that domain's image.
 */
#include "dispatcher/dispatcher.h"
#include "pv_names.h"
#include "trace/trace.h"

static const char *const gpr_names[16] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8",  "r9",	 "r10", "r11", "r12", "r13", "r14", "r15" };

typedef unsigned long long ull;

void report_vcpu(struct vcpu *v)
{
	log_line("  rip    [<%016llx> d%u]  rflags %08llx  cpl %llu",
		 (ull)backend->read(v, VREG_RIP), v->domain->id, (ull)backend->read(v, VREG_RFLAGS),
		 (ull)backend->read(v, VREG_CPL));
	for (unsigned i = 0; i < 16; i += 2)
		log_line("  %-6s %016llx  %-6s %016llx", gpr_names[i],
			 (ull)(i == RSP ? backend->read(v, VREG_RSP) : v->gpr[i]), gpr_names[i + 1],
			 (ull)v->gpr[i + 1]);
	log_line("  cr0 %llx cr3 %llx cr4 %llx efer %llx", (ull)backend->read(v, VREG_CR0),
		 (ull)backend->read(v, VREG_CR3), (ull)backend->read(v, VREG_CR4),
		 (ull)backend->read(v, VREG_EFER));
	for (unsigned n = 0; n < LAST_EXITS; n++) {
		unsigned at = (v->last_next / (unsigned)sizeof(v->last[0]) + n) % LAST_EXITS;
		const struct last_exit *last = &v->last[at];

		if (last->code.exit == PV_EXIT_COUNT)
			continue; /* it has not had so many */
		log_line("  exit %-3d %-16s raw 0x%-4x [<%016llx> d%u]", (int)n - LAST_EXITS,
			 pv_exit_names[last->code.exit], last->code.raw, (ull)last->rip,
			 v->domain->id);
	}
}
