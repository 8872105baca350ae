"""The limits that a system sets for itself, in ``thresholds`` of its requirements: they make those of the plan.

A system may ask more than its profile, never less. At tier high nothing else will do: a limit that decides and that the
requirements do not set, with a reason, leaves its gate without a verdict.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.governance.records.requirements import Threshold
from aims_gates.model import Finding, Limit, Plan
from aims_gates.packs.compared import read_worded
from aims_gates.packs.gate import Gate
from aims_gates.packs.lacking import Lacking
from aims_gates.packs.limits import limit_of

__all__ = ["limits_not_set", "with_own_limits"]

_LIMITS = "limits"
_WORDS: Mapping[str, str] = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


def with_own_limits(params: Mapping[str, Any], gate: Gate, record: SystemRecord) -> dict[str, Any]:
    """A gate's parameters with the limits of the system's requirements in them, wherever those are stricter.

    Args:
        params: As profile and gate say them.
        gate: The gate.
        record: The system, with its requirements.

    Raises:
        InputError: a limit of the requirements cannot be read, or the gate has no such measure.
    """
    rows = list(_rows(gate, record))
    if not rows:
        return dict(params)
    limits = dict(params[_LIMITS] or {})
    for place, row in rows:
        limits[row.measure] = _stricter(limits.get(row.measure), _read(place, row, gate), row.measure)
    return {**params, _LIMITS: limits}


def limits_not_set(plan: Plan, gate: Gate, record: SystemRecord, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """At tier high, the finding that a gate's limits are not the system's own, with what to write where; else none.

    Args:
        plan: Its tier counts.
        gate: The gate that ran.
        record: The system, with its requirements.
        findings: What the gate found.
    """
    if plan.tier != "high" or not _takes_limits(gate):
        return ()
    reasons = {row.measure: row.reason.strip() for _, row in _rows(gate, record)}
    conventions = dict(_conventions(gate, reasons, findings))
    if not conventions:
        return ()
    limits = next((step.params.get(_LIMITS) for step in plan.steps if step.gate == gate.id), None) or {}
    texts = {measure: _text(limits.get(measure), finding, measure) for measure, finding in conventions.items()}
    silent = any(not finding.controls for finding in conventions.values())
    controls = sorted({control for finding in conventions.values() for control in finding.controls})
    finding = Finding(
        gate.id,
        outcome="error",
        controls=tuple(gate.manifest.controls if silent else controls),
        note=_note(texts, reasons),
        remedy=_remedy(texts, gate, record),
        missing=True,
        cause="people",
        over={"record": "system/requirements"},
    )
    return (finding,)


def _conventions(gate: Gate, reasons: Mapping[str, str], findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    """The measures whose limit is not the system's own, with a finding under it."""
    for finding in findings:
        names = _limited(finding, gate)
        if names and not any(reasons.get(name) for name in names):
            yield names[-1], finding


def _note(texts: Mapping[str, str], reasons: Mapping[str, str]) -> str:
    unset = [measure for measure in texts if measure not in reasons]
    silent = [measure for measure in texts if measure in reasons]
    kinds = {"a limit that nobody set for this system": unset, "a limit without a reason": silent}
    return "; ".join(f"{', '.join(names)}: {kind}" for kind, names in kinds.items() if names)


def _remedy(texts: Mapping[str, str], gate: Gate, record: SystemRecord) -> str:
    rows = ", ".join(
        f"{{gate: {gate.id}, measure: {measure}, limit: {text}, reason: WHY}}" for measure, text in texts.items()
    )
    return (
        f"At tier high limits are the system's own. Write to thresholds in {_file(record)} what it must reach, and "
        f"why: {rows}. Have it approved, then bind and check again."
    )


def _takes_limits(gate: Gate) -> bool:
    """Whether a gate computes, and lets its measures be limited."""
    parameter = gate.manifest.parameters.get(_LIMITS)
    return gate.manifest.kind == "computed" and parameter is not None and parameter.measures is not None


def _knows(gate: Gate, measure: str) -> bool:
    measures = gate.manifest.parameters[_LIMITS].measures
    return measures is not None and measures.way(measure) is not None


def _limited(finding: Finding, gate: Gate) -> list[str]:
    """The measures whose limit may be that of a finding: its own, or that of its test's p-value."""
    names = [finding.measure, *(["p_value"] if finding.p_value is not None else ())]
    return [name for name in names if _knows(gate, name)] if finding.limit is not None else []


def _rows(gate: Gate, record: SystemRecord) -> Iterator[tuple[int, Threshold]]:
    """The rows of the requirements about a gate, each with its place; none about what takes no limits."""
    if record.requirements is not None and _takes_limits(gate):
        rows = enumerate(record.requirements.thresholds)
        yield from ((place, row) for place, row in rows if row.gate == gate.id)


def _read(place: int, row: Threshold, gate: Gate) -> Limit:
    if not _knows(gate, row.measure):
        message = f"the gate {gate.id} has no measure {row.measure!r}"
        remedy = f"See its measures: aims-gates gates show {quoted(gate.id)}"
    else:
        try:
            return read_worded(row.measure, row.limit)
        except Lacking as error:
            message, remedy = str(error), "Mend this row."
    raise InputError(message, where=f"requirements.yaml: thresholds[{place}]", remedy=remedy)


def _stricter(base: Any, own: Limit, measure: str) -> Any:
    """Of the plan's limit and the system's the one that asks more; the plan's where the two cannot be compared."""
    written = {"op": own.op, "value": own.value}
    if base is None:
        return written
    if isinstance(base, Mapping) and "op" not in base:  # a limit for each column
        return base
    limit = limit_of(measure, base)
    assert limit is not None
    if limit.op[0] != own.op[0] or (limit.op, limit.value) == (own.op, own.value):
        return base
    more = own.value > limit.value if own.op[0] == ">" else own.value < limit.value
    return written if more or (own.value == limit.value and len(own.op) < len(limit.op)) else base


def _text(raw: Any, finding: Finding, measure: str) -> str:
    """The limit as the plan has it, in words; else that of the finding."""
    numbers = isinstance(raw, Mapping) and "op" not in raw
    limit = (None if numbers else limit_of(measure, raw)) or finding.limit
    return f"{_WORDS.get(limit.op, limit.op)} {limit.value:g}" if limit else ""


def _file(record: SystemRecord) -> str:
    return record.files.get("requirements") or f"records/systems/{record.system.name}/requirements.yaml"
