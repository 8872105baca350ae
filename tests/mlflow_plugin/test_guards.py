"""What the database itself refuses, on both databases: raw SQL, a stock store, and an older version of ourselves."""

import json
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import IntegrityError

from aims_gates import database, ledger
from aims_gates.attestation.statements.people import Halt
from aims_gates.attestation.statements.policy import Detachment
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.cli import main
from aims_gates.errors import LedgerError, RefusedError
from aims_gates.ledger import merkle
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.live_tables import differences
from aims_gates.ledger.row import body_of
from aims_gates.ledger.table import bearing
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.governed_names import OPEN_ALIASES
from aims_gates.mlflow_plugin.store.installation import detach, upgrade
from aims_gates.mlflow_plugin.store.ledger_view import now
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Subject

from .conftest import World

INSERT = "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES ('default', 'loan', '{}', {})"


def by_driver(world: World, statement: str) -> str | None:
    """Run SQL as ``sqlite3`` or ``psql`` would; gives the refusal."""
    driver: Any = sqlite3
    if world.store.engine.dialect.name == "sqlite":
        connection: Any = sqlite3.connect(world.store.engine.url.database)
    else:
        import psycopg

        driver, url = psycopg, world.store.engine.url
        connection = psycopg.connect(dbname=url.database, user=url.username, host=url.query["host"])
    try:
        connection.cursor().execute(statement)
        connection.commit()
    except driver.Error as error:
        return str(error)
    finally:
        connection.close()
    return None


def told(world: World) -> list[str]:
    with world.store.primary() as session:
        return reconcile(session.connection(), world.folder)


def in_step(world: World) -> list[str]:
    with world.store.primary() as session:
        connection = session.connection()
        return differences(connection, bearing(connection), ledger.size(connection))


@pytest.fixture
def stock(world: World) -> Any:
    """MLflow's own store on the same database."""
    made = SqlAlchemyStore(world.store.db_uri)
    yield made
    made._dispose_engine()


def test_an_alias_row_inserted_by_hand_is_refused_and_past_the_guard_it_neither_loads_nor_stays_unseen(
    world: World,
) -> None:
    version = world.promoted()
    said = by_driver(world, INSERT.format("champion", version))
    assert said is not None and "aims-gates: no grant stands for this alias" in said
    assert told(world) == []
    world.by_hand("loan", "champion", version)
    with pytest.raises(MlflowException, match="no grant stands"):
        world.store.get_model_version_by_alias("loan", "champion")
    problems = told(world)
    assert "(champion)" in problems[0] and "not guarded" in problems[-1] and len(problems) == 2


@pytest.mark.parametrize(
    "statement",
    [
        INSERT.format("production", 2).replace("INSERT", "INSERT"),
        INSERT.format("PRODUCTION", 1),
        INSERT.format("ｓｔａｇｉｎｇ", 1),
        INSERT.format("prod uction", 1),
        "UPDATE registered_model_aliases SET version = 2",
        "UPDATE registered_model_aliases SET alias = 'champion'",
        "UPDATE registered_model_aliases SET alias = 'candidate', version = 2 WHERE 1 = 0; "
        "UPDATE registered_model_aliases SET version = 99",
        "UPDATE model_versions SET current_stage = 'Production'",
        "UPDATE model_versions SET current_stage = 'PRODUCTION ' WHERE version = 2",
        "UPDATE model_versions SET source = '/x' WHERE version = 1",
        "UPDATE model_versions SET storage_location = '/x' WHERE version = 1",
        "UPDATE model_versions SET storage_location = NULL WHERE version = 1",
        "UPDATE model_versions SET version = 9 WHERE version = 1",
        "DELETE FROM model_versions WHERE version = 1",
        "INSERT INTO model_versions (workspace, name, version, source, current_stage) "
        "VALUES ('default', 'loan', 9, '/x', 'Production')",
        "UPDATE registered_models SET name = 'renamed'",
        "UPDATE aims_ledger SET body = body",
        "DELETE FROM aims_ledger",
        "INSERT INTO aims_ledger (position, leaf, body) VALUES (-1, 'x', 'x')",
        "DELETE FROM aims_index WHERE position = 3",
        "UPDATE aims_index SET term = 'x'",
        "INSERT INTO aims_index (term, position) VALUES ('trust', 1)",
        "DELETE FROM aims_head",
        "UPDATE aims_head SET size = 1",
        "UPDATE aims_head SET size = size + 1",
        "INSERT INTO aims_head (id, size, frontier) VALUES (2, 0, '[]')",
        "UPDATE aims_names SET kind = 'prompt', binding = NULL",
        "DELETE FROM aims_names",
        "UPDATE aims_grants_live SET version = '2'",
        "INSERT INTO aims_grants_live SELECT workspace, name, 'x', version, location, expires, statement, adoption, "
        "position FROM aims_grants_live",
    ],
)
def test_raw_sql_that_no_grant_stands_for_is_refused(world: World, statement: str) -> None:
    world.promoted()
    world.model("loan", "two", create=False)
    assert told(world) == []
    *before, last = statement.split("; ")
    assert [by_driver(world, each) for each in before] == [None] * len(before)
    said = by_driver(world, last)
    assert said is not None and "aims-gates: " in said
    assert told(world) == []


