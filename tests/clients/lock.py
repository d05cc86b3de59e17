#!/usr/bin/env python3
"""Writes the pinned requirement files of the clients' virtual environments: every package by version and SHA-256.

    tests/clients/lock.py            run by hand when a version is to change; tools/setup-clients.sh only reads what this wrote

NVIDIA's wheel declares the client (extras `nemo-platform-sdk` and `nemo-platform-plugin`) and a part of the server
(`nmp-common`: Kubernetes, SQLAlchemy, OpenTelemetry exporters …) as one. Only the client's part is wanted, so its
declared requirements are resolved by themselves, and the wheel is added without its own. Of the server's part the command
line `nemo` needs base58.
"""

import email
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
CLIENT_EXTRAS = ("nemo-platform-sdk", "nemo-platform-plugin")
ENVIRONMENTS = {  # file: (version of NVIDIA's client, what the tests want beside it)
    "requirements-clients.txt": (
        "0.3.0",
        ["base58", "openai", "huggingface_hub", "fsspec", "httpx", "pytest", "mypy", "schemathesis", "moto[server,s3]"],
    ),
    "requirements-clients-012.txt": ("0.1.2", ["base58", "openai", "huggingface_hub", "fsspec", "httpx", "pytest"]),
}


def pip(python, *arguments):
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)


def report(python, directory, *requirements):
    """Name, version and SHA-256 of what pip would install, as pip says it."""
    target = directory / "report.json"
    pip(python, "install", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", str(target), *requirements)
    return [
        (item["metadata"]["name"], item["metadata"]["version"], item["download_info"]["archive_info"]["hash"].removeprefix("sha256="))
        for item in json.loads(target.read_text())["install"]
    ]


def client_requirements(python, directory, version):
    """What the client's part of the wheel declares; requirements of the wheel on itself are left out."""
    pip(python, "download", "--no-deps", "-d", str(directory), f"nemo-platform=={version}")
    wheel = next(directory.glob(f"nemo_platform-{version}-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        declared = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist")
    wanted = []
    for line in declared:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", marker)
        if extra and extra.group(1) in CLIENT_EXTRAS and not requirement.startswith("nemo-platform["):
            wanted.append(requirement.strip())
    return wanted, wheel


def main():
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        subprocess.run(["/usr/bin/python3", "-m", "venv", str(directory / "venv")], check=True)
        python = str(directory / "venv/bin/python")
        for file, (version, beside) in ENVIRONMENTS.items():
            wanted, wheel = client_requirements(python, directory, version)
            rows = report(python, directory, *wanted, *beside)
            rows.append(("nemo-platform", version, hashlib.sha256(wheel.read_bytes()).hexdigest()))
            lines = [f"{name}=={number} --hash=sha256:{digest}" for name, number, digest in sorted(rows, key=lambda row: row[0].lower())]
            head = f"# Clients with nemo-platform {version}, written by tests/clients/lock.py; installed without resolving dependencies.\n"
            (HERE / file).write_text(head + "\n".join(lines) + "\n")
            print(f"{file}: {len(lines)} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
