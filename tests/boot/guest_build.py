#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The Linux guest is built, once: guest_build.py PVN. Where the cache has none this takes minutes; the tests
that boot it come after. Then: another copy of the project finds what was built, and what is missing is said
together with the command that installs it. TAP on standard output.
"""
import os
import re
import shutil
import subprocess
import sys
import time

import boot

BUILD_S = 1500
NAMES = ("vmlinux", "initramfs.cpio", "bzImage")


def guest(b, *arguments, seconds=BUILD_S, **environment):
    """pvn guest: exit code, standard output, standard error, seconds."""
    start = time.monotonic()
    process = boot.start([b.pvn, "guest", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=os.environ | environment)
    out, err = process.communicate(timeout=seconds)
    boot.live.discard(process)
    return process.returncode, out.decode(), err.decode(), time.monotonic() - start


def builds(b):
    code, out, err, seconds = guest(b, "--print", "--pc")
    paths = out.split("\n")[:-1]
    print(f"# {seconds:.0f} s; " + ("from the cache" if seconds < 2 else "built"))
    for line in err.splitlines():
        print("# " + line)
    b.expect("pvn guest gives a kernel, an initramfs and a kernel for a PC", (code == 0, err),
             (tuple(map(os.path.basename, paths)) == NAMES, out),
             (all(os.path.getsize(path) > 500000 for path in paths), "one is too small"))
    return paths


def cached(b, paths):
    code, out, err, seconds = guest(b, "--print", "--pc", seconds=60)
    b.expect("the next time it is there at once", (code == 0, err), (out.split("\n")[:-1] == paths, out),
             (seconds < 5, f"{seconds:.1f} s"), (not err, err))
    copy = b.path("copy")
    shutil.copytree(os.path.join(boot.ROOT, "guest-patches"), os.path.join(copy, "guest-patches"))
    code, out, err, seconds = guest(b, "--print", "--pc", seconds=60, PVN_ROOT=copy)
    b.expect("another copy of the project finds it", (code == 0, err), (out.split("\n")[:-1] == paths, out),
             (seconds < 5, f"{seconds:.1f} s"))
    with open(os.path.join(copy, "guest-patches", "initramfs", "init.c"), "a", encoding="utf-8") as f:
        f.write("/* changed */\n")
    code, out, err, _ = guest(b, "--print", "--pc", seconds=120, PVN_ROOT=copy, XDG_CACHE_HOME=linked_cache(b, paths))
    other = out.split("\n")[:-1]
    b.expect("a changed init makes another initramfs, and no other kernel", (code == 0, err), (len(other) == 3, out),
             (len(other) == 3 and [other[n].split("/")[-2] == paths[n].split("/")[-2] for n in range(3)] ==
              [True, False, True], out))


def linked_cache(b, paths):
    """A cache that has the kernel: what is built for a test does not stay in the user's."""
    folder = b.path("cache/paravane/guest")
    os.makedirs(folder)
    entry = os.path.dirname(paths[0])
    os.symlink(entry, os.path.join(folder, os.path.basename(entry)))
    return b.path("cache")


def missing(b):
    """No compiler, no make: an empty folder is all the PATH there is."""
    empty = b.path("empty")
    os.mkdir(empty)
    code, out, err, _ = guest(b, seconds=60, PATH=empty, XDG_CACHE_HOME=empty)
    b.expect("a missing package is an error with the command that installs it", (code not in (0, 1), f"exit code {code}"),
             (" is missing: " in err, err), ("apt-get install --no-install-recommends linux-source-6.1" in err, err),
             (not out, out))


def doctor(b, paths):
    """pvn doctor knows all packages that the bootstrap installs for it, and whether it is built."""
    with open(os.path.join(boot.ROOT, "pvn"), encoding="utf-8") as f:
        packages = re.search(r"^guest_packages='([^']*)'", f.read(), re.M).group(1).split()
    out = boot.finish([b.pvn, "doctor"], 60)[1]
    status = dict(re.findall(r"^  ([\w.-]+) +(found|missing|built|not built) ", out.partition("The Linux guest")[2], re.M))
    b.expect("pvn doctor lists what building takes and what is built",
             (all(status.get(package) == "found" for package in packages), out),
             (status.get("kernel") == "built" and status.get("initramfs") == "built", out), (paths[0] in out, out))
    os.environ["XDG_CACHE_HOME"], before = b.path("none"), os.environ.get("XDG_CACHE_HOME")
    out = boot.finish([b.pvn, "doctor"], 60)[1]
    del os.environ["XDG_CACHE_HOME"]
    if before:
        os.environ["XDG_CACHE_HOME"] = before
    b.expect("pvn doctor: with an empty cache nothing is built", (len(re.findall(r" not built ", out)) == 2, out))


def aborted(b):
    """Ctrl-C while the source is unpacked or compiled: no process, no half-made entry, no folder."""
    cache = b.path("aborted")
    process = boot.start([b.pvn, "guest"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, env=os.environ | {"XDG_CACHE_HOME": cache})
    time.sleep(4)
    below = boot.descendants(process.pid)
    process.terminate()
    _, err = process.communicate(timeout=30)
    boot.live.discard(process)
    left = os.listdir(os.path.join(cache, "paravane", "guest"))
    b.expect("an aborted build leaves nothing behind", (process.returncode == -15, process.returncode),
             (below, err.decode()), (not boot.wait_until_gone(below), "processes are left"),
             (left == ["lock"], left))


def main():
    if len(sys.argv) != 2:
        sys.exit("Bail out! usage: guest_build.py PVN")
    b = boot.Boots(sys.argv[1], "guest")
    paths = builds(b)
    if len(paths) == 3:
        cached(b, paths)
        doctor(b, paths)
    missing(b)
    aborted(b)
    b.done()


main()
