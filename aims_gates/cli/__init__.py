"""The command line: one module per command, loaded when called; the one place where errors become exit codes."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from aims_gates import __version__
from aims_gates.documents.spelling import check_argument
from aims_gates.errors import AimsGatesError, IntegrityError, RefusedError, StaleError

__all__ = ["EXITS", "main", "program"]

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

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "Start a pack with one system in an empty folder."),
    "doctor": ("doctor", "Say what is wrong with this installation."),
    "try": ("try_gate", "Run one gate on files; no MLflow, no profile."),
    "classify": ("classify", "Classify a system: its tier, the places that decide it, its duties."),
    "rules": ("rules", "List the classification's rule bundles, their dates and differences."),
    "plan": ("plan", "Show what a system's profile requires."),
    "check": ("check", "Run the plan's gates on a model; record the evidence."),
    "predict": ("predict", "Run a model over a data set; write the signed prediction table."),
    "explain": ("explain", "Say what stands between a version and production, or what a control asks."),
    "request": ("request", "Open, list, show or withdraw a request for promotion."),
    "approve": ("approve", "Approve a request, in a role."),
    "reject": ("reject", "Reject a request, in a role."),
    "waive": ("waive", "Accept a control as unmet for one version, until a date."),
    "revoke": ("revoke", "Revoke evidence, an approval, a waiver or a grant."),
    "promote": ("promote", "Stage a version's bytes and set the production alias."),
    "rollback": ("rollback", "Return to a version granted before (on call)."),
    "halt": ("halt", "Take a model out of production at once (on call)."),
    "resume": ("resume", "End a halt: what it stopped loads again."),
    "adopt": ("adopt", "Take in a registry that is already in use."),
    "break-glass": ("break_glass", "Order one promotion against unmet controls (two people)."),
    "grant": ("grant", "Export a grant to where the model is deployed."),
    "verify-grant": ("grant:verify_command", "Check a model folder against a portable grant, offline."),
    "bind": ("bind", "Bind a registered model to a system, under its profile."),
    "keys": ("keys", "Make, trust, rotate, revoke and list keys."),
    "gates": ("gates", "List the gates, or show one."),
    "suite": ("suite", "Draft a great-expectations suite from reference data."),
    "controls": ("controls", "List the Annex A controls, show one, or find it in other frameworks."),
    "glossary": ("glossary", "Say what a word means here."),
    "profile": ("profile", "List, show, lint, test or compare profiles."),
    "status": ("status", "Show where every model stands, in one table."),
    "schedule": ("schedule", "Show what is due, and when."),
    "report": ("report", "Write the Statement of Applicability, control coverage, or a page for one audience."),
    "bom": ("bom", "Write a version's bill of materials (CycloneDX)."),
    "records": ("records", "List, start and check records: policies, roles, assessments, plans."),
    "systems": ("systems", "List the systems of your packs."),
    "server": ("server", "Serve MLflow with the gated registry."),
    "db": ("db", "Upgrade or check what the registry's database holds of ours; open mode."),
    "detach": ("detach", "Take the guards away: stock MLflow may write the registry again."),
    "ledger": ("ledger", "Verify, export or checkpoint the ledger."),
    "digest": ("digest", "Print the digest of a file, a model folder or a data set."),
    "schema": ("schema", "Print the JSON Schema of a record."),
}


class _Commands(click.Group):
    """Loads a command's module when it is called; the list and its help need none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"aims_gates.cli.{module}"), attribute or "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="aims-gates")
def program() -> None:
    """Refuses a model promotion until the evidence criteria of its system's risk tier are met.

    A normal day: `aims-gates check --model NAME --version N`, then `aims-gates explain NAME N --to production`, which
    ends with the next commands. In an empty folder begin with `aims-gates init`.

    \b
    Exit codes: 0 pass, 1 usage or unusable input, 2 failed control or refused, 3 missing, stale or
    inconclusive evidence, 4 awaiting approval, 5 signature or integrity failure, 6 expired profile or waiver.
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
    except Exception as error:
        code = _refused_by_registry(error)
        if code is None:
            raise
        return code
    return result if isinstance(result, int) else 0


def entry() -> None:
    """The console script."""
    sys.exit(main())
