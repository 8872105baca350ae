"""What the commands share: settings and key options, JSON or text, progress."""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from aims_gates.attestation.signing.keys import ENVIRONMENT
from aims_gates.mlflow_plugin.client.isolation import CHOICES
from aims_gates.reports import FORMATS
from aims_gates.settings import SCHEMES, Settings, load

__all__ = [
    "as_json",
    "emit",
    "isolation_option",
    "key_option",
    "progress",
    "reports_option",
    "save_reports",
    "echo",
    "settings_options",
    "settings_options_looking",
    "signing_command",
    "staged_bytes",
    "table",
]

F = TypeVar("F", bound=Callable[..., Any])
_REGISTRY = "e.g. aims+sqlite:///registry.db. Default: MLFLOW_REGISTRY_URI."
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
#: Commands that must work beside any MLflow: the one says what is wrong with it, the other takes our guards away.
_WITHOUT_MLFLOW = ("doctor", "detach")

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON on standard output, nothing else.")
key_option = click.option(
    "--key", type=_FILE, help=f"Private key file (mode 0600). Default: {ENVIRONMENT}, then key in aims.yaml."
)
isolation_option = click.option(
    "--isolation",
    type=click.Choice(list(CHOICES)),
    default="auto",
    show_default=True,
    help="What keeps the model's process apart. "
    + "; ".join(f"{choice}: {meaning}" for choice, meaning in CHOICES.items())
    + ". What is verified of it is recorded. See docs/isolation.md.",
)
reports_option = click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORMAT:FILE",
    help=f"Write a report too; FORMAT: {', '.join(FORMATS)}. Repeatable.",
)


def settings_options(command: F) -> F:
    """Add --config, --pack, --registry, --tracking; the command gets them as ``settings``."""
    return cast(F, _with_settings(command, click.option("--registry", help=f"Registry URI, {_REGISTRY}")))


def settings_options_looking(command: F) -> F:
    """As :func:`settings_options`; --registry may stand alone, and ``looking`` tells the command if it is there."""
    text = f"Look through what the registry holds too. With a registry URI: that one, {_REGISTRY}"
    option = click.option("--registry", is_flag=False, flag_value="", metavar="[URI]", help=text)
    return cast(F, _with_settings(command, option, "looking"))


def _with_settings(command: Any, registry_option: Callable[[Any], Any], named: str = "") -> Any:
    @click.option("--config", type=_FILE, help="Settings file. Default: aims.yaml in the current folder.")
    @click.option(
        "--pack", "packs", type=_FOLDER, multiple=True, help="A folder with records/, gates/ or profiles/. Repeatable."
    )
    @registry_option
    @click.option("--tracking", help="Tracking URI. Default: MLFLOW_TRACKING_URI.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        config: Path | None,
        packs: tuple[Path, ...],
        registry: str | None,
        tracking: str | None,
        **rest: Any,
    ) -> Any:
        settings = load(config, packs, registry, tracking)
        _need_mlflow(settings)
        if named:
            rest[named] = registry is not None
        return command(*args, settings=settings, **rest)

    return wrapped


def signing_command(*parameters: Callable[[F], F]) -> Callable[[F], click.Command]:
    """A command that says something in the ledger: its own parameters, then --key and those of the settings."""

    def decorated(function: F) -> click.Command:
        function = key_option(settings_options(function))
        for parameter in reversed(parameters):
            function = parameter(function)
        return click.command()(function)

    return decorated


def _need_mlflow(settings: Settings) -> None:
    """Refuse to work on a registry's database beside an MLflow that would not guard it.

    A version that was tested is known to; any other is looked at as the store itself would.
    """
    database = settings.registry is not None and settings.registry.partition(":")[0] in SCHEMES
    if not database or click.get_current_context().info_name in _WITHOUT_MLFLOW:
        return
    from aims_gates.mlflow_plugin.internals.versions import FLOOR, need_tested

    if not need_tested(FLOOR, "aims-gates"):
        from aims_gates.mlflow_plugin.internals.verify import need_store

        need_store()


def echo(text: str, *, err: bool = False, red: bool = False) -> None:
    """Print a line that names what people wrote, as a terminal may have it."""
    from aims_gates.reports.format import clean

    click.secho(clean(text), err=err, fg="red" if red else None, bold=red or None)


def emit(value: Any, json_: bool, text: Callable[[], str]) -> None:
    """Print a value as JSON, or its text."""
    if json_:
        click.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from aims_gates.reports.format import clean

    click.echo("\n".join(clean(line) for line in text().split("\n")))


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns set side by side, wide enough for their longest cell."""
    widths = [max(len(row[index]) for row in [headings, *rows]) for index in range(len(headings))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [headings, *rows]
    ]
    return "\n".join(lines)


def save_reports(report: Any, targets: tuple[str, ...]) -> None:
    """Write each ``--report``."""
    from aims_gates.reports import parse_target, save

    for target in [parse_target(target) for target in targets]:
        click.echo(f"wrote {save(report, target)}", err=True)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """A line of progress on a terminal's standard error; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("starting ...") as status:
        yield lambda what, done, total: status.update(f"{what} ({done + 1} of {total})" if total else f"{what} ...")


def staged_bytes(report: Callable[[str, int, int], None] | None) -> Callable[[int, int], None] | None:
    """What staging calls with the bytes done and the bytes in all, to show them by :func:`progress`."""
    return None if report is None else lambda done, total: report(f"staging {done} of {total} bytes", 0, 0)
