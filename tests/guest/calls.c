/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every hypercall with arguments that it must refuse, each with its errno, and the rule that only
 * RAX changes. Marks 1..2: 20 NULL and 20 unknown calls. With "few" on the command line the domain
 * may call CONSOLE and SHUTDOWN only.
 */
#include "guest.h"

#define ROUNDS 20u
#define BEYOND (~0ull) /* stands for the first byte beyond memory */

static u8 page[8192] __attribute__((aligned(4096)));

static const struct row {
	u64 nr, arg[6];
	s64 result;
	const char *what;
} rows[] = {
	{ PV_CALL_NULL, { 0 }, 0, "NULL" },
	{ PV_CALL_NULL, { 1 }, -PV_EINVAL, "NULL with rdi" },
	{ PV_CALL_NULL, { 0, 1 }, -PV_EINVAL, "NULL with rsi" },
	{ PV_CALL_NULL, { 0, 0, 1 }, -PV_EINVAL, "NULL with rdx" },
	{ PV_CALL_NULL, { 0, 0, 0, 1 }, -PV_EINVAL, "NULL with rcx" },
	{ PV_CALL_NULL, { 0, 0, 0, 0, BIT(63) }, -PV_EINVAL, "NULL with r8" },
	{ PV_CALL_NULL, { 0, 0, 0, 0, 0, BIT(32) }, -PV_EINVAL, "NULL with r9" },
	{ 0x09, { 0 }, -PV_ENOSYS, "number 9" },
	{ 0xff, { 0 }, -PV_ENOSYS, "number 0xff" },
	{ 0x100, { 0 }, -PV_ENOSYS, "number 0x100" },
	{ BIT(32), { 0 }, -PV_ENOSYS, "number 2^32" },
	{ BIT(63) | PV_CALL_NULL, { 0 }, -PV_ENOSYS, "number 2^63" },
	{ ~0ull, { ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull }, -PV_ENOSYS, "all ones" },
	{ PV_CALL_CONSOLE, { (u64)page, 0 }, -PV_EINVAL, "CONSOLE of nothing" },
	{ PV_CALL_CONSOLE, { (u64)page, 257 }, -PV_EINVAL, "CONSOLE of 257 bytes" },
	{ PV_CALL_CONSOLE, { (u64)page, ~0ull }, -PV_EINVAL, "CONSOLE of all memory" },
	{ PV_CALL_CONSOLE, { (u64)page + 4092, 8 }, -PV_EINVAL, "CONSOLE across pages" },
	{ PV_CALL_CONSOLE, { BEYOND, 8 }, -PV_EFAULT, "CONSOLE beyond memory" },
	{ PV_CALL_CONSOLE, { BIT(52), 8 }, -PV_EFAULT, "CONSOLE at 2^52" },
	{ PV_CALL_CONSOLE, { 0xfffffffffffff000, 8 }, -PV_EFAULT, "CONSOLE at the end" },
	{ PV_CALL_CONSOLE, { (u64)page, 8, 1 }, -PV_EINVAL, "CONSOLE with rdx" },
	{ PV_CALL_SHUTDOWN, { 4, 0 }, -PV_EINVAL, "SHUTDOWN reason 4" },
	{ PV_CALL_SHUTDOWN, { BIT(32), 0 }, -PV_EINVAL, "SHUTDOWN reason 2^32" },
	{ PV_CALL_SHUTDOWN, { 0, 256 }, -PV_EINVAL, "SHUTDOWN status 256" },
	{ PV_CALL_SHUTDOWN, { 0, 0, 1 }, -PV_EINVAL, "SHUTDOWN with rdx" },
	{ PV_CALL_TRACE_MARK, { 99 }, 0, "TRACE_MARK" },
	{ PV_CALL_TRACE_MARK, { 99, 1 }, -PV_EINVAL, "TRACE_MARK with rsi" },
	{ PV_CALL_VCPU_START, { 1, (u64)page }, -PV_ENOENT, "VCPU_START of vCPU 1 of 1" },
	{ PV_CALL_VCPU_START, { 0, (u64)page, 1 }, -PV_EINVAL, "VCPU_START with rdx" },
	{ PV_CALL_YIELD, { 0 }, 0, "YIELD" },
	{ PV_CALL_YIELD, { 1 }, -PV_EINVAL, "YIELD with rdi" },
	{ PV_CALL_BLOCK, { 1 }, 0, "BLOCK until 1 ns" },
	{ PV_CALL_BLOCK, { 1, 1 }, -PV_EINVAL, "BLOCK with rsi" },
	{ PV_CALL_IPI_SEND, { 0, 0 }, -PV_EINVAL, "IPI_SEND of vector 0" },
	{ PV_CALL_IPI_SEND, { 0, 14 }, -PV_EINVAL, "IPI_SEND of #PF" },
	{ PV_CALL_IPI_SEND, { 0, 31 }, -PV_EINVAL, "IPI_SEND of vector 31" },
	{ PV_CALL_IPI_SEND, { 0, 256 }, -PV_EINVAL, "IPI_SEND of vector 256" },
	{ PV_CALL_IPI_SEND, { 0, BIT(32) + 64 }, -PV_EINVAL, "IPI_SEND of vector 2^32 + 64" },
	{ PV_CALL_IPI_SEND, { 1, 64 }, -PV_ENOENT, "IPI_SEND to vCPU 1 of 1" },
	{ PV_CALL_IPI_SEND, { BIT(32), 64 }, -PV_ENOENT, "IPI_SEND to vCPU 2^32" },
	{ PV_CALL_IPI_SEND, { 0, 64, 1 }, -PV_EINVAL, "IPI_SEND with rdx" },
};

