"""From a registered version into production and back: requests, promotion, rollback, halt, verified loading."""

# mypy: allow-untyped-calls

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.trust_list import Row
from aims_gates.documents.canonical import check_left_out, folder_digest
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError, IntegrityError, RefusedError
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.remote import STAGING_SECONDS, Remote, is_remote
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.mlflow_plugin.internals.store import parse_model_uri, registry_store
from aims_gates.mlflow_plugin.store.governed_names import version_number
from aims_gates.mlflow_plugin.store.halted import reach
from aims_gates.mlflow_plugin.store.locations import DESTINATION_ENV_VAR
from aims_gates.mlflow_plugin.store.released import Progress, leave_no_bytecode
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import ModelRef
from aims_gates.settings import SCHEMES, Settings, called, load
from aims_gates.workflow import requests as acts

__all__ = [
    "current_settings",
    "halt",
    "load_model",
    "open_request",
    "promote",
    "reaches",
    "rollback",
    "stage_version",
    "use",
]


def current_settings() -> Settings:
    """Settings as files and environment have them; the registry MLflow uses now goes first when it is gated."""
    uri = mlflow.get_registry_uri()
    return load(registry=uri if uri.partition(":")[0] in SCHEMES or is_remote(uri) else None)


def use(settings: Settings) -> None:
    """Point MLflow at these settings."""
    if settings.tracking is not None:
        mlflow.set_tracking_uri(settings.tracking)
    if settings.registry is not None:
        mlflow.set_registry_uri(settings.registry)
    if settings.artifacts is not None:
        os.environ[DESTINATION_ENV_VAR] = str(settings.artifacts)


def stage_version(settings: Settings, ref: ModelRef, progress: Progress | None = None) -> str:
    """Stage a version's bytes into the released root, once; gives their digest. Over HTTP the server stages its own.

    Here as there the store does it (:meth:`aims_gates.mlflow_plugin.store.base.StoreBase.stage_version`).

    Raises:
        RefusedError: the server does not let this user change the model.
        InputError, IntegrityError: there is no such version, or its bytes cannot be read or are not those released.
    """
    if is_remote(settings.need_registry()):
        server = Remote(settings.need_registry())
        try:
            reply = server.post("/stage", {"name": ref.name, "version": ref.version}, timeout=STAGING_SECONDS)
            return str(reply["digest"])
        finally:
            server.close()
    find_target(model=ref.name, version=ref.version)  # says what there is, where this version is not
    store = registry_store(settings.need_registry())
    return str(store.stage_version(ref.name, version_number(ref.version), progress))


def open_request(
    settings: Settings,
    ref: ModelRef,
    key: Key,
    reason: str = "",
    progress: Progress | None = None,
    replaced: str = "",
) -> Row:
    """Stage a version's bytes and ask for its promotion: freeze subject, plan and evidence in a signed request.

    Raises:
        RefusedError: the model is bound to no system, nobody is on record as the version's registrar, or the key may
            not ask.
    """
    find_target(model=ref.name, version=ref.version)  # says what there is, where this version is not
    with open_ledger(settings.need_registry()) as connection:  # before bytes are copied for nothing
        acts.need_registration(statements(connection, ref.workspace, ref.name), ref.version)
    digest = stage_version(settings, ref, progress)
    now = datetime.now(UTC)
    with open_ledger(settings.need_registry(), write=True) as connection:
        draft = acts.ask(connection, ref, digest, reason, now, replaced)
        return acts.sign_and_append(connection, draft, key, now)[0]


def promote(settings: Settings, ref: ModelRef, alias: str, progress: Progress | None = None) -> str:
    """Stage the bytes and set the alias; the registry decides. Gives the digest.

    Raises:
        MlflowException: the registry refused; its message says why.
    """
    digest = stage_version(settings, ref, progress)
    mlflow.MlflowClient().set_registered_model_alias(ref.name, alias, ref.version)
    return digest


