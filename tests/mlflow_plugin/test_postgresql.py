"""The gated store's own ways on PostgreSQL: many processes, lost transactions, drivers, where released copies go."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DBAPIError, OperationalError

from aims_gates import ledger
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.session import TRIES
from aims_gates.mlflow_plugin.store.store import gated_store

from .conftest import World

pytestmark = pytest.mark.parametrize("world", ["postgresql"], indirect=True)

WORKER = """
import sys, warnings
from aims_gates.mlflow_plugin.store.store import gated_store
from mlflow.exceptions import MlflowException
uri, who, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = gated_store(uri)
codes = set()
for number in range(times):
    for act in (
        lambda: store.create_registered_model(f"{who}-{number}"),
        lambda: store.create_model_version(f"{who}-{number}", "s3://bucket/x"),
        lambda: store.set_registered_model_alias("loan", "production", 1 + number % 2),
        lambda: store.set_registered_model_alias("loan", "candidate", 1 + number % 2),
        lambda: store.delete_registered_model_alias("loan", "production"),
    ):
        try:
            act()
        except MlflowException as error:
            codes.add(error.get_http_status_code())
print(sorted(codes))
"""


def test_many_processes_lose_no_row_and_tell_one_story(world: World) -> None:
    world.promoted()
    world.promoted(text="two")
    before = len(world.sql("SELECT 1 FROM aims_ledger"))
    command = [sys.executable, "-W", "ignore", "-c", WORKER, world.uri]
    started = [subprocess.Popen([*command, f"w{each}", "6"], stdout=-1, stderr=-1, text=True) for each in range(2)]
    for process in started:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert set(out.strip(" []\n").split(", ")) <= {"", "400", "403", "404", "409"}, out
    with world.store.primary() as session:
        found = verify(session.connection())
        assert found.ok, found.problems
        assert reconcile(session.connection(), world.folder) == []
    assert found.size >= before + 2 * 6 * 2
    assert world.sql("SELECT count(*) FROM registered_models WHERE name LIKE 'w%'")[0][0] == 12


def lost(code: str) -> OperationalError:
    class Raised(Exception):
        sqlstate = code

    return OperationalError("UPDATE", {}, Raised())


@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_a_method_that_lost_against_another_is_done_again_and_seen_once(
    world: World, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    fail, appended = [1, 2], ledger.append

    def sometimes(*args: Any) -> Any:
        row = appended(*args)
        if fail:
            fail.pop()
            raise lost(code)
        return row

    monkeypatch.setattr("aims_gates.ledger.registry_acts.append", sometimes)
    world.store.create_registered_model("loan")
    assert fail == [] and world.sql("SELECT name FROM registered_models") == [("loan",)]
    assert len(world.seen("loan").rows) == 1


def test_what_always_loses_is_a_conflict_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def never(*_: Any) -> Any:
        tried.append(1)
        raise lost("40001")

    monkeypatch.setattr("aims_gates.ledger.registry_acts.append", never)
    with pytest.raises(MlflowException) as caught:
        world.store.create_registered_model("loan")
    assert caught.value.get_http_status_code() == 409 and len(tried) == TRIES
    tried.clear()
    with pytest.raises(MlflowException), world.store.transaction():
        world.store.create_registered_model("loan")
    assert len(tried) == 1
    assert world.sql("SELECT name FROM registered_models") == []


def test_a_real_deadlock_is_resolved_and_both_writers_come_through(world: World) -> None:
    """A stock writer holds a version's row and wants the ledger's head; we hold the head and want the row."""
    version = world.promoted()
    second = world.promoted(text="two")
    held, go = threading.Event(), threading.Event()

    def stranger() -> None:
        with world.store.engine.connect() as connection:
            connection.exec_driver_sql("SET deadlock_timeout = '50ms'")
            connection.exec_driver_sql(f"UPDATE model_versions SET description = 'x' WHERE version = {second}")
            held.set()
            go.wait(10)
            try:
                connection.exec_driver_sql("UPDATE aims_head SET size = size")
                connection.commit()
            except OperationalError:
                connection.rollback()

    thread = threading.Thread(target=stranger)
    thread.start()
    held.wait(10)
    threading.Timer(0.2, go.set).start()
    world.store.transition_model_version_stage("loan", second, "Archived", False)
    thread.join()
    assert world.store.get_model_version("loan", second).current_stage == "Archived" and version


def test_reading_sees_one_state_of_the_ledger(world: World) -> None:
    world.model("loan")
    with world.store.primary() as session:
        before = ledger.size(session.connection())
        world.model("other")
        assert ledger.size(session.connection()) == before
    with world.store.primary() as session:
        assert ledger.size(session.connection()) > before


def test_a_database_whose_default_is_stricter_still_decides_on_what_was_committed(world: World) -> None:
    name = world.store.engine.url.database
    world.sql(f'ALTER DATABASE "{name}" SET default_transaction_isolation = serializable')
    with world.store.engine.connect() as connection:
        from aims_gates import database

        database.attach(connection)
        connection.commit()
    world.store._dispose_engine()
    store = gated_store(world.uri)
    try:
        with store.transaction() as transaction:
            level = transaction.connection.exec_driver_sql("SHOW transaction_isolation").scalar()
        assert level == "read committed"
    finally:
        store._dispose_engine()
        world.sql(f'ALTER DATABASE "{name}" RESET default_transaction_isolation')


@pytest.mark.parametrize("driver", ["aims+postgresql", "aims+postgresql+psycopg2", "aims+postgresql+psycopg"])
def test_every_driver_is_known_to_mlflow_and_promotes(world: World, driver: str) -> None:
    from mlflow.tracking._model_registry.utils import _get_store

    world.store = _get_store(f"{driver}:{world.uri.partition(':')[2]}")
    assert type(world.store).__name__ == "AimsSqlAlchemyStore"
    version = world.promoted()
    assert int(world.store.get_model_version_by_alias("loan", "production").version) == version


def test_released_copies_need_a_place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.store.released().folder == tmp_path / "aims-released"
    assert world.store.released().address == "mlflow-artifacts:/aims-released"
    monkeypatch.delenv("AIMS_GATES_ARTIFACTS_DESTINATION")
    with pytest.raises(InputError, match="no local folder") as caught:
        world.store.released()
    assert "AIMS_GATES_ARTIFACTS_DESTINATION" in str(caught.value)


def test_a_server_that_logs_in_as_another_role_promotes_and_cannot_take_the_guards_away(
    world: World, postgresql: Any
) -> None:
    if postgresql.address is not None:
        pytest.skip("the page's role is made on a server of the tests' own alone")
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rights = page.partition("```sql file=rights.sql\n")[2].partition("```")[0]
    name = str(world.store.engine.url.database)
    postgresql.run("DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN")
    postgresql.run(*filter(None, map(str.strip, rights.split(";"))), database=name)
    world.store = gated_store(f"aims+{postgresql.url(name, user='app')}")
    try:
        version = world.promoted()
        assert int(world.store.get_model_version_by_alias("loan", "production").version) == version
        for statement in (
            "DROP TRIGGER aims_guard_alias_insert ON registered_model_aliases",
            "ALTER TABLE registered_model_aliases DISABLE TRIGGER ALL",
            "DROP FUNCTION aims_guard_alias_insert() CASCADE",
            "UPDATE aims_ledger SET body = 'x'",
            "DELETE FROM aims_index",
            "TRUNCATE aims_ledger",
            "DELETE FROM aims_head",
        ):
            with pytest.raises(DBAPIError, match=r"must be owner|permission denied"), world.store.engine.begin() as raw:
                raw.exec_driver_sql(statement)
    finally:
        world.store._dispose_engine()
        postgresql.run("REASSIGN OWNED BY app TO postgres", "DROP OWNED BY app", database=name)
        postgresql.run("DROP ROLE app")


def test_nothing_is_on_trial_on_postgresql(world: World) -> None:
    with pytest.raises(RefusedError, match="for an embedded registry, not for postgresql"):
        world.bind("loan", trial=True)


def test_the_test_server_gives_empty_databases(world: World, postgresql_empty_url: str) -> None:
    engine = sqlalchemy.create_engine(postgresql_empty_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    engine.dispose()
