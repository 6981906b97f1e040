/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of files that hold a command too: their usage is in pvn.c, which is not linked. */
#include <stdlib.h>

#include "pvn.h"

int pvn_usage(const char *command)
{
	printf("Bail out! %s was called\n", command);
	exit(1);
}
