#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Linux as a paravirtualized guest: linux.py PVN HOST [--quick] [--kernel FILE --initrd FILE]. Boots it with
1, 2 and 4 vCPUs, runs commands, looks at how it ends, and types to it at a terminal. --quick leaves out what
says the same on every host. TAP on standard output.
"""
import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import time

import boot

ESCAPE = b"\x1d"
# Prints a line a CPU, a pipe's sum, what a background job left, and the status of a failing part.
SCRIPT = """grep -c ^processor /proc/cpuinfo
seq 1 100 | awk '{ n += $1 } END { print n }'
echo one >/tmp/f & wait
cat /tmp/f
(exit 3) || echo status $?
for c in $(seq 0 $(($(nproc) - 1))); do taskset $(printf %x $((1 << c))) sh -c 'echo ran'; done
"""


def boots(b):
    for vcpus, cpus in ((1, 1), (2, 1), (2, 2), (4, 2)):
        code, out, err = b.run(b.describe(vcpus, cpus), "--exec", SCRIPT)
        wanted = f"{vcpus}\n5050\none\nstatus 3\n" + "ran\n" * vcpus
        b.expect(f"{vcpus} vCPUs on {cpus} CPUs run a script and power off", (code == 0, f"exit code {code}"),
                 (out == wanted, out), (not err, err))


def statuses(b, commands):
    for command, wanted in commands:
        code, out, err = b.run(b.describe(), "--exec", command)
        b.expect(f"--exec '{command}': exit code {wanted}", (code == wanted, f"exit code {code}"), (not out, out),
                 (not err, err))


def outputs(b):
    one = b.describe()
    code, out, err = b.run(one, "--exec", "kill -9 $$")
    b.expect("--exec: a killed command", (code == 137, code), ("Killed" in out and "[" not in out, out))
    code, out, err = b.run(one, "--exec", "echo 'it'; )")
    b.expect("--exec: a wrong command", (code == 2, code), (out.startswith("sh: syntax error"), out))
    code, out, err = b.run(one, "--exec", "printf 'no newline'; echo -n ' here' >&2")
    b.expect("--exec: both streams, bytes as they are", (code == 0, code), (out == "no newline here", out))
    code, out, err = b.run(one, "--exec", "i=0; while [ $i -lt 500 ]; do echo line $i of some text; i=$((i+1)); done")
    b.expect("--exec: no line is lost", (code == 0, code),
             (out == "".join(f"line {i} of some text\n" for i in range(500)), out))
    code, out, err = b.run(one, "--exec", "while :; do :; done", seconds=8)
    b.expect("--exec: a timeout is pvn's", (code == 4, code), ("pvn: error: " in err, err))
    kept = re.search(r"logs are in (\S+)", err)
    if kept and re.search(r"/run/\d+\.\w+$", kept.group(1)):
        shutil.rmtree(kept.group(1))
    code, out, err = b.run(one, "--exec", "x" * 4000)
    b.expect("--exec: a command that is too long", (code == 2, code), ("expected at most" in err, err))
    stats = b.path("stats.json")
    code, _, err = b.run(one, "--exec", "true", "--stats", stats)
    b.expect("--stats with --exec", (code == 0, err), (os.path.exists(stats), "no file"))


def panic(b):
    code, out, err = b.run(b.describe(), "--exec", "echo c >/proc/sysrq-trigger")
    b.expect("a panic is reported with its message and status 1", (code == 1, code),
             ("shutdown panic, status 1" in err, err), ("sysrq triggered crash" in out + err, out + err))


def reboot(b):
    """For one command a reboot is the end; for a machine that lives on, a new start in its place."""
    code, _, err = b.run(b.describe(), "--exec", "reboot -f")
    b.expect("reboot ends --exec", (code == 1, code), ("linux: shutdown reboot" in err, err))
    session = b.session(b.describe(2, 2))
    prompt = session.wait_for(boot.PROMPT)
    left = ask(session, b"echo before >/tmp/left; ls /tmp", rb"left\r*\n")
    session.type(b"reboot -f\r")
    again = session.wait_for(rb"\] Linux version ", 30)
    second = session.wait_for(boot.PROMPT)
    gone = ask(session, b"nproc; ls /tmp | wc -l", rb"\n2\r*\n0\r*\n")
    session.type(b"poweroff -f\r")
    code, same = session.end()
    b.expect("reboot at the terminal: a second life with 2 vCPUs, then power-off with status 0", (prompt, "no prompt"),
             (left, session.text), (again, "it did not start again"), (second, "no second prompt"),
             (gone, session.text), (code == 0, f"exit code {code}"), (same, "the terminal is not restored"))


# The neighbour goes on for so long that the flood begins while it works.
WORK_MS = {"qemu": 400, "bochs": 1500}
NEIGHBOUR = '  - {name: neighbour, kernel: "payload:worker", memory: 4M, cmdline: "ms=%u relax=0", cpus: [%u]}\n'
FLOOD = "a line of a flood that goes on and on, and is as long as lines of text are"
FLOOD_LINES = 20000


def with_neighbour(b, command, cpu):
    """Linux on CPU 0, a worker on another or the same: exit code, output, how often the worker got round."""
    stats = b.path("neighbour.json")
    line = "console=hvc0 quiet exec=" + base64.b64encode(command.encode()).decode()
    machine = b.describe(1, 2, line, "    cpus: [0]\n" + NEIGHBOUR % (WORK_MS[b.host], cpu))
    code, out, err = b.run(machine, "--stats", stats)
    if not os.path.exists(stats):
        return code, out + err, 0
    with open(stats, encoding="utf-8") as f:
        worker = json.load(f)["domains"][1]
    rounds = sum(row["count"] for vcpu in worker["vcpus"] for row in vcpu["rows"]
                 if (row["space"], row["name"]) == ("call", "NULL"))
    return code, out + err, rounds


def flood(b):
    yes = f"yes '{FLOOD}' | head -n {FLOOD_LINES}"
    wanted = {0: WORK_MS[b.host] // 20} # on one CPU: a round in two slices, at the worst
    alone = 0
    # QEMU runs its CPUs in turns; there a busy CPU 1 keeps CPU 0 from booting until it is done.
    if b.host != "qemu":
        alone = with_neighbour(b, "true", 1)[2]
        wanted[1] = alone // 4
    for cpu, least in wanted.items():
        code, out, rounds = with_neighbour(b, yes, cpu)
        lines, meanwhile = out.count(FLOOD), out.partition("[neighbour] ok 12")[0].count(FLOOD)
        fine = len(re.findall(r"^\[neighbour\] ok \d", out, re.M))
        rest = "\n".join(line for line in out.splitlines() if FLOOD not in line)[-2000:]
        print(f"# {lines} lines of the flood, {meanwhile} while the neighbour worked; it got round {rounds} times, "
              f"{alone} times without it")
        b.expect(f"a console flood on CPU 0 does not stall a domain on CPU {cpu}", (code == 0, f"exit code {code}"),
                 (lines == FLOOD_LINES, f"{lines} lines: {rest}"), (meanwhile > 1000, "the flood came too late"),
                 (fine == 12, rest), ("not ok" not in rest, rest), (rounds >= least, f"{rounds} rounds, not {least}"))


# ---- at a terminal -------------------------------------------------------------------------------------------

def ask(session, command, wanted, seconds=30):
    """Types a command at the prompt, waits for what it must print and the next prompt."""
    session.type(command + b"\r")
    return session.wait_for(wanted, seconds) and session.wait_for(boot.PROMPT, seconds)


def begin(session, command):
    """The same for a command that is to be typed to: until it runs, the keys would be the shell's."""
    session.type(b"echo go; " + command + b"\r")
    session.wait_for(rb"\ngo\r*\n", 60)


