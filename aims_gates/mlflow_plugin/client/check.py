"""Check a model against its system's plan: predictions, gates, signed evidence, the table of controls."""

# mypy: allow-untyped-calls

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException

from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.wording import evidence_of, say
from aims_gates.attestation.trust_list import Row
from aims_gates.data import Dataset
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.canonical import digest, folder_digest, manifest
from aims_gates.documents.shell import quoted
from aims_gates.documents.whereabouts import anywhere
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_plan import GateInputs, Progress, run_plan
from aims_gates.governance.records.lint import check_system
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system, system_names
from aims_gates.ledger import append, history
from aims_gates.ledger.connect import is_gated, open_ledger
from aims_gates.ledger.registry_acts import about
from aims_gates.mlflow_plugin.client.file_scan import look_through
from aims_gates.mlflow_plugin.client.isolation import WAYS, Isolation, choose, weaker
from aims_gates.mlflow_plugin.client.packages import service_of
from aims_gates.mlflow_plugin.client.perturb import Perturbations, perturbations_of
from aims_gates.mlflow_plugin.client.predict import (
    ATTACKS,
    PERTURBED,
    TABLE_ROLES,
    PredictionTable,
    predict_table,
)
from aims_gates.mlflow_plugin.client.prediction_statements import confirmed, read_signed, statement_of
from aims_gates.mlflow_plugin.client.runlog import log_check
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import Decision, Evidence, Plan, Subject
from aims_gates.packs.find import bundled, find_gates
from aims_gates.packs.gate import Gate
from aims_gates.profiles import read_profile
from aims_gates.reports import GateRun, Report, card
from aims_gates.settings import Settings

__all__ = ["CheckContext", "check_target", "local_plan", "positive_label", "system_of"]


@dataclass(frozen=True)
class CheckContext:
    """Who checks, with what.

    Attributes:
        settings: Packs and registry.
        key: Signs the evidence; None makes the check a preview.
        progress: Told what is being done.
        isolation: How a model's process is kept apart, one of
        :data:`aims_gates.mlflow_plugin.client.isolation.CHOICES`.
        predictions: A table that ``aims-gates predict`` wrote and signed, taken instead of running the model here.
    """

    settings: Settings
    key: Key | None = None
    progress: Progress | None = None
    isolation: str = "auto"
    predictions: Path | None = None

    @cached_property
    def gated(self) -> bool:
        """Whether the registry's ledger is at hand."""
        return is_gated(self.settings.registry)


@dataclass
class _Check:
    """One check as it goes."""

    desk: CheckContext
    record: SystemRecord
    gates: Mapping[str, Gate]
    target: CheckTarget
    plan: Plan
    name: str
    subject: Subject
    bench: GateInputs
    now: datetime
    statements: list[Statement] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[PredictionTable] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    @cached_property
    def isolation(self) -> Isolation:
        """How models are kept apart in this check.

        Raises:
            InputError: not as far as the plan requires of what is signed.
        """
        result = choose(self.desk.isolation, key=self.desk.key is not None)
        if weaker(result.kind, self.plan.isolation or "none"):
            least = f"your profile requires that models run in isolation, at least {self.plan.isolation}"
            if self.desk.key is not None:
                why = f" ({result.reason})" if result.reason else ""
                raise InputError(f"{least}, and here is {result.kind}{why}", where="--isolation", remedy=WAYS)
            self.notes.append(f"Evidence on these predictions would not count: {least}. {WAYS}")
        return result


def system_of(settings: Settings, system: str | None, model: str | None) -> SystemRecord:
    """The system by its name, or the one that lists a registered model.

    Raises:
        InputError: there is none, or more than one.
    """
    packs = list(settings.packs)
    if system is not None:
        return read_system(find_system(packs, system), system)
    records = [read_system(pack, name) for pack in packs for name in system_names(pack)]
    system_records = [record for record in records if model is None or model in record.system.models]
    if len(system_records) == 1:
        return system_records[0]
    known = ", ".join(sorted(record.system.name for record in records)) or "none"
    if not records:
        raise InputError("there is no system here", remedy="Name a pack with --pack, or start one: aims-gates init")
    many = f"{len(system_records)} systems list" if system_records else "no system lists"
    message = f"{many} the model {model!r}" if model else f"there are {len(records)} systems here, and none is named"
    raise InputError(
        message, remedy=f"Name one with --system (systems here: {known}), or list the model in its system.yaml."
    )


