"""Every test begins as the first one does: MLflow's globals, the environment and the working folder are clean.

MLflow keeps its addresses, the active experiment and run, and the stores it opened in globals of its modules; its
setters write the environment too. What one test leaves there, another would take for a user's settings.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: Variables (without ``AIMS_GATES_``) by which the person who runs the suite chooses what it does; they stay.
CHOICES = (
    "ATTACKED_WORKSPACE", "CHAIN_EVERYWHERE", "CONTROL_CASES", "DROP_IN_EXAMPLES", "ERROR_RATES", "FUZZ",
    "FUZZ_EXAMPLES", "KILLS", "PLAIN_CLIENTS", "RACES", "SCHEMATHESIS_EXAMPLES", "SEED", "SIMULATIONS", "SOAK_KILLS",
    "SOAK_LAWS", "SOAK_RACES", "SOAK_SEED", "SOAK_STEPS", "TAMPER_BITS", "TEST_POSTGRESQL", "TEST_SHARE",
    "UPDATE_GOLDENS",
)  # fmt: skip
#: All others of MLflow and of this project are taken away.
SETTINGS = ("MLFLOW_", "_MLFLOW_", "AIMS_")

#: Modules of MLflow that keep a registry of opened stores, and the name of it.
STORES = {
    "mlflow.tracking._tracking_service.utils": "_tracking_store_registry",
    "mlflow.tracking._model_registry.utils": "_model_registry_store_registry",
    "mlflow.tracking._workspace.registry": "_workspace_store_registry",
}
#: Per-thread values of ``mlflow.tracking.fluent``; the newest versions alone have the later ones.
PER_THREAD = ("_active_run_stack", "_last_active_run_id", "_last_logged_model_id", "_ACTIVE_MODEL_CONTEXT")


def _clean_addresses() -> None:
    tracking = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if tracking is not None and tracking._tracking_uri is not None:
        tracking.set_tracking_uri(None)  # ends the tracing provider too, which holds the address
    registry = sys.modules.get("mlflow.tracking._model_registry.utils")
    if registry is not None:
        registry._registry_uri = None  # type: ignore[attr-defined]
    workspace = sys.modules.get("mlflow.utils.workspace_context")
    if workspace is not None:
        workspace.clear_server_request_workspace()


def _close_stores() -> None:
    for module, name in STORES.items():
        registry: Any = getattr(sys.modules.get(module), name, None)
        cached = getattr(type(registry), "_get_store_with_resolved_uri", None)
        if cached is not None and cached.cache_info().currsize:
            cached.cache_clear()


def _end_runs() -> None:
    fluent: Any = sys.modules.get("mlflow.tracking.fluent")
    if fluent is None:
        return
    fluent._active_experiment_id = None
    for variable in (getattr(fluent, name, None) for name in PER_THREAD):
        if variable is not None:
            variable.reset()


def _clean_settings() -> None:
    for name in [
        name for name in os.environ if name.startswith(SETTINGS) and name.removeprefix("AIMS_GATES_") not in CHOICES
    ]:
        del os.environ[name]
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["AIMS_GATES_CACHE"] = "off"


def _restore(before: dict[str, str]) -> None:
    """The environment as it was; pytest's own variables are its business."""
    for name in [name for name in os.environ if name not in before and not name.startswith("PYTEST_")]:
        del os.environ[name]
    os.environ.update({name: value for name, value in before.items() if not name.startswith("PYTEST_")})


def _clean() -> None:
    _clean_addresses()
    _close_stores()
    _end_runs()
    _clean_settings()
    os.chdir(ROOT)


@contextmanager
def clean_state() -> Iterator[None]:
    """Clean globals, settings and working folder, before and afterwards; imports nothing.

    Fixtures of a wider scope are set up between two tests: they find it clean as well.
    """
    _clean()
    before = dict(os.environ)
    try:
        yield
    finally:
        _restore(before)
        _clean()


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """For every test, before whatever else it takes."""
    with clean_state():
        yield
