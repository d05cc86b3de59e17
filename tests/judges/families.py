#!/usr/bin/env python3
"""Each family's tiny model and adapter, read and written by us: transformers and PEFT compute from the copy what they did from theirs.

    families.py BUILD_DIRECTORY      has the program checkpoint_copy (ninja checkpoint_copy)
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
import make_family_goldens as goldens  # noqa: E402

DIFFERENCE_MAX = 2e-5  # of the largest value: the copy is read as float32


def read(directory, published):
    """The model of a directory as transformers reads it, or for a family that it does not have as the goldens' script does."""
    if published["model_type"] not in ("nemotron-nas", "llama_bidirec"):
        kind = transformers.AutoModelForMaskedLM if published["model_type"] == "xlm-roberta" else transformers.AutoModel
        kind = transformers.AutoModelForCausalLM if published["architectures"][0].endswith("ForCausalLM") else kind
        return kind.from_pretrained(directory, dtype=torch.float32, **goldens.PLAIN).eval()
    model = goldens.empty_model(json.loads((directory / "config.json").read_text())).eval()
    missing, unknown = model.load_state_dict(load_file(directory / "model.safetensors"), strict=False)
    assert not unknown and all("lm_head" in name for name in missing), (missing, unknown)
    return model


def compare(what, model, published, expected, sequences):
    worst = 0.0
    for i, ids in enumerate(sequences):
        theirs = expected[f"logits.{i}" if f"logits.{i}" in expected else f"hidden.{i}"]
        with torch.no_grad():
            ours = goldens.causal(model, published, ids)
        worst = max(worst, ((ours - theirs).abs().max() / theirs.abs().max()).item())
    assert worst < DIFFERENCE_MAX, (what, worst)
    print(f"{what}: the same within {worst:.1e}")


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    copy = lambda *arguments: subprocess.run([Path(sys.argv[1]) / "checkpoint_copy", *map(str, arguments)], check=True)
    adapters = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, published in goldens.CONFIGS.items():
            source, out = GOLDEN / "families" / name, Path(scratch) / name
            sequences = json.loads((source / "cases.json").read_text())["sequences"]
            copy("model", source, out, 50_000)
            if published["model_type"] in ("nemotron-nas", "llama_bidirec"):
                copy("model", source, out)  # in one file
            model = read(out, published).double()
            compare(name, model, published, load_file(source / "expected.safetensors"), sequences)
            if not (source / "adapter").exists():
                continue
            adapters += 1
            copy("adapter", source, source / "adapter", out / "adapter")
            adapted = PeftModel.from_pretrained(read(out, published), out / "adapter").eval().double()
            compare(f"{name}/adapter", adapted.base_model.model, published, load_file(source / "adapter" / "expected.safetensors"), sequences)
    print(f"{len(goldens.CONFIGS)} families, {adapters} adapters")
    assert adapters == len(goldens.ADAPTERS)


if __name__ == "__main__":
    main()
