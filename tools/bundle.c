// SPDX-License-Identifier: BSD-2-Clause
/*
 * The bundle's writer; see bundle.h. First every domain is planned (what goes where in its memory),
 * then the sizes are known, then header, tables and bytes are written in one pass.
 */
#include "bundle.h"

#include <stdlib.h>
#include <string.h>

#include "boot_pages.h"
#include "payload.h"

#define DATA_ALIGN 16u

struct packed_domain {
	struct load_plan plan;
	struct boot_pages pages;
	struct pv_vcpu_context boot;
};

static uint64_t align_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) & ~(step - 1);
}

static int plan_domain(const struct machine *m, const struct domain *d, struct domain_files *files,
		       struct packed_domain *p, struct errors *e)
{
	const struct blob *initrd = files->initrd.data ? &files->initrd : NULL;
	struct errors own = { 0 };

	if (!payload_load(&files->kernel, d->kernel, d->mode, d->memory_bytes, &p->plan, &own) &&
	    !boot_pages_build(&p->pages, d, initrd, &p->plan, &p->boot, &own))
		load_plan_check(&p->plan, d->kernel, d->memory_bytes, &own);
	if (!own.count)
		return 0;
	/* The reader wants to know which line of the description asked for this file. */
	return errors_add_at(e, m->file, d->kernel_at.line, d->kernel_at.column, "%s", own.text[0]);
}

static void write_domain(struct pv_bundle_domain *to, const struct domain *d,
			 const struct packed_domain *p, uint32_t first_segment)
{
	*to = (struct pv_bundle_domain){
		.mode = d->mode,
		.vcpus = d->vcpus,
		.first_segment = first_segment,
		.segment_count = p->plan.count,
		.memory_bytes = d->memory_bytes,
		.features_off = d->features_off,
		.features_on = d->features_on,
		.cpu_mask = d->cpu_mask,
		.console_limit = d->console_limit,
		.flags = d->ends_on_reboot ? 0 : PV_DOMAIN_RESTARTS,
		.boot = p->boot,
	};
	memcpy(to->name, d->name, sizeof(to->name));
	memcpy(to->call_mask, d->call_mask, sizeof(to->call_mask));
	for (unsigned int i = 0; i < BOOT_REGISTERS_MAX; i++)
		if (d->registers_set & 1u << i)
			memcpy((char *)&to->boot + boot_registers[i].offset, &d->registers[i],
			       sizeof(d->registers[i]));
}

/* Writes the segments' rows and bytes; *at is the first free byte, *row the first free row. */
static void write_segments(uint8_t *bundle, struct pv_bundle_segment *rows, uint32_t *row,
			   uint64_t *at, const struct load_plan *plan)
{
	for (unsigned int i = 0; i < plan->count; i++) {
		const struct load_segment *s = &plan->segments[i];

		rows[(*row)++] = (struct pv_bundle_segment){
			.gpa = s->gpa,
			.offset = *at,
			.file_bytes = s->file_bytes,
			.mem_bytes = s->mem_bytes,
			.flags = s->flags,
		};
		if (s->file_bytes)
			memcpy(bundle + *at, s->bytes, s->file_bytes);
		*at = align_up(*at + s->file_bytes, DATA_ALIGN);
	}
}

/* All numbers of the layout follow from the plans. */
static struct pv_bundle_header header_of(const struct machine *m, const struct packed_domain *p)
{
	struct pv_bundle_header h = {
		.magic = PV_BUNDLE_MAGIC,
		.version = PV_BUNDLE_VERSION,
		.header_size = sizeof(h),
		.domain_count = m->domain_count,
		.domains_offset = sizeof(h),
		.hw_off = m->hw_off,
		.cpus = m->cpus,
		.slice_us = m->slice_us,
		.trace_kinds = m->trace_kinds,
		.trace_records = m->trace_records,
		.live_key = { m->live_key[0], m->live_key[1] },
		.flags = (m->has_input ? PV_BUNDLE_INPUT : 0) |
			 (m->trace_is_late ? 0 : PV_BUNDLE_TRACE_LIVE),
	};

	for (unsigned int i = 0; i < m->domain_count; i++)
		h.segment_count += p[i].plan.count;
	h.segments_offset = h.domains_offset + m->domain_count * sizeof(struct pv_bundle_domain);
	h.size = align_up(h.segments_offset + h.segment_count * sizeof(struct pv_bundle_segment),
			  DATA_ALIGN);
	for (unsigned int i = 0; i < m->domain_count; i++)
		for (unsigned int k = 0; k < p[i].plan.count; k++)
			h.size = align_up(h.size + p[i].plan.segments[k].file_bytes, DATA_ALIGN);
	return h;
}

