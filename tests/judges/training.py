#!/usr/bin/env python3
"""Forward pass, gradients and training, against transformers, PEFT and transformers' Trainer on the same files.

    training.py LUTHIER          run from the repository's root

The models are tiny: those of tests/golden, and others of further shapes that transformers makes here with random weights.
"""
import json, random, sys, tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from asking import check, close_bf16, difference, end, luthier, our_logits, same_logits, their_logits, their_model, within

LOSS, GRADIENT, STEP_LOSS, GRAD_NORM, WEIGHT, CHANGE = 2e-5, 1e-3, 1e-3, 5e-3, 1e-3, 5e-2
LUTHIER = sys.argv[1]
GOLDEN = Path("tests/golden")
TINY, TIED, BIASED = GOLDEN / "models/llama-tiny", GOLDEN / "train/tied", GOLDEN / "train/biased"
random.seed(1)
torch.manual_seed(1)


# ------------------------------------------------------------------------------------------- what is compared with what

def rope(kind, **more):
    return {"rope_type": kind, "rope_theta": 10000.0, **more}


# Of a base with 4 heads of 12 over 2 key-value heads, tied, without biases.
SHAPES = {
    "one-kv-head": dict(num_key_value_heads=1),
    "all-kv-heads-untied": dict(num_key_value_heads=4, tie_word_embeddings=False),
    "wide-head": dict(head_dim=20, num_attention_heads=3, num_key_value_heads=3, tie_word_embeddings=False),
    "six-over-two": dict(hidden_size=36, num_attention_heads=6, head_dim=6, dtype="bfloat16"),
    "attention-bias": dict(attention_bias=True, rms_norm_eps=1e-3),
    "all-biases-untied": dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=False, vocab_size=301),
    "rope-theta": dict(rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),
    "rope-llama3": dict(rope_parameters=rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                             original_max_position_embeddings=16)),
    "rope-linear-untied": dict(tie_word_embeddings=False, rope_parameters=rope("linear", factor=4.0)),
    "rope-yarn": dict(rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=32)),
}
EVERY_MODEL = [TINY, GOLDEN / "models/llama-tiny-untied", GOLDEN / "checkpoint/llama-biased-f16", TIED, BIASED]
EVERY_ADAPTER = [(TINY, GOLDEN / "models/llama-tiny-adapter")]
EVERY_ADAPTER += [(TINY, file.parent) for file in sorted((GOLDEN / "checkpoint").glob("*/adapter_config.json"))]
EVERY_ADAPTER += [(BIASED if "biased" in file.parent.name else TIED, file.parent)
                  for file in sorted((GOLDEN / "train").glob("*/adapter_config.json"))]
DORA = GOLDEN / "dora"
EVERY_ADAPTER += [(GOLDEN / case["base"], DORA / name) for name, case in json.loads((DORA / "cases.json").read_text()).items()
                  if case["base"].startswith("train/")]
LORAS = {
    "one-kv-head": dict(r=4, lora_alpha=8, target_modules="all-linear"),
    "all-biases-untied": dict(r=3, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "o_proj", "up_proj", "lm_head"]),
    "wide-head": dict(r=4, lora_alpha=4, target_modules=r".*\.1\..*_proj", rank_pattern={"k_proj": 2, "1.mlp.up_proj": 7},
                      alpha_pattern={"o_proj": 32}),
    "rope-linear-untied": dict(r=1, lora_alpha=16, target_modules=["v_proj", "down_proj"], layers_to_transform=[0]),
    "all-kv-heads-untied": dict(r=4, lora_alpha=8, use_dora=True, target_modules="all-linear"),
    "attention-bias": dict(r=3, lora_alpha=6, use_dora=True, use_rslora=True, target_modules=["q_proj", "v_proj", "o_proj", "down_proj", "lm_head"],
                           rank_pattern={"v_proj": 5}, alpha_pattern={"o_proj": 32}),
    "six-over-two": dict(r=2, lora_alpha=4, use_dora=True, target_modules=["k_proj", "gate_proj"]),
}


