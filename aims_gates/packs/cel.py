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
``finished(text)``        a text about what is done does not call it prepared, pending or not yet begun
``alike(one, other)``     two lists name the same; a single value is a list of one
``each(list, key)``       what each entry has under this key
``apart(day, other)``     days from one date to another; negative where the other comes first
``cites(text, ids)``      a text names one of these ids
``breakable(measure, limit)``  a limit in words (``at least 0.8``) that some value breaks and some value keeps
``no_looser(measure, limit, thresholds)``  it is no looser than those of the requirements
``agreed(thresholds, planned, gates)``  the rows of the requirements are the limits of the plan
``quorate(who, members, n)``  ``n`` different members of a body were there, and nobody else is counted
``digest_of(text)``       ``sha256:...`` of a text, space and line breaks evened out
``holders(role)``         the active people who hold a role, by organization/roles
``holds(person, role)``   whether this person is one of them
``known(person)``         an active person, by organization/roles
``concerns(entry)``       an entry names this system, all of them (``*``), or none
``answered(entry, kind, begun, done, n)``  what began was done within ``n`` days, still may be, or a corrective action
                          answers for ``kind/ID``; the last three are names of fields and a number
``kept(entry, kind, done, due)``  the same with a date by which it is done
``corrected(place, since)``  a corrective action answers for what was done late at a place, and due since then
``accepted(nonconformity)``  it states cause, action, owner and date, somebody else accepted them, and it is not overdue
``raised(entry, kind)``   how many nonconformities are about ``kind/ID``
``unbroken(steps)``       each step's ``output`` is the next one's ``input``
``acknowledged(record, s)``, ``completed(person, course, n)``  see :mod:`aims_gates.packs.acknowledged`
``reclassified(record)``  a classification record's answers give, by its own rule bundle, the result that it carries
========================  ==========================================================================================

A function that finds something lacking raises :class:`Lacking`, whose text names it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aims_gates.documents.canonical import text_digest
from aims_gates.documents.strict_yaml import Document
from aims_gates.errors import DataError, GateError, InputError
from aims_gates.packs import acknowledged, deadlines
from aims_gates.packs.compared import FUNCTIONS
from aims_gates.packs.lacking import Lacking
from aims_gates.packs.quick_cel import needs_every_part, program
from aims_gates.packs.role_holders import active_people, holders_in, is_placeholder, known_in

if TYPE_CHECKING:
    from aims_gates.packs.full_cel import Interpreter

__all__ = ["Lacking", "Names"]


def _filled(value: Any) -> bool:
    if value is None:
        return False
    if isinstance(value, str):
        return not is_placeholder(value)
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


