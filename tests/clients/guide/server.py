"""A server of the guides' own, with an empty data directory, that may also take its own files for a hub's."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
from typing import NamedTuple

from guide.answers import Place

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODELS = ROOT / "tests/golden/models"
READY_SECONDS = 60
STOP_SECONDS = 30


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server(NamedTuple):
    directory: pathlib.Path
    environment: dict
    place: Place


@contextlib.contextmanager
def server(luthier):
    """A directory as the user guide has it: the server's data, and the tiny model and adapter beside it. Gone at the end."""
    with tempfile.TemporaryDirectory(prefix="luthier-guide-") as name:
        directory = pathlib.Path(name)
        for link, target in (("llama-tiny", "llama-tiny"), ("peft-adapter", "llama-tiny-adapter")):
            (directory / link).symlink_to(MODELS / target)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        # Its own interface is the hub that the guide imports from: no network is needed for that.
        (directory / "luthier.toml").write_text(f'[files]\nexternal_hosts = ["{url}"]\n')
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("NMP_", "NEMO_", "LUTHIER_", "HF_"))},
            "LUTHIER_DATA": str(directory / "data"),
            "NMP_BASE_URL": url,
            "NEMO_PLUGIN_SDK_ALLOWLIST": "customization",
            "PATH": f"{luthier.parent}:{os.environ['PATH']}",
            "OPENAI_API_KEY": "unused",
        }
        command = [luthier, "up", "--config", "luthier.toml", "--listen", f"127.0.0.1:{port}"]
        with open(directory / "server.log", "wb") as log:
            process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=log)
        try:
            wait_for(url, process, directory / "server.log")
            yield Server(directory, environment, Place(port, str(directory / "data")))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(url, process, log):
    import httpx

    end = time.monotonic() + READY_SECONDS
    while True:
        if process.poll() is not None:
            raise SystemExit(f"guide: the server has ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            if httpx.get(f"{url}/health/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > end:
            raise SystemExit(f"guide: the server is not ready after {READY_SECONDS} s")
        time.sleep(0.1)
