// SPDX-License-Identifier: BSD-2-Clause
/*
 * Does KVM here lend VT-x or AMD-V to its guests? CPUID bits alone have been seen to lie, so a tiny
 * guest tries: it enters VMX operation (Intel SDM, "Entering VMX operation"), or executes VMSAVE
 * with EFER.SVME set (AMD APM, "Enabling SVM"). It runs in a child process with a deadline.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"
#include "pvn.h"

#define DEADLINE_S 5u

/* The guest's memory: 32-bit code on identity-mapped pages. */
#define MEMORY_BYTES 0x10000u
#define CODE 0x1000u
#define VMXON_POINTER 0x2000u
#define RESULT 0x2100u
#define REGION 0x3000u /* VMXON region or VMCB */
#define PAGE_DIRECTORY 0x4000u

#define MSR_FEATURE_CONTROL 0x3au /* 5: locked, VMX outside SMX allowed */
#define MSR_VMX_BASIC 0x480u
#define NOT_YET 0xff /* at RESULT */

#define CR0_PE_NE_PG 0x80000031ull
#define CR4_PSE 0x10ull
#define CR4_VMXE 0x2000ull
#define EFER_SVME 0x1000ull

enum verdict { WORKS_VMX, WORKS_SVM, NO_FEATURE, NO_TRIAL, NO_SUCCESS };

/* vmxon [VMXON_POINTER]; setbe [RESULT]; hlt */
static const uint8_t vmx_code[] = { 0xf3, 0x0f, 0xc7, 0x35, 0x00, 0x20, 0x00, 0x00,
				    0x0f, 0x96, 0x05, 0x00, 0x21, 0x00, 0x00, 0xf4 };
/* mov eax, REGION; vmsave; mov byte [RESULT], 0; hlt */
static const uint8_t svm_code[] = { 0xb8, 0x00, 0x30, 0x00, 0x00, 0x0f, 0x01, 0xdb,
				    0xc6, 0x05, 0x00, 0x21, 0x00, 0x00, 0x00, 0xf4 };

struct trial {
	int kvm, vm, vcpu;
	uint8_t *memory;
	struct kvm_run *run;
	struct kvm_cpuid2 *cpuid;
	bool has_vmx, has_svm;
};

static bool read_cpuid(struct trial *t)
{
	const unsigned int entries = 256;

	t->cpuid = xcalloc(1, sizeof(*t->cpuid) + entries * sizeof(t->cpuid->entries[0]));
	t->cpuid->nent = entries;
	if (ioctl(t->kvm, KVM_GET_SUPPORTED_CPUID, t->cpuid))
		return false;
	for (unsigned int i = 0; i < t->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *leaf = &t->cpuid->entries[i];

		if (leaf->function == 1)
			t->has_vmx = leaf->ecx >> 5 & 1;
		if (leaf->function == 0x80000001)
			t->has_svm = leaf->ecx >> 2 & 1;
	}
	return true;
}

static bool make_guest(struct trial *t)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_BYTES };
	int run_bytes = ioctl(t->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	t->vm = ioctl(t->kvm, KVM_CREATE_VM, 0);
	t->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (t->vm < 0 || run_bytes <= 0 || t->memory == MAP_FAILED)
		return false;
	region.userspace_addr = (uintptr_t)t->memory;
	/* Three pages that Intel hosts without "unrestricted guest" need; others take the call,
	 * too. */
	ioctl(t->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul);
	if (ioctl(t->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return false;
	t->vcpu = ioctl(t->vm, KVM_CREATE_VCPU, 0);
	if (t->vcpu < 0 || ioctl(t->vcpu, KVM_SET_CPUID2, t->cpuid))
		return false;
	t->run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t->vcpu, 0);
	return t->run != MAP_FAILED;
}

static bool msr(const struct trial *t, unsigned long request, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head = { .nmsrs = 1 }, .entry = { .index = index, .data = *value } };

	if (ioctl(t->vcpu, request, &one) != 1)
		return false;
	*value = one.entry.data;
	return true;
}

