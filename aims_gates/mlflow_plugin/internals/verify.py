"""Whether MLflow is as aims-gates knows it: looked at once, before the first store of a process is made.

A closed world. Every name is there under the signature that is known for the version, the store's class has no method
and the registry no table that nobody has looked at. What is not known is refused.
"""

# mypy: allow-untyped-calls

import inspect
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.known import METHODS, TABLES
from aims_gates.mlflow_plugin.internals.names import STORE_NAMES, Name
from aims_gates.mlflow_plugin.internals.versions import (
    FLOOR,
    NEWEST,
    constant,
    installed,
    minor,
    need_tested,
    spelled,
)

__all__ = ["need_names", "need_store", "refuse", "resolve", "shape_of", "unknown_methods", "unknown_tables"]

_REGISTRY = ("registered_model", "model_version")
_MISSING = object()


def shape_of(thing: Any) -> str:
    """How a thing looks, in the words of :class:`aims_gates.mlflow_plugin.internals.names.Name`."""
    if isinstance(thing, str):
        return repr(thing)
    if inspect.isclass(thing):
        return "class"
    if not inspect.isroutine(thing):
        return "value"
    marks: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    shown = [
        f"{marks.get(parameter.kind, '')}{parameter.name}{'' if parameter.default is parameter.empty else '='}"
        for parameter in inspect.signature(thing).parameters.values()
    ]
    return f"({', '.join(shown)})"


def _look(name: Name) -> Any:
    """What stands under a name."""
    if name.read:
        return constant(name.module, name.name) or _MISSING
    try:
        thing: Any = import_module(name.module)
        for part in name.name.split("."):
            thing = getattr(thing, part)
    except (ImportError, AttributeError):
        return _MISSING
    return thing


def resolve(table: Mapping[str, tuple[Name, ...]], version: str) -> tuple[dict[str, Any], list[str]]:
    """What stands under each role in this version, and what is not as it must be.

    A role that a version does not have is left out.
    """
    here: dict[str, Any] = {}
    problems: list[str] = []
    for role, names in table.items():
        for name in (name for name in names if name.holds(minor(version))):
            here[role] = _look(name)
            shape = "not there" if here[role] is _MISSING else shape_of(here[role])
            if shape != name.shape and not (name.shape == "value" and not shape.startswith(("(", "not"))):
                problems.append(f"{name.module}.{name.name} is {shape}, and must be {name.shape}")
    return here, problems


def unknown_methods(store: type) -> list[str]:
    """Public methods of MLflow's store class that nobody has looked at: one could write past the gate."""
    public = {name for name in dir(store) if not name.startswith("_") and callable(getattr(store, name))}
    return sorted(public - METHODS)


def unknown_tables(tables: Iterable[str], *, tested: bool) -> list[str]:
    """Tables that nobody has looked at; of a version that was not tested, those of the registry alone."""
    unknown = sorted(set(tables) - TABLES)
    return unknown if tested else [table for table in unknown if table.startswith(_REGISTRY)]


def _tables() -> Iterable[str]:
    for module in ("model_registry", "tracking", "workspace"):
        import_module(f"mlflow.store.{module}.dbmodels.models")
    names: Iterable[str] = import_module("mlflow.store.db.base_sql_model").Base.metadata.tables
    return names


def refuse(problems: list[str]) -> InputError:
    """The one clear sentence for an MLflow that is not as it must be."""
    return InputError(
        f"MLflow {installed()} is not one that aims-gates can guard (tested: {spelled(FLOOR)} to {spelled(NEWEST)}): "
        + "; ".join(problems),
        remedy=f"pip install 'mlflow>={spelled(FLOOR)},<{spelled((NEWEST[0], NEWEST[1] + 1))}', or upgrade aims-gates.",
    )


@cache
def need_names() -> Mapping[str, Any]:
    """What the client and the store use of MLflow, by role.

    Raises:
        InputError: this MLflow is too old, or a name is not there or looks different.
    """
    need_tested(FLOOR, "aims-gates")
    here, problems = resolve(STORE_NAMES, installed())
    if problems:
        raise refuse(problems)
    return here


@cache
def need_store() -> None:
    """Refuse an MLflow whose registry store is not the one that is known.

    Raises:
        InputError: as :func:`need_names`; or the store's class has an unknown method, the registry an unknown table.
    """
    here, tested = need_names(), need_tested(FLOOR, "aims-gates")
    methods = [f"the registry store has an unknown method {name}" for name in unknown_methods(here["workspace_store"])]
    tables = [f"the registry has an unknown table {name}" for name in unknown_tables(_tables(), tested=tested)]
    if methods or tables:
        raise refuse(methods + tables)
    if not tested:
        message = f"aims-gates was tested with MLflow {spelled(FLOOR)} to {spelled(NEWEST)}; this is {installed()}"
        warnings.warn(message, stacklevel=2)
