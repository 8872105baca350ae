"""MLflow's private names as the client and the store use them.

The first use of any verifies them all (:func:`aims_gates.mlflow_plugin.internals.verify.need_names`); the store uses
some as it is imported. To look at them imports MLflow's stores, which whoever checks a folder does without.
What MLflow's validators give back is not used: one has given a number since 3.16, and nothing before, under the same
signature.
"""

# mypy: allow-untyped-calls

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.verify import need_names

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = [
    "LATEST",
    "PROMPT_CONFIG",
    "PROMPT_PLACEHOLDERS",
    "active_workspace",
    "alias_row",
    "begin_arguments",
    "close",
    "guard_repositories",
    "in_workspace",
    "model_row",
    "open_stock",
    "parse_model_uri",
    "query",
    "registry_store",
    "replace_class",
    "stock_repository",
    "store_class",
    "tag_row",
    "validate_alias",
    "validate_alias_reserved",
    "validate_name",
    "validate_renaming",
    "validate_version",
    "version_row",
    "workspaces_on",
]

LATEST: str
#: What MLflow writes as the source of a prompt version, whose text stands in the registry itself.
PROMPT_PLACEHOLDERS: frozenset[str]
#: Tags of a prompt version that change what is sent, beside its text.
PROMPT_CONFIG: tuple[str, str, str]


def __getattr__(name: str) -> Any:
    match name:
        case "LATEST":
            return need_names()["latest"]
        case "PROMPT_PLACEHOLDERS":
            return need_names().get("prompt_placeholders", frozenset({"prompt-template", "dummy-source"}))
        case "PROMPT_CONFIG":
            return tuple(need_names()[role] for role in ("prompt_type", "prompt_response", "prompt_model"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def validate_name(name: Any) -> None:
    """Raise MLflow's error for what cannot be a registered model's name."""
    need_names()["validate_name"](name)


def validate_renaming(name: Any) -> None:
    """Raise MLflow's error for what a registered model cannot be renamed to."""
    need_names()["validate_renaming"](name)


def validate_version(version: Any) -> None:
    """Raise MLflow's error for what cannot be a version's number."""
    need_names()["validate_version"](version)


def validate_alias(alias: Any) -> None:
    """Raise MLflow's error for what cannot be an alias."""
    need_names()["validate_alias"](alias)


def validate_alias_reserved(alias: Any) -> None:
    """Raise MLflow's error for an alias that MLflow keeps for itself."""
    need_names()["validate_alias_reserved"](alias)


def workspaces_on() -> bool:
    """Whether this process works in workspaces."""
    return bool(need_names()["enable_workspaces"].get())


def in_workspace(workspace: str) -> AbstractContextManager[Any]:
    """In the block MLflow works in this workspace; without workspaces there is but one."""
    if not workspaces_on():
        return nullcontext()
    context: AbstractContextManager[Any] = need_names()["workspace_context"](workspace)
    return context


def store_class() -> type:
    """MLflow's own store class, on which the gated one stands."""
    stock: type = need_names()["workspace_store" if workspaces_on() else "store"]
    return stock


def begin_arguments(replica: str | None) -> dict[str, str | None]:
    """The arguments by which MLflow's store is told of a read replica.

    Raises:
        InputError: one is named, and this MLflow knows none.
    """
    if "read_db_uri" in inspect.signature(need_names()["begin"]).parameters:
        return {"read_db_uri": replica}
    if replica is not None:
        remedy = "Start without a read replica, or: pip install 'mlflow>=3.13'"
        raise InputError("this MLflow reads from no replica", remedy=remedy)
    return {}


def open_stock(
    maker: "Callable[..., AbstractContextManager[Session]]",
) -> "Callable[..., AbstractContextManager[Session]]":
    """MLflow's maker of sessions, told whether one only reads where it can be told so (3.13 on)."""
    if "read_only" in inspect.signature(maker).parameters:
        return maker
    return lambda read_only=True, **rest: maker(**rest)


def active_workspace(store: Any) -> str:
    """The workspace in which this call works."""
    return str(store._get_active_workspace())


def query(store: Any, session: "Session", model: Any) -> Any:
    """A query for rows of the active workspace."""
    return store._get_query(session, model)


def model_row(store: Any, session: "Session", name: str) -> Any:
    """A registered model's row, or MLflow's error."""
    return store._get_registered_model(session, name)


def version_row(store: Any, session: "Session", name: str, version: int | str) -> Any:
    """A version's row, or MLflow's error."""
    return store._get_sql_model_version(session, name, version)


def alias_row(store: Any, session: "Session", name: str, alias: str) -> Any:
    """An alias's row; None where there is none."""
    return store._get_registered_model_alias(session, name, alias)


def tag_row(store: Any, session: "Session", name: str, key: str) -> Any:
    """A registered model's tag; None where there is none."""
    return store._get_registered_model_tag(session, name, key)


def close(store: Any) -> None:
    """Let go of a store's connections."""
    store._dispose_engine()


def registry_store(uri: str) -> Any:
    """The store that MLflow makes for a registry's address."""
    return need_names()["registry_store"](uri)


def parse_model_uri(uri: str) -> Any:
    """The parts of a ``models:`` address; raises MLflow's error for what is none."""
    return need_names()["parse_model_uri"](uri)


def stock_repository(address: str) -> Any:
    """MLflow's own artifact repository, not the one that a server guards."""
    registry = need_names()["repositories"]
    return type(registry).get_artifact_repository(registry, address)


def guard_repositories(over: Callable[[type], type]) -> None:
    """Make every artifact repository of this process, from now on, one of the class that ``over`` gives for its own."""
    registry = need_names()["repositories"]
    stock = type(registry).get_artifact_repository

    def guarded(*args: Any, **kwargs: Any) -> Any:
        store = stock(registry, *args, **kwargs)
        replace_class(store, over(type(store)))
        return store

    registry.get_artifact_repository = guarded


def replace_class(thing: Any, subclass: type) -> None:
    """Make an object of MLflow's one of our class over its own."""
    thing.__class__ = subclass
