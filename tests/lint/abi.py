#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The ABI has one source: it generates again what the build and docs/ hold, a bad one is refused,
and what a release has promised (tests/golden/abi.json) is kept."""
import json
import os
import re
import subprocess
import sys
import tempfile

import lint

GENERATOR = os.path.join(lint.ROOT, "pv-abi", "generate.py")
SOURCE = os.path.join(lint.ROOT, "pv-abi", "abi.toml")
GOLDEN = os.path.join(lint.ROOT, "tests", "golden", "abi.json")
REFERENCE = os.path.join(lint.ROOT, "docs", "hypercalls.md")
CHANGES = os.path.join(lint.ROOT, "pv-abi", "CHANGES.md")
OUTPUTS = (("header", "pv_abi.h"), ("names", "pv_names.h"), ("dispatch", "pv_dispatch.h"), ("decode", "pv_decode.h"))

# What, the text that is replaced, its replacement, a word of the message.
BAD = (
    ("a number used twice", 'nr = 0x04\nname = "CONSOLE"', 'nr = 0x00\nname = "CONSOLE"', "used already"),
    ("a name used twice", 'nr = 0x04\nname = "CONSOLE"', 'nr = 0x04\nname = "NULL"', "used already"),
    ("a number above the table", 'nr = 0x04\nname = "CONSOLE"', 'nr = 0x100\nname = "CONSOLE"', "CALL_MAX"),
    ("a call without errnos", 'errors = { EINVAL = "unknown reason, status above 255, or an unused register '
     'is not 0" }', "errors = {}", "no errno"),
    ("an errno outside the set", 'errors = { EINVAL = "unknown reason',
     'errors = { EIO = "x", EINVAL = "unknown reason', "EIO"),
    ("an argument of unknown type", '"text:gpa"', '"text:pointer"', "unknown type"),
    ("an exit of unknown class", 'name = "cpuid"\nclass = "sensitive"', 'name = "cpuid"\nclass = "odd"', "class"),
    ("two exits of one name", 'name = "rdmsr"\nclass', 'name = "cpuid"\nclass', "one name"),
    ("a misaligned field", '["rsp", "u64", 8]', '["rsp", "u64", 12]', "rsp"),
    ("a hole between fields", '["gdt_limit", "u16", 80]', '["gdt_limit", "u16", 82]', "gdt_limit"),
    ("a field of unknown type", '["rip", "u64", 0]', '["rip", "u63", 0]', "u63"),
    ("a wrong structure size", "size = 192", "size = 200", "200"),
    ("text that is not TOML", "[abi]", "[abi", "abi.toml:"),
    ("a call in no group", 'nr = 0x08\nname = "CONSOLE_READ"', 'nr = 0x88\nname = "CONSOLE_READ"', "no group"),
    ("a call with a misspelt key", 'units = 4\nbatch = true', 'unit = 4\nbatch = true', "unknown key unit"),
    ("a member with four arguments", 'name = "TLB_FLUSH"', 'name = "TLB_FLUSH"\nbatch = true', "3 arguments"),
    ("a call with seven arguments", 'args = ["kind:u64", "page:gpa"]',
     'args = ["a:u64", "b:u64", "c:u64", "d:u64", "e:u64", "f:u64", "g:u64"]', "6"),
    ("units beyond a kick", "units = 16", "units = 129", "units"),
    ("no units at all", "units = 16", "units = 0", "units"),
    ("an unknown feature", 'feature = "areas"', 'feature = "area"', "unknown feature area"),
    ("an errno without its cause", 'ENOENT = "no BATCH area is registered"', 'ENOENT = " "', "no cause of ENOENT"),
    ("a call without description", 'what = "Does nothing. The cheapest transition there is."', 'what = ""',
     "no description"),
    ("a feature's bit used twice", "events = 5 ", "events = 4 ", "used already"),
    ("an errno's value used twice", "E2BIG = 7 ", "E2BIG = 11 ", "used already"),
    ("a number that nothing explains", "RUNNING = 2  ", "RUNNING = 2\n#", "no comment"),
    ("a hole between trace kinds", "domain = 6 ", "domain = 7 ", "hole"),
    ("further trace kinds that begin elsewhere", "detail = 9 ", "detail = 19 ", "do not go on"),
    ("an argument with names from nowhere", 'kind = "areas"', 'kind = "area"', "no section area"),
    ("the number of a call that is gone", '[[call]]\nnr = 0x13', '[[call]]\nnr = 0x13\nname = "GONE"\n'
     'reserved = true\n\n[[call]]\nnr = 0x13', "used already"),
    ("a call that is gone and has arguments", 'name = "YIELD"\n', 'name = "YIELD"\nreserved = true\n',
     "unknown key args"),
    ("two structures of one name", 'name = "mem_range"', 'name = "info"', "used already"),
    ("two fields of one name", '["prod", "u32", 0], ["cons", "u32", 4]', '["prod", "u32", 0], ["prod", "u32", 4]',
     "used already"),
)

# What, the text that is replaced, its replacement, and what must be named; None: an addition, which is fine.
CHANGED = (
    ("a call's number", 'nr = 0x13\nname = "YIELD"', 'nr = 0x1a\nname = "YIELD"', "calls.YIELD.nr"),
    ("a call's name", 'name = "YIELD"', 'name = "PAUSE"', "calls.YIELD is gone"),
    ("a call's arguments", 'args = ["deadline:ns"]', 'args = ["until:ns"]', "calls.BLOCK.args"),
    ("an errno that is gone", ', EBUSY = "it is the last vCPU of the domain that runs"', "",
     "calls.VCPU_STOP.errors.EBUSY is gone"),
    ("a call that no batch may hold now", 'name = "KICK"\nfeature = "spin"\nbatch = true', 'name = "KICK"\nfeature = "spin"',
     "calls.KICK.batch"),
    ("a call that needs a feature now", 'name = "YIELD"', 'name = "YIELD"\nfeature = "spin"', "calls.YIELD.feature"),
    ("a call that is gone", 'name = "YIELD"\nargs = []\nwhat = "Lets other runnable vCPUs have the CPU first."\n'
     'errors = { EINVAL = "an argument register is not 0" }', 'name = "YIELD"\nreserved = true',
     "calls.YIELD is gone"),
    ("an errno's value", "ENOMEM = 12 ", "ENOMEM = 13 ", "errno.ENOMEM was 12"),
    ("a CPUID leaf", "limits = 3 ", "limits = 13 ", "cpuid.limits"),
    ("a constant", "BATCH_ENTRIES = 124", "BATCH_ENTRIES = 123", "constants.BATCH_ENTRIES"),
    ("a feature's bit", "tsc_stable = 10", "tsc_stable = 13", "features.tsc_stable"),
    ("a field that is gone", '["wall_ns", "u64", 72]', '["reserved9", "u64", 72]', "structs.vcpu_area.fields.wall_ns"),
    ("a field's type", '["state", "u32", 4]', '["state", "s32", 4]', "structs.vcpu_area.fields.state"),
    ("two fields that changed places", '["prod", "u32", 0], ["cons", "u32", 4]', '["cons", "u32", 0], ["prod", "u32", 4]',
     "structs.batch_head.fields.prod"),
    ("the order of exits", 'name = "rdmsr"\nclass', 'name = "wrmsr_"\nclass', "exits.rdmsr is gone"),
    ("a new call", '[[call]]\nnr = 0x13', '[[call]]\nnr = 0x1f\nname = "NEW"\nargs = []\nwhat = "x"\n'
     'errors = { EINVAL = "x" }\n\n[[call]]\nnr = 0x13', None),
    ("a new errno", 'errors = { EINVAL = "unknown reason', 'errors = { EBUSY = "x", EINVAL = "unknown reason', None),
    ("a new field in what was reserved", '["reserved1", "u32", 52]', '["new", "u32", 52]', None),
    ("another text and other units", "units = 16", "units = 15", None),
)


def generate(source, what, target):
    return subprocess.run([sys.executable, GENERATOR, source, what, target], capture_output=True, text=True,
                          check=False)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def refused(folder, text, old, new, word):
    """Why a changed abi.toml was not refused as it should be."""
    bad = os.path.join(folder, "bad.toml")
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new, 1))
    done = generate(bad, "header", os.path.join(folder, "bad.h"))
    if old not in text:
        return [f"abi.toml has changed: no {old!r} in it"]
    if done.returncode == 0:
        return ["it was accepted"]
    if word not in done.stderr or "Traceback" in done.stderr:
        return [f"the message is: {done.stderr.strip()}"]
    return []


def noticed(folder, text, old, new, word):
    """Why a changed abi.toml was not told from the promised one, or was where it is an addition."""
    changed, golden = os.path.join(folder, "changed.toml"), os.path.join(folder, "golden.json")
    with open(changed, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new, 1))
    if old not in text:
        return [f"abi.toml has changed: no {old!r} in it"]
    done = generate(changed, "compare", golden)
    if word is None:
        return [done.stderr.strip()] if done.returncode else []
    return [] if done.returncode and word in done.stderr else [f"the message is: {done.stderr.strip()}"]


def check_reserved(folder, text):
    """Its number is refused by the feature bit that no domain has; it has no define, but a place in the reference."""
    gone, outputs = os.path.join(folder, "gone.toml"), {}
    with open(gone, "w", encoding="utf-8") as f:
        f.write(text.replace("[[call]]", '[[call]]\nnr = 0x1f\nname = "GONE"\nreserved = true\n\n[[call]]', 1))
    for what in ("header", "names", "dispatch", "docs", "golden"):
        target = os.path.join(folder, "gone." + what)
        done = generate(gone, what, target)
        if done.returncode:
            return [done.stderr]
        outputs[what] = read(target)
    wanted = (("dispatch", "HYPERCALL(0x1f, hypercall_reserved_1f, 6, 1, true, 1u << 31)"),
              ("dispatch", "HYPERCALL_RESERVED(hypercall_reserved_1f)"), ("names", '[31] = "GONE"'),
              ("docs", "| 0x1f | GONE |"), ("golden", '"0x1f": "GONE"'))
    wrong = [f"{what}: no {line}" for what, line in wanted if line not in outputs[what]]
    return wrong + (["the header has it"] if "GONE" in outputs["header"] else [])


def check_changes():
    """Every version has its entry, and every line of an entry its label."""
    with open(SOURCE, encoding="utf-8") as f:
        source = f.read()
    version = ".".join(re.search(rf"^{part} = (\d+)", source, re.M)[1] for part in ("major", "minor"))
    entries = re.split(r"^## ", read(CHANGES), flags=re.M)[1:]
    if not entries or entries[0].split("\n")[0] != version:
        yield f"the first entry is not that of {version}"
    numbers = []
    for entry in entries:
        name = entry.split("\n")[0]
        if not re.fullmatch(r"\d+\.\d+", name):
            yield f"an entry's title is no version: {name}"
            continue
        numbers.append(tuple(int(n) for n in name.split(".")))
        for line in re.findall(r"^\* .*", entry, re.M):
            if not re.match(r"\* (COMPATIBLE|BREAKING): ", line):
                yield f"{name}: neither COMPATIBLE nor BREAKING: {line}"
            elif "BREAKING" in line and numbers[-1][0] and numbers[-1][1]:
                yield f"{name}: a breaking change without a new major number"
    if numbers != sorted(set(numbers), reverse=True):
        yield "the newest version must come first"
    golden = json.loads(read(GOLDEN))["version"]
    if (golden["major"], golden["minor"]) not in numbers:
        yield "the golden copy is of a version without entry"


def main():
    tap = lint.Tap()
    build = sys.argv[1] if len(sys.argv) == 2 else ""
    with tempfile.TemporaryDirectory() as folder:
        for what, name in OUTPUTS:
            target = os.path.join(folder, name)
            done = generate(SOURCE, what, target)
            built = os.path.join(build, "pv-abi", name)
            complaints = [done.stderr] if done.returncode else []
            if not complaints and read(target) != (read(built) if os.path.exists(built) else ""):
                complaints = [f"{built} is missing or differs from what is generated now"]
            tap.result(f"{name} is generated and is what the build uses", complaints)
        text = read(SOURCE)
        for name, old, new, word in BAD:
            tap.result(f"refused: {name}", refused(folder, text, old, new, word))
        generate(SOURCE, "golden", os.path.join(folder, "golden.json"))
        for name, old, new, word in CHANGED:
            tap.result(f"{'fine' if word is None else 'noticed'}: {name}", noticed(folder, text, old, new, word))
        tap.result("a call that is gone keeps its row", check_reserved(folder, text))
        done = generate(SOURCE, "docs", os.path.join(folder, "hypercalls.md"))
        complaints = [done.stderr] if done.returncode else []
        if not complaints and read(os.path.join(folder, "hypercalls.md")) != read(REFERENCE):
            complaints = ["it is not what is generated now: pv-abi/generate.py pv-abi/abi.toml docs docs/hypercalls.md"]
        tap.result("docs/hypercalls.md is what abi.toml says", complaints)
    done = generate(SOURCE, "compare", GOLDEN)
    tap.result("abi.toml keeps what tests/golden/abi.json promises", done.stderr.strip().split("\n")
               if done.returncode else [])
    tap.result("pv-abi/CHANGES.md names every version and labels every change", check_changes())
    tap.end()


if __name__ == "__main__":
    main()