def fill(parameters, size):
    """size: so large that every part matters."""
    with torch.no_grad():
        for name, p in parameters:
            p.copy_(torch.randn_like(p) * size + ("norm" in name))


def new_model(scratch, name):
    changes = dict(SHAPES[name])
    dtype = changes.pop("dtype", "float32")
    config = LlamaConfig(**(dict(vocab_size=288, hidden_size=48, intermediate_size=72, num_hidden_layers=2, num_attention_heads=4,
                                 num_key_value_heads=2, max_position_embeddings=128, tie_word_embeddings=True) | changes))
    model = LlamaForCausalLM(config)
    fill(model.named_parameters(), 0.2)
    model.to(getattr(torch, dtype)).save_pretrained(scratch / name)
    AutoTokenizer.from_pretrained(TINY).save_pretrained(scratch / name)
    return scratch / name


def new_adapter(scratch, model, name, **config):
    adapted = get_peft_model(their_model(model), LoraConfig(task_type="CAUSAL_LM", **config))
    fill(((n, p) for n, p in adapted.named_parameters() if "lora_A" in n or "lora_B" in n), 0.1)
    with torch.no_grad():
        for parameter, p in adapted.named_parameters():
            if "magnitude" in parameter:
                p.mul_(1 + 0.2 * torch.randn_like(p))
    adapted.save_pretrained(scratch / name)
    return scratch / name


def same_answers(what, model, adapter=None):
    judge = their_model(model, adapter)
    sequences = [[random.randrange(judge.config.vocab_size) for _ in range(length)] for length in (1, 2, 23, 90)]
    ours, expected = our_logits(LUTHIER, model, sequences, adapter), their_logits(judge, sequences)
    same_logits(f"logits of {what}", ours, expected)
    close_bf16(f"bf16 logits of {what}", our_logits(LUTHIER, model, sequences, adapter, "bf16"), ours)


@torch.no_grad()
def same_words(what, model, adapter):
    """Greedily generated ids, by the network that serves."""
    judge, prompt, new = their_model(model, adapter), [5, 17, 200, 33, 9], 24
    end_id = judge.config.eos_token_id
    said = judge.generate(input_ids=torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), do_sample=False,
                          max_new_tokens=new, pad_token_id=end_id)[0, len(prompt):].tolist()
    ours = json.loads(luthier(LUTHIER, "generate", "--model", model, "--adapter", adapter, "--tokens", json.dumps(prompt), "--max-tokens", new,
                              "--temperature", 0, "--ids"))
    strip = lambda ids: ids[:ids.index(end_id)] if end_id in ids else ids
    check(f"words of {what}", strip(ours) == strip(said), f"{ours[:6]} …")


# ------------------------------------------------------------------------------------------------------------------ rows

def id_rows(count, longest=24, vocabulary=288):
    rows = []
    for _ in range(count):
        ids = [random.randrange(3, vocabulary) for _ in range(random.randint(3, longest))]
        rows.append({"input_ids": ids, "labels": [i if random.random() < 0.5 else -100 for i in ids[:-1]] + ids[-1:]})
    return rows


PROMPTS = [{"prompt": "What is the capital of France?", "completion": "Paris. It lies on the Seine."},
           {"prompt": "number 7: ", "completion": "sieben \u2014 \u4e03 \U0001f642"}, {"prompt": "", "completion": "the end", "note": "an extra member"}]
CHATS = [{"messages": [{"role": "user", "content": "Where is the lantern?"}, {"role": "assistant", "content": "In the text."}]},
         {"messages": [{"role": "system", "content": "user assistant"}, {"role": "user", "content": "name?"}, {"role": "assistant", "content": "Paris"},
                       {"role": "user", "content": " and\nthen? "}, {"role": "assistant", "content": "Na\u00efve \u00fcber-answer"}]}]
MARKED = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' %}{% generation %}"
          "{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}")


def from_prompt(tokenizer, row):
    ids = tokenizer(row["prompt"] + " " + row["completion"])["input_ids"]
    silent = len(tokenizer(row["prompt"] + " ", add_special_tokens=False)["input_ids"])
    return {"input_ids": ids, "labels": [-100] * silent + ids[silent:]}


