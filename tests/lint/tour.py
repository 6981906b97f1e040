#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""docs/tour.md names every source file, and no file that is not there.

A file is named by its path, or by its name where that says enough; {a,b} stands for both.
"""
import os
import re

import lint

PATTERN = re.compile(r"`([\w./{},*-]+)`|\]\(\.\./([\w./-]+)\)")
KINDS = (".c", ".h", ".S", ".def", ".lds", ".py", ".toml")


def expand(name):
    match = re.match(r"(.*?)\{([^{}]*)\}(.*)", name)
    if not match:
        return [name]
    return [e for part in match.group(2).split(",") for e in expand(match.group(1) + part + match.group(3))]


def main():
    tap = lint.Tap()
    path = os.path.join(lint.ROOT, "docs", "tour.md")
    text = lint.read("docs/tour.md") if os.path.exists(path) else ""
    named = {e for m in PATTERN.finditer(text) for e in expand(m.group(1) or m.group(2))}
    files = lint.sources(*KINDS, under=("hypervisor", "pv-abi", "pv-drivers", "tools", "docs/labs"))
    tap.result("every source file is in docs/tour.md",
               (f"{f} is not named" for f in files
                if "/solution/" not in f # of a lab: a teacher takes it away
                and not any(f == n or f.endswith("/" + n) for n in named)))
    everything = set(lint.sources("")) | {os.path.relpath(os.path.join(p, n), lint.ROOT)
                                          for p, _, names in os.walk(os.path.join(lint.ROOT, "docs")) for n in names}
    tap.result("no file in docs/tour.md is missing",
               (f"{n} is named, but not there" for n in sorted(named)
                if n.endswith(KINDS) and "*" not in n
                and not any(f == n or f.endswith("/" + n) for f in everything)))
    tap.end()


if __name__ == "__main__":
    main()
