#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The labs of docs/labs: labs.py BUILD LAB HOST. A checker accepts the model solution, and refuses wrong answers
with the message that helps. TAP on standard output; skipped where a teacher has removed the solutions.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lint"))
import lint # noqa: E402

LABS = {"1": "1-count-exits", "2": "2-add-hypercall", "3": "3-why-modes-differ"}


class Lab:
    """One lab, its checker and its results."""

    def __init__(self, build, number, host):
        self.folder = os.path.join(ROOT, "docs", "labs", LABS[number])
        self.solution = os.path.join(self.folder, "solution")
        self.host = host
        self.environment = dict(os.environ, PVN_ROOT=ROOT, PVN_BUILD=os.path.abspath(build))
        self.tap = lint.Tap()
        self.temporary = tempfile.mkdtemp(prefix="pvn-labs-")

    def path(self, *names):
        return os.path.join(self.temporary, *names)

    def check(self, *words):
        """Exit code and everything that the checker says."""
        done = subprocess.run([sys.executable, "-B", os.path.join(self.folder, "check.py"), *words], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment, timeout=300)
        return done.returncode, done.stdout.decode(errors="replace")

    def expect(self, what, said, code, wanted=(), wrong=None):
        """wanted: regular expressions, each of which a line must have; wrong: how many lines say so."""
        complaints = [f"exit code {said[0]}, expected {code}"] if said[0] != code else []
        complaints += [f"no line has {pattern}" for pattern in wanted if not re.search(pattern, said[1], re.M)]
        if wrong is not None and len(re.findall("^WRONG", said[1], re.M)) != wrong:
            complaints.append(f"not {wrong} wrong results")
        if complaints:
            complaints += said[1].rstrip("\n").split("\n")
        self.tap.result(what, complaints)
        sys.stdout.flush()

    def change(self, name, *replacements):
        """A copy of a file of the solution with texts replaced, each of which must be there once."""
        with open(os.path.join(self.solution, name), encoding="utf-8") as f:
            text = f.read()
        for old, new in replacements:
            if text.count(old) != 1:
                sys.exit(f"Bail out! {name} has {text.count(old)} times {old!r}, expected 1")
            text = text.replace(old, new)
        return text

    def write(self, text, *names):
        os.makedirs(os.path.dirname(self.path(*names)), exist_ok=True)
        with open(self.path(*names), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(*names)


def count_exits(lab):
    # What VT-x does alone of an x2APIC exits on AMD-V.
    sleep = ("sleep       100      50", f"sleep       100      {150 if lab.host == 'qemu' else 50}")
    lab.write(lab.change("answers.txt", sleep), "right", "answers.txt")
    shutil.copy(os.path.join(lab.solution, "mine.c"), lab.path("right", "mine.c"))
    said = lab.check(lab.path("right"), "--on", lab.host)
    lab.expect("lab 1: the model solution is right", said, 0, [r"^21 of 21 right$"], 0)
    # Two predictions off, in either direction, and a program that costs nothing.
    lab.write(lab.change("answers.txt", sleep, ("rdtsc       0        0", "rdtsc       0        1000"),
                         ("line        1        64", "line        1        1")), "wrong", "answers.txt")
    lab.write(lab.change("mine.c", ("\tcpuid(1, 0);\n", ""), ('\tprint("Sixteen letters.\\n");\n', "")),
              "wrong", "mine.c")
    said = lab.check(lab.path("wrong"), "--on", lab.host, "--show")
    lab.expect("lab 1: each wrong prediction is found, and no other one", said, 1, [
        r"^WRONG  rdtsc, full/hap: you predicted 1000, which is too many$",
        r"^WRONG  line, full/hap: you predicted 1, which is too few$",
        r"^       counted: 64 \(exits: port_out 64\)$",
        r"^WRONG  mine.c: at least 10 transitions", r"^WRONG  mine, pv/hap: you predicted 2, which is too many$",
        r"^16 of 21 right$"], 5)
    for what, old, new, wanted in (
            ("an empty line of the skeleton", "cpuid       1000     1000", "cpuid       ?        ?", ":4: .*found \\?"),
            ("a section that is missing", "sum         0        0", "", "no line for sum"),
            ("a section that is not there", "sum         0        0", "summ 0 0", "no section summ"),
            ("a missing column", "sum         0        0", "sum 0", "expected 3 words, found 2")):
        lab.write(lab.change("answers.txt", (old, new)), "odd", "answers.txt")
        shutil.copy(os.path.join(lab.solution, "mine.c"), lab.path("odd", "mine.c"))
        lab.expect(f"lab 1: {what}", lab.check(lab.path("odd")), 2, [rf"^check: error: .*{wanted}"])
    lab.expect("lab 1: a folder that is not there", lab.check(lab.path("none")), 2, ["No such file"])


def add_hypercall(lab):
    patch = os.path.join(lab.solution, "exits-read.patch")
    place = ("--on", lab.host, "--work", lab.path("work"))
    lab.expect("lab 2: the model solution is right", lab.check(patch, *place), 0, [r"^(\d+) of \1 right$"], 0)
    # What students get wrong first: a reference of yesterday, the wrong errno, calls that are not counted as exits.
    wrong = lab.write(lab.change("exits-read.patch", ("+Result: the count;", "+Result: a count;"),
                                 ("+\t\treturn -PV_ENOENT;", "+\t\treturn -PV_EINVAL;"),
                                 ("+\t\tcount += other->calls[i].count;", "+\t\tcount += 0;")), "wrong.patch")
    lab.expect("lab 2: each mistake is found, and nothing else", lab.check(wrong, *place), 1, [
        r"^WRONG  docs/hypercalls.md is what abi.toml says$", r"^       Make it anew: .*generate.py",
        r"^WRONG  probe: vCPU 2 of 2 is refused with ENOENT, but was refused with another errno$",
        r"^WRONG  probe: vCPU 2\^64 - 1 is refused with ENOENT",
        r"^WRONG  probe: the call itself is a hypercall$", r"^       .*hypercall_exits\(\)",
        r"^WRONG  trace: a refused call has its errno$", r"^WRONG  tests/guest/exits_read.c: its own results"], 6)
    place = ("--work", lab.path("other"))
    lab.expect("lab 2: without a patch there is no call", lab.check(*place), 1,
               [r"^WRONG  abi.toml: there is a call EXITS_READ$"], 1)
    damaged = lab.write(lab.change("exits-read.patch", ("+nr = 0xf0", "-nr = 0xf0")), "damaged.patch")
    lab.expect("lab 2: a patch that does not apply", lab.check(damaged, *place), 1, [r"^WRONG  the patch applies$"], 1)
    taken = lab.write(lab.change("exits-read.patch", ("+nr = 0xf0", "+nr = 0x00")), "taken.patch")
    lab.expect("lab 2: a number that is taken", lab.check(taken, *place), 1,
               [r"^WRONG  abi.toml: the generator accepts it$", r"^       abi.toml: call EXITS_READ: .*used already"],
               1)
    lab.expect("lab 2: a patch that is not there", lab.check(lab.path("none"), *place), 2, ["none: not there"])


def why_modes_differ(lab):
    right = os.path.join(lab.host, "answers.txt")
    place = ("--on", lab.host, "--measured", lab.path("measured"))
    said = lab.check(os.path.join(lab.solution, lab.host), *place)
    lab.expect("lab 3: the model solution is right", said, 0, [r"^18 of 18 right$"], 0)
    if not os.path.exists(lab.path("measured", "measured.json")):
        return # and the failure above says why
    # One of each kind of answer wrong, and counts at the edge of what is allowed.
    with open(lab.path("measured", "measured.json"), encoding="utf-8") as f:
        count = json.load(f)["compare"]["console full/hap"]["transitions"]
    row = re.search("^console .*", lab.change(right), re.M)[0]
    wrong = f"console 400 {count + count // 50 + 3} memory port_in io_serial_in CONSOLE_READ"
    lab.write(lab.change(right, (row, wrong)), "wrong", "answers.txt")
    said = lab.check(lab.path("wrong"), *place, "--show")
    lab.expect("lab 3: each wrong answer is found, and no other one", said, 1, [
        r"^WRONG  console, pv/hap: 400$", r"^WRONG  console, full/hap: \d+$", rf"^       measured: {count}$",
        r"^WRONG  console, class: memory$", r"^       The breakdown of pvn compare: which class",
        r"^WRONG  console, reason: port_in$", r"^WRONG  console, function: io_serial_in$",
        r"^       pvn trace --by-symbol", r"^WRONG  console, call: CONSOLE_READ$", r"^12 of 18 right$"], 6)
    edge = row.replace(row.split()[2], str(count + count // 50 - 1))
    lab.write(lab.change(right, (row, edge)), "edge", "answers.txt")
    lab.expect("lab 3: two percent more are allowed", lab.check(lab.path("edge"), *place), 0)
    lab.write(lab.change(right, ("getppid     0       0         none", "getppid     0       3         none")), "tick",
              "answers.txt")
    lab.expect("lab 3: but nothing is nothing", lab.check(lab.path("tick"), *place), 1,
               [r"^WRONG  getppid, full/hap: 3$"], 1)
    lab.write(lab.change(right, (row, "")), "odd", "answers.txt")
    lab.expect("lab 3: a workload that is missing", lab.check(lab.path("odd"), *place), 2, ["no line for console"])
    lab.write(lab.change(right, (row, "console many 1 a b c d")), "odd", "answers.txt")
    lab.expect("lab 3: a count that is none", lab.check(lab.path("odd"), *place), 2,
               ["expected a number of transitions in pv/hap, found many"])
    other = "bochs" if lab.host == "qemu" else "qemu"
    said = lab.check(os.path.join(lab.solution, lab.host), "--on", other, *place[2:])
    lab.expect("lab 3: what was measured on another host", said, 3, [f"measured on {lab.host}"])
    lab.write("{", "measured", "measured.json")
    lab.expect("lab 3: a measurement that was cut short", lab.check(os.path.join(lab.solution, lab.host), *place), 3,
               ["no measurement can be read"])


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in LABS:
        sys.exit(__doc__)
    lab = Lab(*sys.argv[1:])
    try:
        if not os.path.isdir(lab.solution):
            print(f"ok 1 - # SKIP {lab.solution} has been removed\n1..1")
            return
        {"1": count_exits, "2": add_hypercall, "3": why_modes_differ}[sys.argv[2]](lab)
    finally:
        shutil.rmtree(lab.temporary)
    lab.tap.end()


if __name__ == "__main__":
    main()
