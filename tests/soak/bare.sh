#!/usr/bin/env bash
# What a new user does on a new machine: a Debian 12 that has nothing but git, a clone of this repository's HEAD, ./check, ./demo.
# The mirror and pip's settings are those of this machine. Everything is in one directory, which goes at the end.
#
#   tests/soak/bare.sh [COMMAND ...]        default: ./check ./demo
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "bare: debootstrap and chroot need root" >&2; exit 2; }
command -v debootstrap > /dev/null || apt-get install -y --no-install-recommends debootstrap > /dev/null
[ $# -gt 0 ] || set -- ./check ./demo

mkdir -p build
system=$(mktemp -d "$PWD/build/bare.XXXXXX")
leave() {
  # What still runs in there, by its root directory.
  for process in /proc/[0-9]*; do
    [ "$(readlink "$process/root" 2> /dev/null)" = "$system" ] && kill -KILL "${process#/proc/}" 2> /dev/null
  done
  for mounted in proc sys dev/shm dev; do umount -l "$system/$mounted" 2> /dev/null; done
  rm -rf --one-file-system "$system"
}
trap leave EXIT

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -1)
debootstrap --variant=minbase --include=ca-certificates,git bookworm "$system" "$mirror" > build/bare.log 2>&1 ||
  { tail -5 build/bare.log >&2; exit 1; }
for settings in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources /etc/apt/apt.conf.d/99* /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  [ -e "$settings" ] && cp "$settings" "$system$settings"
done
mount -t proc proc "$system/proc"
mount --rbind /sys "$system/sys" 2> /dev/null || true
mount --bind /dev "$system/dev"
mount -t tmpfs tmpfs "$system/dev/shm"

git clone -q "file://$PWD" "$system/luthier"
for command in "$@"; do
  begin=$SECONDS
  echo "bare: $command"
  chroot "$system" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 bash -c "cd /luthier && $command"
  echo "bare: $command took $((SECONDS - begin)) s"
done
