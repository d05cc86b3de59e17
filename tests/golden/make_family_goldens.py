#!/usr/bin/env python3
"""Makes a tiny random model of each family under tests/golden/families, with what transformers computes for it.

    make_family_goldens.py [NAME ...]          needs torch, transformers, peft and safetensors

families/NAME/ has config.json in the spelling that the family is published with, model.safetensors (f32 unless said), and
    cases.json            {"sequences": [[ids] ...], "loss": {"rows": [{"tokens", "labels"}], "value", "tokens"}, "unused": [...]}
    expected.safetensors  logits.N [length, vocabulary] of sequence N, as if it were alone; of an embedding model hidden.N [length, hidden].
                          gradient.TENSOR [2]: the loss's gradient by that tensor, its norm and its product with cos(0), cos(1), …
                          taken in row-major order
Some have an adapter as PEFT saves it, in families/NAME/adapter/: adapter_config.json, adapter_model.safetensors and expected.safetensors
with logits.N of the same sequences and gradient.TENSOR of the same rows' loss, by the adapter's tensors under their names in the file.
cases.json there has the loss.
All is computed in float64 from the stored weights (transformers itself takes norms and rotary angles in float32). labels -100 take no
loss, the shift by one is the reader's; the loss is the sum over all supervised tokens of all rows divided by their number. Tensors in
"unused" have no gradient in this batch: experts that no token was sent to.
"""
import copy, json, shutil, sys
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

OUT = Path(__file__).parent / "families"
VOCABULARY = 128
LENGTHS = [1, 7, 20, 33]
PLAIN = {"attn_implementation": "eager", "experts_implementation": "eager"}
MARGIN = 1e-3  # between the last expert that is chosen and the first that is not: f32 must choose the same ones

base = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
        "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32"}
llama = base | {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
                "pretraining_tp": 1, "rope_theta": 10000.0, "rope_scaling": None}
llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
qwen3 = base | {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 16, "attention_bias": False, "rms_norm_eps": 1e-6,
                "rope_theta": 1000000.0, "rope_scaling": None, "sliding_window": None, "use_sliding_window": False, "max_window_layers": 2}
moe = qwen3 | {"architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "head_dim": 8, "num_hidden_layers": 3, "num_experts": 6,
               "num_experts_per_tok": 2, "moe_intermediate_size": 12, "decoder_sparse_step": 1, "mlp_only_layers": [1],
               "norm_topk_prob": True, "output_router_logits": False, "router_aux_loss_coef": 0.001}
phi3 = base | {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "num_attention_heads": 2, "num_key_value_heads": 1,
               "original_max_position_embeddings": 16, "rope_theta": 10000.0, "pad_token_id": 0, "embd_pdrop": 0.0, "resid_pdrop": 0.0}
gemma = base | {"head_dim": 16, "tie_word_embeddings": True, "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh",
                "rms_norm_eps": 1e-6, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1, "rope_theta": 10000.0}
gpt_oss = base | {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "head_dim": 8, "intermediate_size": 32,
                  "num_local_experts": 6, "num_experts_per_tok": 3, "experts_per_token": 3, "attention_bias": True, "sliding_window": 6,
                  "layer_types": ["sliding_attention", "full_attention"], "swiglu_limit": 1.5, "rope_theta": 150000.0, "initial_context_length": 16,
                  "max_position_embeddings": 128, "pad_token_id": 0,
                  "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
                                   "original_max_position_embeddings": 16}}
encoder = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
           "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02,
           "position_embedding_type": "absolute", "use_cache": True, "torch_dtype": "float32"}
no_op = {"n_heads_in_group": None, "no_op": True, "replace_with_linear": False}


def attention(group):
    return {"n_heads_in_group": group, "no_op": False, "num_sink_tokens": None, "replace_with_linear": False, "sparsify": None,
            "unshifted_sink": False, "use_prefill_window_in_sink_attention": False, "window_length": None}


def ffn(mult):
    return {"ffn_mult": mult, "no_op": mult is None, "replace_with_linear": False, "sparsify": None}


