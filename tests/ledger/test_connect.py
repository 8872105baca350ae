"""A ledger in hand."""

import sys
import threading

import pytest
from sqlalchemy import create_engine, exc, text

from aims_gates.errors import AimsGatesError, LedgerError
from aims_gates.ledger import install, size
from aims_gates.ledger.connect import open_ledger


def test_a_ledger_is_made_written_and_read(tmp_path, kit):
    registry = f"aims+sqlite:///{tmp_path}/registry.db"
    with open_ledger(registry, write=True) as connection:
        kit.World(connection).trust()
    with open_ledger(registry) as connection:
        assert size(connection) == 1


def test_nothing_is_kept_of_what_ends_in_an_error(tmp_path, kit):
    registry = f"aims+sqlite:///{tmp_path}/registry.db"
    with open_ledger(registry, write=True):
        pass
    with pytest.raises(AimsGatesError), open_ledger(registry, write=True) as connection:
        kit.World(connection).trust()
        kit.World(connection).trust(version=2, by="risk")
    with open_ledger(registry) as connection:
        assert size(connection) == 0


def test_a_mistyped_name_makes_no_file(tmp_path):
    with pytest.raises(LedgerError, match="there is no such file"), open_ledger(f"aims+sqlite:///{tmp_path}/typo.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_ledger_says_how_to_start(tmp_path):
    (tmp_path / "empty.db").touch()
    registry = f"aims+sqlite:///{tmp_path}/empty.db"
    with pytest.raises(LedgerError, match="there is no ledger here yet") as caught, open_ledger(registry):
        pass
    assert "keys trust --first" in str(caught.value.remedy)
    with pytest.raises(LedgerError, match="there is no ledger here yet"), open_ledger("aims+sqlite://"):
        pass


def test_what_is_no_database_is_named(tmp_path):
    (tmp_path / "text.db").write_text("this is no database, and long enough to be seen as none" * 9)
    registry = f"aims+sqlite:///{tmp_path}/text.db"
    for write in (False, True):
        with (
            pytest.raises(LedgerError, match="the database cannot be used") as caught,
            open_ledger(registry, write=write),
        ):
            pass
        assert caught.value.where == registry


@pytest.mark.parametrize(
    ("driver", "scheme"),
    [("psycopg", "aims+postgresql"), ("psycopg", "aims+postgresql+psycopg"), ("psycopg2", "aims+postgresql+psycopg2")],
)
def test_a_driver_that_is_not_installed_is_named(monkeypatch, driver, scheme):
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(LedgerError, match="driver") as caught, open_ledger(f"{scheme}://nobody@/x"):
        pass
    assert str(caught.value.remedy).startswith("pip install 'aims-gates[postgresql]' and write aims+postgresql://")


def test_tables_of_an_older_version_are_not_written(tmp_path):
    registry = f"aims+sqlite:///{tmp_path}/registry.db"
    with open_ledger(registry, write=True) as connection:
        connection.execute(text("UPDATE aims_alembic_version SET version_num = '0001'"))
    with pytest.raises(LedgerError, match="migration 0001") as caught, open_ledger(registry, write=True):
        pass
    assert "aims-gates db upgrade" in caught.value.remedy
    with open_ledger(registry) as connection:
        assert connection.execute(text("SELECT size FROM aims_head")).scalar() == 0


def test_two_who_install_at_once_make_one_ledger(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/registry.db", connect_args={"timeout": 20})

    def late():
        with engine.begin() as connection:
            install(connection)

    with engine.begin() as first:
        first.exec_driver_sql("BEGIN IMMEDIATE")
        thread = threading.Thread(target=late)
        thread.start()
        thread.join(0.5)
        install(first)
    thread.join()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM aims_head")).scalar() == 1
    engine.dispose()


def test_what_is_no_address_is_named():
    with pytest.raises(AimsGatesError), open_ledger("sqlite:///stock.db"):
        pass
    with pytest.raises(LedgerError, match="not a database address"), open_ledger("aims+sqlite:"):
        pass


def test_a_broken_constraint_is_the_callers(tmp_path):
    registry = f"aims+sqlite:///{tmp_path}/registry.db"
    with pytest.raises(exc.IntegrityError), open_ledger(registry, write=True) as connection:
        connection.execute(text("INSERT INTO aims_head (id, size, frontier) VALUES (1, 0, '[]')"))
