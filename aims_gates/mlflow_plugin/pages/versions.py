"""One version: the verdict, why, what to do, who signed and approved, and every control with what was found."""

# mypy: allow-untyped-calls

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Response
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from aims_gates.mlflow_plugin.api import shapes
from aims_gates.mlflow_plugin.client.explain import explain
from aims_gates.mlflow_plugin.pages.frame import need_sight, not_there, shown_page
from aims_gates.mlflow_plugin.server.live_store import reading, store, workspace
from aims_gates.mlflow_plugin.store.governed_names import version_number
from aims_gates.model import ControlState, Decision, Finding, ModelRef
from aims_gates.reports import Report
from aims_gates.reports.approvals import approval_lines
from aims_gates.reports.format import worst_first
from aims_gates.reports.html import verdict_parts

__all__ = ["shown"]

#: Steps, and findings of a control, that are read at a glance; the others are one click away.
_FEW = 5
_FINDINGS = 2


@dataclass(frozen=True)
class ControlLine:
    """A control with what was found for it.

    Attributes:
        control: Its state.
        findings: The worst of its findings under a limit, or of all where none is.
        more: How many more there are.
        evidence: Gate, who signed, the day it was made and the last on which it counts, of each piece of evidence.
    """

    control: ControlState
    findings: tuple[Finding, ...]
    more: int
    evidence: tuple[str, ...]


def shown(name: shapes.Name, version: shapes.Version) -> Response:
    """A version's page. As for the API's ``explain``, bytes that nothing in the ledger names are not hashed."""
    with reading() as connection:
        need_sight(connection, name, version)
        makers = _makers(name, version)
        report = explain(connection, ModelRef(workspace(), name, version), lambda: None, makers)
        return shown_page("version.html", connection, datetime.now(UTC), _values(report, makers))


def _makers(name: str, version: str) -> tuple[str, ...] | None:
    """Who made the version, by the server's record.

    Raises:
        NotFoundError: there is no such version.
    """
    try:
        store().get_model_version(name, version)
        makers: tuple[str, ...] | None = store().makers(name, version_number(version))
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        raise not_there(name, version) from error
    return makers


def _values(report: Report, makers: tuple[str, ...] | None) -> Mapping[str, Any]:
    parts = verdict_parts(report)
    decision: Decision = parts["decision"]
    return {
        **parts,
        "makers": makers,
        "few": _FEW,
        "approvals": approval_lines(decision.approvals),
        "signers": _signers(decision),
        "lines": [_line(control, decision) for control in parts["controls"]],
    }


def _signers(decision: Decision) -> list[str]:
    """Everybody who signed evidence that was looked at."""
    return sorted(
        {
            str(person)
            for control in decision.controls
            for item in control.evidence
            for person in item.get("signers", ())
        }
    )


def _line(control: ControlState, decision: Decision) -> ControlLine:
    every = worst_first(finding for _, finding in control.findings)
    judged = [finding for finding in every if finding.outcome is not None] or every
    evidence = tuple(dict.fromkeys(_evidence(item, decision) for item in control.evidence))
    return ControlLine(control, tuple(judged[:_FINDINGS]), max(0, len(judged) - _FINDINGS), evidence)


def _evidence(item: Mapping[str, Any], decision: Decision) -> str:
    """One piece of evidence with its days, not its age: a page is read, printed and filed later."""
    days, counts = item.get("age_days"), item.get("expires_days")
    parts = [str(item.get("gate", ""))]
    if isinstance(days, int | float):
        made_at = datetime.fromisoformat(decision.at) - timedelta(days=days)
        parts.append(f"of {made_at.astimezone(UTC).date()}")
        if isinstance(counts, int):
            parts.append(f"counts until {(made_at + timedelta(days=counts)).astimezone(UTC).date()}")
    if item.get("signers"):
        parts.append(f"signed by {', '.join(map(str, item['signers']))}")
    if item.get("standing") not in (None, "counts"):
        parts.append(f"does not count: {item['standing']}")
    return ", ".join(part for part in parts if part)
