#!/usr/bin/env python3
"""Do the ids and the decoded text equal those of Hugging Face's tokenizers, for every kind of tokenizer that model families publish?

    tokenizers_live.py LUTHIER [--texts N] [FAMILY ...]      run from the repository's root

No model hub is within reach, so each family's pipeline, as its tokenizer.json has it, is trained here on text that is on this machine.
"""
import argparse
import gettext
import json
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

from pydoc_data.topics import topics
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).resolve().parent))
from charsmap import nmt_nfkc  # noqa: E402

# --------------------------------------------------------------------------------------------------------------- text

SCRIPTS = """Привет, мир! Как дела? Всё хорошо.|Καλημέρα κόσμε, τι κάνεις;|你好，世界。今天天气很好，我们去公园散步吧。|今日は良い天気ですね。カタカナとひらがな。|안녕하세요 세계, 반갑습니다
مرحبا بالعالم، كيف حالك؟ ١٢٣|שָׁלוֹם עולם|नमस्ते दुनिया, आप कैसे हैं? १२३|สวัสดีชาวโลก|Xin chào thế giới, tiếng Việt|Dzień dobry, zażółć gęślą jaźń|größte Übung, süße Straße
ਸਤਿ ਸ੍ਰੀ ਅਕਾਲ|வணக்கம் உலகம்|হ্যালো বিশ্ব|გამარჯობა მსოფლიო|Բարեւ աշխարհ|ሰላም ልዑል|မင်္ဂလာပါ|ជំរាបសួរ|ᠮᠣᠩᠭᠣᠯ|ᏣᎳᎩ|𐍈𐌰𐌹𐍂|𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚𝟛 ⅷ ½ ² ①""".replace("\n", "|").split("|")
ODD = ["", " ", "  ", "\n", "\r\n", "\t\t", "\0", "\x1b[0m", "\x7f", "\u0085", "\u00a0", "\u2003", "\u200b", "\u200d", "\ufeff", "\ufffd", "\u2028", "\u202e", "\u00ad", "\U000e0001", "\U0010ffff", "\ue000", "\u0378",
       "e\u0301", "a\u0328\u0301", "\u0301", "ﬁ", "ﬁ\u0301", "Å", "ẛ̣", "\u1112\u1161\u11ab", "한", "ﷺ", "İ", "ẞ", "ǅ", "Σ", "ŉ", "㍻", "ｶﾞ", "Ａ１", "ー", "☺️", "👩‍👩‍👧‍👦", "🇫🇷🇩🇪", "👍🏽", "🧑🏽‍🚀", "1️⃣", "क्षि", "\u0600a", "\u1100\u1161",
       "'s", "'LL", "’m", "DON'T", "I'm", "do not", "n't", " ,", " ' ", "12345", "1,234.5", "0x1F", "²³", "٣٤", "http://a.b/c?d=e&f#g", "x_y-z", "a.b", "...", "!!!", "###", "$5.00", "100%", "<|", "|>", "[", "]", "{", "}", "▁", "▁▁", "##a", "</w>", "<0x41>", "Ġ", "Ċ",
       "<s>", "</s>", "<unk>", "[MASK]", "[CLS]", "[UNK]", "<pad>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<mask>", "<keep>", "<left>", "<right>", "word", "New Word", "NEW WORD", "x" * 120, "ab" * 60, " " * 40, "\n" * 9, "\u3000", "、。"]


def corpus():
    """English from Python's own manual, names in a hundred languages where iso-codes is installed, a little code."""
    text = [line for topic in topics.values() for line in topic.split("\n")]
    for file in sorted(Path("/usr/share/locale").glob("*/LC_MESSAGES/iso_3166-1.mo")):
        with file.open("rb") as opened:
            text += [value for key, value in gettext.GNUTranslations(opened)._catalog.items() if isinstance(key, str) and key]
    return text + SCRIPTS * 20 + Path(json.__file__).read_text().split("\n")


