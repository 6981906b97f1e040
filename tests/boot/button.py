#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The power button of an emulated PC, pressed by Ctrl-] p at a terminal: button.py PVN HOST. The guest is
tests/guest/pc_button.c; its results are repeated here. TAP.
"""
import argparse
import re

import boot

PRESS = b"\x1dp"
MACHINE = """machine: {cpus: 1, memory: 256M}
domains:
  - {name: a, kernel: "payload:pc_button", memory: 4M, mode: full/hap}
"""


def main():
    parser = argparse.ArgumentParser(description="Presses the power button of an emulated PC.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=boot.HOSTS)
    options = parser.parse_args()
    b = boot.Boots(options.pvn, options.host)
    session = b.session(b.write("button.yaml", MACHINE), "--interactive")
    asked = session.wait_for(rb"nobody listens", 30)
    text = asked or session.text
    for wanted in (rb"press it again", rb"ok 4[^\n]*\n"):
        session.type(PRESS)
        got = session.wait_for(wanted, 30)
        text += got or session.text
    code, same = session.end()
    b.expect("the guest saw both presses, and powered off",
             (asked, "it did not ask"), (code == 0, f"exit code {code}"), (same, "the terminal is not restored"),
             (re.findall(rb"^(not ok|ok) ", text, re.M) == [b"ok"] * 4, text.decode(errors="replace")))
    b.done()


if __name__ == "__main__":
    main()
