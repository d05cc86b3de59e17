"""SentencePiece's rule nmt_nfkc as the bytes that its trainer writes: a trie as a double array, and the texts that it points at."""
import struct
import unicodedata

VANISHING = [*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]
BLANKS = [0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD]


def rules():
    found = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000 and not unicodedata.is_normalized("NFKC", chr(code))}
    found |= {chr(code): "" for code in VANISHING} | {chr(code): " " for code in BLANKS}
    # Some letters with marks, which a text may also have composed; and one whose beginning is a rule of its own.
    composed = [base + mark for base in "aeiounACEINOU" for mark in "\u0300\u0301\u0302\u0303\u0308\u0327" if len(unicodedata.normalize("NFC", base + mark)) == 1]
    return found | {text: unicodedata.normalize("NFC", text) for text in composed} | {"\r\n": " "}


def double_array(entries):
    """Children of a node stand at base ^ label; a node that is an entry has its value at label 0."""
    root = {}
    for key, value in entries.items():
        node = root
        for byte in key: node = node.setdefault(byte, {})
        node[0] = value
    units, used, bases, start = {0: 0}, {0}, set(), 1
    waiting = [(root, 0)]
    while waiting:
        node, at = waiting.pop()
        labels = sorted(node)
        base = start
        # The distance must fit the unit: 21 bits, or 29 of which the last 8 are zero.
        while base in bases or any((base ^ label) in used for label in labels) or ((at ^ base) >= 1 << 21 and (at ^ base) & 0xFF): base += 1
        bases.add(base)
        while start in used: start += 1
        distance = at ^ base
        units[at] = units.get(at, 0) | (distance << 10 if distance < 1 << 21 else (distance >> 8) << 10 | 1 << 9) | (1 << 8 if 0 in node else 0)
        for label in labels:
            used.add(base ^ label)
            if label: waiting.append((node[label], base ^ label))
            units[base ^ label] = label if label else node[0] | 1 << 31
    return b"".join(struct.pack("<I", units.get(at, 0)) for at in range((max(units) | 0xFF) + 1))


def as_bytes(rules):
    texts, places, entries = bytearray(), {}, {}
    for key, value in rules.items():
        if value not in places:
            places[value] = len(texts)
            texts += value.encode() + b"\0"
        entries[key.encode()] = places[value]
    trie = double_array(entries)
    return struct.pack("<I", len(trie)) + trie + bytes(texts)


def nmt_nfkc():
    return as_bytes(rules())
