"""A name's life: created as model or prompt, versions registered, renamed, deleted. All of it on record."""

from dataclasses import replace
from typing import Any, cast

import sqlalchemy
from mlflow.entities.model_registry import ModelVersion, RegisteredModel, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
from sqlalchemy.orm import Session

from aims_gates.attestation.statements.registry import Creation, Registration, Transition
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.shell import invocation, quoted
from aims_gates.documents.spelling import check_new_name
from aims_gates.errors import InputError
from aims_gates.ledger import registry_acts
from aims_gates.ledger.table import anything_governed
from aims_gates.mlflow_plugin.internals.store import (
    PROMPT_PLACEHOLDERS,
    active_workspace,
    alias_row,
    model_row,
    query,
    validate_alias,
    validate_name,
    validate_renaming,
    validate_version,
    version_row,
)
from aims_gates.mlflow_plugin.store.actor import actor
from aims_gates.mlflow_plugin.store.base import StoreBase, is_prompt
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION, governed_alias
from aims_gates.mlflow_plugin.store.ledger_view import Kind, free, kind_of, now, view
from aims_gates.mlflow_plugin.store.lineage import copied_from
from aims_gates.mlflow_plugin.store.locations import check_source
from aims_gates.mlflow_plugin.store.paths import kept_here
from aims_gates.mlflow_plugin.store.refusals import answering, invalid, refusal
from aims_gates.mlflow_plugin.store.session import Transaction, again

__all__ = ["LifecycleMixin"]

# mypy: allow-untyped-calls


def _beyond_ascii(session: Session) -> Any:
    """SQL for the names that hold another character than those of plain ASCII."""
    name: Any = SqlRegisteredModel.name
    if session.get_bind().dialect.name == "sqlite":
        return sqlalchemy.func.length(sqlalchemy.cast(name, sqlalchemy.LargeBinary)) != sqlalchemy.func.length(name)
    return sqlalchemy.not_(name.collate("C").regexp_match("^[ -~]*$"))  # "C": by code, whatever the database's language


