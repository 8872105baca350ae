"""Data before training: the data gates on a set, the refusal with its table, and the signed acceptance."""

# mypy: allow-untyped-calls

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.evidence import GateVerdict, TrainingDataAcceptance
from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import day
from aims_gates.data import Dataset
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.training_data import JudgedSet, last_accepted, sets_of_run
from aims_gates.documents.canonical import digest
from aims_gates.documents.whereabouts import anywhere
from aims_gates.errors import AimsGatesError, InputError, NoLedgerError, TrainingDataRefusedError
from aims_gates.evaluation.training_data import TrainingSet, judge_training_set, sheet_of, unmet
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.ledger import append, rows
from aims_gates.ledger.connect import is_gated, open_ledger
from aims_gates.ledger.row import TRUST_TYPES
from aims_gates.mlflow_plugin.client.preflight import of_key
from aims_gates.mlflow_plugin.client.systems import differs, local_plan
from aims_gates.model import Act, Evidence, Finding, Limit, Plan, Subject, worst
from aims_gates.packs.gate import Gate
from aims_gates.reports import GateRun, Report, render
from aims_gates.reports.format import sentence
from aims_gates.settings import Settings

__all__ = ["Judgement", "accept", "judgements", "note_on_run", "refused_sets", "trained_on"]

_READ = TRUST_TYPES | {type_of(shape) for shape in (TrainingDataAcceptance, Binding, Revocation)}
_MOST_GROUPS = 100
#: Smaller groups are withheld from what people read.
_SMALLEST = 5
_STATED = Limit(">=", 1.0)
_TEXT = "aims_gates/training_data.txt"


@dataclass(frozen=True)
class Judgement:
    """What the gates said of a set.

    Attributes:
        report: The table.
        statement: What was signed and recorded, or would have been.
        unmet: Gate and finding of each thing that is not met.
        recorded: Whether it stands in the ledger.
    """

    report: Report
    statement: TrainingDataAcceptance
    unmet: tuple[tuple[str, Finding], ...]
    recorded: bool

    @property
    def accepted(self) -> bool:
        """Whether it may be trained on."""
        return not self.unmet

    def need_pass(self) -> None:
        """Refuse what is not met.

        Raises:
            TrainingDataRefusedError: with the findings, and a line for each.
        """
        if not self.unmet:
            return
        count = len(self.statement.problems)
        many = f"{count} things keep" if count > 1 else "one thing keeps"
        where = self.statement.place or "a table in memory"
        lines = "".join(f"\n  x {line}" for line in self.statement.problems)
        message = f"{many} this set from being trained on for {self.statement.system}{lines}"
        error = TrainingDataRefusedError(message, where=where, remedy="Mend the set or its data sheet, then try again.")
        error.findings = self.unmet
        raise error


def judgements(settings: Settings, record: SystemRecord) -> StatementView:
    """What the ledger holds of a system's training sets and of its binding; nothing where there is no ledger."""
    workspace, names = record.system.workspace, record.system.models
    listed = []
    if is_gated(settings.registry):
        terms = ["trust", "revocation", *(f"model {workspace}/{name}" for name in names)]
        try:
            with open_ledger(settings.need_registry()) as connection:
                listed = rows(connection, terms, types=_READ)
        except NoLedgerError:
            pass
    return StatementView(listed, workspace, names[0])


def trained_on(settings: Settings, record: SystemRecord, run: str) -> tuple[Act, ...]:
    """The sets that were judged in a run, each as its latest judgement now stands; none where no run is named."""
    if not run:
        return ()
    ledger = judgements(settings, record)
    return tuple(_act(ledger, judged, record.system.name) for judged in sets_of_run(ledger, record.system.name, run))


def _act(ledger: StatementView, judged: JudgedSet, system: str) -> Act:
    by = tuple(sorted({entry.person for entry in ledger.trust.holders(judged.row)}))
    rows_of_set = judged.row.predicate.rows
    details = {"data": judged.data, "rows": rows_of_set, "accepted": judged.accepted, "reason": judged.reason}
    return Act("training_data", judged.row.at, by, system, judged.row.digest, details)


def refused_sets(acts: Sequence[Act], plan: Plan) -> list[str]:
    """What to say of sets that were refused where the plan does not ask for their acceptance."""
    if any(step.gate == "training_data" for step in plan.steps):
        return []
    return [
        f"The training set {act.details['data'][:19]} {act.details['reason']}; your profile does not ask for that."
        for act in acts
        if not act.details["accepted"]
    ]


