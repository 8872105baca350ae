"""Routes that act: statements handed in, requests and their answers, staging, promotion, halt, rollback.

Decisions are the store's: what is said joins its transaction, an alias is set by its own method.
"""

# mypy: allow-untyped-calls

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import Connection

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.attestation.statements.people import Request
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import InputError, IntegrityError, RefusedError
from aims_gates.ledger import append, history
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.table import select
from aims_gates.mlflow_plugin.api import shapes
from aims_gates.mlflow_plugin.api.answers import caller
from aims_gates.mlflow_plugin.api.attesting import need_role, say_for, server_key
from aims_gates.mlflow_plugin.api.reading import by, shown, visible_request
from aims_gates.mlflow_plugin.server.live_store import Sight, need_read, reading, store, workspace, writing
from aims_gates.mlflow_plugin.server.permissions import may_edit, may_read
from aims_gates.mlflow_plugin.store.governed_names import governed_alias, version_number
from aims_gates.mlflow_plugin.store.halted import reach
from aims_gates.model import ModelRef
from aims_gates.workflow import requests as acts
from aims_gates.workflow.requests import Draft

__all__ = ["add_to"]


def add_to(router: APIRouter) -> None:
    """Add the routes."""
    router.post("/statements")(hand_in)
    router.post("/requests")(open_request)
    router.post("/requests/{request}/withdraw")(withdraw)
    router.post("/requests/{request}/approve")(approve)
    router.post("/requests/{request}/reject")(reject)
    router.post("/waive")(waive)
    router.post("/revoke")(revoke)
    router.post("/halt")(halt)
    router.post("/resume")(resume)
    router.post("/rollback")(rollback)
    router.post("/stage")(stage)
    router.post("/promote")(promote)


def hand_in(signed: shapes.SignedStatement) -> shapes.StatementPlace:
    """Append a statement that somebody signed with a key of their own; the signature decides whether it is taken.

    The same statement brought again by the same signers is the old one: its place is answered.
    """
    who = caller()
    try:
        envelope = Envelope.from_json(signed.envelope.model_dump(), "envelope")
    except IntegrityError as error:
        raise InputError(error.message, where=error.where, remedy=error.remedy) from error
    with writing() as connection:
        if history(connection).current() is None and not (who.admin or who.via == "http"):
            remedy = "Let an administrator of this server begin it: aims-gates keys trust --first ..."
            raise RefusedError("there is no trust list yet", remedy=remedy)
        row = append(connection, envelope, datetime.now(UTC))
        _refuse_trial(row)
        _, body = select(connection, [f"statement {row.digest}"])[0]
        return shown(row, history(connection), body)


def _refuse_trial(row: Row) -> None:
    """Undo a binding under a trial profile, which is for an embedded registry alone.

    Raises:
        RefusedError: the row is one.
    """
    if isinstance(row.predicate, Binding) and row.predicate.plan.trial:
        remedy = "Bind it under the profile of its tier: aims-gates profile list; or try in aims+sqlite:///FILE."
        raise RefusedError("a trial profile is for an embedded registry, and this one is served", remedy=remedy)


def _said(said_by: Any, *, model: str | None = None) -> shapes.ActResult:
    """Say something for the caller in one transaction; ``said_by`` makes it, on the locked ledger."""
    who = caller()
    server_key()
    if model is not None:
        need_read(who, model)
    with writing() as connection:
        draft: Draft = said_by(connection)
        row = say_for(connection, draft, who, datetime.now(UTC))
        return _answer(connection, row)


def _answer(connection: Connection, row: Row, aliases: list[str] | None = None) -> shapes.ActResult:
    people = by(row, history(connection))
    return shapes.ActResult(statement=row.digest, position=row.position, by=people, aliases=aliases or [])


def _existing(name: str, version: str) -> None:
    """Refuse a version that is not there.

    Raises:
        MlflowException: RESOURCE_DOES_NOT_EXIST.
    """
    store().get_model_version(name, version_number(version))


def open_request(opened: shapes.Opened) -> shapes.ActResult:
    """Stage a version's bytes on this server and ask for its promotion.

    Answers when the bytes are staged, which takes as long as copying and hashing them; an interrupted call is taken up
    by the next.
    """
    need_read(caller(), opened.name)
    server_key()
    with reading() as connection:
        need_role(connection, None, caller(), Request)  # before bytes are copied for nothing
        ledger = statements(connection, workspace(), opened.name)
    _existing(opened.name, opened.version)
    acts.need_registration(ledger, opened.version)
    digest = store().stage_version(opened.name, int(opened.version))
    ref, now = ModelRef(workspace(), opened.name, opened.version), datetime.now(UTC)
    return _said(
        lambda connection: acts.ask(connection, ref, digest, opened.reason, now, opened.replaced),
        model=opened.name,
    )


def withdraw(request: shapes.Short, reason: shapes.TheReason) -> shapes.ActResult:
    """Take a request back."""
    return _said(lambda connection: acts.withdraw(connection, _mine(connection, request), reason.reason))


