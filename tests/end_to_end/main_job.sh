#!/usr/bin/env bash
# The main job on a tiny model: from nothing to an adapter that is served, disabled, enabled, and proved.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny

[ "$(member "$(luthier model show tiny --json)" spec.family)" = llama ] || fail "the spec is not filled in"
luthier deployment create serve --model tiny > /dev/null
luthier deployment wait serve > /dev/null

luthier job start job-1 --model tiny --dataset rows --output fine --rank 4 --alpha 8 --targets all-linear --epochs 2 \
  --batch-size 8 --learning-rate 1e-2 --watch > "$work/watch.txt"
job_is job-1 completed || fail "the job is $(status_of_job job-1)"
[ "$(member "$(luthier adapter show fine --json)" lora.rank)" = 4 ] || fail "the adapter has another rank"

# Loaded by the reconciler, without a restart.
ask() {  # ask MODEL: the status of a request
  curl -s -o "$work/answer" -w '%{http_code}' "$http/v1/chat/completions" -H 'content-type: application/json' \
    -d "{\"model\": \"$1\", \"messages\": [{\"role\": \"user\", \"content\": \"number 5\"}], \"max_tokens\": 4, \"temperature\": 0}"
}
answers() { [ "$(ask "$1")" = "$2" ]; }
wait_for 10 "the adapter is served" answers default--fine 200
pid_before=$(pgrep -P "$(cat "$data/work/worker.lock")" | sort | head -1)
answers default/tiny 200 || fail "the base is not served: $(cat "$work/answer")"
answers tiny 200 || fail "the bare name is not served"
answers default--absent 404 || fail "an absent adapter got $(cat "$work/answer")"

position=$(member "$(luthier log tail --json --limit 1 2>/dev/null | tail -1)" position)
luthier adapter disable fine > /dev/null
wait_for 5 "the disabled adapter is 404" answers default--fine 404
answers default/tiny 200 || fail "base requests stopped with the adapter"
luthier adapter enable fine > /dev/null
wait_for 10 "the enabled adapter is served again" answers default--fine 200
[ "$(pgrep -P "$(cat "$data/work/worker.lock")" | sort | head -1)" = "$pid_before" ] || fail "the serving process was restarted"

# An adapter made elsewhere, attached by hand.
luthier adapter import "$tiny_adapter" --model tiny --name by-hand > /dev/null
wait_for 10 "the imported adapter is served" answers default--by-hand 200

# All weights: a new model entity.
luthier job start job-2 --model tiny --dataset rows --output tiny-full --method full --max-steps 2 --batch-size 4 --watch > /dev/null
[ "$(member "$(luthier model show tiny-full --json)" base_model)" = default/tiny ] || fail "the new model does not name its base"
wait_for 10 "the new model is read" bash -c "'$LUTHIER' model show tiny-full --json | grep -q '\"family\":\"llama\"\|\"family\": \"llama\"'"

# A student that is its own teacher has nothing to learn from it.
luthier job start job-3 --model tiny --dataset rows --output distilled --teacher tiny --mixing 1 --max-steps 2 --batch-size 4 --watch > "$work/distilled.txt"
job_is job-3 completed || fail "the distillation is $(status_of_job job-3)"
[ "$(member "$(luthier job show job-3 --json)" teacher.model)" = default/tiny ] || fail "the job does not show its teacher"
python3 -c 'import re, sys; sys.exit(float(re.search(r"loss (\S+) ->", sys.stdin.read())[1]) > 1e-6)' < "$work/distilled.txt" ||
  fail "the first loss is not 0: $(tail -1 "$work/distilled.txt")"

# The state as it was before the adapter was disabled, and what the log says of it.
luthier adapter show fine --json | grep -q '"enabled": *true' || fail "enabled now"
luthier adapter disable fine > /dev/null
luthier adapter show fine --json | grep -q '"enabled": *false' || fail "disabled now"
luthier adapter show fine --at "$position" --json | grep -q '"enabled": *true' || fail "--at $position shows another state"
luthier history adapter fine | grep -q AdapterDisabled || fail "the history lacks the disabling"

stop_node
luthier audit verify --data "$data" > "$work/verify.txt" || fail "the log does not verify: $(cat "$work/verify.txt")"

# One byte of a copy.
mkdir "$work/copy"
cp -r "$data/log" "$data/anchor" "$work/copy"
python3 - "$work/copy/log" <<'PY'
import pathlib, sys
for file in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    content = bytearray(file.read_bytes())
    at = content.find(b"AdapterDisabled")
    if at >= 0 and not file.name.startswith(("LOG", "OPTIONS")):
        content[at + 3] ^= 1
        file.write_bytes(content)
        break
else:
    sys.exit("no file of the log names the event")
PY
if luthier audit verify --data "$work/copy" > "$work/verify.txt" 2>&1; then fail "a changed byte was not found"; fi
grep -qi 'position [0-9]' "$work/verify.txt" || fail "no position is named: $(cat "$work/verify.txt")"
