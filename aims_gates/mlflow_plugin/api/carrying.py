"""The route that issues a grant to be carried: the server signs it, on a checkpoint that somebody else signed."""

# mypy: allow-untyped-calls

from collections.abc import Iterator
from datetime import UTC, datetime

from fastapi import APIRouter
from sqlalchemy import Connection

from aims_gates.attestation.signing.envelope import Envelope, open_envelope
from aims_gates.attestation.signing.keys import Key
from aims_gates.documents.shell import invocation
from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.ledger import history
from aims_gates.ledger.checkpoint_folder import kept_since
from aims_gates.ledger.registry_acts import standing
from aims_gates.mlflow_plugin.api import shapes
from aims_gates.mlflow_plugin.api.answers import caller
from aims_gates.mlflow_plugin.api.attesting import need_role, server_key
from aims_gates.mlflow_plugin.server.configuration import configuration
from aims_gates.mlflow_plugin.server.live_store import need_read, reading, workspace
from aims_gates.workflow.portable_grant import compose

__all__ = ["add_to"]


def add_to(router: APIRouter) -> None:
    """Add the route."""
    router.post("/grants/export")(exported)


def exported(order: shapes.ToCarry) -> shapes.CarriedGrant:
    """A portable grant for the alias of a model that you may read, for those whom the trust list names.

    Without a checkpoint in the request, the newest one in the server's folder that another key than its own signed.
    """
    need_read(caller(), order.name)
    key, at = server_key(), datetime.now(UTC)
    with reading() as connection:
        need_role(connection, None, caller())
        if order.checkpoint is None:
            checkpoint = _anothers(connection, order, key)
        else:
            checkpoint = Envelope.from_json(order.checkpoint.model_dump(), "checkpoint")
        space, days = workspace(), order.days
        statement, file = compose(connection, space, order.name, order.alias, key, at, days, checkpoint)
    return shapes.CarriedGrant(file=file, until=statement.until)


def _anothers(connection: Connection, order: shapes.ToCarry, key: Key) -> Envelope:
    """The newest checkpoint since the grant that another key signed.

    Raises:
        RefusedError: there is none.
    """
    grant, folder = standing(connection, workspace(), order.name, order.alias), configuration().checkpoints
    others = history(connection).keys() - {key.public}
    if grant is not None and folder is not None:
        for envelope in _signed_by(kept_since(folder, grant.position), others):
            return envelope
    message = "this server has no checkpoint since the grant that another key than its own signed"
    remedy = "Sign one and send it along: aims-gates ledger checkpoint FILE --key YOUR.key, then " + invocation(
        "grant export", order.name, options="--checkpoint FILE --out GRANT"
    )
    raise RefusedError(message, where=order.name, remedy=remedy)


def _signed_by(checkpoints: Iterator[Envelope], keys: set[str]) -> Iterator[Envelope]:
    for envelope in checkpoints:
        try:
            open_envelope(envelope, keys, "checkpoint")
        except AimsGatesError:
            continue
        yield envelope
