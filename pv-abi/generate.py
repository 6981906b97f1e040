#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes from abi.toml what C, assembler and the tools know of the ABI.

    generate.py abi.toml header|names|kernel|kernel-names|dispatch|decode|docs|golden OUT
    generate.py abi.toml compare GOLDEN

header:   pv_abi.h, numbers and structures; its #defines serve assembler too
kernel, kernel-names: both for Linux, with its types and a prefix of their own
names:    pv_names.h, tables number -> name for traces, statistics and errors
dispatch: pv_dispatch.h, one row a hypercall; a missing handler is a link error
decode:   pv_decode.h, which arguments and results are numbers with names, for pvn trace
docs:     docs/hypercalls.md, the reference (reference.py)
golden:   tests/golden/abi.json, what a release promises; written when one is made (golden.py)
compare:  tells what abi.toml no longer keeps of it; additions are fine
"""
import re
import sys
import tomllib

sys.dont_write_bytecode = True # the folder of the sources stays clean
import golden # noqa: E402
import reference # noqa: E402

C_TYPES = {"u8": ("uint8_t", 1), "s8": ("int8_t", 1), "s32": ("int32_t", 4), "u16": ("uint16_t", 2), "u32": ("uint32_t", 4), "u64": ("uint64_t", 8), "char": ("char", 1)}
ARG_TYPES = {"u64", "gpa", "vcpu", "vector", "ns", "reason"}
RESERVED_KEYS = {"nr", "name", "reserved"}
CALL_KEYS = {"nr", "name", "args", "what", "errors", "result", "feature", "batch", "units", "since"}
# Sections of plain numbers; a comment behind a value is its description in the reference.
TABLES = ("cpuid", "constants", "modes", "shutdown", "areas", "features", "virqs", "states", "flush", "batch",
          "stats_why", "stats_space", "counted", "errno", "classes", "kinds", "more_kinds", "groups")


def fail(message):
    sys.exit(f"abi.toml: {message}")


def is_reserved(call):
    """A call that was there once: its number and its name stay, and it gives EOPNOTSUPP."""
    return call.get("reserved", False)


def live(abi):
    return [call for call in abi["call"] if not is_reserved(call)]


def all_kinds(abi):
    return {**abi["kinds"], **abi["more_kinds"]}


def guest_kinds(abi):
    return abi["kinds"]


def field_size(spec):
    """C base type, array suffix and bytes of a field type such as u32 or char[32]."""
    base, _, count = spec.partition("[")
    if base not in C_TYPES:
        fail(f"unknown field type {spec}")
    c_type, size = C_TYPES[base]
    n = int(count.rstrip("]")) if count else 1
    return c_type, f"[{n}]" if count else "", size, size * n


def check_tables(abi, described):
    """Plain sections: each number once, each with a description."""
    for table in TABLES:
        values = list(abi[table].values())
        for key, value in abi[table].items():
            if table != "constants" and values.count(value) > 1:
                fail(f"[{table}] {key}: number {value} is used already")
            if not described[table].get(key):
                fail(f"[{table}] {key}: no comment says what it is")
    for table in ("classes", "kinds", "modes", "shutdown", "counted"):
        if sorted(abi[table].values()) != list(range(len(abi[table]))):
            fail(f"[{table}]: the numbers have a hole")
    if sorted(abi["more_kinds"].values()) != list(range(len(abi["kinds"]), len(all_kinds(abi)))):
        fail("[more_kinds]: the numbers do not go on where those of [kinds] end")
    for key, table in abi["argument_tables"].items():
        if table not in TABLES:
            fail(f"[argument_tables] {key}: no section {table}")


def check_call(abi, call, seen):
    nr, name = call["nr"], call["name"]
    unknown = set(call) - (RESERVED_KEYS if is_reserved(call) else CALL_KEYS)
    if unknown:
        fail(f"call {name}: unknown key {sorted(unknown)[0]}")
    if nr in seen or name in seen.values():
        fail(f"call {name}: number {nr:#x} or name is used already")
    if not 0 <= nr < abi["constants"]["CALL_MAX"]:
        fail(f"call {name}: number {nr:#x} is not below CALL_MAX")
    if nr & 0xf0 not in abi["groups"].values():
        fail(f"call {name}: number {nr:#x} is in no group")
    seen[nr] = name
    if is_reserved(call):
        return
    if not call.get("what") or not call.get("errors"):
        fail(f"call {name}: no description, or no errno causes")
    for errno, cause in call["errors"].items():
        if errno not in abi["errno"]:
            fail(f"call {name}: {errno} is not in the errno set")
        if not cause.strip():
            fail(f"call {name}: no cause of {errno}")
    if len(call["args"]) > (3 if call.get("batch") else 6):
        fail(f"call {name}: a batch entry has room for 3 arguments, a call for 6")
    if call.get("feature", "areas") not in abi["features"]:
        fail(f"call {name}: unknown feature {call['feature']}")
    if not 1 <= call.get("units", 1) <= abi["constants"]["BATCH_UNITS"]:
        fail(f"call {name}: units are out of range")
    for arg in call["args"]:
        if arg.partition(":")[2] not in ARG_TYPES:
            fail(f"call {name}: argument {arg} has an unknown type")


def check(abi, described):
    """Refuses what would make an ABI ambiguous: reused numbers, misplaced fields, unexplained errors."""
    seen = {}
    check_tables(abi, described)
    for call in abi["call"]:
        check_call(abi, call, seen)
    for row in abi["exit"]:
        if row["class"] not in abi["classes"]:
            fail(f"exit {row['name']}: unknown class {row['class']}")
    if len({r["name"] for r in abi["exit"]}) != len(abi["exit"]):
        fail("two exits have one name")
    structs = [s["name"] for s in abi["struct"]]
    for struct in abi["struct"]:
        end = 0
        if structs.count(struct["name"]) > 1:
            fail(f"struct {struct['name']}: the name is used already")
        names_used = [name for name, _, _ in struct["fields"]]
        for name, spec, offset in struct["fields"]:
            _, _, align, size = field_size(spec)
            if names_used.count(name) > 1:
                fail(f"struct {struct['name']}: the name {name} is used already")
            if offset % align or offset != end:
                fail(f"struct {struct['name']}: {name} at {offset}, expected {end}, aligned to {align}")
            end = offset + size
        if end != struct["size"]:
            fail(f"struct {struct['name']}: fields end at {end}, size says {struct['size']}")


def defines(prefix, table):
    return [f"#define {prefix}{k.upper()} {v:#x}" for k, v in table.items()]


def header(abi, kinds=all_kinds):
    out = ["#ifndef PV_ABI_H", "#define PV_ABI_H", "",
           f"#define PV_ABI_MAJOR {abi['abi']['major']}", f"#define PV_ABI_MINOR {abi['abi']['minor']}", ""]
    out += defines("PV_CPUID_", abi["cpuid"]) + [""]
    out += defines("PV_", abi["constants"]) + [""]
    out += defines("PV_MODE_", abi["modes"]) + [""]
    out += defines("PV_SHUTDOWN_", abi["shutdown"]) + [""]
    out += defines("PV_", abi["errno"]) + [""]
    for prefix, table in (("AREA_", "areas"), ("FEATURE_BIT_", "features"), ("VIRQ_", "virqs"),
                          ("STATE_", "states"), ("FLUSH_", "flush"), ("BATCH_FLAG_", "batch"),
                          ("STATS_", "stats_why"), ("STATS_", "stats_space"), ("EVENT_", "counted")):
        out += defines("PV_" + prefix, abi[table]) + [""]
    out += [f"#define PV_EVENT_COUNT {len(abi['counted'])}", ""]
    for call in live(abi):
        out.append(f"#define PV_CALL_{call['name']} {call['nr']:#04x} /* {call['what']} */")
    out += [""] + defines("PV_CLASS_", abi["classes"]) + [f"#define PV_CLASS_COUNT {len(abi['classes'])}", ""]
    for n, row in enumerate(abi["exit"]):
        out.append(f"#define PV_EXIT_{row['name'].upper()} {n} /* {row['what']} */")
    out += [f"#define PV_EXIT_COUNT {len(abi['exit'])}", ""]
    out += defines("PV_KIND_", kinds(abi)) + [f"#define PV_KIND_COUNT {len(kinds(abi))}", ""]
    out += ["#ifndef __ASSEMBLER__", "#include <stddef.h>", "#include <stdint.h>", ""]
    for struct in abi["struct"]:
        out += [f"/* {struct['what']} */", f"struct pv_{struct['name']} {{"]
        out += [f"\t{field_size(s)[0]} {n}{field_size(s)[1]};" for n, s, _ in struct["fields"]]
        out += ["};", f"_Static_assert(sizeof(struct pv_{struct['name']}) == {struct['size']}, \"size\");"]
        out += [f"_Static_assert(offsetof(struct pv_{struct['name']}, {n}) == {o}, \"{n}\");"
                for n, _, o in struct["fields"]] + [""]
    out.append("#endif /* __ASSEMBLER__ */")
    for struct in abi["struct"]:
        out += [f"#define PV_{struct['name'].upper()}_{n.upper()} {o}" for n, _, o in struct["fields"]]
    return out + ["", "#endif"]


def for_kernel(lines):
    """For Linux: its types, and a prefix of its own, for PV_ and struct pv_ are taken there."""
    text = "\n".join(lines)
    for there, here in ((r"\bPV_", "PVN_"), (r"\bpv_", "pvn_"), (r"\buint(8|16|32|64)_t\b", r"__u\1"),
                        (r"\bint(8|16|32|64)_t\b", r"__s\1"), (r"\b__ASSEMBLER__\b", "__ASSEMBLY__"),
                        (r"\b_Static_assert\b", "static_assert"), ("<stddef.h>", "<linux/stddef.h>"),
                        ("#include <stdint.h>", "#include <linux/build_bug.h>\n#include <linux/types.h>")):
        text = re.sub(there, here, text)
    return text.split("\n")


def names(abi, kinds=all_kinds):
    def table(name, rows, size):
        return [f"static const char *const {name}[{size}] = {{"] + \
               [f"\t[{n}] = \"{s}\"," for n, s in rows] + ["};", ""]
    out = ["#ifndef PV_NAMES_H", "#define PV_NAMES_H", "",
           "/* Number -> name; a hole is NULL and prints as #n. */", ""]
    out += table("pv_exit_names", [(n, r["name"]) for n, r in enumerate(abi["exit"])], len(abi["exit"]))
    out += [f"static const unsigned char pv_exit_class[{len(abi['exit'])}] = {{"]
    out += [f"\t[{n}] = {abi['classes'][r['class']]}," for n, r in enumerate(abi["exit"])] + ["};", ""]
    out += table("pv_class_names", [(v, k) for k, v in abi["classes"].items()], len(abi["classes"]))
    out += table("pv_call_names", [(c["nr"], c["name"]) for c in abi["call"]], abi["constants"]["CALL_MAX"])
    out += table("pv_call_args", [(c["nr"], " ".join(c["args"])) for c in live(abi)],
                 abi["constants"]["CALL_MAX"])
    out += table("pv_kind_names", [(v, k) for k, v in kinds(abi).items()], len(kinds(abi)))
    out += table("pv_event_names", [(v, k.lower()) for k, v in abi["counted"].items()], len(abi["counted"]))
    out += table("pv_errno_names", [(v, k) for k, v in abi["errno"].items()], max(abi["errno"].values()) + 1)
    out += table("pv_feature_names", [(v, k) for k, v in abi["features"].items()],
                 max(abi["features"].values()) + 1)
    out += table("pv_mode_names", [(v, k.replace("_", "/")) for k, v in abi["modes"].items()], len(abi["modes"]))
    out += table("pv_shutdown_names", [(v, k.lower()) for k, v in abi["shutdown"].items()], len(abi["shutdown"]))
    return out + ["#endif"]


def decode(abi):
    """For tools that print arguments: which of them are numbers with names."""
    out = ["#ifndef PV_DECODE_H", "#define PV_DECODE_H", "",
           "/* An argument's name, or that of the call whose result it is, and its table. */",
           "static const struct {", "\tconst char *argument, *table;", "} pv_argument_tables[] = {"]
    out += [f"\t{{ \"{key}\", \"{table}\" }}," for key, table in abi["argument_tables"].items()] + ["};", ""]
    out += ["static const struct {", "\tconst char *table, *name;", "\tunsigned int value;", "} pv_table_names[] = {"]
    out += [f"\t{{ \"{table}\", \"{name}\", {value} }},"
            for table in dict.fromkeys(abi["argument_tables"].values()) for name, value in abi[table].items()]
    return out + ["};", "", "#endif"]


def dispatch(abi):
    out = ["/* HYPERCALL_RESERVED(handler): the body of a call that is gone. No domain has feature bit 31. */",
           "/* HYPERCALL(number, handler, argument count, units, batchable, feature bits needed) */"]
    for c in live(abi):
        feature = f"1u << PV_FEATURE_BIT_{c['feature'].upper()}" if "feature" in c else "0"
        out.append(f"HYPERCALL({c['nr']:#04x}, hypercall_{c['name'].lower()}, {len(c['args'])}, "
                   f"{c.get('units', 1)}, {str(c.get('batch', False)).lower()}, {feature})")
    reserved = [c for c in abi["call"] if is_reserved(c)]
    for c in reserved: # any argument will do, in a batch as well
        out.append(f"HYPERCALL({c['nr']:#04x}, hypercall_reserved_{c['nr']:02x}, 6, 1, true, 1u << 31)")
    out += ["#ifdef HYPERCALL_RESERVED"]
    out += [f"HYPERCALL_RESERVED(hypercall_reserved_{c['nr']:02x})" for c in reserved] + ["#endif"]
    return out


def descriptions(text):
    """Section -> key -> the comment behind its value."""
    out = {table: {} for table in TABLES}
    section = None
    for line in text.split("\n"):
        if line.startswith("["):
            section = re.match(r"\[+(\w+)", line)[1]
        row = re.match(r"(\w+)\s*=\s*[\w.]+\s*#\s*(.*\S)", line)
        if row and section in out:
            out[section][row[1]] = row[2]
    return out


C_OUTPUTS = {"header": header, "names": names, "dispatch": dispatch, "decode": decode,
             "kernel": lambda abi: for_kernel(header(abi, guest_kinds)),
             "kernel-names": lambda abi: for_kernel(names(abi, guest_kinds))}


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in (*C_OUTPUTS, "docs", "golden", "compare"):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    try:
        abi = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fail(error)
    described = descriptions(text)
    check(abi, described)
    if sys.argv[2] == "compare":
        broken = golden.compare(sys.argv[3], golden.of(abi))
        sys.exit("\n".join(broken) if broken else 0)
    if sys.argv[2] == "docs":
        out = reference.text(abi, described)
    elif sys.argv[2] == "golden":
        out = golden.text(abi)
    else:
        out = "/* SPDX-License-Identifier: MIT */\n/* Generated from pv-abi/abi.toml; do not edit. */\n" + \
            "\n".join(C_OUTPUTS[sys.argv[2]](abi)) + "\n"
    with open(sys.argv[3], "w", encoding="ascii") as f:
        f.write(out)


if __name__ == "__main__":
    main()
