/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VPID/ASID numbers against a model of tagged TLBs. The model remembers per CPU and number whose
 * translations may be cached and from which time; a vCPU that enters must find there nothing but
 * what it cached itself since its last flush. Many vCPUs, moves, flushes, and few numbers, so that
 * generations end all the time.
 */
#include <string.h>

#include "allocator/asid.h"
#include "tap.h"

#define CPUS 16
#define VCPUS 40
#define NUMBERS_MAX 64
#define NOBODY (-1)

struct tag { /* what a CPU may have cached under one number */
	int owner;
	unsigned flushes; /* of the owner, when it was cached */
};

static struct {
	struct asid_cpu cpus[CPUS];
	struct asid vcpus[VCPUS];
	unsigned flushes[VCPUS]; /* asked for so far */
	struct tag tags[CPUS][NUMBERS_MAX];
	unsigned new_generations, kept;
} model;

static void start(u32 limit)
{
	memset(&model, 0, sizeof(model));
	for (u32 i = 0; i < CPUS; i++) {
		asid_cpu_init(&model.cpus[i], limit);
		for (u32 n = 0; n < NUMBERS_MAX; n++)
			model.tags[i][n].owner = NOBODY;
	}
}

static void flush_cpu(u32 cpu)
{
	for (u32 n = 0; n < NUMBERS_MAX; n++)
		model.tags[cpu][n].owner = NOBODY;
}

static void enter(u32 vcpu, u32 cpu, u32 numbers)
{
	struct asid *asid = &model.vcpus[vcpu];
	u32 before = asid->number;
	enum asid_action action = asid_assign(asid, &model.cpus[cpu], cpu);
	struct tag *tag = &model.tags[cpu][asid->number % NUMBERS_MAX];

	EXPECT_MSG(asid->number >= 1 && asid->number < numbers, "number %u of %u", asid->number,
		   numbers);
	if (action == ASID_KEPT) {
		EXPECT_EQ(asid->number, before);
		model.kept++;
	}
	if (action == ASID_NEW_GENERATION) {
		flush_cpu(cpu);
		model.new_generations++;
	}
	EXPECT_MSG(tag->owner == NOBODY || tag->owner == (int)vcpu,
		   "vCPU %u found translations of vCPU %d", vcpu, tag->owner);
	if (tag->owner == (int)vcpu)
		EXPECT_MSG(tag->flushes == model.flushes[vcpu], "vCPU %u found what it had flushed",
			   vcpu);
	*tag = (struct tag){ (int)vcpu, model.flushes[vcpu] };
}

static void run(u32 limit, u32 numbers, unsigned steps, u64 seed)
{
	start(limit);
	for (unsigned i = 0; i < steps; i++) {
		u32 vcpu = rnd(&seed) % VCPUS,
		    cpu = rnd(&seed) % 4 ? vcpu % CPUS : rnd(&seed) % CPUS;

		if (rnd(&seed) % 10 == 0) {
			asid_drop(&model.vcpus[vcpu]);
			model.flushes[vcpu]++;
		}
		/* A move leaves old translations behind on the other CPU; coming back must not find
		 * them either, since nobody flushed them there while the vCPU was away. */
		if (model.vcpus[vcpu].number && model.vcpus[vcpu].cpu != cpu)
			model.flushes[vcpu]++;
		enter(vcpu, cpu, numbers);
	}
}

int main(void)
{
	static const u32 limits[] = { 2, 3, 5, 16, 64 };
	struct asid_cpu cpu;
	struct asid asid = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		run(limits[i], limits[i], 20000, 7 + i);
		EXPECT(model.new_generations > 10 && model.kept > 10);
	}
	tap_case("no number is shared and none reused unflushed: 16 CPUs, 40 vCPUs, wraparound");

	for (u32 limit = 0; limit < 2; limit++) {
		run(limit, 2, 5000, 3);
		EXPECT(model.new_generations > 1000);
	}
	tap_case("a CPU without numbers flushes at each change of vCPU");

	asid_cpu_init(&cpu, 4);
	EXPECT_EQ(asid_assign(&asid, &cpu, 0), ASID_NEW);
	EXPECT_EQ(asid.number, 1);
	EXPECT_EQ(asid_assign(&asid, &cpu, 0), ASID_KEPT);
	asid_drop(&asid);
	EXPECT_EQ(asid_assign(&asid, &cpu, 0), ASID_NEW);
	EXPECT_EQ(asid.number, 2);
	asid_drop(&asid);
	EXPECT_EQ(asid_assign(&asid, &cpu, 0), ASID_NEW);
	asid_drop(&asid);
	EXPECT_EQ(asid_assign(&asid, &cpu, 0), ASID_NEW_GENERATION);
	EXPECT_EQ(asid.number, 1);
	EXPECT_EQ(asid.generation, 2);
	tap_case("the actions one by one");
	return tap_done();
}
