#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Hardware words stay in their backend, and #include goes one way.

A folder of the hypervisor may include only what its row allows; so lib/ builds on any host, and
neither backend can be needed by shared code.
"""
import re

import lint

# Folder -> folders whose headers it may include. host/ and pv_*.h (the ABI) are open to all.
MAY_INCLUDE = {
    "lib": {"lib"},
    "machine": {"lib", "machine", "allocator"},
    "allocator": {"lib", "machine", "allocator"},
    "trace": {"lib", "machine", "allocator", "dispatcher", "trace"},
    "dispatcher": {"lib", "machine", "allocator", "dispatcher", "interpreter", "hypercalls", "trace"},
    "interpreter": {"lib", "machine", "allocator", "dispatcher", "interpreter", "hypercalls", "trace"},
    "hypercalls": {"lib", "machine", "allocator", "dispatcher", "interpreter", "hypercalls", "trace"},
    "vmx": {"lib", "machine", "allocator", "dispatcher", "interpreter", "trace", "vmx"},
    "svm": {"lib", "machine", "allocator", "dispatcher", "interpreter", "trace", "svm"},
}
BACKENDS = ("vmx", "svm")
WORDS = re.compile(r"\b(vmread|vmwrite|vmcs|VMCS|vmcb|VMCB|vmlaunch|vmresume|vmrun|vmptrld|VMRUN)\w*")
# What shared code may say of a backend: the names of the two rows of its table.
BACKEND_NAMES = re.compile(r"\b(vmx|svm)_(?!backend\b)\w+")


def folder(path):
    return path.split("/")[1] if path.count("/") > 1 else ""


def complaints(paths, backends, pattern, what):
    for path in paths:
        if (folder(path) in BACKENDS) is not backends:
            continue
        for number, line in enumerate(lint.code_only(lint.read(path)).split("\n"), 1):
            for match in pattern.finditer(line):
                yield f"{path}:{number}: {match.group(0)} {what}"


def includes(path):
    for number, line in enumerate(lint.read(path).split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if match:
            yield number, match.group(1), match.group(2)


def check_includes(paths):
    for path in paths:
        allowed = MAY_INCLUDE.get(folder(path))
        if allowed is None:
            yield f"{path}: folder {folder(path)} has no row in tests/lint/layering.py"
            continue
        for number, kind, name in includes(path):
            top = name.split("/")[0] if "/" in name else ""
            if kind == "<" and name not in ("stdarg.h", "stdbool.h", "stddef.h", "stdint.h"):
                yield f"{path}:{number}: <{name}> in a freestanding program"
            elif kind == '"' and top not in allowed | {"host"} and not name.startswith("pv_"):
                yield f"{path}:{number}: {folder(path)} may not include {name}"


def main():
    tap = lint.Tap()
    paths = lint.sources(".c", ".h", ".S", ".def", under=("hypervisor",))
    tap.result("hardware words stay in vmx/ and svm/",
               complaints(paths, False, WORDS, "is a word of a backend"))
    tap.result("shared code names a backend only by its row",
               complaints(paths, False, BACKEND_NAMES, "belongs to a backend"))
    other = [p for p in paths if folder(p) in BACKENDS]
    tap.result("the backends do not use each other",
               (f"{p}: uses {m.group(0)}" for p in other
                for m in re.finditer(r"\b(vmx|svm)_\w+", lint.code_only(lint.read(p)))
                if m.group(1) != folder(p)))
    tap.result("#include goes one way", check_includes([p for p in paths if folder(p)]))
    tap.end()


if __name__ == "__main__":
    main()
