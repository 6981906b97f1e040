#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every header compiles alone: headers.py BUILD_FOLDER. Generated headers are taken from there."""
import concurrent.futures
import os
import subprocess
import sys

import lint

WARNINGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wundef", "-Wno-unused", "-Werror"]
JSON_C = subprocess.run(["pkg-config", "--cflags", "json-c", "yaml-0.1"], capture_output=True, text=True,
                        check=False).stdout.split()
# Folder -> its compiler options.
OPTIONS = {
    "hypervisor": ["-ffreestanding", "-mgeneral-regs-only", "-Ihypervisor"],
    "pv-abi": [],
    "tools": ["-D_GNU_SOURCE", "-Itools"] + JSON_C,
    "tests/guest": ["-ffreestanding", "-mgeneral-regs-only", "-Ihypervisor", "-Itests/guest/lib"],
    "tests/unit": ["-D_GNU_SOURCE", "-Itests/unit", "-Itests/unit/fake", "-Itools", "-Ihypervisor"] + JSON_C,
}


def compile_alone(build, path):
    """The compiler's complaint about a file that holds the #include twice and nothing else."""
    folder = max((f for f in OPTIONS if path.startswith(f + "/")), key=len, default=None)
    if folder is None:
        return f"{path}: its folder has no options in tests/lint/headers.py"
    text = f'#include "{path}"\n#include "{path}"\nint nothing;\n'
    done = subprocess.run(
        ["gcc", "-fsyntax-only", *WARNINGS, *OPTIONS[folder], "-I.", "-Ipv-abi", "-I" + build + "/pv-abi",
         "-x", "c", "-"], input=text, capture_output=True, text=True, cwd=lint.ROOT, check=False)
    return done.stderr.strip() if done.returncode else None


def main():
    if len(sys.argv) != 2 or not os.path.exists(os.path.join(sys.argv[1], "pv-abi", "pv_abi.h")):
        sys.exit("Bail out! usage: headers.py BUILD_FOLDER (configured and built)")
    build = os.path.abspath(sys.argv[1])
    tap = lint.Tap()
    paths = lint.sources(".h")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, error in zip(paths, pool.map(lambda p: compile_alone(build, p), paths)):
            if error:
                tap.result(path, error.split("\n"))
    tap.result(f"{len(paths)} headers were compiled alone", [] if paths else ["there is none"])
    tap.end()


if __name__ == "__main__":
    main()
