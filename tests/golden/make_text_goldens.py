#!/usr/bin/env python3
"""Records what tokenizers and transformers do with texts, conversations and rows, for the tests of gpu/text.

    make_text_goldens.py [PART ...]      run from the root of the tree; parts: snippets, chats, tokenizers, gguf, rows

Hand-written inputs are tests/golden/text/snippets.txt (one template a line; ⏎ and ␍ stand for line ends), templates/*.jinja and the
texts and conversations below. The tokenizers are trained here on a few sentences, so that the files stay small.
"""
import json
import sys
import tempfile
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import render_jinja_template

OUT = Path("tests/golden/text")


def write(name, value):
    """One case a line, so that a change shows as a change of lines."""
    lines = (json.dumps(key) + ": " + ("[\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in part) + "\n]"
             if isinstance(part, list) else json.dumps(part, ensure_ascii=False)) for key, part in value.items())
    (OUT / name).write_text("{" + ",\n".join(lines) + "}\n")
    print(name, (OUT / name).stat().st_size)


def attempt(render):
    """What came out, or what the judge said against it: the tests only ask that we refuse as well."""
    try:
        return {"text": render()}
    except Exception as failure:
        return {"error": f"{type(failure).__name__}: {failure}"[:120]}


# ---------------------------------------------------------------------------------------------------------- snippets

VARIABLES = {
    "word": "hello", "numbers": [3, 1, 2, 3], "big": 9007199254740993,
    "person": {"name": "Ada", "age": "36", "city": "Paris"},
    "people": [{"name": "Ada", "age": 36, "city": "Paris"}, {"name": "bob", "age": 7, "city": "Rome"}, {"name": "Eve", "age": 52, "city": "Paris"}],
    "odd": {"items": 1, "get": 2, "keys": [3]}, "items": [10, [20, 30], {"k": "v"}], "deep": {"a": {"b": [{"c": "d"}]}},
    "tricky": "\u00a0 e\u0301 🇫🇷👩‍👩‍👧 \u202eabc\u202c\tz\x1c\u2028 ﬃ ",
}


def snippets():
    cases = []
    for line in (OUT / "snippets.txt").read_text().splitlines():
        source = line.replace("⏎", "\n").replace("␍", "\r")
        cases.append({"source": source, **attempt(lambda: render_jinja_template([[]], chat_template=source, **VARIABLES)[0][0])})
    write("snippets.json", {"variables": VARIABLES, "cases": cases})


# ------------------------------------------------------------------------------------------------------------- chats

def message(role, content, **more):
    return {"role": role, "content": content, **more}


SEARCH = {"type": "function", "function": {"name": "search", "description": "Finds <things> & \"more\"", "parameters": {
    "type": "object", "required": ["query"], "properties": {"query": {"type": "string"}, "limit": {"type": "integer", "enum": [1, 10]}}}}}
