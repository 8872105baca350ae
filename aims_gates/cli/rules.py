"""``aims-gates rules``: the rule bundles, their dates, and what one changes against another."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.cli.classify import RECORD
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.governance.classification import (
    DEFAULT,
    Bundle,
    ClassificationChange,
    Result,
    bundle,
    bundle_names,
    changes,
    classify,
    organization_rules,
    read_answers,
)
from aims_gates.governance.records.reader import system_names
from aims_gates.settings import Settings

__all__ = ["command"]


def _today() -> date:
    return datetime.now(UTC).date()


@click.group()
def command() -> None:
    """The rule bundles of the classification: list, dates, differences."""


@command.command("list")
@as_json
def list_bundles(json_: bool) -> None:
    """Every bundle: what it is, from when it holds, its digest."""
    bundles = [bundle(name) for name in bundle_names()]
    rows = [
        {
            "id": bundle.id,
            "title": bundle.title,
            "law": bundle.law,
            "in_force": bundle.in_force.isoformat() if bundle.in_force else None,
            "verified": bundle.verified,
            "questions": len(bundle.questions()),
            "sha256": bundle.sha256,
            "default": bundle.id == DEFAULT,
        }
        for bundle in bundles
    ]
    cells = [(bundle.id, str(bundle.in_force or "-"), bundle.title, bundle.sha256) for bundle in bundles]
    emit(rows, json_, lambda: table(("BUNDLE", "IN FORCE", "TITLE", "DIGEST"), cells))


@command.command("dates")
@click.option("--bundle", "name", default=DEFAULT, show_default=True, help="The bundle, or a beginning of its id.")
@as_json
def dates(name: str, json_: bool) -> None:
    """The dates of a bundle, in order."""
    dates = sorted(bundle(name).dates, key=lambda dated: dated.date)
    today = _today()
    rows = [
        {"date": dated.date.isoformat(), "id": dated.id, "what": dated.what, "source": dated.source} for dated in dates
    ]
    cells = [
        (dated.date.isoformat(), "past" if dated.date <= today else "to come", dated.what, dated.source)
        for dated in dates
    ]
    emit(rows, json_, lambda: table(("DATE", "", "WHAT", "SOURCE"), cells))


def _told(change: ClassificationChange) -> str:
    place = ".".join(part for part in (change.section, change.id, change.field) if part)
    match change.kind:
        case "added":
            return f"{place}: new: {change.new}"
        case "removed":
            return f"{place}: gone: {change.old}"
        case _:
            return f"{place}: {change.old or 'nothing'} -> {change.new or 'nothing'}"


def _dates_of(result: Result) -> dict[str, str]:
    return {due.id: str(due.effective) for due in result.obligations}


def _system(name: str, path: Path, old: Bundle, new: Bundle, packs: tuple[Path, ...]) -> dict[str, Any] | None:
    """What a recorded classification under ``old`` becomes under ``new``; None when it was made under another."""
    document, today = read(path), _today()
    value = document.value
    if not isinstance(value, dict) or value.get("bundle") != old.id:
        return None
    row: dict[str, Any] = {"system": name, "record": str(path)}
    try:
        before, _ = read_answers(document, today=today, name=old.id)
        after, _ = read_answers(document, today=today, name=new.id)
    except InputError as error:
        return row | {"why": [str(error)]}
    first = classify(old, before, as_of=today, rules=organization_rules(packs, old))
    then = classify(new, replace(after, bundle=new.id), as_of=today, rules=organization_rules(packs, new))
    why = [f"tier {first.tier} -> {then.tier}"] if first.tier != then.tier else []
    known = {missing.id for missing in first.missing}
    why += [f"to be answered: {missing.id}" for missing in then.missing if missing.id not in known]
    why += _moved(_dates_of(first), _dates_of(then))
    return row | {"why": why or ["made under the old bundle; nothing else changes"]}


def _moved(earlier: Mapping[str, str], later: Mapping[str, str]) -> Iterator[str]:
    """What becomes of the duties: other dates, each pair once, and new and lost ones."""
    both = [duty for duty in earlier if duty in later]
    moves = {f"{earlier[duty]} -> {later[duty]}" for duty in both if earlier[duty] != later[duty]}
    yield from (f"duties move: {move}" for move in sorted(moves))
    yield from (f"duty {duty} is new" for duty in later if duty not in earlier)
    yield from (f"duty {duty} is gone" for duty in earlier if duty not in later)


@command.command("diff")
@click.argument("old")
@click.argument("new")
@settings_options
@as_json
def diff(old: str, new: str, settings: Settings, json_: bool) -> None:
    """What NEW changes against OLD, and which recorded systems are to be classified again."""
    before, after = bundle(old), bundle(new)
    classification_changes = changes(before, after)
    systems = [
        row
        for pack in settings.packs
        for name in system_names(pack)
        if (path := pack / "records" / "systems" / name / RECORD).is_file()
        and (row := _system(name, path, before, after, settings.packs)) is not None
    ]
    value = {
        "old": {"id": before.id, "sha256": before.sha256},
        "new": {"id": after.id, "sha256": after.sha256},
        "changes": [asdict(classification_change) for classification_change in classification_changes],
        "systems": systems,
    }
    emit(value, json_, lambda: _text(before, after, classification_changes, systems))


def _text(
    before: Bundle,
    after: Bundle,
    classification_changes: tuple[ClassificationChange, ...],
    systems: list[dict[str, Any]],
) -> str:
    decides = [
        _told(classification_change)
        for classification_change in classification_changes
        if classification_change.kind != "wording"
    ]
    words = [
        _told(classification_change)
        for classification_change in classification_changes
        if classification_change.kind == "wording"
    ]
    lines = [
        f"{before.id} -> {after.id}",
        "",
        "Changes that decide:",
        *(f"  {decide}" for decide in decides or ["none"]),
    ]
    lines += ["", "Changes of wording:", *(f"  {word}" for word in words or ["none"])]
    lines += ["", "Systems to classify again:"]
    for row in systems:
        lines += [f"  {row['system']} ({row['record']})", *(f"    {reason}" for reason in row["why"])]
    return "\n".join(lines if systems else [*lines, "  none recorded here"])
