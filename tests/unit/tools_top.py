#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`pvn top` from outside: tools_top.py PVN. Machines run on QEMU and Bochs and are watched: by scripts, at a
terminal that tmux provides, and by clients that misbehave. Counters that it shows are compared with those
of `run --stats`; being watched must change none of them. TAP on standard output.
"""
import glob
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lint"))
import lint # noqa: E402

if len(sys.argv) != 2:
    sys.exit("Bail out! usage: tools_top.py PVN")
PVN = os.path.abspath(sys.argv[1])
TEXT = """machine: {memory: 192M}
domains:
  - {name: one, kernel: "payload:busy", memory: 4M, vcpus: 2, cmdline: "rounds=%d loops=%d"}
  - {name: two, kernel: "payload:busy", memory: 4M, mode: full/hap, cmdline: "rounds=%d loops=%d"}
"""
LIVE_ASK = 0x102
MAGIC = 0x01a55650

tap = lint.Tap()
folder = tempfile.TemporaryDirectory(prefix="pvn-top-")
runtime = os.path.join(folder.name, "runtime" + "x" * 120) # longer than a socket's path may be
os.mkdir(runtime)
os.environ["XDG_RUNTIME_DIR"] = runtime
# Of its own: there are the sockets of machines that others run meanwhile.
os.environ["XDG_CACHE_HOME"] = os.path.join(folder.name, "cache")
started = []


def describe(name, rounds, loops):
    path = os.path.join(folder.name, f"{name}.yaml")
    with open(path, "w", encoding="ascii") as f:
        f.write(TEXT % (rounds, loops, rounds, loops))
    return path


def expect(name, *conditions):
    """One result; conditions are pairs (holds, what is shown if not)."""
    tap.result(name, [str(shown)[:600] for holds, shown in conditions if not holds])


def top(*arguments, **options):
    """Runs pvn top to its end: exit code, standard output, standard error."""
    done = subprocess.run([PVN, "top", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def start(path, host, *arguments):
    """A run in the background; there is somebody to watch it when this returns."""
    process = subprocess.Popen([PVN, "run", path, "--on", host, *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started.append(process)
    until = time.monotonic() + 20
    while not sockets(process.pid) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    return process


def stop(process):
    process.terminate()
    process.communicate(timeout=20)
    return process.returncode


def sockets(pid="*"):
    return glob.glob(os.path.join(runtime, "paravane", f"{pid}-*.sock"))


def counts_of(sample):
    """(domain, vCPU, space, name) -> count of a line of JSON, or of a file of --stats."""
    return {(d["name"], v["vcpu"], r["space"], r["name"]): r["count"]
            for d in sample["domains"] for v in d["vcpus"] for r in v["rows"]}


# ---- without a machine, and wrong uses


def nothing_runs():
    for arguments in (["--once"], ["--batch", "-n", "1"], ["--list"], ["--once", "some"]):
        code, out, err = top(*arguments)
        expect(f"nothing runs: {' '.join(arguments)}", (code == 1, f"exit code {code}"), (not out, out),
               ("no machine is running" in err, err))
    code, out, err = top()
    expect("no terminal: it says so", (code == 2, code), ("no terminal" in err and "--batch" in err, err))
    for arguments in (["--once", "--batch"], ["--json"], ["-n", "3"], ["--batch", "-n", "0"], ["a", "b"],
                      ["--batch", "-d", "0.001"], ["--batch", "-d", "x"], ["--sort", "colour"]):
        code, out, err = top(*arguments)
        expect(f"wrong use: {' '.join(arguments)}", (code == 2, f"exit code {code}"),
               ("pvn: error:" in err and "usage: pvn top" in err, err))


# ---- for scripts


def check_samples(lines, final):
    """What is wrong with a series of samples; final: the machine's own last counters."""
    wrong, last = [], {}
    for line in lines:
        now = counts_of(line)
        wrong += [f"{key}: {last[key]}, then {now.get(key)}" for key in last if now.get(key, 0) < last[key]]
        wrong += [f"{key}: {now[key]}, but {final.get(key)} in the end" for key in now
                  if now[key] > final.get(key, 0)]
        last = now
    if last != final:
        wrong += [f"at the end {sorted(set(last.items()) ^ set(final.items()))}"]
    return wrong


