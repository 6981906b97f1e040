#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The built hypervisor: size, W^X, nothing undefined: image.py BUILD_FOLDER."""
import os
import subprocess
import sys

import lint

BYTES_MAX = 256 * 1024


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main():
    image = os.path.join(sys.argv[1] if len(sys.argv) == 2 else "", "hypervisor", "paravane.elf")
    if not os.path.exists(image):
        sys.exit(f"Bail out! usage: image.py BUILD_FOLDER; there is no {image}")
    tap = lint.Tap()
    size = os.path.getsize(image)
    print(f"# paravane.elf: {size} bytes")
    tap.result(f"the image is under {BYTES_MAX} bytes", [] if size < BYTES_MAX else [f"{size} bytes"])
    segments = [line.split() for line in output("readelf", "-lW", image).split("\n") if " LOAD " in line]
    tap.result("no segment is writable and executable",
               [" ".join(s) for s in segments if "W" in "".join(s[6:-1]) and "E" in "".join(s[6:-1])])
    debug = image.replace(".elf", ".debug")
    undefined = [line for line in output("nm", "-u", debug).split("\n") if line.strip()]
    tap.result("no symbol is undefined", undefined)
    vector = [line.strip() for line in output("objdump", "-d", "--no-show-raw-insn", debug).split("\n")
              if "%xmm" in line or "%ymm" in line or "%st" in line.replace("%st,", "")]
    tap.result("no code uses SSE, AVX or x87 registers", vector)
    tap.end()


if __name__ == "__main__":
    main()
