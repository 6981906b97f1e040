#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What work inside the Linux guest costs in transitions: figures.py PVN bochs|qemu [--json FILE] [--keep DIR].

Boots the patched guest in pv/hap, runs the workloads of tools/workloads/ each between two marks, and compares
the differences of the counters with the limits that the project promises. TAP, a result a limit; the table is
in the comment lines. The kernel is guest:linux, or the file named by PVN_VMLINUX. PVN_INITRAMFS names an
archive that has the workloads in /tests; without, one is packed here.
"""
import argparse
import base64
import collections
import json
import os
import re
import subprocess
import sys
import time

import boot

HZ = 250 # of the guest's kernel, CONFIG_HZ
TIMEOUT_S = 150
# In this order; the mark of the n-th is 10 * (n + 1). A limit is of transitions without the tick.
WORKLOADS = {"sum": 0, "getppid": 0, "gettimeofday": 0, "pipe": 0, "forkwait": 0, "forkexec": 0, "mmap": 0,
             "mprotect": 0, "console": 165, "idle": 3}
CONSOLE_AIM = 40
TICK_LIMIT, TICK_AIM = 2.0, 1.05 # transitions a tick
BOOT_LIMIT = 500
BOOT_WALL_S = {"bochs": 8, "qemu": 4}
MARK_BOOT = 1
WAKE_LATE_US = 1000 # a wake this close to its deadline came from it
CONSOLE_LINES = 160
PROGRAMS = [*WORKLOADS, "boot", "ipi", "clock", "deadlines", "monotonic", "steal"]
# What the tick comes as: VMX has a timer of its own for it, on SVM it is a physical interrupt.
TICK_EXITS = {"vmx": ("preempt_timer", "irq_window"), "svm": ("interrupt", "irq_window")}


class Run:
    """A boot of the guest that runs a shell command; what it printed and what was counted.

    trace: "live" for a run longer than the rings. words: of the kernel's command line. domain: more keys of the
    domain, domains: more domains.
    """

    def __init__(self, setup, name, vcpus, command, trace=False, words="", cpus=None, domain="", domains=""):
        self.pvn, self.trace = setup.pvn, os.path.join(setup.folder, name + ".trace") if trace else None
        self.output, self.init_s = "", None
        stats = os.path.join(setup.folder, name + ".json")
        machine = os.path.join(setup.folder, name + ".yaml")
        with open(machine, "w", encoding="ascii") as f:
            recording = f", trace: {{records: 30000, live: {'on' if trace == 'live' else 'off'}}}" if trace else ""
            f.write(f'machine: {{cpus: {cpus or vcpus}, memory: 512M{recording}{setup.features}}}\n'
                    f'domains:\n' +
                    setup.domain("linux", vcpus, command, words, domain) + domains)
        arguments = [setup.pvn, "run", machine, "--on", setup.host, "--timeout", str(TIMEOUT_S), "--stats", stats]
        self.exit = self.execute(arguments + (["--trace", self.trace] if trace else []))
        with open(os.path.join(setup.folder, name + ".txt"), "w", encoding="utf-8") as f:
            f.write(self.output)
        if not os.path.exists(stats):
            sys.exit(f"Bail out! {name}: pvn ended with {self.exit} and no counters: {self.output[-2000:]}")
        with open(stats, encoding="utf-8") as f:
            data = json.load(f)
        self.machine, self.domain = data["machine"], data["domains"][0]

    def entries(self):
        """What `pvn trace` says of a traced run, an object an entry."""
        done = subprocess.run([self.pvn, "trace", self.trace, "--json-lines", "-"], stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def execute(self, arguments):
        start = time.monotonic()
        with boot.start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT) as process:
            for line in process.stdout:
                if self.init_s is None and b"Run /init as init process" in line:
                    self.init_s = time.monotonic() - start
                self.output += line.decode(errors="replace")
        boot.live.discard(process)
        self.seconds = time.monotonic() - start
        return process.returncode

    def between(self, first):
        """The difference of the counters from mark `first` to the next, or None."""
        for difference in self.domain["differences"]:
            if difference["from"] == first and difference["to"] == first + 1:
                return difference
        return None

    def until_first_mark(self):
        """Counters by space and name, from the domain's start."""
        sums = collections.Counter()
        for vcpu in self.domain["marks"][0]["vcpus"] if self.domain["marks"] else []:
            for row in vcpu["rows"]:
                sums[row["space"], row["name"]] += row["count"]
        return sums

    def of_vcpu(self, first, vcpu, space="exit"):
        """Counters of one vCPU between mark `first` and the next, by name."""
        sums = collections.Counter()
        for mark, sign in ((first, -1), (first + 1, 1)):
            snapshot = next((m for m in self.domain["marks"] if m["id"] == mark), {"vcpus": []})
            for one in snapshot["vcpus"]:
                for row in one["rows"] if one["vcpu"] == vcpu else []:
                    if row["space"] == space:
                        sums[row["name"]] += sign * row["count"]
        return +sums

    def reported(self, name):
        """Ops and ticks that a workload printed, or None."""
        match = re.search(rf"^{name} ops=(\d+) ticks=(\d+) ok\r?$", self.output, re.M)
        return (int(match.group(1)), int(match.group(2))) if match else None

    def complaints(self):
        if self.exit:
            yield f"pvn ended with {self.exit}"
            yield from self.output.splitlines()[-12:]
        if not self.domain["end"]["well"]:
            yield "the guest's end: " + self.domain["end"]["text"]