/* An emulator puts the bundle at a fixed place; what is above it in memory must hold it. */
static int check_room(const struct machine *m, uint64_t bundle_bytes, struct errors *e)
{
	uint64_t domains = 0, needed;
	char have[24], place[24];

	for (unsigned int i = 0; i < m->domain_count; i++)
		domains += m->domains[i].memory_bytes;
	needed = MACHINE_RESERVED_BYTES + domains + bundle_bytes;
	if (needed < MACHINE_BUNDLE_ADDRESS + bundle_bytes)
		needed = MACHINE_BUNDLE_ADDRESS + bundle_bytes;
	if (needed <= m->memory_bytes)
		return 0;
	return errors_add_at(e, m->file, m->memory_at.line, m->memory_at.column,
			     "the bundle has %llu bytes (it is loaded at %s); with it the machine "
			     "needs %lluM of memory, found %s",
			     (unsigned long long)bundle_bytes,
			     format_size(MACHINE_BUNDLE_ADDRESS, place, sizeof(place)),
			     (unsigned long long)((needed + (1 << 20) - 1) >> 20),
			     format_size(m->memory_bytes, have, sizeof(have)));
}

static int write_bundle(const struct machine *m, const struct packed_domain *p, struct blob *out,
			struct errors *e)
{
	struct pv_bundle_header h = header_of(m, p);
	struct pv_bundle_domain *domains;
	struct pv_bundle_segment *rows;
	struct pv_bundle_sum sum;
	uint32_t row = 0;
	uint64_t at;

	if (h.segment_count > PV_BUNDLE_SEGMENTS_MAX)
		return errors_add(e, "%s: the domains have %u segments, expected at most %u",
				  m->file, h.segment_count, PV_BUNDLE_SEGMENTS_MAX);
	if (check_room(m, h.size, e))
		return -1;
	out->data = xcalloc(1, h.size);
	out->size = h.size;
	domains = (void *)(out->data + h.domains_offset);
	rows = (void *)(out->data + h.segments_offset);
	at = align_up(h.segments_offset + h.segment_count * sizeof(*rows), DATA_ALIGN);
	for (unsigned int i = 0; i < m->domain_count; i++) {
		write_domain(&domains[i], &m->domains[i], &p[i], row);
		write_segments(out->data, rows, &row, &at, &p[i].plan);
	}
	sum = pv_bundle_sum(out->data + sizeof(h), out->size - sizeof(h));
	h.sum[0] = sum.words;
	h.sum[1] = sum.weighted;
	memcpy(out->data, &h, sizeof(h));
	return 0;
}

int bundle_pack(const struct machine *m, struct domain_files *files, struct blob *out,
		struct errors *e)
{
	struct packed_domain *p = xcalloc(m->domain_count, sizeof(*p));
	int result = 0;

	*out = (struct blob){ NULL, 0 };
	for (unsigned int i = 0; i < m->domain_count; i++)
		if (plan_domain(m, &m->domains[i], &files[i], &p[i], e))
			result = -1;
	if (!result)
		result = write_bundle(m, p, out, e);
	for (unsigned int i = 0; i < m->domain_count; i++) {
		boot_pages_free(&p[i].pages);
		load_plan_free(&p[i].plan);
	}
	free(p);
	return result;
}

static int read_files(const struct machine *m, const struct domain *d, struct domain_files *files,
		      struct errors *e)
{
	struct errors own = { 0 };
	struct place at = d->kernel_at;

	if (!blob_read(&files->kernel, d->kernel, KERNEL_BYTES_MAX, &own) && d->initrd) {
		at = d->initrd_at;
		/* That it fits into the domain's memory is checked with the rest of the plan. */
		blob_read(&files->initrd, d->initrd, UINT32_MAX, &own);
	}
	if (!own.count)
		return 0;
	return errors_add_at(e, m->file, at.line, at.column, "%s", own.text[0]);
}

int bundle_build(const struct machine *m, struct blob *out, struct errors *e)
{
	struct domain_files *files = xcalloc(m->domain_count, sizeof(*files));
	int result = 0;

	*out = (struct blob){ NULL, 0 };
	for (unsigned int i = 0; i < m->domain_count; i++)
		if (read_files(m, &m->domains[i], &files[i], e))
			result = -1;
	if (!result)
		result = bundle_pack(m, files, out, e);
	for (unsigned int i = 0; i < m->domain_count; i++) {
		blob_free(&files[i].kernel);
		blob_free(&files[i].initrd);
	}
	free(files);
	return result;
}