CALL = message("assistant", None, tool_calls=[{"id": "c1", "type": "function", "function": {"name": "search", "arguments": {"query": "größe", "limit": 1}}}])
HI, HELLO = message("user", "Hi there!\n"), message("assistant", "  Hello, how can I help?  ")
SYSTEM = message("system", " You are terse. ")
SPECIAL = message("user", "What is <|im_end|> for? <s>\u00a0and\r\nso on 🧑🏽‍🚀 é e\u0301 \u202eאבג")
PICTURE = message("user", [{"type": "text", "text": "Look: <b>"}, {"type": "image", "url": "x.png"}, {"type": "other"}, {"type": "text", "text": "?"}])
THOUGHT = message("assistant", "<think>\nhmm\n\n</think>\n\nFour.")
LONG = [message("user" if i % 2 == 0 else "assistant", f"line {i}\n" * (i % 3 + 1)) for i in range(11)]
CONVERSATIONS = {
    "default_system": [{"messages": [HI]}, {"messages": [HI], "add_generation_prompt": True}, {"messages": [SYSTEM, HI, HELLO, SPECIAL], "add_generation_prompt": True},
                       {"messages": [HI, HI]}, {"messages": [SYSTEM]}, {"messages": LONG}, {"messages": [HI], "bos_token": "<bos>", "eos_token": ""},
                       {"messages": [message("user", None)]}, {"messages": []}],
    "tools": [{"messages": [HI, HELLO]}, {"messages": [HI], "tools": [SEARCH], "add_generation_prompt": True},
              {"messages": [SYSTEM, HI, CALL, message("tool", '{"hits": 3}', name="search"), message("tool", {"hits": [1, None, "ü"]}), HELLO], "tools": [SEARCH]},
              {"messages": [HI, {**CALL, "tool_calls": [{"function": {"name": "search", "arguments": '{"query": "raw"}'}}] * 2}], "tools": [SEARCH["function"]]},
              {"messages": [HI, {**CALL, "tool_calls": [{"function": {"name": "other", "arguments": {}}}]}], "tools": [SEARCH]},
              {"messages": [HI], "tools": []}, {"messages": [HI], "tools": None}, {"messages": [message("user", ["a", 1, {"b": None}])]}],
    "parts": [{"messages": [PICTURE, HELLO], "add_generation_prompt": True}, {"messages": [message("user", [], name="ada lovelace"), SPECIAL]},
              {"messages": [message("user", 5)]}, {"messages": [HI], "documents": [{"title": "One", "text": "x y " * 12}, {"title": "Two", "text": "short"}]}],
    "generation": [{"messages": [SYSTEM, HI, HELLO]}, {"messages": [HI, HELLO, SPECIAL, message("assistant", "é 🧑🏽‍🚀")]}, {"messages": [HI], "add_generation_prompt": True},
                   {"messages": [HI, message("assistant", "")]}, {"messages": LONG}],
    "thinking": [{"messages": [HI, THOUGHT, message("user", "And 3+3?")], "add_generation_prompt": True}, {"messages": [HI, THOUGHT]},
                 {"messages": [HI, message("assistant", "Six.", reasoning_content="3+3\n"), message("tool", "a"), message("tool", "b"), message("assistant", "End.")]},
                 {"messages": [HI, message("assistant", "Six.", reasoning="old name")]}, {"messages": [HI, message("assistant", "Six.", thinking="older name", reasoning_content=None)]},
                 {"messages": [HI], "add_generation_prompt": True, "enable_thinking": False}, {"messages": [HI], "add_generation_prompt": True, "enable_thinking": True}],
    "kitchen": [{"messages": [SYSTEM, HI, HELLO, HI], "extra": {"deep": [{"x": 1.5}]}}, {"messages": [HI, message("skip", "not shown"), HELLO, message("stop", ""), HI], "extra": {"deep": []}},
                {"messages": [SPECIAL], "strict": True}, {"messages": [SYSTEM, SPECIAL], "strict": True, "unused": None}],
    None: [{"messages": [SYSTEM, HI, HELLO], "add_generation_prompt": True}, {"messages": [HI], "chat_template": "{{ bos_token }}{{ messages | tojson }}{{ unk_token }}"},
           {"messages": [HI], "chat_template": "{{ pad_token }}{{ sep_token is defined }}{{ tools is defined }}{{ tools }}{{ documents }}{{ add_generation_prompt }}"}],
}


def chats():
    tokenizer = AutoTokenizer.from_pretrained("tests/golden/models/llama-tiny")
    cases = []
    for name, requests in CONVERSATIONS.items():
        for request in requests:
            given = dict(request) if name is None else {**request, "chat_template": (OUT / f"templates/{name}.jinja").read_text()}
            rendered = attempt(lambda: tokenizer.apply_chat_template(given["messages"], tokenize=False, **{k: v for k, v in given.items() if k != "messages"}))
            if name == "generation":
                encoded = tokenizer.apply_chat_template(given["messages"], return_assistant_tokens_mask=True, return_dict=True, **{k: v for k, v in given.items() if k != "messages"})
                rendered.update(ids=encoded["input_ids"], mask=encoded["assistant_masks"])
            cases.append({"template": name, "request": request, **rendered})
    write("chats.json", {"cases": cases})


# -------------------------------------------------------------------------------------------------------- tokenizers

