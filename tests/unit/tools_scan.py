#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`pvn scan` from outside: tools_scan.py PVN. The Linux guest's counts against those that objdump's text of
the same file gives, two images beside each other, the time it takes, files for programs, and errors. TAP.
"""
import collections
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
import lint # noqa: E402

if len(sys.argv) != 2:
    sys.exit("Bail out! usage: tools_scan.py PVN")
PVN = os.path.abspath(sys.argv[1])
CPU_SECONDS_MAX = 4.0 # to scan the guest; about 0.7 on the computer this was written on
PREFIXES = r"(?:(?:rep[nz]*|repne|lock|cs|ds|es|ss|fs|gs|data16|addr32|rex\S*) )*"
# objdump's names of a class that are not the class's own.
NAMES = {"pushfw": "pushf", "pushfq": "pushf", "popfw": "popf", "popfq": "popf", "iretq": "iret", "iretw": "iret",
         "sysretd": "sysret", "sysretl": "sysret", "sysretq": "sysret", "retf": "ret_far", "retfq": "ret_far",
         "xsaves64": "xsaves", "xrstors64": "xrstors", "vmgexit": "vmmcall"}
PLAIN = ("sgdt sidt sldt str smsw pushf popf lar lsl verr verw lgdt lidt lldt ltr lmsw clts cli sti hlt invlpg "
         "invpcid invd wbinvd rdmsr wrmsr in out ins outs iret swapgs sysret sysexit xsetbv xsaves xrstors "
         "monitor mwait vmcall vmmcall cpuid rdtsc rdtscp rdpmc pause rdrand rdseed ret_far").split()
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
REGISTERS = [f"mov_{way}_{which}" for way in ("from", "to")
             for which in ("cr0", "cr2", "cr3", "cr4", "cr8", "dr", "seg")]

tap = lint.Tap()
folder = tempfile.TemporaryDirectory()


def path(name):
    return os.path.join(folder.name, name)


def run(*arguments):
    """Runs pvn scan: exit code, standard output, standard error."""
    done = subprocess.run([PVN, "scan", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                          check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def special(register):
    """What a MOV with this operand is called in a class, or None."""
    if register in SEGMENTS:
        return "seg"
    if re.fullmatch(r"[cd][rb]\d+", register):
        return register if register[0] == "c" else "dr"
    return None


def moved(operands):
    to, _, source = operands.partition(",")
    if special(to):
        return f"mov_to_{special(to)}"
    return f"mov_from_{special(source)}" if special(source) else None


def wanted():
    names = sorted(set(PLAIN) | set(NAMES), key=len, reverse=True)
    return names, re.compile(rf"\t{PREFIXES}(?:({'|'.join(names)})(?![a-z0-9])|mov +([a-z0-9]+,[a-z0-9]+)$)", re.M)


def start_objdump(kernel):
    """Most lines of its text are no sensitive instruction: grep is quicker to say so than Python."""
    some = "|".join(sorted({name[:3] for name in wanted()[0]})) + "|mov .*[cd][rb][0-9]|mov .*[c-gs]s"
    return subprocess.Popen(f"objdump -d -w --no-show-raw-insn -M intel '{kernel}' | LC_ALL=C grep -E '{some}'"
                            f" >'{path('objdump')}'", shell=True)


def objdump(process):
    """Instructions of each class in objdump's text of all code sections."""
    found = collections.Counter()
    process.wait(timeout=120)
    with open(path("objdump"), encoding="utf-8", errors="replace") as f:
        text = f.read()
    for match in wanted()[1].finditer(text):
        name = NAMES.get(match[1], match[1]) if match[1] else moved(match[2])
        if name:
            found[name] += 1
    return found


def document():
    """The guest's scan, with files for programs: its image in the JSON document."""
    code, out, err = run("guest:linux", "--json", path("json"), "--csv", path("csv"), "--sites", "mov_to_cr3")
    if code or "native_write_cr3" not in out:
        raise RuntimeError(f"pvn scan guest:linux: {code}: {out}{err}")
    with open(path("json"), encoding="ascii") as f:
        return json.load(f)["images"][0]


def classes(image):
    return {row["name"]: row for row in image["classes"]}


def check_counts(image, process):
    """Exactly what objdump finds, in all classes that it names."""
    found, rows = objdump(process), classes(image)
    for name in PLAIN + REGISTERS:
        row = rows[name]
        count = row["text"] + row["init"] + row["replacement"]
        if count != found[name]:
            yield f"{name}: {count}, objdump has {found[name]}"
    if sum(found.values()) < 1000:
        yield f"objdump gave only {sum(found.values())} instructions"


def check_sums(image):
    for row in image["classes"]:
        if row["text"] + row["init"] != row["left"] + row["behind"] + row["original"]:
            yield f"{row['name']}: the parts are not the whole"
        if row["back"] > row["pv_ops"]:
            yield f"{row['name']}: more patched back than there are"
    rows = classes(image)
    # Interrupts are switched through pv_ops; what stays is native code's own. RDMSR is behind it, too.
    for name, least in (("cli", 100), ("sti", 100), ("pushf", 100), ("rdmsr", 100), ("cpuid", 30)):
        if rows[name]["pv_ops"] < least:
            yield f"{name}: {rows[name]['pv_ops']} pv_ops sites, expected at least {least}"
    if rows["cli"]["pv_ops"] != rows["cli"]["back"] or rows["rdmsr"]["back"]:
        yield "cli is patched back everywhere, rdmsr nowhere"
    for section in image["sections"]:
        if section["undecoded_bytes"] > section["bytes"] // 1000:
            yield f"{section['name']}: {section['undecoded_bytes']} bytes not decoded"


