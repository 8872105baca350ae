"""The predictions that a check is about: the model's own, those signed before, those of the version in production."""

# mypy: allow-untyped-calls

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.trust_list import Row
from aims_gates.data import Dataset
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import folder_digest
from aims_gates.errors import AimsGatesError
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.mlflow_plugin.client.again import CACHE, FACT, has_answers, keep, made_with, signed_before
from aims_gates.mlflow_plugin.client.check_context import Check
from aims_gates.mlflow_plugin.client.isolation import missing_namespaces
from aims_gates.mlflow_plugin.client.perturb import Perturbations, perturbations_of
from aims_gates.mlflow_plugin.client.predict import ATTACKS, PERTURBED, TABLE_ROLES, PredictionTable, predict_table
from aims_gates.mlflow_plugin.client.prediction_statements import confirmed, read_signed, statement_of
from aims_gates.mlflow_plugin.client.systems import positive_label
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.packs.manifest import Manifest

__all__ = ["add_both", "add_predictions", "looks_at_predictions", "perturbations_due"]


def add_predictions(check: Check, folder: Path, scratch: Path) -> None:
    """Run the model over the evaluation set, unless predictions were handed in."""
    if "evaluation" in check.inputs.given:
        check.notes.append(
            "The evaluation data were handed in: evidence on them is advisory where predictions must be signed."
        )
        return
    place = check.record.location("evaluation")
    due = [check.gates[step.gate].manifest for step in check.plan.steps if step.applies and step.gate in check.gates]
    if place is None or not looks_at_predictions(due):
        return
    if check.context.progress is not None:
        check.context.progress("predictions", 0, 0)
    if check.context.predictions is not None:
        table = _signed_elsewhere(check, check.context.predictions, folder, place, scratch)
    else:
        out, perturbations = scratch / "predictions.parquet", perturbations_due(check.record, due)
        table = _own(check, folder, place, out, perturbations)
    check.notes.append(table.isolation.said())
    check.tables.append(table)
    inputs = check.inputs
    inputs.facts = {**inputs.facts, "isolation": table.isolation.kind}
    inputs.predictions = Dataset.open(table.path, role="evaluation")
    inputs.predictions_digest = table.output
    inputs.tables = {role: Dataset.open(path, role=role) for role, (path, _) in table.tables.items()}
    inputs.table_roles = {role: (role,) for role in TABLE_ROLES if inputs.tables}


def _own(
    check: Check, folder: Path, place: Path | str, out: Path, perturbations: Perturbations | None
) -> PredictionTable:
    """The model's own predictions: those that were signed before, where nothing is another; else it is run."""
    if perturbations is not None:
        table = _predicted(check, folder, place, out, perturbations)
        check.statements.append(statement_of(table, check.now, check.inputs.facts, check.subject))
        return table
    key = _made_with(check)
    if (before := _signed_before(check, place, out, key)) is not None:
        return before
    table = _predicted(check, folder, place, out)
    keep(table)
    check.statements.append(statement_of(table, check.now, {**check.inputs.facts, FACT: key}, check.subject))
    return table


def _made_with(check: Check) -> str:
    system = check.record.system
    return made_with(
        positive_label(check.record), check.record.columns().get("prediction", ()), system.schema_.get("evaluation")
    )


def _signed_before(check: Check, place: Path | str, out: Path, key: str) -> PredictionTable | None:
    """The predictions of these bytes that the ledger vouches for, and a note that says so."""
    if not has_answers():
        return None
    view = StatementView(check.rows, check.record.system.workspace, check.name)
    vouched_for = signed_before(view, check.subject.digest, place, out, key, check.now, check.isolation)
    if vouched_for is None:
        return None
    table, row = vouched_for
    signer = ", ".join(sorted({entry.person for entry in view.trust.holders(row)}))
    check.notes.append(
        f"The model was not run again: {signer} signed its predictions on {row.at.date()}, of the same bytes, rows and "
        f"packages. {CACHE}=off has it run."
    )
    return table


