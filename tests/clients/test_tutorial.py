"""The tutorial from end to end, as a user runs it: a program of its own."""

import os
import subprocess
import sys

from support import ROOT


def test_the_tutorial_comes_to_its_end(base_url):
    done = subprocess.run(
        [sys.executable, ROOT / "tests/clients/tutorial.py"],
        env={**os.environ, "NMP_BASE_URL": base_url},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0 and "the tutorial has come to its end" in done.stdout, done.stdout + done.stderr