def texts(count, lines):
    """What is written, what nobody writes, and mixtures of both; the same ones each time."""
    chance = random.Random(5)
    blocks = [(0x20, 0x7F), (0x80, 0x250), (0x250, 0x600), (0x590, 0x1000), (0x1000, 0x2000), (0x2000, 0x3000), (0x3000, 0x3400), (0x4E00, 0x9FFF), (0xA000, 0xD7FF), (0xE000, 0x10000), (0x10000, 0x12000), (0x1D000, 0x1FA00), (0x20000, 0x2FA20), (0xE0000, 0xE0200)]
    character = lambda: chr(chance.randrange(*chance.choice(blocks)))
    word = lambda: chance.choice(chance.choice(lines).split(" "))
    kinds = [lambda: chance.choice(lines), lambda: chance.choice(SCRIPTS), lambda: chance.choice(ODD), character, word, lambda: word().upper(), lambda: unicodedata.normalize("NFD", word()), lambda: character() + chance.choice("\u0301\u0308\u0323\u093f\u200d\ufe0f")]
    found = ODD + SCRIPTS
    while len(found) < count:
        found.append(chance.choice(["", " ", " ", "  "]).join(chance.choice(kinds)() for _ in range(chance.choice([1, 2, 3, 5, 8, 16]))))
    return [text for text in found[:count]]


# ----------------------------------------------------------------------------------------------------------- families

GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CASED = lambda end: rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{end}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{end}"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {"llama3": LLAMA3, "qwen2": LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}"), "o200k": CASED(CONTRACTIONS + "?") + r"|\p{N}{1,3}" + REST, "tekken": CASED("") + r"|\p{N}" + REST,
            "qwen3_5": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"}
ADDED = [AddedToken("<keep>", normalized=False), AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=False), AddedToken("word", single_word=True, normalized=False), AddedToken("New Word", normalized=True)]
SPECIAL = [AddedToken(token, special=True, normalized=False) for token in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
FALL_BACK = [f"<0x{byte:02X}>" for byte in range(256)]


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern) if not isinstance(pattern, str) or len(pattern) > 1 else pattern, behavior, invert)


def trained(lines, model, trainer, normalizer=None, pre=None, decoder=None, post=None, added=ADDED + SPECIAL, change=None):
    tokenizer = Tokenizer(model)
    if normalizer: tokenizer.normalizer = normalizer
    if pre: tokenizer.pre_tokenizer = pre
    if decoder: tokenizer.decoder = decoder
    tokenizer.train_from_iterator(lines, trainer)
    if change: tokenizer = changed(tokenizer, change)
    tokenizer.add_tokens([token for token in added if not token.special])
    tokenizer.add_special_tokens([token for token in added if token.special])
    if post: tokenizer.post_processor = post(tokenizer)
    return tokenizer


def around(single, *names):
    return lambda tokenizer: processors.TemplateProcessing(single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def changed(tokenizer, change):
    data = json.loads(tokenizer.to_str())
    change(data)
    return Tokenizer.from_str(json.dumps(data))


def byte_level(lines, pre, normalizer=None, post=None, change=None):
    trainer = trainers.BpeTrainer(vocab_size=4000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    return trained(lines, models.BPE(), trainer, normalizer, pre, decoders.ByteLevel(), post, change=change)


def with_whole_words(data):
    """Words in the vocabulary that no merges lead to: what ignore_merges is about."""
    vocab = data["model"]["vocab"]
    data["model"]["ignore_merges"] = True
    for word in ("Ġparameters", "Ġnamespace", "Ġzażółć", "ðŁĺĢ", "Ã¼", "Ġ123"): vocab.setdefault(word, len(vocab))


def fall_back_bpe(lines, normalizer, decoder, pre=None, post=around("<s> $A", "<s>"), fuse=True):
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(vocab_size=3500, special_tokens=special + FALL_BACK, limit_alphabet=300, max_token_length=14, show_progress=False)
    words = pre or pre_tokenizers.Metaspace(prepend_scheme="never")  # SentencePiece learns within words; what is published has no such step
    tokenizer = trained([line.replace(" ", "▁") for line in lines], models.BPE(unk_token="<unk>", fuse_unk=fuse, byte_fallback=True), trainer, None, words, decoder)

    def publish(data):
        data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] not in FALL_BACK]
        data["pre_tokenizer"] = json.loads(pre.__getstate__()) if pre else None
        data["normalizer"] = json.loads(normalizer.__getstate__()) if normalizer else None

    tokenizer = changed(tokenizer, publish)
    tokenizer.post_processor = post(tokenizer)
    return tokenizer


