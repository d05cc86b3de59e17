#!/usr/bin/env python3
"""A server with 1,000 idle streams of events, with clients that send and read as slowly as they can, and with ordinary requests beside them.
Ordinary requests are answered all the same; each event reaches each stream; slow senders are ended in time, and what one address may open is
bounded; memory and open files stay bounded and come back; SIGTERM ends every stream as a whole answer and leaves nothing behind.

    ./soak connections [--streams 1000] [--seconds 90]
"""
import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from server import root, start_luthier  # noqa: E402

models = "/apis/models/v2/workspaces/default/models"
filesets = "/apis/files/v2/workspaces/default/filesets"
slow_of_each_kind = 40
address_connections_max = 1024
slow_address = "127.0.0.2"  # connections are counted by address
header_seconds_max, body_seconds_max = 15, 45  # the server's own bounds are 10 s and 30 s of waiting
memory_mb_max = 128  # above rest, for all of it: a thread and a buffer for each connection, 64 KiB on average
p99_ms_max = 50  # with every core taken by requests and threads that wake
drain_seconds_max = 10


def say(text):
    print(text, flush=True)


def fail(text):
    raise SystemExit(f"soak: {text}")


class Client:
    """A connection that is looked at once a second."""

    def __init__(self, server, text, source="127.0.0.1", receive_bytes=None):
        address = urlsplit(server.url)
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.bind((source, 0))
        self.socket.connect((address.hostname, address.port))
        self.socket.sendall(text.encode())
        self.socket.setblocking(False)
        self.begun = time.monotonic()
        self.ended = None  # after how many seconds the server has closed it
        self.tail = b""

    def read(self, size=1 << 16):
        """What has come; the end is noted."""
        try:
            got = self.socket.recv(size)
        except BlockingIOError:
            return b""
        except ConnectionError:
            got = b""
        if not got:
            self.end()
        self.tail = (self.tail + got)[-64:]
        return got

    def trickle(self):
        if self.ended is None:
            try:
                self.socket.send(b"x")
            except BlockingIOError:
                pass
            except ConnectionError:
                self.end()

    def end(self):
        self.ended = self.ended or time.monotonic() - self.begun

    def close(self):
        self.socket.close()


class Stream(Client):
    def __init__(self, server):
        super().__init__(server, "GET /luthier/v1/events?entity=model HTTP/1.1\r\nHost: soak\r\n\r\n")
        self.events = 0
        self.accepted = False

    def look(self):
        while self.ended is None and (got := self.read()):
            self.accepted |= got.startswith(b"HTTP/1.1 200")
            self.events += got.count(b"ModelCreated")


def slow_clients(server):
    """Three kinds: a header, a body, and an answer that is not taken."""
    header = "GET /health/ready HTTP/1.1\r\nHost: soak\r\nX-Slow: "
    body = f"POST {models} HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n"
    large = f"GET {filesets}/large/-/file HTTP/1.1\r\nHost: soak\r\n\r\n"
    count = range(slow_of_each_kind)
    return ([Client(server, header, slow_address) for _ in count], [Client(server, body, slow_address) for _ in count],
            [Client(server, large, slow_address, receive_bytes=4096) for _ in count])


