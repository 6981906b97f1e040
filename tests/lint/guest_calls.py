#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every hypercall of abi.toml has a case in a guest payload for its success and for each errno of its
row: CASE(CALL, ERRNO, ...) or WANT(CALL, ERRNO, ...), in a payload that the manifest runs."""
import os
import re
import tomllib

import lint

# What no guest can bring about, and where it is tested instead.
UNREACHABLE = {
    ("MEM_CLAIM", "ENOMEM"): "what a domain has given back is always there for it: tests/unit/test_hypercalls.c",
}
# Any call may give these: the rules that are the same for all (payload calls_rules).
COMMON = {"EINVAL", "EPERM", "EOPNOTSUPP"}
PATTERN = re.compile(r"\b(?:CASE|WANT)\(\s*(\w+),\s*(\w+)")


def required(abi):
    return {(call["name"], outcome) for call in abi["call"] if not call.get("reserved")
            for outcome in ("OK", *call["errors"])}


def found(paths):
    """(call, outcome) -> places."""
    cases = {}
    for path in paths:
        text = lint.read(path)
        for match in PATTERN.finditer(text):
            cases.setdefault(match.groups(), []).append(f"{path}:{text.count(chr(10), 0, match.start()) + 1}")
    return cases


def missing(abi, cases):
    for call, outcome in sorted(required(abi) - set(cases) - set(UNREACHABLE)):
        yield f"{call} has no case for {outcome}"


def surplus(abi, cases):
    """Cases of what the table does not say: the test is wrong, or the table incomplete."""
    wanted = required(abi)
    names = {call for call, _ in wanted}
    for (call, outcome), places in sorted(cases.items()):
        if call not in names or ((call, outcome) not in wanted and outcome not in COMMON):
            yield f"{places[0]}: {outcome} is no result of {call} in abi.toml"


def stale(abi, cases):
    for call, outcome in UNREACHABLE:
        if (call, outcome) not in required(abi) or (call, outcome) in cases:
            yield f"{call} {outcome}: it is reachable, or no longer in abi.toml"


def unused(paths):
    manifest = lint.read("tests/manifest.yaml")
    for path in paths:
        name = os.path.basename(path)[:-2]
        if PATTERN.search(lint.read(path)) and not re.search(rf"kernel: {name}\b", manifest):
            yield f"{path}: no test of the manifest runs it"


def main():
    tap = lint.Tap()
    text = lint.read("pv-abi/abi.toml")
    abi = tomllib.loads(text)
    paths = [p for p in lint.sources(".c", under=("tests/guest",)) if p.count("/") == 2]
    cases = found(paths)
    tap.result("every call and every errno has a case in a guest", missing(abi, cases))
    tap.result("every case is in abi.toml", surplus(abi, cases))
    tap.result("what is said to be unreachable is", stale(abi, cases))
    tap.result("every payload with cases is run", unused(paths))
    # The check itself: a table that has grown is complained about.
    more = tomllib.loads(text + '\n[[call]]\nnr = 0xf0\nname = "NOVEL"\nargs = []\nerrors = { EAGAIN = "x" }\n')
    complaints = list(missing(more, cases))
    tap.result("a new call is missed", [] if "NOVEL has no case for OK" in complaints
               and "NOVEL has no case for EAGAIN" in complaints else ["it is not"])
    more = tomllib.loads(text)
    more["call"][0]["errors"]["ENOSPC"] = "x"
    tap.result("a new errno is missed", [] if any("ENOSPC" in c for c in missing(more, cases)) else ["it is not"])
    tap.end()


if __name__ == "__main__":
    main()
