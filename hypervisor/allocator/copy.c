/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies from and to guest memory, for hypercalls, the instruction decoder and the domain builder.
 * Guest memory has no mapping of its own in the hypervisor; window slot 0 of the calling CPU shows
 * one frame at a time. Runs with interrupts off, so nothing else on this CPU can use the slot.
 *
 * EPT/NPT rights are not asked: what a guest may not write itself it may still name as a result
 * buffer, and the only read-only pages are the domain's own.
 */
#include "allocator/copy.h"
#include "allocator/p2m.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"

#define COPY_SLOT 0

enum direction { FROM_GUEST, TO_GUEST, ZERO };

static bool range_exists(const struct p2m *p2m, gpa_t gpa, size_t n)
{
	gpa_t last;

	if (__builtin_add_overflow(gpa, n - 1, &last))
		return false;
	for (gpa_t at = ALIGN_DOWN(gpa, CHUNK_SIZE);; at += CHUNK_SIZE) {
		if (!p2m_lookup(p2m, at))
			return false;
		if (last - at < CHUNK_SIZE)
			return true;
	}
}

static int copy(const struct p2m *p2m, gpa_t gpa, u8 *buffer, size_t n, enum direction direction)
{
	struct cpu *cpu = this_cpu();

	if (!n)
		return 0;
	if (!range_exists(p2m, gpa, n))
		return -PV_EFAULT;
	while (n) {
		size_t offset = gpa & (PAGE_SIZE - 1), part = min(n, (size_t)PAGE_SIZE - offset);
		u8 *page = window_map(cpu, COPY_SLOT, p2m_lookup(p2m, gpa - offset));

		if (direction == FROM_GUEST)
			memcpy(buffer, page + offset, part);
		else if (direction == TO_GUEST)
			memcpy(page + offset, buffer, part);
		else
			memset(page + offset, 0, part);
		window_unmap(cpu, COPY_SLOT);
		gpa += part;
		buffer += direction == ZERO ? 0 : part;
		n -= part;
	}
	return 0;
}

int guest_read(const struct p2m *p2m, gpa_t gpa, void *dst, size_t n)
{
	return copy(p2m, gpa, dst, n, FROM_GUEST);
}

int guest_write(const struct p2m *p2m, gpa_t gpa, const void *src, size_t n)
{
	return copy(p2m, gpa, (u8 *)src, n, TO_GUEST);
}

int guest_zero(const struct p2m *p2m, gpa_t gpa, size_t n)
{
	return copy(p2m, gpa, NULL, n, ZERO);
}

/* One bit of an aligned u64 that the guest changes at the same time. */
static bool change_bit(const struct p2m *p2m, gpa_t gpa, unsigned bit, bool set)
{
	struct cpu *cpu = this_cpu();
	hpa_t page = p2m_lookup(p2m, ALIGN_DOWN(gpa, PAGE_SIZE));
	u64 *word, old;

	if (!page || (gpa & 7))
		return false;
	word = (u64 *)((u8 *)window_map(cpu, COPY_SLOT, page) + (gpa & (PAGE_SIZE - 1)));
	if (set)
		old = __atomic_fetch_or(word, BIT(bit), __ATOMIC_SEQ_CST);
	else
		old = __atomic_fetch_and(word, ~BIT(bit), __ATOMIC_SEQ_CST);
	window_unmap(cpu, COPY_SLOT);
	return old & BIT(bit);
}

bool guest_set_bit(const struct p2m *p2m, gpa_t gpa, unsigned bit)
{
	return change_bit(p2m, gpa, bit, true);
}

bool guest_clear_bit(const struct p2m *p2m, gpa_t gpa, unsigned bit)
{
	return change_bit(p2m, gpa, bit, false);
}

/* Unaligned operands, too: the builtins of C do not know them. */
#define CMPXCHG(type, suffix) \
	static void cmpxchg_##suffix(void *at, void *expected, const void *desired) \
	{ \
		type old, new; \
\
		memcpy(&old, expected, sizeof(old)); \
		memcpy(&new, desired, sizeof(new)); \
		__asm__ volatile("lock cmpxchg" #suffix " %2, (%1)" \
				 : "+a"(old) \
				 : "r"(at), "r"(new) \
				 : "memory", "cc"); \
		memcpy(expected, &old, sizeof(old)); \
	}
CMPXCHG(u8, b)
CMPXCHG(u16, w)
CMPXCHG(u32, l)
CMPXCHG(u64, q)

static void cmpxchg_16(void *at, u64 expected[2], const u64 desired[2])
{
	__asm__ volatile("lock cmpxchg16b (%2)"
			 : "+a"(expected[0]), "+d"(expected[1])
			 : "r"(at), "b"(desired[0]), "c"(desired[1])
			 : "memory", "cc");
}

int guest_cmpxchg(const struct p2m *p2m, gpa_t gpa, void *expected, const void *desired, size_t n)
{
	struct cpu *cpu = this_cpu();
	hpa_t page = p2m_lookup(p2m, ALIGN_DOWN(gpa, PAGE_SIZE));
	u64 wide[2][2];
	u8 *at;

	if (!page || (gpa & (PAGE_SIZE - 1)) + n > PAGE_SIZE || (n == 16 && (gpa & 15)))
		return -PV_EFAULT;
	at = (u8 *)window_map(cpu, COPY_SLOT, page) + (gpa & (PAGE_SIZE - 1));
	if (n == 1) {
		cmpxchg_b(at, expected, desired);
	} else if (n == 2) {
		cmpxchg_w(at, expected, desired);
	} else if (n == 4) {
		cmpxchg_l(at, expected, desired);
	} else if (n == 8) {
		cmpxchg_q(at, expected, desired);
	} else {
		memcpy(wide[0], expected, sizeof(wide[0]));
		memcpy(wide[1], desired, sizeof(wide[1]));
		cmpxchg_16(at, wide[0], wide[1]);
		memcpy(expected, wide[0], sizeof(wide[0]));
	}
	window_unmap(cpu, COPY_SLOT);
	return 0;
}
