# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium for tests of pages: started without a network, driven through its DevTools pipe, so
that no port is opened and nothing but Python's own library is needed. Everything a page says on its console,
every error and every request is kept.
"""
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--headless", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
           "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars")


class BrowserError(Exception):
    pass


class Browser:
    """with Browser() as b: b.open(path); b.js("1 + 1"). timeout_s bounds every wait."""

    def __init__(self, timeout_s=30):
        self.timeout_s = timeout_s
        self.program = next((p for p in map(shutil.which, NAMES) if p), None)
        if not self.program:
            raise BrowserError("no Chromium; apt-get install chromium")
        self.folder = tempfile.TemporaryDirectory(prefix="pvn-browser-", ignore_cleanup_errors=True)
        self.process = None
        self.number = 0
        self.buffer = b""
        self.session = None
        self.said, self.requests, self.events = [], [], []

    def __enter__(self):
        # The browser reads commands from its descriptor 3 and answers on 4.
        theirs_in, self.to = self._pipe(ours=1)
        theirs_out, self.back = self._pipe(ours=0)
        root = ["--no-sandbox"] if os.getuid() == 0 else []
        environment = {**os.environ, "HOME": self.folder.name, "XDG_CONFIG_HOME": self.folder.name,
                       "XDG_CACHE_HOME": self.folder.name, "LC_ALL": "C.UTF-8"}

        def descriptors():
            os.dup2(theirs_in, 3)
            os.dup2(theirs_out, 4)

        with open(os.path.join(self.folder.name, "log"), "wb") as log:
            self.process = subprocess.Popen( # pylint: disable=consider-using-with,subprocess-popen-preexec-fn
                [self.program, *OPTIONS, *root, "--user-data-dir=" + self.folder.name, "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, pass_fds=(3, 4),
                preexec_fn=descriptors, start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            self._attach()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _pipe(ours):
        """A pipe as (theirs, ours), out of the way of descriptors 3 and 4."""
        pair = os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in pair]
        for fd in pair:
            os.close(fd)
        return ends[1 - ours], ends[ours]

    def close(self):
        """Ends the browser and all that it started; nothing of it stays."""
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process = None
            os.close(self.to)
            os.close(self.back)
        self.folder.cleanup()

    def _log(self):
        with open(os.path.join(self.folder.name, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    # ---- the protocol: JSON texts, each ended by a NUL ----

    def _message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise BrowserError("no answer from the browser in time; its log: " + self._log())
            data = os.read(self.back, 1 << 20)
            if not data:
                raise BrowserError("the browser ended; its log: " + self._log())
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def _event(self, message):
        method, given = message["method"], message.get("params", {})
        if method == "Runtime.consoleAPICalled":
            words = [str(a.get("value", a.get("description", ""))) for a in given["args"]]
            self.said.append(f"console.{given['type']}: {' '.join(words)}")
        elif method == "Runtime.exceptionThrown":
            self.said.append("exception: " + given["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.said.append(f"{given['entry']['level']}: {given['entry']['text']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        self.events.append(method)

    def call(self, method, **given):
        self.number += 1
        command = {"id": self.number, "method": method, "params": given}
        if self.session:
            command["sessionId"] = self.session
        data = json.dumps(command).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + self.timeout_s
        while True:
            message = self._message(deadline)
            if message.get("id") == self.number:
                if "error" in message:
                    raise BrowserError(f"{method}: {message['error']['message']}")
                return message["result"]
            if "method" in message:
                self._event(message)

    def _attach(self):
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    # ---- what tests call ----

    def open(self, path):
        """Loads a file and waits for its end; what it said and asked for is in said and requests."""
        self.said, self.requests, self.events = [], [], []
        result = self.call("Page.navigate", url="file://" + os.path.abspath(path))
        if result.get("errorText"):
            raise BrowserError(f"{path}: {result['errorText']}")
        deadline = time.monotonic() + self.timeout_s
        while "Page.loadEventFired" not in self.events:
            message = self._message(deadline)
            if "method" in message:
                self._event(message)

    def js(self, expression):
        """Value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{result['exceptionDetails']['exception']['description']} in {expression}")
        return result["result"].get("value")

    def media(self, kind="screen", scheme="light", width=1200):
        self.call("Emulation.setEmulatedMedia", media=kind,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
