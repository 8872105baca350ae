"""The summary that New York City asks for: published tables of the rule, each number traced to a signed finding."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import docx
import pandas as pd
import pytest
import yaml
from pytest import CaptureFixture, MonkeyPatch

from aims_gates import Case, Dataset, Finding
from aims_gates.cli import main, report_bias_audit
from aims_gates.errors import InputError
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.samples import NOW
from aims_gates.model import Evidence
from aims_gates.packs.find import find_gates
from aims_gates.portfolio import ModelView
from aims_gates.reports.pages import Facts, render_page
from aims_gates.reports.pages.bias_audit import Summary, page, summary
from aims_gates.reports.pages.bias_audit_tables import AuditTable
from aims_gates.reports.pages.word import render_docx

Printed = dict[tuple[str, ...], tuple[int, int, float, float]]
RECORD = Path(__file__).resolve().parents[1] / "governance" / "record_schemas" / "bias_audit.yaml"
#: The rules' own examples: Notice of Adoption of Final Rule, New York City Department of Consumer and Worker
#: Protection, 6 April 2023, 6 RCNY 5-301(b) and (d). (Sex, race/ethnicity): applicants, selected (or above the median),
#: rate in percent, impact ratio, both as printed; some are cut and not rounded.
SELECTED: Printed = {
    ("Male", "Hispanic or Latino"): (205, 90, 43.9, 0.841),
    ("Female", "Hispanic or Latino"): (190, 82, 43.2, 0.827),
    ("Male", "White"): (412, 215, 52.2, 1.000),
    ("Male", "Black or African American"): (226, 95, 42.0, 0.806),
    ("Male", "Native Hawaiian or Pacific Islander"): (87, 37, 42.5, 0.815),
    ("Male", "Asian"): (321, 167, 52.0, 0.997),
    ("Male", "Native American or Alaska Native"): (24, 11, 45.8, 0.878),
    ("Male", "Two or More Races"): (115, 52, 45.2, 0.866),
    ("Female", "White"): (385, 197, 51.2, 0.981),
    ("Female", "Black or African American"): (164, 75, 45.7, 0.876),
    ("Female", "Native Hawaiian or Pacific Islander"): (32, 15, 46.9, 0.898),
    ("Female", "Asian"): (295, 135, 45.8, 0.877),
    ("Female", "Native American or Alaska Native"): (17, 7, 41.2, 0.789),
    ("Female", "Two or More Races"): (98, 44, 44.9, 0.860),
}
SELECTED_SEX: Printed = {("Male",): (1390, 667, 48, 1.00), ("Female",): (1181, 555, 47, 0.979)}
#: Without "Hispanic or Latino", of whom this table of the rule has 408 and 204, its intersections 395 and 172.
SELECTED_RACE: Printed = {
    ("White",): (797, 412, 52, 1.00),
    ("Black or African American",): (390, 170, 44, 0.84),
    ("Native Hawaiian or Pacific Islander",): (119, 52, 44, 0.85),
    ("Asian",): (616, 302, 49, 0.95),
    ("Native American or Alaska Native",): (41, 18, 44, 0.85),
    ("Two or More Races",): (213, 96, 45, 0.87),
}
SELECTED_UNKNOWN = 250
SCORED: Printed = {
    ("Male", "Hispanic or Latino"): (16, 12, 75, 1.00),
    ("Female", "Hispanic or Latino"): (12, 6, 50, 0.67),
    ("Male", "White"): (20, 7, 35, 0.47),
    ("Male", "Black or African American"): (20, 10, 50, 0.67),
    ("Male", "Native Hawaiian or Pacific Islander"): (4, 3, 75, 1.00),
    ("Male", "Asian"): (12, 7, 58.3, 0.78),
    ("Male", "Native American or Alaska Native"): (8, 5, 62.5, 0.83),
    ("Male", "Two or More Races"): (12, 6, 50, 0.67),
    ("Female", "White"): (20, 8, 40, 0.53),
    ("Female", "Black or African American"): (12, 6, 50, 0.67),
    ("Female", "Native Hawaiian or Pacific Islander"): (4, 2, 50, 0.67),
    ("Female", "Asian"): (12, 3, 25, 0.33),
    ("Female", "Native American or Alaska Native"): (8, 5, 62.5, 0.83),
    ("Female", "Two or More Races"): (8, 4, 50, 0.67),
}
SCORED_SEX: Printed = {("Male",): (92, 50, 54.3, 1.00), ("Female",): (76, 34, 44.7, 0.82)}
SCORED_RACE: Printed = {
    ("Hispanic or Latino",): (28, 18, 64.2, 1.00),
    ("White",): (40, 15, 37.5, 0.58),
    ("Black or African American",): (32, 16, 50.0, 0.78),
    ("Native Hawaiian or Pacific Islander",): (8, 5, 62.5, 0.97),
    ("Asian",): (24, 10, 41.7, 0.65),
    ("Native American or Alaska Native",): (16, 10, 62.5, 0.97),
    ("Two or More Races",): (20, 10, 50.0, 0.78),
}
SCORED_UNKNOWN = 15
ROLES = {"sensitive": ("sex", "race"), "prediction": ("d",)}


def people(cells: Printed, unknown: int) -> pd.DataFrame:
    """A row for each person of the intersections, and for each of unknown sex and race, half of them selected."""
    rows: list[tuple[Any, ...]] = [(*names, int(i < top)) for names, (n, top, *_) in cells.items() for i in range(n)]
    rows += [(None, None, i % 2) for i in range(unknown)]
    return pd.DataFrame(rows, columns=["sex", "race", "d"])


@cache
def selected() -> pd.DataFrame:
    return people(SELECTED, SELECTED_UNKNOWN)


def measured(frame: pd.DataFrame, roles: Mapping[str, Any] | None = None, **params: Any) -> Evidence:
    """What the gate says of these rows, as evidence that nobody has signed yet."""
    gate = find_gates()["fairness"]
    full = gate.params({"missing": "drop", **params})
    case = Case("fairness", full, dict(roles or ROLES), {"evaluation": Dataset.open(frame, role="evaluation")}, NOW)
    findings = tuple(
        replace(finding, controls=("A.6.2.4",), rests_on=("data:evaluation",)) for finding in run_gate(gate, case)
    )
    return Evidence("fairness", gate.digest, full, findings, "pass", NOW.isoformat(), rows={"evaluation": len(frame)})


def facts(kit: Any, evidence: Evidence, by: str = "ci", **changes: Any) -> Facts:
    """The facts of a version with this evidence, signed by the key of ``by``; some fields of the record changed."""
    story = kit.Story()
    story.begun(kit.plan(steps=(kit.step(digests=(evidence.gate_digest,), params=evidence.params),)))
    story.predict()
    windows = {"evaluation": ("2025-01-01T00:00Z", "2025-12-31T00:00Z")}
    story.check(*evidence.findings, by=by, gate_digest=evidence.gate_digest, params=evidence.params, rows=evidence.rows,
                windows=windows)  # fmt: skip
    view = ModelView("default", "credit", tuple(story.rows), story.now, None, "1", kit.BYTES)
    record = {**yaml.safe_load(RECORD.read_text()), "unknown_people": SELECTED_UNKNOWN, **changes}
    return Facts(
        story.now, {"bias_audit": {key: value for key, value in record.items() if value is not None}}, seen=view
    )


@pytest.fixture(scope="module")
def published(kit: Any) -> Summary:
    """The rule's example of a tool that selects, no category left out."""
    return summary(facts(kit, measured(selected())))