def check_rates(lines):
    """What is wrong with the rates: change over time, by each of the clocks."""
    wrong, checked = [], 0
    for line in lines:
        for row in (r for d in line["domains"] for v in d["vcpus"] for r in v["rows"]):
            for key in ("guest_s", "real_s"):
                seconds, rate = line["interval_" + key], row["per_" + key]
                if seconds and rate is not None:
                    checked += rate > 0
                    if abs(rate * seconds - row["change"]) > 0.01 * row["change"] + 0.01:
                        wrong.append(f"{row['name']}: {row['change']} in {seconds} s, but {rate}")
    return wrong + ([] if checked else ["no rate above 0"])


def watched(host, rounds, loops):
    """Two runs that are the same but that one is watched, 20 times a second, from its first moment on."""
    path = describe(f"same-{host}", rounds, loops)
    files = [os.path.join(folder.name, f"{host}{n}.json") for n in (1, 2)]
    alone = start(path, host, "--stats", files[0])
    alone.communicate(timeout=60)
    process = start(path, host, "--stats", files[1])
    with open(os.path.join(folder.name, "batch"), "w+b") as out:
        batch = subprocess.Popen([PVN, "top", "--batch", "--json", "--all", "-d", "0.05", f"same-{host}"], stdout=out)
        code, (_, err), batch_code = process.wait(60), process.communicate(), batch.wait(20)
        out.seek(0)
        lines = [json.loads(line) for line in out]
    with open(files[0], "rb") as a, open(files[1], "rb") as b:
        before, after = a.read(), b.read()
    expect(f"{host}: counters of a run are the same, watched or not", (code == 0, err.decode()),
           (before == after, "the files of --stats differ"), (alone.returncode == 0, alone.returncode))
    samples = lines[:-1]
    wrong = check_samples(samples, counts_of(json.loads(after))) + check_rates(samples)
    expect(f"{host}: {len(samples)} samples grow up to the counters of --stats", (batch_code == 0, batch_code),
           (len(samples) >= 8, lines[-1:]), *((False, text) for text in wrong[:5]))
    expect(f"{host}: the last line tells the end", (lines and lines[-1].get("end", {}).get("exit") == 0, lines[-1:]),
           (samples and [d["state"] for d in samples[-1]["domains"]] == ["shutdown poweroff, status 0"] * 2,
            samples[-1:]))


def two_machines(first, second):
    """first and second: processes of runs named `first` and `second`."""
    code, out, err = top("--list")
    found = re.findall(r"^ *(\d+) +(\S+) +(qemu|bochs) +\S+ \S+ +one two$", out, re.M)
    expect("--list names both machines", (code == 0, err),
           (found == sorted([(str(first.pid), "first", "qemu"), (str(second.pid), "second", "qemu")],
                            key=lambda row: int(row[0])), out))
    code, out, err = top("--once")
    expect("two machines and no name: both are listed", (code == 2 and not out, out),
           ("2 machines" in err and f"{first.pid}" in err and f"{second.pid}" in err, err))
    code, out, err = top("--once", "third")
    expect("a name that no machine has", (code == 2 and not out, out), ('no machine "third"' in err, err))
    for which in ("second", str(second.pid)):
        out, until = "", time.monotonic() + 10
        while not re.search(r"^two +0 exit +sensitive +cpuid ", out, re.M) and time.monotonic() < until: # it may just have started
            code, out, err = top("--once", which)
        expect(f"one by its {'name' if which == 'second' else 'process id'}", (code == 0, err),
               (f"second (pid {second.pid}, qemu)" in out, out), (time.monotonic() < until, out))
    code, out, err = top("--once", "second", "--domain", "three")
    expect("a domain that it has not", (code == 2 and not out, out), ("expected one of" in err and err.rstrip().endswith(" one two"), err))


