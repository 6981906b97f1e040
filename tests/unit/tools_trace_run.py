#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tracing from end to end: tools_trace_run.py PVN guests|linux|files. Machines are recorded on VT-x (Bochs) and
AMD-V (QEMU): recording changes no counter, the records sum up to the counters, every export can be read.
files: damaged traces on the command line, following a machine that runs, a million records in 3 s. TAP on
standard output."""
import collections
import csv
import io
import json
import os
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time
import tomllib
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
import lint # noqa: E402

if len(sys.argv) != 3 or sys.argv[2] not in ("guests", "linux", "files"):
    sys.exit("Bail out! usage: tools_trace_run.py PVN guests|linux|files")
PVN = os.path.abspath(sys.argv[1])
MILLION_S = 3.0
SECTION = struct.Struct("<IIII")
RECORD = struct.Struct("<QQQBBHHH")
with open(os.path.join(lint.ROOT, "pv-abi", "abi.toml"), "rb") as abi:
    BATCHABLE = {call["name"] for call in tomllib.load(abi)["call"] if call.get("batch")}
STOP_ON_ERROR = 1
# What the machine's clock and the emulator decide; with more in the records the same work takes longer.
CLOCK = ("interrupt", "preempt_timer", "nmi")

GUESTS = """machine: {memory: 256M%s}
domains:
  - {name: batch, kernel: "payload:batch", memory: 4M}
  - {name: calls, kernel: "payload:calls", memory: 4M}
  - {name: few, kernel: "payload:calls", memory: 4M, cmdline: few, calls: [CONSOLE, SHUTDOWN]}
  - {name: msr, kernel: "payload:msr", memory: 4M}
  - {name: ports, kernel: "payload:ports", memory: 4M, mode: full/hap}
  - {name: cr, kernel: "payload:cr", memory: 4M}
