#!/usr/bin/env python3
"""What transformers and PEFT do on this machine: tokens/s of a prompt of 512 and of one stream, ms to load an adapter and to switch to it.

    torch_serve.py MODELDIR --threads N        prints {"prompt", "decode_1", "adapter_load_ms", "adapter_switch_ms", "peer"}
"""
import argparse
import json
import tempfile
import time

import peft
import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.utils import logging

PROMPT, DECODE = 512, 16


@torch.no_grad()
def rates(model):
    ids = torch.randint(model.config.vocab_size, (1, PROMPT))
    begin = time.perf_counter()
    out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    first = time.perf_counter()
    for _ in range(DECODE):
        out = model(input_ids=out.logits[:, -1:].argmax(-1), past_key_values=out.past_key_values, use_cache=True)
    return PROMPT / (first - begin), DECODE / (time.perf_counter() - first)


def adapter_ms(model):
    config = peft.LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    with tempfile.TemporaryDirectory() as directory:
        adapted = peft.get_peft_model(model, config)
        adapted.save_pretrained(directory)
        begin = time.perf_counter()
        adapted.load_adapter(directory, "another")
        loaded = time.perf_counter()
        adapted.set_adapter("another")
        return (loaded - begin) * 1000, (time.perf_counter() - loaded) * 1000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    rates(model)
    prompt, decode = rates(model)
    load, change = adapter_ms(model)
    print(json.dumps({"prompt": prompt, "decode_1": decode, "adapter_load_ms": load, "adapter_switch_ms": change,
                      "peer": f"transformers {transformers.__version__} + PEFT {peft.__version__}, f32"}))


if __name__ == "__main__":
    main()
