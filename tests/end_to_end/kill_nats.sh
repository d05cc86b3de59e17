#!/usr/bin/env bash
# kill -9 of nats-server: it comes back, the job goes on, and the event stream has every event again.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny 200
luthier job start job-1 --model tiny --dataset rows --output fine --max-steps 200 --batch-size 8 --learning-rate 1e-3 > /dev/null
wait_for 20 "training has begun" job_is job-1 active
server=$(pgrep -P "$node_pid" nats-server | head -1)
[ -n "$server" ] || fail "no nats-server under the node"
kill -KILL "$server"
wait_for 90 "the job completes" job_is job-1 completed
[ "$(luthier log tail --json | grep -c '"type": *"luthier.AdapterCreated.v1"')" = 1 ] || fail "the adapter did not appear exactly once"
# The streams are thrown away altogether.
stop_node
rm -rf "$data/nats/jetstream"
start_node
stream_is_whole() { [ "$(luthier doctor --json | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["event_stream"]["lag"])')" = 0 ]; }
wait_for 20 "the stream is published again" stream_is_whole
stop_node