"""

tap = lint.Tap()
folder = tempfile.TemporaryDirectory()


def path(name):
    return os.path.join(folder.name, name)


def write(name, text):
    with open(path(name), "w", encoding="ascii") as f:
        f.write(text)
    return path(name)


def pvn(*arguments):
    """Runs pvn to its end: exit code, standard output, standard error."""
    done = subprocess.run([PVN, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=100, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(name, *conditions):
    """One result; conditions are pairs (holds, what is shown if not)."""
    tap.result(name, [str(shown)[:2000] for holds, shown in conditions if not holds])


def counters(stats):
    """Counts of the JSON file of run --stats: (domain, space, name) -> count."""
    with open(stats, encoding="utf-8") as f:
        data = json.load(f)
    sums = collections.Counter()
    for domain in data["domains"]:
        for vcpu in domain["vcpus"]:
            for row in vcpu["rows"]:
                if row["space"] != "event":
                    sums[domain["name"], row["space"], row["name"]] += row["count"]
    return sums


def entries(trace, *arguments):
    code, out, err = pvn("trace", trace, "--json-lines", "-", *arguments)
    return code, [json.loads(line) for line in out.splitlines()], err


def sums_of(rows):
    """The same counts out of a trace. Unknown numbers are transitions, but have no counter of their own."""
    sums = collections.Counter()
    for row in rows:
        where, kind = row["domain"], row["kind"]
        if kind == "exit" and "fence" not in row:
            sums[where, "exit", row["name"]] += 1
        elif kind == "call":
            sums[where, "exit", "hypercall"] += 1
            if not row["name"].startswith("#"):
                sums[where, "call", row["name"]] += 1
        elif kind == "member" and row["name"] in BATCHABLE and not refused(row):
            sums[where, "batch", row["name"]] += 1
    return sums


def refused(row):
    """An entry with flags that it may not have is refused before it is counted."""
    return row["flags"] & ~STOP_ON_ERROR


def differences(one, other):
    return [f"{key}: {one[key]} and {other[key]}" for key in sorted(set(one) | set(other)) if one[key] != other[key]]


def lost_of(trace):
    return re.findall(r"^# cpu\d+: \d+ records were overwritten.*", pvn("trace", trace, "--kind", "mark")[1], re.M)


def check_sums(name, trace, stats, rows):
    lost = lost_of(trace)
    counted = counters(stats)
    wrong = differences(counted, sums_of(rows))
    print(f"# {name}: {len(rows)} entries, {sum(n for k, n in counted.items() if k[1] == 'exit')} transitions")
    expect(f"{name}: counters and records agree, and none is lost", (not lost, lost), (not wrong, wrong),
           (len(rows) > 100, len(rows)))


# ---- guests: payloads on both vendors --------------------------------------------------------------

def check_exports(host, trace, rows):
    shown = len(rows)
    code, out, err = pvn("trace", trace, "--csv", "-")
    table = list(csv.DictReader(io.StringIO(out)))
    expect(f"{host}: CSV can be read, and has the same entries", (code == 0, err), (len(table) == shown, len(table)),
           (all(a["name"] == b["name"] and a["domain"] == b["domain"] for a, b in zip(table, rows)), "names differ"))
    code, _, err = pvn("trace", trace, "--perfetto", path("p.json"))
    with open(path("p.json"), encoding="utf-8") as f:
        events = json.load(f)["traceEvents"]
    plain = [e for e in events if e["ph"] in "Xi" and e["pid"] < 100]
    expect(f"{host}: the Chrome trace format can be read, and has the same entries", (code == 0, err),
           (len(plain) == shown, len(plain)),
           (all({"pid", "tid", "ts", "name"} <= set(e) for e in plain), "a field is missing"),
           (all(e["dur"] >= 0 for e in events if e["ph"] == "X"), "a slice of less than no time"),
           ({e["args"]["name"] for e in events if e["name"] == "process_name"} >= {"batch pv/hap", "CPUs"}, events[:9]))


def check_text(host, trace):
    """A line of each sort, as it is printed."""
    code, out, err = pvn("trace", trace)
    exit_of = r" +\d+\.\d{3} cpu0 +%s/0 +%s +<\d+> [0-9a-f]{16} \w+(\+0x[0-9a-f]+)?$"
    wanted = {
        "a call with two arguments": exit_of % ("calls", r"CONSOLE\(text=0x[0-9a-f]+, length=\d+\) = \d+"),
        "an errno": exit_of % ("calls", r"VCPU_START\(vcpu=\d+, context=\S+\) = -E\w+"),
        "a call that may not be made": exit_of % ("few", r"NULL\(\) = -EPERM"),
        "a kick": exit_of % ("batch", r"BATCH_KICK\(\) = \d+"),
        "a member": r" +\d+\.\d{3} cpu0 +batch/0 +  CONSOLE\(text=0x[0-9a-f]+, length=\d+\) = \d+ +<\d+>$",
        "an MSR": exit_of % ("msr", r"rdmsr\(APIC_BASE\) = 0xfee00900"),
        "a port": exit_of % ("ports", r"port_out\(0xe9, 1, 0x\w\w '.'\)"),
        "a fault": exit_of % ("cr", r"cr_write\(cr4, r\w+=0x\w+\) = fault"),
        "an injection": r" cr/0 +inject #GP error=0x0$",
        "the scheduler": r" ports/0 +sched in$",
        "a domain's end": r" ports/0 +domain end shutdown$",
    }
    expect(f"{host}: calls, exits and members are decoded", (code == 0, err),
           *[(re.search(pattern, out, re.M), f"no {what}: {pattern}") for what, pattern in wanted.items()])
    kicks = re.findall(r"^.*BATCH_KICK.*\n(?:.*batch/0   +  .*\n)*", out, re.M)
    expect(f"{host}: members stand under their kick", (any(kick.count("\n") > 20 for kick in kicks), kicks[:1]))


def check_summary(host, trace):
    code, out, err = pvn("trace", trace, "--summary")
    rows = [line.split() for line in out.splitlines() if re.match(r" *\d", line)]
    shares = [float(row[0]) for row in rows if row[-2] in ("exit", "call")]
    ordered = [int(row[4]) <= int(row[5]) <= int(row[6]) for row in rows if len(row) == 9]
    expect(f"{host}: the summary has shares, means and percentiles", (code == 0, err), (98 < sum(shares) < 102, out),
           (len(ordered) > 8 and all(ordered), out))
    code, out, err = pvn("trace", trace, "--by-symbol", "--domain", "batch")
    expect(f"{host}: the functions that cause transitions are named", (code == 0, err),
           (re.search(r"^ +\d+ +\d+  batch +hypercall\w* .*BATCH_KICK \d+", out, re.M), out))


def guests(host):
    plain, traced = write("plain.yaml", GUESTS % ""), write("traced.yaml", GUESTS % ", trace: {records: 8192}")
    first = pvn("run", plain, "--on", host, "--stats", path("plain.json"))
    second = pvn("run", traced, "--on", host, "--stats", path("traced.json"), "--trace", path("t.trace"))
    expect(f"{host}: the guests end well", (first[0] == 0, first), (second[0] == 0, second))
    one, other = counters(path("plain.json")), counters(path("traced.json"))
    wrong = [d for d in differences(one, other) if not any(f"'{name}'" in d for name in CLOCK)]
    expect(f"{host}: recording changes no counter", (not wrong, wrong), (one, "nothing was counted"))
    code, rows, err = entries(path("t.trace"))
    expect(f"{host}: JSON lines can be read", (code == 0, err), (rows, "there are none"))
    check_sums(host, path("t.trace"), path("traced.json"), rows)
    check_text(host, path("t.trace"))
    check_summary(host, path("t.trace"))
    check_exports(host, path("t.trace"), rows)


def several_cpus():
    """Rings of two CPUs, drained side by side, and vCPUs that move between them."""
    machine = write("smp.yaml", 'machine: {cpus: 2, memory: 256M}\ndomains:\n'
                    '  - {name: a, kernel: "payload:calls_vcpu", memory: 4M, vcpus: 2}\n'
                    '  - {name: b, kernel: "payload:calls_vcpu", memory: 4M, vcpus: 2}\n')
    code, _, err = pvn("run", machine, "--on", "bochs", "--trace", path("smp.trace"), "--stats", path("smp.json"))
    _, rows, _ = entries(path("smp.trace"))
    check_sums("two CPUs", path("smp.trace"), path("smp.json"), rows)
    expect("two CPUs: both recorded, in one order of time", (code == 0, err), ({r["cpu"] for r in rows} == {0, 1}, rows[:2]),
           ({(r["domain"], r["vcpu"]) for r in rows} >= {("a", 1), ("b", 1)}, "a vCPU is missing"),
           (all(x["tsc"] <= y["tsc"] for x, y in zip(rows, rows[1:]) if "kick" not in x and "kick" not in y), "not sorted"))


def options():
    """Filters and kinds, and a ring that was too small, on the last trace."""
    machine, trace = write("small.yaml", GUESTS % ", trace: {records: 16, live: off}"), path("small.trace")
    code, _, err = pvn("run", machine, "--on", "qemu", "--trace", trace)
    lost = lost_of(trace)
    expect("what was overwritten is counted and shown", (code == 0, err), (len(lost) == 1, lost))
    code, out, err = pvn("trace", trace, "--csv", "-")
    expect("with an export alone it is said as a message", (code == 0, err), ("records were overwritten" in err, err),
           ("overwritten" not in out, "in the CSV, too"))
    code, _, err = pvn("run", machine, "--on", "qemu", "--trace", trace, "--trace-kinds", "mark,call")
    _, rows, _ = entries(trace)
    expect("--trace-kinds records those alone", (code == 0, err),
           ({row["kind"] for row in rows} <= {"mark", "call", "result", "args", "ticks"}, rows[:3]), (rows, "none"))
    trace = path("t.trace")
    for arguments, holds in ((("--domain", "msr,cr"), lambda r: r["domain"] in ("msr", "cr")),
                             (("--kind", "inject"), lambda r: r["kind"] == "inject"),
                             (("--name", "NULL", "--name", "rdmsr"), lambda r: r["name"] in ("NULL", "rdmsr")),
                             (("--from", "1ms", "--to", "2ms"), lambda r: 1000 <= r["us"] <= 2000),
                             (("--vcpu", "0"), lambda r: r["vcpu"] == 0)):
        code, rows, err = entries(trace, *arguments)
        expect(f"filter {' '.join(arguments)}", (code == 0, err), (rows, "nothing is left"),
               (all(map(holds, rows)), [r for r in rows if not holds(r)][:1]))
    for arguments, word in ((("--domain", "nobody"), "batch,calls"), (("--kind", "x"), "expected exit"),
                            (("--from", "soon"), "expected a time"), (("--symbols", "a=b"), "DOMAIN=FILE"),
                            (("--symbols", "msr=" + machine), ":1:1: expected an address"),
                            (("--symbols", "msr=/nonexistent"), "/nonexistent: cannot open"), (("--vcpu", "99"), "0 to 15"), ((trace,), "one trace")):
        code, _, err = pvn("trace", trace, *arguments)
        expect(f"refused: {' '.join(arguments[:1])}: {word}", (code == 2, code), (word in err, err))
    check_outputs(trace)


def check_outputs(trace):
    """Outputs that would replace each other or the trace, or stand in one another's way."""
    size, other = os.path.getsize(trace), path("other")
    os.symlink(trace, path("link"))
    for arguments, code, word in ((("--csv", "-", "--json-lines", "-"), 2, "only one can be -"),
                                  (("--summary", "--csv", "-"), 2, "--summary and --csv: only one can be -"),
                                  (("--csv", other, "--perfetto", other), 2, "are the same file"),
                                  (("--csv", path("link")), 2, "the trace and --csv are the same file"),
                                  (("--csv", "/nonexistent/x"), 3, "cannot create"),
                                  (("--csv", folder.name), 3, "directory"), (("--csv", "/dev/full"), 3, "No space left"),
                                  (("--name", "NULL,,rdmsr"), 2, "--name"), (("--from", "2ms", "--to", "1ms"), 2, "--from"),
                                  (("--summary", "--by-symbol"), 0, ""),
                                  (("--csv", "/dev/null", "--json-lines", "/dev/null"), 0, "")):
        got, _, err = pvn("trace", trace, *arguments)
        expect(f"outputs {' '.join(map(os.path.basename, arguments))}", (got == code, f"exit code {got}"),
               (word in err, err), (os.path.getsize(trace) == size, "the trace has changed"))


