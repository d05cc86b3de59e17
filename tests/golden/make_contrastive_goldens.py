#!/usr/bin/env python3
"""Records contrastive training and retrieval of embedding models in plain torch, for the tests of gpu/train.

    make_contrastive_goldens.py     from the root of the tree after make_family_goldens.py, with the same packages

contrastive/ has tokenizer.json and tokenizer_config.json for the families' models, rows.jsonl, held-out.jsonl and corpus.jsonl, and of
each case NAME.json {"config", "curve": [{"step", "loss", "grad_norm", "lr", "tokens"}], "validation": {...}, "before": retrieval of
held-out.jsonl with corpus.jsonl}, NAME.safetensors (what was trained, after the last step) and bert.adapter/, where that one starts. Texts
go through the network one by one, in float64; the order of the rows is the file's.
"""
import json, math, random
from pathlib import Path

import peft
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from make_family_goldens import empty_model
from make_train_goldens import peft_name, rate

HERE = Path(__file__).parent
OUT = HERE / "contrastive"
WORDS = ["query", "passage", ":"] + [f"w{i}" for i in range(110)]
LENGTH = 16
COMMON = {"max_steps": 5, "batch_size": 3, "gradient_accumulation": 2, "min_learning_rate": 1e-4, "warmup_steps": 1, "schedule": "linear",
          "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0, "max_seq_length": LENGTH}
CASES = {
    "llama-bidirectional": {"method": "full", "learning_rate": 2e-3, **COMMON, "contrastive": {"temperature": 0.2, "negatives": 2}},
    "bert": {"method": "lora",
             "lora": {"r": 2, "alpha": 4, "target_modules": ["query", "key", "value", "output.dense", "intermediate.dense"]},
             "learning_rate": 2e-3, **COMMON,
             "contrastive": {"temperature": 0.1, "in_batch_negatives": False, "max_query_length": 5, "query_prefix": "query : ",
                             "passage_prefix": ""}},
    "qwen3": {"method": "lora", "learning_rate": 2e-3, **COMMON, "contrastive": {"temperature": 0.5, "negatives": 0}},
}
POOLING = {"llama-bidirectional": "mean", "bert": "cls", "qwen3": "last"}
PREFIXES = {"llama-bidirectional": ("query: ", "passage: "), "bert": ("query : ", ""), "qwen3": ("", "")}


def make_tokenizer():
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    tokenizer.save(str(OUT / "tokenizer.json"))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (OUT / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"} | special, indent=1) + "\n")
    return tokenizer


def make_rows():
    draw = random.Random(3)
    text = lambda least, most: " ".join(draw.choice(WORDS[3:]) for _ in range(draw.randint(least, most)))
    rows = [{"query": text(1, 6), "pos_doc": text(3, 12), "neg_doc": [text(2, 10) for _ in range(1 + i % 3)]} for i in range(10)]
    rows[1]["neg_doc"].append(rows[0]["pos_doc"])   # in one batch with its own row
    rows[2]["pos_doc"] = rows[0]["pos_doc"]         # the same document for two queries
    rows[4]["pos_doc"] = text(25, 25)               # cut
    held_out = [{"query": text(1, 4), "pos_doc": text(2, 6), "neg_doc": [text(2, 6)]} for _ in range(14)]
    held_out.append({"query": held_out[0]["query"], "pos_doc": text(2, 6), "neg_doc": [text(2, 6)]})
    held_out.append({"query": text(1, 4), "pos_doc": held_out[1]["pos_doc"], "neg_doc": [held_out[2]["pos_doc"]]})
    corpus = [{"text": text(2, 6)} for _ in range(20)] + [{"text": held_out[3]["pos_doc"]}]
    for name, lines in (("rows", rows), ("held-out", held_out), ("corpus", corpus)):
        (OUT / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return rows, held_out, corpus


class Embedder:
    def __init__(self, name, tokenizer, config):
        published = json.loads((HERE / "families" / name / "config.json").read_text())
        model = empty_model(published)
        missing = model.load_state_dict(load_file(HERE / "families" / name / "model.safetensors"), strict=False)
        assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight", "embeddings.position_ids"}, missing
        self.name, self.tokenizer, self.model = name, tokenizer, model.eval()
        self.lengths = (config["contrastive"].get("max_query_length", LENGTH), LENGTH)

    def ids(self, text, is_query):
        self.tokenizer.enable_truncation(self.lengths[0 if is_query else 1])
        return tuple(self.tokenizer.encode(PREFIXES[self.name][0 if is_query else 1] + text).ids)

    def __call__(self, ids):
        ids = torch.tensor([ids])
        if self.name == "llama-bidirectional":
            everyone = torch.zeros(1, 1, ids.shape[1], ids.shape[1], dtype=torch.float64)
            states = self.model(ids, attention_mask=everyone, use_cache=False).last_hidden_state[0]
        elif self.name == "bert":
            states = self.model(ids).last_hidden_state[0]
        else:
            states = self.model(ids, use_cache=False, output_hidden_states=True).hidden_states[-1][0]
        pooled = {"mean": lambda: states.mean(0), "cls": lambda: states[0], "last": lambda: states[-1]}[POOLING[self.name]]()
        return torch.nn.functional.normalize(pooled, dim=-1)


def loss_of(embed, rows, settings):
    """The sum of the losses of one micro-batch."""
    negatives = settings.get("negatives", 4)
    rows = [(embed.ids(r["query"], True), [embed.ids(d, False) for d in [r["pos_doc"], *r["neg_doc"][:negatives]]]) for r in rows]
    vectors = {ids: embed(ids) for query, documents in rows for ids in [query, *documents]}
    total, tokens = 0.0, sum(len(q) + sum(map(len, d)) for q, d in rows)
    for at, (query, documents) in enumerate(rows):
        against = documents[1:]
        if settings.get("in_batch_negatives", True):
            against = against + [d for other, (_, theirs) in enumerate(rows) if other != at for d in theirs]
        against = [d for d in against if d != documents[0]]
        scores = torch.stack([vectors[query] @ vectors[d] for d in [documents[0], *against]]) / settings["temperature"]
        total = total - torch.log_softmax(scores, 0)[0]
    return total, tokens


def train(embed, rows, config):
    named = [(n, p) for n, p in embed.model.named_parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW([{"params": [p for _, p in named if p.dim() != 1], "weight_decay": config["weight_decay"]},
                                   {"params": [p for _, p in named if p.dim() == 1], "weight_decay": 0.0}],
                                  betas=tuple(config["betas"]), eps=config["eps"])
    size, micro, curve = config["batch_size"] * config["gradient_accumulation"], config["batch_size"], []
    starts = list(range(0, len(rows), size))
    for step in range(config["max_steps"]):
        batch = rows[starts[step % len(starts)]:][:size]
        optimiser.zero_grad()
        for group in optimiser.param_groups:
            group["lr"] = rate(config, step)
        parts = [loss_of(embed, batch[i:i + micro], config["contrastive"]) for i in range(0, len(batch), micro)]
        loss = sum(p[0] for p in parts) / len(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], config["max_grad_norm"])
        optimiser.step()
        curve.append({"step": step + 1, "loss": loss.item(), "grad_norm": norm.item(), "lr": rate(config, step),
                      "tokens": sum(p[1] for p in parts)})
    return curve


def retrieval(embed, rows, more=(), negatives=None, merge=True):
    """recall@k and nDCG@10 by sorting. merge: rows of one query text are one query."""
    queries, documents = {}, {}
    for at, row in enumerate(rows):
        for d in [row["pos_doc"], *row["neg_doc"][:negatives]]:
            documents[d] = None
        queries.setdefault(row["query"] if merge else at, (row["query"], set()))[1].add(row["pos_doc"])
    for d in more:
        documents[d] = None
    with torch.no_grad():
        matrix = torch.stack([embed(embed.ids(d, False)) for d in documents])
        names, result = list(documents), {"queries": len(queries), "documents": len(documents)}
        found = {"recall@1": 0.0, "recall@5": 0.0, "recall@10": 0.0, "ndcg@10": 0.0}
        for query, relevant in queries.values():
            order = [names[i] for i in torch.argsort(matrix @ embed(embed.ids(query, True)), descending=True, stable=True).tolist()]
            for k in (1, 5, 10):
                found[f"recall@{k}"] += len(relevant & set(order[:k])) / len(relevant) / len(queries)
            dcg = sum(1 / math.log2(2 + i) for i, d in enumerate(order[:10]) if d in relevant)
            found["ndcg@10"] += dcg / sum(1 / math.log2(2 + i) for i in range(min(10, len(relevant)))) / len(queries)
    return result | found


def adapted(embed, name, config):
    if name == "qwen3":
        return peft.PeftModel.from_pretrained(embed.model, HERE / "families/qwen3/adapter", is_trainable=True)
    lora = config["lora"]
    settings = peft.LoraConfig(r=lora["r"], lora_alpha=lora["alpha"], lora_dropout=0.0, target_modules=lora["target_modules"])
    model = peft.get_peft_model(embed.model, settings)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor, p in model.named_parameters():
            if "lora_" in tensor:
                p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if "lora_B" in tensor else p.shape[1] ** -0.5))
    model.save_pretrained(OUT / f"{name}.adapter")
    (OUT / f"{name}.adapter/README.md").unlink(missing_ok=True)
    path = OUT / f"{name}.adapter/adapter_config.json"
    saved = json.loads(path.read_text()) | {"base_model_name_or_path": name}
    saved["target_modules"].sort()  # a set in PEFT, in any order
    path.write_text(json.dumps(saved, indent=2) + "\n")
    return model


def main():
    torch.set_num_threads(1)
    OUT.mkdir(exist_ok=True)
    tokenizer = make_tokenizer()
    rows, held_out, corpus = make_rows()
    for name, config in CASES.items():
        embed = Embedder(name, tokenizer, config)
        limits, embed.lengths = embed.lengths, (LENGTH, LENGTH)
        embed.model.double()
        before = retrieval(embed, held_out, [c["text"] for c in corpus])
        embed.lengths = limits
        if config["method"] == "lora":
            embed.model.float()
            embed.model = adapted(embed, name, config).double()
        curve = train(embed, rows, config)
        negatives, size = config["contrastive"].get("negatives", 4), config["batch_size"]
        validation = retrieval(embed, held_out, negatives=negatives, merge=False)
        with torch.no_grad():
            losses = [loss_of(embed, held_out[i:i + size], config["contrastive"])[0] for i in range(0, len(held_out), size)]
            validation["loss"] = sum(losses).item() / len(held_out)
        trained = {peft_name(n): p.detach().float().contiguous() for n, p in embed.model.named_parameters() if p.requires_grad}
        save_file(trained, OUT / f"{name}.safetensors")
        golden = {"config": config, "curve": curve, "validation": validation, "before": before}
        (OUT / f"{name}.json").write_text(json.dumps(golden, indent=1) + "\n")
        print(name, [round(c["loss"], 4) for c in curve], before, validation)


if __name__ == "__main__":
    main()
