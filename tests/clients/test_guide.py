"""The guides show each snippet with the server's real answer: they are run, on a server of their own, and compared."""

import importlib.metadata
import os
import subprocess
import sys

import pytest
from support import ROOT


def test_the_guides_show_what_the_server_answers():
    if not importlib.metadata.version("nemo-platform").startswith("0.3."):
        pytest.skip("the guides are written with the client 0.3")
    luthier = ROOT / os.environ.get("LUTHIER", "build/release/luthier")
    if not os.access(luthier, os.X_OK):
        pytest.skip("the guides start a server of their own, and there is no binary here")
    done = subprocess.run([sys.executable, ROOT / "tests/clients/guide.py", "--check"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nwhere the new answers are right: tests/clients/guide.py"
