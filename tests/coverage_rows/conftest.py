"""A decision over records: the plan of profile high with the management system laid over it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from aims_gates.coverage import ModelView
from aims_gates.model import Evidence, worst
from aims_gates.packs import find_gates
from aims_gates.plan import make_plan
from aims_gates.profiles import read_profile
from aims_gates.records import SystemRecord

from .rows import NOW, facts, record

Told = Callable[..., Any]


@pytest.fixture(scope="session")
def told(kit: Any) -> Told:
    """A story in which gates with facts judge these records and measured ones pass, up to the last approval."""
    gates = find_gates()
    resolved = read_profile("high+management-system", gates)

    def tells(found: SystemRecord, without: str | None = None) -> Any:
        plan = make_plan(found, resolved, gates)
        story = kit.Story()
        story.now = NOW
        story.trust()
        story.create()
        story.bind(plan)
        story.register()
        story.predict(data=plan.evaluation_digest)
        for step in plan.steps:
            if step.gate == without:
                continue
            judged = tuple(facts(found, step.gate, started_at="2026-11-05").values()) if step.applies else ()
            spoken = {control for each in judged for control in each.controls}
            made = tuple(kit.finding(controls=(each,)) for each in step.controls if each not in spoken)
            findings = (*judged, *made)
            outcome = worst([each.outcome for each in findings if each.outcome is not None])
            data = {"evaluation": plan.evaluation_digest or ""}
            said = Evidence(
                step.gate, step.digests[0], step.params, findings, outcome, NOW.isoformat(), data, {}, kit.OUTPUT
            )
            pinned = {pin: getattr(plan, f"{pin}_digest") for pin in step.pins}
            story.say(replace(said, facts=pinned), "ci")
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
