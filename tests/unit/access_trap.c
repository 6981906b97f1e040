/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses one by one, by page protection and single steps; see access_trap.h. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "access_trap.h"

#define TRAP_FLAG 0x100

struct access_trap access_trap;
static unsigned last;

static void protect(int how)
{
	mprotect(access_trap.page, PAGE_SIZE, how);
}

static void on_access(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	u8 *address = info->si_addr;

	if (address < access_trap.page || address >= access_trap.page + PAGE_SIZE) {
		signal(number, SIG_DFL); /* an ordinary crash */
		return;
	}
	protect(PROT_READ | PROT_WRITE);
	last = (unsigned)(address - access_trap.page) / 8;
	access_trap.count++;
	access_trap.per_word[last]++;
	if (access_trap.before)
		access_trap.before(last, access_trap.count);
	u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	(void)number;
	(void)info;
	u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	if (access_trap.after)
		access_trap.after(last, access_trap.count);
	protect(PROT_NONE);
}

void access_trap_on(void *page)
{
	struct sigaction access = { .sa_sigaction = on_access, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &access, NULL);
	sigaction(SIGTRAP, &step, NULL);
	access_trap.page = page;
	access_trap.count = 0;
	memset(access_trap.per_word, 0, sizeof(access_trap.per_word));
	protect(PROT_NONE);
}

void access_trap_off(void)
{
	protect(PROT_READ | PROT_WRITE);
	access_trap.before = access_trap.after = NULL;
}
