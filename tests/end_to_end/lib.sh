# What the end-to-end tests share. A test sources this with LUTHIER set to the binary; everything that it starts is known by its
# process id and ended at exit, and everything that it writes is in one temporary directory.
set -euo pipefail

: "${LUTHIER:?the binary to test}"
source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tiny_model=$source_root/tests/golden/models/llama-tiny
tiny_adapter=$source_root/tests/golden/models/llama-tiny-adapter
work=$(mktemp -d "${TMPDIR:-/tmp}/luthier-e2e-XXXXXX")
data=$work/data
export LUTHIER_DATA=$data
node_pid=

cleanup() {
  local status=$?
  if [ -n "$node_pid" ] && kill -0 "$node_pid" 2>/dev/null; then
    kill -TERM "$node_pid" 2>/dev/null || true
    wait "$node_pid" 2>/dev/null || true
  fi
  # What a killed node has left behind, by the ids that it wrote down.
  if [ -f "$data/work/worker.lock" ]; then
    local worker; worker=$(cat "$data/work/worker.lock" 2>/dev/null || true)
    if [ -n "$worker" ] && [ -d "/proc/$worker" ] && tr '\0' ' ' < "/proc/$worker/cmdline" | grep -q -- "$data"; then kill -KILL "$worker" || true; fi
  fi
  if [ $status -ne 0 ]; then
    echo "--- node log"; tail -30 "$work/node.log" 2>/dev/null || true
    echo "--- worker log"; tail -30 "$data/work/worker.log" 2>/dev/null || true
  fi
  rm -rf "$work"
  exit $status
}
trap cleanup EXIT

fail() { echo "FAILED: $*" >&2; exit 1; }

# start_node [arguments of luthier up, or of $node_verb]: returns once it is ready; sets http.
start_node() {
  rm -f "$work/ready"
  "$LUTHIER" "${node_verb:-up}" --data "$data" --listen 127.0.0.1:0 "$@" > "$work/ready" 2>> "$work/node.log" &
  node_pid=$!
  local waited=0
  until grep -q '^ready ' "$work/ready" 2>/dev/null; do
    kill -0 "$node_pid" 2>/dev/null || fail "luthier up has ended: $(tail -1 "$work/node.log")"
    sleep 0.1; waited=$((waited + 1)); [ $waited -lt 300 ] || fail "luthier up is not ready after 30 s"
  done
  http=$(awk '{print $2; exit}' "$work/ready")
}

stop_node() {
  kill -TERM "$node_pid"
  wait "$node_pid" || fail "luthier up ended with $?"
  node_pid=
}

kill_node() {
  kill -KILL "$node_pid"
  wait "$node_pid" 2>/dev/null || true
  node_pid=
}

luthier() { "$LUTHIER" "$@"; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
  local seconds=$1 what=$2; shift 2
  local end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$what: not within $seconds s"
    sleep 0.2
  done
}

# member FILE-OR-JSON PATH: a member of a JSON text, as text.
member() { python3 -c 'import json,sys
value = json.loads(sys.argv[1])
for part in sys.argv[2].split("."): value = value[int(part)] if isinstance(value, list) else value[part]
print(value if isinstance(value, str) else json.dumps(value))' "$1" "$2"; }

status_of_job() { member "$(luthier job show "$1" --json)" status; }
job_is() { [ "$(status_of_job "$1")" = "$2" ]; }

# Rows that the tiny model can be trained on.
write_rows() {  # write_rows FILE COUNT
  python3 - "$1" "$2" <<'PY'
import json, sys
with open(sys.argv[1], "w") as file:
    for i in range(int(sys.argv[2])):
        file.write(json.dumps({"prompt": f"number {i}", "completion": "one two three"[: 3 + i % 10]}) + "\n")
PY
}

# Model "tiny" and dataset "rows", as a user would make them.
import_tiny() {
  luthier model import "$tiny_model" --name tiny > /dev/null
  write_rows "$work/train.jsonl" "${1:-64}"
  luthier dataset import "$work/train.jsonl" --name rows > /dev/null
}
