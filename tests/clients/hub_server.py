"""A small hub for tests, on loopback, as far as a reader of repositories sees one: commits, listings in pages, content in LFS behind a
redirect, private and gated repositories, and files that come slowly or break off.

    with Hub() as hub:
        hub.repository("owner/name", {"config.json": b"{}"}, large={"model.safetensors": b"..."})

Run by itself it serves one directory as the model local/NAME, for a try by hand:

    python3 tests/clients/hub_server.py DIRECTORY
"""

import hashlib
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

PIECE = 64 << 10
PAGE_MIN, PAGES = 2, 20  # entries of a listing's page; pages


class Repository:
    def __init__(self, files, large=None, kind="model", readers=None, accepted=None):
        self.files = dict(files) | dict(large or {})
        self.large = set(large or {})
        self.kind = kind
        self.readers = readers  # tokens that see a private repository; None: it is public
        self.accepted = accepted  # tokens whose accounts have accepted the terms; None: it has none
        self.digests = {path: hashlib.sha256(content).hexdigest() for path, content in self.files.items()}  # as they are listed
        self.commit = hashlib.sha1(json.dumps(self.digests, sort_keys=True).encode()).hexdigest()

    def entry(self, path):
        content = self.files[path]
        oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": path, "size": len(content), "oid": oid}
        if path in self.large:
            entry["lfs"] = {"oid": self.digests[path], "size": len(content), "pointerSize": 134}
        return entry


class Hub:
    def __init__(self):
        self.repositories = {}
        self.tokens = {"hf_reader", "hf_accepted"}  # that the hub knows
        self.seconds_per_piece = 0.0  # of content
        self.requests = []  # (path, Range)
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                try:
                    hub.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.content_url = f"http://localhost:{self.port}"  # another host, as far as a client can tell

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.seconds_per_piece = 0.0
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def repository(self, name, files, **more):
        self.repositories[name] = Repository(files, **more)
        return self.repositories[name]

    def ranges_of(self, path):
        """The Range of each request for the content of that file."""
        return [wanted for asked, wanted in self.requests if asked.endswith("/" + path) and asked.startswith("/content/")]

    # ------------------------------------------------------------------------------------------------ answers

    def answer(self, to):
        url = urllib.parse.urlsplit(to.path)
        path = urllib.parse.unquote(url.path)
        self.requests.append((path, to.headers.get("Range")))
        if path.startswith("/content/"):
            return self.send_content(to, *self.found(path.removeprefix("/content/")))
        token = (to.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return self.refuse(to, 401, None, "Invalid credentials in Authorization header")
        name, rest, is_api = self.named(path)
        repository = self.repositories.get(name)
        if not repository or (repository.readers is not None and token not in repository.readers):
            return self.refuse(to, 404 if token else 401, "RepoNotFound", "Repository not found")
        is_open = is_api and rest.split("/")[0] in ("revision", "tree", "")
        if repository.accepted is not None and token not in repository.accepted and not is_open:
            return self.refuse(to, 403 if token else 401, "GatedRepo", f"Access to {name} is restricted")
        return self.answer_api(to, repository, rest, url.query) if is_api else self.answer_file(to, name, repository, rest)

    def named(self, path):
        """The repository, what follows its name, and whether it is the API that is asked."""
        parts = path.strip("/").split("/")
        is_api = parts[0] == "api"
        parts = parts[2:] if is_api else parts
        if not is_api and parts[0] in ("datasets", "spaces"):
            parts = parts[1:]
        return "/".join(parts[:2]), "/".join(parts[2:]), is_api

    def found(self, rest):
        name = "/".join(rest.split("/")[:2])
        return self.repositories[name], rest.removeprefix(name + "/")

    def answer_api(self, to, repository, rest, query):
        action, _, revision = rest.partition("/")
        if action in ("", "auth-check"):
            return self.send_json(to, {"sha": repository.commit})
        if revision not in ("main", repository.commit):
            return self.refuse(to, 404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if action == "revision":
            return self.send_json(to, {"sha": repository.commit})
        start = int(urllib.parse.parse_qs(query).get("cursor", ["0"])[0])
        end = start + max(PAGE_MIN, len(repository.files) // PAGES)
        paths = sorted(repository.files)[start:end]
        more = {}
        if end < len(repository.files):
            more["Link"] = f'<{self.url}{urllib.parse.urlsplit(to.path).path}?recursive=true&cursor={end}>; rel="next"'
        return self.send_json(to, [repository.entry(path) for path in paths], more)

    def answer_file(self, to, name, repository, rest):
        action, _, more = rest.partition("/")
        revision, _, path = more.partition("/")
        if action != "resolve" or revision != repository.commit or path not in repository.files:
            return self.refuse(to, 404, "EntryNotFound", "Entry not found")
        if path not in repository.large:
            return self.send_content(to, repository, path)
        content = repository.files[path]
        to.send_response(302)
        to.send_header("X-Repo-Commit", repository.commit)
        to.send_header("X-Linked-Size", str(len(content)))
        to.send_header("X-Linked-Etag", f'"{repository.digests[path]}"')
        to.send_header("Location", f"{self.content_url}/content/{name}/{urllib.parse.quote(path)}")
        to.send_header("Content-Length", "0")
        to.end_headers()

    def send_content(self, to, repository, path):
        content = repository.files[path]
        first, last = 0, len(content) - 1
        wanted = to.headers.get("Range")
        if wanted:
            begin, _, end = wanted.removeprefix("bytes=").partition("-")
            first, last = int(begin), min(int(end or last), last)
            to.send_response(206)
            to.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            to.send_response(200)
        to.send_header("X-Repo-Commit", repository.commit)
        to.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        to.send_header("Content-Length", str(last - first + 1))
        to.end_headers()
        for begin in range(first, last + 1, PIECE):
            if self.seconds_per_piece:
                time.sleep(self.seconds_per_piece)
            to.wfile.write(content[begin : min(begin + PIECE, last + 1)])

    def send_json(self, to, value, more=None, status=200):
        body = json.dumps(value).encode()
        to.send_response(status)
        for name, text in {"Content-Type": "application/json", "Content-Length": str(len(body)), **(more or {})}.items():
            to.send_header(name, text)
        to.end_headers()
        to.wfile.write(body)

    def refuse(self, to, status, code, message):
        self.send_json(to, {"error": message}, {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}), status)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    directory = pathlib.Path(sys.argv[1])
    files = {str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}
    with Hub() as hub:
        hub.repository(f"local/{directory.resolve().name}", {}, large=files)
        print(f"{hub.url} has the model local/{directory.resolve().name}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
