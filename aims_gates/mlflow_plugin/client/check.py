"""Check a model against its system's plan: predictions, gates, signed evidence, the table of controls."""

# mypy: allow-untyped-calls

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException

from aims_gates.attestation.signing.envelope import Envelope, sign
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.wording import evidence_of, say
from aims_gates.attestation.trust_list import Row
from aims_gates.data import Dataset
from aims_gates.decision.acts import acts_of
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.question import UNREGISTERED
from aims_gates.decision.refusals import intake_notes
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.canonical import digest, folder_digest, manifest
from aims_gates.documents.shell import invocation, quoted
from aims_gates.documents.whereabouts import anywhere
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.on_record import OnRecord
from aims_gates.evaluation.run_plan import GateInputs, run_plan
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.ledger import append
from aims_gates.ledger.connect import open_ledger
from aims_gates.mlflow_plugin.client.again import CACHE, counting, environment
from aims_gates.mlflow_plugin.client.check_context import Check, CheckContext, ledger_rows
from aims_gates.mlflow_plugin.client.check_predictions import add_both
from aims_gates.mlflow_plugin.client.file_scan import look_through
from aims_gates.mlflow_plugin.client.packages import service_of
from aims_gates.mlflow_plugin.client.preflight import Preflight, look_ahead
from aims_gates.mlflow_plugin.client.runlog import log_check
from aims_gates.mlflow_plugin.client.systems import differs, local_plan
from aims_gates.mlflow_plugin.client.targets import CheckTarget, versions_of
from aims_gates.mlflow_plugin.client.training import refused_sets, trained_on
from aims_gates.mlflow_plugin.client.unbound import as_if_bound
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import Decision, Plan, Subject
from aims_gates.reports import GateRun, Report, card

__all__ = ["CheckContext", "check_target"]


def check_target(
    context: CheckContext, record: SystemRecord, target: CheckTarget, data: Mapping[str, Any] | None = None
) -> Report:
    """Check a model and, with a key that the registry trusts, record the evidence.

    Args:
        context: Settings, key, progress.
        record: The system.
        target: The model.
        data: Data sets that replace the system's own, by role; an ``evaluation`` that holds a ``prediction`` column
            is taken as it is, and the evidence on it is advisory wherever the plan wants signed predictions.

    Raises:
        AimsGatesError: what cannot be checked at all; a gate's own trouble is a finding instead.
    """
    here, its = context.settings.workspace, record.system.workspace
    if context.gated and here != its:
        remedy = f"Work in its workspace: export MLFLOW_WORKSPACE={its}; or fix workspace in its system.yaml."
        message = f"the system {record.system.name!r} is in workspace {its!r}, and MLflow works in {here!r} here"
        raise InputError(message, remedy=remedy)
    service = service_of(context.settings.advisories)
    local, gates = local_plan(context.settings, record)
    name = target.name or record.system.models[0]
    rows = ledger_rows(context, record, name)
    binding = StatementView(rows, record.system.workspace, name).binding()
    sets: dict[str, Dataset] = {}
    notes = look_ahead(Preflight(context, record, target, name, rows, binding, local, gates, data or {}, sets))
    if not isinstance(local, Plan):
        raise local
    holds = binding.predicate.plan if binding else local
    difference = _difference(local, record, name, binding)
    with tempfile.TemporaryDirectory(prefix="aims-check-") as place:
        scratch = Path(place)
        folder = _own_copy(target, scratch)
        subject = Subject("model", folder_digest(folder), f"{name}/{target.version}" if target.version else name)
        facts = _facts(context, record, target, rows, name)
        inputs = GateInputs(record, subject, given=dict(data or {}), facts=facts, ready=_as_read(sets))
        check = Check(context, record, gates, target, holds, name, subject, inputs, datetime.now(UTC), notes=notes)
        check.notes.extend(intake_notes(StatementView(rows, record.system.workspace, name), target.version or ""))
        check.notes.extend([] if difference is None else [difference])
        inputs.versions = versions_of(record.system.models)
        add_both(check, folder, rows, scratch)
        inputs.acts = acts_of(StatementView(rows, record.system.workspace, name), record.system.name)
        inputs.acts["training_data"] = trained_on(context.settings, record, str(target.facts.get("run_id", "")))
        check.notes.extend(refused_sets(inputs.acts["training_data"], check.plan))
        inputs.artifacts = look_through(folder, subject.digest, service)
        inputs.environment = environment()
        inputs.on_record = _on_record(check)
        check.evidence.extend(run_plan(check.plan, gates, inputs, check.now, context.progress))
        check.notes.extend(_not_computed(check))
        for table in check.tables:
            table.unchanged()
        if folder_digest(folder) != subject.digest:
            raise InputError(
                "the model changed its own bytes when it ran", where=target.address, remedy="Fix the model."
            )
        return _conclude(check, rows)


