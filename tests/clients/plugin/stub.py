"""A server that answers what it is told and remembers what it was asked. For the tests of the plug-in alone."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Stub:
    def __init__(self):
        self.requests = []  # (method, raw path, headers, body)
        self.answers = {}  # (method, raw path) -> (status, body)
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                stub.requests.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
                status, answer = stub.answers.get((self.command, self.path), (404, {"detail": f"{self.path} not found"}))
                text = b"" if status == 204 else json.dumps(answer).encode()
                self.send_response(status)
                if status != 204:
                    self.send_header("content-type", "application/json")
                    self.send_header("content-length", str(len(text)))
                if status == 409:
                    self.send_header("x-should-retry", "false")
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()  # s between looks for close()

    def on(self, method, path, status, answer=None):
        self.answers[method, path] = (status, answer)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
