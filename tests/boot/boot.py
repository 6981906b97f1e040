# SPDX-License-Identifier: BSD-2-Clause
"""What the tests that boot a Linux guest share: machine descriptions, pvn run to its end, pvn at a terminal.

However a test program ends, by itself, by a signal or by its death, each pvn it started ends too: pvn is sent
SIGTERM, after which it ends its emulator and removes its folder.
"""
import atexit
import ctypes
import glob
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "lint"))
import lint # noqa: E402

HOSTS = ("bochs", "qemu")
PROMPT = rb"/root # "
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)
live = set() # pvn processes that have not been waited for

MACHINE = """machine: {{cpus: {cpus}, memory: 512M}}
domains:
  - name: linux
    kernel: "{kernel}"
    initrd: "{initrd}"
    cmdline: "{cmdline}"
    memory: 128M
    vcpus: {vcpus}
"""


def end(process, seconds=8):
    """Ends a pvn politely, so that it takes its emulator and its folder along."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    live.discard(process)


def end_all():
    for process in list(live):
        end(process)


def on_signal(number, _):
    """sys.exit() unwinds, so that `with` and atexit clean up."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def start(arguments, **options):
    """Popen; the process is sent SIGTERM when this one dies."""
    def before():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    process = subprocess.Popen(arguments, preexec_fn=before, **options)
    live.add(process)
    return process


def finish(arguments, seconds):
    """Runs a program to its end: exit code, standard output, standard error."""
    process = start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        end(process)
        out, err = b"", b"the test gave up waiting\n"
    live.discard(process)
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def descendants(root):
    """Process ids below a process, read from /proc."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat, encoding="utf-8", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        parents[int(text.split()[0])] = int(text.rpartition(")")[2].split()[1])
    found, last = {root}, None
    while found != last:
        last = set(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found - {root}


def alive(pids):
    """Those that still run: a zombie waits for its parent, which is none of our doing."""
    left = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                if f.read().rpartition(")")[2].split()[0] not in ("Z", "X"):
                    left.append(pid)
        except OSError:
            pass
    return left


def wait_until_gone(pids, seconds=10):
    """Those that are left."""
    until = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.05)
    return alive(pids)


class Boots:
    """One host, one guest; results as TAP, the seconds that each took as comments."""

    def __init__(self, pvn, host, kernel="guest:linux", initrd="guest:initramfs"):
        self.pvn, self.host = os.path.abspath(pvn), host
        self.kernel, self.initrd = kernel, initrd
        self.tap = lint.Tap()
        self.folder = tempfile.mkdtemp(prefix="pvn-boot-")
        self.since = time.monotonic()
        atexit.register(shutil.rmtree, self.folder, True)
        atexit.register(end_all) # the last registered is the first that is called
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, on_signal)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def describe(self, vcpus=1, cpus=1, cmdline="console=hvc0", more=""):
        """Path of a machine description; more: lines that follow the Linux domain's."""
        text = MACHINE.format(vcpus=vcpus, cpus=cpus, cmdline=cmdline, kernel=self.kernel, initrd=self.initrd)
        return self.write(f"linux-{vcpus}-{cpus}-{abs(hash((cmdline, more))) % 10000}.yaml", text + more)

    def run(self, machine, *arguments, seconds=240):
        """pvn run to its end: exit code, standard output, standard error."""
        return finish([self.pvn, "run", machine, "--on", self.host, "--timeout", str(seconds), *arguments],
                      seconds + 30)

    def session(self, machine, *arguments):
        return Session([self.pvn, "run", machine, "--on", self.host, *arguments])

    def expect(self, name, *conditions):
        """One result; conditions are pairs (holds, what is shown if not)."""
        now = time.monotonic()
        if now - self.since > 0.1:
            print(f"# {now - self.since:5.1f} s: {name}")
        self.since = now
        self.tap.result(f"{self.host}: {name}",
                        [str(shown).replace("\n", "\n# ") for holds, shown in conditions if not holds])
        sys.stdout.flush()

    def done(self):
        self.tap.end()


class Session:
    """pvn at a terminal of its own."""

    def __init__(self, arguments):
        self.leader, self.follower = pty.openpty()
        self.before = termios.tcgetattr(self.follower)
        self.text = b""
        self.process = start(arguments, stdin=self.follower, stdout=self.follower, stderr=self.follower,
                             start_new_session=True)

    def read(self, seconds):
        """False at the end of the time, or of the output."""
        if not select.select([self.leader], [], [], max(seconds, 0))[0]:
            return False
        try:
            self.text += os.read(self.leader, 4096)
        except OSError:
            return False
        return True

    def wait_for(self, wanted, seconds=60):
        """Reads until wanted has come; what came up to its end, or None."""
        until = time.monotonic() + seconds
        while not (match := re.search(wanted, self.text)):
            if not self.read(until - time.monotonic()):
                return None
        got, self.text = self.text[:match.end()], self.text[match.end():]
        return got

    def type(self, keys):
        os.write(self.leader, keys)

    def is_raw(self):
        return not termios.tcgetattr(self.follower)[3] & termios.ICANON

    def end(self, seconds=20):
        """Exit code (None: it did not end), and whether the terminal is as it was."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.2)
        code = self.process.poll()
        end(self.process)
        while self.read(0):
            pass
        same = termios.tcgetattr(self.follower) == self.before
        os.close(self.leader)
        os.close(self.follower)
        return code, same
