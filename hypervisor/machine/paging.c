/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own address space: machine addresses map to themselves, each page with the
 * rights it needs and no page both writable and executable. Also the windows through which a CPU
 * looks at guest frames, which are mapped nowhere else. The tables are built on boot page tables,
 * where all is accessible, and loaded by paging_cpu_init() on each CPU. All of them are in machine
 * memory below 512 GiB, so one PDPT covers them; it lives in the image, and so the root suits a
 * CPU in 32-bit mode.
 */
#include "allocator/frames.h"
#include "lib/lib.h"
#include "lib/spinlock.h"
#include "machine/internal.h"
#include "machine/machine.h"
#include "machine/x86.h"

/* SDM vol. 3, "4-Level Paging": entry bits. */
#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)
#define PTE_LARGE BIT(7)
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ull
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE)
/* Entry 3 of the PAT, UC, in its power-on value, which paging_cpu_init() restores. */
#define PTE_UNCACHED (PTE_PCD | PTE_PWT)
#define PAT_POWER_ON 0x0007040600070406ull

#define GIB (1ull << 30)
#define TABLE_ENTRIES 512u

/* Windows: PML4 slot 1, a cache line of PTEs a CPU, of which two are used. */
#define WINDOW_BASE (1ull << 39)
#define WINDOW_STRIDE 8u
#define WINDOW_SLOTS 2u

static u64 root[TABLE_ENTRIES] __attribute__((aligned(4096)));
static u64 identity_pdpt[TABLE_ENTRIES] __attribute__((aligned(4096)));
static u64 window_pdpt[TABLE_ENTRIES] __attribute__((aligned(4096)));
static u64 window_pd[TABLE_ENTRIES] __attribute__((aligned(4096)));
static u64 window_pt[TABLE_ENTRIES] __attribute__((aligned(4096)));
_Static_assert(TABLE_ENTRIES / WINDOW_STRIDE >= PV_CPUS_MAX, "one table holds all windows");

static spinlock_t lock; /* never held while a frame is allocated: the pool may map a chunk then */

/* Asked by paging_map() before paging_cpu_init() has run anywhere, hence from CPUID. */
static u64 nx_bit(void)
{
	static u8 answer; /* 0 = not asked yet, 1 = no, 2 = yes */

	if (!answer)
		answer = cpuid(0x80000001, 0).edx & BIT(20) ? 2 : 1;
	return answer == 2 ? PTE_NX : 0;
}

/* A and D are set from the start: the CPU need not write to the tables for them. */
static u64 leaf_bits(u32 flags)
{
	return PTE_PRESENT | PTE_ACCESSED | (flags & MAP_W ? PTE_WRITE | PTE_DIRTY : 0) |
	       (flags & MAP_X ? 0 : nx_bit()) | (flags & MAP_UNCACHED ? PTE_UNCACHED : 0);
}

/* ---- mapping --------------------------------------------------------------------------------- */

/* The table below an entry; a missing one is made of *spare, and NULL returned if that is none. */
static u64 *table_below(u64 *entry, u64 **spare)
{
	if (!(*entry & PTE_PRESENT)) {
		if (!*spare)
			return NULL;
		*entry = (u64)*spare | PTE_TABLE;
		*spare = NULL;
	}
	if (*entry & PTE_LARGE)
		panic("mapping overlaps a 2 MiB page");
	return (u64 *)(*entry & PTE_ADDRESS);
}

/* Two users of one page would disagree on its rights, or one would unmap the other's. */
static void set_leaf(u64 *entry, u64 value)
{
	if (*entry & PTE_PRESENT)
		panic("mapping of 0x%lx overlaps another", (unsigned long)(value & PTE_ADDRESS));
	*entry = value;
}

