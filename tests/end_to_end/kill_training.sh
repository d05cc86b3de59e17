#!/usr/bin/env bash
# kill -9 of the training process: the next attempt resumes from the checkpoint and ends with the same bytes as an undisturbed run.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny 200
start() {
  luthier job start "$1" --model tiny --dataset rows --output "$2" --max-steps 300 --batch-size 8 --learning-rate 1e-3 "${@:3}" > /dev/null
}
start undisturbed calm
wait_for 90 "the undisturbed job completes" job_is undisturbed completed
start disturbed shaken
has_checkpoint() { luthier history job disturbed | grep -q JobCheckpointed; }
wait_for 60 "a checkpoint is recorded" has_checkpoint
training=$(pgrep -P "$(cat "$data/work/worker.lock")" | head -1)
[ -n "$training" ] || fail "no training process"
kill -KILL "$training"
wait_for 90 "the disturbed job completes" job_is disturbed completed
luthier history job disturbed > "$work/history"
grep -q JobAttemptEnded "$work/history" || fail "the first attempt did not end"
luthier history job disturbed --json | grep -q '"resumed_from_step": *[1-9]' || fail "the second attempt did not resume"
digest() { member "$(luthier fileset show "$1" --json)" files | python3 -c 'import json,sys; print([f["digest"] for f in json.load(sys.stdin) if f["path"] == "adapter_model.safetensors"][0])'; }
[ "$(digest calm)" = "$(digest shaken)" ] || fail "the adapters differ"
stop_node
