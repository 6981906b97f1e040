#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lab 1: check.py FOLDER [--on HOST] [--show]

FOLDER has answers.txt and mine.c. Runs exits.c and mine.c in both modes and compares every prediction with the
exact count, on bochs unless --on says another host. --show says what was counted where a prediction is off.
"""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
import lab # noqa: E402

# In the order of the marks in exits.c; with what to think about.
SECTIONS = {
    "cpuid": "Which instructions may a guest never execute by itself? Ask docs/hypercalls.md, Exits.",
    "rdtsc": "Must a guest be stopped that reads the time-stamp counter? Look for rdtsc_exit in docs/machine.md.",
    "ports": "How many port accesses does one round have? And does a hypercall take part in any of them?",
    "string": "Count instructions, not bytes; hypervisor/interpreter/port_string.c says more.",
    "tables": "Who translates addresses, and who checks GDT and IF: the hypervisor, or the CPU by itself?",
    "line": "Find console_flush() in tests/guest/lib/console.c: what is sent at once in each mode?",
    "calls": "In full/hap the guest gets #UD. But who sees the instruction first, and who raises the #UD?",
    "sleep": "Sending the interrupt, HLT, ending it: which of them can this CPU do alone? docs/design.md, x2APIC mode.",
    "sum": "Does an addition concern the hypervisor?",
}
MODES = (("pv", "pv/hap"), ("full", "full/hap"))
MINE_AT_LEAST = 10
MACHINE = "machine: {{cpus: 1}}\ndomains:\n" + "".join(
    f"  - {{{{name: {name}, kernel: {{elf}}, memory: 4M, mode: {mode}}}}}\n" for name, mode in MODES)


def read_answers(path):
    """Section -> the two predictions."""
    answers = {}
    for number, (section, *values) in lab.words_of_file(path, 3):
        if section not in SECTIONS and section != "mine":
            raise lab.unreadable(f"{path}:{number}: there is no section {section}")
        if section in answers:
            raise lab.unreadable(f"{path}:{number}: {section} is answered twice")
        for value in values:
            if not value.isdecimal():
                raise lab.unreadable(f"{path}:{number}: expected a number of transitions, found {value}")
        answers[section] = [int(v) for v in values]
    for section in (*SECTIONS, "mine"):
        if section not in answers:
            raise lab.unreadable(f"{path}: no line for {section}")
    return answers


def compare(verdict, what, predicted, counts, hint, show):
    """One prediction against what was counted."""
    for (_, mode), wanted, found in zip(MODES, predicted, counts):
        if wanted == lab.total(found):
            verdict.right(f"{what}, {mode}: {wanted}")
            continue
        size = "too few" if wanted < lab.total(found) else "too many"
        verdict.wrong(f"{what}, {mode}: you predicted {wanted}, which is {size}", hint,
                      *([f"counted: {lab.total(found)} ({lab.text_of(found)})"] if show else []))


def count(tree, source, path, marks, words):
    """For each pair of marks, the counts in each mode."""
    elf = os.path.join(path, os.path.basename(source)[:-2] + ".elf")
    tree.make_payload(source, elf)
    out, err, stats = tree.run_machine(MACHINE.format(elf=elf), path, *words)
    rows = [[lab.between(stats, name, first, last) for name, _ in MODES] for first, last in marks]
    for (first, last), row in zip(marks, rows):
        if None in row:
            raise lab.unreadable(f"{source}: mark({first}) and mark({last}) are not reached in both modes, one "
                                 f"after the other\n{out}{err}")
    return rows


def check():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--on", choices=lab.HOSTS, default="bochs")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    words = ["--on", options.on]
    answers = read_answers(os.path.join(options.folder, "answers.txt"))
    mine = os.path.join(options.folder, "mine.c")
    if not os.path.exists(mine):
        raise lab.unreadable(f"{mine}: not there")
    tree, verdict = lab.Tree(), lab.Verdict()
    with lab.folder() as path:
        rows = count(tree, os.path.join(HERE, "skeleton", "exits.c"), path,
                     [(n, n + 1) for n in range(1, len(SECTIONS) + 1)], words)
        for (section, hint), row in zip(SECTIONS.items(), rows):
            compare(verdict, section, answers[section], row, hint, options.show)
        row = count(tree, mine, path, [(1, 2)], words)[0]
    verdict.expect(lab.total(row[0]) != lab.total(row[1]) and max(map(lab.total, row)) >= MINE_AT_LEAST,
                   f"mine.c: at least {MINE_AT_LEAST} transitions in one mode, not the same number in both",
                   "Between mark(1) and mark(2) do something for which the modes have different ways.")
    compare(verdict, "mine", answers["mine"], row, "It is your own program: run it with --stats, and read the rows.",
            options.show)
    return verdict.end()


if __name__ == "__main__":
    lab.main(check)
