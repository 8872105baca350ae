"""The commands: files, the terminal, records, bundles and their differences."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aims_gates.cli import main
from aims_gates.documents.strict_yaml import read, read_yaml
from aims_gates.governance.classification import bundle, read_rules

from .forms import all_no, form

Out = pytest.CaptureFixture[str]
SYSTEM = """\
name: credit
purpose: Estimates how likely a private applicant is to repay.
owner: credit risk
tier: high
models: [credit]
"""


def run(out: Out, *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--json"])
    return code, json.loads(out.readouterr().out)


def written(path: Path, *yes: str, **changed: Any) -> str:
    path.write_text(json.dumps(form({"name": "credit", "yes": yes}) | changed))
    return str(path)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "records" / "systems" / "credit"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(SYSTEM)
    return tmp_path


def test_exit_codes_say_whether_it_may_go_on(tmp_path: Path, capsys: Out) -> None:
    """Coverage row R.1."""
    file = tmp_path / "a.json"
    assert main(["classify", "--file", written(file, "5b")]) == 0
    assert main(["classify", "--file", written(file, "5.1.e")]) == 2
    assert main(["classify", "--file", written(file, answers={})]) == 3
    assert main(["classify", "--file", written(file, answers=all_no() | {"5b": "yes", "4a": "unknown"})]) == 3
    assert main(["classify", "--file", written(file, answers={"5bb": "yes"})]) == 1
    assert main(["classify", "--file", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err


def test_without_a_file_and_without_a_terminal_there_is_a_remedy(capsys: Out) -> None:
    assert main(["classify"]) == 1
    assert "--template" in capsys.readouterr().err
    assert main(["classify", "--gpai", "provider"]) == 1


def test_asking_needs_a_terminal(tmp_path: Path, capsys: Out) -> None:
    assert main(["classify", "--file", written(tmp_path / "a.json"), "--ask"]) == 1
    assert "terminal" in capsys.readouterr().err


def test_the_template_can_be_filled_in_and_classified(tmp_path: Path, capsys: Out) -> None:
    assert main(["classify", "--template"]) == 0
    text = capsys.readouterr().out.replace(": unknown", ": no").replace("is_ai_system: no", "is_ai_system: yes")
    (tmp_path / "a.yaml").write_text(text.replace("role: []", "role: provider"))
    code, value = run(capsys, "classify", "--file", "a.yaml")
    assert (code, value["tier"], value["missing"]) == (0, "minimal", [])


def test_the_role_decides_the_duties(tmp_path: Path, capsys: Out) -> None:
    """Coverage row C1.1."""
    file = written(tmp_path / "a.json", "5b")
    found = {}
    for role in ("provider", "deployer"):
        _, value = run(capsys, "classify", "--file", file, "--role", role)
        found[role] = {each["id"] for each in value["obligations"]}
    assert "conformity" in found["provider"] - found["deployer"]
    assert "human-oversight" in found["deployer"] - found["provider"]
    assert main(["classify", "--file", file, "--role", "owner"]) == 1


def test_a_gpai_provider_gets_the_list_of_article_53(tmp_path: Path, capsys: Out) -> None:
    """Coverage row R.2."""
    file = written(tmp_path / "a.json")
    _, value = run(capsys, "classify", "--file", file, "--gpai", "provider")
    assert sum(each["article"].startswith("53(1)") for each in value["obligations"]) == 4
    _, value = run(capsys, "classify", "--file", file, "--gpai", "user")
    assert [each["id"] for each in value["overlays"]] == ["gpai-user"]


def test_the_text_names_tier_articles_duties_and_what_is_missing(tmp_path: Path, capsys: Out) -> None:
    main(["classify", "--file", written(tmp_path / "a.json", "5b", "50.1")])
    text = capsys.readouterr().out
    assert text.startswith("credit: high\n  5(b)") and "2027-12-02" in text and "50(1)" in text
    main(["classify", "--file", written(tmp_path / "a.json", answers=all_no() | {"4a": "unknown"})])
    assert f"4a: {bundle().questions()['4a'][1].ask}" in capsys.readouterr().out
    main(["classify", "--file", written(tmp_path / "a.json", "4a", "no_material_influence", "6.3.d")])
    assert "The exemption is refused" in capsys.readouterr().out


def test_each_duty_is_told_with_its_article_its_day_and_whom_it_meets(tmp_path: Path, capsys: Out) -> None:
    file = written(tmp_path / "a.json", "5b", role=["provider", "deployer"])
    main(["classify", "--file", file, "--as-of", "2026-11-30"])
    lines = capsys.readouterr().out.splitlines()
    duties = [line for line in lines if " since 20" in line or " from 20" in line]
    assert any("27(3)" in line and "from 2027-12-02" in line and line.endswith("(deployer)") for line in duties)
    assert any(line.startswith("  4 ") and "since 2025-02-02" in line for line in duties)
    numbers = [int(line.split()[0].partition("(")[0].rstrip("a")) for line in duties]
    assert numbers == sorted(numbers) and len(numbers) > 20


def test_the_record_holds_answers_and_result_and_is_a_record_of_the_system(pack: Path, capsys: Out) -> None:
    file = written(pack / "a.json", "5b", purpose=None)
    code, value = run(capsys, "classify", "--pack", ".", "--file", file, "--system", "credit")
    path = pack / "records" / "systems" / "credit" / "classification.yaml"
    stored = read(path).value
    assert code == 0 and stored["result"] == value and stored["answers"]["5b"] == "yes"
    assert stored["bundle_sha256"] == bundle().sha256 and stored["result"]["purpose_sha256"].startswith("sha256:")
    before = path.read_text()
    code, again = run(capsys, "classify", "--pack", ".", "--system", "credit")
    assert (code, again) == (0, value) and path.read_text() == before


def test_another_purpose_than_system_yaml_is_refused(pack: Path, capsys: Out) -> None:
    file = written(pack / "a.json", "5b")
    assert main(["classify", "--pack", ".", "--file", file, "--system", "credit"]) == 1
    assert "purpose" in capsys.readouterr().err


def test_out_of_scope_is_recorded_with_its_reason(tmp_path: Path, capsys: Out) -> None:
    """Coverage row C2.ex."""
    reason = {"reason": "rules in a spreadsheet", "signed_by": "counsel", "signed_on": "2026-11-01"}
    file = written(tmp_path / "a.json", answers={"is_ai_system": "no"}, scope_reason=reason)
    code, value = run(capsys, "classify", "--file", file, "--out", "kept/classification.yaml")
    assert (code, value["tier"]) == (0, "out-of-scope")
    assert read(tmp_path / "kept" / "classification.yaml").value["scope_reason"] == reason


def test_the_organizations_rules_of_the_pack_are_applied(pack: Path, capsys: Out) -> None:
    folder = pack / "records" / "organization"
    folder.mkdir()
    rules = folder / "classification-rules.yaml"
    rules.write_text("rules:\n- {id: reach, to: high, reason: reach, when: [large_scale]}\n")
    file = written(pack / "a.json", "large_scale")
    assert run(capsys, "classify", "--file", file)[1]["tier"] == "minimal"
    value = run(capsys, "classify", "--pack", ".", "--file", file)[1]
    assert (value["tier"], value["raised_by"]) == ("high", ["reach"])
    rules.write_text("rules:\n- {id: reach, to: lower, reason: reach}\n")
    assert main(["classify", "--pack", ".", "--file", file]) == 1
    assert "classification-rules.yaml:2" in capsys.readouterr().err


def test_rules_are_listed_dated_and_compared(capsys: Out) -> None:
    """Coverage row R.3."""
    assert {each["id"] for each in run(capsys, "rules", "list")[1]} == {
        "eu-2024-1689",
        "eu-2026-1744",
        "eu-2026-1744-r2",
        "eu-2026-1744-r3",
        "neutral",
    }
    days = {each["id"]: each["date"] for each in run(capsys, "rules", "dates", "--bundle", "eu-2026-1744")[1]}
    assert (days["annex_iii"], days["annex_i"]) == ("2027-12-02", "2028-08-02")
    value = run(capsys, "rules", "diff", "eu-2024", "eu-2026-1744")[1]
    assert any(each["id"] == "annex_iii" and each["new"] == "2027-12-02" for each in value["changes"])
    for arguments in (["rules", "list"], ["rules", "dates"], ["rules", "diff", "eu-2024", "neutral"]):
        assert main(arguments) == 0 and capsys.readouterr().out
    assert main(["rules", "diff", "eu-2024", "nowhere"]) == 1


def test_the_difference_lists_the_systems_to_classify_again(pack: Path, capsys: Out) -> None:
    """Coverage row C10.5."""
    answers = all_no("eu-2024-1689") | {"5b": "yes"}
    file = written(pack / "a.json", bundle="eu-2024-1689", answers=answers, purpose=None)
    assert main(["classify", "--pack", ".", "--file", file, "--system", "credit"]) == 0
    capsys.readouterr()
    value = run(capsys, "rules", "diff", "--pack", ".", "eu-2024", "eu-2026-1744")[1]
    assert [each["system"] for each in value["systems"]] == ["credit"]
    why = value["systems"][0]["why"]
    assert "to be answered: 5.1.new" in why and "duties move: 2026-08-02 -> 2027-12-02" in why
    assert run(capsys, "rules", "diff", "--pack", ".", "eu-2026-1744", "eu-2024")[1]["systems"] == []


class Terminal:
    """The command on a real terminal; answers when it is asked."""

    def __init__(self, *arguments: str) -> None:
        self.side, other = pty.openpty()
        code = "import sys; from aims_gates.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, "classify", *arguments]
        self.process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, start_new_session=True)
        os.close(other)
        self.seen = ""

    def read(self, wait: float = 30) -> bool:
        """Take what it said since; False when it has ended, or said nothing for so many seconds."""
        ready, _, _ = select.select([self.side], [], [], wait)
        try:
            said = os.read(self.side, 65536) if ready else b""
        except OSError:  # the other end is closed
            said = b""
        self.seen += said.decode()
        return bool(said)

    def until(self, text: str) -> None:
        end = time.monotonic() + 60
        while text not in self.seen:
            assert self.read() and time.monotonic() < end, f"{text!r} not in {self.seen!r}"

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.side, f"{text}\n".encode())

    def end(self) -> int:
        """Its exit code; its terminal stays open until it has gone, so that it can say its last word."""
        last = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < last:
            self.read(0.1)
        os.close(self.side)
        return self.process.wait(timeout=1)


def test_the_terminal_asks_only_what_matters_and_keeps_the_answers(tmp_path: Path) -> None:
    terminal = Terminal("--out", "kept.yaml")
    for question, reply in [
        ("What is the system for", "Adds numbers for the accounts department."),
        ("Who answers", "model owner"),
        ("What are you towards it", "provider"),
        ("first release", ""),
        ("[is_ai_system]", "maybe"),
        ("answer yes, no or unknown", "n"),
        ("Reason", "plain sums"),
        ("Signed by", "counsel"),
        ("Signed on", "2999-01-01"),
        ("future", "2026-01-01"),
    ]:
        terminal.until(question)
        terminal.type(reply)
    assert terminal.end() == 0
    stored = read(tmp_path / "kept.yaml").value
    assert stored["result"]["tier"] == "out-of-scope" and stored["answers"] == {"is_ai_system": "no"}


def test_a_form_that_was_left_half_way_is_taken_up_again(tmp_path: Path) -> None:
    answers = {key: value for key, value in all_no().items() if key not in ("50.3", "50.4", "50.4.exception")}
    (tmp_path / "kept.yaml").write_text(json.dumps(form({"name": "bot"}) | {"answers": answers}))
    terminal = Terminal("--out", "kept.yaml")
    terminal.until("first release")
    terminal.type("2027-01-01")
    terminal.until("[50.3]")
    terminal.type("n")
    terminal.until("[50.4]")
    while terminal.read(1):  # until it waits for the answer
        pass
    terminal.process.send_signal(2)
    assert terminal.end() == 1
    assert "result" not in (stored := read(tmp_path / "kept.yaml").value) and stored["answers"]["50.3"] == "no"
    terminal = Terminal("--out", "kept.yaml")
    terminal.until("[50.4]")
    terminal.type("y")
    terminal.until("[50.4.exception]")
    terminal.type("n")
    assert terminal.end() == 0
    assert read(tmp_path / "kept.yaml").value["result"]["articles"] == ["50(4)"]


def test_every_command_of_the_page_runs(tmp_path: Path, capsys: Out) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "classification.md").read_text()
    blocks = page.split("```sh\n")[1:]
    commands = [line for block in blocks for line in block.partition("```")[0].splitlines()]
    assert len(commands) == 7
    for line in commands:
        words, _, target = line.removeprefix("aims-gates ").partition(" > ")
        assert main(words.split()) in (0, 3), line
        out = capsys.readouterr().out
        if target:
            (tmp_path / target).write_text(out)


def test_the_rules_of_the_page_are_read() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "classification.md").read_text()
    rules = page.split("```yaml\n")[1].partition("```")[0]
    assert read_rules(read_yaml(rules.encode(), "page"), bundle())[0].id == "reach"