# ---- linux: a whole boot -----------------------------------------------------------------------------

def boot(host, mode):
    example = os.path.join(lint.ROOT, "docs", "examples", f"linux-{mode}.yaml")
    trace, stats = path("linux.trace"), path("linux.json")
    code, out, err = pvn("run", example, "--on", host, "--exec", "uname -a", "--trace", trace, "--stats", stats)
    expect(f"Linux, {mode}/hap on {host}: it boots", (code == 0, err), ("Linux" in out, out))
    _, rows, _ = entries(trace)
    check_sums(f"Linux, {mode}/hap on {host}", trace, stats, rows)
    where = collections.Counter(row.get("symbol", "").partition("+")[0] for row in rows if row["kind"] in ("exit", "call"))
    named = [name for name in ("native_cpuid", "pvn_early_hypercall", "native_write_msr") if where[name]]
    expect(f"Linux, {mode}/hap on {host}: its functions are named", (named, where.most_common(9)))


# ---- files: damage, growth, size ------------------------------------------------------------------------

def sections(data):
    """(offset, type, payload) of each section."""
    at = 16
    while at < len(data):
        _, kind, length, _ = SECTION.unpack_from(data, at)
        yield at, kind, data[at + SECTION.size:at + SECTION.size + length]
        at += SECTION.size + length