/* Maps what lies in one chunk; false, with nothing mapped, if a table is missing. */
static bool map_in_chunk(hpa_t start, u64 bytes, u64 bits, u64 **spare)
{
	u64 *pd = table_below(&identity_pdpt[start / GIB], spare), *pt, *pde;

	if (!pd)
		return false;
	pde = &pd[start >> CHUNK_SHIFT & 511];
	if (bytes == CHUNK_SIZE) {
		set_leaf(pde, start | bits | PTE_LARGE);
		return true;
	}
	pt = table_below(pde, spare);
	if (!pt)
		return false;
	for (u64 done = 0; done < bytes; done += PAGE_SIZE)
		set_leaf(&pt[(start + done) >> PAGE_SHIFT & 511], (start + done) | bits);
	return true;
}

static void check_range(hpa_t start, u64 bytes)
{
	if (start % PAGE_SIZE || bytes % PAGE_SIZE || !bytes || start >= MACHINE_LIMIT ||
	    bytes > MACHINE_LIMIT - start)
		panic("bad range to map: 0x%lx, 0x%lx bytes", (unsigned long)start,
		      (unsigned long)bytes);
}

/*
 * A chunk at a time, each under the lock. Where a table is missing the lock is given up to
 * allocate it: the pool may have to grow for it, and then it calls paging_map() for its new chunk.
 * A page that was not present needs no flush on any CPU.
 */
void paging_map(hpa_t start, u64 bytes, u32 flags)
{
	u64 *spare = NULL;

	check_range(start, bytes);
	BUG_ON((flags & MAP_W) && (flags & MAP_X));
	while (bytes) {
		u64 part = min(bytes, CHUNK_SIZE - start % CHUNK_SIZE);
		bool done;

		spin_lock(&lock);
		done = map_in_chunk(start, part, leaf_bits(flags), &spare);
		spin_unlock(&lock);
		if (done) {
			start += part;
			bytes -= part;
			continue;
		}
		spare = frame_alloc();
		if (!spare)
			panic("out of memory for the hypervisor's page tables");
	}
	frame_free(spare); /* another CPU may have put the missing table in meanwhile */
}

void paging_map_chunk(hpa_t chunk, u64 bytes)
{
	paging_map(chunk, bytes, MAP_W);
}

/* The entry of 4 KiB or 2 MiB that maps an address, or NULL if there is none. */
static u64 *find_leaf(hpa_t at)
{
	u64 pdpte = identity_pdpt[at / GIB], *pde;

	if (!(pdpte & PTE_PRESENT))
		return NULL;
	pde = &((u64 *)(pdpte & PTE_ADDRESS))[at >> CHUNK_SHIFT & 511];
	if (!(*pde & PTE_PRESENT) || (*pde & PTE_LARGE))
		return pde;
	return &((u64 *)(*pde & PTE_ADDRESS))[at >> PAGE_SHIFT & 511];
}

/*
 * Limit: only the calling CPU forgets the translation at once. It serves boot, before other CPUs
 * run or where they never touched the range.
 */
void paging_unmap(hpa_t start, u64 bytes)
{
	hpa_t end = start + bytes;

	check_range(start, bytes);
	spin_lock(&lock);
	while (start < end) {
		u64 *leaf = find_leaf(start);
		u64 size = leaf && (*leaf & PTE_LARGE) ? CHUNK_SIZE : PAGE_SIZE;

		if (!leaf || !(*leaf & PTE_PRESENT) || start % size || end - start < size)
			panic("nothing to unmap at 0x%lx", (unsigned long)start);
		*leaf = 0;
		invlpg(start);
		start += size;
	}
	spin_unlock(&lock);
}

/* ---- windows --------------------------------------------------------------------------------- */

static void windows_init(void)
{
	root[WINDOW_BASE >> 39] = (u64)window_pdpt | PTE_TABLE;
	window_pdpt[0] = (u64)window_pd | PTE_TABLE;
	window_pd[0] = (u64)window_pt | PTE_TABLE;
	for (u32 i = 0; i < PV_CPUS_MAX; i++) {
		cpus[i].window_va = WINDOW_BASE + i * WINDOW_STRIDE * PAGE_SIZE;
		cpus[i].window_ptes = &window_pt[i * WINDOW_STRIDE];
	}
}

