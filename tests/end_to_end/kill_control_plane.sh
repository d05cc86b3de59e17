#!/usr/bin/env bash
# kill -9 of the control plane in the middle of training: the job goes on and its adapter appears once.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny 400
luthier job start long --model tiny --dataset rows --output fine --max-steps 400 --batch-size 8 --learning-rate 1e-3 > /dev/null
wait_for 20 "training has begun" job_is long active
sleep 1
worker=$(cat "$data/work/worker.lock")
kill_node
kill -0 "$worker" || fail "the worker died with the control plane"
start_node
[ "$(cat "$data/work/worker.lock")" = "$worker" ] || fail "the worker was not adopted"
wait_for 90 "the job completes" job_is long completed
[ "$(luthier log tail --json | grep -c '"type": *"luthier.AdapterCreated.v1"')" = 1 ] || fail "the adapter did not appear exactly once"
[ "$(luthier log tail --json | grep -c '"type": *"luthier.JobPlaced.v1"')" = 1 ] || fail "the attempt was not adopted but placed again"
stop_node
luthier audit verify --data "$data" > /dev/null || fail "the log does not verify"
if kill -0 "$worker" 2>/dev/null; then fail "the adopted worker outlived the stop"; fi
