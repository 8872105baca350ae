"""``aims-gates data schema``: what is written where two readings fit is a placeholder, and nothing reads by it."""

import json
from pathlib import Path

import pytest

from aims_gates.cli import main
from aims_gates.documents.strict_yaml import read

ROWS = "id,day,amount\n1,01/02/2026,1.5\n2,03/04/2026,2.5\n"


@pytest.fixture
def loans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("loans.csv").write_text(ROWS)
    return Path("loans.csv")


def test_a_proposal_is_written_once_and_says_what_is_to_be_decided(
    loans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "schema", "propose", str(loans), "--output", "loans.schema.yaml"]
    assert main(words) == 0
    out = capsys.readouterr()
    assert (out.out, out.err) == ("", "wrote loans.schema.yaml: 3 fields; 1 to be decided\n")
    text = Path("loans.schema.yaml").read_text()
    assert read(Path("loans.schema.yaml")).value["fields"][1] == {"name": "day", "type": "REPLACE"}
    assert '  type: REPLACE  # type: date, format: "%d/%m/%Y", if it holds dates with the day first; could be: ' in text
    assert main(words) == 1
    assert Path("loans.schema.yaml").read_text() == text


def test_nothing_reads_by_a_schema_that_leaves_something_open(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["data", "schema", "propose", str(loans), "--output", "s.yaml"])
    check = ["data", "schema", "check", str(loans), "--schema", "s.yaml"]
    assert main(check) == 1
    assert "how 'day' is read is still to be decided" in capsys.readouterr().err
    whole = Path("s.yaml").read_text().replace("type: REPLACE", 'type: date\n  format: "%m/%d/%Y"')
    Path("s.yaml").write_text(whole)
    assert main(check) == 0


def test_as_json_the_proposal_is_all_of_what_is_printed(loans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "schema", "propose", str(loans), "--output", "s.yaml", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema"]["fields"][1] == {"name": "day", "type": "date", "format": "%d/%m/%Y"}
    assert "decide" in printed["columns"]["day"]