class LifecycleMixin(StoreBase):
    """The logged writes of a registry store, and those refused while something stands on them."""

    @again
    def create_registered_model(
        self, name: str, tags: Any = None, description: str | None = None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Create a name; whether it is a model or a prompt is fixed and recorded here."""
        kind: Kind = "prompt" if is_prompt(tags) else "model"
        with answering(f"creating {name}"), self.transaction() as transaction:
            self._check_name(transaction.session, name)
            model: RegisteredModel = super().create_registered_model(name, tags, description, deployment_job_id)
            self._created(transaction, name, kind)
            return model

    def set_registered_model_tag(self, name: str, tag: RegisteredModelTag) -> None:
        """Set a tag. The prompt tag is reserved: it cannot make a prompt of a model, or the other way."""
        if tag.key == IS_PROMPT_TAG_KEY:
            self._same_kind(name, is_prompt([tag]))
        super().set_registered_model_tag(name, tag)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag; the prompt tag of a prompt stays."""
        if key == IS_PROMPT_TAG_KEY:
            self._same_kind(name, False)
        super().delete_registered_model_tag(name, key)

    @again
    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Any = None,
        run_link: str | None = None,
        description: str | None = None,
        local_model_path: str | None = None,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Register a version; who did it is recorded in the same transaction.

        A server takes sources that it may read: its own artifacts, and the prefixes it was told of.
        """
        with answering(f"registering a version of {name}"):
            if not (is_prompt(tags) and source in PROMPT_PLACEHOLDERS):
                self._check_source(name, source)
                self._refuse_copy(source)
        with answering(f"registering a version of {name}"), self.transaction() as transaction:
            model_version: ModelVersion = super().create_model_version(
                name, source, run_id, tags, run_link, description, local_model_path, model_id
            )
            view = self._seen(transaction.session, name)
            if kind_of(view) == "prompt" and not (is_prompt(tags) and source in PROMPT_PLACEHOLDERS):
                if not view.open("model"):
                    raise MlflowException(
                        f"{name!r} was created as a prompt: it cannot hold a model version. Register the model under "
                        "another name.",
                        INVALID_PARAMETER_VALUE,
                    )
                self._created(transaction, name, "model")  # and governed as one when open mode ends
            by = actor()
            registration = Registration(
                active_workspace(self),
                name,
                str(model_version.version),
                str(source),
                model_version.run_id or None,
                by.name,
                by.via,
            )
            registry_acts.act(transaction.connection, registration, now())
            return model_version

    @again
    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Rename a name that nothing stands on; its record of registrars goes with it."""
        validate_renaming(new_name)
        if name == new_name:
            return cast(RegisteredModel, super().rename_registered_model(name, new_name))
        with answering(f"renaming {name}"), self.transaction() as transaction:
            self._check_name(transaction.session, new_name)
            view = self._refuse_standing(name, "renamed")
            if view.governed():
                raise refusal(
                    f"{name} may not be renamed: evidence, approvals and grants are about that name.",
                    title="the name is, or was, bound to a system",
                    next=[
                        f"register the model under {new_name} and bind that (aims-gates bind {quoted(new_name)} ...)"
                    ],
                )
            # First: the database's own guards know a prompt's aliases under the new name by its record.
            self._ended(transaction, name, f"renamed to {new_name}")
            self._created(transaction, new_name, kind_of(view))
            renamed: RegisteredModel = super().rename_registered_model(name, new_name)
            self._carry(transaction, name, new_name)
            return renamed

    @again
    def delete_registered_model(self, name: str) -> None:
        """Delete a name that nothing stands on."""
        with answering(f"deleting {name}"), self.transaction() as transaction:
            view = self._refuse_standing(name, "deleted")
            if view.grants():
                self._refuse_granted(view, name, name)
            super().delete_registered_model(name)
            self._ended(transaction, name, "deleted")

    @again
    def delete_model_version(self, name: str, version: int | str) -> None:
        """Delete a version that nothing stands on."""
        validate_version(version)
        number = int(version)
        what = f"{name} version {number}"
        with answering(f"deleting {what}"), self.transaction():
            view = self._refuse_standing(name, "deleted", number)
            if view.grants(version=str(number)):
                self._refuse_granted(view, name, what)
            super().delete_model_version(name, number)

    @again
    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Take an alias away; of a governed one that is logged, and ends its grant."""
        validate_name(name)
        validate_alias(alias)
        if not governed_alias(alias):
            super().delete_registered_model_alias(name, alias)
            return
        with answering(f"deleting alias {alias!r} of {name}"), self.transaction() as transaction:
            row = alias_row(self, transaction.session, name, alias)
            version = None if row is None else str(row.version)
            super().delete_registered_model_alias(name, alias)
            if version is not None and not free(self._seen(transaction.session, name)):
                transition = Transition(active_workspace(self), name, version, alias, "alias deleted", actor().name)
                registry_acts.act(transaction.connection, transition, now())

    def _check_name(self, session: Session, name: Any) -> None:
        """Refuse a new name that nobody could tell from another one, or see as it is.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, naming the character, or the name that is there.
        """
        if not isinstance(name, str):  # MLflow refuses it
            return
        names: Any = query(self, session, SqlRegisteredModel).with_entities(SqlRegisteredModel.name)
        if name.isascii():  # two names in plain ASCII are told apart by everybody
            names = names.filter(_beyond_ascii(session))
        try:
            check_new_name(name, "name", (str(row[0]) for row in names))
        except InputError as error:
            raise invalid(error) from error

    def _refuse_copy(self, source: str) -> None:
        """Refuse to copy a version that may not be loaded, before MLflow makes an internal error of that."""
        before = copied_from(str(source))
        try:
            if before is not None:
                self.get_model_version_download_uri(*before)
        except MlflowException as error:
            if error.get_http_status_code() == 403:
                raise

    def _check_source(self, name: str, source: str) -> None:
        """Refuse a source that the server may not read; while nothing is governed, open mode takes all but its own.

        Whoever binds such a name later has nothing staged from there: staging reads what the server may read. That a
        table says whether anything is governed is enough here: who edits that may write any source as well.
        """
        try:
            check_source(source)
        except InputError:
            with self.primary() as session:
                opened = self._seen(session, name).open("model") and not anything_governed(session.connection())
            if not opened or kept_here(source):
                raise

    def _seen(self, session: Session, name: str) -> StatementView:
        return view(session.connection(), active_workspace(self), name)

    def _same_kind(self, name: str, prompt: bool) -> None:
        """Refuse a tag that says something else than the name was created as; in open mode it proves nothing anyway."""
        with answering(f"reading the record of {name}", gated=True), self.primary() as session:
            view = self._seen(session, name)
        if prompt != (kind_of(view) == "prompt") and not view.open("model"):
            raise refusal(
                f"whether {name} is a model or a prompt was fixed when it was created; the tag cannot change it.",
                title="the prompt tag is reserved",
                next=["register it under another name"],
            )

    def _refuse_standing(self, name: str, done: str, version: int | None = None) -> StatementView:
        """Refuse while a governed alias or stage Production stands on the name, or on this version of it."""
        with self.ManagedSessionMaker() as session:
            if version is not None:
                version_row(self, session, name, version)  # MLflow's own answer where there is none
            model = model_row(self, session, name)
            view = self._seen(session, name)
            if not free(view):
                self._refuse_production(session, model, done, version)
            return view

    def _refuse_production(self, session: Session, model: Any, done: str, version: int | None) -> None:
        name = str(model.name)
        on = [row for row in model.registered_model_aliases if governed_alias(row.alias)]
        steps = [
            f"delete the alias first: client.delete_registered_model_alias({name!r}, {row.alias!r})"
            for row in on
            if version in (None, row.version)
        ]
        staged = query(self, session, SqlModelVersion).filter(
            SqlModelVersion.name == name, SqlModelVersion.current_stage == PRODUCTION
        )
        steps += [
            f"archive it first: client.transition_model_version_stage({name!r}, {row.version}, 'Archived')"
            for row in staged
            if version in (None, row.version)
        ]
        if steps:
            what = name if version is None else f"{name} version {version}"
            raise refusal(f"{what} is in production and may not be {done}.", title="in production", next=steps)

    def _refuse_granted(self, view: StatementView, name: str, what: str) -> None:
        if view.governed():
            binding = view.binding()
            how = (
                f"is bound to system {binding.predicate.plan.system!r}" if binding is not None else str(view.unbound())
            )
            raise refusal(
                f"{what} may not be deleted: {name} {how}, and this was granted to production; it is part of that "
                "record.",
                title="part of the record of a system",
                next=[
                    "have a policy owner let the name go: "
                    + invocation("bind", name, options="--free --reason WHY --key POLICY.key")
                ],
            )

    def _created(self, transaction: Transaction, name: str, kind: Kind) -> None:
        by = actor()
        creation = Creation(active_workspace(self), name, kind, by.name, by.via)
        registry_acts.act(transaction.connection, creation, now())

    def _ended(self, transaction: Transaction, name: str, act: str) -> None:
        transition = Transition(active_workspace(self), name, None, None, act, actor().name)
        registry_acts.act(transaction.connection, transition, now())

    def _carry(self, transaction: Transaction, name: str, new_name: str, workspace: str | None = None) -> None:
        """Who registered the versions stays known under the new name, or in this workspace if they were in another."""
        versions: Any = query(self, transaction.session, SqlModelVersion).filter(SqlModelVersion.name == new_name)
        here = active_workspace(self)
        known = view(transaction.connection, workspace or here, name, versions=True).registrations()
        for number in sorted(int(row.version) for row in versions):
            before = known.get(str(number))
            if before is not None and isinstance(before.predicate, Registration):  # an intake is a person's word
                predicate = before.predicate
                carried = replace(predicate, workspace=here, name=new_name)
                registry_acts.act(transaction.connection, carried, now())
