#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`pvn run` from outside: tools_run.py PVN HOST. What a script or a person at a terminal relies on: exit
codes, signals that leave nothing behind, full disks and closed pipes, files that other commands read.
What does not depend on the emulator is tested on qemu alone, which is faster. TAP on standard output.
"""
import glob
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
import lint # noqa: E402

if len(sys.argv) != 3 or sys.argv[2] not in ("bochs", "qemu"):
    sys.exit("Bail out! usage: tools_run.py PVN bochs|qemu")
PVN = os.path.abspath(sys.argv[1])
BUILD = os.path.dirname(os.path.dirname(PVN))
HOSTS = ("bochs", "qemu")
TEXT = """machine: {memory: 192M}
domains:
  - {name: a, kernel: "payload:%s", memory: 4M, cmdline: "%s"}
"""

tap = lint.Tap()
folder = tempfile.TemporaryDirectory()


def describe(payload, cmdline=""):
    """Path of a machine description."""
    path = os.path.join(folder.name, f"{payload}.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(TEXT % (payload, cmdline))
    return path


HELLO = describe("hello")
SPIN = describe("spin", "kind=quiet ms=1000000")


def run(*arguments, **options):
    """Runs pvn to its end: exit code (or -signal), standard output, standard error."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               "timeout": 60, "check": False, **options}
    done = subprocess.run([PVN, *arguments], **options)
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


def folders(pid):
    """Private folders of a run; other tests may run meanwhile and have theirs."""
    return glob.glob(os.path.join(BUILD, "run", f"{pid}.*"))


def descendants(root):
    """Process ids below a process, read from /proc."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat, encoding="utf-8", errors="replace") as f:
                text = f.read()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        parents[int(text.split()[0])] = int(fields[1])
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


def wait_until_gone(pids, seconds=3):
    end = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.02)
    return alive(pids)


def start_spinning(host, **options):
    """A pvn whose guest spins, once the guest has said so; and all processes below."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, **options}
    # A shell's background job has SIGINT ignored; here it must count.
    process = subprocess.Popen([PVN, "run", SPIN, "--on", host], preexec_fn=lambda:
                               signal.signal(signal.SIGINT, signal.SIG_DFL), **options)
    line = process.stdout.readline() if process.stdout else b""
    return process, line, descendants(process.pid)


def expect(name, *conditions):
    """One result; conditions are pairs (holds, what is shown if not)."""
    tap.result(name, [str(shown) for holds, shown in conditions if not holds])


def usage():
    for arguments in (["run"], ["run", HELLO, "--on", "vax"], ["run", HELLO, "--timeout", "0"],
                      ["run", HELLO, "--cpus", "17"], ["run", HELLO, "--nonsense"], ["run", HELLO, HELLO],
                      ["run", "/nonexistent.yaml"], ["run", HELLO, "--mode", "pv/direct"],
                      ["stats", "/nonexistent"], ["trace", HELLO], ["stats", HELLO], ["test", "no-such-suite"],
                      ["bench"], ["bench", "exits", "--on", "vax"], ["demo", "more"], ["test", "-j", "2x"]):
        code, out, err = run(*arguments)
        expect(f"pvn {' '.join(arguments[:1] + [os.path.basename(a) for a in arguments[1:]])}: exit code 2",
               (code == 2, f"exit code {code}"), (err.strip(), "nothing on standard error"), (not out, out))