@pytest.fixture(scope="module")
def left_out(kit: Any) -> Summary:
    """The same, categories under 2 % left out."""
    small = [{"group": name, "share": 0.012, "reason": f"{name}: too few."} for name in
             ("native american or alaska native", "Female, Native Hawaiian or Pacific Islander")]  # fmt: skip
    return summary(facts(kit, measured(selected(), min_group_share=0.02), excluded=small))


def assert_as_printed(table: AuditTable, printed: Printed) -> None:
    """Counts are the printed ones; rates and ratios within one unit of the last printed digit, since some are cut."""
    groups = {group.names: group for group in table.groups}
    for names, (people_, top, rate, ratio) in printed.items():
        group = groups[names]
        assert group.applicants == people_
        assert group.rate == pytest.approx(top / people_, abs=1e-12)
        assert 100 * group.rate == pytest.approx(rate, abs=0.1 if rate % 1 else 1), names
        assert group.impact_ratio == pytest.approx(ratio, abs=0.001 if 1000 * ratio % 10 else 0.01), names


def test_the_rules_own_example_of_a_tool_that_selects(published: Summary) -> None:
    sex, race, both = published.tables
    assert_as_printed(both, SELECTED)
    assert_as_printed(sex, SELECTED_SEX)
    assert_as_printed(race, SELECTED_RACE)
    assert len(both.groups) == 14 and len(race.groups) == 7 and len(sex.groups) == 2
    assert published.unknown == SELECTED_UNKNOWN == both.unknown
    assert published.assessed == 1390 + 1181 + 250


