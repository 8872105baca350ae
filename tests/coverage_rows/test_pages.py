"""Rows whose check is a page for one audience: what it says, and that a missing fact is named instead."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pytest import CaptureFixture, MonkeyPatch

from aims_gates.attestation.statements.people import Halt
from aims_gates.cli import main
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.controls.glossary import glossary
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Plan
from aims_gates.portfolio import ModelView
from aims_gates.profiles import read_profile
from aims_gates.reports.pages import PAGES, Facts, make, render_page

from .rows import EXAMPLE, GATES, GONE, NOW, ROWS, changed, covers, later, record

Seen = Callable[..., ModelView]
WRITTEN = ("notice", "operator", "audit", "authority")


@cache
def high() -> Plan:
    return make_plan(record(), read_profile("high", GATES), GATES)


def about(found: SystemRecord, seen: ModelView | None = None) -> Facts:
    return Facts(NOW, found.records, {}, found, seen, (found,), {"mortgage": high()})


def headings(page: str) -> list[str]:
    return re.findall(r"^## (.*)$", page, re.MULTILINE)


@covers("T4.ex")
def test_the_applicants_page_says_factors_reasons_limits_and_the_way_to_object_and_no_weights(seen: Seen) -> None:
    page = render_page(make("notice", about(record(), seen())), "md")
    assert {"What it looks at", "Reasons that you may be given", "How good it is, and its limits"} < set(headings(page))
    assert "How to have a person look again" in headings(page)
    told = record().records["user_information"]["notice"]
    for said in (*told["factors"], *(each["says"] for each in told["reasons"]), told["limits"], told["contest"]):
        assert " ".join(said.split()) in page
    columns = set(record().columns()["sensitive"]) | {"monthly_income", "loan_to_price", "threshold", "coefficient"}
    assert not [name for name in columns if re.search(rf"\b{name}\b", page.replace("\\", "")) and "_" in name]
    assert "gap" in page and "0.05" in page  # what was signed about this version


REFUSED = "This version decides about nobody"


def test_the_notice_of_a_version_that_does_not_run_says_so_first(told: Callable[..., Any], kit: Any) -> None:
    story = told(record())

    def notice(without: str | None = None, *, granted: bool = False) -> str:
        rows = tuple((told(record(), without) if without else story).rows)
        grant = rows[-1] if granted else None
        version = ModelView("default", "credit", rows, story.now, grant, "1", kit.BYTES)
        return render_page(make("notice", about(record(), version)), "md")

    assert headings(notice())[0] == REFUSED and "has not been released" in notice()
    assert headings(notice("oversight"))[0] == REFUSED and "It was refused: " in notice("oversight")
    story.grant()
    assert REFUSED not in notice(granted=True)
    story.say(Halt("default", "credit", "it misses fractures"), "on-call")
    assert headings(notice())[0] == REFUSED and "It was stopped." in notice()


@covers("T4.ex")
def test_every_refusal_needs_a_declared_reason(tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    (tmp_path / "scored.csv").write_text("id,yes\n" + "".join(f"{i},{int(i % 4 != 0)}\n" for i in range(400)))
    asked = ["try", "explainability", "--data", f"evaluation={tmp_path / 'scored.csv'}", "--json"]
    asked += ["--data", f"explanations={tmp_path / 'why.csv'}", "--role", "id=id", "--role", "prediction=yes"]
    asked += ["--role", "reason=reason", "--role", "rank=rank", "--param", 'codes=["debt", "history"]']
    for last, code in ((400, 0), (200, 2)):
        rows = "".join(f"{i},debt,1\n" for i in range(0, last, 4))
        (tmp_path / "why.csv").write_text("id,reason,rank\n" + rows)
        assert main(asked) == code
        found = {each["measure"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
        assert found["reason_coverage"]["value"] == last / 400


def hiring() -> SystemRecord:
    """Records of a hiring tool: what candidates and recruiters are told."""
    found = changed("user_information", "notice.contest", "Write to jobs@example.org; a recruiter reads it again.")
    notice = found.records["user_information"]["notice"]
    notice |= {
        "ai_involved": "A model sorts applications by how well experience fits the advert.",
        "factors": ["Your experience and training", "Languages that the advert asks for"],
        "not_considered": ["Your name, photo, age and sex", "The names of your schools"],
        "reasons": [{"code": "experience", "says": "Other applications showed more of the experience asked for."}],
    }
    guide = found.records["user_information"]["operator_guide"]
    guide |= {"reading": "A rank is a suggestion.", "when_to_override": "When a career took an unusual turn."}
    return found


@covers("A8.ex")
def test_candidates_and_recruiters_get_a_page_each(seen: Seen) -> None:
    found = hiring()
    candidate = render_page(make("notice", about(found, seen())), "md")
    for said in ("Your experience and training", "The names of your schools", "a recruiter reads it again"):
        assert said in candidate
    assert "https://www.example.org/ai-policy" in candidate and "short credit history" in candidate
    recruiter = render_page(make("operator", about(found, seen())), "md")
    assert {"How to read its output", "When to overrule it", "When in doubt", "How to stop it"} < set(
        headings(recruiter)
    )
    assert "A rank is a suggestion." in recruiter and "unusual turn" in recruiter


@covers("A8.5")
@pytest.mark.parametrize("how", ["md", "html"])
def test_four_audiences_get_four_pages_and_each_says_what_the_others_do_not(seen: Seen, how: str) -> None:
    facts = about(record(), seen())
    pages = {name: render_page(make(name, facts), how) for name in WRITTEN}
    own = {
        "notice": "Reasons that you may be given",
        "operator": "How to stop it",
        "audit": "Controls and their evidence",
        "authority": "Annex IV",
    }
    for name, said in own.items():
        assert [each for each in pages if said in pages[each]] == [name]
        assert "compliant" not in pages[name] and "certified" not in pages[name]


def test_the_auditors_report_says_who_signed_what_when_and_how_it_is_known(seen: Seen) -> None:
    page = make("audit", about(record(), seen()))
    parts = {part.heading: part for part in page.sections}
    for part in page.sections:
        assert all(len(row) == len(part.columns) for row in part.rows), part.heading
    evidence = {row[0]: row for row in parts["Evidence, by whom and when"].rows}
    assert evidence["fairness"][3:8] == ("2026-11-17", "2027-02-15", "counts", "ci-owner@example.org", "ci")
    assert evidence["fairness"][-1] == "2 measured" and evidence["ai_policy"][-1].endswith("signed")
    known = {row[0]: row[2].split(", ") for row in parts["How the controls are known"].rows}
    assert "A.7.4" in known["measured"] and "A.2.2" in known["signed"]
    records = {row[0]: row for row in parts["Records that were read"].rows}
    assert records["organization/ai_policy"][1].endswith("ai_policy.md") and records["organization/ai_policy"][3]
    clauses = {row[0]: row for row in parts["Clauses 4 to 10"].rows}
    assert clauses["9.2"][3] == "met" and clauses["9.1"][4]
    assert "N-1" in {row[0] for row in parts["Nonconformities"].rows}


def test_the_rows_to_trace_are_drawn_by_the_day_and_not_by_hand(seen: Seen) -> None:
    parts = {part.heading: part for part in make("audit", about(record(), seen())).sections}
    drawn, view = parts["Samples to trace"].rows, seen()
    assert len({row[0] for row in drawn}) == 5 and all(row[2] not in ("", "v1") for row in drawn)
    later = replace(view, now=view.now + timedelta(days=1))
    other = {part.heading: part for part in make("audit", about(record(), later)).sections}["Samples to trace"].rows
    assert {row[0] for row in other} != {row[0] for row in drawn}


@covers("C3.4")
def test_the_auditors_report_defines_the_words_that_it_uses_and_no_others(seen: Seen) -> None:
    page = make("audit", about(record(), seen()))
    (*parts, last) = page.sections
    assert "glossary" in last.heading
    defined = {row[0]: row[1] for row in last.rows}
    means = {each.term: each.means for each in glossary().values()}
    assert {"control", "evidence", "AI system", "profile", "tier"} <= set(defined)
    assert defined == {word: means[word] for word in defined} and len(defined) < len(means)
    body = render_page(replace(page, sections=tuple(parts)), "md").replace("\\", "").casefold()
    assert [word for word in defined if word.casefold() not in body] == []
    assert "waiver" not in defined and "waiver" not in body, "nothing was waived"


@covers("A2.ex")
def test_the_policy_binds_its_rules_to_gates_and_is_told_in_public(blocked: Callable[..., list[str]]) -> None:
    page = render_page(make("policy-summary", about(record())), "html")
    assert "oversight, kill switch" in page and "A person decides whatever the model does not approve" in page
    assert (
        "We keep to the law" in page and "@" not in page.replace("ai-questions@example.org", "").partition("<main>")[2]
    )
    assert blocked(changed("oversight", "", GONE)) == ["A.9.2", "A.9.3"]
    unbound = changed("organization/ai_policy", "rules.1.gates", ["bias_audit"])
    with pytest.raises(InputError, match=r"rules\.1\.gates: no system's plan holds bias_audit"):
        make("policy-summary", about(unbound))


@covers("A3.ex")
def test_the_board_is_told_of_the_quarter_and_of_its_halt(told: Callable[..., Any], kit: Any) -> None:
    story = told(record())
    story.grant()
    story.say(Halt("default", "credit", "it misses fractures"), "on-call")
    view = ModelView("default", "credit", tuple(story.rows), story.now, None, "1", kit.BYTES)
    facts = about(record())
    facts.now, facts.views = story.now, (view,)
    page = render_page(make("board", facts), "md")
    assert "Quarterly report to the Model review board" in page and "may halt a model" in page
    assert re.search(r"\| credit \| granted \| version 1 \|", page)
    assert re.search(r"\| credit \| halted \| it misses fractures \|", page)
    assert re.search(r"\| credit \| mortgage \| nothing \| halted \|", page)
    facts = about(changed("organization/risk_register", "risks.0.status", "open"))
    facts.now = later(93)
    page = render_page(make("board", facts), "md")
    assert "granted" not in page.partition("## Where")[0].partition("Nothing was granted")[0]
    assert "| R-1 |" in page


@covers("R.4")
def test_exposure_is_told_with_articles_amounts_and_dates(
    tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    assert main(["report", "exposure", "--pack", "."]) == 0
    page = capsys.readouterr().out
    rows = dict(re.findall(r"^\| (99\(\d\)|101) \| (.*) \|$", page, re.MULTILINE))
    for article, amount, system in (
        ("99(3)", "EUR 35,000,000 or 7 % of worldwide yearly turnover", "none"),
        ("99(4)", "EUR 15,000,000 or 3 % of worldwide yearly turnover", "mortgage"),
        ("99(5)", "EUR 7,500,000 or 1 % of worldwide yearly turnover", "mortgage"),
        ("101", "EUR 15,000,000 or 3 % of worldwide yearly turnover", "none"),
    ):
        assert amount in rows[article] and rows[article].endswith(f"| {system}")
    assert "given to authorities" in rows["99(5)"] and "2025-08-02" in rows["99(5)"] and "2026-08-02" in rows["101"]
    assert "No legal conclusion" in page
    # A fine may be known since 2025 while the duties that it punishes bind later.
    assert re.search(r"mortgage: \d+ from 2027-12-02 \| mortgage$", rows["99(4)"]) and "| - | mortgage" in rows["99(5)"]
    assert re.search(
        r"^\| mortgage \| high \| 5\(b\) \| 1 since 2025-02-02, \d+ from 2027-12-02 \|$", page, re.MULTILINE
    )
    assert "99(6) and (6a)" in page


@pytest.mark.parametrize(
    ("obligations", "fine", "system"),
    [
        ([("50(1)", "2026-08-02"), ("9", "2027-12-02")], "mortgage: 1 since 2026-08-02, 1 from 2027-12-02", "1 since"),
        ([("4", "2025-02-02")], "mortgage: none", "1 since 2025-02-02"),
        ([], "mortgage: none", "none"),
    ],
)
def test_exposure_counts_the_duties_of_each_fine_by_the_day_from_which_they_bind(
    obligations: list[tuple[str, str]], fine: str, system: str
) -> None:
    found = changed(
        "classification", "result.obligations", [{"article": name, "effective": day} for name, day in obligations]
    )
    page = render_page(make("exposure", about(found)), "md")
    rows = [line for line in page.splitlines() if line.startswith(("| 99(4)", "| mortgage"))]
    assert fine in rows[0] and system in rows[1]


def test_the_dates_of_the_law_are_those_that_were_checked() -> None:
    if not ROWS.is_file():
        pytest.skip(f"{ROWS} is not here")
    law = read(ROWS.with_name("regulation.yaml")).value
    page = render_page(make("exposure", about(record())), "md")
    assert law["bundle"] in page.replace("\\", "")
    assert [each["date"] for each in law["dates"] if each["date"] not in page] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_without_its_facts_is_refused_and_names_every_one(seen: Seen, name: str) -> None:
    emptied = {
        "notice": ["user_information", "external_reporting"],
        "operator": ["oversight", "kill_switch"],
        "audit": ["classification"],
        "authority": ["technical_file", "logging"],
        "policy-summary": ["organization/ai_policy"],
        "exposure": ["classification"],
        "board": ["organization/roles"],
    }
    whole = seen() if PAGES[name].about == "version" else None
    assert make(name, about(record(), whole)).sections
    found = record()
    for each in emptied[name]:
        found = SystemRecord(**{**vars(found), "records": {k: v for k, v in found.records.items() if k != each}})
    with pytest.raises(InputError) as refused:
        make(name, about(found, whole))
    for each in emptied[name]:
        assert f"/{each.rpartition('/')[2]}.yaml: " in str(refused.value)
    assert refused.value.remedy


def test_a_notice_is_not_written_on_numbers_that_nobody_signed(seen: Seen) -> None:
    with pytest.raises(InputError, match="signed evidence of fairness that counts"):
        make("notice", about(record(), seen("fairness")))
    with pytest.raises(InputError, match="no signed evidence about the model"):
        make("notice", about(record()))


def test_a_reason_code_without_a_sentence_is_named(seen: Seen) -> None:
    found = changed("system", "gates.explainability", {"codes": ["debt", "age_of_file"]})
    with pytest.raises(InputError, match=r"notice\.reasons: code age_of_file"):
        make("notice", about(found, seen()))


def test_what_a_record_says_is_text_and_no_markup(seen: Seen) -> None:
    found = changed("user_information", "notice.limits", "<script>alert(1)</script> [x](javascript:y) | *no*")
    facts = about(found, seen())
    assert "<script>" not in render_page(make("notice", facts), "html")
    page = render_page(make("notice", facts), "md")
    assert "&lt;script>" in page and "\\[x](javascript:y) \\| \\*no\\*" in page


def test_a_system_that_meets_no_article_of_the_law_is_told_of_all_the_same(seen: Seen) -> None:
    found = changed("classification", "result.articles", [])
    found.records["classification"]["result"]["obligations"] = []
    for name in ("audit", "authority"):
        assert make(name, about(found, seen())).sections
