/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions on device registers, in many forms and sizes: the IOAPIC's index, the local APIC's
 * timer count, and addresses where nothing is. Marks 1..2: 33 forms on the IOAPIC's index, each
 * between a write and a read; 3..4: 100 x MOV from nowhere; 5..6: three REP of 64 iterations.
 */
#include "pc.h"

#define ROUNDS 100u
#define NOWHERE 0xfd000000ull
#define TMICT (LAPIC_BASE + APIC_TMICT)

static u8 buffer[64] __attribute__((aligned(64)));

static unsigned forms, good;

/* One instruction on the IOAPIC's index at rdi: what it holds before and after, RAX in and out. */
#define FORM(text, before, in, after, out) \
	do { \
		u64 a = (in); \
		mmio_write(IOAPIC_BASE, (before)); \
		__asm__ volatile(text \
				 : "+a"(a) \
				 : "D"(IOAPIC_BASE), "c"(0x44ull), "d"(5ull) \
				 : "cc", "memory"); \
		check_form(text, mmio_read(IOAPIC_BASE), (after), a, (u64)(out)); \
	} while (0)

static void check_form(const char *text, u32 found, u32 wanted, u64 rax, u64 wanted_rax)
{
	forms++;
	if (found == wanted && rax == wanted_rax)
		good++;
	else
		print("# %s: register %#x, not %#x, rax %#llx, not %#llx\n", text, found, wanted,
		      (unsigned long long)rax, (unsigned long long)wanted_rax);
}

static void check_forms(void)
{
	mark(1);
	FORM("mov (%%rdi), %%al", 0x12, 0x1122334455667788, 0x12, 0x1122334455667712);
	FORM("mov (%%rdi), %%ax", 0x12, 0x1122334455667788, 0x12, 0x1122334455660012);
	FORM("mov (%%rdi), %%eax", 0x12, 0x1122334455667788, 0x12, 0x12);
	FORM("movzbl (%%rdi), %%eax", 0x92, ~0ull, 0x92, 0x92);
	FORM("movzwq (%%rdi), %%rax", 0x92, ~0ull, 0x92, 0x92);
	FORM("movsbq (%%rdi), %%rax", 0x92, 0, 0x92, 0xffffffffffffff92);
	FORM("movb %%al, (%%rdi)", 0, 0x33, 0x33, 0x33);
	FORM("movl $0x21, (%%rdi)", 0, 0, 0x21, 0);
	FORM("movb %%cl, -5(%%rdi, %%rdx)", 0, 0, 0x44, 0);
	FORM("movl %%ecx, -40(%%rdi, %%rdx, 8)", 0, 0, 0x44, 0);
	FORM("addb %%cl, (%%rdi)", 0x11, 0, 0x55, 0);
	FORM("addl $1, (%%rdi)", 0x11, 0, 0x12, 0);
	FORM("stc; adcb $1, (%%rdi)", 0x11, 0, 0x13, 0);
	FORM("subb %%cl, (%%rdi)", 0x55, 0, 0x11, 0);
	FORM("orl $0x80, (%%rdi)", 0x11, 0, 0x91, 0);
	FORM("lock; andl $0x0f, (%%rdi)", 0x57, 0, 0x07, 0);
	FORM("or (%%rdi), %%eax", 0x44, 1, 0x44, 0x45);
	FORM("incb (%%rdi)", 0x10, 0, 0x11, 0);
	FORM("negb (%%rdi)", 0x01, 0, 0xff, 0);
	FORM("btsl $7, (%%rdi)", 0x01, 0, 0x81, 0);
	FORM("btrl %%edx, (%%rdi)", 0x21, 0, 0x01, 0);
	FORM("lock; btcl $0, (%%rdi)", 0x21, 0, 0x20, 0);
	FORM("xchg %%al, (%%rdi)", 0x21, 0x77, 0x77, 0x21);
	FORM("xadd %%al, (%%rdi)", 0x21, 0x02, 0x23, 0x21);
	FORM("lock; cmpxchg %%ecx, (%%rdi)", 0x21, 0x21, 0x44, 0x21);
	FORM("cmpxchg %%cl, (%%rdi)", 0x21, 0x20, 0x21, 0x21);
	FORM("testb $1, (%%rdi); setnz %%al", 0x21, 0, 0x21, 1);
	FORM("cmpb $0x21, (%%rdi); sete %%al", 0x21, 0, 0x21, 1);
	FORM("bt %%edx, (%%rdi); setc %%al", 0x21, 0, 0x21, 1);
	FORM("movabs 0xfec00000, %%al", 0x21, 0, 0x21, 0x21);
	FORM("addr32 mov (%%edi), %%eax", 0x21, 0, 0x21, 0x21);
	FORM("pushw (%%rdi); pop %%ax", 0x21, 0x10001, 0x21, 0x10021);
	FORM("push %%cx; popw (%%rdi)", 0x21, 1, 0x44, 1);
	mark(2);
	ok(good == forms, "%u of %u forms on the IOAPIC's index", good, forms);
}

