"""A check as it goes: who checks with what, and what was gathered so far."""

# mypy: allow-untyped-calls

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from aims_gates.attestation.signing.envelope import Envelope, Statement
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import InputError
from aims_gates.evaluation.run_plan import GateInputs, Progress
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.ledger import rows
from aims_gates.ledger.connect import is_gated, open_ledger
from aims_gates.ledger.registry_acts import about, cited
from aims_gates.ledger.row import ACTS
from aims_gates.mlflow_plugin.client.isolation import WAYS, Isolation, choose, weaker
from aims_gates.mlflow_plugin.client.predict import PredictionTable
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.model import Evidence, Plan, Subject
from aims_gates.packs.gate import Gate
from aims_gates.settings import Settings

__all__ = ["Check", "CheckContext", "ledger_rows"]


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
        whole: Whether to tell every problem, however many there are.
    """

    settings: Settings
    key: Key | None = None
    progress: Progress | None = None
    isolation: str = "auto"
    predictions: Path | None = None
    whole: bool = False

    @cached_property
    def gated(self) -> bool:
        """Whether the registry's ledger is at hand."""
        return is_gated(self.settings.registry)


@dataclass
class Check:
    """One check as it goes."""

    context: CheckContext
    record: SystemRecord
    gates: Mapping[str, Gate]
    target: CheckTarget
    plan: Plan
    name: str
    subject: Subject
    inputs: GateInputs
    now: datetime
    statements: list[Statement] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[PredictionTable] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    @cached_property
    def rows(self) -> list[Row]:
        """The ledger's rows that bear on these bytes, as this check began."""
        return ledger_rows(self.context, self.record, self.name, self.subject.digest)

    @cached_property
    def isolation(self) -> Isolation:
        """How models are kept apart in this check.

        Raises:
            InputError: not as far as the plan requires of what is signed.
        """
        result = choose(self.context.isolation, key=self.context.key is not None)
        if weaker(result.kind, self.plan.isolation or "none"):
            least = f"your profile requires that models run in isolation, at least {self.plan.isolation}"
            if self.context.key is not None:
                why = f" ({result.reason})" if result.reason else ""
                raise InputError(f"{least}, and here is {result.kind}{why}", where="--isolation", remedy=WAYS)
            self.notes.append(f"Evidence on these predictions would not count: {least}. {WAYS}")
        return result


def ledger_rows(
    context: CheckContext,
    record: SystemRecord,
    name: str,
    subject: str | None = None,
    evidence: Iterable[Evidence] = (),
) -> list[Row]:
    """The rows that bear on a model of this system; none where the ledger is not at hand.

    Args:
        context: Where the ledger is.
        record: The system.
        name: The registered model.
        subject: As :func:`aims_gates.ledger.registry_acts.about` takes it.
        evidence: What is recorded nowhere yet; what was said of the texts and acts that it rests on is read too.
    """
    if not context.gated:
        return []
    with open_ledger(context.settings.need_registry(), write=False) as connection:
        bearing = [*about(connection, record.system.workspace, name, subject), *rows(connection, [ACTS])]
        by_position = {row.position: row for row in (*bearing, *cited(connection, evidence))}
    return [by_position[position] for position in sorted(by_position)]
