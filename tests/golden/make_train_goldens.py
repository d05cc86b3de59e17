#!/usr/bin/env python3
"""Records what transformers and PEFT compute for a tiny Llama, for the tests of gpu/kernels, gpu/model and gpu/train.

    make_train_goldens.py [PART ...]     run from the root of the tree, with torch, transformers and peft installed

Every file is small: weights are not stored but drawn from a formula (see `formula`) that the tests repeat.
"""
import json, math, sys
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

OUT = Path("tests/golden/train")


def rope():
    theta = 10000.0
    half = 16
    kinds = [
        {"rope_type": "default", "rope_theta": 100000.0},
        {"rope_type": "linear", "rope_theta": theta, "factor": 4.0},
        {"rope_type": "dynamic", "rope_theta": theta, "factor": 2.0},
        {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 64},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 4.0, "original_max_position_embeddings": 64},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 32.0, "original_max_position_embeddings": 64,
         "beta_fast": 16.0, "beta_slow": 2.0, "truncate": False},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 40.0, "original_max_position_embeddings": 64,
         "mscale": 1.0, "mscale_all_dim": 0.8},
        {"rope_type": "yarn", "rope_theta": theta, "factor": 4.0, "original_max_position_embeddings": 64,
         "attention_factor": 1.3},
        {"rope_type": "longrope", "rope_theta": theta, "original_max_position_embeddings": 64,
         "short_factor": [1.0 + 0.01 * j for j in range(half)], "long_factor": [1.0 + 0.5 * j for j in range(half)]},
        {"rope_type": "longrope", "rope_theta": theta, "original_max_position_embeddings": 64, "factor": 3.0,
         "short_factor": [1.0] * half, "long_factor": [2.0 + j for j in range(half)]},
    ]
    cases = []
    for parameters in kinds:
        for length in (40, 200, 500):
            config = LlamaConfig(hidden_size=64, num_attention_heads=2, head_dim=32, max_position_embeddings=256,
                                 rope_parameters=dict(parameters))
            embedding = LlamaRotaryEmbedding(config)
            embedding(torch.zeros(1), torch.arange(length)[None])  # as if this sequence were alone
            cases.append({"rope": parameters, "head_dim": 32, "max_position_embeddings": 256, "length": length,
                          "inverse_frequencies": [float(x) for x in embedding.inv_freq],
                          "attention_scale": float(embedding.attention_scaling)})
    (OUT / "rope.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


PARTS = {"rope": rope}

if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
