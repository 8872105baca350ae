"""The way in for a registry in use: tiers are proposed by what is known, and the unknown is not taken for harmless."""

from typing import Any

import pytest

from aims_gates.reports.effort import record_effort
from aims_gates.setup.ramp import STAGES, ModelFacts, TierNeeds, propose, ramp, stages

NEEDS = {
    "high": TierNeeds(frozenset({"card", "impact_assessment", "organization/roles"}), ("risk", "compliance")),
    "limited": TierNeeds(frozenset({"card"}), ("owner",)),
    "minimal": TierNeeds(),
}


@pytest.mark.parametrize(
    ("known", "tier"),
    [
        ({"words": ("consumer-credit-score",), "columns": ("x",)}, "high"),
        ({"words": ("CreditScoring",), "columns": ("x",)}, "high"),
        ({"words": ("forecast", "for hiring"), "columns": ("x",)}, "high"),
        ({"columns": ("x", "applicant_sex")}, "high"),
        ({"words": ("support-bot",), "columns": ("text",)}, "limited"),
        ({"columns": ("customer_id", "basket")}, "limited"),
        ({"columns": ("temperature", "load")}, "minimal"),
        ({"columns": None}, "limited"),
        ({"columns": ("page", "message", "stage")}, "minimal"),
        ({"tags": {"team.risk-tier": "Minimal"}, "columns": None}, "minimal"),
        ({"tags": {"tier": "gold"}, "columns": ("x",)}, "minimal"),
        ({"tags": {"tier": "minimal"}, "tier": "high", "system": "loans"}, "high"),
    ],
)
def test_a_tier_is_proposed_by_what_is_known(known: dict[str, Any], tier: str) -> None:
    proposal = propose(ModelFacts("m", **known))
    assert (proposal.tier, proposal.decided) == (tier, False) and proposal.because


def test_only_a_classification_is_no_proposal() -> None:
    assert propose(ModelFacts("m", tier="limited", classified=True, system="s")).decided


def test_what_is_missing_has_an_effort_people_a_day_and_a_command() -> None:
    facts = ModelFacts("credit", ("credit",), newest="3", live={"production": 2}, not_taken_in=True, columns=("x",))
    (only,) = ramp([facts], NEEDS)
    said = {missing.what: (missing.day, missing.command) for missing in only.missing}
    assert said["adopt what is in production"][0] == 30
    assert said["take version 3 in"] == (30, "aims-gates adopt credit 3 --key YOUR.key")
    assert said["write the record card"][0] == 90 and "organization/roles" not in str(said)
    assert {"approve as risk", "approve as compliance", "check the model", "bind the model"} <= set(said)
    assert all(missing.minutes > 0 and missing.people for missing in only.missing)


def test_a_model_that_stands_by_evidence_misses_nothing() -> None:
    facts = ModelFacts("m", newest="1", system="s", tier="high", classified=True, bound=True, granted=True)
    assert ramp([facts], NEEDS)[0].missing == ()
    assert [stage.work for stage in stages(ramp([facts], NEEDS))] == [{}, {}, {}]


def test_what_a_system_needs_is_counted_once_for_all_its_models() -> None:
    shared = {"newest": "1", "system": "s", "tier": "limited", "columns": ("x",)}
    one, two = (stages(ramp([ModelFacts(name, **shared) for name in names], NEEDS)) for names in ("a", "ab"))
    assert (one[0].work["classify the system"], two[0].work["classify the system"]) == (1, 1)
    assert (one[1].work["write a record"], two[1].work["write a record"]) == (1, 1)
    assert two[1].work["check the model"] == 2 and two[1].models == 2
    assert two[0].people["policy owner"] == 2 * one[0].people["policy owner"]


def test_the_plan_has_thirty_sixty_and_ninety_days_and_the_organizations_records_once() -> None:
    plan = stages(ramp([ModelFacts(str(number), newest="1") for number in range(9)], NEEDS), ["organization/roles"])
    assert [stage.day for stage in plan] == list(STAGES) == [30, 60, 90]
    assert plan[1].work["write the organization's records"] == 1
    records = [record_effort([name]).minutes for name in ("card", "organization/roles")]
    assert plan[1].minutes == sum([9 * (records[0] + 30 + 20), records[1]])


def test_what_is_in_production_comes_first_then_the_higher_tier() -> None:
    models = [
        ModelFacts("c", columns=("x",)),
        ModelFacts("b", ("credit",)),
        ModelFacts("a", live={"production": 1}, columns=("x",)),
    ]
    assert [item.facts.name for item in ramp(models, NEEDS)] == ["a", "b", "c"]