def local_plan(settings: Settings, record: SystemRecord) -> tuple[Plan, dict[str, Gate]]:
    """The plan as the files here say it, and the gates there are."""
    packs = [pack for pack in settings.packs if pack.resolve() != bundled().resolve()]
    gates = find_gates(packs)
    profile = read_profile(record.system.profile or record.system.tier, gates, packs)
    return make_plan(record, profile, gates), gates


def _ledger_rows(desk: CheckContext, record: SystemRecord, name: str, subject: str | None = None) -> list[Row]:
    if not desk.gated:
        return []
    with open_ledger(desk.settings.need_registry(), write=False) as connection:
        return about(connection, record.system.workspace, name, subject)


def check_target(
    desk: CheckContext, record: SystemRecord, target: CheckTarget, data: Mapping[str, Any] | None = None
) -> Report:
    """Check a model and, with a key that the registry trusts, record the evidence.

    Args:
        desk: Settings, key, progress.
        record: The system.
        target: The model.
        data: Data sets that replace the system's own, by role; an ``evaluation`` that holds a ``prediction`` column
            is taken as it is, and the evidence on it is advisory wherever the plan wants signed predictions.

    Raises:
        AimsGatesError: what cannot be checked at all; a gate's own trouble is a finding instead.
    """
    here, its = desk.settings.workspace, record.system.workspace
    if desk.gated and here != its:
        remedy = f"Work in its workspace: export MLFLOW_WORKSPACE={its}; or fix workspace in its system.yaml."
        message = f"the system {record.system.name!r} is in workspace {its!r}, and MLflow works in {here!r} here"
        raise InputError(message, remedy=remedy)
    service = service_of(desk.settings.advisories)
    plan, gates = local_plan(desk.settings, record)
    name = target.name or record.system.models[0]
    rows = _ledger_rows(desk, record, name)
    binding = StatementView(rows, record.system.workspace, name).binding()
    notes = _unsound_records(desk, record, binding.predicate.plan if binding else plan, gates)
    with tempfile.TemporaryDirectory(prefix="aims-check-") as place:
        scratch = Path(place)
        folder = _own_copy(target, scratch)
        subject = Subject("model", folder_digest(folder), f"{name}/{target.version}" if target.version else name)
        bench = GateInputs(record, subject, given=dict(data or {}), facts=_facts(desk, record, target, rows, name))
        holds = binding.predicate.plan if binding else plan
        going = _Check(desk, record, gates, target, holds, name, subject, bench, datetime.now(UTC), notes=notes)
        _say_differences(going, plan, binding)
        _predict(going, folder, scratch)
        _champion(going, rows, scratch)
        bench.artifacts = look_through(folder, subject.digest, service)
        going.evidence.extend(run_plan(going.plan, gates, bench, going.now, desk.progress))
        for table in going.tables:
            table.unchanged()
        if folder_digest(folder) != subject.digest:
            raise InputError(
                "the model changed its own bytes when it ran", where=target.address, remedy="Fix the model."
            )
        return _conclude(going, rows)


def _unsound_records(desk: CheckContext, record: SystemRecord, plan: Plan, gates: Mapping[str, Gate]) -> list[str]:
    """What ``records validate`` says of the records that a plan reads, for a preview's notes.

    Raises:
        InputError: there is any of it, and the evidence was to be signed.
    """
    due = [gates[step.gate] for step in plan.steps if step.applies and step.gate in gates]
    reads = {name for gate in due for name in gate.manifest.inputs.records}
    today = datetime.now(UTC).date()
    problems = check_system(desk.settings.packs, record.pack, record.system.name, reads, today)
    if not problems:
        return []
    lines = [f"{problem.where}: {problem.message}" for problem in problems]
    many = f"{len(lines)} problem{'' if len(lines) == 1 else 's'} in the records that this plan reads"
    if desk.key is not None and desk.gated:
        remedy = "Fix them (aims-gates records validate says how), or look on without signing: --preview."
        raise InputError("\n  x ".join([f"nothing is signed: {many}", *lines]), remedy=remedy)
    return [f"With a key this check is refused: {many}.", *lines]


def _own_copy(target: CheckTarget, scratch: Path) -> Path:
    """The model's bytes in a folder of ours: what is hashed is what runs, whoever writes to the original meanwhile."""
    with local_folder(target.address) as folder:
        manifest(folder)  # refuses links before anything follows them
        return Path(shutil.copytree(folder, scratch / "model", symlinks=True))


def _facts(desk: CheckContext, record: SystemRecord, target: CheckTarget, rows: list[Row], name: str) -> dict[str, Any]:
    facts = {**target.facts, "workspace": record.system.workspace, "system": record.system.name}
    if desk.gated:
        facts["first_release"] = not StatementView(rows, record.system.workspace, name).grants()
    return facts


