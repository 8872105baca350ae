"""The decision as it would be were a model bound to its system: what a preview of an unbound model shows.

The rows are made up here and never leave this process; what comes of them is refused all the same.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aims_gates.attestation.signing.envelope import Statement
from aims_gates.attestation.statements.policy import Binding, Trust, TrustedKey
from aims_gates.attestation.statements.registry import Intake, Registration
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.shell import quoted
from aims_gates.model import Action, Decision, Subject

__all__ = ["as_if_bound"]

_POLICY, _CI = (hashlib.sha256(name).hexdigest() for name in (b"a policy owner", b"a service that checks"))


def as_if_bound(
    ask: Ask, binding: Binding, why: str, statements: Iterable[Statement], rows: Sequence[Row], now: datetime
) -> Decision:
    """The controls as the binding would have them decided, in a decision that refuses.

    Args:
        ask: The question.
        binding: The binding that a policy owner would sign.
        why: Why no binding counts.
        statements: What the check found.
        rows: The ledger's; only its registrations, and what was taken in, are taken over.
        now: The time of the check.
    """
    subject = Subject("model", ask.digest or "")
    keys = (TrustedKey(_POLICY, "policy owner", ("policy",)), TrustedKey(_CI, "check", ("ci",), service=True))
    acts: list[tuple[Any, str]] = [(Trust(1, keys), _POLICY), (binding, _POLICY)]
    signed: list[tuple[Statement, tuple[str, ...]]]
    signed = [(say(_dated(predicate, now), subject), (signer,)) for predicate, signer in acts]
    signed += [(row.statement, row.signers) for row in rows if isinstance(row.predicate, Registration)]
    taken_in = StatementView(rows, ask.workspace, ask.name).intakes().get(ask.version)
    if taken_in is not None and taken_in.predicate.digest == ask.digest:
        signed.append((say(_registered(taken_in.predicate), subject), ()))
    signed += [(statement, (_CI,)) for statement in statements]
    decision = decide(ask, [Row(place, now, *statement) for place, statement in enumerate(signed)])
    bind = f"aims-gates bind {quoted(ask.name)} --system {quoted(binding.plan.system)} --key POLICY.key"
    return replace(
        decision,
        allowed=False,
        criteria_met=False,
        plan=None,
        steps=(*decision.steps, Action(bind, "people")),
        problems=(*decision.problems, f"{ask.name!r} {why}: this is what the files here would require of it"),
        exit=decision.exit or 3,
    )


def _registered(intake: Intake) -> Registration:
    """What was taken in, as if it had been registered here: its signer is nobody among the keys that are made up."""
    return Registration(
        intake.workspace, intake.name, intake.version, intake.source, intake.run_id, intake.creator, "taken in"
    )


def _dated(predicate: Any, now: datetime) -> Any:
    return replace(predicate, said_at=now.isoformat()) if hasattr(predicate, "said_at") else predicate
