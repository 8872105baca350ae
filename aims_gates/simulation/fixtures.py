"""Cases beside a profile that must pass or be refused: ``profiles/<id>.tests.yaml``."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from aims_gates.documents.canonical import digest
from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import Document, parse, read
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.controls import title_of
from aims_gates.governance.records.reader import System, SystemRecord
from aims_gates.governance.records.requirements import Requirements
from aims_gates.model import Evidence, Outcome, Plan, Step
from aims_gates.packs.gate import Gate
from aims_gates.profiles import Profile, Resolved
from aims_gates.simulation.scene import Change, Scenario, finding_of
from aims_gates.simulation.trials import Trial, trials

__all__ = ["Fixture", "fixtures_of", "rehearse", "synthetic"]

Said = Literal["pass", "fail", "inconclusive", "error", "missing", "stale"]


class Fixture(StrictModel):
    """One case: everything is met but what it says, and the answer it expects.

    Attributes:
        name: What it shows.
        facts: The system's facts.
        evidence: Gate -> what its evidence says: of all its controls, or control by control.
        without: Roles in which an approval is left out, once for each.
        expect: The answer.
        controls: The controls that block, exactly; left out, only the answer is compared.
    """

    name: str = ""
    facts: dict[str, bool | str] = Field(default_factory=dict)
    evidence: dict[str, Said | dict[str, Said]] = Field(default_factory=dict)
    without: tuple[str, ...] = ()
    expect: Literal["allow", "deny"]
    controls: tuple[str, ...] | None = None


def synthetic(profile: Profile, facts: Mapping[str, bool | str] | None = None) -> SystemRecord:
    """A system of the profile's tier that exists nowhere; a fact that is not given is unknown."""
    content: dict[str, Any] = {
        "name": "rehearsal",
        "purpose": "Show that every rule of a profile stops what it is there to stop.",
        "owner": "nobody",
        "tier": profile.tier,
        "models": ["rehearsal"],
        "profile": profile.id,
        "facts": dict(facts or {}),
    }
    fixed = {
        "decided_on": "2026-01-05",
        "decided_by": "nobody",
        "evaluation": {"file": "none", "digest": digest("rehearsal")},
    }
    document = Document(content, "rehearsal")
    system, requirements = parse(System, document), parse(Requirements, Document(fixed, "rehearsal"))
    records = {"system": system.model_dump(mode="json"), "requirements": fixed}
    return SystemRecord(Path(), Path(), system, requirements, records, document)


def rehearse(resolved: Resolved, gates: Mapping[str, Gate]) -> Iterator[Trial]:
    """Every rule of a profile, each broken alone.

    Args:
        resolved: The profile.
        gates: The gates there are.
    """
    yield from trials(make_plan(synthetic(resolved.profile), resolved, gates))
    for gate, rule in resolved.profile.gates.items():
        for fact, expected in rule.applies_when.items():
            yield _condition(resolved, gates, gate, fact, expected)


def _condition(resolved: Resolved, gates: Mapping[str, Gate], gate: str, fact: str, expected: bool | str) -> Trial:
    """A gate applies where its fact holds; where it does not, a promotion needs nothing of it."""
    other: bool | str = not expected if isinstance(expected, bool) else f"not {expected}"
    due, spared = (
        make_plan(synthetic(resolved.profile, {fact: value}), resolved, gates) for value in (expected, other)
    )
    fired = _applies(due, gate) and not _applies(spared, gate) and Scenario(spared).play().allowed
    return Trial("condition", f"{gate} applies where {fact} is {expected!r} alone", (), (), fired)


def _applies(plan: Plan, gate: str) -> bool:
    return any(step.applies for step in plan.steps if step.gate == gate)


def fixtures_of(path: Path, resolved: Resolved, gates: Mapping[str, Gate]) -> Iterator[Trial]:
    """The fixtures of a file, each played.

    Raises:
        InputError: the file is malformed, or names a gate, control or role that the profile does not ask for.
    """
    document = read(path)
    for place, fixture in enumerate(parse(tuple[Fixture, ...], document)):
        plan = make_plan(synthetic(resolved.profile, fixture.facts), resolved, gates)
        _check(fixture, plan, document, place)
        yield _played(fixture, plan, place)


def _check(fixture: Fixture, plan: Plan, document: Document, place: int) -> None:
    steps = {step.gate: step for step in plan.steps if step.applies}
    for gate, fixture_outcome in fixture.evidence.items():
        if gate not in steps:
            remedy = f"Choose from: {', '.join(steps)}."
            raise document.error((place, "evidence", gate), "the profile does not ask for this gate here", remedy)
        for control in fixture_outcome if isinstance(fixture_outcome, dict) else ():
            if control not in steps[gate].controls:
                remedy = f"Choose from: {', '.join(steps[gate].controls)}."
                raise document.error((place, "evidence", gate, control), f"{gate} does not evidence it here", remedy)
    for control in fixture.controls or ():
        if title_of(control) is None:
            raise document.error(
                (place, "controls"), f"there is no control {control!r}", "See: aims-gates controls list"
            )
    roles = [approver.role for approver in plan.approvals]
    for role in fixture.without:
        if role not in roles:
            remedy = f"Choose from: {', '.join(roles) or 'it asks for none'}."
            raise document.error((place, "without"), f"the profile asks for no approval by {role!r}", remedy)


def _played(fixture: Fixture, plan: Plan, place: int) -> Trial:
    scene = Scenario(plan)
    evidence = {
        gate: _evidence(scene, scene.steps[gate], fixture_outcome) for gate, fixture_outcome in fixture.evidence.items()
    }
    decision = scene.play(Change(evidence, absent=fixture.without))
    blocked = tuple(state.control for state in decision.controls if state.blocks)
    fired = decision.allowed == (fixture.expect == "allow")
    fired = fired and (fixture.controls is None or set(blocked) == set(fixture.controls))
    answer = "allow" if decision.allowed else "deny"
    rule = f"fixture {place + 1}{f' ({fixture.name})' if fixture.name else ''}: {fixture.expect}"
    return Trial("fixture", rule, fixture.controls or (), blocked, fired, f"the answer was {answer}")


def _evidence(scene: Scenario, step: Step, fixture_outcome: Said | dict[str, Said]) -> Evidence | None:
    outcomes = fixture_outcome if isinstance(fixture_outcome, dict) else dict.fromkeys(step.controls, fixture_outcome)
    if outcomes and set(outcomes.values()) == {"missing"} and set(outcomes) == set(step.controls):
        return None
    findings = []
    for control in step.controls:
        outcome = outcomes.get(control, "pass")
        if outcome not in ("missing", "stale"):
            judged: Outcome = outcome  # type: ignore[assignment]
            findings.append(finding_of(judged, control))
    evidence = scene.says(step.gate, *findings)
    if "stale" not in outcomes.values():
        return evidence
    return replace(evidence, produced_at=scene.aged(step.gate, step.expires_days + 1).produced_at)
