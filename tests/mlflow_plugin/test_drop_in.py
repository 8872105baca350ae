"""Drop-in: with nothing bound and open mode on, random calls are answered as by MLflow's own store.

The same calls go to a stock store and to ours, directly or as a client's requests through MLflow's own handlers. What
comes back, what is raised, what webhooks would be told and what then stands in MLflow's tables must be equal.
``AIMS_GATES_DROP_IN_EXAMPLES`` sets how many series of calls each kind of registry gets (default 3).
"""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY
from mlflow.server import handlers
from mlflow.store.model_registry import sqlalchemy_store
from mlflow.store.model_registry.rest_store import RestStore
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
from mlflow.utils import rest_utils
from mlflow.utils.rest_utils import MlflowHostCreds
from mlflow.utils.workspace_context import WorkspaceContext

from aims_gates import database
from aims_gates.attestation.statements.policy import OpenMode
from aims_gates.documents.canonical import digest_bytes
from aims_gates.mlflow_plugin.store.locations import ARTIFACT_ROOT_ENV_VAR
from aims_gates.model import Subject

from .conftest import World

EXAMPLES = int(os.environ.get("AIMS_GATES_DROP_IN_EXAMPLES", "3"))
TABLES = (
    *("registered_models", "registered_model_tags", "registered_model_aliases"),
    *("model_versions", "model_version_tags"),
)
Call = tuple[str, dict[str, Any], str | None]


