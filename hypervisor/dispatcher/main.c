/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the loader's hand-over to the first guest, and from the last guest to power-off. Reads like
 * a table of contents: each step is one module's init, in the order in which they need each other.
 */
#include "allocator/frames.h"
#include "dispatcher/bundle.h"
#include "dispatcher/dispatcher.h"
#include "interpreter/interpreter.h"
#include "lib/lib.h"
#include "machine/cpu.h"
#include "machine/machine.h"
#include "machine/x86.h"
#include "trace/trace.h"

#define SLICE_US_DEFAULT 10000u

struct backend *backend;

static void backend_choose(u64 hw_off)
{
	struct backend *const all[] = { &vmx_backend, &svm_backend };
	char why[ARRAY_SIZE(all)][96];

	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i]->detect(why[i], sizeof(why[i])) == 0) {
			backend = all[i];
			backend->hw_features &= ~hw_off;
			return;
		}
	}
	panic("this machine cannot run guests: vmx: %s; svm: %s", why[0], why[1]);
}

static const struct pv_bundle_header *bundle_open(void)
{
	const struct pv_bundle_header *bundle = (const void *)boot_info.bundle;
	const char *why;

	if (!bundle)
		panic("the boot loader gave no bundle: pass one as module, or bundle=ADDRESS");
	paging_map(ALIGN_DOWN(boot_info.bundle, PAGE_SIZE),
		   ALIGN_UP(boot_info.bundle + boot_info.bundle_bytes, PAGE_SIZE) -
			   ALIGN_DOWN(boot_info.bundle, PAGE_SIZE),
		   MAP_R);
	why = bundle_check(bundle, boot_info.bundle_bytes);
	if (why)
		panic("bundle at 0x%llx: %s", (unsigned long long)boot_info.bundle, why);
	return bundle;
}

/* What both backends and the vCPU context switch need of a CPU. */
static void cpu_prepare(struct cpu *cpu)
{
	char why[96];
	u64 cr4 = read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;

	if (cpuid(1, 0).ecx & BIT(26))
		cr4 |= CR4_OSXSAVE;
	write_cr4(cr4);
	write_cr0((read_cr0() & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE);
	if (backend->cpu_start(cpu, why, sizeof(why)))
		panic("CPU %u: %s", cpu->index, why);
}

static void hello(void)
{
	struct frames_stats frames = frames_stats();
	struct pv_frame_hello h = {
		.abi = PV_ABI_MAJOR << 16 | PV_ABI_MINOR,
		.cpus = cpu_count,
		.tsc_khz = tsc_khz,
		.image_bytes = paging_image_bytes(),
		.hw_features = backend->hw_features,
	};

	for (u32 i = 0; i < domain_count; i++)
		h.table_bytes += p2m_bytes(&domains[i]->p2m) + domains[i]->hap.tables * PAGE_SIZE;
	h.resident_bytes = paging_image_resident_bytes() + frames.pool_chunks * CHUNK_SIZE;
	strlcpy(h.backend, backend->name, sizeof(h.backend));
	strlcpy(h.build, PV_BUILD, sizeof(h.build));
	channel_send(PV_FRAME_HELLO, &h, sizeof(h));
	log_line("Paravane %s: %s, %u CPUs, TSC %llu kHz, %llu KiB resident", PV_BUILD, h.backend,
		 h.cpus, (unsigned long long)h.tsc_khz,
		 (unsigned long long)h.resident_bytes / 1024);
}

static void machine_end(void)
{
	u32 failed = 0;

	for (u32 i = 0; i < domain_count; i++) {
		const struct pv_frame_domain_end *end = &domains[i]->end;

		failed += end->how == PV_END_KILLED || end->reason > PV_SHUTDOWN_REBOOT ||
			  end->status != 0;
	}
	trace_flush();
	log_machine_end(false, failed ? "a domain failed" : "all domains ended well");
	power_off(failed ? 1 : 0);
}

void cpu_main(struct cpu *cpu)
{
	struct vcpu *v;

	if (cpu->index)
		cpu_prepare(cpu);
	while ((v = sched_next(cpu))) {
		vcpu_attend(v, ATTENTION_KICK); /* the first round arms the timers */
		backend->run(cpu, v);
		sched_put(cpu, v);
	}
	backend->cpu_stop(cpu);
	if (cpu->index == 0)
		machine_end();
	for (;;)
		idle_wait();
}

void hypervisor_main(void)
{
	const struct pv_bundle_header *bundle;

	/*
	 * While the boot page tables still show everything below 4 GiB: firmware tables lie
	 * anywhere.
	 */
	acpi_init(boot_info.rsdp);
	tsc_init();
	rtc_init();
	frames_init(&boot_info, paging_map_chunk);
	paging_init();
	bundle = bundle_open();
	apic_init(!(bundle->hw_off & PV_HW_X2APIC));
	backend_choose(bundle->hw_off);
	context_init();
	interpreter_init();
	trace_init(bundle->trace_kinds, bundle->trace_records,
		   bundle->flags & PV_BUNDLE_TRACE_LIVE);
	if (bundle->flags & PV_BUNDLE_INPUT)
		serial_input_only();
	sched_init(ns_to_tsc(1000ull * (bundle->slice_us ? bundle->slice_us : SLICE_US_DEFAULT)),
		   bundle->flags & PV_BUNDLE_INPUT);
	cpu_prepare(&cpus[0]);
	smp_start(bundle->cpus);
	trace_rings_create();
	domains_create(bundle);
	hello();
	for (u32 i = 0; i < domain_count; i++)
		if (sched_claim(domains[i]->vcpus[0])) {
			if (cpus[0].ring)
				trace_domain(cpus[0].ring, domains[i]->vcpus[0],
					     TRACE_DOMAIN_START);
			sched_start(domains[i]->vcpus[0]);
		}
	cpu_main(&cpus[0]);
}
