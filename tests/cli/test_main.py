"""The command line as a whole: its weight, its help, its exit codes, its silence about colours."""

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from aims_gates import cli
from aims_gates.cli import EXITS, main, program
from aims_gates.errors import IntegrityError, RefusedError

HEAVY = ("mlflow", "pandas", "pyarrow", "duckdb", "sqlalchemy", "pydantic", "scipy", "sklearn", "fairlearn")
#: What is measured here is what a shell runs.
PROGRAM = "import sys; from aims_gates.cli import main; code = main(sys.argv[1:]); "


def loaded(*arguments: str) -> set[str]:
    """The heavy packages that a command imports."""
    tell = "print('LOADED', *sys.modules, file=sys.stderr)"
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM + tell, *arguments], capture_output=True, text=True, check=True
    )
    line = next(line for line in found.stderr.splitlines() if line.startswith("LOADED"))
    return {name.split(".")[0] for name in line.split()} & {*HEAVY, "great_expectations", "evidently"}


def test_help_takes_less_than_half_a_second_of_cpu() -> None:
    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    took = []
    for _ in range(3):
        before = spent()
        subprocess.run([sys.executable, "-c", PROGRAM, "--help"], capture_output=True, check=True)
        took.append(spent() - before)
    assert min(took) < 0.5


def test_help_imports_nothing_heavy() -> None:
    assert loaded("--help") == set()


@pytest.mark.parametrize(
    "arguments", [("controls", "list"), ("gates", "list"), ("profile", "lint"), ("schema", "system")]
)
def test_light_commands_leave_mlflow_and_the_gates_libraries_alone(arguments: tuple[str, ...]) -> None:
    assert loaded(*arguments) <= {"pydantic", "sqlalchemy"}


def test_help_lists_every_command_with_a_sentence(command: Any) -> None:
    said = command("--help")
    assert said.code == 0 and said.err == ""
    for name in program.list_commands(click.Context(program)):
        assert re.search(rf"^  {name} +[A-Z]", said.out, re.MULTILINE), name


def test_every_command_has_help_that_says_what_it_does(command: Any) -> None:
    context = click.Context(program)
    for name in program.list_commands(context):
        found = program.get_command(context, name)
        assert found is not None and found.help
        for each in [found, *(found.commands.values() if isinstance(found, click.Group) else ())]:
            assert each.help and each.help.strip().endswith((".", ":")), (name, each.name)
            for parameter in each.params:
                if isinstance(parameter, click.Option):
                    assert parameter.help, (name, each.name, parameter.name)
        assert command(name, "--help").code == 0


def test_the_help_names_every_exit_code(command: Any) -> None:
    text = " ".join(command("--help").out.split())
    assert all(re.search(rf"\b{code} \w", text.partition("Exit codes")[2]) for code in EXITS)
    assert set(EXITS) == set(range(7))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chek",), "No such command"),
        (("gates",), "Usage"),
        (("plan",), "Missing argument"),
        (("check",), "no system here"),
        (("check", "--version", "1"), "--version of what?"),
        (("check", "--run", "r", "--model", "loans", "--version", "1"), "Pass one of them"),
        (("plan", "loans", "--config", "gone.yaml"), "cannot be read"),
        (("plan", "loans", "--pack", "gone"), "no system"),
        (("gates", "show", "nothing"), "Choose from"),
        (("controls", "show", "A.9.9"), "no control"),
        (("explain", "loans"), "VERSION --to production"),
        (("keys", "list"), "no registry is named"),
        (("keys", "list", "--registry", "sqlite:///r.db"), "not gated"),
        (("keys", "list", "--registry", "http://127.0.0.1:9"), "cannot be reached"),
    ],
)
def test_a_usage_error_is_code_1_on_standard_error(command: Any, arguments: tuple[str, ...], said: str) -> None:
    found = command(*arguments)
    assert found.code == 1 and said in found.err + found.out
    assert "Traceback" not in found.err


def test_reading_a_registry_that_is_not_there_makes_no_file(command: Any, tmp_path: Path) -> None:
    found = command("keys", "list", "--registry", "aims+sqlite:///typo.db")
    assert found.code == 1 and "no such file" in found.err and "keys trust" in found.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_an_error_that_names_it(command: Any, tmp_path: Path) -> None:
    (tmp_path / "r.db").write_text("this is no database, and long enough to be seen as none " * 20)
    found = command("keys", "list", "--registry", "aims+sqlite:///r.db")
    assert found.code == 1 and "r.db" in found.err and "Traceback" not in found.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("no"), 2),
        (IntegrityError("altered"), 5),
        (OSError(28, "No space left on device", "out.html"), 1),
        (click.Abort(), 1),
        (BrokenPipeError(), 1),
    ],
)
def test_errors_become_their_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    @click.command()
    def fails() -> None:
        """Fail."""
        raise error

    monkeypatch.setattr(cli._Commands, "get_command", lambda self, ctx, name: fails)
    assert main(["doctor"]) == code
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_no_escape_codes_in_a_pipe_or_under_no_color(
    command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "d.csv").write_text("y,p\n" + "0,0\n1,1\n" * 40)
    data = ["--data", "evaluation=d.csv", "--role", "target=y", "--role", "prediction=p"]
    for arguments in (["--help"], ["controls", "list"], ["try", "performance", *data], ["nothing"]):
        found = command(*arguments)
        assert "\x1b" not in found.out + found.err