def accept(
    settings: Settings,
    record: SystemRecord,
    source: Any = None,
    *,
    before: Any = None,
    key: Key | None = None,
    run: str = "",
) -> Judgement:
    """Judge a training set; with a key that the registry trusts for evidence, record what came out.

    Args:
        settings: Packs and registry.
        record: The system.
        source: The set, a table or a place; the system's own ``data.reference`` when None.
        before: The set accepted before, where it no longer lies where it lay.
        key: Signs; None makes it a preview.
        run: The MLflow run in which the model is to be trained.

    Raises:
        AimsGatesError: what keeps the set from being judged at all, or the judgement from being signed; all of it.
    """
    ledger = judgements(settings, record)
    signing = key if is_gated(settings.registry) else None
    on_trial = _with_accepted(_on_trial(settings, record, source, ledger, signing), ledger, before)
    plan = on_trial.plan
    runs = judge_training_set(on_trial, datetime.now(UTC))
    judged = [(gate, evidence) for gate, evidence in runs if _judges(evidence, plan)]
    missing = tuple((evidence.gate, finding) for _, evidence in judged for finding in unmet(evidence, plan))
    if not judged:
        missing = (("training_data", Finding("gates", outcome="error", note="no gate judged it")),)
    statement = _statement(on_trial, judged, missing, run)
    recorded = _recorded(settings, statement, signing)
    return Judgement(_report(on_trial, judged, statement, recorded), statement, missing, recorded)


def _on_trial(
    settings: Settings, record: SystemRecord, source: Any, ledger: StatementView, key: Key | None
) -> TrainingSet:
    """The set, opened, with all that it is judged by.

    Raises:
        AimsGatesError: everything that keeps it from being judged, or the judgement from being signed.
    """
    problems = [] if key is None else [problem.error for problem in of_key(ledger, key.public)]
    plan, gates = local_plan(settings, record)
    if isinstance(plan, AimsGatesError):
        problems.append(plan)
    elif key is not None:
        problems += _of_binding(record, plan, ledger)
    source = record.location("reference") if source is None else source
    try:
        data = _opened(record, source)
    except AimsGatesError as error:
        raise _together([*problems, error]) from error
    if problems or isinstance(plan, AimsGatesError):
        raise _together(problems)
    return TrainingSet(record, plan, gates, source, data)


def _judges(evidence: Evidence, plan: Plan) -> bool:
    """Whether a gate had anything to judge; one that did not is no pass."""
    return any(finding.outcome is not None for finding in evidence.findings) or any(unmet(evidence, plan))


def _opened(record: SystemRecord, source: Any) -> Dataset:
    if source is None:
        remedy = "Hand it in, or name it as data.reference in system.yaml."
        raise record.document.error(("data",), "no training set is named", remedy)
    data = source if isinstance(source, Dataset) else Dataset.open(source, role="reference")
    data.require()
    return data


def _of_binding(record: SystemRecord, plan: Plan, ledger: StatementView) -> Iterator[AimsGatesError]:
    """That the files here are not those that were bound: their limits and suites decide, and nobody signed them."""
    binding = ledger.binding()
    if binding is not None and (differs(record, binding) or digest(binding.predicate.plan) != digest(plan)):
        message = "the system or its profile differs from what was bound, so nothing can be signed by it"
        remedy = "Undo the change, or have a policy owner bind it: aims-gates bind --changed"
        yield InputError(message, where=record.document.where, remedy=remedy)


def _together(problems: Sequence[AimsGatesError]) -> AimsGatesError:
    """One error that tells all of these, of the kind of the first."""
    if len(problems) == 1:
        return problems[0]
    lines = [f"{len(problems)} problems keep the training set from being judged"]
    for problem in problems:
        place = f"{problem.where}: " if problem.where else ""
        lines.append(f"  x {place}{problem.message}. {problem.remedy or ''}".rstrip())
    return type(problems[0])("\n".join(lines), remedy="Fix them.")


def _with_accepted(on_trial: TrainingSet, ledger: StatementView, before: Any) -> TrainingSet:
    """The set with the one accepted before it, missing where it lay or handed in."""
    record = on_trial.record
    last = last_accepted(ledger, record.system.name)
    if last is None or last.data == on_trial.data.digest:
        return on_trial
    place = before if before is not None else record.pack / last.row.predicate.place
    lies = before is not None or (bool(last.row.predicate.place) and Path(place).exists())
    accepted = _if_readable(place) if lies else None
    if accepted is not None and accepted.digest == last.data:
        return replace(on_trial, accepted=accepted)
    if _disposed(record, last):
        on_trial.notes.append(f"Drift was not judged: the retention of the set {last.data[:19]} has ended.")
        return on_trial
    return replace(on_trial, problem=_not_there(last))


def _if_readable(place: Any) -> Dataset | None:
    try:
        return Dataset.open(place, role="reference")
    except AimsGatesError:
        return None


