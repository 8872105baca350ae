"""Setting a governed alias or stage: the one way into production.

First what costs nothing: is there a binding, a request, evidence, are there approvals? Only then are
the staged bytes hashed, still without a lock. Then one transaction: lock, look at the version again,
decide about that digest, write alias and storage location, append to the ledger, commit. A denial is
appended and committed too, then raised.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry.model_version_stages import (
    DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS,
    get_canonical_stage,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_CONFLICT
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from aims_gates import ledger
from aims_gates.attestation.statements.registry import Transition
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.orders import break_glass_bytes, rollback_order
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.shell import invocation
from aims_gates.documents.spelling import check_new_name
from aims_gates.errors import InputError
from aims_gates.ledger import registry_acts
from aims_gates.ledger.table import governed
from aims_gates.mlflow_plugin.internals.public_url import public_url
from aims_gates.mlflow_plugin.internals.store import (
    active_workspace,
    model_row,
    query,
    validate_alias,
    validate_alias_reserved,
    validate_name,
    version_row,
    workspaces_on,
)
from aims_gates.mlflow_plugin.store import authorship
from aims_gates.mlflow_plugin.store.actor import actor
from aims_gates.mlflow_plugin.store.base import StoreBase
from aims_gates.mlflow_plugin.store.governed_names import (
    OPEN_ALIASES,
    PRODUCTION,
    governed_alias,
    governed_stage,
    version_number,
)
from aims_gates.mlflow_plugin.store.ledger_view import Kind, free, kind_of, now, stage_alias, view
from aims_gates.mlflow_plugin.store.lineage import origins
from aims_gates.mlflow_plugin.store.refusals import answering, denied, invalid, refusal
from aims_gates.mlflow_plugin.store.released_remote import holds
from aims_gates.mlflow_plugin.store.session import again

__all__ = ["PromotionMixin"]

# mypy: allow-untyped-calls


@dataclass(frozen=True)
class _Version:
    """A version's row as it was read before the lock."""

    workspace: str
    name: str
    number: int
    created: int
    source: str
    location: str = field(compare=False)

    @classmethod
    def of(cls, row: Any) -> "_Version":
        location = row.storage_location or row.source
        return cls(row.workspace, row.name, int(row.version), int(row.creation_time), str(row.source), str(location))


@dataclass(frozen=True)
class _Prepared:
    """What was found out before the lock: ``hashed`` where the bytes are known to be those of ``digest``."""

    version: _Version
    kind: Kind
    digest: str | None
    location: str
    hashed: bool
    makers: tuple[str, ...] | None = None
    extra: tuple[str, ...] = ()

    @property
    def page(self) -> str | None:
        """Address of MLflow's page of it, where this server knows its own."""
        public = public_url()
        if public is None:
            return None
        workspace = self.version.workspace if workspaces_on() else None
        prompt = self.kind == "prompt"
        return public.version_page(self.version.name, str(self.version.number), prompt=prompt, workspace=workspace)

    def still(self, version: _Version) -> bool:
        """Whether the version is the one that was looked at; another grant may have released it meanwhile."""
        return version == self.version and version.location in (self.version.location, self.location)


