/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks a bundle before anything in it is used. Pure: builds on the host. */
#ifndef DISPATCHER_BUNDLE_H
#define DISPATCHER_BUNDLE_H

#include "host/bundle.h"
#include "lib/types.h"

/* NULL if it is whole and consistent, else one line that says what is wrong. */
const char *bundle_check(const void *bundle, u64 bytes);

#endif