def test_raw_sql_on_what_nothing_stands_on_is_let_through(world: World) -> None:
    world.promoted()
    version = world.model("loan", "two", create=False)
    for alias in sorted(OPEN_ALIASES | {"Staging"}):
        assert by_driver(world, INSERT.format(alias, version)) is None
    for statement in (
        "UPDATE registered_model_aliases SET version = 1 WHERE alias = 'candidate'",
        "UPDATE model_versions SET current_stage = 'Staging'",
        "UPDATE model_versions SET description = 'x', status = 'READY'",
        "UPDATE model_versions SET source = source, storage_location = storage_location, current_stage = current_stage",
        "UPDATE model_versions SET storage_location = '/x' WHERE version = 2",
        "UPDATE registered_models SET description = 'x', name = name",
        "DELETE FROM model_versions WHERE version = 2",
    ):
        assert by_driver(world, statement) is None, statement


@pytest.mark.parametrize("table", ["aims_ledger", "aims_index", "aims_head", "aims_names"])
@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_the_ledger_is_not_truncated(world: World, table: str) -> None:
    assert "aims-gates: " in (by_driver(world, f"TRUNCATE {table} CASCADE") or "")


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_replacing_a_row_is_no_way_round(world: World) -> None:
    world.promoted()
    body = world.sql("SELECT body FROM aims_ledger WHERE position = 1")[0][0]
    world.store.engine.dispose()
    for statement in (
        "INSERT OR REPLACE INTO aims_ledger (position, leaf, body) VALUES (1, 'x', 'x')",
        "UPDATE OR REPLACE aims_ledger SET body = 'x' WHERE position = 1",
        "REPLACE INTO aims_head (id, size, frontier, follows) VALUES (1, 0, '[]', 0)",
        "REPLACE INTO model_versions (workspace, name, version, source) VALUES ('default', 'loan', 1, '/evil')",
    ):
        assert "aims-gates: " in (by_driver(world, statement) or ""), statement
    assert world.sql("SELECT body FROM aims_ledger WHERE position = 1")[0][0] == body


def test_a_stock_store_on_the_same_database_is_refused(world: World, stock: Any) -> None:
    world.promoted()
    version = world.model("loan", "two", create=False)
    for act in (
        lambda: stock.set_registered_model_alias("loan", "production", version),
        lambda: stock.set_registered_model_alias("loan", "anything", version),
        lambda: stock.transition_model_version_stage("loan", version, "Production", False),
        lambda: stock.rename_registered_model("loan", "another"),
        lambda: stock.delete_model_version("loan", 1),
        lambda: stock.delete_registered_model("loan"),
    ):
        with pytest.raises(MlflowException, match="aims-gates: ") as caught:
            act()
        assert caught.value.get_http_status_code() == 400
    assert told(world) == []


def test_what_a_stock_store_may_do_it_does_as_ever(world: World, stock: Any) -> None:
    world.model("free")
    stock.set_registered_model_alias("free", "candidate", 1)
    stock.transition_model_version_stage("free", 1, "Staging", False)
    stock.rename_registered_model("free", "freed")
    stock.delete_model_version("freed", 1)
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello")
    stock.set_prompt_alias("greeting", "staging", 1)
    assert int(world.store.get_prompt_version_by_alias("greeting", "staging").version) == 1