def section(kind, payload):
    crc = zlib.crc32(payload, zlib.crc32(struct.pack("<II", kind, len(payload))))
    return SECTION.pack(0x53545650, kind, len(payload), crc) + payload


def records_in(data):
    return sum(struct.unpack_from("<I", payload, 4)[0] for _, kind, payload in data if kind == 2)


def damaged():
    machine = write("a.yaml", GUESTS % "")
    code, _, err = pvn("run", machine, "--on", "qemu", "--trace", path("whole.trace"))
    with open(path("whole.trace"), "rb") as f:
        data = f.read()
    parts = list(sections(data))
    expect("a trace in several sections", (code == 0, err), (len(parts) > 6, len(parts)))
    places = [("within the header", 9, 3), ("within the description", parts[0][0] + 200, 3),
              ("behind the description", parts[1][0], 3), ("within the head of a section", parts[2][0] + 5, 3),
              ("within records", parts[3][0] + 100, 3), ("before the end", parts[-1][0], 3)]
    for name, at, wanted in places:
        whole = records_in(p for p in parts if p[0] + SECTION.size + len(p[2]) <= at)
        for what, content in (("cut", data[:at]), ("changed", data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:])):
            with open(path("bad.trace"), "wb") as f:
                f.write(content)
            code, out, err = pvn("trace", path("bad.trace"))
            shown = re.search(r"^# (\d+) records", out, re.M)
            expect(f"{what} {name}: {whole} records are shown, and what is wrong",
                   (code == wanted or (what == "changed" and at < 16 and code == 2), (code, err)),
                   ("pvn: error: " in err and "bad.trace" in err, err),
                   ((int(shown[1]) if shown else 0) == whole, out[-200:]))
    with open(path("old.trace"), "wb") as f:
        f.write(b"PVTRACE\0" + struct.pack("<II", 1, 32) + bytes(100))
    code, _, err = pvn("trace", path("old.trace"))
    expect("a trace of version 1 is refused by its version", (code == 2, code), ("version 1" in err, err))
    return parts


