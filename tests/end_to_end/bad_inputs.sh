#!/usr/bin/env bash
# What is wrong is refused with one line that names the place and what would work.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny

# refused PATTERN COMMAND...: fails, with one line on stderr that matches.
refused() {
  local pattern=$1; shift
  if "$@" > "$work/out" 2> "$work/err"; then fail "accepted: $*"; fi
  [ "$(wc -l < "$work/err")" -le 1 ] || fail "more than one line: $(cat "$work/err")"
  grep -Eq -- "$pattern" "$work/err" || fail "\"$(cat "$work/err")\" does not match /$pattern/"
}

cp -r "$tiny_model" "$work/cut"; truncate -s -1000 "$work/cut/model.safetensors"
refused 'model.safetensors' luthier model import "$work/cut" --name cut
head -c 3000 "$source_root"/tests/golden/checkpoint/*.gguf > "$work/cut.gguf"
refused 'gguf' luthier model import "$work/cut.gguf" --name cut-gguf
cp -r "$tiny_model" "$work/config"; sed -i 's/"num_hidden_layers": *[0-9]*/"num_hidden_layers": 0/' "$work/config/config.json"
refused 'config.json.*num_hidden_layers' luthier model import "$work/config" --name bad-config

write_rows "$work/bad.jsonl" 5; sed -i '3s/.*/{"prompt": 7}/' "$work/bad.jsonl"
luthier fileset create bad-rows > /dev/null; luthier file put "$work/bad.jsonl" --fileset bad-rows > /dev/null
start() { luthier job start "$1" --model tiny --dataset "${2:-rows}" --output out-"$1" "${@:3}"; }
refused 'bad.jsonl: row 3' start j1 bad-rows
refused 'lora.r' start j2 rows --rank 0
refused 'does not exist' start j2 rows --teacher absent
refused 'distillation needs a teacher' start j2 rows --mixing 0.5
# Two and a half million tokens of a rank of 4096 at a time need more memory than any machine has; what would fit is named.
python3 -c 'import json; row = json.dumps({"input_ids": [1] * 2500})
for _ in range(1000): print(row)' > "$work/large.jsonl"
luthier dataset import "$work/large.jsonl" --name large > /dev/null
refused 'training needs .* GiB .* are free; batch_size [0-9]+ would fit' start j3 large --max-seq-length 2500 --batch-size 1000 --rank 4096
refused 'does not exist' luthier job start j4 --model absent --dataset rows --output x
refused 'name' luthier fileset create 'Not_A--name'
[ -z "$(luthier job list --json | grep -o '"name"' || true)" ] || fail "a refused job is listed"
stop_node
