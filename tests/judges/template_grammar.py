"""Random chat templates from a small grammar: mostly well-typed expressions, now and then wrong ones, and statements around them.

    Grammar(seed).template()     a source; the same seed gives the same sources
    Grammar(seed).changed(text)  a source like the given one, with small changes
"""
import random
import re

# What the templates may look at, beside messages.
VARIABLES = {
    "word": "hello", "title": "The Quick brown-fox", "blank": "", "spaced": "  a b\tc \n", "lines": "one\ntwo\r\n\nthree words here\n", "csv": "a,b,,c",
    "tricky": "\u00a0 e\u0301 🇫🇷👩‍👩‍👧 ß ŉ ǆ İ ΑΣ\u2028 ﬃ", "markup": "<b class='x'>Tom & \"Jerry\"</b>", "digits": "12", "real": "3.50", "pattern": "%s and %5.2f|%-4d|%x",
    "small": 7, "minus": -3, "zero": 0, "big": 9007199254740993, "half": 0.5, "tiny": 1.5e-7, "huge": 1e22, "yes": True, "no": False, "nothing": None,
    "numbers": [3, 1, 2, 3], "mixed": [1, "a", None, 2.5, True], "words": ["pear", "Apple", "fig", "apple", "Zoo"], "empty": [], "nested": [[1, 2], [3], []],
    "person": {"name": "Ada", "age": 36, "city": "Paris", "tags": ["x", "y"]}, "void": {}, "odd": {"items": 1, "get": 2, "keys": [3], "b": 1, "A": 2},
    "people": [{"name": "Ada", "age": 36, "city": "Paris"}, {"name": "bob", "age": 7, "city": "Rome"}, {"name": "Eve", "age": 52, "city": "Paris", "extra": None}],
}
NAMES = {
    "str": ["word", "title", "blank", "spaced", "lines", "csv", "tricky", "markup", "digits", "real", "pattern"], "int": ["small", "minus", "zero", "big"], "float": ["half", "tiny", "huge"],
    "bool": ["yes", "no"], "list": ["numbers", "mixed", "words", "empty", "nested", "people"], "dict": ["person", "void", "odd"], "other": ["nothing", "missing", "missing_too"],
}
LITERALS = {
    "str": ["''", "'a'", "'hello'", '"it\'s"', r"'a\nb'", r"'\x41\u00e9'", "' x '", "'a-b-c'", "'10'", "' 42 '", "'-7.25'", "'1_000'", "'0x1F'", "'1e3'", "'nan'", "'ÄÖ'", "'aXbXc'", "'l'", "','", "' '", r"'\n'", "'😀é'", "'%s'", "'<&>'", "'a' 'b'", "'Hello World foo'"],
    "int": ["0", "1", "2", "3", "5", "10", "-1", "-2", "17", "255", "1_000", "0x1f", "0b101", "0o17"], "float": ["0.0", "0.5", "1.0", "2.5", "-1.5", "3.14159", "1e3", "1e16", "1e-5", "2.675", "100.0", "0.1"],
    "bool": ["true", "false", "True", "False"], "other": ["none", "None", "missing.x", "(1 if false)"],
    "list": ["[]", "[1, 2, 3]", "['b', 'a', 'C']", "(1, 2)", "(1,)", "()", "[none, true, 1.0]", "range(5)", "range(1, 9, 3)", "range(3, -3, -2)", "[[1, 'a'], [2, 'b']]", "['x', ['y', ('z',)]]", "[0.1, 1e20, -0.0]", "[{'a': 1}, {'a': 2}, {'b': 3}]", "['a', 'a', 'A']"],
    "dict": ["{}", "{'a': 1}", "{'b': 2, 'a': 1}", "{1: 'x', 'y': none}", "{'k': [1, {'z': 2}]}", "{'B': 1, 'a': 'z', 'c': 0}", "dict(a=1, b='q')", "dict([('x', 1)])"],
}
ANY = ["str", "str", "int", "float", "bool", "list", "list", "dict", "other"]
PLAIN_TESTS = ["defined", "undefined", "none", "boolean", "true", "false", "integer", "float", "number", "string", "mapping", "sequence", "iterable", "callable", "odd", "even", "lower", "upper", "filter", "test", "escaped"]
BINARY_TESTS = ["divisibleby", "sameas", "in", "eq", "==", "ne", "gt", "ge", "lt", "le", "equalto", "greaterthan", "lessthan"]
# name: (kind of its input, kinds of its arguments, kind of its result); "?" marks one that may be left out. One name may be there twice.
FILTERS = [
    ("upper", "str", "", "str"), ("lower", "str", "", "str"), ("capitalize", "str", "", "str"), ("title", "str", "", "str"), ("trim", "str", "str?", "str"), ("string", "any", "", "str"),
    ("replace", "str", "str str int?", "str"), ("indent", "str", "int? bool? bool?", "str"), ("indent", "str", "str? bool? bool?", "str"), ("wordwrap", "str", "width? bool? str? bool?", "str"), ("wordcount", "str", "", "int"), ("truncate", "str", "width? bool? str? int?", "str"),
    ("center", "str", "width?", "str"), ("urlencode", "str", "", "str"), ("urlencode", "dict", "", "str"), ("filesizeformat", "int", "bool?", "str"), ("xmlattr", "dict", "bool?", "str"),
    ("length", "sized", "", "int"), ("count", "sized", "", "int"), ("first", "list", "", "any"), ("last", "list", "", "any"), ("list", "sized", "", "list"), ("reverse", "sized", "", "list"), ("join", "list", "str?", "str"),
    ("sort", "list", "bool? bool?", "list"), ("unique", "list", "bool?", "list"), ("min", "list", "bool?", "any"), ("max", "list", "bool?", "any"), ("sum", "list", "", "int"), ("batch", "list", "small any?", "list"), ("slice", "list", "small any?", "list"),
    ("dictsort", "dict", "bool?", "list"), ("items", "dict", "", "list"), ("abs", "int", "", "int"), ("round", "float", "small? method?", "float"), ("round", "int", "small? method?", "int"), ("int", "any", "int? base?", "int"), ("float", "any", "float?", "float"),
    ("default", "any", "any? bool?", "any"), ("d", "other", "any", "any"), ("tojson", "any", "", "str"), ("tojson", "any", "bool? small?", "str"), ("format", "str", "any?", "str"), ("e", "any", "", "str"), ("safe", "str", "", "str"), ("forceescape", "str", "", "str"), ("attr", "any", "member", "any"),
    ("map", "list", "filter", "list"), ("select", "list", "test?", "list"), ("reject", "list", "test?", "list"),
]
METHODS = [
    ("upper", "str", "", "str"), ("lower", "str", "", "str"), ("casefold", "str", "", "str"), ("capitalize", "str", "", "str"), ("title", "str", "", "str"), ("swapcase", "str", "", "str"), ("strip", "str", "str?", "str"), ("lstrip", "str", "str?", "str"), ("rstrip", "str", "str?", "str"),
    ("split", "str", "str? int?", "list"), ("rsplit", "str", "str? int?", "list"), ("splitlines", "str", "bool?", "list"), ("startswith", "str", "str int? int?", "bool"), ("endswith", "str", "str int? int?", "bool"), ("startswith", "str", "list", "bool"), ("replace", "str", "str str int?", "str"),
    ("find", "str", "str int? int?", "int"), ("rfind", "str", "str int? int?", "int"), ("index", "str", "str", "int"), ("rindex", "str", "str", "int"), ("count", "str", "str int? int?", "int"), ("join", "str", "list", "str"), ("isalpha", "str", "", "bool"), ("isalnum", "str", "", "bool"),
    ("isdigit", "str", "", "bool"), ("isdecimal", "str", "", "bool"), ("isnumeric", "str", "", "bool"), ("isspace", "str", "", "bool"), ("isupper", "str", "", "bool"), ("islower", "str", "", "bool"), ("istitle", "str", "", "bool"), ("isascii", "str", "", "bool"), ("isidentifier", "str", "", "bool"),
    ("isprintable", "str", "", "bool"), ("expandtabs", "str", "int?", "str"), ("removeprefix", "str", "str", "str"), ("removesuffix", "str", "str", "str"), ("ljust", "str", "width str?", "str"), ("rjust", "str", "width str?", "str"), ("center", "str", "width str?", "str"), ("zfill", "str", "width", "str"),
    ("partition", "str", "str", "list"), ("rpartition", "str", "str", "list"), ("format", "str", "any? any?", "str"), ("get", "dict", "str any?", "any"), ("items", "dict", "", "list"), ("keys", "dict", "", "list"), ("values", "dict", "", "list"), ("copy", "dict", "", "dict"),
    ("index", "list", "any", "int"), ("count", "list", "any", "int"), ("copy", "list", "", "list"), ("append", "list", "any", "other"), ("pop", "list", "int?", "any"), ("pop", "dict", "str", "any"), ("update", "dict", "dict", "other"), ("is_integer", "float", "", "bool"), ("bit_length", "int", "", "int"),
]
BRACES = ["{}", "{0}-{1}", "{:>8}", "{:<6}|", "{:^7}", "{:05d}", "{:.3f}", "{!r}", "{:,}", "{:x}", "{:e}", "{:%}", "{:+}", "{0!s:>6}", "{{}}", "{:*^9}", "{:g}", "{:#x}", "{:_}", "{0[0]}", "{:.2}"]
PERCENTS = ["%s", "%d", "%r", "%5.2f|", "%-6s|", "%06d", "%x", "%X", "%o", "%e", "%g", "%c", "%%", "%+d", "% d", "%.3s", "%i", "%5s", "%(name)s", "%#x", "%s %s"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, options):
        return options[self.random.randrange(len(options))]

    def chance(self, probability):
        return self.random.random() < probability

    # ------------------------------------------------------------------------------------------------- expressions

    def atom(self, kind):
        return self.pick(NAMES[kind] if self.chance(0.5) else LITERALS[kind])

    def expression(self, kind="any", depth=3):
        if self.chance(0.03): kind = "any"  # a wrong type
        if kind == "any": kind = self.pick(ANY)
        if kind == "sized": kind = self.pick(["str", "list", "dict"])
        if depth <= 0 or self.chance(0.2): return self.atom(kind)
        return self.pick([self.filtered, self.filtered, self.method, self.operation, self.operation, self.indexed, self.conditional])(kind, depth - 1)

    def argument(self, kind, depth):
        match kind:
            case "filter": return self.filter_name()
            case "test": return self.test_name()
            case "small": return self.pick(["1", "2", "3", "4", "0"])
            case "width": return self.pick(["0", "1", "5", "8", "12", "20", "-1"])
            case "base": return self.pick(["2", "8", "10", "16", "0", "36"])
            case "method": return self.pick(["'common'", "'ceil'", "'floor'", "'other'"])
            case "member": return self.pick(["'name'", "'items'", "'upper'", "'nope'", "'real'"])
        return self.expression(kind, depth if self.chance(0.3) else 0)

    def arguments(self, kinds, depth):
        given = []
        for kind in kinds.split():
            if kind.endswith("?") and self.chance(0.5): break
            given.append(self.argument(kind.removesuffix("?"), depth))
        return ", ".join(given)

    def filter_name(self):
        return self.pick(["'upper'", "'length'", "'string'", "'trim'", "'first'", "'int'", "'abs'", "'replace', 'a', 'b'", "'default', 'x'", "attribute='name'", "attribute='age'", "attribute='a', default='?'", "attribute=0", "'tojson'", "'nope'", "'title'", "'join', '-'", "'sort'", "'list'", "'round', 1"])

    def test_name(self):
        return self.pick(["'defined'", "'none'", "'string'", "'number'", "'odd'", "'eq', 3", "'in', [1, 'a']", "'>', 1", "'equalto', 'a'", "'mapping'", "'lt', 3", "'divisibleby', 2", "'sequence'", "'nope'", "'upper'"])

    def attribute_filter(self, depth):
        source = self.pick(["people", "people", "[{'a': 1}, {'a': 2}, {'b': 3}]", "nested"])
        name = self.pick(["'name'", "'age'", "'city'", "'a'", "0", "'name.0'", "'extra'"])
        more = self.pick(["", "", ", 'equalto', 'Paris'", ", 'gt', 10", ", 'defined'", ", 'none'", ", 'in', ['Ada', 1]", ", 'string'"])
        return self.pick([f"({source} | selectattr({name}{more}) | list)", f"({source} | rejectattr({name}{more}) | list)", f"({source} | map(attribute={name}) | list)", f"({source} | sort(attribute={name}))",
                          f"({source} | groupby({name}) | list)", f"({source} | sum(attribute={name}))", f"({source} | join(', ', attribute={name}))", f"({source} | unique(attribute={name}) | list)", f"({source} | max(attribute={name}))",
                          f"({source} | sort(reverse=true, attribute={self.pick(['city,name', 'age', 'name'])!r}))", f"({source} | groupby('city', default='?') | list)", f"({source} | map(attribute={name}, default='-') | list)", f"({self.expression('dict', depth)} | dictsort(by={self.pick(['key', 'value'])!r}, reverse={self.atom('bool')}))"])

    def filtered(self, kind, depth):
        if kind == "list" and self.chance(0.25): return self.attribute_filter(depth)
        name, source, kinds, _ = self.pick([each for each in FILTERS if kind in (each[3], "other") or each[3] == "any"])
        arguments = self.arguments(kinds, depth)
        call = f"({arguments})" if arguments or self.chance(0.1) else ""
        as_list = " | list" if name in ("map", "select", "reject", "batch", "slice", "unique", "reverse", "items") and self.chance(0.9) else ""
        return f"({self.expression(source, depth)} | {name}{call}{as_list})"

    def method(self, kind, depth):
        if kind == "str" and self.chance(0.15): return f"{self.pick(BRACES + BRACES)!r}.format({self.arguments('any any?', depth)})"
        if kind == "str" and self.chance(0.2): return f"({self.pick(PERCENTS)!r} % {self.pick([self.expression('any', depth), '(' + self.expression('any', depth) + ',)', 'person'])})"
        options = [each for each in METHODS if each[3] == kind]
        if not options: return self.atom(kind)
        name, source, kinds, _ = self.pick(options)
        owner = self.expression(source, depth)
        return f"({owner}).{name}({self.arguments(kinds, depth)})"

    def operation(self, kind, depth):
        of = lambda wanted: self.expression(wanted, depth)
        match kind:
            case "str": return self.pick([f"({of('str')} ~ {of('any')})", f"({of('str')} + {of('str')})", f"({of('str')} * {self.pick(['0', '2', '3', 'yes', '-1'])})", f"({of('any')} ~ {of('any')} ~ {of('int')})"])
            case "int" | "float": return self.pick([f"({of(kind)} {self.pick(['+', '-', '*', '//', '%', '/'])} {of(self.pick(['int', 'float', kind, 'bool']))})", f"(-{self.atom(kind)})", f"({self.atom(kind)} ** {self.pick(['0', '1', '2', '3', '-1'])})", f"(+{self.atom(kind)})"])
            case "bool": return self.test(depth)
            case "list": return self.pick([f"({of('list')} + {of('list')})", f"({of('list')} * {self.pick(['0', '2', 'no'])})", f"[{of('any')}, {of('any')}]", f"({of('any')}, {of('any')})", f"[{of('any')}]"])
            case "dict": return self.pick([f"{{'a': {of('any')}, {of('str')}: {of('any')}}}", f"dict({of('dict')}, q={of('any')})", f"{{{of('any')}: 1}}", f"dict({of('dict').strip()} | items)"])
        return self.pick([f"({of('any')} or {of('any')})", f"({of('any')} and {of('any')})", f"missing.{self.pick(['x', 'get', 'items'])}", f"(not {of('any')})"])

    def test(self, depth):
        of = lambda kind: self.expression(kind, depth)
        same = self.pick(["str", "int", "float", "list", "any"])
        return self.pick([
            f"({of('any')} is {self.pick(['', 'not '])}{self.pick(PLAIN_TESTS)})", f"({of('any')} is {self.pick(['', 'not '])}{self.pick(BINARY_TESTS)}({of('any')}))", f"({of(same)} {self.pick(['==', '!=', '<', '<=', '>', '>='])} {of(same)})",
            f"({of('any')} {self.pick(['in', 'not in'])} {of('sized')})", f"({of('int')} {self.pick(['<', '<=', '=='])} {of('int')} {self.pick(['<', '!=', '>'])} {of('float')})", f"(not {of('any')})", f"({of('any')} and {of('bool')} or {of('bool')})", f"({of('str')} is {self.pick(['eq', 'in'])} {self.atom('str')})",
        ])

    def indexed(self, kind, depth):
        whole = lambda: self.pick(["", "0", "1", "2", "-1", "-2", "5", "-9", "none", "small"])
        slice_ = self.pick([f"[{whole()}:{whole()}]", f"[{whole()}:{whole()}:{self.pick(['1', '2', '-1', '-2', '', '0'])}]", "[::-1]"])
        match kind:
            case "str" | "list": return f"{self.parenthesised(self.expression(kind, depth))}{slice_ if self.chance(0.7) else '[' + self.pick(['0', '1', '-1', '9', self.expression('any', 0)]) + ']'}"
            case "dict": return self.atom("dict")
        return f"{self.parenthesised(self.expression(self.pick(['list', 'dict', 'str', 'any']), depth))}{self.pick(['[0]', '[-1]', '.name', '.a', '.items', '.0', '.nope', '[' + self.atom('str') + ']', '[1]', '.age', '.tags[0]', '.get'])}"

    def parenthesised(self, source):
        return f"({source})"

    def conditional(self, kind, depth):
        no = f" else {self.expression(kind, depth)}" if self.chance(0.8) else ""
        return f"({self.expression(kind, depth)} if {self.test(depth) if self.chance(0.7) else self.expression('any', depth)}{no})"

    # -------------------------------------------------------------------------------------------------- statements

    def shown(self):
        source = self.expression("any", self.random.randrange(1, 4))
        return self.pick([source, source, f"[{source}]", f"({source}) | tojson", f"({source}) | string", f"{source}, 1"])

    def tag(self, content):
        return self.pick(["{%", "{%", "{%-", "{%+"]) + f" {content} " + self.pick(["%}", "%}", "-%}"])

    def output(self, content):
        return self.pick(["{{", "{{", "{{-"]) + f" {content} " + self.pick(["}}", "}}", "-}}"])

    def text(self):
        return self.pick(["", "", " ", "\n", "\n\n", "  \n", "x", " y ", "\t", "  ", "a\n  b", "{# note #}", "{#- c -#}\n", "é", "{", "}", "%}", "\r\n"])

    def body(self, depth, in_loop=False):
        return "".join(self.text() + self.statement(depth, in_loop) + self.text() for _ in range(self.random.randrange(1, 3)))

    def statement(self, depth, in_loop=False):
        inner = lambda loop=in_loop: self.body(depth - 1, loop) if depth > 0 else self.output(self.expression("any", 1))
        tag, pick = self.tag, self.pick
        options = [lambda: self.output(self.expression("any", 2)), lambda: self.output(pick(["x", "y", "z", "ns.a", "ns.b", "x, y"])),
                   lambda: tag(f"set {pick(['x', 'y', 'z'])} = {self.expression('any', 2)}"), lambda: tag(f"set ns.{pick('ab')} = {self.expression('any', 1)}"), lambda: tag("set x, y = " + pick(["(1, 2)", "'ab'", "numbers[:2]", "person.items() | first"])),
                   lambda: tag("set z") + inner(False) + tag("endset"), lambda: tag(f"set z | {pick(['upper', 'trim', 'length', 'replace(1, 2)'])}") + inner(False) + tag("endset"),
                   lambda: tag("set ns = namespace(a=1, b=" + self.expression("any", 1) + ")")]
        if depth > 0:
            options += [lambda: tag(f"if {self.test(1)}") + inner() + (tag(f"elif {self.test(1)}") + inner() if self.chance(0.3) else "") + (tag("else") + inner() if self.chance(0.5) else "") + tag("endif"),
                        lambda: self.loop(inner), lambda: self.loop(inner), lambda: self.macro(inner), lambda: tag(f"filter {pick(['upper', 'trim', 'replace(' + chr(39) + 'a' + chr(39) + ', 1)', 'indent(2, true)', 'length'])}") + inner(False) + tag("endfilter"),
                        lambda: tag(f"with x = {self.expression('any', 1)}, y = {pick(['x', '2'])}") + inner() + tag("endwith"), lambda: tag("raw") + "{{ x }} {% if %}" + tag("endraw"), lambda: tag("generation") + inner(False) + tag("endgeneration")]
        if in_loop:
            options += [lambda: self.output("loop." + pick(["index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem", "depth", "depth0", "cycle('a', 'b')", "changed(x)", "nope"])), lambda: tag(f"if loop.{pick(['first', 'last', 'index > 2'])}") + tag(pick(["break", "continue"])) + tag("endif"),
                        lambda: self.output("loop.previtem is defined"), lambda: self.output("(loop.nextitem | default('end'))")]
        return pick(options)()

    def loop(self, inner):
        target, source = self.pick([("x", self.expression("list", 1)), ("x", self.expression("sized", 1)), ("x, y", "person.items()"), ("k, v", "odd | dictsort"), ("x", "people"), ("x", "numbers"), ("x, (y, z)", "[(1, (2, 3)), (4, 'ab')]"), ("x", "missing"), ("x", "range(4)"), ("x", "words[::-1]")])
        condition = f" if {self.pick(['x', 'x is string', 'x != 3', 'loop is defined', self.test(1)])}" if self.chance(0.25) else ""
        if self.chance(0.12): return self.tag("for x in [1, [2, [3, []], 4]] recursive") + self.pick(["{{ loop(x) if x is iterable else x }}", "{{ loop.depth }}:{{ loop(x) if x is sequence else x }} "]) + self.tag("endfor")
        otherwise = self.tag("else") + inner(False) if self.chance(0.3) else ""
        return self.tag(f"for {target} in {source}{condition}") + inner(True) + otherwise + self.tag("endfor")

    def macro(self, inner):
        signature, call = self.pick([("m(x, y=2)", "m(1)"), ("m(x, y=x)", "m('q', y=3)"), ("m(x='d')", "m()"), ("m()", "m(1)"), ("m(x)", "m(nope=1)"), ("m(x)", "m(1, x=2)"), ("m(x, y)", "m(*[1, 2])"), ("m(x, y)", "m(**{'x': 1, 'y': word})"), ("m(x)", "m(1, 2, z=3)"), ("m(x)", "m()")])
        more = self.pick(["", "", "{{ varargs }}", "{{ kwargs }}", "{{ varargs | length }}{{ kwargs | dictsort }}", "{{ caller() }}", "{{ caller is defined }}", "{{ m.name }}{{ m.arguments }}", "{% if x is number and x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}"])
        called = self.pick([self.output(call), self.output(call), self.tag(f"call {call}") + inner(False) + self.tag("endcall"), self.tag(f"call(a, b=1) {call}") + "{{ a }}{{ b }}" + self.tag("endcall"), self.output(f"{call} | upper"), self.output(f"{call} | length")])
        return self.tag(f"macro {signature}") + inner(False) + more + self.tag("endmacro") + called

    def changed(self, source):
        parts = re.split(r"(\{[{%#][-+]?|[-+]?[}%#]\}|\n *|\.\w+|'[^'\n]*'|\b\w+\b)", source)
        for _ in range(self.random.randrange(1, 4)):
            at = self.random.randrange(len(parts))
            old = parts[at]
            if re.fullmatch(r"\{[%{][-+]?", old): parts[at] = old[:2] + self.pick(["", "-", "-"] + (["+"] if old[1] == "%" else []))
            elif re.fullmatch(r"[-+]?[}%]\}", old): parts[at] = self.pick(["", "-", "-"] + (["+"] if old[-2] == "%" else [])) + old[-2:]
            elif old.startswith("\n"): parts[at] = self.pick(["\n", "\n\n", "", " ", "\r\n", "\n\t", old + "  "])
            elif old.startswith("."): parts[at] = self.pick([".content", ".role", ".tool_calls", ".nope", "['content']", ".items()", ".get('role')", ".0", ""])
            elif old.startswith("'"): parts[at] = self.pick(["'user'", "'assistant'", "''", "'x\\n'", "content", "loop.index", old])
            elif re.fullmatch(r"\w+", old): parts[at] = self.pick(["message", "messages", "loop", "not", "content", "true", "none", "0", "1", "-1", "first", "last", "trim", "tojson", "string", "length", "is", "in", "and", "or", "x", "if", "else", "endif", "endfor", "defined", old])
            else: parts[at] = self.pick([" ", "", old + " ", old, " | trim", " ~ ", " + ", "(", ")", "[", "]", "[1:]", "[0]", ", "])
        return "".join(parts)

    def template(self):
        if self.chance(0.6): return self.output(self.shown())
        return self.body(2)
