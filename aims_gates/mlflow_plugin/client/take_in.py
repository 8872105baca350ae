"""A model from a plain MLflow store, registered in the gated registry with its run and lineage."""

# mypy: allow-untyped-calls

import mlflow

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.client.release import use
from aims_gates.mlflow_plugin.client.targets import find_named, newest
from aims_gates.settings import Settings

__all__ = ["addresses", "register_newest"]


def addresses() -> tuple[str, str]:
    """The tracking and the registry URI that MLflow uses now."""
    return mlflow.get_tracking_uri(), mlflow.get_registry_uri()


def register_newest(settings: Settings, name: str) -> tuple[str, bool]:
    """The newest version of a name in the gated registry; where it has none, the newest of the plain store, registered.

    Returns:
        The version's number there, and whether it was registered just now.

    Raises:
        InputError: neither has one.
    """
    use(settings)
    try:
        return newest([name])[1], False
    except InputError:
        source = _plain_source(name)
    use(settings)
    return str(mlflow.register_model(source, name).version), True


def _plain_source(name: str) -> str:
    """Where the newest model of a name lies, as the registry beside the tracking store says."""
    mlflow.set_registry_uri(mlflow.get_tracking_uri())
    target = find_named(name)
    if target.name is None or target.version is None:
        return target.address
    return str(mlflow.MlflowClient().get_model_version(target.name, target.version).source)
