#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the hypervisor's own symbol table for panics from the first link.

    symbols.py NM FIRST.elf OUT.S           writes the table for the second link
    symbols.py NM FIRST.elf --check FINAL STAMP
                                            makes STAMP, or fails if the second link moved anything

The table (machine/symbols.c reads it): count, rows {address, name offset} sorted by address, names.
"""
import subprocess
import sys

# They enclose the table itself, so they are the only ones that may move.
MAY_MOVE = {"symbols_end", "image_end"}


def symbols(nm, elf):
    text = subprocess.run([nm, "-n", elf], check=True, capture_output=True, text=True).stdout
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            yield int(fields[0], 16), fields[1], fields[2]


def table(nm, elf):
    rows, names, offset = [], [], 0
    code = {}
    for address, kind, name in symbols(nm, elf):
        if kind in "tT" and not name.startswith("."):
            code.setdefault(address, name)
    start = 8 + 8 * len(code)
    for address, name in sorted(code.items()):
        rows.append(f"\t.long {address:#x}, {start + offset}")
        names.append(f'\t.asciz "{name}"')
        offset += len(name) + 1
    return ['\t.section .symbols, "a", @progbits', "\t.balign 8", f"\t.long {len(code)}, 0"] + \
        rows + names + ['\t.section .note.GNU-stack, "", @progbits']


def check(nm, first, final):
    before = {(name, address) for address, _, name in symbols(nm, first) if name not in MAY_MOVE}
    after = {(name, address) for address, _, name in symbols(nm, final) if name not in MAY_MOVE}
    if before != after:
        moved = sorted(name for name, _ in before ^ after)
        sys.exit(f"{final}: symbols moved between the two links: {' '.join(moved[:5])}")


def main():
    if len(sys.argv) == 6 and sys.argv[3] == "--check":
        check(sys.argv[1], sys.argv[2], sys.argv[4])
        with open(sys.argv[5], "w", encoding="ascii"):
            pass
    elif len(sys.argv) == 4:
        with open(sys.argv[3], "w", encoding="ascii") as out:
            out.write("\n".join(table(sys.argv[1], sys.argv[2])) + "\n")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
