"""Objectives against what was measured: the value that one states, and whether an overdue one was reached."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from aims_gates import Case, Finding
from aims_gates.gatekit import holds

__all__ = ["run"]

_RECORD = "organization/objectives"


def run(case: Case) -> Iterator[Finding]:
    """For each objective that names a source its value, and for each whose day has come whether it was reached."""
    record = case.records.get(_RECORD)
    rows = [row for row in (record or {}).get("objectives") or () if _whole(row)]
    for row in rows:
        source = row.get("from")
        measured = None
        if isinstance(source, Mapping):
            if not _concerns(source, case):
                continue
            measured, where = _measured(source, row, case)
            yield _value(row, measured, where, case)
        yield from _reached(row, _number(row.get("current")) if measured is None else measured, case)


def _whole(row: Any) -> bool:
    """Whether it can be judged; what it lacks is a finding of the facts."""
    return isinstance(row, Mapping) and None not in (
        _number(row.get("baseline")),
        _number(row.get("target")),
        row.get("due"),
    )


def _topic(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The topic of gate.yaml's findings under which it stands."""
    return (str(row["kind"]),) if row.get("kind") in ("development", "use") else ()


def _concerns(source: Mapping[str, Any], case: Case) -> bool:
    return source.get("system") in (None, case.records.get("system", {}).get("name"))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _less(row: Mapping[str, Any]) -> bool:
    """Whether the objective is to lower its measure: the target lies below where it stood."""
    return float(row["target"]) < float(row["baseline"])


def _measured(source: Mapping[str, Any], row: Mapping[str, Any], case: Case) -> tuple[float | None, str]:
    """The value that the source has, the worst where it has several; and the source in words."""
    if source.get("gate"):
        where = f"{source['gate']}: {source.get('measure')}"
        values = [_number(finding.value) for finding in _findings(source, case)]
    elif source.get("rate"):
        where = f"oversight: {source['rate']}"
        values = [_newest(case, "oversight", "rates", "measured_on", "value", {"rate": source["rate"]})]
    else:
        where = f"the last monitoring window: {source.get('window')}"
        values = [_newest(case, "monitoring", "windows", "ended_on", str(source.get("window")), {})]
    numbers = [value for value in values if value is not None]
    if not numbers:
        return None, where
    return (max if _less(row) else min)(numbers), where


def _findings(source: Mapping[str, Any], case: Case) -> Iterator[Finding]:
    """The findings of this check that the source names."""
    group = source.get("group")
    for finding in case.findings.get(str(source["gate"]), ()):
        if finding.measure == source.get("measure") and (
            group is None or str(group) in map(str, (finding.over or {}).values())
        ):
            yield finding


def _newest(case: Case, record: str, entries: str, day: str, key: str, fits: Mapping[str, Any]) -> float | None:
    """A number of a record's newest entry that fits."""
    rows = [
        row for row in case.records.get(record, {}).get(entries) or () if fits.items() <= row.items() and row.get(day)
    ]
    return _number(max(rows, key=lambda row: str(row[day])).get(key)) if rows else None


def _value(row: Mapping[str, Any], measured: float | None, where: str, case: Case) -> Finding:
    """Whether what is stated is no better than what was measured."""
    over, controls = {"objective": row.get("id"), "record": _RECORD}, _topic(row)
    if measured is None:
        note, remedy = f"{where}: no such value is there", "Name a gate and measure, a rate or a window that there is."
        return holds("value", False, note=note, remedy=remedy, controls=controls, over=over)
    stated = _number(row.get("current"))
    if stated is None:
        return holds("value", True, note=f"{where} is {measured:g}", controls=controls, over=over)
    better = (measured - stated if _less(row) else stated - measured) > case.number("tolerance", 0, 1_000_000)
    note = f"it states {stated:g}, and {where} is {measured:g}"
    remedy = "Set current and measured_on to what was measured, or leave current out."
    return holds("value", not better, note=note, remedy=remedy, controls=controls, over=over)


def _reached(row: Mapping[str, Any], value: float | None, case: Case) -> Iterator[Finding]:
    """Whether an objective whose day has passed was reached; else a nonconformity that is not overdue answers it."""
    if date.fromisoformat(str(row.get("due"))) >= case.now.date():
        return
    target = float(row["target"])
    reached = value is not None and (value <= target if _less(row) else value >= target)
    answered = any(_answers(entry, row, case) for entry in _nonconformities(case))
    note = f"it was due on {row['due']} at {target:g} and stands at {'no value' if value is None else f'{value:g}'}"
    remedy = (
        f"Open a nonconformity about [objectives/{row.get('id')}] with cause, action, owner and due, and have it "
        "accepted by somebody else (accepted_by, accepted_on)."
    )
    over = {"objective": row.get("id"), "record": _RECORD}
    controls = _topic(row)
    yield holds("reached", reached or answered, note=note, remedy=remedy, controls=controls, over=over)


def _nonconformities(case: Case) -> list[Mapping[str, Any]]:
    return list(case.records.get("organization/nonconformities", {}).get("nonconformities") or ())


def _answers(entry: Mapping[str, Any], row: Mapping[str, Any], case: Case) -> bool:
    """Whether a nonconformity is about this objective, its action was accepted, and it is closed or not yet due."""
    about = f"objectives/{row.get('id')}" in (entry.get("about") or ())
    stated = all(entry.get(name) for name in ("cause", "action", "owner", "accepted_by", "accepted_on"))
    running = entry.get("closed_on") is not None or str(entry.get("due")) >= case.now.date().isoformat()
    return about and stated and running and entry["accepted_by"] != entry["owner"]
