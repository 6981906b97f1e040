#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What work inside an unmodified Linux costs in transitions: figures_full.py PVN bochs|qemu. The same kernel and
workloads as figures.py, in full/hap, where it finds a PC. What makes a comparison with paravirtualization worth
something is that this costs no more than it must: nothing but the tick, and a tick at most 3 transitions, 2 where
the CPU delivers interrupts by itself. On Bochs also: the tick without that (virtual_interrupts: off), and
gettimeofday in ticks against the bare machine. And what an IPI costs. TAP; the table is in the comment lines.
"""
import argparse
import sys

import boot
import figures
import figures_bare

# A tick's exits: the timer, the deadline that is written anew, the EOI, and a window where it had to wait. Whatever
# else hides behind these names makes the tick dearer than its limit.
TICK_EXITS = {"vmx": {"preempt_timer", "wrmsr", "irq_window"},
              "vmx-injected": {"preempt_timer", "wrmsr", "irq_window", "nested_fault"},
              "svm": {"interrupt", "wrmsr", "nested_fault", "irq_window"}}
TICK_LIMIT = {"vmx": 2, "vmx-injected": 3, "svm": 3}
# Deadlines and slices do not fall on the tick's grid. Injected, a tick that finds interrupts off costs a window.
TICK_SLACK = {"vmx": 0.05, "vmx-injected": 0.5, "svm": 0.1}
FREE = ["sum", "getppid", "gettimeofday", "pipe", "forkwait", "forkexec", "mmap", "mprotect"]
SHOWN = ["console", "idle"]
GETTIMEOFDAY_LIMIT = 1.02
# An IPI without a virtual APIC: the kernel reads ICR and writes both halves of it, or one half for all others.
IPI_SENDER = {1: 3, 3: 2}
# The kernel's own IPIs. QEMU runs one CPU after the other, and most of its time is none of the workload's.
IPI_NOISE = {"vmx": 0.06, "svm": 0.4}


class Setup(figures.Setup):
    mode = "full/hap"


def check(tap, setup, name, backend=None):
    """Runs all workloads; transitions without the tick must be 0, and the tick within its limit."""
    names = FREE + SHOWN
    run = figures.Run(setup, name, 1, "; ".join(f"{n} --mark {10 * (i + 1)}" for i, n in enumerate(names)),
                      words=figures_bare.SAME)
    tap.result(f"{name}: the run ends well", run.complaints())
    backend = backend or run.machine["backend"]
    all_ticks, all_periods = 0, 0.0
    for number, work in enumerate(names, 1):
        difference, reported = run.between(10 * number), run.reported(work)
        if not difference or not reported:
            tap.result(f"{name}: {work}", ["it did not say ok" if difference else "no marks"])
            continue
        exits = difference["exits"]
        if work in SHOWN:
            print(f"# {name}: {work}: {sum(exits.values())} ({figures.spell(exits)})")
            continue
        ticks = sum(exits.get(n, 0) for n in TICK_EXITS[backend])
        rest = {n: c for n, c in exits.items() if n not in TICK_EXITS[backend]}
        all_ticks += ticks
        all_periods += difference["tsc"] / run.machine["tsc_khz"] / 1000 * figures.HZ
        print(f"# {name}: {work}: {reported[0]} times: {sum(rest.values())} and {ticks} of the tick "
              f"({figures.spell(exits)})")
        tap.result(f"{name}: {work}: 0 transitions", [figures.spell(rest)] if rest else [])
    each = all_ticks / all_periods if all_periods else 0.0
    most = TICK_LIMIT[backend]
    print(f"# {name}: {all_ticks} transitions in {all_periods:.0f} ticks")
    slack = TICK_SLACK[backend]
    tap.result(f"{name}: a tick: {each:.3f} (at most {most}, and {slack} of other causes)",
               [] if all_periods > 50 and 0.5 < each <= most + slack else ["not between 0.5 and the limit"])
    exits = [(n, c) for (space, n), c in run.until_first_mark().items() if space == "exit" and c]
    print(f"# {name}: boot to the shell: {sum(c for _, c in exits)} ({figures.spell(dict(exits))})")
    return run


def apic_exits(exits, is_virtual):
    """Accesses to the local APIC, but for the EOI of each tick: a tick writes TSC_DEADLINE once."""
    return exits["apic"] if is_virtual else exits["nested_fault"] - exits["wrmsr"]


def check_ipi(tap, setup, receivers, cpus=None):
    """What an IPI costs its sender, and each receiver: the kick, and where the APIC is not virtual the EOI. With one
    CPU nobody receives while it runs, but on Bochs the APIC is virtual there.
    """
    name = f"IPI to {receivers}, on {cpus or receivers + 1} CPUs"
    run = figures.Run(setup, f"ipi{receivers}-{cpus}", receivers + 1, "ipi --mark 10", cpus=cpus)
    tap.result(f"{name}: the run ends well", run.complaints())
    reported, backend = run.reported("ipi"), run.machine["backend"]
    if not reported or not run.between(10):
        tap.result(name, ["it did not say ok"])
        return
    ops, is_virtual = reported[0], backend == "vmx" and cpus == 1
    # A receiver that is in its tick just then takes the work along, and the kernel sends it nothing.
    least, most = ops * 0.9, ops * IPI_NOISE[backend]
    sender = run.of_vcpu(10, 0)
    each, count = 1 if is_virtual else IPI_SENDER[receivers], apic_exits(sender, is_virtual)
    print(f"# {name}, {ops} times: sender {figures.spell(sender)}")
    tap.result(f"{name}: the sender's accesses to its APIC: {count / ops:.2f} each ({each})",
               [] if each * least <= count <= each * ops + most else [figures.spell(sender)])
    for vcpu in range(1, receivers + 1):
        exits = run.of_vcpu(10, vcpu)
        print(f"#   receiver {vcpu}: {figures.spell(exits)}")
        if is_virtual:
            tap.result(f"{name}: no EOI exits", [figures.spell(exits)] if exits["nested_fault"] else [])
            continue
        kicks, count = exits["interrupt"] - (exits["wrmsr"] if backend == "svm" else 0), apic_exits(exits, False)
        tap.result(f"{name}: receiver {vcpu}: {kicks / ops:.2f} kicks and {count / ops:.2f} EOIs each (1, 1)",
                   [] if least <= kicks and (kicks <= ops + most or backend == "svm") and
                   least <= count <= ops + most else [figures.spell(exits)])


def main():
    parser = argparse.ArgumentParser(description="Counts what the workloads of an unmodified Linux cost.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=sorted(figures.BOOT_WALL_S))
    options = parser.parse_args()
    boots = boot.Boots(options.pvn, options.host)
    setup = Setup(options, boots.folder)
    run = check(boots.tap, setup, "full")
    check_ipi(boots.tap, setup, 1)
    if options.host == "bochs": # QEMU's CPUs wait so long for each other that a receiver often has something else
        check_ipi(boots.tap, setup, 3)
        check_ipi(boots.tap, setup, 1, cpus=1)
        code, out, err = boot.finish([setup.pvn, "guest", "--print", "--pc"], 1500)
        if code:
            sys.exit("Bail out! no guest: " + err)
        alone = figures_bare.bare(setup, out.splitlines()[-1], "gettimeofday")
        figures_bare.compare(boots.tap, alone, "gettimeofday", "gettimeofday", run, GETTIMEOFDAY_LIMIT)
        setup.features = ", features: {virtual_interrupts: off}"
        check(boots.tap, setup, "injected", "vmx-injected")
    boots.done()


if __name__ == "__main__":
    main()