def million(parts):
    """A file of a million records as a run would write it, read in every way."""
    description = section(1, next(payload for _, kind, payload in parts if kind == 1))
    body, tsc = [], 1000
    for _ in range(1000):
        block = bytearray()
        for _ in range(250):
            block += RECORD.pack(tsc, 0x200100, 5, 1, 0, 0x17, 0, 300)
            block += RECORD.pack(tsc + 1, 0x20, 0, 7, 0, 0x17, 1, 0)
            block += RECORD.pack(tsc + 500, 0x200104, 0, 0, 0, 2, 31, 240)
            block += RECORD.pack(tsc + 501, 0xc0000080, 0x500, 9, 0, 2, 0, 0)
            tsc += 1000
        body.append(section(2, struct.pack("<IIQ", 0, 1000, 0) + bytes(block)))
    with open(path("million.trace"), "wb") as f:
        f.write(b"PVTRACE\0" + struct.pack("<II", 2, 32) + description + b"".join(body) +
                section(3, struct.pack("<QII", 1000000, 1, 0)))
    for arguments in ([], ["--summary"], ["--by-symbol"], ["--json-lines", "/dev/null"]):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        with open(path("out.txt"), "wb") as out:
            done = subprocess.run([PVN, "trace", path("million.trace"), *arguments], stdout=out, check=False)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        what = " ".join(arguments) or "as lines"
        print(f"# a million records {what}: {spent:.2f} s of CPU, {wall:.2f} s of wall time (limit {MILLION_S} s)")
        # Others may have the CPUs meanwhile: what counts is the time that it takes itself.
        expect(f"a million records {what} in {MILLION_S} s", (done.returncode == 0, done.returncode),
               (spent <= MILLION_S, spent))


def follow():
    """The first lines come while the machine runs; in the end it is the whole trace."""
    machine = write("long.yaml", 'machine: {memory: 192M}\ndomains:\n'
                    '  - {name: w, kernel: "payload:worker", memory: 4M, cmdline: "ms=100 relax=2000"}\n')
    trace = path("live.trace")
    with open(os.devnull, "wb") as null, subprocess.Popen([PVN, "run", machine, "--on", "qemu", "--trace", trace],
                                                          stdin=subprocess.DEVNULL, stdout=null, stderr=null) as run:
        while not os.path.exists(trace) and run.poll() is None:
            time.sleep(0.01)
        with subprocess.Popen([PVN, "trace", "--follow", trace], stdout=subprocess.PIPE) as reader:
            early = [reader.stdout.readline() for _ in range(60)]
            still_runs = run.poll() is None
            rest, code = reader.stdout.read(), reader.wait(60)
    followed = b"".join(early).decode() + rest.decode()
    whole = pvn("trace", trace)[1]
    expect("--follow shows what a machine does while it does it", (still_runs, "it had ended by the first lines"),
           (b"sched in" in b"".join(early), early[:9]), (code == 0, code))
    expect("and in the end all of it", (sorted(followed.splitlines()) == sorted(whole.splitlines()),
                                        (len(followed.splitlines()), len(whole.splitlines()))))
    with open(trace, "r+b") as f:
        f.truncate(os.path.getsize(trace) - 40)
    code, out, err = pvn("trace", "--follow", trace)
    for name, what in ((write("empty", ""), "it is empty"), (folder.name, "regular file")):
        for option in ((), ("--follow",)):
            got, _, why = pvn("trace", name, *option)
            expect(f"what is no trace is refused: {what} {' '.join(option)}", (got == 2, got), (what in why, why))
    expect("a trace that nobody finishes ends --follow", (code == 3, code), ("end section" in err or "ends at" in err, err),
           (out.count("\n") > 50, out[-300:]))


if sys.argv[2] == "guests":
    guests("bochs")
    guests("qemu")
    several_cpus()
    options()
elif sys.argv[2] == "linux":
    boot("bochs", "pv")
    boot("qemu", "full")
else:
    million(damaged())
    follow()
tap.end()
