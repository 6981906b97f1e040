/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle: one machine, as pvn packs it and the hypervisor's boot reads it. Layout: header,
 * domains[], segments[], then the segments' bytes. All numbers little-endian, all offsets from the
 * start of the header. pvn resolves everything that needs a file format (YAML, ELF, bzImage,
 * compression, a bare-metal guest's first page tables), so the hypervisor only copies memory.
 */
#ifndef PV_HOST_BUNDLE_H
#define PV_HOST_BUNDLE_H

#include "pv_abi.h"

#define PV_BUNDLE_MAGIC 0x31425650u /* "PVB1" */
#define PV_BUNDLE_VERSION 2u
#define PV_BUNDLE_DOMAINS_MAX 16u
#define PV_BUNDLE_SEGMENTS_MAX 256u
#define PV_VCPUS_MAX 16u /* of one domain */
#define PV_CPUS_MAX 16u

/* Hardware features that the machine description can switch off (machine.features). */
#define PV_HW_VIRTUAL_INTERRUPTS (1ull << 0) /* VMX virtual-interrupt delivery, SVM V_IRQ */
#define PV_HW_PREEMPT_TIMER (1ull << 1)
#define PV_HW_NEXT_RIP (1ull << 2)
#define PV_HW_HUGE_PAGES (1ull << 3) /* 1 GiB EPT/NPT leaves */
#define PV_HW_LARGE_PAGES (1ull << 4) /* 2 MiB EPT/NPT leaves */
#define PV_HW_X2APIC (1ull << 5)

/* Guest-visible features that a domain can mask (domain.features). */
#define PV_FEATURE_LEAVES (1ull << PV_FEATURE_BIT_LEAVES) /* the 0x40000000 CPUID leaves */
#define PV_FEATURE_HYPERCALLS (1ull << PV_FEATURE_BIT_HYPERCALLS)
#define PV_FEATURE_RDTSC_EXIT (1ull << PV_FEATURE_BIT_RDTSC_EXIT) /* opt-in: RDTSC, RDTSCP exit */
/* Opt-in: INVLPG exits, which no rule expects. */
#define PV_FEATURE_STRAY_EXITS (1ull << PV_FEATURE_BIT_STRAY_EXITS)
/* Opt-in: a version of the ABI that no guest knows. */
#define PV_FEATURE_NEWER_MAJOR (1ull << PV_FEATURE_BIT_NEWER_MAJOR)
#define PV_FEATURES_OPT_IN \
	(PV_FEATURE_RDTSC_EXIT | PV_FEATURE_STRAY_EXITS | PV_FEATURE_NEWER_MAJOR)
/* What a paravirtualized domain has unless its description masks it. */
#define PV_FEATURES_PV (((1ull << (PV_FEATURE_BIT_TSC_STABLE + 1)) - 1) & ~PV_FEATURES_OPT_IN)

/*
 * Somebody types on the first serial port: it is input of the first domain and carries no text of
 * ours, and console output does not wait for the end of its line. Ctrl-] p there asks all domains
 * to power off (virq SHUTDOWN); Ctrl-] twice is one for the domain.
 */
#define PV_BUNDLE_INPUT (1ull << 0)
#define PV_INPUT_ESCAPE 0x1d
#define PV_INPUT_POWEROFF 'p'

/* Trace records are sent while the machine runs, at exits that come anyway, not all at its end. */
#define PV_BUNDLE_TRACE_LIVE (1ull << 1)

struct pv_bundle_header {
	uint32_t magic;
	uint32_t version;
	uint64_t size; /* bytes of the whole bundle */
	uint32_t reserved0;
	uint32_t header_size;
	uint32_t domain_count;
	uint32_t segment_count;
	uint64_t domains_offset;
	uint64_t segments_offset;
	uint64_t hw_off; /* PV_HW_* switched off */
	uint32_t cpus; /* CPUs to use; 0 = all */
	uint32_t slice_us; /* time slice; 0 = 10000 */
	uint32_t trace_kinds; /* bit per PV_KIND_*; 0 = ring off */
	uint32_t trace_records; /* per CPU; 0 = 4096 */
	uint64_t flags; /* PV_BUNDLE_* */
	uint64_t sum[2]; /* struct pv_bundle_sum of all bytes after the header */
	uint64_t live_key[2]; /* random: by it pvn knows this machine's counters, see live.h */
};
_Static_assert(sizeof(struct pv_bundle_header) == 112, "bundle header");

/*
 * Whether a bundle has arrived whole: the sum of its 8-byte words (zeros fill the last one), and
 * the sum of that sum after each word. The first shows any change of one word, the second words in
 * another order. Both are five instructions for eight bytes where a CRC is 32: bundles are tens
 * of megabytes, and the sum is taken inside emulators. Against somebody who wants to deceive
 * neither would help.
 */
struct pv_bundle_sum {
	uint64_t words, weighted;
};

static inline struct pv_bundle_sum pv_bundle_sum(const void *data, uint64_t bytes)
{
	const unsigned char *at = (const unsigned char *)data;
	struct pv_bundle_sum sum = { PV_BUNDLE_MAGIC, bytes };
	uint64_t word;

	for (; bytes >= sizeof(word); bytes -= sizeof(word), at += sizeof(word)) {
		__builtin_memcpy(&word, at, sizeof(word));
		sum.words += word;
		sum.weighted += sum.words;
	}
	word = 0;
	for (uint64_t i = 0; i < bytes; i++)
		word |= (uint64_t)at[i] << 8 * i;
	sum.words += word;
	sum.weighted += sum.words;
	return sum;
}

#define PV_DOMAIN_RESTARTS (1ull << 0) /* when it reboots; without, a reboot is its end */

struct pv_bundle_domain {
	char name[32]; /* NUL-terminated */
	uint32_t mode; /* PV_MODE_* */
	uint32_t vcpus; /* 1..PV_VCPUS_MAX */
	uint32_t first_segment;
	uint32_t segment_count;
	uint64_t memory_bytes; /* multiple of 2 MiB, RAM at gpa 0 up to this */
	uint64_t features_off; /* PV_FEATURE_* masked */
	uint64_t features_on; /* opt-in PV_FEATURE_* */
	uint64_t call_mask[4]; /* bit per hypercall number: 1 = allowed */
	uint64_t cpu_mask; /* CPUs it may run on; 0 = all */
	uint64_t console_limit; /* bytes; 0 = none */
	uint64_t flags; /* PV_DOMAIN_* */
	uint64_t reserved[5];
	struct pv_vcpu_context boot; /* of vCPU 0 */
};
_Static_assert(sizeof(struct pv_bundle_domain) == 360, "bundle domain");

#define PV_SEGMENT_READONLY 1u /* mapped read-only, in 4 KiB pages */

struct pv_bundle_segment {
	uint64_t gpa; /* 4 KiB aligned if READONLY */
	uint64_t offset; /* of its bytes in the bundle */
	uint64_t file_bytes;
	uint64_t mem_bytes; /* >= file_bytes; the rest is zero */
	uint32_t flags;
	uint32_t reserved;
};
_Static_assert(sizeof(struct pv_bundle_segment) == 40, "bundle segment");

#endif