def unigram(lines, normalizer, pre, decoder, post, special=("<s>", "<pad>", "</s>", "<unk>"), byte_fallback=False):
    trainer = trainers.UnigramTrainer(vocab_size=4000, special_tokens=list(special) + (FALL_BACK if byte_fallback else []), unk_token="<unk>", show_progress=False)
    tokenizer = trained(lines, models.Unigram(), trainer, normalizer, pre, decoder, added=ADDED + [AddedToken("<mask>", lstrip=True, special=True, normalized=False)])

    def publish(data):
        data["model"]["byte_fallback"] = byte_fallback
        data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] not in FALL_BACK]

    tokenizer = changed(tokenizer, publish)
    tokenizer.post_processor = post(tokenizer)
    return tokenizer


def word_piece(lines, normalizer, pre=None, cleanup=True, **model):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=3500, special_tokens=special, limit_alphabet=600, show_progress=False)
    return trained(lines, models.WordPiece(unk_token="[UNK]", **model), trainer, normalizer, pre or pre_tokenizers.BertPreTokenizer(), decoders.WordPiece(cleanup=cleanup), around("[CLS] $A [SEP]", "[CLS]", "[SEP]"), ADDED)


def charsmap():
    """With the normalisation that SentencePiece calls nmt_nfkc."""
    return normalizers.Precompiled(nmt_nfkc())