def positive_label(record: SystemRecord) -> Any:
    """The favourable label that the system declares for one of its gates; None where none, or a list, is declared."""
    for gate in ("performance", "fairness"):
        positive = record.system.gates.get(gate, {}).get("positive")
        if positive is not None and not isinstance(positive, list):
            return positive
    return None


def _say_differences(going: _Check, plan: Plan, binding: Row | None) -> None:
    if binding is None:
        going.notes.append(f"{going.name!r} is bound to no system yet: this is a check by the files here.")
        return
    other = binding.predicate.system_digest != going.record.digest
    if other and going.desk.key is not None:
        # Its column roles and data locations decide what is measured, and the plan does not hold them.
        message = f"the system differs from the one that {going.name!r} is bound to, so this check cannot be signed"
        remedy = f"Undo the change, or have a policy owner bind it: aims-gates bind {quoted(going.name)} --system NAME"
        raise InputError(message, where=going.record.document.where, remedy=remedy)
    if other or digest(binding.predicate.plan) != digest(plan):
        going.notes.append("The files here differ from the signed binding. The binding holds; bind again to change it.")


def _predict(going: _Check, folder: Path, scratch: Path) -> None:
    """Run the model over the evaluation set, unless predictions were handed in."""
    if "evaluation" in going.bench.given:
        going.notes.append(
            "The evaluation data were handed in: evidence on them is advisory where predictions must be signed."
        )
        return
    place = going.record.location("evaluation")
    if place is None or not _looks_at_predictions(going):
        return
    if going.desk.progress is not None:
        going.desk.progress("predictions", 0, 0)
    if going.desk.predictions is not None:
        table = _signed_elsewhere(going, going.desk.predictions, folder, place, scratch)
    else:
        table = predict_table(
            folder,
            place,
            scratch / "predictions.parquet",
            positive=positive_label(going.record),
            perturbations=_perturbations(going),
            numbered=False,
            isolation=going.isolation,
        )
        going.statements.append(statement_of(table, going.now, going.bench.facts, going.subject))
    going.notes.append(table.isolation.said())
    going.tables.append(table)
    bench = going.bench
    bench.facts = {**bench.facts, "isolation": table.isolation.kind}
    bench.predictions = Dataset.open(table.path, role="evaluation")
    bench.predictions_digest = table.output
    bench.tables = {role: Dataset.open(path, role=role) for role, (path, _) in table.tables.items()}
    bench.table_roles = {role: (role,) for role in TABLE_ROLES if bench.tables}


def _signed_elsewhere(going: _Check, out: Path, folder: Path, place: Path | str, scratch: Path) -> PredictionTable:
    """A copy of predictions that were signed before; their own statement, in the ledger or not, decides what they are.

    Raises:
        InputError: they are not signed.
        IntegrityError: they are of another model, of another set, or not what was signed.
    """
    envelope, statement = read_signed(out)
    table = confirmed(out, statement, folder, place, into=scratch)
    if going.desk.key is not None and going.desk.gated:
        going.envelopes.append(envelope)
    going.notes.append(f"The model was not run here: its predictions are those of {out.name}, signed before.")
    return table


def _perturbations(going: _Check) -> Perturbations | None:
    """What the system has perturbed, where a gate that is due looks at such rows.

    Raises:
        InputError: it is not of that shape, or no column tells which row a perturbed row was.
    """
    record = going.record
    due = [going.gates[step.gate].manifest for step in going.plan.steps if step.applies and step.gate in going.gates]
    if not record.system.perturbations or not any({PERTURBED, ATTACKS} & set(manifest.inputs.data) for manifest in due):
        return None
    if not record.system.roles.get("id"):
        remedy = "Add roles.id, the column that identifies a row of the evaluation set."
        raise record.document.error(("perturbations",), "perturbed rows are matched by an id, and no column is", remedy)
    return perturbations_of(record.system.perturbations, record.document.place(("perturbations",)))


def _looks_at_predictions(going: _Check) -> bool:
    due = [going.gates[step.gate].manifest for step in going.plan.steps if step.applies and step.gate in going.gates]
    return any(manifest.trusted_predictions or {"prediction", "score"} & set(manifest.inputs.roles) for manifest in due)


