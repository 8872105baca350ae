"""A plan on a system's data: evidence. What ``check`` does, without MLflow.

Each data set is opened once for all gates. A gate whose data or record is not there gets a finding that says so.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest
from aims_gates.documents.location import Location
from aims_gates.documents.shell import quoted
from aims_gates.documents.whereabouts import parts_anywhere
from aims_gates.errors import AimsGatesError, InputError, MissingDataError
from aims_gates.evaluation.on_record import FACT, OnRecord, origin, still_holds
from aims_gates.evaluation.own_limits import limits_not_set
from aims_gates.evaluation.own_schemas import NOT_DECLARED, declare_them
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Act, Artifacts, Evidence, Finding, Plan, Step, Subject
from aims_gates.packs.case import LIMITS, VERSIONS, Case
from aims_gates.packs.gate import Gate

__all__ = ["GateInputs", "library_versions", "limits_of", "run_plan"]

_LIBRARIES = (
    "aims-gates",
    "evidently",
    "fairlearn",
    "great-expectations",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
)
#: The role whose data are new each time.
_WINDOWED = "production"
Progress = Callable[[str, int, int], None]


@dataclass
class GateInputs:
    """What the gates of one check work on.

    Attributes:
        record: The system.
        subject: The model on trial.
        predictions: The prediction table of the evaluation set; None where the data set itself holds predictions.
        predictions_digest: Its digest, which evidence cites.
        given: Data sets that replace the system's own locations, by role.
        facts: Run facts that evidence carries.
        tables: Tables that were made beside the predictions, by role, unless the system or the caller names others.
        table_roles: Column roles in those tables.
        ready: The system's own data sets that were opened and hashed before, by role.
        opened: Data sets that gates look at, so far, by role.
        attached: Files that gates left beside their findings, ``<gate>-<name>`` -> bytes.
        versions: The registered versions of the system's models; None where no registry is at hand.
        limits: The limits of the plan, by gate; unless given, of the plan that is run.
        artifacts: What a scanner says of the model's files, see :class:`aims_gates.model.Artifacts`; None where none
            looked.
        acts: What the ledger holds of acts, by kind (:data:`aims_gates.model.ACTS`).
        environment: A digest of our code, the interpreter and the packages; empty where it cannot be told.
        on_record: Looks up evidence that counts; None where everything is computed.
        reused: The evidence that was taken from the record, by gate.
    """

    record: SystemRecord
    subject: Subject
    predictions: Dataset | None = None
    predictions_digest: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Dataset] = field(default_factory=dict)
    table_roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ready: Mapping[str, Dataset] = field(default_factory=dict)
    opened: dict[str, Dataset] = field(default_factory=dict)
    attached: dict[str, bytes] = field(default_factory=dict)
    artifacts: Artifacts | None = None
    versions: tuple[str, ...] | None = None
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    acts: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)
    environment: str = ""
    on_record: OnRecord | None = None
    reused: dict[str, Evidence] = field(default_factory=dict)

    def before(self, fresh: Evidence, step: Step, now: datetime) -> Evidence | None:
        """The evidence on record that is what computing would give, if there is any."""
        if self.on_record is None or not fresh.facts[FACT]:
            return None
        evidence = self.on_record(step)
        if evidence is None or not still_holds(evidence, fresh, now):
            return None
        self.reused[step.gate] = evidence
        return evidence

    @property
    def looked_up(self) -> dict[str, Any]:
        """What gates see beside the facts of the run, and evidence does not repeat."""
        versions = {} if self.versions is None else {VERSIONS: self.versions}
        return {**versions, LIMITS: self.limits}

    def source(self, role: str) -> Dataset | None:
        """The data set in this role as it lies there, before any predictions; None where none is named."""
        if role not in self.opened:
            place = (None if role in self.given else self.ready.get(role)) or self._place(role)
            place = self.tables.get(role) if place is None else place
            if place is None:
                return None
            self.opened[role] = place if isinstance(place, Dataset) else Dataset.open(place, role=role)
        return self.opened[role]

    def _place(self, role: str) -> Any:
        """Where the set lies; a file that is handed in is read as the system declares that role.

        Not so the evaluation set: what is handed in there holds predictions, which no schema of the set has.
        """
        if role not in self.given:
            return self.record.location(role)
        place = self.given[role]
        handed = isinstance(place, str | Path) and role != "evaluation"
        return Location(str(place), self.record.system.schema_.get(role)) if handed else place

    def undeclared(self, roles: Iterable[str]) -> list[str]:
        """Those of the roles whose files have no schema. What is no file has types of its own."""
        files = {role: self._place(role) for role in roles if role not in NOT_DECLARED}
        if "evaluation" in self.given:
            files.pop("evaluation", None)
        return [role for role, place in files.items() if isinstance(place, str) and self._without_schema(role)]

    def _without_schema(self, role: str) -> bool:
        source = self.source(role)
        return source is None or source.declared is None

    def seen(self, role: str) -> Dataset | None:
        """The data set as a gate sees it: for ``evaluation``, the prediction table where there is one."""
        return self.predictions if role == "evaluation" and self.predictions is not None else self.source(role)

    def roles(self) -> dict[str, tuple[str, ...]]:
        """Column roles, with the columns ``prediction`` and ``score`` of the table or of handed-in data filled in."""
        roles = {**self.table_roles, **self.record.columns()}
        handed_in = self.source("evaluation") if "evaluation" in self.given else None
        for table, ours in ((self.predictions, True), (handed_in, False)):
            for role in ("prediction", "score"):
                if table is not None and role in table.columns and (ours or role not in roles):
                    roles[role] = (role,)
        return roles


def library_versions() -> dict[str, str]:
    """The installed versions of the libraries that decide what a number means."""
    return dict(_versions())


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Read once: what this process has imported stays as it is."""
    versions = []
    for name in _LIBRARIES:
        try:
            versions.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(versions)


