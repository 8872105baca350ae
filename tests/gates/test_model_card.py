import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates import card
from aims_gates.documents.strict_yaml import parse, read
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.model import Finding, Limit, Subject
from aims_gates.packs.case import Case
from aims_gates.packs.gate import Gate

GATE = Gate.read(Path(__file__).resolve().parents[2] / "gates" / "model_card")
NOW = datetime(2026, 8, 3, tzinfo=UTC)


def case_of(sample: dict[str, Any], **params: Any) -> Case:
    earlier = {gate: tuple(parse(Finding, found) for found in some) for gate, some in sample["prior"].items()}
    given = GATE.params(sample.get("params", {}) | params)
    return Case("model_card", given, {}, {}, NOW, records=sample.get("records", {}), findings=earlier)


def passing() -> dict[str, Any]:
    return read(GATE.folder / "samples" / "passing.yaml").value


def rendered(case: Case) -> str:
    return card.render_card(case.records["card"], case.records["system"], case.findings, at=case.now)


def test_a_rendered_card_always_agrees_with_its_findings():
    found = card.check_card(rendered(case_of(passing())), case_of(passing()).findings)
    assert [(f.measure, f.value, f.outcome) for f in found] == [("numbers_agree", 1.0, "pass")]
    assert found[0].n == 5  # four rows and one metric of model-index


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("0.9142", "0.9412", "Value"),
        ("0.8321 to", "0.8521 to", "Interval"),
        ("| 786 |", "| 7860 |", "n"),
        (">= 0.8000", ">= 0.7000", "Limit"),
        ("| pass |", "| fail |", "Outcome"),
        ('"value": 0.8842', '"value": 0.9842', "model-index"),
    ],
)
def test_a_number_edited_by_hand_fails_the_gate_and_is_named(old, new, column):
    case = case_of(passing())
    text = rendered(case)
    assert old in text
    found = run_gate(GATE, case_of(passing(), card=text.replace(old, new, 1)))
    assert outcome_of(found) == "fail"
    wrong = [finding for finding in found if finding.measure == "number_agrees"]
    assert len(wrong) == 1
    assert column in (wrong[0].note or "")
    assert set(wrong[0].over or {}) == {"gate", "measure", "by"}


def test_a_number_with_more_digits_of_the_same_value_agrees():
    case = case_of(passing())
    text = rendered(case).replace("0.9142", "0.91420").replace("| 786 |", "| 786.0 |")
    assert outcome_of(run_gate(GATE, case_of(passing(), card=text))) == "pass"


def test_a_rounded_number_does_not_agree():
    case = case_of(passing())
    text = rendered(case).replace("| 0.9142 |", "| 0.91 |")
    assert outcome_of(run_gate(GATE, case_of(passing(), card=text))) == "fail"


def test_a_finding_under_a_limit_that_was_cut_out_is_missed():
    case = case_of(passing())
    lines = [line for line in rendered(case).splitlines() if "demographic" not in line or "metrics" in line]
    text = "\n".join(line for line in lines if not line.startswith("| demographic"))
    notes = [f.note for f in run_gate(GATE, case_of(passing(), card=text)) if f.outcome == "fail"]
    assert "a finding under a limit is missing from the card" in notes


def test_a_row_that_no_gate_found_is_refused():
    case = case_of(passing())
    row = next(line for line in rendered(case).splitlines() if line.startswith("| accuracy"))
    text = rendered(case).replace(row, f"{row}\n{row.replace('accuracy', 'f1')}")
    assert outcome_of(run_gate(GATE, case_of(passing(), card=text))) == "fail"


def test_a_table_of_another_shape_among_the_results_is_refused():
    forged = "#### performance\n\nMetric | Value\n--- | ---\nroc_auc | 0.99\n\n"
    text = rendered(case_of(passing())).replace("#### performance\n\n", forged, 1)
    wrong = [f for f in run_gate(GATE, case_of(passing(), card=text)) if f.measure == "number_agrees"]
    assert [(finding.over or {})["measure"] for finding in wrong] == ["Metric", "roc_auc"]


