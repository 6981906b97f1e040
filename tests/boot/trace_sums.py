#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Do records and counters tell the same? trace_sums.py PVN bochs|qemu. One boot in each mode runs all workloads of
figures.py, each between two marks, with every record on. Between the marks the exits, the calls and the members of
batches must be as many in the trace as in the counters, name by name, and no record may be lost. TAP.
"""
import argparse
import collections
import subprocess
import sys

import boot
import figures


class FullSetup(figures.Setup):
    mode = "full/hap"


def records_between(run, pvn):
    """Transitions by space and name after the n-th fence, up to the next; the lines about lost records."""
    sums, at = collections.defaultdict(collections.Counter), 0
    for entry in run.entries():
        if "fence" in entry:
            at += 1
        elif entry["kind"] == "exit":
            sums[at]["exits", entry["name"]] += 1
        elif entry["kind"] == "call":
            sums[at]["exits", "hypercall"] += 1
            sums[at]["calls", entry["name"]] += 1
    text = subprocess.run([pvn, "trace", run.trace, "--kind", "mark"], stdout=subprocess.PIPE, check=True).stdout
    return sums, [line for line in text.decode().splitlines() if "lost" in line]


def check(setup, tap, name):
    work = list(figures.WORKLOADS)
    script = "; ".join(f"{n} --mark {10 * (i + 1)}" for i, n in enumerate(work))
    run = figures.Run(setup, name, 1, script, trace="live")
    tap.result(f"{setup.mode}: the run ends well", run.complaints())
    sums, lost = records_between(run, setup.pvn)
    tap.result(f"{setup.mode}: no record is lost", lost)
    for number, workload in enumerate(work, 1):
        difference = run.between(10 * number)
        if not difference:
            tap.result(f"{setup.mode}: {workload}", ["no marks"])
            continue
        counted = collections.Counter({(space, n): c for space in ("exits", "calls")
                                       for n, c in difference[space].items() if c})
        seen = sums[2 * number - 1]
        wrong = [f"{key}: {counted[key]} counted, {seen[key]} recorded" for key in sorted(set(counted) | set(seen))
                 if counted[key] != seen[key]]
        total = sum(c for (space, _), c in counted.items() if space == "exits")
        tap.result(f"{setup.mode}: {workload}: {total} transitions, as many in the trace", wrong)


def main():
    parser = argparse.ArgumentParser(description="Compares the counters of each workload with the trace's records.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=boot.HOSTS)
    options = parser.parse_args()
    boots = boot.Boots(options.pvn, options.host)
    for name, setup in (("pv", figures.Setup), ("full", FullSetup)):
        check(setup(options, boots.folder), boots.tap, name)
    boots.done()


if __name__ == "__main__":
    sys.exit(main())