def start_load(server, seconds):
    return subprocess.Popen([root / "build/release/http_load", server.url, "--path", models + "/watched", "--contains", '"name":"watched"',
                             "--clients", "8", "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)


def result_of(load):
    run = json.loads(load.communicate()[0])
    if run["wrong_status"] + run["wrong_body"] + run["broken"]:
        fail(f"ordinary requests were answered wrongly: {run['first_wrong']}")
    return run


def check_address_limit(server, open_now):
    """As many as an address may have, and one more."""
    held = [Client(server, "") for _ in range(address_connections_max - open_now)]
    one_more = Client(server, "GET /health/ready HTTP/1.1\r\nHost: soak\r\n\r\n")
    time.sleep(0.5)
    answer = one_more.read()
    for client in held + [one_more]:
        client.close()
    if not answer.startswith(b"HTTP/1.1 503"):
        fail(f"connection {address_connections_max + 1} of an address was not refused: {answer[:80]!r}")


def check_slow(headers, bodies, readers):
    for kind, clients, seconds_max in (("header", headers, header_seconds_max), ("body", bodies, body_seconds_max)):
        late = [client for client in clients if client.ended is None or client.ended > seconds_max]
        if late:
            fail(f"{len(late)} clients that send a {kind} slowly were not ended within {seconds_max} s")
        say(f"slow senders of a {kind}: ended after {min(c.ended for c in clients):.0f} to {max(c.ended for c in clients):.0f} s")
    say(f"slow readers: {sum(client.ended is not None for client in readers)} of {len(readers)} ended so far")


def live_with_them(server, streams, slow, seconds):
    """Once a second a look at everybody. The most memory and files, and how many events there were."""
    headers, bodies, readers = slow
    begin, events, memory, files = time.monotonic(), 0, 0.0, 0
    for second in range(seconds):
        if second % 10 == 5:
            server.call("POST", models, {"name": f"event-{second}"})
            events += 1
        for client in headers + bodies:
            client.trickle()
        for client in headers + bodies + readers:
            if client.ended is None:
                client.read(64)
        for stream in streams:
            stream.look()
        memory, files = max(memory, server.rss_mb()), max(files, server.files())
        time.sleep(max(0.0, begin + second + 1 - time.monotonic()))
    return memory, files, events


def check_drain(server, streams):
    children = server.processes()[1:]
    begin = time.monotonic()
    server.process.terminate()
    while any(stream.ended is None for stream in streams) and time.monotonic() - begin < drain_seconds_max:
        for stream in streams:
            stream.look()
        time.sleep(0.05)
    cut = [stream for stream in streams if stream.ended is None or not stream.tail.endswith(b"0\r\n\r\n")]
    if cut:
        fail(f"{len(cut)} streams were cut off when the server was told to stop")
    try:
        status = server.process.wait(drain_seconds_max)
    except subprocess.TimeoutExpired:
        fail(f"the server has not ended {drain_seconds_max} s after its last stream")
    left = [pid for pid in children if Path(f"/proc/{pid}/stat").exists()]
    if status != 0 or left:
        fail(f"the server ended with {status} and left {len(left)} processes behind")
    say(f"SIGTERM: every stream ended as a whole answer, the server after {time.monotonic() - begin:.1f} s, with nothing left behind")


def soak(server, count, seconds):
    server.call("POST", models, {"name": "watched"})
    server.call("POST", filesets, {"name": "large"})
    server.call("PUT", filesets + "/large/-/file", bytes(64 << 20))
    alone = result_of(start_load(server, 5))
    memory_at_rest, files_at_rest = server.rss_mb(), server.files()
    say(f"at rest: {memory_at_rest:.0f} MB, {files_at_rest} files; ordinary requests: {alone['per_second']:,.0f} a second, p99 {alone['p99_ms']:.2f} ms")

    streams = [Stream(server) for _ in range(count)]
    time.sleep(2)
    for stream in streams:
        stream.look()
    if refused := sum(not stream.accepted or stream.ended is not None for stream in streams):
        fail(f"{refused} of {count} streams were refused")
    before, with_streams = server.cpu_seconds(), server.rss_mb()
    time.sleep(10)
    idle = (server.cpu_seconds() - before) * 10
    say(f"{count} idle streams: {with_streams - memory_at_rest:.0f} MB more, {idle:.1f} % of a core for all processes")
    check_address_limit(server, count)

    load = start_load(server, seconds - 5)
    slow = slow_clients(server)
    memory, files, events = live_with_them(server, streams, slow, seconds)
    busy = result_of(load)
    say(f"beside {count} streams and {3 * slow_of_each_kind} slow clients: {busy['per_second']:,.0f} a second, p99 {busy['p99_ms']:.2f} ms")
    check_slow(*slow)
    if deaf := sum(stream.events != events or stream.ended is not None for stream in streams):
        fail(f"{deaf} streams have not heard all of {events} events")
    say(f"each of {events} events reached each stream")
    say(f"at most {memory - memory_at_rest:.0f} MB ({memory_mb_max} allowed) and {files - files_at_rest} files more than at rest")
    if memory - memory_at_rest > memory_mb_max:
        fail("that is too much memory")
    if files - files_at_rest > count + 3 * slow_of_each_kind * 2 + 8 + 16:  # a reader of a file has it open
        fail("that are too many files")
    if busy["p99_ms"] > p99_ms_max:
        fail(f"p99 of ordinary requests is above {p99_ms_max} ms")

    for client in [one for kind in slow for one in kind]:
        client.close()
    time.sleep(5)
    if server.files() > files_at_rest + count + 16:
        fail(f"{server.files() - files_at_rest - count} files stay open after their clients have gone")
    check_drain(server, streams)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=90)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    with tempfile.TemporaryDirectory(dir=root / "build", prefix="soak-connections-") as directory:
        server = start_luthier(directory)
        try:
            soak(server, arguments.streams, max(arguments.seconds, body_seconds_max + 10))
        finally:
            if server.process.poll() is None:
                server.stop()


if __name__ == "__main__":
    main()
