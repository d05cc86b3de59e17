#!/usr/bin/env bash
# Makes the judges' environment: PyTorch, transformers, PEFT and others on the CPU, pinned. Tests only; the product never
# runs Python. Run again, it does nothing.
#
#   tools/setup-judges.sh [VENV]        (default .venv; 1.7 GB on disk)
#
# The torch wheel for Linux is the CUDA build. Its CUDA libraries are about 3 GB and nothing on a CPU calls them, but
# `import torch` loads each of them by name. So everything is installed without its dependencies, and each shared object
# that the loader cannot find is replaced by a stub of that name whose functions answer "no device".
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
requirements=tests/judges/requirements.txt
log=$PWD/.cache/setup-judges.log
stamp=$venv/.luthier-requirements
mkdir -p .cache
cmp -s "$requirements" "$stamp" && exit 0

fail() {
  echo "setup: $*; the last lines of $log say why" >&2
  exit 1
}

echo "setup: making $venv for the judges (about 1 GB to fetch)"
/usr/bin/python3 -m venv "$venv" >"$log" 2>&1 || fail "no virtual environment can be made in $venv"
"$venv/bin/pip" install --disable-pip-version-check --no-deps --only-binary :all: -r "$requirements" >>"$log" 2>&1 ||
  fail "the packages of $requirements cannot be installed"

lib=$(echo "$venv"/lib/python3*/site-packages/torch/lib)
missing=$(for object in "$lib"/libtorch*.so; do ldd "$object"; done | awk '/not found/ {print $1}' | sort -u)
stub() {  # stub SONAME SOURCE
  gcc -shared -fPIC -w -o "$lib/$1" -Wl,-soname,"$1" -x c "$2" >>"$log" 2>&1 || fail "a stub for $1 cannot be compiled"
}
for name in $missing; do stub "$name" /dev/null; done
if [ -n "$missing" ]; then  # the first one gets every symbol that is still undefined; 100 means "no device"
  source=$(mktemp)
  for object in "$lib"/libtorch*.so; do ldd -r "$object" 2>&1; done |
    awk '/^undefined symbol: (__cuda|cu|nv|nccl|CU|NV)/ {sub(",", "", $3); print $3}' | sort -u |
    sed 's/.*/int &(void) { return 100; }/' > "$source"
  stub "${missing%%$'\n'*}" "$source"
  rm -f "$source"
fi
"$venv/bin/python" -c 'import torch, transformers, peft, safetensors, gguf, openai, nats' >>"$log" 2>&1 ||
  fail "the packages of $requirements do not load"
cp "$requirements" "$stamp"
