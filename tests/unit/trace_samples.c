// SPDX-License-Identifier: BSD-2-Clause
/* The golden trace; see trace_samples.h. Its clock has 1000 kHz: a tick is a microsecond. */
#include "trace_samples.h"

#include <string.h>

#define A PV_TRACE_WHO(0, 0)
#define FAR 0xffffffff81000000u

/* TSC, kind, code, RIP, argument, raw, ticks; all of domain a, vCPU 0. */
#define R(t, kind_, code_, rip_, arg_, raw_, ticks_) \
	{ \
		.tsc = (t), .rip = (rip_), .arg = (arg_), .kind = PV_KIND_##kind_, .who = A, \
		.code = (code_), .raw = (uint16_t)(raw_), .ticks = (ticks_) \
	}
/* An exit and its detail. */
#define EXIT(t, code, reason, rip, arg, what, value, flags) \
	R(t, EXIT, PV_EXIT_##code, rip, arg, reason, 100), \
		R((t) + 1, DETAIL, PV_EXIT_##code, what, value, flags, 0)

const struct pv_trace_record sample_records[] = {
	/* Its first half was overwritten. */
	R(10, RESULT, PV_CALL_BLOCK, 0, 0x123456789, 0, 0),
	R(1000, DOMAIN, 0, 0, 0, 0, 0),
	R(1010, SCHED, 0, 0, 0, 0, 0),
	R(2000, EXIT, PV_EXIT_CPUID, 0x200010, 0x200000007, 10, 120),
	EXIT(2200, RDMSR, 31, 0x200020, 0, 0xc0000080, 0x500, 0),
	EXIT(2400, RDMSR, 31, 0x200024, 0, 0x639, 0, PV_DETAIL_FAULTED),
	R(2410, INJECT, 13, 0, 0, 0, 0),
	EXIT(2600, WRMSR, 32, 0x200030, 0, 0x830, 0xfb, 0),
	EXIT(2800, PORT_OUT, 30, 0x200040, 0x3f80000, 0x103f8, 'A', 0),
	EXIT(3000, PORT_IN, 30, 0x200040, 0xcfc0008, 0x40cfc | PV_DETAIL_PORT_IN, 0x8086, 0),
	EXIT(3200, PORT_OUT, 30, 0x200040, 0xe90030,
	     0x100e9 | PV_DETAIL_PORT_STRING | PV_DETAIL_PORT_REP, 0, 0),
	EXIT(3400, PORT_OUT, 30, 0x200040, 0x50560003, 0x45056, 7, 0),
	EXIT(3600, CR_WRITE, 28, 0x200050, 4, 4 | 9 << 16 | PV_DETAIL_CR_HAS_GPR, 0x20, 0),
	EXIT(3800, CR_READ, 0, 0x200050, 0, 0x108 | PV_DETAIL_CR_HAS_GPR, 0xf, 0),
	EXIT(4000, XSETBV, 55, 0x200060, 0, 0, 7, 0),
	EXIT(4200, DR, 29, 0x200070, 0, 7 | 3 << 16 | PV_DETAIL_CR_HAS_GPR, 0x400, 0),
	EXIT(4400, NESTED_FAULT, 48, FAR, 0x182, 0xfee00300, 0xffffffffff5fb300,
	     PV_DETAIL_FAULT_WRITE | PV_DETAIL_FAULT_LINEAR),
	EXIT(4600, EXCEPTION, 0, FAR, 0, 17, 0, 0),
	EXIT(4800, APIC, 45, 0, 0x30, 1, 0x30, 0),
	R(5000, EXIT, PV_EXIT_PREEMPT_TIMER, 0, 0, 52, 74),
	R(5100, INJECT, 0xec, 0, 0, 0, 0),
	R(5200, EXIT, PV_EXIT_HYPERCALL, 0x200080, 4, 18, 80),
	R(5400, CALL, PV_CALL_CONSOLE, 0x200090, 0x204100, 30, 150),
	R(5401, ARGS, PV_CALL_CONSOLE, 30, 0, 1, 0),
	R(5600, CALL, PV_CALL_AREA_REGISTER, 0x200090, 3, -PV_EFAULT, 90),
	R(5601, ARGS, PV_CALL_AREA_REGISTER, ~0ull, 0, 1, 0),
	/* With an argument that it does not have, and a result and ticks without room. */
	R(200000, CALL, PV_CALL_TLB_FLUSH, 0x200090, 1, 0, PV_TRACE_TICKS_LONG),
	R(200001, TICKS, PV_CALL_TLB_FLUSH, 0, 100000, 0, 0),
	R(200002, ARGS, PV_CALL_TLB_FLUSH, 0x7f0000, 16, 1, 0),
	R(200003, ARGS, PV_CALL_TLB_FLUSH, 5, 1, 3, 0),
	R(200004, RESULT, PV_CALL_TLB_FLUSH, 0, 0x8000, 0, 0),
	R(200100, CALL, 0xee, 0x200090, 0, -PV_ENOSYS, 60),
	/* A batch of two, with a mark within; then its kick. */
	R(200250, MEMBER, PV_CALL_IPI_SEND, 1ull << 32, 1, 0, 20),
	R(200251, ARGS, PV_CALL_IPI_SEND, 0xf3, 0, 1, 0),
	R(200260, MARK, 0, 0, 99, 0, 0),
	R(200270, MEMBER, PV_CALL_TRACE_MARK, 1ull << 32 | 0x110001, 99, 0, 15),
	R(200300, CALL, PV_CALL_BATCH_KICK, 0x2000a0, 0, 2, 90),
	R(200400, CALL, PV_CALL_VCPU_QUERY, 0x2000a0, 1, 2, 70),
	R(200500, SCHED, 2, 0, 0, 0, 0),
	R(200600, DOMAIN, 1, 0, 1, 0, 0),
};
const size_t sample_count = sizeof(sample_records) / sizeof(sample_records[0]);

/* Of a kind that comes later, in a domain without a name. */
const struct pv_trace_record sample_other[1] = {
	{ .tsc = 200450, .rip = 1, .arg = 2, .kind = 200, .who = PV_TRACE_WHO(1, 3), .code = 7 },
};

size_t sample_frame(uint8_t *out, uint32_t cpu, uint64_t lost,
		    const struct pv_trace_record *records, size_t count)
{
	const struct pv_frame_trace head = { cpu, (uint32_t)count, lost };

	memcpy(out, &head, sizeof(head));
	memcpy(out + sizeof(head), records, count * sizeof(*records));
	return sizeof(head) + count * sizeof(*records);
}