static bool fill_memory(const struct trial *t)
{
	uint32_t large_page = 0x83; /* 4 MiB at 0, present, writable */
	uint64_t region = REGION, feature_control = 5, basic = 0;

	memcpy(t->memory + PAGE_DIRECTORY, &large_page, sizeof(large_page));
	t->memory[RESULT] = NOT_YET;
	if (!t->has_vmx) {
		memcpy(t->memory + CODE, svm_code, sizeof(svm_code));
		return true;
	}
	memcpy(t->memory + CODE, vmx_code, sizeof(vmx_code));
	memcpy(t->memory + VMXON_POINTER, &region, sizeof(region));
	if (!msr(t, KVM_GET_MSRS, MSR_VMX_BASIC, &basic) ||
	    !msr(t, KVM_SET_MSRS, MSR_FEATURE_CONTROL, &feature_control))
		return false;
	basic &= 0x7fffffff; /* the VMCS revision identifier */
	memcpy(t->memory + REGION, &basic, sizeof(uint32_t));
	return true;
}

static bool set_registers(const struct trial *t)
{
	struct kvm_regs regs = { .rip = CODE, .rsp = MEMORY_BYTES, .rflags = 2 };
	struct kvm_segment code = {
		.limit = 0xffffffff,
		.selector = 8,
		.type = 11,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
	struct kvm_segment data = code;
	struct kvm_sregs sregs;

	if (ioctl(t->vcpu, KVM_GET_SREGS, &sregs))
		return false;
	data.selector = 16;
	data.type = 3;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 = CR0_PE_NE_PG;
	sregs.cr3 = PAGE_DIRECTORY;
	sregs.cr4 = CR4_PSE | (t->has_vmx ? CR4_VMXE : 0);
	sregs.efer = t->has_vmx ? 0 : EFER_SVME;
	return !ioctl(t->vcpu, KVM_SET_SREGS, &sregs) && !ioctl(t->vcpu, KVM_SET_REGS, &regs);
}

static enum verdict try(int kvm)
{
	struct trial t = { .kvm = kvm };

	if (!read_cpuid(&t))
		return NO_TRIAL;
	if (!t.has_vmx && !t.has_svm)
		return NO_FEATURE;
	if (!make_guest(&t) || !fill_memory(&t) || !set_registers(&t))
		return NO_TRIAL;
	if (ioctl(t.vcpu, KVM_RUN, 0) || t.run->exit_reason != KVM_EXIT_HLT ||
	    t.memory[RESULT] != 0)
		return NO_SUCCESS;
	return t.has_vmx ? WORKS_VMX : WORKS_SVM;
}

/* The trial in a child: whatever KVM does, pvn goes on. */
static enum verdict try_in_child(int kvm)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return NO_TRIAL;
	if (!pid) {
		alarm(DEADLINE_S);
		_exit(try(kvm));
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NO_TRIAL;
	return WIFEXITED(status) ? (enum verdict)WEXITSTATUS(status) : NO_SUCCESS;
}

bool probe_kvm(char *why, size_t why_size)
{
	static const char *const texts[] = {
		[WORKS_VMX] = "nested VT-x: a guest entered VMX operation",
		[WORKS_SVM] = "nested AMD-V: a guest used an SVM instruction",
		[NO_FEATURE] =
			"KVM works, but offers its guests neither VT-x nor AMD-V; where this "
			"machine is not itself a guest: modprobe -r kvm_intel && modprobe "
			"kvm_intel nested=1 (kvm_amd on AMD)",
		[NO_TRIAL] = "KVM is there, but refused to make a guest with VT-x or AMD-V",
		[NO_SUCCESS] = "KVM claims nested VT-x or AMD-V, but a guest that tried it failed",
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	enum verdict verdict;

	if (kvm < 0) {
		if (errno == EACCES || errno == EPERM)
			snprintf(why, why_size,
				 "/dev/kvm: permission denied; allow it with: "
				 "sudo adduser $USER kvm (and log in again)");
		else
			snprintf(why, why_size, "/dev/kvm: %s: no KVM on this machine",
				 strerror(errno));
		return false;
	}
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
		snprintf(why, why_size, "/dev/kvm does not speak KVM's API version 12");
		close(kvm);
		return false;
	}
	verdict = try_in_child(kvm);
	close(kvm);
	if ((size_t)verdict >= sizeof(texts) / sizeof(texts[0]))
		verdict = NO_TRIAL;
	snprintf(why, why_size, "%s", texts[verdict]);
	return verdict == WORKS_VMX || verdict == WORKS_SVM;
}
