"""Which evidence counts, and why the rest does not (rules 4 and 19 of :mod:`aims_gates.decision.rules`). Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.statements import Statements
from aims_gates.documents.canonical import digest_of
from aims_gates.model import LEAST_ISOLATION, DataRule, Evidence, Plan, Step

__all__ = ["Counted", "EvidenceView", "Standing", "age_days", "moment", "window_days"]

Standing = Literal["counts", "missing", "stale"]
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Counted:
    """A step's evidence, and whether it counts; where it does not and no check would help, the command that would."""

    step: Step
    standing: Standing
    reason: str
    row: Row | None = None
    evidence: Evidence | None = None
    remedy: str = ""


def moment(iso: str) -> datetime | None:
    """A time as statements write it; None where it is none, or names no time zone."""
    try:
        time = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def age_days(row: Row, produced_at: str, now: datetime) -> float | None:
    """Age in days by the older of the statement's own time and its arrival in the ledger; None when unknowable."""
    produced = moment(produced_at)
    if produced is None or row.at > now:
        return None
    return (now - min(produced, row.at)) / _DAY


def window_days(evidence: Evidence, role: str) -> float | None:
    """Days from the first to the last time in data of this role; None where nobody measured them."""
    ends = [moment(time) for time in evidence.windows.get(role, ())]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        return None
    return (ends[1] - ends[0]) / _DAY


class EvidenceView(Statements):
    """The same statements, asked about what was measured."""

    def all_evidence(self, step: Step, subject: str) -> list[Counted]:
        """All evidence of a step about these bytes that ever came in, in order, counting or not.

        What names another workspace is about another system there, whatever it is called: it neither meets nor fails
        anything here.
        """
        return [
            Counted(step, "stale", "", row, row.predicate)
            for row in self.of(
                Evidence, lambda predicate: predicate.gate == step.gate and self._of_this_workspace(predicate.facts)
            )
            if row.statement.subject == subject
        ]

    def predictions(self, subject: str) -> list[Row]:
        """The signed predictions by these bytes that stand, in order: not revoked, and by a key that is trusted."""
        return [
            row
            for row in self.of(Predictions)
            if row.statement.subject == subject and row.digest not in self.revoked and self.trust.holders(row)
        ]

    def evidenced_bytes(self, version: str) -> str | None:
        """The bytes that trusted evidence says this version has; to explain with, never to promote with."""
        rows = [
            row
            for row in self.of(
                Evidence,
                lambda predicate: (predicate.facts.get("name"), predicate.facts.get("version")) == (self.name, version),
            )
            if row.position > self.born and self._of_this_workspace(row.predicate.facts)
        ]
        return rows[-1].statement.subject if rows else None

    def _of_this_workspace(self, facts: Mapping[str, Any]) -> bool:
        """Whether evidence was made in this workspace, or names none."""
        return bool(facts.get("workspace", self.workspace) == self.workspace)

    def count(self, plan: Plan, step: Step, subject: str, now: datetime) -> Counted:
        """A step's latest evidence about these bytes, and whether it counts."""
        gate_evidences = self.all_evidence(step, subject)
        if not gate_evidences or gate_evidences[-1].row is None:
            return Counted(step, "missing", "there is no evidence about these bytes")
        row, evidence = gate_evidences[-1].row, gate_evidences[-1].row.predicate
        standing, reason = _Measured(self, plan, step, row, evidence, now).standing()
        return Counted(step, standing, reason, row, evidence)


