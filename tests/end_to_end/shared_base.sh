#!/usr/bin/env bash
# One base model for several workspaces: a team tunes it in a workspace of its own, the adapter lives there, and whatever deployment
# serves the base serves the adapter too, wherever that deployment is.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny
luthier workspace create lab > /dev/null
luthier workspace create serving > /dev/null
luthier -w serving deployment create shared --model default/tiny > /dev/null
luthier -w serving deployment wait shared > /dev/null

luthier -w lab job start tune --model default/tiny --dataset default/rows --output fine --rank 4 --alpha 8 --targets all-linear \
  --max-steps 4 --batch-size 8 --learning-rate 1e-2 --watch > "$work/watch.txt"
shown=$(luthier -w lab adapter show fine --json)
[ "$(member "$shown" workspace)" = lab ] || fail "the adapter is not in its job's workspace: $shown"
[ "$(member "$shown" model)" = default/tiny ] || fail "the adapter is of another model: $shown"

ask() {  # ask MODEL: the status of a request
  curl -s -o "$work/answer" -w '%{http_code}' "$http/v1/chat/completions" -H 'content-type: application/json' \
    -d "{\"model\": \"$1\", \"messages\": [{\"role\": \"user\", \"content\": \"number 5\"}], \"max_tokens\": 4, \"temperature\": 0}"
}
answers() { [ "$(ask "$1")" = "$2" ]; }
answers default/tiny 200 || fail "the base is not served from another workspace: $(cat "$work/answer")"
wait_for 10 "the adapter is served" answers lab--fine 200
luthier -w lab adapter disable fine > /dev/null
wait_for 5 "the disabled adapter is 404" answers lab--fine 404
luthier adapter import "$tiny_adapter" --model tiny --name fine > /dev/null  # the name is free in the model's own workspace
wait_for 10 "an adapter of the same name in another workspace is another one" answers default--fine 200
answers lab--fine 404 || fail "the disabled adapter answers again"
stop_node
luthier audit verify --data "$data" > "$work/verify.txt" || fail "the log does not verify: $(cat "$work/verify.txt")"
