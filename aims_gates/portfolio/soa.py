"""The Statement of Applicability: a row for each control, those of one's own too, with what evidence shows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aims_gates.governance.controls import catalogue, is_own, left_out, order
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.model import ControlState, Plan
from aims_gates.portfolio.fleet import ModelView

__all__ = ["NO_REASON", "SoaRow", "statement_of_applicability", "strangers"]

NO_REASON = "no reason recorded"


@dataclass(frozen=True)
class SoaRow:
    """One control in the Statement of Applicability.

    Attributes:
        control, title: Annex A id and short title; or those of a control of the organization's own.
        applicable: None where nobody has said so and no profile requires it.
        reason: Why; :data:`NO_REASON` where nobody gave one.
        source: ``record``, ``profile``, or empty.
        recorded: The state of implementation that the record claims.
        implementation: What verified evidence shows over the bound models.
        models: Model -> state of the control there.
        since, until: ISO dates of the oldest evidence that counts and of the first that ends.
        statements: Digests of the evidence statements.
        called_for: The risks that it treats (``risk R-1``), and the laws, contracts and policies that ask for it.
        evidenced_by: What the record names as evidence: of a control of one's own, gates and documents.
        problem: What contradicts, or is missing.
    """

    control: str
    title: str
    applicable: bool | None
    reason: str
    source: str
    recorded: str
    implementation: str
    models: Mapping[str, str]
    since: str
    until: str
    statements: tuple[str, ...]
    called_for: tuple[str, ...] = ()
    evidenced_by: tuple[str, ...] = ()
    problem: str = ""


def statement_of_applicability(
    record: Mapping[str, Any] | None, plans: Iterable[Plan], models: Iterable[ModelView]
) -> tuple[SoaRow, ...]:
    """A row for each control of Annex A, then one for each of the organization's own.

    Args:
        record: The record organization/statement_of_applicability; None where there is none.
        plans: The plans of the systems, bound or not.
        models: The registered models.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for entry in _given(record):
        rows.setdefault(str(entry["control"]), []).append(entry)
    bound = [model for model in models if model.plan is not None]
    known = {plan.system: plan for plan in plans} | {model.plan.system: model.plan for model in bound if model.plan}
    required = {entry.control for plan in known.values() for entry in plan.requirements}
    own = sorted(filter(is_own, {*rows, *required}), key=order)
    return tuple(_row(control, rows.get(control, []), list(known.values()), bound) for control in (*catalogue(), *own))


def strangers(record: Mapping[str, Any] | None) -> list[str]:
    """What the record has rows for that is neither in the catalogue nor the id of a control of one's own."""
    unknown = {str(entry["control"]) for entry in _given(record)} - set(catalogue())
    return sorted(control for control in unknown if not is_own(control))


