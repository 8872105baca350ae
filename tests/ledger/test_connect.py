"""A ledger in hand."""

import pytest
from sqlalchemy import exc, text

from aims_gates.errors import AimsGatesError, LedgerError
from aims_gates.ledger import size
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


def test_what_is_no_address_is_named():
    with pytest.raises(AimsGatesError), open_ledger("sqlite:///stock.db"):
        pass
    with pytest.raises(LedgerError, match="not a database address"), open_ledger("aims+sqlite:"):
        pass


def test_a_broken_constraint_is_the_callers(tmp_path):
    registry = f"aims+sqlite:///{tmp_path}/registry.db"
    with pytest.raises(exc.IntegrityError), open_ledger(registry, write=True) as connection:
        connection.execute(text("INSERT INTO aims_head VALUES (1, 0, '[]')"))
