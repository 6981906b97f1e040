#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`pvn compare` from outside: compare.py PVN [--full]. What it writes holds to its schema, sums agree, two rounds
count the same on Bochs, columns that fail do not take the others along, masked features show, Ctrl-C leaves nothing.
Quick: a few workloads; --full: all of them, two rounds on both hosts, and the figures that the README promises. TAP.
"""
import argparse
import csv
import io
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import jsonschema

import boot

SCHEMA = os.path.join(boot.ROOT, "docs", "compare.schema.json")
WORKLOADS_PAGE = os.path.join(boot.ROOT, "docs", "workloads.md")
# No transition of their own in any mode with nested paging, however often they do their work.
FREE = ("sum", "getppid", "gettimeofday", "forkwait", "forkexec", "pipe", "mmap", "mprotect", "signal")
ALL = FREE + ("idle", "console", "boot")
# The most that may be, by workload; README and issue figures of the two modes.
LIMITS = {"pv/hap": {"idle": 3, "console": 165, "boot": 500}, "full/hap": {"idle": 14, "console": 17000, "boot": 50000}}
TICK = {"pv/hap": 1.1, "full/hap": 3.2}
WRONG = ((("--modes", "pv/hap,pv/direkt"), "pv/direkt"), (("--workloads", "sum,"), "--workloads"),
         (("--feature", "cr4_targets"), "virtual_interrupts"), (("--repeat", "0"), "--repeat"),
         (("--on", "vmware"), "--on"), (("-j", "x"), "-j"), (("--json", "-", "--csv", "-"), "standard output"),
         (("--json", "/dev/null", "--csv", "x", "--html", "./x"), "the same file"),
         (("more",), "more"), (("--nonsense",), "nonsense"))


def is_emulator(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
            return f.read().startswith("qemu")
    except OSError:
        return False


class Compare:
    def __init__(self, boots):
        self.boots, self.pvn = boots, boots.pvn
        with open(SCHEMA, encoding="utf-8") as f:
            self.schema = jsonschema.Draft202012Validator(json.load(f))

    def expect(self, name, *conditions):
        self.boots.expect(name, *conditions)

    def run(self, *arguments, seconds=600):
        """Exit code, the document (None: none was written), standard output and error."""
        path = self.boots.path("comparison.json")
        if os.path.exists(path):
            os.unlink(path)
        code, out, err = boot.finish([self.pvn, "compare", *arguments, "--json", path], seconds)
        if not os.path.exists(path):
            return code, None, out, err
        with open(path, encoding="utf-8") as f:
            return code, json.load(f), out, err

    def complaints(self, document):
        """What is wrong with a document."""
        for error in self.schema.iter_errors(document):
            yield f"{error.json_path}: {error.message}"
        columns = {column["id"]: column for column in document["columns"]}
        names = [workload["name"] for workload in document["workloads"]]
        seen = [(result["workload"], result["column"]) for result in document["results"]]
        if seen != sorted(set(seen), key=lambda s: (names.index(s[0]), list(columns).index(s[1]))):
            yield f"results are not in the order of workloads and columns: {seen}"
        for result in document["results"]:
            where = f"{result['workload']} in {result['column']}"
            for sums in ("by_class", "by_name"):
                if sum(result[sums].values()) != result["transitions"]:
                    yield f"{where}: {sums} is not the sum of {result['transitions']}: {result[sums]}"
            if result["guest_ticks"] is not None and result["vmm_ticks"] > result["guest_ticks"] and \
                    result["workload"] != "boot":
                yield f"{where}: more ticks in the hypervisor than in all"
            if result["column"] == "bare" and (result["transitions"] or result["vmm_ticks"]):
                yield f"{where}: transitions without a hypervisor"
        for name, column in columns.items():
            missing = [w for w in names if (w, name) not in seen]
            if missing and not column["failed"]:
                yield f"{name} has not failed, but has no {missing}"

    # ---- what is counted --------------------------------------------------------------------------------------

    def figures(self, document, what):
        """Each result against its limit, in the columns without a masked feature."""
        wrong = [c["id"] + ": " + c["failed"] for c in document["columns"] if c["failed"]]
        for result in document["results"]:
            limits = LIMITS.get(result["column"], {})
            most = 0 if result["workload"] in FREE else limits.get(result["workload"], 0)
            if result["transitions"] > most:
                wrong.append(f"{result['workload']} in {result['column']}: {result['transitions']}, at most {most}: "
                             f"{result['by_name']}")
        for tick in document["tick"]:
            if not 0.8 <= tick["each"] <= TICK.get(tick["column"], 9):
                wrong.append(f"a tick in {tick['column']}: {tick}")
        counts = {(r["workload"], r["mode"]): r["transitions"] for r in document["results"]}
        wrong += [f"{w}: no fewer in pv/hap" for w in ("console", "boot")
                  if (w, "pv/hap") in counts and counts[w, "pv/hap"] * 20 > counts[w, "full/hap"]]
        self.expect(f"{what}: no transition where there is none to make, few elsewhere", *((False, w) for w in wrong))

    def table(self, document, text, what):
        """Every count of the document stands in the table."""
        head = text.partition("The same by class")[0]
        rows = {line.split()[0]: line.split() for line in head.splitlines() if re.match(r"[a-z]+ +[\d,]+ ", line)}
        missing = [r for r in document["results"] if r["column"] != "bare" and
                   f"{r['transitions']:,}" not in rows.get(r["workload"], [])]
        tick = "a tick (250 Hz)" in head
        self.expect(f"{what}: the table has every count", (not missing, missing), (tick, text))

    def csv(self, document, path, what):
        with open(path, encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(io.StringIO(f.read())))
        wrong = [row for row, r in zip(rows, document["results"])
                 if any(row[key] != ("" if r[key] is None else str(r[key])) for key in
                        ("workload", "column", "mode", "host", "ops", "transitions", "tick_transitions",
                         "guest_ticks", "vmm_ticks"))
                 or any(row[name] != str(count) for name, count in r["by_class"].items())
                 or row["by_name"] != " ".join(f"{name}={count}" for name, count in r["by_name"].items())]
        self.expect(f"{what}: CSV says the same", (len(rows) == len(document["results"]), rows), (not wrong, wrong))

    def rounds(self, host, workloads):
        """Two rounds, all modes and bare."""
        what = f"{host}, {len(workloads)} workloads"
        path = self.boots.path("comparison.csv")
        code, document, out, err = self.run("--on", host, "--repeat", "2", "--workloads", ",".join(workloads), "--csv", path)
        self.expect(f"{what}: two rounds end well", (code == 0, f"exit code {code}: {err}"), (document, out))
        if not document:
            return
        self.expect(f"{what}: the document holds to its schema, and its sums agree",
                    *((False, c) for c in self.complaints(document)))
        results = {(r["workload"], r["column"]) for r in document["results"]}
        wanted = {(w, c) for w in workloads for c in ("pv/hap", "full/hap", "bare")}
        self.expect(f"{what}: a result for each workload in each mode, and bare", (results == wanted, results ^ wanted))
        if host == "bochs":
            self.expect(f"{what}: both rounds counted the same", ("2 rounds counted the same\n" in err, err))
        self.figures(document, what)
        self.table(document, out, what)
        self.csv(document, path, what)

    # ---- what goes wrong --------------------------------------------------------------------------------------

    def failing(self):
        """A guest that cannot do without a feature, and one that a masked feature costs more."""
        code, document, out, err = self.run("--on", "qemu", "--modes", "pv/hap,pv/direct,full/hap", "--workloads", "idle",
                                            "--feature", "timer,virtual_interrupts")
        columns = {c["id"]: c for c in (document or {"columns": []})["columns"]}
        idle = {r["column"]: r["transitions"] for r in (document or {"results": []})["results"]}
        ticks = {t["column"]: t["each"] for t in (document or {"tick": []})["tick"]}
        print(f"# idle: {idle}, a tick: {ticks}")
        timer, direct = columns.get("pv/hap-timer"), columns.get("pv/direct")
        self.expect("a column whose guest panics is reported, the rest is printed",
                    (code == 1, f"exit code {code}: {err}"), (timer and "panic" in (timer["failed"] or ""), columns),
                    (re.search(r"^pv/hap-timer failed: .*panic", out, re.M), out), ("pvn: error: pv/hap-timer" in err, err),
                    ("pv/hap" in idle and "full/hap" in idle and "pv/hap-timer" not in idle, idle))
        if direct and direct["failed"]:
            self.expect("a mode that this version refuses is reported where it is named",
                        ("not in this version" in direct["failed"], direct["failed"]), ("pv/direct" not in idle, idle))
        masked = "pv/hap-virtual_interrupts"
        self.expect("without virtual interrupts a tick and a wake cost a window",
                    (idle.get(masked, 0) > idle.get("pv/hap", 99), idle), (ticks.get(masked, 0) > 1.5 > ticks.get("pv/hap", 9),
                    ticks), (columns.get(masked, {}).get("features_off") == ["virtual_interrupts"], columns))
        self.expect("the same for the document", *((False, c) for c in self.complaints(document or {})))

    def timeout(self):
        code, document, out, err = self.run("--on", "qemu", "--modes", "pv/hap,bare", "--timeout", "1")
        failed = [c["failed"] or "" for c in (document or {"columns": []})["columns"]]
        kept = re.findall(r"logs are in (\S+/run/\d+\.\w+)$", err, re.M)
        for folder in kept:
            shutil.rmtree(folder)
        self.expect("a timeout is each column's own, and it is said where the logs are", (len(kept) == 2, err),
                    (code == 1, f"exit code {code}: {err}"),
                    (len(failed) == 2 and all("not ended after 1 s" in text for text in failed), failed), (out, "nothing printed"))

    def wrong(self):
        for arguments, named in WRONG:
            code, out, err = boot.finish([self.pvn, "compare", *arguments], 30)
            self.expect(f"{' '.join(arguments)} is refused", (code == 2, f"exit code {code}"), (not out, out), (named in err, err))
        code, _, err = boot.finish([self.pvn, "compare", "--kernel", "/nonexistent", "--on", "qemu"], 30)
        self.expect("a kernel that is not there", (code == 2, f"exit code {code}"), ("/nonexistent" in err, err))
        code, _, err = boot.finish([self.pvn, "compare", "--kernel", SCHEMA, "--on", "qemu", "--modes", "pv/hap",
                                    "--workloads", "sum"], 60)
        self.expect("a kernel that is none", (code == 1, f"exit code {code}"),
                    (f"pv/hap: {SCHEMA}: found a file of no known format" in err, err))

    def interrupted(self):
        """At a terminal, so that progress can be seen; then Ctrl-C."""
        leader, follower = pty.openpty()
        process = boot.start([self.pvn, "compare", "--on", "qemu", "--workloads", "idle"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=follower)
        os.close(follower)
        started, until = set(), time.monotonic() + 60
        text = b""
        while not started and process.poll() is None and time.monotonic() < until:
            if select.select([leader], [], [], 0.1)[0]:
                text += os.read(leader, 65536)
            # Beside the columns' own processes, which are pvn's.
            started = {pid for pid in boot.descendants(process.pid) if is_emulator(pid)}
        time.sleep(0.5)
        family = boot.descendants(process.pid) | {process.pid}
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        left = boot.wait_until_gone(family)
        folders = [name for name in os.listdir(os.path.join(os.path.dirname(os.path.dirname(self.pvn)), "run"))
                   if name.split(".")[0] in {str(pid) for pid in family}]
        os.close(leader)
        code = process.poll()
        boot.end(process)
        self.expect("Ctrl-C ends the columns, their emulators and folders", (started, "no emulator ran"),
                    (code == -signal.SIGINT, f"exit code {code}"), (not left, left), (not folders, folders))
        self.expect("progress at a terminal", (re.search(rb"pvn: 0 of 3 done  .*pv/hap: ", text), text))

    def page(self):
        """The texts of the tool are those of the documentation."""
        _, out, _ = boot.finish([self.pvn, "compare", "--list"], 30)
        with open(WORKLOADS_PAGE, encoding="utf-8") as f:
            lines = set(f.read().splitlines())
        missing = [line for line in out.splitlines() if line not in lines]
        self.expect("docs/workloads.md holds what compare --list prints", (out.count("\n") > len(ALL), out),
                    (not missing, "\n".join(missing)), *((f"| `{name}` |" in out, name) for name in ALL))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pvn")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    boots = boot.Boots(options.pvn, "compare")
    compare = Compare(boots)
    if options.full:
        compare.rounds("bochs", ALL)
        compare.rounds("qemu", ALL)
    else:
        compare.page()
        compare.wrong()
        compare.rounds("bochs", ("sum", "pipe", "mprotect", "idle", "console", "boot"))
        compare.failing()
        compare.timeout()
        compare.interrupted()
    boots.done()


main()
