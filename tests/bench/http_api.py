#!/usr/bin/env python3
"""The HTTP interface: Luthier and NVIDIA's own server under the same load on the same machine, and what the disk and a core would allow."""
import contextlib
import hashlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "support")]
import nmp_server  # noqa: E402
from server import NotStarted, root, start_luthier  # noqa: E402
from table import alone, arguments, compare, show  # noqa: E402

build = root / "build/release"
adapter_files = root / "tests/golden/models/llama-tiny-adapter"
peer = nmp_server.name

models_kept = 1000
own_workspaces = "/apis/entities/v2/workspaces"
filesets = "/apis/files/v2/workspaces/default/filesets"
one_adapter = "/apis/models/v2/workspaces/default/models/patched/adapters/one"
filtered_page = "page_size=100&filter%5Bname%5D%5B%24like%5D=m1%25"  # names like m1%: 111 of the 1,000


def models_of(workspace):
    return f"/apis/models/v2/workspaces/{workspace}/models"


# ----------------------------------------------------------------------------------------------------------------- the sides


class Side:
    """A server under load."""

    def __init__(self, server, errors_allowed=False):
        self.server = server
        self.errors_allowed = errors_allowed
        self.runs = 0

    def load(self, **options):
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        done = subprocess.run([build / "http_load", self.server.url, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        result = json.loads(done.stdout)
        result["failed"] = result["wrong_status"] + result["wrong_body"] + result["broken"]
        if result["failed"] and not self.errors_allowed:
            sys.exit(f"{result['failed']} wrong answers, the first: {result['first_wrong']}")
        shares.append(result["own_share"])
        return result

    def prepare(self):
        """1,000 models, and one with an adapter."""
        self.load(path=models_of("default"), method="POST", status=201, clients=8, requests=models_kept, contains='"name":"m{n}"',
                  body='{"name":"m{n}","description":"a model among many","custom_fields":{"number":"{n}"}}')
        self.server.call("POST", filesets, {"name": "lora"})
        for file in sorted(adapter_files.iterdir()):
            self.server.call("PUT", f"{filesets}/lora/-/{file.name}", file.read_bytes())
        self.server.call("POST", models_of("default"), {"name": "patched"})
        self.server.call("POST", models_of("default") + "/patched/adapters", {"name": "one", "fileset": "default/lora", "finetuning_type": "lora"})
        page = self.server.call("GET", models_of("default") + "?" + filtered_page)
        names = [row["name"] for row in page["data"]]
        assert page["pagination"]["total_results"] == 111 and len(names) == 100 and all(name.startswith("m1") for name in names), page["pagination"]

    def get(self, seconds):
        return self.load(path=models_of("default") + "/m{n}", modulo=models_kept, contains='"name":"m{n}"', seconds=seconds)

    def list(self, seconds):
        return self.load(path=models_of("default") + "?" + filtered_page, contains='"current_page_size":100', seconds=seconds)

    def create(self, clients, seconds):
        self.runs += 1
        workspace = f"load-{self.runs}"  # a workspace may have 100,000 models
        self.server.call("POST", own_workspaces, {"name": workspace})
        run = self.load(path=models_of(workspace), method="POST", status=201, clients=clients, seconds=seconds, contains='"name":"m{n}"',
                        body='{"name":"m{n}","description":"a model among many"}')
        kept = self.server.call("GET", models_of(workspace) + "?page_size=1")["pagination"]["total_results"]
        if kept < run["answers"]:
            sys.exit(f"{run['answers']} models were said to be created, and there are {kept}")
        return run

    def patch(self, clients, seconds):
        return self.load(path=one_adapter, method="PATCH", clients=clients, seconds=seconds, contains='"name":"one"', body='{"description":"change {n}"}')


shares = []  # of a core, that the load took itself


@contextlib.contextmanager
def waiting(side):
    """The server that is not measured stands still, so that its idling takes nothing."""
    if side:
        side.server.pause()
    try:
        yield
    finally:
        if side:
            side.server.go_on()


def rounds(count, ours, theirs, measure, bound=lambda: 0):
    """Ours, theirs, ours, theirs …: lists of results in pairs; with each of ours the mean of `bound` before and after it."""
    found = []
    for _ in range(count):
        with waiting(theirs):
            before = bound()
            own = measure(ours)
            after = bound()
        found.append(((before + after) / 2, own, measure(theirs) if theirs else None))
    return [list(column) for column in zip(*found)]


# ------------------------------------------------------------------------------------------------------- disk and one core


def flushes_per_second(directory, seconds=1.0):
    """Appends of 4 KiB with fdatasync."""
    with open(directory / "probe", "wb", buffering=0) as file:
        count, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
        return count / (time.perf_counter() - begin)


def dd_mb_per_second(directory, size):
    """Its file stays, as the server's do: a disk may be much faster with blocks that were in use a moment ago."""
    file = directory / f"dd-{time.monotonic_ns()}"
    begin = time.perf_counter()
    subprocess.run(["dd", "if=/dev/zero", f"of={file}", "bs=1M", f"count={size >> 20}", "conv=fsync", "status=none"], check=True)
    return size / (time.perf_counter() - begin) / 1e6


def sha256_mb_per_second(size):
    piece, digest, begin = os.urandom(1 << 20), hashlib.sha256(), time.perf_counter()
    for _ in range(size >> 20):
        digest.update(piece)
    return size / (time.perf_counter() - begin) / 1e6


# ------------------------------------------------------------------------------------------------------------ one large file


def ask(server, method, path, length):
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=300)
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\nContent-Type: application/octet-stream\r\n"
                       f"Content-Length: {length}\r\n\r\n".encode())
    return connection


