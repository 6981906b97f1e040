/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports: unknown ones read all ones and swallow writes, one exit each. Marks 1..2: 3 x 100 IN,
 * 3..4: 3 x 100 OUT, 5..6: one REP INSB of 64 and one REP OUTSB of 64.
 */
#include "guest.h"

#define ROUNDS 100u
#define PORT_UNKNOWN 0x2f0
#define PORT_POST 0x80

static u8 buffer[128] __attribute__((aligned(4096)));

static void check_single(void)
{
	u32 all = ~0u;
	u64 rax = 0x1122334455667788;

	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		all &= 0xffffff00u | inb(PORT_UNKNOWN);
		all &= 0xffff0000u | inw(PORT_UNKNOWN);
		all &= inl(PORT_UNKNOWN);
	}
	mark(2);
	ok(all == ~0u, "an unknown port reads all ones in every width");
	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++) {
		outb(PORT_POST, (u8)n);
		outw(PORT_UNKNOWN, (u16)n);
		outl(PORT_UNKNOWN, n);
	}
	mark(4);

	/* IN AL and IN AX keep the rest of RAX; IN EAX clears the upper half. */
	__asm__ volatile("inb %%dx, %%al" : "+a"(rax) : "d"(PORT_UNKNOWN));
	ok(rax == 0x11223344556677ff, "IN AL changes AL alone");
	__asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(PORT_UNKNOWN));
	ok(rax == 0x112233445566ffff, "IN AX changes AX alone");
	__asm__ volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(PORT_UNKNOWN));
	ok(rax == 0xffffffff, "IN EAX clears the upper half of RAX");
}

static bool all_are(u8 value, size_t start, size_t bytes)
{
	for (size_t n = start; n < start + bytes; n++)
		if (buffer[n] != value)
			return false;
	return true;
}

static void check_string(void)
{
	u64 di, si, cx;

	mark(5);
	__asm__ volatile("rep insb"
			 : "=D"(di), "=c"(cx)
			 : "0"(buffer), "1"(64ull), "d"(PORT_UNKNOWN)
			 : "memory");
	__asm__ volatile("rep outsb"
			 : "=S"(si), "=c"(cx)
			 : "0"(buffer), "1"(64ull), "d"(PORT_POST)
			 : "memory");
	mark(6);
	ok(di == (u64)buffer + 64 && cx == 0, "REP INSB moves RDI and uses up RCX");
	ok(all_are(0xff, 0, 64) && all_are(0, 64, 64), "and fills exactly that memory");
	ok(si == (u64)buffer + 64, "REP OUTSB moves RSI");

	memset(buffer, 0, sizeof(buffer));
	__asm__ volatile("std; rep insl; cld"
			 : "=D"(di), "=c"(cx)
			 : "0"(buffer + 60), "1"(4ull), "d"(PORT_UNKNOWN)
			 : "memory");
	ok(di == (u64)buffer + 44 && all_are(0xff, 48, 16) && all_are(0, 0, 48) &&
		   all_are(0, 64, 64),
	   "REP INSL goes down with DF set");

	memset(buffer, 0, sizeof(buffer));
	__asm__ volatile("addr32 insw" : "=D"(di) : "0"(buffer), "d"(PORT_UNKNOWN) : "memory");
	ok(di == (u64)buffer + 2 && all_are(0xff, 0, 2) && all_are(0, 2, 64),
	   "INSW with 32-bit addresses");

	__asm__ volatile("rep insb"
			 : "=D"(di), "=c"(cx)
			 : "0"(buffer), "1"(0ull), "d"(PORT_UNKNOWN)
			 : "memory");
	ok(di == (u64)buffer && cx == 0, "REP with RCX = 0 does nothing");
}

/* 1 TiB: not in the loader's page tables. */
INSN(insb_unmapped, "mov $0x2f0, %%edx; mov $1, %%rdi; shl $40, %%rdi; insb")
INSN(outsb_unmapped, "mov $0x80, %%edx; mov $1, %%rsi; shl $40, %%rsi; outsb")

/* The transfer crosses into an unmapped page: what came before the fault has happened. */
static void check_faults(void)
{
	struct fault f = try_insn(insb_unmapped, NULL);

	ok(f.vector == VEC_PF && (f.error & 3) == 2 && f.address == BIT(40),
	   "INSB to no page is a write #PF");
	f = try_insn(outsb_unmapped, NULL);
	ok(f.vector == VEC_PF && (f.error & 3) == 0 && f.address == BIT(40),
	   "OUTSB from no page is a read #PF");
}

/* The console port takes strings too; the manifest looks for this line. */
static void check_console(void)
{
	static const char text[] = "# a line by REP OUTSB\n";
	const char *si = text;
	u64 cx = sizeof(text) - 1;

	console_flush();
	__asm__ volatile("rep outsb" : "+S"(si), "+c"(cx) : "d"(PV_PORT_CONSOLE) : "memory");
	ok(si == text + sizeof(text) - 1, "a string to the console port");
}

void guest_main(void)
{
	plan(13);
	check_single();
	check_string();
	check_faults();
	check_console();
}