def _disposed(record: SystemRecord, last: JudgedSet) -> bool:
    """Whether its data sheet says that the set may no longer be kept."""
    sheet = sheet_of(record, last.data) or {}
    last_day = day(str(sheet.get("retention_until")))
    return sheet.get("withdrawn") is True or (last_day is not None and last_day < datetime.now(UTC).date())


def _not_there(last: JudgedSet) -> Finding:
    place = last.row.predicate.place or "a table in memory"
    note = f"the set accepted on {last.row.at.date()} ({last.data[:19]}, {place}) is not there to compare with"
    remedy = "Hand it in: accepted=DATA, or --accepted FILE."
    return Finding("accepted_before", outcome="error", note=note, remedy=remedy)


def _statement(
    on_trial: TrainingSet,
    judged: Sequence[tuple[Gate, Evidence]],
    missing: Sequence[tuple[str, Finding]],
    run: str,
) -> TrainingDataAcceptance:
    system, pack = on_trial.record.system, on_trial.record.pack
    return TrainingDataAcceptance(
        system.workspace,
        system.models[0],
        system.name,
        on_trial.data.digest,
        on_trial.data.rows,
        worst(["pass", *(finding.outcome or "error" for _, finding in missing)]),
        tuple(GateVerdict(gate.id, gate.digest, evidence.outcome) for gate, evidence in judged),
        place=_place(on_trial),
        compared=on_trial.accepted.digest if on_trial.accepted is not None else "",
        run=run,
        problems=tuple(dict.fromkeys(_line(name, finding, pack) for name, finding in missing)),
        groups=_groups(on_trial),
    )


def _line(gate: str, finding: Finding, pack: Path) -> str:
    """What is not met, in a line: of a statement its sentence, of a number what it is and must be."""
    stated = finding.note is not None and (finding.value is None or finding.limit == _STATED)
    parts = (None if stated else sentence(finding, _SMALLEST), finding.note, finding.remedy)
    return anywhere(f"{gate}: {'. '.join(part.rstrip('.') for part in parts if part)}.", pack)


def _place(on_trial: TrainingSet) -> str:
    """Where the set lies, from the pack's root; empty for a table in memory."""
    source = on_trial.source
    if not isinstance(source, str | Path):
        return ""
    here = str(Path(source).resolve()) if Path(source).exists() else on_trial.data.where
    return anywhere(here, on_trial.record.pack.resolve())


def _groups(on_trial: TrainingSet) -> Mapping[str, Mapping[str, int]]:
    """Rows by group, for each column in the role ``sensitive`` that the set has."""
    data, groups = on_trial.data, {}
    for column in on_trial.record.columns().get("sensitive", ()):
        if column not in data.columns:
            continue
        text = f"coalesce(CAST({data.quote(column)} AS VARCHAR), 'missing')"
        counted = data.query(f"SELECT {text}, count(*) FROM data GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MOST_GROUPS}")
        groups[column] = {str(group): int(count) for group, count in counted}
    return groups


def _recorded(settings: Settings, statement: TrainingDataAcceptance, key: Key | None) -> bool:
    if key is None:
        return False
    subject = Subject("system", statement.data, statement.system)
    with open_ledger(settings.need_registry(), write=True) as connection:
        append(connection, sign(say(statement, subject), key), datetime.now(UTC))
    return True


def _report(
    on_trial: TrainingSet, judged: Sequence[tuple[Gate, Evidence]], statement: TrainingDataAcceptance, recorded: bool
) -> Report:
    runs = tuple(
        GateRun(gate.id, gate.manifest.title, evidence.outcome, evidence.findings) for gate, evidence in judged
    )
    result = "Accepted" if statement.outcome == "pass" else "Refused"
    notes = [f"{result}: {statement.data[:19]}, {statement.rows:,} rows.", *on_trial.notes]
    if not recorded:
        notes.append("Preview: nothing was signed or recorded. A key with the role ci makes this count.")
    return Report(f"training data of {statement.system}", gates=runs, notes=tuple(notes))


def note_on_run(run: str, judgement: Judgement) -> None:
    """Leave set, outcome and table on the run, for people to see."""
    client, statement = mlflow.MlflowClient(), judgement.statement
    shown = MlflowDataset(
        "training", statement.data.removeprefix("sha256:")[:36], "local", json.dumps({"uri": statement.place})
    )
    tags = [InputTag("mlflow.data.context", "training"), InputTag("aims_gates.digest", statement.data)]
    client.log_inputs(run, datasets=[DatasetInput(shown, tags)])
    client.set_tag(run, "aims_gates.training_data", "accepted" if statement.outcome == "pass" else "refused")
    client.log_text(run, render("text", judgement.report), _TEXT)
