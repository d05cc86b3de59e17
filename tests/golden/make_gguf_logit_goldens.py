#!/usr/bin/env python3
"""Makes GGUF files of tiny random models with llama.cpp's own converter, in tests/golden/gguf/NAME.gguf, with NAME.json: the config.json that
it is of and token ids, and NAME.safetensors: the logits that transformers computes in double precision.

    make_gguf_logit_goldens.py [NAME ...]     needs torch, transformers, safetensors; and llama.cpp: tools/setup-llama-cpp.sh

llama.cpp reads each file too, and its logits must be transformers', but for what it is known to do otherwise ("differs" below): then it is
asked about a model in which that makes no difference.
"""
import json, subprocess, sys, tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".cache/llama.cpp/0.3.36"
sys.path[:0] = [str(PEER / "source"), str(PEER / "source/gguf-py")]

import gguf
import numpy as np
import torch
import transformers
from conversion import ModelBase, get_model_class
from safetensors.torch import save_file

import make_family_goldens as families

OUT = Path(__file__).parent / "gguf"
LENGTHS = [1, 7, 33]
yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
config = families.CONFIGS
MODELS = {
    "phi3": config["phi3"] | {"sliding_window": 40},
    "phi3-window": config["phi3"],
    "phi3-longrope": config["phi3-longrope"],
    "phi3-longrope-short": config["phi3-longrope"] | {"original_max_position_embeddings": 256, "max_position_embeddings": 2048},
    "gpt-oss": config["gpt-oss"] | {"swiglu_limit": 7.0, "rope_scaling": config["gpt-oss"]["rope_scaling"] | {"beta_fast": 24.0}},
    "gpt-oss-mxfp4": config["gpt-oss-mxfp4"] | {"swiglu_limit": 7.0},
    "gemma": config["gemma"],
    "smollm3": {k: v for k, v in config["smollm3"].items() if k not in ("no_rope_layers", "layer_types")} | {"num_hidden_layers": 5},
    "deci": config["nemotron-nas"] | {"num_hidden_layers": 3, "block_configs": [
        config["nemotron-nas"]["block_configs"][0], {"attention": families.no_op, "ffn": families.ffn(None)}, config["nemotron-nas"]["block_configs"][1]]},
    "deci-attention": config["nemotron-nas"],
    "qwen2-yarn": config["qwen2"] | {"num_hidden_layers": 2, "use_sliding_window": False, "rope_scaling": yarn},
    "qwen3-embedding": config["qwen3"],
    "llama-yarn": families.llama | {"rope_scaling": yarn | {"beta_fast": 20.0, "beta_slow": 2.0}},
}
# What llama.cpp does otherwise, and the same model for it: it rounds YaRN's bounds, sees no window of Phi-3's, forgets the attention of a
# layer without feed-forward part, multiplies by MXFP4 with activations of eight bits, and chooses Phi-3's factors by its context, which has
# 256 tokens at least.
PEERS = {"phi3-window": None, "deci-attention": None, "gpt-oss-mxfp4": None,
         "gpt-oss": {"rope_scaling": MODELS["gpt-oss"]["rope_scaling"] | {"truncate": True}}}


ONLY_LONGEST = ["phi3-longrope"]
EMBEDDING = ["qwen3-embedding"]  # pooled at the last token
LIMITS = {"gemma": 2e-3}  # it looks GELU up in a table of f16


def set_vocab(converter):
    writer = converter.gguf_writer
    writer.add_tokenizer_model("no_vocab")
    if not any(key.endswith(".vocab_size") for key in writer.kv_data[0]):
        writer.add_vocab_size(converter.hparams["vocab_size"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def convert(directory, path):
    kind = get_model_class(ModelBase.load_hparams(directory, False)["architectures"][0])
    kind.set_vocab = set_vocab
    with torch.inference_mode():
        kind(directory, gguf.LlamaFileType.ALL_F32, path).write()


def program(scratch):
    made, bin = scratch / "logits", PEER / "build/bin"
    subprocess.run(["g++", "-std=c++20", "-O1", "-o", made, Path(__file__).parent / "llama_cpp_logits.cpp", f"-I{PEER}/source/include",
                    f"-I{PEER}/source/ggml/include", f"-L{bin}", f"-Wl,-rpath,{bin}", "-lllama", "-lggml", "-lggml-base"], check=True)
    return made


def peer_logits(peer, model, sequences, scratch):
    words = [str(n) for ids in sequences for n in [len(ids), *ids]]
    subprocess.run([peer, model, scratch / "out", *words], check=True)
    return np.fromfile(scratch / "out", np.float32).reshape(-1, families.VOCABULARY)


def logits(model, published, sequences):
    with torch.no_grad():
        return [families.causal(model, published, ids) for ids in sequences]


def make(name, published, peer, scratch):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    sequences = [torch.randint(3, families.VOCABULARY, (length,), generator=generator).tolist() for length in LENGTHS]
    for seed in range(1, 60):
        model = families.empty_model(published).eval()
        families.fill(model, seed)
        stored = {n: p for n, p in model.state_dict(keep_vars=True).items() if isinstance(p, torch.nn.Parameter) and not families.is_tied(n, model)}
        tensors = families.published_tensors(model, published["model_type"])(stored)
        if "quantization_config" in published:
            tensors = families.quantise_experts(model, tensors)
        model = model.double()
        if families.margin(model, sequences, published) > families.MARGIN:
            break
    directory = scratch / name
    directory.mkdir()
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(published))
    if name in EMBEDDING:
        (directory / "1_Pooling").mkdir()
        (directory / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_lasttoken": True}))
        (directory / "modules.json").write_text(json.dumps([{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]))
    path = OUT / f"{name}.gguf"
    convert(directory, path)
    computed = logits(model, published, sequences)
    said = "not asked"
    if PEERS.get(name, {}) is not None:
        same = published | PEERS.get(name, {})
        twin = families.empty_model(same)
        twin.load_state_dict(model.state_dict())
        asked = sequences[-1:] if name in ONLY_LONGEST else sequences
        expected = torch.cat(logits(twin.double().eval(), same, asked)).numpy()
        difference = np.abs(peer_logits(peer, path, asked, scratch) - expected).max() / np.abs(expected).max()
        said = f"within {difference:.1e}"
        assert difference < LIMITS.get(name, 1e-5), (name, difference)
    save_file({f"logits.{i}": x.float().contiguous() for i, x in enumerate(computed)}, OUT / f"{name}.safetensors")
    (OUT / f"{name}.json").write_text(json.dumps({"config": published, "sequences": sequences} | ({"pooling": "last"} if name in EMBEDDING else {})) + "\n")
    print(f"{name}: {path.stat().st_size // 1000} kB, llama.cpp {said}", flush=True)


def main():
    transformers.logging.set_verbosity_error()
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        peer = program(scratch)
        for name in sys.argv[1:] or MODELS:
            make(name, MODELS[name], peer, scratch)


if __name__ == "__main__":
    main()
