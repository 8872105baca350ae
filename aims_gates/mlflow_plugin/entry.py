"""What MLflow loads of us as a registry store: entry point ``mlflow.model_registry_store``.

MLflow takes a plugin that cannot be imported for one that is not there, with a warning that few see. So nothing that
can fail is imported before the store is asked for; then it fails, and says why.
"""

from typing import Any

from aims_gates.errors import AimsGatesError, InputError

__all__ = ["gated_store"]


def gated_store(store_uri: str, tracking_uri: str | None = None, read_db_uri: str | None = None) -> Any:
    """Make the gated store (:func:`aims_gates.mlflow_plugin.store.store.gated_store`).

    Raises:
        InputError: this MLflow is not one that aims-gates can guard, or something does not import here.
    """
    try:
        from aims_gates.mlflow_plugin.store.store import gated_store as make
    except AimsGatesError:
        raise
    except Exception as error:
        raise InputError(
            f"the gated registry store cannot be loaded: {type(error).__name__}: {error}",
            where=store_uri.partition(":")[0],
            remedy="Reinstall aims-gates and what it needs in this environment; then: aims-gates doctor",
        ) from error
    return make(store_uri, tracking_uri, read_db_uri)
