"""The bundles are pinned, whole, and say in our own words what they ask."""

from datetime import date

import pytest

from aims_gates.errors import InputError
from aims_gates.governance.classification import Bundle, bundle, bundle_names, changes
from aims_gates.governance.controls import catalogue

#: A published bundle never changes: what differs is a new bundle with a new id.
PINNED = {
    "eu-2024-1689": "sha256:a07bc728cd921ef688f8fc23faf996d7a8401d40a126268341b7bce008d59304",
    "eu-2026-1744": "sha256:785608c6a96d0414978a0ab5371ca9d4b1a04fe8b33fb4bc73535e24884d7387",
    "eu-2026-1744-r2": "sha256:0fb3ffd4dc72e661dcdbbc78a0b475535b9f05293be24e48cb2a9d712d01927b",
    "eu-2026-1744-r3": "sha256:5648deed1b74b50c0ae91073e43fa920fe590d3b50a778740cb09d3de60f825f",
    "neutral": "sha256:2bdb159293c88751d6d50626599e3440577fe0d7ca3b67097df9e55c39e62921",
}
BUNDLES = pytest.mark.parametrize("found", [bundle(name) for name in bundle_names()], ids=lambda each: each.id)


def test_every_shipped_bundle_is_pinned() -> None:
    assert {name: bundle(name).sha256 for name in bundle_names()} == PINNED


@BUNDLES
def test_ids_are_unique_and_every_reference_leads_somewhere(found: Bundle) -> None:
    questions, dates = found.questions(), {each.id for each in found.dates}
    rules = (*found.prohibited, *found.uses, *found.transparency)
    follows = sum((rule.qualifier is not None) + (rule.exception is not None) for rule in rules)
    single = [found.role_change] if found.role_change else []
    singles = len(found.scope) + len(found.gpai) + len(found.facts) + len(found.organization) + len(single)
    singles += len(found.role_changes)
    if found.product:
        singles += len(found.product.all_of) + len(found.product.lifting) + 1
    if found.exemption:
        singles += len(found.exemption.any_of) + 2
    assert len(questions) == len(rules) + follows + singles
    named = {rule.applies for rule in rules} | {duty.from_ for duty in found.obligations} | {found.uses_apply}
    named |= {duty.grace.before for duty in found.obligations if duty.grace}
    named |= {duty.grace.from_ for duty in found.obligations if duty.grace}
    assert named - {None} <= dates
    assert {duty.asks for duty in found.obligations} - {None} <= {each.id for each in found.facts}
    assert {question for duty in found.obligations for question in duty.dropped_by} <= set(questions)
    assert {question for fact in found.facts for question in fact.when} <= set(questions)
    assert {role for each in (*found.facts, *found.role_changes) for role in each.roles} <= set(found.roles)
    assert {role for duty in found.obligations for role in duty.roles} <= set(found.roles)
    assert {control for overlay in found.gpai for control in overlay.controls} <= set(catalogue())
    assert {parent for overlay in found.gpai for parent in overlay.parents} <= set(questions)
    for pattern in (*found.contradictions, *found.hints):
        assert set(pattern.answers) <= set(questions)


@BUNDLES
def test_every_question_is_a_plain_question(found: Bundle) -> None:
    for _, question in found.questions().values():
        assert question.ask.endswith("?") and len(question.ask) < 200, question.id


def test_the_dates_are_those_of_the_amended_act() -> None:
    days = {each.id: each.date for each in bundle("eu-2026-1744").dates}
    assert days["annex_iii"] == date(2027, 12, 2) and days["annex_i"] == date(2028, 8, 2)
    assert days["new_prohibitions"] == days["marking_legacy"] == date(2026, 12, 2)
    assert days["prohibitions"] == date(2025, 2, 2) and days["gpai"] == date(2025, 8, 2)


def test_the_difference_of_the_two_acts_is_dates_one_practice_and_one_grace() -> None:
    found = [each for each in changes(bundle("eu-2024-1689"), bundle("eu-2026-1744")) if each.kind != "wording"]
    moved = {each.id: (each.old, each.new) for each in found if each.section == "dates" and each.kind == "changed"}
    assert moved["annex_iii"] == ("2026-08-02", "2027-12-02") and moved["annex_i"] == ("2027-08-02", "2028-08-02")
    assert [each.id for each in found if each.section == "prohibited"] == ["5.1.new"]
    assert [each.id for each in found if each.section == "obligations"] == ["mark-content"]
    back = changes(bundle("eu-2026-1744"), bundle("eu-2024-1689"))
    assert [each.id for each in back if each.kind == "removed" and each.section == "prohibited"] == ["5.1.new"]
    assert changes(bundle("neutral"), bundle("neutral")) == ()


