"""The part of CEL that shipped facts use, answered without the interpreter that knows all of it.

celpy takes 4 ms to evaluate an expression of middling size and as much to parse it, and the end of what a fact lasts
is searched by evaluating it on other days. Here the same takes some microseconds, on plain values. Whatever is outside
of this part, and whatever does not come out as true, false or a text, is no answer: the expression is then given to
celpy, which alone says what is wrong with it. So this module can only be right or silent, never say "wrong".

What it knows: names, fields, indices, text without escapes, whole and decimal numbers, lists, ``! && || ?: == != < <= >
>= in + - *``, ``has``, ``size``, ``double``, ``all``, ``exists``, ``filter``, ``matches``, ``startsWith``, and the
functions of :mod:`aims_gates.packs.cel`. It is interpreted: nothing of an expression becomes Python.
"""

import operator
import re
from collections.abc import Iterator
from functools import lru_cache

from aims_gates.packs.quick_parts import (
    TEXTS,
    Part,
    Unsure,
    called,
    chosen,
    compared,
    constant,
    decided,
    double,
    field,
    filtered,
    has,
    indexed,
    listed,
    named,
    negated,
    of_each,
    on_texts,
    reckoned,
    size,
    whole,
)

__all__ = ["Unsure", "needs_every_part", "program"]

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d+|\d+)(?![\w.])|(?P<text>"[^"\\\n\r]*"|'[^'\\\n\r]*')|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<mark>\|\||&&|==|!=|<=|>=|[<>!+*?:\[\](),.]|-(?=\s)))""",
    re.ASCII,
)
#: Words that are no names, and prefixes of texts that read differently.
_RESERVED = frozenset(
    ("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
     "namespace", "null", "package", "return", "true", "var", "void", "while")
)  # fmt: skip
_PREFIXES = frozenset(("r", "R", "b", "B", "br", "bR", "Br", "BR", "rb", "rB", "Rb", "RB"))
_DEEPEST = 40


@lru_cache(maxsize=2_048)
def program(expression: str) -> Part | None:
    """An expression ready to be evaluated on plain values; None where it is outside of what is known here.

    What it raises when it is evaluated, and what it gives besides a truth value or a text, is no answer.
    """
    try:
        return _Grammar(expression).whole()
    except (Unsure, RecursionError):
        return None


@lru_cache(maxsize=2_048)
def needs_every_part(expression: str) -> bool:
    """Whether no part of an expression can make it true in spite of another that has no answer."""
    try:
        return not any(text in ("||", "?", "!", "exists") for _, text in _tokens(expression))
    except Unsure:
        return False


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    place, end = 0, len(expression.rstrip())
    while place < end:
        match = _TOKEN.match(expression, place)
        if match is None:
            raise Unsure
        kind = str(match.lastgroup)
        yield kind, match[kind]
        place = match.end()
    yield "end", ""


class _Grammar:
    """Reads one expression by recursive descent, with celpy's precedence."""

    def __init__(self, expression: str) -> None:
        self._tokens = list(_tokens(expression))
        self._place = self._depth = 0

    def whole(self) -> Part:
        part = self._expression()
        if self._tokens[self._place][0] != "end":
            raise Unsure
        return part

    def _next(self) -> tuple[str, str]:
        self._place += 1
        return self._tokens[self._place - 1]

    def _takes(self, *marks: str) -> str | None:
        """The next token where it is one of these marks or words, which is then read."""
        kind, text = self._tokens[self._place]
        if kind == "text" or text not in marks:
            return None
        self._place += 1
        return text

    def _needs(self, mark: str) -> None:
        if self._takes(mark) is None:
            raise Unsure

    def _expression(self) -> Part:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unsure
        part = self._either()
        if self._takes("?"):
            first = self._either()
            self._needs(":")
            part = chosen(part, first, self._expression())
        self._depth -= 1
        return part

    def _either(self) -> Part:
        parts = [self._both()]
        while self._takes("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else decided(parts, by=True)

    def _both(self) -> Part:
        parts = [self._relation()]
        while self._takes("&&"):
            parts.append(self._relation())
        return parts[0] if len(parts) == 1 else decided(parts, by=False)

    def _relation(self) -> Part:
        left = self._sum()
        while mark := self._takes("==", "!=", "<", "<=", ">", ">=", "in"):
            left = compared(mark, left, self._sum())
        return left

    def _sum(self) -> Part:
        left = self._product()
        while mark := self._takes("+", "-"):
            left = reckoned(operator.add if mark == "+" else operator.sub, left, self._product())
        return left

    def _product(self) -> Part:
        left = self._unary()
        while self._takes("*"):
            left = reckoned(operator.mul, left, self._unary())
        return left

    def _unary(self) -> Part:
        return negated(self._unary()) if self._takes("!") else self._member(self._primary())

    def _member(self, part: Part) -> Part:
        while mark := self._takes(".", "["):
            if mark == "[":
                part = self._index(part)
                continue
            name = self._name()
            part = self._method(part, name) if self._takes("(") else field(part, name)
        return part

    def _index(self, part: Part) -> Part:
        index = self._expression()
        self._needs("]")
        return indexed(part, index)

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name" or text in _RESERVED:
            raise Unsure
        return text

    def _method(self, part: Part, name: str) -> Part:
        if name in TEXTS:
            (other,) = self._list(")", 1)
            return on_texts(TEXTS[name], part, other)
        if name == "size":
            self._needs(")")
            return size(part)
        if name not in ("all", "exists", "filter"):
            raise Unsure
        variable = self._name()
        self._needs(",")
        condition = self._expression()
        self._needs(")")
        if name == "filter":
            return filtered(part, variable, condition)
        return of_each(part, variable, condition, by=name == "exists")

    def _list(self, end: str, length: int | None = None) -> list[Part]:
        """Parts between commas, to the mark that ends them."""
        parts: list[Part] = []
        while not self._takes(end):
            if parts:
                self._needs(",")
            parts.append(self._expression())
        if length not in (None, len(parts)):
            raise Unsure
        return parts

    def _primary(self) -> Part:
        kind, text = self._next()
        if kind == "text":
            return constant(text[1:-1])
        if kind == "number":
            return constant(_number(text))
        if text == "(":
            part = self._expression()
            self._needs(")")
            return part
        if text == "[":
            return listed(self._list("]"))
        if text in ("true", "false"):
            return constant(text == "true")
        if kind != "name" or text in _RESERVED:
            raise Unsure
        if text in _PREFIXES and self._tokens[self._place][0] == "text":
            raise Unsure
        return self._call(text) if self._takes("(") else named(text)

    def _call(self, name: str) -> Part:
        if name == "has":
            return self.has()
        parts = self._list(")")
        if name in ("size", "double") and len(parts) == 1:
            return size(parts[0]) if name == "size" else double(parts[0])
        return called(name, parts)

    def has(self) -> Part:
        """``a.b["c"].d)``: whether what stands before the last point has the field that stands after it."""
        kind, text = self._next()
        if kind != "name" or text in _RESERVED:
            raise Unsure
        owner, name = named(text), None
        while mark := self._takes(".", "["):
            owner = owner if name is None else field(owner, name)
            name = self._name() if mark == "." else None
            owner = self._index(owner) if mark == "[" else owner
        self._needs(")")
        if name is None:
            raise Unsure
        return has(owner, name)


def _number(text: str) -> int | float:
    if "." in text:
        return float(text)
    return whole(int(text))