def test_an_older_version_of_ourselves_is_refused(world: World) -> None:
    """One that appends as before there were guards: no grants kept, nothing else than size and frontier written."""
    world.promoted()
    body = body_of(say(Halt("default", "loan", "x"), Subject("system", "sha256:" + "0" * 64)), now()).decode()
    with pytest.raises(IntegrityError, match="upgrade it"), world.store.engine.begin() as connection:
        ledger.lock(connection)
        size = ledger.size(connection)
        row = {"position": size, "leaf": merkle.leaf_hash(body.encode()).hex(), "body": body}
        connection.execute(sqlalchemy.text("INSERT INTO aims_ledger VALUES (:position, :leaf, :body)"), row)
        connection.execute(sqlalchemy.text("UPDATE aims_head SET size = :n, frontier = '[]'"), {"n": size + 1})


def test_what_the_guards_look_at_follows_everything_the_store_does(world: World) -> None:
    first = world.promoted()
    second = world.promoted(text="two")
    world.store.transition_model_version_stage("loan", second, "Production", False)
    assert in_step(world) == [] and len(live(world)) == 2
    world.store.transition_model_version_stage("loan", second, "Archived", False)
    assert in_step(world) == [] and [row[2] for row in live(world)] == ["production"]
    world.order_rollback("loan", first)
    world.store.set_registered_model_alias("loan", "production", first)
    assert in_step(world) == [] and [row[3] for row in live(world)] == [str(first)]
    world.store.set_registered_model_alias("loan", "champion", first)
    grants = world.seen("loan").grants()
    world.revoke(grants[-1].digest)
    assert in_step(world) == [] and [row[2] for row in live(world)] == ["production"]
    world.halt("loan")
    assert in_step(world) == [] and live(world) == []
    world.store.delete_registered_model_alias("loan", "production")
    binding = world.seen("loan").binding()
    assert binding is not None
    world.revoke(binding.digest, "policy")
    assert in_step(world) == []
    world.let_go("loan")
    assert in_step(world) == []
    world.store.delete_registered_model_alias("loan", "champion")
    world.store.rename_registered_model("loan", "loan2")
    world.store.delete_registered_model("loan2")
    assert in_step(world) == [] and told(world) == []


def live(world: World) -> list[Any]:
    return world.sql("SELECT workspace, name, alias, version FROM aims_grants_live ORDER BY alias")


def test_what_was_written_into_the_grants_by_hand_is_named(world: World) -> None:
    world.promoted()
    world.sql("UPDATE aims_grants_live SET version = '2'")
    assert any("aims_grants_live" in each and "unlike the ledger" in each for each in told(world))


@pytest.mark.parametrize(
    "change",
    {
        "sqlite": "DROP TRIGGER aims_guard_alias_insert",
        "postgresql": "ALTER TABLE registered_model_aliases DISABLE TRIGGER aims_guard_alias_insert",
        "function": "CREATE OR REPLACE FUNCTION aims_guard_alias_insert() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RETURN NEW; END'",
    }.items(),
    ids=lambda change: change[0],
)
def test_a_guard_that_is_missing_off_or_changed_is_found_and_the_store_refuses_to_start(
    world: World, change: tuple[str, str], capsys: Any
) -> None:
    on = world.store.engine.dialect.name
    if on != change[0] and (on == "sqlite" or change[0] == "sqlite"):
        pytest.skip("for the other database")
    assert main(["db", "check", "--registry", world.uri]) == 0
    assert by_driver(world, change[1]) is None
    capsys.readouterr()
    assert main(["db", "check", "--registry", world.uri, "--json"]) == 5
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) == 1 and "aims_guard_alias_insert" in problems[0]
    with pytest.raises(LedgerError, match="not guarded"):
        gated_store(world.uri)
    assert main(["db", "upgrade", "--registry", world.uri]) == 0
    assert main(["db", "check", "--registry", world.uri]) == 0 and told(world) == []


OLD = (
    "CREATE TABLE aims_head (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, frontier TEXT NOT NULL)",
    "CREATE TABLE aims_ledger (position INTEGER PRIMARY KEY, leaf TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE TABLE aims_index (term VARCHAR(400) NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (term, position))",
)