SENTENCES = """The lantern stood on the old harbour wall, and the keeper counted 12 ships, then 345, then 6789.
Don't forget: they've said it's fine, we'll see if I'm right. DON'T SHOUT, IT'S LATE.
Die größte Übung heißt: süße Äpfel für Straßenkünstler schälen, 2024 Stück.
El niño comió piñas; où êtes-vous, garçon? naïve façade, déjà vu.
Привет, мир! Как дела? Всё хорошо. Καλημέρα κόσμε. 你好，世界。今日は良い天気です。안녕하세요 세계
مرحبا بالعالم שלום עולם नमस्ते दुनिया สวัสดีชาวโลก
def add(a, b):\n    return a + b  # sum\n\nfor (int i = 0; i < 10; ++i) { x[i] *= 2; }\n\tif (!done) { exit(1); }
{"name": "value", "list": [1, 2.5, null], "deep": {"a": true}} <html><body class="x">text</body></html>
https://example.org/a_path/file-name.txt?query=1&other=%20 user@example.org 3.14159 -1e-10 $5.00 100%""".replace("\\n", "\n").replace("\\t", "\t").split("\n")
TEXTS = ["", " ", "  ", "\n", "\n\n \n", "\t\tx", "a", " a", "a ", "  a  b   c    d", "Hello world", "hello  world\n", "\r\n\r\na\r\n b",
         "The lantern's keeper said: \"don't\" and they'll 've 'S 'LL", "12 123 1234 12345 1,234,567.89 0x1F ²½Ⅷ٣४", "a1b22c333d4444", "größte Übung naïve façade déjà",
         "e\u0301 n\u0303 a\u0328\u0301 \u0344 ﬁ ℌ Å \u1e9b\u0323", "Привет, мир! Καλημέρα 你好，世界。今日は 안녕 한글 \u1112\u1161\u11ab", "مرحبا بالعالم שָׁלוֹם \u202eabc\u202c नमस्ते สวัสดี",
         "😀🎉 👩‍👩‍👧‍👦 🇫🇷 👍🏽 ☺️ 🧑🏽‍🚀x", "\x00\x01\x1b[0m\x7f\u0085\u00a0\u2003\u200b\ufeff\ufffd\u2028z", "def add(a, b):\n    return a + b\n\n\n\tif x:\n\t\tpass  # end", "{\"a\": [1, 2, {\"b\": null}]} <div>&amp;</div>",
         "https://example.org/a?b=c&d=%20 user@example.org", "<s>Hi</s> <unk> <pad>", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>", "a<|endoftext|>b <|endoftext|> c<|endoftext|><|endoftext|>",
         "x<lstrip> y  <lstrip>z <rstrip>  w<rstrip>v", "word <single> xwordx word, aword", "NEW Token new token New Token [NEW]", "▁▁a ▁b _ <0x41> <0xZZ> ##ing </w>", "zzzz qqqq ŵẑ 𝔘𝔫𝔦 𐍈 \U000e0001 \ufdfa", "a" * 70 + " " + "ab" * 60, " " * 60 + "x" + "\n" * 55,
         "...!!!???--- ''' `` ~~ @#$%^&*()", "İstanbul ẞ ǅ ΑΣ", "I'm\u2019m it\u2019s", "the the The THE tHe", "<|im_end|", "\u0301a", "a\u200db", "\U0001f9d1\u200d"]
ADDED = [AddedToken("<lstrip>", lstrip=True, normalized=False), AddedToken("<rstrip>", rstrip=True, normalized=False), AddedToken("word", single_word=True, normalized=False),
         AddedToken("New Token", normalized=True), AddedToken("<|endoftext|>", special=True, normalized=False), AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("<|im_end|>", special=True, normalized=False)]
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join([r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                  r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


def trained(size=420, special=("<unk>", "<s>", "</s>"), normalizer=None, pre=None, decoder=None, post=None, alphabet=(), added=(), model={}, **trainer):
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer: tokenizer.normalizer = normalizer
    if pre: tokenizer.pre_tokenizer = pre
    if decoder: tokenizer.decoder = decoder
    tokenizer.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(vocab_size=size, special_tokens=list(special), initial_alphabet=list(alphabet), show_progress=False, **trainer))
    tokenizer.add_tokens([token for token in added if not token.special])
    tokenizer.add_special_tokens([token for token in added if token.special])
    if post: tokenizer.post_processor = post(tokenizer)
    return tokenizer


def around(single, *names):
    return lambda tokenizer: processors.TemplateProcessing(single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def byte_level(pre, decoder=decoders.ByteLevel(), **more):
    return trained(size=500, special=(), pre=pre, decoder=decoder, alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), added=ADDED, **more)


def bytes_fall_back(**more):
    """As SentencePiece's models were converted: blanks become ▁, unknown characters bytes."""
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    data = json.loads(trained(size=800, special=names, model={"unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True}, added=ADDED,
                              decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]), **more).to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(data))


