#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""C files are formatted as clang-format 14 does by .clang-format, but for what is laid out by hand:
tables and enums at file scope, macros, inline asm, and what stands between "clang-format off" and
"on"; .def files are all table. Lines of C are 100 columns at most, comments and tables included.

formatting.py --fix [FILE...] formats, and fills comments anew that have become too wide.
"""
import concurrent.futures
import difflib
import os
import re
import shutil
import subprocess
import sys
import textwrap

import lint

COLUMNS = 100
C_SUFFIXES = (".c", ".h", ".S", ".def")
TEXT_SUFFIXES = C_SUFFIXES + (".lds", ".py", ".build", ".yaml", ".toml")


def exempt_lines(lines):
    """Set of indexes of lines that are laid out by hand."""
    exempt = set()
    state = None
    for i, line in enumerate(lines):
        if state is None:
            if re.match(r"\s*#\s*define\b", line):
                state = "macro"
            elif re.match(r"\s+(?:__asm__|asm)\b", line):
                state = "asm"
            elif re.match(r"(?:typedef )?enum\b[^;]*$", line) or \
                    (re.match(r"[^\s#/*].*=\s*\{", line) and not re.search(r"\};\s*(/\*.*)?$", line)):
                state = "table"
            elif re.match(r"[^\s#/*].*=\s*\{.*\};", line):
                exempt.add(i)
        if state:
            exempt.add(i)
        if state == "macro" and not line.endswith("\\"):
            state = None
        elif state == "asm" and re.search(r"\);(\s*\\)?\s*$", line):
            state = None
        elif state == "table" and re.search(r"^[^\t ].*;\s*(/\*.*)?$", line):
            state = None
    return exempt


def quirks(line):
    """clang-format 14 takes `(a) - b` for a cast and `[a ... b]` for variadic arguments."""
    return re.sub(r"\)\s*([-&*+])\s*", r")\1", re.sub(r"\s*\.\.\.\s*", "...", line))


def differences(original, formatted):
    """Changes (original from, to, new lines) that are no matter of taste."""
    exempt = exempt_lines(original)
    matcher = difflib.SequenceMatcher(None, original, formatted, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        if all(i in exempt for i in range(a, max(b, a + 1))):
            continue
        if [quirks(x) for x in original[a:b]] == [quirks(x) for x in formatted[c:d]]:
            continue
        yield a, b, formatted[c:d]


def width(line):
    return len(line.expandtabs(8))


def fill(lines):
    """Fills the paragraphs of block comments that have a line wider than COLUMNS."""
    out = []
    paragraph = []

    def flush():
        if any(width(p) > COLUMNS for p in paragraph):
            lead = re.match(r"[ \t]* \* ", paragraph[0]).group(0)
            text = " ".join(p[len(lead):].strip() for p in paragraph)
            out.extend(lead + t for t in textwrap.wrap(text, COLUMNS - width(lead),
                                                       break_long_words=False,
                                                       break_on_hyphens=False))
        else:
            out.extend(paragraph)
        paragraph.clear()

    for line in lines:
        rule = re.match(r"(\s*/\* -+ .* )(-+)( \*/)$", line)
        alone = re.match(r"(\s*)/\* (.*) \*/$", line)
        if re.match(r"[ \t]* \* [^ *\-]", line) and not line.rstrip().endswith("*/"):
            paragraph.append(line)
            continue
        flush()
        if rule and width(line) > COLUMNS:
            line = rule.group(1) + "-" * (COLUMNS - len(rule.group(1)) - 3) + rule.group(3)
        elif alone and width(line) > COLUMNS:
            indent = alone.group(1)
            out.append(indent + "/*")
            room = COLUMNS - width(indent) - 3
            out += [indent + " * " + t for t in textwrap.wrap(alone.group(2), room)]
            line = indent + " */"
        out.append(line)
    flush()
    return out


def clang_format():
    for name in ("clang-format-14", "clang-format"):
        if shutil.which(name):
            version = subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(r"version 14\.", version):
                return name
    sys.exit("Bail out! clang-format 14 is needed: apt-get install clang-format")


def check(program, path, fix):
    text = lint.read(path)
    done = subprocess.run([program, "--style=file", "--assume-filename=" + os.path.join(lint.ROOT, path)],
                          input=text, capture_output=True, text=True, check=True)
    lines, wanted = text.split("\n"), done.stdout.split("\n")
    changes = [] if done.stdout == text else list(differences(lines, wanted))
    if not fix:
        return [f"{path}:{a + 1}: {''.join(lines[a:a + 1]).strip()}" for a, _, _ in changes]
    for a, b, new in reversed(changes):
        lines[a:b] = new
    lines = fill(lines)
    if "\n".join(lines) != text:
        with open(os.path.join(lint.ROOT, path), "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        print(path)
    return []


def too_wide(paths):
    for path in paths:
        for number, line in enumerate(lint.read(path).split("\n"), 1):
            if width(line) > COLUMNS:
                yield f"{path}:{number}: {width(line)} columns"


def untidy(paths):
    for path in paths:
        text = lint.read(path)
        for number, line in enumerate(text.split("\n"), 1):
            if line != line.rstrip():
                yield f"{path}:{number}: space at the end of the line"
        if text and (not text.endswith("\n") or text.endswith("\n\n")):
            yield f"{path}: must end with one newline"


def main():
    program = clang_format()
    paths = lint.sources(".c", ".h")
    if sys.argv[1:2] == ["--fix"]:
        for path in [os.path.relpath(p, lint.ROOT) for p in sys.argv[2:]] or paths:
            # clang-format would take assembler for C, and .def files are tables.
            if path.endswith((".c", ".h")):
                check(program, path, True)
            else:
                print(f"{path}: left alone, only .c and .h files are formatted")
        return
    tap = lint.Tap()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda p: check(program, p, False), paths))
    tap.result("C files are formatted (tests/lint/formatting.py --fix)", [c for r in results for c in r])
    tap.result(f"lines are {COLUMNS} columns at most",
               too_wide(lint.sources(*C_SUFFIXES)))
    tap.result("no space at ends of lines, one newline at ends of files",
               untidy(lint.sources(*TEXT_SUFFIXES)))
    tap.end()


if __name__ == "__main__":
    main()