def interactive(b):
    session = b.session(b.describe())
    hint = session.wait_for(rb"Ctrl-\] q")
    prompt = session.wait_for(boot.PROMPT)
    raw = session.is_raw()
    answer = ask(session, b"echo $((6 * 7)) | sed s/4/four/", rb"four2\r*\n")
    begin(session, b"sleep 100")
    session.type(b"\x03") # the guest's Ctrl-C
    again = session.wait_for(boot.PROMPT, 20)
    begin(session, b"cat >/tmp/typed; wc -c </tmp/typed")
    session.type(b"twelve bytes\r\x04") # Ctrl-D ends cat's input, not the shell
    ended = session.wait_for(rb"\n13\r*\n", 20) and session.wait_for(boot.PROMPT, 20)
    session.type(b"exit 5\r")
    code, same = session.end()
    b.expect("a session: hint, prompt, a typed command, Ctrl-C, Ctrl-D, exit", (hint, "no hint"),
             (prompt, "no prompt"), (raw, "the terminal is not raw"), (answer, session.text),
             (again, "Ctrl-C did nothing"), (ended, b"Ctrl-D did nothing: " + session.text),
             (code == 1, f"exit code {code}"), (b"status 5" in session.text, session.text),
             (same, "the terminal's settings are not restored"))


