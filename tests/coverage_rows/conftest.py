"""A decision over records: the plan of profile high with the management system laid over it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Evidence, Finding, worst
from aims_gates.portfolio import ModelView
from aims_gates.profiles import read_profile

from .rows import GATES, NOW, facts, record

Told = Callable[..., Any]


@cache
def _of_the_example(gate: str) -> tuple[Finding, ...]:
    return tuple(facts(record(), gate, started_at="2026-11-05").values())


def of_records(found: SystemRecord, gate: str) -> tuple[Finding, ...]:
    """What a gate's facts say; those of the unchanged example are kept, since judging all of them takes seconds."""
    ours, base = found.records, record().records
    changed = {name for name in {*ours, *base} if ours.get(name) != base.get(name)}
    if changed & {"system", *GATES[gate].manifest.inputs.records}:
        return tuple(facts(found, gate, started_at="2026-11-05").values())
    return _of_the_example(gate)


def _read(found: SystemRecord, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """File and digest of the records on which findings rest."""
    names = {name.removeprefix("record:") for finding in findings for name in finding.rests_on}
    there = {**record().records, **found.records}  # what was judged once before rests on the example's own
    read = replace(found, records=there)
    return {name: read.provenance(name) for name in sorted(names & set(there))}


@pytest.fixture(scope="session")
def told(kit: Any) -> Told:
    """A story in which gates with facts judge these records and measured ones pass, up to the last approval."""
    resolved = read_profile("high+management-system", GATES)

    def tells(found: SystemRecord, without: str | None = None) -> Any:
        plan = make_plan(found, resolved, GATES)
        story = kit.Story()
        story.now = NOW
        story.begun(plan)
        story.predict(data=plan.evaluation_digest, isolation="bwrap")
        for step in plan.steps:
            if step.gate == without:
                continue
            judged = of_records(found, step.gate) if step.applies else ()
            spoken = {control for each in judged for control in each.controls}
            made = tuple(kit.finding(controls=(each,)) for each in step.controls if each not in spoken)
            findings = (*judged, *made)
            outcome = worst([each.outcome for each in findings if each.outcome is not None])
            data = {"evaluation": plan.evaluation_digest or ""}
            said = Evidence(
                step.gate, step.digests[0], step.params, findings, outcome, NOW.isoformat(), data, {}, kit.OUTPUT
            )
            pinned = {pin: getattr(plan, f"{pin}_digest") for pin in step.pins}
            story.say(replace(said, facts=pinned, records_read=_read(found, findings)), "ci")
        story.sign_texts([found, record()])
        story.request()
        for rule in plan.approvals:
            story.approve(rule.role)
        return story

    return tells


@pytest.fixture(scope="session")
def blocked(told: Told) -> Callable[..., list[str]]:
    """The controls and clauses that block in such a story."""

    def decides(found: SystemRecord, without: str | None = None) -> list[str]:
        return [state.control for state in told(found, without).decide().controls if state.blocks]

    return decides


@pytest.fixture(scope="session")
def seen(told: Told, kit: Any) -> Callable[..., ModelView]:
    """The version of the example's story, without the evidence of one gate if so asked, as reports look at it."""

    @cache
    def shows(without: str | None = None) -> ModelView:
        story = told(record(), without)
        return ModelView("default", "credit", tuple(story.rows), story.now, None, "1", kit.BYTES)

    return shows
