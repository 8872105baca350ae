"""One transaction around MLflow's own methods: joined, not committed early, not lost by an inner rollback."""

from typing import Any

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel
from sqlalchemy.exc import IntegrityError, OperationalError

from aims_gates.mlflow_plugin.internals.versions import installed, minor
from aims_gates.mlflow_plugin.store.session import conflict, is_conflict

from .conftest import World


def names(world: World) -> list[str]:
    return [row[0] for row in world.sql("SELECT name FROM registered_models ORDER BY name")]


def test_inner_methods_join_and_nothing_is_visible_before_the_end(world: World) -> None:
    with world.store.transaction() as transaction:
        world.store.create_registered_model("a")
        world.store.create_registered_model("b")
        with world.store.engine.connect() as other:
            assert other.exec_driver_sql("SELECT count(*) FROM registered_models").scalar() == 0
        assert transaction.session.execute(sqlalchemy.text("SELECT count(*) FROM registered_models")).scalar() == 2
    assert names(world) == ["a", "b"]


def test_an_error_at_the_end_undoes_every_inner_method(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.store.transaction():
        world.store.create_registered_model("a")
        raise ZeroDivisionError
    assert names(world) == [] and world.store.ManagedSessionMaker.current is None


def test_a_transaction_in_a_transaction_is_the_outer_one(world: World) -> None:
    with pytest.raises(ZeroDivisionError), world.store.transaction() as outer:
        with world.store.transaction() as inner:
            assert inner is outer
            world.store.create_registered_model("a")
        raise ZeroDivisionError
    assert names(world) == []


def test_an_inner_failure_that_is_caught_undoes_only_its_own_work(world: World) -> None:
    with world.store.transaction():
        world.store.create_registered_model("a")
        with pytest.raises(MlflowException):
            world.store.create_registered_model("a")
        world.store.create_registered_model("b")
    assert names(world) == ["a", "b"]


def test_the_lock_is_the_first_write_and_survives_an_inner_rollback(world: World) -> None:
    said: list[str] = []

    def listen(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(statement)

    sqlalchemy.event.listen(world.store.engine, "before_cursor_execute", listen)
    try:
        with world.store.transaction() as transaction:
            with world.store.ManagedSessionMaker(read_only=False) as session:
                session.execute(
                    sqlalchemy.text("INSERT INTO registered_models (workspace, name) VALUES ('default', 'x')")
                )
                session.rollback()
                session.execute(
                    sqlalchemy.text("INSERT INTO registered_models (workspace, name) VALUES ('default', 'y')")
                )
            raw: Any = transaction.connection.connection.dbapi_connection
            assert raw.info.transaction_status if hasattr(raw, "info") else raw.in_transaction
    finally:
        sqlalchemy.event.remove(world.store.engine, "before_cursor_execute", listen)
    writes = [line for line in said if not line.startswith(("PRAGMA", "SET LOCAL"))]
    assert writes[0].startswith("UPDATE aims_head") and names(world) == ["y"]
    assert sum(line.startswith("UPDATE aims_head SET size = size") for line in writes) == 1


@pytest.mark.skipif(minor(installed()) < (3, 12), reason="MLflow tries again without rolling back before 3.12")
def test_the_retries_of_create_model_version_keep_the_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store.create_registered_model("a")
    fail = [True, True]
    flush = sqlalchemy.orm.Session.flush

    def sometimes(self: Any, *args: Any) -> None:
        if fail and any(isinstance(each, SqlModelVersion) for each in self.new):
            fail.pop()
            raise IntegrityError("INSERT", {}, Exception("taken"))
        flush(self, *args)

    with world.store.transaction():
        world.store.create_registered_model("b")
        monkeypatch.setattr(sqlalchemy.orm.Session, "flush", sometimes)
        made = world.store.create_model_version("a", "s3://bucket/x")
    assert fail == [] and int(made.version) == 1 and names(world) == ["a", "b"]
    assert world.sql("SELECT count(*) FROM model_versions")[0][0] == 1


def test_work_that_fails_when_it_is_written_out_leaves_the_rest_whole(world: World) -> None:
    with world.store.transaction():
        world.store.create_registered_model("a")
        with pytest.raises(IntegrityError), world.store.ManagedSessionMaker(read_only=False) as session:
            session.add(SqlRegisteredModel(workspace="default", name="a", creation_time=1))
        world.store.create_registered_model("b")
    assert names(world) == ["a", "b"]


def test_nothing_is_locked_until_the_first_use(world: World) -> None:
    with world.store.transaction(), world.store.engine.begin() as other:
        other.exec_driver_sql("UPDATE aims_head SET size = size")
    with world.store.transaction() as transaction:
        assert transaction.session is not None
        world.store.ManagedSessionMaker.timeout_ms = 100
        with world.store.engine.connect() as other, pytest.raises(OperationalError):
            patience = "PRAGMA busy_timeout = 100" if other.dialect.name == "sqlite" else "SET lock_timeout = 100"
            other.exec_driver_sql(patience)
            other.exec_driver_sql("UPDATE aims_head SET size = size")


def test_outside_a_transaction_sessions_are_stock(world: World) -> None:
    with pytest.raises(MlflowException) as caught, world.store.ManagedSessionMaker(read_only=False) as session:
        session.execute(sqlalchemy.text("SELECT nonsense"))
    assert caught.value.error_code in ("TEMPORARILY_UNAVAILABLE", "BAD_REQUEST")


def test_another_thread_does_not_join(world: World) -> None:
    import threading

    found: list[Any] = []
    with world.store.transaction():
        thread = threading.Thread(target=lambda: found.append(world.store.ManagedSessionMaker.current))
        thread.start()
        thread.join()
    assert found == [None]


@pytest.mark.parametrize("text", ["database is locked", "database table is locked: x"])
def test_lock_errors_are_conflicts(text: str) -> None:
    error = OperationalError("UPDATE", {}, Exception(text))
    assert is_conflict(error) and conflict(error).get_http_status_code() == 409


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"])
def test_serialization_failures_are_conflicts(code: str) -> None:
    class Raised(Exception):
        sqlstate = code

    assert is_conflict(OperationalError("UPDATE", {}, Raised()))


def test_other_errors_are_not() -> None:
    assert not is_conflict(ValueError()) and not is_conflict(OperationalError("", {}, Exception("disk I/O error")))