def test_a_table_elsewhere_is_the_authors_own():
    note = "### Training Procedure\n\n| depth | rate |\n|---|---|\n| 3 | 0.1 |\n"
    text = rendered(case_of(passing())).replace("### Training Procedure\n", note)
    assert outcome_of(run_gate(GATE, case_of(passing(), card=text))) == "pass"


def test_a_summary_that_says_otherwise_fails():
    text = rendered(case_of(passing())).replace("Of 2 findings", "Of 9 findings")
    bad = [f for f in run_gate(GATE, case_of(passing(), card=text)) if f.outcome == "fail"]
    assert {f.measure for f in bad} == {"numbers_agree", "number_agrees"}


def test_a_card_without_numbers_and_findings_is_inconclusive():
    (finding,) = card.check_card(card.render_card({}, {}, {}), {})
    assert (finding.value, finding.n, finding.outcome) == (None, 0, "inconclusive")


def test_a_number_in_the_model_index_that_nobody_found_fails():
    text = rendered(case_of(passing())).replace('"type": "accuracy"', '"type": "f1"')
    assert outcome_of(run_gate(GATE, case_of(passing(), card=text))) == "fail"


def test_results_forged_inside_hand_written_text_stay_text():
    sample = passing()
    forged = (
        "\n#### fairness\n\n| Measure | About | Value | Interval | p | n | Limit | Outcome |\n| x | y | 1 | | | | | |"
    )
    sample["records"]["card"]["limitations"] += forged + "\n```\n<script>alert(1)</script>"
    case = case_of(sample)
    text = rendered(case)
    assert len(card.parse_card(text)) == 4
    assert "<script" not in text
    assert outcome_of(run_gate(GATE, case)) == "pass"
    assert "<script" not in card.card_html(text)


@pytest.mark.parametrize(
    "value",
    ["", " ", "TODO", "todo", "tbd.", "...", "…", "N/A", "Lorem ipsum dolor", "[More Information Needed]",
     "<your text>", "We will see. TODO: ask", "{{ limitations }}", [], {}, None, True, ["fine", "TBD"]],
)  # fmt: skip
def test_an_empty_part_or_a_placeholder_fails_and_names_the_field(value):
    sample = passing()
    sample["records"]["card"]["limitations"] = value
    bad = [finding for finding in run_gate(GATE, case_of(sample)) if finding.outcome == "fail"]
    assert [finding.over for finding in bad] == [{"section": "Bias, Risks, and Limitations", "field": "limitations"}]
    assert "limitations" in (bad[0].note or "")
    assert "'limitations'" in (bad[0].remedy or "")


@pytest.mark.parametrize(
    "value", ["Todo solicitante puede apelar.", "Reports < 5 rows are withheld, n/a elsewhere.", 2026]
)
def test_an_answer_that_only_looks_like_a_placeholder_is_an_answer(value):
    sample = passing()
    sample["records"]["card"]["limitations"] = value
    assert outcome_of(run_gate(GATE, case_of(sample))) == "pass"


@pytest.mark.parametrize("field", [field.name for field in card.FIELDS if field.required])
def test_every_required_part_is_missed_when_it_is_left_out(field):
    sample = passing()
    del sample["records"]["card"][field]
    bad = [finding for finding in run_gate(GATE, case_of(sample)) if finding.outcome == "fail"]
    assert [(finding.over or {})["field"] for finding in bad] == [field]


def test_without_a_card_record_the_gate_is_an_error_that_says_what_to_write():
    sample = passing()
    del sample["records"]["card"]
    (finding,) = run_gate(GATE, case_of(sample))
    assert finding.outcome == "error"
    assert "card.yaml" in (finding.remedy or "")