def much_input(b):
    session = b.session(b.describe())
    prompt = session.wait_for(boot.PROMPT)
    digits = b"0123456789" * 29
    answer = ask(session, b"n=" + digits + b"; echo $((${#n} + 1))", rb"\n291\r*\n")
    # As a here-document would take it: no editing, and no prompts in between.
    pasted = b"".join(b"line %02d of a paste of 2 KiB ....\n" % i for i in range(64))
    begin(session, b"cat >/tmp/pasted; md5sum /tmp/pasted")
    session.type(pasted.replace(b"\n", b"\r") + b"\x04")
    got = session.wait_for(rb"([0-9a-f]{32})  /tmp/pasted", 60)
    session.type(ESCAPE + b"q")
    code, same = session.end()
    wanted = hashlib.md5(pasted).hexdigest().encode()
    b.expect(f"a line of {len(digits)} digits and a paste of {len(pasted)} bytes arrive whole", (prompt, "no prompt"),
             (answer, session.text), (got and wanted in got, got or session.text), (code == 0, f"exit code {code}"),
             (same, "the terminal's settings are not restored"))


def escape(b):
    """What the escape key does."""
    session = b.session(b.describe())
    prompt = session.wait_for(boot.PROMPT)
    session.type(ESCAPE + b"?")
    explained = session.wait_for(rb"Ctrl-\] q ends", 10)
    begin(session, b"cat -v; echo left $?")
    session.type(b"x" + ESCAPE + ESCAPE + b"y\r\x04")
    typed = session.wait_for(rb"\nx\^\]y\r*\n", 20)
    session.wait_for(rb"left 0", 20)
    session.type(ESCAPE + b"q")
    code, same = session.end()
    b.expect("the escape key: ? explains, twice types it, q ends the machine", (prompt, "no prompt"),
             (explained, session.text), (typed, session.text), (code == 0, f"exit code {code}"),
             (same, "the terminal's settings are not restored"))


def dying(b):
    """The guest dies with the terminal in its hands."""
    session = b.session(b.describe())
    prompt = session.wait_for(boot.PROMPT)
    session.type(b"echo c >/proc/sysrq-trigger\r")
    code, same = session.end(60)
    b.expect("a panic at the terminal: message, status 1, terminal restored", (prompt, "no prompt"),
             (code == 1, f"exit code {code}"), (b"sysrq triggered crash" in session.text, session.text[-2000:]),
             (b"shutdown panic, status 1" in session.text, session.text[-500:]),
             (same, "the terminal's settings are not restored"))


def signals(b):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        session = b.session(b.describe())
        session.wait_for(rb"Ctrl-\] q")
        time.sleep(0.5)
        session.process.send_signal(number)
        code, same = session.end()
        b.expect(f"{number.name} restores the terminal", (code == -number, f"exit code {code}"),
                 (same, "the terminal's settings are not restored"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pvn")
    parser.add_argument("host", choices=boot.HOSTS)
    parser.add_argument("--quick", action="store_true", help="only what depends on the host")
    parser.add_argument("--kernel", default="guest:linux")
    parser.add_argument("--initrd", default="guest:initramfs")
    options = parser.parse_args()
    b = boot.Boots(options.pvn, options.host, options.kernel, options.initrd)
    boots(b)
    statuses(b, [("exit 7", 7)])
    panic(b)
    reboot(b)
    interactive(b)
    if not options.quick:
        statuses(b, [("false", 1), ("exec sh -c 'exit 9'", 9), ("exit 255", 255)])
        outputs(b)
        flood(b)
        much_input(b)
        escape(b)
        dying(b)
        signals(b)
    b.done()


main()