SENTENCE = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
NO_STRIP = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
N = normalizers
FAMILIES = {
    "gpt2": lambda lines: byte_level(lines, GPT2),
    "gpt2-prefix": lambda lines: byte_level(lines, pre_tokenizers.ByteLevel(add_prefix_space=True), post=lambda t: processors.RobertaProcessing(("<|im_end|>", t.token_to_id("<|im_end|>")), ("<|im_start|>", t.token_to_id("<|im_start|>")))),
    "smollm": lambda lines: byte_level(lines, pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), GPT2])),
    "llama3": lambda lines: byte_level(lines, pre_tokenizers.Sequence([split(LLAMA3), BYTES]), post=lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=False), around("<|im_start|> $A", "<|im_start|>")(t)]), change=with_whole_words),
    **{name: (lambda lines, name=name: byte_level(lines, pre_tokenizers.Sequence([split(PATTERNS[name]), BYTES]), N.NFC() if name.startswith("qwen") else None)) for name in ("qwen2", "qwen3_5", "o200k")},
    "tekken": lambda lines: byte_level(lines, pre_tokenizers.Sequence([split(PATTERNS["tekken"]), BYTES]), post=around("<|im_start|> $A", "<|im_start|>"), change=with_whole_words),
    "deepseek": lambda lines: byte_level(lines, pre_tokenizers.Sequence([split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), BYTES])),
    "llama2": lambda lines: fall_back_bpe(lines, N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), SENTENCE),
    "mistral-v3": lambda lines: fall_back_bpe(lines, None, SENTENCE, pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
    "gemma": lambda lines: fall_back_bpe(lines, N.Replace(" ", "▁"), NO_STRIP, split(" ", "merged_with_previous")),
    "bpe-unfused": lambda lines: fall_back_bpe(lines, N.NFKC(), NO_STRIP, fuse=False),
    "bert-uncased": lambda lines: word_piece(lines, N.BertNormalizer()),
    "bert-cased": lambda lines: word_piece(lines, N.BertNormalizer(lowercase=False), cleanup=False),
    "bert-accents": lambda lines: word_piece(lines, N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True), max_input_chars_per_word=12),
    "wordpiece": lambda lines: word_piece(lines, N.Sequence([N.NFKD(), N.StripAccents(), N.Lowercase()]), pre_tokenizers.Whitespace(), continuing_subword_prefix="@@"),
    "xlm-r": lambda lines: unigram(lines, charsmap(), pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), decoders.Metaspace(), around("<s> $A </s>", "<s>", "</s>")),
    "t5": lambda lines: unigram(lines, N.Sequence([charsmap(), N.Strip(left=False), N.Replace(Regex(" {2,}"), "▁")]), pre_tokenizers.Metaspace(), decoders.Metaspace(), around("$A </s>", "</s>"), ("<pad>", "</s>", "<unk>")),
    "unigram-bytes": lambda lines: unigram(lines, N.Sequence([N.Nmt(), N.NFKC(), N.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Metaspace(prepend_scheme="first"), NO_STRIP, around("<s> $A </s>", "<s>", "</s>"), byte_fallback=True),
    "unigram-whole": lambda lines: unigram(lines, N.Sequence([N.NFC(), N.Replace(" ", "▁")]), pre_tokenizers.Punctuation("isolated"), NO_STRIP, around("$A", "<s>")),
    "wordlevel": lambda lines: trained(lines, models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=5000, special_tokens=["<unk>"], show_progress=False), N.Lowercase(), pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.FixedLength(6)])),
    "scripts": lambda lines: unigram(lines, N.NFKC(), pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.Metaspace()]), decoders.Metaspace(), around("$A </s>", "</s>"), ("<pad>", "</s>", "<unk>")),
    "clip": lambda lines: trained(lines, models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"), trainers.BpeTrainer(vocab_size=4000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), end_of_word_suffix="</w>", special_tokens=["<|endoftext|>"], show_progress=False),
                                  N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]), pre_tokenizers.Sequence([split(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "removed", True), BYTES]), decoders.BPEDecoder("</w>")),
    "ctc": lambda lines: trained([" ".join(line) for line in lines[:500]], models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(special_tokens=["<pad>", "<unk>", "|"], show_progress=False), None, split("", "isolated") and pre_tokenizers.FixedLength(1), decoders.CTC()),
}

# --------------------------------------------------------------------------------------------------------------- GGUF


