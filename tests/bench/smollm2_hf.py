#!/usr/bin/env python3
"""Writes the demo's GGUF model as a Hugging Face directory in f32, for the peers, into build/bench/smollm2-hf.

transformers undoes llama.cpp's order of the rows of q and k; what it does not read exactly is set here. The result has to give the
known answer of the unquantized product: a wrong order or a wrong pre-tokenizer would not.
"""
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from sides import gguf, scratch  # noqa: E402

directory = scratch / "smollm2-hf"
QUESTION = "What is the capital of France?"
ANSWER = [504, 3575, 282, 4649, 314, 7042, 30, 2]


def convert(out):
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = read.config
    config.rms_norm_eps = 1e-5  # a GGUF has it as the nearest f32
    assert config.tie_word_embeddings and config.rope_parameters["rope_theta"] == 100000
    del config.quantization_config
    model = LlamaForCausalLM(config)  # one that does not know that it was quantized, and so can be saved
    model.load_state_dict(read.state_dict())
    model.save_pretrained(out)

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # a GGUF only names it: "smollm"
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.save_pretrained(out)


def answer(directory):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_dict=False)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=20)[0, len(prompt):].tolist()


def smollm2_hf():
    """The directory, made when it is missing."""
    if directory.exists():
        return directory
    os.environ["TQDM_DISABLE"] = "1"
    making = directory.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    convert(making)
    said = answer(making)
    if said != ANSWER:
        sys.exit(f"{making}: answers {said} instead of {ANSWER}")
    making.rename(directory)
    return directory


if __name__ == "__main__":
    print(smollm2_hf())
