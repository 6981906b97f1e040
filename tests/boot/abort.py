#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Aborted boot tests leave nothing: abort.py PVN. `pvn test` runs a test that boots Linux, once in a script and
once at a terminal, and is ended by signals or by the test's own time limit. Then no emulator runs any more, and
neither its folder nor the test's is left. TAP.
"""
import glob
import os
import signal
import subprocess
import sys
import tempfile
import time

import boot

# A project that consists of tests which would go on for minutes.
MANIFEST = """suites: [{{name: endless}}]
tests:
  - name: endless
    suite: endless
    command: [python3, -B, "{here}/abort.py", "{{pvn}}", {part}]
    timeout_s: {seconds}
"""


def endless(pvn, part):
    """The test that is aborted: a guest that runs for longer than anyone waits, at a terminal or not."""
    b = boot.Boots(pvn, "qemu")
    machine = b.describe()
    if part == "terminal":
        session = b.session(machine)
        session.wait_for(boot.PROMPT)
        session.wait_for(rb"what never comes", 500)
    else:
        b.run(machine, "--exec", "while :; do :; done", seconds=500)
    b.expect("this is never reached", (False, ""))
    b.done()


def emulators(root):
    found = set()
    for pid in boot.descendants(root):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if f.read().startswith(b"qemu-system"):
                    found.add(pid)
        except OSError:
            pass
    return found


class Project:
    """A source folder whose manifest has the endless test alone, and a folder for temporary files."""

    def __init__(self, b, part, seconds):
        self.pvn = b.pvn
        self.folder = tempfile.mkdtemp(dir=b.folder)
        self.temporary = os.path.join(self.folder, "tmp")
        for name in ("tests", "tmp"):
            os.mkdir(os.path.join(self.folder, name))
        os.symlink(os.path.join(boot.ROOT, "guest-patches"), os.path.join(self.folder, "guest-patches"))
        with open(os.path.join(self.folder, "tests", "manifest.yaml"), "w", encoding="utf-8") as f:
            f.write(MANIFEST.format(here=boot.HERE, part=part, seconds=seconds))

    def start(self):
        """pvn test, once its emulator runs; the processes below it."""
        def before(): # a shell's background job has SIGINT ignored; here it must count
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen([self.pvn, "test"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, preexec_fn=before,
                                   env=os.environ | {"PVN_ROOT": self.folder, "TMPDIR": self.temporary})
        boot.live.add(process)
        until = time.monotonic() + 60
        while not emulators(process.pid) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        return process, boot.descendants(process.pid), bool(emulators(process.pid))


def run_folders(pids):
    """Folders of runs in the build folder; other tests may run meanwhile and have theirs."""
    build = os.environ.get("PVN_BUILD", os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[1]))))
    return [path for pid in pids for path in glob.glob(os.path.join(build, "run", f"{pid}.*"))
            if not os.path.exists(os.path.join(path, "kept"))]


def check(b, what, project, process, pids, is_running, wanted):
    try:
        out = process.communicate(timeout=60)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        boot.end(process)
        out = "it did not end"
    boot.live.discard(process)
    left = boot.wait_until_gone(pids)
    # A folder goes a moment after what used it.
    until = time.monotonic() + 5
    while (run_folders(pids) or os.listdir(project.temporary)) and time.monotonic() < until:
        time.sleep(0.1)
    b.expect(f"{what}: no process, no folder is left", (is_running, f"no emulator ran: {out}"),
             (process.returncode == wanted, f"exit code {process.returncode}: {out}"), (not left, f"left: {left}"),
             (not run_folders(pids), run_folders(pids)), (not os.listdir(project.temporary), project.temporary))
    for pid in left: # not to be in the way of other tests
        os.kill(pid, signal.SIGKILL)


def main():
    if len(sys.argv) == 3:
        endless(*sys.argv[1:])
    if len(sys.argv) != 2:
        sys.exit("Bail out! usage: abort.py PVN")
    b = boot.Boots(sys.argv[1], "qemu")
    for part in ("script", "terminal"):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            project = Project(b, part, 300)
            process, pids, is_running = project.start()
            process.send_signal(number)
            check(b, f"{number.name} to pvn test, the guest in a {part}", project, process, pids, is_running, -number)
        project = Project(b, part, 8)
        check(b, f"a test's time is over, the guest in a {part}", project, *project.start(), 1)
    b.done()


main()
