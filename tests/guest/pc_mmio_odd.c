/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to devices that no driver makes: 8 and 16 bytes compared and exchanged, words half in
 * memory, strings between them and ports, a local APIC that has been moved, also over memory and
 * over the IOAPIC.
 */
#include "pc.h"

#define NOWHERE 0xfd000000ull
#define MOVED 0xfed00000ull
#define BOOT_CPU BIT(8)
#define VERSION 0x14u

static u64 high;

/* Expects all ones there. RDX afterwards is in `high`. */
static bool compare_16(u64 at)
{
	u64 rax = ~0ull, rdx = ~0ull;
	bool is_same;

	__asm__ volatile("lock cmpxchg16b (%3)"
			 : "=@ccz"(is_same), "+a"(rax), "+d"(rdx)
			 : "r"(at), "b"(1ull), "c"(2ull)
			 : "memory");
	high = rdx;
	return is_same && rax == ~0ull && rdx == ~0ull;
}

static bool compare_8(u64 at, u32 wanted_low, u32 wanted_high)
{
	u32 eax = wanted_low, edx = wanted_high;
	bool is_same;

	__asm__ volatile("lock cmpxchg8b (%3)"
			 : "=@ccz"(is_same), "+a"(eax), "+d"(edx)
			 : "r"(at), "b"(1), "c"(2)
			 : "memory");
	return is_same;
}

static void move(u64 base)
{
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | BOOT_CPU);
}

static void check_wide(void)
{
	u64 *last = (u64 *)(start_info->memory_bytes - 8);
	u64 across = start_info->memory_bytes - 4;

	ok(compare_16(NOWHERE), "CMPXCHG16B where nothing is finds ones: %#llx",
	   (unsigned long long)high);
	ok(compare_8(NOWHERE, ~0u, ~0u) && !compare_8(NOWHERE, 0, ~0u), "CMPXCHG8B as well");
	*last = 0x1122334455667788;
	ok(*(volatile u64 *)across == 0xffffffff11223344, "a word half in memory is read");
	*(volatile u64 *)across = 0xaabbccdd99887766;
	ok(*last == 0x9988776655667788, "and written, as far as there is any");
	ok(compare_8(across, 0x99887766, ~0u) && *last == 0x0000000155667788,
	   "and compared and exchanged");
	mmio_write(IOAPIC_BASE, 0x11);
	ok(*(volatile u64 *)(IOAPIC_BASE - 4) == 0x11ffffffff, "a word half in the IOAPIC");
}

static void check_port_strings(void)
{
	u64 si, di, cx;

	__asm__ volatile("rep outsb"
			 : "=S"(si), "=c"(cx)
			 : "0"(IOAPIC_BASE - 2), "1"(6ull), "d"(0x80)
			 : "memory");
	ok(si == IOAPIC_BASE + 4 && !cx, "OUTSB from a device");
	__asm__ volatile("insb" : "=D"(di) : "0"(IOAPIC_BASE), "d"(0xe9) : "memory");
	ok(mmio_read(IOAPIC_BASE) == 0xe9 && di == IOAPIC_BASE + 1, "INSB to one");
	mmio_write(IOAPIC_BASE, 0x11);
}

static void check_moved(void)
{
	u32 code = *(volatile u32 *)(0x200000 + APIC_VERSION);

	move(MOVED);
	ok((mmio_read(MOVED + APIC_VERSION) & 0xff) == VERSION && lapic_read(APIC_VERSION) == ~0u,
	   "the local APIC moves, and is not where it was");
	mmio_write(MOVED + APIC_TPR, 0x30);
	move(0x200000);
	ok(*(volatile u32 *)(0x200000 + APIC_VERSION) == code, "memory stays what it is");
	move(IOAPIC_BASE);
	ok((mmio_read(IOAPIC_BASE + APIC_VERSION) & 0xff) == VERSION, "over the IOAPIC");
	move(LAPIC_BASE);
	ok(lapic_read(APIC_TPR) == 0x30 && mmio_read(IOAPIC_BASE) == 0x11,
	   "and back, both as they were");
	lapic_write(APIC_TPR, 0);
}

void guest_main(void)
{
	plan(12);
	pc_init();
	pc_map(NOWHERE);
	pc_map(MOVED);
	check_wide();
	check_port_strings();
	check_moved();
}
