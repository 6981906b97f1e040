/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls as a guest makes them; see caller.h. */
#include "fake/caller.h"

#include <string.h>

#include "allocator/copy.h"
#include "dispatcher/dispatcher.h"
#include "fake/panic.h"
#include "machine/machine.h"
#include "tap.h"

bool caller_succeeded[PV_CALL_MAX];

s64 caller_call(struct vcpu *v, u64 number, const u64 args[6])
{
	static const unsigned order[6] = { RDI, RSI, RDX, RCX, R8, R9 };
	struct vmexit exit = { .code.exit = PV_EXIT_HYPERCALL };
	u64 before[16];
	s64 result;

	v->gpr[RAX] = number;
	for (unsigned i = 0; i < 6; i++)
		v->gpr[order[i]] = args[i];
	memcpy(before, v->gpr, sizeof(before));
	EXPECT_EQ(hypercall_exit(v, &exit), ADVANCE);
	before[RAX] = v->gpr[RAX];
	EXPECT(!memcmp(before, v->gpr, sizeof(before))); /* only rax may change */
	EXPECT_EQ(fake_locks_held, 0);
	result = (s64)v->gpr[RAX];
	EXPECT(result > -4096);
	if (result >= 0 && number < PV_CALL_MAX)
		caller_succeeded[number] = true;
	return result;
}

void caller_zero(struct vcpu *v, gpa_t page)
{
	EXPECT(!guest_zero(&v->domain->p2m, page, PAGE_SIZE));
}

void caller_put(struct vcpu *v, gpa_t gpa, const void *from, size_t bytes)
{
	EXPECT(!guest_write(&v->domain->p2m, gpa, from, bytes));
}

void caller_get(struct vcpu *v, gpa_t gpa, void *to, size_t bytes)
{
	EXPECT(!guest_read(&v->domain->p2m, gpa, to, bytes));
}

u64 caller_get64(struct vcpu *v, gpa_t gpa)
{
	u64 value = 0;

	caller_get(v, gpa, &value, sizeof(value));
	return value;
}
