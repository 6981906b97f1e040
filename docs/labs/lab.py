# SPDX-License-Identifier: BSD-2-Clause
"""What the labs' checkers share: where things are, building a payload, running a machine, verdicts.

A checker prints one line a result, "right" or "WRONG", a hint under each wrong one, and last the sum. Exit codes:
0 all is right, 1 something is wrong, 2 the answers cannot be read, 3 building or running failed.
"""
import contextlib
import json
import os
import subprocess
import sys
import tempfile

LABS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(LABS))
HOSTS = ("bochs", "qemu", "kvm")
UNREADABLE, BROKEN = 2, 3
# Exits that belong to the machine, not to the program: they come when they come.
NOT_THE_PROGRAM = ("interrupt", "nmi", "preempt_timer")


class Stop(Exception):
    """Why the checker cannot go on, and its exit code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def unreadable(text):
    return Stop(UNREADABLE, text)


def broken(text):
    return Stop(BROKEN, text)


class Verdict:
    """The results of one check."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def right(self, what):
        self.count += 1
        print(f"right  {what}", flush=True)

    def wrong(self, what, *hints):
        self.count += 1
        self.failed += 1
        print(f"WRONG  {what}")
        for hint in hints:
            for line in hint.rstrip("\n").split("\n"):
                print(f"       {line}")
        sys.stdout.flush()

    def expect(self, holds, what, *hints):
        """One result; hints are shown if it does not hold."""
        if holds:
            self.right(what)
        else:
            self.wrong(what, *hints)
        return bool(holds)

    def end(self):
        """The last line; the exit code."""
        if not self.count:
            raise broken("nothing was checked")
        print(f"{self.count - self.failed} of {self.count} right")
        return 1 if self.failed else 0


def say(text):
    """What takes a while."""
    print(f"check: {text}", file=sys.stderr, flush=True)


def main(check):
    """Runs check(), which returns an exit code, and says why if it had to stop."""
    try:
        sys.exit(check())
    except Stop as stop:
        sys.stdout.flush()
        print(f"check: error: {stop}", file=sys.stderr)
        sys.exit(stop.code)
    except KeyboardInterrupt:
        sys.exit(130)


def run(words, seconds=600, **options):
    """A program to its end: exit code, output, errors."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds, check=False, **options)
    except FileNotFoundError:
        raise broken(f"{words[0]}: not found; is the package installed?") from None
    except subprocess.TimeoutExpired:
        raise broken(f"{words[0]} took more than {seconds} seconds") from None
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


@contextlib.contextmanager
def folder():
    """A private folder for the time of a check."""
    with tempfile.TemporaryDirectory(prefix="pvn-lab-") as path:
        yield path


def words_of_file(path, columns):
    """Rows of an answer file: words between spaces, without empty lines and comments; each with its line number."""
    try:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(f"{path}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if words and len(words) != columns:
            raise unreadable(f"{path}:{number}: expected {columns} words, found {len(words)}: {line.strip()}")
        if words:
            yield number, words


class Tree:
    """A source tree with its build folder: the project's, or a copy that a student has changed."""

    def __init__(self, root=ROOT, build=None):
        self.root = root
        self.build = build or os.environ.get("PVN_BUILD") or os.environ.get("PVN_BUILD_DIR") or \
            os.path.join(root, "build")
        # Where the build folder is somebody else's business, it is up to date; else ./pvn sees to it.
        is_built = build or os.environ.get("PVN_BUILD")
        self.pvn = os.path.join(self.build, "tools", "pvn") if is_built else os.path.join(root, "pvn")

    def environment(self):
        return dict(os.environ, PVN_ROOT=self.root, PVN_BUILD=self.build) if not self.is_bootstrap() else None

    def is_bootstrap(self):
        return self.pvn == os.path.join(self.root, "pvn")

    def run_pvn(self, *words, seconds=600):
        return run([self.pvn, *words], seconds, env=self.environment())

    def make_payload(self, source, output):
        """Compiles and links one .c file as the project's own payload hello is: ninja tells how."""
        if self.is_bootstrap():
            code, _, err = self.run_pvn("check", os.path.join(ROOT, "docs", "examples", "hello.yaml"))
            if code:
                raise broken("the build failed:\n" + err)
        code, out, err = run(["ninja", "-C", self.build, "-t", "commands", "tests/guest/hello.elf"])
        lines = [line.split() for line in out.split("\n")]
        compiling = [w for w in lines if "-c" in w and w[-1].endswith("/hello.c")]
        linking = [w for w in lines if "-o" in w and "tests/guest/hello.elf" in w]
        if code or not compiling or not linking:
            raise broken(f"ninja does not tell how a payload is built in {self.build}\n" + err)
        output = os.path.abspath(output)
        own = output + ".o"
        words = compiling[0]
        words = words[:words.index("-MD")] + ["-o", own, "-c", os.path.abspath(source)]
        code, out, err = run(words, cwd=self.build)
        sys.stderr.write(err)
        if code:
            raise unreadable(f"{source} does not compile")
        words = [{"tests/guest/hello.elf": output, "tests/guest/hello.elf.p/hello.c.o": own}.get(w, w)
                 for w in linking[0]]
        code, out, err = run(words, cwd=self.build)
        os.unlink(own)
        if code:
            raise unreadable(f"{source} does not link:\n{err}")

    def run_machine(self, text, path, *words, seconds=60):
        """Runs a description in the folder `path`; its console text and its counters."""
        machine, stats = os.path.join(path, "machine.yaml"), os.path.join(path, "stats.json")
        with open(machine, "w", encoding="utf-8") as f:
            f.write(text)
        code, out, err = self.run_pvn("run", machine, "--stats", stats, "--timeout", str(seconds), *words,
                                      seconds=seconds + 60)
        if code == 4:
            raise unreadable(f"the machine did not end within {seconds} seconds:\n{out}{err}")
        if code not in (0, 1) or not os.path.exists(stats):
            raise broken(f"pvn run failed with {code}:\n{out}{err}")
        with open(stats, encoding="utf-8") as f:
            return out, err, json.load(f)


def between(stats, domain, first, last):
    """Exits and hypercalls by name between two marks of a domain; None if it did not get there."""
    for found in stats["domains"]:
        if found["name"] != domain:
            continue
        for row in found["differences"]:
            if (row["from"], row["to"]) == (first, last):
                return {n: c for n, c in row["exits"].items() if n not in NOT_THE_PROGRAM}, row["calls"]
    return None


def total(counts):
    return sum(counts[0].values())


def text_of(counts):
    exits = ", ".join(f"{name} {count}" for name, count in counts[0].items()) or "none"
    calls = ", ".join(f"{name} {count}" for name, count in counts[1].items())
    return f"exits: {exits}" + (f"; calls: {calls}" if calls else "")
