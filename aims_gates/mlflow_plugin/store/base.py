"""What the parts of the gated store share: one transaction, the primary database, and bytes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from sqlalchemy.orm import Session

from aims_gates import database, ledger
from aims_gates.attestation.statements.registry import Creation
from aims_gates.errors import IntegrityError
from aims_gates.ledger import registry_acts
from aims_gates.mlflow_plugin.internals.store import PROMPT_CONFIG, active_workspace, begin_arguments, version_row
from aims_gates.mlflow_plugin.store.addresses import Addresses
from aims_gates.mlflow_plugin.store.ledger_view import Kind, kind_of, now, view
from aims_gates.mlflow_plugin.store.locations import Bucket, released_root
from aims_gates.mlflow_plugin.store.released import Progress
from aims_gates.mlflow_plugin.store.released_remote import holds, put
from aims_gates.mlflow_plugin.store.session import Sessions, Transaction
from aims_gates.mlflow_plugin.store.subjects import local_folder, no_check_of_prompts, prompt_subject

if TYPE_CHECKING:
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
else:
    SqlAlchemyStore = object

__all__ = ["PROMPT_CONFIG", "StoreBase", "is_prompt"]

# mypy: allow-untyped-calls


def is_prompt(tags: Any) -> bool:
    """Whether these tags say prompt, read as MLflow's server reads them: the last of equal keys, true in any case."""
    values = {tag.key: tag.value for tag in tags or []}
    return str(values.get(IS_PROMPT_TAG_KEY, "false")).lower() == "true"


class StoreBase(SqlAlchemyStore):
    """Beneath the gated store's parts, above MLflow's own class."""

    ManagedSessionMaker: Sessions

    def __init__(self, db_uri: str, read_db_uri: str | None = None) -> None:
        super().__init__(db_uri, **begin_arguments(read_db_uri))
        self.addresses = Addresses(self._address_of)
        self.ManagedSessionMaker = Sessions(self.ManagedSessionMaker, self.engine, ledger.lock)
        self._install()

    def _install(self) -> None:
        """Make the ledger once. Names that stand already get a record of their kind, as it is found then.

        Raises:
            LedgerError: a database whose guards are not in place, or are those of another version.
        """
        with self.engine.begin() as connection:
            ledger.install(connection)
            state = database.state(connection)
            if state != "new" or database.current(connection) != database.HEAD:
                database.need_guarded(connection, self.engine.url.render_as_string())
                return
        with self.transaction() as transaction:
            connection = transaction.connection
            if database.state(connection) != "new":
                return  # another process was faster
            for model in transaction.session.query(SqlRegisteredModel).order_by(SqlRegisteredModel.name):
                if view(connection, str(model.workspace), str(model.name)).born < 0:
                    kind: Kind = "prompt" if is_prompt(model.registered_model_tags) else "model"
                    creation = Creation(
                        str(model.workspace), str(model.name), kind, "aims-gates", "found at installation"
                    )
                    registry_acts.act(connection, creation, now())
            database.attach(connection)
            database.mark(connection, "attached")

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One transaction around MLflow's own methods and the ledger: locked with its first use, re-entrant."""
        return self.ManagedSessionMaker.transaction()

    @contextmanager
    def primary(self) -> Iterator[Session]:
        """A session for reading on the primary database; a read replica may lag behind a revocation."""
        current = self.ManagedSessionMaker.current
        if current is not None:
            yield current.session
            return
        with Session(self.engine) as session:
            if self.engine.dialect.name == "sqlite":
                session.execute(sqlalchemy.text(f"PRAGMA busy_timeout = {self.ManagedSessionMaker.timeout_ms}"))
            ledger.snapshot(session.connection())
            yield session

    def released(self) -> Bucket:
        """Where released copies go.

        Raises:
            InputError: no place is known.
        """
        url = self.engine.url
        return released_root(url.database if url.get_backend_name() == "sqlite" else None)

    def stage_version(self, name: str, version: int, progress: Progress | None = None) -> str:
        """Copy a version's bytes into the released root; gives their digest.

        Args:
            name, version: The registered model's version.
            progress: Told the bytes done and in all.

        Raises:
            MlflowException: there is no such version.
            InputError, IntegrityError: its bytes cannot be read, or hold what is refused.
        """
        with self.primary() as session:
            row = version_row(self, session, name, version)
            if kind_of(view(session.connection(), active_workspace(self), name)) == "prompt":
                raise no_check_of_prompts(name)
            source, address = str(row.source), str(row.storage_location or row.source)
        root = self.released()
        digest = root.digest(address)
        if digest is not None and holds(root, digest):
            return digest
        # A released copy that is gone is made again of what it was made of, where that still has the same bytes.
        with local_folder(source if digest else address, self._address_of) as folder:
            text = put(folder, root, progress)
        if digest not in (None, text):
            raise IntegrityError(
                f"the released copy is gone, and its source no longer holds its bytes: {text}, released {digest}",
                where=source,
                remedy="Bring the copy back from a backup, or roll back to a version whose copy is there.",
            )
        return text

    def _address_of(self, name: str, version: str) -> str:
        with self.primary() as session:
            row = version_row(self, session, name, version)
            return str(row.storage_location or row.source)

    def prompt_digest(self, row: Any) -> str:
        """The subject digest of a prompt version: its text and the configuration in its tags.

        Raises:
            InputError: it has no text.
        """
        tags = {tag.key: tag.value for tag in row.model_version_tags}
        config = {key: tags[key] for key in PROMPT_CONFIG if key in tags}
        return prompt_subject(tags.get(PROMPT_TEXT_TAG_KEY), config, row.name).digest