def test_the_rules_own_example_of_a_tool_that_scores(kit: Any) -> None:
    """Above the median of all scores, those of unknown people among them; one of these has the median itself."""
    frame = people(SCORED, SCORED_UNKNOWN - 1)
    frame = pd.concat([frame, pd.DataFrame({"sex": [None], "race": [None], "d": [0.5]})], ignore_index=True)
    frame["s"] = frame.d + [i / 10_000 * (1 - 2 * d) if d in (0, 1) else 0.0 for i, d in enumerate(frame.d)]
    roles = {"sensitive": ("sex", "race"), "score": ("s",)}
    result = summary(facts(kit, measured(frame.drop(columns="d"), roles), unknown_people=15))
    for table, printed in zip(result.tables, (SCORED_SEX, SCORED_RACE, SCORED), strict=True):
        assert table.rate == "scoring_rate"
        assert_as_printed(table, printed)
    assert (result.assessed, result.unknown) == (168 + 15, 15)
    text = render_page(page(result), "md")
    assert "Scoring rate" in text and "Selection rate" not in text and "median" in text


def test_small_categories_are_left_out_with_reason_and_shown_all_the_same(left_out: Summary) -> None:
    _, race, both = left_out.tables
    native = next(group for group in race.groups if group.names == ("Native American or Alaska Native",))
    assert (native.applicants, native.impact_ratio, native.left_out) == (41, None, True)
    assert native.rate == pytest.approx(18 / 41)
    assert {group.name for group in both.groups if group.left_out} == {
        "Male, Native American or Alaska Native",
        "Female, Native American or Alaska Native",
        "Female, Native Hawaiian or Pacific Islander",
    }
    kept = {names: figures for names, figures in SELECTED.items() if ", ".join(names) not in left_out.reasons}
    assert len(kept) == 11
    assert_as_printed(both, kept)
    section = page(left_out).sections[3]
    assert ("Native American or Alaska Native", "41", "43.9 %", "left out") in section.rows
    (point,) = section.points
    assert "1.6 % of the people" in point and "41 applicants" in point and "too few" in point


def test_the_most_selected_small_category_is_no_reference(kit: Any) -> None:
    """6 RCNY 5-301(d): left out by share, so ratios are to the most selected of the others."""
    cells = {**SELECTED, ("Male", "Native American or Alaska Native"): (24, 24, 100, 0)}
    small = [{"group": name, "share": 0.01, "reason": "Too few."} for name in
             ("Native American or Alaska Native", "Female, Native Hawaiian or Pacific Islander")]  # fmt: skip
    result = summary(facts(kit, measured(people(cells, 250), min_group_share=0.02), excluded=small))
    ratios = {group.name: group.impact_ratio for group in result.tables[2].groups}
    assert ratios["Male, White"] == 1
    assert ratios["Male, Native American or Alaska Native"] is None


