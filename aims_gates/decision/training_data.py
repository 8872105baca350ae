"""Which training sets the data gates accepted, as the ledger has it. Pure.

Of each set the latest judgement decides. An acceptance counts while it is not revoked and the key that signed it is
trusted; a refusal counts in any case, until the set is judged anew.
"""

from dataclasses import dataclass

from aims_gates.attestation.statements.evidence import TrainingDataAcceptance
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.statements import Statements

__all__ = ["JudgedSet", "judged_sets", "last_accepted", "sets_of_run"]


@dataclass(frozen=True)
class JudgedSet:
    """A training set, and what stands of its latest judgement.

    Attributes:
        data: Its digest.
        row: The latest judgement.
        accepted: Whether it may be trained on.
        reason: Why not, in a plain clause; empty where it may.
    """

    data: str
    row: Row
    accepted: bool
    reason: str


def judged_sets(ledger: Statements, system: str) -> dict[str, JudgedSet]:
    """The sets that were judged for a system, by digest, in the order of their latest judgements.

    Args:
        ledger: Rows that hold the judgements, under the names of the system's models.
        system: The system.
    """
    latest: dict[str, Row] = {}
    for row in _of_system(ledger, system):
        latest.pop(row.predicate.data, None)
        latest[row.predicate.data] = row
    return {data: _standing(ledger, row) for data, row in latest.items()}


def last_accepted(ledger: Statements, system: str) -> JudgedSet | None:
    """The set that was accepted last and still is; None where there is none."""
    accepted = [judged for judged in judged_sets(ledger, system).values() if judged.accepted]
    return accepted[-1] if accepted else None


def sets_of_run(ledger: Statements, system: str, run: str) -> list[JudgedSet]:
    """The sets that were judged in a run, whatever became of them since; none where the run is not named."""
    digests = {row.predicate.data for row in _of_system(ledger, system) if run and row.predicate.run == run}
    return [judged for data, judged in judged_sets(ledger, system).items() if data in digests]


def _of_system(ledger: Statements, system: str) -> list[Row]:
    rows = ledger.of(
        TrainingDataAcceptance,
        lambda judgement: (judgement.workspace, judgement.system) == (ledger.workspace, system),
    )
    return [row for row in rows if row.statement.subject == row.predicate.data]


def _standing(ledger: Statements, row: Row) -> JudgedSet:
    reason = ""
    if row.predicate.outcome != "pass":
        reason = f"was refused on {row.at.date()}"
    elif row.digest in ledger.revoked:
        reason = "was accepted, and that was revoked"
    elif not ledger.trust.holders(row):
        reason = "was accepted by a key that was revoked"
    return JudgedSet(row.predicate.data, row, not reason, reason)
