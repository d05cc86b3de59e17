#!/usr/bin/env python3
"""How often a model with an adapter gives exactly the answer of a row, greedily: the same judge for everybody's adapters.

    peft_accuracy.py MODELDIR ROWS.jsonl ADAPTERDIR... --threads N        prints {"exact": a share for each adapter}
"""
import argparse
import json

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

BATCH = 20


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("adapters", nargs="+")
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
    with open(args.rows, encoding="utf-8") as file:
        conversations = [json.loads(line)["messages"] for line in file]
    prompts = [tokenizer.apply_chat_template(messages[:-1], add_generation_prompt=True, tokenize=False) for messages in conversations]

    def exact(model):
        right = 0
        for begin in range(0, len(prompts), BATCH):
            batch = tokenizer(prompts[begin:begin + BATCH], return_tensors="pt", padding=True, add_special_tokens=False)
            said = model.generate(**batch, do_sample=False, max_new_tokens=8)[:, batch["input_ids"].shape[1]:]
            for text, messages in zip(tokenizer.batch_decode(said, skip_special_tokens=True), conversations[begin:begin + BATCH], strict=True):
                right += text == messages[-1]["content"]
        return right / len(prompts)

    shares = []
    for adapter in args.adapters:
        model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
        shares.append(exact(PeftModel.from_pretrained(model, adapter).eval()))
    print(json.dumps({"exact": shares}))


if __name__ == "__main__":
    main()
