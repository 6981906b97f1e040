// SPDX-License-Identifier: BSD-2-Clause
/*
 * fork and exec of a program without a C library: that would execute CPUID some fifty times at each
 * start, from user space, where no kernel can help it. The program is written here as the bytes of
 * its ELF file: it exits with the number of its arguments.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#define CHILD "/tmp/forkexec-child"

__asm__(".pushsection .rodata\n"
	"child_elf:\n"
	".byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0\n"
	".short 2, 62\n" /* ET_EXEC, EM_X86_64 */
	".long 1\n"
	".quad 0x400000 + child_start - child_elf\n" /* e_entry */
	".quad 64, 0\n" /* program headers, section headers */
	".long 0\n"
	".short 64, 56, 1, 64, 0, 0\n"
	".long 1, 5\n" /* PT_LOAD, read and execute */
	".quad 0, 0x400000, 0x400000, child_end - child_elf, child_end - child_elf, 0x1000\n"
	"child_start:\n"
	"pop %rdi\n" /* argc */
	"mov $60, %eax\n" /* exit */
	"syscall\n"
	"child_end:\n"
	".popsection");
extern const char child_elf[], child_end[];

static void prepare(void)
{
	size_t bytes = (size_t)(child_end - child_elf);
	int fd = open(CHILD, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, child_elf, bytes) != (ssize_t)bytes || close(fd))
		fail_errno(CHILD);
}

static void work(unsigned long ops)
{
	static char name[] = CHILD, word[] = "x";
	char *const arguments[] = { name, word, word, word, NULL };
	char *const environment[] = { NULL };
	int status;
	pid_t pid;

	while (ops--) {
		unsigned int skipped = ops & 3;

		pid = fork();
		if (pid < 0)
			fail_errno("fork");
		if (!pid) {
			execve(name, arguments + skipped, environment);
			_exit(99);
		}
		if (waitpid(pid, &status, 0) != pid)
			fail_errno("waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 4 - (int)skipped)
			fail("the program ended with status %#x", status);
	}
}

static void check(unsigned long ops)
{
	(void)ops;
	unlink(CHILD);
}

int main(int argc, char **argv)
{
	static const struct workload w = { .name = "forkexec",
					   .ops = 100,
					   .warm_up = 10,
					   .prepare = prepare,
					   .work = work,
					   .check = check };

	return workload_run(&w, argc, argv);
}
