"""A headless Chromium, driven over a pipe by its DevTools protocol: Python's standard library alone."""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time


class PageError(AssertionError):
    """What the page did, or did not do in time."""


class Pipe:
    """Messages with a NUL behind each, on two descriptors."""

    def __init__(self, read_from, write_to):
        self._read, self._write, self._rest, self._next = read_from, write_to, b"", 0
        self.events = []

    def _message(self, deadline):
        while b"\0" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise PageError("the browser does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise PageError("the browser has ended")
            self._rest += piece
        text, self._rest = self._rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, seconds=60, **parameters):
        self._next += 1
        request = {"id": self._next, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._write, json.dumps(request).encode() + b"\0")
        deadline = time.monotonic() + seconds
        while True:
            message = self._message(deadline)
            if message.get("id") == request["id"]:
                if "error" in message:
                    raise PageError(f"{method}: {message['error']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)

    def listen(self, seconds):
        """Takes in what the browser tells by itself."""
        with contextlib.suppress(PageError):
            self.events.append(self._message(time.monotonic() + seconds))


class Page:
    """One tab."""

    def __init__(self, pipe, url="about:blank"):
        self._pipe = pipe
        target = pipe.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = pipe.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.go(url)

    def call(self, method, **parameters):
        return self._pipe.call(method, self._session, **parameters)

    def go(self, url):
        self.call("Page.navigate", url=url)

    def size(self, width, height, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)

    def media(self, **features):
        """media(prefers_color_scheme="dark")"""
        self.call("Emulation.setEmulatedMedia", features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def run(self, script, **values):
        """What an expression gives; `values` are constants that it may use. Promises are waited for."""
        constants = "".join(f"const {name} = {json.dumps(value)}; " for name, value in values.items())
        answer = self.call("Runtime.evaluate", expression=f"(async () => {{ {constants} return ({script}); }})()", awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise PageError(f"{script}: {answer['exceptionDetails']['exception'].get('description', answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait(self, script, seconds=20, what=None, **values):
        deadline = time.monotonic() + seconds
        while True:
            value = self.run(f"((value) => value instanceof Node || value)({script})", **values)
            if value:
                return value
            if time.monotonic() > deadline:
                raise PageError(f"{what or script}: not within {seconds} s; the page shows: {self.run('document.body.innerText.slice(0, 1500)')}")
            self._pipe.listen(0.1)

    def press(self, key, modifiers=0):
        """A key as its name: "Tab", "Enter", " ", "ArrowLeft" … modifiers: 1 alt, 2 control, 8 shift."""
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": codes.get(key, 0), "modifiers": modifiers}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def click(self, selector):
        """As a hand does it: in the middle of the element, once it is in sight."""
        place = self.run(
            "(() => { const e = document.querySelector(selector); if (!e) return null; e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()",
            selector=selector,
        )
        if not place:
            raise PageError(f"there is no {selector}")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def hover(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, file, full=True):
        # A page may be taller than its window; the window grows for the picture, so that nothing is drawn twice.
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        pathlib.Path(file).write_bytes(base64.b64decode(answer["data"]))

    def complaints(self):
        """What the console, the policy and the network had to say since the page was opened."""
        self._pipe.listen(0.2)
        said = []
        for event in self._pipe.events:
            parameters = event.get("params", {})
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                said.append(details.get("exception", {}).get("description", details["text"]))
            elif event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                said.append(" ".join(str(argument.get("value", argument.get("description"))) for argument in parameters["args"]))
            elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                said.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
        return said

    def requests(self):
        """The addresses that were asked for."""
        return [event["params"]["request"]["url"] for event in self._pipe.events if event["method"] == "Network.requestWillBeSent" and event.get("sessionId") == self._session]


@contextlib.contextmanager
def chromium():
    binary = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not binary:
        raise SystemExit("there is no chromium; tools/debian-packages-page.txt names Debian's package")
    # Debian's script sets up a desktop and then runs this; without a desktop it is enough.
    direct = pathlib.Path("/usr/lib/chromium/chromium")
    profile = tempfile.mkdtemp(prefix="luthier-page-")
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()

    def as_three_and_four():
        first, second = os.dup(to_browser), os.dup(from_browser)
        os.dup2(first, 3)
        os.dup2(second, 4)

    process = subprocess.Popen(
        [
            str(direct) if direct.exists() and "CHROMIUM" not in os.environ else binary,
            "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
            "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
            "--font-render-hinting=none", "--force-color-profile=srgb", f"--user-data-dir={profile}", "about:blank",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=as_three_and_four,
    )
    os.close(to_browser)
    os.close(from_browser)
    pipe = Pipe(to_us, from_us)
    try:
        yield pipe
    finally:
        with contextlib.suppress(PageError, OSError):
            pipe.call("Browser.close", seconds=5)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(to_us)
        os.close(from_us)
        shutil.rmtree(profile, ignore_errors=True)
