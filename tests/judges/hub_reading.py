#!/usr/bin/env python3
"""transformers and PEFT read a model and an adapter from Luthier, as from the Hugging Face hub: HF_ENDPOINT is all that they are told.

    hub_reading.py LUTHIER      run from the repository's root
"""
import os
import sys
import tempfile
from pathlib import Path

os.environ["LUTHIER"] = sys.argv[1]
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from server import start_luthier  # noqa: E402

MODELS = Path("tests/golden/models")
FILES = "/apis/files/v2/workspaces/default/filesets"


def put(server, fileset, directory):
    server.call("POST", FILES, {"name": fileset})
    for file in directory.iterdir():
        server.call("PUT", f"{FILES}/{fileset}/-/{file.name}", file.read_bytes())


def judge(server, cache):
    put(server, "tiny", MODELS / "llama-tiny")
    put(server, "tiny-adapter", MODELS / "llama-tiny-adapter")
    # Read when these libraries are loaded.
    os.environ.update(HF_ENDPOINT=f"{server.url}/apis/files/v2/hf", HF_HOME=cache, HF_HUB_OFFLINE="0", HF_HUB_DISABLE_TELEMETRY="1")
    import peft
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    def read(name, adapter):
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32), adapter)
        with torch.no_grad():
            return tokenizer("What is the capital of France?", return_tensors="pt")["input_ids"], model

    here_ids, here = read(str(MODELS / "llama-tiny"), str(MODELS / "llama-tiny-adapter"))
    ids, there = read("default/tiny", "default/tiny-adapter")
    assert torch.equal(ids, here_ids), "other token ids"
    with torch.no_grad():
        assert torch.equal(there(ids).logits, here(ids).logits), "other logits"
    expected = here.state_dict()
    assert expected.keys() == there.state_dict().keys() and len(expected) > 20
    for name, values in there.state_dict().items():
        assert torch.equal(values, expected[name]), f"{name} differs"
    try:
        AutoTokenizer.from_pretrained("default/absent")
    except OSError as error:
        print("an absent one is refused:", str(error).splitlines()[0])
    else:
        sys.exit("FAILED: a fileset that is not there was read")
    print(f"{len(expected)} tensors and the logits are the same")


with tempfile.TemporaryDirectory(prefix="luthier-judge-") as directory:
    started = start_luthier(Path(directory))
    try:
        judge(started, f"{directory}/hub")
    finally:
        started.stop()
