#!/usr/bin/env bash
# A full disk: a clear error, nothing acknowledged that is not there, and recovery after space returns.
. "$(dirname "$0")/lib.sh"
disk=$work/disk
mkdir -p "$disk"
mount -t tmpfs -o size=48m tmpfs "$disk" 2>/dev/null || { echo "SKIPPED: this user may not mount a tmpfs"; exit 0; }
trap 'if [ -n "$node_pid" ]; then kill -TERM "$node_pid" 2>/dev/null; wait "$node_pid" 2>/dev/null; fi; umount -l "$disk"; cleanup' EXIT
data=$disk/data; export LUTHIER_DATA=$data
start_node
luthier fileset create before > /dev/null
free=$(df --output=avail -B1 "$disk" | tail -1)
head -c $((free - 65536)) /dev/zero > "$disk/ballast" || true
# Until it refuses: every receipt is written down.
: > "$work/receipted"
for i in $(seq 1 3000); do
  if timeout 10 "$LUTHIER" command send fileset UpdateFileset --name before --id "full-$i" \
      --body "{\"description\":\"$i $(head -c 700 /dev/zero | tr '\0' x)\"}" --json > "$work/answer" 2>&1; then
    echo "full-$i" >> "$work/receipted"
  else
    break
  fi
done
[ "$i" -lt 3000 ] || fail "the disk never filled"
sleep 1
grep -qi 'no space\|disk is full\|disk full' "$work/node.log" || fail "no clear error: $(tail -3 "$work/node.log")"
if kill -0 "$node_pid" 2>/dev/null; then kill -TERM "$node_pid" || true; fi
status=0; wait "$node_pid" 2>/dev/null || status=$?
[ $status = 1 ] || fail "luthier up ended with $status on a full disk, not with 1 and a reason"
node_pid=
rm "$disk/ballast"
start_node
luthier log tail --json > "$work/log"
while read -r id; do grep -q "\"commandid\": *\"$id\"" "$work/log" || fail "$id was receipted and is not in the log"; done < "$work/receipted"
luthier fileset create after > /dev/null || fail "commands are still refused"
stop_node
luthier audit verify --data "$data" > /dev/null || fail "the log does not verify"
