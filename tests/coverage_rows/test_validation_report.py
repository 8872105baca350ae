"""The model validation report: what it quotes, what it leaves out, and that it is text in both forms."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import pytest
from pytest import CaptureFixture, MonkeyPatch

from aims_gates.cli import main, report_validation
from aims_gates.model import Evidence, Finding, Limit
from aims_gates.portfolio import ModelView
from aims_gates.reports.pages import Facts, Page, Section, render_page
from aims_gates.reports.pages.validation import Background, GatePage, page
from aims_gates.reports.pages.word import render_docx

from .rows import GATES, NOW, record

LIMIT = Limit(">=", 0.7)
FAILED = Finding("roc_auc", 0.6127, 0.5811, 0.6432, n=1234, limit=LIMIT, outcome="fail", controls=("A.6.2.4",),
                 rests_on=("data:evaluation",))  # fmt: skip
OPEN = replace(FAILED, measure="accuracy", value=0.7213, low=0.6904, high=0.7498, outcome="inconclusive")
SMALL = replace(
    FAILED, measure="recall", value=0.3333, low=None, high=None, n=3, by={"sex": "x"}, limit=None, outcome=None
)
SHARES = tuple(
    Finding(
        "calibration_share", mean, mean - 0.05, mean + 0.05, n=400, over={"bin": f"{mean} and more", "mean_score": mean}
    )
    for mean in (0.2, 0.5, 0.8)
)
HOSTILE = "<script>alert(1)</script>\x1b[31m"


def guides() -> dict[str, GatePage]:
    return {
        gate.id: GatePage(gate.digest, gate.manifest.summary, gate.files.get("reading.md", b"").decode())
        for gate in GATES.values()
    }


@pytest.fixture(scope="module")
def report(told: Callable[..., Any], kit: Any) -> Callable[..., Page]:
    """The report of the example after performance was measured anew, by the key of ``role``."""

    def shows(role: str = "ci", tried: tuple[str, ...] = (), said: dict[str, GatePage] | None = None) -> Page:
        story = told(record(), "performance")
        plan = story.ledger().binding().predicate.plan
        step = next(step for step in plan.steps if step.gate == "performance")
        data = {"evaluation": plan.evaluation_digest}
        findings = (OPEN, SMALL, FAILED, *SHARES)
        measured = Evidence("performance", step.digests[0], step.params, findings, "fail", NOW.isoformat(), data,
                            {"evaluation": 1234}, kit.OUTPUT,
                            windows={"evaluation": ("2025-01-01T00:00Z", "2025-12-31T00:00Z")})  # fmt: skip
        pinned = {pin: getattr(plan, f"{pin}_digest") for pin in step.pins}
        story.say(replace(measured, facts=pinned), role)
        view = ModelView("default", "credit", tuple(story.rows), story.now, None, "1", kit.BYTES)
        return page(
            Facts(NOW, record().records, {}, record(), view), Background(guides() if said is None else said, tried)
        )

    return shows


@pytest.fixture(scope="module")
def measured(report: Callable[..., Page]) -> Page:
    return report(tried=("tried before: version 1, performance: roc_auc 0.59 fail",))


def parts(made: Page) -> dict[str, Section]:
    return {part.heading: part for part in made.sections}


def text_of(content: bytes) -> str:
    """All that a Word document says, tables too."""
    document = docx.Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def plain(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def test_both_forms_have_the_numbers_of_the_signed_evidence_failed_first(measured: Page) -> None:
    html, word = render_page(measured, "html"), text_of(render_docx(measured))
    for said in (plain(html), word):
        for number in ("0.61 (0.58 to 0.64)", "at least 0.70", "1,234", "0.72 (0.69 to 0.75)", "REFUSED", "2025-12-31"):
            assert number in said, number
        assert "0.33" not in said and "withheld (fewer than 5 rows)" in said
    assert [row[6] for row in parts(measured)["Findings"].rows[:2]] == ["fail", "inconclusive"]
    assert parts(measured)["Findings"].rows[0][1].endswith("(ROC AUC)")


def test_the_report_has_every_part_that_validators_file(measured: Page) -> None:
    said = parts(measured)
    assert list(said) == [
        "Result", "Scope", "Data", "Methods", "Findings", "Also looked at", "Further figures", "Limitations",
        "Conditions", "Open nonconformities", "What was tried before", "Sign-off", "Appendix: digests",
    ]  # fmt: skip
    assert all(len(row) == len(part.columns) for part in measured.sections for row in part.rows)
    assert any(row[0] == "evaluation" and row[2] == "1,234" for row in said["Data"].rows)
    assert any("DeLong" in point for point in said["Methods"].points)
    limits = "\n".join(said["Limitations"].points)
    assert "not settled: accuracy" in limits and "What it cannot see" in limits
    assert said["What was tried before"].points[0].startswith("tried before: version 1")
    assert {row[0] for row in said["Sign-off"].rows} >= {"risk", "compliance", "validator"}
    assert any(re.fullmatch("sha256:[0-9a-f]{64}", row[1]) for row in said["Appendix: digests"].rows)
    whole = render_page(measured, "html").lower()
    assert "performance: calibration" in whole and whole.count("<svg") == len(said["Findings"].charts) > 0
    assert "compliant" not in whole and "certified" not in whole


def test_a_finding_that_no_trusted_key_signed_is_not_printed(report: Callable[..., Page]) -> None:
    forged = report("developer")
    assert "0.61" not in render_page(forged, "md").replace("\\", "")
    assert not [row for row in parts(forged)["Findings"].rows if row[0] == "performance"]
    assert any("no evidence that counts" in point for point in parts(forged)["Limitations"].points)


def test_the_page_of_another_gate_of_the_same_name_is_not_quoted(report: Callable[..., Page]) -> None:
    other = {name: replace(guide, digest="sha256:" + "0" * 64) for name, guide in guides().items()}
    assert "DeLong" in render_page(report(), "md")
    made = report(said=other)
    assert "DeLong" not in render_page(made, "md")
    assert any("is not the one that ran" in row[2] for row in parts(made)["Methods"].rows)


def test_whatever_people_wrote_is_text_in_both_forms() -> None:
    made = Page(HOSTILE, (Section(HOSTILE, (HOSTILE,), (HOSTILE,), (HOSTILE,), ((HOSTILE,),)),), {HOSTILE: HOSTILE})
    html = render_page(made, "html")
    assert "<script>" not in html and "&lt;script&gt;" in html and "\x1b" not in html
    assert text_of(render_docx(made)).count("<script>alert(1)</script>") == 8


def test_files_are_written_whole_or_not_and_never_over_others(
    measured: Page, tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report_validation, "of_version", lambda *_: None)
    monkeypatch.setattr(report_validation, "_background", lambda *_: None)
    monkeypatch.setattr(report_validation, "page", lambda *_: measured)
    html, word = tmp_path / "a.html", tmp_path / "a.docx"
    asked = ["report", "validation", "credit", "1", "--html", str(html), "--docx", str(word)]
    assert main(asked) == 0 and b"0.61 (0.58" in html.read_bytes() and "0.61 (0.58" in text_of(word.read_bytes())
    word.unlink()
    html.write_text("mine")
    assert main(asked) == 1 and html.read_text() == "mine" and not word.exists()
    assert "--force" in capsys.readouterr().err
    assert main([*asked, "--force"]) == 0 and html.read_text() != "mine"
    assert main([*asked[:-1], str(html), "--force"]) == 1
    capsys.readouterr()
    assert main([*asked[:4], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sections"][0]["heading"] == "Result"


def test_without_python_docx_nothing_is_written_and_the_extra_is_named(
    measured: Page, monkeypatch: MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "docx", None)
    with pytest.raises(Exception, match=r"python-docx") as error:
        render_docx(measured)
    assert "aims-gates[docx]" in str(error.value)
