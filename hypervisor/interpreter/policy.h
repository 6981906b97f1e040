/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of the policy tables. Each says why, and the bitmaps of both vendors are built from them. */
#ifndef INTERPRETER_POLICY_H
#define INTERPRETER_POLICY_H

#include "lib/types.h"

struct vcpu;

enum msr_action {
	MSR_DENY, /* #GP */
	MSR_PASS, /* the hardware's own, switched with the vCPU: no exit */
	MSR_VALUE, /* reads as `value` */
	MSR_IGNORE, /* writes do nothing */
	MSR_CALL, /* get or set decides */
};

struct msr_rule {
	u32 first, last;
	u8 read, write; /* enum msr_action */
	u64 value;
	bool (*get)(struct vcpu *v, u32 msr, u64 *value); /* false: #GP */
	bool (*set)(struct vcpu *v, u32 msr, u64 value);
	const char *why;
};

extern const struct msr_rule msr_rules[];
extern const unsigned msr_rule_count;
/* The row that covers msr, or NULL: denied. */
const struct msr_rule *msr_rule_find(u32 msr);
/* Is a register that may be absent here at all? Rows that pass need it. */
bool msr_rule_applies(const struct msr_rule *rule);
bool has_rdtscp(void); /* and so TSC_AUX. By CPUID: not every machine faults on an MSR it lacks */

struct port_rule {
	u16 first, last;
	u32 (*in)(struct vcpu *v, u16 port, unsigned bytes); /* NULL: all ones */
	void (*out)(struct vcpu *v, u16 port, unsigned bytes, u32 value); /* NULL: ignored */
	const char *why;
};

extern const struct port_rule port_rules[];
extern const unsigned port_rule_count;

#endif