def whole_words_without_merges(tokenizer):
    """ignore_merges shows where a word is in the vocabulary and no merges lead there."""
    data = json.loads(tokenizer.to_str())
    data["model"]["ignore_merges"] = True
    for word in ("Hello", "Ġworld", "Ġzzz", "ðŁĺĢ", "12"):
        data["model"]["vocab"].setdefault(word, max(max(data["model"]["vocab"].values()), max(t["id"] for t in data["added_tokens"])) + 1)
    return Tokenizer.from_str(json.dumps(data))


def charsmap():
    """A few of SentencePiece's rules, as its trainer writes them."""
    return normalizers.Precompiled(charsmap_bytes())


def charsmap_bytes():
    sys.path.insert(0, "tests/judges")
    from charsmap import as_bytes

    return as_bytes({"ﬁ": "fi", "ℌ": "H", "Å": "Å", "\t": " ", "\n": " ", "\x01": "", "a\u0301": "á", "²": "2", "ﷺ": "صلى الله", "\u00a0": " ", "A": "A"})


def unigram(normalizer, pre, decoder, post, names=("<s>", "</s>", "<unk>"), byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre, decoder
    tokenizer.train_from_iterator(SENTENCES * 3, trainers.UnigramTrainer(vocab_size=300 + 256 * byte_fallback, special_tokens=[*names, *(f"<0x{b:02X}>" for b in range(256 * byte_fallback))], unk_token="<unk>", show_progress=False))
    data = json.loads(tokenizer.to_str())
    data["model"]["byte_fallback"] = byte_fallback
    data["model"]["vocab"] = [[piece, round(score, 4)] for piece, score in data["model"]["vocab"]]  # the trainer's sums differ in their last digits from run to run
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_tokens([token for token in ADDED if not token.special])
    tokenizer.post_processor = post(tokenizer)
    return tokenizer


def words(model, trainer, normalizer, pre, decoder=None, post=None):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre
    if decoder: tokenizer.decoder = decoder
    tokenizer.train_from_iterator(SENTENCES * 3, trainer)
    tokenizer.add_tokens([token for token in ADDED if not token.special])
    if post: tokenizer.post_processor = post(tokenizer)
    return tokenizer


def word_piece(normalizer, cleanup, **model):
    trainer = trainers.WordPieceTrainer(vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"], limit_alphabet=120, show_progress=False)
    return words(models.WordPiece(unk_token="[UNK]", **model), trainer, normalizer, pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(cleanup=cleanup), around("[CLS] $A [SEP]", "[CLS]", "[SEP]"))


def tokenizers_by_name():
    spaces = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    chained = lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=False), around("<|im_start|> $A", "<|im_start|>")(t)])
    plain = byte_level(GPT2)
    return {
        "gpt2": (plain, {}),
        "gpt2-prefix": (byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), post=around("$A <|im_end|>", "<|im_end|>")), {}),
        "smollm": (byte_level(sequence(pre_tokenizers.Digits(individual_digits=True), GPT2)), {"eos_token": "<|im_end|>", "additional_special_tokens": ["word", "<new_special>"]}),
        "llama3": (whole_words_without_merges(byte_level(sequence(split(LLAMA3), BYTES), post=chained)), {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}),
        "qwen2": (byte_level(sequence(split(QWEN2), BYTES), normalizer=normalizers.NFC()), {}),
        "o200k": (byte_level(sequence(split(O200K), BYTES)), {}),
        "sentencepiece": (bytes_fall_back(normalizer=spaces, post=around("<s> $A", "<s>")), {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
        "metaspace": (trained(pre=pre_tokenizers.Metaspace(prepend_scheme="first"), decoder=decoders.Metaspace(prepend_scheme="first"), model={"unk_token": "<unk>"}, added=ADDED), {}),
        "clip": (trained(normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]), end_of_word_suffix="</w>",
                         pre=sequence(split(r"<\|startoftext\|>|'s|'t|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", True), GPT2), decoder=decoders.BPEDecoder("</w>"), model={"unk_token": "<unk>", "end_of_word_suffix": "</w>"},
                         alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), added=ADDED, post=lambda t: processors.RobertaProcessing(("</s>", 2), ("<s>", 1), False, False)), {}),
        "pieces": (trained(normalizer=normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Strip()]), pre=sequence(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()),
                           continuing_subword_prefix="##", model={"unk_token": "<unk>", "continuing_subword_prefix": "##"}, added=ADDED), {}),
        "bert-uncased": (word_piece(normalizers.BertNormalizer(), True), {}),
        "bert-cased": (word_piece(normalizers.BertNormalizer(lowercase=False), False, max_input_chars_per_word=11), {}),
        "xlm-r": (unigram(charsmap(), sequence(pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()), decoders.Metaspace(), around("<s> $A </s>", "<s>", "</s>")), {}),
        "unigram-bytes": (unigram(normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]), pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]), around("$A </s>", "</s>"), byte_fallback=True), {}),
        "wordlevel": (words(models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=150, special_tokens=["<unk>"], show_progress=False), normalizers.Lowercase(), sequence(pre_tokenizers.Whitespace(), pre_tokenizers.FixedLength(5))), {}),
    }


