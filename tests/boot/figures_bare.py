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

import boot
import figures

LIMIT = 1.02
# Of gettimeofday where the guest reads pvclock instead of the TSC; still in the vDSO.
PVCLOCK, PVCLOCK_LIMIT = "paravane_clock=pvclock", 1.45
# Bochs's machine says that fast strings are off, so a bare kernel does without REP_GOOD, ERMS and FSRM; each
# step of a REP instruction is a tick there. Both shall copy and clear pages the same way.
SAME = "clearcpuid=112,297,580"
TIMEOUT_S = 240
NAMES = ("sum", "getppid", "gettimeofday", "pipe", "forkwait", "forkexec", "mmap", "mprotect")
# The machine of `pvn run --on bochs`, without the hypervisor. Its memory is the guest's: how many pages the
# kernel's allocator takes at a time depends on it.
BOCHSRC = """config_interface: textconfig
display_library: rfb, options="timeout=0"
cpu: model=corei7_haswell_4770, count=1, ips=100000000, reset_on_triple_fault=0
memory: guest=96, host=96
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
    process = boot.start(["bochs", "-q", "-f", "bochsrc", "-rc", "go"], cwd=folder, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try: # it ends with status 1 at a power-off
        process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"# the bare machine did not end in {TIMEOUT_S} s")
    boot.end(process)
    serial = os.path.join(folder, "serial.txt")
    if not os.path.exists(serial):
        return "Bochs did not start"
    with open(serial, encoding="utf-8", errors="replace") as f:
        return f.read()


def reported(text, name):
    match = re.search(rf"^{name} ops=\d+ ticks=(\d+) ok\r?$", text, re.M)
    return int(match.group(1)) if match else 0


def compare(tap, alone, what, name, guest, limit):
    ticks, base = (guest.reported(name) or (0, 0))[1], reported(alone, name)
    ratio = ticks / base if base else 0.0
    print(f"# {what:13}{base:>12}{ticks:>12}{ratio:>9.4f}")
    tap.result(f"{what}: {ratio:.4f} of the bare machine's ticks (at most {limit})",
               [] if 0 < ratio <= limit else alone.splitlines()[-5:] if not base else ["above the limit"])


def main():
    if len(sys.argv) != 2:
        sys.exit("Bail out! usage: figures_bare.py PVN")
    boots = boot.Boots(sys.argv[1], "bochs")
    tap = boots.tap
    kernel = os.environ.get("PVN_BZIMAGE")
    setup = figures.Setup(type("Options", (), {"pvn": boots.pvn, "host": "bochs"}), boots.folder)
    if not kernel:
        code, out, err = boot.finish([setup.pvn, "guest", "--print", "--pc"], 1500)
        if code:
            sys.exit("Bail out! no guest: " + err)
        kernel = out.splitlines()[-1]
    guest = figures.Run(setup, "guest", 1, "; ".join(NAMES), words=SAME)
    tap.result("the guest ends well", guest.complaints())
    pvclock = figures.Run(setup, "pvclock", 1, "gettimeofday", words=f"{SAME} {PVCLOCK}")
    tap.result("the guest with pvclock ends well", pvclock.complaints())
    alone = bare(setup, kernel, "; ".join(NAMES))
    print(f"# {'workload':13}{'bare':>12}{'guest':>12}{'ratio':>9}")
    for name in NAMES:
        compare(tap, alone, name, name, guest, LIMIT)
    compare(tap, alone, "pvclock", "gettimeofday", pvclock, PVCLOCK_LIMIT)
    boots.done()


if __name__ == "__main__":
    main()
