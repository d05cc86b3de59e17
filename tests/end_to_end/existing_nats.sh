#!/usr/bin/env bash
# The control plane on a NATS server that somebody else runs, here Debian's own: luthier serve --nats URL --creds FILE.
. "$(dirname "$0")/lib.sh"
server=/usr/sbin/nats-server
[ -x "$server" ] || { echo "SKIPPED: Debian's nats-server is not installed"; exit 0; }
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat > "$work/nats.conf" <<TEXT
host: 127.0.0.1
port: $port
jetstream { store_dir: "$work/jetstream" }
accounts { LUTHIER { jetstream: enabled, users: [ { user: plane, password: secret } ] } }
TEXT
"$server" -c "$work/nats.conf" 2> "$work/nats.log" &
nats_pid=$!
trap 'kill -TERM "$nats_pid" 2>/dev/null; cleanup' EXIT
url=nats://127.0.0.1:$port
(umask 077; echo "nats://plane:secret@127.0.0.1:$port" > "$work/creds")

node_verb=serve start_node --nats "$url" --creds "$work/creds"
[ ! -e "$data/nats/jetstream" ] || fail "a server of its own was started as well"
luthier() { "$LUTHIER" --nats "$url" --creds "$work/creds" "$@"; }
import_tiny
luthier job start job-1 --model tiny --dataset rows --output fine --max-steps 4 --watch > "$work/watch.txt"
job_is job-1 completed || fail "the job is $(status_of_job job-1)"

# Without the password nobody is heard.
if "$LUTHIER" --nats "$url" --timeout 3 model list > "$work/out" 2>&1; then fail "somebody without credentials was let in"; fi

# The server goes and comes back: the node goes on.
kill -TERM "$nats_pid"; wait "$nats_pid" 2>/dev/null || true
"$server" -c "$work/nats.conf" 2>> "$work/nats.log" &
nats_pid=$!
wait_for 20 "commands are taken again" luthier fileset create after
stop_node
