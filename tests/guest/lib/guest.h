/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest library: what a bare-metal payload needs to test the hypervisor from inside. A payload
 * is one .c file with guest_main(); it runs in ring 0, 64-bit, identity-mapped, interrupts off.
 * Results are TAP lines on the console. Only vCPU 0 may print. Nothing here uses SSE.
 */
#ifndef GUEST_H
#define GUEST_H

#include "lib/lib.h"
#include "machine/x86.h"
#include "pv_abi.h"

/* ---- start.c --------------------------------------------------------------------------------- */

extern const struct pv_start_info *start_info;
extern bool is_amd; /* CPUID vendor: the hypercall is VMMCALL */

void guest_main(void); /* the payload; returning means finish() */

/* Command line: "name" or "name=value" words. */
bool arg_flag(const char *name);
u64 arg_number(const char *name, u64 otherwise);
bool arg_is(const char *name, const char *value);

/* Flushes the console and ends the domain: status 0 is success. */
void guest_exit(u64 status) __attribute__((noreturn));

/*
 * ---- console.c: lines, TAP ---------------------------------------------------------------------
 */

void console_init(void);
void console_flush(void);
extern bool has_hypercalls; /* found by trying one */
void print(const char *format, ...) PRINTF(1, 2);

void plan(unsigned tests); /* the number of ok() and skip() results, first; else it comes last */
bool ok(bool passed, const char *format, ...) PRINTF(2, 3); /* returns `passed` */
void skip(unsigned tests, const char *why);
u64 tap_end(void); /* the last line; returns 0 if the plan was kept and nothing failed, else 1 */
void finish(void) __attribute__((noreturn)); /* with it as status */
/* Something that makes going on useless. */
void bail(const char *format, ...) __attribute__((noreturn)) PRINTF(1, 2);

/*
 * ---- trap.c: exceptions and interrupts ---------------------------------------------------------
 */

#define NO_FAULT (-1)
#define VECTOR_USER 0x80 /* int from ring 3: the function returned */

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

struct fault {
	int vector; /* NO_FAULT: the function returned */
	u64 error, rip, cs, rflags;
	u64 address; /* CR2 */
	u64 dr6; /* of #DB; cleared in the register */
};

struct tss {
	u32 reserved0;
	u64 rsp[3], reserved1, ist[7], reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));

#define GUEST_VCPUS_MAX 8u
#define IST_DOUBLE_FAULT 1 /* the others are free for tests */

/* What each vCPU owns. Found by its GDT base, so neither GS nor any other register is taken. */
struct guest_vcpu {
	u64 gdt[8];
	u32 id;
	volatile u32 running;
	u64 resume[2]; /* RSP, RIP of the innermost guest_try(); RIP 0 = none */
	struct fault fault;
	volatile u32 counts[256]; /* interrupts and NMIs taken, by vector */
	volatile u8 order[256]; /* their vectors, oldest first */
	volatile u32 order_count;
	void (*run)(void *);
	void *arg;
	struct pv_vcpu_context context __attribute__((aligned(256)));
	struct tss tss __attribute__((aligned(128)));
	u8 stack[8192] __attribute__((aligned(16)));
	u8 trap_stack[4096] __attribute__((aligned(16))); /* from ring 3 */
	u8 fault_stack[4096] __attribute__((aligned(16))); /* #DF */
};

extern struct guest_vcpu vcpus[GUEST_VCPUS_MAX];
struct guest_vcpu *this_vcpu(void);

void trap_init(void);
void trap_vcpu_init(u32 vcpu); /* GDT and TSS contents */
/* A hook sees a vector first; true = handled, go back to where the frame says. */
typedef bool (*trap_hook_t)(struct trap_frame *frame);
extern trap_hook_t trap_hooks[256];
void trap_gate(unsigned vector, unsigned ist, bool present);
extern u64 idt[512] __attribute__((aligned(4096)));

/* Runs fn(arg) and says which exception ended it, if any. Does not nest. */
struct fault try_insn(void (*fn)(void *), void *arg);
/*
 * The same in ring 3. VECTOR_USER: it returned. user_init() first, which opens all pages to ring 3.
 */
struct fault run_user(void (*fn)(void *), void *arg, u64 rflags);
void user_init(void);

/* Forgets the interrupts counted so far. */
void counts_clear(struct guest_vcpu *vcpu);

/*
 * Defines a function for try_insn(): `text` finds its argument in rdi and may use rax, rbx, rcx,
 * rdx.
 */
#define INSN(name, text) \
	static void name(void *arg) \
	{ \
		__asm__ volatile(text \
				 : "+D"(arg) \
				 : \
				 : "rax", "rbx", "rcx", "rdx", "rsi", "cc", "memory"); \
	}

/*
 * ---- hypercall.c -------------------------------------------------------------------------------
 */

s64 hypercall6(u64 nr, const u64 args[6]);
s64 hypercall(u64 nr, u64 arg0, u64 arg1); /* the unused registers are 0 */
/* Fills vcpus[vcpu].context for fn(arg) and returns it; a test may change it before it starts. */
struct pv_vcpu_context *vcpu_context(u32 vcpu, void (*fn)(void *), void *arg);
s64 vcpu_start(u32 vcpu, void (*fn)(void *), void *arg);
/* The hypercall instruction alone, for try_insn() and run_user(): number in arg, all else 0. */
void hypercall_insn(void *arg);

/* Fences a workload: the hypervisor sends a snapshot of the counters; this exit is not counted. */
static inline void mark(u32 id)
{
	outl(PV_PORT_MARK, id);
}

/*
 * A case of pv-abi/abi.toml: CALL must give ERRNO (OK: a result that is not negative). Returns the
 * result. tests/lint/guest_calls.py looks for one of each; WANT says nothing by itself, for other
 * vCPUs and for calls that do not return.
 */
#define PV_OK 0
#define CASE(call, wanted, what, ...) \
	case_run(PV_CALL_##call, PV_##wanted, #call ": " what, (const u64[6]){ __VA_ARGS__ })
#define WANT(call, wanted, ...) \
	case_holds(hypercall6(PV_CALL_##call, (const u64[6]){ __VA_ARGS__ }), PV_##wanted)
s64 case_run(u64 nr, s64 wanted, const char *what, const u64 args[6]);
bool case_holds(s64 result, s64 wanted);
/* Gives others the CPU until *value is wanted, or for a second of the TSC. */
bool wait_for(const volatile u32 *value, u32 wanted);
/* AREA_REGISTER, or the end of the run. */
void area_register(u64 kind, const volatile void *page);
/* The page of a BATCH area. */
struct ring {
	struct pv_batch_head head;
	struct pv_batch_entry entries[PV_BATCH_ENTRIES];
};
/* At an upcall: takes what is pending, flags first. Returns the bits of ports 0..63. */
u64 take_events(struct pv_vcpu_area *area);

u64 tsc_khz(void);
u64 now_ns(void); /* as BLOCK takes it */

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline void cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* Interrupts on for at least two instructions: what is pending is taken. */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

#define READ_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
