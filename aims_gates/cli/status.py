"""``aims-gates status``: every model in one table."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.canonical import plain
from aims_gates.errors import InputError
from aims_gates.portfolio import ModelStatus
from aims_gates.reports.format import clean
from aims_gates.settings import Settings

if TYPE_CHECKING:
    from aims_gates.portfolio import VersionPhase
    from aims_gates.portfolio.gather import Gathered

__all__ = ["command"]

_COLUMNS = tuple(field.name for field in fields(ModelStatus))
_WORST = (
    "break-glass", "halted", "prohibited", "unmet", "renewal due", "unbound", "open", "adopted", "trial grant",
    "observe", "warn", "met",
)  # fmt: skip
_KEYS: Mapping[str, Callable[[ModelStatus], Any]] = {
    "state": lambda row: (_WORST.index(_word(row)), -row.missing),
    "missing": lambda row: -row.missing,
    "would_refuse": lambda row: -row.would_refuse,
    "version": lambda row: (not row.version, int(row.version or 0)),
    "next_expiry": lambda row: (not row.next_expiry, row.next_expiry),
    "since": lambda row: (not row.since, row.since),
    "request": lambda row: (not row.request, row.request),
}


def _word(row: ModelStatus) -> str:
    return next((word for word in ("unmet", "renewal due") if row.state.startswith(word)), row.state)


@click.command()
@click.argument("model", required=False)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day of what WOULD REFUSE counts. Default: the ledger's beginning.",
)
@click.option("--sort", "column", type=click.Choice(_COLUMNS), default="model", help="The column to sort by.")
@settings_options
@as_json
def command(model: str | None, since: datetime | None, column: str, settings: Settings, json_: bool) -> None:
    """Every model of your packs and of the ledger: what is in production, its state, and what ends next.

    With the name of a MODEL: its line alone, and the six phases of its version's life.

    State: met, unmet N controls, renewal due (the grant stands, what it rests on has ended; in grace, with the last day
    on which a promotion would still pass), halted, unbound, open (unbound, in open mode), adopted, trial grant,
    break-glass (in red), or the mode observe or warn; grants of the last five do not count as met. By state or missing
    the worst stand first.

    WOULD REFUSE counts the promotions that observe or warn let through and enforce would have refused (--since DATE).
    """
    from aims_gates.portfolio.gather import gather

    gathered = gather(settings, datetime.now(UTC), since.date() if since else date.min)
    rows = sorted(gathered.statuses(), key=lambda row: (row.model, row.system))
    if model is not None:
        _one_model(model, gathered, settings, [row for row in rows if row.model == model], json_)
        return
    rows.sort(key=_KEYS.get(column, lambda row: getattr(row, column)))
    if json_ or all(row.state != "break-glass" for row in rows):
        emit([plain(row) for row in rows], json_, lambda: _text(rows))
        return
    for index, line in enumerate(_text(rows).split("\n")):
        red = 1 <= index <= len(rows) and rows[index - 1].state == "break-glass"
        click.secho(clean(line), fg="red" if red else None, bold=red)


def _one_model(model: str, gathered: "Gathered", settings: Settings, rows: list[ModelStatus], json_: bool) -> None:
    """One model's line, the phases of its version, and how far a halt of it reaches."""
    passed = _phases(model, gathered, settings)
    reach = _reach(settings, model) if rows and rows[0].state == "halted" else []
    value = {**(plain(rows[0]) if rows else {}), "phases": [plain(version_phase) for version_phase in passed]}
    value |= {"halt_reaches": reach} if reach else {}
    more = f"\n\nThe halt reaches: {', '.join(reach)}" if reach else ""
    emit(value, json_, lambda: f"{_text(rows)}\n\n{_passed(passed)}{more}")


def _reach(settings: Settings, model: str) -> list[str]:
    """The versions that a halt of the model reaches."""
    from aims_gates.mlflow_plugin.client.release import reaches, use

    use(settings)
    return reaches(settings, model)


def _phases(model: str, gathered: "Gathered", settings: Settings) -> "tuple[VersionPhase, ...]":
    """The phases of the version of a model that is in production, else of the newest.

    Raises:
        InputError: the ledger knows no such model.
    """
    from aims_gates.portfolio import phases
    from aims_gates.portfolio.gather import system_of

    visited = next((item for item in gathered.seen if gathered.called(item) == model), None)
    if visited is None:
        known = ", ".join(map(gathered.called, gathered.seen)) or "none"
        raise InputError(f"the ledger knows no model {model!r}", remedy=f"It knows: {known}.")
    record = system_of(settings, visited.plan.system) if visited.plan is not None else None
    return phases(visited, record.records if record is not None else {})


def _passed(passed: "tuple[VersionPhase, ...]") -> str:
    cells = [
        (version_phase.phase, version_phase.state, version_phase.on or "-", version_phase.source or "-")
        for version_phase in passed
    ]
    return table(("PHASE", "STATE", "ON", "SOURCE"), cells)


def _text(rows: list[ModelStatus]) -> str:
    if not rows:
        return "no models yet: register one through the gated registry, or start a pack with aims-gates init"
    headings = tuple(name.replace("_", " ").upper() for name in _COLUMNS)
    cells = [tuple(str(getattr(row, name) or "-") for name in _COLUMNS) for row in rows]
    counts = Counter(map(_word, rows))
    message = ", ".join(f"{counts[word]} {word}" for word in _WORST if counts[word])
    return f"{table(headings, cells)}\n{len(rows)} model{'' if len(rows) == 1 else 's'}: {message}"
