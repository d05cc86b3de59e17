#!/usr/bin/env bash
# Makes .cache/llama.cpp: llama.cpp for this machine's processor, and our program that measures it for ./bench serve. The source is
# that inside the PyPI package llama-cpp-python, pinned by version and SHA-256; nothing of Python is installed. Nothing but that
# benchmark uses it. Run again, it does nothing. Five minutes on two quiet cores; JOBS=1 takes one core.
#
#   tools/setup-llama-cpp.sh
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.3.36 sha=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
folder=$PWD/.cache/llama.cpp/$version log=$PWD/.cache/setup-llama-cpp.log
program=tests/bench/llama_cpp_bench.cpp
jobs=${JOBS:-$(nproc)}

fail() {
  echo "setup: $*; the last lines of $log say why" >&2
  exit 1
}

fetch() {
  rm -rf "$folder"
  mkdir -p "$folder/fetched"
  echo "llama-cpp-python==$version --hash=sha256:$sha" > "$folder/requirements.txt"
  # pip asks a source package for its metadata, and for that fetches the tool that would build it; that is all it does here.
  /usr/bin/python3 -m pip download --disable-pip-version-check --retries 2 --timeout 60 --no-deps --no-binary llama-cpp-python \
    --require-hashes -d "$folder/fetched" -r "$folder/requirements.txt" >> "$log" 2>&1 ||
    fail "llama-cpp-python $version cannot be fetched from PyPI"
  mkdir "$folder/unpacking"
  tar xzf "$folder/fetched/llama_cpp_python-$version.tar.gz" -C "$folder/unpacking" --strip-components=3 \
    "llama_cpp_python-$version/vendor/llama.cpp" >> "$log" 2>&1 || fail "llama-cpp-python $version cannot be unpacked"
  rm -rf "$folder/fetched"
  mv "$folder/unpacking" "$folder/source"
}

build() {
  cmake -G Ninja -S "$folder/source" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DGGML_NATIVE=ON -DGGML_CCACHE=OFF \
    -DLLAMA_CURL=OFF -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_SERVER=OFF >> "$log" 2>&1 || fail "llama.cpp cannot be configured"
  nice -n "${NICE:-0}" cmake --build "$folder/build" --target llama -j "$jobs" >> "$log" 2>&1 || fail "llama.cpp cannot be compiled"
}

mkdir -p .cache
: > "$log"
if [ ! -e "$folder/built" ]; then
  echo "setup: making llama.cpp (source: llama-cpp-python $version); about 5 minutes"
  [ -d "$folder/source" ] || fetch
  build
  touch "$folder/built"
fi
if [ ! -e "$folder/bench" ] || [ "$program" -nt "$folder/bench" ]; then
  bin=$folder/build/bin
  g++ -std=c++20 -O2 -Wall -Wextra -Werror -o "$folder/bench.new" "$program" -I "$folder/source/include" -I "$folder/source/ggml/include" \
    -L "$bin" -Wl,-rpath,"$bin" -lllama -lggml -lggml-base >> "$log" 2>&1 || fail "$program cannot be compiled"
  mv "$folder/bench.new" "$folder/bench"
fi
