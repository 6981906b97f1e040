/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest guest: prints one line and ends. */
#include "guest.h"

void guest_main(void)
{
	print("Hello from %s: %u vCPU, %llu MiB\n", start_info->name, start_info->vcpus,
	      (unsigned long long)(start_info->memory_bytes >> 20));
	guest_exit(0);
}
