"""Plans: profile, system and gates resolved; nothing a file says later changes one."""

from pathlib import Path

import pytest

from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.errors import InputError, RefusedError
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.records.reader import read_system
from aims_gates.model import Plan
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

GATES = find_gates()
PROFILE = """\
id: mine
title: Mine
tier: limited
controls:
  A.6.2.4: {why: measured, gates: [performance, fairness]}
  A.6.2.7: {why: written down, gates: [model_card]}
  A.7.4: {why: bad data decide badly, gates: [data_quality]}
gates:
  fairness: {applies_when: {affects_people: true}, params: {confidence: 0.9}, expires_days: 10}
approvals: [{role: risk, count: 2}]
"""
SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: limited
profile: mine
models: [loans]
"""


def plan(pack: Path, system: str = SYSTEM, profile: str = PROFILE, **records: str) -> Plan:
    folder = pack / "records" / "systems" / "loans"
    for each in (folder, pack / "profiles"):
        each.mkdir(parents=True, exist_ok=True)
    (pack / "profiles" / "mine.yaml").write_text(profile)
    for name, text in {"system.yaml": system, **records}.items():
        (folder / name.replace("__", ".")).write_text(text)
    record = read_system(pack, "loans")
    return make_plan(record, read_profile(record.system.profile or record.system.tier, GATES, [pack]), GATES)


def refused(pack: Path, system: str = SYSTEM, profile: str = PROFILE) -> InputError:
    with pytest.raises(InputError) as caught:
        plan(pack, system, profile)
    assert caught.value.where is not None and "system.yaml" in caught.value.where and caught.value.remedy
    return caught.value


def test_a_plan_pins_gates_by_the_digest_of_their_bytes(tmp_path: Path) -> None:
    found = plan(tmp_path)
    assert {step.gate: step.digests for step in found.steps} == {
        name: (GATES[name].digest,) for name in ("performance", "fairness", "data_quality", "model_card")
    }
    assert found.steps[-1].gate == "model_card" and found.steps[-1].last
    assert [r.control for r in found.requirements] == ["A.6.2.4", "A.6.2.7", "A.7.4", "A.3.2"]
    fair = next(step for step in found.steps if step.gate == "fairness")
    assert fair.controls == ("A.6.2.4",) and fair.expires_days == 10 and fair.params["confidence"] == 0.9
    assert fair.params["min_group_size"] == GATES["fairness"].manifest.parameters["min_group_size"].default


def test_a_profile_for_another_tier_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, SYSTEM.replace("tier: limited", "tier: high"))
    assert "is for tier limited, the system's tier is high" in error.message
    assert error.where is not None and error.where.endswith("system.yaml:5")


def test_the_prohibited_tier_has_no_plan_and_no_waiver_lifts_it(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="prohibited") as caught:
        plan(tmp_path, SYSTEM.replace("tier: limited", "tier: prohibited"))
    assert caught.value.where is not None and caught.value.where.endswith("system.yaml:4")
    assert "waiver" in (caught.value.remedy or "")


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ("fairness: {limits: {}}", "only a profile may set this"),
        ("fairness: {confidence: 0.5}", "only a profile may set this"),
        ("fairnes: {positive: 1}", "no gate 'fairnes'"),
        ("fairness: {positve: 1}", "no parameter 'positve'"),
        ("fairness: {decision: [1]}", "cannot be"),
    ],
)
def test_a_system_sets_only_what_it_alone_knows(tmp_path: Path, gates: str, said: str) -> None:
    error = refused(tmp_path, SYSTEM + f"gates:\n  {gates}\n")
    assert said in error.message
    assert error.where is not None and error.where.endswith("system.yaml:8")


def test_the_profile_goes_before_the_system(tmp_path: Path) -> None:
    text = PROFILE.replace("{confidence: 0.9}", "{positive: granted}")
    found = plan(tmp_path, SYSTEM + "gates: {fairness: {positive: refused}}\n", text)
    assert next(step for step in found.steps if step.gate == "fairness").params["positive"] == "granted"


def test_a_file_parameter_is_pinned_into_the_plan(tmp_path: Path) -> None:
    text = SYSTEM + "gates: {data_quality: {suite: {file: suite.json}}}\n"
    before = plan(tmp_path, text, **{"suite.json": '{"expectations": []}'})
    step = next(step for step in before.steps if step.gate == "data_quality")
    assert step.params["suite"] == {"expectations": []}
    after = plan(tmp_path, text, **{"suite.json": '{"expectations": [], "name": "x"}'})
    assert digest(before) != digest(after)


@pytest.mark.parametrize(
    ("facts", "applies"),
    [("{affects_people: false}", False), ("{affects_people: true}", True), ("{}", True), ("{generative: false}", True)],
)
def test_a_gate_applies_unless_a_known_fact_says_no(tmp_path: Path, facts: str, applies: bool) -> None:
    found = plan(tmp_path, SYSTEM + f"facts: {facts}\n")
    step = next(step for step in found.steps if step.gate == "fairness")
    assert step.applies is applies and ("affects_people" in step.reason) is not applies


def test_predictions_must_be_signed_at_tiers_limited_and_high_only(tmp_path: Path) -> None:
    def trusted(tier: str) -> list[bool]:
        system, profile = (text.replace("tier: limited", f"tier: {tier}") for text in (SYSTEM, PROFILE))
        return [step.trusted_predictions for step in plan(tmp_path, system, profile).steps if step.gate == "fairness"]

    assert (trusted("high"), trusted("limited"), trusted("minimal")) == ([True], [True], [False])


@pytest.mark.parametrize(
    ("tier", "facts", "robust", "attacked"),
    [
        ("high", "{}", ("perturbed",), ("attacks",)),
        ("high", "{generative: true}", ("perturbed",), ()),
        ("limited", "{generative: false}", ("perturbed",), ("attacks",)),
        ("minimal", "{}", (), ()),
    ],
)
def test_tables_that_the_model_made_must_be_signed_unless_they_are_judged_elsewhere(
    tmp_path: Path, tier: str, facts: str, robust: tuple[str, ...], attacked: tuple[str, ...]
) -> None:
    system, profile = (text.replace("tier: limited", f"tier: {tier}") for text in (SYSTEM, PROFILE))
    profile = profile.replace("fairness]", "fairness, robustness, security]")
    found = {step.gate: step.tables for step in plan(tmp_path, system + f"facts: {facts}\n", profile).steps}
    assert (found["robustness"], found["security"], found["fairness"]) == (robust, attacked, ())


def test_inconclusive_always_blocks_at_tier_high(tmp_path: Path) -> None:
    shows = PROFILE + "inconclusive: shows\n"
    assert plan(tmp_path, profile=shows).inconclusive_blocks is False
    high = [text.replace("tier: limited", "tier: high") for text in (SYSTEM, shows)]
    assert plan(tmp_path, *high).inconclusive_blocks is True


def test_the_evaluation_set_fixed_beforehand_is_in_the_plan(tmp_path: Path) -> None:
    assert plan(tmp_path).evaluation_digest is None
    fixed = digest_bytes(b"rows")
    text = f'decided_on: "2026-01-05"\ndecided_by: x\nevaluation: {{file: e.csv, digest: {fixed}}}\n'
    assert plan(tmp_path, **{"requirements.yaml": text}).evaluation_digest == fixed


def test_approvals_bring_the_separation_of_duties(tmp_path: Path) -> None:
    without = plan(tmp_path, profile=PROFILE.replace("approvals: [{role: risk, count: 2}]\n", ""))
    assert "A.3.2" not in [each.control for each in without.requirements]
    assert [(each.role, each.count) for each in plan(tmp_path).approvals] == [("risk", 2)]


def test_earlier_digests_of_a_gate_may_be_accepted_beside_the_present_one(tmp_path: Path) -> None:
    old = digest_bytes(b"an earlier gate")
    found = plan(tmp_path, profile=PROFILE.replace("expires_days: 10", f"accept: [{old}]"))
    step = next(step for step in found.steps if step.gate == "fairness")
    assert step.digests == (GATES["fairness"].digest, old)