static void check_few(void)
{
	static const u64 denied[] = { PV_CALL_NULL, PV_CALL_TRACE_MARK, PV_CALL_YIELD,
				      PV_CALL_IPI_SEND };
	u32 bitmap = cpuid(PV_CPUID_BASE + PV_CPUID_CALLS, 0).eax;

	plan(ARRAY_SIZE(denied) + 1);
	for (unsigned n = 0; n < ARRAY_SIZE(denied); n++)
		ok(hypercall(denied[n], 0, 0) == -PV_EPERM, "call %#llx is EPERM",
		   (unsigned long long)denied[n]);
	ok(bitmap == (BIT(PV_CALL_CONSOLE) | BIT(PV_CALL_SHUTDOWN)), "CPUID shows the list (%#x)",
	   bitmap);
}

static unsigned changed_registers(void)
{
	u64 wrong = 0, a = PV_CALL_NULL, b = 0xb, c = 0, d = 0, s = 0, i = 0;
	register u64 r10 __asm__("r10") = 0xaaaa000000000010;
	register u64 r11 __asm__("r11") = 0xaaaa000000000011;
	register u64 r12 __asm__("r12") = 0xaaaa000000000012;
	register u64 r15 __asm__("r15") = 0xaaaa000000000015;
	register u64 r8 __asm__("r8") = 0;
	register u64 r9 __asm__("r9") = 0;

#define CALL(insn) \
	__asm__ volatile(insn \
			 : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(i), "+r"(r8), \
			   "+r"(r9), "+r"(r10), "+r"(r11), "+r"(r12), "+r"(r15) \
			 : \
			 : "memory")
	if (is_amd)
		CALL("stc; vmmcall; sbb $0, %%rax");
	else
		CALL("stc; vmcall; sbb $0, %%rax");
	wrong = c | d | s | i | r8 | r9;
	wrong |= (b ^ 0xb) | (r10 ^ 0xaaaa000000000010) | (r11 ^ 0xaaaa000000000011);
	wrong |= (r12 ^ 0xaaaa000000000012) | (r15 ^ 0xaaaa000000000015);
	wrong |= a != ~0ull; /* result 0, less the carry flag that must have survived */
	return wrong != 0;
}

void guest_main(void)
{
	if (arg_flag("few")) {
		check_few();
		return;
	}
	plan(ARRAY_SIZE(rows) + 1);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		u64 args[6];
		s64 result;

		memcpy(args, rows[n].arg, sizeof(args));
		if (args[0] == BEYOND && rows[n].nr == PV_CALL_CONSOLE)
			args[0] = start_info->memory_bytes;
		result = hypercall6(rows[n].nr, args);
		ok(result == rows[n].result, "%s gives %lld", rows[n].what, (long long)result);
	}
	ok(!changed_registers(), "only RAX changes");
	mark(1);
	for (unsigned n = 0; n < ROUNDS; n++) {
		hypercall(PV_CALL_NULL, 0, 0);
		hypercall(0xee, 0, 0);
	}
	mark(2);
}