CONFIGS = {
    "llama-biases": llama | {"head_dim": 12, "attention_bias": True, "mlp_bias": True, "rope_theta": 500000.0, "rope_scaling": llama3,
                             "eos_token_id": [2, 3]},
    "llama-linear": llama | {"tie_word_embeddings": True, "rope_scaling": {"type": "linear", "factor": 2.5}},
    "llama-dynamic": llama | {"max_position_embeddings": 16, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "mistral": base | {"architectures": ["MistralForCausalLM"], "model_type": "mistral", "head_dim": 12, "sliding_window": 6, "rope_theta": 10000.0},
    "qwen2": base | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "num_hidden_layers": 3, "use_sliding_window": True,
                     "sliding_window": 6, "max_window_layers": 1, "rope_theta": 1000000.0, "tie_word_embeddings": True},
    "qwen3": qwen3 | {"tie_word_embeddings": True},
    "qwen3-moe": moe,
    "qwen3-moe-unscaled": moe | {"norm_topk_prob": False, "mlp_only_layers": [], "decoder_sparse_step": 2},
    "smollm3": base | {"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "num_hidden_layers": 3, "no_rope_layers": [1, 0, 1],
                       "no_rope_layer_interval": 4, "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True,
                       "layer_types": ["full_attention"] * 3, "use_sliding_window": False, "sliding_window": None,
                       "pad_token_id": 0, "rope_theta": 5000000.0, "rope_scaling": None},
    "phi3": phi3 | {"num_key_value_heads": 2, "original_max_position_embeddings": 64, "rope_scaling": None, "sliding_window": 10,
                    "eos_token_id": [2, 5, 7]},
    "phi3-longrope": phi3 | {"partial_rotary_factor": 0.75, "sliding_window": None, "tie_word_embeddings": True,
                             "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.05, 1.1, 1.2, 1.5, 2.0],
                                              "long_factor": [1.0, 1.3, 2.2, 3.5, 6.0, 9.5]}},
    "gemma": gemma | {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "num_key_value_heads": 1},
    "gemma2": gemma | {"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "head_dim": 12, "sliding_window": 6,
                       "query_pre_attn_scalar": 16, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 5.0, "cache_implementation": "hybrid"},
    "gemma3": {k: v for k, v in gemma.items() if k != "hidden_act"} |
              {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "num_hidden_layers": 3, "head_dim": 12, "sliding_window": 6,
               "sliding_window_pattern": 2, "query_pre_attn_scalar": 9, "attn_logit_softcapping": None, "final_logit_softcapping": None,
               "rope_theta": 1000000, "rope_local_base_freq": 10000, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "gpt-oss": gpt_oss,
    "gpt-oss-mxfp4": gpt_oss | {"torch_dtype": "bfloat16", "quantization_config": {
        "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"],
        "quant_method": "mxfp4"}},
    "nemotron-nas": llama | {
        "architectures": ["DeciLMForCausalLM"], "model_type": "nemotron-nas", "hidden_size": 16, "intermediate_size": None,
        "num_hidden_layers": 4, "num_key_value_heads": None, "rope_theta": 500000.0, "rope_scaling": llama3, "block_configs": [
            {"attention": attention(2), "ffn": ffn(2.625)}, {"attention": no_op, "ffn": ffn(25.0)},
            {"attention": attention(4), "ffn": ffn(None)}, {"attention": attention(1), "ffn": ffn(1.0)}]},
    "llama-bidirectional": llama | {"architectures": ["LlamaBidirectionalModel"], "model_type": "llama_bidirec", "pooling": "avg",
                                    "temperature": 0.02, "rope_theta": 500000.0, "rope_scaling": llama3, "tie_word_embeddings": True},
    "bert": encoder | {"architectures": ["BertModel"], "model_type": "bert", "max_position_embeddings": 48, "layer_norm_eps": 1e-12,
                       "type_vocab_size": 2, "pad_token_id": 0},
    "xlm-roberta": encoder | {"architectures": ["XLMRobertaForMaskedLM"], "model_type": "xlm-roberta", "max_position_embeddings": 50,
                              "layer_norm_eps": 1e-5, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
}


class Part(nn.Module):
    """A layer of DeciLM: a Llama layer of which some is missing. https://huggingface.co/nvidia/Llama-3_3-Nemotron-Super-49B-v1"""

    def __init__(self, config, block, index):
        super().__init__()
        a, f = block["attention"], block["ffn"]
        own = copy.deepcopy(config)
        if not a["no_op"]:
            own.num_key_value_heads = config.num_attention_heads // a["n_heads_in_group"]
            self.input_layernorm = transformers.models.llama.modeling_llama.LlamaRMSNorm(config.hidden_size, config.rms_norm_eps)
            self.self_attn = transformers.models.llama.modeling_llama.LlamaAttention(own, index)
        if not f["no_op"]:
            own.intermediate_size = (int(2 * f["ffn_mult"] * config.hidden_size / 3) + 255) // 256 * 256
            self.post_attention_layernorm = transformers.models.llama.modeling_llama.LlamaRMSNorm(config.hidden_size, config.rms_norm_eps)
            self.mlp = transformers.models.llama.modeling_llama.LlamaMLP(own)

    def forward(self, x, **kwargs):
        kwargs = {k: kwargs[k] for k in ("attention_mask", "position_embeddings")}
        if hasattr(self, "self_attn"):
            x = x + self.self_attn(self.input_layernorm(x), **kwargs)[0]
        return x + self.mlp(self.post_attention_layernorm(x)) if hasattr(self, "mlp") else x


