#!/usr/bin/env bash
# Makes the virtual environments with the clients that people use: NVIDIA's nemo-platform (its client part), openai,
# huggingface_hub, and with them pytest, schemathesis and a real S3 server (moto). Tests only; the product never runs
# Python. Every package is pinned by version and SHA-256. Run again, it does nothing but renew our own plug-in.
#
#   tools/setup-clients.sh           .venv-clients: nemo-platform 0.3.0
#   tools/setup-clients.sh --all     also .venv-clients-012: nemo-platform 0.1.2
set -euo pipefail
cd "$(dirname "$0")/.."
log=$PWD/.cache/setup-clients.log
mkdir -p .cache
all=no
case "${1:-}" in
  "") ;;
  --all) all=yes ;;
  *) sed -n '2,8p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac

fail() {
  echo "setup: $*; the last lines of $log say why" >&2
  exit 1
}

# Our plug-in for NVIDIA's client, built from python/ without network. The sources are copied, so that nothing is left there.
plugin_stamp=$(find python -type f \( -name '*.py' -o -name '*.toml' -o -name '*.pth' -o -name '*.md' -o -name '*.in' \) ! -path '*/build/*' -print0 |
  sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
wheels=$PWD/.cache/luthier-nemo-$plugin_stamp
build_plugin() {
  if compgen -G "$wheels/luthier_nemo-*.whl" >/dev/null; then return; fi
  rm -rf "$PWD"/.cache/luthier-nemo-*
  local copy
  copy=$(mktemp -d)
  cp -r python "$copy/"
  rm -rf "$copy"/python/build "$copy"/python/*.egg-info
  /usr/bin/python3 -m pip wheel --disable-pip-version-check --no-index --no-build-isolation --no-deps -w "$wheels" "$copy/python" >>"$log" 2>&1 ||
    fail "the wheel of python/ cannot be built"
  rm -rf "$copy"
}

environment() {  # environment VENV REQUIREMENTS
  local venv=$1 requirements=$2 start=$SECONDS
  if ! cmp -s "$requirements" "$venv/.luthier-requirements"; then
    echo "setup: making $venv ($(grep -c -- '--hash=' "$requirements") packages)"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv" >>"$log" 2>&1 || fail "no virtual environment can be made in $venv"
    "$venv/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$requirements" >>"$log" 2>&1 ||
      fail "the packages of $requirements cannot be installed"
    "$venv/bin/python" -c 'import nemo_platform, openai, huggingface_hub, fsspec, httpx, pytest' >>"$log" 2>&1 ||
      fail "the packages of $requirements do not load"
    cp "$requirements" "$venv/.luthier-requirements"
    echo "setup: $venv is there: $(du -sm "$venv" | cut -f1) MB, $((SECONDS - start)) s"
  fi
  if [ "$(cat "$venv/.luthier-plugin" 2>/dev/null)" != "$plugin_stamp" ]; then
    "$venv/bin/pip" install --disable-pip-version-check --no-index --no-deps --force-reinstall "$wheels"/luthier_nemo-*.whl >>"$log" 2>&1 ||
      fail "our plug-in cannot be installed in $venv"
    echo "$plugin_stamp" > "$venv/.luthier-plugin"
  fi
}

: > "$log"
build_plugin
environment .venv-clients tests/clients/requirements-clients.txt
if [ "$all" = yes ]; then environment .venv-clients-012 tests/clients/requirements-clients-012.txt; fi