@dataclass(frozen=True)
class _Measured:
    """One piece of evidence against what the plan asks of it: each method gives what speaks against it, if anything."""

    ledger: EvidenceView
    plan: Plan
    step: Step
    row: Row
    evidence: Evidence
    now: datetime

    def standing(self) -> tuple[Standing, str]:
        """The first objection; the order is that in which somebody can do something about them."""
        objections = (
            self._untrusted,
            self._other_system_or_gate,
            self._other_pins,
            self._too_old,
            self._other_evaluation_set,
            self._other_sample,
            self._unsigned_predictions,
            self._unsigned_tables,
        )
        return next((objection for check in objections if (objection := check()) is not None), ("counts", ""))

    def _untrusted(self) -> tuple[Standing, str] | None:
        if self.row.digest in self.ledger.revoked:
            return "missing", "its evidence was revoked"
        if not self.ledger.trust.holders(self.row):
            return "missing", "the key that signed its evidence was revoked"
        return None

    def _other_system_or_gate(self) -> tuple[Standing, str] | None:
        if self.evidence.facts.get("system", self.plan.system) != self.plan.system:
            return "stale", f"its evidence was made for the system {self.evidence.facts['system']!r}"
        if self.evidence.gate_digest not in self.step.digests:
            return "stale", "its evidence was made by another version of the gate than your profile accepts"
        if digest_of(self.evidence, "params") != digest_of(self.step, "params"):
            return "stale", "its evidence was made with other limits or parameters than your profile sets"
        return None

    def _other_pins(self) -> tuple[Standing, str] | None:
        for pin in self.step.pins:
            if self.evidence.facts.get(pin) != getattr(self.plan, f"{pin}_digest", None):
                return "stale", f"its evidence was made under another {pin} than the one bound"
        return None

    def _too_old(self) -> tuple[Standing, str] | None:
        age = age_days(self.row, self.evidence.produced_at, self.now)
        if age is None:
            return "stale", "its evidence has no usable time, or the clock is behind the ledger"
        if not (age <= self.step.expires_days):
            return "stale", f"its evidence is {age:.0f} days old; it counts for {self.step.expires_days}"
        return None

    def _other_evaluation_set(self) -> tuple[Standing, str] | None:
        fixed = self.plan.evaluation_digest
        if fixed is not None and self.evidence.data.get("evaluation", fixed) != fixed:
            return "stale", "its evidence is about another evaluation set than the one fixed beforehand"
        return None

    def _other_sample(self) -> tuple[Standing, str] | None:
        """What was said beforehand of further data: which, how many rows, over how many days."""
        for role, sample in self.plan.samples.items():
            if role in self.evidence.data and (problem := self._short_of(role, sample)):
                return "stale", f"its {role} data {problem}, said beforehand"
        return None

    def _short_of(self, role: str, sample: DataRule) -> str | None:
        if sample.digest is not None and self.evidence.data[role] != sample.digest:
            return "are not those"
        rows = self.evidence.rows.get(role, 0)
        if not (rows >= sample.least_rows):
            return f"have {rows:,} rows, fewer than the {sample.least_rows:,}"
        days = window_days(self.evidence, role)
        if sample.days and (days is None or not (days >= sample.days)):
            return f"span {'an unknown time' if days is None else f'{days:.1f} days'}, not the {sample.days} days"
        return None

    def _unsigned_predictions(self) -> tuple[Standing, str] | None:
        if not self.step.trusted_predictions:
            return None
        if not self._cites(lambda _: True):
            return "missing", "its evidence is advisory: it cites no signed predictions on the fixed evaluation set"
        if not self._cites(self._isolated_enough):
            return "missing", f"its predictions were not made{self._isolation_clause()}"
        return None

    def _unsigned_tables(self) -> tuple[Standing, str] | None:
        """Further tables count as made beside signed predictions, of whatever run on the fixed evaluation set."""
        for role in self.step.tables:
            if role in self.evidence.data and not self._signed_table(role, self.evidence.data[role]):
                message = f"no signed predictions{self._isolation_clause()} name its {role} data"
                return "missing", f"its evidence is advisory: {message}"
        return None

    def _signed_table(self, role: str, table: str) -> bool:
        return self._predicted(
            lambda predictions: predictions.tables.get(role) == table and self._isolated_enough(predictions)
        )

    def _cites(self, keep: Callable[[Predictions], bool]) -> bool:
        """Whether it cites a signed prediction table, of this sort, on the evaluation set that was fixed beforehand."""
        cited = self.evidence.predictions
        return (
            cited is not None
            and self.evidence.data.get("evaluation") == self.plan.evaluation_digest
            and self._predicted(lambda predictions: predictions.output == cited and keep(predictions))
        )

    def _predicted(self, keep: Callable[[Predictions], bool]) -> bool:
        """Whether signed predictions by the row's subject, on the set fixed beforehand, stand and are of this sort."""
        fixed = self.plan.evaluation_digest
        return fixed is not None and any(
            row.predicate.data == fixed and keep(row.predicate)
            for row in self.ledger.predictions(self.row.statement.subject)
        )

    def _isolated_enough(self, predictions: Predictions) -> bool:
        """Whether the model's process was kept apart as far as the plan asks (rule 19); what is not known was not."""
        least = self.plan.isolation
        return not least or (
            LEAST_ISOLATION.get(predictions.isolation, 0) >= LEAST_ISOLATION.get(least, len(LEAST_ISOLATION))
        )

    def _isolation_clause(self) -> str:
        return f" in isolation, and your profile requires at least {self.plan.isolation}" if self.plan.isolation else ""
