#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Lists the calls of abi.toml and the errnos each may give, as rows of two macros.

    abi_errors.py abi.toml OUT

ABI_CALL(name, number, arguments, batchable, units, feature bits needed), ABI_ERROR(name, errno)
"""
import sys
import tomllib

with open(sys.argv[1], "rb") as f:
    abi = tomllib.load(f)
rows = []
for call in abi["call"]:
    if call.get("reserved"):
        continue
    feature = f"1u << {abi['features'][call['feature']]}" if "feature" in call else "0"
    rows.append(f"ABI_CALL({call['name']}, {call['nr']:#04x}, {len(call['args'])}, "
                f"{int(call.get('batch', False))}, {call.get('units', 1)}, {feature})")
    rows += [f"ABI_ERROR({call['name']}, {errno})" for errno in call["errors"]]
with open(sys.argv[2], "w", encoding="ascii") as f:
    f.write("/* Generated from pv-abi/abi.toml; do not edit. */\n" + "\n".join(rows) + "\n")