def write_gguf(path, model, tokens, pre=None, types=(), scores=(), merges=(), ids=(), **flags):
    import gguf
    import numpy

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    if pre: writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    if types: writer.add_token_types(types)
    if scores: writer.add_token_scores(scores)
    if merges: writer.add_token_merges(merges)
    for name, value in dict(ids).items(): writer.add_uint32(f"tokenizer.ggml.{name}_token_id", value)
    for name, value in flags.items():
        if isinstance(value, bytes): writer.add_precompiled_charsmap(value)
        else: writer.add_bool(f"tokenizer.ggml.{name}", value)
    writer.add_tensor("token_embd.weight", numpy.zeros((1, 32), numpy.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close): step()


def in_order(tokenizer):
    """Tokens by id, and their types: 1 a word's part, 2 unknown, 3 special, 4 added, 6 a byte."""
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    added = tokenizer.get_added_tokens_decoder()
    types = [2 if token in ("<unk>", "[UNK]") else 3 if i in added and added[i].special else 4 if i in added else 6 if token in FALL_BACK else 1 for i, token in enumerate(tokens)]
    return tokens, types


def plain_added(data):
    """GGUF files know no more of an added token than its text."""
    for token in data["added_tokens"]: token.update(single_word=False, lstrip=False, rstrip=False, normalized=False)


built = {}


def family(name, lines):
    """Trained once, as several judges begin with it."""
    if name not in built: built[name] = FAMILIES[name](lines).to_str()
    return Tokenizer.from_str(built[name])


def gguf_byte_level(kind, pre, bos=False):
    def build(lines, path):
        tokenizer = changed(family(kind, lines), plain_added)
        tokens, types = in_order(tokenizer)
        merges = [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]
        start = tokenizer.token_to_id("<|im_start|>")
        write_gguf(path, "gpt2", tokens, pre, types, merges=merges, ids={"bos": start}, add_bos_token=bos)
        return tokenizer
    return build


def gguf_sentencepiece(lines, path):
    """Scores fall with the place of a token's merge, as SentencePiece writes them; merges come back from them as transformers does it."""
    from transformers.convert_slow_tokenizer import generate_merges

    tokenizer = changed(family("llama2", lines), plain_added)
    tokens, types = in_order(tokenizer)
    rank = {}
    for left, right in json.loads(tokenizer.to_str())["model"]["merges"]: rank.setdefault(left + right, len(rank))
    scores = [float(-rank.get(token, len(rank) + i)) if kind == 1 else 0.0 for i, (token, kind) in enumerate(zip(tokens, types))]
    write_gguf(path, "llama", tokens, "default", types, scores, ids={"bos": 1, "eos": 2, "unknown": 0})
    vocab = dict(zip(tokens, range(len(tokens))))
    merges = generate_merges(vocab, dict(zip(tokens, scores)), [token for token, kind in zip(tokens, types) if kind in (2, 3, 6)])
    return changed(tokenizer, lambda data: data["model"].update(merges=[list(merge) for merge in merges], vocab=vocab))


def gguf_word_piece(kind):
    def build(lines, path):
        tokenizer = changed(changed(family(kind, lines), plain_added), lambda data: data["decoder"].update(cleanup=True))
        tokens, types = in_order(tokenizer)
        written = [token if kind in (2, 3) else token[2:] if token.startswith("##") else "▁" + token for token, kind in zip(tokens, types)]
        write_gguf(path, "bert", written, types=types, ids={"seperator": tokenizer.token_to_id("[SEP]"), "unknown": tokenizer.token_to_id("[UNK]"), "bos": tokenizer.token_to_id("[CLS]")})
        return changed(tokenizer, lambda data: data["model"].update(vocab=dict(zip(tokens, range(len(tokens))))))
    return build


def gguf_unigram(lines, path):
    tokenizer = unigram(lines, N.Sequence([charsmap(), N.Strip(), N.Replace(Regex(" {2,}"), " ")]), pre_tokenizers.Metaspace(), decoders.Metaspace(), around("$A </s>", "</s>"), ("<pad>", "</s>", "<unk>"))
    tokenizer = changed(tokenizer, plain_added)
    tokens, types = in_order(tokenizer)
    scores = [score for _, score in json.loads(tokenizer.to_str())["model"]["vocab"]]
    single = [struct.unpack("f", struct.pack("f", score))[0] for score in scores] + [0.0] * (len(tokens) - len(scores))
    write_gguf(path, "t5", tokens, types=types, scores=single, ids={"eos": tokenizer.token_to_id("</s>")}, remove_extra_whitespaces=True, precompiled_charsmap=nmt_nfkc())
    return changed(tokenizer, lambda data: data["model"].update(vocab=[list(piece) for piece in zip(tokens, single)]))


GGUF = {"gguf-gpt-2": gguf_byte_level("gpt2", "gpt-2"), "gguf-smollm": gguf_byte_level("smollm", "smollm"), "gguf-llama-bpe": gguf_byte_level("llama3", "llama-bpe", True), "gguf-qwen2": gguf_byte_level("qwen2", "qwen2"), "gguf-qwen35": gguf_byte_level("qwen3_5", "qwen35"),
        "gguf-gpt-4o": gguf_byte_level("o200k", "gpt-4o"), "gguf-tekken": gguf_byte_level("tekken", "tekken", True), "gguf-deepseek-v3": gguf_byte_level("deepseek", "deepseek-v3"), "gguf-llama": gguf_sentencepiece,
        "gguf-bert": gguf_word_piece("bert-uncased"), "gguf-bert-cased": gguf_word_piece("bert-cased"), "gguf-t5": gguf_unigram}

# -------------------------------------------------------------------------------------------------------------- judge


def asked(luthier, verb, directory, lines, *options):
    done = subprocess.run([luthier, verb, "--model", directory, *options], input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True, encoding="utf-8")
    answers = [json.loads(line) for line in done.stdout.split("\n") if line]
    if done.returncode or len(answers) != len(lines): raise SystemExit(f"FAILED: {verb} {' '.join(options)}: {done.stderr.strip()[:300]}; {len(answers)} of {len(lines)} answers")
    return answers


def differences(what, given, wanted, got):
    wrong = [i for i in range(len(wanted)) if wanted[i] != got[i]]
    for i in wrong[:3]: print(f"  {what}: {given[i]!r}\n    wanted {str(wanted[i])[:300]}\n    got    {str(got[i])[:300]}")
    return len(wrong)


def id_lists(tokenizer, encoded, count):
    chance = random.Random(7)
    size = tokenizer.get_vocab_size() + 2
    return encoded[:count] + [[chance.randrange(size) for _ in range(chance.randrange(1, 20))] for _ in range(count)] + [[chance.randrange(min(size, 400)) for _ in range(12)] for _ in range(count)]


def judge(luthier, name, lines, given):
    with tempfile.TemporaryDirectory(prefix="luthier-judge-") as directory:
        if name in GGUF:
            directory, given = f"{directory}/model.gguf", given[:1500]  # the rules are those of the families; what is new is the file
            tokenizer = GGUF[name](lines, directory)
        else:
            family(name, lines).save(f"{directory}/tokenizer.json")
            tokenizer = Tokenizer.from_file(f"{directory}/tokenizer.json")
        with_special = [each.ids for each in tokenizer.encode_batch(given)]
        plain = [each.ids for each in tokenizer.encode_batch(given, add_special_tokens=False)]
        wrong = differences("ids", given, with_special, asked(luthier, "tokenize", directory, given, "--json"))
        wrong += differences("ids without special tokens", given, plain, asked(luthier, "tokenize", directory, given, "--json", "--no-special"))
        lists = id_lists(tokenizer, with_special, 700)
        for options, skip in (((), False), (("--skip-special",), True)):
            wanted = [tokenizer.decode(ids, skip_special_tokens=skip) for ids in lists]
            wrong += differences("text", lists, wanted, asked(luthier, "detokenize", directory, lists, *options))
            pieces = asked(luthier, "detokenize", directory, lists, "--stream", *options)
            wrong += differences("streamed text", lists, wanted, ["".join(each) for each in pieces])
            wrong += differences("pieces", lists, [len(ids) for ids in lists], [len(each) for each in pieces])
    print(f"{'FAILED' if wrong else 'same  '} {name}: {len(given)} texts, {sum(map(len, plain))} tokens, {len(lists)} lists of ids, {wrong} differences", flush=True)
    return wrong


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("luthier")
    options.add_argument("--texts", type=int, default=5000)
    options.add_argument("families", nargs="*")
    options = options.parse_args()
    lines = corpus()
    given = texts(options.texts, lines)
    names = options.families or [*FAMILIES, *GGUF]
    failed = [name for name in names if judge(options.luthier, name, lines, given)]
    if failed: sys.exit(f"FAILED: {', '.join(failed)}")
    print(f"all {len(names)} families are the same")
