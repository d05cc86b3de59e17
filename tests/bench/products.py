"""The matrix products of a training step, as oneDNN alone does them: what ./bench train takes as the machine's own rate."""
import json

from sides import build, run_json, threads


def shapes(directory):
    """OUT:IN:COUNT of the linear layers and the head, from config.json: 134.5 M weights for SmolLM2-135M."""
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim") or hidden // heads
    counted = [(heads * head, hidden, layers), (kv_heads * head, hidden, 2 * layers), (hidden, heads * head, layers),
               (inner, hidden, 2 * layers), (hidden, inner, layers), (config["vocab_size"], hidden, 1)]
    return [":".join(map(str, shape)) for shape in counted]


def product_rate(directory, rows, method, kind="f32"):
    """GFLOP/s by the same rule as the steps': 4 per weight and token for LoRA (forward, dX), 6 for all weights (dW too)."""
    one = run_json(build / "machine_rates", "products", rows, threads, kind, *shapes(directory))
    passes = ("forward", "dx") if method == "lora" else ("forward", "dx", "dw")
    return len(passes) * one["gflop"] / sum(one[name] for name in passes)
