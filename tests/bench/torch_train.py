#!/usr/bin/env python3
"""Tokens per second of whole training steps with PyTorch, transformers and PEFT: forward, backward, clipping and AdamW in f32.

    torch_train.py MODELDIR lora|full --steps N --threads N        prints {"tokens_per_second": of each step, "peer"}

What `luthier engine bench train` does: 4 x 256 random tokens, every token in the loss, one step first that is not counted.
"""
import argparse
import json
import time

import peft
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

BATCH, LENGTH = 4, 256


def trainable_model(directory, method):
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    if method == "lora":
        config = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        model = peft.get_peft_model(model, config)
    return model.train()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("method", choices=["lora", "full"])
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = trainable_model(args.model, args.method)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0, fused=True)
    ids = torch.randint(model.config.vocab_size, (BATCH, LENGTH))

    def step():
        begin = time.perf_counter()
        optimizer.zero_grad()
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return BATCH * LENGTH / (time.perf_counter() - begin)

    step()
    rates = [step() for _ in range(args.steps)]
    print(json.dumps({"tokens_per_second": rates, "peer": f"PyTorch {torch.__version__.split('+')[0]} + PEFT {peft.__version__}"}))


if __name__ == "__main__":
    main()
