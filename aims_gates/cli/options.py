"""What the commands share: settings and key options, JSON or text, progress."""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from aims_gates.keys import ENVIRONMENT
from aims_gates.settings import load

__all__ = [
    "as_json",
    "emit",
    "key_option",
    "progress",
    "reports_option",
    "save_reports",
    "echo",
    "settings_options",
    "table",
]

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON on standard output, nothing else.")
key_option = click.option(
    "--key", type=_FILE, help=f"Private key file (mode 0600). Default: {ENVIRONMENT}, then key in aims.yaml."
)
reports_option = click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORMAT:FILE",
    help="Write a report too: html, json, junit or text. Repeatable.",
)


def settings_options(command: F) -> F:
    """Add --config, --pack, --registry, --tracking; the command gets them as ``settings``."""

    @click.option("--config", type=_FILE, help="Settings file. Default: aims.yaml in the current folder.")
    @click.option(
        "--pack", "packs", type=_FOLDER, multiple=True, help="A folder with records/, gates/ or profiles/. Repeatable."
    )
    @click.option("--registry", help="Registry URI, e.g. aims+sqlite:///registry.db. Default: MLFLOW_REGISTRY_URI.")
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
        return command(*args, settings=load(config, packs, registry, tracking), **rest)

    return wrapped  # type: ignore[return-value]


def echo(text: str, *, err: bool = False, red: bool = False) -> None:
    """Print a line that names what people wrote, as a terminal may have it."""
    from aims_gates.reports.words import clean

    click.secho(clean(text), err=err, fg="red" if red else None, bold=red or None)


def emit(value: Any, json_: bool, text: Callable[[], str]) -> None:
    """Print a value as JSON, or its text."""
    if json_:
        click.echo(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from aims_gates.reports.words import clean

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

    for target in [parse_target(each) for each in targets]:
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
