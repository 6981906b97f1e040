#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Unmodified kernels in full/hap: full.py PVN HOST [--all] [--shared] [--bare-only]. Boots kernels with 1, 2 and 4
vCPUs, runs a script of processes, pipes, mappings, signals and files, and powers off by ACPI. What the script prints
must be, to the byte, what the same image prints on the bare emulated machine. --all: Debian's kernels too, and on
Bochs the bare machine is Bochs as well. --shared: instead, other numbers of vCPUs and CPUs. --bare-only leaves
Paravane out: are two bare machines equal? TAP.
"""
import argparse
import base64
import os
import re
import subprocess
import sys

import boot
import figures_bare

MARK = b"\x1epvn\n" # before and after the output, as pvn's own
SECONDS = {"qemu": 120, "bochs": 900}
QEMU = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
        "-machine", "pc,accel=tcg", "-cpu", "max", "-serial", "stdio"]
MACHINE = """machine: {{cpus: {cpus}, memory: 1G}}
domains:
  - {{name: guest, kernel: "{kernel}", initrd: "{initrd}", memory: {memory}M, vcpus: {vcpus}, mode: full/hap}}
"""
# vCPUs on CPUs, of guest:linux, besides those on one CPU; and with --shared.
SHARED = ((4, 2),)
SHARED_MORE = {"qemu": ((4, 4), (4, 1), (2, 2)), "bochs": ((4, 1), (2, 2))}
PROGRAMS = ("storm", "sum", "pipe", "forkwait", "mmap")
# Nothing in it may depend on speed, time or the machine's devices.
SCRIPT = r"""uname -r
grep -c ^processor /proc/cpuinfo
/tests/storm || echo storm ended with $?
seq 1 2000 | sort -r | awk '{ n = n * 31 % 65521 + $1 } END { print n }'
mkdir -p /tmp/a/b; for i in $(seq 1 40); do seq 1 $i >/tmp/a/b/$i; done
cat /tmp/a/b/* | md5sum
tar -c -C /tmp/a b | gzip -9 | gunzip | tar -t | sort | md5sum
find /tmp/a -type f | wc -l; rm -r /tmp/a; ls -d /tmp/a 2>&1
trap 'echo caught' USR1; kill -USR1 $$; wait
for i in $(seq 1 20); do (exit $i) & done; n=0; for p in $(jobs -p); do wait $p; n=$((n + $?)); done; echo $n
for c in $(seq 0 $(($(nproc) - 1))); do taskset $(printf %x $((1 << c))) sh -c 'echo ran'; done
(ulimit -v 100000; sh -c 'kill -SEGV $$'); echo $?
dd if=/dev/zero bs=64k count=300 2>/dev/null | tr '\0' x | md5sum
sleep 0.3; echo slept
exit 7
"""
WANTED = (b"storm: vectors ", b"\nslept\n", b"\nran\n")


def between(text):
    """The output between the marks, and the status that init printed."""
    text = text.replace(b"\r\n", b"\n")
    parts = text.split(MARK)
    status = re.search(rb"init: exit status (\d+)\n", parts[-1])
    return (parts[1] if len(parts) == 3 else None), int(status.group(1)) if status else None


def marked():
    mark = "printf '\\036pvn\\n'\n"
    return f"{mark}sh -c \"$(cat <<'PVN_EXEC'\n{SCRIPT}\nPVN_EXEC\n)\"\nstatus=$?\n{mark}exit $status"


class Full:
    def __init__(self, options):
        self.b = boot.Boots(options.pvn, options.host)
        self.b.initrd = self.pack()
        self.seconds = SECONDS[options.host]

    def pack(self):
        """The guest's archive with the workloads."""
        folder = os.path.join(os.path.dirname(self.b.pvn), "workloads")
        archive = self.b.path("initramfs.cpio")
        subprocess.run([os.path.join(boot.ROOT, "guest-patches", "initramfs", "pack"), archive,
                        *(os.path.join(folder, name) for name in PROGRAMS)], check=True)
        return archive

    def describe(self, kernel, vcpus, memory=256, cpus=1):
        text = MACHINE.format(cpus=cpus, kernel=kernel, initrd=self.b.initrd, memory=memory, vcpus=vcpus)
        return self.b.write(f"full-{abs(hash(kernel)) % 10000}-{vcpus}-{memory}-{cpus}.yaml", text)

    def image(self, kernel):
        """The file for a PC's boot loader."""
        if kernel == "guest:linux":
            code, out, err = boot.finish([self.b.pvn, "guest", "--print", "--pc"], 1500)
        else: # its path is the last word of the last line
            code, out, err = boot.finish([self.b.pvn, "check", self.describe(kernel, 1)], 600)
        if code:
            sys.exit("Bail out! no kernel: " + err)
        return out.split()[-1]

    def bare(self, image, vcpus, memory=256):
        """Output and status on QEMU's PC."""
        words = base64.b64encode(marked().encode()).decode()
        arguments = [*QEMU, "-m", f"{memory}M", "-smp", str(vcpus), "-kernel", image, "-initrd", self.b.initrd,
                     "-append", "console=ttyS0,115200 quiet loglevel=1 exec=" + words]
        process = boot.start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            out, _ = process.communicate(timeout=SECONDS["qemu"])
        except subprocess.TimeoutExpired:
            boot.end(process)
            out = b"the test gave up waiting\n"
        boot.live.discard(process)
        return (*between(out), out)

    def bare_bochs(self, image):
        setup = type("Setup", (), {"folder": self.b.folder, "initrd": self.b.initrd})
        out = figures_bare.bare(setup, image, f"( {marked()} )")
        return between(out.encode(errors="replace"))[0]

    def equal(self, name, kernel, vcpus, memory=256, cpus=1):
        """Full virtualization against the bare machine."""
        alone, status, text = self.bare(self.image(kernel), vcpus, memory)
        self.b.expect(f"{name}, {vcpus} CPUs, bare: the script runs to its end",
                      (alone and all(part in alone for part in WANTED), text[-1500:]), (status == 7, status))
        code, out, err = self.b.run(self.describe(kernel, vcpus, memory, cpus), "--exec", SCRIPT, seconds=self.seconds)
        self.b.expect(f"{name}, {vcpus} vCPUs on {cpus} CPUs: powers off with the script's status",
                      (code == 7, f"exit code {code}"), (not err, err[-1500:]))
        self.b.expect(f"{name}, {vcpus} vCPUs on {cpus} CPUs: the same output as on the bare machine",
                      (alone and out.encode() == alone, out))
        return alone

    def session(self):
        """A terminal on the serial port."""
        session = self.b.session(self.describe("guest:linux", 1))
        prompt = session.wait_for(boot.PROMPT, self.seconds)
        session.type(b"echo $((6 * 7)) | sed s/4/four/\r")
        answer = session.wait_for(rb"four2\r*\n", 30)
        session.type(b"\x1dp") # the power button: this kernel takes the event, and nobody waits for it
        for _ in range(20):
            session.type(b"grep acpi /proc/interrupts\r")
            pressed = session.wait_for(rb" [1-9][0-9]* +IO-APIC[^\n]*acpi", 1)
            if pressed:
                break
        session.type(b"poweroff -f\r")
        code, same = session.end(60)
        self.b.expect("a terminal: prompt, a typed command, the power button, power-off",
                      (prompt, session.text[-1500:]),
                      (answer, session.text), (pressed, b"no SCI for the power button: " + session.text),
                      (code == 0, f"exit code {code}"), (same, "the terminal is not restored"))

    def bare_only(self, kernels):
        for kernel in kernels:
            image = self.image(kernel)
            one, status, text = self.bare(image, 1)
            again = self.bare(image, 1)[0]
            self.b.expect(f"{kernel}: two bare machines print the same", (one and one == again, text[-1500:]),
                          (one and all(part in one for part in WANTED), one), (status == 7, status))
            two = self.bare(image, 2)[0]
            self.b.expect(f"{kernel}: with 2 CPUs", (two and two.count(b"\nran\n") == 1 and b"ran\nran\n" in two, two))
        if self.b.host == "bochs":
            self.b.expect("Bochs prints the same", (self.bare_bochs(self.image("guest:linux")) ==
                                                    self.bare(self.image("guest:linux"), 1)[0], "not the same"))


def main():
    parser = argparse.ArgumentParser(description="Boots unmodified kernels and compares them with a bare machine.")
    parser.add_argument("pvn")
    parser.add_argument("host", choices=boot.HOSTS)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--bare-only", action="store_true")
    options = parser.parse_args()
    full = Full(options)
    kernels = ["guest:linux"] + (["debian:cloud", "debian:generic"] if options.all else [])
    if options.bare_only:
        full.bare_only(kernels)
    elif options.shared:
        for vcpus, cpus in SHARED_MORE[full.b.host]:
            full.equal("guest:linux", "guest:linux", vcpus, cpus=cpus)
    else:
        for kernel in kernels:
            for vcpus in (1, 2):
                alone = full.equal(kernel, kernel, vcpus)
                if options.all and full.b.host == "bochs" and kernel == "guest:linux" and vcpus == 1:
                    full.b.expect("bare Bochs prints what bare QEMU does",
                                  (full.bare_bochs(full.image(kernel)) == alone, "not the same"))
        for vcpus, cpus in SHARED:
            full.equal("guest:linux", "guest:linux", vcpus, cpus=cpus)
        full.session()
    full.b.done()


if __name__ == "__main__":
    main()
