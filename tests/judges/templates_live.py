#!/usr/bin/env python3
"""Chat templates: what transformers renders, `luthier tokenize --chat --render` renders, or both refuse.

    templates_live.py LUTHIER [--count N] [--seed S] [--show N]      run from the repository's root

Templates in the manner of each family with the conversations of tests/golden/make_template_goldens.py, then N random templates of
template_grammar.py (two of three of its grammar, the third a family's with small changes) from the seed S on; and of templates with generation blocks, which tokens are the assistant's. Random ones may differ where Jinja folds constants before it runs (an error then becomes an
undefined value), where Python shows an address, or where an integer needs more than 64 bits: those are counted, not failures.
"""
import argparse
import collections
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import jinja2.compiler
import jinja2.nodes
import jinja2.optimizer
import jinja2.visitor
import transformers.utils.chat_template_utils as chats
from transformers import AutoTokenizer
from transformers.utils import logging

sys.path[:0] = [str(Path(__file__).parent), "tests/golden"]
import make_template_goldens as families  # noqa: E402
from template_grammar import VARIABLES, Grammar  # noqa: E402

MODEL = "tests/golden/models/llama-tiny"
HI = [{"role": "user", "content": "hi"}]
SECONDS_MAX = 5  # of one template in Python: 10 ** (10 ** 9) has no bound there


def ask(luthier, requests):
    """What Luthier makes of each: a text, or {"error"}."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    process = subprocess.run([luthier, "tokenize", "--model", MODEL, "--chat", "--render"], input=lines, capture_output=True, text=True)
    assert process.returncode in (0, 1), process.stderr
    answers = process.stdout.split("\n")[:-1]
    assert len(answers) == len(requests), f"{len(answers)} answers to {len(requests)} requests: {process.stderr}"
    return [json.loads(answer) for answer in answers]


def judged(tokenizer, source, request):
    """transformers' text, or None where it refuses or takes too long."""
    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_MAX)
    try:
        return families.rendered(tokenizer, source, request)
    finally:
        signal.alarm(0)


class WithoutFolding:
    """Jinja evaluates nothing before the template runs."""

    def __enter__(self):
        self.kept = jinja2.compiler.CodeGenerator._output_child_to_const, jinja2.optimizer.Optimizer.generic_visit

        def output(generator, node, frame, finalize):
            if isinstance(node, jinja2.nodes.TemplateData):
                return self.kept[0](generator, node, frame, finalize)
            raise jinja2.nodes.Impossible

        jinja2.compiler.CodeGenerator._output_child_to_const = output
        jinja2.optimizer.Optimizer.generic_visit = lambda optimizer, node, *args, **kwargs: jinja2.visitor.NodeTransformer.generic_visit(optimizer, node, *args, **kwargs)
        chats._compile_jinja_template.cache_clear()

    def __exit__(self, *_):
        jinja2.compiler.CodeGenerator._output_child_to_const, jinja2.optimizer.Optimizer.generic_visit = self.kept
        chats._compile_jinja_template.cache_clear()


def verdict(tokenizer, source, request, ours):
    theirs = judged(tokenizer, source, request)
    refused = isinstance(ours, dict)
    if theirs is None and refused:
        return "both refuse", theirs
    if theirs == ours:
        return "same", theirs
    if theirs is not None and (" at 0x" in theirs.lower() or "<bound method" in theirs):
        return "an address", theirs
    if refused and "64 bits" in ours["error"]:
        return "a large integer", theirs
    with WithoutFolding():
        unfolded = judged(tokenizer, source, request)
    if unfolded == ours or (unfolded is None and refused):
        return "folded", theirs
    return "DIFFERENT", theirs


def report(what, source, ours, theirs):
    print(f"--- {what}\n  ours:   {ours!r:.800}\n  theirs: {theirs!r:.800}\n{source[:4000]!r}")