def from_chat(tokenizer, row):
    messages = row["messages"]
    length = lambda count, prompt: len(tokenizer.apply_chat_template(messages[:count], add_generation_prompt=prompt, return_dict=False)) if count else 0
    ids = tokenizer.apply_chat_template(messages, return_dict=False)
    labels = [-100] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            spoken = slice(length(i, True), length(i + 1, False))
            labels[spoken] = ids[spoken]
    return {"input_ids": ids, "labels": labels}


def from_marked_chat(tokenizer, row):
    said = tokenizer.apply_chat_template(row["messages"], return_dict=True, return_assistant_tokens_mask=True)
    return {"input_ids": said["input_ids"], "labels": [i if m else -100 for i, m in zip(said["input_ids"], said["assistant_masks"])]}


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# ---------------------------------------------------------------------------------------------------- loss and gradients

def parameter_name(name):
    """As a checkpoint or PEFT's file has it."""
    return name.removesuffix(".default.weight") if name.endswith("magnitude_vector.default.weight") else name.replace(".default.", ".")


def same_gradients(scratch, what, model, rows, adapter=None, expected_rows=None):
    """rows: as the file has them; expected_rows: the ids and labels that they should become."""
    data = write_rows(scratch / "rows.jsonl", rows)
    judge = their_model(model, adapter, trainable=True)
    total, tokens = 0.0, 0
    for row in expected_rows or rows:
        ids, labels = (torch.tensor([row[member]]) for member in ("input_ids", "labels"))
        counted = (labels[:, 1:] != -100).sum()
        if counted:
            total, tokens = total + judge(input_ids=ids, labels=labels, num_items_in_batch=1).loss, tokens + counted.item()
    (total / tokens).backward()
    arguments = ["engine", "loss", "--model", model, "--data", data] + (["--adapter", adapter] if adapter else [])
    gradients = scratch / "gradients.safetensors"
    said = json.loads(luthier(LUTHIER, *arguments, "--gradients", gradients))
    packed = json.loads(luthier(LUTHIER, *arguments, "--packing", 128))
    expected = {parameter_name(n): p.grad for n, p in judge.named_parameters() if p.requires_grad}
    ours = load_file(gradients)
    if said["tokens"] != tokens or packed["tokens"] != tokens or ours.keys() != expected.keys():
        return check(f"loss of {what}", False, f"{said['tokens']} tokens, not {tokens}; tensors {sorted(ours.keys() ^ expected.keys())[:4]}")
    mean = total.item() / tokens
    within(f"loss of {what}", loss=(abs(said["loss"] - mean), LOSS), packed=(abs(packed["loss"] - mean), LOSS),
           gradient=(max(difference(ours[n], expected[n]) for n in expected), GRADIENT))


# -------------------------------------------------------------------------------------------------------------- training

@dataclass
class Case:
    name: str
    model: Path
    config: dict
    adapter: Path | None = None


