import json
import os
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from aims_gates.errors import InputError
from aims_gates.model import Action, Finding, Limit
from aims_gates.reports import FORMATS, GateRun, Report, ReportTarget, parse_target, render, save
from aims_gates.reports.json import gate_json
from aims_gates.reports.text import gate_text, show, show_gate

GOLDENS = Path(__file__).parent / "goldens"
KEYS = ["allowed", "mode", "tier", "system", "subject", "plan", "request", "controls", "approvals", "actions", "exit"]


def golden(name: str, text: str) -> None:
    """Compare with the golden; AIMS_GATES_UPDATE_GOLDENS=1 writes it."""
    path = GOLDENS / name
    if os.environ.get("AIMS_GATES_UPDATE_GOLDENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "file"), [("text", "refused.txt"), ("json", "refused.json"), ("junit", "refused.xml")]
)
def test_the_fixed_report_reads_as_the_golden(report, name, file):
    golden(file, render(name, report))


def test_one_gate_reads_as_the_golden(report):
    golden("fairness.txt", gate_text("fairness", "fail", report.gates[0].findings))


def test_gates_without_a_decision_read_as_the_golden(report):
    golden("checked.txt", render("text", Report("run 4f2a", gates=report.gates)))


def test_text_fits_100_columns_with_no_colour_and_only_plain_marks(report):
    text = render("text", report)
    commands = [line for line in text.splitlines() if "aims-gates" in line]
    assert all(len(line) <= 100 for line in text.splitlines() if line not in commands)
    assert "\x1b" not in text
    assert text.isascii()


def test_that_a_model_is_bound_to_no_system_stands_below_the_table(report):
    unbound = replace(report.decision, plan=None, problems=("no request is open", "it is bound to no system"))
    text = render("text", replace(report, decision=unbound))
    assert text.index("no request is open") < text.index("A.5.4") < text.index("it is bound to no system")


def test_a_command_is_never_broken_over_two_lines(report):
    command = (
        "aims-gates waive mortgage-approval 1 --control A.5.4 --reason " + "'a long reason' " * 8 + "--until 2027-01-01"
    )
    text = render("text", replace(report, decision=replace(report.decision, steps=(Action(command, "people"),))))
    assert f"1. {command}\n" in text


def test_values_are_never_shown_by_colour_alone_and_a_terminal_gets_symbols(report):
    file = StringIO()
    show(report, Console(file=file, force_terminal=True, width=140, color_system="standard", _environ={}))
    assert "\x1b[" in file.getvalue()
    assert "✗ failed" in file.getvalue()


def test_no_color_is_honoured_on_a_terminal(report):
    file = StringIO()
    show(
        report, Console(file=file, force_terminal=True, width=140, _environ={"NO_COLOR": "1", "TERM": "xterm-256color"})
    )
    assert "\x1b[3" not in file.getvalue()
    assert "failed" in file.getvalue()


def test_a_pipe_gets_what_render_gives(report):
    file = StringIO()
    show(report, Console(file=file))
    assert file.getvalue() == render("text", report)


def test_one_gate_is_printed_like_a_report(report):
    piped, shown = StringIO(), StringIO()
    show_gate("drift", "fail", report.gates[1].findings, Console(file=piped))
    assert piped.getvalue() == gate_text("drift", "fail", report.gates[1].findings)
    console = Console(file=shown, force_terminal=True, width=140, color_system="standard", _environ={})
    show_gate("drift", "fail", report.gates[1].findings, console)
    assert "✗ fail" in shown.getvalue()


def test_many_findings_are_cut_and_counted(report):
    many = tuple(Finding("rate", 0.5, by={"branch": str(i)}, n=9) for i in range(100))
    text = gate_text("fairness", "inconclusive", many)
    assert text.startswith("INCONCLUSIVE  fairness: no finding under a limit")
    assert "and 80 more, see --json" in text


def test_a_decision_with_waivers_says_so_in_its_first_line(report):
    controls = tuple(control for control in report.decision.controls if control.state in ("met", "waived"))
    decision = replace(report.decision, allowed=True, criteria_met=True, controls=controls, exit=0)
    said = " ".join(render("text", replace(report, decision=decision)).split())
    assert "production: none of 2 controls your profile requires blocks: 1 met, 1 waived" in said


def test_terminal_codes_in_names_are_disarmed(report):
    finding = Finding("psi", 0.3, over={"column": "a\x1b[2Jb\x00"}, limit=Limit("<=", 0.2), outcome="fail")
    bad = Report("x", gates=(GateRun("drift", "Drift", "fail", (finding,)),))
    for name in ("text", "html", "junit"):
        assert "\x1b" not in render(name, bad)
        assert "\x00" not in render(name, bad)
    ElementTree.fromstring(render("junit", bad))


