#!/usr/bin/env bash
# Installs what this machine lacks, and nothing else. Run again, it does nothing.
#
#   tools/setup.sh                everything that ./check and ./demo need
#   tools/setup.sh --demo         the same
#   tools/setup.sh --build-only   Debian's packages alone
#   tools/setup.sh --fuzz         also clang, for ./fuzz and the preset clang
#   tools/setup.sh --arm64        also a cross compiler and qemu, for tools/check-arm64.sh
#   tools/setup.sh --judges       also a virtual environment in .venv with PyTorch, transformers, PEFT … (about 1 GB)
#   tools/setup.sh --clients      also two releases of NVIDIA's client in .venv-clients and .venv-clients-012, and Chromium (2 GB)
#
# Debian's packages are listed in debian-packages.txt, files from PyPI wheels in wheels.txt, both beside this script.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
log=$PWD/.cache/setup.log

fail() {
  echo "setup: $*" >&2
  exit 1
}

# ------------------------------------------------------------------------------------------------ Debian's packages

missing_packages() {  # missing_packages FILE: the names of those that are absent or too old
  local name minimum installed
  while read -r name minimum; do
    case "$name" in '' | '#'*) continue ;; esac
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$name" 2>/dev/null | sed -n 's/^installed //p' | head -1)
    if [ -z "$installed" ] || { [ -n "$minimum" ] && dpkg --compare-versions "$installed" lt "$minimum"; }; then
      echo "$name"
    fi
  done < "$1"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=2 -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1
}

# Debian starts a service when it installs one. Ours is a child of `luthier up`; another on NATS' own port would only be
# in the way, and open to everybody on this machine.
policy=/usr/sbin/policy-rc.d
forbid_services() {
  [ -e $policy ] && return
  printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
  as_root chmod 755 $policy
  trap 'as_root rm -f $policy' EXIT
}
allow_services() {
  [ -z "$(trap -p EXIT)" ] && return
  as_root rm -f $policy
  trap - EXIT
}

install_packages() {  # install_packages FILE
  command -v apt-get >/dev/null || fail "this is no Debian: install the packages of $1 by hand (Debian 12 has them all)"
  local wanted
  wanted=$(missing_packages "$1" | tr '\n' ' ')
  [ -z "$wanted" ] && return
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    fail "packages are missing and there is no sudo: as root, run: apt-get install --no-install-recommends $wanted"
  fi
  echo "setup: installing $wanted"
  apt update || true  # an old list may do; if not, the next line says so
  forbid_services
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $wanted ||
    fail "Debian's packages cannot be installed; without a network, or another Debian? The last lines of $log say why"
  allow_services
  if [ -d /run/systemd/system ] && [[ " $wanted " == *" nats-server "* ]]; then
    as_root systemctl disable --now nats-server >>"$log" 2>&1 || true
  fi
  wanted=$(missing_packages "$1" | tr '\n' ' ')
  [ -z "$wanted" ] || fail "this Debian has too old a version of: $wanted(Debian 12 or newer is needed)"
}

# ---------------------------------------------------------------------------------------------------- PyPI's wheels

python_with_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      echo "$python"
      return
    fi
  done
  fail "python3 has no pip: install Debian's python3-pip"
}

# A file is in its place or it is not there: everything happens in a folder of its own, and the last step is a rename.
fetch_file() {  # fetch_file PACKAGE VERSION WHEEL SHA256 MEMBER TARGET MODE
  local package=$1 version=$2 wheel=$3 sha=$4 member=$5 target=$6 mode=$7 python folder
  [ -f "$target" ] && return
  python=$(python_with_pip)
  folder=$(mktemp -d .cache/fetch.XXXXXX)
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" RETURN
  echo "setup: fetching $package $version"
  "$python" -m pip download --disable-pip-version-check --retries 2 --timeout 60 --no-deps --only-binary :all: \
    -d "$folder" "$package==$version" >>"$log" 2>&1 || {
    rm -rf "$folder"
    fail "$package $version cannot be fetched from PyPI; without a network? The last lines of $log say why"
  }
  if ! echo "$sha  $folder/$wheel" | sha256sum --check --status 2>/dev/null; then
    rm -rf "$folder"
    fail "$wheel does not have the SHA-256 that tools/wheels.txt says: it was not used"
  fi
  "$python" -m zipfile -e "$folder/$wheel" "$folder/content" >>"$log" 2>&1 && chmod "$mode" "$folder/content/$member" && sync "$folder/content/$member" || {
    rm -rf "$folder"
    fail "$wheel cannot be unpacked; is the disk full?"
  }
  mkdir -p "$(dirname "$target")"
  mv -f "$folder/content/$member" "$target"
}

fetch_wheels() {
  local package version wheel sha member target mode
  while read -r package version wheel sha member target mode <&3; do
    case "$package" in '' | '#'*) continue ;; esac
    fetch_file "$package" "$version" "$wheel" "$sha" "$member" "$target" "$mode"
  done 3< tools/wheels.txt
}

# ------------------------------------------------------------------------------------------------------------- main

what=${1:---demo}
case "$what" in
  --build-only | --demo | --fuzz | --arm64 | --judges | --clients) ;;
  *) sed -n '2,12p' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
esac
mkdir -p .cache
: > "$log"
find .cache -maxdepth 1 -name 'fetch.*' -mmin +60 -exec rm -rf {} +  # of a run that was killed
install_packages tools/debian-packages.txt
[ "$what" = --build-only ] && exit 0
fetch_wheels
[ "$what" != --fuzz ] || install_packages tools/debian-packages-fuzz.txt
[ "$what" != --arm64 ] || install_packages tools/debian-packages-arm64.txt
if [ "$what" = --judges ]; then
  install_packages tools/debian-packages-judges.txt
  tools/setup-judges.sh .venv
fi
if [ "$what" = --clients ]; then
  install_packages tools/debian-packages-page.txt
  tools/setup-clients.sh --all
fi
