#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lab 3: check.py FOLDER [--on HOST] [--show] [--measured FOLDER2]

FOLDER has answers.txt. Measures three workloads in both modes by pvn compare, traces them in full/hap, and compares
each answer with that; on qemu unless --on says another host. --show says what was measured where an answer is off.
--measured keeps the measurement in FOLDER2, or takes it from there: for many answers from one machine.
"""
import argparse
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
import lab # noqa: E402

WORKLOADS = ("getppid", "console", "boot")
COLUMNS = ("pv/hap", "full/hap", "class", "reason", "function", "call")
MODES = COLUMNS[:2]
NONE = "none"
# Counts may be off by so much: in parts of the count, and in any case. Two runs on one host are the same but for a
# few transitions that depend on when a tick comes.
PART, FEW = 0.02, 3
HINTS = {
    "pv/hap": "The table of pvn compare, column total. On the same host? (--on)",
    "full/hap": "The table of pvn compare, column total. On the same host? (--on)",
    "class": "The breakdown of pvn compare: which class under the workload (hypercall, sensitive, ...) has the most?",
    "reason": "The breakdown of pvn compare: which row below a class (cpuid, port_in, ...) has the most?",
    "function": "pvn trace --by-symbol, from the workload's first mark to its second one.",
    "call": "The breakdown of pvn compare, column pv/hap: names in capitals are hypercalls.",
}
# Marks of the traced run; those of the boot are the start and mark 1.
MARK_BOOT, MARK_GETPPID, MARK_CONSOLE = 1, 3, 5
SCRIPT = f"boot --mark {MARK_BOOT}; getppid --mark {MARK_GETPPID}; console --mark {MARK_CONSOLE}"
SPANS = {"getppid": (MARK_GETPPID, MARK_GETPPID + 1), "console": (MARK_CONSOLE, MARK_CONSOLE + 1),
         "boot": (None, MARK_BOOT)}


# ---- measuring -----------------------------------------------------------------------------------

def compare(tree, path, words):
    """What pvn compare measured: workload and mode -> its result."""
    file = os.path.join(path, "compare.json")
    code, out, err = tree.run_pvn("compare", "--workloads", ",".join(WORKLOADS), "--modes", ",".join(MODES), "--json",
                                  file, *words)
    if code:
        raise lab.broken(f"pvn compare failed with {code}:\n{out}{err}")
    with open(file, encoding="utf-8") as f:
        results = json.load(f)["results"]
    return {f"{r['workload']} {r['mode']}": {key: r[key] for key in ("transitions", "by_class", "by_name")}
            for r in results}


def trace(tree, path, words):
    """The trace of one run in full/hap with all three workloads."""
    pack = os.path.join(tree.root, "guest-patches", "initramfs", "pack")
    programs = [os.path.join(tree.build, "tools", "workloads", name) for name in WORKLOADS]
    code, _, err = lab.run([pack, os.path.join(path, "initramfs.cpio"), *programs])
    if code:
        raise lab.broken(f"{pack} failed:\n{err}")
    with open(os.path.join(HERE, "skeleton", "full.yaml"), encoding="utf-8") as f:
        text = f.read()
    file = os.path.join(path, "trace")
    tree.run_machine(text, path, "--exec", SCRIPT, "--trace", file, *words, seconds=240)
    return file


def run_trace(tree, *words):
    code, out, err = tree.run_pvn("trace", *words)
    if code:
        raise lab.broken(f"pvn trace failed with {code}:\n{err}")
    return out


def marks_of(tree, file):
    """Mark -> its time in us, as text."""
    found = re.findall(r"^\s*([\d.]+) .*\bport_out\(0x5056, 4, (0x[0-9a-f]+)\)",
                       run_trace(tree, "--name", "port_out", file), re.M)
    return {int(mark, 16): time for time, mark in found}


def function_of(tree, file, workload, marks):
    """The kernel function with the most transitions during a workload, the tick's and user space's apart."""
    first, last = SPANS[workload]
    if last not in marks or (first and first not in marks):
        raise lab.broken(f"the trace has no mark of {workload}")
    words = (["--from", marks[first]] if first else []) + ["--to", marks[last], "--by-symbol", file]
    rows = re.findall(r"^\s*(\d+)\s+\d+\s+linux\s+([A-Za-z_][\w.]*)\s", run_trace(tree, *words), re.M)
    return [[name, int(count)] for count, name in rows]


def measure(tree, words):
    with lab.folder() as path:
        results = compare(tree, path, words)
        file = trace(tree, path, words)
        marks = marks_of(tree, file)
        return {"compare": results, "functions": {w: function_of(tree, file, w, marks) for w in WORKLOADS}}


def read_measured(file, host):
    """A measurement that was kept: one of this host, for counts differ between them."""
    try:
        with open(file, encoding="utf-8") as f:
            found = json.load(f)
        its_host = found["host"]
    except (OSError, ValueError, KeyError, TypeError):
        raise lab.broken(f"{file}: no measurement can be read from it; remove it to measure again") from None
    if its_host != host:
        raise lab.broken(f"{file}: measured on {its_host}, expected {host}; name another folder")
    return found


def measured(folder, host):
    """The measurement, from a folder if it is there."""
    file = os.path.join(folder, "measured.json") if folder else None
    if file and os.path.exists(file):
        return read_measured(file, host)
    lab.say("measuring: three boots of Linux")
    if file:
        os.makedirs(folder, exist_ok=True)
    found = {"host": host, **measure(lab.Tree(), ["--on", host])}
    if file:
        # Another check of the same folder sees all of it, or none.
        with open(f"{file}.{os.getpid()}", "w", encoding="utf-8") as f:
            json.dump(found, f, indent=1)
        os.replace(f"{file}.{os.getpid()}", file)
    return found


# ---- comparing -----------------------------------------------------------------------------------

def biggest(counts):
    """The name with the most; none where there is nothing."""
    return max(counts, key=counts.get) if any(counts.values()) else NONE


def right_answers(found, workload):
    pv, full = (found["compare"][f"{workload} {mode}"] for mode in MODES)
    functions = found["functions"][workload]
    return {
        "pv/hap": pv["transitions"], "full/hap": full["transitions"],
        "class": biggest(full["by_class"]), "reason": biggest(full["by_name"]),
        # What does nothing but tick has no function of its own.
        "function": functions[0][0] if functions and full["transitions"] else NONE,
        "call": biggest({name: count for name, count in pv["by_name"].items() if name.isupper()}),
    }


def read_answers(path):
    answers = {}
    for number, (workload, *words) in lab.words_of_file(path, 1 + len(COLUMNS)):
        if workload not in WORKLOADS:
            raise lab.unreadable(f"{path}:{number}: there is no workload {workload}")
        if workload in answers:
            raise lab.unreadable(f"{path}:{number}: {workload} is answered twice")
        answers[workload] = dict(zip(COLUMNS, words))
        for mode in MODES:
            text = answers[workload][mode].replace(",", "")
            if not text.isdecimal():
                raise lab.unreadable(f"{path}:{number}: expected a number of transitions in {mode}, found {text}")
            answers[workload][mode] = int(text)
    for workload in WORKLOADS:
        if workload not in answers:
            raise lab.unreadable(f"{path}: no line for {workload}")
    return answers


def is_right(answer, wanted):
    if isinstance(wanted, int):
        return abs(answer - wanted) <= max(wanted * PART, FEW if wanted else 0)
    return answer == wanted


def check():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--on", choices=lab.HOSTS, default="qemu")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--measured")
    options = parser.parse_args()
    answers = read_answers(os.path.join(options.folder, "answers.txt"))
    found = measured(options.measured, options.on)
    verdict = lab.Verdict()
    for workload in WORKLOADS:
        wanted = right_answers(found, workload)
        for column in COLUMNS:
            shown = [f"measured: {wanted[column]}"] if options.show else []
            answer = answers[workload][column]
            verdict.expect(is_right(answer, wanted[column]), f"{workload}, {column}: {answer}", HINTS[column], *shown)
    return verdict.end()


if __name__ == "__main__":
    lab.main(check)
