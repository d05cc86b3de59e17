"""How an answer is shown in a guide: short, and the same each time.

What differs from run to run is replaced: times, ids, ports, directories, durations. Two measured speeds, which a short training may end
without, are left out. What is long is cut, and each cut is an "…" that says what is missing. Decimal numbers are kept, as they are what a
reader compares; `same` allows them the difference that another processor makes.
"""

import json
import re
from typing import NamedTuple

WIDTH = 120
ITEMS_MAX = 4  # of a list of objects
TEXT_MAX = 160
TOLERANCE = 0.02  # of decimal numbers

# In this order: the later ones see what the earlier ones have left.
REPLACED = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(Z?)"), r"2026-01-01T00:00:00\1"),
    (re.compile(r"\[\d\d:\d\d:\d\d\]"), "[00:00:00]"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "…"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "…"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "…"),
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b"), "…"),
    (re.compile(r"-[0-9a-f]{12}(?:[0-9a-f]{12})?(?:[0-9a-f]{8})?\b"), "-…"),
    (re.compile(r"(?<=[a-z]-)(?=[0-9A-Za-z]*[A-Z0-9])[0-9A-HJ-NP-Za-km-z]{19,22}\b"), "…"),
    (re.compile(r"\b[a-z0-9]{26}\b"), "…"),
    (re.compile(r"127\.0\.0\.1:(?!8080\b)\d+"), "127.0.0.1:…"),
    (re.compile(r"\(\+\d+s\)"), "(+0s)"),
    (re.compile(r"\d+ tokens/s"), "… tokens/s"),
    (re.compile(r"steps in \d+\.\d s"), "steps in … s"),
]
VARYING = {"created", "seconds"}  # numbers that are different each time
LEFT_OUT = {"tokens_per_second", "seconds_left"}


class Literal(str):
    """Text that stands in JSON as it is."""


class Place(NamedTuple):
    """Where the server of this run is. In a guide it has the default port and a usual directory."""

    port: int
    data: str


def normal(text, place):
    """A text without what differs between two runs."""
    text = text.replace(f"127.0.0.1:{place.port}", "127.0.0.1:8080").replace(place.data, "/var/lib/luthier")
    for pattern, replacement in REPLACED:
        text = pattern.sub(replacement, text)
    return text


def show(value, place):
    """An answer as the text of a guide. Objects of the clients become JSON, as they came over the wire."""
    value = plain(value)
    if isinstance(value, (dict, list)):
        return laid_out(reduced(value, place))
    text = value if isinstance(value, str) else str(value)
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    if isinstance(parsed, (dict, list)):
        return laid_out(reduced(parsed, place))
    return "\n".join(of_a_stream(line, place) or wrapped(normal(line, place)) for line in text.rstrip().split("\n"))


def of_a_stream(line, place):
    """A line of server-sent events, if it is one."""
    if not line.startswith("data: {"):
        return None
    return "data: " + laid_out(reduced(json.loads(line.removeprefix("data: ")), place), before=6)


def plain(value):
    """Dictionaries and lists, as deep as it goes."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def wrapped(line):
    """A long line goes on, indented, on the next one."""
    out = []
    while len(line) > WIDTH:
        at = line.rfind(" ", WIDTH // 2, WIDTH)
        at = at if at > 0 else WIDTH
        out.append(line[:at])
        line = "    " + line[at:].lstrip()
    return "\n".join([*out, line])


def reduced(value, place):
    """The same without what differs, members that are null counted instead of listed, and long lists cut."""
    if isinstance(value, dict):
        nulls = sum(1 for member in value.values() if member is None)
        keep_nulls = nulls < 3
        out = {}
        for name, member in value.items():
            if name in LEFT_OUT:
                continue
            if name in VARYING and isinstance(member, (int, float)):
                out[name] = Literal("…")
            elif member is not None or keep_nulls:
                out[normal(name, place)] = reduced(member, place)
        if not keep_nulls:
            out[Literal(f"… {nulls} members that are null")] = None
        return out
    if isinstance(value, list):
        shown = [reduced(item, place) for item in value[:ITEMS_MAX]]
        if len(value) > ITEMS_MAX and isinstance(value[0], (dict, str)):
            return [*shown[: ITEMS_MAX - 1], Literal(f"… {len(value) - ITEMS_MAX + 1} more")]
        return [reduced(item, place) for item in value]
    if isinstance(value, str):
        text = normal(value, place)
        return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value


def laid_out(value, indent=0, before=0):
    """JSON that is as wide as a page: what fits on a line is on one, short members share a line. `before` stands on the same line."""
    flat = on_a_line(value)
    if len(flat) + indent + before < WIDTH or not isinstance(value, (dict, list)) or not value:
        return flat
    inner = indent + 2
    if isinstance(value, dict):
        parts = [named(name, None if member is None else laid_out(member, inner, len(name) + 4)) for name, member in value.items()]
    else:
        parts = [laid_out(item, inner) for item in value]
    lines = [""]
    for part in (part + "," for part in parts):
        alone = "\n" in part or "\n" in lines[-1] or len(lines[-1]) + 1 + len(part) + inner > WIDTH
        lines = [*lines, part] if alone and lines[-1] else [*lines[:-1], f"{lines[-1]} {part}".lstrip()]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return opening + "\n" + "\n".join(" " * inner + line for line in lines).removesuffix(",") + "\n" + " " * indent + closing


def named(name, value):
    return name if isinstance(name, Literal) else f'"{name}": {"null" if value is None else value}'


def on_a_line(value):
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(named(name, None if member is None else on_a_line(member)) for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(on_a_line(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


NUMBER = re.compile(r"\d+\.\d+(?:e-?\d+)?|\d+e-?\d+")


def same(one, other):
    """Whether two answers are equal, but for small differences of decimal numbers and for line breaks, which move with them."""
    words = lambda text: re.sub(r"\s+", " ", NUMBER.sub("#", text))  # noqa: E731
    if words(one) != words(other):
        return False
    pairs = zip(map(float, NUMBER.findall(one)), map(float, NUMBER.findall(other)))
    return all(abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1e-6) for a, b in pairs)
