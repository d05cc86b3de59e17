#!/usr/bin/env python3
"""Writes gpu/text/unicode_scripts.cpp: which script the pre-tokenizer UnicodeScripts of tokenizers takes each character to be of.

Run from the root of the tree. It asks for every code point: two characters are of one script where it does not cut between them, and one
after which it never cuts is of any.
"""
from pathlib import Path

from tokenizers import pre_tokenizers

OUT = Path("gpu/text/unicode_scripts.cpp")
cut = pre_tokenizers.UnicodeScripts()


def together(a, b):
    return len(cut.pre_tokenize_str(a + b)) == 1


def scripts():
    """[first, last, number of the script], without what is of any."""
    first_of, runs, before = ["a"], [], 0  # a character of each script found so far
    for code in (*range(0xD800), *range(0xE000, 0x110000)):
        c = chr(code)
        if together("a", c) and together("\u03b1", c):
            continue
        for number in (before, *range(len(first_of))):
            if together(first_of[number], c):
                break
        else:
            number = len(first_of)
            first_of.append(c)
        before = number
        if runs and runs[-1][1] == code - 1 and runs[-1][2] == number: runs[-1][1] = code
        else: runs.append([code, code, number])
    return runs


def main():
    lines, line = [], "   "
    for first, last, number in scripts():
        item = f" {{0x{first:X}, 0x{last:X}, {number}}},"
        if len(line) + len(item) > 138: lines, line = [*lines, line], "   "
        line += item
    OUT.write_text("// Written by tests/golden/make_script_table.py.\n#include \"gpu/text/unicode_scripts.hpp\"\n\n#include <algorithm>\n\n"
                   "namespace luthier::text {\nnamespace {\n\nstruct ScriptRange {\n  char32_t first, last;\n  int script;\n};\nconst ScriptRange ranges[] = {\n"
                   + "\n".join([*lines, line]) + "\n};\n\n}  // namespace\n\nint script_of(char32_t c) {\n"
                   "  const auto behind = std::upper_bound(std::begin(ranges), std::end(ranges), c, [](char32_t value, const auto& range) { return value < range.first; });\n"
                   "  if (behind == std::begin(ranges) || c > std::prev(behind)->last) return any_script;\n  return std::prev(behind)->script;\n}\n\n"
                   "}  // namespace luthier::text\n")


if __name__ == "__main__":
    main()
