#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What pages repeat of other files: commands and options of `pvn` in README.md, suites and budgets in
docs/testing.md."""
import re

import lint


def commands():
    """Name -> the text that `pvn help NAME` prints, as it stands in the source."""
    table = lint.read("tools/pvn.c").split("} commands[] = {")[1].split("\n};")[0]
    return {m.group(1): m.group(2) for m in re.finditer(r'\{ "(\w+)", cmd_\w+,(.*?)(?=\n\t\{ "|\Z)', table, re.S)}


def check_commands():
    known = commands()
    rows = re.findall(r"^\| `pvn (\w+)[^`]*` \| (.*) \|$", lint.read("README.md"), re.M)
    named = [name for name, _ in rows]
    for name in known:
        if named.count(name) != 1:
            yield f"README.md: {named.count(name)} rows of pvn {name}"
    for name, text in rows:
        if name not in known:
            yield f"README.md: there is no command {name}"
        for option in re.findall(r"`(--[\w-]+)`", text):
            if not re.search(option + r"\b(?!-)", known.get(name, "")):
                yield f"README.md: pvn {name} has no {option} in its help"


def check_suites():
    wanted = re.findall(r"^  - \{name: ([\w-]+), budget_s: (\d+)\}$", lint.read("tests/manifest.yaml"), re.M)
    found = re.findall(r"^\| ([\w-]+) \| .* \| (\d+) s \|$", lint.read("docs/testing.md"), re.M)
    if found != wanted or not found:
        yield f"docs/testing.md has {found}, expected {wanted}"


def main():
    tap = lint.Tap()
    tap.result("README.md has each command, and options that there are", check_commands())
    tap.result("docs/testing.md has the suites of the manifest in their order", check_suites())
    tap.end()


if __name__ == "__main__":
    main()
