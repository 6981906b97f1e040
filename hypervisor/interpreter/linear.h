/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest-linear memory: through the guest's own page tables, page by page, with its access rights.
 */
#ifndef INTERPRETER_LINEAR_H
#define INTERPRETER_LINEAR_H

#include "lib/pagewalk.h"
#include "lib/types.h"

struct insn;
struct vcpu;

/*
 * access: WALK_* (WALK_USER is added where CPL is 3). 0, or -PV_EFAULT with the walk that failed.
 */
int linear_read(struct vcpu *v, gva_t gva, void *to, size_t bytes, u32 access,
		struct walk_result *why);
int linear_write(struct vcpu *v, gva_t gva, const void *from, size_t bytes,
		 struct walk_result *why);

/* One address: where it leads, with the rights that access needs. */
struct walk_result linear_walk(struct vcpu *v, gva_t gva, u32 access);
/* EPT or NPT may deny what the guest's own tables allow: the start-info page, for one. */
bool hap_is_writable(struct vcpu *v, gpa_t gpa);

/* Where the instruction pointer points. */
gva_t code_linear(struct vcpu *v, u64 rip);
/*
 * The instruction at rip, linear, decoded in the vCPU's mode; bytes has room for INSN_MAX.
 * -PV_EFAULT where it cannot be fetched, -PV_EINVAL where it is no instruction that we know: its
 * length is then how many bytes were fetched.
 */
int insn_fetch(struct vcpu *v, u64 rip, u8 *bytes, struct insn *insn);
/* Where its memory operand lies. */
gva_t insn_linear(struct vcpu *v, const struct insn *insn, u64 next_rip);

#endif