def _as_read(sets: Mapping[str, Dataset]) -> Mapping[str, Dataset]:
    """These data sets, hashed before any model runs; whoever needs a digest that cannot be had is told why then."""
    for dataset in sets.values():
        with suppress(AimsGatesError):
            _ = dataset.digest
    return sets


def _on_record(check: Check) -> OnRecord | None:
    """Looks up the evidence about these bytes that counts today."""
    view = StatementView(check.rows, check.record.system.workspace, check.name)
    return counting(view, check.plan, check.subject.digest, check.now)


def _not_computed(check: Check) -> list[str]:
    """Which gates' findings were read from the ledger, if any were."""
    if not check.inputs.reused:
        return []
    gates = ", ".join(sorted(check.inputs.reused))
    oldest = min(evidence.produced_at for evidence in check.inputs.reused.values())[:10]
    return [
        f"Not computed again: {gates}. Their findings are those in the ledger, the oldest of {oldest}, of the same "
        f"bytes, parameters, code and packages. {CACHE}=off has them computed."
    ]


def _own_copy(target: CheckTarget, scratch: Path) -> Path:
    """The model's bytes in a folder of ours: what is hashed is what runs, whoever writes to the original meanwhile."""
    with local_folder(target.address) as folder:
        manifest(folder)  # refuses links before anything follows them
        return Path(shutil.copytree(folder, scratch / "model", symlinks=True))


def _facts(
    context: CheckContext, record: SystemRecord, target: CheckTarget, rows: list[Row], name: str
) -> dict[str, Any]:
    facts = {**target.facts, "workspace": record.system.workspace, "system": record.system.name}
    if context.gated:
        grants = StatementView(rows, record.system.workspace, name).grants()
        facts["first_release"] = not grants
        if grants:
            facts["released_on"] = min(row.at for row in grants).date().isoformat()
    return facts


def _difference(plan: Plan, record: SystemRecord, name: str, binding: Row | None) -> str | None:
    """What the files here differ in from what was signed, if they do."""
    if binding is None:
        return f"{name!r} is bound to no system yet: this is a check by the files here."
    other = differs(record, binding)
    if other or digest(binding.predicate.plan) != digest(plan):
        return "The files here differ from the signed binding. The binding holds; bind again to change it."
    return None


def _conclude(check: Check, rows: list[Row]) -> Report:
    reused = check.inputs.reused
    fresh = [evidence for evidence in check.evidence if evidence.gate not in reused]
    check.statements.extend(say(evidence, check.subject) for evidence in fresh)
    envelopes = _sign_and_append(check)
    decision = _decision(check, rows, recorded=bool(envelopes))
    text = card.render_card(
        check.record.records.get("card", {}),
        check.record.records["system"],
        {evidence.gate: evidence.findings for evidence in check.evidence if evidence.gate != "model_card"},
        name=check.name,
        version=check.target.version or "",
        subject=check.subject.digest,
        at=check.now,
    )
    titles = {step.gate: step.title for step in check.plan.steps}
    report = Report(
        title=check.subject.name,
        decision=decision,
        gates=tuple(
            GateRun(evidence.gate, titles[evidence.gate], evidence.outcome, evidence.findings)
            for evidence in check.evidence
        ),
        notes=tuple(anywhere(note, check.record.pack) for note in check.notes),
        links=_links(check.target),
        all_of_it=_all_of_it(check, recorded=bool(envelopes)),
    )
    return _logged(check, report, envelopes, text)


