#!/usr/bin/env python3
"""Writes gpu/text/unicode_tables.cpp: what tokenizers' own libraries, which follow different versions of Unicode, say of characters.

Run from the root of the tree. Each set is asked for code point by code point; see gpu/text/unicode_tables.hpp for what the sets mean.
"""
import unicodedata
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

CODES = [code for code in [*range(0x32400), *range(0xE0000, 0xE0200), *range(0xF0000, 0xF0010), 0xFFFFD, 0x100000, 0x10FFFD] if not 0xD800 <= code < 0xE000]
# Characters that utf8proc (Unicode 15) gives decompositions or combining classes and tokenizers' normaliser does not know, found by comparing both.
UNCHANGED = """32FF A7F2-A7F4 AB69 10781-10785 10787-107B0 107B2-107BA 11930 11935 11938 1E030-1E06D 1F16C 1FBF0-1FBF9 7FD 898-89F 8CA-8D3 9FE C3C D3B-D3C EBA 1715 1ABF-1ACE 1DF6-1DFA A82C 10D24-10D27 10EAB-10EAC
10EFD-10EFF 10F46-10F50 10F82-10F85 11070 1133B 1145E 11839-1183A 1193D-1193E 11943 119E0 11A34 11A47 11A99 11D42 11D44-11D45 11D97 11F41-11F42 16FF0-16FF1 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF"""
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cf".split()


def ranges(codes):
    found = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1: found[-1][1] = code
        elif not (found and found[-1][1] >= code): found.append([code, code])
    return found


def isolated(pre_tokenizer, code):
    return [piece for piece, _ in pre_tokenizer.pre_tokenize_str(f"\x01{chr(code)}\x01")] == ["\x01", chr(code), "\x01"]


def table(name, codes):
    """As many ranges a line as fit."""
    lines, line = [], " "
    for first, last in ranges(codes):
        item = f" {{0x{first:X}, 0x{last:X}}},"
        if len(line) + len(item) > 138: lines, line = [*lines, line], " "
        line += item
    return f"const CharacterRange {name}[] = {{\n" + "\n".join([*lines, line]) + "\n};\n"


def tables():
    clean, accents = normalizers.BertNormalizer(True, False, False, False), normalizers.BertNormalizer(False, False, True, False)
    nfd, strip, lower = normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()
    digits, punctuation, words = pre_tokenizers.Digits(True), pre_tokenizers.Punctuation(), pre_tokenizers.Whitespace()
    yield "bert_removed", [code for code in CODES if code not in (0, 0xFFFD) and clean.normalize_str(chr(code)) == ""]
    yield "bert_accents", [code for code in CODES if nfd.normalize_str(chr(code)) == chr(code) and accents.normalize_str(chr(code)) == ""]
    yield "accents", [code for code in CODES if strip.normalize_str(chr(code)) == ""]
    yield "punctuation", [code for code in CODES if code > 0x7F and isolated(punctuation, code)]
    yield "numbers", [code for code in CODES if isolated(digits, code)]
    yield "words", [code for code in CODES if len(words.pre_tokenize_str(f"a{chr(code)}a")) == 1]
    yield "not_normalised", [code for part in UNCHANGED.split() for code in range(int(part.split("-")[0], 16), int(part.split("-")[-1], 16) + 1)]
    newer = [code for code in CODES if unicodedata.category(chr(code)) == "Cn"]
    for category in CATEGORIES:
        cut = pre_tokenizers.Split(Regex(rf"\p{{{category}}}"), "isolated")
        yield f"newer_{category.lower()}", [code for code in newer if isolated(cut, code)]
    yield "newer_han", [code for code in newer if isolated(pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated"), code)]
    yield "lower", {code: ord(lower.normalize_str(chr(code))) for code in CODES if code != 0x130 and lower.normalize_str(chr(code)) != chr(code).lower()}


def main():
    parts, exported = ["// Written by tests/golden/make_unicode_tables.py.\n#include \"gpu/text/unicode_tables.hpp\"\n\nnamespace luthier::text::tables {\nnamespace {\n"], []
    newer = []
    for name, codes in tables():
        if not codes: continue
        if name == "lower":
            parts.append("const LowerCase lower_ranges[] = {\n")
            pairs = sorted(codes.items())
            runs = []
            for code, to in pairs:
                if runs and runs[-1][1] == code - 1 and to - code == runs[-1][2]: runs[-1][1] = code
                else: runs.append([code, code, to - code])
            parts.append("".join(f"    {{0x{first:X}, 0x{last:X}, {distance}}},\n" for first, last, distance in runs) + "};\n")
            exported.append("const std::span<const LowerCase> newer_lower_case = lower_ranges;\n")
            continue
        if name.startswith("newer_"):
            newer.append(name)
        else:
            exported.append(f"const std::span<const CharacterRange> {name} = {name}_ranges;\n")
        parts.append(table(f"{name}_ranges", codes))
    kinds = "".join(f"    {{\"{name[6:].capitalize()}\", {name}_ranges}},\n" for name in newer)
    parts.append(f"const NewerKind newer_kinds[] = {{\n{kinds}}};\n\n}}  // namespace\n\n" + "".join(exported) + "const std::span<const NewerKind> newer = newer_kinds;\n\n}  // namespace luthier::text::tables\n")
    Path("gpu/text/unicode_tables.cpp").write_text("".join(parts))


if __name__ == "__main__":
    main()
