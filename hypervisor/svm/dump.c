/* SPDX-License-Identifier: BSD-2-Clause */
/* The VMCB's control and save area, by field name, to the log. */
#include "svm/vmcb.h"
#include "trace/trace.h"

static void show(const char *name, u64 value)
{
	if (value)
		log_line("  %-26s %llx", name, (unsigned long long)value);
}

void svm_dump(struct vcpu *v)
{
	log_line("VMCB of domain %s vCPU %u, fields that are not 0:", v->domain->name, v->id);
	vmcb_for_each(vmcb_of(v), show);
}
