/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first process of the small guest. With exec=BASE64 on the kernel's command line it runs that
 * command with sh and powers off with its exit status; without, it gives a shell on the console.
 *
 * It has no C library: the start of a static glibc executes some fifty CPUID instructions, each a
 * transition that no kernel can avoid, and a script would start a dozen programs.
 */
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/reboot.h>

#define CMDLINE_MAX 4096
#define TCSBRK 0x5409 /* with an argument but 0: wait until all output is sent */

static long call5(long nr, long a, long b, long c, long d, long e)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "rcx", "r11", "memory");
	return ret;
}

static long call3(long nr, long a, long b, long c)
{
	return call5(nr, a, b, c, 0, 0);
}

static unsigned long length(const char *s)
{
	unsigned long n = 0;

	while (s[n])
		n++;
	return n;
}

static void say(const char *s)
{
	call3(__NR_write, 2, (long)s, length(s));
}

static void mount_on(const char *type, const char *dir)
{
	call3(__NR_mkdir, (long)dir, 0755, 0);
	/* devtmpfs may be there already, debugfs may not be configured. */
	call5(__NR_mount, (long)type, (long)dir, (long)type, 0, 0);
}

static long read_file(const char *path, char *into, long max)
{
	long fd = call3(__NR_open, (long)path, O_RDONLY, 0);
	long n = fd < 0 ? fd : call3(__NR_read, fd, (long)into, max - 1);

	if (fd >= 0)
		call3(__NR_close, fd, 0, 0);
	into[n > 0 ? n : 0] = 0;
	return n;
}

static int digit64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes up to the first character that is no digit (padding, blank, end), in place. */
static void decode64(char *text)
{
	unsigned bits = 0, have = 0;
	char *to = text;

	for (; digit64(*text) >= 0; text++) {
		bits = bits << 6 | (unsigned)digit64(*text);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		*to++ = (char)(bits >> have);
	}
	*to = 0;
}

/* The word after key= on the command line, or null. */
static char *option(char *line, const char *key)
{
	unsigned long n = length(key);

	for (char *p = line; *p; p++) {
		unsigned long i = 0;

		if (p != line && p[-1] != ' ')
			continue;
		while (i < n && p[i] == key[i])
			i++;
		if (i == n)
			return p + n;
	}
	return 0;
}

static void write_number(char *to, unsigned n)
{
	unsigned unit = 100;

	while (unit > 1 && n < unit)
		unit /= 10;
	for (; unit; unit /= 10)
		*to++ = (char)('0' + n / unit % 10);
	*to++ = '\n';
	*to = 0;
}

/* The hypervisor reports the status; on a PC the line is all there is. */
static void power_off(unsigned status)
{
	long fd =
		call3(__NR_open, (long)"/sys/module/paravane/parameters/exit_status", O_WRONLY, 0);
	char number[8];

	write_number(number, status & 255);
	if (fd >= 0)
		call3(__NR_write, fd, (long)number, length(number));
	/* On a PC the parameter is there as well, the folder is not. */
	if (fd < 0 || call3(__NR_access, (long)"/sys/kernel/debug/paravane", 0, 0) < 0) {
		say("init: exit status ");
		say(number);
		/* A serial port is slow: nothing may be left in its queue. */
		call3(__NR_ioctl, 2, TCSBRK, 1);
	}
	call5(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF, 0,
	      0);
	for (;;)
		call3(__NR_pause, 0, 0, 0);
}

/*
 * The first console of the list is what /dev/console is; as a terminal it can do job control. Not
 * from sysfs: to close a file there leaves the kernel work that wakes it 5 s later.
 */
static void open_console(void)
{
	char path[128] = "/dev/", list[64];
	long fd, i = 0;

	read_file("/proc/consoles", list, sizeof(list));
	for (; list[i] && list[i] != ' '; i++)
		path[5 + i] = list[i];
	path[5 + i] = 0;
	fd = call3(__NR_open, (long)path, O_RDWR, 0);
	if (fd < 0)
		fd = call3(__NR_open, (long)"/dev/console", O_RDWR, 0);
	for (i = 0; fd >= 0 && i < 3; i++)
		call3(__NR_dup2, fd, i, 0);
	if (fd > 2)
		call3(__NR_close, fd, 0, 0);
	call3(__NR_ioctl, 0, 0x540e /* TIOCSCTTY */, 1);
}

/* As the shell has it: an exit status, or 128 and the signal. */
static unsigned wait_for(long child)
{
	int status = 0;
	long pid;

	do
		pid = call5(__NR_wait4, -1, (long)&status, 0, 0, 0);
	while (pid != child && pid != -10 /* ECHILD */);
	return status & 0x7f ? 128u + (status & 0x7f) : (unsigned)status >> 8;
}

/*
 * At the end of its session's leader a terminal drops what is queued, and a serial port is slow: so
 * a command has a leader that waits until all is sent.
 */
static void lead(void)
{
	long child = call3(__NR_fork, 0, 0, 0);
	unsigned status;

	if (child == 0)
		return;
	status = child < 0 ? 127 : wait_for(child);
	call3(__NR_ioctl, 1, TCSBRK, 1);
	call3(__NR_exit, status, 0, 0);
}

static void start(char *command)
{
	char *run[] = { "sh", "-c", command, 0 }, *login[] = { "-sh", 0 };
	char *env[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin:/tests", "HOME=/root", "TERM=linux",
			0 };

	call3(__NR_setsid, 0, 0, 0);
	open_console();
	if (command)
		lead();
	call3(__NR_chdir, (long)"/root", 0, 0);
	call3(__NR_execve, (long)"/bin/sh", (long)(command ? run : login), (long)env);
	say("init: no /bin/sh\n");
	call3(__NR_exit, 127, 0, 0);
}

__attribute__((used)) static void run(void)
{
	static char line[CMDLINE_MAX];
	char *command;
	long child;

	mount_on("proc", "/proc");
	mount_on("sysfs", "/sys");
	mount_on("devtmpfs", "/dev");
	mount_on("devpts", "/dev/pts");
	mount_on("tmpfs", "/tmp");
	mount_on("debugfs", "/sys/kernel/debug");
	call3(__NR_mkdir, (long)"/root", 0700, 0);
	call3(__NR_sethostname, (long)"paravane", 8, 0);

	read_file("/proc/cmdline", line, sizeof(line));
	command = option(line, "exec=");
	if (command)
		decode64(command);

	child = call3(__NR_fork, 0, 0, 0);
	if (child == 0)
		start(command);
	if (child < 0) {
		say("init: cannot fork\n");
		power_off(127);
	}
	power_off(wait_for(child));
}

asm(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall run\n\thlt\n");
