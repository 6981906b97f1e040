/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one interface to the hardware: vmx/ and svm/ each fill one struct backend. Everything else in
 * the hypervisor speaks of vCPUs, registers and events in shared words. The operations on a vCPU
 * run on the CPU that holds it (between load and unload), with interrupts off.
 */
#ifndef DISPATCHER_BACKEND_H
#define DISPATCHER_BACKEND_H

#include "dispatcher/vmexit.h"
#include "lib/segment.h"
#include "lib/types.h"
#include "pv_abi.h"

struct cpu;
struct vcpu;
struct hap_format;

/* Guest state that is not in vcpu->gpr. Segment bases and limits only where a handler needs one. */
enum vreg {
	VREG_RIP, VREG_RSP, VREG_RFLAGS,
	VREG_CR0, VREG_CR2, VREG_CR3, VREG_CR4, VREG_EFER, VREG_DR7,
	VREG_CPL, /* read only, 0..3 */
	VREG_CODE_BYTES, /* read only: 2, 4 or 8 = 16, 32 or 64-bit code */
	VREG_FS_BASE, VREG_GS_BASE, VREG_SYSENTER_CS, VREG_SYSENTER_ESP, VREG_SYSENTER_EIP,
	VREG_DR6,
	VREG_TSC_OFFSET, /* the guest's TSC less the machine's; only in full virtualization */
	VREG_SHADOW, /* not 0: STI or MOV SS holds events off for one instruction. Write: 0 only */
	VREG_PAUSE_EXITS, /* write only: does PAUSE exit? */
	VREG_X2APIC, /* write only: v->is_x2apic has changed */
};

/* SDM vol. 3, "VM-Entry Controls for Event Injection". */
enum event_type { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFT_INTERRUPT = 4,
		  EVENT_PRIV_EXCEPTION = 5, EVENT_SOFT_EXCEPTION = 6 };

struct event {
	bool valid;
	u8 type; /* enum event_type */
	u8 vector;
	u8 insn_bytes; /* of INT n, INT3, INTO, INT1 being re-injected */
	bool has_error;
	u32 error;
};

#define VIRTUAL_IRQ_APIC 256
#define VIRTUAL_IRQ_HOLD 257

enum event_line { LINE_INTERRUPT, LINE_NMI };
enum flush_scope { FLUSH_LINEAR, FLUSH_PHYSICAL };

struct backend {
	const char *name; /* "vmx", "svm" */
	const struct hap_format *hap;
	u64 hw_features; /* PV_HW_* that this machine has; filled by detect */
	bool switches_syscall_msrs; /* STAR LSTAR CSTAR SFMASK KERNEL_GS_BASE: world switch */
	bool switches_cr2;
	/* A vector that waits alone costs less by virtual_irq(), even if it could be injected. */
	bool leaves_lone_irq;
	/*
	 * The CPU works on v->apic_page itself, where machine.features leave virtual interrupts on.
	 */
	bool has_virtual_apic;
	bool may_miss_xsetbv; /* QEMU lets XSETBV pass: XCR0 itself must be asked */

	/* Can this machine do it? 0, or -PV_EOPNOTSUPP with one line of why not. Boot CPU, once. */
	int (*detect)(char *why, size_t bytes);
	/* Turns virtualization on (off) on the calling CPU. 0 or -errno with why. */
	int (*cpu_start)(struct cpu *cpu, char *why, size_t bytes);
	void (*cpu_stop)(struct cpu *cpu);
	/* Control structures of a new vCPU, all state zero. 0 or -PV_ENOMEM. */
	int (*vcpu_create)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);
	/* The vCPU comes to this CPU; it leaves it and may go to another one. */
	void (*vcpu_load)(struct vcpu *v, struct cpu *cpu);
	void (*vcpu_unload)(struct vcpu *v);
	/*
	 * Puts the vCPU at the start of a context: a 64-bit one, or without CR0.PE a real-mode one
	 * whose selectors say the bases. Checks nothing (context_check() does).
	 */
	void (*set_context)(struct vcpu *v, const struct pv_vcpu_context *context);
	/* vcpu_loop() of dispatcher/run.h with this backend's world switch inlined. */
	void (*run)(struct cpu *cpu, struct vcpu *v);
	u64 (*read)(struct vcpu *v, enum vreg reg);
	/* Of a segment register, SEG_*. */
	void (*segment)(struct vcpu *v, enum segment_name name, struct segment *to);
	void (*write)(struct vcpu *v, enum vreg reg, u64 value);
	/* Delivers the event with the next entry. */
	void (*inject)(struct vcpu *v, const struct event *event);
	/* Would an interrupt (NMI) be taken now? */
	bool (*can_take)(struct vcpu *v, enum event_line line);
	/* Asks for an exit as soon as can_take() holds, or no longer. */
	void (*set_window)(struct vcpu *v, enum event_line line, bool on);
	/*
	 * Hands a pending vector to the hardware, which delivers it without an exit when the guest
	 * can take it: 1, or 0 where there is no such thing. -1 takes it back: 1 if it was
	 * delivered. With a virtual APIC: VIRTUAL_IRQ_APIC hands over what v->apic_page holds,
	 * VIRTUAL_IRQ_HOLD holds it back for one entry.
	 */
	int (*virtual_irq)(struct vcpu *v, int vector);
	/*
	 * An exit at this TSC value at the latest (~0: none); false: no such timer, use the APIC's.
	 */
	bool (*arm_preempt)(struct vcpu *v, u64 tsc);
	/* Forgets cached translations of this vCPU on this CPU. */
	void (*flush)(struct vcpu *v, enum flush_scope scope);
	/* From one address-translation mode to another (PV_MODE_*); -PV_EOPNOTSUPP if it cannot. */
	int (*mode_switch)(struct vcpu *v, unsigned from, unsigned to);
	/* The state and controls, by field name, to the log. */
	void (*dump)(struct vcpu *v);
};

extern struct backend vmx_backend, svm_backend;
extern struct backend *backend; /* the one in use */

#endif