def check_summary(image):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, out, err = run("guest:linux", "--summary")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"# {used:.2f} s of a CPU")
    always = [row for row in image["classes"] if row["group"] == "other" and row["vtx"]["exits"] == "always"]
    row = re.search(r"^other +always +(\d+) +(\d+) ", out, re.M)
    if code or not row or [int(row[1]), int(row[2])] != [sum(r[k] for r in always) for k in ("text", "init")]:
        yield f"{code}: {out}{err}"
    if used > CPU_SECONDS_MAX:
        yield f"{used:.2f} s of a CPU, expected at most {CPU_SECONDS_MAX}"


def check_pair(image, kernel):
    """The same kernel with a System.map in place of its symbols, and as a bzImage with kallsyms alone."""
    stripped, symbols = path("stripped"), path("System.map")
    subprocess.run(["strip", "-o", stripped, kernel], check=True)
    with open(symbols, "wb") as f:
        f.write(subprocess.run(["nm", "-n", kernel], capture_output=True, check=True).stdout)
    bzimage = subprocess.run([PVN, "guest", "--print", "--pc"], capture_output=True, text=True,
                             check=True).stdout.split("\n")[2]
    code, out, err = run(stripped, bzimage, "--map", symbols, "--map", "-", "--json", path("pair"))
    cli = classes(image)["cli"]
    row = re.search(r"^cli +never +\| +(\d+) +\S+ +(\d+) +\| +(\d+) +\S+ +(\d+) +\| +(\S+)", out, re.M)
    if code or f"A = {stripped}" not in out or f"B = {bzimage}" not in out or not row or \
       [row[2], row[4], row[5]] != [str(cli["pv_ops"]), str(cli["pv_ops"]), "."]:
        yield f"{code}: {row and row[0]}: {err}"
        return
    with open(path("pair"), encoding="ascii") as f:
        pair = json.load(f)["images"]
    for other in pair:
        for name, row in classes(other).items():
            if row != classes(image)[name]:
                yield f"{other['name']}: {name}: {row}, expected {classes(image)[name]}"


def check_files(image):
    row = classes(image)["mov_to_cr3"]
    sites = collections.Counter(site["kind"] for site in image["sites"])
    if sites["left"] != row["left"] or sites["pv_ops, patched back"] != row["back"] or \
       sum(sites.values()) != row["text"] + row["init"] + row["replacement"] + row["pv_ops"]:
        yield f"the sites are {sites}, the counts {row}"
    with open(path("csv"), encoding="ascii", newline="") as f:
        rows = {line["class"]: line for line in csv.DictReader(f)}
    if int(rows["mov_to_cr3"]["pv_ops"]) != row["pv_ops"] or rows["cpuid"]["vtx"] != "always":
        yield f"CSV: {rows['mov_to_cr3']}"
    # To standard output, where it stands alone; and a full disk.
    code, out, err = run("guest:linux", "--json", "-", "--csv", "/dev/full")
    if code != 3 or "/dev/full: cannot write" not in err or json.loads(out)["images"][0]["classes"] != image["classes"]:
        yield f"{code}: {out[:500]}{err}"


def check_errors():
    for arguments, code, text in (
            ((), 2, "which kernel?"), (("a", "b", "c"), 2, "at most two images"),
            (("a", "--json", "-", "--csv", "-"), 2, "only one can be -"),
            ((__file__, "--json", __file__), 2, "the image and --json are the same file"),
            (("guest:linux", "--csv", "/nonexistent/x"), 3, "--csv /nonexistent/x: cannot create"),
            (("guest:linux", "--sites", "cpud"), 2, 'did you mean "cpuid"'),
            (("guest:linux", "--summary", "--sites", "cpuid"), 2, "exclude each other"),
            (("guest:linux", "--map", "-", "--map", "-"), 2, "more of them than images"),
            (("/nonexistent",), 2, "/nonexistent: No such file"), ((PVN,), 2, "position-independent"),
            ((__file__,), 2, "neither an ELF file nor a bzImage"),
            (("guest:linux", "--map", "/nonexistent"), 2, "/nonexistent: cannot open"),
            (("guest:linux", "--map", __file__), 2, ":1:1: expected an address"),
            (("debian:other",), 2, "debian:cloud and debian:generic")):
        got, _, err = run(*arguments)
        if got != code or text not in err:
            yield f"{' '.join(arguments)}: {got}, expected {code} and \"{text}\": {err}"


def main():
    kernel = subprocess.run([PVN, "guest", "--print"], capture_output=True, text=True,
                            check=True).stdout.split("\n")[0]
    process = start_objdump(kernel)
    image = document()
    tap.result("the guest's counts are those of objdump", check_counts(image, process))
    tap.result("sums, and what is behind pv_ops", check_sums(image))
    tap.result("the summary, and the time it takes", check_summary(image))
    tap.result("two images: System.map, bzImage", check_pair(image, kernel))
    tap.result("JSON, CSV and sites", check_files(image))
    tap.result("errors", check_errors())
    tap.end()


main()
