"""Who made a model is what the server recorded with the act, and decides who may not approve."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from aims_gates.mlflow_plugin.store import authorship
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as

from .conftest import Provider, Running
from .test_sign_in import bearer

ADA = Principal("ada", "mlflow-auth", False, False, None)
BEN = Principal("ben", "oidc", False, False, None)
JOB = Principal("build", "oidc", False, True, "ada")
ORPHAN = Principal("build", "oidc", False, True, None)


@pytest.fixture
def runs(tmp_path: Path, empty_database: bytes) -> Iterator[SqlAlchemyStore]:
    """MLflow's tracking store, recorded."""
    (tmp_path / "runs.db").write_bytes(empty_database)
    store = SqlAlchemyStore(f"sqlite:///{tmp_path / 'runs.db'}", str(tmp_path / "artifacts"))
    authorship.install(store.engine)
    yield store
    authorship.uninstall()
    store._dispose_engine()


def run_of(store: SqlAlchemyStore, who: Principal | None) -> str:
    with acting_as(who):
        made: Any = store.create_run("0", "forged-owner", 1, [], "a run")
    return str(made.info.run_id)


def model_of(store: SqlAlchemyStore, who: Principal | None, run: str | None = None) -> str:
    with acting_as(who):
        return str(store.create_logged_model("0", "model", run).model_id)


def test_the_creator_is_who_signed_in_and_not_who_was_written(runs: SqlAlchemyStore) -> None:
    run = run_of(runs, ADA)
    assert authorship.makers([f"runs:/{run}/model"]) == ("ada",)
    assert authorship.makers([f"mlflow-artifacts:/0/{run}/artifacts/model"]) == ("ada",)
    model = model_of(runs, BEN, run)
    assert authorship.makers([f"models:/{model}"]) == ("ada", "ben")


def test_what_has_no_record_was_made_by_nobody_known(runs: SqlAlchemyStore) -> None:
    unknown = run_of(runs, None)
    assert authorship.makers([f"runs:/{unknown}/model"]) == ()
    assert authorship.makers([f"models:/{model_of(runs, ADA, unknown)}"]) == ()
    assert authorship.makers([]) == () and authorship.makers(["s3://bucket/model"]) == ()
    assert authorship.makers([f"models:/m-{'0' * 32}"]) == ()


def test_a_service_counts_as_the_human_it_names_or_as_nobody(runs: SqlAlchemyStore) -> None:
    assert authorship.makers([f"runs:/{run_of(runs, JOB)}/m"]) == ("ada",)
    assert authorship.makers([f"runs:/{run_of(runs, ORPHAN)}/m"]) == ()


def test_whoever_writes_files_into_it_is_one_who_made_it(runs: SqlAlchemyStore) -> None:
    model = model_of(runs, ADA)
    with acting_as(BEN):
        authorship.wrote(f"/srv/artifacts/0/models/{model}/artifacts/model.bin")
        authorship.wrote(f"/srv/artifacts/0/models/{model}/artifacts/model.bin")
    assert authorship.makers([f"models:/{model}"]) == ("ada", "ben")
    with acting_as(ORPHAN):
        authorship.wrote(f"0/models/{model}/artifacts/more")
    assert authorship.makers([f"models:/{model}"]) == ()


def test_a_run_that_is_rolled_back_leaves_no_record(runs: SqlAlchemyStore) -> None:
    with (
        acting_as(ADA),
        pytest.raises(MlflowException, match="disk"),
        runs.ManagedSessionMaker(read_only=False) as session,
    ):
        from mlflow.store.tracking.dbmodels.models import SqlRun

        session.add(SqlRun(run_uuid="a" * 32, experiment_id=0, status="RUNNING", lifecycle_stage="active"))
        session.flush()
        raise RuntimeError("the disk is full")
    with runs.engine.connect() as connection:
        assert connection.execute(authorship.table.select()).all() == []


def test_embedded_nobody_keeps_a_record() -> None:
    assert authorship.makers(["runs:/x"]) is None and not authorship.recording()


def recorded(running: Running, id: str) -> list[tuple[str, str, str]]:
    with sqlite3.connect(running.folder / "mlflow.db") as connection:
        found = connection.execute("SELECT name, person, via FROM aims_creators WHERE id = ?", (id,))
        return sorted(found.fetchall())


def test_on_a_server_the_record_is_of_who_signed_in(running: Running, jobs: Provider) -> None:
    assert recorded(running, running.names["run"]) == [("dora", "dora", "mlflow-auth")]
    assert recorded(running, running.names["model"]) == [("dora", "dora", "mlflow-auth")]
    made = bearer(
        running, jobs.token(sub="build", org="ours", actor="ada"), "/api/2.0/mlflow/experiments/create", "POST",
        json={"name": "by the build"},
    ).json()["experiment_id"]  # fmt: skip
    for actor, person in (("ada", "ada"), (None, "")):
        said = bearer(
            running, jobs.token(sub="build", org="ours", actor=actor), "/api/2.0/mlflow/runs/create", "POST",
            json={"experiment_id": made, "user_id": "forged", "tags": [{"key": "mlflow.user", "value": "forged"}]},
        )  # fmt: skip
        assert recorded(running, said.json()["run"]["info"]["run_id"]) == [("build", person, "oidc")]


def ready(running: Running, version: int) -> None:
    subject = running.world.store.stage_version("loan", version)
    running.world.evidence(subject)
    running.world.approve(running.world.request("loan", version, subject), subject)


def promote(running: Running, version: int) -> Any:
    body = {"name": "loan", "alias": "champion", "version": str(version)}
    return running.send("POST", "/api/2.0/mlflow/registered-models/alias", json=body)


def test_nobody_approves_what_they_had_a_hand_in_whatever_the_tags_say(running: Running) -> None:
    running.world.change_keys(risk={"logins": ("rita",)})
    independent = running.registered("loan", running.logged(text="independent"))
    ready(running, independent)
    assert promote(running, independent).status_code == 200
    made = running.logged(text="touched")
    experiment = running.names["experiment"]
    grant = {"resource_type": "experiment", "resource_id": experiment, "permission": "EDIT"}
    path = "/api/3.0/mlflow/users/permissions/grant"
    assert running.send("POST", path, "admin", json={"username": "rita", **grant}).status_code == 200
    put = running.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{made['source']}/more", "rita", data=b"hers")
    assert put.status_code == 200, put.text
    touched = running.registered("loan", made)
    ready(running, touched)
    said = promote(running, touched)
    assert said.status_code == 403 and "Approvals missing" in said.json()["message"]
    shown = running.send("GET", f"/api/2.0/aims/explain?name=loan&version={touched}").json()
    assert shown["allowed"] is False and "risk" in str(shown["approvals"]["missing"])


def test_a_model_without_a_record_of_its_makers_is_not_promoted(running: Running) -> None:
    made = running.logged(text="made before the server kept a record")
    version = running.registered("loan", made)
    with sqlite3.connect(running.folder / "mlflow.db") as connection:
        connection.execute("DELETE FROM aims_creators WHERE id = ?", (made["run"],))
    ready(running, version)
    said = promote(running, version)
    assert said.status_code == 403 and "no record of who made this model" in said.json()["message"]
