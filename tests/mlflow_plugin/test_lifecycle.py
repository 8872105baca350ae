"""Rename, delete, re-create: nothing that stands in production loses its record."""

from pathlib import Path

import pytest
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.workspace_context import WorkspaceContext

from aims_gates import database
from aims_gates.attestation.statements.policy import OpenMode
from aims_gates.attestation.statements.registry import Creation, Registration, Transition
from aims_gates.documents.canonical import digest_bytes
from aims_gates.mlflow_plugin.internals.versions import installed, minor
from aims_gates.mlflow_plugin.store.ledger_view import kind_of
from aims_gates.mlflow_plugin.store.store import gated_store, stock_uri
from aims_gates.model import Subject

from .conftest import World
from .test_promotion import acts, aliases, refused


def test_a_model_in_production_can_neither_be_renamed_nor_deleted(world: World) -> None:
    version = world.promoted()
    for call in (
        lambda: world.store.rename_registered_model("loan", "other"),
        lambda: world.store.delete_registered_model("loan"),
        lambda: world.store.delete_model_version("loan", version),
        lambda: world.store.delete_model_version("loan", "01"),
    ):
        assert "delete the alias first" in refused(call).message
    assert aliases(world, "loan") == {"production": version}


def test_a_version_in_stage_production_cannot_be_deleted(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    world.store.transition_model_version_stage("loan", version, "Production", False)
    assert "archive it first" in refused(world.store.delete_model_version, "loan", version).message


def test_a_granted_version_of_a_bound_model_is_part_of_the_record(world: World) -> None:
    version = world.promoted()
    world.store.delete_registered_model_alias("loan", "production")
    other = world.model("loan", "never granted", create=False)
    refused(world.store.delete_model_version, "loan", version)
    refused(world.store.delete_registered_model, "loan")
    world.store.delete_model_version("loan", other)


def test_the_record_lets_go_when_the_name_is_let_go_and_not_when_its_binding_is_revoked(world: World) -> None:
    version = world.promoted()
    world.store.delete_registered_model_alias("loan", "production")
    binding = world.seen("loan").binding()
    assert binding is not None
    world.revoke(binding.digest, "policy")
    for what in (("loan", version), ("loan",)):
        delete = world.store.delete_model_version if len(what) == 2 else world.store.delete_registered_model
        with pytest.raises(MlflowException, match="has a binding that was revoked, and this was granted"):
            delete(*what)
    with pytest.raises(MlflowException, match="may not be renamed"):
        world.store.rename_registered_model("loan", "elsewhere")
    world.let_go("loan")
    world.store.delete_model_version("loan", version)
    world.store.delete_registered_model("loan")


def test_a_recreated_model_inherits_no_grant(world: World) -> None:
    world.promoted()
    world.store.delete_registered_model_alias("loan", "production")
    world.let_go("loan")
    world.store.delete_registered_model("loan")
    world.bind("loan", inconclusive_blocks=False)
    world.model("loan")
    refused(world.store.set_registered_model_alias, "loan", "production", 1)
    world.by_hand("loan", "production", 1)
    refused(world.store.get_model_version_by_alias, "loan", "production")


def test_a_bound_model_cannot_be_renamed_and_says_what_to_do(world: World) -> None:
    world.bind("loan")
    world.model("loan")
    assert "register the model under other" in refused(world.store.rename_registered_model, "loan", "other").message


def test_a_free_model_is_renamed_with_its_registrars(world: World) -> None:
    world.model("loan")
    assert world.store.rename_registered_model("loan", "credit").name == "credit"
    assert acts(world, "loan", Transition)[-1].act == "renamed to credit"
    assert [each.version for each in acts(world, "credit", Registration)] == ["1"]
    assert world.store.rename_registered_model("credit", "credit").name == "credit"


def test_a_renamed_prompt_stays_a_prompt(world: World) -> None:
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello")
    world.store.rename_registered_model("greeting", "welcome")
    assert kind_of(world.seen("welcome")) == "prompt"
    said = OpenMode(True, "no checks of prompts yet", scope="prompt")
    world.sign(said, Subject("organization", digest_bytes(b"open mode")), "policy")
    world.store.set_prompt_alias("welcome", "production", 1)


def test_renaming_onto_a_taken_name_is_answered_as_stock_and_leaves_no_trace(world: World) -> None:
    world.model("loan")
    world.model("other", "x")
    refused(world.store.rename_registered_model, "loan", "other", code="RESOURCE_ALREADY_EXISTS")
    assert acts(world, "loan", Transition) == [] and len(acts(world, "other", Creation)) == 1


def test_creating_a_taken_name_is_answered_as_stock_and_leaves_no_trace(world: World) -> None:
    world.store.create_registered_model("loan")
    refused(world.store.create_registered_model, "loan", code="RESOURCE_ALREADY_EXISTS")
    refused(
        world.store.create_registered_model,
        "loan",
        [RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")],
        code="RESOURCE_ALREADY_EXISTS",
    )
    assert [each.kind for each in acts(world, "loan", Creation)] == ["model"]


def test_names_found_at_installation_keep_their_kind(tmp_path: Path, empty_database: bytes) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(empty_database)
    stock = SqlAlchemyStore(f"sqlite:///{path}")
    stock.create_registered_model("loan")
    stock.create_prompt("greeting")
    with stock.engine.begin() as connection:
        database.drop(connection)
        for table in (*database.OURS, "aims_alembic_version"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    world = World(tmp_path, gated_store(f"aims+sqlite:///{path}"))
    assert kind_of(world.seen("greeting")) == "prompt" and kind_of(world.seen("loan")) == "model"
    again = gated_store(f"aims+sqlite:///{path}")
    assert len(acts(World(tmp_path, again), "loan", Creation)) == 1
    stock._dispose_engine()


def test_the_scheme_is_known_to_mlflow_and_names_the_same_database(world: World) -> None:
    from mlflow.tracking._model_registry.utils import _get_store

    found = _get_store(world.uri)
    assert type(found).__name__ == "AimsSqlAlchemyStore"
    assert stock_uri(world.uri) == found.db_uri == world.uri.removeprefix("aims+")


def test_workspaces_keep_records_of_their_own(
    tmp_path: Path, empty_database: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    (tmp_path / "registry.db").write_bytes(empty_database)
    store = gated_store(f"aims+sqlite:///{tmp_path / 'registry.db'}")
    assert type(store).__name__ == "AimsWorkspaceAwareSqlAlchemyStore" and store.supports_workspaces
    with WorkspaceContext("east"):
        store.create_prompt("same")
    with WorkspaceContext("west"):
        store.create_registered_model("same")
        store.create_model_version("same", "s3://bucket/x")
        refused(store.set_registered_model_alias, "same", "production", 1)
    with WorkspaceContext("east"):
        store.create_prompt_version("same", "Hello")
        refused(store.create_model_version, "same", "s3://bucket/x", code="INVALID_PARAMETER_VALUE")
    store._dispose_engine()


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
@pytest.mark.skipif(minor(installed()) < (3, 13), reason="MLflow reads from no replica before 3.13")
def test_a_read_replica_may_lag_but_never_outlives_a_revocation(world: World, empty_database: bytes) -> None:
    version = world.promoted()
    replica = world.folder / "replica.db"
    replica.write_bytes((world.folder / "registry.db").read_bytes())
    store = gated_store(world.uri, read_db_uri=f"sqlite:///{replica}")
    assert int(store.get_model_version_by_alias("loan", "production").version) == version
    world.halt("loan")
    refused(store.get_model_version_by_alias, "loan", "production")
    store._dispose_engine()