class Setup:
    """Where things are, and the archive with the workloads."""
    mode = "pv/hap"
    features = "" # of the machine: ", features: {...}"

    def __init__(self, options, folder):
        self.pvn, self.host = os.path.abspath(options.pvn), options.host
        self.folder = folder
        self.kernel = os.environ.get("PVN_VMLINUX", "guest:linux")
        self.initrd = os.environ.get("PVN_INITRAMFS") or self.pack()

    def domain(self, name, vcpus, command, words="", more=""):
        """A Linux domain of a description, which runs the command and powers off."""
        line = f"norandmaps {words} exec={base64.b64encode(command.encode()).decode()}"
        return (f'  - {{name: {name}, kernel: "{self.kernel}", initrd: "{self.initrd}", memory: 96M,\n'
                f'     vcpus: {vcpus}, mode: {self.mode}, {more} cmdline: "{line}"}}\n')

    def pack(self):
        programs = os.path.join(os.path.dirname(self.pvn), "workloads")
        archive = os.path.join(self.folder, "initramfs.cpio")
        subprocess.run([os.path.join(boot.ROOT, "guest-patches", "initramfs", "pack"), archive,
                        *(os.path.join(programs, name) for name in PROGRAMS)], check=True)
        return archive


def spell(counts):
    return " ".join(f"{name}={count}" for name, count in sorted(counts.items(), key=lambda c: -c[1])) or "-"


def split(exits, backend):
    """Exits without the tick, and the tick's."""
    ticks = sum(exits.get(name, 0) for name in TICK_EXITS[backend])
    return {name: n for name, n in exits.items() if name not in TICK_EXITS[backend]}, ticks