def test_every_number_of_the_tables_stands_in_a_signed_finding(kit: Any, published: Summary) -> None:
    there = facts(kit, measured(selected())).version()
    (row,) = [row for row in there.rows if row.digest == published.evidence["digest"]]
    findings: list[Finding] = list(row.predicate.findings)

    def value(measure: str, by: dict[str, str]) -> float | None:
        (finding,) = [f for f in findings if f.measure == measure and f.by == by]
        return finding.value

    numbers = 0
    for table, section in zip(published.tables, page(published).sections[2:5], strict=True):
        for group, shown in zip(table.groups, section.rows, strict=True):
            by = dict(zip(table.columns, group.names, strict=True))
            assert group.applicants == value("count", by) == int(shown[1].replace(",", ""))
            rate, ratio = value(table.rate, by), value("impact_ratio", by)
            assert rate is not None and ratio is not None
            assert group.rate == rate and float(shown[2].removesuffix(" %")) == pytest.approx(100 * rate, abs=0.05)
            assert group.impact_ratio == ratio and float(shown[3]) == pytest.approx(ratio, abs=0.0005)
            numbers += 3
    assert numbers == 3 * (2 + 7 + 14)
    dropped = [f.value for f in findings if f.measure == "rows_dropped"]
    assert dropped == [table.unknown for table in published.tables] == [250, 250, 250]


