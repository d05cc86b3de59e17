#!/usr/bin/env bash
# A job that waits says why, a refused durable command reaches its sender, and what was done already is not done again.
. "$(dirname "$0")/lib.sh"
start_node
import_tiny
luthier worker drain local > /dev/null
luthier job start later --model tiny --dataset rows --output fine --max-steps 2 > /dev/null
says_why() { luthier job show later --json | grep -q '"waiting_for": *"no worker is there"'; }
wait_for 5 "the job says why it waits" says_why
luthier job list | grep -q 'no worker is there' || fail "the list does not say why"
luthier job cancel later > /dev/null
luthier job cancel later | grep -q 'nothing was changed' || fail "a second cancel pretends to do something"
job_is later cancelled || fail "the job is $(status_of_job later)"
luthier command list | grep -q StartJob || fail "the commands are not listed"
if luthier job bogus 2> "$work/err"; then fail "an unknown verb was accepted"; fi
grep -q 'there is no "bogus"' "$work/err" || fail "an unknown verb is explained with: $(cat "$work/err")"
stop_node
