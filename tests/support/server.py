"""Servers that benchmarks and soaks start on this machine: how long until they answer, what they and their children take, how they end."""
import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

root = Path(__file__).resolve().parents[2]
luthier = Path(os.environ.get("LUTHIER", root / "build/release/luthier"))
ticks = os.sysconf("SC_CLK_TCK")


class NotStarted(SystemExit):
    """Ends the program with its sentence, unless somebody can do without that server."""


class Server:
    """A process with its children. `url` is known once it is ready."""

    def __init__(self, command, log, url=None, **how):
        self.log = Path(log)
        self.begun = time.monotonic()
        with open(log, "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen([str(part) for part in command], stderr=errors, text=True, **how)
        self.url = url
        self.seconds_to_ready = None

    def fail(self, what):
        self.stop()
        raise NotStarted(f"{what}: {' '.join(self.log.read_text(errors='replace').splitlines()[-3:])}")

    def is_ready_now(self):
        self.seconds_to_ready = time.monotonic() - self.begun

    def processes(self):
        found = [self.process.pid]
        for pid in found:
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    found += [int(child) for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
            except OSError:  # it has ended
                pass
        return found

    def cpu_seconds(self):
        def of(pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        return sum(of(pid) for pid in self.processes())

    def memory_mb(self):
        """Of all its processes; pages that several of them share are counted once (PSS)."""
        lines = [line for pid in self.processes() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6

    def rss_mb(self):
        """Of the process that answers HTTP, alone."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / 1e6

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def call(self, method, path, body=None, expected=(200, 201, 204), headers=None):
        """JSON, or bytes as they are; the answer's JSON."""
        host = urlsplit(self.url)
        connection = http.client.HTTPConnection(host.hostname, host.port, timeout=120)
        raw = isinstance(body, bytes)
        sent = body if raw or body is None else json.dumps(body)
        kind = {"Content-Type": "application/octet-stream" if raw else "application/json"} if body is not None else {}
        connection.request(method, path, sent, kind | (headers or {}))
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status not in expected:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:500].decode(errors='replace')}")
        return json.loads(text) if text else None

    def pause(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def stop(self, seconds=15):
        """Its exit status; None: it had to be killed."""
        pids = self.processes()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()
            return None


def start_luthier(directory, *arguments):
    directory = Path(directory)
    server = Server([luthier, "up", "--data", directory / "data", "--listen", "127.0.0.1:0", *arguments], directory / "luthier.log", stdout=subprocess.PIPE)
    line = server.process.stdout.readline()
    if not line.startswith("ready "):
        server.fail("luthier up did not start")
    server.is_ready_now()
    server.url = line.split()[1]
    return server
