#!/usr/bin/env python3
"""One large file up and down again: the connection breaks in the middle, the upload goes on where it was, the download has the same
digest, and all the while the server's memory stays within 64 MB of what it takes at rest. What is sent is made as it goes, and all that
the server keeps is removed at the end.

    ./soak upload [--gb 20]
"""
import argparse
import hashlib
import json
import random
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from server import root, start_luthier  # noqa: E402

piece_bytes = 1 << 20
memory_mb_max = 64
fileset = "/apis/files/v2/workspaces/default/filesets/soak"
file = fileset + "/-/large.bin"
noise = random.Random(20).randbytes(piece_bytes)


def piece_at(number):
    """The file's piece of that number: no two are the same, so that one in the wrong place is noticed."""
    return struct.pack(">Q", number) + noise[8:]


class Memory:
    """The most that the server's process has taken, looked at ten times a second."""

    def __init__(self, server):
        self.server = server
        self.at_rest = self.most = server.rss_mb()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.1):
            self.most = max(self.most, self.server.rss_mb())

    def growth(self):
        self.ended.set()
        self.thread.join()
        return self.most - self.at_rest


def request(server, method, **headers):
    address = urlsplit(server.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=600)
    lines = [f"{method} {file} HTTP/1.1", f"Host: {address.netloc}", "Connection: close", "Content-Type: application/octet-stream"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection


def read_head(stream):
    status = int(stream.readline().split()[1])
    headers = {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    return status, headers


def send(connection, first, end):
    """The file's bytes from `first` on."""
    while first < end:
        number, offset = divmod(first, piece_bytes)
        part = piece_at(number)[offset : offset + end - first]
        connection.sendall(part)
        first += len(part)


def say(text):
    print(text, flush=True)


def upload_until_it_breaks(server, size, breaks_at):
    begin = time.monotonic()
    with request(server, "PUT", Content_Range=f"bytes 0-{size - 1}/{size}", Content_Length=size) as connection:
        send(connection, 0, breaks_at)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing is a reset then, as when a cable is cut
    say(f"broken off after {breaks_at / 1e9:.2f} GB, {breaks_at / 1e6 / (time.monotonic() - begin):,.0f} MB/s")


def received(server, size):
    """How far the server is. It may still be at what came before the break."""
    for _ in range(100):
        with request(server, "PUT", Content_Range=f"bytes */{size}", Content_Length=0) as connection, connection.makefile("rb") as stream:
            status, headers = read_head(stream)
        if status == 202 and int(headers["upload-offset"]) > 0:
            return int(headers["upload-offset"])
        time.sleep(0.1)
    sys.exit("the server has kept nothing of what came before the break")


def upload_rest(server, size, first):
    begin = time.monotonic()
    with request(server, "PUT", Content_Range=f"bytes {first}-{size - 1}/{size}", Content_Length=size - first) as connection:
        send(connection, first, size)
        with connection.makefile("rb") as stream:
            status, _ = read_head(stream)
            body = stream.read()
    if status != 200:
        sys.exit(f"the rest of the upload was answered {status} {body[:300]!r}")
    say(f"the other {(size - first) / 1e9:.2f} GB: {(size - first) / 1e6 / (time.monotonic() - begin):,.0f} MB/s")
    return json.loads(body)


def download(server, size):
    """Compares each byte; the digest of what came."""
    begin, digest, got = time.monotonic(), hashlib.sha256(), 0
    buffer = bytearray(piece_bytes)
    with request(server, "GET") as connection, connection.makefile("rb", buffering=piece_bytes) as stream:
        status, _ = read_head(stream)
        if status != 200:
            sys.exit(f"the download was answered {status}")
        for number in range(size // piece_bytes):
            count = stream.readinto(buffer)
            if count != piece_bytes or buffer != piece_at(number):
                sys.exit(f"the download is not what was sent, from byte {got} on")
            digest.update(buffer)
            got += count
    say(f"downloaded and compared: {size / 1e6 / (time.monotonic() - begin):,.0f} MB/s, the digest of it included")
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", type=int, default=20)
    size = parser.parse_args().gb * 10**9 // piece_bytes * piece_bytes
    build = root / "build"
    if shutil.disk_usage(build).free < size + (2 << 30):
        sys.exit(f"{size / 1e9:.0f} GB and a little more must be free where {build} is")
    with tempfile.TemporaryDirectory(dir=build, prefix="soak-upload-") as directory:
        server = start_luthier(directory, "--no-worker")
        try:
            server.call("POST", fileset.rsplit("/", 1)[0], {"name": "soak"})
            memory = Memory(server)
            say(f"{size / 1e9:.2f} GB; the server takes {memory.at_rest:.0f} MB at rest")
            breaks_at = size // 2 + 12_345  # amid a piece
            upload_until_it_breaks(server, size, breaks_at)
            first = received(server, size)
            if first > breaks_at:
                sys.exit(f"the server says that {first} bytes have come, and {breaks_at} were sent")
            say(f"the server has {first / 1e9:.2f} GB; the upload goes on there")
            told = upload_rest(server, size, first)
            if told["size"] != size:
                sys.exit(f"the server says that the file has {told['size']} bytes")
            digest = download(server, size)
            if told.get("digest") not in (None, digest):
                sys.exit(f"the server's digest is {told['digest']}, that of the download {digest}")
            growth = memory.growth()
            server.call("DELETE", file)
            server.call("DELETE", fileset)
        finally:
            status = server.stop()
    say(f"the server's memory has grown by {growth:.1f} MB at most ({memory_mb_max} allowed)")
    if growth > memory_mb_max:
        sys.exit("that is too much")
    if status != 0:
        sys.exit(f"the server ended with {status}")
    say(f"sha256 {digest}: the same up and down")


if __name__ == "__main__":
    main()
