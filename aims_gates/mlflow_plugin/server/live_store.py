"""The registry's store as our routes use it: reading, writing, and what the caller may see."""

# mypy: allow-untyped-calls

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from aims_gates.attestation.statements.evidence import Checkpoint, Predictions
from aims_gates.attestation.statements.policy import KeyRevocation, Trust
from aims_gates.attestation.statements.records import RecordEntries, RecordSubmission, SignedAcknowledgement
from aims_gates.attestation.statements.registry import Recorded
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import RefusedError
from aims_gates.ledger import OPEN_MODE, rows
from aims_gates.ledger.row import ACTS
from aims_gates.mlflow_plugin.internals.store import active_workspace
from aims_gates.mlflow_plugin.server.permissions import may_read
from aims_gates.mlflow_plugin.store.base import StoreBase
from aims_gates.mlflow_plugin.store.identity import Principal
from aims_gates.model import Evidence

__all__ = ["Sight", "need_read", "reading", "store", "workspace", "writing"]

Model = tuple[str, str]


def store() -> Any:
    """The registry store that this server serves.

    Raises:
        RefusedError: it is not the gated one.
    """
    from aims_gates.mlflow_plugin.internals.server.handlers import registry_store

    store_base = registry_store()
    if not isinstance(store_base, StoreBase):
        remedy = "Start the server with --registry-store-uri aims+sqlite:///FILE or aims+postgresql://..."
        raise RefusedError("this server's registry is not gated: it would promote anything", remedy=remedy)
    return store_base


def workspace() -> str:
    """The workspace of this request."""
    return active_workspace(store())


@contextmanager
def reading() -> Iterator[Connection]:
    """The ledger as it is now."""
    with store().primary() as session:
        yield session.connection()


@contextmanager
def writing() -> Iterator[Connection]:
    """The ledger, locked, in the store's own transaction."""
    with store().transaction() as transaction:
        yield transaction.connection


def need_read(who: Principal, name: str) -> None:
    """Refuse who may not read a model.

    Raises:
        RefusedError: MLflow does not let them read it.
    """
    if not may_read(who, name):
        raise RefusedError(f"you may not read {name!r}", remedy="Ask whoever manages that model for READ.")


#: What whoever may sign in may read: whose word counts, how large the ledger is, which texts of records were approved
#: and read by whom.
_OF_NO_MODEL = Trust | KeyRevocation | Checkpoint | RecordSubmission | RecordEntries | SignedAcknowledgement


class Sight:
    """What of the ledger one caller may read: who may read a model may read its statements."""

    def __init__(self, connection: Connection, who: Principal) -> None:
        self._connection, self._who = connection, who
        self._workspace = workspace()
        self._seen: dict[Model, bool] = {}

    def of(self, model: Model) -> bool:
        """Whether the caller may read what is said of this model."""
        if model not in self._seen:
            here = model[0] == self._workspace or self._who.admin
            self._seen[model] = here and may_read(self._who, model[1])
        return self._seen[model]

    def term(self, term: str) -> bool:
        """Whether the caller may read the rows under an index term."""
        kind, _, rest = term.partition(" ")
        if term in ("trust", "revocation", "profiles", "mlflow", "records", ACTS, OPEN_MODE) or kind == "entries":
            return True
        if kind in ("model", "version", "versions", "decision"):
            space, _, name = rest.partition("/")
            return self.of((space, name.partition("/")[0] if kind == "version" else name))
        if kind not in ("subject", "statement", "request"):
            return False
        return self.rows(rows(self._connection, [term]))

    def elsewhere(self, predicate: Any) -> bool:
        """Whether a statement names a registered model of another workspace, and the caller sees none but their own.

        Two workspaces may hold the same bytes; what was said of them in one is not for the other to read.
        """
        return not self._who.admin and any(space != self._workspace for space, _ in _named(predicate))

    def rows(self, candidates: Iterable[Row]) -> bool:
        """Whether the caller may read these rows: one of the models they are about is theirs to read."""
        listed = list(candidates)
        secret = [row for row in listed if not isinstance(row.predicate, _OF_NO_MODEL)]
        named = {model for row in secret for model in _named(row.predicate)} or self._around(secret)
        return not secret or any(map(self.of, sorted(named)))

    def _around(self, candidates: list[Row]) -> set[Model]:
        """The models that share a subject, or the request, with rows that name none (approvals, waivers)."""
        terms = {f"subject {row.statement.subject}" for row in candidates}
        terms |= {f"statement {row.predicate.request}" for row in candidates if _asks(row)}
        terms |= {f"statement {row.predicate.statement}" for row in candidates if hasattr(row.predicate, "statement")}
        return {model for row in rows(self._connection, sorted(terms)) for model in _named(row.predicate)}


def _asks(row: Row) -> bool:
    return isinstance(getattr(row.predicate, "request", None), str)


def _named(predicate: Any) -> set[Model]:
    """The registered model that a statement names."""
    if isinstance(predicate, Evidence | Predictions):
        name = predicate.facts.get("name")
        return {(str(predicate.facts.get("workspace", "default")), str(name))} if name else set()
    if isinstance(predicate, Recorded):
        return {(str(predicate.aims.get("workspace")), str(predicate.aims.get("name")))}
    return {(predicate.workspace, predicate.name)} if hasattr(predicate, "workspace") else set()
