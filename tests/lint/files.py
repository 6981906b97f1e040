#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Rules for single files: licence line, head comment, size, no #ifdef in the hypervisor's .c files."""
import os
import re

import lint

LINES_MAX = 400 # of a file that people read from top to bottom
HEAD_MAX = 12 # lines of a head comment
PAYLOAD_LINES_MAX = 150 # of a guest: one feature each
LICENCES = ( # by the beginning of the path, the first that fits; regular expressions
    ("pv-abi/abi.", "MIT"), ("pv-abi/generate.", "MIT"), ("pv-abi/golden.", "MIT"),
    ("pv-abi/reference.", "MIT"), ("guest-patches/", "(GPL-2.0(-only)?|BSD-2-Clause)"),
    ("", "BSD-2-Clause"))
ALONE = ("pvn", ".ci/run", ".clang-format", "meson.build")
TEXT = (".c", ".h", ".S", ".def", ".lds", ".py", ".sh", ".toml", ".yaml", "meson.build")


def licence(paths):
    for path in paths:
        lines = lint.read(path).split("\n")
        line = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        wanted = next(name for prefix, name in LICENCES if path.startswith(prefix))
        if not re.search(rf"SPDX-License-Identifier: {wanted}( \*/|$)", line):
            yield f"{path}: no line SPDX-License-Identifier: {wanted} at the top"


def head(paths):
    """A comment under the licence line, or on the line of a one-line header, says what the file is."""
    for path in paths:
        text = lint.read(path)
        match = re.match(r"(?://|/\*) SPDX[^\n]*\n(/\*.*?\*/)", text, re.S)
        if not match:
            yield f"{path}: no head comment under the licence line"
        elif match.group(1).count("\n") + 1 > HEAD_MAX + 2: # the two delimiters
            yield f"{path}: the head comment has more than {HEAD_MAX} lines"


def conditional(paths):
    for path in paths:
        for number, line in enumerate(lint.code_only(lint.read(path)).split("\n"), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b", line):
                yield f"{path}:{number}: {line.strip()}"


def too_long(paths, limit):
    for path in paths:
        count = lint.read(path).count("\n")
        if count >= limit:
            yield f"{path}: {count} lines"


def main():
    tap = lint.Tap()
    own = [p for p in ALONE if os.path.exists(os.path.join(lint.ROOT, p))]
    tap.result("licence lines", licence(lint.sources(*TEXT) + own))
    tap.result("head comments", head(lint.sources(".c", ".h", under=("hypervisor", "pv-abi", "tools", "tests"))))
    tap.result("no conditional compilation in the hypervisor's .c files",
               conditional(lint.sources(".c", under=("hypervisor",))))
    read_through = lint.sources(".c", ".h", ".S", ".py", under=("hypervisor", "pv-abi", "tools", "tests/guest"))
    tap.result(f"files under {LINES_MAX} lines", too_long(read_through, LINES_MAX))
    payloads = [p for p in lint.sources(".c", under=("tests/guest",)) if p.count("/") == 2]
    tap.result(f"guest payloads of at most {PAYLOAD_LINES_MAX} lines", too_long(payloads, PAYLOAD_LINES_MAX + 1))
    tap.end()


if __name__ == "__main__":
    main()
