"""The gated registry store: MLflow's own, with its writes to production decided first.

MLflow finds it by the scheme of the registry's address (``aims+sqlite:///registry.db``), in a client
and behind ``mlflow server``. Without this package the scheme is unknown, so a forgotten install
fails closed.
"""

import functools
import os
from typing import Any

from aims_gates.registry.lifecycle import LifecycleMixin
from aims_gates.registry.promotion import PromotionMixin
from aims_gates.registry.reading import ReadingMixin

__all__ = ["GateMixin", "gated_class", "gated_store", "stock_uri"]

# mypy: allow-untyped-calls

_PREFIXES = ("aims+", "aims:")
# As mlflow.server.constants names it; not imported, because that would load the server into every client.
READ_REPLICA_ENV_VAR = "_MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE"


class GateMixin(PromotionMixin, LifecycleMixin, ReadingMixin):
    """All that is put before MLflow's own store class."""


def stock_uri(uri: str) -> str:
    """The address of the same database as the stock store would be given it."""
    for prefix in _PREFIXES:
        if uri.startswith(prefix):
            return uri.removeprefix(prefix)
    return uri


@functools.cache
def gated_class(base: type) -> type:
    """The gated class over one of MLflow's SQL store classes."""
    return type(f"Aims{base.__name__}", (GateMixin, base), {})


def gated_store(store_uri: str, tracking_uri: str | None = None, read_db_uri: str | None = None) -> Any:
    """Make the store for an address; MLflow calls this (entry point ``mlflow.model_registry_store``).

    Args:
        store_uri: ``aims+sqlite:///...``.
        tracking_uri: MLflow's; unused, as in the stock store.
        read_db_uri: A read replica; the one the server was given unless named here.
    """
    from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
    from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

    base = WorkspaceAwareSqlAlchemyStore if MLFLOW_ENABLE_WORKSPACES.get() else SqlAlchemyStore
    replica = read_db_uri or os.environ.get(READ_REPLICA_ENV_VAR)
    return gated_class(base)(stock_uri(store_uri), read_db_uri=stock_uri(replica) if replica else None)