def rollback(settings: Settings, ref: ModelRef, reason: str, key: Key, alias: str = "production") -> None:
    """Order and carry out the return to a version granted before; signed on call.

    Raises:
        MlflowException: the registry refused; its message says why.
    """
    draft = acts.order_rollback(ref, reason)
    with open_ledger(settings.need_registry(), write=True) as connection:
        acts.sign_and_append(connection, draft, key, datetime.now(UTC))
    promote(settings, ref, alias)


def reaches(settings: Settings, name: str) -> list[str]:
    """What a halt of a name reaches, as far as the registry knows: ``NAME version N`` each, copies elsewhere too.

    Nothing over HTTP, where the server says it when it halts.
    """
    if is_remote(settings.need_registry()):
        return []
    versions = reach(registry_store(settings.need_registry()), settings.workspace, name)
    return [f"{called(ref.workspace, ref.name, settings.workspace)} version {ref.version}" for ref in versions]


def halt(settings: Settings, name: str, reason: str, key: Key) -> list[str]:
    """Stop a model: what was granted no longer stands, loads by no name, and its governed aliases are taken away.

    Returns:
        The aliases that were removed.
    """
    from aims_gates.mlflow_plugin.store.governed_names import governed_alias

    draft = acts.halt(settings.workspace, name, reason)
    with open_ledger(settings.need_registry(), write=True) as connection:
        acts.sign_and_append(connection, draft, key, datetime.now(UTC))
    client = mlflow.MlflowClient()
    aliases = [alias for alias in client.get_registered_model(name).aliases if governed_alias(alias)]
    for alias in aliases:
        client.delete_registered_model_alias(name, alias)
    return aliases


def _grant(settings: Settings, name: str, version: str | None, alias: str | None) -> Row:
    with open_ledger(settings.need_registry()) as connection:
        ledger = statements(connection, settings.workspace, name)
    if alias is not None:
        row = ledger.standing(alias, datetime.now(UTC))
    else:
        latest = next(reversed(ledger.grants(version=version)), None)
        ended = latest is None or latest.digest in ledger.revoked or latest.position < ledger.halted_at()
        row = None if ended else latest
    if row is None:
        remedy = f"See what is missing: {invocation('explain', name, version or 'VERSION', options='--to production')}"
        what = f"alias {alias}" if alias else f"version {version}"
        raise RefusedError(f"no grant stands for {name}, {what}: it was never granted, or it ended", remedy=remedy)
    return row


def _judged(settings: Settings, grant: Any) -> None:
    """Have the registry judge the version too: the same bytes may have been halted under another name.

    Raises:
        RefusedError: it refuses.
    """
    try:
        registry_store(settings.need_registry()).get_model_version_download_uri(grant.name, grant.version)
    except MlflowException as error:
        if error.get_http_status_code() != 403:
            raise
        raise RefusedError(error.message.removeprefix("aims-gates: ")) from error


def load_model(model_uri: str, *, settings: Settings | None = None, **arguments: Any) -> Any:
    """Load a released model, its bytes verified against the grant before anything is unpickled.

    Args:
        model_uri: ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
        settings: Where the registry is; by default the one MLflow uses, or ``aims.yaml``.
        arguments: Passed on to ``mlflow.pyfunc.load_model``.

    Raises:
        RefusedError: no grant stands for it.
        IntegrityError: the bytes are not those that were granted.
    """
    settings = settings or current_settings()
    try:
        parsed = parse_model_uri(model_uri)
    except MlflowException as error:
        raise InputError(error.message, where=model_uri, remedy="Write models:/NAME@production.") from error
    if parsed.name is None or (parsed.version is None and parsed.alias is None):
        raise InputError("not a released model's address", where=model_uri, remedy="Write models:/NAME@production.")
    grant = _grant(settings, parsed.name, parsed.version, parsed.alias).predicate
    with local_folder(grant.location) as folder:
        check_left_out(Path(folder))
        digest = folder_digest(Path(folder))
        if digest != grant.digest:
            remedy = "Do not load it. Run: aims-gates ledger verify; then roll back or promote again."
            raise IntegrityError(
                f"the bytes were altered: {digest}, granted {grant.digest}", where=str(folder), remedy=remedy
            )
        _judged(settings, grant)
        leave_no_bytecode()
        return mlflow.pyfunc.load_model(str(folder), **arguments)
