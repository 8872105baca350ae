"""The command line: one module per command, loaded when called; the one place where errors become exit codes."""

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module

import click

from aims_gates import __version__
from aims_gates.cli.commands import COMMANDS, GROUPS, RENAMED
from aims_gates.documents.spelling import check_argument
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError, StaleError
from aims_gates.mlflow_plugin.client.light_import import import_lightly

__all__ = ["EXITS", "collect_rarely", "main", "program"]

#: What each exit code means; docs/exit-codes.md is made from this.
EXITS: Mapping[int, str] = {
    0: "pass",
    1: "usage or internal error, or input that cannot be used",
    2: "blocked by a failed control, or refused",
    3: "missing, stale or inconclusive evidence",
    4: "awaiting approval",
    5: "signature or integrity failure",
    6: "expired profile or waiver",
}


class _Commands(click.Group):
    """Loads a command's module when it is called; the list and its help need none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].module.partition(":")
        command: click.Command = getattr(import_module(f"aims_gates.cli.{module}"), attribute or "command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        new = RENAMED.get(args[0])
        if new is None:
            return super().resolve_command(ctx, args)
        if not ctx.resilient_parsing:
            spelled = " ".join(new)
            click.echo(f"note: write aims-gates {spelled}; aims-gates {args[0]} ends with the next release", err=True)
        return super().resolve_command(ctx, [*new, *args[1:]])

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(width), entry.summary) for name, entry in commands.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), meaning) for code, meaning in EXITS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="aims-gates")
def program() -> None:
    """Refuses a model promotion until the evidence criteria of its system's risk tier are met.

    A normal day: `aims-gates check --model NAME --version N`, then `aims-gates explain NAME N --to production`, which
    ends with the next commands. In an empty folder begin with `aims-gates init`.
    """


def _code(error: BaseException) -> int:
    match error:
        case IntegrityError():
            return 5
        case RefusedError():
            return 2
        case StaleError():
            return 3
        case _:
            return 1


def _shown(message: object) -> str:
    """A message that may hold text from outside, as a terminal may have it."""
    from aims_gates.reports.format import clean

    return clean(message)


def _refused_by_registry(error: Exception) -> int | None:
    """The code for MLflow's own error, without importing MLflow: a refusal is HTTP 403."""
    status = getattr(error, "get_http_status_code", None)
    if status is None:
        return None
    click.echo(f"aims-gates: {_shown(getattr(error, 'message', error))}", err=True)
    return 2 if status() == 403 else 1


def _unexpected(error: Exception, words: Sequence[str]) -> int:
    """Write a log of an error that nobody foresaw, say where it lies, and give the code."""
    from aims_gates.cli.error_log import log_text, write_log

    click.echo(f"aims-gates: unexpected error: {type(error).__name__}: {_shown(error)}", err=True)
    try:
        place = write_log(error, words)
    except (InputError, OSError):
        click.echo(log_text(error, words, datetime.now(UTC)), err=True)
        click.echo("  remedy: Open an issue with the lines above; they hold no data.", err=True)
        return 1
    click.echo(f"  remedy: Open an issue with the log {place}; it holds no data.", err=True)
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; gives the exit code.

    Args:
        arguments: Without the program's name; None takes the process's own.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for argument in words:
            check_argument(argument)
        result = program.main(words, "aims-gates", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 1
    except click.Abort:
        click.echo("aims-gates: stopped", err=True)
        return 1
    except AimsGatesError as error:
        click.echo(f"aims-gates: {_shown(error)}", err=True)
        return _code(error)
    except BrokenPipeError:
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(_shown(f"aims-gates: {place}{error.strerror or error}"), err=True)
        click.echo("  remedy: Check the path and its rights.", err=True)
        return 1
    except Exception as error:  # noqa: BLE001 - nothing is swallowed: it is logged, and the code is 1
        code = _refused_by_registry(error)
        return _unexpected(error, words) if code is None else code
    return result if isinstance(result, int) else 0


def collect_rarely() -> None:
    """Look for garbage less often: importing MLflow makes half a million objects, and next to none of them is any."""
    gc.set_threshold(200_000, 50, 1_000)


def entry() -> None:
    """The console script."""
    collect_rarely()
    import_lightly()
    sys.exit(main())