class _Missing(InputError):
    """A data set, a column or (where it is named) a record that a gate needs is not there."""

    record: str | None = None


def _lacking(gate: Gate, error: AimsGatesError) -> tuple[Finding, ...]:
    place = f"{error.where}: " if error.where else ""
    finding = Finding(
        gate.id,
        outcome="error",
        controls=tuple(gate.manifest.controls),
        note=f"{place}{error.message}",
        remedy=error.remedy or "Fix the input.",
        missing=isinstance(error, _Missing | MissingDataError),
        over={"record": error.record} if isinstance(error, _Missing) and error.record else None,
    )
    return (replace(finding, cause=gate.manifest.cause_of(finding)),)


def _declared(plan: Plan, bench: GateInputs, roles: Iterable[str]) -> None:
    """Refuse to read what has no schema where the profile asks for one."""
    undeclared = bench.undeclared(roles) if plan.schemas else []
    if undeclared:
        message = f"your profile requires a declared schema of each set, and {' and '.join(undeclared)} has none"
        raise _Missing(message, where=bench.record.document.where, remedy=declare_them(bench.record, undeclared))


def _case(
    plan: Plan, gate: Gate, step: Step, bench: GateInputs, earlier: Mapping[str, tuple[Finding, ...]], now: datetime
) -> Case:
    needs = gate.manifest.inputs
    data: dict[str, Dataset] = {}
    for role, need in needs.data.items():
        dataset = bench.seen(role)
        if dataset is not None:
            data[role] = dataset
        elif need == "required":
            place = bench.record.document.where
            raise _Missing(f"the system names no {role!r} data", where=place, remedy=f"Add data.{role} to system.yaml.")
    _declared(plan, bench, data)
    for name, need in needs.records.items():
        if need == "required" and name not in bench.record.records:
            place = str(bench.record.folder / f"{name}.yaml")
            remedy = f"Write it; see: aims-gates gates show {quoted(gate.id)}"
            error = _Missing("this record is missing", where=place, remedy=remedy)
            error.record = name if "/" in name else f"system/{name}"
            raise error
    roles = bench.roles()
    for role, need in needs.roles.items():
        if need == "required" and not roles.get(role):
            place = bench.record.document.where
            raise _Missing(f"no column has the role {role!r}", where=place, remedy=f"Add roles.{role} to system.yaml.")
    return Case(
        gate.id,
        step.params,
        roles,
        data,
        now,
        bench.subject,
        bench.record.records,
        dict(earlier),
        {**bench.facts, **bench.looked_up},
        artifacts=bench.artifacts,
        acts=bench.acts,
    )


def _pinned(record: SystemRecord) -> dict[str, str]:
    """What evidence says it was made under, for steps that pin it."""
    digests = {"purpose": record.purpose_digest, "specification": record.specification_digest}
    return {name: value for name, value in digests.items() if value is not None}


def _records_read(record: SystemRecord, findings: Iterable[Finding]) -> dict[str, Mapping[str, str]]:
    """File and digest of each record on which findings rest; a record that is not there has neither."""
    names = {name for finding in findings for name in finding.rests_on if name.startswith("record:")}
    there = sorted(set(record.records) & {name.removeprefix("record:") for name in names})
    return {name: record.provenance(name) for name in there}


def _beneath(bench: GateInputs, findings: Iterable[Finding], own: Collection[str]) -> list[tuple[str, Dataset]]:
    """The data under the findings of other gates that a gate read."""
    names = {name for finding in findings for name in finding.rests_on if name.startswith("data:")}
    roles = sorted({name.removeprefix("data:") for name in names} - set(own))
    return [(role, dataset) for role in roles if (dataset := bench.source(role)) is not None]


