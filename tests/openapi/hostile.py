#!/usr/bin/env python3
"""Requests that no client of good will sends, byte by byte over a socket: each is answered with a 4xx that says why, and nothing comes of
it: no header of the sender's choice in an answer, no file outside, no memory without bound, and the server answers the next caller.

    tests/openapi/hostile.py URL PID [NAME …]      of a server that prefill.py has filled; only the cases whose name holds a NAME
"""

import gzip
import itertools
import json
import socket
import sys
import time
import urllib.parse

API = "/apis/entities/v2/workspaces/kept"
PROJECTS = f"{API}/projects"
FILES = "/apis/files/v2/workspaces/kept/filesets/kept/-"
HUB = "/apis/files/v2/hf/kept/kept/resolve/main"
MODELS = "/apis/models/v2/workspaces/kept/models"
PROVIDERS = "/apis/models/v2/workspaces/kept/providers"
RESULTS = "/apis/jobs/v2/workspaces/kept/jobs/kept/results"
OPENAI = "/apis/inference-gateway/v2/workspaces/kept/openai/-/v1/chat/completions"

REFUSED = range(400, 500)
MEMORY_MAX_MIB = 160  # what all of it together may add to the process
ANSWER_SECONDS_MAX = 10


def request(method, target, body=b"", headers=(), length=True, kind="application/json"):
    """One request as bytes. Text is sent as UTF-8, and nothing is encoded that the case has not encoded itself."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    if kind and body:
        lines.append(f"Content-Type: {kind}")
    if length and body:
        lines.append(f"Content-Length: {len(body)}")
    lines += headers
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def post(target, body, **more):
    return request("POST", target, body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass"), **more)


def named(text):
    """A project whose description is this piece of JSON."""
    return post(PROJECTS, '{"name": "hostile", "description": ' + text + "}")


# ------------------------------------------------------------------------------------------------------------------ the table

TRAVERSALS = {
    "plain": "../../../etc/passwd",
    "dots in the middle": "a/../../b",
    "one dot": "a/./b",
    "dots encoded": "%2e%2e/%2e%2e/etc/passwd",
    "dots half encoded": ".%2e/%2E./etc/passwd",
    "slashes encoded": "..%2f..%2fetc%2fpasswd",
    "both encoded": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "absolute": "%2fetc%2fpasswd",
    "absolute with slashes": "/etc/passwd",
    "backslashes": "..\\..\\etc\\passwd",
    "backslashes encoded": "..%5c..%5cetc%5cpasswd",
    "a NUL": "a.txt%00.png",
    "a NUL after dots": "..%00/etc/passwd",
    "overlong dots": "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "overlong slash": "..%c0%afetc%c0%afpasswd",
    "overlong slash of three bytes": "..%e0%80%afetc",
    "overlong slash of four bytes": "..%f0%80%80%afetc",
    "no UTF-8": "%ff%fe",
    "half of a character": "%c3",
    "a surrogate": "%ed%a0%80",
    "a broken code": "%zz",
    "half of a code": "a%2",
    "line ends": "a%0d%0aX-Evil:%201",
    "empty parts": "a//b",
    "a slash at the end": "a/",
}


def traversals():
    for name, path in TRAVERSALS.items():
        yield f"path, {name}: upload", request("PUT", f"{FILES}/{path}", b"evil", kind="application/octet-stream"), REFUSED
        for method, where, base in (("GET", "download", FILES), ("DELETE", "delete", FILES), ("GET", "hub", HUB), ("GET", "page", "/page")):
            yield f"path, {name}: {where}", request(method, f"{base}/{path}"), REFUSED
    yield "path, beside the root", request("GET", "etc/passwd"), REFUSED
    yield "path, twice encoded", request("GET", f"{FILES}/%252e%252e%252fetc%252fpasswd"), REFUSED  # a name that nothing has
    yield "path, of a workspace", request("GET", "/apis/entities/v2/workspaces/..%2f..%2fkept/projects"), REFUSED
    yield "path, of a fileset", request("GET", "/apis/files/v2/workspaces/kept/filesets/..%2f..%2f/files"), REFUSED
    yield "path, as storage", post(
        "/apis/files/v2/workspaces/kept/filesets", '{"name": "outside", "storage": {"type": "local", "path": "/etc"}}'
    ), REFUSED
    yield "path, in a filter of files", request("GET", "/apis/files/v2/workspaces/kept/filesets/kept/files?path=../../etc"), [200]
    for url in ("fileset://kept/../../etc#passwd", "file:///etc/passwd", "fileset://kept/kept#../../etc/passwd"):
        yield f"path, result {url}", post(
            f"{RESULTS}/outside", json.dumps({"artifact_url": url, "artifact_storage_type": "fileset"})
        ), (*REFUSED, 201)
        yield f"path, download of result {url}", request("GET", f"{RESULTS}/outside/download"), REFUSED


def heads():
    line = "GET /health/live HTTP/1.1\r\n"
    host = "Host: localhost\r\nConnection: close\r\n"
    for name, text in {
        "a name with a blank": f"{line}{host}X Evil: 1\r\n\r\n",
        "a blank before the colon": f"{line}{host}X-Evil : 1\r\n\r\n",
        "no name": f"{line}{host}: 1\r\n\r\n",
        "no colon": f"{line}{host}X-Evil\r\n\r\n",
        "a fold with a blank": f"{line}{host}X-A: 1\r\n X-Evil: 1\r\n\r\n",
        "a fold with a tab": f"{line}{host}X-A: 1\r\n\tX-Evil: 1\r\n\r\n",
        "a bare CR": f"{line}{host}X-A: 1\rX-Evil: 1\r\n\r\n",
        "a NUL": f"{line}{host}X-A: 1\0\r\n\r\n",
        "no host": f"{line}Connection: close\r\n\r\n",
        "two hosts": f"{line}{host}Host: other\r\n\r\n",
        "two lengths": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}",
        "a length in a list": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: 2, 3\r\n\r\n{{}}",
        "a length with a sign": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: +2\r\n\r\n{{}}",
        "a negative length": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: -2\r\n\r\n{{}}",
        "a length beyond 64 bits": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: 99999999999999999999\r\n\r\n",
        "a length and chunks": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "an encoding that is none": f"POST {PROJECTS} HTTP/1.1\r\n{host}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "chunks inside gzip": f"POST {PROJECTS} HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "a chunk beyond 64 bits": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "a chunk of no number": f"POST {PROJECTS} HTTP/1.1\r\n{host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        "a blank in the path": f"GET /health/live /x HTTP/1.1\r\n{host}\r\n",
        "no version": f"GET /health/live\r\n{host}\r\n",
        "a method that is none": f"G@T /health/live HTTP/1.1\r\n{host}\r\n",
        "no HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    }.items():
        yield f"head, {name}", text.encode("latin-1"), REFUSED
    for name, version in {"version 0.9": "HTTP/0.9", "version 2": "HTTP/2.0", "version 9": "HTTP/9.9"}.items():
        yield f"head, {name}", f"GET /health/live {version}\r\n{host}\r\n".encode(), (*REFUSED, 505)
    yield "head, an unknown method", request("BREW", PROJECTS), [405]
    yield "head, 1 MB in one header", request("GET", PROJECTS, headers=["X-A: " + "a" * (1 << 20)]), [431]
    yield "head, 10,000 headers", request("GET", PROJECTS, headers=[f"X-{number}: 1" for number in range(10_000)]), [431]
    yield "head, 1,000 small headers", request("GET", PROJECTS, headers=[f"X-{number}: 1" for number in range(1_000)]), [431]
    yield "head, a target of 1 MB", request("GET", "/" + "a" * (1 << 20)), [414, 431]
    yield "head, 4,000 parts of a path", request("GET", "/apis" + "/a" * 4_000), REFUSED


def echoes():
    """What the sender names comes back in answers: never as a header of its own."""
    evil = "kept%0d%0aX-Evil:%201%0d%0a%0d%0a<script>"
    yield "echo, a name in a 404", request("GET", f"{MODELS}/{evil}"), REFUSED
    yield "echo, a workspace in a 404", request("GET", f"/apis/models/v2/workspaces/{evil}/models"), REFUSED
    yield "echo, a result's name", post(f"{RESULTS}/{evil}", '{"artifact_url": "kept/kept", "artifact_storage_type": "fileset"}'), [422]
    yield "echo, a query", request("GET", f"{PROJECTS}?sort={evil}"), [422]
    yield "echo, a range", request("GET", f"{FILES}/a.txt", headers=["Range: bytes=9-\tX-Evil: 1"]), [416]
    yield "echo, a content type", post(PROJECTS, "{}", kind="text/x\tX-Evil: 1"), [415]
    number = itertools.count()
    for member in ("default_extra_headers", "required_extra_headers"):
        for name, value in (("X-A", "1\r\nX-Evil: 1"), ("X-A\r\nX-Evil", "1"), ("X-A", "1\nX-Evil: 1"), ("X-A", "\u0000")):
            body = json.dumps({"name": f"evil-{next(number)}", "host_url": "http://127.0.0.1:9", member: {name: value}})
            yield f"echo, {member} {name!r}: {value!r}", post(PROVIDERS, body), [422]
    yield "echo, a provider's address", post(PROVIDERS, json.dumps({"name": "evil", "host_url": "http://127.0.0.1:9/\r\nX-Evil: 1"})), [400, 422]


def texts():
    deep = 10_000
    for name, text in {
        "lists, depth 10,000": "[" * deep + "]" * deep,
        "objects, depth 10,000": '{"a":' * deep + "1" + "}" * deep,
        "lists that are never closed": "[" * 500_000,
        "objects that are never closed": '{"a":' * 150_000,
        "a member twice": '"x", "description": "y"',
        "a member twice, once in codes": '"x", "descriptio\\u006e": "y"',
        "a member twice, deep inside": '[{"a": [{"b": 1, "b": 2}]}]',
        "a number of 100,000 digits": "9" * 100_000,
        "a number beyond doubles": "1e999999",
        "NaN": "NaN",
        "Infinity": "-Infinity",
        "half of a surrogate pair": '"\\ud800"',
        "a pair in the wrong order": '"\\udc00\\ud800"',
        "a control character": '"a\u0001b"',
        "a text that is not closed": '"abc',
        "a comment": "1 /* x */",
        "a comma at the end": "[1,]",
        "two values": '"x"} {"a": 1',
        "single quotes": "'x'",
    }.items():
        yield f"JSON, {name}", named(text), [422]
    for name, body in {
        "no UTF-8": b'{"name": "\xff\xfe"}',
        "overlong": b'{"name": "\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
        "half of a character": b'{"name": "\xc3"}',
        "UTF-16": '{"name": "p1"}'.encode("utf-16"),
        "UTF-32": '{"name": "p1"}'.encode("utf-32-be"),
        "a NUL": b'{"name": "p\x001"}',
        "nothing": b" ",
        "a text": b'"text"',
        "a list": b"[]",
        "null": b"null",
        "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    }.items():
        yield f"JSON, {name}", post(PROJECTS, body), [422]
    yield "JSON, 100,000 members", post(PROJECTS, json.dumps({f"m{number}": number for number in range(60_000)})), [413, 422]
    yield "JSON, 2 MiB", named('"' + "a" * (2 << 20) + '"'), [413]
    yield "JSON, 2 MiB in chunks", post(
        PROJECTS, b"10000\r\n" + b"[" * 0x10000 + b"\r\n" + (b"10000\r\n" + b"[" * 0x10000 + b"\r\n") * 31 + b"0\r\n\r\n",
        length=False, headers=["Transfer-Encoding: chunked"],
    ), [413, 422]  # fmt: skip
    yield "JSON, depth 10,000 for a model", post(OPENAI, '{"model": "kept", "a": ' + "[" * deep + "]" * deep + "}"), REFUSED
    yield "JSON, a model twice", post(OPENAI, '{"model": "kept", "model": "other"}'), REFUSED
    yield "JSON, a model that is no text", post(OPENAI, '{"model": {"$ne": 1}}'), REFUSED


def types():
    good = '{"name": "hostile"}'
    for kind in ("text/plain", "text/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/octet-stream", "*/*", "x"):
        yield f"type, {kind}", post(PROJECTS, good, kind=kind), [415]
    bomb = gzip.compress(b'{"name": "' + b"a" * (256 << 20) + b'"}', 9)  # 256 MiB in 256 KiB
    twice = gzip.compress(bomb, 9)
    for name, target, method, kind in (
        ("project", PROJECTS, "POST", "application/json"),
        ("file", f"{FILES}/bomb", "PUT", "application/octet-stream"),
        ("log lines", "/apis/files/v2/workspaces/kept/filesets/kept/otlp/v1/logs", "POST", "application/json"),
    ):
        for encoding, body in (("gzip", bomb), ("gzip, gzip", twice), ("deflate", bomb), ("br", bomb), ("zstd", bomb)):
            yield f"compressed, {name}: {encoding}", request(method, target, body, headers=[f"Content-Encoding: {encoding}"], kind=kind), [415]
    yield "compressed, without saying so", post(PROJECTS, bomb), [422]
    yield "compressed, for a model", request("POST", OPENAI, bomb, headers=["Content-Encoding: gzip"], kind="application/json"), REFUSED


def queries():
    deep = urllib.parse.quote('{"$not":' * 2_000 + "{}" + "}" * 2_000)
    for name, query in {
        "10,000 parameters": "&".join(f"a{number}=1" for number in range(10_000)),
        "500 parameters": "&".join(f"a{number}=1" for number in range(500)),
        "a filter of depth 2,000": f"filter={deep}",
        "a filter in brackets, deep": "filter" + "[a]" * 5_000 + "=1",
        "a filter in text, deep": "filter=" + "(" * 5_000 + "name~x" + ")" * 5_000,
        "a filter with a member twice": "filter=" + urllib.parse.quote('{"name": "a", "name": "b"}'),
        "a filter on what is not there": "filter=" + urllib.parse.quote('{"__proto__": 1}'),
        "an operator that is none": "filter=" + urllib.parse.quote('{"name": {"$where": "sleep(10)"}}'),
        "no UTF-8": "filter=%ff",
        "a NUL": "filter=%00",
        "a page beyond 64 bits": "page=99999999999999999999999",
        "a page in exponents": "page=1e999",
        "a page that is negative": "page=-1",
        "a page size beyond 64 bits": "page_size=18446744073709551617",
        "a sort that is SQL": "sort=name;DROP%20TABLE%20x",
    }.items():
        yield f"query, {name}", request("GET", f"{PROJECTS}?{query}"), REFUSED
    yield "query, the last page there can be", request("GET", f"{PROJECTS}?page=9223372036854775807"), (*REFUSED, 200)
    yield "query, a cursor of no page", request("GET", "/apis/jobs/v2/workspaces/kept/jobs/kept/logs?page_cursor=%7b%7d"), [422]
    yield "query, a position beyond the log", request("GET", "/luthier/v1/state/model/kept?at=9999999999999999"), [422]
    for wanted in ("bytes=-", "bytes=5-1", "bytes=99999999999999999999-", "bytes=0-1,0-1,0-1", "lines=1-2", "bytes=" + "0-1," * 2_000):
        yield f"range, {wanted[:40]}", request("GET", f"{FILES}/a.txt", headers=[f"Range: {wanted}"]), [416]
    for given in ("bytes 0-3/2", "bytes 5-1/9", "bytes 0-3/99999999999999999999", "bytes */-1", "x"):
        yield f"content range, {given}", request(
            "PUT", f"{FILES}/part", b"evil", headers=[f"Content-Range: {given}"], kind="application/octet-stream"
        ), REFUSED
    for key in ("", "k" * 101):
        yield f"idempotency key of {len(key)} bytes", post(PROJECTS, '{"name": "hostile"}', headers=[f"Idempotency-Key: {key}"]), [422]


# -------------------------------------------------------------------------------------------------------------------- asking


def ask(address, sent):
    """The whole answer. A server may refuse and close before it has read everything."""
    with socket.create_connection(address, timeout=ANSWER_SECONDS_MAX) as peer:
        try:
            peer.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass
        received = b""
        try:
            while piece := peer.recv(1 << 16):
                received += piece
        except (ConnectionResetError, TimeoutError):
            pass
    return received


def problem_of(answer, allowed):
    """What is wrong with an answer; nothing: None."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    parts = lines[0].split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        return f"no answer: {answer[:100]!r}"
    status = int(parts[1])
    if status not in allowed:
        return f"{status} {body[:200]!r}"
    if any(line.lower().startswith(b"x-evil") for line in lines):
        return "the sender has put a header into the answer"
    if b"root:" in body:
        return "a file from outside came back"
    if status < 400:
        return None
    try:
        told = json.loads(body)
        # What is refused before there is a route is told as OpenAI's clients know it.
        reason = told["error"]["message"] if "error" in told else told["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{status} without a reason: {body[:200]!r}"
    return None if reason else f"{status} with an empty reason"


def memory_mib(process, member):
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith(member + ":"))
    return int(line.split()[1]) // 1024


def main():
    url, process, wanted = urllib.parse.urlsplit(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    address = (url.hostname, url.port)
    with open(f"/proc/{process}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak is counted from now on
    before = memory_mib(process, "VmRSS")
    start, count, failed = time.monotonic(), 0, []
    for group in (traversals, heads, echoes, texts, types, queries):
        for name, sent, allowed in group():
            if wanted and not any(part in name for part in wanted):
                continue
            count += 1
            began = time.monotonic()
            problem = problem_of(ask(address, sent), allowed)
            took = time.monotonic() - began
            if not problem and took > ANSWER_SECONDS_MAX / 2:
                problem = f"the answer took {took:.1f} s"
            if problem:
                failed.append(f"{name}: {problem}")
        if not ask(address, request("GET", "/health/live")).startswith(b"HTTP/1.1 200"):
            failed.append(f"after {group.__name__}: the server does not answer")
    grown = memory_mib(process, "VmHWM") - before
    if grown > MEMORY_MAX_MIB:
        failed.append(f"memory: {grown} MiB more than before, at most {MEMORY_MAX_MIB} may be")
    for line in failed:
        print(line)
    print(f"hostile: {count} requests, {len(failed)} failed, {grown} MiB more memory, {time.monotonic() - start:.1f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
