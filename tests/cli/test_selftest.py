"""``aims-gates selftest``: the sheet, its signature, its exit code."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import aims_gates.evaluation.selftest as selftest
from aims_gates.attestation.signing.keys import ENVIRONMENT, new_key
from aims_gates.data import intervals
from aims_gates.evaluation.selftest import Book


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The intervals alone, which take no time; tests/selftest recomputes everything."""
    book = Book(intervals=selftest.published().intervals)
    monkeypatch.setattr(selftest, "published", lambda: book)
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.chdir(tmp_path)


def misreckon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "paired_difference", lambda *_: (0.0, 1.0))


def test_the_json_names_each_figure_and_what_computed_it(command: Any) -> None:
    result = command("selftest", "--json")
    assert (result.code, result.err) == (0, "")
    sheet = json.loads(result.out)
    assert sheet["agree"] == sheet["of"] == len(sheet["figures"]) == 26
    assert sheet["code"].startswith("sha256:")
    assert sheet["libraries"]["scipy"] and sheet["machine"]["python"]
    assert set(sheet["figures"][0]) == {"id", "source", "published", "recomputed", "tolerance", "ok", "note"}


def test_the_text_says_that_nobody_signed_it(command: Any) -> None:
    result = command("selftest")
    assert result.code == 0
    assert "26 of 26 published figures agree" in result.out
    assert "not signed: add --output FILE --key KEY" in result.out
    assert "Newcombe" in result.out


def test_a_figure_that_does_not_agree_is_exit_code_2(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    misreckon(monkeypatch)
    result = command("selftest")
    assert result.code == 2
    assert "24 of 26" in result.out
    assert "NO  paired_difference/36, 12, 2, 0/low" in result.out


def test_a_signed_sheet_is_verified_with_the_signers_key_alone(command: Any, tmp_path: Path) -> None:
    new_key(tmp_path / "me.key")
    new_key(tmp_path / "other.key")
    assert command("selftest", "--output", "sheet.json", "--key", "me.key").code == 0
    verified = command("selftest", "--verify", "sheet.json", "--trusted-key", "me.pub", "--json")
    assert verified.code == 0
    assert json.loads(verified.out)["agree"] == 26
    assert command("selftest", "--verify", "sheet.json", "--trusted-key", "other.pub").code == 5
    refused = command("selftest", "--verify", "sheet.json")
    assert refused.code == 1 and "--trusted-key" in refused.err


def test_an_altered_sheet_is_refused(command: Any, tmp_path: Path) -> None:
    new_key(tmp_path / "me.key")
    command("selftest", "--output", "sheet.json", "--key", "me.key")
    envelope = json.loads((tmp_path / "sheet.json").read_text())
    payload = base64.b64decode(envelope["payload"]).replace(b'"agree":26', b'"agree":25')
    envelope["payload"] = base64.b64encode(payload).decode()
    (tmp_path / "sheet.json").write_text(json.dumps(envelope))
    assert command("selftest", "--verify", "sheet.json", "--trusted-key", "me.pub").code == 5


def test_a_signed_sheet_of_failures_stays_one(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_key(tmp_path / "me.key")
    misreckon(monkeypatch)
    assert command("selftest", "--output", "sheet.json", "--key", "me.key").code == 2
    assert command("selftest", "--verify", "sheet.json", "--trusted-key", "me.pub").code == 2


def test_without_a_key_the_file_is_the_plain_sheet_and_no_proof(command: Any, tmp_path: Path) -> None:
    result = command("selftest", "--output", "sheet.json")
    assert result.code == 0 and "not signed: add --key KEY" in result.out
    assert json.loads((tmp_path / "sheet.json").read_text())["agree"] == 26
    new_key(tmp_path / "me.key")
    assert command("selftest", "--verify", "sheet.json", "--trusted-key", "me.pub").code == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--key", "me.key"], "add --output"),
        (["--trusted-key", "me.pub"], "goes with --verify"),
        (["--verify", "a", "--output", "b"], "recomputes nothing"),
    ],
)
def test_options_that_do_not_go_together(command: Any, arguments: list[str], message: str) -> None:
    result = command("selftest", *arguments)
    assert result.code == 1 and message in result.err