def judge_families(luthier, tokenizer):
    pairs = [(name, source, request) for name, source in families.sources().items() for request in families.CONVERSATIONS]
    answers = ask(luthier, [{**request, "chat_template": source} for _, source, request in pairs])
    counts, refusals = collections.Counter(), collections.Counter()
    for (name, source, request), ours in zip(pairs, answers):
        theirs = judged(tokenizer, source, request)
        same = isinstance(ours, dict) if theirs is None else theirs == ours
        counts["same" if same else "DIFFERENT"] += 1
        refusals[name] += theirs is None
        if not same:
            report(name, json.dumps(request), ours, theirs)
        if isinstance(ours, dict):
            assert "\n" not in ours["error"] and len(ours["error"]) < 2000, f"no clear line: {ours['error']!r}"
    assert max(refusals.values()) < len(families.CONVERSATIONS) * 0.8, f"a template refuses nearly everything: {refusals}"
    print(f"{len(families.sources())} templates, {len(families.CONVERSATIONS)} conversations: {dict(counts)}; both refuse {sum(refusals.values())}")
    return counts["DIFFERENT"]


def random_pair(seed):
    """A template of the grammar, or every third time one of a family with small changes, and what it is given."""
    grammar = Grammar(seed)
    if seed % 3:
        return grammar.template(), {"messages": HI, **VARIABLES}
    known = families.sources()
    return grammar.changed(known[grammar.pick(sorted(known))]), grammar.pick(families.CONVERSATIONS)


def judge_random(luthier, tokenizer, seed, count, show):
    pairs = [random_pair(at) for at in range(seed, seed + count)]
    answers = ask(luthier, [{**request, "chat_template": source} for source, request in pairs])
    counts = collections.Counter()
    for at, ((source, request), ours) in enumerate(zip(pairs, answers)):
        kind, theirs = verdict(tokenizer, source, request, ours)
        counts[kind] += 1
        if kind == "DIFFERENT" and counts[kind] <= show:
            report(f"seed {seed + at}, {json.dumps(request)[:1000]}", source, ours, theirs)
    assert counts["same"] > count / 3, f"most random templates are refused, so little was judged: {dict(counts)}"
    print(f"random templates from seed {seed}: {dict(counts)}")
    return counts["DIFFERENT"]


def judge_masks(luthier, tokenizer):
    """The labels of training rows against the masks of assistant tokens."""
    different = rows_judged = 0
    for name, source in families.sources().items():
        if "{% generation" not in source and "{%- generation" not in source:
            continue
        rows = [request for request in families.CONVERSATIONS if request.keys() <= {"messages", "tools"} and judged(tokenizer, source, request) is not None]
        wanted = [families.masked(tokenizer, source, request) for request in rows]
        with tempfile.TemporaryDirectory(prefix="luthier-judge-") as directory:
            shutil.copytree(MODEL, f"{directory}/model")
            Path(f"{directory}/model/chat_template.jinja").write_text(source)
            Path(f"{directory}/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            process = subprocess.run([luthier, "check-data", "--model", f"{directory}/model", "--data", f"{directory}/rows.jsonl", "--rows"], capture_output=True, text=True)
            assert process.returncode == 0, f"{name}: {process.stderr}"
        got = {row["row"]: row["parts"][0] for row in map(json.loads, process.stdout.splitlines())}
        for at, (request, mask) in enumerate(zip(rows, wanted), 1):
            labels = [token if inside else -100 for token, inside in zip(mask["ids"], mask["mask"])]
            learns = any(label != -100 for label in labels[1:])  # a row that teaches nothing is left out
            rows_judged += 1
            if (at in got) != learns or (learns and (got[at]["input_ids"], got[at]["labels"]) != (mask["ids"], labels)):
                different += 1
                report(name, json.dumps(request), got.get(at), {"input_ids": mask["ids"], "labels": labels})
    print(f"{rows_judged} rows of templates with generation blocks, {different} with other labels")
    return different if rows_judged > 100 else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("luthier")
    parser.add_argument("--seed", type=int, default=1_000_000)
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--show", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of templates that subscript numbers
    logging.set_verbosity_error()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    different = judge_families(options.luthier, tokenizer) + judge_masks(options.luthier, tokenizer) + judge_random(options.luthier, tokenizer, options.seed, options.count, options.show)
    sys.exit(1 if different else 0)


main()
