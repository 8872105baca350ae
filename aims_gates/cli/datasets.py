"""``aims-gates datasets``: the data registry, and a training set judged before anything is trained on it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json, emit, key_option, settings_options, table
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError, NoLedgerError, NotFoundError
from aims_gates.reports.tables import FORMATS
from aims_gates.settings import Settings, maybe_signer

if TYPE_CHECKING:
    from aims_gates.portfolio.datasets import RegisteredSet

__all__ = ["command", "report"]

#: Smaller groups are withheld from what people read.
_SMALLEST = 5
_SHEET = (
    "purpose", "source", "collection", "period", "selection", "licence", "legal_basis", "consent_until", "withdrawn",
    "subjects", "known_gaps", "prior_uses", "retention_until", "review_by",
)  # fmt: skip


@click.group()
def command() -> None:
    """The data registry: sets, source, consent, who is in them, retention, and the models trained on them.

    It is joined from the data sheets of the systems (records/systems/NAME/datasheets.yaml), from what the data gates
    said before training, and from the evidence about registered versions.
    """


@command.command("list")
@click.option("--system", help="Of this system alone.")
@click.option("--due", "due_only", is_flag=True, help="Only sets on which something is due; exit code 3 if there are.")
@settings_options
@as_json
def list_(system: str | None, due_only: bool, settings: Settings, json_: bool) -> int:
    """Every set: accepted for training or not, until when it may be kept, and the models made of it."""
    sets = [item for item in _sets(settings, system) if item.due or not due_only]
    emit([_plain(item) for item in sets], json_, lambda: _listed(sets))
    return 3 if due_only and sets else 0


@command.command("show")
@click.argument("name")
@settings_options
@as_json
def show(name: str, settings: Settings, json_: bool) -> int:
    """One set: NAME is its name, or the beginning of its digest."""
    sets = [item for item in _sets(settings, None) if _is(item, name)]
    if not sets:
        raise NotFoundError(f"there is no data set {name!r}", remedy="List them: aims-gates datasets list")
    emit([_plain(item) for item in sets], json_, lambda: "\n\n".join(map(_shown, sets)))
    return 0


@command.command("accept")
@click.argument("system")
@click.argument("data", required=False)
@click.option(
    "--accepted", help="The set accepted before, where it no longer lies where it lay: drift is judged against it."
)
@click.option("--preview", is_flag=True, help="Sign and record nothing, whatever key is named.")
@key_option
@settings_options
@as_json
def accept(
    system: str,
    data: str | None,
    accepted: str | None,
    preview: bool,
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> int:
    """Judge a training set, before anything is trained on it; sign what comes out.

    DATA is a file or folder; the system's own data.reference where none is named. The data gates that need no model
    run: quality by the system's suite, the set's own data sheet (source, consent, retention, chain), shares of groups,
    leakage, and drift against the set accepted before. Exit code 2 where it is refused, with a line for each thing that
    is not met. In Python: aims_gates.training_data(SYSTEM, DATA), aims_gates.gated_run(SYSTEM, training=DATA).
    """
    from aims_gates.mlflow_plugin.client.systems import system_of
    from aims_gates.mlflow_plugin.client.training import accept as judge

    signing = None if preview else maybe_signer(settings, key)
    judgement = judge(settings, system_of(settings, system, None), data, before=accepted, key=signing)
    if json_:
        from aims_gates.documents.canonical import plain

        click.echo(json.dumps({**plain(judgement.statement), "recorded": judgement.recorded}, indent=1))
        return 0 if judgement.accepted else 2
    from aims_gates.reports.text import show as show_report

    show_report(judgement.report)
    judgement.need_pass()
    return 0


@click.command("datasets")
@click.option("--format", "how", type=click.Choice((*FORMATS, "json")), default="md", help="Default: md.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not on standard output.")
@settings_options
def report(how: str, out: Path | None, settings: Settings) -> int:
    """The data registry as a table: source, consent, groups, retention, what is due, and models."""
    from aims_gates.reports import put
    from aims_gates.reports.tables import ReportTable, render_table

    sets = _sets(settings, None)
    if how == "json":
        text = json.dumps([_plain(item) for item in sets], indent=1, ensure_ascii=False) + "\n"
    else:
        headings = (
            "Set", "System", "Purpose", "Source", "Collected", "Legal basis", "Until", "About", "Groups", "Known gaps",
            "Kept until", "Training", "Models", "Due", "Digest",
        )  # fmt: skip
        cells = tuple(_cells(item, how == "csv") for item in sets)
        facts = {"As of": datetime.now(UTC).date().isoformat()}
        note = f"Groups of fewer than {_SMALLEST} rows are not shown. What data sheets state is what people wrote."
        text = render_table(ReportTable("Data registry", facts, headings, cells, (note,)), how)
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        click.echo(f"wrote {put(text, out)}", err=True)
    return 0


def _sets(settings: Settings, system: str | None) -> list["RegisteredSet"]:
    from aims_gates.decision.in_force import StatementView
    from aims_gates.governance.records.reader import read_system, system_names
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.portfolio.datasets import registered_sets, statements_about_data

    records = [read_system(pack, name) for pack in settings.packs for name in system_names(pack)]
    if system is not None and system not in {record.system.name for record in records}:
        raise InputError(f"there is no system {system!r}", remedy="List them: aims-gates systems")
    sets, today = [], datetime.now(UTC).date()
    for record in records:
        if system not in (None, record.system.name):
            continue
        ledger = StatementView((), record.system.workspace, record.system.models[0])
        if settings.registry is not None:
            try:
                with open_ledger(settings.registry) as connection:
                    ledger = statements_about_data(connection, record)
            except NoLedgerError:
                pass
        sets += registered_sets(record, ledger, today)
    return sets


def _plain(item: "RegisteredSet") -> dict[str, Any]:
    from aims_gates.documents.canonical import plain

    sheet = {name: item.sheet.get(name) for name in _SHEET}
    own = {name: value for name, value in plain(item).items() if name != "sheet"}
    names = {"name": str(item.sheet.get("name") or ""), "version": str(item.sheet.get("version") or "")}
    return {**names, **own, **sheet, "groups": {column: dict(rows) for column, rows in item.groups.items()}}


def _is(item: "RegisteredSet", name: str) -> bool:
    start = name if name.startswith("sha256:") else f"sha256:{name}"
    return name in (item.name, item.sheet.get("name")) or (len(start) >= 15 and item.digest.startswith(start))


def _groups(groups: Mapping[str, Mapping[str, int]]) -> str:
    texts = []
    for column, rows in groups.items():
        shown = ", ".join(f"{group} {count:,}" for group, count in rows.items() if count >= _SMALLEST)
        texts.append(f"{column}: {shown or 'too few to show'}")
    return "; ".join(texts)


def _cells(item: "RegisteredSet", whole: bool) -> tuple[str, ...]:
    sheet = {name: str(item.sheet.get(name) or "") for name in _SHEET}
    consent = "withdrawn" if item.sheet.get("withdrawn") is True else sheet["consent_until"]
    return (
        item.name, item.system, sheet["purpose"], sheet["source"], sheet["collection"], sheet["legal_basis"], consent,
        sheet["subjects"], _groups(item.groups), sheet["known_gaps"], sheet["retention_until"],
        f"{item.state} {item.judged_on}".strip(), ", ".join(item.models), "; ".join(item.due),
        item.digest if whole else item.digest[7:19],
    )  # fmt: skip


def _listed(sets: list["RegisteredSet"]) -> str:
    if not sets:
        return "no data sets; describe them in datasheets.yaml: aims-gates records new system/datasheets"
    headings = ("SET", "SYSTEM", "DIGEST", "TRAINING", "KEPT UNTIL", "MODELS", "DUE")
    cells = [
        (
            item.name, item.system, item.digest[7:19], f"{item.state} {item.judged_on}".strip(),
            str(item.sheet.get("retention_until") or "-"), ", ".join(item.models) or "-", "; ".join(item.due) or "-",
        )
        for item in sets
    ]  # fmt: skip
    return table(headings, cells)


def _shown(item: "RegisteredSet") -> str:
    facts = {
        "system": item.system,
        "digest": item.digest,
        **{name.replace("_", " "): str(item.sheet.get(name, "-")) for name in _SHEET},
        "training": f"{item.state} {item.judged_on}".strip(),
        "rows": "-" if item.rows is None else f"{item.rows:,}",
        "groups": _groups(item.groups) or "-",
        "models": ", ".join(item.models) or "-",
        "due": "; ".join(item.due) or "-",
    }
    width = max(map(len, facts))
    lines = [f"  {name.ljust(width)}  {value}" for name, value in facts.items()]
    lines += [f"  x {problem}" for problem in item.problems]
    if item.state != "accepted":
        lines.append(f"  judge it: aims-gates datasets accept {quoted(item.system)} FILE --key CI.key")
    return "\n".join([item.name, *lines])
