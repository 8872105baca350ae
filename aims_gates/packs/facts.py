"""Gates without code: facts that a record must state, as expressions in gate.yaml.

Each fact names a record, the controls it bears on, what is required as an expression, and the remedy. The language is
CEL (https://cel.dev): no loops, no assignment, no way out; it is interpreted, never compiled to Python. Names it knows:

``record``         the fact's record; ``records`` all of them by name (``organization/roles``, ``system/card`` ...)
``system``         system.yaml; ``facts`` its facts; ``params`` the gate's parameters; ``run`` facts of the MLflow run
``subject``        digest of the model on trial, ``""`` where there is none
``planned``        the limits of the plan, by gate and measure; empty where no plan is run
``now``            a timestamp; ``today`` the date as ISO text
``acts``           what the ledger holds of acts, by kind (:data:`aims_gates.model.ACTS`): each with ``at`` (ISO time),
                   ``on`` (ISO date), ``by``, ``about`` and its own details; empty lists where no ledger is at hand
``first_release``  the run's fact of that name, else the system's, else false

and the functions of :mod:`aims_gates.packs.cel`. What holds today by dates in the record ends on a day, which the
finding names; what held on an earlier day and does not hold today has aged, and its finding is stale. Unknown means no:
a missing record or field and a value that says nothing fail, whatever else goes wrong is an error, and a condition that
cannot be answered means that the fact applies. The finding about a record that is not there says ``missing``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from aims_gates.documents.schema import StrictModel
from aims_gates.documents.shell import quoted
from aims_gates.errors import DataError, InputError
from aims_gates.governance.records.leaves import future_dates, unknown_people
from aims_gates.model import ACTS, Finding, Limit, Outcome
from aims_gates.packs.acknowledged import looked_at
from aims_gates.packs.case import LIMITS, Case
from aims_gates.packs.cel import Names
from aims_gates.packs.deadlines import ANSWERS, NONCONFORMITIES

__all__ = ["Fact", "judge"]

#: The longest expression: what no longer fits on a few lines belongs into gate.py.
MAX_EXPRESSION = 1000
Expression = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION)]
_STATED = Limit(">=", 1.0)
_CURRENT = re.compile(r"\bcurrent\(record\)")
#: What makes the answer hang on the day.
_TIMED = re.compile(
    r"\b(?:days_since|days_until|current|accepted|answered|kept|acknowledged|completed)\(|\btoday\b|\bnow\b"
)
#: What was missed has failed; it has not aged.
_MISSED = re.compile(r"\b(?:answered|kept)\(")
_ANSWERED = re.compile(rf"\b(?:{'|'.join(ANSWERS)})\(")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
#: How far ahead a fact is tried: longer than any evidence lives.
_HORIZON = timedelta(days=400)
_RECORDS = re.compile(r"\brecords\b")
#: That a record is there is not what it says: ``"system/history" in records`` reads nothing.
_PRESENT = re.compile(r"""(?:["']|\b\w+) in records\b(?!\s*\[)""")
#: What is looked at only where it is there, and is not, was not read.
_ASKED_FOR = re.compile(r"""["']([^"']+)["'] in records\b""")
#: ``["system/card", "system/requirements"].all(n, ...)``, in which ``records[n]`` is one of these.
_LISTED = re.compile(r"""\[((?:\s*["'][^"'\]]+["']\s*,?)+)\]\s*\.\s*(?:all|exists|filter)\(\s*(\w+)\s*,""")
_TEXT = re.compile(r"""["']([^"']+)["']""")
_NAMED = re.compile(r"""\brecords\s*\[\s*["']([^"'\]]+)["']\s*\]""")
_QUOTED = re.compile(r"""(["']).*?\1""")
_RECORD = re.compile(r"(?<![\w.])record\b")
_ACTS = re.compile(r"(?<![\w.])acts\b")
_KIND = re.compile(r"(?<![\w.])acts\.([a-z_]+)")
_RUN = re.compile(r"(?<![\w.])(?:run|first_release)\b")
_SYSTEM = re.compile(r"(?<![\w.])(?:system|facts)\b")
#: What looks at the run, and what at the roles of the organization.
_RUN = re.compile(r"(?<![\w.])(?:run|first_release)\b")
_RELEASED = re.compile(r"(?<![\w.])(?:run\.)?(?:first_release|released_on)\b")
_HOLDERS = re.compile(r"(?<![\w.])(?:holders|holds|known)\(")
_DECIDERS = re.compile(r"\b(?:facts|system|run)(?:\.[a-z_]+)+|\bfirst_release\b")


class Fact(StrictModel):
    """One fact of gate.yaml; its ``id`` becomes the finding's measure.

    Attributes:
        id: Unique in its gate.
        controls: The controls it bears on, a part of the gate's.
        record: ``organization/<name>`` or ``system/<name>``.
        when: An expression; where it is false the fact does not apply, and the finding says which value decided.
        require: An expression that must be true, or several, of which the first that is not true decides.
        says: What is required, in plain words.
        remedy: What to do when it is not so.
        done: An expression over ``acts``. Where it is true, or says what is lacking, the fact rests on these acts and
            on what else it names, and ``require`` is not asked; where it is false, ``require`` decides.
        lapses: That it is not so means that a change or an event has overtaken the record: stale rather than failed.
        cause: What has to change when it is not so: the ``record``, or ``people`` who must do something first.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    controls: tuple[str, ...] = Field(min_length=1)
    record: str = Field(pattern=r"^(organization|system)/[a-z][a-z0-9_]*$")
    when: Expression | None = None
    require: Expression | tuple[Expression, ...] = Field(min_length=1)
    done: Expression | None = None
    says: str = Field(min_length=1)
    remedy: str = Field(min_length=1)
    lapses: bool = False
    cause: Literal["record", "people", "data", "model"] = "record"

    @property
    def by_acts(self) -> bool:
        """Whether it asks for acts alone."""
        return self.done is not None and self.require == self.done

    @property
    def requires(self) -> tuple[str, ...]:
        """The expressions that must be true, in order."""
        return (self.require,) if isinstance(self.require, str) else self.require


def judge(facts: Sequence[Fact], case: Case) -> Iterator[Finding]:
    """One finding per fact, in order: value 1 where it is stated, 0 where not, none where there is no record.

    One that does not apply is information.

    Raises:
        GateError: the expression language is not installed.
        DataError: the records hold what no expression can look at.
    """
    names = _names(case)
    required = {
        fact.record: " ".join(text for other in facts if other.record == fact.record for text in other.requires)
        for fact in facts
    }
    for stated in facts:
        fact = _acted(stated, names)
        applies, why = _applies(fact, names)
        if applies:
            finding = _finding(fact, names, case.now.astimezone(UTC).date(), required[fact.record])
            yield replace(finding, rests_on=_with_unnamed(fact, case, finding))
        else:
            note = f"does not apply ({why}): {fact.says}"
            yield Finding(
                fact.id, over={"record": fact.record}, controls=fact.controls, note=note, rests_on=_rests_on(fact, case)
            )


def _rests_on(fact: Fact, case: Case) -> tuple[str, ...]:
    """What a fact's requirement looks at: its record, others that it names, system.yaml for its facts, acts."""
    text = " ".join(fact.requires)
    bare = _QUOTED.sub("", text)
    own = not fact.by_acts or _RECORD.search(bare)
    absent = {name for name in _ASKED_FOR.findall(text) if name.removeprefix("system/") not in case.records}
    read = {*({fact.record} if own else ()), *(_looked_up(text, case.records) - absent)}
    if _SYSTEM.search(bare):
        read.add("system")
    rows = {f"act:{act.row}" for kind in _kinds(bare) for act in case.acts.get(kind, ())}
    rows.update(looked_at(text, _plain_acts(case), case.records))
    if fact.by_acts and _RUN.search(bare):
        rows.add("run")
    return tuple(sorted({f"record:{name.removeprefix('system/')}" for name in read} | rows))


def _looked_up(text: str, records: Iterable[str]) -> set[str]:
    """The records that an expression names; all, where one is named by something that has to be worked out."""
    names = set(_NAMED.findall(text))
    rest = _NAMED.sub("", _PRESENT.sub("", text))
    for listed, variable in _LISTED.findall(text):
        rest, times = re.subn(rf"\brecords\s*\[\s*{variable}\s*\]", "", rest)
        names |= set(_TEXT.findall(listed)) if times else set()
    return names | (set(records) if _RECORDS.search(rest) else set())


def _kinds(text: str) -> Sequence[str]:
    """The kinds of acts that an expression looks at; all, where one is named by something that has to be worked out."""
    named = _KIND.findall(text)
    return named if len(named) == len(_ACTS.findall(text)) else ACTS


def _acted(fact: Fact, names: Names) -> Fact:
    """The fact, asking for acts alone where these answer."""
    if fact.done is None:
        return fact
    try:
        answer = names.evaluate(fact.done, fact.record)
    except DataError:
        answer = True
    except InputError:
        answer = False
    return fact.model_copy(update={"require": fact.done}) if answer is True else fact


def _with_unnamed(fact: Fact, case: Case, finding: Finding) -> tuple[str, ...]:
    """The same, with what a requirement looks at without naming its record: who holds a role, the run, the ledger.

    A requirement that holds whatever the run says does not rest on it: `!has(run.commit) || ...` only compares. When
    something was released first, the ledger says, and the decision looks there again.
    """
    text = _QUOTED.sub("", " ".join(fact.requires))
    roles = {"record:organization/roles"} if _HOLDERS.search(text) else set()
    if _ANSWERED.search(text) and NONCONFORMITIES in case.records:
        roles.add(f"record:{NONCONFORMITIES}")
    looks, released = len(_RUN.findall(text)), len(_RELEASED.findall(text))
    run = {"run" if released < looks else "ledger"} if looks and not _without_run(fact, case, finding) else set()
    return tuple(sorted({*_rests_on(fact, case)} | roles | run))


def _without_run(fact: Fact, case: Case, finding: Finding) -> bool:
    names = _names(replace(case, run={}))
    if finding.outcome != "pass":
        return False
    return all(names.plainly_true(expression, fact.record) for expression in fact.requires)


def _names(case: Case) -> Names:
    """What an expression sees. A system's records stand under ``system/`` too."""
    system = case.records.get("system", {})
    facts = system.get("facts") or {}
    now = case.now.astimezone(UTC)
    values = {
        "params": dict(case.params),
        "system": system,
        "facts": facts,
        "run": _plain(case.run),
        "planned": {gate: dict(limits) for gate, limits in case.run.get(LIMITS, {}).items()},
        "today": now.date().isoformat(),
        "now": now,
        "acts": _plain_acts(case),
        "subject": case.subject.digest if case.subject else "",
        "first_release": case.run.get("first_release", facts.get("first_release", False)) is True,
    }
    return Names(now.date(), case.records, values)


def _plain_acts(case: Case) -> dict[str, list[dict[str, Any]]]:
    return {kind: [act.plain() for act in case.acts.get(kind, ())] for kind in ACTS}


def _plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """The run's facts that are plain values; the rest is not for expressions."""
    return {name: value for name, value in run.items() if isinstance(value, str | bool | int | float)}


def _applies(fact: Fact, names: Names) -> tuple[bool, str]:
    if fact.when is None:
        return True, ""
    try:
        answer = names.evaluate(fact.when)
    except InputError:
        return True, ""
    return answer is not False, ", ".join(_deciders(fact.when, names)) or f"not: {fact.when}"


def _deciders(expression: str, names: Names) -> Iterator[str]:
    """``system.tier is minimal``, for each value of the system that the condition looks at."""
    for chain in dict.fromkeys(_DECIDERS.findall(expression)):
        try:
            yield f"{chain} is {names.evaluate(chain)}"
        except InputError:
            continue


def _not_so(fact: Fact, names: Names, today: date, others: str) -> str | None:
    """What a fact's record cannot know: that something was done on a day to come, or by somebody whom nobody knows.

    It counts for the facts that look at its field, and where none does for those that ask for a ``current`` record.

    Args:
        fact, names, today: The fact and what it sees.
        others: What all facts on this record require.
    """
    text = " ".join(fact.requires)
    record = names.record(fact.record)
    people = {str(person.get("id")) for person in (names.record("organization/roles") or {}).get("people") or ()}
    claims = [(place, f"{day} lies in the future") for place, day in future_dates(record, today)]
    if people:
        strangers = unknown_people(record, people)
        claims += [(place, f"{person} is nobody of organization/roles") for place, person in strangers]
    for place, why in claims:
        field = re.compile(rf"\b{re.escape(str(place[0]))}\b")
        if field.search(text) or (_CURRENT.search(text) and not field.search(others)):
            return f"{fact.record}: {'.'.join(map(str, place))}: {why}"
    return None


def _answer(fact: Fact, names: Names) -> tuple[Outcome, str | None]:
    if names.record(fact.record) is None and not fact.by_acts:
        return "fail", f"the record {fact.record} is missing"
    for expression in fact.requires:
        try:
            answer = names.evaluate(expression, fact.record)
        except DataError as problem:
            return "fail", f"{fact.record}: {problem.message}"
        except InputError as problem:
            return "error", f"{fact.record}: {problem.message}"
        if answer is False:
            return "fail", f"{fact.record}: not so: {fact.says}"
        if answer is not True:
            return "error", f"the expression gives {type(answer).__name__}, not true or false: {expression}"
    return "pass", None


def _holds(fact: Fact, names: Names, day: date) -> bool:
    """Whether the fact holds on a day, as the record now stands."""
    then = names.on(day)
    return all(then.is_true(expression, fact.record) for expression in fact.requires)


def _last(fact: Fact, names: Names, first: date, end: date) -> date:
    """The last day before ``end``, on which it does not hold, that follows ``first``, on which it does."""
    while (end - first).days > 1:
        middle = first + (end - first) // 2
        first, end = (middle, end) if _holds(fact, names, middle) else (first, middle)
    return first


def _until(fact: Fact, names: Names, outcome: Outcome, today: date) -> date | None:
    """The last day on which the fact holds, or held; None where no day ends it, or where it never held."""
    if not any(map(_TIMED.search, fact.requires)):
        return None
    if outcome == "pass":
        end = today + _HORIZON
        return None if _holds(fact, names, end) else _last(fact, names, today, end)
    if any(map(_MISSED.search, fact.requires)):
        return None
    oldest = min(_days(names.record(fact.record)), default=today)
    return _last(fact, names, oldest, today) if oldest < today and _holds(fact, names, oldest) else None


def _renewal(fact: Fact, names: Names, until: date | None, today: date) -> str | None:
    """The last day on which a fact would hold were the review made anew that ends it; None where no review does."""
    record = names.record(fact.record)
    renewed = None if until is None else _renewed(record, until.isoformat(), (today + _HORIZON).isoformat())
    if renewed is None or renewed == record:
        return None
    then = names.with_record(fact.record, renewed)
    if not _holds(fact, then, today):
        return None
    return (_until(fact, then, "pass", today) or today + _HORIZON).isoformat()


def _renewed(value: Any, ended: str, to: str) -> Any:
    """A record whose reviews that were due on one day are due on another."""
    if isinstance(value, Mapping):
        return {
            name: to if name == "next_review" and part == ended else _renewed(part, ended, to)
            for name, part in value.items()
        }
    return [_renewed(part, ended, to) for part in value] if isinstance(value, list | tuple) else value


def _days(value: Any) -> Iterator[date]:
    """The days that a record speaks of."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _days(part)
    elif isinstance(value, str) and _DAY.fullmatch(value):
        try:
            yield date.fromisoformat(value)
        except ValueError:
            return


def _judged(fact: Fact, names: Names, today: date, others: str) -> tuple[Outcome, str | None, date | None]:
    """Outcome, note, and the last day on which the fact holds, or held."""
    claim = _not_so(fact, names, today, others)
    if claim is not None:
        return "fail", claim, None
    outcome, note = _answer(fact, names)
    return outcome, note, _until(fact, names, outcome, today) if outcome != "error" else None


def _finding(fact: Fact, names: Names, today: date, others: str) -> Finding:
    outcome, note, until = _judged(fact, names, today, others)
    overtaken = outcome == "fail" and (until is not None or (fact.lapses and (note or "").endswith(fact.says)))
    missing = names.record(fact.record) is None and not fact.by_acts
    remedy = f"Write it: aims-gates records new {quoted(fact.record)}" if missing else fact.remedy
    return Finding(
        fact.id,
        None if missing else {"pass": 1.0, "fail": 0.0}.get(outcome),
        over={"record": fact.record},
        limit=_STATED,
        outcome=outcome,
        controls=fact.controls,
        note=fact.says if outcome == "pass" else note,
        remedy=None if outcome == "pass" else remedy,
        until=until.isoformat() if until is not None else None,
        renewal=_renewal(fact, names, until, today),
        stale=overtaken,
        missing=missing,
        cause=None if outcome == "pass" else fact.cause if (note or "").endswith(fact.says) else "record",
    )
