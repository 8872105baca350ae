"""The event log as it stands; where none is named, the line of it that the record quotes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aims_gates import Case, Dataset, Finding, Limit
from aims_gates.gatekit import HOLDS, holds

from .chain import THIS, broken_at

__all__ = ["run"]

_FIELDS = ("time", "model_version", "input_reference", "output", "confidence", "operator", "override")
#: What no line can do without.
_FILLED = ("time", "model_version", "input_reference", "output")
_UNKNOWN = "registered_versions"
_SHOWN = 5
#: Days by which clearing the log may lag behind, and by which a first line may follow its test.
_LEEWAY = 31


def run(case: Case) -> Iterator[Finding]:
    """What the log holds where one is named, else whether the quoted line can be one of this system's."""
    if "logs" not in case.data:
        yield from _sample(case)
        return
    log = case.dataset("logs")
    missing = [name for name in _FIELDS if name not in log.columns]
    remedy = f"Have each event logged with {', '.join(missing)}."
    note = f"the log has no field {', '.join(missing)}" if missing else "each line has the fields that are required"
    yield holds("log_fields", not missing, note=note, remedy=remedy)
    if not missing:
        yield from _lines(case, log)


def _lines(case: Case, log: Dataset) -> Iterator[Finding]:
    log.require("time")
    empty = [name for name in _FILLED if log.query(f"SELECT count(*) - count({log.quote(name)}) FROM data")[0][0]]
    note = (
        f"lines of the log say nothing under {', '.join(empty)}" if empty else "each line says when, by what, on what"
    )
    yield holds("log_filled", not empty, note=note, remedy="Fill the field in every line, and mend the log.")
    oldest, newest = _span(log)
    yield _newest(case, newest)
    logged = [str(value) for (value,) in log.query("SELECT DISTINCT CAST(model_version AS VARCHAR) FROM data") if value]
    yield _versions(case, "log_versions", [value.removesuffix(".0") for value in logged])
    if THIS in log.columns:
        place = broken_at(log)
        note = "the chain of hashes is whole" if place is None else f"the chain of hashes breaks at line {place}"
        yield holds(
            "log_chain", place is None, note=note, remedy="Find out who changed the log; treat it as an incident."
        )
    yield from _kept(case, log, oldest)


def _span(log: Dataset) -> tuple[datetime | None, datetime | None]:
    """The times of the oldest and newest lines; None where a line has a time that is none."""
    time = "time" if log.type("time") == "TIMESTAMP WITH TIME ZONE" else "TRY_CAST(time AS TIMESTAMP)"
    first, last, read, lines = log.query(
        f"SELECT min(epoch_us({time})), max(epoch_us({time})), count({time}), count(time) FROM data"
    )[0]
    return (None, None) if read != lines else (_moment(first), _moment(last))


def _moment(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _newest(case: Case, newest: datetime | None) -> Finding:
    """Days since the newest line, which lies neither ahead nor too far back."""
    limit = Limit("<=", case.number("max_line_days", 1, 3650))
    if newest is None:
        note = "a line's time is no date and time"
        return Finding(
            "log_newest_days", limit=limit, outcome="fail", note=note, remedy="Log times as 2026-01-31T09:00:00Z."
        )
    days = (case.now - newest).total_seconds() / 86_400
    if newest > case.now:
        note = f"the newest line, of {newest.isoformat()}, lies in the future"
        return Finding(
            "log_newest_days", limit=limit, outcome="fail", note=note, remedy="Set the clock of the service."
        )
    note = f"the newest line is of {newest.isoformat()}"
    remedy = "See that events are logged, and name the log that is in use."
    return Finding("log_newest_days", days, limit=limit, outcome=limit.verdict(days), note=note, remedy=remedy)


def _versions(case: Case, measure: str, logged: list[str]) -> Finding:
    """Whether these are versions of the system's models."""
    known = case.run.get(_UNKNOWN)
    if known is None:
        remedy = "Check where the registry can be asked: aims-gates check."
        return holds(measure, False, note="no registry is at hand that knows the versions", remedy=remedy)
    strange = sorted(set(logged) - {str(version) for version in known})
    if not strange:
        return holds(measure, True, note="each version that is named is registered for this system")
    more = " ..." if len(strange) > _SHOWN else ""
    note = f"no registered version of this system: {', '.join(strange[:_SHOWN])}{more}"
    remedy = "Log the number under which the registry has the version, and name this system's own log."
    return holds(measure, False, note=note, remedy=remedy)


def _kept(case: Case, log: Dataset, oldest: datetime | None) -> Iterator[Finding]:
    """The log against what the record says of it: its fields, and from when to when lines are kept."""
    record = case.records.get("logging")
    if record is None or oldest is None:
        return
    named = [str(name) for name in record.get("fields") or ()]
    missing = [name for name in named if name not in log.columns]
    note = (
        f"the record names {', '.join(missing)}, which the log lacks" if missing else "it has each field of the record"
    )
    yield holds("log_as_recorded", not missing, note=note, remedy="Log them, or take them out of the record.")
    days, longest = (case.now - oldest).days, int(record["retention_days"])
    if days > longest + _LEEWAY:
        note, remedy = (
            f"its oldest line is {days} days old, and lines are kept for {longest}",
            "Clear the log as recorded.",
        )
        yield holds("log_retention", False, note=note, remedy=remedy)
        return
    first = min(
        (test for test in map(_test, record.get("tests") or ()) if (case.now - test).days <= longest), default=oldest
    )
    gone = oldest > first + timedelta(days=_LEEWAY)
    note = f"its oldest line, of {oldest.date()}, is younger than the write test of {first.date()}"
    remedy = "Find out where the older lines went, and keep lines as long as recorded."
    yield holds("log_retention", not gone, note=note if gone else "lines are kept as recorded", remedy=remedy)


def _test(entry: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(str(entry["date"])).replace(tzinfo=UTC)


def _sample(case: Case) -> Iterator[Finding]:
    """The quoted line: of a version that is there, and of a time that can be."""
    line = case.records.get("logging", {}).get("sample")
    if not isinstance(line, Mapping):
        return
    yield _versions(case, "sample_version", [str(line.get("model_version"))])
    limit = Limit("<=", case.number("max_test_days", 1, 3650))
    remedy = "Quote a line that was logged lately, or name the log itself under location."
    try:
        time = datetime.fromisoformat(str(line.get("time")))
    except ValueError:
        note = f"its time is {line.get('time')!r}, no date and time"
        yield Finding("sample_days", limit=limit, outcome="fail", note=note, remedy=remedy)
        return
    days = (case.now - (time if time.tzinfo else time.replace(tzinfo=UTC))).total_seconds() / 86_400
    if days < -1:
        yield Finding("sample_days", limit=HOLDS, outcome="fail", note=f"{time} lies in the future", remedy=remedy)
        return
    note = f"the quoted line is of {time.date()}"
    yield Finding(
        "sample_days", max(days, 0.0), limit=limit, outcome=limit.verdict(max(days, 0.0)), note=note, remedy=remedy
    )
