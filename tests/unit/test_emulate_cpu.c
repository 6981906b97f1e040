/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator against the CPU that the test runs on: generated 64-bit instructions are
 * executed in this process, with their registers, in memory at the same addresses. A signal is a
 * fault. No exceptions are needed, LOCK may stand anywhere; only FS and GS, which are the C
 * library's, and ports are left to the comparison with Unicorn. Arguments: number of cases, seed.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "emulate_cases.h"

#define CASES 1000000ul
#define SLOT 32u /* an instruction, and a jump back */

/* ---- in and out of the instruction ----------------------------------------------------------- */

#define HIDDEN __attribute__((visibility("hidden")))

extern u64 cpu_in[18], cpu_out[17], cpu_stack; /* registers, flags; [17]: where to go */
extern const char cpu_leave[];
void cpu_enter(void);

u64 cpu_in[18] HIDDEN, cpu_out[17] HIDDEN, cpu_stack HIDDEN;

/* Nothing between the flags' load and their store changes them. */
__asm__(".text\n"
	"cpu_enter:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, cpu_stack(%rip)\n"
	"	push cpu_in+128(%rip); popfq\n"
	"	mov cpu_in+0(%rip), %rax; mov cpu_in+8(%rip), %rcx\n"
	"	mov cpu_in+16(%rip), %rdx; mov cpu_in+24(%rip), %rbx\n"
	"	mov cpu_in+32(%rip), %rsp; mov cpu_in+40(%rip), %rbp\n"
	"	mov cpu_in+48(%rip), %rsi; mov cpu_in+56(%rip), %rdi\n"
	"	mov cpu_in+64(%rip), %r8; mov cpu_in+72(%rip), %r9\n"
	"	mov cpu_in+80(%rip), %r10; mov cpu_in+88(%rip), %r11\n"
	"	mov cpu_in+96(%rip), %r12; mov cpu_in+104(%rip), %r13\n"
	"	mov cpu_in+112(%rip), %r14; mov cpu_in+120(%rip), %r15\n"
	"	jmp *cpu_in+136(%rip)\n"
	"cpu_leave:\n"
	"	mov %rax, cpu_out+0(%rip); mov %rcx, cpu_out+8(%rip)\n"
	"	mov %rdx, cpu_out+16(%rip); mov %rbx, cpu_out+24(%rip)\n"
	"	mov %rsp, cpu_out+32(%rip); mov %rbp, cpu_out+40(%rip)\n"
	"	mov %rsi, cpu_out+48(%rip); mov %rdi, cpu_out+56(%rip)\n"
	"	mov %r8, cpu_out+64(%rip); mov %r9, cpu_out+72(%rip)\n"
	"	mov %r10, cpu_out+80(%rip); mov %r11, cpu_out+88(%rip)\n"
	"	mov %r12, cpu_out+96(%rip); mov %r13, cpu_out+104(%rip)\n"
	"	mov %r14, cpu_out+112(%rip); mov %r15, cpu_out+120(%rip)\n"
	"	mov cpu_stack(%rip), %rsp\n"
	"	pushfq; pop cpu_out+128(%rip); cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static sigjmp_buf back;

static void on_fault(int number, siginfo_t *info, void *context)
{
	static const int names[16] = {
		REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
		REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	};
	const ucontext_t *at = context;

	(void)info;
	for (unsigned i = 0; i < 16; i++)
		cpu_out[i] = (u64)at->uc_mcontext.gregs[names[i]];
	cpu_out[16] = (u64)at->uc_mcontext.gregs[REG_EFL];
	siglongjmp(back, number);
}

static void run_theirs(struct rig *rig, struct candidate *c)
{
	static const char *const names[65] = {
		[SIGSEGV] = "SIGSEGV", [SIGBUS] = "SIGBUS", [SIGILL] = "SIGILL", [0] = "done"
	};
	u8 *end = rig->code + rig->code_at + c->insn.length;
	u64 leave = (u64)cpu_leave;

	memcpy(end, (u8[]){ 0xff, 0x25, 0, 0, 0, 0 }, 6); /* JMP [RIP] */
	memcpy(end + 6, &leave, 8);
	memcpy(cpu_in, c->before.gpr, sizeof(c->before.gpr));
	cpu_in[16] = c->before.rflags;
	cpu_in[17] = c->before.rip;
	c->theirs = c->before;
	c->error = sigsetjmp(back, 1);
	if (!c->error)
		cpu_enter();
	c->is_done_by_them = !c->error;
	c->said = names[c->error];
	memcpy(c->theirs.gpr, cpu_out, sizeof(c->theirs.gpr));
	c->theirs.rflags = (cpu_out[16] & ~(FLAG_RF | BIT(9))) | 2; /* here interrupts are on */
	c->theirs.rip = c->before.rip + (c->error ? 0 : c->insn.length);
}

/* ---- the pair -------------------------------------------------------------------------------- */

static void *map(u64 address, size_t bytes, int protection, int fd)
{
	int flags = (address ? MAP_FIXED_NOREPLACE : 0) |
		    (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	void *at = mmap((void *)address, bytes, protection, flags, fd, 0);

	if (at == MAP_FAILED) {
		printf("Bail out! no memory at 0x%llx\n", (unsigned long long)address);
		exit(1);
	}
	return at;
}

/* The code has a second address, at which it can be written. */
static void rig_init(struct rig *rig, u64 *seed)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	static u8 signal_stack[0x10000];
	stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	int fd = memfd_create("code", 0);
	u16 cs, ss;

	if (fd < 0 || ftruncate(fd, CODE_BYTES)) {
		printf("Bail out! no file in memory\n");
		exit(1);
	}
	rig->code = map(0, CODE_BYTES, PROT_READ | PROT_WRITE, fd);
	map(CODE, CODE_BYTES, PROT_READ | PROT_EXEC, fd);
	rig->ours.code = rig->code;
	for (unsigned i = 0; i < 2; i++) {
		rig->ours.memory[i] = map(0, WINDOW_BYTES, PROT_READ | PROT_WRITE, -1);
		rig->theirs.memory[i] = map(windows[i], WINDOW_BYTES, PROT_READ | PROT_WRITE, -1);
	}
	random_memory(rig, seed);
	__asm__("mov %%cs, %0" : "=r"(cs));
	__asm__("mov %%ss, %0" : "=r"(ss));
	rig->state.code_bytes = 8;
	rig->state.cpl = 3;
	rig->state.is_protected = true;
	rig->state.segment[SEG_CS].selector = cs;
	rig->state.segment[SEG_SS].selector = ss;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

/* DS and ES are 0 in 64-bit processes; what is in FS and GS is nobody's promise. */
static bool is_for_cpu(const struct candidate *c)
{
	return !c->insn.segment && !(c->insn.map == INSN_MAP_1 && (c->insn.opcode & 0xfc) == 0x6c);
}

int main(int argc, char **argv)
{
	unsigned long cases = argc > 1 ? strtoul(argv[1], NULL, 0) : CASES, faults = 0;
	u64 seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 4711;
	static struct rig rig;
	clock_t begin = clock();

	printf("# %lu cases, seed %llu\n", cases, (unsigned long long)seed);
	fflush(stdout);
	collect_opcodes();
	rig_init(&rig, &seed);
	for (unsigned long n = 0; n < cases;) {
		struct candidate c = { 0 };

		if (!random_insn(&c, 8, &seed) || !is_for_cpu(&c))
			continue;
		if (++n % 4096 == 0)
			random_memory(&rig, &seed);
		random_operands(&rig, &c, &seed);
		run_ours(&rig, &c);
		run_theirs(&rig, &c);
		faults += c.result == EMU_FAULTED;
		if (!is_equal(&rig, &c)) {
			complain(&rig, &c, n);
			make_equal(&rig);
		}
		rig.code_at = (rig.code_at + SLOT) % CODE_BYTES;
	}
	tap_case("registers, flags and memory are the CPU's");
	check_coverage(true);
	tap_case("every opcode of the set was executed without a fault");
	printf("# %lu faults, %.1f s\n", faults, (double)(clock() - begin) / CLOCKS_PER_SEC);
	return tap_done();
}
