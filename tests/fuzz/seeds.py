#!/usr/bin/env python3
"""Writes the inputs that each target of tests/fuzz starts from: small files made of the goldens.

    seeds.py TARGET DIRECTORY       run from the repository's root
"""
import json
import struct
import sys
from pathlib import Path

GOLDEN = Path("tests/golden")


def safetensors(header, data=b""):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def of_safetensors():
    sizes = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "F64": 8, "BOOL": 1}
    for dtype, size in sizes.items():
        yield dtype, safetensors({"__metadata__": {"format": "pt"}, "a.weight": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, 6 * size]}}, bytes(range(6 * size)))
    yield "several", safetensors({"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [0, 5], "data_offsets": [4, 4]}, "c": {"dtype": "F16", "shape": [1, 2, 1], "data_offsets": [4, 8]}}, bytes(8))
    yield "empty", safetensors({})


def of_gguf():
    for path in sorted((GOLDEN / "checkpoint").glob("*.gguf")):
        yield path.stem, path.read_bytes()
    key = lambda name: struct.pack("<Q", len(name)) + name
    text = key(b"general.architecture") + struct.pack("<IQ", 8, 5) + b"llama"
    several = key(b"x.list") + struct.pack("<IIQ", 9, 4, 2) + struct.pack("<II", 1, 2) + key(b"x.texts") + struct.pack("<IIQ", 9, 8, 1) + key(b"a")
    tensor = key(b"t.weight") + struct.pack("<IQQIQ", 2, 32, 2, 8, 0)
    for version in (2, 3):
        head = b"GGUF" + struct.pack("<IQQ", version, 1, 3) + text + several + tensor
        yield f"small-{version}", head + bytes(-len(head) % 32) + bytes(68)


def of_config():
    for name in ("config.json", "generation_config.json"):
        for path in sorted(GOLDEN.glob(f"**/{name}")):
            yield f"{path.parent.name}-{name}", path.read_bytes()
    shared = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 128, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
    kinds = {"llama": {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}, "qwen2": {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}, "qwen3": {"head_dim": 16}, "mistral": {"sliding_window": 8},
             "phi3": {"rope_scaling": {"type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}, "original_max_position_embeddings": 32, "partial_rotary_factor": 1.0}, "gemma2": {"query_pre_attn_scalar": 16, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}, "gemma3_text": {"sliding_window_pattern": 2, "rope_local_base_freq": 10000.0},
             "gpt_oss": {"num_local_experts": 4, "num_experts_per_tok": 2, "swiglu_limit": 7.0, "layer_types": ["sliding_attention", "full_attention"], "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}}, "smollm3": {"no_rope_layers": [1, 0]}, "deci": {"block_configs": [{"attention": {"no_op": True}, "ffn": {"ffn_mult": 1.0}}] * 2}, "mixtral": {"num_local_experts": 4, "num_experts_per_tok": 2}}
    names = {"gpt_oss": "GptOssForCausalLM", "deci": "DeciLMForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "smollm3": "SmolLM3ForCausalLM"}
    for kind, more in kinds.items():
        yield kind, json.dumps({"architectures": [names.get(kind, kind.capitalize() + "ForCausalLM")], "model_type": kind, **shared, **more}).encode()


def of_adapter_config():
    for path in sorted(GOLDEN.glob("**/adapter_config.json")):
        yield path.parent.name, path.read_bytes()


def of_adapter():
    for path in sorted(GOLDEN.glob("**/adapter_config.json")):
        tensors = (path.parent / "adapter_model.safetensors").read_bytes()
        if len(tensors) < 60_000:
            yield f"{path.parent.parent.name}-{path.parent.name}", path.read_bytes() + b"\0" + tensors


def of_training_config():
    yield "lora", b'{"method": "lora", "lora": {"r": 4, "alpha": 32, "dropout": 0.1, "target_modules": ["q_proj"], "use_rslora": true}, "max_steps": 20, "batch_size": 2, "gradient_accumulation": 3, "learning_rate": 1e-3, "betas": [0.8, 0.99], "schedule": "linear", "early_stopping": {"patience": 2, "min_delta": 0.1}}'
    yield "full", b'{"method": "full", "epochs": 2, "packing": true, "shuffle": true, "seed": 7, "dpo": {"beta": 0.2}, "prompt_template": "{a} {b}", "optimizer_states": "bf16"}'
    yield "distillation", b'{"method": "lora", "distillation": {"temperature": 1.5, "mixing": 0.25}, "base_storage": "nf4", "merge": true}'
    yield "contrastive", b'{"method": "full", "contrastive": {"temperature": 0.05, "negatives": 2, "max_query_length": 32, "query_prefix": "q: ", "passage_prefix": ""}}'


def of_worker_protocol():
    file = {"path": "config.json", "digest": "a" * 64, "size": 12}
    train = {"id": {"kind": "train", "entity_id": "job-1", "attempt": 3}, "workspace": "default", "name": "first", "device": "cpu", "stop": "pause", "model_files": [file], "method": "lora", "config": "{}", "dataset": file, "base_model": "default/smol"}
    serve = {"id": {"kind": "serve", "entity_id": "deployment-1", "attempt": 1}, "workspace": "default", "name": "smol", "device": "cpu", "served_names": ["smol"], "adapters": [{"served_name": "default--a", "key": "fileset-1@4", "files": [file]}]}
    yield "lease", json.dumps({"incarnation": "i", "sequence": 7, "lease_ms": 15000, "tasks": [train, serve], "position": 42}).encode()
    reports = [{"id": train["id"], "state": "ended", "outcome": "completed", "checkpoint_step": 20, "files": [file]}, {"id": serve["id"], "state": "running", "endpoint": "http://127.0.0.1:1", "adapters": [{"served_name": "a", "key": "k", "error": "none"}]}]
    yield "beat", json.dumps({"worker": "local", "incarnation": "i", "host": "h", "engine_version": "1", "sequence": 8, "leaving": True, "devices": [], "tasks": reports}).encode()
    yield "empty", json.dumps({"incarnation": "", "sequence": 0, "lease_ms": 0, "tasks": []}).encode()


def of_http_message():
    yield "get", b"GET /v1/models?a=%20&b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    yield "post", b"POST /v1/chat/completions HTTP/1.1\r\nHost: h:8080\r\nContent-Length: 2\r\n\r\n{}"
    yield "chunks", b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    yield "answer", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    yield "old", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


def of_filter():
    yield "json", b'page=2&filter={"$and":[{"status":{"$in":["a","b"]}},{"$not":{"data.x.y":{"$like":"z"}}},{"created_at":{"$gte":"2026-01-01"}}]}'
    yield "text", b"filter=status='a' AND (spec.a.b > 1 OR NOT parent LIKE 'x%25')&sort=-created_at"
    yield "brackets", b"filter[status][$eq]=a&filter[data.x][y][$ne]=1&filter[$or][0][name]=b&filter[base]=true"
    yield "plain", b"filter[status]=a&page_size=10"


def of_tokenizer():
    for path in sorted((GOLDEN / "text" / "tokenizers").glob("*.json")):
        data = json.loads(path.read_text()).get("tokenizer")
        if not isinstance(data, dict): continue
        model = data["model"]
        # A vocabulary that is cut short, so that changes hit the rest: the merges that are left still fit it.
        if isinstance(model.get("vocab"), dict):
            model["vocab"] = dict(sorted(model["vocab"].items(), key=lambda entry: entry[1])[:330])
        if "merges" in model:
            parts = lambda merge: merge.split(" ", 1) if isinstance(merge, str) else merge
            model["merges"] = [merge for merge in model["merges"] if {*parts(merge), "".join(parts(merge))} <= model["vocab"].keys()][:30]
        yield path.stem, json.dumps(data, ensure_ascii=False).encode()


def of_template():
    for path in [*sorted((GOLDEN / "templates" / "sources").glob("*.jinja")), *sorted((GOLDEN / "text" / "templates").glob("*.jinja"))]:
        yield path.stem, path.read_bytes()
    for at, line in enumerate((GOLDEN / "text" / "snippets.txt").read_text().splitlines()):
        yield f"line-{at}", line.replace("⏎", "\n").replace("␍", "\r").encode()


def of_rows():
    for at, case in enumerate(json.loads((GOLDEN / "text" / "rows.json").read_text())["cases"]):
        yield f"case-{at}", "\n".join(json.dumps(row, ensure_ascii=at % 2 == 0) for row in case["rows"]).encode()
    yield "tokens", b'{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}\n\n{"input_ids": []}\n'
    yield "preferences", b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"messages": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "x"}], "rejected": "y"}\n{"context": [{"role": "user", "content": "q"}], "completions": [{"rank": 0, "completion": [{"role": "assistant", "content": "g"}]}, {"rank": 1, "completion": []}]}\n'
    yield "embeddings", b'{"query": "q", "pos_doc": "p", "neg_doc": ["n", "m"]}\n{"anchor": "q", "positive": "p", "negative": "n"}\n'


def main():
    target, directory = sys.argv[1], Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in globals()[f"of_{target}"]():
        (directory / name).write_bytes(data)


main()
