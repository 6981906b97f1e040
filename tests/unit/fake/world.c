/* SPDX-License-Identifier: BSD-2-Clause */
/* Domains for tests; see world.h. */
#include "fake/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/bundle.h"
#include "dispatcher/dispatcher.h"
#include "fake/hardware.h"
#include "fake/recorder.h"
#include "interpreter/interpreter.h"
#include "lib/lib.h"
#include "machine/machine.h"
#include "machine/x86.h"

#define READONLY_GPA 0x8000u

static void *bundle;

struct pv_vcpu_context world_context(u64 rip)
{
	return (struct pv_vcpu_context){
		.rip = rip,
		.rsp = 0x100000,
		.rflags = RFLAGS_FIXED1,
		.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_MP | CR0_PG,
		.cr3 = 0x1000,
		.cr4 = CR4_PAE,
		.efer = EFER_LME | EFER_LMA,
		.cs = 8,
		.ss = 0x10,
		.tr = 0x28,
		.tr_limit = 103,
		.gdt_limit = 0x37,
	};
}

void world_seal(void *sealed)
{
	struct pv_bundle_header *h = sealed;

	struct pv_bundle_sum sum = pv_bundle_sum(h + 1, h->size - sizeof(*h));

	h->sum[0] = sum.words;
	h->sum[1] = sum.weighted;
}

static void domain_pack(struct pv_bundle_domain *to, const struct world_domain *from, u32 number)
{
	if (from->name)
		snprintf(to->name, sizeof(to->name), "%s", from->name);
	else
		snprintf(to->name, sizeof(to->name), "d%u", number);
	to->mode = from->mode;
	to->vcpus = from->vcpus ? from->vcpus : 1;
	to->first_segment = number;
	to->segment_count = 1;
	to->memory_bytes = (from->chunks ? from->chunks : 1) * CHUNK_SIZE;
	to->features_on = from->features_on;
	to->features_off = from->features_off;
	memset(to->call_mask, 0xff, sizeof(to->call_mask));
	to->call_mask[0] &= ~from->calls_off;
	to->cpu_mask = from->cpu_mask;
	to->console_limit = from->console_limit;
	to->flags = from->restarts ? PV_DOMAIN_RESTARTS : 0;
	to->boot = world_context(0x200000);
}

void *world_bundle(const struct world_domain *list, u32 count, u64 *bytes)
{
	u64 tables = count * (sizeof(struct pv_bundle_domain) + sizeof(struct pv_bundle_segment));
	u64 size = sizeof(struct pv_bundle_header) + tables + PAGE_SIZE;
	struct pv_bundle_header *h = calloc(1, size);
	struct pv_bundle_domain *d = (void *)(h + 1);
	struct pv_bundle_segment *s = (void *)(d + count);

	if (!h)
		abort();
	*h = (struct pv_bundle_header){
		.magic = PV_BUNDLE_MAGIC,
		.version = PV_BUNDLE_VERSION,
		.size = size,
		.header_size = sizeof(*h),
		.domain_count = count,
		.segment_count = count,
		.domains_offset = (u64)((u8 *)d - (u8 *)h),
		.segments_offset = (u64)((u8 *)s - (u8 *)h),
	};
	for (u32 i = 0; i < count; i++) {
		domain_pack(&d[i], &list[i], i);
		s[i] = (struct pv_bundle_segment){ .gpa = READONLY_GPA,
						   .offset = size - PAGE_SIZE,
						   .file_bytes = PAGE_SIZE,
						   .mem_bytes = PAGE_SIZE,
						   .flags = PV_SEGMENT_READONLY };
	}
	world_seal(h);
	*bytes = size;
	return h;
}

void world_create(const struct world_domain *list, u32 count, u32 cpus_wanted)
{
	const char *why;
	u64 bytes;

	fake_cpus_init(cpus_wanted);
	fake_tsc = 1000;
	context_init();
	interpreter_init();
	bundle = world_bundle(list, count, &bytes);
	why = bundle_check(bundle, bytes);
	if (why)
		panic("the test's bundle is refused: %s", why);
	domains_create(bundle);
}

struct vcpu *world_small(u32 vcpus)
{
	const struct world_domain one = { .vcpus = vcpus, .mode = PV_MODE_PV_HAP };

	return world_of(&one);
}

struct vcpu *world_of(const struct world_domain *one)
{
	struct vcpu *v;

	world_create(one, 1, 1);
	v = domains[0]->vcpus[0];
	v->state = VCPU_RUNNING;
	v->cpu = &cpus[0];
	domains[0]->vcpus_live = 1;
	return v;
}

void world_destroy(void)
{
	for (u32 i = 0; i < domain_count; i++)
		memset(domains[i], 0, sizeof(*domains[i]));
	domain_count = 0;
	live_domains = 0;
	fake_memory_free();
	free(bundle);
	bundle = NULL;
}

static void entry_write(struct vcpu *v, gpa_t gpa, u64 entry)
{
	if (guest_write(&v->domain->p2m, gpa, &entry, sizeof(entry)))
		panic("no memory at 0x%llx", (unsigned long long)gpa);
}

void world_map(struct vcpu *v)
{
	const u64 rights = 7; /* present, writable, user */

	for (gpa_t table = 0x1000; table < 0x4000; table += PAGE_SIZE)
		entry_write(v, table, (table + PAGE_SIZE) | rights);
	for (gva_t gva = 0; gva < CHUNK_SIZE; gva += PAGE_SIZE)
		entry_write(v, WORLD_PTE(gva), gva | rights);
}
