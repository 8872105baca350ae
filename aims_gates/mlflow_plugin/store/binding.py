"""What a first binding would end: governed aliases and stages that stand without a grant."""

# mypy: allow-untyped-calls

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import inspect, text

from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.types import type_of
from aims_gates.documents.shell import invocation
from aims_gates.errors import RefusedError
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import Source
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION, governed_alias
from aims_gates.mlflow_plugin.store.ledger_view import stage_alias
from aims_gates.mlflow_plugin.store.reconcile import ALIASES, STAGES

__all__ = ["refuse_live", "standing_without_grant"]


def standing_without_grant(connection: Source, registry: str, workspace: str, name: str, at: datetime) -> list[str]:
    """The governed aliases and stages that the first binding of a name would end, as people speak of them.

    A name that was bound before has nothing to lose: what has no grant there does not load already.

    Args:
        connection: The ledger.
        registry: The address of the same registry.
        workspace, name: The registered model or prompt.
        at: The moment.

    Returns:
        One ``alias 'production' (version 3)`` each; nothing where the name is not there yet.
    """
    ledger = statements(connection, workspace, name)
    if any(row.type == type_of(Binding) and row.predicate.name == name for row in ledger.rows):
        return []
    ungranted = []
    for alias, version in _pointing(connection, registry, workspace, name):
        grant = ledger.standing(alias, at)
        if grant is None or grant.predicate.version != version:
            stage = alias == stage_alias(int(version))
            ungranted.append(f"{f'stage {PRODUCTION}' if stage else f'alias {alias!r}'} (version {version})")
    return sorted(ungranted)


def _pointing(connection: Source, registry: str, workspace: str, name: str) -> Iterator[tuple[str, str]]:
    """The governed aliases and stages of a name, with the version that each points to."""
    if isinstance(connection, Remote):
        yield from _on_server(registry, name)
    elif inspect(connection).has_table("registered_model_aliases"):
        for query in (ALIASES, STAGES):
            for space, called, alias, version, *_ in connection.execute(text(query)):
                if (space, called) == (workspace, name) and version is not None and governed_alias(alias):
                    yield alias, str(version)


def _on_server(registry: str, name: str) -> Iterator[tuple[str, str]]:
    """The same, as a server tells it."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

    from aims_gates.mlflow_plugin.internals.store import registry_store

    try:
        registered = registry_store(registry).get_registered_model(name)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return
        raise
    for alias, version in registered.aliases.items():
        if governed_alias(alias):
            yield str(alias), str(version)
    for row in registered.latest_versions:
        if row.current_stage == PRODUCTION:
            yield stage_alias(int(row.version)), str(row.version)


def refuse_live(connection: Source, registry: str, workspace: str, name: str, at: datetime) -> None:
    """Refuse to bind a name while something stands in production that would stop loading.

    Raises:
        RefusedError: something does; the remedy says the ways.
    """
    ends = standing_without_grant(connection, registry, workspace, name, at)
    if ends:
        adopt = invocation("adopt", name, options="--owner PERSON --until DATE --key POLICY.key")
        here = "where the database is" if isinstance(connection, Remote) else "or add --adopt, --owner and --until here"
        remedy = (
            f"Take it in, so that it loads on: {adopt} ({here}). Or take it away first: delete the alias, or archive "
            "the version, with MLflow's client."
        )
        raise RefusedError(
            f"{' and '.join(ends)} would stop loading: no grant stands for it", where=name, remedy=remedy
        )