def head_of(stream):
    status = int(stream.readline().split()[1])
    while stream.readline() not in (b"\r\n", b""):
        pass
    return status


def transfer(server, size):
    """One file of `size` bytes up and down again, in MB/s. Each MiB of it is the same, and is compared."""
    piece = os.urandom(1 << 20)
    path, digest = f"{filesets}/large/-/file.bin", hashlib.sha256()
    for _ in range(size >> 20):
        digest.update(piece)
    begin = time.perf_counter()
    connection = ask(server, "PUT", path, size)
    for _ in range(size >> 20):
        connection.sendall(piece)
    with connection, connection.makefile("rb") as stream:
        status, body = head_of(stream), stream.read()
    up = size / (time.perf_counter() - begin) / 1e6
    if status != 200 or json.loads(body).get("digest", digest.hexdigest()) != digest.hexdigest():
        sys.exit(f"the upload was answered {status} {body[:300]!r}")
    begin = time.perf_counter()
    connection = ask(server, "GET", path, 0)
    buffer, got = bytearray(1 << 20), 0
    with connection, connection.makefile("rb", buffering=1 << 20) as stream:
        if (status := head_of(stream)) != 200:
            sys.exit(f"the download was answered {status}")
        while stream.readinto(buffer) == len(buffer):
            got += len(buffer)
            if buffer != piece:
                sys.exit("the download differs from what was sent")
    down = size / (time.perf_counter() - begin) / 1e6
    if got != size:
        sys.exit(f"{got} of {size} bytes came back")
    server.call("DELETE", path)
    return up, down


# -------------------------------------------------------------------------------------------------------------------- rows


def beside(row, theirs, higher_is_better=True):
    """A row whose goal is a number of ours, with their number beside it."""
    if theirs:
        value = statistics.median(theirs)
        better, worse = (row["ours"], value) if higher_is_better else (value, row["ours"])
        row |= {"peer": peer, "theirs": value, "ratio": better / worse if worse else None}
    return row


def rate_rows(work, ours, theirs, ratio, goal):
    """Against their rate, which counts right answers alone and may be none at all, and against a number of its own."""
    own, other = [run["per_second"] for run in ours], [run["per_second"] for run in theirs or []]
    rows = [compare(work, "1/s", own, other, peer, ratio)] if other and min(other) > 0 else []
    return rows + ([alone(work + ": of its own" if rows else work, "1/s", own, goal)] if goal or not rows else [])


def measure_idle(ours, theirs, seconds):
    sides = [side for side in (ours, theirs) if side]
    time.sleep(5)  # what a start leaves to do is not idleness
    before = [side.server.cpu_seconds() for side in sides]
    time.sleep(seconds)
    share = [(side.server.cpu_seconds() - cpu) / seconds * 100 for side, cpu in zip(sides, before)]
    memory = [side.server.memory_mb() for side in sides]
    return [beside(alone("idle", "% of core", share[:1], 0.5, higher_is_better=False), share[1:], higher_is_better=False),
            beside(alone("memory at rest, all processes", "MB", memory[:1], 100, higher_is_better=False), memory[1:], higher_is_better=False)]


def measure_starts(directory, count, with_theirs):
    ours, theirs = [], []
    for i in range(count):
        (directory / f"start-{i}").mkdir()
        server = start_luthier(directory / f"start-{i}")
        ours.append(server.seconds_to_ready)
        server.stop()
        if with_theirs:
            server = nmp_server.start(directory / f"start-{i}/nmp")
            theirs.append(server.seconds_to_ready)
            server.stop()
    return beside(alone("start to ready, nothing there yet", "s", ours, 1, higher_is_better=False), theirs, higher_is_better=False)


