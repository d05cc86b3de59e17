"""python -m luthier_nemo status | remove-hook | install-hook

status        what is in force in this environment
remove-hook   deletes luthier_nemo.pth: client.models.update_adapter, create_adapter and nemo_platform.types.customization
              are gone from the next start of Python on; client.customization stays
install-hook  puts that file back
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

from . import __version__, hook

SITE = Path(__file__).resolve().parent.parent
HOOK = SITE / "luthier_nemo.pth"
LINE = (
    'import os; exec("try:\\n from luthier_nemo import hook\\n hook.install()\\nexcept ImportError:\\n pass") '
    'if os.environ.get("LUTHIER_NEMO_NO_HOOK", "0") in ("", "0") else None\n'
)


def status() -> None:
    print(f"luthier-nemo {__version__} in {SITE}")
    there = "is there" if HOOK.exists() else "is not there"
    print(f"hook: {HOOK.name} {there}, {'active' if hook.is_installed() else 'not active'} in this process")
    print("LUTHIER_NEMO_NO_HOOK: " + os.environ.get("LUTHIER_NEMO_NO_HOOK", "not set"))
    try:
        from nemo_platform_plugin.discovery import discover_entry_points

        client = version("nemo-platform")
    except ImportError as error:  # of which a missing distribution is one
        print(f"nemo_platform: cannot be imported ({error})")
        return
    entry = discover_entry_points("nemo.sdk").get("customization")
    what = "hidden, see NEMO_PLUGIN_ALLOWLIST and NEMO_PLUGIN_SDK_ALLOWLIST" if entry is None else entry.value
    print(f"nemo-platform {client}: client.customization is {what}")


def remove_hook() -> None:
    if HOOK.exists():
        HOOK.unlink()
        print(f"removed {HOOK}")
    else:
        print(f"there is no {HOOK}")


def install_hook() -> None:
    HOOK.write_text(LINE)
    print(f"wrote {HOOK}")


def main(arguments: list[str]) -> int:
    commands = {"status": status, "remove-hook": remove_hook, "install-hook": install_hook}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except OSError as error:
        print(f"luthier_nemo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
