#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lab 2: check.py [PATCH] [--on HOST] [--work FOLDER]

Checks the hypercall EXITS_READ in a copy of this tree, as it stands or with PATCH applied. The copy and its build stay
in FOLDER (default: labs/2-add-hypercall in the build folder), so that the next check takes seconds.
HOST is bochs unless given.
"""
import argparse
import filecmp
import os
import re
import shutil
import sys
import tempfile
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True
import lab # noqa: E402

CALL = {"name": "EXITS_READ", "nr": 0xf0, "args": ["vcpu:vcpu", "exit:u64"]}
ERRNOS = ("EINVAL", "ENOENT")
PAYLOAD = "exits_read"
COPIED = ("meson.build", "meson_options.txt", ".clang-format", "pvn", "README.md", "hypervisor", "pv-abi", "pv-drivers",
          "guest-patches", "tools", "tests", "docs")
TARGETS = ("hypervisor/paravane.elf", "tools/pvn", "tests/guest/hello.elf", f"tests/guest/{PAYLOAD}.elf")
MACHINE = """machine: {{cpus: 1}}
domains:
  - {{name: probe, kernel: "{probe}", memory: 4M, vcpus: 2}}
  - {{name: yours, kernel: "{yours}", memory: 4M}}
"""
# Marks of probe.c -> what must be counted between them.
COUNTS = {(1, 2): ({"hypercall": 2, "cpuid": 100}, {"EXITS_READ": 2}), (2, 3): ({"hypercall": 5}, {"EXITS_READ": 5})}


TRACED = {
    "a line with name, arguments and result": r"EXITS_READ\(vcpu=0, exit=(1|cpuid)\) = \d+",
    "a refused call has its errno": r"EXITS_READ\(vcpu=2, exit=(1|cpuid)\) = -ENOENT",
}
# What a line of the probe says -> what to think about if it is wrong.
HINTS = {
    "refused with ENOENT": "vCPU numbers begin at 0: how many does the domain have?",
    "no exit is": "The exits are numbered from 0 to PV_EXIT_COUNT - 1.",
    "2^32": "An argument has 64 bits. What does your routine compare?",
    "rdx": "The dispatcher checks that by the number of args in abi.toml.",
    "CPUIDs are": "Where are the exits of a vCPU counted? See struct vcpu in hypervisor/dispatcher/vcpu.h.",
    "never ran": "Whose counters does your routine return?",
    "itself is a hypercall": "See hypercall_exits() in hypervisor/trace/stats.c: where is a call counted?",
}


# ---- the copy ------------------------------------------------------------------------------------

def copy_tree(into):
    for name in COPIED:
        source = os.path.join(lab.ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, os.path.join(into, name), symlinks=True,
                            ignore=shutil.ignore_patterns("__pycache__", "build"))
        elif os.path.exists(source):
            shutil.copy2(source, os.path.join(into, name))


def apply_patch(path, tree):
    """True if it applies as a whole. git looks at no repository around the copy."""
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise lab.unreadable(f"{path}: not there")
    if shutil.which("git"):
        words = ["git", "apply", "-C1", "--whitespace=nowarn", path]
    else:
        words = ["patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "-i", path]
    code, out, err = lab.run(words, cwd=tree, env=dict(os.environ, GIT_CEILING_DIRECTORIES=os.path.dirname(tree)))
    return code == 0, out + err


def files_below(folder):
    return {os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names}


def synchronize(new, old):
    """Makes old what new is; a file that stays the same keeps its time, so that ninja does not build it again."""
    there = files_below(old) if os.path.isdir(old) else set()
    wanted = files_below(new)
    for name in there - wanted:
        os.unlink(os.path.join(old, name))
    for name in wanted:
        source, target = os.path.join(new, name), os.path.join(old, name)
        if name in there and filecmp.cmp(source, target, shallow=False):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(source, target)
        shutil.copymode(source, target)


def prepare(patch, work, verdict):
    """The copy with the patch; None if that does not apply."""
    os.makedirs(work, exist_ok=True)
    new, tree = tempfile.mkdtemp(prefix="new-", dir=work), os.path.join(work, "tree")
    try:
        copy_tree(new)
        if patch:
            applies, why = apply_patch(patch, new)
            if not verdict.expect(applies, "the patch applies", why,
                                  "Make it with git add -A, then git diff --cached, in a clone of this tree."):
                return None
        synchronize(new, tree)
    finally:
        shutil.rmtree(new)
    return tree


# ---- what is looked at ---------------------------------------------------------------------------

def generate(tree, *words):
    path = os.path.join(tree, "pv-abi")
    return lab.run([sys.executable, "-B", os.path.join(path, "generate.py"), os.path.join(path, "abi.toml"), *words])


def check_definition(tree, verdict):
    """The row in abi.toml, alone and beside the others. False: there is nothing to build."""
    with tempfile.NamedTemporaryFile() as out:
        code, _, err = generate(tree, "docs", out.name)
        if not verdict.expect(code == 0, "abi.toml: the generator accepts it", err):
            return False
        with open(os.path.join(tree, "pv-abi", "abi.toml"), "rb") as f:
            calls = {call["name"]: call for call in tomllib.load(f)["call"]}
        row = calls.get(CALL["name"])
        if not verdict.expect(row, "abi.toml: there is a call EXITS_READ", "Add a [[call]] at the end of the calls."):
            return False
        for key in ("nr", "args"):
            verdict.expect(row.get(key) == CALL[key], f"abi.toml: {key} is as the task says",
                           f"expected {CALL[key]!r}, found {row.get(key)!r}")
        verdict.expect(all(e in row["errors"] for e in ERRNOS), "abi.toml: both errnos have a cause",
                       f"expected {' and '.join(ERRNOS)}, found {', '.join(row['errors'])}")
        verdict.expect(filecmp.cmp(out.name, os.path.join(tree, "docs", "hypercalls.md"), shallow=False),
                       "docs/hypercalls.md is what abi.toml says",
                       "Make it anew: /usr/bin/python3 pv-abi/generate.py pv-abi/abi.toml docs docs/hypercalls.md")
    code, out, err = generate(tree, "compare", os.path.join(tree, "tests", "golden", "abi.json"))
    verdict.expect(code == 0, "abi.toml: what was released is kept", out + err)
    return True


def check_cases(tree, verdict):
    """The rule that every call and every errno has a case in a guest."""
    code, out, _ = lab.run([sys.executable, "-B", os.path.join(tree, "tests", "lint", "guest_calls.py")])
    verdict.expect(code == 0, "every errno has a CASE in a payload that tests/manifest.yaml runs",
                   *[line[2:] for line in out.split("\n") if line.startswith("# ")])


def build(tree, path, verdict):
    if not os.path.exists(os.path.join(path, "build.ninja")):
        lab.say("building all of it, this once")
        # Of the tools alone: hypervisor and guests choose for themselves. This saves a third of the build.
        code, out, err = lab.run(["meson", "setup", "-Doptimization=0", "-Ddebug=false", path, tree])
        if code:
            raise lab.broken("meson failed:\n" + out + err)
    code, out, _ = lab.run(["ninja", "-C", path, *TARGETS])
    telling = [line for line in out.split("\n")
               if re.search(r"error:|warning:|undefined reference|unknown target|ERROR", line)]
    return verdict.expect(code == 0, "hypervisor, pvn and payload build", *(telling or out.split("\n")[-20:]))


def results(text, domain):
    """The TAP results that a domain printed: pairs of passed, what."""
    return [(found[1] is None, found[2])
            for found in re.finditer(rf"^\[{domain}\] (not )?ok \d+ - (.*)$", text, re.M)]


def check_probe(out, stats, verdict):
    found = results(out, "probe")
    for passed, what in found:
        verdict.expect(passed, f"probe: {what}", *[hint for part, hint in HINTS.items() if part in what])
    verdict.expect(f"[probe] 1..{len(found)}\n" in out, "probe: it came to its end",
                   *[line for line in out.split("\n") if line.startswith("[probe]")][-5:])
    for marks, wanted in COUNTS.items():
        counts = lab.between(stats, "probe", *marks)
        verdict.expect(counts == wanted, f"counts: {lab.text_of(wanted)}",
                       f"found {lab.text_of(counts)}" if counts else "the marks were not reached")


def check_trace(tree, path, verdict):
    code, out, err = tree.run_pvn("trace", path)
    if code:
        raise lab.broken(f"pvn trace failed:\n{err}")
    lines = [line for line in out.split("\n") if CALL["name"] in line]
    for what, pattern in TRACED.items():
        verdict.expect(any(re.search(pattern, line) for line in lines), f"trace: {what}",
                       *(lines[:3] or ["there is no line with EXITS_READ"]))


def check_yours(out, stats, verdict):
    found = results(out, "yours")
    verdict.expect(found and all(passed for passed, _ in found) and f"[yours] 1..{len(found)}\n" in out,
                   f"tests/guest/{PAYLOAD}.c: its own results are all ok",
                   *[line for line in out.split("\n") if line.startswith("[yours]")] or ["it printed nothing"])
    calls = sum(row["count"] for domain in stats["domains"] if domain["name"] == "yours"
                for vcpu in domain["vcpus"] for row in vcpu["rows"]
                if row["space"] == "call" and row["name"] == CALL["name"])
    verdict.expect(calls, f"tests/guest/{PAYLOAD}.c makes the call", "Its counters have no EXITS_READ.")


def check():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("patch", nargs="?")
    parser.add_argument("--on", choices=lab.HOSTS, default="bochs")
    parser.add_argument("--work", default=os.path.join(lab.Tree().build, "labs", "2-add-hypercall"))
    options = parser.parse_args()
    verdict, work = lab.Verdict(), os.path.abspath(options.work)
    tree = prepare(options.patch, work, verdict)
    if not tree or not check_definition(tree, verdict):
        return verdict.end()
    check_cases(tree, verdict)
    if not build(tree, os.path.join(work, "build"), verdict):
        return verdict.end()
    copy = lab.Tree(tree, os.path.join(work, "build"))
    probe, trace = os.path.join(work, "probe.elf"), os.path.join(work, "trace")
    copy.make_payload(os.path.join(HERE, "probe.c"), probe)
    text = MACHINE.format(probe=probe, yours=os.path.join(work, "build", "tests", "guest", PAYLOAD + ".elf"))
    try:
        out, _, stats = copy.run_machine(text, work, "--trace", trace, "--on", options.on)
    except lab.Stop as stop: # the hypervisor is the student's: what it does is a result
        verdict.wrong("the machine runs to its end", str(stop))
        return verdict.end()
    check_probe(out, stats, verdict)
    check_trace(copy, trace, verdict)
    check_yours(out, stats, verdict)
    return verdict.end()


if __name__ == "__main__":
    lab.main(check)