def empty_model(published):
    """The model of a published config.json, of float32 weights, in transformers' own class where it has one."""
    published = {k: v for k, v in copy.deepcopy(published).items() if k != "quantization_config"}
    family, architecture = published["model_type"], published["architectures"][0]
    if family == "nemotron-nas":
        heads = published["num_attention_heads"]
        config = transformers.LlamaConfig(**published | {"model_type": "llama", "num_key_value_heads": heads, "intermediate_size": 8})
        config._attn_implementation = "eager"
        model = transformers.LlamaForCausalLM(config)
        model.model.layers = nn.ModuleList(Part(config, block, i) for i, block in enumerate(published["block_configs"]))
        return model
    if family == "llama_bidirec":
        family, architecture = "llama", "LlamaModel"
    config = transformers.AutoConfig.for_model(family, **{k: v for k, v in published.items() if k != "model_type"})
    return getattr(transformers, architecture)._from_config(config, **PLAIN)


def fill(model, seed):
    """Weights so large that attention, experts and every bias matter."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        x = torch.randn(p.shape, generator=generator)
        plus_one = "Gemma" in type(model).__name__
        if "norm" in name.lower() and name.endswith("weight"): value = (0.0 if plus_one else 1.0) + 0.2 * x
        elif p.ndim == 1: value = 0.3 * x if "sinks" not in name else 1.0 + x
        elif "embed" in name: value = (0.2 if plus_one else 0.6) * x
        elif "router" in name or name.endswith("mlp.gate.weight"): value = 0.5 * x
        elif p.ndim == 3 and "gpt_oss" in model.config.model_type and "bias" not in name: value = 1.4 * x / p.shape[1] ** 0.5
        elif "bias" in name: value = 0.3 * x
        else: value = 1.4 * x / p.shape[-1] ** 0.5
        with torch.no_grad():
            p.copy_(value)


def published_tensors(model, family):
    """{published name: tensor}, of weights or of gradients, from a model's own {name: tensor}."""
    def names(own):
        tensors = {}
        for name, value in own.items():
            if family == "qwen3_moe" and name.endswith("experts.gate_up_proj"):
                for e, both in enumerate(value):
                    gate, up = both.chunk(2)
                    tensors[name.replace("gate_up_proj", f"{e}.gate_proj.weight")] = gate
                    tensors[name.replace("gate_up_proj", f"{e}.up_proj.weight")] = up
            elif family == "qwen3_moe" and name.endswith("experts.down_proj"):
                for e, down in enumerate(value):
                    tensors[name.replace("down_proj", f"{e}.down_proj.weight")] = down
            else:
                tensors[name] = value
        return {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    return names


def is_tied(name, model):
    return model.config.tie_word_embeddings and name in ("lm_head.weight", "lm_head.decoder.weight", "lm_head.decoder.bias")


FP4 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0.0, -.5, -1, -1.5, -2, -3, -4, -6], dtype=torch.float64)


def to_mxfp4(weight):
    """[experts, in, out] as it is published: blocks [experts, out, in / 32, 16], scales [experts, out, in / 32]; and what they mean."""
    rows = weight.double().transpose(1, 2)
    groups = rows.reshape(*rows.shape[:-1], -1, 32)
    exponent = torch.floor(torch.log2(groups.abs().amax(-1).clamp(min=1e-30))) - 2
    scaled = groups / 2.0 ** exponent[..., None]
    codes = (scaled[..., None] - FP4).abs().argmin(-1)
    blocks = (codes[..., 0::2] | codes[..., 1::2] << 4).to(torch.uint8)
    meant = (FP4[codes] * 2.0 ** exponent[..., None]).reshape(rows.shape).transpose(1, 2)
    return blocks, (exponent + 127).to(torch.uint8), meant.contiguous()


