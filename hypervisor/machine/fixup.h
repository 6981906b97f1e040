/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of ours that may fault: a row says where to go on then. An exception at `fault`
 * continues at `resume` with all registers as they were; the code after it tells by a flag whether
 * the instruction was done.
 */
#ifndef MACHINE_FIXUP_H
#define MACHINE_FIXUP_H

#include "lib/types.h"

struct fixup {
	u64 fault, resume;
};

/* Within an asm statement: labels as the assembler knows them, such as "1b". */
#define FIXUP(fault, resume) \
	"\n\t.pushsection .fixups, \"a\"\n\t.quad " fault ", " resume "\n\t.popsection\n\t"

#endif