def measure_requests(ours, theirs, directory, count, seconds):
    rows = []
    _, own, other = rounds(count, ours, theirs, lambda side: side.get(seconds))
    rows += rate_rows("get a model, 8 clients", own, theirs and other, 1000, 30_000)
    rows += [beside(alone("get a model, 8 clients: p99", "ms", [run["p99_ms"] for run in own], 2, higher_is_better=False),
                    theirs and [run["p99_ms"] for run in other], higher_is_better=False)]
    _, own, other = rounds(count, ours, theirs, lambda side: side.list(seconds))
    rows += rate_rows("list 100 of 1,000 models, filter, 8 clients", own, theirs and other, 300, None)
    for clients in (8, 64):
        flushes, own, other = rounds(count, ours, theirs, lambda side: side.patch(clients, seconds), lambda: flushes_per_second(directory))
        goal = min(8000.0, 0.8 * statistics.median(flushes))
        work = f"patch one adapter, {clients} clients"
        rows += [beside(alone(work, "1/s", [run["per_second"] for run in own], goal), theirs and [run["per_second"] for run in other]),
                 beside(alone(work + ": failed", "%", [0.0], 0, higher_is_better=False),
                        theirs and [100 * run["failed"] / (run["failed"] + run["answers"]) for run in other], higher_is_better=False)]
    for clients in (8, 64):
        flushes, own, other = rounds(count, ours, theirs, lambda side: side.create(clients, seconds), lambda: flushes_per_second(directory))
        goal = min(8000.0, 0.6 * clients * statistics.median(flushes))
        other = theirs and other
        ratio = min(200, goal / max(1, statistics.median(run["per_second"] for run in other))) if other else None  # a disk is not asked for more
        rows += rate_rows(f"create a model, {clients} clients", own, other, ratio, goal)
        rows.append(alone("the disk's own fdatasync at that time", "1/s", flushes))
    return rows


def measure_transfers(ours, theirs, directory, count, size):
    ours.server.call("POST", filesets, {"name": "large"})
    disk, core, ups, downs = [], [], [], []
    with waiting(theirs):
        disk.append(dd_mb_per_second(directory, size))
        for _ in range(count):
            core.append(sha256_mb_per_second(size))
            up, down = transfer(ours.server, size)
            ups.append(up)
            downs.append(down)
            disk.append(dd_mb_per_second(directory, size))
    # A disk that has just taken much takes less: each transfer is held against the mean of dd before and after it.
    bounds = [min((before + after) / 2, sha) for before, after, sha in zip(disk, disk[1:], core)]
    bound = "the slower of dd with fsync and one core's SHA-256"
    return [alone("dd with fsync", "MB/s", disk), alone("one core's SHA-256", "MB/s", core),
            compare(f"upload of {size >> 20:,} MiB", "MB/s", ups, bounds, bound, 0.6),
            compare(f"download of {size >> 20:,} MiB", "MB/s", downs, bounds, bound, 0.6)]


def why_missing(directory):
    """Of NVIDIA's server; None: it runs. The trial also leaves its compiled modules, so that no measured start makes them."""
    if reason := nmp_server.install():
        return reason
    try:
        nmp_server.start(directory / "trial").stop()
    except NotStarted as fault:
        return str(fault)
    return None


def main():
    args = arguments(__doc__, alone="Luthier alone")
    count, seconds, rest = (1, 2, 5) if args.quick else (3, 4, 30)
    print(f"{len(os.sched_getaffinity(0))} cores for server and clients; load average before: {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(dir=build) as name, contextlib.ExitStack() as running:
        directory = Path(name)
        missing = "not asked for" if args.alone else why_missing(directory)
        if missing:
            print(f"Luthier is measured alone, without NVIDIA's server: {missing}", flush=True)
        rows = [measure_starts(directory, count, not missing)]
        ours = Side(start_luthier(directory))
        running.callback(ours.server.stop)
        theirs = None
        if not missing:
            theirs = Side(nmp_server.start(directory / "nmp"), errors_allowed=True)
            running.callback(theirs.server.stop)
        time.sleep(2 if args.quick else 10)  # whatever a start leaves to be done
        rows += measure_idle(ours, theirs, rest)
        for side in (ours, theirs):
            if side:
                side.prepare()
        rows += measure_requests(ours, theirs, directory, count, seconds)
        rows += measure_transfers(ours, theirs, directory, count, (256 if args.quick else 1024) << 20)
    print(f"The load itself took up to {max(shares):.2f} of a core.\n")
    show(rows, args.json)


if __name__ == "__main__":
    main()
