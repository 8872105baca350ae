"""See first: a model judged by every computed gate whose inputs are there, without system, registry, key or YAML.

What a system.yaml would say is proposed from the run, the signature and the data; nothing is signed or recorded.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data import Dataset
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.mlflow_plugin.client.isolation import choose
from aims_gates.mlflow_plugin.client.model_file import ModelFile, describe, need_table
from aims_gates.mlflow_plugin.client.predict import PREDICTION, SCORE, PredictionTable, predict_table
from aims_gates.mlflow_plugin.client.run_facts import RunFacts, facts_of
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import Subject
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.reports import GateRun, Report, format
from aims_gates.reports.plain import PlainFinding, plain_findings
from aims_gates.reports.preview import Preview, preview_controls
from aims_gates.setup.proposals import Proposal, labels_of, positive_of, sensitive_of, target_of, with_bands

if TYPE_CHECKING:
    import pyarrow as pa

    from aims_gates.evaluation.run_plan import Progress

__all__ = ["Wishes", "try_model"]

_NOTHING = (
    "This is a preview under conventional limits: nothing was signed, nothing recorded, and no control is met by it."
)


@dataclass(frozen=True)
class Wishes:
    """What the caller said; all else is proposed.

    Attributes:
        target: The column that holds the truth.
        sensitive: The columns whose groups are compared; ``("none",)`` for none.
        positive: The favourable label, as text.
        prediction: Of a model that returns several columns, the one that is its prediction.
        isolation: One of :data:`aims_gates.mlflow_plugin.client.isolation.CHOICES`.
    """

    target: str | None = None
    sensitive: tuple[str, ...] = ()
    positive: str | None = None
    prediction: str | None = None
    isolation: str = "auto"


@dataclass(frozen=True)
class _Roles:
    """The roles that the gates work with, each as it was named or proposed."""

    target: Proposal
    positive: Proposal
    sensitive: Proposal
    labels: tuple[Any, ...]

    @property
    def truth(self) -> str | None:
        return next(iter(self.target.value), None)

    @property
    def label(self) -> Any:
        """The favourable label, where gates must be told: 0/1 and true/false they know."""
        label = next(iter(self.positive.value), None)
        return None if str(label) in ("None", "1", "True") else label

    @property
    def classes(self) -> list[Any] | None:
        """The labels of a target of more than two, which a gate may look at one by one."""
        return list(self.labels) if len(self.labels) > 2 else None


@dataclass(frozen=True)
class _Scored:
    """An evaluation set with what the model says of it: the data sets and column roles that gates see."""

    sets: Mapping[str, Dataset]
    columns: Mapping[str, tuple[str, ...]]
    subject: Subject
    notes: tuple[str, ...]

    def lacks(self, gate: Gate) -> list[str]:
        """The inputs that a gate needs and that are not here, in words."""
        needs = gate.manifest.inputs
        required = [name for name, need in (needs.data | needs.roles).items() if need == "required"]
        lacking = [name for name in (*required, *needs.preview) if name not in {*self.sets, *self.columns}]
        return [f"{name} data" if name in needs.data else f"a {name} column" for name in lacking]


def try_model(
    target: CheckTarget, data: Any = None, wishes: Wishes | None = None, progress: "Progress | None" = None
) -> Report:
    """Judge a model on an evaluation set under conventional limits.

    Args:
        target: The model.
        data: The evaluation set: a path, a table's address or a frame; None for the one that the run recorded.
        wishes: Roles that are named; the others are proposed.
        progress: Told what is being done.

    Raises:
        AimsGatesError: no evaluation set, or the model cannot predict on it; a gate's own trouble is a finding.
    """
    wishes = wishes or Wishes()
    say = progress or (lambda _what, _done, _total: None)
    facts = facts_of(target.run)
    source = facts.evaluation if data is None else data
    if source is None:
        remedy = "Name it: --data FILE, or aims_gates.check(data=FRAME)."
        raise InputError("no evaluation set is named, and the run recorded none on this machine", remedy=remedy)
    with tempfile.TemporaryDirectory(prefix="aims-try-") as scratch:
        roles, scored = _scored(target, source, facts, wishes, Path(scratch), say)
        gates = {gate.id: gate for gate in find_gates().values() if _judges_models(gate)}
        lacking = {gate.id: scored.lacks(gate) for gate in gates.values()}
        runs = tuple(_runs([gate for gate in gates.values() if not lacking[gate.id]], roles, scored, say))
    title = f"{target.name} version {target.version}" if target.version else target.address
    return Report(
        title=title, gates=runs, notes=(*scored.notes, _NOTHING), preview=_preview(roles, runs, lacking, target, data)
    )


def _preview(
    roles: _Roles, runs: Sequence[GateRun], lacking: Mapping[str, Sequence[str]], target: CheckTarget, data: Any
) -> Preview:
    return Preview(
        tuple(proposal.sentence() for proposal in (roles.target, roles.positive, roles.sensitive)),
        tuple(_in_words(runs, str(next(iter(roles.positive.value), "")))),
        tuple(preview_controls([(run.gate, finding) for run in runs for finding in run.findings])),
        tuple(f"{gate}: needs {' and '.join(names)}" for gate, names in lacking.items() if names),
        tuple(_next(roles, target, data)),
    )


def _next(roles: _Roles, target: CheckTarget, data: Any) -> Iterator[str]:
    if roles.truth is None:
        yield "name the column that holds the truth, so that errors can be counted: --target COLUMN"
    evaluation = ("--data", data) if isinstance(data, str) else ()
    yield f"aims-gates start {quoted('--model', target.name or 'NAME', *evaluation, '--solo')}"


def _scored(
    target: CheckTarget, source: Any, facts: RunFacts, wishes: Wishes, scratch: Path, say: "Progress"
) -> tuple[_Roles, _Scored]:
    """Propose roles, run the model, and put together what gates look at."""
    evaluation = Dataset.open(source, role="evaluation")
    with local_folder(target.address) as folder:
        model = describe(folder)
        need_table(model, target.address)
        roles = _roles(model, evaluation, facts, wishes)
        say("predictions", 0, 0)
        table = _predictions(folder, model, evaluation, source, roles, wishes, scratch)
    whole, bands = _with_bands(evaluation, table, roles)
    sets = {"evaluation": Dataset.open(whole, role="evaluation")}
    if facts.training is not None and facts.training != str(source):
        sets["reference"] = Dataset.open(facts.training, role="reference")
    columns = {
        "target": roles.target.value,
        "sensitive": tuple(bands.get(name, name) for name in roles.sensitive.value),
        **{name: (name,) for name in (PREDICTION, SCORE) if name in whole.column_names},
    }
    notes = [f"data: {evaluation.where}, {evaluation.rows:,} rows.", table.isolation.said()]
    notes += [f"{name} is a quantity: its groups are bands." for name in bands]
    subject = Subject("model", table.subject, target.name or target.address)
    return roles, _Scored(sets, {role: names for role, names in columns.items() if names}, subject, tuple(notes))


def _roles(model: ModelFile, evaluation: Dataset, facts: RunFacts, wishes: Wishes) -> _Roles:
    inputs = None if model.required is None else (*model.required, *model.optional)
    target = target_of(evaluation, inputs, wishes.target, facts.targets, model.outputs)
    name = next(iter(target.value), None)
    positive = positive_of(evaluation, name, wishes.positive)
    sensitive = sensitive_of(evaluation, name, wishes.sensitive)
    return _Roles(target, positive, sensitive, tuple(labels_of(evaluation, name)))


def _predictions(
    folder: Path, model: ModelFile, evaluation: Dataset, source: Any, roles: _Roles, wishes: Wishes, scratch: Path
) -> PredictionTable:
    """Run the model in a process of its own; one without a signature gets every column but the truth."""
    place = source
    if model.required is None or not isinstance(source, str | Path):
        hidden = roles.truth if model.required is None else None
        place = scratch / "evaluation.parquet"
        _write(evaluation.arrow(name for name in evaluation.columns if name != hidden), place)
    usual = (PREDICTION, *model.outputs[:1]) if roles.truth is None else (roles.truth, PREDICTION, *model.outputs[:1])
    return predict_table(
        folder,
        place,
        scratch / "predictions.parquet",
        positive=next(iter(roles.positive.value), None),
        prediction=usual if wishes.prediction is None else (wishes.prediction,),
        isolation=choose(wishes.isolation, key=False),
    )


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


def _with_bands(evaluation: Dataset, table: PredictionTable, roles: _Roles) -> tuple["pa.Table", dict[str, str]]:
    """The prediction table with the truth in it, and a column of bands for each sensitive quantity, by its name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pq.read_table(table.path)
    if roles.truth is not None and roles.truth not in whole.column_names:
        whole = whole.append_column(roles.truth, evaluation.arrow([roles.truth]).column(0))
    data = Dataset.open(whole, role="evaluation")
    bands = with_bands(data, roles.sensitive.value)
    if not bands:
        return whole, {}
    names = {name: f"{name} band" for name in bands}
    selected = ", ".join(f"{sql} AS {Dataset.quote(names[name])}" for name, sql in bands.items())
    return pa.Table.from_batches(list(data.batches(f"SELECT *, {selected} FROM data"))), names