def exit_codes(host):
    code, out, err = run("run", HELLO, "--on", host)
    expect(f"{host}: a guest that ends well", (code == 0, f"exit code {code}: {err}"),
           (out.startswith("Hello from a: "), out), ("a: shutdown poweroff, status 0" in err, err))
    code, _, err = run("run", describe("deaths", "kind=poweroff status=3"), "--on", host)
    expect(f"{host}: a guest that fails", (code == 1, f"exit code {code}"), ("status 3" in err, err))
    begin = time.monotonic()
    code, _, err = run("run", SPIN, "--on", host, "--timeout", "3")
    expect(f"{host}: a timeout", (code == 4, f"exit code {code}"), ("3 s" in err, err),
           (time.monotonic() - begin < 12, "took too long"))
    kept = re.search(r"logs are in (\S+)", err)
    expect(f"{host}: after a timeout the logs are kept", (kept and os.path.isdir(kept.group(1)), err))
    if kept and os.path.dirname(kept.group(1)) == os.path.realpath(os.path.join(BUILD, "run")):
        shutil.rmtree(kept.group(1))


def signals(host):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process, line, pids = start_spinning(host)
        process.send_signal(number)
        code = process.wait(10)
        expect(f"{host}: {number.name} ends everything", (line, "the guest said nothing"), (pids, "no emulator?"),
               (code == -number, f"exit code {code}"), (not wait_until_gone(pids), f"left: {alive(pids)}"),
               (not folders(process.pid), folders(process.pid)))
        process.stdout.close()
    process, _, pids = start_spinning(host)
    process.kill()
    process.wait(10)
    expect(f"{host}: SIGKILL takes the emulator along", (pids, "no emulator?"),
           (not wait_until_gone(pids), f"left: {alive(pids)}"))
    process.stdout.close()
    run("run", HELLO, "--on", host)
    expect(f"{host}: the next run removes what a killed one had to leave",
           (not folders(process.pid), folders(process.pid)))


def terminal():
    """Ctrl-C at a terminal, which signals the whole foreground process group."""
    leader, follower = pty.openpty()

    def become_foreground():
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        import fcntl
        import termios
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    process = subprocess.Popen([PVN, "run", SPIN, "--on", "qemu"], stdin=follower, stdout=follower,
                               stderr=follower, preexec_fn=become_foreground)
    os.close(follower)
    text = b""
    while b"starts" not in text and select.select([leader], [], [], 20)[0]:
        text += os.read(leader, 1000)
    pids = descendants(process.pid)
    os.write(leader, b"\x03")
    code = process.wait(10)
    expect("Ctrl-C at a terminal ends everything", (code == -signal.SIGINT, f"exit code {code}"),
           (not wait_until_gone(pids), f"left: {alive(pids)}"))
    os.close(leader)


def outputs(host):
    with open("/dev/full", "wb") as full:
        code, _, err = run("run", HELLO, "--on", host, stdout=full)
    expect(f"{host}: a full disk is reported", (code == 3, f"exit code {code}"), ("No space left" in err, err))
    reader, writer = os.pipe()
    os.close(reader)
    code, _, err = run("run", HELLO, "--on", host, stdout=writer)
    os.close(writer)
    expect(f"{host}: a closed pipe is reported", (code == 3, f"exit code {code}"), ("Broken pipe" in err, err))
    # Nobody reads: the pipe fills up, and a signal must get through all the same.
    process, _, pids = start_spinning(host)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    code = process.wait(10)
    expect(f"{host}: a reader that stopped reading holds nothing up", (code == -signal.SIGTERM, code),
           (not wait_until_gone(pids), f"left: {alive(pids)}"))
    process.stdout.close()


