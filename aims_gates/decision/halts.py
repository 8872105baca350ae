"""What a halt reaches: which bytes may not be loaded, under whatever name, and what ends that. Pure.

A halt of a name stops every digest that was granted under that name before it. Such bytes load under no name until they
are granted anew under the name that is asked about, on a request or an order said after the halt, or until the halted
name is resumed by somebody who may. What was never granted is not stopped: a fixed version has to be checked first.

:func:`aims_gates.ledger.registry_acts.stopping` finds the rows in a ledger and asks.
"""

from datetime import UTC

from aims_gates.attestation.statements.people import BreakGlass, Halt, Request, Resume, RollbackOrder
from aims_gates.attestation.statements.policy import Adoption
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.hands import hands_in_grants
from aims_gates.decision.in_force import StatementView

__all__ = ["describe_halt", "halted_elsewhere", "may_resume", "stopping"]


def halted_elsewhere(ledger: StatementView, digest: str | None) -> Row | None:
    """The latest halt of another name that these bytes were granted under, not ended since: nothing promotes them.

    What the ledger's own name was halted for ends with a request that is opened afterwards (rule 8).
    """
    halts = [halt for halt in ledger.of(Halt) if not ledger.concerns(halt.predicate)]
    for halt in reversed(halts if digest is not None else []):
        if ledger.reaches(halt, digest) and not _resumed(ledger, halt):
            return halt
    return None


def stopping(ledger: StatementView, digest: str, version: str | None = None) -> Row | None:
    """The latest halt that keeps these bytes from being loaded; None where none does.

    Args:
        ledger: Of the name by which they are to be loaded. Its rows hold every grant of these bytes under whatever
            name, and of each such name what was said of it.
        digest: The bytes.
        version: The version by which they are to be loaded: after a rollback exactly the one that was rolled back to
            loads. None where no version is named (an artifact's address); then any version of this name will do.
    """
    halts = [halt for halt in ledger.of(Halt) if ledger.reaches(halt, digest)]
    for halt in reversed(halts):
        if not _granted_anew(ledger, halt, digest, version) and not _resumed(ledger, halt):
            return halt
    return None


def describe_halt(ledger: StatementView, halt: Row, workspace: str) -> str:
    """A halt in words: what was halted, when, by whom and why; of another workspace's no more than which statement.

    Args:
        ledger: Any that holds the trust list.
        halt: The halt.
        workspace: The one that is to read it.
    """
    predicate = halt.predicate
    when = halt.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    if predicate.workspace != workspace:
        return f"a model of another workspace was halted on {when} UTC (statement {halt.digest[7:19]})"
    who = " and ".join(sorted({entry.person for entry in ledger.trust.admitted(halt)}))
    return f"{predicate.name} was halted on {when} UTC by {who}: {predicate.reason}"


def _same_name(row: Row, other: Row) -> bool:
    predicate, about = row.predicate, other.predicate
    return bool((predicate.workspace, predicate.name) == (about.workspace, about.name))


def _granted_anew(ledger: StatementView, halt: Row, digest: str, version: str | None) -> bool:
    return any(
        grant.position > halt.position
        and grant.predicate.digest == digest
        and grant.digest not in ledger.revoked
        and _origin_position(ledger, grant, version) > halt.position
        for grant in ledger.grants()
    )


def _origin_position(ledger: StatementView, grant: Row, version: str | None) -> int:
    """The place of what a grant came from: its request, its adoption, or the order; -1 where there is none."""
    predicate = grant.predicate
    orders = {"rollback": RollbackOrder, "break-glass": BreakGlass}
    if predicate.transition not in orders:
        rows = [row for row in (*ledger.of(Request), *ledger.of(Adoption)) if row.digest == predicate.request]
        return max((row.position for row in rows if row.position < grant.position), default=-1)
    if predicate.transition == "rollback" and version not in (None, predicate.version):
        return -1
    ordered = [row for row in ledger.of(orders[predicate.transition]) if row.position < grant.position]
    return max(
        (row.position for row in ordered if _same_name(row, grant) and row.predicate.version == predicate.version),
        default=-1,
    )


def _resumed(ledger: StatementView, halt: Row) -> bool:
    predicate = halt.predicate
    there = ledger.of_name(predicate.workspace, predicate.name)
    return any(
        row.position > halt.position
        and _same_name(row, halt)
        and row.digest not in ledger.revoked
        and not set(map(alike, _resuming(there, row))) <= hands_in_grants(there)
        for row in ledger.of(Resume)
    )


def _resuming(ledger: StatementView, row: Row) -> set[str]:
    return {person for role in may_resume(ledger) for person in ledger.persons(row, role)}


def may_resume(ledger: StatementView) -> tuple[str, ...]:
    """The roles in which a halt of the ledger's name may be ended: policy, and those of which its plan asks approvals.

    In either it has to be a person without a hand in what was granted under that name
    (:func:`aims_gates.decision.hands.hands_in_grants`).
    """
    binding = ledger.binding()
    approvals = binding.predicate.plan.approvals if binding is not None else ()
    return ("policy", *dict.fromkeys(rule.role for rule in approvals))
