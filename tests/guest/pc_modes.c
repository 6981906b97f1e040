/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From long mode through protected mode with and without paging, PAE and real mode and back, with
 * CPUID, ports, REP OUTSB, a device register and memory looked at on the way. Marks 1..2 hold it
 * all: 7 x CPUID, IN and REP OUTSB, and 7 x 3 accesses to the IOAPIC.
 */
#include "modes.h"
#include "pc.h"

#define FIRST 0x600dcafe
#define SECOND 0x2ca1ab1e

struct record {
	u32 vendor, cr0, in, ioapic, si, cx, alias, efer;
};

extern const u8 modes_begin[], modes_end[];
extern const u8 modes_handler[]; /* an offset */

static u32 *volatile vectors; /* of real mode, at 0 */
static u32 two_level[1024] __attribute__((aligned(4096)));
static u64 low[512] __attribute__((aligned(4096)));
static u64 high[2][512] __attribute__((aligned(4096)));
static u64 pae[2][4] __attribute__((aligned(32)));

/* One to one for the first 4 MiB and the IOAPIC; 0xc0000000 is an alias of 0, or of 2 MiB. */
static void build_tables(void)
{
	u32 *cr3 = (u32 *)MODES_TABLES;

	two_level[0] = two_level[0xc0000000u >> 22] = 0x83;
	two_level[IOAPIC_BASE >> 22] = 0xfec00093;
	low[0] = 0x83;
	low[1] = 0x200083;
	for (unsigned n = 0; n < 2; n++) {
		high[n][0] = n * 0x200000 | 0x83;
		high[n][IOAPIC_BASE >> 21 & 511] = IOAPIC_BASE | 0x93;
		pae[n][0] = (u64)low | 1;
		pae[n][3] = (u64)high[n] | 1;
		cr3[n + 1] = (u32)(u64)pae[n];
	}
	cr3[0] = (u32)(u64)two_level;
}

static void check_stop(unsigned n, const char *name, u32 cr0, bool is_long, u32 alias)
{
	const struct record *r = (const struct record *)MODES_RECORDS + n;
	const u32 mask = CR0_PG | CR0_PE;

	ok((r->cr0 & mask) == cr0 && !(r->efer & EFER_LMA) == !is_long, "%s: CR0 %#x, EFER %#x",
	   name, r->cr0, r->efer);
	ok(r->vendor == cpuid(0, 0).ebx && r->in == 0x1234ffff && r->ioapic == 0x30 + n,
	   "CPUID, IN AX %#x, IOAPIC %#x", r->in, r->ioapic);
	ok(r->si == MODES_RECORDS + 9 && r->cx == 0, "REP OUTSB");
	ok(r->alias == alias, "memory seen through its tables: %#x", r->alias);
}

void guest_main(void)
{
	u32 (*run)(void) = (u32(*)(void))MODES_PAGE;
	u32 interrupts;

	plan(4 * MODES_STOPS + 1);
	pc_init();
	pc_map(MODES_ALIAS);
	memcpy((void *)MODES_PAGE, modes_begin, (size_t)(modes_end - modes_begin));
	vectors[0x40] = (u32)(u64)modes_handler | MODES_PAGE >> 4 << 16;
	build_tables();
	*(u32 *)(MODES_ALIAS & 0x1fffff) = FIRST;
	*(u32 *)((MODES_ALIAS & 0x1fffff) + 0x200000) = SECOND;
	mark(1);
	interrupts = run();
	mark(2);
	check_stop(0, "compatibility mode", CR0_PE | CR0_PG, true, ~0u);
	check_stop(1, "protected mode", CR0_PE, false, ~0u);
	check_stop(2, "two levels", CR0_PE | CR0_PG, false, FIRST);
	check_stop(3, "PAE", CR0_PE | CR0_PG, false, FIRST);
	check_stop(4, "another PAE table", CR0_PE | CR0_PG, false, SECOND);
	check_stop(5, "real mode", 0, false, ~0u);
	check_stop(6, "long mode", CR0_PE | CR0_PG, true, ~0u);
	ok(interrupts == 1, "INT in real mode");
}