def _predicted(
    check: Check, folder: Path, place: Path | str, out: Path, perturbations: Perturbations | None = None
) -> PredictionTable:
    """What a model says of the evaluation set, and of perturbed copies of its rows."""
    return predict_table(
        folder,
        place,
        out,
        positive=positive_label(check.record),
        prediction=check.record.columns().get("prediction", ()),
        perturbations=perturbations,
        numbered=False,
        isolation=check.isolation,
    )


def _signed_elsewhere(check: Check, out: Path, folder: Path, place: Path | str, scratch: Path) -> PredictionTable:
    """A copy of predictions that were signed before; their own statement, in the ledger or not, decides what they are.

    Raises:
        InputError: they are not signed.
        IntegrityError: they are of another model, of another set, or not what was signed.
    """
    envelope, statement = read_signed(out)
    table = confirmed(out, statement, folder, place, into=scratch)
    if check.context.key is not None and check.context.gated:
        check.envelopes.append(envelope)
    check.notes.append(f"The model was not run here: its predictions are those of {out.name}, signed before.")
    return table


def perturbations_due(record: SystemRecord, due: Sequence[Manifest]) -> Perturbations | None:
    """What the system has perturbed, where a gate that is due looks at such rows.

    Raises:
        InputError: it is not of that shape, or no column tells which row a perturbed row was.
    """
    if not record.system.perturbations or not any({PERTURBED, ATTACKS} & set(manifest.inputs.data) for manifest in due):
        return None
    if not record.system.roles.get("id"):
        remedy = "Add roles.id, the column that identifies a row of the evaluation set."
        raise record.document.error(("perturbations",), "perturbed rows are matched by an id, and no column is", remedy)
    return perturbations_of(record.system.perturbations, record.document.place(("perturbations",)))


def looks_at_predictions(due: Sequence[Manifest]) -> bool:
    """Whether a gate that is due looks at what the model predicts."""
    return any(manifest.trusted_predictions or {"prediction", "score"} & set(manifest.inputs.roles) for manifest in due)


def add_both(check: Check, folder: Path, rows: list[Row], scratch: Path) -> None:
    """The model's predictions and those of the version in production, each in a process of its own.

    Notes and tables come in the same order, whether or not the two run side by side.
    """
    grant = _compared_with(check, rows)
    if grant is None:
        add_predictions(check, folder, scratch)
        return
    with ThreadPoolExecutor(1) if _side_by_side(check) else nullcontext() as pool:
        run = partial(_champion, check, grant.predicate, scratch)
        ahead = None if pool is None else pool.submit(copy_context().run, run)
        add_predictions(check, folder, scratch)
        table, note = run() if ahead is None else ahead.result()
    check.notes.extend([] if note is None else [note])
    if table is not None:
        check.tables.append(table)
        check.inputs.given = {**check.inputs.given, "champion": Dataset.open(table.path, role="champion")}


def _compared_with(check: Check, rows: list[Row]) -> Row | None:
    """The grant of the version now in production, where a gate compares with it and it is another."""
    wants = [step for step in check.plan.steps if "champion" in check.gates[step.gate].manifest.inputs.data]
    if not wants or "evaluation" in check.inputs.given or check.record.location("evaluation") is None:
        return None
    grant = StatementView(rows, check.record.system.workspace, check.name).standing("production", datetime.now(UTC))
    return None if grant is None or grant.predicate.digest == check.subject.digest else grant


def _side_by_side(check: Check) -> bool:
    """Whether there are processors for two, and namespaces around each: without those one could reach into the other.

    Namespaces are as much as any plan asks for, so that nothing is left to be said of them by either.
    """
    return (os.cpu_count() or 1) > 1 and check.context.isolation in ("auto", "bwrap") and missing_namespaces() is None


def _champion(check: Check, grant: Grant, scratch: Path) -> tuple[PredictionTable | None, str | None]:
    """What the version in production says of the same rows; or why it is not known."""
    message = f"Version {grant.version}, now in production, was not compared with: "
    place = check.record.location("evaluation")
    assert place is not None
    try:
        with local_folder(grant.location) as folder:
            if folder_digest(folder) != grant.digest:
                return None, f"{message}its bytes were altered since it was granted. Run: aims-gates ledger verify"
            return _predicted(check, folder, place, scratch / "champion.parquet"), None
    except AimsGatesError as error:
        return None, f"{message}{error.message}"