@pytest.mark.parametrize(
    ("change", "word", "said"),
    [
        ({"allowed": True, "criteria_met": True, "exit": 0}, "ALLOWED", "all 1 controls"),
        ({"allowed": True, "mode": "warn"}, "ALLOWED", "mode warn lets it through, enforce would not"),
        ({"exit": 4}, "WAITING", "the evidence criteria are met; approvals are missing"),
        ({"exit": 4, "problems": ("no request is open for this version",)}, "WAITING", "no request is open"),
        ({"problems": ("the bytes differ from those in the request",), "exit": 5}, "REFUSED", "the bytes differ"),
        ({"allowed": True, "transition": "rollback", "exit": 0}, "ALLOWED", "signed on call"),
    ],
)
def test_the_first_line_says_the_verdict_in_plain_words(report, change, word, said):
    met = tuple(control for control in report.decision.controls if control.state == "met")
    decision = replace(report.decision, controls=met, **change)
    first = render("text", replace(report, decision=decision)).splitlines()[0]
    assert first.startswith(f"{word}  mortgage-approval v1 -> production")
    assert said.removeprefix("all 1 controls") in first
    assert "compliant" not in render("html", report)
    assert "certified" not in render("html", report)


def test_json_has_the_keys_of_the_contract_first_and_in_order(report):
    value = json.loads(render("json", report))
    assert list(value)[: len(KEYS)] == KEYS
    assert set(value["controls"][0]) >= {"id", "title", "state", "why", "findings", "evidence", "next"}
    assert set(value["approvals"]) >= {"needed", "given", "missing"}
    assert value["controls"][1]["findings"][0]["gate"] == "fairness"


def test_a_gate_as_json_is_the_shape_of_try(report):
    value = gate_json("fairness", "fail", report.gates[0].findings)
    assert list(value) == ["gate", "outcome", "findings"]
    shape = "measure by over value low high p_value n limit outcome controls note remedy missing cause basis"
    assert " ".join(value["findings"][0]) == shape
    assert value["findings"][0]["limit"] == {"op": ">=", "value": 0.8}
    assert value["findings"][5]["by"] == {"race": "white"}
    assert value["findings"][5]["over"] is None
    assert json.dumps(value["findings"][0]["n"]) == "786"


def test_junit_counts_add_up_and_a_control_without_evidence_is_red(report):
    root = ElementTree.fromstring(render("junit", report))
    for kind, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(root.get(kind, "")) == len(root.findall(f".//{tag}"))
    assert int(root.get("tests", "")) == len(root.findall(".//testcase"))
    (suite,) = [suite for suite in root if suite.get("name", "").startswith("A.8.2")]
    assert [child.get("type") for child in suite.findall("testcase/error")] == ["missing"]
    (warned,) = [suite for suite in root if suite.get("name", "").startswith("A.2.2")]
    assert warned.get("failures") == warned.get("errors") == "0"


def test_a_gate_with_nothing_under_a_limit_is_red_in_junit():
    finding = Finding("selection_rate", 0.5, by={"sex": "f"}, n=10)
    root = ElementTree.fromstring(
        render("junit", Report(gates=(GateRun("fairness", "F", "inconclusive", (finding,)),)))
    )
    assert root.get("errors") == "1"


def test_a_group_too_small_is_withheld_from_people_and_kept_in_json():
    finding = Finding("selection_rate", 0.6667, 0.2, 0.9, n=3, by={"sex": "x"})
    report = Report(gates=(GateRun("fairness", "F", "inconclusive", (finding,)),))
    assert "0.67" not in render("text", report) + render("html", report)
    assert "withheld" in render("text", report)
    assert json.loads(render("json", report))["gates"][0]["findings"][0]["value"] == 0.6667


def test_a_report_target_names_a_format_and_a_file():
    assert parse_target("html:out/r.html") == ReportTarget("html", Path("out/r.html"))


@pytest.mark.parametrize("text", ["pdf:x.pdf", "html", "html:", "", ":x", "HTML:x"])
def test_any_other_target_is_an_error_with_its_remedy(text):
    with pytest.raises(InputError) as caught:
        parse_target(text)
    assert caught.value.remedy


def test_an_unknown_format_is_an_error_with_its_remedy(report):
    with pytest.raises(InputError, match="pdf"):
        render("pdf", report)


def test_a_report_is_written_whole_or_not_at_all(report, tmp_path):
    path = save(report, ReportTarget("json", tmp_path / "new" / "r.json"))
    assert path.read_text("utf-8") == render("json", report)
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        save(report, ReportTarget("json", tmp_path / "folder"))
    assert not list(tmp_path.glob(".folder*"))


def test_formats_are_imported_only_when_used():
    code = "import sys, aims_gates.reports; print([m for m in ('jinja2', 'rich', 'mlflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(FORMATS) >= {"text", "json", "html", "junit"}