def often(usual: list[Any], strange: list[Any]) -> st.SearchStrategy[Any]:
    """Mostly what succeeds."""
    return st.sampled_from(usual * (1 + 4 * len(strange) // len(usual)) + strange)


NAMES = often(["a", "b"], ["", None, "x/y", "n" * 300, 7, "ａ"])
VERSIONS = often([1, 2, "1"], ["01", " 1", "abc", 0, -1, None, 2**31, "١", 1.5, True])
ALIASES = often(["production", "Champion", "staging"], ["latest", "v1", "", None, "ｐroduction", "a" * 300, "x y"])
STAGES = often(["Production", "Staging", "Archived", "None"], ["production", "PRODUCTION", "bogus", "", None])
SOURCES = often(["s3://bucket/model", "models:/a/1"], ["models:/b/Production", "gs://b/../m", "dbfs:/m", "", None, 5])
KEYS = often(["k", IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY], ["", None, "a b", "k" * 300])
VALUES = often(["true", "false", "text"], ["", None, "True", "v" * 6000])
TEXTS = st.sampled_from([None, "", "described", "d" * 6000])


def tags(kind: type) -> st.SearchStrategy[Any]:
    return st.none() | st.lists(st.builds(kind, KEYS, VALUES), max_size=2)


CALLS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "create_registered_model": {"name": NAMES, "tags": tags(RegisteredModelTag), "description": TEXTS},
    "create_model_version": {"name": NAMES, "source": SOURCES, "run_id": st.sampled_from([None, "r", "r" * 40]),
                             "tags": tags(ModelVersionTag), "run_link": TEXTS, "description": TEXTS},
    "set_registered_model_alias": {"name": NAMES, "alias": ALIASES, "version": VERSIONS},
    "delete_registered_model_alias": {"name": NAMES, "alias": ALIASES},
    "get_model_version_by_alias": {"name": NAMES, "alias": ALIASES},
    "transition_model_version_stage": {"name": NAMES, "version": VERSIONS, "stage": STAGES,
                                       "archive_existing_versions": st.booleans()},
    "get_latest_versions": {"name": NAMES, "stages": st.none() | st.lists(STAGES, max_size=2)},
    "get_model_version": {"name": NAMES, "version": VERSIONS},
    "get_model_version_download_uri": {"name": NAMES, "version": VERSIONS},
    "update_model_version": {"name": NAMES, "version": VERSIONS, "description": TEXTS},
    "delete_model_version": {"name": NAMES, "version": VERSIONS},
    "set_model_version_tag": {"name": NAMES, "version": VERSIONS, "tag": st.builds(ModelVersionTag, KEYS, VALUES)},
    "delete_model_version_tag": {"name": NAMES, "version": VERSIONS, "key": KEYS},
    "set_registered_model_tag": {"name": NAMES, "tag": st.builds(RegisteredModelTag, KEYS, VALUES)},
    "delete_registered_model_tag": {"name": NAMES, "key": KEYS},
    "update_registered_model": {"name": NAMES, "description": TEXTS},
    "rename_registered_model": {"name": NAMES, "new_name": NAMES},
    "delete_registered_model": {"name": NAMES},
    "get_registered_model": {"name": NAMES},
    "search_registered_models": {"filter_string": st.sampled_from([None, "name = 'a'", "bogus"])},
    "search_model_versions": {"filter_string": st.sampled_from([None, "name = 'a'", "version_number > 1", "bogus"])},
}  # fmt: skip
#: What brings something about comes more often than what looks.
WEIGHTS = {"create_registered_model": 4, "create_model_version": 4, "set_registered_model_alias": 3,
           "transition_model_version_stage": 3}  # fmt: skip


def series(workspaces: bool) -> st.SearchStrategy[list[Call]]:
    """Calls, each in a workspace."""
    where = st.sampled_from(["east", "east", "west"]) if workspaces else st.none()
    named = [name for name in CALLS for _ in range(WEIGHTS.get(name, 1))]
    one = st.sampled_from(named).flatmap(
        lambda name: st.tuples(st.just(name), st.fixed_dictionaries(CALLS[name]), where)
    )
    made: list[Call] = [
        ("create_registered_model", {"name": name}, "east" if workspaces else None) for name in ("a", "b")
    ]
    made.append(("create_model_version", {"name": "a", "source": "s3://bucket/model"}, made[0][2]))
    begun = st.sampled_from([made, made, made[:1], []])
    return st.builds(lambda first, then: first + then, begun, st.lists(one, min_size=4, max_size=14))


def plain(value: Any) -> Any:
    """An answer as values that compare."""
    if isinstance(value, list):
        return [plain(each) for each in value], getattr(value, "token", None)
    if hasattr(value, "__dict__"):
        return type(value).__name__, {name: plain(each) for name, each in vars(value).items()}
    return value


def words(error: Exception) -> str:
    """What an error says, without the database's statement and its place in a transaction."""
    return str(error).partition("[SQL:")[0]


@dataclass
class Side:
    """One of the two registries.

    Attributes:
        store: Its store.
        client: How requests reach it.
        heard: What webhooks were told.
    """

    store: Any
    client: Any
    heard: list[Any] = field(default_factory=list)

    def answer(self, call: Call, number: int, directly: bool, patch: pytest.MonkeyPatch) -> Any:
        """What a call gives or raises, and what webhooks are told."""
        self.heard.clear()
        patch.setattr(handlers, "_model_registry_store", self.store)
        patch.setattr(handlers, "deliver_webhook", self._hear)
        patch.setattr(rest_utils, "_get_http_response_with_retries", self._request)
        patch.setattr(sqlalchemy_store, "get_current_time_millis", lambda: number)
        name, arguments, workspace = call
        with WorkspaceContext(workspace) if workspace else nullcontext():
            return self._answer(name, arguments, directly), list(self.heard)

    def _hear(self, event: Any, payload: Any, **_: Any) -> None:
        self.heard.append((str(event), payload))

    def _answer(self, name: str, arguments: dict[str, Any], directly: bool) -> Any:
        target = self.store if directly else RestStore(lambda: MlflowHostCreds("http://registry"))
        try:
            return plain(getattr(target, name)(**arguments))
        except MlflowException as error:
            return error.error_code, error.get_http_status_code(), words(error)
        except Exception as error:  # noqa: BLE001
            return type(error).__name__, words(error)

    def _request(self, method: str, url: str, *_: Any, **said: Any) -> Any:
        sent = {"query_string": said.get("params"), "json": said.get("json")}
        return self.client.open(url.removeprefix("http://registry"), method=method, **sent)

    def rows(self) -> list[str]:
        """All that MLflow's tables hold."""
        with self.store.engine.connect() as connection:
            found = [(table, connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()) for table in TABLES]
            return sorted(f"{table}: {sorted(row.items())}" for table, rows in found for row in rows)

    def empty(self, workspaces: bool) -> None:
        """Take everything away, in the store's own way."""
        for workspace in ("east", "west") if workspaces else (None,):
            with WorkspaceContext(workspace) if workspace else nullcontext():
                for kind in (None, f"tags.`{IS_PROMPT_TAG_KEY}` = 'true'"):
                    for model in self.store.search_registered_models(kind):
                        self.store.delete_registered_model(model.name)


@pytest.fixture(scope="module")
def client() -> Any:
    """MLflow's own routes, without a server."""
    app = Flask("mlflow.server")
    for rule, view, methods in handlers.get_endpoints():
        app.add_url_rule(rule, view_func=view, methods=methods)
    return app.test_client()


@pytest.fixture(params=[False, True], ids=["one workspace", "workspaces"])
def workspaces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param:
        monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    return bool(request.param)


@pytest.fixture
def sides(
    workspaces: bool, world: World, client: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Side, Side]]:
    """A stock store and ours in open mode, on databases of the same kind."""
    subject = Subject("organization", digest_bytes(b"open mode"))
    world.sign(OpenMode(True, "nothing is governed"), subject, "policy")
    if world.store.engine.dialect.name == "sqlite":
        (tmp_path / "stock.db").write_bytes(request.getfixturevalue("empty_database"))
        uri = f"sqlite:///{tmp_path / 'stock.db'}"
    else:
        pool = request.getfixturevalue("postgresql_pool")
        uri = pool.server.url(pool.take())
    stock = (WorkspaceAwareSqlAlchemyStore if workspaces else SqlAlchemyStore)(uri)
    with stock.engine.begin() as connection:
        database.drop(connection)
    yield Side(stock, client), Side(world.store, client)
    stock._dispose_engine()


def test_whatever_is_called_is_answered_as_by_mlflows_own_store(
    sides: tuple[Side, Side],
    workspaces: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    record_property: Any,
) -> None:
    stock, ours = sides
    compared = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 3, database=None, phases=[Phase.generate])
    @given(series(workspaces), st.booleans())
    def same(calls: list[Call], directly: bool) -> None:
        nonlocal compared
        compared += len(calls)
        if directly:
            monkeypatch.delenv(ARTIFACT_ROOT_ENV_VAR, raising=False)
        else:  # as in a server's process, which takes fewer sources of what is governed
            monkeypatch.setenv(ARTIFACT_ROOT_ENV_VAR, str(tmp_path))
        stock.empty(workspaces)
        ours.empty(workspaces)
        for number, call in enumerate(calls):
            expected, found = (side.answer(call, number, directly, monkeypatch) for side in sides)
            assert found == expected, (call, directly, calls[:number])
        assert ours.rows() == stock.rows(), (calls, directly)

    same()
    record_property("calls compared", compared)
