"""What the judges share: asking our binary, and how close to transformers its answers must be."""
import json, subprocess, sys, tempfile, warnings
from pathlib import Path

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()

# Largest difference of logits as a share of the largest logit, and KL divergence in nats.
LOGITS, KL = 1e-4, 1e-6
# bf16 against f32.
BF16_KL, BF16_KL_MEAN, BF16_COSINE = 5e-3, 1e-3, 0.999

failures = 0


def check(what, good, detail=""):
    global failures
    failures += not good
    print(f"{'ok    ' if good else 'FAILED'} {what}{': ' if detail else ''}{detail}")


def end():
    sys.exit(f"{failures} checks failed" if failures else 0)


def within(what, **measured):
    """measured: name=(value, limit)."""
    check(what, all(value <= limit for value, limit in measured.values()),
          ", ".join(f"{name} {value:.2g} (limit {limit:.2g})" for name, (value, limit) in measured.items()))


def luthier(binary, *arguments):
    """What it prints. A refusal ends the judge."""
    done = subprocess.run([binary, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"FAILED: luthier {' '.join(map(str, arguments))[:300]} ended with {done.returncode}")
    return done.stdout


def their_model(path, adapter=None, trainable=False):
    """In f32, every weight read from the files: PEFT and transformers would make up what they do not find."""
    model, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), (path, info)
    return (with_adapter(model, Path(adapter), trainable) if adapter else model).eval()


def with_adapter(model, adapter, trainable=False):
    prefix, weights = "base_model.model.", load_file(adapter / "adapter_model.safetensors")
    bare = not any(name.startswith(prefix) for name in weights)  # some tools leave the prefix out; PEFT does not find such names
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore" if bare else "error", message="Found missing adapter keys")
        adapted = PeftModel.from_pretrained(model, adapter, is_trainable=trainable)
    if bare:
        found = set_peft_model_state_dict(adapted, {prefix + name: value for name, value in weights.items()})
        assert not any("lora_" in name for name in found.missing_keys) and not found.unexpected_keys, found
    return adapted


def our_logits(binary, model, sequences, adapter=None, dtype="f32"):
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "logits.safetensors"
        luthier(binary, "engine", "logits", "--model", model, *(["--adapter", adapter] if adapter else []),
                "--tokens", json.dumps(sequences), "--dtype", dtype, "--out", out)
        tensors = load_file(out)
    return [tensors[f"logits.{i}"] for i in range(len(sequences))]


@torch.no_grad()
def their_logits(model, sequences):
    return [model(input_ids=torch.tensor([ids])).logits[0].float() for ids in sequences]


def kl(ours, theirs):
    """Of each position, how much ours tells less than theirs."""
    p, q = (torch.log_softmax(x.double(), -1) for x in (theirs, ours))
    return (p.exp() * (p - q)).sum(-1)


def same_logits(what, ours, theirs):
    assert [x.shape for x in ours] == [x.shape for x in theirs], what
    ours, theirs = torch.cat(ours), torch.cat(theirs)
    within(what, logits=(difference(ours, theirs), LOGITS), kl=(kl(ours, theirs).max().item(), KL))


def close_bf16(what, ours, theirs):
    """ours in bf16, theirs in f32."""
    ours, theirs = torch.cat(ours), torch.cat(theirs)
    divergence = kl(ours, theirs)
    cosine = torch.nn.functional.cosine_similarity(ours.double().flatten(), theirs.double().flatten(), dim=0).item()
    within(what, kl=(divergence.max().item(), BF16_KL), mean=(divergence.mean().item(), BF16_KL_MEAN), angle=(1 - cosine, 1 - BF16_COSINE))


def difference(ours, theirs):
    """The largest difference as a share of the largest value."""
    largest = theirs.abs().max().item()
    return (ours.float() - theirs.float()).abs().max().item() / (largest or 1.0)
