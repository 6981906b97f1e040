#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""payload.py SOURCE.c OUT.elf: builds a bare-metal guest from one file anywhere, with the library of tests/guest."""
import sys

import lab


def build():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit("usage: " + __doc__)
    lab.Tree().make_payload(sys.argv[1], sys.argv[2])
    return 0


if __name__ == "__main__":
    lab.main(build)