def age(world: World) -> None:
    """Make the database one of before there were migrations and guards, and registrations stood with the rest."""
    with world.store.engine.begin() as connection:
        database.drop(connection)
        kept = {
            table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {table}")]
            for table, columns in (
                ("aims_head", "id, size, frontier"),
                ("aims_ledger", "position, leaf, body"),
                ("aims_index", "term, position"),
            )
        }
        apart = {position: term for term, position in kept["aims_index"] if term.startswith("versions ")}
        kept["aims_index"] = [row for row in kept["aims_index"] if row[1] not in apart or row[0][:7] != "version"]
        kept["aims_index"] += [(term.replace("versions ", "model "), position) for position, term in apart.items()]
        for table in (*database.OURS, "aims_alembic_version"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        for made in OLD:
            connection.exec_driver_sql(made)
        for table, rows in kept.items():
            names = [f"c{number}" for number in range(len(rows[0]))]
            into = sqlalchemy.text(f"INSERT INTO {table} VALUES ({', '.join(f':{each}' for each in names)})")
            connection.execute(into, [dict(zip(names, row, strict=True)) for row in rows])


def test_a_database_of_before_the_guards_is_refused_until_it_is_upgraded_and_loses_nothing(world: World) -> None:
    world.promoted()
    rows = world.sql("SELECT position, leaf, body FROM aims_ledger ORDER BY position")
    grants = world.sql("SELECT * FROM aims_grants_live")
    age(world)
    with pytest.raises(LedgerError, match="migration 0000"):
        gated_store(world.uri)
    with pytest.raises(LedgerError, match="db upgrade"), open_ledger(world.uri, write=True):
        pass
    assert upgrade(world.uri) == ("0000", database.HEAD)
    with open_ledger(world.uri) as connection:
        assert verify(connection).problems == ()
    assert world.sql("SELECT position, leaf, body FROM aims_ledger ORDER BY position") == rows
    assert world.sql("SELECT * FROM aims_grants_live") == grants and told(world) == []
    assert by_driver(world, INSERT.format("champion", 1)) is not None
    world.store.set_registered_model_alias("loan", "champion", 1)
    assert upgrade(world.uri) == (database.HEAD, database.HEAD)


def test_the_tables_of_a_later_version_are_left_alone(world: World) -> None:
    world.sql("UPDATE aims_alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match="later version"):
        upgrade(world.uri)
    with pytest.raises(LedgerError, match="9999"):
        gated_store(world.uri)


@pytest.mark.parametrize("first", ["ours", "mlflow"])
def test_mlflows_own_upgrade_before_and_after_ours_changes_nothing(world: World, first: str) -> None:
    world.promoted()
    age(world)
    address = world.store.db_uri

    def stock() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "mlflow", "db", "upgrade", address], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    steps: list[Callable[[], Any]] = [lambda: upgrade(world.uri), stock]
    for step in steps if first == "ours" else reversed(steps):
        step()
    with world.store.engine.connect() as connection:
        assert database.problems(connection) == []
    assert told(world) == []


def test_detach_gives_the_registry_back_to_stock_mlflow_on_record_and_upgrade_guards_it_again(
    world: World, stock: Any
) -> None:
    version = world.promoted()
    second = world.model("loan", "two", create=False)
    with pytest.raises(RefusedError):
        detach(world.uri, "we move on", world.key("risk"))
    assert detach(world.uri, "we move on", world.key("policy")) == "Policy"
    stock.set_registered_model_alias("loan", "production", second)
    stock.create_registered_model("later")
    assert by_driver(world, INSERT.format("champion", version)) is None
    with pytest.raises(LedgerError, match="detached"):
        gated_store(world.uri)
    with pytest.raises(LedgerError, match="already"):
        detach(world.uri, "again", world.key("policy"))
    last = json.loads(world.sql("SELECT body FROM aims_ledger ORDER BY position DESC LIMIT 1")[0][0])
    said = json.loads(b64decode(last["envelope"]["payload"]))
    assert said["predicateType"] == type_of(Detachment) and said["predicate"]["reason"] == "we move on"
    assert any("detached" in each for each in told(world))
    assert upgrade(world.uri)[1] == database.HEAD
    assert by_driver(world, INSERT.format("prod", version)) is not None
    assert any("(champion)" in each for each in told(world)) and not any("not guarded" in each for each in told(world))
    with pytest.raises(MlflowException):
        world.store.get_model_version_by_alias("loan", "production")


def test_detaching_asks_first(shop: Any) -> None:
    flags = ["--reason", "we move on", *shop.sign("policy")]
    assert shop.run("detach", *flags) == 1 and shop.run("db", "check") == 0
    assert shop.run("detach", "--yes", *flags) == 0 and shop.run("db", "check") == 5
    assert shop.run("db", "upgrade") == 0 and shop.run("db", "check") == 0
