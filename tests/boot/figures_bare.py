#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the guest's work costs in ticks against the same kernel without a hypervisor: figures_bare.py PVN.

Both run on Bochs, whose TSC counts instructions: what the exits cost in emulated software shows to the last
instruction, what they would cost in hardware does not. The kernel on the bare machine is the guest's for a plain
PC, or PVN_BZIMAGE; the guest is the one of figures.py. TAP, a result a workload.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import figures
lint = figures.lint

LIMIT = 1.02
# Bochs's machine says that fast strings are off, so a bare kernel does without REP_GOOD, ERMS and FSRM; each
# step of a REP instruction is a tick there. Both shall copy and clear pages the same way.
SAME = "clearcpuid=112,297,580"
TIMEOUT_S = 240
NAMES = ("sum", "getppid", "gettimeofday", "pipe", "forkwait", "forkexec", "mmap", "mprotect")
# The machine of `pvn run --on bochs`, without the hypervisor.
BOCHSRC = """config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest=256, host=256
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
vga: extension=vbe, update_freq=1, realtime=0
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="boot.iso", status=inserted
ata1: enabled=0
boot: cdrom
clock: sync=none, time0=1577836800
mouse: enabled=0
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
"""
GRUB = """set timeout=0
menuentry bare {{
linux /kernel norandmaps console=ttyS0,115200 quiet {} exec={}
initrd /initramfs
}}
"""


def bare(setup, kernel, script):
    """What the guest's programs print on the bare machine."""
    folder = setup.folder
    disk = os.path.join(folder, "disk")
    os.makedirs(os.path.join(disk, "boot", "grub"))
    words = figures.base64.b64encode((script + "; poweroff -f").encode()).decode()
    with open(os.path.join(disk, "boot", "grub", "grub.cfg"), "w", encoding="ascii") as f:
        f.write(GRUB.format(SAME, words))
    shutil.copyfile(kernel, os.path.join(disk, "kernel"))
    # Small, because every sector goes through the BIOS.
    with open(os.path.join(disk, "initramfs"), "wb") as f:
        subprocess.run(["gzip", "-c", setup.initrd], stdout=f, check=True)
    subprocess.run(["grub-mkrescue", "-o", os.path.join(folder, "boot.iso"), disk], stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    for name, text in (("bochsrc", BOCHSRC), ("go", "c\n")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text)
    try: # it ends with status 1 at a power-off
        subprocess.run(["bochs", "-q", "-f", "bochsrc", "-rc", "go"], cwd=folder, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"# the bare machine did not end in {TIMEOUT_S} s")
    serial = os.path.join(folder, "serial.txt")
    if not os.path.exists(serial):
        return "Bochs did not start"
    with open(serial, encoding="utf-8", errors="replace") as f:
        return f.read()


def reported(text, name):
    match = re.search(rf"^{name} ops=\d+ ticks=(\d+) ok\r?$", text, re.M)
    return int(match.group(1)) if match else 0


def main():
    if len(sys.argv) != 2:
        sys.exit("Bail out! usage: figures_bare.py PVN")
    tap = lint.Tap()
    kernel = os.environ.get("PVN_BZIMAGE")
    script = "; ".join(NAMES)
    with tempfile.TemporaryDirectory() as folder:
        options = type("Options", (), {"pvn": sys.argv[1], "host": "bochs"})
        setup = figures.Setup(options, folder)
        if not kernel:
            done = subprocess.run([setup.pvn, "guest", "--print", "--pc"], stdout=subprocess.PIPE, check=True)
            kernel = done.stdout.decode().splitlines()[-1]
        guest = figures.Run(setup, "guest", 1, script, words=SAME)
        tap.result("the guest ends well", guest.complaints())
        alone = bare(setup, kernel, script)
    print(f"# {'workload':13}{'bare':>12}{'guest':>12}{'ratio':>9}")
    for name in NAMES:
        ticks, base = (guest.reported(name) or (0, 0))[1], reported(alone, name)
        ratio = ticks / base if base else 0.0
        print(f"# {name:13}{base:>12}{ticks:>12}{ratio:>9.4f}")
        tap.result(f"{name}: {ratio:.4f} of the bare machine's ticks (at most {LIMIT})",
                   [] if 0 < ratio <= LIMIT else alone.splitlines()[-5:] if not base else ["above the limit"])
    tap.end()


if __name__ == "__main__":
    main()
