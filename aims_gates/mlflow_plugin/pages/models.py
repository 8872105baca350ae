"""One model: what runs, its versions, grants, halts, waivers, and all that was said of it."""

# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Response
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from aims_gates.attestation.statements.people import Halt, Resume, RollbackOrder, Waiver
from aims_gates.attestation.trust_list import Row
from aims_gates.ledger.registry_acts import about, remembered
from aims_gates.mlflow_plugin.api import shapes
from aims_gates.mlflow_plugin.pages.frame import day, need_sight, not_there, shown_page
from aims_gates.mlflow_plugin.pages.history import Event, by, events, own_rows
from aims_gates.mlflow_plugin.server.live_store import reading, store, workspace
from aims_gates.portfolio import Deadline, ModelView, due_of, sort_due, view
from aims_gates.portfolio.fleet import registered
from aims_gates.reports.view import basis_words

__all__ = ["shown"]

#: Events that a page lists; the ledger has all of them.
_MOST = 300


@dataclass(frozen=True)
class GrantLine:
    """A grant, and until when it stands or stood."""

    row: Row
    until: str
    stands: bool


@dataclass(frozen=True)
class WaiverLine:
    """A waiver, who signed it, and whether it stands."""

    row: Row
    by: str
    stands: bool


def shown(name: shapes.Name) -> Response:
    """A model's page."""
    now = datetime.now(UTC)
    with reading() as connection:
        need_sight(connection, name)
        ledger = remembered(connection, [(workspace(), name)])
        model = view(ledger, workspace(), name, now)
        rows = own_rows(model.ledger, about(ledger, workspace(), name))
        registry = _in_mlflow(name)
        if registry is None and not rows:
            raise not_there(name)
        return shown_page("model.html", connection, now, _values(model, rows, registry))


def _in_mlflow(name: str) -> Any:
    """The registered model as MLflow has it; None where it has none of the name."""
    try:
        return store().get_registered_model(name)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return None


def _values(model: ModelView, rows: Sequence[Row], registry: Any) -> Mapping[str, Any]:
    deadlines = sort_due(due_of(model))
    halts = [row for row in rows if isinstance(row.predicate, Halt | Resume | RollbackOrder)]
    listed: list[Event] = events(model.ledger, rows)
    return {
        "model": model,
        "basis": basis_words(model.decision) if model.plan else "",
        "gone": registry is None,
        "description": (registry.description or "") if registry is not None else "",
        "aliases": sorted(dict(registry.aliases).items()) if registry is not None else [],
        "versions": _versions(model),
        "grants": _grants(model, deadlines),
        "deadlines": deadlines,
        "halts": events(model.ledger, halts),
        "waivers": _waivers(model, rows),
        "history": listed[:_MOST],
        "hidden": max(0, len(listed) - _MOST),
    }


def _versions(model: ModelView) -> list[tuple[str, Row, str]]:
    """The versions, newest first, with who registered them."""
    registrations = model.ledger.registrations()
    return [
        (version, registrations[version], by(model.ledger, registrations[version]))
        for version in reversed(registered(model.ledger))
    ]


def _grants(model: ModelView, deadlines: Sequence[Deadline]) -> list[GrantLine]:
    standing = {row.digest for row in model.ledger.in_force(model.now)}
    return [
        GrantLine(row, _until(model, row, deadlines, row.digest in standing), row.digest in standing)
        for row in reversed(model.ledger.grants())
    ]


def _until(model: ModelView, grant: Row, deadlines: Sequence[Deadline], stands: bool) -> str:
    """In words, when it ends or ended."""
    ends = model.ledger.ends_of(grant)
    if ends:
        return f"ended {day(ends[0].at)}"
    if not stands and model.ledger.taken_back(grant):
        return "revoked"
    if grant.predicate.expires:
        return f"until {grant.predicate.expires}"
    if model.grant is not None and grant.digest == model.grant.digest and deadlines:
        return f"no end of its own; {deadlines[0].said} ends {deadlines[0].due}"
    return "no end of its own"


def _waivers(model: ModelView, rows: Sequence[Row]) -> list[WaiverLine]:
    signed = [row for row in rows if isinstance(row.predicate, Waiver)]
    standing: set[str] = set()
    for subject in {row.predicate.digest for row in signed} if model.plan is not None else ():
        standing |= {row.digest for row in model.ledger.waivers(model.plan, subject, model.now)[0].values()}  # type: ignore[arg-type]
    return [WaiverLine(row, by(model.ledger, row), row.digest in standing) for row in reversed(signed)]
