#!/usr/bin/env python3
"""What transformers' generate() says, greedily, with the models of tests/golden/families: tests/golden/serve/families.json.

    make_family_generations.py          needs torch and transformers; after make_family_goldens.py

Prompts are chosen so that generation crosses what a family counts by: a window, or the length that longrope or dynamic scaling
was trained for, where a cache that was filled before the crossing matters.
"""
import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
TOKENS_MAX = {"llama-dynamic": 32}  # context: what its factor stretches it to
NAMES = ["gemma3", "gpt-oss", "llama-dynamic", "mistral", "phi3-longrope", "qwen2", "qwen3-moe", "smollm3"]


def main():
    rows = []
    for name in NAMES:
        model = transformers.AutoModelForCausalLM.from_pretrained(HERE / "families" / name, dtype=torch.float32, attn_implementation="eager").eval()
        sequence = json.loads((HERE / "families" / name / "cases.json").read_text())["sequences"][-1]
        for length in (5, 14, 15):
            prompt = sequence[:length]
            count = min(24, TOKENS_MAX.get(name, 64) - length)
            out = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, length, dtype=torch.long), do_sample=False,
                                 max_new_tokens=count, eos_token_id=None, pad_token_id=0)
            rows.append({"family": name, "prompt": prompt, "new": out[0, length:].tolist()})
    (HERE / "serve" / "families.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
