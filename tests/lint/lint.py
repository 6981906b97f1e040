# SPDX-License-Identifier: BSD-2-Clause
"""What all lints share: the source files, TAP on standard output, C text without its comments."""
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
FOLDERS = ("hypervisor", "pv-abi", "pv-drivers", "guest-patches", "tools", "tests", "docs/labs")


def sources(*suffixes, under=FOLDERS):
    """Paths below the root, sorted, of files that end in one of the suffixes."""
    found = []
    for folder in under:
        for path, folders, names in os.walk(os.path.join(ROOT, folder)):
            folders[:] = [f for f in folders if not f.startswith(".") and f != "__pycache__"]
            found += [os.path.relpath(os.path.join(path, n), ROOT) for n in names if n.endswith(suffixes)]
    return sorted(found)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def code_only(text):
    """C text with comments and string contents blanked out; the lines stay where they are."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)

    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] * 2
        return "\n" * token.count("\n") or " "
    return pattern.sub(blank, text)


class Tap:
    """Results in order; each complaint is a comment line above its result."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def result(self, name, complaints=()):
        complaints = list(complaints)
        self.count += 1
        self.failed += bool(complaints)
        for text in complaints[:40]:
            print("# " + text)
        if len(complaints) > 40:
            print(f"# and {len(complaints) - 40} more")
        print(f"{'not ok' if complaints else 'ok'} {self.count} - {name}")

    def end(self):
        if not self.count:
            print("Bail out! nothing was checked")
        print(f"1..{self.count}")
        sys.exit(1 if self.failed or not self.count else 0)
