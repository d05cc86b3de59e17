#!/usr/bin/env bash
# The engine on another processor: compiles it for 64-bit ARM and runs its tests under qemu, so that what is said of plain C++ is true.
#
#   tools/check-arm64.sh               kernels, checkpoints, text, and the goldens of every family of models
#   tools/check-arm64.sh TEST...       other test programs: gpu_serve_test, gpu_train_test (minutes, under qemu)
#
# Debian's cross compiler and qemu are installed (root or sudo); its arm64 libraries are only unpacked, into .cache/arm64, so that
# this machine stays as it is. Needs the network the first time.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/.cache/arm64
tests=("$@")
[ $# -gt 0 ] || tests=(gpu_kernels_test gpu_checkpoint_test gpu_text_test gpu_model_test)

# What a native build needs, as far as it is a library; and what a C++ program needs by itself.
libraries() { sed -nE 's/^((lib[^ ]*|nlohmann-json3)-dev|catch2)( .*)?$/\1/p' tools/debian-packages.txt; echo libc6-dev libstdc++6 libgomp1; }

private_apt() {  # apt-get for arm64 with a state of its own: it sees a machine on which nothing is installed
  apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$folder/lists" -o Dir::State::status="$folder/status" \
    -o Dir::Cache="$folder" -o Dir::Cache::archives="$folder/archives" -o Debug::NoLocking=1 "$@" >> "$folder/log" 2>&1
}

unpack_libraries() {
  rm -rf "$folder"
  mkdir -p "$folder"/{lists,archives}/partial "$folder/unpacked"
  : > "$folder/status"
  echo "check-arm64: fetching Debian's libraries for arm64"
  # shellcheck disable=SC2046
  private_apt update && private_apt install -y --no-install-recommends --download-only $(libraries) ||
    { tail -n 5 "$folder/log" >&2; echo "check-arm64: they cannot be fetched; without a network?" >&2; exit 1; }
  local package link
  for package in "$folder"/archives/*.deb; do dpkg -x "$package" "$folder/unpacked"; done
  # A link to /lib/… means the folder's own.
  find "$folder/unpacked" -type l -lname '/*' | while read -r link; do ln -sfr "$folder/unpacked$(readlink "$link")" "$link"; done
  rm -rf "$folder/archives" "$folder/lists"
  mv "$folder/unpacked" "$folder/root"  # last: a run that was broken off begins again
}

tools/setup.sh --arm64
[ -d "$folder/root" ] || unpack_libraries
cmake --preset arm64 > /dev/null
cmake --build --preset arm64 --target "${tests[@]}"
for test in "${tests[@]}"; do
  printf '%-22s' "$test"
  OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive qemu-aarch64 -L "$folder/root" "build/arm64/$test" | tail -n 2 | tr -s '\n' ' '
  echo
done
echo "check-arm64: everything has passed, in $SECONDS s"
