#!/usr/bin/env python3
"""Makes GGUF files of some families from tests/golden/families, in tests/golden/checkpoint/FAMILY.gguf, with FAMILY.gguf.digests.json: what
transformers reads from them.

    make_gguf_goldens.py          needs torch, transformers, safetensors and gguf

Tensors have the names of gguf's own tables; their values are stored as llama.cpp's converter does (Gemma's norms with the one added,
experts stacked), in Q8_0 where rows can be. transformers is the judge: digests are of its tensors as f32.
"""
import hashlib, json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from gguf.quants import quantize
from safetensors.torch import load_file

import make_family_goldens as families

OUT = Path(__file__).parent / "checkpoint"
FAMILIES = {"qwen2": "qwen2", "qwen3": "qwen3", "qwen3-moe-sparse": "qwen3moe", "gemma2": "gemma2", "gemma3": "gemma3"}


def digest(x):
    return hashlib.sha256(np.ascontiguousarray(x, np.float32).tobytes()).hexdigest()


def source(name):
    """(config, tensors) of a golden; Qwen3-MoE with experts in every layer, which is what llama.cpp takes for granted."""
    if name != "qwen3-moe-sparse":
        return families.CONFIGS[name], load_file(families.OUT / name / "model.safetensors")
    config = families.CONFIGS["qwen3-moe"] | {"mlp_only_layers": [], "num_hidden_layers": 2}
    model = families.empty_model(config)
    families.fill(model, 1)
    return config, families.published_tensors(model, "qwen3_moe")(dict(model.named_parameters()))


def stacked(config, tensors):
    """Experts of a layer in one tensor."""
    out = {}
    for name, x in tensors.items():
        parts = name.split(".experts.")
        if len(parts) == 1:
            out[name] = x
            continue
        if parts[1].startswith("0."):
            kind = parts[1][2:]
            out[f"{parts[0]}.experts.{kind}"] = torch.stack([tensors[f"{parts[0]}.experts.{e}.{kind}"] for e in range(config["num_experts"])])
    return out


def write(path, arch, config, tensors):
    w = gguf.GGUFWriter(path, arch)
    layers = config["num_hidden_layers"]
    w.add_block_count(layers)
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_freq_base(float(config["rope_theta"]))
    if "head_dim" in config:
        w.add_key_length(config["head_dim"])
        w.add_value_length(config["head_dim"])
    if arch.startswith("gemma"):
        w.add_sliding_window(config["sliding_window"])
    if arch == "gemma2":
        w.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        w.add_final_logit_softcapping(config["final_logit_softcapping"])
    if arch == "gemma3":
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(config["rope_scaling"]["factor"])
    if arch == "qwen3moe":
        w.add_expert_count(config["num_experts"])
        w.add_expert_used_count(config["num_experts_per_tok"])
        w.add_expert_feed_forward_length(config["moe_intermediate_size"])
    w.add_tokenizer_model("gpt2")
    w.add_token_list([chr(97 + i // 10) * (i % 10 + 1) for i in range(config["vocab_size"])])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(next(k for k, v in gguf.MODEL_ARCH_NAMES.items() if v == arch), layers)
    for name, x in stacked(config, tensors).items():
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert stored, name
        x = x.float().numpy()
        if arch.startswith("gemma") and name.endswith("norm.weight"):
            x = x + 1
        kind = gguf.GGMLQuantizationType.F32 if x.ndim == 1 else gguf.GGMLQuantizationType.F16
        if x.ndim > 1 and x.shape[-1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
        w.add_tensor(stored, quantize(x, kind), raw_dtype=kind)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name, arch in FAMILIES.items():
        config, tensors = source(name)
        path = OUT / f"{arch}.gguf"
        write(path, arch, config, tensors)
        # Its reader of metadata leaves out a head's size: the configuration is the source's own.
        theirs = families.empty_model(config)
        model = type(theirs).from_pretrained(OUT, gguf_file=path.name, config=theirs.config, dtype=torch.float32)
        own = {k: v for k, v in model.state_dict().items() if not (k == "lm_head.weight" and "lm_head.weight" not in tensors)}
        read = families.published_tensors(model, config["model_type"])(own)
        assert read.keys() == tensors.keys(), (name, read.keys() ^ tensors.keys())
        for key, x in tensors.items():  # close to what went in: nothing has changed places
            assert (read[key] - x).abs().max() < 0.02 * x.abs().max() + 1e-6, (name, key)
        digests = {k: {"shape": list(v.shape), "sha256": digest(v.numpy())} for k, v in sorted(read.items())}
        path.with_suffix(".gguf.digests.json").write_text(json.dumps(digests, indent=1) + "\n")
        print(f"{path.name}: {len(digests)} tensors, {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