def quantise_experts(model, tensors):
    """Experts as MXFP4, all else as bf16; the model's weights become what is then stored."""
    out = {}
    for name, p in model.named_parameters():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            out[name + "_blocks"], out[name + "_scales"], meant = to_mxfp4(p.detach())
        else:
            out[name] = tensors[name].to(torch.bfloat16)
            meant = out[name]
        with torch.no_grad():
            p.copy_(meant)
    return out


def causal(model, published, ids):
    """Logits, or an embedding model's last hidden states, of one sequence alone."""
    model = copy.deepcopy(model) if not torch.is_grad_enabled() else model  # dynamic frequencies remember the longest sequence
    ids = torch.tensor([ids])
    family = published["model_type"]
    if family == "llama_bidirec":
        return model(ids, attention_mask=torch.zeros(1, 1, ids.shape[1], ids.shape[1], dtype=torch.float64), use_cache=False).last_hidden_state[0]
    if family == "xlm-roberta":
        return model.roberta(ids).last_hidden_state[0]
    if family == "bert":
        return model(ids).last_hidden_state[0]
    return model(ids, use_cache=False).logits[0]


def margin(model, sequences, published):
    """The least distance between the last chosen expert's logit and the next one's."""
    least = [float("inf")]

    def hook(router, inputs, output):
        logits = F.linear(inputs[0].reshape(-1, inputs[0].shape[-1]), router.weight, getattr(router, "bias", None))
        top = logits.topk(router.top_k + 1).values
        least[0] = min(least[0], (top[:, -2] - top[:, -1]).min().item())

    hooks = [m.register_forward_hook(hook) for m in model.modules() if type(m).__name__.endswith("TopKRouter")]
    with torch.no_grad():
        for ids in sequences:
            causal(model, published, ids)
    for h in hooks:
        h.remove()
    return least[0]


def loss_of(model, published, rows):
    total, count = 0.0, 0
    for row in rows:
        labels = torch.tensor(row["labels"])[1:]
        total = total + F.cross_entropy(causal(model, published, row["tokens"])[:-1], labels, ignore_index=-100, reduction="sum")
        count += int((labels != -100).sum())
    return total / count, count


def make(name, published):
    is_embedding = published["model_type"] in ("bert", "xlm-roberta", "llama_bidirec")
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    draw = lambda length: torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
    sequences = [draw(length) for length in LENGTHS]
    rows = [{"tokens": draw(9)}, {"tokens": draw(18)}, {"tokens": draw(4)}]
    for i, row in enumerate(rows):
        row["labels"] = [-100 if j < 3 - i else t for j, t in enumerate(row["tokens"])]

    for seed in range(1, 60):
        model = empty_model(published).eval()
        fill(model, seed)
        stored = {n: p for n, p in model.state_dict(keep_vars=True).items() if isinstance(p, nn.Parameter) and not is_tied(n, model)}
        tensors = published_tensors(model, published["model_type"])(stored)
        if "quantization_config" in published:
            tensors = quantise_experts(model, tensors)
        model = model.double()
        if margin(model, sequences + [r["tokens"] for r in rows], published) > MARGIN:
            break
    else:
        raise AssertionError(f"{name}: no seed keeps the experts apart")

    out = OUT / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if published["model_type"] == "llama_bidirec":  # transformers' LlamaModel has no prefix either
        assert "layers.0.self_attn.q_proj.weight" in tensors
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    (out / "config.json").write_text(json.dumps(published, indent=1) + "\n")

    cases = {"sequences": sequences}
    what = "hidden" if is_embedding else "logits"
    with torch.no_grad():
        expected = {f"{what}.{i}": causal(model, published, ids) for i, ids in enumerate(sequences)}
    if not is_embedding:
        loss, count = loss_of(model, published, rows)
        loss.backward()
        own = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in model.named_parameters()}
        gradients = published_tensors(model, published["model_type"])(own)
        for tensor, g in gradients.items():
            g = g.double().flatten()
            expected[f"gradient.{tensor}"] = torch.stack([g.norm(), g @ torch.cos(torch.arange(len(g), dtype=torch.float64))])
        unused = sorted(t for t, g in gradients.items() if g.abs().max() == 0)
        cases |= {"loss": {"rows": rows, "value": loss.item(), "tokens": count}, "unused": unused}
    save_file({k: v.float().contiguous() for k, v in expected.items()}, out / "expected.safetensors")
    (out / "cases.json").write_text(json.dumps(cases) + "\n")
    size = sum(f.stat().st_size for f in out.iterdir())
    spread = expected[f"{what}.2"]
    print(f"{name}: seed {seed}, {size // 1000} kB, {what} up to {spread.abs().max():.2f}, loss {cases.get('loss', {}).get('value', 0):.4f}, "
          f"{len(cases.get('unused', []))} unused")