def variants():
    """What else may stand in the pipeline, by a patch of the tokenizer "loose" (no pre-tokenizer, so its merges go everywhere)."""
    pre = {"whitespace": pre_tokenizers.Whitespace(), "digits": pre_tokenizers.Digits(individual_digits=False), "delimiter": pre_tokenizers.CharDelimiterSplit("t"), "punctuation": pre_tokenizers.Punctuation("merged_with_previous"),
           "metaspace-always": pre_tokenizers.Metaspace(prepend_scheme="always"), "metaspace-never": pre_tokenizers.Metaspace(prepend_scheme="never", split=False),
           **{f"split-{b}{'-inverted' if i else ''}": split(r"\s|[aeiou]{2,3}+|[[:digit:]]+|\bth\w", b, i) for b in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous") for i in (False, True)},
           "literal": pre_tokenizers.Split("a.b", "isolated"), "class": split(r"[^\S\n]+|\h{2,}|(?m:a.)|(?<=\d)(?=\p{L})", "merged_with_next"),
           "scripts": pre_tokenizers.UnicodeScripts()}
    norm = {"nfd": normalizers.NFD(), "nfkc": normalizers.NFKC(), "lower": normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace("the", "THE")]), "strip-right": normalizers.Strip(left=False), "bytes": normalizers.ByteLevel(),
            "prepend": normalizers.Prepend("x"), "regex": normalizers.Replace(Regex(r"(\d)\d*"), "#")}
    found = {f"pre:{name}": {"pre_tokenizer": json.loads(part.__getstate__())} for name, part in pre.items()}
    found |= {f"norm:{name}": {"normalizer": json.loads(part.__getstate__())} for name, part in norm.items()}
    dec = {"byte-level": decoders.ByteLevel(), "fallback": decoders.ByteFallback(), "strip": decoders.Strip("e", 1, 0), "fuse-strip": decoders.Sequence([decoders.Fuse(), decoders.Strip("e", 2, 0), decoders.Replace("th", "TH")]), "metaspace": decoders.Metaspace(), "replace": decoders.Replace(Regex("[aeiou]+"), "*")}
    found |= {f"dec:{name}": {"decoder": json.loads(part.__getstate__())} for name, part in dec.items()}
    found["post:bert"] = {"post_processor": json.loads(processors.BertProcessing(("</s>", 2), ("<s>", 1)).__getstate__())}
    found["unk"] = {"model": {"unk_token": "<unk>"}}
    found["unk-fused"] = {"model": {"unk_token": "<unk>", "fuse_unk": True}}
    return found