def test_the_second_reading_names_the_two_new_practices_and_moves_no_date() -> None:
    found = [each for each in changes(bundle("eu-2026-1744"), bundle("eu-2026-1744-r2")) if each.kind != "wording"]
    practices = {(each.id, each.kind) for each in found if each.section == "prohibited"}
    assert practices == {("5.1.new", "removed"), ("5.1.ba", "added"), ("5.1.bb", "added")}
    assert {each.section for each in found} == {"prohibited"}
    rules = {rule.id: rule for rule in bundle("eu-2026-1744-r2").prohibited}
    for name, article in (("5.1.ba", "5(1)(ba)"), ("5.1.bb", "5(1)(bb)")):
        rule = rules[name]
        assert rule.article == article and rule.qualifier and "safeguards" in rule.qualifier.ask and rule.exception
        assert bundle("eu-2026-1744-r2").on(rule.applies) == date(2026, 12, 2)


def test_what_is_no_emotion_is_said_where_emotions_are_asked_about() -> None:
    asked = {name: question.help for name, (_, question) in bundle("eu-2026-1744-r2").questions().items()}
    for name in ("5.1.f", "1c", "50.3"):
        assert "atigue" in asked[name] and "pain" in asked[name], name
    assert "recital 18" in asked["5.1.f"] and "recital 18" in asked["1c"] and "3(39)" in asked["1c"]


THIRD = bundle("eu-2026-1744-r3")


def test_the_third_reading_keeps_every_question_and_every_duty_of_the_second() -> None:
    second = bundle("eu-2026-1744-r2")
    assert set(second.questions()) < set(THIRD.questions()) and set(second.roles) < set(THIRD.roles)
    assert {duty.id for duty in second.obligations} < {duty.id for duty in THIRD.obligations}
    assert {each.id: each.date for each in second.dates}.items() <= {each.id: each.date for each in THIRD.dates}.items()


@pytest.mark.parametrize("name", ["5a", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c", "7d", "8a"])
def test_use_on_behalf_of_an_authority_is_said_to_count(name: str) -> None:
    question = THIRD.questions()[name][1]
    assert "behalf" in f"{question.ask} {question.help}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("is_product_or_safety_component_under_annex_I_law", "Art 3(14)"),
        ("third_party_conformity_assessment_required", "class B upwards"),
        ("2a.exception", "Art 6(1a) and (1b)"),
        ("5.1.g", "Art 3(40)"),
        ("1b.exception", "Art 3(40)"),
        ("50.3.exception", "Art 3(40)"),
        ("50.4", "satirical"),
        ("gpai.provider", "1e23"),
        ("gpai.modified", "points 57 to 63"),
        ("gpai.open", "Art 53(2)"),
    ],
)
def test_the_help_quotes_the_article_by_number(name: str, words: str) -> None:
    assert words in THIRD.questions()[name][1].help


@pytest.mark.parametrize(
    ("name", "day", "source"),
    [
        ("other_acts", date(2026, 7, 27), "113(d)"),
        ("monitoring_guidance", date(2027, 9, 2), "72(3)"),
        ("large_scale_legacy", date(2030, 12, 31), "111(1)"),
        ("marking_legacy", date(2026, 12, 2), "111(4)"),
        ("new_prohibitions", date(2026, 12, 2), "113(a)"),
        ("sandboxes", date(2027, 8, 2), "57(1)"),
    ],
)
def test_each_date_names_its_article(name: str, day: date, source: str) -> None:
    dated = next(each for each in THIRD.dates if each.id == name)
    assert dated.date == day and source in dated.source


def test_a_contested_date_says_both_readings() -> None:
    duty = next(each for each in THIRD.obligations if each.id == "exemption-registration")
    assert duty.from_ == "annex_iii" and "Contested" in duty.note and "2026-08-02" in duty.note


def test_a_bundle_is_found_by_its_beginning_and_an_ambiguous_one_is_refused() -> None:
    assert bundle("eu-2024").id == "eu-2024-1689"
    for name in ("eu-", "us", ""):
        with pytest.raises(InputError) as caught:
            bundle(name)
        assert "eu-2026-1744" in str(caught.value.remedy)