def _windows(bench: GateInputs, data: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """First and last time of the production data, where a column of theirs has the role ``timestamp``."""
    columns = bench.roles().get("timestamp", ())
    dataset = bench.source(_WINDOWED) if _WINDOWED in data else None
    if dataset is None or not columns or columns[0] not in dataset.columns or dataset.kind(columns[0]) != "datetime":
        return {}
    column = dataset.quote(columns[0])
    ends = dataset.query(f"SELECT epoch(min({column})), epoch(max({column})) FROM data")[0]
    if any(end is None or not math.isfinite(end) for end in ends):
        return {}
    first, last = (datetime.fromtimestamp(float(end), UTC).isoformat(timespec="microseconds") for end in ends)
    return {_WINDOWED: (first, last)}


def _evidence(
    plan: Plan, gate: Gate, step: Step, bench: GateInputs, earlier: Mapping[str, tuple[Finding, ...]], now: datetime
) -> Evidence:
    """A step's evidence: that on record where it still holds, else what the gate finds now."""
    facts = {**bench.facts, **_pinned(bench.record), "libraries": library_versions()}
    blank = Evidence(gate.id, gate.digest, step.params, (), "error", now.isoformat(timespec="seconds"), facts=facts)
    try:
        if gate.digest not in step.digests:
            raise InputError(
                "the gate differs from the one the plan names", where=str(gate.folder), remedy="Bind again."
            )
        case = _case(plan, gate, step, bench, earlier, now)
        blank = _about_data(blank, case, bench)
        source = origin(gate, case, _surroundings(plan, bench))
        before = bench.before(replace(blank, facts={**facts, FACT: source}), step, now)
        return before or _computed(plan, gate, case, blank, bench, source)
    except AimsGatesError as error:
        return _with(blank, _lacking(gate, error), bench)


def _surroundings(plan: Plan, bench: GateInputs) -> str:
    """A text of all beside data and parameters that findings hang on; empty where the environment is not known."""
    schemas = bench.record.system.schema_
    read_as = f" {digest(schemas)}" if schemas else ""
    return bench.environment and f"{bench.environment} {plan.profile_digest}{read_as}"


def _about_data(blank: Evidence, case: Case, bench: GateInputs) -> Evidence:
    """The evidence with the data that the gate is given."""
    data: dict[str, str] = {}
    rows: dict[str, int] = {}
    for role, dataset in case.data.items():
        source = bench.source(role) if role == "evaluation" else dataset
        data[role], rows[role] = (source or dataset).digest, dataset.rows
    cites = "evaluation" in case.data and bench.predictions is not None
    predictions = bench.predictions_digest if cites else None
    return replace(blank, data=data, rows=rows, predictions=predictions, windows=_windows(bench, data))


def _computed(plan: Plan, gate: Gate, case: Case, blank: Evidence, bench: GateInputs, source: str) -> Evidence:
    """What the gate finds now, and what it rests on."""
    beyond: set[str] = set()
    findings = run_gate(gate, case, beyond)
    findings += limits_not_set(plan, gate, bench.record, findings)
    beneath = _beneath(bench, findings, blank.data)
    data = {**blank.data, **{role: dataset.digest for role, dataset in beneath}}
    rows = {**blank.rows, **{role: dataset.rows for role, dataset in beneath}}
    records = _records_read(bench.record, findings)
    bench.attached.update({f"{gate.id}-{name}": content for name, content in case.attached.items()})
    facts = {**blank.facts, FACT: source} if source and not beyond else blank.facts
    return _with(replace(blank, data=data, rows=rows, records_read=records, facts=facts), findings, bench)


def _with(blank: Evidence, findings: tuple[Finding, ...], bench: GateInputs) -> Evidence:
    findings = tuple(_anywhere(finding, bench.record.pack) for finding in findings)
    return replace(blank, findings=findings, outcome=outcome_of(findings))


def _anywhere(finding: Finding, root: Path) -> Finding:
    """A finding whose texts name no place of this machine."""
    texts = {name: parts_anywhere(getattr(finding, name), root) for name in ("note", "remedy", "over")}
    return replace(finding, **texts)


def limits_of(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """The limits of a plan's steps that apply, by gate."""
    limits = ((step.gate, step.params.get("limits")) for step in plan.steps if step.applies)
    return {gate: value for gate, value in limits if isinstance(value, Mapping)}


def run_plan(
    plan: Plan, gates: Mapping[str, Gate], bench: GateInputs, now: datetime, progress: Progress | None = None
) -> Iterator[Evidence]:
    """Run every step that applies, in order; the steps that read others' findings come last.

    Args:
        plan: What is due.
        gates: The gates there are.
        bench: What they work on.
        now: The time that evidence states.
        progress: Told the gate, its place and the number of gates, before each runs.
    """
    due = sorted((step for step in plan.steps if step.applies), key=lambda step: step.last)
    bench.limits = bench.limits or limits_of(plan)
    findings: dict[str, tuple[Finding, ...]] = {}
    for index, step in enumerate(due):
        if progress is not None:
            progress(step.gate, index, len(due))
        if step.gate not in gates:
            raise InputError(
                f"the plan asks for the gate {step.gate!r}, which is not here", remedy="Name its pack with --pack."
            )
        evidence = _evidence(plan, gates[step.gate], step, bench, findings, now)
        findings[step.gate] = evidence.findings
        yield evidence