def test_without_results_the_card_is_incomplete():
    found = run_gate(GATE, replace(case_of(passing()), findings={}))
    assert outcome_of(found) == "fail"
    assert any("no other gate" in (finding.note or "") for finding in found)


def test_a_card_without_front_matter_or_a_section_is_incomplete():
    text = rendered(case_of(passing()))
    headless = text.partition("\n---\n")[2]
    cut = re.sub(r"## How to Contest a Decision\n.*?(?=## )", "", text, flags=re.DOTALL)
    for broken, section in ((headless, "Front matter"), (cut, "How to Contest a Decision")):
        bad = [finding for finding in run_gate(GATE, case_of(passing(), card=broken)) if finding.outcome == "fail"]
        assert [(finding.over or {})["section"] for finding in bad] == [section]


def test_a_card_may_be_named_by_path_and_a_missing_one_is_an_error(tmp_path):
    path = tmp_path / "card.md"
    (finding,) = [f for f in run_gate(GATE, case_of(passing(), card=str(path))) if f.outcome != "pass"]
    assert finding.outcome == "error"
    path.write_text(rendered(case_of(passing())), "utf-8")
    assert outcome_of(run_gate(GATE, case_of(passing(), card=str(path)))) == "pass"


def test_small_groups_are_withheld_from_the_card_and_it_still_agrees():
    lone = Finding("selection_rate", 1.0, 0.4, 1.0, n=3, by={"race": "other"})
    case = case_of(passing())
    findings = {**case.findings, "fairness": (*case.findings["fairness"], lone)}
    text = card.render_card(case.records["card"], {}, findings)
    assert "| race = other | withheld |" in text
    assert card.check_card(text, findings)[0].outcome == "pass"


@pytest.mark.parametrize("value", [0.0, 1.0, -0.03, 0.99999, 1e-7, 123456.789, 5e9, 1 / 3, 2.5e-12, -1234.5])
def test_any_number_survives_being_written_and_read_back(value):
    finding = Finding("psi|odd `name`", value, value - 1, value + 1, 0.04, 12.5, {"a|b": "x_*\\<é>"}, {"column": "c|d"})
    finding = replace(finding, limit=Limit("<=", value), outcome="inconclusive")
    text = card.render_card({}, {}, {"drift": (finding,)})
    (result,) = card.check_card(text, {"drift": (finding,)})
    assert result.outcome == "pass"


def test_the_front_matter_reads_back_and_the_subject_is_named():
    case = case_of(passing())
    subject = Subject("model", "sha256:" + "a" * 64, "mortgage-approval")
    text = card.render_card(
        case.records["card"], {}, case.findings, name=subject.name, version="2", subject=subject.digest
    )
    matter = card.front_matter(text)
    assert matter["license"] == "apache-2.0"
    assert matter["tags"] == ["aims-gates"]
    (model,) = matter["model-index"]
    assert model["results"][0]["metrics"] == [{"type": "accuracy", "name": "accuracy", "value": 0.8842}]
    assert subject.digest in text
    assert text.count("# Model Card for mortgage-approval") == 1


def test_the_same_input_gives_the_same_bytes_and_the_page_loads_nothing():
    case = case_of(passing())
    assert rendered(case) == rendered(case)
    page = card.card_html(rendered(case) + "\n![x](https://example.com/x.png)\n")
    assert "<table>" in page
    assert "<img" not in page
    assert "<script" not in page


def test_facts_of_records_are_no_results_of_the_model() -> None:
    fact = Finding("tested", 1.0, over={"record": "organization/concerns"}, limit=Limit(">=", 1.0), outcome="pass")
    score = Finding("accuracy", 0.9, n=100, limit=Limit(">=", 0.8), outcome="pass")
    findings = {"concerns": (fact,), "performance": (score,)}
    text = card.render_card({}, {}, findings, name="m", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert "concerns" not in text and "Of 1 findings under a limit" in text
    assert [each.outcome for each in card.check_card(text, findings)] == ["pass"]
