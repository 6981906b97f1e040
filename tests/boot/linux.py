#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Linux as a paravirtualized guest: linux.py PVN HOST [KERNEL INITRD]. Boots it with 1, 2 and 4 vCPUs,
runs commands, looks at how it ends, and types to it at a terminal. KERNEL and INITRD replace
guest:linux and guest:initramfs. TAP on standard output.
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
import lint # noqa: E402

if len(sys.argv) not in (3, 5) or sys.argv[2] not in ("bochs", "qemu"):
    sys.exit("Bail out! usage: linux.py PVN bochs|qemu [KERNEL INITRD]")
PVN, HOST = os.path.abspath(sys.argv[1]), sys.argv[2]
KERNEL, INITRD = sys.argv[3:] or ("guest:linux", "guest:initramfs")
TEXT = """machine: {{cpus: {cpus}, memory: 512M}}
domains:
  - name: linux
    kernel: "{kernel}"
    initrd: "{initrd}"
    cmdline: "console=hvc0"
    memory: 128M
    vcpus: {vcpus}
"""
PROMPT = rb"/root # "
ESCAPE = b"\x1d"
# Prints a line a CPU, a pipe's sum, what a background job left, and the status of a failing part.
SCRIPT = """grep -c ^processor /proc/cpuinfo
seq 1 100 | awk '{ n += $1 } END { print n }'
echo one >/tmp/f & wait
cat /tmp/f
(exit 3) || echo status $?
for c in $(seq 0 $(($(nproc) - 1))); do taskset $(printf %x $((1 << c))) sh -c 'echo ran'; done
"""

tap = lint.Tap()
folder = tempfile.TemporaryDirectory()


