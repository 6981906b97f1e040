/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug channel: what the hypervisor says to pvn over port 0xe9, as frames. A frame is a header
 * and a payload; bytes between frames (an emulator's own banner) belong to nobody and are skipped.
 * A guest's text travels only inside CONSOLE frames, so no guest can forge one.
 */
#ifndef PV_HOST_FRAME_H
#define PV_HOST_FRAME_H

#include "pv_abi.h"

#define PV_FRAME_MAGIC 0x01a55650u /* "PV", 0xa5, 0x01 */
#define PV_FRAME_MAX 65536u /* payload bytes */

enum pv_frame_type {
	PV_FRAME_HELLO = 1, /* struct pv_frame_hello: once, first */
	PV_FRAME_LOG = 2, /* text of the hypervisor, one line without newline */
	PV_FRAME_CONSOLE = 3, /* uint32_t domain, then text as the guest wrote it */
	PV_FRAME_STATS = 4, /* struct pv_frame_stats, then pv_stats_row: as STATS_READ */
	PV_FRAME_TRACE = 5, /* struct pv_frame_trace, then records */
	PV_FRAME_DOMAIN_END = 6, /* struct pv_frame_domain_end */
	PV_FRAME_MACHINE_END = 7, /* struct pv_frame_machine_end: once, last */
};

struct pv_frame_header {
	uint32_t magic;
	uint16_t type;
	uint16_t sequence; /* counts frames, wraps: a gap is a loss */
	uint32_t length; /* payload bytes */
	uint32_t crc32; /* IEEE, of type, sequence, length and payload */
};
_Static_assert(sizeof(struct pv_frame_header) == 16, "frame header");

struct pv_frame_hello {
	uint32_t abi; /* major << 16 | minor */
	uint32_t cpus; /* started */
	uint64_t tsc_khz;
	uint64_t image_bytes;
	uint64_t resident_bytes; /* hypervisor memory: image, pool and stacks */
	uint64_t table_bytes; /* of it: p2m and EPT/NPT tables */
	char backend[8]; /* "vmx" or "svm" */
	uint64_t hw_features; /* PV_HW_* in use */
	char build[32];
};
_Static_assert(sizeof(struct pv_frame_hello) == 88, "hello");

struct pv_trace_record {
	uint64_t tsc; /* when it was written; of an exit, call or member: after its handler */
	uint64_t rip;
	uint64_t arg;
	uint8_t kind; /* PV_KIND_* */
	uint8_t who; /* PV_TRACE_WHO() */
	uint16_t code;
	uint16_t raw; /* exits: the vendor's own reason, low 16 bits; calls: the result */
	uint16_t ticks; /* exits, calls, members: TSC ticks from the exit to `tsc` */
};
_Static_assert(sizeof(struct pv_trace_record) == 32, "trace record");

/* Domain and vCPU in one byte: 16 of each at most. */
#define PV_TRACE_WHO(domain, vcpu) ((uint8_t)((domain) << 4 | (vcpu)))
#define PV_TRACE_DOMAIN(who) ((who) >> 4)
#define PV_TRACE_VCPU(who) ((who) & 15)
/* In `ticks`: too many for the field, a record of kind `ticks` follows. */
#define PV_TRACE_TICKS_LONG 0xffffu

/*
 * Records of kind `detail`: what (rip) and value (arg) in words that both vendors share. RDMSR,
 * WRMSR, XSETBV: what = register. Ports: the port and PV_DETAIL_PORT_*. CR and DR accesses: the
 * register, PV_DETAIL_CR_*; value = what was moved. Nested faults: guest-physical address, value =
 * linear address, raw has PV_DETAIL_FAULT_*. Exceptions: vector, value = error code or address.
 * APIC: what = 1 for an EOI, value = its vector, or the register written.
 */
#define PV_DETAIL_FAULTED (1u << 15) /* in raw: the instruction ends in an exception */
#define PV_DETAIL_PORT_BYTES(what) ((what) >> 16 & 0xf)
#define PV_DETAIL_PORT_IN (1u << 24)
#define PV_DETAIL_PORT_STRING (1u << 25)
#define PV_DETAIL_PORT_REP (1u << 26)
#define PV_DETAIL_CR_OP(what) ((what) >> 8 & 0xf) /* 0 to, 1 from, 2 CLTS, 3 and 4 LMSW, 5 SMSW */
#define PV_DETAIL_CR_GPR(what) ((what) >> 16 & 0xf)
#define PV_DETAIL_CR_HAS_GPR (1u << 24)
#define PV_DETAIL_FAULT_WRITE 1u
#define PV_DETAIL_FAULT_FETCH 2u
#define PV_DETAIL_FAULT_MAPPED 4u
#define PV_DETAIL_FAULT_WALK 8u
#define PV_DETAIL_FAULT_LINEAR 16u /* value is valid */

struct pv_frame_trace {
	uint32_t cpu;
	uint32_t records;
	uint64_t lost; /* overwritten before they were sent, since boot */
};
_Static_assert(sizeof(struct pv_frame_trace) == 16, "trace");

enum pv_domain_end { PV_END_SHUTDOWN = 0, PV_END_KILLED = 1 };

struct pv_frame_domain_end {
	uint32_t domain;
	uint32_t how; /* enum pv_domain_end */
	uint32_t reason; /* PV_SHUTDOWN_*, where how is SHUTDOWN */
	uint32_t status; /* exit status, 0..255 */
	char why[112]; /* where KILLED: the first reason, one line */
};
_Static_assert(sizeof(struct pv_frame_domain_end) == 128, "domain end");

struct pv_frame_machine_end {
	uint32_t failed; /* 0: all domains ended; 1: the hypervisor failed */
	uint32_t domains_failed;
	char why[120];
};
_Static_assert(sizeof(struct pv_frame_machine_end) == 128, "machine end");

#endif
