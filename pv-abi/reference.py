# SPDX-License-Identifier: MIT
"""The reference of the ABI as Markdown, a section a call like a manual page. Called by generate.py."""

REGISTERS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
TYPES = {
    "u64": "number",
    "gpa": "guest-physical address",
    "vcpu": "vCPU number",
    "vector": "x86 vector",
    "ns": "nanoseconds of the pvclock",
    "reason": "reason of SHUTDOWN",
}

INTRODUCTION = """# Hypercalls and the rest of the ABI

Version {major}.{minor}. Generated from `pv-abi/abi.toml` by `pv-abi/generate.py abi.toml docs`; do not edit.
What changed between versions is in [pv-abi/CHANGES.md](../pv-abi/CHANGES.md).

## How a call is made

`vmcall` on Intel, `vmmcall` on AMD; the guest chooses by the CPUID vendor. The number is in `rax`, arguments are
in `rdi`, `rsi`, `rdx`, `rcx`, `r8`, `r9`. Only `rax` changes: a result of 0 or more, or minus an errno.

* Whoever is not in ring 0, and any domain without the feature `hypercalls`, gets #UD, as without a hypervisor.
* Registers beyond a call's arguments must be 0, so that they can gain a meaning later.
* Addresses are guest-physical. A structure is 8-byte aligned and lies within one page unless its call says
  otherwise. Arguments in memory are copied once, then checked.
* A refused call has done nothing. It is counted and traced with its errno, and never ends the
  domain.

Every call may give these, beside what its own section names:

| errno | cause |
|---|---|
| ENOSYS | no call has this number |
| EPERM | the call is not on the domain's list (`calls:` in the machine description) |
| EOPNOTSUPP | the call's feature is masked for the domain (`features:`) |
| EINVAL | an argument register that the call does not use is not 0 |

They are looked for in this order, and the call's own errors after them.
"""


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + \
           ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows] + [""]


def direction(name, kind):
    """Memory behind `into` is written, behind any other address read or registered."""
    return ("out" if name == "into" else "in") if kind == "gpa" else "in"


def sentence(text):
    return text[0].upper() + text[1:]


def call_section(call):
    args = [arg.partition(":")[::2] for arg in call["args"]]
    out = [f"### {call['nr']:#04x} {call['name']}", "",
           f"`{call['name']}({', '.join(name for name, _ in args)})`", "", call["what"], ""]
    if args:
        out += table(("register", "argument", "is a", "direction"),
                     [(f"`{REGISTERS[n]}`", f"`{name}`", TYPES[kind], direction(name, kind))
                      for n, (name, kind) in enumerate(args)])
    facts = ["from ABI " + call.get("since", "0.1"), "for the kernel of a domain in mode pv/hap"]
    facts.append(f"feature `{call['feature']}`" if "feature" in call else "no feature needed")
    if call.get("batch"):
        units = call.get("units", 1)
        facts.append(f"may stand in a batch, {units} unit{'s' if units > 1 else ''}")
    else:
        facts.append("not in a batch")
    out += [sentence("; ".join(facts)) + ".", "", f"Result: {call.get('result', '0')}.", ""]
    return out + table(("errno", "cause"), call["errors"].items())


def calls(abi):
    out = ["## Calls", "", "Numbers are grouped by their upper half; they are never used again.", ""]
    ordered = sorted((c for c in abi["call"] if not c.get("reserved")), key=lambda c: c["nr"])
    out += table(("number", "call", "what it does"),
                 [(f"{c['nr']:#04x}", f"[{c['name']}](#{c['nr']:#04x}-{c['name'].lower()})", c["what"])
                  for c in ordered])
    gone = [(f"{c['nr']:#04x}", c["name"]) for c in abi["call"] if c.get("reserved")]
    if gone:
        out += ["Gone, and -EOPNOTSUPP since:", ""] + table(("number", "call"), gone)
    for group, base in abi["groups"].items():
        members = [c for c in ordered if c["nr"] & 0xf0 == base]
        if members:
            out += [f"## Group {base:#04x}: {group}", ""]
        for call in members:
            out += call_section(call)
    return out


def numbers(abi, described, name, title, form="{}"):
    return [f"### {title}", ""] + table(("name", "number", "what it is"),
                                        [(f"`{k}`", form.format(v), described[name][k])
                                         for k, v in abi[name].items()])


def structures(abi):
    out = ["## Structures", "", "Names as in `pv_abi.h`, where each is `struct pv_NAME`; offsets and sizes in bytes. "
           "What is reserved is 0.", ""]
    for struct in abi["struct"]:
        out += [f"### {struct['name']}", "", f"{sentence(struct['what'])}. {struct['size']} bytes.", ""]
        out += table(("offset", "field", "type"), [(offset, f"`{n}`", spec) for n, spec, offset in struct["fields"]])
    return out


def text(abi, described):
    out = [INTRODUCTION.format(**abi["abi"])]
    out += calls(abi)
    out += ["## Discovery and numbers", ""]
    out += numbers(abi, described, "cpuid", "CPUID leaves, from the base that a scan from 0x40000000 finds", "+{}")
    out += numbers(abi, described, "features", "Features: bits of CPUID +2, words eax and ebx")
    out += numbers(abi, described, "modes", "Modes")
    out += numbers(abi, described, "areas", "Kinds of areas")
    out += numbers(abi, described, "virqs", "Events of the hypervisor (virqs)")
    out += numbers(abi, described, "states", "States of a vCPU")
    out += numbers(abi, described, "shutdown", "Reasons of SHUTDOWN")
    out += numbers(abi, described, "flush", "Scopes of TLB_FLUSH")
    out += numbers(abi, described, "batch", "Flags of a batch entry")
    out += numbers(abi, described, "stats_why", "STATS_READ: why a snapshot was taken")
    out += numbers(abi, described, "stats_space", "STATS_READ: what a row is about")
    out += numbers(abi, described, "counted", "STATS_READ: events that are counted")
    out += numbers(abi, described, "errno", "Errnos; values are Linux's")
    out += numbers(abi, described, "constants", "Limits and other constants", "{:#x}")
    out += structures(abi)
    out += ["## Transitions", "", "What the counters and the trace call an exit, the same on VT-x and AMD-V.", ""]
    out += numbers(abi, described, "classes", "Classes")
    out += ["### Exits", ""] + table(("number", "exit", "class", "what it is"),
                                     [(n, f"`{e['name']}`", e["class"], e["what"])
                                      for n, e in enumerate(abi["exit"])])
    out += numbers(abi, described, "kinds", "Kinds of trace records")
    return "\n".join(out).rstrip() + "\n"
