"""The data registry: each set's data sheet, what the data gates said before training, and the models made of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from aims_gates.attestation.statements.evidence import TrainingDataAcceptance
from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.registry import Registration
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row, day
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.training_data import JudgedSet, judged_sets
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.ledger import rows
from aims_gates.ledger.row import TRUST_TYPES
from aims_gates.ledger.table import Source
from aims_gates.model import Evidence

__all__ = ["RegisteredSet", "registered_sets", "statements_about_data"]

_TYPES = TRUST_TYPES | {type_of(shape) for shape in (TrainingDataAcceptance, Registration, Revocation, Evidence)}
State = Literal["accepted", "refused", "not judged"]


@dataclass(frozen=True)
class RegisteredSet:
    """A data set of a system.

    Attributes:
        system, digest: Whose, and which bytes.
        sheet: Its data sheet; empty where there is none.
        state: What the data gates said of it before training.
        judged_on: The day of the latest judgement, ISO; empty where there is none.
        problems: What was not met then, one line each.
        rows: Its rows, as judged; None where it never was.
        groups: Rows by group, as judged.
        models: The registered versions that were trained on it, ``name/version``.
        due: What is due or overdue on it today, one clause each.
    """

    system: str
    digest: str
    sheet: Mapping[str, Any]
    state: State = "not judged"
    judged_on: str = ""
    problems: tuple[str, ...] = ()
    rows: int | None = None
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    due: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As its data sheet calls it, with its version."""
        parts = (str(self.sheet.get(part) or "") for part in ("name", "version"))
        return " ".join(filter(None, parts)) or "(no data sheet)"


def statements_about_data(connection: Source, record: SystemRecord) -> StatementView:
    """What the ledger holds of a system's sets: judgements, registrations, and the evidence about the versions.

    Raises:
        IntegrityError: one of the rows does not hold.
    """
    workspace, names = record.system.workspace, record.system.models
    first = ["trust", "revocation", *(f"{kind} {workspace}/{name}" for name in names for kind in ("model", "versions"))]
    listed = rows(connection, first, types=_TYPES)
    versions = {f"version {workspace}/{row.predicate.name}/{row.predicate.version}" for row in _registered(listed)}
    by_position = {row.position: row for row in (*listed, *rows(connection, sorted(versions), types=_TYPES))}
    return StatementView(by_position.values(), workspace, names[0])


def registered_sets(record: SystemRecord, ledger: StatementView, today: date) -> list[RegisteredSet]:
    """The sets of a system: those with a data sheet in its order, then those that the ledger alone knows.

    Args:
        record: The system with its records.
        ledger: As :func:`statements_about_data` reads it.
        today: The day by which something is due.
    """
    sheets = record.records.get("datasheets", {}).get("datasets") or ()
    by_digest = {str(sheet.get("digest")): sheet for sheet in sheets if isinstance(sheet, Mapping)}
    judged, models = judged_sets(ledger, record.system.name), _models(ledger, record)
    return [
        _set(record.system.name, digest, by_digest.get(digest, {}), judged.get(digest), models.get(digest, ()), today)
        for digest in dict.fromkeys((*by_digest, *judged, *models))
    ]


def _set(
    system: str,
    digest: str,
    sheet: Mapping[str, Any],
    judged: JudgedSet | None,
    models: Iterable[str],
    today: date,
) -> RegisteredSet:
    due = tuple(_due(sheet, bool(models), today))
    if judged is None:
        return RegisteredSet(system, digest, sheet, models=tuple(models), due=due)
    statement = judged.row.predicate
    return RegisteredSet(
        system,
        digest,
        sheet,
        state="accepted" if judged.accepted else "refused",
        judged_on=judged.row.at.date().isoformat(),
        problems=statement.problems or tuple(filter(None, [judged.reason])),
        rows=statement.rows,
        groups=statement.groups,
        models=tuple(models),
        due=due,
    )


def _due(sheet: Mapping[str, Any], trained: bool, today: date) -> Iterator[str]:
    """What is overdue by the dates of a data sheet."""
    if not sheet:
        yield "a data sheet"
        return
    if sheet.get("withdrawn") is True:
        yield "disposal: consent was withdrawn" + ("; models were trained on it" if trained else "")
    for name, words in (
        ("retention_until", "disposal: it may be kept until"),
        ("consent_until", "a legal basis: it held until"),
        ("review_by", "a review of its entry, by"),
    ):
        last = day(str(sheet.get(name)))
        if last is None or last < today:
            yield f"{words} {sheet.get(name) or 'nobody knows when'}"


def _registered(listed: Iterable[Row]) -> list[Row]:
    return [row for row in listed if row.type == type_of(Registration)]


def _models(ledger: StatementView, record: SystemRecord) -> dict[str, tuple[str, ...]]:
    """By set, the versions made of it: by the run in which it was judged, and by the training set of their evidence."""
    runs: dict[str, set[str]] = {}
    for row in ledger.of(TrainingDataAcceptance, lambda judgement: judgement.system == record.system.name):
        runs.setdefault(row.predicate.run, set()).add(row.predicate.data)
    models: dict[str, dict[str, None]] = {}
    for row in _registered(ledger.rows):
        for digest in sorted(runs.get(row.predicate.run_id or "", ()) if row.predicate.run_id else ()):
            models.setdefault(digest, {})[f"{row.predicate.name}/{row.predicate.version}"] = None
    for row in ledger.of(Evidence):
        facts, digest = row.predicate.facts, row.predicate.data.get("reference")
        if digest and facts.get("name") and facts.get("version"):
            models.setdefault(digest, {})[f"{facts['name']}/{facts['version']}"] = None
    return {digest: tuple(names) for digest, names in models.items()}
