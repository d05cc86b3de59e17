#!/usr/bin/env python3
"""Runs the code of the guides against a fresh server, and writes the answers below it.

    .venv-clients/bin/python tests/clients/guide.py            writes docs/nemo-client-guide.md and docs/user-guide.md
    .venv-clients/bin/python tests/clients/guide.py --check    writes nothing; fails with the difference

LUTHIER=FILE is another binary than build/release/luthier. Edit the guides themselves: guide/document.py says what runs in them.
"""

import argparse
import os
import pathlib
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
GUIDES = ("docs/nemo-client-guide.md", "docs/user-guide.md")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--check", action="store_true", help="write nothing, and fail where an answer is another one")
    arguments.add_argument("guides", nargs="*", default=GUIDES, help="only these")
    options = arguments.parse_args()
    luthier = (ROOT / os.environ.get("LUTHIER", "build/release/luthier")).resolve()
    if not os.access(luthier, os.X_OK):
        sys.exit(f"guide: there is no {luthier}; ./check builds it")

    from guide.document import Failed, Guide, difference
    from guide.server import server

    changed = False
    for name in options.guides:
        path, started = ROOT / name, time.monotonic()
        with server(luthier) as there:
            os.environ.clear()
            os.environ.update(there.environment)
            os.chdir(there.directory)
            try:
                guide = Guide(path, there.environment, there.place)
                text = guide.renewed()
            except Failed as failure:
                sys.exit(f"guide: {failure}")
            finally:
                os.chdir(ROOT)
        differs = text != guide.text
        changed = changed or differs
        if differs and options.check:
            sys.stdout.write(difference(name, guide.text, text))
        elif path.read_text(encoding="utf-8") != guide.text:
            sys.exit(f"guide: {name} was edited meanwhile; run this again")
        elif differs:
            path.write_text(text, encoding="utf-8")
        verdict = "is as committed" if not differs else "has other answers now" if options.check else "was written"
        print(f"{name} {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    sys.exit(1 if changed and options.check else 0)


if __name__ == "__main__":
    main()
