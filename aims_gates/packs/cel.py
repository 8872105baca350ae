"""The functions that facts in gate.yaml may call, and the compiled expressions.

========================  ==========================================================================================
``days_since(date)``      whole days from an ISO date to today; a date in the future is refused
``days_until(date)``      whole days from today to an ISO date; negative once it has passed
``within(begun, done, n)``  what began on one day was done on another, no later than ``n`` days after; late is refused
``by(done, due)``         it was done no later than on the day on which it was due; late is refused
``current(record)``       owner, another approver, version, approval in the past, next review not passed
``stated(value, fields)``  every field (``a.b`` reaches inward) is there and is neither empty nor a placeholder
``every(value, f, keys)`` the list ``value.f`` has entries, and each states these keys
``filled(value)``         neither empty nor a placeholder, all the way down
``latest(list, key)``     the entry with the newest date under this key
``digest_of(text)``       ``sha256:...`` of a text, space and line breaks evened out
``holders(role)``         the active people who hold a role, by organization/roles
``holds(person, role)``   whether this person is one of them
``unbroken(steps)``       each step's ``output`` is the next one's ``input``
``reclassified(record)``  a classification record's answers give, by its own rule bundle, the result that it carries
========================  ==========================================================================================

A function that finds something lacking raises :class:`Lacking`, whose text names it.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from itertools import pairwise
from typing import Any

from celpy import Environment, InterpretedRunner
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.celtypes import BoolType, DoubleType, IntType, ListType, MapType, StringType, TimestampType
from celpy.evaluation import CELEvalError

from aims_gates.documents.canonical import text_digest
from aims_gates.documents.strict_yaml import Document
from aims_gates.errors import DataError, InputError
from aims_gates.governance.record_schemas.base import placeholder

__all__ = ["Lacking", "Names", "timestamp"]


class Lacking(ValueError):
    """A record lacks something; the text says what."""


def _filled(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, str):
        return not placeholder(value)
    if isinstance(value, Mapping):
        return bool(value) and all(_filled(part) for part in value.values())
    if isinstance(value, list | tuple):
        return bool(value) and all(_filled(part) for part in value)
    return True


def _day(text: Any) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        raise Lacking(f"{str(text)!r} is no date (YYYY-MM-DD)") from error


def _reach(value: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise Lacking(f"the field {path!r} is missing")
        value = value[part]
    return value


def _stated(value: Any, fields: Any, before: str = "") -> bool:
    for field in fields:
        if not _filled(_reach(value, str(field))):
            raise Lacking(f"{before}the field {str(field)!r} is empty or a placeholder")
    return True


def _every(value: Any, field: Any, keys: Any) -> bool:
    entries = _reach(value, str(field))
    if not isinstance(entries, list) or not entries:
        raise Lacking(f"{str(field)!r} has no entries")
    for index, entry in enumerate(entries):
        try:
            _stated(entry, keys)
        except Lacking as lacking:
            raise Lacking(f"{field}[{index}]: {lacking}") from lacking
    return True


def _latest(entries: Any, key: Any) -> Any:
    if not isinstance(entries, list) or not entries:
        raise Lacking(f"there is no entry with {str(key)!r}")
    return max(entries, key=lambda entry: _day(_reach(entry, str(key))))


def _unbroken(steps: Any) -> bool:
    if not isinstance(steps, list) or not steps:
        raise Lacking("the chain has no steps")
    for index, (step, after) in enumerate(pairwise(steps)):
        if _reach(step, "output") != _reach(after, "input"):
            raise Lacking(f"the chain breaks between steps {index} and {index + 1}")
    return True


class _Clock:
    """A day, and the day on which the record is read: what was done between the two is no day old, not to come."""

    def __init__(self, today: date, read_on: date) -> None:
        self.today, self.read_on = today, read_on

    def since(self, text: Any) -> int:
        done = _day(text)
        if done > self.read_on:
            raise Lacking(f"{text} lies in the future")
        return max(0, (self.today - done).days)

    def until(self, text: Any) -> int:
        return (_day(text) - self.today).days

    def within(self, begun: Any, done: Any, most: Any) -> bool:
        self.since(done)
        days = (_day(done) - _day(begun)).days
        if days < 0:
            raise Lacking(f"{done} lies before {begun}, when it began")
        if days > int(most):
            raise Lacking(f"{done} is {days} days after {begun}, and at most {int(most)} are allowed")
        return True

    def by(self, done: Any, due: Any) -> bool:
        self.since(done)
        days = (_day(done) - _day(due)).days
        if days > 0:
            raise Lacking(f"{done} comes {days} day(s) after {due}, when it was due")
        return True

    def current(self, record: Any) -> bool:
        _stated(record, ("owner", "approver", "version", "approved_on", "next_review"))
        if record["owner"] == record["approver"]:
            raise Lacking("its owner has approved it alone")
        self.since(record["approved_on"])
        if _day(record["next_review"]) <= _day(record["approved_on"]):
            raise Lacking("the next review lies before the approval")
        if self.until(record["next_review"]) < 0:
            raise Lacking(f"its review was due on {record['next_review']}")
        return True


def _holders(records: Mapping[str, Mapping[str, Any]]) -> Callable[[Any], list[str]]:
    def holders(role: Any) -> list[str]:
        roles = records.get("organization/roles")
        if roles is None:
            raise Lacking("the record organization/roles is missing")
        people = roles.get("people") or []
        active = {person.get("id") for person in people if isinstance(person, Mapping) and person.get("active") is True}
        return [
            str(holder)
            for entry in roles.get("roles") or []
            if isinstance(entry, Mapping) and entry.get("role") == str(role)
            for holder in entry.get("holders") or []
            if holder in active and not placeholder(str(holder))
        ]

    return holders


def timestamp(now: datetime) -> Any:
    """A time as expressions compare it."""
    return TimestampType(now)


class _Map(MapType):
    """A mapping that remembers which of its keys were asked for in vain."""

    misses: list[str]

    def __getitem__(self, key: Any) -> Any:
        if key not in self:
            self.misses.append(str(key))
        return super().__getitem__(key)


class Names:
    """What expressions see, and what evaluating them found lacking.

    Args:
        today: The day that is asked about.
        records: Every record by name, as read.
        read_on: The day of the check, where it is another.
    """

    def __init__(self, today: date, records: Mapping[str, Mapping[str, Any]], read_on: date | None = None) -> None:
        self.values: dict[str, Any] = {}
        self._records, self._read_on = records, read_on or today
        self._misses: list[str] = []
        self._lacks: list[str] = []
        self._functions = {
            name: self._telling(function)
            for name, function in _functions(_Clock(today, self._read_on), records).items()
        }

    def value(self, plain: Any) -> Any:
        """A JSON value as CEL sees it; CEL values stay.

        Raises:
            DataError: it is none, or holds a number that CEL has no room for.
        """
        try:
            return self._value(plain)
        except (TypeError, ValueError, RecursionError) as error:
            message = f"a record holds what no expression can look at: {error}"
            raise DataError(message, remedy="Fix the record.") from error

    def _value(self, plain: Any) -> Any:
        match plain:
            case MapType() | ListType() | StringType() | BoolType() | IntType() | DoubleType():
                return plain
            case bool():
                return BoolType(plain)
            case dict():
                Map = _Map({StringType(key): self._value(part) for key, part in plain.items()})
                Map.misses = self._misses
                return Map
            case list() | tuple():
                return ListType([self._value(part) for part in plain])
            case _:
                return json_to_cel(plain)

    def holding(self, values: Mapping[str, Any]) -> "Names":
        """These names, with values (as :meth:`value` makes them) under them."""
        self.values.update(values)
        return self

    def on(self, today: date) -> "Names":
        """The same names as on another day, at noon (UTC); what is done by now counts on an earlier day."""
        other = Names(today, self._records, self._read_on)
        other._misses = self._misses  # the mappings tell it
        noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        return other.holding({**self.values, "today": StringType(today.isoformat()), "now": timestamp(noon)})

    def record(self, name: str) -> Any:
        """A record by its full name; None where there is none."""
        records = self.values["records"]
        return records[StringType(name)] if name in records else None

    def _telling(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def told(*arguments: Any) -> Any:
            try:
                return self._value(function(*arguments))
            except Lacking as lacking:
                self._lacks.append(str(lacking))
                raise

        return told

    def evaluate(self, expression: str, record: Any = None) -> Any:
        """The value of an expression, booleans as Python's own.

        Raises:
            DataError: a record lacks something or says what cannot be.
            InputError: anything else that keeps the expression from an answer.
        """
        self._misses.clear()
        self._lacks.clear()
        values = self.values if record is None else {**self.values, "record": record}
        try:
            result = _environment().program(_tree(expression), functions=dict(self._functions)).evaluate(values)
        except CELParseError as error:
            raise InputError(f"the expression cannot be read: {expression}", remedy="Fix gate.yaml.") from error
        except (CELEvalError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            if self._lacks:
                raise DataError(self._lacks[0]) from error
            if self._misses and "undeclared" not in str(error.args[:1]):
                raise DataError(f"the field {self._misses[-1]!r} is missing") from error
            raise InputError(f"cannot be judged: {error.args[0] if error.args else error} in: {expression}") from error
        return bool(result) if isinstance(result, BoolType | bool) else result


def _reclassified(today: date, records: Mapping[str, Mapping[str, Any]]) -> Callable[[Any], bool]:
    def reclassified(_: Any) -> bool:
        from aims_gates.governance.classification import bundle, read_rules, recheck

        record = Document(records.get("classification"), "classification")
        own = records.get("organization/classification-rules")
        try:
            named = str(record.value["bundle"]) if isinstance(record.value, dict) else ""
            rules = read_rules(Document(own, "classification-rules"), bundle(named)) if own is not None else ()
            recheck(record, today=today, rules=rules)
        except (InputError, KeyError) as error:
            raise Lacking(error.message if isinstance(error, InputError) else f"no {error}") from error
        return True

    return reclassified


def _functions(clock: _Clock, records: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Callable[..., Any]]:
    holders = _holders(records)
    return {
        "days_since": clock.since,
        "days_until": clock.until,
        "within": clock.within,
        "by": clock.by,
        "current": clock.current,
        "stated": _stated,
        "every": _every,
        "filled": _filled,
        "latest": _latest,
        "digest_of": lambda text: text_digest(str(text)),
        "holders": holders,
        "holds": lambda person, role: str(person) in holders(role),
        "unbroken": _unbroken,
        "reclassified": _reclassified(clock.read_on, records),
    }


@cache
def _environment() -> Environment:
    return Environment(runner_class=InterpretedRunner)


@cache
def _tree(expression: str) -> Any:
    return _environment().compile(expression)
