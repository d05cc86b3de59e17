#!/usr/bin/env python3
"""What we write, transformers and PEFT load, with the same weights and the same logits.

    checkpoint_roundtrip.py BUILD_DIRECTORY [MODEL ...]

BUILD_DIRECTORY has the program checkpoint_copy (ninja checkpoint_copy). Needs torch, transformers and peft. Further models
(a directory or a .gguf with a directory of the same weights beside it, FILE.gguf=DIRECTORY) are judged as well.
"""
import subprocess, sys, tempfile
from pathlib import Path

import torch

from asking import their_model as load

GOLDEN = Path(__file__).parent.parent / "golden"
MODELS = [GOLDEN / "models/llama-tiny", GOLDEN / "models/llama-tiny-untied", GOLDEN / "checkpoint/llama-biased-f16"]
ADAPTERS = [GOLDEN / "models/llama-tiny-adapter"] + sorted(p.parent for p in (GOLDEN / "checkpoint").glob("*/adapter_config.json"))


def logits(model):
    with torch.no_grad():
        return model(torch.arange(16)[None] * 7 % model.config.vocab_size).logits


def same_model(ours, theirs, what):
    a, b = ours.state_dict(), theirs.state_dict()
    assert a.keys() == b.keys(), (what, a.keys() ^ b.keys())
    assert all(torch.equal(a[k], b[k]) for k in a), what
    assert torch.equal(logits(ours), logits(theirs)), what
    for key in ("eos_token_id", "bos_token_id", "pad_token_id"):
        said = getattr(theirs.generation_config, key)  # what generation_config.json leaves out, we take from config.json
        assert getattr(ours.generation_config, key) == (getattr(theirs.config, key) if said is None else said), (what, key)
    print(f"{what}: {len(a)} tensors, logits equal")


def main():
    copy = lambda *arguments: subprocess.run([Path(sys.argv[1]) / "checkpoint_copy", *map(str, arguments)], check=True)
    pairs = [(m, m) for m in MODELS] + [tuple(a.split("=", 1)) if "=" in a else (a, a) for a in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as scratch:
        for number, (source, reference) in enumerate(pairs):
            theirs = load(reference)
            for shards in ("whole", 50_000 if number < len(MODELS) else 100_000_000):
                out = Path(scratch) / f"{number}-{shards}"
                copy("model", source, out, *([] if shards == "whole" else [shards]))
                same_model(load(out), theirs, f"{source} {shards}")
        base = MODELS[0]
        for adapter in ADAPTERS:
            out = Path(scratch) / f"adapter-{adapter.name}"
            copy("adapter", base, adapter, out)
            ours, theirs = (load(base, p) for p in (out, adapter))
            a, b = ({k: v for k, v in m.state_dict().items() if "lora_" in k} for m in (ours, theirs))
            assert a.keys() == b.keys() and a, adapter
            assert all(torch.equal(a[k].float(), b[k].float()) for k in a), adapter
            assert torch.allclose(logits(ours), logits(theirs), atol=1e-6) and not torch.equal(logits(ours), logits(load(base))), adapter
            print(f"{adapter.name}: {len(a)} tensors, logits equal")


if __name__ == "__main__":
    main()