def _digest_of(text: Any) -> str:
    if isinstance(text, list | dict):
        raise Lacking("a list or mapping has no digest, only a text has")
    return text_digest(str(text))


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal, by CEL's rules.

    Raises:
        TypeError: they are of two types; or plain values of which Python's answer may be another than CEL's.
    """
    plain = type(one) in (str, bool, int, float, list, dict)
    if plain and (type(one) is not type(other) or isinstance(one, list | dict)):
        raise TypeError(f"{one!r} is compared with {other!r}")
    return bool(one == other)


def _unbroken(steps: Any) -> bool:
    if not isinstance(steps, list) or not steps:
        raise Lacking("the chain has no steps")
    for index, (step, after) in enumerate(pairwise(steps)):
        if not _same(_reach(step, "output"), _reach(after, "input")):
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

    def day(self, text: Any) -> date:
        return _day(text)

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
        if _same(record["owner"], record["approver"]):
            raise Lacking("its owner has approved it alone")
        self.since(record["approved_on"])
        if _day(record["next_review"]) <= _day(record["approved_on"]):
            raise Lacking("the next review lies before the approval")
        if self.until(record["next_review"]) < 0:
            raise Lacking(f"its review was due on {record['next_review']}")
        return True


def _current(clock: _Clock, records: Mapping[str, Mapping[str, Any]]) -> Callable[[Any], bool]:
    """Whether a record is in force; that nobody active approved it is seen where there is a record of roles."""

    def current(record: Any) -> bool:
        clock.current(record)
        people = active_people(records.get("organization/roles") or {})
        if people and str(record["approver"]) not in people:
            raise Lacking(f"{record['approver']}, who approved it, is no active person of organization/roles")
        return True

    return current


class Names:
    """What expressions see.

    Args:
        today: The day that is asked about.
        records: Every record by name, as read; a system's stand under ``system/`` too.
        values: Plain values by name besides.
        read_on: The day of the check, where it is another.

    Raises:
        DataError: they hold a number that CEL has no room for, or what is no JSON value.
    """

    def __init__(
        self,
        today: date,
        records: Mapping[str, Mapping[str, Any]],
        values: Mapping[str, Any] | None = None,
        read_on: date | None = None,
    ) -> None:
        for record in records.values():
            _need_expressible(_Itself(record))
        for value in (values or {}).values():
            _need_expressible(_Itself(value))
        self._records, self._read_on = records, read_on or today
        under = {f"system/{name}": record for name, record in records.items() if "/" not in name}
        self._values = {**(values or {}), "records": {**records, **under}}
        self._acts = self._values.get("acts", {})
        self._functions = _functions(_Clock(today, self._read_on), records, self._acts)
        self._interpreters: list[Interpreter] = []

    def on(self, today: date) -> "Names":
        """The same names as on another day, at noon (UTC); what is done by now counts on an earlier day."""
        other = copy(self)
        noon = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        other._values = {**self._values, "today": today.isoformat(), "now": noon}
        other._functions = _functions(_Clock(today, self._read_on), self._records, self._acts)
        return other

    def with_record(self, name: str, content: Any) -> "Names":
        """The same names with another content of one record."""
        other = copy(self)
        other._records = {**self._records, name.removeprefix("system/"): content}
        other._values = {**self._values, "records": {**self._values["records"], name: content}}
        other._functions = _functions(_Clock(self._read_on, self._read_on), other._records, self._acts)
        other._interpreters = []
        return other

    def record(self, name: str) -> Any:
        """A record by its full name; None where there is none."""
        return self._values["records"].get(name)

    def evaluate(self, expression: str, record: str | None = None) -> Any:
        """The value of an expression, booleans as Python's own.

        Args:
            expression: The expression.
            record: Full name of the record that it sees as ``record``.

        Raises:
            GateError: the expression language is not installed.
            DataError: a record lacks something or says what cannot be.
            InputError: anything else that keeps the expression from an answer.
        """
        with suppress(Exception):  # the interpreter says what is wrong
            answer = self._quickly(expression, record)
            if type(answer) in (bool, str):
                return answer
        known = record if record is not None and self.record(record) is not None else None
        return self._interpreter().evaluate(expression, self._values, self._functions, known)

    def is_true(self, expression: str, record: str | None = None) -> bool:
        """Whether an expression gives true; why not, does not matter.

        Raises:
            GateError: the expression language is not installed.
        """
        try:
            answer = self._quickly(expression, record)
            if type(answer) is bool:
                return answer
        except Exception as error:  # noqa: BLE001 - the interpreter is asked
            if isinstance(error, Lacking) and needs_every_part(expression):
                return False
        try:
            return self.evaluate(expression, record) is True
        except (DataError, InputError):
            return False

    def plainly_true(self, expression: str, record: str | None = None) -> bool:
        """Whether an expression gives true without the interpreter's help; false where that would be asked."""
        with suppress(Exception):
            return self._quickly(expression, record) is True
        return False

    def _quickly(self, expression: str, record: str | None) -> Any:
        part = program(expression)
        scope = {**self._values, "": self._functions}
        if record is not None:
            scope["record"] = self.record(record)
        return ... if part is None else part(scope)

    def _interpreter(self) -> "Interpreter":
        """The interpreter of all of CEL, the same one for every day."""
        if not self._interpreters:
            try:
                from aims_gates.packs.full_cel import Interpreter
            except ImportError as error:
                remedy = "Install aims-gates again."
                raise GateError(f"cel-python does not import: {error}", remedy=remedy) from error
            self._interpreters.append(Interpreter(self._values))
        return self._interpreters[0]


class _Itself:
    """A value that is equal to itself alone: gates of one check share their records, which are looked through once."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.value is self.value


@lru_cache(maxsize=512)
def _need_expressible(whole: _Itself) -> None:
    """Refuse what no expression can look at."""
    try:
        _need_json(whole.value)
    except (ValueError, RecursionError) as error:
        message = f"a record holds what no expression can look at: {error}"
        raise DataError(message, remedy="Fix the record.") from error


def _need_json(value: Any) -> None:
    match value:
        case None | bool() | float() | str() | datetime():
            return
        case int():
            if not -(1 << 63) <= value < 1 << 63:
                raise ValueError(f"{value} takes more than 64 bits")
        case dict():
            for key, part in value.items():
                _need_json(part)
                if not isinstance(key, str):
                    raise ValueError(f"{key!r} is no text")
        case list() | tuple():
            for part in value:
                _need_json(part)
        case _:
            raise ValueError(f"{type(value).__name__} is no JSON value")


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


def _functions(
    clock: _Clock, records: Mapping[str, Mapping[str, Any]], acts: acknowledged.Acts
) -> Mapping[str, Callable[..., Any]]:
    holders = holders_in(records)
    return {
        "days_since": clock.since,
        "days_until": clock.until,
        "within": clock.within,
        "by": clock.by,
        "current": _current(clock, records),
        "stated": _stated,
        "every": _every,
        "filled": _filled,
        "latest": _latest,
        **FUNCTIONS,
        "digest_of": _digest_of,
        "holders": holders,
        "holds": lambda person, role: str(person) in holders(role),
        "known": known_in(records),
        **deadlines.functions(clock, records, known_in(records)),
        **acknowledged.functions(clock, records, acts),
        "unbroken": _unbroken,
        "reclassified": _reclassified(clock.read_on, records),
    }
