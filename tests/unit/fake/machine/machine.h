/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stands before hypervisor/machine/machine.h: the same, but time is the test's (fake/hardware.c).
 */
#ifndef FAKE_MACHINE_MACHINE_H
#define FAKE_MACHINE_MACHINE_H

#define rdtsc real_rdtsc
#include "../../../../hypervisor/machine/machine.h"
#undef rdtsc

u64 rdtsc(void);

#endif
