#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The ABI has one source: it generates again what the build holds, and a bad one is refused."""
import os
import subprocess
import sys
import tempfile

import lint

GENERATOR = os.path.join(lint.ROOT, "pv-abi", "generate.py")
SOURCE = os.path.join(lint.ROOT, "pv-abi", "abi.toml")
OUTPUTS = (("header", "pv_abi.h"), ("names", "pv_names.h"), ("dispatch", "pv_dispatch.h"))

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
    ("text that is not TOML", "[abi]", "[abi", ""),
)


def generate(source, what, target):
    return subprocess.run([sys.executable, GENERATOR, source, what, target], capture_output=True, text=True,
                          check=False)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


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
            bad = os.path.join(folder, "bad.toml")
            with open(bad, "w", encoding="utf-8") as f:
                f.write(text.replace(old, new, 1))
            done = generate(bad, "header", os.path.join(folder, "bad.h"))
            complaints = []
            if old not in text:
                complaints = [f"abi.toml has changed: no {old!r} in it"]
            elif done.returncode == 0:
                complaints = ["it was accepted"]
            elif word not in done.stderr or ("Traceback" in done.stderr and word):
                complaints = [f"the message is: {done.stderr.strip()}"]
            tap.result(f"refused: {name}", complaints)
    tap.end()


if __name__ == "__main__":
    main()
