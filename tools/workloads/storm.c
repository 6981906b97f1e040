// SPDX-License-Identifier: BSD-2-Clause
/*
 * What a kernel does for programs, as much and as mixed as fits into seconds: mappings made,
 * protected, split and removed; faults caught; processes, pipes, signals, files in memory, vector
 * registers across context switches. Every part prints a sum over all that it saw, which depends on
 * nothing but this program: two machines that differ in it do not do the same.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096u
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("storm: line %d: %s\n", __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

static uint64_t seed, sum;
static sigjmp_buf on_fault;
static volatile sig_atomic_t signals;

static unsigned int rnd(unsigned int below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(seed >> 33) % below;
}

static void add(uint64_t value)
{
	sum = (sum ^ value) * 0x100000001b3ull;
}

static void caught(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	add((uintptr_t)info->si_addr % PAGE + (unsigned int)info->si_code);
	siglongjmp(on_fault, 1);
}

/* Does a write fault? */
static int faults(volatile uint8_t *at)
{
	if (sigsetjmp(on_fault, 1))
		return 1;
	*at = (uint8_t)(*at + 1);
	return 0;
}

static void part_mappings(void)
{
	struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO };
	int fault_count = 0;

	sigaction(SIGSEGV, &action, NULL);
	for (int round = 0; round < 200; round++) {
		unsigned int pages = 3 + rnd(60), hole = 1 + rnd(pages - 2), locked = rnd(pages);
		size_t bytes = pages * PAGE;
		uint8_t *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		CHECK(m != MAP_FAILED);
		for (unsigned int p = 0; p < pages; p += 1 + rnd(3))
			m[p * PAGE + rnd(PAGE)] = (uint8_t)round;
		CHECK(!mprotect(m + locked * PAGE, PAGE, PROT_READ));
		CHECK(!munmap(m + hole * PAGE, PAGE));
		for (unsigned int p = 0; p < pages; p += 1 + rnd(4))
			fault_count += faults(m + p * PAGE + rnd(PAGE));
		CHECK(!mprotect(m, hole * PAGE, PROT_READ | PROT_WRITE));
		for (unsigned int p = 0; p < hole; p++)
			for (unsigned int i = 0; i < PAGE; i += 64)
				add(m[p * PAGE + i]);
		CHECK(!munmap(m, bytes));
		CHECK(faults(m + 5));
	}
	add((unsigned int)fault_count);
}

/* Children change their copies; the parent's stays; what they saw comes through pipes. */
static void part_processes(void)
{
	static uint32_t shared[16 * PAGE / 4];

	for (unsigned int i = 0; i < sizeof(shared) / 4; i++)
		shared[i] = i;
	for (int round = 0; round < 40; round++) {
		uint64_t answer = 0;
		int ends[2], status;
		pid_t child;

		CHECK(!pipe(ends));
		child = fork();
		CHECK(child >= 0);
		if (!child) {
			for (unsigned int i = 0; i < sizeof(shared) / 4; i += 37)
				answer += shared[i] += (unsigned int)round;
			if (write(ends[1], &answer, sizeof(answer)) != sizeof(answer))
				_exit(99);
			_exit(round);
		}
		CHECK(read(ends[0], &answer, sizeof(answer)) == sizeof(answer));
		CHECK(waitpid(child, &status, 0) == child);
		add(answer);
		add((unsigned int)status);
		close(ends[0]);
		close(ends[1]);
	}
	for (unsigned int i = 0; i < sizeof(shared) / 4; i++)
		add(shared[i]);
}

static void count(int number)
{
	(void)number;
	signals++;
}

/* A child and its parent take turns, each waking the other with a signal. */
static void part_signals(void)
{
	struct sigaction action = { .sa_handler = count };
	sigset_t usr1, old;
	pid_t child;
	int status;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	child = fork();
	CHECK(child >= 0);
	for (int turn = 0; turn < 300; turn++) {
		if (!child || turn) {
			int before = signals;

			while (signals == before)
				sigsuspend(&old);
		}
		kill(child ? child : getppid(), SIGUSR1);
	}
	if (!child)
		_exit(signals == 300 ? 42 : 1);
	CHECK(waitpid(child, &status, 0) == child);
	add((unsigned int)status);
	sigprocmask(SIG_SETMASK, &old, NULL);
	add((unsigned int)signals);
	CHECK(!kill(getpid(), 0));
}

static void part_files(void)
{
	uint8_t block[3000];

	for (int round = 0; round < 30; round++) {
		char name[40], other[40];
		unsigned int bytes = 0;
		uint8_t *m;
		int fd;

		snprintf(name, sizeof(name), "/tmp/storm.%d", round);
		snprintf(other, sizeof(other), "/tmp/storm.%d.moved", round);
		fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
		CHECK(fd >= 0);
		for (unsigned int n = 4 + rnd(30); n > 0; n--) {
			unsigned int part = 1 + rnd(sizeof(block));

			memset(block, (int)n, part);
			CHECK(write(fd, block, part) == (ssize_t)part);
			bytes += part;
		}
		CHECK(!rename(name, other) && !ftruncate(fd, bytes / 2 + 1));
		m = mmap(NULL, bytes / 2 + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(m != MAP_FAILED);
		m[bytes / 4] ^= 0x5a;
		CHECK(pread(fd, block, 1, bytes / 4) == 1 && block[0] == m[bytes / 4]);
		for (unsigned int i = 0; i <= bytes / 2; i++)
			add(m[i]);
		CHECK(!munmap(m, bytes / 2 + 1) && !close(fd) && !unlink(other));
	}
}

/* Four processes compute at once: each has its own floating-point and vector registers. */
static void part_vectors(void)
{
	uint64_t bits;
	int ends[2];

	CHECK(!pipe(ends));
	for (int n = 0; n < 4; n++) {
		double x[4] = { n + 0.25, n + 0.5, n + 0.75, n + 1.0 };
		uint64_t all = 0;

		if (fork())
			continue;
		for (int i = 0; i < 400000; i++)
			for (int k = 0; k < 4; k++)
				x[k] = 3.7 * (x[k] / 8) * (1 - x[k] / 8) + 0.125;
		for (int k = 0; k < 4; k++) {
			memcpy(&bits, &x[k], sizeof(bits));
			all += bits * (uint64_t)(n + 1);
		}
		_exit(write(ends[1], &all, sizeof(all)) != sizeof(all));
	}
	bits = 0;
	for (int n = 0; n < 4; n++) {
		uint64_t all;
		int status;

		CHECK(read(ends[0], &all, sizeof(all)) == sizeof(all));
		bits += all; /* in whatever order they end */
		CHECK(wait(&status) > 0 && !status);
	}
	add(bits);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} parts[] = { { "mappings", part_mappings },
		      { "processes", part_processes },
		      { "signals", part_signals },
		      { "files", part_files },
		      { "vectors", part_vectors } };

	/* Nothing is left in the buffer that a child would print again. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		seed = i;
		sum = 0xcbf29ce484222325ull;
		parts[i].run();
		printf("storm: %s %016llx\n", parts[i].name, (unsigned long long)sum);
	}
	return 0;
}
