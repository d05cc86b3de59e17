#!/usr/bin/env bash
# A server that is stopped and started again, in order, as often as somebody likes: a job goes on from its checkpoints and no
# attempt of it counts as failed.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny 400
luthier job start long --model tiny --dataset rows --output fine --max-steps 600 --batch-size 16 --learning-rate 1e-3 > /dev/null
has_begun() { [ "$(luthier history job long | grep -c 'JobPlaced')" -ge "$1" ] && job_is long active; }
for round in 1 2 3 4 5 6; do
  wait_for 30 "training has begun, round $round" has_begun "$round"
  stop_node
  start_node
done
wait_for 90 "the job completes" job_is long completed
[ "$(member "$(luthier job show long --json)" attempts_failed)" = 0 ] || fail "a stop in order counts as a failure"
stop_node