class Wellformed(HTMLParser):
    """Every element that opens closes, in order."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "input", "col"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(" ".join(data.split()))


def cells_of_word(content: bytes) -> list[str]:
    return [
        cell.text for table in docx.Document(io.BytesIO(content)).tables for row in table.rows for cell in row.cells
    ]


def test_all_forms_have_all_that_the_rule_asks_for(left_out: Summary) -> None:
    document = page(left_out)
    parser = Wellformed()
    parser.feed(render_page(document, "html"))
    assert parser.open == []
    for cells in (parser.cells, cells_of_word(render_docx(document))):
        for wanted in ("2026-09-01", "2026-09-30", "A year of historical decisions, since there are enough of them.",
                       "250", "2,821", "1,390", "48.0 %", "1.000", "0.979", "left out", "declared", "measured",
                       "2025-01-01 to 2025-12-31", left_out.evidence["digest"]):  # fmt: skip
            assert wanted in cells, wanted
    for how in ("md", "html"):
        text = render_page(document, how).lower()
        assert "compliant" not in text and "certified" not in text
    assert all(len(row) == len(part.columns) for part in document.sections for row in part.rows)


def test_what_is_declared_and_unlike_what_is_measured_is_told(kit: Any) -> None:
    text = render_page(page(summary(facts(kit, measured(selected()), unknown_people=41))), "md")
    assert "The record says 41 of unknown category (declared); measured are 250." in text


def test_a_rate_below_the_most_selected_never_reads_as_one(kit: Any) -> None:
    rows = [("a", "x", 1)] * 9999 + [("a", "x", 0)] + [("b", "x", 1)] * 9998 + [("b", "x", 0)] * 2
    result = summary(facts(kit, measured(pd.DataFrame(rows, columns=["sex", "race", "d"]))))
    assert [row[3] for row in page(result).sections[2].rows] == ["1.000", "0.9999"]


def test_tools_that_put_people_into_classes_have_tables_of_each(kit: Any) -> None:
    rows = [(sex, race, label) for sex in "ab" for race in "xy" for label, n in zip("uvw", (9, 8, 7), strict=True)
            for _ in range(n)]  # fmt: skip
    evidence = measured(pd.DataFrame(rows, columns=["sex", "race", "d"]), positive=["u", "v", "w"])
    result = summary(facts(kit, evidence))
    assert [(table.label, table.columns) for table in result.tables] == [
        (label, columns) for label in "uvw" for columns in (("sex",), ("race",), ("sex", "race"))
    ]
    assert "Sex with race and ethnicity, class w" in [part.heading for part in page(result).sections]
    assert result.tables[0].groups[0].rate == pytest.approx(9 / 24)


def test_rows_that_count_people_count_the_unknown_too(kit: Any) -> None:
    frame = selected().assign(w=2)
    result = summary(facts(kit, measured(frame, {**ROLES, "weight": ("w",)}, weight_kind="frequency")))
    assert (result.assessed, result.unknown) == (2 * 2821, 2 * 250)


OTHER_COLUMN = [{"category": "sex", "column": "sex"}, {"category": "race_ethnicity", "column": "colour"}]
#: What is measured otherwise, what the record says otherwise, words of the refusal.
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown people in the ratios": ({"missing": "group"}, {}, "missing: drop"),
    "too much left out": ({"min_group_share": 0.05}, {}, "0.02 or less"),
    "another reference": ({"reference": "overall"}, {}, "reference: max"),
    "no reason for leaving out": ({"min_group_share": 0.02}, {}, "leaving out the group 'Native American"),
    "no date": ({}, {"audited_on": None}, "audited_on"),
    "no first use": ({}, {"notice": {"place": "x"}}, r"notice\.first_use_on"),
    "no column of race": ({}, {"categories": OTHER_COLUMN[:1]}, "one column of race_ethnicity"),
    "another column": ({}, {"categories": OTHER_COLUMN}, "no rates by colour"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_rules_do_not_want_is_refused(kit: Any, name: str) -> None:
    params, changes, words = REFUSED[name]
    with pytest.raises(InputError) as error:
        summary(facts(kit, measured(selected(), **params), **changes))
    assert re.search(words, str(error.value))


def test_groups_of_nobody_unknown_need_no_drop(kit: Any) -> None:
    result = summary(facts(kit, measured(people(SELECTED, 0), missing="group"), unknown_people=0))
    assert (result.assessed, result.unknown) == (2571, 0)


def test_weights_and_clusters_count_no_people(kit: Any) -> None:
    frame = selected()
    weighted = frame.assign(w=[1.0 + i % 3 for i in range(len(frame))])
    with pytest.raises(InputError, match="nobody knows how many people"):
        summary(facts(kit, measured(weighted, {**ROLES, "weight": ("w",)})))
    clustered = frame.assign(c=[i // 5 for i in range(len(frame))])
    with pytest.raises(InputError, match=r"nobody knows how many people"):
        summary(facts(kit, measured(clustered, {**ROLES, "cluster": ("c",)})))


def test_tables_of_unlike_totals_are_refused(kit: Any) -> None:
    evidence = measured(selected())
    findings = tuple(
        replace(finding, value=249) if finding.measure == "rows_dropped" and finding.over == {"sensitive": ["sex"]}
        else finding for finding in evidence.findings
    )  # fmt: skip
    with pytest.raises(InputError, match="do not add up"):
        summary(facts(kit, replace(evidence, findings=findings)))


def test_findings_that_no_trusted_key_signed_are_not_published(kit: Any) -> None:
    with pytest.raises(InputError, match="no evidence of fairness counts"):
        summary(facts(kit, measured(selected()), by="developer"))


def test_the_command_writes_every_format_and_nothing_where_facts_are_missing(
    kit: Any, tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    there = facts(kit, measured(selected()))
    monkeypatch.setattr(report_bias_audit, "of_version", lambda *_: there)
    asked = ["report", "bias-audit", "credit", "1"]
    assert main(asked) == 0 and "| Male | 1,390 | 48.0 % | 1.000 |" in capsys.readouterr().out
    assert main([*asked, "--format", "json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["tables"][0]["groups"][0] == {
        "names": ["Female"], "applicants": 1181, "share": 1181 / 2571, "rate": 555 / 1181,
        "impact_ratio": pytest.approx((555 / 1181) / (667 / 1390)), "left_out": False,
    }  # fmt: skip
    assert value["unknown"] == 250 and value["declared"]["audited_on"] == "2026-09-01"
    for name in ("a.html", "a.docx", "a.json", "a.md"):
        assert main([*asked, "--out", str(tmp_path / name)]) == 0
    assert b"0.979" in (tmp_path / "a.html").read_bytes() and "0.979" in cells_of_word(
        (tmp_path / "a.docx").read_bytes()
    )
    assert main([*asked, "--format", "docx"]) == 1
    there.records["bias_audit"].pop("auditor")  # type: ignore[attr-defined]
    assert main([*asked, "--out", str(tmp_path / "b.html")]) == 1
    assert not (tmp_path / "b.html").exists() and "bias_audit.yaml: auditor" in capsys.readouterr().err
