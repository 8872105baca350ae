"""What a check is about: a registered version, a run's model, or a model address; with the facts of its run."""

# mypy: allow-untyped-calls

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.store import parse_model_uri, registry_store
from aims_gates.mlflow_plugin.store.subjects import no_check_of_prompts

__all__ = ["CheckTarget", "find_named", "find_target", "newest", "versions_of"]

_COMMIT = "mlflow.source.git.commit"


@dataclass(frozen=True)
class CheckTarget:
    """A model on trial.

    Attributes:
        address: Where its bytes are, in any form MLflow knows.
        name, version: The registered version, where it is one.
        run: The run that made it, where it is known.
        facts: Run facts that evidence carries for separation of duties and for display.
    """

    address: str
    name: str | None = None
    version: str | None = None
    run: Run | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def _facts(run: Run | None, name: str | None, version: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": name, "version": version}
    if run is not None:
        tags = run.data.tags
        facts |= {
            "run_id": run.info.run_id,
            "run_creator": tags.get("mlflow.user") or run.info.user_id,
            "commit": tags.get(_COMMIT),
            "commit_author": tags.get("aims_gates.commit_author"),
        }
    return {key: value for key, value in facts.items() if value}


def _run(run_id: str | None) -> Run | None:
    if not run_id:
        return None
    try:
        return mlflow.MlflowClient().get_run(run_id)
    except MlflowException:
        return None


def _of_version(name: str, version: str) -> CheckTarget:
    from aims_gates.mlflow_plugin.store.governed_names import version_number

    version = str(version_number(version))
    try:
        model_version = mlflow.MlflowClient().get_model_version(name, version)
    except MlflowException as error:
        if _is_prompt(name):
            raise no_check_of_prompts(name) from error
        remedy = "Check name and version on the registry's page, and the registry URI."
        message = f"{name} version {version}: {error.message}"
        raise InputError(message, where=mlflow.get_registry_uri(), remedy=remedy) from error
    run = _run(model_version.run_id)
    return CheckTarget(f"models:/{name}/{version}", name, version, run, _facts(run, name, version))


def _is_prompt(name: str) -> bool:
    """Whether a name is a prompt's, of which MLflow's client says that there is no such model."""
    try:
        return registry_store(mlflow.get_registry_uri()).get_prompt(name) is not None
    except MlflowException:
        return False


def _of_run(run_id: str) -> CheckTarget:
    run = _run(run_id)
    if run is None:
        raise InputError(
            f"there is no run {run_id!r}", where=mlflow.get_tracking_uri(), remedy="Check id and tracking URI."
        )
    outputs = run.outputs.model_outputs if run.outputs else []
    if not outputs:
        raise InputError(
            f"the run {run_id} logged no model", remedy="Log one: mlflow.<flavor>.log_model(model, name=...)"
        )
    client = mlflow.MlflowClient()
    logged = [client.get_logged_model(output.model_id) for output in outputs]
    newest = max(logged, key=lambda model: model.creation_timestamp)
    return CheckTarget(f"models:/{newest.model_id}", run=run, facts=_facts(run, None, None))


def _of_address(address: str) -> CheckTarget:
    if address.startswith("models:/"):
        return _of_models_uri(address)
    if address.startswith("prompts:/"):
        raise no_check_of_prompts(address)
    if address.startswith("runs:/"):
        run = _run(address.removeprefix("runs:/").partition("/")[0])
        return CheckTarget(address, run=run, facts=_facts(run, None, None))
    if "://" not in address and not Path(address).is_dir():
        remedy = "Name a version too (--version N), or an address such as models:/NAME/1 or a model's folder."
        raise InputError(f"{address!r} is no model's address", remedy=remedy)
    return CheckTarget(address)


def _of_models_uri(address: str) -> CheckTarget:
    client = mlflow.MlflowClient()
    try:
        parsed = parse_model_uri(address)
        if parsed.model_id is not None:
            run = _run(client.get_logged_model(parsed.model_id).source_run_id)
            return CheckTarget(address, run=run, facts=_facts(run, None, None))
        version = parsed.version
        if parsed.name is not None and parsed.alias is not None:
            version = str(client.get_model_version_by_alias(parsed.name, parsed.alias).version)
    except MlflowException as error:
        if _is_prompt(address.removeprefix("models:/").partition("/")[0].partition("@")[0]):
            raise no_check_of_prompts(address) from error
        remedy = "Check name, version or id, and the tracking and registry URIs."
        raise InputError(error.message, where=address, remedy=remedy) from error
    if parsed.name is None or version is None:
        raise InputError("not one fixed version", where=address, remedy="Write models:/NAME/VERSION.")
    return _of_version(parsed.name, version)


def newest(models: list[str]) -> tuple[str, str]:
    """The version that was registered last among these registered models, as name and number.

    Raises:
        InputError: none of them holds a version.
    """
    client = mlflow.MlflowClient()
    versions = [version for name in models for version in client.search_model_versions(f"name='{_quoted(name)}'")]
    if not versions:
        remedy = f"Register one: mlflow.<flavor>.log_model(model, name=..., registered_model_name={models[0]!r})"
        message = f"no version of {', '.join(models)} is registered"
        raise InputError(message, where=mlflow.get_registry_uri(), remedy=remedy)
    latest = max(versions, key=lambda version: (version.creation_timestamp, int(version.version)))
    return str(latest.name), str(latest.version)


def versions_of(models: Sequence[str]) -> tuple[str, ...] | None:
    """The numbers of all registered versions of these models; None where the registry does not say."""
    client = mlflow.MlflowClient()
    try:
        listed = [version for name in models for version in client.search_model_versions(f"name='{_quoted(name)}'")]
    except (MlflowException, InputError):
        return None
    return tuple(sorted({str(version.version) for version in listed}))


def find_named(name: str) -> CheckTarget:
    """The newest version that is registered under a name; else the newest model that a run logged under it, or at all.

    Raises:
        InputError: no model was registered or logged.
    """
    client = mlflow.MlflowClient()
    if client.search_model_versions(f"name='{_quoted(name)}'"):
        return _of_version(*newest([name]))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    for condition in (f"name = '{_quoted(name)}'", None):
        newest_first = [{"field_name": "creation_timestamp", "ascending": False}]
        logged = client.search_logged_models(experiments, condition, max_results=1, order_by=newest_first)
        if logged:
            return _of_address(f"models:/{logged[0].model_id}")
    remedy = f"Log and register one: mlflow.<flavor>.log_model(model, name=..., registered_model_name={name!r})"
    raise InputError(
        f"no model {name!r} is registered, and no run logged one", where=mlflow.get_tracking_uri(), remedy=remedy
    )


def _quoted(name: str) -> str:
    if "'" in name or "\\" in name:
        raise InputError(f"{name!r} cannot be looked for", remedy="Name its version too: --version N.")
    return name


def find_target(run: str | None = None, model: str | None = None, version: str | None = None) -> CheckTarget:
    """Find what to check.

    Args:
        run: A run id; its newest logged model is meant. None means the active run, when nothing else is named.
        model: A model address, or with ``version`` a registered model's name.
        version: The version's number.

    Raises:
        InputError: nothing is named and no run is active, or what is named is not there.
    """
    if model is not None and version is not None:
        return _of_version(model, version)
    if model is not None:
        return _of_address(model)
    if run is None and (active := mlflow.active_run() or mlflow.last_active_run()) is not None:
        run = active.info.run_id
    if run is None:
        raise InputError(
            "there is nothing to check", remedy="Name a run, or a model and version; or call it inside a run."
        )
    return _of_run(run)
