"""What the engine's interface says of rows, word for word, over transformers: from a row to ids and labels, or to nothing."""
from transformers.utils.chat_template_utils import render_jinja_template

NONE = -100


class Rules:
    def __init__(self, tokenizer, question="prompt", answer="completion", append_end_token=False):
        self.tokenizer, self.question, self.answer, self.append_end_token = tokenizer, question, answer, append_end_token

    def parts(self, row):
        """[(ids, labels)]: one, or chosen and rejected, or query, positive and negatives."""
        if "messages" in row:
            return [self.conversation(row["messages"], row)]
        if "query" in row and "pos_doc" in row:
            return [(ids, [NONE] * len(ids)) for ids in map(self.encode_whole, [row["query"], row["pos_doc"], *row["neg_doc"]])]
        if self.answer in row:
            return [self.completed(row[self.question], row[self.answer])]
        return self.preference(row)

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False)

    def encode_whole(self, text):
        return self.tokenizer.encode(text)

    def completed(self, prompt, completion):
        ids = self.encode_whole(prompt + " " + completion)
        bos = self.tokenizer.bos_token_id
        skip = len(self.encode(prompt + " ")) + (bos is not None and self.encode_whole("x")[0] == bos)
        if self.append_end_token:
            ids = ids + [self.tokenizer.eos_token_id]
        return ids, [NONE] * min(skip, len(ids)) + ids[skip:]

    def render(self, messages, row, prompt):
        # render_jinja_template, since apply_chat_template refuses to say what comes in front of a first answer
        plain = [{k: v for k, v in m.items() if v is not None} for m in messages]
        return render_jinja_template([plain], tools=row.get("tools"), chat_template=self.tokenizer.get_chat_template(tools=row.get("tools")), add_generation_prompt=prompt,
                                     **{**self.tokenizer.special_tokens_map, **(row.get("chat_template_kwargs") or {})})[0][0]

    def conversation(self, messages, row, learn_from=0):
        ids = self.encode(self.render(messages, row, False))
        length = lambda count, prompt: len(self.encode(self.render(messages[:count], row, prompt)))
        if "{% generation" in self.tokenizer.get_chat_template(tools=row.get("tools")):
            plain = [{k: v for k, v in m.items() if v is not None} for m in messages]
            made = self.tokenizer.apply_chat_template(plain, tools=row.get("tools"), return_assistant_tokens_mask=True, return_dict=True, **(row.get("chat_template_kwargs") or {}))
            assert made["input_ids"] == ids
            first = length(learn_from, True) if learn_from else 0
            return ids, [i if mask and at >= first else NONE for at, (i, mask) in enumerate(zip(ids, made["assistant_masks"]))]
        labels = [NONE] * len(ids)
        for i in range(learn_from, len(messages)):
            if messages[i].get("role") == "assistant":
                for at in range(length(i, True), min(length(i + 1, False), len(ids))):
                    labels[at] = ids[at]
        return ids, labels

    def preference(self, row):
        found = pair_of(row, self.tokenizer.chat_template is not None)
        if found is None:
            return []
        context, chosen, rejected = found
        if isinstance(context, str):
            return [self.completed(context, chosen), self.completed(context, rejected)]
        return [self.conversation(context + answer, row, len(context)) for answer in (chosen, rejected)]


def said(role, content):
    return content if isinstance(content, list) else [{"role": role, "content": content}]


def pair_of(row, has_template):
    """context, chosen, rejected; None: neither is better."""
    if "completions" in row:
        first, second = sorted(row["completions"], key=lambda completion: completion["rank"])
        return None if first["rank"] == second["rank"] else (row["context"], first["completion"], second["completion"])
    if "overall_preference" in row:
        answers = [said("assistant", row["response1"]), said("assistant", row["response2"])]
        score = row["overall_preference"]
        return None if score == 0 else (said("user", row["context"]), *(answers if score < 0 else answers[::-1]))
    chosen, rejected = (row.get(name, row.get(name + "_response")) for name in ("chosen", "rejected"))
    prompt = row.get("prompt")
    if isinstance(chosen, str) and isinstance(prompt, str) and not has_template:
        return prompt, chosen, rejected
    if isinstance(chosen, str):
        return said("user", prompt), said("assistant", chosen), said("assistant", rejected)
    if isinstance(prompt, list) and (chosen[:len(prompt)] != prompt or rejected[:len(prompt)] != prompt):
        return prompt, chosen, rejected
    same = 0
    while chosen[same] == rejected[same]:
        same += 1
    return chosen[:same], chosen[same:], rejected[same:]


def supervised(parts, kind):
    """As the engine counts: labels after the shift; 0 when one answer of a pair has none; an embedding row counts 1."""
    if kind == "embedding":
        return int(all(ids for ids, _ in parts[:2]))
    each = [sum(label != NONE for label in labels[1:]) for _, labels in parts]
    return sum(each) if each and all(each) else 0
