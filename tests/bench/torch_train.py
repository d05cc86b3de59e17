#!/usr/bin/env python3
"""Tokens per second of whole training steps with PyTorch, transformers and PEFT: forward, backward, clipping and AdamW.

    torch_train.py MODELDIR lora|full --batch N --length N --threads N

What `luthier engine bench train` does: random tokens, every token in the loss, one step first that is not counted. Prints {"peer"} when
that is done, then answers each line: "f32 N" with {"tokens_per_second": of each of N steps}, in f32 throughout; "bf16 N" the same under
autocast, after one step that is not counted. With LoRA, the frozen weights are bf16 from the first "bf16" on.
"""
import argparse
import contextlib
import json
import sys
import time

import peft
import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging


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
    for name in ("batch", "length", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    model = trainable_model(args.model, args.method)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0, fused=True)
    ids = torch.randint(model.config.vocab_size, (args.batch, args.length))

    def step(around):
        begin = time.perf_counter()
        optimizer.zero_grad()
        with around:
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        return ids.numel() / (time.perf_counter() - begin)

    step(contextlib.nullcontext())
    print(json.dumps({"peer": f"PyTorch {torch.__version__.split('+')[0]} + PEFT {peft.__version__}"}), flush=True)
    is_f32 = True
    for line in sys.stdin:
        kind, count = line.split()
        if kind == "bf16" and is_f32:
            is_f32 = False
            for parameter in model.parameters():
                if not parameter.requires_grad:
                    parameter.data = parameter.data.bfloat16()
            step(torch.autocast("cpu", torch.bfloat16))
        elif kind == "f32" and not is_f32:
            sys.exit("the weights are no longer f32")
        rates = [step(torch.autocast("cpu", torch.bfloat16) if kind == "bf16" else contextlib.nullcontext()) for _ in range(int(count))]
        print(json.dumps({"tokens_per_second": rates}), flush=True)


if __name__ == "__main__":
    main()
