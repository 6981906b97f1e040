#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The guest's kernel on a plain PC: plain_pc.py PVN. The same image, on QEMU's emulated PC without Paravane,
with 1 and 2 CPUs: it reaches its shell, runs commands, powers off, restarts, and uses the PC's own interrupt
controllers and clocks. TAP.
"""
import base64
import gzip
import re
import struct
import subprocess
import sys
import time

import boot

SECONDS = 120
QEMU = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
        "-machine", "pc,accel=tcg", "-m", "256M", "-serial", "stdio"]
# What a script sees: CPUs, a pipe, a timer, a job on each CPU, and nothing of a hypervisor of ours.
SCRIPT = """grep -c ^processor /proc/cpuinfo
seq 1 100 | awk '{ n += $1 } END { print n }'
sleep 0.2 && echo slept
for c in $(seq 0 $(($(nproc) - 1))); do taskset $(printf %x $((1 << c))) sh -c 'echo ran'; done
ls -d /sys/kernel/debug/paravane 2>/dev/null || echo alone
dmesg | grep -ci paravane:
grep -c IO-APIC /proc/interrupts
exit 7
"""


def segments(elf):
    """The loadable parts of an ELF64 file: {physical address: bytes}."""
    start, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    found = {}
    for n in range(count):
        kind, _, offset, _, address, length = struct.unpack_from("<IIQQQQ", elf, start + n * size)
        if kind == 1:
            found[address] = elf[offset:offset + length]
    return found


def same_kernel(b, vmlinux, image):
    """A PC's boot loader takes the bzImage. What it unpacks must be, to the byte, what Paravane loads."""
    with open(image, "rb") as f:
        data = f.read()
    setup = (data[0x1f1] + 1) * 512 # sectors of real-mode code, Documentation/x86/boot.rst
    offset, length = struct.unpack_from("<II", data, 0x248)
    with open(vmlinux, "rb") as f:
        guest = segments(f.read())
    packed = segments(gzip.decompress(data[setup + offset:setup + offset + length]))
    b.expect("the PC's image holds the guest's kernel", (guest and packed == guest,
                                                         [hex(a) for a in guest if packed.get(a) != guest[a]]))


def machine(image, initrd, cpus, cpu, line):
    return [*QEMU, "-smp", str(cpus), "-cpu", cpu, "-kernel", image, "-initrd", initrd,
            "-append", "console=ttyS0 " + line]


def script(b, image, initrd, cpus, cpu):
    words = base64.b64encode(SCRIPT.encode()).decode()
    code, out, err = boot.finish(machine(image, initrd, cpus, cpu, "quiet exec=" + words), SECONDS)
    lines = [line for line in out.replace("\r", "").splitlines() if line]
    wanted = [str(cpus), "5050", "slept"] + ["ran"] * cpus + ["alone", "0"]
    pins = lines[len(wanted)] if len(lines) > len(wanted) else "0"
    b.expect(f"{cpus} CPUs ({cpu}): a script runs and the machine powers off", (code == 0, f"exit code {code}: {err}"),
             (lines[:len(wanted)] == wanted, out), (pins.isdigit() and int(pins) > 0, f"IO-APIC lines: {pins}"),
             ("init: exit status 7" in lines, out))


def shell(b, image, initrd, cpus):
    """Typed, as at a terminal."""
    process = boot.start(machine(image, initrd, cpus, "max", ""), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    text, begin = b"", time.monotonic()
    for wanted, keys in ((boot.PROMPT, b"echo $((6 * 7)) | sed s/4/four/\n"), (rb"four2\r*\n", b"poweroff -f\n")):
        while not re.search(wanted, text) and time.monotonic() < begin + SECONDS:
            got = process.stdout.read1(4096)
            text += got
            if not got:
                break
        process.stdin.write(keys)
        process.stdin.flush()
    rest, _ = process.communicate(timeout=SECONDS)
    boot.live.discard(process)
    text += rest
    b.expect(f"{cpus} CPUs: the shell answers and powers off", (b"four2" in text, text[-1500:].decode(errors="replace")),
             (b"reboot: Power down" in text, text[-500:]), (process.returncode == 0, process.returncode),
             (b"Booting paravirtualized kernel on bare hardware" in text, "not as on bare hardware"))


def ends(b, image, initrd):
    """-no-reboot makes a restart an end."""
    for command, wanted in (("reboot -f", "reboot: Restarting system"), ("echo c >/proc/sysrq-trigger",
                                                                         "sysrq triggered crash")):
        line = "panic=-1 exec=" + base64.b64encode(command.encode()).decode()
        code, out, _ = boot.finish(machine(image, initrd, 1, "qemu64", line), SECONDS)
        b.expect(f"{command}: the machine is reset", (code == 0, f"exit code {code}"), (wanted in out, out[-1500:]))


def main():
    if len(sys.argv) != 2:
        sys.exit("Bail out! usage: plain_pc.py PVN")
    b = boot.Boots(sys.argv[1], "a plain PC")
    code, out, err = boot.finish([b.pvn, "guest", "--print", "--pc"], 1500)
    if code:
        sys.exit("Bail out! no guest: " + err)
    vmlinux, initrd, image = out.split("\n")[:3]
    same_kernel(b, vmlinux, image)
    script(b, image, initrd, 1, "max")
    script(b, image, initrd, 2, "qemu64")
    shell(b, image, initrd, 1)
    shell(b, image, initrd, 2)
    ends(b, image, initrd)
    b.done()


main()
