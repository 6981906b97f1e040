/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goes where a guest may not go, and must not come back: kind= read, write, fetch (beyond its
 * memory), readonly (the start-info page), walk (page tables beyond memory), delivery (an exception
 * whose frame goes beyond memory), string (INSB beyond memory), string32 and print32 (INSB and
 * OUTSB in a 32-bit segment), hlt (asleep for ever), invlpg (an exit that no rule expects, with the
 * feature stray_exits), released (memory that it has given back; needs 6M).
 */
#include "guest.h"

typedef void (*fn_t)(void);

/* Both string instructions at `at`, or the second alone, in a 32-bit segment: no way back. */
static void strings_32(u32 at, u64 entry)
{
	static const u64 gdt[4] = { 0, 0, 0x00cf93000000ffff, 0x00cf9b000000ffff };
	const struct {
		u16 limit;
		const u64 *base;
	} __attribute__((packed)) table = { sizeof(gdt) - 1, gdt };

	__asm__ volatile("lgdt %0; mov %1, %%ds; mov %1, %%es; push $0x18; push %2; lretq\n"
			 ".code32\n"
			 ".globl insb_32, outsb_32\n"
			 "insb_32: insb\n"
			 "outsb_32: outsb\n"
			 "ud2\n"
			 ".code64"
			 :
			 : "m"(table), "r"(0x10), "r"(entry), "D"(at), "S"(at), "d"(0x2f0)
			 : "memory");
}
extern const u8 insb_32[], outsb_32[];

static void stray(void)
{
	/*
	 * The loader maps 1 GiB more than there is memory: the guest's own tables allow all this.
	 */
	volatile u8 *beyond = (volatile u8 *)(start_info->memory_bytes + 0x1000);
	u64 di = (u64)beyond;
	u8 value;

	if (arg_is("kind", "read")) {
		value = *beyond;
		print("# read %#x\n", value);
	} else if (arg_is("kind", "write")) {
		*beyond = 1;
	} else if (arg_is("kind", "fetch")) {
		((fn_t)(u64)beyond)();
	} else if (arg_is("kind", "readonly")) {
		*(volatile u64 *)start_info = 0;
	} else if (arg_is("kind", "walk")) {
		write_cr3((u64)beyond);
	} else if (arg_is("kind", "delivery")) {
		this_vcpu()->tss.ist[2] = (u64)beyond;
		trap_gate(VEC_UD, 3, true);
		__asm__ volatile("ud2");
	} else if (arg_is("kind", "string")) {
		__asm__ volatile("insb" : "+D"(di) : "d"(0x2f0) : "memory");
	} else if (arg_is("kind", "string32")) {
		strings_32((u32)di, (u64)insb_32);
	} else if (arg_is("kind", "print32")) {
		strings_32((u32)di, (u64)outsb_32);
	} else if (arg_is("kind", "released")) {
		beyond = (volatile u8 *)(start_info->memory_bytes - 0x200000);
		*beyond = 1;
		print("# released %lld\n",
		      (long long)hypercall(PV_CALL_MEM_RELEASE, (u64)beyond, 1));
		value = *beyond;
		print("# read %#x\n", value);
	} else if (arg_is("kind", "invlpg")) {
		invlpg((u64)start_info);
	} else if (arg_is("kind", "hlt")) {
		__asm__ volatile("cli; hlt");
	}
}

void guest_main(void)
{
	print("# about to stray\n");
	stray();
	print("# still here\n");
	guest_exit(1);
}
