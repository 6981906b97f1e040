#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Time in the Linux guest: clocks.py PVN bochs|qemu. With each of its three clocks (the TSC, pvclock because it
is asked for, pvclock because the TSC is said to be unstable): the guest's clock against the hypervisor's, what
reading it costs, deadlines in the past, and that it never runs backwards on several CPUs. Steal time of two
guests that share a CPU. TAP.
"""
import argparse
import os
import re

import boot
import figures

# Name, words of the kernel's command line, keys of the domain, the clock that must be in use.
CLOCKS = (("the TSC", "", "", "tsc"),
          ("pvclock", "paravane_clock=pvclock", "", "paravane"),
          ("an unstable TSC", "", "features: {tsc_stable: off},", "paravane"))
SOURCE = "cat /sys/devices/system/clocksource/clocksource0/current_clocksource"
SECONDS = 10
DRIFT = 0.001
STEAL_MS = 1000
# /proc/stat counts in hundredths of a second, at ticks; between two slices nothing is accounted.
STEAL_SLACK_MS = 30


def fields(run, name):
    """What a program printed as NAME key=value ..., as numbers."""
    match = re.search(rf"^(?:\[\w+\] )?{name}((?: \w+=\d+)+)\r?$", run.output, re.M)
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match.group(1))} if match else {}


class Clocks:
    def __init__(self, boots, setup):
        self.boots, self.setup = boots, setup

    def clock(self, name, words, domain, source):
        run = figures.Run(self.setup, "clock", 1, f"{SOURCE}; getppid; gettimeofday --mark 10; clock --mark 20 --ops {SECONDS}; "
                          "deadlines --mark 30", words=words, domain=domain)
        expect = self.boots.expect
        expect(f"{name}: the guest boots and ends well, its clock is {source}",
               *((False, text) for text in run.complaints()),
               (re.search(rf"^(\[linux\] )?{source}\r?$", run.output, re.M), run.output[-1500:]))
        rest, _ = figures.split((run.between(10) or {"exits": {"no mark": 1}})["exits"], run.machine["backend"])
        expect(f"{name}: 100,000 times gettimeofday cost no transition", (run.reported("gettimeofday"), run.output[-500:]),
               (not rest, rest))
        calls = [(run.reported(program) or (0, 0))[1] for program in ("gettimeofday", "getppid")]
        print(f"# {name}: ticks of 100,000 times gettimeofday and getppid: {calls}")
        # A stable clock is read by the vDSO; with an unstable one it must ask the kernel.
        expect(f"{name}: gettimeofday is {'a' if domain else 'no'} system call",
               (all(calls) and (calls[0] < calls[1]) == (not domain), calls))
        self.drift(name, run)
        late = fields(run, "deadlines").get("latest_ns")
        expect(f"{name}: deadlines in the past and at once fire, none early, none lost, the latest {late} ns late",
               (run.reported("deadlines"), run.output[-500:]))

    def drift(self, name, run):
        marks, times = run.between(20), fields(run, "clock")
        if not marks or not times:
            self.boots.expect(f"{name}: {SECONDS} s by the guest's clock", (False, run.output[-1000:]))
            return
        real = marks["tsc"] / run.machine["tsc_khz"] * 1e6 # nanoseconds by the hypervisor's
        for which in ("monotonic_ns", "realtime_ns"):
            ratio = times[which] / real
            print(f"# {name}: {which} {times[which]}, the hypervisor's {real:.0f}: {ratio - 1:+.6%}")
            self.boots.expect(f"{name}: {SECONDS} s by the guest's {which[:-3]} clock are {ratio - 1:+.4%} off the "
                              "hypervisor's (at most 0.1 %)", (abs(ratio - 1) <= DRIFT, real),
                              (real >= SECONDS * 1e9 * (1 - DRIFT), "not as long as that"))

    def backwards(self, name, words, domain, vcpus, cpus):
        run = figures.Run(self.setup, "backwards", vcpus, f"{SOURCE}; monotonic", words=words, domain=domain, cpus=cpus)
        self.boots.expect(f"{name}: no clock runs backwards on {vcpus} vCPUs on {cpus} CPUs",
                          *((False, text) for text in run.complaints()),
                          (fields(run, "monotonic").get("cpus") == vcpus, run.output[-1000:]),
                          (run.reported("monotonic"), run.output[-500:]))

    def steal(self):
        """The other guest spins for longer than this one measures."""
        other = self.setup.domain("other", 1, f"steal --ops {2 * STEAL_MS}")
        run = figures.Run(self.setup, "steal", 1, f"steal --ops {STEAL_MS}", cpus=1, domains=other)
        times = fields(run, "steal")
        print("# " + figures.spell(times))
        steal, runnable, running = (times.get(key, 0) for key in ("steal_ms", "runnable_ms", "running_ms"))
        self.boots.expect(f"two guests on one CPU: {steal} ms stolen by /proc/stat, {runnable} ms by the hypervisor",
                          *((False, text) for text in run.complaints()),
                          (runnable > STEAL_MS // 4, "not shared"),
                          (abs(steal - runnable) <= STEAL_SLACK_MS + runnable // 20, "they differ by more than 5 %"),
                          (abs(runnable + running - STEAL_MS) <= STEAL_MS // 20, "the states do not add up"))

    def run(self):
        for clock in CLOCKS:
            self.clock(*clock)
        for clock in CLOCKS:
            self.backwards(*clock[:3], 4, 2)
        # QEMU leaves its translated code at each PAUSE: vCPUs that wait for each other take half a minute there.
        if self.setup.host != "qemu":
            self.backwards(*CLOCKS[1][:3], 2, 1)
        self.steal()


def main():
    parser = argparse.ArgumentParser(description="Checks the clocks of the Linux guest.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=boot.HOSTS)
    options = parser.parse_args()
    boots = boot.Boots(options.pvn, options.host)
    Clocks(boots, figures.Setup(options, boots.folder)).run()
    boots.done()


main()