class Figures:
    def __init__(self, setup, tap):
        self.setup, self.tap = setup, tap
        self.rows = {} # for --json

    def limit(self, what, got, most, detail=""):
        wrong = [f"{got} is above the limit" + (f": {detail}" if detail else "")] if got > most else []
        self.tap.result(f"{what}: {got} (at most {most})", wrong)

    def table_row(self, name, ops, rest, ticks, periods, detail):
        each = f"{ticks / periods:.2f}" if periods >= 10 else "-"
        print(f"# {name:13}{ops:>9}{rest:>12}{ticks:>7}{each:>10}  {detail}")

    def check_workloads(self, run):
        """Each between its marks; returns the tick's transitions and the ticks there should have been."""
        backend, khz = run.machine["backend"], run.machine["tsc_khz"]
        all_ticks, all_periods, results = 0, 0.0, []
        print(f"# {'workload':13}{'ops':>9}{'transitions':>12}{'tick':>7}{'per tick':>10}  by name, tick apart")
        for number, (name, most) in enumerate(WORKLOADS.items(), 1):
            difference, reported = run.between(10 * number), run.reported(name)
            if not difference or not reported:
                results.append((name, None, most, "it did not say ok" if difference else "no marks"))
                continue
            rest, ticks = split(difference["exits"], backend)
            periods = difference["tsc"] / khz / 1000 * HZ
            if name == "idle": # every transition counts: there is no tick
                rest, ticks, periods = difference["exits"], 0, 0
            else:
                all_ticks, all_periods = all_ticks + ticks, all_periods + periods
            calls = {n: c for n, c in difference["calls"].items() if n in difference["calls"]}
            detail = spell({n: c for n, c in rest.items() if n != "hypercall"} | calls)
            self.table_row(name, reported[0], sum(rest.values()), ticks, periods, detail)
            results.append((name, sum(rest.values()), most, detail))
            self.rows[name] = {"ops": reported[0], "ticks": reported[1], "transitions": sum(rest.values()),
                               "by_name": detail, "tick_transitions": ticks, "periods": periods}
        for name, got, most, detail in results:
            if got is None:
                self.tap.result(f"{name}: at most {most}", [detail])
            else:
                self.limit(name, got, most, detail)
        return all_ticks, all_periods

    def check_tick(self, ticks, periods):
        each = round(ticks / periods, 3) if periods else 0.0
        self.rows["tick"] = {"transitions": ticks, "periods": periods, "each": each}
        print(f"# tick: {ticks} transitions in {periods:.0f} periods of {1000 // HZ} ms: {each}, aim {TICK_AIM}")
        self.tap.result(f"a tick: {each} (at most {TICK_LIMIT})",
                        [] if periods > 50 and 0.5 < each <= TICK_LIMIT else ["not between 0.5 and the limit"])

    def check_console(self, run):
        numbers = [int(n) for n in re.findall(r"console line (\d{4}) [a-z]{45}\r?\n", run.output)]
        wanted = [0, *range(CONSOLE_LINES)] # the warm-up's one first
        self.tap.result(f"console: all {CONSOLE_LINES} lines arrived, in order",
                        [] if numbers == wanted else [f"{len(numbers)} lines: {numbers}"])
        if "console" in self.rows:
            print(f"# console: {self.rows['console']['transitions']} for {CONSOLE_LINES} lines, aim {CONSOLE_AIM}")

    def check_boot(self, run):
        sums = run.until_first_mark()
        exits = {name: n for (space, name), n in sums.items() if space == "exit" and n}
        calls = {name: n for (space, name), n in sums.items() if space == "call" and n}
        rest, ticks = split(exits, run.machine["backend"])
        total = sum(rest.values())
        self.rows["boot"] = {"transitions": total, "exits": exits, "calls": calls}
        print(f"# boot to the shell: {total} without {ticks} of the tick; {total - calls.get('CONSOLE', 0)} without "
              f"the {calls.get('CONSOLE', 0)} console lines")
        print(f"#   by reason: {spell(rest)}")
        print(f"#   by call:   {spell(calls)}")
        self.tap.result(f"boot to the shell with 1 vCPU: {total} (at most {BOOT_LIMIT})",
                        ["no mark"] if not total else ["above the limit"] if total > BOOT_LIMIT else [])
        most = BOOT_WALL_S[self.setup.host]
        took = run.init_s or 999.0
        self.rows["boot"]["wall_s"] = round(took, 1)
        print(f"# boot to the first process: {took:.1f} s of wall time (aim: {most} s on an idle machine)")

    def check_idle(self):
        """An idle second once more, traced: what ended each BLOCK, by its deadline and the time of the wake."""
        run = Run(self.setup, "idle", 1, "idle --mark 10", trace=True)
        inside, blocks, others = False, [], []
        for entry in run.entries():
            if entry.get("fence"):
                inside = not inside
            elif inside and entry["name"] == "BLOCK":
                blocks.append({"from": entry["us"], "deadline": int(entry["values"][0], 16) / 1000, "wake": None})
            elif inside and entry["kind"] == "sched" and entry["name"] == "wake" and blocks:
                blocks[-1]["wake"] = entry["us"]
            elif inside and entry["kind"] in ("call", "exit"):
                others.append(entry["name"])
        # The clocks of trace and guest start at different times; the sleeper at least wakes at its deadline.
        ended = [block for block in blocks if block["wake"]]
        ahead = min((block["deadline"] - block["wake"] for block in ended), default=0)
        for block in blocks:
            reason = "something was pending" if not block["wake"] else "the timer, at its deadline" if \
                block["deadline"] - block["wake"] - ahead < WAKE_LATE_US else "an event before its deadline"
            print(f"# idle: BLOCK of {((block['wake'] or block['from']) - block['from']) / 1000:.1f} ms: {reason}")
        print(f"# idle: besides: {' '.join(others) or '-'} (TIMER_SET starts the tick again)")
        self.limit("idle, traced", len(blocks) + len(others), WORKLOADS["idle"])
        self.tap.result("idle: the trace shows the wakes", [] if ended else ["no BLOCK between two marks"])

    def check_cpuid(self):
        """The kernel itself executes none once it has its page; a program's C library does at its start."""
        run = Run(self.setup, "cpuid", 1, "boot --mark 1; cat /proc/cpuinfo", trace=True)
        self.tap.result("a traced boot ends well", run.complaints())
        seen, kernel, boot, user = False, collections.Counter(), collections.Counter(), 0
        for entry in run.entries():
            seen |= "fence" in entry
            if entry["kind"] != "exit" or entry["name"] != "cpuid":
                continue
            if int(entry["rip"], 16) >> 63:
                (kernel if seen else boot)[entry.get("symbol", entry["rip"])] += 1
            elif seen:
                user += 1
        print(f"# CPUID in the kernel at boot: {spell(boot)}")
        wrong = [] if seen and user else ["the trace has no mark" if not seen else "no CPUID of a program"]
        self.tap.result("CPUID in the kernel after boot: 0",
                        wrong + [f"{place}: {n}" for place, n in kernel.items()])

    def check_ipi(self, receivers):
        """One transition of the sender, one of each receiver, which all run; the tick apart."""
        run = Run(self.setup, f"ipi{receivers}", receivers + 1, "ipi --mark 10")
        self.tap.result(f"IPI to {receivers}: the run ends well", run.complaints())
        reported, difference = run.reported("ipi"), run.between(10)
        if not reported or not difference:
            self.tap.result(f"IPI to {receivers}", ["it did not say ok"])
            return
        ops, backend = reported[0], run.machine["backend"]
        periods = difference["tsc"] / run.machine["tsc_khz"] / 1000 * HZ
        sender, ticks = split(run.of_vcpu(10, 0), backend)
        calls = run.of_vcpu(10, 0, "call")
        print(f"# IPI to {receivers}, {ops} times: sender {spell(sender)} ({spell(calls)}), tick {ticks}; "
              f"{periods:.1f} periods")
        # QEMU runs one CPU after the other: that takes so long that the scheduler has its own to send.
        timer = calls.get("TIMER_SET", 0)
        # The kernel has an IPI of its own to send now and then, in either direction.
        noise = ops // 50
        most = ops + (noise if backend == "vmx" else ops // 20)
        self.limit(f"IPI to {receivers}: the sender's transitions for {ops}", sum(sender.values()) - timer, most,
                   spell(calls))
        # On SVM kick and tick are both interrupts: what the tick may cost is taken off.
        tick_most = int((periods + 2) * TICK_LIMIT) if backend == "svm" else noise
        # A receiver that is in its tick just then takes the work along, and the kernel sends it nothing.
        sent = calls.get("IPI_SEND", 0) + calls.get("IPI_MASK", 0)
        least = min(sent, ops) if sent >= ops * 9 // 10 else ops
        for vcpu in range(1, receivers + 1):
            exits = run.of_vcpu(10, vcpu)
            # An IPI that meets a tick waits for a window, which is the tick's.
            count = sum(n for name, n in exits.items() if name not in TICK_EXITS["vmx"])
            print(f"#   receiver {vcpu}: {spell(exits)}")
            self.tap.result(f"IPI to {receivers}: receiver {vcpu}: {count} for {ops} (one each, and at most "
                            f"{tick_most} of tick and kernel)", [] if least <= count + ops // 50 and
                            count <= ops + tick_most else [spell(exits)])

    def run(self):
        names = list(WORKLOADS)
        script = "; ".join([f"boot --mark {MARK_BOOT}", *(f"{n} --mark {10 * (i + 1)}" for i, n in enumerate(names))])
        run = Run(self.setup, "workloads", 1, script)
        self.tap.result("the run ends well", run.complaints())
        self.check_tick(*self.check_workloads(run))
        self.check_console(run)
        self.check_boot(run)
        self.check_idle()
        self.check_cpuid()
        self.check_ipi(1)
        self.check_ipi(3)


def main():
    parser = argparse.ArgumentParser(description="Counts what the workloads of the Linux guest cost.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=sorted(BOOT_WALL_S))
    parser.add_argument("--json", help="the figures as a file, for comparisons")
    parser.add_argument("--keep", metavar="DIR", help="machines, outputs and counters stay there")
    options = parser.parse_args()
    boots = boot.Boots(options.pvn, options.host)
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    figures = Figures(Setup(options, os.path.abspath(options.keep) if options.keep else boots.folder), boots.tap)
    figures.run()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump(figures.rows, f, indent=1)
    boots.done()


if __name__ == "__main__":
    main()
