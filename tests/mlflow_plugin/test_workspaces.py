"""Two tenants on one registry: what is said in one workspace counts in no other, down to the database's own guards."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.workspace import Workspace, WorkspaceDeletionMode
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore as Workspaces
from mlflow.utils.workspace_context import WorkspaceContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from aims_gates import load_model
from aims_gates.attestation.statements.policy import OpenMode
from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError, RefusedError
from aims_gates.governance.records.reader import read_system
from aims_gates.mlflow_plugin.client.check import CheckContext, check_target
from aims_gates.mlflow_plugin.client.explain import explain_version
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.mlflow_plugin.server.artifacts import ArtifactGuard
from aims_gates.mlflow_plugin.server.workspaces import keeping
from aims_gates.mlflow_plugin.store.adoption import adopt
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Evidence, Finding, Limit, ModelRef, Subject
from aims_gates.portfolio.gather import gather
from aims_gates.settings import Settings

from .conftest import GATE, World


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


def told(tenants: Tenants) -> list[str]:
    with tenants.east.store.primary() as session:
        return reconcile(session.connection(), tenants.east.folder / "artifacts")


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
    assert any("west/loan version 1 (production)" in line for line in told(tenants))


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
    assert told.startswith("east/loan version 1") and "its released bytes were altered" in told and str(copy) in told


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
        assert (
            explain_version(tenants.settings, ModelRef(tenants.settings.workspace, "loan", version)).decision.system
            == "mortgage"
        )
        with pytest.raises(Exception, match="flavor"):  # the grant and its bytes hold; they are no real model
            load_model("models:/loan@production", settings=tenants.settings)
    with WorkspaceContext("west"):
        assert (
            explain_version(tenants.settings, ModelRef(tenants.settings.workspace, "loan", version)).decision.system
            is None
        )
        with pytest.raises(RefusedError, match="no grant stands"):
            load_model("models:/loan@production", settings=tenants.settings)


def test_status_tells_a_model_of_another_workspace_from_one_here(tenants: Tenants) -> None:
    with WorkspaceContext("west"):
        lines = {each.model: each.state for each in gather(tenants.settings, datetime.now(UTC)).statuses()}
    assert lines == {"loan": "unbound", "east/loan": "met"}


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
        check_target(CheckContext(tenants.settings), record, CheckTarget("models:/loan/1", "loan", "1"))


def test_evidence_made_in_one_workspace_neither_meets_nor_fails_anything_in_another(tenants: Tenants) -> None:
    west, east, store = tenants.west, tenants.east, tenants.west.store
    west.bind("loan")
    subject = str(east.seen("loan").grants()[-1].predicate.digest)

    def say(world: World, workspace: str, outcome: Any) -> None:
        findings = tuple(
            Finding("accuracy", value=0.9, n=100, limit=Limit(">=", 0.8), outcome=outcome, controls=(each,))
            for each in ("A.6.2.4", "A.7.4")
        )
        at, data = datetime.now(UTC).isoformat(), {"evaluation": digest_bytes(b"e")}
        said = Evidence("performance", GATE, {}, findings, outcome, at, data, {"evaluation": 100})
        world.sign(replace(said, facts={"workspace": workspace}), Subject("model", subject), "ci")

    say(west, "west", "fail")
    with WorkspaceContext("east"):
        store.set_registered_model_alias("loan", "production", tenants.version)
    say(east, "east", "pass")
    with WorkspaceContext("west"):
        store.stage_version("loan", tenants.version)
        west.approve(west.request("loan", tenants.version, subject), subject)
        assert refused(store.set_registered_model_alias, "loan", "production", tenants.version)


@pytest.fixture
def proxied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a server on this machine keeps the artifacts that it serves."""
    monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(tmp_path / "artifacts"))
    return tmp_path / "artifacts"


def test_what_stands_in_several_workspaces_is_adopted_by_the_bytes_of_each(proxied: Path, tenants: Tenants) -> None:
    for world in (tenants.east, tenants.west):
        folder = proxied / "workspaces" / world.workspace / "7" / "artifacts"
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text(world.workspace)
        with WorkspaceContext(world.workspace):
            world.store.create_registered_model("old")
            world.store.create_model_version("old", "mlflow-artifacts:/7/artifacts")
        world.by_hand("old", "production", 1)
    until = datetime.now(UTC).date() + timedelta(days=30)
    done = adopt(tenants.settings, "Risk", until, tenants.east.key("policy"), ("old",))
    assert [(each.workspace, each.trouble) for each in done] == [("east", None), ("west", None)]
    assert len({each.digest for each in done}) == 2
    for world in (tenants.east, tenants.west):
        with WorkspaceContext(world.workspace):
            assert world.store.get_model_version_by_alias("old", "production").version == 1


