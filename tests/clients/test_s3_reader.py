"""The product's reader of S3 against a store that is not ours: moto's server."""

import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("moto", reason="the environment of the older client has no S3 server")
HERE = pathlib.Path(__file__).parent
READER = HERE.parents[1] / os.environ.get("LUTHIER_HUB_TEST", "build/release/actors_hub_test")


def test_the_reader_of_s3_reads_a_store_that_is_not_ours():
    if not READER.exists():
        pytest.skip(f"{READER} is not built")
    done = subprocess.run([sys.executable, HERE / "s3_server.py", READER], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
