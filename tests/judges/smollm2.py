#!/usr/bin/env python3
"""SmolLM2 from its GGUF file: our logits and greedy answer, and those of transformers with the weights that gguf-py reads from it.

    smollm2.py LUTHIER FILE.gguf          run from the repository's root
"""
import json, sys
from pathlib import Path

import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from asking import check, end, luthier, our_logits, same_logits, their_logits

NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
QUESTION = "What is the capital of France?"
ANSWER = [504, 3575, 282, 4649, 314, 7042, 30]  # "The capital of France is Paris."
END = 2
TEXTS = ["The capital of France is Paris.", "def fibonacci(n):\n    if n < 2:\n        return n\n",
         "Once upon a time there was a lantern in a small house by the sea. " * 6]


def config_of(reader):
    value = lambda key: reader.fields[key].contents()
    return LlamaConfig(
        vocab_size=value("llama.vocab_size"), hidden_size=value("llama.embedding_length"), intermediate_size=value("llama.feed_forward_length"),
        num_hidden_layers=value("llama.block_count"), num_attention_heads=value("llama.attention.head_count"),
        num_key_value_heads=value("llama.attention.head_count_kv"), max_position_embeddings=value("llama.context_length"),
        rms_norm_eps=value("llama.attention.layer_norm_rms_epsilon"), tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": value("llama.rope.freq_base")},
        bos_token_id=value("tokenizer.ggml.bos_token_id"), eos_token_id=value("tokenizer.ggml.eos_token_id"))


def name_of(name):
    if name in ("token_embd.weight", "output_norm.weight"):
        return {"t": "model.embed_tokens.weight", "o": "model.norm.weight"}[name[0]]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.{kind}"


def weights_of(reader, config):
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in reader.tensors:
        value = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        for part, count in heads.items():  # llama.cpp turns neighbouring rows, transformers those half a head apart
            if f".{part}." in tensor.name:
                value = value.view(count, -1, 2, value.shape[1]).transpose(1, 2).reshape(value.shape)
        weights[name_of(tensor.name)] = value
    return weights


def theirs(file):
    reader = GGUFReader(file)
    config = config_of(reader)
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    model.to_empty(device="cpu")
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # computed, in no file
    missing, unexpected = model.load_state_dict(weights_of(reader, config), strict=False)
    model.tie_weights()
    assert missing == ["lm_head.weight"] and not unexpected, (missing, unexpected)
    return model.eval()


@torch.no_grad()
def greedy(model, ids, new=24):
    said = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False, max_new_tokens=new,
                          eos_token_id=END, pad_token_id=END)[0, len(ids):].tolist()
    return said[:said.index(END)] if END in said else said


def main():
    binary, file = sys.argv[1], Path(sys.argv[2])
    judge, tokenizer = theirs(file), AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    prompts = [tokenizer(text)["input_ids"] for text in TEXTS]
    for text, ours, expected in zip(TEXTS, our_logits(binary, file, prompts), their_logits(judge, prompts)):
        same_logits(f"logits of {len(expected)} tokens, {text[:24]!r}", [ours], [expected])

    chat = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_dict=False)
    check("transformers' greedy answer", greedy(judge, chat) == ANSWER, tokenizer.decode(ANSWER))
    answer = json.loads(luthier(binary, "generate", "--model", file, "--prompt", QUESTION, "--chat", "--max-tokens", 24, "--temperature", 0, "--ids"))
    check("our greedy answer", [i for i in answer if i != END] == ANSWER and answer[:len(ANSWER)] == ANSWER, str(answer))
    end()


if __name__ == "__main__":
    main()
