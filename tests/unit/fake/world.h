/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains for tests, made the way the hypervisor makes them: a bundle is packed, checked and built
 * by dispatcher/bundle.c and domain.c on the fake machine. One world at a time.
 */
#ifndef TESTS_UNIT_FAKE_WORLD_H
#define TESTS_UNIT_FAKE_WORLD_H

#include "dispatcher/domain.h"
#include "dispatcher/vcpu.h"

struct world_domain {
	const char *name; /* NULL: "d" and its number */
	u32 vcpus; /* 0: one */
	u32 mode; /* PV_MODE_*; FULL_HAP is 0 */
	u32 chunks; /* of 2 MiB; 0: one */
	u64 features_on, features_off;
	u64 calls_off; /* numbers 0..63 that it may not call */
	u64 cpu_mask;
	u64 console_limit;
	bool restarts; /* when it reboots */
};

/* A bundle of these domains in allocated memory; each has a read-only page at 0x8000. */
void *world_bundle(const struct world_domain *domains, u32 count, u64 *bytes);
/* The checksum anew, after a change. */
void world_seal(void *bundle);
/* A context that context_check() accepts, for code at rip. */
struct pv_vcpu_context world_context(u64 rip);

/* domains[0..count) on a machine of `cpus` CPUs; a panic if the bundle is refused. */
void world_create(const struct world_domain *domains, u32 count, u32 cpus);
/*
 * The smallest one: a domain in pv/hap with `vcpus` vCPUs on one CPU. Returns its vCPU 0, RUNNING.
 */
struct vcpu *world_small(u32 vcpus);
struct vcpu *world_of(const struct world_domain *one); /* the same with a domain of your own */
void world_destroy(void);

/*
 * Identity page tables in the domain's memory (PML4 at 0x1000, tables up to 0x5000) for all of its
 * first 2 MiB in 4 KiB pages; the rest is not present. A page's entry stands at WORLD_PTE(gva).
 */
void world_map(struct vcpu *v);
#define WORLD_PTE(gva) (0x4000 + (gva) / 4096 * 8)

#endif
