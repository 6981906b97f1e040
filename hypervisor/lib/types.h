/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer and address types, and the few macros that every file uses. No asm, no hardware. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

typedef u64 gpa_t; /* guest-physical address */
typedef u64 gva_t; /* guest-linear address */
typedef u64 hpa_t; /* machine address; hypervisor memory is mapped at its machine address */

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ull
#define CHUNK_SHIFT 21
#define HUGE_SIZE (1ull << 30)
#define CHUNK_SIZE (1ull << CHUNK_SHIFT) /* unit in which domains own memory */

#define BIT(n) (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a) ((x) & ~((a)-1))
#define ALIGN_UP(x, a) (((x) + (a)-1) & ~((a)-1))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(p, type, member) ((type *)((char *)(p)-offsetof(type, member)))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define min(a, b) \
	({ \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ < b_ ? a_ : b_; \
	})
#define max(a, b) \
	({ \
		__typeof__(a) a_ = (a); \
		__typeof__(b) b_ = (b); \
		a_ > b_ ? a_ : b_; \
	})

#endif
