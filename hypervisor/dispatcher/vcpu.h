/* SPDX-License-Identifier: BSD-2-Clause */
/* struct vcpu: what the hypervisor keeps of one virtual CPU beyond the hardware's own structure. */
#ifndef DISPATCHER_VCPU_H
#define DISPATCHER_VCPU_H

#include "allocator/asid.h"
#include "dispatcher/backend.h"
#include "host/frame.h"
#include "host/live.h"
#include "hypercalls/hypercalls.h"
#include "lib/types.h"

/* Index of a general register: its number in ModRM. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

enum vcpu_state { VCPU_STOPPED, VCPU_STARTING, VCPU_RUNNABLE, VCPU_RUNNING, VCPU_BLOCKED };

/* Reasons to look at a vCPU before its next entry; set by anybody, atomically. */
#define ATTENTION_EVENT BIT(0) /* v->event is valid */
#define ATTENTION_IRQ BIT(1) /* v->irr is not empty, or a vector is on offer to the hardware */
#define ATTENTION_NMI BIT(2)
#define ATTENTION_BLOCK BIT(3) /* it executed HLT or BLOCK */
#define ATTENTION_YIELD BIT(4)
#define ATTENTION_DYING BIT(5) /* its domain ends */
#define ATTENTION_KICK BIT(6) /* a timer or another CPU: ask the scheduler */
#define ATTENTION_FLUSH BIT(7) /* forget cached translations first */
#define ATTENTION_FLUSH_ALL BIT(9) /* and those of guest-physical addresses */
#define ATTENTION_STOP BIT(8) /* VCPU_STOP */
#define ATTENTION_REBUILD BIT(10) /* its domain restarts: memory first */
#define ATTENTION_TRACE BIT(11) /* trace records of this CPU wait to be sent */

#define VIRQS 3u /* PV_VIRQ_* */

/* Why a hypercall does not take the shortest way. */
#define SPECIAL_TRACED 1u
#define SPECIAL_FORBIDDEN 2u

struct counter {
	u64 count, ticks, max_ticks;
};

#define LAST_EXITS 16

struct last_exit {
	u64 rip;
	struct exit_code code;
};

struct vcpu {
	u64 gpr[16]; /* [RSP] is not used: the hardware keeps it */
	u64 host_rsp; /* the CPU's stack while the guest runs; at a fixed offset, like entry */
	void (*entry)(
		void); /* the backend's world switch: VMX launches a VMCS once, then resumes it */
	u8 special; /* SPECIAL_*: hypercalls take the longer way */
	bool osxsave; /* CR4.OSXSAVE, which CPUID shows */
	u8 trace_who; /* PV_TRACE_WHO(), in each of its trace records */
	void *hw; /* struct vmx_vcpu or svm_vcpu */
	struct domain *domain;
	u32 attention; /* ATTENTION_* */
	u32 id; /* within the domain */
	struct counter *counter; /* where the exit being handled is counted */
	struct trace_ring *ring; /* of the CPU it is on; NULL = not recording */
	u8 last_next; /* bytes into last[] at which the next entry goes */

	struct event event; /* to deliver first: an exception, or what an exit cut short */
	u64 irr[4]; /* pending vectors */
	bool is_offer_apics; /* where offered: it came from the emulated local APIC */
	int offered; /* vector that the hardware holds for delivery, -1 = none */
	bool windows[2]; /* enum event_line: a window exit is asked for */

	enum vcpu_state state; /* under sched_lock */
	struct vcpu *next_runnable;
	struct cpu *cpu; /* holds its state, or held it last */
	u64 cpu_mask;
	u64 deadline; /* TSC at which its timer fires and a block ends, ~0 = none */
	u64 period; /* TSC ticks to the next deadline, 0 = none */
	bool is_kickable; /* blocked by BLOCK, not by HLT */
	bool wake_sticky; /* KICK: ends a block, or the next one */
	u32 wake_mask; /* ATTENTION_* that end a block */
	struct asid asid;

	gpa_t area, batch; /* registered pages, AREA_NONE = none */
	u32 area_version; /* odd while the VCPU area is being written */
	u8 upcall_vector; /* 0 = none */
	u8 virq_port[VIRQS]; /* port bound to each virq, 0 = none */
	u32 public_state; /* PV_STATE_* */
	u64 state_since, state_tsc[4]; /* TSC: since when, and how long in each */
	u64 seen; /* TSC when vcpu_poll() looked last */

	u64 retry_rip; /* where an instruction could not be carried out, last */
	u32 retries; /* and how many times in a row */

	u64 pat; /* virtual: never reaches hardware */
	u8 cr8;
	u64 xcr0;
	void *context; /* struct context: what is switched by hand */
	u64 tsc_offset; /* its TSC less the machine's; survives INIT, as the register does */
	void *apic_page; /* registers of its emulated local APIC, NULL = none */
	bool is_x2apic; /* that is in x2APIC mode */

	struct last_exit last[LAST_EXITS];
	struct counter exits[PV_EXIT_COUNT];
	struct counter calls[HYPERCALL_ROWS];
	u64 members[HYPERCALL_ROWS]; /* in batches */
	u64 events[PV_EVENT_COUNT];
};
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE - sizeof(struct pv_live), "a vCPU is one frame");

static inline void vcpu_attend(struct vcpu *v, u32 why)
{
	__atomic_fetch_or(&v->attention, why, __ATOMIC_SEQ_CST);
}

static inline void vcpu_attended(struct vcpu *v, u32 why)
{
	__atomic_fetch_and(&v->attention, ~why, __ATOMIC_SEQ_CST);
}

#endif
