"""Reads that check the ledger: a governed alias or stage resolves only while its grant stands.

A row that was edited by hand therefore does not load, nor one whose grant was revoked or halted. And no version loads,
by whatever name, alias or number, whose bytes a halt stops (:mod:`aims_gates.mlflow_plugin.store.halted`).
"""

from typing import Any

from mlflow.entities.model_registry import ModelVersion
from mlflow.entities.model_registry.model_version_stages import get_canonical_stage
from mlflow.prompt.constants import PROMPT_TEXT_TAG_KEY
from sqlalchemy.orm import Session

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError
from aims_gates.ledger.table import halt_said
from aims_gates.mlflow_plugin.internals.store import LATEST, active_workspace, version_row
from aims_gates.mlflow_plugin.store.base import StoreBase
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION, governed_alias
from aims_gates.mlflow_plugin.store.halted import halted, refuse
from aims_gates.mlflow_plugin.store.ledger_view import free, kind_of, stage_alias, stands, view
from aims_gates.mlflow_plugin.store.locations import Released
from aims_gates.mlflow_plugin.store.refusals import answering, refusal
from aims_gates.mlflow_plugin.store.released import intact, leave_no_bytecode

__all__ = ["ReadingMixin"]

# mypy: allow-untyped-calls


class ReadingMixin(StoreBase):
    """The checked reads of a registry store."""

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version behind an alias; behind a governed one only with a standing grant for exactly it.

        Raises:
            MlflowException: PERMISSION_DENIED where no grant stands; else as MLflow's.
        """
        model_version: ModelVersion = super().get_model_version_by_alias(name, alias)
        if governed_alias(alias) and alias.lower() != LATEST:
            self._check(name, alias, f"alias {alias!r}", int(model_version.version))
        else:
            self._refuse_halted_prompt(model_version)
        return model_version

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """A version as it is registered. A prompt's holds its text, so one that a halt stops is refused.

        Raises:
            MlflowException: PERMISSION_DENIED for such a prompt; else as MLflow's.
        """
        model_version: ModelVersion = super().get_model_version(name, version)
        self._refuse_halted_prompt(model_version)
        return model_version

    def get_latest_versions(self, name: str, stages: Any = None) -> list[ModelVersion]:
        """The latest version of each stage; one that was asked for as Production needs a standing grant.

        Listing all stages shows what is there and promises nothing, so it is not checked.
        """
        versions: list[ModelVersion] = super().get_latest_versions(name, stages)
        canonical_stages = {get_canonical_stage(stage) for stage in stages or ()}
        if PRODUCTION in canonical_stages:
            for version in versions:
                if version.current_stage == PRODUCTION:
                    number = int(version.version)
                    self._check(name, stage_alias(number), f"stage {PRODUCTION}", number)
        return versions

    def get_model_version_download_uri(self, name: str, version: int | str) -> str:
        """Where a version's bytes are; a granted version's only where its grant says."""
        act = f"reading {name} version {version}"
        with answering(act), self.primary() as session:
            with self.ManagedSessionMaker.lent(session):
                uri: str = super().get_model_version_download_uri(name, version)
            self._stop_halted(session, name, int(version))
            view_of_name = view(session.connection(), active_workspace(self), name)
        with answering(act, gated=True):
            grants = view_of_name.grants(version=str(int(version)))
            if grants and view_of_name.governed():
                if grants[-1].predicate.location != uri:
                    raise self._not_granted(name, int(version), "its storage location is not the granted one")
                self._same_bytes(grants[-1])
                leave_no_bytecode()
        return uri

    def _check(self, name: str, target: str, shown: str, version: int) -> None:
        with answering(f"reading {shown} of {name}", gated=True):
            with self.primary() as session:
                view_of_name = view(session.connection(), active_workspace(self), name)
                if free(view_of_name):
                    self._stop_halted(session, name, version)
                    return
                row = version_row(self, session, name, version)
                grant = stands(view_of_name, target, version, row.storage_location or row.source)
                self._stop_halted(session, name, version)
                if grant is None or not self._same_prompt(session, view_of_name, row, grant.predicate.digest):
                    raise self._not_granted(name, version, f"no grant stands for {shown}")
            self._same_bytes(grant)

    def _refuse_halted_prompt(self, version: ModelVersion) -> None:
        if PROMPT_TEXT_TAG_KEY in version._tags:
            with answering(f"reading {version.name}", gated=True), self.primary() as session:
                self._stop_halted(session, version.name, int(version.version))

    def _stop_halted(self, session: Session, name: str, version: int) -> None:
        """Refuse where a halt stops a version; where nothing was ever halted, that is all that is looked for."""
        connection = session.connection()
        if not halt_said(connection):
            return
        workspace, row = active_workspace(self), version_row(self, session, name, version)
        # Inside a transaction a lock is taken: no network is asked then.
        halt = halted(self, session, workspace, row, resolve=self.ManagedSessionMaker.current is None)
        if halt is not None:
            raise refuse(connection, halt, workspace, f"{name} version {version}", "loaded")

    def _same_bytes(self, grant: Row) -> None:
        """A released copy that is at hand must still hold the granted bytes."""
        if self.ManagedSessionMaker.current is not None:
            return  # a version is being registered from it: nobody loads it here, and hashing would hold the lock
        try:
            root = self.released()
        except InputError:
            return  # nothing is released here
        if isinstance(root, Released) and root.digest(grant.predicate.location) == grant.predicate.digest:
            intact(root.copy(grant.predicate.digest), grant.predicate.digest)

    def _same_prompt(self, session: Session, view: StatementView, row: Any, digest: str) -> bool:
        """A prompt's text stands in tags, which anybody may set: it must still be the granted one."""
        return kind_of(view) != "prompt" or self.prompt_digest(row) == digest

    def _not_granted(self, name: str, version: int, why: str) -> Exception:
        return refusal(
            f"{name} version {version} may not be used: {why}. The registry and the ledger differ, or the grant was "
            "revoked or halted.",
            title=why,
            state="missing",
            id="grant",
            next=[invocation("explain", name, version, options="--to production"), "aims-gates ledger verify"],
        )