def text_batch(name):
    code, out, err = top("--batch", "-d", "0.2", "-n", "2", "--sum", "--domain", "one", "--sort", "total", name)
    rows = [line.split() for line in out.splitlines() if line and line[0] != "#"]
    totals = [int(row[5]) for row in rows]
    halves = totals[:len(totals) // 2]
    expect("--batch as text: two samples of a domain, vCPUs summed, by total", (code == 0, err),
           (out.count("# sample ") == 2, out), (rows and all(len(row) == 11 for row in rows), out),
           ({row[0] for row in rows} == {"one"} and {row[1] for row in rows} == {"all"}, out),
           (halves == sorted(halves, reverse=True), out), (float(rows[-1][7]) >= 0, rows[-1]))


# ---- clients that misbehave


def frame(kind, sequence, payload=b""):
    body = struct.pack("<HHI", kind, sequence, len(payload))
    return struct.pack("<I", MAGIC) + body + struct.pack("<I", zlib.crc32(body + payload)) + payload


def connect(pid):
    here = os.getcwd()
    client = socket.socket(socket.AF_UNIX)
    os.chdir(os.path.join(runtime, "paravane"))
    client.connect(os.path.basename(sockets(pid)[0]))
    os.chdir(here)
    return client


def is_hung_up(client):
    """Does the other side close it within some seconds?"""
    client.settimeout(5)
    try:
        while client.recv(65536):
            pass
        return True
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def misbehave(process):
    cases = {"random bytes": os.urandom(5000), "a frame nobody knows": frame(0x777, 0),
             "ASK with a payload": frame(LIVE_ASK, 0, b"x"), "a wrong sequence": frame(LIVE_ASK, 9),
             "a wrong sum": frame(LIVE_ASK, 0)[:-1] + b"\xee"}
    for name, data in cases.items():
        client = connect(process.pid)
        client.sendall(data)
        expect(f"hung up on: {name}", (is_hung_up(client), "it is still connected"))
        client.close()
    slow = connect(process.pid)
    slow.setblocking(False)
    sent = 0
    try:
        for sequence in range(200000): # asks and never reads
            slow.sendall(frame(LIVE_ASK, sequence % 65536))
            sent += 1
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    idle = [connect(process.pid) for _ in range(20)] # more than it takes
    for client in idle[8:]:
        client.close()
    time.sleep(0.1)
    code, out, err = top("--once", "first")
    expect("a client that asks and never reads, and idle ones, keep nobody else waiting", (sent > 10, sent),
           (code == 0 and "cpuid" in out, out + err), (process.poll() is None, "the run has ended"))
    for client in [slow, *idle[:8]]:
        client.close()


# ---- at a terminal


class Terminal:
    def __init__(self, command, **environment):
        self.socket = f"pvn-top-{os.getpid()}"
        self.tmux("kill-server", check=False)
        words = [f"{k}={v}" for k, v in environment.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "30", "env", *words, "sh")
        self.type("PS1='ready'; stty -a >before")
        self.wait("ready")
        self.type(command)

    def tmux(self, *arguments, check=True):
        return subprocess.run(["tmux", "-L", self.socket, *arguments], cwd=folder.name, check=check, timeout=20,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        self.keys("Enter")

    def screen(self, *arguments):
        return self.tmux("capture-pane", "-p", *arguments)

    def wait(self, pattern, *arguments, seconds=8):
        """The screen when it shows the pattern, or "" and what it showed last in self.last."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.last = self.screen(*arguments)
            if re.search(pattern, self.last, re.M):
                return self.last
            time.sleep(0.03)
        return ""

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def close(self):
        self.tmux("kill-server", check=False)


def column(screen, number):
    """Of the table's rows, a field."""
    lines = screen.splitlines()
    head = next((i for i, line in enumerate(lines) if line.startswith("NAME ")), len(lines))
    return [line.split()[number] for line in lines[head + 1:-1] if len(line.split()) == 8]


def keys_and_views(t, process):
    s = t.wait(r"^cpuid +sensitive +[\d.]+k? ")
    expect("head, columns, rows, foot", (f"pvn top: first (pid {process.pid}, qemu svm, 1 CPU)" in s, t.last),
           (re.search(r"^guest time [\d.]+ s; between the samples", s, re.M), s),
           (re.search(r"^NAME +CLASS +/GUEST s +/REAL s +TOTAL +TICKS +VCPU +DOMAIN$", s, re.M), s),
           (re.search(r"^NULL +call .* 1  one$", s, re.M), s), (re.search(r"^cpuid .* 0  two$", s, re.M), s),
           (re.search(r"^classes  hypercall \d+%  sensitive \d+%", s, re.M), s), ("sort: rate" in s, s))
    for key, sort in (("n", "name"), ("t", "total"), ("k", "ticks"), ("s", "name")):
        t.keys(key)
        s = t.wait(f"sort: {sort}")
        cells = column(s, 4 if key == "t" else 0)
        numbers = [int(n) for n in cells] if key == "t" else []
        expect(f"the key {key} sorts by {sort}", (s, t.last), (len(cells) > 8, s),
               (key != "n" or cells[:3] == ["cpuid"] * 3, s), (numbers == sorted(numbers, reverse=True), s))
    t.keys("p")
    first = t.wait("PAUSED")
    time.sleep(0.4)
    expect("paused: nothing moves", (first, t.last), (t.screen() == first, t.screen()))
    t.keys("p")
    s = t.wait("^pvn top: ")
    expect("it goes on", (s, t.last), (t.wait(r"guest time (?!" + re.search(r"time ([\d.]+)", first).group(1) + r" )"), t.last))
    t.keys("d")
    s = t.wait("domain: one")
    expect("one domain: its vCPUs with their state", (s, t.last),
           (len(re.findall(r"^  vCPU [01]   (?:running|waiting|blocked) +running +(?:\d+%|-) of the time", s, re.M)) == 2, s),
           ({"one"} == set(column(s, 7)), s))
    t.keys("d")
    s = t.wait("domain: two")
    expect("the next domain", (s and set(column(s, 7)) == {"two"}, t.last))
    t.keys("d", "v")
    s = t.wait("domain: all  vCPUs: sum")
    expect("all domains, vCPUs summed", (s and set(column(s, 6)) == {"all"}, t.last))
    t.keys("e")
    expect("events on demand", (t.wait(r"^sched_in +event "), t.last))
    t.keys("h")
    expect("help", (t.wait(r"^q +quit"), t.last))
    t.keys("h")


def sizes(t):
    t.resize(250, 70)
    expect("a large window is filled", (t.wait(r"\A(?:.*\n){69}q quit"), t.last))
    for width, height in ((30, 6), (8, 3), (1, 1)):
        t.resize(width, height)
        head = "pvn top: first (pid"[:width] if height > 1 else ""
        s = t.wait(rf"\A{re.escape(head)}.*\n(?:.*\n){{{max(height - 2, 0)}}}{'q quit'[:width]}" if head else "^q$")
        expect(f"a window of {width} by {height}", (s, t.last), (len(s.splitlines()) <= height, s))
    t.resize(100, 24)
    expect("and back", (t.wait(r"^NAME "), t.last), (t.wait(r"^q quit"), t.last))


def at_a_terminal(process):
    t = Terminal(f"'{PVN}' top -d 0.2 first; echo code $?; stty -a >after")
    keys_and_views(t, process)
    sizes(t)
    t.keys("q")
    s = t.wait("^code 0")
    state = t.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{keypad_flag}").strip()
    time.sleep(0.1)
    with open(os.path.join(folder.name, "before"), "rb") as a, open(os.path.join(folder.name, "after"), "rb") as b:
        # The window has another size by now.
        before, after = (f.read().split(b";", 3)[3] for f in (a, b))
    expect("q gives the terminal back as it was", (s, t.last), (state == "0 1 0", state), (before == after, after))
    t.type(f"'{PVN}' top -d 0.2 first; echo code $?")
    t.wait("^NAME ")
    t.keys("C-c")
    s = t.wait("^code 0(?:.*\n)+ready$")
    expect("so does Ctrl-C", (s, t.last),
           (t.tmux("display-message", "-p", "#{alternate_on}").strip() == "0", "still the other screen"))
    t.type(f"TERM=no-such '{PVN}' top first; echo code $?")
    expect("a terminal that nobody knows", (t.wait('"no-such"') and t.wait("^code 2"), t.last))
    for setting in ("TERM=vt100", "NO_COLOR=1"):
        t.type(f"clear; {setting} '{PVN}' top -d 0.2 first")
        s = t.wait(r"^.{0,9}cpuid +sensitive +[\d.]+k? ", "-e")
        expect(f"{setting}: no colours", (s, t.last), (not re.search(r"\x1b\[[\d;]*3[0-7]m", s), repr(s)))
        t.keys("q")
        t.wait("ready")
    t.type(f"clear; '{PVN}' top -d 0.2 first")
    s = t.wait(r"\x1b\[[\d;]*32m.*cpuid", "-e")
    expect("colours where there are some", (s, repr(t.last)))
    return t


def its_end(t, process):
    """The machine ends while somebody looks on: once with a word, once without."""
    code = stop(process)
    s = t.wait(r"^ended: interrupted by signal 15")
    expect("the screen says how the machine ended", (s, t.last), (code == -signal.SIGTERM, code))
    t.keys("q")
    expect("and so does what stays", (t.wait(r"^first \(pid \d+\) ended: interrupted"), t.last))
    t.close()


def killed(path):
    process = start(path, "qemu")
    batch = subprocess.Popen([PVN, "top", "--batch", "-d", "0.2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    batch.stdout.readline()
    process.kill()
    process.communicate()
    err = batch.communicate(timeout=20)[1].decode()
    expect("a run that is killed: its watchers say so", (batch.returncode == 3, batch.returncode),
           ("ended without a word" in err, err))
    left = len(sockets())
    code, _, err = top("--once")
    expect("the socket that it left is removed", (left == 1, left), (code == 1 and not sockets(), err))


def timeout(path):
    process = start(path, "qemu", "--timeout", "2")
    code, out, err = top("--batch", "-d", "0.3", "-n", "100")
    process.communicate()
    expect("a timeout is told", (code == 0, err), (out.rstrip().endswith("# ended: timeout: not ended after 2 s"), out[-300:]),
           (process.returncode == 4, process.returncode))
    for kept in re.findall(r"logs are in (\S+)", err):
        shutil.rmtree(kept, ignore_errors=True)


def timed(part, *arguments):
    begin = time.monotonic()
    result = part(*arguments)
    print(f"# {part.__name__}: {time.monotonic() - begin:.1f} s")
    return result


def main():
    timed(nothing_runs)
    endless = describe("first", 100000000, 3000)
    shutil.copy(endless, os.path.join(folder.name, "second.yaml"))
    first, second = start(endless, "qemu"), start(os.path.join(folder.name, "second.yaml"), "qemu")
    info = os.stat(os.path.join(runtime, "paravane"))
    expect("nobody else can look into the folder of sockets", (info.st_mode & 0o777 == 0o700, oct(info.st_mode)))
    timed(two_machines, first, second)
    stop(second)
    timed(text_batch, "first")
    timed(misbehave, first)
    its_end(timed(at_a_terminal, first), first)
    timed(killed, endless)
    timed(timeout, endless)
    timed(watched, "bochs", 1200, 3000)
    timed(watched, "qemu", 3000, 3000)
    expect("nothing is left", (not sockets(), sockets()))


try:
    main()
finally:
    for each in started:
        if each.poll() is None:
            each.kill()
tap.end()
