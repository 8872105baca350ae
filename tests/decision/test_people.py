"""The least number of people: computed, and then shown by deciding, with so many people and with one fewer."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from aims_gates.attestation.statements.policy import TrustedKey
from aims_gates.attestation.trust_list import TrustHistory
from aims_gates.decision.people import PeopleNeeded, least_people, staffing
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.samples import read_samples
from aims_gates.model import Approver, Decision, Plan
from aims_gates.packs.find import find_gates, profile_names
from aims_gates.profiles import read_profile
from aims_gates.simulation import Scenario, synthetic

GATES = find_gates()
LEAST = {
    "minimal": 2,
    "limited": 2,
    "high": 3,
    "nyc-ll144": 3,
    "small-organization": 2,
    "starter": 3,
    "starter-solo": 1,
    "starter-limited": 2,
    "starter-minimal": 2,
}
OVERLAYS = {"limited+gpai-user": 2}


@cache
def plan_of(profile: str) -> Plan:
    resolved = read_profile(profile, GATES)
    return make_plan(synthetic(resolved.profile), resolved, GATES)


def decided(kit: Any, plan: Plan, who: Mapping[str, str]) -> Decision:
    """The answer when everything is met and each duty is done by the person that is named for it."""
    roles: dict[str, set[str]] = {}
    for duty in least_people(plan).duties:
        roles.setdefault(who[duty.id], set()).update(duty.roles[:1])
    story, scene = kit.Story(), Scenario(plan)
    entries = [
        TrustedKey(
            kit.key_of(name).public,
            name,
            tuple(sorted(held)),
            organization="another" if "outside-reviewer" in held else "",
        )
        for name, held in roles.items()
        if held
    ]
    story.trust(*entries, kit.trusted("ci"), by=who["governs"])
    story.create()
    story.bind(plan, by=who["governs"], author=who["writes"])
    story.register(actor=who["registers"])
    tables = {role: kit.OUTPUT for step in plan.steps for role in step.tables}
    story.predict(data=plan.evaluation_digest, tables=tables, isolation=plan.isolation)
    for gate, step in scene.steps.items():
        facts = {"run_creator": who["makes"], "commit_author": who["makes"]}
        met = scene.met(gate)
        evidence = replace(
            met,
            produced_at=story.now.isoformat(),
            predictions=kit.OUTPUT,
            data={**met.data, **dict.fromkeys(step.tables, kit.OUTPUT)},
            facts={**met.facts, **facts},
        )
        story.say(evidence, "ci")
    story.request(by=who["requests"])
    for duty, person in who.items():
        if duty.startswith("approves:"):
            story.approve(duty.split(":")[1], by=person)
    return story.decide()


def assigned(needed: PeopleNeeded) -> dict[str, str]:
    return {duty.id: f"person {place}" for place, duties in enumerate(needed.people) for duty in duties}


def castings(duties: list[str], people: int) -> Iterator[dict[str, str]]:
    """Every way to give duties to at most so many people, who are not told apart."""

    def given(rest: list[str], used: int) -> Iterator[dict[str, str]]:
        if not rest:
            yield {}
            return
        for person in range(min(used + 1, people)):
            for other in given(rest[1:], max(used, person + 1)):
                yield {rest[0]: f"person {person}", **other}

    return given(duties, 0)


def test_every_shipped_profile_has_a_number_here() -> None:
    of_a_tier = {name for name in profile_names() if read_profile(name, GATES).profile.tier != "any"}
    assert of_a_tier == LEAST.keys()


@pytest.mark.parametrize(("profile", "least"), sorted((LEAST | OVERLAYS).items()))
def test_so_many_people_reach_a_grant_and_one_fewer_never_do(kit: Any, profile: str, least: int) -> None:
    plan = plan_of(profile)
    needed = least_people(plan)
    assert needed.least == least == len(needed.people)
    answer = decided(kit, plan, assigned(needed))
    assert answer.allowed and answer.criteria_met is not plan.trial, answer.problems
    fewer = castings([duty.id for duty in needed.duties], least - 1)
    assert not any(decided(kit, plan, who).allowed for who in fewer)


@pytest.mark.parametrize("profile", ["minimal", "high"])
def test_two_duties_conflict_exactly_where_the_decision_refuses_them_to_one_person(kit: Any, profile: str) -> None:
    plan = plan_of(profile)
    needed = least_people(plan)
    conflicts = {frozenset(conflict.between) for conflict in needed.conflicts}
    alone = {duty.id: f"person {place}" for place, duty in enumerate(needed.duties)}
    assert decided(kit, plan, alone).allowed
    refused = {
        frozenset(pair)
        for pair in combinations(alone, 2)
        if not decided(kit, plan, {**alone, pair[0]: "both", pair[1]: "both"}).allowed
    }
    assert refused == conflicts


def test_where_nobody_is_named_as_author_one_person_does_what_asks_for_no_approval(kit: Any) -> None:
    plan = replace(plan_of("minimal"), approvals=())
    assert (least_people(plan, author_known=False).least, least_people(plan).least) == (1, 2)


def test_the_members_of_a_board_are_counted_and_its_records_author_is_none_of_them(kit: Any) -> None:
    plan = kit.plan(approvals=(Approver("risk"),))
    assert [least_people(plan, quorum=quorum).least for quorum in (0, 1, 4)] == [2, 2, 5]
    people = {"ann": ("policy", "risk", "board"), "ben": ("developer", "board"), "bot": ("ci",)}
    assert [staffed(kit, plan, quorum=quorum, **people).enough for quorum in (0, 2, 3)] == [True, True, False]
    assert staffed(kit, plan, quorum=2, **people).holders["board"] == ("ann", "ben")


def test_more_of_one_role_take_more_people_and_are_found_at_once(kit: Any) -> None:
    plan = kit.plan(approvals=(Approver("risk", 9), Approver("compliance", 9)))
    assert least_people(plan).least == 19


def test_the_roles_that_records_name_are_held_by_two_people_and_not_by_one() -> None:
    sample = next(sample for sample in read_samples(GATES["roles"]) if sample.path.name == "passing.yaml")
    text = json.dumps(sample.content, default=str)

    def failing(*second: str) -> list[str]:
        def person(match: re.Match[str]) -> str:
            return f"{'ben' if match[1] in second else 'ann'}@example.org"

        content = json.loads(re.sub(r"([a-z-]+)@example\.org", person, text))
        findings = run_gate(sample.gate, replace(sample, content=content).case())
        return [finding.measure for finding in findings if finding.outcome != "pass"]

    assert failing("model-validator", "managing-director") == []
    assert failing() == ["current", "system_confirmed", "separated"]


def staffed(kit: Any, plan: Plan, quorum: int = 0, **people: tuple[str, ...]) -> Any:
    story = kit.Story()
    entries = [TrustedKey(kit.key_of(name).public, name, roles) for name, roles in people.items()]
    story.trust(*entries, by=next(name for name, roles in people.items() if "policy" in roles))
    return staffing(plan, TrustHistory.of(story.rows), story.now, quorum=quorum)


def test_a_trust_list_is_held_against_the_plan(kit: Any) -> None:
    plan = kit.plan()
    unheld = staffed(kit, plan, ann=("policy", "risk"), ben=("developer",), bot=("ci",))
    assert unheld.unheld == ("compliance",) and not unheld.enough and unheld.people == 3
    both = staffed(kit, plan, ann=("policy", "risk", "compliance"), ben=("developer",), bot=("ci",))
    assert both.unheld == () and not both.enough, "one person may not approve in two roles"
    enough = staffed(kit, plan, ann=("policy", "risk"), ben=("developer",), eve=("compliance",), bot=("ci",))
    assert enough.enough and enough.holders["risk"] == ("ann",)
    asking = staffed(kit, plan, ann=("policy", "risk"), eve=("compliance",), bot=("ci",))
    assert not asking.enough, "whoever asks may not approve"


def test_a_key_that_no_longer_counts_and_a_service_hold_no_role(kit: Any) -> None:
    story = kit.Story()
    entries = [kit.trusted(role) for role in ("policy", "ci", "developer", "compliance")]
    story.trust(*entries, kit.trusted("risk", service=True))
    staff = staffing(kit.plan(), TrustHistory.of(story.rows), story.now)
    assert staff.unheld == ("risk",) and not staff.enough
    ended = [*entries, kit.trusted("risk", not_after="2026-05-31")]
    story.trust(*ended, version=2)
    assert staffing(kit.plan(), TrustHistory.of(story.rows), story.now).unheld == ("risk",)


def test_without_a_trust_list_nobody_holds_anything(kit: Any) -> None:
    staff = staffing(kit.plan(), TrustHistory(), kit.Story().now)
    assert (staff.people, staff.enough) == (0, False) and "risk" in staff.unheld
