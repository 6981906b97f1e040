/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest half of the VMCS and its controls, by field name, to the log. */
#include "trace/trace.h"
#include "vmx/vmcs.h"

static void show(const char *name, enum vmcs_field field)
{
	u64 value;
	bool failed;

	/* Fields of features that this CPU lacks fail to read: they are left out. */
	__asm__ volatile("vmread %2, %0" : "=rm"(value), "=@ccbe"(failed) : "r"((u64)field));
	if (!failed && value)
		log_line("  %-26s %llx", name, (unsigned long long)value);
}

void vmx_dump(struct vcpu *v)
{
	log_line("VMCS of domain %s vCPU %u, fields that are not 0:", v->domain->name, v->id);
	vmcs_for_each(show);
}