EVERY = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS = {
    "qwen3": dict(r=3, lora_alpha=6, target_modules=EVERY),
    "phi3-longrope": dict(r=3, lora_alpha=9, target_modules=["qkv_proj", "o_proj", "gate_up_proj", "down_proj"], rank_pattern={"o_proj": 2}),
    "gemma2": dict(r=2, lora_alpha=4, target_modules="all-linear", use_rslora=True),
    "gpt-oss": dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "o_proj"],
                    target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]),
    "qwen3-moe": dict(r=2, lora_alpha=2, target_modules=["k_proj", "o_proj"], target_parameters=["mlp.experts.gate_up_proj"]),
    "qwen3-moe-unscaled": dict(r=2, lora_alpha=4, target_modules=["q_proj"],
                               target_parameters=["experts.down_proj", "experts.gate_up_proj", "mlp.gate.weight"]),
}


def adapt(name, published):
    """An adapter with B other than zero, and what the model computes with it."""
    out = OUT / name / "adapter"
    shutil.rmtree(out, ignore_errors=True)
    base = lambda: transformers.AutoModelForCausalLM.from_pretrained(OUT / name, dtype=torch.float32, **PLAIN)
    model = peft.get_peft_model(base(), peft.LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **ADAPTERS[name]))
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor, p in model.named_parameters():
            if "lora_" in tensor:
                p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if "lora_B" in tensor else p.shape[1] ** -0.5))
    model.save_pretrained(out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    saved = json.loads(path.read_text()) | {"base_model_name_or_path": name}
    for member in ("target_modules", "target_parameters"):
        if isinstance(saved.get(member), list):  # a set in PEFT, in any order
            saved[member].sort()
    path.write_text(json.dumps(saved, indent=2) + "\n")

    loaded = peft.PeftModel.from_pretrained(base(), out, is_trainable=True).eval()
    inner = loaded.base_model.model.double()
    cases = json.loads((OUT / name / "cases.json").read_text())
    with torch.no_grad():
        before = load_file(OUT / name / "expected.safetensors")
        expected = {f"logits.{i}": loaded_logits(loaded, ids) for i, ids in enumerate(cases["sequences"])}
        assert (expected["logits.2"] - before["logits.2"]).abs().max() > 0.1, name
        assert margin(inner, cases["sequences"] + [r["tokens"] for r in cases["loss"]["rows"]], published) > MARGIN / 10, name
    loss, count = loss_of(inner, published, cases["loss"]["rows"])
    loss.backward()
    names = set(load_file(out / "adapter_model.safetensors"))
    for tensor, p in loaded.named_parameters():
        if "lora_" in tensor:
            stored = tensor.replace(".default", "")
            assert stored in names, stored
            g = p.grad.double().flatten()
            expected[f"gradient.{stored}"] = torch.stack([g.norm(), g @ torch.cos(torch.arange(len(g), dtype=torch.float64))])
    save_file({k: v.float().contiguous() for k, v in expected.items()}, out / "expected.safetensors")
    (out / "cases.json").write_text(json.dumps({"loss": loss.item(), "tokens": count}) + "\n")
    print(f"{name}/adapter: {len(names)} tensors, loss {loss.item():.4f}")


def loaded_logits(model, ids):
    return copy.deepcopy(model)(torch.tensor([ids]), use_cache=False).logits[0]


def check(name, published):
    """What is on disk is what transformers itself reads: the same logits from the directory alone."""
    if published["model_type"] in ("nemotron-nas", "llama_bidirec", "bert", "xlm-roberta"):
        return
    model = transformers.AutoModelForCausalLM.from_pretrained(OUT / name, dtype=torch.float32, **PLAIN).eval().double()
    expected = load_file(OUT / name / "expected.safetensors")
    for i, ids in enumerate(json.loads((OUT / name / "cases.json").read_text())["sequences"]):
        with torch.no_grad():
            difference = (causal(model, published, ids) - expected[f"logits.{i}"]).abs().max().item()
        assert difference < 1e-4, (name, i, difference)


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[1:] or CONFIGS:
        make(name, CONFIGS[name])
        check(name, CONFIGS[name])
        if name in ADAPTERS:
            adapt(name, CONFIGS[name])


if __name__ == "__main__":
    main()
