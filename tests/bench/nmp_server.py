"""NVIDIA's own server, as its wheel starts it: the core services with SQLite, in the virtual environment of tools/setup-nmp-server.sh."""
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from server import Server, root  # noqa: E402

name = "NVIDIA's server, nemo-platform 0.3.0, core services, SQLite"
program = root / ".venv-nmp-server/bin/nemo"
ready_seconds_max = 120


def install():
    """None: it is there. Else why not."""
    if subprocess.run([root / "tools/setup-nmp-server.sh"], check=False).returncode != 0:
        return "it could not be installed"
    return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(directory):
    """Answers as soon as it says that it is ready. Everything that it writes is in `directory`."""
    directory = Path(directory)
    directory.mkdir()
    port = free_port()
    own = {"HOME": directory, "XDG_STATE_HOME": directory / "state", "_NMP_STATE_DIR": directory / "state", "NMP_DATA_DIR": directory / "data",
           "DATABASE_DIALECT": "sqlite", "NO_COLOR": "1", "PATH": os.environ["PATH"]}  # no settings of other servers
    server = Server([program, "services", "run", "--service-group", "core", "--controller-group", "core", "--host", "127.0.0.1", "--port", port],
                    directory / "log", f"http://127.0.0.1:{port}", env={key: str(value) for key, value in own.items()}, cwd=directory,
                    stdout=subprocess.DEVNULL)
    while True:
        try:
            urllib.request.urlopen(server.url + "/health/ready", timeout=5).read()
            break
        except (OSError, urllib.error.URLError):
            if server.process.poll() is not None or time.monotonic() - server.begun > ready_seconds_max:
                server.fail("NVIDIA's server did not start")
            time.sleep(0.02)
    server.is_ready_now()
    return server