class PromotionMixin(StoreBase):
    """The gated writes of a registry store."""

    @again
    def set_registered_model_alias(self, name: str, alias: str, version: int | str) -> None:
        """Set an alias; a governed one only where the decision allows it.

        Raises:
            MlflowException: PERMISSION_DENIED with ``aims_decision`` and ``aims_controls``;
                RESOURCE_CONFLICT where another write came between; what MLflow raises otherwise.
        """
        validate_name(name)
        validate_alias(alias)
        validate_alias_reserved(alias)
        self._check_alias(name, alias)
        if not governed_alias(alias) or self._free(name):
            super().set_registered_model_alias(name, alias, version)
            return
        number = self._number(version)
        act = f"setting alias {alias!r} on {name} version {number}"
        write = super().set_registered_model_alias
        with answering(act, gated=True):
            self._promote(name, number, alias, alias, lambda *_: write(name, alias, number))

    @again
    def transition_model_version_stage(
        self, name: str, version: int | str, stage: str, archive_existing_versions: bool
    ) -> ModelVersion:
        """Move a version to a stage; Production only where the decision allows it.

        Raises:
            MlflowException: as :meth:`set_registered_model_alias`.
        """
        canonical = get_canonical_stage(stage)
        act = f"moving {name} version {version} to stage {canonical}"
        write = super().transition_model_version_stage
        if not governed_stage(canonical) or self._free(name):
            if archive_existing_versions and canonical not in DEFAULT_STAGES_FOR_GET_LATEST_VERSIONS:
                return cast(ModelVersion, write(name, version, stage, archive_existing_versions))  # MLflow refuses
            with answering(act), self.transaction() as transaction:
                before = self._in_production(transaction.session, name)
                moved = cast(ModelVersion, write(name, version, stage, archive_existing_versions))
                if int(moved.version) in before and moved.current_stage != PRODUCTION:
                    self._left(transaction.connection, name, int(moved.version), f"moved to stage {canonical}")
                return moved
        number = self._number(version)

        def into_production(session: Session, connection: Connection) -> Any:
            others = self._in_production(session, name) - {number}
            for other in sorted(others) if archive_existing_versions else ():
                self._left(connection, name, other, f"archived for version {number}")
            return write(name, number, stage, archive_existing_versions)

        with answering(act, gated=True):
            shown = f"stage {PRODUCTION}"
            return cast(ModelVersion, self._promote(name, number, stage_alias(number), shown, into_production))

    def _check_alias(self, name: str, alias: str) -> None:
        """Refuse a new alias that nobody could tell from another one, or see as it is; one that stands may be moved.

        Raises:
            MlflowException: PERMISSION_DENIED, naming the character or the alias that is there.
        """
        if alias.isascii() and alias.isprintable():
            return  # what it may look like was refused, or is in another alphabet and shown so
        with answering(f"setting alias {alias!r} on {name}", gated=True):
            with self.primary() as session:
                model = model_row(self, session, name)
                there = {str(row.alias) for row in model.registered_model_aliases}
            try:
                if alias not in there:
                    check_new_name(alias, "alias", {*there, *OPEN_ALIASES, PRODUCTION.lower()})
            except InputError as error:
                steps = [error.remedy or "choose another alias"]
                raise refusal(f"{error.message}.", title="an alias in odd spelling", next=steps) from error

    def _in_production(self, session: Session, name: str) -> set[int]:
        """The versions in stage Production; none where the name is none, which MLflow then says."""
        versions: Any = query(self, session, SqlModelVersion).filter(
            SqlModelVersion.name == str(name), SqlModelVersion.current_stage == PRODUCTION
        )
        return {int(row.version) for row in versions}

    def _left(self, connection: Connection, name: str, version: int, how: str) -> None:
        """Log that a version left stage Production."""
        transition = Transition(active_workspace(self), name, str(version), stage_alias(version), how, actor().name)
        registry_acts.act(connection, transition, now())

    def _number(self, version: Any) -> int:
        try:
            return version_number(version)
        except InputError as error:
            raise invalid(error) from error

    def _free(self, name: str) -> bool:
        """Whether a name that nobody governs behaves as stock: in open mode.

        The index and the guards' table prove nothing: they only spare names the look into the ledger.
        """
        with answering(f"reading the record of {name}", gated=True), self.primary() as session:
            connection, workspace = session.connection(), active_workspace(self)
            if not ledger.open_mode_said(connection) or governed(connection, workspace, name):
                return False
            return free(view(connection, workspace, name))

    def _promote(
        self, name: str, number: int, target: str, shown: str, write: Callable[[Session, Connection], Any]
    ) -> Any:
        """Decide and write in one transaction, or record the denial and raise it."""
        prepared = self._prepare(name, number, target)
        with self.transaction() as transaction:
            row = version_row(self, transaction.session, name, number)
            digest = self.prompt_digest(row) if prepared.kind == "prompt" else prepared.digest
            arguments = prepared.version.workspace, name, str(number), digest, target, now(), actor().name
            ask = Ask(*arguments, prepared.makers)
            decision = registry_acts.judge(transaction.connection, ask)
            if not decision.allowed:
                recorded = registry_acts.record(transaction.connection, ask, decision)
                result = None
            elif not prepared.hashed or not prepared.still(_Version.of(row)):
                raise MlflowException(
                    f"{name} version {number} changed while it was being judged. Nothing was changed; try again.",
                    RESOURCE_CONFLICT,
                )
            else:
                # The database's own guards let the registry point only where a grant stands, and to its bytes.
                registry_acts.grant(transaction.connection, ask, decision, prepared.location)
                row.storage_location = prepared.location
                result = write(transaction.session, transaction.connection)
        if not decision.allowed:
            raise denied(decision, shown, recorded, prepared.extra, prepared.page)
        return result

    def _prepare(self, name: str, number: int, target: str) -> _Prepared:
        """Find and hash the bytes, but only where everything else would let them through."""
        with self.primary() as session:
            row = version_row(self, session, name, number)
            version = _Version.of(row)
            rows = registry_acts.about(session.connection(), version.workspace, name, version=str(number))
            statement_view = StatementView(rows, version.workspace, name)
            kind = kind_of(statement_view)
            digest = self.prompt_digest(row) if kind == "prompt" else None
        # Outside the block above: it reads one state of the database, and staging may take long.
        digest = digest or self._expected(statement_view, version)
        makers = self.makers(name, number)
        ask = Ask(version.workspace, name, str(number), digest, target, now(), actor().name, makers)
        allowed = decide(ask, rows).allowed
        if kind == "prompt":
            return _Prepared(version, kind, digest, version.location, hashed=True)
        if digest is None or not allowed:
            return _Prepared(version, kind, digest, version.location, hashed=False, makers=makers)
        root = self.released()
        if not holds(root, digest):
            again = invocation("promote", name, number)
            return _Prepared(version, kind, None, version.location, False, makers, (again,))
        return _Prepared(version, kind, digest, root.location(digest), True, makers)

    def makers(self, name: str, number: int) -> tuple[str, ...] | None:
        """Who made a model version, by the server's record: nobody where it has none, None where no server records it.

        A prompt is made by its registrar, of whom the ledger knows: None for prompts too.
        """
        if not authorship.recording():
            return None
        with self.primary() as session:
            if kind_of(view(session.connection(), active_workspace(self), name)) == "prompt":
                return None
        return authorship.makers(origins(self, name, number))

    def _expected(self, view: StatementView, version: _Version) -> str | None:
        """Which bytes this is about: those of the request, or of the grant that is rolled back to."""
        number = str(version.number)
        before = view.grants(version=number)
        if before and rollback_order(view, number, now()) is not None:
            return str(before[-1].predicate.digest)
        request = view.request(number)
        if request is not None:
            return str(request.predicate.digest)
        ordered = break_glass_bytes(view, number)
        if ordered is not None:
            return ordered
        binding = view.binding()
        if binding is not None and view.mode(binding.predicate, now()) != "enforce":
            # Watching must not get in the way: without a request there is nothing staged, so stage now.
            return self.stage_version(version.name, version.number)
        return None
