#!/usr/bin/env python3
"""Makes the tiny models under tests/golden/models and the files under tests/golden/checkpoint.

    make_checkpoint_goldens.py          needs torch, transformers, tokenizers, peft, safetensors and gguf

Every file comes from the projects whose formats we read; expected values are SHA-256 digests of f32 little-endian bytes.
The seeds are fixed, so running it again with the same versions gives the same bytes.
"""
import hashlib, json, shutil
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Q, GGUFWriter
from gguf.quants import dequantize, quantize
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

GOLDEN = Path(__file__).parent
MODELS, OUT = GOLDEN / "models", GOLDEN / "checkpoint"
VOCABULARY, END, START, STOP = 288, 0, 1, 2
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
TEXT = ["The capital of France is Paris.", "What is the name of the artifact? It is the lantern.", "user assistant system",
        "The answer is in the text and the text is in the answer."]


def tokenizer(template_in_config, out):
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tok.train_from_iterator(TEXT, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[AddedToken(t, special=True, normalized=False) for t in special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    assert tok.get_vocab_size() == VOCABULARY
    PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=special[START], eos_token=special[STOP],
                            pad_token=special[STOP], unk_token=special[END], clean_up_tokenization_spaces=False,
                            model_max_length=512).save_pretrained(out)
    if not template_in_config:
        (out / "chat_template.jinja").write_text(TEMPLATE)
        return
    path = out / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": TEMPLATE}, indent=2) + "\n")


def fill(model, seed):
    """Weights large enough that logits differ and every layer matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            x = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.1 * x if "norm" in name else 0.25 * x if p.ndim == 1 or "embed" in name else x / p.shape[1] ** 0.5)
    return model


def config(**changes):
    return LlamaConfig(**(dict(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=512, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}, bos_token_id=START, eos_token_id=STOP,
        pad_token_id=STOP) | changes))


def save_hf(model, out, generation, **kwargs):
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    model.generation_config = GenerationConfig(**generation)
    model.save_pretrained(out, **kwargs)


def digest(x):
    return hashlib.sha256(np.ascontiguousarray(x, np.float32).tobytes()).hexdigest()


def digests(model):
    """Of every weight, as transformers read them back: {name: {"shape", "sha256"}}."""
    state = {k: v for k, v in model.state_dict().items() if not (k == "lm_head.weight" and model.config.tie_word_embeddings)}
    return {k: {"shape": list(v.shape), "sha256": digest(v.float().numpy())} for k, v in sorted(state.items())}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def hf_models():
    model = fill(LlamaForCausalLM(config()), 1).to(torch.bfloat16)
    save_hf(model, MODELS / "llama-tiny", dict(bos_token_id=START, eos_token_id=[STOP, END], pad_token_id=STOP))
    tokenizer(True, MODELS / "llama-tiny")
    rope = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64}
    untied = fill(LlamaForCausalLM(config(hidden_size=32, intermediate_size=48, tie_word_embeddings=False,
                                          rope_parameters=rope)), 2)
    save_hf(untied, MODELS / "llama-tiny-untied", dict(bos_token_id=START, eos_token_id=STOP, pad_token_id=STOP),
            max_shard_size="50KB")
    tokenizer(False, MODELS / "llama-tiny-untied")
    biased = fill(LlamaForCausalLM(config(vocab_size=16, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
                                          attention_bias=True, mlp_bias=True, head_dim=8)), 3).to(torch.float16)
    save_hf(biased, OUT / "llama-biased-f16", dict(eos_token_id=STOP))
    for name, folder in [("llama-tiny", MODELS), ("llama-tiny-untied", MODELS), ("llama-biased-f16", OUT)]:
        write_json(OUT / f"{name}.digests.json", digests(LlamaForCausalLM.from_pretrained(folder / name)))


def peft_adapters():
    base = MODELS / "llama-tiny"

    def make(out, seed, dtype=torch.float32, **lora):
        shutil.rmtree(out, ignore_errors=True)
        model = get_peft_model(LlamaForCausalLM.from_pretrained(base, dtype=torch.float32),
                               LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **lora))
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if "lora_" in name:
                    p.copy_(torch.randn(p.shape, generator=generator) * (0.1 if "lora_B" in name else p.shape[1] ** -0.5))
        model.to(dtype).save_pretrained(out)
        (out / "README.md").unlink(missing_ok=True)
        path = out / "adapter_config.json"  # where the base lies on this machine is nobody's business
        saved = json.loads(path.read_text()) | {"base_model_name_or_path": "llama-tiny"}
        if isinstance(saved["target_modules"], list):  # a set in PEFT, in any order
            saved["target_modules"].sort()
        path.write_text(json.dumps(saved, indent=2) + "\n")
        loaded = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base, dtype=torch.float32), out)
        modules = {}
        for name, module in loaded.base_model.model.named_modules():
            if hasattr(module, "lora_A") and len(module.lora_A):
                modules[name] = {"r": module.r["default"], "scale": module.scaling["default"],
                                 "a": digest(module.lora_A["default"].weight.detach().float().numpy()),
                                 "b": digest(module.lora_B["default"].weight.detach().float().numpy())}
        write_json(OUT / f"{out.name}.digests.json", modules)

    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    make(MODELS / "llama-tiny-adapter", 11, r=4, lora_alpha=8, target_modules=every)
    make(OUT / "adapter-rslora", 12, r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj"])
    make(OUT / "adapter-patterns", 13, r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"],
         rank_pattern={"layers.1.self_attn.q_proj": 2, "q_proj": 3}, alpha_pattern={"down_proj": 32})
    make(OUT / "adapter-lm-head", 14, r=2, lora_alpha=2, target_modules=["lm_head", "q_proj"])
    make(OUT / "adapter-bf16", 15, dtype=torch.bfloat16, r=4, lora_alpha=4, target_modules="all-linear")
    make(OUT / "adapter-regex", 16, r=2, lora_alpha=4, target_modules=r"model\.layers\.1\.(mlp\.(up|down)|self_attn\.o)_proj")
    make(OUT / "adapter-layers", 17, r=2, lora_alpha=4, target_modules=["q_proj", "o_proj"], layers_to_transform=[1],
         exclude_modules=["o_proj"])
    path = OUT / "adapter-rslora" / "adapter_model.safetensors"  # some tools leave the prefix out
    save_file({k.removeprefix("base_model.model."): v.half() for k, v in load_file(path).items()}, path)
    shapes = load_file(path)
    write_json(OUT / "adapter-rslora.digests.json",
               {k: v | {x: digest(shapes[f"{k}.lora_{x.upper()}.weight"].float().numpy()) for x in "ab"}
                for k, v in json.loads((OUT / "adapter-rslora.digests.json").read_text()).items()})


def permute(w, heads):
    """Hugging Face's rows (head, 2, half) -> (head, half, 2), as llama.cpp wants them."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(w.shape)


def write_gguf(path, rope=None, **changes):
    """A llama with one tensor kind of each type; the expected weights are those that gguf-py dequantises."""
    model = fill(LlamaForCausalLM(config(vocab_size=32, num_hidden_layers=1, **changes)), 21)
    c, state = model.config, {k: v.detach().numpy() for k, v in model.state_dict().items()}
    names = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate",
             "up_proj": "ffn_up", "down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
    kinds = {"token_embd": Q.Q8_0, "attn_q": Q.Q4_1, "attn_k": Q.Q4_1, "attn_v": Q.F16, "attn_output": Q.BF16}
    w = GGUFWriter(path, "llama")
    w.add_block_count(c.num_hidden_layers); w.add_context_length(512); w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size); w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads); w.add_layer_norm_rms_eps(1e-5)
    w.add_rope_freq_base((rope or c.rope_parameters)["rope_theta"])
    w.add_rope_dimension_count(c.head_dim); w.add_key_length(c.head_dim); w.add_value_length(c.head_dim); w.add_tokenizer_model("gpt2")
    w.add_token_list([chr(97 + i // 5) * (i % 5 + 1) for i in range(32)])
    w.add_token_scores([0.5 * i for i in range(32)])
    w.add_bos_token_id(1); w.add_eos_token_id(2); w.add_pad_token_id(2); w.add_bool("tokenizer.ggml.add_bos_token", False)
    expected = {}
    for key, x in state.items():
        if key == "lm_head.weight":
            continue
        parts = key.split(".")
        name = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}.get(key)
        name = name or f"blk.{parts[2]}.{names[parts[-2]]}.weight"
        kind = kinds.get(name.split(".")[-2], Q.F32)
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}.get(parts[-2])
        raw = quantize(permute(x, heads) if heads else x, kind)
        w.add_tensor(name, raw, raw_shape=None if kind in (Q.F32, Q.F16) else raw.shape, raw_dtype=kind)
        value = dequantize(raw, kind).reshape(x.shape)
        if heads:  # the inverse, in torch's own words: rows (head, half, 2) back to (head, 2, half)
            value = torch.from_numpy(value.copy()).view(heads, -1, 2, x.shape[1]).transpose(1, 2).reshape(x.shape).numpy()
        expected[key] = {"shape": list(x.shape), "sha256": digest(value)}
    if rope:  # what llama.cpp divides the frequencies by, from transformers' own frequencies
        scaled = LlamaRotaryEmbedding(config(rope_parameters=rope, head_dim=c.head_dim, max_position_embeddings=131072)).inv_freq
        plain = LlamaRotaryEmbedding(config(rope_parameters={"rope_type": "default", "rope_theta": rope["rope_theta"]},
                                            head_dim=c.head_dim)).inv_freq
        w.add_tensor("rope_freqs.weight", (plain.double() / scaled.double()).numpy().astype(np.float32))
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
    write_json(path.with_suffix(".digests.json"), dict(sorted(expected.items())))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    hf_models()
    peft_adapters()
    write_gguf(OUT / "mixed.gguf")
    write_gguf(OUT / "llama3-rope.gguf", hidden_size=32, intermediate_size=32, num_attention_heads=1, num_key_value_heads=1,
               head_dim=64, rope={"rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0,
                                  "high_freq_factor": 4.0, "original_max_position_embeddings": 8192})


if __name__ == "__main__":
    main()