def _judges_models(gate: Gate) -> bool:
    manifest = gate.manifest
    return manifest.kind == "computed" and manifest.subject == "model" and bool(manifest.inputs.data)


def _runs(gates: Sequence[Gate], roles: _Roles, scored: _Scored, say: "Progress") -> Iterator[GateRun]:
    """Every gate whose inputs are there."""
    now = datetime.now(UTC)
    for place, gate in enumerate(gates):
        say(gate.id, place, len(gates))
        findings = run_gate(gate, _case(gate, roles, scored, now))
        yield GateRun(gate.id, gate.manifest.title, outcome_of(findings), findings)


def _case(gate: Gate, roles: _Roles, scored: _Scored, now: datetime) -> Case:
    manifest = gate.manifest
    parameter = manifest.parameters.get("positive")
    positive = roles.classes if parameter is not None and parameter.classes and roles.label is None else roles.label
    settings = {"positive": positive} if parameter is not None and positive is not None else {}
    return Case(
        gate.id,
        gate.params(settings),
        {role: names for role, names in scored.columns.items() if role in manifest.inputs.roles},
        {role: dataset for role, dataset in scored.sets.items() if role in manifest.inputs.data},
        now,
        scored.subject,
    )


def _in_words(runs: Sequence[GateRun], positive: str) -> Iterator[PlainFinding]:
    """All findings in words, unmet first."""
    words = [words for run in runs for words in plain_findings(run.gate, run.findings, positive)]
    return iter(sorted(words, key=lambda finding: format.rank_of(finding.outcome)))
