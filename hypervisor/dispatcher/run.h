/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The run loop: enter the guest, take the exit, count it once, trace it once, let one handler act,
 * move RIP. This is the whole way of an exit in shared code; docs/design.md draws it. The text
 * exists once and is compiled once for each backend (vmx/exit.c, svm/exit.c), so that the world
 * switch and the RIP advance are inlined: calling them through a table cost a third of a null exit.
 * Interrupts stay off throughout: what arrives meanwhile makes the next entry exit at once.
 */
#ifndef DISPATCHER_RUN_H
#define DISPATCHER_RUN_H

#include "dispatcher/dispatcher.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "trace/trace.h"

/* One entry and one exit: fills exit, and v->event if the exit cut a delivery short. */
typedef void (*enter_t)(struct vcpu *v, struct vmexit *exit);
/* Past the instruction: RIP and single step. -PV_EFAULT: its length is unknown. */
typedef int (*advance_t)(struct vcpu *v, struct vmexit *exit);
/* The interrupt shadow of STI and MOV SS ends with an instruction that we carried out. */
typedef void (*shadow_over_t)(struct vcpu *v);

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void last_exits_add(struct vcpu *v, const struct vmexit *exit)
{
	struct last_exit *last = (void *)((char *)v->last + v->last_next);

	_Static_assert(sizeof(v->last) == 256, "last_next wraps by itself");
	v->last_next = (u8)(v->last_next + sizeof(*last));
	last->rip = exit->rip;
	last->code = exit->code;
}

/* The one place where an exit is counted, traced and its verdict carried out. */
ALWAYS_INLINE enum verdict dispatch(struct vcpu *v, struct vmexit *exit, advance_t advance)
{
	enum verdict verdict;
	struct counter *counter;
	u32 spent;

	last_exits_add(v, exit);
	v->counter = &v->exits[exit->code.exit];
	verdict = exit_table[exit->code.exit](v, exit);
	if (unlikely(v->ring)) {
		if (exit->code.exit == PV_EXIT_HYPERCALL)
			trace_call(v, exit);
		else
			trace_exit(v, exit);
	}
	/* RESUME: the same instruction again. FAULT: v->event is delivered by vcpu_prepare(). */
	if (likely(verdict == ADVANCE) && unlikely(advance(v, exit)))
		vm_kill(v->domain, v, "the instruction that exited cannot be decoded");
	/* The handler may have chosen a finer counter (a hypercall's own) or none (a marker). */
	counter = v->counter;
	spent = (u32)rdtsc() - exit->tsc_low;
	counter->count++;
	counter->ticks += spent;
	if (spent > counter->max_ticks)
		counter->max_ticks = spent;
	/*
	 * Every 16 exits a look at the clock: a guest that does nothing but exit has a slice too.
	 */
	if (unlikely(!v->last_next))
		vcpu_poll(v);
	return verdict;
}

/*
 * Runs v on this CPU until something else should have the CPU. A shadow that is over is cleared
 * only here, where an injection would see it: without one it ends by itself at the next
 * instruction.
 */
ALWAYS_INLINE void vcpu_loop(struct cpu *cpu, struct vcpu *v, enter_t enter, advance_t advance,
			     shadow_over_t shadow_over)
{
	enum verdict verdict = RESUME;
	struct vmexit exit;

	for (;;) {
		if (unlikely(v->attention)) {
			if (verdict == ADVANCE)
				shadow_over(v);
			if (!vcpu_prepare(cpu, v))
				return;
		}
		enter(v, &exit);
		verdict = dispatch(v, &exit, advance);
	}
}

#endif