def test_without_workspaces_switched_on_nothing_in_one_is_adopted_by_the_bytes_of_another(
    tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants.west.by_hand("loan", "production", tenants.version)
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES")
    until = datetime.now(UTC).date() + timedelta(days=30)
    (found,) = adopt(tenants.settings, "Risk", until, tenants.east.key("policy"))
    assert "MLFLOW_ENABLE_WORKSPACES" in str(found.trouble) and not tenants.west.seen("loan").grants()


@pytest.fixture
def spaces(tenants: Tenants) -> Iterator[Workspaces]:
    """MLflow's workspaces, in the database of the registry."""
    store = Workspaces(tenants.east.store.db_uri)
    for name in ("east", "west"):
        store.create_workspace(Workspace(name))
    yield store
    store._engine.dispose()


@pytest.mark.parametrize("mode", list(WorkspaceDeletionMode))
def test_a_workspace_with_governed_models_is_not_deleted(
    tenants: Tenants, spaces: Workspaces, mode: WorkspaceDeletionMode
) -> None:
    spaces.__class__ = keeping(Workspaces, tenants.east.store)
    for name in ("east", "west"):  # in west nothing stands, and nothing is free either
        assert refused(spaces.delete_workspace, name, mode)
    assert [each.name for each in spaces.list_workspaces()] == ["default", "east", "west"] and told(tenants) == []


def test_a_workspace_is_not_deleted_where_the_ledger_cannot_be_read(tenants: Tenants, spaces: Workspaces) -> None:
    spaces.__class__ = keeping(Workspaces, tenants.east.store)
    tenants.east.sql("UPDATE aims_ledger SET body = '{}' WHERE position = 0")
    assert refused(spaces.delete_workspace, "west", WorkspaceDeletionMode.CASCADE)
    assert spaces.get_workspace("west").name == "west"


@pytest.mark.parametrize(
    ("mode", "left"), [(WorkspaceDeletionMode.CASCADE, []), (WorkspaceDeletionMode.SET_DEFAULT, ["1"])]
)
def test_what_nobody_governs_goes_with_its_workspace_and_the_ledger_tells(
    tenants: Tenants, spaces: Workspaces, mode: WorkspaceDeletionMode, left: list[str]
) -> None:
    opened = Subject("organization", digest_bytes(b"open mode"))
    tenants.east.sign(OpenMode(True, "only east has begun"), opened, "policy")
    spaces.__class__ = keeping(Workspaces, tenants.east.store)
    assert refused(spaces.delete_workspace, "east", mode)
    spaces.delete_workspace("west", mode)
    assert told(tenants) == []
    moved = World(tenants.east.folder, tenants.east.store, tenants.east.keys).seen("loan")
    assert sorted(moved.registrations()) == left


def test_a_model_of_the_same_name_in_another_workspace_gives_nobody_the_released_bytes(tenants: Tenants) -> None:
    guard, who = ArtifactGuard(tenants.east.store, lambda *_: True), Principal("ann", "mlflow-auth", False, False, None)
    digest = str(tenants.east.seen("loan").grants()[-1].predicate.digest)
    for workspace, may in (("east", True), ("west", False), ("default", False)):
        with WorkspaceContext(workspace):
            assert guard.reads(who, digest) is may


def test_nobody_deletes_released_copies_with_the_folder_of_their_workspace(proxied: Path, tenants: Tenants) -> None:
    guard = ArtifactGuard(tenants.east.store, lambda *_: True)
    store: Any = LocalArtifactRepository(str(proxied))
    store.__class__ = guard.over(LocalArtifactRepository)
    shutil.rmtree(tenants.east.folder / "models")  # what was released from lies elsewhere, or is gone
    for workspace, path in (("east", "workspaces/east"), ("east", "workspaces"), ("default", ".")):
        with WorkspaceContext(workspace), acting_as(None):
            assert refused(store.delete_artifacts, path), path


def test_a_source_is_looked_up_in_its_own_workspace(proxied: Path, tenants: Tenants) -> None:
    east, west = tenants.east, tenants.west
    for world in (west, east):
        with WorkspaceContext(world.workspace):
            world.store.create_registered_model("origin")
            world.store.create_model_version("origin", f"mlflow-artifacts:/{world.workspace}-made/artifacts")
    with WorkspaceContext("east"):
        source = east.store._address_of("origin", "1")
        east.store.create_model_version("loan", "models:/origin/1")
        east.by_hand("loan", "champion", 2)
    guard = ArtifactGuard(east.store, lambda *_: True)
    with WorkspaceContext("west"):
        assert refused(lambda: guard.check_write(str(proxied), "workspaces/east/east-made/artifacts/x", tree=False))
        guard.check_write(str(proxied), "workspaces/west/west-made/artifacts/x", tree=False)
    assert source == "mlflow-artifacts:/east-made/artifacts"