static void check_strings(void)
{
	u64 si, di, cx;

	lapic_write(APIC_LVT_TIMER, LVT_MASKED);
	lapic_write(APIC_TMICT, 0x04030201);
	__asm__ volatile("movsl" : "=S"(si), "=D"(di) : "0"(TMICT), "1"(buffer) : "memory");
	ok(*(u32 *)buffer == 0x04030201 && si == TMICT + 4 && di == (u64)buffer + 4,
	   "MOVSD from a register");
	*(u32 *)buffer = 0x05060708;
	__asm__ volatile("movsl" : "=S"(si), "=D"(di) : "0"(buffer), "1"(TMICT) : "memory");
	ok(lapic_read(APIC_TMICT) == 0x05060708 && di == TMICT + 4, "MOVSD to a register");
	__asm__ volatile("stosl" : "=D"(di) : "0"(TMICT), "a"(0x11223344) : "memory");
	ok(lapic_read(APIC_TMICT) == 0x11223344, "STOSD");
	__asm__ volatile("std; rep stosl; cld"
			 : "=D"(di), "=c"(cx)
			 : "0"(TMICT), "1"(2ull), "a"(0x55)
			 : "memory");
	ok(lapic_read(APIC_TMICT) == 0x55 && di == TMICT - 8 && !cx, "REP STOSD down");
	__asm__ volatile("xor %%ecx, %%ecx; scasl; setz %%cl"
			 : "=D"(di), "=c"(cx)
			 : "0"(TMICT), "a"(0x55)
			 : "memory");
	ok(cx == 1 && di == TMICT + 4, "SCASD");
	*(u32 *)buffer = 0x56;
	__asm__ volatile("xor %%ecx, %%ecx; cmpsl; setb %%cl"
			 : "=S"(si), "=D"(di), "=c"(cx)
			 : "0"(TMICT), "1"(buffer)
			 : "memory");
	ok(cx == 1, "CMPSD");
	lapic_write(APIC_TMICT, 0);
	mark(5);
	__asm__ volatile("rep movsb"
			 : "=S"(si), "=D"(di), "=c"(cx)
			 : "0"(NOWHERE), "1"(buffer), "2"(64ull)
			 : "memory");
	__asm__ volatile("rep movsb"
			 : "=S"(si), "=D"(di), "=c"(cx)
			 : "0"(buffer), "1"(NOWHERE), "2"(64ull)
			 : "memory");
	__asm__ volatile("rep stosq" : "=D"(di), "=c"(cx) : "0"(NOWHERE), "1"(64ull), "a"(0)
			 : "memory");
	mark(6);
	ok(buffer[0] == 0xff && buffer[63] == 0xff && di == NOWHERE + 512 && !cx,
	   "REP MOVSB from nowhere and to it, REP STOSQ");
}

static void check_nowhere(void)
{
	u64 all = ~0ull, beyond = start_info->memory_bytes + 0x123456;

	mark(3);
	for (unsigned n = 0; n < ROUNDS; n++)
		all &= *(volatile u64 *)(NOWHERE + n * 8);
	mark(4);
	ok(all == ~0ull, "where nothing is all bits are set");
	*(volatile u32 *)NOWHERE = 0;
	*(volatile u64 *)(beyond & ~7ull) = 0;
	ok(*(volatile u32 *)NOWHERE == ~0u && *(volatile u64 *)(beyond & ~7ull) == ~0ull &&
		   *(volatile u8 *)beyond == 0xff && *(volatile u16 *)(NOWHERE + 0xfff) == 0xffff,
	   "and writes are lost");
}

void guest_main(void)
{
	plan(10);
	pc_init();
	pc_map(NOWHERE);
	check_forms();
	check_strings();
	check_nowhere();
}
