"""The gated registry store: MLflow's own, with its writes to production decided first.

MLflow finds it by the scheme of the registry's address (``aims+sqlite:///registry.db``), in a client
and behind ``mlflow server``. Without this package the scheme is unknown, so a forgotten install
fails closed.
"""

import functools
import os
from typing import Any

from aims_gates.mlflow_plugin.internals.environment import READ_REPLICA_ENV_VAR
from aims_gates.mlflow_plugin.internals.store import store_class
from aims_gates.mlflow_plugin.internals.verify import need_store
from aims_gates.mlflow_plugin.store.lifecycle import LifecycleMixin
from aims_gates.mlflow_plugin.store.promotion import PromotionMixin
from aims_gates.mlflow_plugin.store.reads import ReadingMixin

__all__ = ["GateMixin", "gated_class", "gated_store", "stock_uri"]

# mypy: allow-untyped-calls

_PREFIXES = ("aims+", "aims:")


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
    """Make the store for an address; MLflow calls this through :mod:`aims_gates.mlflow_plugin.entry`.

    Args:
        store_uri: ``aims+sqlite:///...``.
        tracking_uri: MLflow's; unused, as in the stock store.
        read_db_uri: A read replica; the one the server was given unless named here.

    Raises:
        InputError: MLflow is not as it must be.
    """
    need_store()
    replica = read_db_uri or os.environ.get(READ_REPLICA_ENV_VAR)
    return gated_class(store_class())(stock_uri(store_uri), read_db_uri=stock_uri(replica) if replica else None)
