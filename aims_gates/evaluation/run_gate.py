"""Gates on a case: findings. A gate that breaks its contract is a finding with outcome ``error``."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from aims_gates.documents.canonical import plain
from aims_gates.documents.strict_yaml import parse
from aims_gates.errors import AimsGatesError, InputError, MissingDataError
from aims_gates.evaluation.witness import Witness
from aims_gates.model import Finding, Outcome, worst
from aims_gates.packs.case import Case
from aims_gates.packs.facts import judge
from aims_gates.packs.gate import Gate

__all__ = ["outcome_of", "run_gate"]

_NUMBERS = ("value", "low", "high", "p_value", "n")


def outcome_of(findings: Iterable[Finding]) -> Outcome:
    """The gate's outcome: the worst of its findings under a limit; none at all is inconclusive."""
    return worst([finding.outcome for finding in findings if finding.outcome is not None])


def _broken(gate: Gate, note: str, remedy: str) -> Finding:
    return Finding(
        gate.id, outcome="error", controls=tuple(gate.manifest.controls), note=note, remedy=remedy, cause="people"
    )


def _finite(value: Any) -> float | None:
    """The number as a plain float; None where it is none, or is not finite."""
    try:
        number = math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _keeps(finding: Finding) -> bool:
    """Whether a finding under a limit may pass: its value, or its test's p-value, keeps the limit."""
    assert finding.limit is not None
    return any(number is not None and finding.limit.met(number) for number in (finding.value, finding.p_value))


def _sound(gate: Gate, finding: object) -> Finding:
    """The finding as it may be signed: JSON throughout, finite, known controls, no pass that its numbers deny."""
    if not isinstance(finding, Finding):
        return _broken(gate, f"the gate returned {type(finding).__name__}, not a Finding", "Fix the gate.")
    no_number = finding.value is not None and _finite(finding.value) is None
    try:
        finding = parse(Finding, plain(_with_finite_numbers(finding)), f"a finding of {gate.id}")
    except (InputError, TypeError, ValueError) as error:
        message = error.message if isinstance(error, InputError) else str(error)
        return _broken(gate, f"the gate returned a finding that is not one: {message}", "Fix the gate.")
    finding = replace(finding, controls=gate.manifest.controls_of(finding.measure, finding.controls))
    strange = set(finding.controls) - set(gate.manifest.controls)
    if strange:
        return _broken(gate, f"it names {', '.join(sorted(strange))}, which gate.yaml does not", "Fix the gate.")
    if no_number:
        note = f"the value is not a finite number{f'; {finding.note}' if finding.note else ''}"
        remedy = finding.remedy or "Look at the data of this group."
        finding = replace(finding, outcome="error", note=note, remedy=remedy)
        return replace(finding, cause=gate.manifest.cause_of(finding))
    denial = _denial(finding)
    if denial:
        return replace(finding, outcome="error", note=denial, remedy="Fix the gate.", missing=False, cause="people")
    return replace(finding, cause=gate.manifest.cause_of(finding))


def _with_finite_numbers(finding: Finding) -> Finding:
    """The finding with plain floats; a number that is not finite is left out."""
    return replace(finding, **{name: _finite(getattr(finding, name)) for name in _NUMBERS})  # type: ignore[arg-type]


def _denial(finding: Finding) -> str | None:
    """How a finding under a limit contradicts itself, if it does."""
    if finding.limit is None:
        return None
    if finding.outcome is None:
        return "the gate set a limit and gave no outcome"
    if finding.outcome == "pass" and not _keeps(finding):
        return "a pass whose number does not keep the limit"
    return None


def _computed(gate: Gate, case: Case, beyond: set[str]) -> Iterator[object]:
    """What gate.py finds, each with what it had read by then."""
    witness = Witness(case, beyond)
    for finding in gate.load()(witness.case) or ():
        yield replace(finding, rests_on=witness.rests_on()) if isinstance(finding, Finding) else finding


def _findings(gate: Gate, case: Case, beyond: set[str]) -> Iterator[Finding]:
    if case.gate != gate.id:
        yield _broken(gate, f"the case is for {case.gate!r}, not for {gate.id!r}", "Give each gate its own case.")
        return
    judged = {name for role in ("prediction", "score") for name in case.roles.get(role, ())}
    truth = case.roles.get("target", ())
    same = judged & set(truth)
    if same and len(truth) == 1 and {"target", "prediction"} <= set(gate.manifest.inputs.roles):
        note = f"the column {min(same)!r} is named as the truth and as what the model says"
        remedy = "Name two columns: --role target=COLUMN --role prediction=COLUMN."
        yield replace(_broken(gate, note, remedy), cause="data")
        return
    try:
        findings = [*judge(gate.manifest.facts, case), *_computed(gate, case, beyond)]
    except AimsGatesError as error:
        place = f"{error.where}: " if error.where else ""
        broken = _broken(gate, f"{place}{error.message}", error.remedy or "Fix the input.")
        yield replace(broken, cause=gate.manifest.causes.error, missing=isinstance(error, MissingDataError))
        return
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a gate does, the run goes on and says so
        yield _broken(gate, f"the gate raised {type(error).__name__}: {error}", "Report this with the input's shape.")
        return
    if not findings:
        yield _broken(gate, "the gate returned nothing", "A gate must return at least one finding.")
    for finding in findings:
        yield _sound(gate, finding)


def run_gate(gate: Gate, case: Case, beyond: set[str] | None = None) -> tuple[Finding, ...]:
    """Run one gate. Never raises for the gate's fault: that is a finding with outcome ``error``.

    Args:
        gate: The gate, as read from its pack.
        case: What it may look at; ``case.gate`` must be its id.
        beyond: Gets what its code looked at besides parameters, column roles, data and the subject; ``error`` where
            there is an error.
    """
    beyond = set() if beyond is None else beyond
    findings = tuple(_findings(gate, case, beyond))
    beyond.update(finding.outcome for finding in findings if finding.outcome == "error")
    return findings