def describe(vcpus, cpus=1):
    """Path of a machine description."""
    path = os.path.join(folder.name, f"linux-{vcpus}-{cpus}.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(TEXT.format(vcpus=vcpus, cpus=cpus, kernel=KERNEL, initrd=INITRD))
    return path


def run(machine, *arguments, seconds=60):
    """Runs pvn to its end: exit code, standard output, standard error."""
    done = subprocess.run([PVN, "run", machine, "--on", HOST, "--timeout", str(seconds), *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=seconds + 30, check=False)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def expect(name, *conditions):
    """One result; conditions are pairs (holds, what is shown if not)."""
    tap.result(name, [str(shown).replace("\n", "\n# ") for holds, shown in conditions if not holds])


def boots():
    for vcpus, cpus in ((1, 1), (2, 1), (2, 2), (4, 2)):
        code, out, err = run(describe(vcpus, cpus), "--exec", SCRIPT)
        wanted = f"{vcpus}\n5050\none\nstatus 3\n" + "ran\n" * vcpus
        expect(f"{HOST}: {vcpus} vCPUs on {cpus} CPUs run a script and power off", (code == 0, f"exit code {code}"),
               (out == wanted, out), (not err, err))


def statuses():
    one = describe(1)
    for command, wanted in (("exit 7", 7), ("false", 1), ("exec sh -c 'exit 9'", 9), ("exit 255", 255)):
        code, out, err = run(one, "--exec", command)
        expect(f"{HOST}: --exec '{command}': exit code {wanted}", (code == wanted, f"exit code {code}"),
               (not out, out), (not err, err))
    code, out, err = run(one, "--exec", "kill -9 $$")
    expect(f"{HOST}: --exec: a killed command", (code == 137, code), ("Killed" in out and "[" not in out, out))
    code, out, err = run(one, "--exec", "echo 'it'; )")
    expect(f"{HOST}: --exec: a wrong command", (code == 2, code), (out.startswith("sh: syntax error"), out))
    code, out, err = run(one, "--exec", "printf 'no newline'; echo -n ' here' >&2")
    expect(f"{HOST}: --exec: both streams, bytes as they are", (code == 0, code), (out == "no newline here", out))
    code, out, err = run(one, "--exec", "i=0; while [ $i -lt 500 ]; do echo line $i of some text; i=$((i+1)); done")
    expect(f"{HOST}: --exec: no line is lost", (code == 0, code),
           (out == "".join(f"line {i} of some text\n" for i in range(500)), out))
    code, out, err = run(one, "--exec", "while :; do :; done", seconds=8)
    expect(f"{HOST}: --exec: a timeout is pvn's", (code == 4, code), ("pvn: error: " in err, err))
    code, out, err = run(one, "--exec", "x" * 4000)
    expect(f"{HOST}: --exec: a command that is too long", (code == 2, code), ("expected at most" in err, err))


def ends():
    one = describe(1)
    code, _, err = run(one, "--exec", "reboot -f")
    expect(f"{HOST}: reboot", (code == 1, code), ("linux: shutdown reboot" in err, err))
    code, out, err = run(one, "--exec", "echo c >/proc/sysrq-trigger")
    expect(f"{HOST}: a panic is reported with its message and status 1", (code == 1, code),
           ("shutdown panic, status 1" in err, err), ("sysrq triggered crash" in out + err, out + err))
    stats = os.path.join(folder.name, "stats.json")
    code, _, err = run(one, "--exec", "true", "--stats", stats)
    expect(f"{HOST}: --stats with --exec", (code == 0, err), (os.path.exists(stats), "no file"))


class Session:
    """pvn at a terminal of its own."""

    def __init__(self, machine):
        self.leader, self.follower = pty.openpty()
        self.before = termios.tcgetattr(self.follower)
        self.text = b""
        self.process = subprocess.Popen([PVN, "run", machine, "--on", HOST], stdin=self.follower,
                                        stdout=self.follower, stderr=self.follower, start_new_session=True)

    def wait_for(self, wanted, seconds=60):
        """Reads until wanted has come; what came up to its end, or None."""
        end = time.monotonic() + seconds
        while not (match := re.search(wanted, self.text)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.leader], [], [], left)[0]:
                return None
            try:
                self.text += os.read(self.leader, 4096)
            except OSError:
                return None
        got, self.text = self.text[:match.end()], self.text[match.end():]
        return got

    def type(self, keys):
        os.write(self.leader, keys)

    def end(self):
        """Exit code, and whether the terminal is as it was."""
        while self.process.poll() is None and select.select([self.leader], [], [], 20)[0]:
            self.text += os.read(self.leader, 4096)
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = None
        same = termios.tcgetattr(self.follower) == self.before
        os.close(self.leader)
        os.close(self.follower)
        return code, same


def interactive():
    session = Session(describe(1))
    hint = session.wait_for(rb"Ctrl-\] q")
    prompt = session.wait_for(PROMPT)
    session.type(b"echo $((6 * 7)) | sed s/4/four/\r")
    answer = session.wait_for(rb"four2\r*\n")
    session.wait_for(PROMPT)
    session.type(b"sleep 100\r")
    session.wait_for(rb"sleep 100\r*\n", 10)
    time.sleep(1.5) # until it sleeps: before, the shell would have the key
    session.type(b"\x03") # the guest's Ctrl-C
    again = session.wait_for(PROMPT, 20)
    session.type(b"exit 5\r")
    code, same = session.end()
    expect(f"{HOST}: a session: hint, prompt, a typed command, Ctrl-C, exit", (hint, "no hint"), (prompt, "no prompt"),
           (answer, session.text), (again, "Ctrl-C did nothing"), (code == 1, f"exit code {code}"),
           (b"status 5" in session.text, session.text), (same, "the terminal's settings are not restored"))


def leaving():
    session = Session(describe(1))
    session.wait_for(PROMPT)
    session.type(ESCAPE + b"q")
    code, same = session.end()
    expect(f"{HOST}: the escape key and q end the machine", (code == 0, f"exit code {code}"),
           (same, "the terminal's settings are not restored"))
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        session = Session(describe(1))
        session.wait_for(rb"Ctrl-\] q")
        time.sleep(0.5)
        session.process.send_signal(number)
        code, same = session.end()
        expect(f"{HOST}: {number.name} restores the terminal", (code == -number, f"exit code {code}"),
               (same, "the terminal's settings are not restored"))


def main():
    boots()
    statuses()
    ends()
    interactive()
    leaving()
    folder.cleanup()
    tap.end()


main()