def approve(request: shapes.Short, approval_body: shapes.ApprovalBody) -> shapes.ActResult:
    """Approve a request, in a role that the trust list gives your login."""
    return _said(
        lambda connection: acts.approve(
            connection, _mine(connection, request), approval_body.role, approval_body.comment
        )
    )


def reject(request: shapes.Short, rejection_body: shapes.RejectionBody) -> shapes.ActResult:
    """Reject a request, in a role that the trust list gives your login."""
    return _said(
        lambda connection: acts.reject(
            connection, _mine(connection, request), rejection_body.role, rejection_body.reason
        )
    )


def _mine(connection: Connection, request: str) -> str:
    return visible_request(connection, request).digest


def waive(waived: shapes.Waived) -> shapes.ActResult:
    """Accept a control as unmet for exactly the bytes of a version for which a request is open."""
    ref = ModelRef(workspace(), waived.name, waived.version)
    return _said(
        lambda connection: acts.waive(
            connection,
            ref,
            control=waived.control,
            role=waived.role,
            reason=waived.reason,
            risk=waived.risk,
            compensating_control=waived.compensating_control,
            until=waived.until,
        ),
        model=waived.name,
    )


def revoke(revoked: shapes.Revoked) -> shapes.ActResult:
    """Revoke a statement: evidence, an approval, a waiver, a grant."""

    def said(connection: Connection) -> Draft:
        draft = acts.revoke(connection, revoked.statement, revoked.reason)
        if not Sight(connection, caller()).term(f"statement {draft.predicate.statement}"):
            raise RefusedError("you may not read the model it is about", remedy="Ask whoever manages it for READ.")
        return draft

    return _said(said)


def halt(broken: shapes.Broken) -> shapes.ActResult:
    """Take a model out of production; role on-call.

    Its grants and requests end, its governed aliases are removed, and the bytes that were granted load by no name,
    number or address until a rollback or a resume: ``reaches`` lists those versions that you may read.
    """
    need_read(caller(), broken.name)
    store().get_registered_model(broken.name)
    answer = _said(lambda _: acts.halt(workspace(), broken.name, broken.reason), model=broken.name)
    aliases = [alias for alias in store().get_registered_model(broken.name).aliases if governed_alias(alias)]
    for alias in aliases:
        store().delete_registered_model_alias(broken.name, alias)
    return answer.model_copy(update={"aliases": aliases, "reaches": _reached(broken.name)})


def _reached(name: str) -> list[str]:
    who, space = caller(), workspace()
    return [
        f"{ref.name} version {ref.version}"
        for ref in reach(store(), space, name)
        if ref.workspace == space and may_read(who, ref.name)
    ]


def resume(broken: shapes.Broken) -> shapes.ActResult:
    """End the halts of a model: what they stopped loads again; role policy, or one of which its plan asks approvals.

    It is for somebody without a hand in what was granted, gives no grant back, and sets no alias.
    """
    store().get_registered_model(broken.name)
    login, space = caller().name, workspace()

    def statement(connection: Connection) -> Draft:
        listed = history(connection).current()
        entry = next((user for user in (listed.users if listed else ()) if user.login == login), None)
        return acts.resume(connection, space, broken.name, broken.reason, entry)

    return _said(statement, model=broken.name)


def rollback(ordered: shapes.Ordered) -> shapes.ActResult:
    """Return to a version granted before, without fresh evidence; role on-call."""
    need_read(caller(), ordered.name)
    server_key()
    _existing(ordered.name, ordered.version)
    ref = ModelRef(workspace(), ordered.name, ordered.version)
    answer = _said(lambda _: acts.order_rollback(ref, ordered.reason), model=ordered.name)
    store().stage_version(ordered.name, int(ordered.version))
    store().set_registered_model_alias(ordered.name, ordered.alias, ordered.version)
    return answer.model_copy(update={"aliases": [ordered.alias]})


def _need_edit(name: str) -> None:
    if not may_edit(caller(), name):
        raise RefusedError(f"you may not change {name!r}", remedy="Ask whoever manages that model for EDIT.")


def stage(their_version: shapes.TheirVersion) -> shapes.Staged:
    """Copy a version's bytes into the released root, once; answers when they stand there, hashed.

    Takes as long as copying and hashing the model. An interrupted call is taken up by the next, so whoever meets a
    time-out (a proxy's) simply calls again.
    """
    _need_edit(their_version.name)
    _existing(their_version.name, their_version.version)
    return shapes.Staged(digest=store().stage_version(their_version.name, int(their_version.version)))


def promote(promoted: shapes.Promoted) -> shapes.Changed:
    """Stage a version's bytes and set the alias; the registry decides, as for MLflow's own route."""
    staged = stage(shapes.TheirVersion(name=promoted.name, version=promoted.version))
    store().set_registered_model_alias(promoted.name, promoted.alias, promoted.version)
    return shapes.Changed(digest=staged.digest, name=promoted.name, version=promoted.version, alias=promoted.alias)
