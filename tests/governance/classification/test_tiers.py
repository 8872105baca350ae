"""The laws of the classification: what it may never do, whatever is answered; dates, roles and duties."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aims_gates.governance.classification import (
    DEFAULT,
    RANK,
    Answers,
    Assessment,
    ExemptionProof,
    OrganizationRule,
    Result,
    ScopeReason,
    bundle,
    bundle_names,
    classify,
)
from aims_gates.governance.classification.schema import Answer

from .forms import TODAY, all_no

DAYS = st.dates(date(2024, 1, 1), date(2031, 1, 1))
ROLES = ("provider", "deployer", "importer", "distributor")
RAISES: tuple[Literal["minimal", "limited", "high", "prohibited"], ...] = ("minimal", "limited", "high", "prohibited")
TIERS = st.sampled_from(RAISES)
ANSWERS: tuple[Answer, ...] = ("yes", "no", "unknown")


@st.composite
def rules_for(draw: st.DrawFn, name: str) -> OrganizationRule:
    questions = st.lists(st.sampled_from(sorted(bundle(name).questions())), max_size=2, unique=True)
    return OrganizationRule(draw(st.sampled_from(["a", "b"])), draw(TIERS), "because", tuple(draw(questions)))


@st.composite
def filled(draw: st.DrawFn) -> Answers:
    """Any questionnaire at all: sparse or full, with and without its documents."""
    name = draw(st.sampled_from(bundle_names()))
    sparse = draw(st.booleans())
    answer = st.sampled_from(ANSWERS)
    base: dict[str, Answer] = {} if sparse else all_no(name)
    changed = draw(st.dictionaries(st.sampled_from(sorted(bundle(name).questions())), answer, max_size=12))
    signed = draw(DAYS)
    return Answers(
        answers={**base, **changed},
        bundle=name,
        purpose=draw(st.sampled_from([None, "A purpose."])),
        role=tuple(draw(st.lists(st.sampled_from(ROLES), max_size=2, unique=True))),
        released_on=draw(st.none() | DAYS),
        scope_reason=draw(st.sampled_from([None, ScopeReason("no AI", "counsel", signed)])),
        exemption=draw(st.sampled_from([None, ExemptionProof(), ExemptionProof(Assessment("a", "b", signed), "EU-1")])),
        organization_rules=tuple(draw(st.lists(rules_for(name), max_size=2))),
    )


def result_of(answers: Answers, as_of: date = TODAY, rules: tuple[OrganizationRule, ...] = ()) -> Result:
    return classify(bundle(answers.bundle), answers, as_of=as_of, rules=rules)


def of(*yes: str, role: tuple[str, ...] = ("provider",), as_of: date = TODAY, **facts: Any) -> Result:
    answers = Answers(answers=all_no(DEFAULT, *yes), role=role)
    return result_of(replace(answers, **facts), as_of)


@given(filled(), DAYS)
def test_every_questionnaire_gets_a_result_that_is_json(answers: Answers, as_of: date) -> None:
    result = result_of(answers, as_of)
    assert result.tier in RANK and result.value()["as_of"] == as_of.isoformat()
    assert result.complete == (result.tier != "undetermined" and not result.missing)
    assert result.counts_as == ("high" if result.tier == "undetermined" else result.tier)
    assert result == result_of(answers, as_of)


@given(filled(), DAYS, st.data())
def test_turning_a_no_into_unknown_never_lowers_the_tier(answers: Answers, as_of: date, data: st.DataObject) -> None:
    noes = sorted(question for question, answer in answers.answers.items() if answer == "no")
    if not noes:
        return
    question = data.draw(st.sampled_from(noes))
    doubt = replace(answers, answers={**answers.answers, question: "unknown"})
    assert RANK[result_of(doubt, as_of).tier] >= RANK[result_of(answers, as_of).tier]


@given(filled(), DAYS, st.data())
def test_leaving_an_answer_out_is_the_same_as_unknown(answers: Answers, as_of: date, data: st.DataObject) -> None:
    if not answers.answers:
        return
    question = data.draw(st.sampled_from(sorted(answers.answers)))
    doubt = replace(answers, answers={**answers.answers, question: "unknown"})
    left_out = replace(answers, answers={key: value for key, value in answers.answers.items() if key != question})
    assert result_of(doubt, as_of).value() == result_of(left_out, as_of).value()


@given(filled(), DAYS, st.data())
def test_a_rule_of_the_organization_never_lowers_the_tier(answers: Answers, as_of: date, data: st.DataObject) -> None:
    rule = data.draw(rules_for(answers.bundle))
    assert RANK[result_of(answers, as_of, (rule,)).tier] >= RANK[result_of(answers, as_of).tier]


@given(filled(), DAYS)
def test_a_lower_tier_than_high_leaves_nothing_open_that_could_raise_it(answers: Answers, as_of: date) -> None:
    result = result_of(answers, as_of)
    if result.tier not in ("minimal", "limited") or result.raised_by:
        return
    law = bundle(answers.bundle)
    for rule in law.prohibited:
        start = law.on(rule.applies)
        if answers[rule.id] == "unknown":
            assert start is not None and start > as_of
    assert all(exit_.optional or answers[exit_.id] != "unknown" for exit_ in law.scope)


@given(filled(), DAYS)
@settings(max_examples=50)
def test_an_exemption_without_each_of_its_proofs_is_none(answers: Answers, as_of: date) -> None:
    claim = result_of(answers, as_of).exemption
    if claim is None or not claim.granted:
        return
    proof = answers.exemption
    assert answers["no_material_influence"] == "yes" and answers["profiling_of_natural_persons"] == "no"
    assert any(answers[f"6.3.{case}"] == "yes" for case in "abcd")
    assert proof is not None and proof.assessment is not None and proof.registration
    assert answers.released_on is not None and proof.assessment.signed_on < answers.released_on


SOUND: dict[str, Any] = {
    "released_on": date(2027, 3, 1),
    "exemption": ExemptionProof(Assessment("docs/6-3.pdf", "head of compliance", date(2026, 10, 1)), "EU-1"),
}


@pytest.mark.parametrize(
    ("taken", "why"),
    [
        ({"no_material_influence": "unknown"}, "no_material_influence"),
        ({"profiling_of_natural_persons": "unknown"}, "profiles"),
        ({"6.3.a": "unknown"}, "none of the cases"),
        ({"released_on": None}, "released_on"),
        ({"exemption": ExemptionProof(None, "EU-1")}, "no signed assessment"),
        ({"exemption": ExemptionProof(Assessment("a", "b", date(2026, 10, 1)))}, "registration"),
        ({"exemption": ExemptionProof(Assessment("a", "b", date(2027, 3, 1)), "EU-1")}, "does not precede"),
        ({"exemption": ExemptionProof(Assessment("a", "b", date(2027, 1, 1)), "EU-1")}, "not signed yet"),
    ],
)
def test_taking_one_proof_away_refuses_the_exemption_and_says_which(taken: dict[str, Any], why: str) -> None:
    yes = ("8a", "no_material_influence", "6.3.a")
    assert of(*yes, **SOUND).tier == "minimal"
    questions = bundle().questions()
    changed = {key: value for key, value in taken.items() if key in questions}
    facts = SOUND | {key: value for key, value in taken.items() if key not in questions}
    answers = Answers(answers=all_no(DEFAULT, *yes) | changed, role=("provider",))
    result = result_of(replace(answers, **facts))
    assert result.tier == "high" and result.exemption is not None
    assert [why in each for each in result.exemption.refused_because] == [True]


def test_the_new_prohibition_holds_from_its_day_and_is_announced_before() -> None:
    start = date(2026, 12, 2)
    before, after = (
        of("5.1.ba", "5.1.ba.qualifier", as_of=start - timedelta(days=1)),
        of("5.1.ba", "5.1.ba.qualifier", as_of=start),
    )
    assert (before.tier, after.tier) == ("minimal", "prohibited")
    assert [(each.date, each.tier) for each in before.coming] == [(start, "prohibited")] and after.coming == ()
    assert any("2026-12-02" in note for note in before.notes)
    assert [(due.id, due.effective) for due in after.obligations] == [("stop", start)]


def test_the_other_prohibitions_hold_from_february_2025() -> None:
    assert of("5.1.e", as_of=date(2025, 2, 1)).tier != "prohibited"
    assert of("5.1.e", as_of=date(2025, 2, 2)).tier == "prohibited"


def dates_of(result: Result) -> dict[str, date | None]:
    return {due.id: due.effective for due in result.obligations}


def test_duties_of_listed_uses_and_of_products_have_their_own_dates() -> None:
    product = ("is_product_or_safety_component_under_annex_I_law", "third_party_conformity_assessment_required")
    assert dates_of(of("5b"))["risk-management"] == date(2027, 12, 2)
    assert dates_of(of(*product))["risk-management"] == date(2028, 8, 2)
    assert dates_of(of("5d", *product))["risk-management"] == date(2027, 12, 2)
    first = replace(Answers(answers=all_no("eu-2024-1689") | {"5b": "yes"}, role=("provider",)), bundle="eu-2024-1689")
    assert dates_of(result_of(first))["risk-management"] == date(2026, 8, 2)


def test_marking_has_a_later_date_for_what_was_on_the_market_before() -> None:
    assert dates_of(of("50.2", released_on=date(2026, 8, 1)))["mark-content"] == date(2026, 12, 2)
    assert dates_of(of("50.2", released_on=date(2026, 8, 2)))["mark-content"] == date(2026, 8, 2)
    assert dates_of(of("50.2"))["mark-content"] == date(2026, 8, 2)


def test_a_model_on_the_market_before_its_rules_has_until_august_2027() -> None:
    early, late = (of("gpai.provider", released_on=date(2025, 8, day)) for day in (1, 2))
    assert dates_of(early)["gpai-documentation"] == date(2027, 8, 2)
    assert dates_of(late)["gpai-documentation"] == date(2025, 8, 2)


def test_a_note_is_in_the_result_only_where_there_is_one() -> None:
    duties = {duty["id"]: duty for duty in of("5b", "5a", role=("deployer",)).value()["obligations"]}
    assert "27(4)" in duties["fundamental-rights-finance"]["note"] and "note" not in duties["human-oversight"]


def test_a_duty_applies_from_its_day_on() -> None:
    due = {each.id: each for each in of("5b", as_of=date(2027, 12, 1)).obligations}
    assert due["literacy"].applies and not due["risk-management"].applies
    assert {each.id: each for each in of("5b", as_of=date(2027, 12, 2)).obligations}["risk-management"].applies


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        ("provider", {"risk-management", "conformity", "registration"}, {"human-oversight", "importer-checks"}),
        ("deployer", {"human-oversight", "fundamental-rights-finance"}, {"conformity", "importer-checks"}),
        ("importer", {"importer-checks"}, {"conformity", "human-oversight", "literacy"}),
        ("distributor", {"distributor-checks"}, {"conformity", "human-oversight", "literacy"}),
    ],
)
def test_each_role_has_its_own_duties(role: str, has: set[str], lacks: set[str]) -> None:
    found = set(dates_of(of("5b", role=(role,))))
    assert found >= has and not found & lacks


def test_without_a_role_every_duty_is_listed_and_the_role_is_missing() -> None:
    result = of("5b", role=())
    assert {"risk-management", "human-oversight", "importer-checks"} <= set(dates_of(result))
    assert [each.id for each in result.missing] == ["role"] and not result.complete


def test_a_change_of_role_brings_a_providers_duties_and_must_be_answered() -> None:
    assert "conformity" in dates_of(of("5b", "25.1", role=("deployer",)))
    doubt = Answers(answers=all_no() | {"5b": "yes", "25.1": "unknown"}, role=("deployer",))
    assert [each.id for each in result_of(doubt).missing] == ["25.1"]


def test_an_unanswered_fact_keeps_its_duty_and_a_no_drops_it() -> None:
    kept = Answers(answers=all_no() | {"5a": "yes", "public_body_or_service": "unknown"}, role=("deployer",))
    assert "fundamental-rights" in dates_of(result_of(kept))
    assert "fundamental-rights" not in dates_of(of("5a", role=("deployer",)))


def test_the_sectoral_route_replaces_the_duties_of_a_product_but_not_of_a_listed_use() -> None:
    product = (
        "is_product_or_safety_component_under_annex_I_law",
        "third_party_conformity_assessment_required",
        "annex_I_section_B",
    )
    alone, listed = of(*product), of(*product, "5d")
    assert alone.route == "sectoral" and set(dates_of(alone)) == {"literacy", "sectoral"}
    assert listed.route is None and "risk-management" in dates_of(listed) and "sectoral" not in dates_of(listed)


def test_a_provider_of_general_purpose_ai_gets_the_evidence_list_of_article_53() -> None:
    result = of("gpai.provider")
    assert [due.article for due in result.obligations if due.article.startswith("53")] == [
        "53(1)(a)",
        "53(1)(b)",
        "53(1)(c)",
        "53(1)(d)",
    ]
    assert result.tier == "minimal" and result.articles == ("53",)


def test_a_user_of_general_purpose_ai_owes_the_supplier_controls() -> None:
    assert of("gpai.user").overlays[0].controls == ("A.10.2", "A.10.3", "A.4.4", "A.6.2.4")


def test_the_organizations_raise_brings_its_tier_and_not_the_laws_duties() -> None:
    rule = OrganizationRule("reach", "high", "it decides who is heard", ("large_scale",))
    answers = Answers(answers=all_no() | {"large_scale": "yes"}, role=("provider",))
    result = result_of(answers, rules=(rule,))
    assert result.tier == "high" and result.raised_by == ("reach",) and set(dates_of(result)) == {"literacy"}
    doubt = replace(answers, answers={**answers.answers, "large_scale": "unknown"})
    assert result_of(doubt, rules=(rule,)).tier == "undetermined"
    assert [each.id for each in result_of(doubt, rules=(rule,)).missing] == ["large_scale"]
    assert result_of(doubt).complete  # no rule asks for it


def test_missing_questions_come_with_their_plain_wording() -> None:
    for each in result_of(Answers()).missing:
        assert each.question.endswith("?") or each.id == "role"


@pytest.mark.parametrize("question", [exit_.id for exit_ in bundle().scope if not exit_.optional])
@pytest.mark.parametrize("yes", [(), ("5b",)])
def test_a_system_whose_scope_is_in_doubt_is_undetermined(question: str, yes: tuple[str, ...]) -> None:
    doubt = Answers(answers=all_no(DEFAULT, *yes) | {question: "unknown"}, role=("provider",))
    result = result_of(doubt)
    assert result.tier == "undetermined" and question in {each.id for each in result.missing}


def test_a_weak_rule_that_holds_does_not_settle_a_rule_in_doubt() -> None:
    doubtful = OrganizationRule("doubtful", "limited", "because", ("large_scale",))
    answers = Answers(answers=all_no() | {"large_scale": "unknown"}, role=("provider",))
    sure = OrganizationRule("sure", "limited", "because")
    assert result_of(answers, rules=(doubtful,)).tier == "undetermined"
    assert result_of(answers, rules=(doubtful, sure)).tier == "undetermined"
    assert result_of(answers, rules=(doubtful, replace(sure, to="high"))).tier == "high"
