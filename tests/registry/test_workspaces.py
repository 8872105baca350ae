"""Two tenants on one registry: what is said in one workspace counts in no other, down to the database's own guards."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.utils.workspace_context import WorkspaceContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from aims_gates import load_model
from aims_gates.errors import InputError, RefusedError
from aims_gates.records import read_system
from aims_gates.registry.check import Desk, check_target
from aims_gates.registry.explain import explain_version
from aims_gates.registry.reconcile import reconcile
from aims_gates.registry.store import gated_store
from aims_gates.registry.targets import Target
from aims_gates.settings import Settings

from .conftest import World


@dataclass
class Tenants:
    """Both have a model called ``loan`` with the same bytes; only east's is bound, and in production."""

    east: World
    west: World
    version: int
    settings: Settings


@pytest.fixture
def tenants(tmp_path: Path, empty_database: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenants]:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    (tmp_path / "registry.db").write_bytes(empty_database)
    uri = f"aims+sqlite:///{tmp_path / 'registry.db'}"
    store = gated_store(uri)
    east = World(tmp_path, store, workspace="east")
    west = World(tmp_path, store, east.keys, "west")
    east.trust()
    with WorkspaceContext("east"):
        version = east.promoted()
    with WorkspaceContext("west"):
        assert west.model("loan") == version
    yield Tenants(east, west, version, Settings(registry=uri))
    store._dispose_engine()


def refused(act: Any, *arguments: Any) -> bool:
    with pytest.raises(MlflowException) as raised:
        act(*arguments)
    return bool(raised.value.get_http_status_code() == 403)


def test_a_binding_and_evidence_of_one_workspace_promote_nothing_in_another(tenants: Tenants) -> None:
    store = tenants.west.store
    with WorkspaceContext("west"):
        assert refused(store.set_registered_model_alias, "loan", "production", tenants.version)
        assert refused(store.transition_model_version_stage, "loan", tenants.version, "Production", False)
        tenants.west.bind("loan", system="another")
        assert refused(store.set_registered_model_alias, "loan", "production", tenants.version)
    with WorkspaceContext("east"):
        assert store.get_model_version_by_alias("loan", "production").version == tenants.version


def test_a_request_and_its_approval_are_about_one_workspace(tenants: Tenants) -> None:
    west, store = tenants.west, tenants.west.store
    west.bind("loan")
    with WorkspaceContext("west"):
        subject = str(store.stage_version("loan", tenants.version))
        assert west.seen("loan").request(str(tenants.version)) is None
        assert refused(store.set_registered_model_alias, "loan", "production", tenants.version)
        west.approve(west.request("loan", tenants.version, subject), subject)
        store.set_registered_model_alias("loan", "production", tenants.version)


def test_the_database_lets_a_grant_of_one_workspace_serve_no_other(tenants: Tenants) -> None:
    row = f"VALUES ('west', 'loan', 'production', {tenants.version})"
    insert = f"INSERT INTO registered_model_aliases (workspace, name, alias, version) {row}"
    with pytest.raises(IntegrityError, match="no grant stands"), tenants.west.store.engine.begin() as connection:
        connection.execute(text(insert))
    tenants.west.by_hand("loan", "production", tenants.version)
    with WorkspaceContext("west"):
        assert refused(tenants.west.store.get_model_version_by_alias, "loan", "production")
    with tenants.west.store.primary() as session:
        told = reconcile(session.connection(), tenants.west.folder)
    assert any("loan version 1 (production)" in line for line in told)


def test_reconcile_looks_for_a_released_copy_in_the_folder_of_its_workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(tmp_path / "artifacts"))
    tenants: Tenants = request.getfixturevalue("tenants")
    (grant,) = tenants.east.seen("loan").grants()
    assert grant.predicate.location.startswith("mlflow-artifacts:/")
    copy = tmp_path / "artifacts/workspaces/east/aims-released" / grant.predicate.digest.removeprefix("sha256:")
    with tenants.east.store.primary() as session:
        assert reconcile(session.connection(), tmp_path / "artifacts") == []
        (copy / "model.bin").write_text("other weights")
        (told,) = reconcile(session.connection(), tmp_path / "artifacts")
    assert "its released bytes were altered" in told and str(copy) in told


def test_a_halt_in_one_workspace_stops_nothing_in_another(tenants: Tenants) -> None:
    tenants.west.halt("loan")
    with WorkspaceContext("east"):
        assert tenants.east.store.get_model_version_by_alias("loan", "production").version == tenants.version
    tenants.east.halt("loan")
    with WorkspaceContext("east"):
        assert refused(tenants.east.store.get_model_version_by_alias, "loan", "production")


def test_commands_and_load_model_speak_of_the_workspace_that_mlflow_works_in(tenants: Tenants) -> None:
    version = str(tenants.version)
    with WorkspaceContext("east"):
        assert explain_version(tenants.settings, "loan", version).decision.system == "mortgage"
        with pytest.raises(Exception, match="flavor"):  # the grant and its bytes hold; they are no real model
            load_model("models:/loan@production", settings=tenants.settings)
    with WorkspaceContext("west"):
        assert explain_version(tenants.settings, "loan", version).decision.system is None
        with pytest.raises(RefusedError, match="no grant stands"):
            load_model("models:/loan@production", settings=tenants.settings)


def test_without_workspaces_a_variable_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES", raising=False)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "east")
    assert Settings(registry="aims+sqlite:///r.db").workspace == "default"
    assert Settings(registry="https://registry.example.org").workspace == "east"


def test_a_system_of_another_workspace_is_not_checked_here(tenants: Tenants, tmp_path: Path) -> None:
    folder = tmp_path / "records" / "systems" / "mortgage"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(
        "name: mortgage\nworkspace: west\npurpose: Decide which loans are granted, with review by a person.\n"
        "owner: head-of-lending\ntier: minimal\nmodels: [loan]\ndata: {evaluation: e.csv}\nroles: {target: y}\n"
    )
    record = read_system(tmp_path, "mortgage")
    with (
        WorkspaceContext("east"),
        pytest.raises(InputError, match="is in workspace 'west', and MLflow works in 'east'"),
    ):
        check_target(Desk(tenants.settings), record, Target("models:/loan/1", "loan", "1"))
