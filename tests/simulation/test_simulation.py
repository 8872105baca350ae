"""Rehearsals: every rule of a profile fires, one that cannot is found, profiles compare, a change is foreseen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aims_gates.decision.rules import Ask
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.model import Decision, Finding, Limit, Plan
from aims_gates.packs.find import find_gates, profile_names
from aims_gates.profiles import Profile, Resolved, open_profile, read_profile
from aims_gates.simulation import Change, Scenario, Trial, fixtures_of, rehearse, scene, synthetic, trials
from aims_gates.simulation.comparison import OutcomeChange, compare
from aims_gates.simulation.whatif import _finding, foreseen, outlook

GATES = find_gates()
#: Every shipped profile; an overlay over one tier (`aims-gates profile test` tries all three).
SHIPPED = [
    name
    for each in sorted(profile_names())
    for name in (
        [f"{tier}+{each}" for tier in ("limited",)] if read_profile(each, GATES).profile.tier == "any" else [each]
    )
]
PROFILE = """\
id: small
title: Small
tier: limited
expires: "2027-03-31"
controls:
  A.6.2.4: {why: it must work before people rely on it, gates: [performance, fairness]}
  A.5.4: {why: nobody may be worse off unseen, gates: [fairness], enforcement: warn}
  A.6.2.7: {why: its limits must be in writing, gates: [model_card]}
gates:
  performance: {params: {limits: {roc_auc: {op: ">=", value: 0.6}}}, expires_days: 40}
