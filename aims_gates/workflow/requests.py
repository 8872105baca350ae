"""What people say of a model: requests, answers, waivers, revocations, halts and their end, orders to roll back.

One body for the command line, Python and the server: it reads the ledger (its database, or the server's answers),
refuses what could not count, and makes the statement. Who signs it is the caller's: a person with a key of their own
(:func:`sign_and_append`), or the server for a user whom it authenticated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements import people, policy
from aims_gates.attestation.statements.registry import Registration
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.attempts import TriedBefore, attempts_of, replacement_lines
from aims_gates.decision.halts import may_resume
from aims_gates.decision.hands import hands_in_grants
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import frozen
from aims_gates.documents.canonical import digest
from aims_gates.documents.shell import invocation, quoted
from aims_gates.errors import InputError, NotFoundError, RefusedError
from aims_gates.ledger import append, history, rows
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.table import Source, all_terms
from aims_gates.model import ModelRef, Plan, Subject

__all__ = [
    "Draft",
    "approve",
    "ask",
    "find_request",
    "find_statement",
    "halt",
    "let_go",
    "need_registration",
    "order_rollback",
    "reject",
    "request_state",
    "requests",
    "resume",
    "revoke",
    "sign_and_append",
    "standing_request",
    "tried",
    "waive",
    "withdraw",
]


#: Of how many versions, the latest, the evidence is looked through: a name has thousands where it is retrained nightly.
_LOOKED_AT = 20


@dataclass(frozen=True)
class Draft:
    """Something to be said.

    Attributes:
        predicate: What.
        subject: About what.
        role: The role in which it is said, where it is said in one.
    """

    predicate: Any
    subject: Subject
    role: str | None = None


def sign_and_append(connection: Source, draft: Draft, key: Key, at: datetime) -> tuple[Row, str]:
    """Say it with a personal key; gives the row and the person.

    Raises:
        RefusedError: the key may not say this, or does not hold the role.
    """
    trust = history(connection).current()
    entry = next((entry for entry in (trust.keys if trust else ()) if entry.key == key.public), None)
    if entry is not None and draft.role is not None and draft.role not in entry.roles:
        remedy = f"Use a role the key holds: {', '.join(entry.roles)}."
        raise RefusedError(f"{entry.person} does not hold the role {draft.role!r}", remedy=remedy)
    row = append(connection, sign(say(draft.predicate, draft.subject), key), at)
    return row, entry.person if entry else key.public[:12]


def find_statement(connection: Source, short: str) -> str:
    """The digest of the one statement that begins like this (with or without ``sha256:``).

    Raises:
        NotFoundError: none does, or more than one.
    """
    start = short.removeprefix("sha256:").lower()
    terms_found = all_terms(connection, f"statement sha256:{start}") if start.isalnum() and start.isascii() else []
    if len(terms_found) != 1:
        message = "more than one statement begins" if terms_found else "no statement begins"
        remedy = "Take the digest from: aims-gates explain NAME VERSION --json"
        raise NotFoundError(f"{message} with {short!r}", remedy=remedy)
    return terms_found[0].removeprefix("statement ")


def requests(connection: Source, name: str | None = None, workspace: str | None = None) -> list[Row]:
    """Every request, oldest first; of one registered model where it is named."""
    prefix = "model " if workspace is None else f"model {workspace}/"
    terms = all_terms(connection, prefix) if name is None else [f"model {workspace or 'default'}/{name}"]
    return [row for row in rows(connection, terms) if row.type == type_of(people.Request)]


def find_request(connection: Source, short: str) -> Row:
    """The request whose digest begins like this (with or without ``sha256:``).

    Raises:
        NotFoundError: none does, or more than one.
    """
    start = short.removeprefix("sha256:").lower()
    terms = all_terms(connection, f"statement sha256:{start}") if start.isalnum() and start.isascii() else []
    requests = [row for row in rows(connection, terms) if row.type == type_of(people.Request)]
    if len(requests) != 1:
        message = "more than one request begins" if requests else "no request begins"
        raise NotFoundError(f"{message} with {short!r}", remedy="See: aims-gates request list")
    return requests[0]


def request_state(connection: Source, row: Row) -> str:
    """``open``, ``granted``, ``rejected``, or why it no longer stands."""
    predicate = row.predicate
    ledger = statements(connection, predicate.workspace, predicate.name)
    latest = ledger.latest_request(predicate.version)
    if latest is None or latest.digest != row.digest:
        return "replaced by a later one"
    if ledger.rejection(row) is not None:
        return "rejected"
    if any(grant.predicate.request == row.digest for grant in ledger.grants()):
        return "granted"
    return "open" if ledger.request(predicate.version) is not None else "withdrawn, revoked or ended by a halt"


def standing_request(connection: Source, short: str) -> Row:
    """As :func:`find_request`, for somebody who wants to answer it.

    Raises:
        InputError: it was withdrawn or replaced, or the model was halted since.
    """
    row = find_request(connection, short)
    state = request_state(connection, row)
    if state != "open":
        predicate = row.predicate
        remedy = f"Open a new one: {invocation('request open', predicate.name, predicate.version)}"
        raise InputError(f"the request {row.digest[7:19]} is {state}", remedy=remedy)
    return row


def _changes(ledger: StatementView, frozens: Iterable[people.Frozen], digest: str) -> tuple[str, ...]:
    """What differs from the last grant, in plain lines."""
    grants = ledger.grants()
    if not grants:
        return ("first promotion of this model",)
    last = grants[-1].predicate
    lines = [f"production is version {last.version}" if last.digest != digest else "the bytes are those in production"]
    before = next((row.predicate for row in ledger.rows if row.digest == last.request), None)
    then = {frozen.gate: frozen for frozen in before.evidence} if isinstance(before, people.Request) else {}
    for entry in frozens:
        was = then.get(entry.gate)
        if was is None:
            lines.append(f"{entry.gate}: not in the last grant's evidence")
        elif dict(was.outcomes) != dict(entry.outcomes):
            differ = sorted(
                control for control in entry.outcomes if was.outcomes.get(control) != entry.outcomes[control]
            )
            lines += [f"{entry.gate}: {c} was {was.outcomes.get(c, 'absent')}, is {entry.outcomes[c]}" for c in differ]
    return tuple(lines)


def need_registration(ledger: StatementView, version: str) -> None:
    """Refuse a version of which the ledger knows no registrar: nothing can be approved on it.

    Raises:
        RefusedError: it was registered before aims-gates governed the registry, or past it.
    """
    if ledger.registration(version) is None:
        remedy = (
            f"Take it in, keeping its run and lineage: aims-gates adopt {quoted(ledger.name, version)} --key YOUR.key"
        )
        message = f"version {version} was registered past aims-gates: nobody is on record as its registrar"
        raise RefusedError(message, where=ledger.name, remedy=remedy)


def ask(connection: Source, ref: ModelRef, subject: str, reason: str, now: datetime, replaced: str = "") -> Draft:
    """A request for promotion: subject, plan and evidence frozen.

    Args:
        connection: The ledger.
        ref: The registered version.
        subject: Digest of its staged bytes.
        reason: Why this version.
        now: The time, with a time zone.
        replaced: Why data on which a gate failed were replaced; empty where none were.

    Raises:
        RefusedError: the model is bound to no system, or nobody is on record as the version's registrar.
        InputError: ``replaced`` is said where no gate failed on other data.
    """
    ledger = statements(connection, ref.workspace, ref.name, subject)
    binding = ledger.binding()
    if binding is None:
        remedy = f"Run: {invocation('bind', ref.name, options='--system SYSTEM --key POLICY.key')}"
        raise RefusedError(f"{ref.name!r} is bound to no system", remedy=remedy)
    need_registration(ledger, ref.version)
    plan = binding.predicate.plan
    counted = [ledger.count(plan, step, subject, now) for step in plan.steps if step.applies]
    frozens = frozen(gate_evidence for gate_evidence in counted if gate_evidence.standing == "counts")
    replacements = replacement_lines(ledger, counted)
    if replaced and not replacements:
        message = "no failure on other data is on record for this version"
        raise InputError(message, where="--replaced", remedy="Leave it out.")
    attempts = tried(connection, ref, plan.evaluation_digest)
    changes = (*_changes(ledger, frozens, subject), *replacements, *attempts.lines())
    request = people.Request(
        ref.workspace, ref.name, ref.version, subject, digest(plan), frozens, reason, changes, replaced=replaced
    )
    return Draft(request, Subject("model", subject, ref.label))


def tried(connection: Source, ref: ModelRef, evaluation: str | None) -> TriedBefore:
    """What was measured on a name's latest versions since its last grant, by signed verdicts.

    Args:
        connection: The ledger.
        ref: The version in question.
        evaluation: Digest of the evaluation set fixed beforehand; None where none is.
    """
    ledger = statements(connection, ref.workspace, ref.name)
    since = max((row.position for row in ledger.grants()), default=-1)
    registered = {row.predicate.version for row in ledger.of(Registration, ledger.concerns)}
    latest = sorted(registered, key=lambda version: (len(version), version))[-_LOOKED_AT:]
    evidence = rows(connection, [f"version {ref.workspace}/{ref.name}/{version}" for version in latest])
    return attempts_of(evidence, since, evaluation)


def approve(connection: Source, short: str, role: str, comment: str = "") -> Draft:
    """Yes to a standing request, in a role."""
    row = standing_request(connection, short)
    return Draft(
        people.Approval(row.digest, role, comment), Subject("model", row.predicate.digest, row.predicate.name), role
    )


def reject(connection: Source, short: str, role: str, reason: str) -> Draft:
    """No to a request, in a role; a no is taken whatever became of the request."""
    row = find_request(connection, short)
    return Draft(
        people.Rejection(row.digest, role, reason), Subject("model", row.predicate.digest, row.predicate.name), role
    )


def withdraw(connection: Source, short: str, reason: str) -> Draft:
    """A request taken back, by whoever may (:data:`aims_gates.decision.rights.WITHDRAWING`)."""
    row = find_request(connection, short)
    return Draft(people.Withdrawal(row.digest, reason), Subject("model", row.predicate.digest, row.predicate.name))


def revoke(connection: Source, short: str, reason: str) -> Draft:
    """A statement that no longer counts; who may say so, :mod:`aims_gates.decision.rights` decides where it is
    appended."""
    statement = find_statement(connection, short)
    return Draft(people.Revocation(statement, reason), Subject("organization", statement, "statement"))


def halt(workspace: str, name: str, reason: str) -> Draft:
    """A registered model stopped."""
    predicate = people.Halt(workspace, name, reason)
    return Draft(predicate, Subject("model", digest(predicate), name))


def resume(
    connection: Source, workspace: str, name: str, reason: str, by: policy.TrustedKey | policy.TrustedUser | None
) -> Draft:
    """A halt ended: what it stopped may be loaded again, while grants and requests that it ended stay ended.

    Args:
        connection: The ledger.
        workspace, name: The registered model that was halted.
        reason: Why.
        by: Whose word it will be, as the trust list has them; None where it does not, which is refused later.

    Raises:
        InputError: the model was never halted.
        RefusedError: they do not hold a role that resumes, or had a hand in what was granted under this name.
    """
    ledger = statements(connection, workspace, name)
    if ledger.halted_at() < 0:
        raise InputError(f"{name!r} was never halted", remedy="See: aims-gates status")
    roles = may_resume(ledger)
    if by is not None and (not set(roles) & set(by.roles) or alike(by.person) in hands_in_grants(ledger)):
        had = "had a hand in what was granted" if set(roles) & set(by.roles) else "does not hold a role that resumes"
        remedy = f"May do it: a person of the role {' or '.join(roles)} who made, registered or requested none of it."
        raise RefusedError(f"{by.person} {had} under {name!r}", remedy=remedy)
    predicate = people.Resume(workspace, name, reason)
    return Draft(predicate, Subject("model", digest(predicate), name))


def let_go(connection: Source, workspace: str, name: str, reason: str) -> Draft:
    """A name that was bound is governed by nobody from here on.

    Raises:
        InputError: nothing governs it.
    """
    if not statements(connection, workspace, name).governed():
        raise InputError(f"nothing governs {name!r}: it was never bound, or let go", remedy="See: aims-gates status")
    freed = policy.Freed(workspace, name, reason)
    return Draft(freed, Subject("model", digest(freed), name))


def order_rollback(ref: ModelRef, reason: str) -> Draft:
    """An order to return to a version granted before."""
    rollback_order = people.RollbackOrder(ref.workspace, ref.name, ref.version, reason)
    return Draft(rollback_order, Subject("model", digest(rollback_order), ref.name))


def waive(
    connection: Source,
    ref: ModelRef,
    *,
    control: str,
    role: str,
    reason: str,
    risk: str,
    compensating_control: str,
    until: str,
) -> Draft:
    """A control accepted as unmet for exactly the bytes of a version for which a request is open.

    Raises:
        InputError: no binding or request, a control the plan does not require, a date out of bounds.
        RefusedError: the role may not waive under the plan.
    """
    ledger = statements(connection, ref.workspace, ref.name)
    binding, request = ledger.binding(), ledger.request(ref.version)
    if binding is None or request is None:
        missing = "is bound to no system" if binding is None else f"version {ref.version} has no open request"
        remedy = f"See: {invocation('explain', ref.name, ref.version, options='--to production')}"
        raise InputError(f"{ref.name} {missing}", remedy=remedy)
    plan: Plan = binding.predicate.plan
    _check_waiver(plan, control, role, until)
    waiver = people.Waiver(
        plan.system, request.predicate.digest, control, role, reason, risk, compensating_control, until
    )
    return Draft(waiver, Subject("model", waiver.digest, ref.label), role)


def _check_waiver(plan: Plan, control: str, role: str, until: str) -> None:
    if control not in {requirement.control for requirement in plan.requirements}:
        raise InputError(
            f"your profile does not require {control}", remedy=f"See: aims-gates plan {quoted(plan.system)}"
        )
    if role not in plan.waiver_roles:
        allowed = ", ".join(plan.waiver_roles) or "nobody"
        raise RefusedError(f"the role {role!r} may not waive under this profile", remedy=f"May waive: {allowed}.")
    try:
        days = (date.fromisoformat(until) - datetime.now(UTC).date()).days
    except ValueError as error:
        raise InputError(f"{until!r} is not a date", where="--until", remedy="Write it as YYYY-MM-DD.") from error
    if not 0 <= days <= plan.waiver_days:
        message = (
            f"{until} has passed"
            if days < 0
            else f"{until} is {days} days ahead; the profile allows {plan.waiver_days}"
        )
        raise InputError(message, where="--until", remedy=f"Choose a day at most {plan.waiver_days} days ahead.")