CONFIGS = [{"add_bos_token": True}, {"add_bos_token": False}, {"add_bos_token": True, "add_eos_token": True}, {"add_eos_token": True}, {"add_bos_token": None}, {"clean_up_tokenization_spaces": True}]
CONFIG = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}


def loaded(data, config):
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "tokenizer.json").write_text(json.dumps(data))
        (Path(directory) / "tokenizer_config.json").write_text(json.dumps(CONFIG | config))
        return AutoTokenizer.from_pretrained(directory)


def judged(tokenizer, texts, with_decoding=True):
    cases = []
    for text in texts:
        case = {"ids": tokenizer.encode(text, add_special_tokens=False)}
        special = tokenizer.encode(text)
        if special != case["ids"]: case["special"] = special
        if with_decoding:
            shown = lambda ids, skip: tokenizer.decode(ids, skip_special_tokens=skip, clean_up_tokenization_spaces=False)
            decoded, skipped = shown(special, False), shown(special, True)
            if decoded != text: case["decoded"] = decoded
            if skipped != decoded: case["skipped"] = skipped
        cases.append(case)
    return cases


def any_ids(tokenizer, count):
    """Ids in an order that no text gives: half characters, special tokens, ids that do not exist."""
    state, lists = 12345, []
    for _ in range(count):
        ids = []
        for _ in range(24):
            state = (state * 1103515245 + 12345) % 2**31
            ids.append((state >> 8) % (len(tokenizer) + 2))
        lists.append({"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False), "skipped": tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)})
    return lists


def tokenizers():
    (OUT / "tokenizers").mkdir(exist_ok=True)
    write("texts.json", {"texts": TEXTS})
    made = tokenizers_by_name()
    for name, (built, config) in made.items():
        data = json.loads(built.to_str())
        tokenizer = loaded(data, config)
        write(f"tokenizers/{name}.json", {"config": CONFIG | config, "tokenizer": data, "cases": judged(tokenizer, TEXTS), "any": any_ids(tokenizer, 12)})
    loose = json.loads(trained(size=700, added=ADDED[:4]).to_str())
    cases = []
    for name, patch in variants().items():
        data = {key: value if key != "model" else {**value, **patch.get("model", {})} for key, value in {**loose, **{k: v for k, v in patch.items() if k != "model"}}.items()}
        tokenizer = loaded(data, {})
        cases.append({"name": name, "patch": patch, "cases": judged(tokenizer, TEXTS[::2], name.startswith("dec")), "any": any_ids(tokenizer, 3)})
    write("tokenizers/variants.json", {"tokenizer": loose, "config": CONFIG, "variants": cases})
    base = json.loads(made["sentencepiece"][0].to_str())
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    write("tokenizers/configs.json", {"tokenizer": "sentencepiece", "configs": [{"config": CONFIG | named | config, "cases": judged(loaded(base, named | config), TEXTS[9:32:3])} for config in CONFIGS]})
    tiny = AutoTokenizer.from_pretrained("tests/golden/models/llama-tiny")
    write("tokenizers/llama-tiny.json", {"cases": judged(tiny, TEXTS), "any": any_ids(tiny, 12)})


# -------------------------------------------------------------------------------------------------------------- GGUF


def gguf():
    """The vocabularies llama, bert and t5: the file, and what the tokenizer that it was made from does."""
    sys.path.insert(0, "tests/judges")
    import tokenizers_live as live

    (OUT / "gguf").mkdir(exist_ok=True)
    made = {}
    # Small vocabularies in the place of the judge's families.
    live.FAMILIES = {"llama2": lambda _: bytes_fall_back(normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), post=around("<s> $A", "<s>")), "bert-uncased": lambda _: word_piece(normalizers.BertNormalizer(), True)}
    live.unigram = lambda lines, normalizer, *rest: unigram(normalizers.Sequence([charsmap(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]), *rest)
    live.nmt_nfkc = lambda: charsmap_bytes()
    for name, build in {"llama": live.gguf_sentencepiece, "bert": live.gguf_word_piece("bert-uncased"), "t5": live.gguf_unigram}.items():
        made[name] = build(SENTENCES, str(OUT / f"gguf/{name}.gguf"))
        write(f"gguf/{name}.json", {"cases": [{"ids": made[name].encode(text).ids, "decoded": made[name].decode(made[name].encode(text).ids, skip_special_tokens=False)} for text in TEXTS]})


# -------------------------------------------------------------------------------------------------------------- rows

PROMPTS = [("What is the capital?", "Paris."), ("", "only completion"), ("trailing blank ", " leading"), ("größte 😀", "Übung\n"), ("<|im_start|>user", "a<|im_end|>"), ("only prompt", ""), ("x", " ")]
CHATS = [{"messages": [HI, HELLO]}, {"messages": [SYSTEM, HI, HELLO, SPECIAL, message("assistant", "é 🧑🏽‍🚀\n")], "tools": None}, {"messages": [HI]}, {"messages": [HELLO, HI, HELLO]},
         {"messages": LONG, "ignored": 1}, {"messages": [HI, message("assistant", "")]}, {"messages": [HI, HELLO, HELLO]}, {"messages": [HI, message("assistant", "A", name=None, extra=1)], "tools": [SEARCH]}]


def labelled(tokenizer, row):
    """The rules of the engine's interface, word for word, over transformers."""
    encode = lambda text, special=False: tokenizer.encode(text, add_special_tokens=special)
    if "prompt" in row:
        ids = encode(row["prompt"] + " " + row["completion"], True)
        skip = len(encode(row["prompt"] + " ")) + (tokenizer.bos_token_id is not None and encode("x", True)[0] == tokenizer.bos_token_id)
        return ids, [-100] * min(skip, len(ids)) + ids[skip:]
    # render_jinja_template, since apply_chat_template refuses to say what comes in front of a first answer
    plain = lambda messages: [{k: v for k, v in m.items() if v is not None} for m in messages]
    rendered = lambda messages, prompt: encode(render_jinja_template([plain(messages)], tools=row.get("tools"), chat_template=tokenizer.chat_template, add_generation_prompt=prompt, **tokenizer.special_tokens_map)[0][0])
    ids = rendered(row["messages"], False)
    if "{% generation %}" in tokenizer.chat_template:
        mask = tokenizer.apply_chat_template(row["messages"], tools=row.get("tools"), return_assistant_tokens_mask=True, return_dict=True)["assistant_masks"]
        return ids, [i if m else -100 for i, m in zip(ids, mask)]
    labels = [-100] * len(ids)
    for i, each in enumerate(row["messages"]):
        if each["role"] == "assistant":
            for at in range(len(rendered(row["messages"][:i], True)), min(len(rendered(row["messages"][:i + 1], False)), len(ids))):
                labels[at] = ids[at]
    return ids, labels


def rows():
    cases = []
    for name in ("llama-tiny", "sentencepiece", "gpt2-prefix"):
        tokenizer = AutoTokenizer.from_pretrained("tests/golden/models/llama-tiny") if name == "llama-tiny" else loaded(*(json.loads((OUT / f"tokenizers/{name}.json").read_text())[part] for part in ("tokenizer", "config")))
        kinds = [(None, [{"prompt": p, "completion": c} for p, c in PROMPTS])]
        kinds += [(template, CHATS) for template in ("plain", "generation")] if name != "gpt2-prefix" else []
        for template, given in kinds:
            if template: tokenizer.chat_template = (OUT / f"templates/{template}.jinja").read_text()
            made = [labelled(tokenizer, row) for row in given]
            cases.append({"tokenizer": name, "template": template, "rows": given, "ids": [ids for ids, _ in made], "labels": [labels for _, labels in made]})
    write("rows.json", {"cases": cases})


PARTS = {"snippets": snippets, "chats": chats, "tokenizers": tokenizers, "gguf": gguf, "rows": rows}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