def stats_and_trace(host):
    stats, trace = (os.path.join(folder.name, n) for n in ("s.json", "t.trace"))
    code, _, err = run("run", HELLO, "--on", host, "--stats", stats, "--trace", trace)
    with open(stats, encoding="utf-8") as f:
        data = json.load(f)
    rows = data["domains"][0]["vcpus"][0]["rows"]
    expect(f"{host}: --stats writes JSON", (code == 0, err), (data["machine"]["host"] == host, data["machine"]),
           (any(r["name"] == "hypercall" and r["count"] > 0 for r in rows), rows),
           (data["domains"][0]["end"]["well"], data["domains"][0]["end"]))
    code, out, err = run("stats", stats)
    expect(f"{host}: pvn stats prints it", (code == 0, err), (re.search(r"exit +hypercall +hypercall +\d", out), out))
    code, out, err = run("trace", trace)
    expect(f"{host}: pvn trace prints records with names and symbols", (code == 0, err),
           (re.search(r"a/0 +cpuid\(leaf=", out), out),
           (re.search(r"a/0 +SHUTDOWN\(reason=POWEROFF, .* hypercall\w*(\+0x[0-9a-f]+)?$", out, re.M), out))
    with open(trace, "r+b") as f:
        f.seek(60)
        f.write(b"\xff")
    code, _, err = run("trace", trace)
    expect(f"{host}: a damaged trace is an error", (code == 3, code), ("damaged" in err, err))
    for option in ("--stats", "--trace"):
        code, _, err = run("run", HELLO, "--on", host, option, "/dev/full")
        expect(f"{host}: {option} on a full disk is reported", (code == 3, code), ("No space left" in err, err))
        code, _, err = run("run", HELLO, "--on", host, option, "/nonexistent/file")
        # Before the machine runs.
        expect(f"{host}: {option} into no folder is reported", (code == 3, code), ("No such file" in err, err),
               ("shutdown" not in err, err))
    code, _, err = run("run", HELLO, "--on", host, "--stats", stats, "--trace", os.path.join(folder.name, ".", "s.json"))
    expect(f"{host}: one file for two things is refused", (code == 2, code), ("the same file" in err, err))
    code, _, err = run("run", HELLO, "--on", host, "--stats", HELLO)
    expect(f"{host}: the description is not overwritten", (code == 2, code), (os.path.getsize(HELLO) > 50, "it was"))


def two_at_once():
    pair = [subprocess.Popen([PVN, "run", HELLO, "--on", h], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for h in HOSTS + HOSTS]
    results = [(p.communicate(timeout=60), p.returncode) for p in pair]
    expect("four runs at once do not disturb each other",
           *((code == 0 and b"Hello from a: " in out, err) for (out, err), code in results))


def debugger():
    process = subprocess.Popen([PVN, "run", HELLO, "--on", "qemu", "--gdb"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    text = b""
    while b"add-symbol-file" not in text:
        line = process.stderr.readline()
        if not line:
            break
        text += line
    path = re.search(rb"target remote ([^']+)'", text)
    answer = b""
    end = time.monotonic() + 10
    while path and not answer and time.monotonic() < end:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(5)
        try:
            link.connect(path.group(1))
            link.sendall(b"$?#3f") # why did it stop?
            while b"#" not in answer:
                answer += link.recv(100) or b"#"
        except OSError:
            time.sleep(0.05) # QEMU is still starting
        finally:
            link.close()
    pids = descendants(process.pid)
    process.terminate()
    out, _ = process.communicate(timeout=10)
    expect("--gdb: the machine waits for a debugger and says how to start it", (b"paravane.debug" in text, text),
           (b"hello.elf" in text, text), (b"$T05" in answer or b"$S05" in answer, answer), (not out, out),
           (not wait_until_gone(pids), f"left: {alive(pids)}"))
    code, _, err = run("run", HELLO, "--on", "bochs", "--gdb")
    expect("--gdb on bochs: says what to do instead", (code == 2, code), ("--on qemu" in err, err))


def serial(host):
    path = os.path.join(folder.name, "serial port, \"1\".txt")
    code, out, err = run("run", HELLO, "--on", host, "--serial", path)
    expect(f"{host}: --serial makes the file, whatever its name", (code == 0, err), (os.path.exists(path), "no file"),
           ("Hello" in out, out))


def main():
    host = sys.argv[2]
    # Whoever started this in the background may have had them ignored, which pvn respects.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    exit_codes(host)
    signals(host)
    serial(host)
    if host == "qemu":
        usage()
        outputs(host)
        stats_and_trace(host)
        two_at_once()
        terminal()
        debugger()
    folder.cleanup()
    tap.end()


main()
