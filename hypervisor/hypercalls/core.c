/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 00, core: what a kernel asks once, areas, console, the end. Arguments and errors: pv-
 * abi/abi.toml.
 */
#include "allocator/copy.h"
#include "dispatcher/area.h"
#include "dispatcher/dispatcher.h"
#include "hypercalls/hypercalls.h"
#include "machine/machine.h"
#include "trace/trace.h"

s64 hypercall_null(struct vcpu *v)
{
	(void)v;
	return 0;
}

s64 hypercall_console(struct vcpu *v)
{
	gpa_t text = v->gpr[RDI];
	u64 length = v->gpr[RSI];
	char copy[PV_CONSOLE_MAX];

	if (!length || length > sizeof(copy) || (text & (PAGE_SIZE - 1)) + length > PAGE_SIZE)
		return -PV_EINVAL;
	if (guest_read(&v->domain->p2m, text, copy, length))
		return -PV_EFAULT;
	console_write(&v->domain->console, copy, length);
	return (s64)length;
}

s64 hypercall_shutdown(struct vcpu *v)
{
	u64 reason = v->gpr[RDI], status = v->gpr[RSI];

	if (reason > PV_SHUTDOWN_CRASH || status > 255)
		return -PV_EINVAL;
	vm_shutdown(v->domain, (u32)reason, (u32)status);
	return 0;
}

s64 hypercall_trace_mark(struct vcpu *v)
{
	if (v->ring)
		trace_mark(v->ring, v, v->gpr[RDI]);
	stats_mark(v, v->gpr[RDI]);
	return 0;
}

s64 hypercall_info(struct vcpu *v)
{
	struct domain *d = v->domain;
	gpa_t into = v->gpr[RDI];
	const struct pv_info info = {
		.abi = PV_ABI_MAJOR << 16 | PV_ABI_MINOR,
		.mode = d->mode,
		.domain = d->id,
		.vcpus = d->vcpu_count,
		.features = d->features,
		.memory_bytes = d->memory_bytes,
		.wall_ns = wall_clock_ns(),
		.tsc_khz = tsc_khz,
	};

	if ((into & 7) || (into & (PAGE_SIZE - 1)) + sizeof(info) > PAGE_SIZE)
		return -PV_EINVAL;
	return guest_write(&d->p2m, into, &info, sizeof(info));
}

s64 hypercall_area_register(struct vcpu *v)
{
	return area_register(v, v->gpr[RDI], v->gpr[RSI]);
}

s64 hypercall_stats_read(struct vcpu *v)
{
	struct domain *d = v->domain;
	u64 id = v->gpr[RDI];
	gpa_t into = v->gpr[RSI];

	if (into & (PAGE_SIZE - 1))
		return -PV_EINVAL;
	if (id >= d->vcpu_count)
		return -PV_ENOENT;
	if (!p2m_lookup(&d->p2m, into))
		return -PV_EFAULT;
	return stats_copy(d->vcpus[id], &d->p2m, into);
}

s64 hypercall_console_read(struct vcpu *v)
{
	gpa_t into = v->gpr[RDI];
	u64 length = v->gpr[RSI];
	char text[PV_CONSOLE_MAX];

	if (!length || length > sizeof(text) || (into & (PAGE_SIZE - 1)) + length > PAGE_SIZE)
		return -PV_EINVAL;
	if (!p2m_lookup(&v->domain->p2m, into))
		return -PV_EFAULT;
	length = console_take(&v->domain->console, text, length);
	guest_write(&v->domain->p2m, into, text, length);
	return (s64)length;
}
