/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls as a guest makes them: registers in, dispatch table, rax out. Every call is checked
 * for what holds for all of them; who was called and who succeeded is remembered.
 */
#ifndef TESTS_UNIT_FAKE_CALLER_H
#define TESTS_UNIT_FAKE_CALLER_H

#include "fake/world.h"

/* Calls that have returned 0 or more, by number. */
extern bool caller_succeeded[PV_CALL_MAX];

s64 caller_call(struct vcpu *v, u64 number, const u64 args[6]);
#define CALL_OF(v, number, ...) caller_call(v, number, (const u64[6]){ __VA_ARGS__ })

/* Guest memory: a page of zeros; one value. Both must exist. */
void caller_zero(struct vcpu *v, gpa_t page);
void caller_put(struct vcpu *v, gpa_t gpa, const void *from, size_t bytes);
void caller_get(struct vcpu *v, gpa_t gpa, void *to, size_t bytes);
u64 caller_get64(struct vcpu *v, gpa_t gpa);

#endif
