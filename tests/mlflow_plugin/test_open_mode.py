"""Open mode, on both databases: what nobody governs behaves as stock, what is or was governed stays refused."""

from typing import Any

import pytest
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from aims_gates import ledger
from aims_gates.attestation.statements.policy import KeyRevocation, OpenMode
from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger.live_tables import differences
from aims_gates.ledger.table import bearing
from aims_gates.mlflow_plugin.internals.versions import installed, minor
from aims_gates.mlflow_plugin.server.artifacts import ArtifactGuard
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.model import Subject

from .conftest import World

SUBJECT = Subject("organization", digest_bytes(b"open mode"))


def switch(world: World, on: bool, person: str = "policy") -> str:
    return world.sign(OpenMode(on, "not everything is ours yet"), SUBJECT, person)


def told(world: World) -> list[str]:
    with world.store.primary() as session:
        connection = session.connection()
        found = reconcile(connection, world.folder)
        return found + differences(connection, bearing(connection), ledger.size(connection))


def refused(act: Any, *arguments: Any) -> bool:
    with pytest.raises(MlflowException) as raised:
        act(*arguments)
    return bool(raised.value.get_http_status_code() == 403)


def test_a_name_that_nobody_bound_is_governed_until_a_policy_owner_opens_and_again_when_they_close(
    world: World,
) -> None:
    version = world.model("free")
    store = world.store
    assert refused(store.set_registered_model_alias, "free", "production", version)
    switch(world, True)
    store.set_registered_model_alias("free", "production", version)
    store.transition_model_version_stage("free", version, "Production", True)
    assert store.get_model_version_by_alias("free", "production").version == version
    assert [each.version for each in store.get_latest_versions("free", ["Production"])] == [version]
    assert told(world) == []
    switch(world, False)
    assert refused(store.set_registered_model_alias, "free", "champion", version)
    assert refused(store.get_model_version_by_alias, "free", "production")
    assert [line.partition(": ")[0] for line in told(world)] == [
        f"free version {version} (production)",
        f"free version {version} (stage:Production/{version})",
    ]


def test_open_mode_opens_nothing_that_a_system_is_or_was_bound_to(world: World) -> None:
    switch(world, True)
    version = world.promoted()
    store = world.store
    another = world.model("loan", "other", create=False)
    assert refused(store.set_registered_model_alias, "loan", "champion", another)
    assert refused(store.transition_model_version_stage, "loan", another, "Production", False)
    binding = world.seen("loan").binding()
    assert binding is not None
    world.revoke(binding.digest, "policy")
    assert refused(store.set_registered_model_alias, "loan", "champion", version)
    assert refused(store.set_registered_model_alias, "loan", "champion", another)
    assert refused(store.delete_registered_model, "loan")
    assert told(world) == []


def test_a_bound_name_deleted_and_made_again_is_not_open(world: World) -> None:
    world.bind("loan")
    world.model("loan")
    switch(world, True)
    world.store.delete_registered_model("loan")
    version = world.model("loan")
    assert refused(world.store.set_registered_model_alias, "loan", "production", version)


def test_the_database_draws_the_same_line_for_a_stock_store(world: World) -> None:
    free, bound = world.model("free"), world.model("loan", "other")
    world.bind("loan")
    stock = SqlAlchemyStore(world.store.db_uri)
    try:
        for name, number in (("free", free), ("loan", bound)):
            with pytest.raises(MlflowException, match="no grant stands"):
                stock.set_registered_model_alias(name, "production", number)
        opened = switch(world, True)
        stock.set_registered_model_alias("free", "production", free)
        stock.transition_model_version_stage("free", free, "Production", False)
        with pytest.raises(MlflowException, match="no grant stands"):
            stock.set_registered_model_alias("loan", "production", bound)
        world.revoke(opened, "policy")
        with pytest.raises(MlflowException, match="no grant stands"):
            stock.set_registered_model_alias("free", "champion", free)
    finally:
        stock._dispose_engine()
    assert refused(world.store.set_registered_model_alias, "free", "champion", free)


def test_a_name_that_a_stock_server_made_meanwhile_is_as_free_as_ours(world: World) -> None:
    switch(world, True)
    stock = SqlAlchemyStore(world.store.db_uri)
    try:
        stock.create_registered_model("theirs")
        version = int(stock.create_model_version("theirs", "s3://bucket/model").version)
    finally:
        stock._dispose_engine()
    world.store.set_registered_model_alias("theirs", "production", version)
    assert int(world.store.get_model_version_by_alias("theirs", "production").version) == version
    with pytest.raises(MlflowException, match="must be an integer, got 'one'"):
        world.store.set_registered_model_alias("nobodys", "production", "one")
    switch(world, False)
    assert refused(world.store.set_registered_model_alias, "theirs", "champion", version)


