"""The parts of an expression that :mod:`aims_gates.packs.quick_cel` reads: each makes of parts what they are together.

A part is asked with the values that the expression sees. It answers as celpy would, or raises: :class:`Unsure`, or what
the missing name, field or function makes Python raise.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

__all__ = [
    "Part",
    "Scope",
    "TEXTS",
    "Unsure",
    "called",
    "chosen",
    "compared",
    "constant",
    "decided",
    "double",
    "field",
    "filtered",
    "has",
    "indexed",
    "listed",
    "named",
    "negated",
    "of_each",
    "on_texts",
    "reckoned",
    "size",
    "whole",
]

#: Names -> values, as an expression sees them; under ``""`` the functions.
Scope = Mapping[str, Any]
#: A part of an expression, ready to be evaluated.
Part = Callable[[Scope], Any]

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_LARGEST = 1 << 63


class Unsure(Exception):
    """No answer from here: ask celpy."""


def whole(value: int) -> int:
    if not -_LARGEST <= value < _LARGEST:
        raise Unsure
    return value


def _truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Stop


class Stop(Unsure):
    """celpy goes no further, even where another part of the expression would decide."""


def constant(value: Any) -> Part:
    return lambda scope: value


def named(name: str) -> Part:
    return lambda scope: scope[name]


def listed(parts: Sequence[Part]) -> Part:
    return lambda scope: _values(parts, scope)


def field(part: Part, name: str) -> Part:
    def field(scope: Scope) -> Any:
        value = part(scope)
        if type(value) is not dict:
            raise Unsure
        return value[name]

    return field


def has(owner: Part, name: str) -> Part:
    def has(scope: Scope) -> bool:
        value = owner(scope)
        if type(value) is not dict:
            raise Unsure
        return name in value

    return has


def indexed(part: Part, index: Part) -> Part:
    def indexed(scope: Scope) -> Any:
        value, place = _values((part, index), scope)
        if type(value) is dict and type(place) is str:
            return value[place]
        if type(value) is list and type(place) is int and 0 <= place < len(value):
            return value[place]
        raise Unsure

    return indexed


def decided(parts: Sequence[Part], *, by: bool) -> Part:
    """``||`` is decided by the first that is true, ``&&`` by the first that is false, whatever errors follow."""

    def is_decided(scope: Scope) -> bool:
        return _decide((partial(part, scope) for part in parts), by=by)

    return is_decided


def of_each(part: Part, variable: str, condition: Part, *, by: bool) -> Part:
    """``exists`` is decided by the first entry of which the condition is true, ``all`` by the first where it is not."""

    def is_decided(scope: Scope) -> bool:
        entries = _entries(part(scope))
        return _decide((partial(condition, {**scope, variable: entry}) for entry in entries), by=by)

    return is_decided


def _decide(answers: Iterable[Callable[[], Any]], *, by: bool) -> bool:
    """One answer decides, whatever the others are, as long as none of them stops celpy altogether."""
    decides, error = False, None
    for answer in answers:
        try:
            value = answer()
        except Stop:
            raise
        except Exception as problem:  # noqa: BLE001 - raised below, unless another answer decides
            error = error or problem
            continue
        if type(value) is not bool:
            raise Stop
        decides = decides or value is by
    if error is not None and not decides:
        raise error
    return by if decides else not by


def _values(parts: Iterable[Part], scope: Scope) -> list[Any]:
    """The value of each part; that one stops goes before any other error, as all are evaluated by celpy."""
    values: list[Any] = []
    error: Exception | None = None
    for part in parts:
        try:
            values.append(part(scope))
        except Stop:
            raise
        except Exception as problem:  # noqa: BLE001 - raised below
            error = error or problem
    if error is not None:
        raise error
    return values


def _entries(value: Any) -> list[Any]:
    if type(value) is not list:
        raise Stop
    return value


def filtered(part: Part, variable: str, condition: Part) -> Part:
    def entries_of_which_it_is_true(scope: Scope) -> list[Any]:
        entries = _entries(part(scope))
        return [entry for entry in entries if _truth(_sure(condition, {**scope, variable: entry}))]

    return entries_of_which_it_is_true


def chosen(condition: Part, first: Part, second: Part) -> Part:
    return lambda scope: first(scope) if _truth(_sure(condition, scope)) else second(scope)


def _sure(part: Part, scope: Scope) -> Any:
    """Its value; what has none stops all."""
    try:
        return part(scope)
    except Exception as error:
        raise Stop from error


def negated(part: Part) -> Part:
    return lambda scope: not _truth(part(scope))


def _equal(left: Any, right: Any) -> bool:
    if type(left) is not type(right) or type(left) not in (str, bool, int, float):
        raise Unsure
    return bool(left == right)


def _among(entry: Any, values: Any) -> bool:
    if type(values) is dict and type(entry) is str:
        return entry in values
    return any(_equal(value, entry) for value in _entries(values))


def compared(mark: str, left: Part, right: Part) -> Part:
    if mark == "in":
        return lambda scope: _among(*_values((left, right), scope))
    if mark in ("==", "!="):
        same = mark == "=="
        return lambda scope: _equal(*_values((left, right), scope)) is same
    order = _ORDERS[mark]

    def compared(scope: Scope) -> bool:
        one, other = _values((left, right), scope)
        if type(one) is not type(other) or type(one) not in (str, int, float):
            raise Unsure
        return bool(order(one, other))

    return compared


def reckoned(reckon: Callable[[int, int], int], left: Part, right: Part) -> Part:
    def reckoned(scope: Scope) -> int:
        one, other = _values((left, right), scope)
        if type(one) is not int or type(other) is not int:
            raise Unsure
        return whole(reckon(one, other))

    return reckoned


def size(part: Part) -> Part:
    def size(scope: Scope) -> int:
        value = part(scope)
        if type(value) not in (str, list, dict):
            raise Unsure
        return len(value)

    return size


def double(part: Part) -> Part:
    def double(scope: Scope) -> float:
        value = part(scope)
        if type(value) not in (int, float):
            raise Unsure
        return float(value)

    return double


def on_texts(judge: Callable[[str, str], bool], part: Part, other: Part) -> Part:
    def on_texts(scope: Scope) -> bool:
        text, second = _values((part, other), scope)
        if type(text) is not str or type(second) is not str:
            raise Unsure
        return judge(text, second)

    return on_texts


def _matches(text: str, pattern: str) -> bool:
    import re2

    return re2.search(pattern, text) is not None


TEXTS: Mapping[str, Callable[[str, str], bool]] = {"matches": _matches, "startsWith": str.startswith}


#: What a function of ours may be given here. Truth values, decimal numbers and null are other texts for celpy, and most
#: functions look at texts.
_PLAIN = frozenset((str, int, list, dict))
_TAKES_NUMBERS = _PLAIN | {float}


def called(name: str, parts: Sequence[Part]) -> Part:
    """A function of ours."""
    kinds = _TAKES_NUMBERS if name == "acknowledged" else _PLAIN

    def called(scope: Scope) -> Any:
        values = _values(parts, scope)
        if name != "filled" and any(type(value) not in kinds for value in values):
            raise Unsure
        return scope[""][name](*values)

    return called
