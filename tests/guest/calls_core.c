/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Group 00 of the calls, each with its success and every errno of its row in abi.toml, and what
 * INFO and STATS_READ say. BATCH_KICK has a payload of its own, batch. Ends by SHUTDOWN itself.
 */
#include "guest.h"

#define YEAR_2000_NS 946684800000000000ull
#define NOWHERE (start_info->memory_bytes) /* the first byte that is not memory */

static u8 page[8192] __attribute__((aligned(4096)));
static const u64 at = (u64)page;

static void check_info(void)
{
	const struct pv_info *info = (const void *)(page + 64);
	struct cpuid_regs features = cpuid(PV_CPUID_BASE + PV_CPUID_FEATURES, 0);
	struct cpuid_regs identity = cpuid(PV_CPUID_BASE + PV_CPUID_IDENTITY, 0);

	CASE(INFO, EINVAL, "unaligned", at + 4);
	CASE(INFO, EINVAL, "across pages", at + 4040);
	CASE(INFO, EINVAL, "with rsi", at, 1);
	CASE(INFO, EFAULT, "beyond memory", NOWHERE);
	CASE(INFO, EFAULT, "the end of addresses", ~0xfffull);
	CASE(INFO, OK, "up to the end of a page", at + 4096 - sizeof(*info));
	CASE(INFO, OK, "", at + 64);
	ok(info->abi == (PV_ABI_MAJOR << 16 | PV_ABI_MINOR) && info->mode == identity.eax &&
		   info->domain == identity.ecx && info->vcpus == identity.edx,
	   "version %#x, mode %u, domain %u, %u vCPUs as in CPUID", info->abi, info->mode,
	   info->domain, info->vcpus);
	ok(info->features == ((u64)features.ebx << 32 | features.eax), "features %#llx as in CPUID",
	   (unsigned long long)info->features);
	ok(info->memory_bytes == start_info->memory_bytes && info->tsc_khz == tsc_khz(),
	   "memory and TSC as elsewhere");
	ok(info->wall_ns > YEAR_2000_NS, "the wall clock is in this century");
	ok(!info->reserved[0] && !info->reserved[1], "reserved words are 0");
}

static void check_areas(void)
{
	for (u64 kind = 0; kind <= PV_AREA_BATCH; kind++) {
		CASE(AREA_REGISTER, OK, "each kind", kind, at);
		CASE(AREA_REGISTER, OK, "moved", kind, at + 4096);
		CASE(AREA_REGISTER, EFAULT, "beyond memory", kind, NOWHERE);
		CASE(AREA_REGISTER, EINVAL, "unaligned", kind, at + 8);
		CASE(AREA_REGISTER, OK, "ended", kind, ~0ull);
		CASE(AREA_REGISTER, OK, "ended again", kind, ~0ull);
	}
	CASE(AREA_REGISTER, EINVAL, "kind 4", PV_AREA_BATCH + 1, at);
	CASE(AREA_REGISTER, EINVAL, "kind 2^32", BIT(32), at);
	CASE(AREA_REGISTER, EINVAL, "with rdx", PV_AREA_TIME, at, 1);
}

static u64 counted(u16 space, u16 code)
{
	const struct pv_frame_stats *head = (const void *)page;
	const struct pv_stats_row *row = (const void *)(head + 1);

	for (u32 n = 0; n < head->rows; n++)
		if (row[n].space == space && row[n].code == code)
			return row[n].count;
	return 0;
}

static void check_stats(void)
{
	const struct pv_frame_stats *head = (const void *)page;
	u64 nulls, exits;
	s64 rows;

	CASE(STATS_READ, EINVAL, "unaligned", 0, at + 8);
	CASE(STATS_READ, EINVAL, "with rdx", 0, at, 1);
	CASE(STATS_READ, ENOENT, "vCPU 1 of 1", 1, at);
	CASE(STATS_READ, ENOENT, "vCPU 2^32", BIT(32), at);
	CASE(STATS_READ, EFAULT, "beyond memory", 0, NOWHERE);
	rows = CASE(STATS_READ, OK, "", 0, at);
	ok(head->rows == rows && head->why == PV_STATS_REQUEST && head->vcpu == 0, "%lld rows",
	   (long long)rows);
	nulls = counted(PV_STATS_CALL, PV_CALL_NULL);
	exits = counted(PV_STATS_EXIT, PV_EXIT_HYPERCALL);
	for (unsigned n = 0; n < 10; n++)
		hypercall(PV_CALL_NULL, 0, 0);
	hypercall(PV_CALL_STATS_READ, 0, at);
	nulls = counted(PV_STATS_CALL, PV_CALL_NULL) - nulls;
	exits = counted(PV_STATS_EXIT, PV_EXIT_HYPERCALL) - exits;
	/* Since then: ten, and what the two lines of results took, and the first STATS_READ. */
	ok(nulls == 10 && exits > 10 && exits < 20, "%llu NULL, %llu hypercalls",
	   (unsigned long long)nulls, (unsigned long long)exits);
}

static void check_console(void)
{
	memcpy(page, "# a line by CONSOLE\n", 20);
	ok(CASE(CONSOLE, OK, "", at, 20) == 20, "all of it");
	CASE(CONSOLE, EINVAL, "nothing", at, 0);
	CASE(CONSOLE, EINVAL, "257 bytes", at, 257);
	CASE(CONSOLE, EINVAL, "across pages", at + 4092, 8);
	CASE(CONSOLE, EINVAL, "with rdx", at, 8, 1);
	CASE(CONSOLE, EFAULT, "beyond memory", NOWHERE, 8);
	ok(CASE(CONSOLE_READ, OK, "", at, 256) == 0, "nobody has typed anything");
	CASE(CONSOLE_READ, EINVAL, "nothing", at, 0);
	CASE(CONSOLE_READ, EINVAL, "257 bytes", at, 257);
	CASE(CONSOLE_READ, EINVAL, "across pages", at + 4092, 8);
	CASE(CONSOLE_READ, EINVAL, "with rdx", at, 8, 1);
	CASE(CONSOLE_READ, EFAULT, "beyond memory", NOWHERE, 8);
}

void guest_main(void)
{
	CASE(NULL, OK, "");
	CASE(NULL, EINVAL, "with rdi", 1);
	check_info();
	check_areas();
	check_stats();
	check_console();
	CASE(TRACE_MARK, OK, "", 99);
	CASE(TRACE_MARK, EINVAL, "with rsi", 99, 1);
	CASE(SHUTDOWN, EINVAL, "reason 4", PV_SHUTDOWN_CRASH + 1, 0);
	CASE(SHUTDOWN, EINVAL, "status 256", PV_SHUTDOWN_POWEROFF, 256);
	CASE(SHUTDOWN, EINVAL, "with rdx", PV_SHUTDOWN_POWEROFF, 0, 1);
	WANT(SHUTDOWN, OK, PV_SHUTDOWN_POWEROFF, tap_end());
	outb(PV_PORT_EXIT, 1);
}