def _logged(check: Check, report: Report, envelopes: Mapping[str, Envelope], text: str) -> Report:
    """The report, once it stands on the run too. What is signed counts without it, so a failure is only said."""
    try:
        inputs = check.inputs
        places = {role: anywhere(dataset.where, check.record.pack) for role, dataset in inputs.opened.items()}
        log_check(check.target, report, check.evidence, envelopes, inputs.opened, text, inputs.attached, places)
    except (MlflowException, OSError) as error:
        message = f"The run and version show nothing of this check, because logging failed: {error}"
        return replace(report, notes=(*report.notes, message))
    return report


def _all_of_it(check: Check, recorded: bool) -> str:
    """The command that prints all: of what is recorded, else the check once more."""
    target = check.target
    if target.name is None or target.version is None:
        return f"aims-gates check {quoted('--model', target.address, '--all')}"
    if recorded:
        return invocation("explain", target.name, target.version, options="--all")
    return f"aims-gates check {quoted('--model', target.name, '--version', target.version, '--all')}"


def _links(target: CheckTarget) -> dict[str, str]:
    if target.run is None:
        return {}
    place = f"runs:/{target.run.info.run_id}/aims_gates"
    return {"report": f"{place}/report.html", "model card": f"{place}/model_card.md", "evidence": f"{place}/evidence"}


def _sign_and_append(check: Check) -> dict[str, Envelope]:
    key, context = check.context.key, check.context
    if key is None or not context.gated:
        check.notes.append("Preview: nothing was signed or recorded. A key with the role ci makes this evidence count.")
        return {}
    envelopes: dict[str, Envelope] = {}
    with open_ledger(context.settings.need_registry(), write=True) as connection:
        for value in check.envelopes:
            append(connection, value, datetime.now(UTC))
            envelopes["predictions"] = value
        for statement in check.statements:
            envelope = sign(statement, key)
            append(connection, envelope, datetime.now(UTC))
            if statement.type.startswith("https://in-toto.io/attestation/test-result"):
                envelopes[evidence_of(statement).gate] = envelope
            else:
                envelopes["predictions"] = envelope
    return envelopes


def _decision(check: Check, rows: list[Row], recorded: bool) -> Decision | None:
    """The decision on the ledger; in a preview, as if a trusted key had signed what was found."""
    if not check.context.gated:
        return None
    now = datetime.now(UTC)
    workspace = check.record.system.workspace
    if recorded:
        in_ledger, made_up = ledger_rows(check.context, check.record, check.name, check.subject.digest), []
    else:
        in_ledger = ledger_rows(check.context, check.record, check.name, check.subject.digest, check.evidence)
        trust = StatementView(in_ledger, workspace, check.name).trust.current()
        signers = tuple(entry.key for entry in trust.keys if "ci" in entry.roles) if trust else ()
        first = max((row.position for row in in_ledger), default=-1) + 1
        made_up = [Row(first + place, now, statement, signers) for place, statement in enumerate(check.statements)]
    ask = Ask(workspace, check.name, check.target.version or UNREGISTERED, check.subject.digest, "production", now)
    view = StatementView(in_ledger, workspace, check.name)
    why = view.unbound()
    if why is not None:
        binding = Binding(workspace, check.name, check.record.system.kind, check.plan, check.record.digest)
        decision = as_if_bound(ask, binding, why, check.statements, in_ledger, now)
    else:
        decision = replace(decide(ask, [*in_ledger, *made_up]), at=now.isoformat(timespec="seconds"))
    persons = {row.digest: sorted({entry.person for entry in view.trust.holders(row)}) for row in in_ledger}
    digests = [statement.digest for statement in check.statements]
    return _with_signers(decision, {digest: persons.get(digest, []) for digest in digests})


def _with_signers(decision: Decision, signers: Mapping[str, list[str]]) -> Decision:
    """The decision with the people who signed these statements (by digest), and not those it was made to believe in."""

    def true(item: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**item, "signers": signers.get(item["statement"], item["signers"])}

    controls = (replace(control, evidence=tuple(map(true, control.evidence))) for control in decision.controls)
    return replace(decision, controls=tuple(controls))
