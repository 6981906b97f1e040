/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the direct-paging fuzzer share: its state, and choices at random. */
#ifndef TESTS_UNIT_FUZZ_DIRECT_H
#define TESTS_UNIT_FUZZ_DIRECT_H

#include "lib/types.h"

struct fuzz_state {
	u64 done[16], refused[16]; /* by kind of step */
	u64 nested, locked, flushes, activated, not_activated, epoch;
	unsigned depth;
	u32 frames, few; /* of each chunk, in this life */
	u32 victim; /* frame that the call under way is about: others are after it */
};
extern struct fuzz_state fuzz;

u32 random_below(u32 n);
bool chance(u32 n); /* one in n */
u32 any_frame(void);
u32 any_table(unsigned level); /* of this level (0: any), if there is one */
u64 evil(u64 entry); /* with something wrong, perhaps */

/* Begins the life of the domain anew, with tables that it activates; or as it was, if refused. */
void begin_activated(void);

#endif