def _champion(going: _Check, rows: list[Row], scratch: Path) -> None:
    """The version now in production, run over the same rows, for gates that compare."""
    wants = [step for step in going.plan.steps if "champion" in going.gates[step.gate].manifest.inputs.data]
    grant = StatementView(rows, going.record.system.workspace, going.name).standing("production", datetime.now(UTC))
    place = None if "evaluation" in going.bench.given else going.record.location("evaluation")
    if not wants or grant is None or place is None or grant.predicate.digest == going.subject.digest:
        return
    message = f"Version {grant.predicate.version}, now in production, was not compared with: "
    try:
        with local_folder(grant.predicate.location) as folder:
            if folder_digest(folder) != grant.predicate.digest:
                going.notes.append(
                    f"{message}its bytes were altered since it was granted. Run: aims-gates ledger verify"
                )
                return
            positive, out = positive_label(going.record), scratch / "champion.parquet"
            table = predict_table(folder, place, out, positive=positive, isolation=going.isolation)
    except AimsGatesError as error:
        going.notes.append(f"{message}{error.message}")
        return
    going.tables.append(table)
    going.bench.given = {**going.bench.given, "champion": Dataset.open(table.path, role="champion")}


def _conclude(going: _Check, rows: list[Row]) -> Report:
    going.statements.extend(say(evidence, going.subject) for evidence in going.evidence)
    envelopes = _sign_and_append(going)
    decision = _decision(going, rows, recorded=bool(envelopes))
    text = card.render_card(
        going.record.records.get("card", {}),
        going.record.records["system"],
        {evidence.gate: evidence.findings for evidence in going.evidence if evidence.gate != "model_card"},
        name=going.name,
        version=going.target.version or "",
        subject=going.subject.digest,
        at=going.now,
    )
    titles = {step.gate: step.title for step in going.plan.steps}
    report = Report(
        title=going.subject.name,
        decision=decision,
        gates=tuple(
            GateRun(evidence.gate, titles[evidence.gate], evidence.outcome, evidence.findings)
            for evidence in going.evidence
        ),
        notes=tuple(anywhere(note, going.record.pack) for note in going.notes),
        links=_links(going.target),
    )
    return _logged(going, report, envelopes, text)


def _logged(going: _Check, report: Report, envelopes: Mapping[str, Envelope], text: str) -> Report:
    """The report, once it stands on the run too. What is signed counts without it, so a failure is only said."""
    try:
        bench = going.bench
        places = {role: anywhere(dataset.where, going.record.pack) for role, dataset in bench.opened.items()}
        log_check(going.target, report, going.evidence, envelopes, bench.opened, text, bench.attached, places)
    except (MlflowException, OSError) as error:
        message = f"The run and version show nothing of this check, because logging failed: {error}"
        return replace(report, notes=(*report.notes, message))
    return report


def _links(target: CheckTarget) -> dict[str, str]:
    if target.run is None:
        return {}
    place = f"runs:/{target.run.info.run_id}/aims_gates"
    return {"report": f"{place}/report.html", "model card": f"{place}/model_card.md", "evidence": f"{place}/evidence"}


def _sign_and_append(going: _Check) -> dict[str, Envelope]:
    key, desk = going.desk.key, going.desk
    if key is None or not desk.gated:
        going.notes.append("Preview: nothing was signed or recorded. A key with the role ci makes this evidence count.")
        return {}
    envelopes: dict[str, Envelope] = {}
    with open_ledger(desk.settings.need_registry(), write=True) as connection:
        for value in going.envelopes:
            append(connection, value, datetime.now(UTC))
            envelopes["predictions"] = value
        for statement in going.statements:
            envelope = sign(statement, key)
            append(connection, envelope, datetime.now(UTC))
            if statement.type.startswith("https://in-toto.io/attestation/test-result"):
                envelopes[evidence_of(statement).gate] = envelope
            else:
                envelopes["predictions"] = envelope
    return envelopes


def _decision(going: _Check, rows: list[Row], recorded: bool) -> Decision | None:
    """The decision on the ledger; in a preview, as if a trusted key had signed what was found."""
    if not going.desk.gated:
        return None
    now = datetime.now(UTC)
    workspace = going.record.system.workspace
    if recorded:
        rows = _ledger_rows(going.desk, going.record, going.name, going.subject.digest)
    else:
        with open_ledger(going.desk.settings.need_registry(), write=False) as connection:
            trust = history(connection).current()
            rows = about(connection, workspace, going.name, going.subject.digest)
        signers = tuple(entry.key for entry in trust.keys if "ci" in entry.roles) if trust else ()
        first = max((row.position for row in rows), default=-1) + 1
        rows += [Row(first + place, now, statement, signers) for place, statement in enumerate(going.statements)]
    ask = Ask(workspace, going.name, going.target.version or "unregistered", going.subject.digest, "production", now)
    return replace(decide(ask, rows), at=now.isoformat(timespec="seconds"))
