"""Taking in a version that was registered past aims-gates: before it was there, or through a plain store beside it.

Nothing in MLflow's registry changes, so run, source, tags and logged model stay. What is added is a person's signed
word in the ledger: these bytes, hashed now, are that version, and the signer answers for them as its registrar.
"""

# mypy: allow-untyped-calls

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.registry import Intake
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.refusals import describe_intake
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger import append
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import statements
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.mlflow_plugin.internals.store import parse_model_uri
from aims_gates.mlflow_plugin.store.subjects import model_subject
from aims_gates.model import ModelRef, Subject
from aims_gates.settings import Settings

__all__ = ["take_in"]


def take_in(settings: Settings, ref: ModelRef, key: Key) -> Row:
    """Hash a version's bytes and sign for them as its registrar.

    Args:
        settings: Where the registry is; MLflow points at it already.
        ref: The version.
        key: Of somebody with the role developer or policy.

    Raises:
        InputError: there is no such version, its bytes cannot be read, or somebody is on record as its registrar.
        RefusedError: the key may not take versions in.
    """
    target = find_target(model=ref.name, version=ref.version)
    registry = settings.need_registry()
    with open_ledger(registry) as connection:
        _refuse_known(statements(connection, ref.workspace, ref.name).registration(ref.version), ref)
    digest = model_subject(target.address, ref.name).digest
    intake = _described(ref, digest, target.facts)
    with open_ledger(registry, write=True) as connection:
        _refuse_known(statements(connection, ref.workspace, ref.name).registration(ref.version), ref)
        row = append(connection, sign(say(intake, Subject("model", digest, ref.label)), key), datetime.now(UTC))
        if statements(connection, ref.workspace, ref.name).registration(ref.version) is None:
            remedy = "Sign with the key of a person: a service account answers for nothing."
            raise RefusedError(f"this word does not count as the registrar's of version {ref.version}", remedy=remedy)
        return row


def _refuse_known(registration: Row | None, ref: ModelRef) -> None:
    if registration is None:
        return
    intake = isinstance(registration.predicate, Intake)
    how = (
        describe_intake(registration) if intake else "registered through aims-gates, by " + registration.predicate.actor
    )
    remedy = "Where its bytes changed since, register them as a new version." if intake else "There is nothing to do."
    raise InputError(f"{ref.name} version {ref.version} was {how}", remedy=remedy)


def _described(ref: ModelRef, digest: str, facts: Mapping[str, Any]) -> Intake:
    """What MLflow's registry and the run say of a version now."""
    version = mlflow.MlflowClient().get_model_version(ref.name, ref.version)
    created = datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    return Intake(
        ref.workspace,
        ref.name,
        ref.version,
        digest,
        str(version.source),
        version.run_id or None,
        _logged_model(str(version.source)),
        created,
        {str(name): str(value) for name, value in version.tags.items()},
        str(facts.get("run_creator", "")),
    )


def _logged_model(source: str) -> str | None:
    """The logged model that a source names (``models:/m-...``)."""
    try:
        parsed = parse_model_uri(source) if source.startswith("models:") else None
    except MlflowException:
        return None
    return None if parsed is None else parsed.model_id
