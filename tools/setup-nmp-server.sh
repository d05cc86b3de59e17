#!/usr/bin/env bash
# Makes .venv-nmp-server, in which NVIDIA's own server runs for ./bench http: nemo-platform with its core services. Every package
# is pinned by version and SHA-256. Nothing but that benchmark uses it. Run again, it does nothing.
#
#   tools/setup-nmp-server.sh
#   tools/setup-nmp-server.sh --lock    asks PyPI anew what these are, and writes the requirements
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-nmp-server requirements=tests/bench/requirements-nmp-server.txt log=$PWD/.cache/setup-nmp-server.log
mkdir -p .cache

fail() {
  echo "setup: $*; the last lines of $log say why" >&2
  exit 1
}

lock() {  # The server looks for pyleak before it starts; all else that its core needs is one extra.
  local work
  work=$(mktemp -d)
  /usr/bin/python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --disable-pip-version-check -q --dry-run --ignore-installed --only-binary :all: --report "$work/report" \
    'nemo-platform[core-service]==0.3.0' pyleak
  /usr/bin/python3 - "$work/report" > "$requirements" <<'PYTHON'
import json, sys
rows = sorted((item["metadata"]["name"].lower(), item["metadata"]["version"], item["download_info"]["archive_info"]["hash"].removeprefix("sha256="))
              for item in json.load(open(sys.argv[1]))["install"])
print("# NVIDIA's server for ./bench http, written by tools/setup-nmp-server.sh --lock; installed without resolving dependencies.")
for row in rows:
    print("{}=={} --hash=sha256:{}".format(*row))
PYTHON
  rm -rf "$work"
}

: > "$log"
case "${1:-}" in
  "") ;;
  --lock) lock ;;
  *) sed -n '2,6p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
if cmp -s "$requirements" "$venv/.luthier-requirements"; then exit; fi
echo "setup: making $venv ($(grep -c -- '--hash=' "$requirements") packages)"
start=$SECONDS
rm -rf "$venv"
/usr/bin/python3 -m venv "$venv" >> "$log" 2>&1 || fail "no virtual environment can be made in $venv"
"$venv/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$requirements" >> "$log" 2>&1 ||
  fail "the packages of $requirements cannot be installed"
"$venv/bin/python" -c 'import nmp.platform_runner.run, nmp.core.entities.main, nmp.core.models.main' >> "$log" 2>&1 ||
  fail "the packages of $requirements do not load"
cp "$requirements" "$venv/.luthier-requirements"
echo "setup: $venv is there: $(du -sm "$venv" | cut -f1) MB, $((SECONDS - start)) s"