@pytest.mark.skipif(minor(installed()) < (3, 12), reason="MLflow says some of it in other words before 3.12")
def test_of_two_things_wrong_with_a_call_mlflow_names_the_one_it_always_names(world: World) -> None:
    switch(world, True)
    store = world.store
    with pytest.raises(MlflowException, match="'Archived' is not an Active stage"):
        store.transition_model_version_stage("nothing", 1, "Archived", True)
    with pytest.raises(MlflowException, match="Missing value for required parameter 'name'"):
        store.delete_registered_model_alias("", "")
    with pytest.raises(AttributeError):
        store.create_model_version("free", 5)
    with pytest.raises(MlflowException, match="no attribute 'strip'") as raised:
        store.delete_registered_model(7)
    assert raised.value.get_http_status_code() == 500


def test_while_nothing_is_governed_a_server_takes_any_source_but_its_own_and_stages_none_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, bucket = world.store, "s3://bucket/model"
    for name in ("free", "loan"):
        store.create_registered_model(name)
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_ROOT", str(world.folder))
    assert refused(store.create_model_version, "free", bucket)
    switch(world, True)
    version = int(store.create_model_version("free", bucket).version)
    assert store.get_model_version_download_uri("free", version) == bucket
    copy = f"aims-released/{'a' * 64}"
    places = [f"s3://bucket/{copy}", f"s3://bucket/%61ims-released/{'a' * 64}", f"/elsewhere/{copy}"]
    with monkeypatch.context() as served:
        served.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
        served.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "s3://served/mlflow")
        for place in (*places, "s3://served/mlflow/1/m", "S3://served/%6dlflow/1"):
            assert refused(store.create_model_version, "free", place), place
    world.bind("loan")
    for name in ("free", "loan"):
        assert refused(store.create_model_version, name, bucket)
    assert store.get_model_version_download_uri("free", version) == bucket
    world.bind("free")
    with pytest.raises(InputError, match="does not read from there"):
        store.stage_version("free", version)


def test_artifacts_of_what_nobody_governs_stay_writable_under_any_alias_and_no_others(world: World) -> None:
    guard = ArtifactGuard(world.store, lambda who, name: True)

    def written(version: int, name: str) -> None:
        guard.check_write(world.store.get_model_version(name, version).source, "model.bin", tree=False)

    switch(world, True)
    free = world.model("free", "ours")
    shared = world.model("free", create=False)
    for alias, number in (("production", free), ("champion", shared)):
        world.store.set_registered_model_alias("free", alias, number)
    world.store.transition_model_version_stage("free", free, "Production", False)
    written(free, "free")
    written(shared, "free")
    granted = world.promoted()
    assert refused(written, granted, "loan")
    assert refused(written, shared, "free")  # the same folder
    written(free, "free")
    switch(world, False)
    assert refused(written, free, "free")


def test_only_policy_opens_and_a_key_that_is_trusted_no_longer_neither_opens_nor_undoes_a_closing(world: World) -> None:
    version = world.model("free")
    with pytest.raises(RefusedError, match="may not sign"):
        switch(world, True, "dev")
    switch(world, True)
    switch(world, False)
    said = KeyRevocation(world.key("policy").public, "lost")
    world.sign(said, Subject("organization", digest_bytes(b"key")), "policy")
    assert refused(world.store.set_registered_model_alias, "free", "production", version)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO aims_names (workspace, name, kind, binding, governed, position) "
        "VALUES ('', '', 'open mode', 'sha256:0', 0, 0)",
        "INSERT INTO aims_index (term, position) VALUES ('open-mode', 1)",
    ],
)
def test_open_mode_written_by_hand_opens_nothing_that_the_registry_serves(world: World, statement: str) -> None:
    version = world.model("free")
    world.sql(statement)
    assert refused(world.store.set_registered_model_alias, "free", "production", version)
    assert told(world)


def test_a_prompt_that_takes_a_model_in_open_mode_is_governed_as_a_model_when_it_ends(world: World) -> None:
    prompt = [RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")]
    world.store.create_registered_model("greeting", prompt)
    switch(world, True)
    version = world.model("greeting", create=False)
    world.store.set_registered_model_alias("greeting", "production", version)
    switch(world, False)
    assert refused(world.store.get_model_version_by_alias, "greeting", "production")
    assert refused(world.store.set_registered_model_alias, "greeting", "champion", version)


def test_a_tag_makes_no_prompt_of_a_model_when_open_mode_ends(world: World) -> None:
    version = world.model("free")
    tag = RegisteredModelTag(IS_PROMPT_TAG_KEY, "true")
    assert refused(world.store.set_registered_model_tag, "free", tag)
    switch(world, True)
    world.store.set_registered_model_tag("free", tag)
    switch(world, False)
    assert refused(world.store.set_registered_model_alias, "free", "production", version)


def test_a_version_that_is_not_there_is_deleted_with_mlflows_own_words(world: World) -> None:
    with pytest.raises(MlflowException, match=r"Model Version \(name=nothing, version=1\) not found") as raised:
        world.store.delete_model_version("nothing", 1)
    assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"