void *window_map(struct cpu *cpu, unsigned slot, hpa_t frame)
{
	u64 va = cpu->window_va + slot * PAGE_SIZE;
	u64 pte = (frame & PTE_ADDRESS) | leaf_bits(MAP_W);

	/* Copies often go on in the frame they were in: no flush for what is there already. */
	if (cpu->window_ptes[slot] != pte) {
		cpu->window_ptes[slot] = pte;
		invlpg(va);
	}
	return (void *)va;
}

void window_unmap(struct cpu *cpu, unsigned slot)
{
	cpu->window_ptes[slot] = 0;
	invlpg(cpu->window_va + slot * PAGE_SIZE);
}

/* ---- the final tables ------------------------------------------------------------------------ */

static void map_image(void)
{
	hpa_t data = ADDRESS(data_start);

	paging_map(ADDRESS(text_start), ADDRESS(text_end) - ADDRESS(text_start), MAP_X);
	paging_map(ADDRESS(rodata_start), ADDRESS(rodata_end) - ADDRESS(rodata_start), MAP_R);
	/* Data and bss, but for the page below each CPU's stack. */
	for (u32 i = 0; i < PV_CPUS_MAX; i++) {
		hpa_t guard = ADDRESS(cpus[i].guard);

		paging_map(data, guard - data, MAP_W);
		data = guard + sizeof(cpus[i].guard);
	}
	paging_map(data, ADDRESS(bss_end) - data, MAP_W);
	if (ADDRESS(symbols_end) > ADDRESS(symbols_start))
		paging_map(ADDRESS(symbols_start), ADDRESS(image_end) - ADDRESS(symbols_start),
			   MAP_R);
}

/* The first chunk was taken on boot page tables, without paging_map_chunk(). */
static void map_pool(void)
{
	for (hpa_t chunk = 0; frames_pool_next(&chunk); chunk += CHUNK_SIZE)
		paging_map(chunk, CHUNK_SIZE, MAP_W);
}

void paging_init(void)
{
	root[0] = (u64)identity_pdpt | PTE_TABLE;
	windows_init();
	map_pool();
	map_image();
	paging_cpu_init();
}

/* CR4 bits to set where CPUID has them. */
static u64 wanted_cr4(void)
{
	u32 max_leaf = cpuid(0, 0).eax;
	u32 ecx = cpuid(1, 0).ecx, edx = cpuid(1, 0).edx;
	u32 ebx7 = max_leaf >= 7 ? cpuid(7, 0).ebx : 0;

	/* OSFXSR, OSXSAVE: the hypervisor computes without SSE, but switches guests' registers. */
	return CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (edx & BIT(7) ? CR4_MCE : 0) |
	       (ecx & BIT(26) ? CR4_OSXSAVE : 0) | (ebx7 & BIT(7) ? CR4_SMEP : 0) |
	       (ebx7 & BIT(20) ? CR4_SMAP : 0);
}

/*
 * Before virtualization is turned on: the control registers are set as a whole, CR4.VMXE not among
 * them. Limit: MTRRs stay as the firmware left them on each CPU.
 */
void paging_cpu_init(void)
{
	/* What the tables mean has to be set before they are loaded. */
	if (nx_bit())
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	if (cpuid(1, 0).edx & BIT(16))
		wrmsr(MSR_PAT, PAT_POWER_ON);
	write_cr0(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
	write_cr3((u64)root);
	write_cr4(wanted_cr4());
}

u64 paging_image_bytes(void)
{
	return (ADDRESS(text_end) - ADDRESS(text_start)) +
	       (ADDRESS(rodata_end) - ADDRESS(rodata_start)) +
	       (ADDRESS(data_end) - ADDRESS(data_start)) +
	       (ADDRESS(symbols_end) - ADDRESS(symbols_start));
}

u64 paging_image_resident_bytes(void)
{
	return ADDRESS(image_end) - ADDRESS(image_start);
}

hpa_t paging_root(void)
{
	return ADDRESS(root);
}
