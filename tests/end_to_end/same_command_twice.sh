#!/usr/bin/env bash
# The same command id, sent again before and after a restart, takes effect once and gets the same receipt.
. "$(dirname "$0")/lib.sh"
start_node
send() { luthier command send fileset CreateFileset --name once --id the-id-1 --body '{"description":"'"$1"'"}' --json; }
first=$(send "a")
[ "$(member "$first" status)" = accepted ] || fail "refused: $first"
[ "$(send "a")" = "$first" ] || fail "the repetition got another receipt"
if other=$(send "b"); then fail "the id was accepted for another content: $other"; fi
kill_node
start_node
[ "$(send "a")" = "$first" ] || fail "after the restart the receipt is another"
# A refusal is repeated as well.
refuse() { luthier command send fileset CreateFileset --name once --id the-id-2 --body '{}' --json || true; }
refused=$(refuse)
[ "$(member "$refused" error.code)" = conflict ] || fail "not refused: $refused"
luthier fileset delete once > /dev/null
[ "$(refuse)" = "$refused" ] || fail "a refusal must be repeated, even when the command would be possible now"
[ "$(luthier log tail --json | grep -c '"type": *"luthier.FilesetCreated.v1"')" = 1 ] || fail "it took effect twice"
stop_node
