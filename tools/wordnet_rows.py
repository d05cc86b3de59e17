#!/usr/bin/env python3
"""Turns WordNet's noun definitions into chat rows: given a definition, name the kind of thing.

    wordnet_rows.py DATA.NOUN OUTDIR      writes OUTDIR/train.jsonl (240 rows, 30 a class) and OUTDIR/test.jsonl (100 rows)

The kind is the lexicographer file of the noun. Within each kind the definitions are ordered by the SHA-256 of their text, so
that the split is the same everywhere: the first go to the test part, the next to the training part.
"""
import hashlib
import json
import sys
from pathlib import Path

KIND_OF_LEXICOGRAPHER_FILE = {4: "act", 5: "animal", 6: "artifact", 8: "body", 13: "food", 15: "place", 18: "person", 20: "plant"}
KINDS = sorted(KIND_OF_LEXICOGRAPHER_FILE.values())
SYSTEM = f"Name the kind of thing: {', '.join(KINDS)}."
TEST_ROWS, TRAIN_ROWS = 100, 240


def definitions(data_noun):
    """Pairs of (definition, kind) of the synsets whose definition has 30 to 120 characters (format: man wndb)."""
    for line in data_noun.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):  # the licence at the top
            continue
        fields, _, gloss = line.partition(" | ")
        definition = gloss.split('; "', 1)[0].strip()
        kind = KIND_OF_LEXICOGRAPHER_FILE.get(int(fields.split()[1]))
        if kind and 30 <= len(definition) <= 120:
            yield definition, kind


def row(definition, kind):
    messages = [("system", SYSTEM), ("user", definition), ("assistant", kind)]
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in messages]}, ensure_ascii=False)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    by_kind = {kind: {} for kind in KINDS}
    for definition, kind in definitions(Path(sys.argv[1])):
        by_kind[kind][hashlib.sha256(definition.encode()).hexdigest()] = definition
    ordered = {kind: [found[digest] for digest in sorted(found)] for kind, found in by_kind.items()}
    turns = ((TEST_ROWS + TRAIN_ROWS) + len(KINDS) - 1) // len(KINDS)
    rows = [row(ordered[kind][turn], kind) for turn in range(turns) for kind in KINDS]
    out = Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    (out / "test.jsonl").write_text("".join(line + "\n" for line in rows[:TEST_ROWS]), encoding="utf-8")
    (out / "train.jsonl").write_text("".join(line + "\n" for line in rows[TEST_ROWS : TEST_ROWS + TRAIN_ROWS]), encoding="utf-8")
    print(f"{out}: {TRAIN_ROWS} rows to train, {TEST_ROWS} to test, of {sum(map(len, ordered.values()))} definitions")


if __name__ == "__main__":
    main()