approvals: [{role: risk, count: 2}, {role: compliance}]
waivers: {max_days: 30, roles: [risk]}
inconclusive: shows
"""


def written(folder: Path, text: str = PROFILE, name: str = "small") -> Resolved:
    """A profile in a pack of its own."""
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{name}.yaml").write_text(text)
    return read_profile(name, GATES, [folder])


def silent(found: list[Trial]) -> list[str]:
    return [each.rule for each in found if not each.fired]


def plan_of(resolved: Resolved, **facts: bool | str) -> Plan:
    return make_plan(synthetic(resolved.profile, facts), resolved, GATES)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_of_a_shipped_profile_fires(name: str) -> None:
    found = list(rehearse(read_profile(name, GATES), GATES))
    assert silent(found) == []
    assert len(found) > 10


@pytest.mark.parametrize("name", [name for name in SHIPPED if name == "starter-solo" or not name.startswith("starter")])
def test_the_fixtures_of_a_shipped_profile_hold(name: str) -> None:
    last = name.split("+")[-1]
    path = profile_names()[last].with_name(f"{last}.tests.yaml")
    found = list(fixtures_of(path, read_profile(name, GATES), GATES))
    assert silent(found) == []
    assert any(each.blocked for each in found)


def test_there_is_a_trial_for_each_control_by_each_of_its_gates_and_for_each_other_rule(tmp_path: Path) -> None:
    resolved = written(tmp_path)
    found = list(rehearse(resolved, GATES))
    rules = " / ".join(each.rule for each in found)
    for control, rule in resolved.profile.controls.items():
        for gate in rule.gates:
            assert f"{control} by {gate}" in rules
    for words in (
        "performance: evidence older than 40 days",
        "performance: roc_auc >= 0.6, 0 found",
        "performance: roc_auc >= 0.6, left out of the evidence",
        "approval by 2 x risk: one removed",
        "approval by 1 x compliance: one is the requester's own",
        "a waiver longer than 30 days",
        "the profile ends on 2027-03-31",
        "an inconclusive finding (shown, does not block)",
        "A.5.4 by fairness: a failing finding (shown, does not block)",
        "a rollback after 90 days",
    ):
        assert words in rules
    assert silent(found) == []


def test_a_broken_rule_names_its_own_controls_and_no_other(tmp_path: Path) -> None:
    found = {each.rule: each for each in rehearse(written(tmp_path), GATES)}
    assert found["A.6.2.7 by model_card: a failing finding"].blocked == ("A.6.2.7",)
    assert found["fairness: evidence missing"].blocked == ("A.6.2.4",)
    assert found["approval by 2 x risk: one removed"].blocked == ("A.3.2",)


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ('roc_auc: {op: ">=", value: 0}', "every value that the measure can have keeps it"),
        ('roc_auc: {op: ">", value: 1}', "no value can keep it"),
        ('accuracy_difference: {op: "<=", value: 1}', "every value that the measure can have keeps it"),
    ],
)
def test_a_limit_that_cannot_fire_or_cannot_be_kept_is_a_failure(tmp_path: Path, limit: str, why: str) -> None:
    text = PROFILE.replace('roc_auc: {op: ">=", value: 0.6}', limit)
    path = tmp_path / "small.yaml"
    path.write_text(text)
    profile, document = open_profile(str(path))  # lint refuses such a limit before; a rehearsal finds it too
    found = [each for each in rehearse(Resolved(profile, digest(text), document), GATES) if not each.fired]
    assert [(each.kind, each.note) for each in found] == [("limit", why)]


def test_a_gate_that_never_applies_is_a_rule_that_cannot_fire(tmp_path: Path) -> None:
    plan = plan_of(written(tmp_path))
    never = replace(plan, steps=tuple(replace(s, applies=s.gate != "fairness", reason="no people") for s in plan.steps))
    assert silent(list(trials(never))) == [
        "A.6.2.4 by fairness: a failing finding",
        "A.5.4 by fairness: a failing finding",
    ]


def test_a_condition_must_hold_both_ways(tmp_path: Path) -> None:
    text = PROFILE.replace(
        "  performance: {params", "  fairness: {applies_when: {affects_people: true}}\n  performance: {params"
    )
    found = {each.rule: each.fired for each in rehearse(written(tmp_path, text), GATES)}
    assert found["fairness applies where affects_people is True alone"]


def test_a_decision_that_overlooks_one_control_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = scene.decide

    def blind(ask: Any, rows: Any) -> Decision:
        said = real(ask, rows)
        kept = tuple(replace(state, blocks=state.blocks and state.control != "A.6.2.7") for state in said.controls)
        met = not any(state.blocks for state in kept) and not said.problems and not said.approvals["missing"]
        return replace(said, controls=kept, criteria_met=met, allowed=met or said.allowed)

    plan = plan_of(written(tmp_path))
    monkeypatch.setattr(scene, "decide", blind)
    missed = silent(list(trials(plan)))
    assert missed
    assert all("A.6.2.7" in rule or rule.startswith("model_card") for rule in missed)


def test_nothing_is_tried_where_even_the_best_case_is_refused(tmp_path: Path) -> None:
    plan = replace(plan_of(written(tmp_path)), profile_expires="soon")
    found = list(trials(plan))
    assert [each.kind for each in found] == ["met"]
    assert "expired" in found[0].note


def test_evidence_that_is_younger_than_its_life_is_allowed(tmp_path: Path) -> None:
    made = Scenario(plan_of(written(tmp_path)))
    assert made.play(Change({"performance": made.aged("performance", 39)})).allowed
    assert not made.play(Change({"performance": made.aged("performance", 41)})).allowed


def test_fixtures_beside_a_profile_are_played(tmp_path: Path) -> None:
    resolved, path = written(tmp_path), tmp_path / "profiles" / "small.tests.yaml"
    path.write_text(
        "- {name: all is well, expect: allow, controls: []}\n"
        "- {evidence: {performance: fail}, expect: deny, controls: [A.6.2.4]}\n"
        "- {evidence: {fairness: {A.5.4: fail}}, expect: allow}\n"
        "- {evidence: {model_card: stale}, without: [risk], expect: deny, controls: [A.6.2.7, A.3.2]}\n"
        "- {evidence: {model_card: missing}, expect: allow}\n"
        "- {evidence: {performance: fail}, expect: deny, controls: [A.6.2.7]}\n"
    )
    found = list(fixtures_of(path, resolved, GATES))
    assert [each.fired for each in found] == [True, True, True, True, False, False]
    assert "all is well" in found[0].rule
    assert "small" in profile_names([tmp_path]) and "small.tests" not in profile_names([tmp_path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {evidence: {drift: fail}, expect: deny}\n", "does not ask for this gate"),
        ("- {evidence: {fairness: {A.7.4: fail}}, expect: deny}\n", "does not evidence it"),
        ("- {expect: deny, controls: [A.99.9]}\n", "there is no control"),
        ("- {without: [owner], expect: deny}\n", "no approval by 'owner'"),
        ("- {expect: maybe}\n", "expect"),
    ],
)
def test_a_fixture_that_cannot_be_meant_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    resolved, path = written(tmp_path), tmp_path / "profiles" / "small.tests.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"small\.tests\.yaml:1") as caught:
        list(fixtures_of(path, resolved, GATES))
    assert message in str(caught.value)


def changed(old: Profile, **changes: Any) -> Profile:
    return Profile.model_validate(old.model_dump(mode="json") | changes)


def said(changes: tuple[OutcomeChange, ...]) -> list[tuple[str, str]]:
    return [(each.way, each.said) for each in changes]


def test_a_profile_and_itself_ask_for_the_same(tmp_path: Path) -> None:
    profile = written(tmp_path).profile
    assert compare(profile, profile, GATES) == ()


def test_profiles_compare_in_words_and_by_direction(tmp_path: Path) -> None:
    old = written(tmp_path).profile
    controls = old.model_dump(mode="json")["controls"]
    del controls["A.6.2.7"]
    controls["A.5.4"]["enforcement"] = "block"
    controls["A.7.4"] = {"why": "bad data decide badly", "gates": ["data_quality"]}
    limits = {"roc_auc": {"op": ">=", "value": 0.5}, "log_loss": {"op": "<=", "value": 0.4}}
    new = changed(
        old,
        controls=controls,
        gates={"performance": {"params": {"limits": limits}, "expires_days": 20}},
        approvals=[{"role": "risk", "count": 1}, {"role": "owner"}],
        waivers={"max_days": 60, "roles": ["risk", "owner"]},
        inconclusive="blocks",
        expires="2028-01-01",
    )
    found = said(compare(old, new, GATES))
    for expected in (
        ("loosened", "the profile ends on 2028-01-01 instead of 2027-03-31"),
        ("tightened", "an inconclusive finding now blocks"),
        ("loosened", "A.6.2.7 (AI system technical documentation) removed"),
        ("tightened", "performance: log_loss must be <= 0.4"),
        ("loosened", "performance: roc_auc must be >= 0.5 instead of >= 0.6"),
        ("tightened", "performance: days for which evidence counts: 20 instead of 40"),
        ("loosened", "approvals by compliance: none instead of 1"),
        ("tightened", "approvals by owner: 1 instead of none"),
        ("loosened", "approvals by risk: 1 instead of 2"),
        ("loosened", "longest waiver in days: 60 instead of 30"),
        ("loosened", "owner may grant waivers too"),
    ):
        assert expected in found
    assert any(way == "tightened" and "A.7.4" in text and "bad data decide badly" in text for way, text in found)
    assert any(way == "tightened" and "A.5.4" in text and "block instead of warn" in text for way, text in found)
    back = {text for way, text in said(compare(new, old, GATES)) if way == "tightened"}
    assert "performance: roc_auc must be >= 0.6 instead of >= 0.5" in back


def test_a_profile_can_be_read_from_a_file_beside_one_of_the_same_id(tmp_path: Path) -> None:
    path = tmp_path / "starter-limited.yaml"
    path.write_text("id: starter-limited\ntitle: Older\ntier: limited\nextends: starter-minimal\ncontrols: {}\n")
    profile, _ = open_profile(str(path))
    assert (profile.title, list(profile.controls)) == ("Older", ["A.7.4"])
    assert any("A.6.2.4" in each.said for each in compare(profile, open_profile("starter-limited")[0], GATES))


def granted(kit: Any, plan: Plan, value: float = 0.7, low: float = 0.64, high: float = 0.76) -> Any:
    """A story whose version 1 was checked under a plan, approved and granted."""
    story = kit.Story()
    story.trust(), story.create(), story.bind(plan), story.register(), story.predict()
    for step in plan.steps:
        found = kit.finding(
            "pass", value=value, measure="roc_auc", low=low, high=high, limit=Limit(">=", 0.6), controls=()
        )
        story.check(found, gate=step.gate, gate_digest=step.digests[0], params=step.params)
    story.request()
    for rule in plan.approvals:
        story.approve(rule.role)
    assert story.decide().allowed
    story.grant()
    return story


def small_plan(kit: Any, limits: dict[str, Any] | None = None, **changes: Any) -> Plan:
    limits = limits or {"roc_auc": {"op": ">=", "value": 0.6}}
    step = kit.step(params={"limits": limits, "confidence": 0.95}, **changes)
    return kit.plan(steps=(step,))  # type: ignore[no-any-return]


def asked(kit: Any, story: Any) -> Ask:
    return Ask("default", "credit", "1", kit.BYTES, "production", story.now)


def test_the_same_plan_refuses_nothing_that_stands(kit: Any) -> None:
    plan = small_plan(kit)
    story = granted(kit, plan)
    found = outlook(asked(kit, story), story.rows, plan)
    assert (found.refused, found.already, dict(found.controls), found.problems) == (False, False, {}, ())


@pytest.mark.parametrize(
    ("limit", "refused"), [(0.5, False), (0.62, False), (0.7, True), (0.9, True)]
)  # fmt: skip
def test_a_moved_limit_is_judged_from_the_stored_numbers(kit: Any, limit: float, refused: bool) -> None:
    story = granted(kit, small_plan(kit))
    found = outlook(asked(kit, story), story.rows, small_plan(kit, {"roc_auc": {"op": ">=", "value": limit}}))
    assert found.refused is refused
    assert list(found.controls) == (["A.6.2.4"] if refused else [])
    assert not found.already


def test_a_limit_on_what_was_never_measured_cannot_be_foreseen_as_met(kit: Any) -> None:
    story = granted(kit, small_plan(kit))
    limits = {"roc_auc": {"op": ">=", "value": 0.6}, "recall": {"op": ">=", "value": 0.1}}
    found = outlook(asked(kit, story), story.rows, small_plan(kit, limits))
    assert found.controls["A.6.2.4"].startswith("inconclusive")


def test_another_parameter_or_gate_means_that_evidence_must_be_made_again(kit: Any) -> None:
    story = granted(kit, small_plan(kit))
    for plan in (small_plan(kit, digests=(kit.OTHER,)), kit.plan(steps=(kit.step(params={"confidence": 0.9}),))):
        found = outlook(asked(kit, story), story.rows, plan)
        assert found.controls["A.6.2.4"].startswith("stale")


def test_one_more_approver_refuses_and_a_longer_life_does_not(kit: Any) -> None:
    plan = small_plan(kit)
    story = granted(kit, plan)
    more = replace(plan, approvals=(*plan.approvals, replace(plan.approvals[0], role="owner")))
    assert list(outlook(asked(kit, story), story.rows, more).controls) == ["A.3.2"]
    longer = replace(plan, steps=tuple(replace(step, expires_days=400) for step in plan.steps))
    assert not outlook(asked(kit, story), story.rows, longer).refused


def test_what_has_ended_already_is_told_apart_from_what_the_change_refuses(kit: Any) -> None:
    plan = small_plan(kit)
    story = granted(kit, plan)
    story.wait(days=45)
    found = outlook(asked(kit, story), story.rows, plan)
    assert (found.refused, found.already, dict(found.controls)) == (True, True, {})


def test_without_the_systems_record_nothing_is_foreseen(kit: Any, tmp_path: Path) -> None:
    story = granted(kit, small_plan(kit))
    grant = story.ledger().standing("production", story.now)
    found = foreseen(story.rows, grant, None, written(tmp_path), GATES, story.now)
    assert "not in these packs" in found.unknown


def test_a_p_value_within_a_new_limit_shows_nothing_under_another_plan_either() -> None:
    old, new = {"p_value": Limit(">=", 0.05)}, {"p_value": Limit(">=", 0.01)}
    judged = Finding("chisquare", 4.0, p_value=0.03, limit=old["p_value"], outcome="fail")
    assert _finding(judged, old, new).outcome == "inconclusive"
    assert _finding(replace(judged, p_value=0.001), old, new).outcome == "fail"
