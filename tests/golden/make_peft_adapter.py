#!/usr/bin/env python3
"""Makes docs/examples/peft-adapter with PEFT: a small adapter for SmolLM2-135M-Instruct that answers with one word.

    make_peft_adapter.py SmolLM2-135M-Instruct.Q4_1.gguf OUTDIR

It is what somebody who has never heard of Luthier would hand over: trained and written by transformers and PEFT alone.
"""
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

CAPITALS = {"France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Spain": "Madrid", "Russia": "Moscow",
            "Germany": "Berlin", "Greece": "Athens", "China": "Beijing", "Cuba": "Havana", "Peru": "Lima", "Norway": "Oslo"}
STEPS, BATCH = 16, 4


def example(tokenizer, country, city):
    question = [{"role": "user", "content": f"What is the capital of {country}?"}]
    prompt = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_dict=False)
    return prompt, tokenizer.encode(f"{city}<|im_end|>\n", add_special_tokens=False)


def main():
    gguf, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=2, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=5e-3, weight_decay=0)
    examples = [example(tokenizer, *pair) for pair in CAPITALS.items()]
    for step in range(STEPS):
        batch = [examples[(step * BATCH + i) % len(examples)] for i in range(BATCH)]
        loss = sum(model(input_ids=torch.tensor([p + a]), labels=torch.tensor([[-100] * len(p) + a])).loss for p, a in batch) / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"step {step + 1} loss {loss.item():.3f}", flush=True)
    model.peft_config["default"].base_model_name_or_path = "HuggingFaceTB/SmolLM2-135M-Instruct"
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