COMMON = {"batch_size": 2, "gradient_accumulation": 2, "learning_rate": 3e-3, "min_learning_rate": 2e-4, "warmup_steps": 3,
          "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0, "max_seq_length": 64}
LORA = {"method": "lora", "lora": {"r": 4, "alpha": 8, "dropout": 0, "target_modules": "all-linear"}}
CASES = [
    Case("LoRA, cosine, from PEFT's adapter", TIED, COMMON | LORA | {"max_steps": 9, "schedule": "cosine"}, GOLDEN / "train/lora-part"),
    Case("LoRA, linear, packed, from PEFT's adapter", TINY, COMMON | LORA | {"max_steps": 8, "schedule": "linear", "packing": True},
         GOLDEN / "models/llama-tiny-adapter"),
    Case("LoRA, cosine, rsLoRA, from the beginning", BIASED, COMMON | {
        "method": "lora", "lora": {"r": 4, "alpha": 4, "dropout": 0, "target_modules": ["q_proj", "v_proj", "down_proj"], "use_rslora": True},
        "epochs": 3, "schedule": "cosine", "gradient_accumulation": 1, "batch_size": 3}),
    Case("DoRA, cosine, from PEFT's adapter", BIASED, COMMON | LORA | {"max_steps": 9, "schedule": "cosine"}, DORA / "part"),
    Case("DoRA, linear, packed, from the beginning", TIED, COMMON | {
        "method": "lora", "lora": {"r": 4, "alpha": 8, "use_dora": True, "use_rslora": True, "rank_pattern": {"v_proj": 2}, "target_modules": "all-linear"},
        "max_steps": 8, "schedule": "linear", "packing": True}),
    Case("full, linear, rows that are cut", BIASED, COMMON | {"method": "full", "epochs": 2, "schedule": "linear", "max_seq_length": 13}),
    Case("full, cosine, packed, clipped", TIED, COMMON | {"method": "full", "max_steps": 8, "schedule": "cosine", "packing": True, "max_grad_norm": 0.2,
                                                         "min_learning_rate": 0, "max_seq_length": 40}),
    Case("full, constant, one batch a step, no clipping", TIED, COMMON | {"method": "full", "max_steps": 6, "schedule": "constant", "warmup_steps": 0,
                                                                         "gradient_accumulation": 1, "weight_decay": 0, "max_grad_norm": 0}),
]


def packs(rows, length, packing):
    """What Trainer is given: packs as transformers knows them, by positions that begin again at 0; without packing one row each."""
    made, room = [], 0
    for row in rows:
        ids, labels = row["input_ids"][:length], row["labels"][:length]
        if all(label == -100 for label in labels[1:]):
            continue
        if not packing or len(ids) > room:
            made.append({"input_ids": [], "labels": [], "position_ids": []})
            room = length
        room -= len(ids)
        made[-1]["input_ids"] += ids
        made[-1]["labels"] += [-100] + labels[1:]  # nothing before predicts the first one
        made[-1]["position_ids"] += range(len(ids))
    return made


def padded(batch):
    """On the right, where causal attention does not look."""
    width = max(len(row["input_ids"]) for row in batch)
    return {member: torch.tensor([row[member] + [-100 if member == "labels" else 0] * (width - len(row[member])) for row in batch]) for member in batch[0]}


def train_theirs(model, rows, config, scratch):
    schedule = {"cosine": ("cosine_with_min_lr", {"min_lr": config["min_learning_rate"]}),
                "linear": ("polynomial", {"lr_end": config["min_learning_rate"], "power": 1.0}),
                "constant": ("constant_with_warmup", {})}[config["schedule"]]
    arguments = TrainingArguments(
        output_dir=scratch / "trainer", max_steps=config.get("max_steps", -1), num_train_epochs=config.get("epochs", 1),
        per_device_train_batch_size=config["batch_size"], gradient_accumulation_steps=config["gradient_accumulation"],
        learning_rate=config["learning_rate"], warmup_steps=config["warmup_steps"], lr_scheduler_type=schedule[0], lr_scheduler_kwargs=schedule[1],
        adam_beta1=config["betas"][0], adam_beta2=config["betas"][1], adam_epsilon=config["eps"], weight_decay=config["weight_decay"],
        max_grad_norm=config["max_grad_norm"], optim="adamw_torch", train_sampling_strategy="sequential", logging_steps=1, save_strategy="no",
        report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, remove_unused_columns=False)
    trainer = Trainer(model=model, args=arguments, data_collator=padded, train_dataset=packs(rows, config["max_seq_length"], config.get("packing")))
    trainer.log = lambda logs, *_: curve.append(logs)
    curve = []
    trainer.train()
    return [logs for logs in curve if "loss" in logs]


def train_ours(case, config, data, out):
    file = out.with_suffix(".json")
    file.write_text(json.dumps(config))
    adapter = ["--adapter", case.adapter] if case.adapter else []
    luthier(LUTHIER, "train", "--model", case.model, *adapter, "--data", data, "--config", file, "--out", out)
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def weights_of(model):
    state = get_peft_model_state_dict(model) if isinstance(model, PeftModel) else dict(model.named_parameters())
    return {parameter_name(n): p.detach().clone() for n, p in state.items()}


def same_training(scratch, number, case, rows):
    data, out, lora = write_rows(scratch / "rows.jsonl", rows), scratch / f"run-{number}", case.config["method"] == "lora"
    start = case.adapter
    if lora and not start:  # the first step of a warm-up has rate 0: what it leaves is how training begins
        start = scratch / f"start-{number}"
        train_ours(case, case.config | {"epochs": 1, "max_steps": 1}, data, start)
    judge = their_model(case.model, start, trainable=True)
    before = weights_of(judge)
    if lora and not case.adapter:
        check(f"{case.name}: the new adapter changes nothing, and can learn",
              all(value.any() == ("lora_B" not in name) for name, value in before.items()))
    expected, ours = train_theirs(judge, rows, case.config, scratch), train_ours(case, case.config, data, out)
    if len(ours) != len(expected):
        return check(case.name, False, f"{len(ours)} steps, not {len(expected)}")
    most = lambda our, their: max(abs(a[our] - b[their]) / (abs(b[their]) or 1) for a, b in zip(ours, expected))
    within(f"{case.name}: {len(ours)} steps", loss=(most("loss", "loss"), STEP_LOSS), grad_norm=(most("grad_norm", "grad_norm"), GRAD_NORM),
           rate=(most("lr", "learning_rate"), 1e-9))
    final, after = weights_of(their_model(case.model, out) if lora else their_model(out)), weights_of(judge)
    if final.keys() != after.keys():
        return check(case.name, False, f"tensors {sorted(final.keys() ^ after.keys())[:4]}")
    within(f"{case.name}: {len(after)} tensors", weight=(max(difference(final[n], after[n]) for n in after), WEIGHT),
           change=(max(difference(final[n] - before[n], after[n] - before[n]) for n in after), CHANGE))
    check(f"{case.name}: something was learned", all(not torch.equal(after[n], before[n]) for n in after if "bias" not in n))
    same_answers(f"the result of {case.name}", *((case.model, out) if lora else (out,)))
    if not lora:
        text = "What is the artifact? Na\u00efve \U0001f642"
        a, b = (AutoTokenizer.from_pretrained(folder) for folder in (case.model, out))
        check(f"{case.name}: the tokenizer goes with the model", a(text)["input_ids"] == b(text)["input_ids"] and a.chat_template == b.chat_template)


def main():
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        made = {name: new_model(scratch, name) for name in SHAPES}
        adapters = [(made[name], new_adapter(scratch, made[name], f"{name}-adapter", **config)) for name, config in LORAS.items()]
        for model in [*EVERY_MODEL, *made.values()]:
            same_answers(model.name, model)
        for model, adapter in EVERY_ADAPTER + adapters:
            same_answers(f"{adapter.name} on {model.name}", model, adapter)
            if json.loads((adapter / "adapter_config.json").read_text())["use_dora"]:
                same_words(f"{adapter.name} on {model.name}", model, adapter)
        rows = id_rows(6)
        for model in [TINY, TIED, BIASED, *made.values()]:
            same_gradients(scratch, model.name, model, rows)
        for model, adapter in [*EVERY_ADAPTER[:1], *(pair for pair in EVERY_ADAPTER if pair[0] != TINY), *adapters]:
            same_gradients(scratch, f"{adapter.name} on {model.name}", model, rows, adapter)
        tokenizer = AutoTokenizer.from_pretrained(TINY)
        same_gradients(scratch, "prompts and completions", TINY, PROMPTS, None, [from_prompt(tokenizer, row) for row in PROMPTS])
        same_gradients(scratch, "chats", TINY, CHATS, None, [from_chat(tokenizer, row) for row in CHATS])
        marked = made["rope-theta"]
        tokenizer.chat_template = MARKED
        tokenizer.save_pretrained(marked)
        same_gradients(scratch, "chats with generation blocks", marked, CHATS, None, [from_marked_chat(tokenizer, row) for row in CHATS])
        rows = id_rows(11)
        for number, case in enumerate(CASES):
            same_training(scratch, number, case, rows)
    end()


if __name__ == "__main__":
    main()
