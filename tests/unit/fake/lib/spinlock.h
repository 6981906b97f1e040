/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before hypervisor/lib/spinlock.h: the same lock, but one that would never be had is a
 * panic, and before a lock is taken other CPUs may act, as they could on a real machine.
 */
#ifndef FAKE_LIB_SPINLOCK_H
#define FAKE_LIB_SPINLOCK_H

#define spin_lock real_spin_lock
#define spin_unlock real_spin_unlock
#include "../../../../hypervisor/lib/spinlock.h"
#undef spin_lock
#undef spin_unlock

#include "fake/panic.h"

static inline void spin_lock(spinlock_t *lock)
{
	if (!fake_locks_held && fake_unlocked)
		fake_unlocked();
	if (lock->next != lock->owner)
		fake_deadlock();
	real_spin_lock(lock);
	fake_locks_held++;
}

static inline void spin_unlock(spinlock_t *lock)
{
	fake_locks_held--;
	real_spin_unlock(lock);
}

#endif
