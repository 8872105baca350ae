"""The log of an unexpected error: what somebody needs who reads it, and nothing that is nobody's business."""

import stat
import tempfile
from pathlib import Path
from typing import Any

import click
import pytest

from aims_gates import __version__, cli
from aims_gates.cli import main
from aims_gates.cli.error_log import HIDDEN

SECRET = "4711-income-of-somebody"


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where logs are written."""
    folder = tmp_path / "logs"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command fails as nobody foresaw, and its exceptions quote data."""

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1)
    def fails(words: tuple[str, ...]) -> None:
        """Fail."""
        try:
            float(SECRET)
        except ValueError as error:
            raise LookupError(SECRET) from error

    monkeypatch.setattr(cli._Commands, "get_command", lambda self, ctx, name: fails)


def written(folder: Path) -> str:
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_it_holds_versions_the_command_and_the_whole_traceback_and_no_data(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 1
    text = written(logs)
    for line in (
        f"aims-gates: {__version__}",
        "mlflow: ",
        "Python: 3.",
        "system: ",
        "command: aims-gates doctor --json",
    ):
        assert line in text
    assert "float(SECRET)" in text and "builtins.ValueError\nwhich led to:" in text and "builtins.LookupError" in text
    assert SECRET not in text
    assert str(Path(__file__).parents[2]) not in text
    message = capsys.readouterr().err
    assert str(next(logs.iterdir())) in message and "Traceback" not in message


@pytest.mark.parametrize(
    "words",
    [
        ["--key", SECRET],
        [f"--server-key={SECRET}"],
        ["--reason", SECRET, "--json"],
        ["--param", f"limit={SECRET}"],
        ["--registry", f"aims+postgresql://me:{SECRET}@host/db"],
        [f"--registry=aims+postgresql://host/db?password={SECRET}"],
    ],
    ids=str,
)
def test_private_values_of_the_command_line_are_hidden(words: list[str], logs: Path) -> None:
    assert main(["revoke", "loans", *words]) == 1
    text = written(logs)
    assert SECRET not in text and HIDDEN in text and "revoke loans" in text


def test_a_second_error_writes_a_second_log(logs: Path) -> None:
    assert [main(["doctor"]) for _ in range(3)] == [1, 1, 1]
    assert len(list(logs.iterdir())) == 3


def test_where_no_log_can_be_written_it_is_printed(
    logs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (logs / "a file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(logs / "a file"))
    assert main(["doctor"]) == 1
    message: Any = capsys.readouterr().err
    assert "builtins.LookupError" in message and "Open an issue with the lines above" in message