def _given(record: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    rows = (record or {}).get("rows")
    known = rows if isinstance(rows, list | tuple) else ()
    return [entry for entry in known if isinstance(entry, Mapping) and "control" in entry]


def _row(control: str, entries: list[Mapping[str, Any]], plans: list[Plan], bound: list[ModelView]) -> SoaRow:
    asking = [f"profile {plan.profile} of {plan.system}" for plan in plans if _requires(plan, control)]
    entry = entries[0] if entries else None
    applicable, reason, source, problem = _reason(entry, asking)
    if len(entries) > 1:
        problem = "the record has more than one row for it"
    recorded = str(entry.get("state", "")) if entry else ""
    states = {model.name: state for model in bound for state in model.decision.controls if state.control == control}
    observed = {model.name for model in bound if model.decision.mode != "enforce"}
    since, until = _span(control, bound)
    return SoaRow(
        control=control,
        title=_title(control, entry),
        applicable=applicable,
        reason=reason,
        source=source,
        recorded=recorded,
        implementation=_implementation(states, observed, bool(asking)),
        models={name: ("observed" if name in observed else state.state) for name, state in states.items()},
        since=since,
        until=until,
        statements=_statements(states.values()),
        called_for=_called_for(entry),
        evidenced_by=_texts(entry, "evidence"),
        problem="; ".join(filter(None, (problem, _overstated(recorded, states, observed), *_lacking(control, entry)))),
    )


def _title(control: str, entry: Mapping[str, Any] | None) -> str:
    return catalogue()[control].title if control in catalogue() else str((entry or {}).get("title") or "")


def _list(entry: Mapping[str, Any] | None, field: str) -> list[Any]:
    value = (entry or {}).get(field)
    return list(value) if isinstance(value, list | tuple) else []


def _texts(entry: Mapping[str, Any] | None, field: str) -> tuple[str, ...]:
    return tuple(str(item) for item in _list(entry, field) if not placeholder(str(item)))


def _called_for(entry: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The risks and demands that a row names, in words."""
    demands = (item for item in _list(entry, "required_by") if isinstance(item, Mapping))
    named = (f"{item.get('kind')}: {item['what']}" for item in demands if not placeholder(str(item.get("what") or "")))
    return (*(f"risk {risk}" for risk in _texts(entry, "risks")), *named)


def _lacking(control: str, entry: Mapping[str, Any] | None) -> Iterator[str]:
    """What a row of the record leaves out that clause 6.1.3 needs; a control of one's own needs a row."""
    if entry is None:
        if is_own(control):
            yield "a profile requires it, and the record has no row for it"
        return
    applicable = entry.get("applicable") is True
    if applicable and not _called_for(entry):
        yield "name the risk that it treats under risks, or what asks for it under required_by"
    if is_own(control) and not _title(control, entry):
        yield "write what it is under title"
    if is_own(control) and applicable and not _texts(entry, "evidence"):
        yield "name what evidences it under evidence"


def _requires(plan: Plan, control: str) -> bool:
    return any(
        requirement.control == control and requirement.enforcement == "block" for requirement in plan.requirements
    )


def _span(control: str, bound: list[ModelView]) -> tuple[str, str]:
    """The day of the oldest evidence that counts, and the last day of what ends first; empty where there is none."""
    dates = sorted(filter(None, (_date(item, model) for model in bound for item in _counting(model, control))))
    return (dates[0][0], min(last for _, last in dates)) if dates else ("", "")


def _statements(states: Iterable[ControlState]) -> tuple[str, ...]:
    """The digests of the evidence that counts, each once."""
    items = (item for state in states for item in state.evidence)
    return tuple(sorted({str(item["statement"]) for item in items if item.get("standing") == "counts"}))


def _reason(entry: Mapping[str, Any] | None, asking: list[str]) -> tuple[bool | None, str, str, str]:
    """Applicable, reason, its source, and what is wrong with them."""
    required = f"required by {', '.join(asking)}"
    if entry is not None and isinstance(entry.get("applicable"), bool):
        applicable, reason = bool(entry["applicable"]), str(entry.get("reason") or "")
        if placeholder(reason):
            if applicable and asking:
                return True, required, "profile", ""
            return applicable, NO_REASON, "", "write the reason into the record"
        if not applicable and asking:
            return False, reason, "record", f"the record says not applicable, yet it is {required}"
        return applicable, reason, "record", ""
    if asking:
        return True, required, "profile", ""
    return None, NO_REASON, "", "no profile requires it: say in the record whether it applies, and why"


def _implementation(states: Mapping[str, ControlState], observed: set[str], required: bool) -> str:
    """The states of a control over the bound models, in words.

    What was only observed is not counted as met, and what is not applicable is not counted at all.
    """
    if not states:
        return "no evidence: no model is bound" if required else "no bound model requires it"
    needed = _needed(states)
    if not needed:
        return "not applicable on every bound model"
    rest = f"; not applicable on {len(states) - len(needed)}" if len(needed) < len(states) else ""
    met, waived = _with("met", needed, observed), _with("waived", needed, observed)
    if len(met) == len(needed):
        return f"evidence criteria met{_without(needed.values())}{rest}"
    also = f", {len(waived)} waived" if waived else ""
    return f"met for {len(met)} of {len(needed)}{also}{rest}" if met or waived else f"not met{rest}"


def _without(states: Iterable[ControlState]) -> str:
    """What the control was met without, on any of the models."""
    lacking = [name for state in states for name in left_out(state.control, _judged(state))]
    return f" without {', '.join(dict.fromkeys(lacking))}" if lacking else ""


def _judged(state: ControlState) -> list[str]:
    return [f"{gate}.{finding.measure}" for gate, finding in state.findings if finding.outcome is not None]


def _needed(states: Mapping[str, ControlState]) -> Mapping[str, ControlState]:
    return {name: state for name, state in states.items() if state.state != "not-applicable"}


def _with(word: str, states: Mapping[str, ControlState], observed: set[str]) -> list[str]:
    return [name for name, state in states.items() if state.state == word and name not in observed]


def _overstated(recorded: str, states: Mapping[str, ControlState], observed: set[str]) -> str:
    """What contradicts a record that says ``implemented``: a failed control, or none for which it is so."""
    if recorded != "implemented" or not states:
        return ""
    needed = _needed(states)
    if not needed:
        return "recorded as implemented, but no bound model needs it"
    shown = _with("met", needed, observed) + _with("waived", needed, observed)
    against = _with("failed", needed, set()) or (list(needed) if not shown else [])
    listed = ", ".join(f"{name} ({'observed' if name in observed else needed[name].state})" for name in against)
    return f"recorded as implemented, but not shown for: {listed}" if against else ""


def _counting(model: ModelView, control: str) -> list[Mapping[str, Any]]:
    states = [state for state in model.decision.controls if state.control == control]
    return [item for state in states for item in state.evidence if item.get("standing") == "counts"]


def _date(item: Mapping[str, Any], model: ModelView) -> tuple[str, str] | None:
    """The day of a piece of evidence, and the last on which it counts."""
    age = item.get("age_days")
    if age is None:
        return None
    moment = model.now - timedelta(days=float(age))
    return moment.date().isoformat(), (moment + timedelta(days=int(item["expires_days"]))).date().isoformat()
