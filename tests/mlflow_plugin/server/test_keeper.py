"""The server's checkpoints: the ledger is held against them before it serves, and new ones are written."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.checkpoint_writer import Keeper, keep_checkpoints
from tests.mlflow_plugin.conftest import World

HOUR = timedelta(hours=1)


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder; the server's key is one that may sign checkpoints."""
    key = tmp_path / "server.key"
    key.write_bytes(world.key("ci").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key.chmod(0o600)
    monkeypatch.setenv("AIMS_GATES_KEY", str(key))
    place = tmp_path / "kept"
    place.mkdir()
    return place


def kept(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("checkpoint-*"))


def keeper(world: World, folder: Path, every: timedelta = HOUR) -> Keeper:
    """As a server begins, but that it looks only when told to."""
    found = keep_checkpoints(world.store, folder, HOUR)
    assert found is not None
    found.stop()
    return Keeper(world.store, folder, every)


def test_a_checkpoint_is_written_when_one_is_due_and_holds_at_the_next_start(world: World, folder: Path) -> None:
    first = keeper(world, folder)
    assert first.look() is not None and first.look() is None
    world.bind("loan")
    assert first.look() is None, "the last one is young"
    assert keeper(world, folder, timedelta(0)).look() is not None
    assert kept(folder) == ["checkpoint-000000000001.json", "checkpoint-000000000002.json"]


def test_it_looks_by_itself_until_it_is_stopped(world: World, folder: Path) -> None:
    found = keep_checkpoints(world.store, folder, timedelta(seconds=0.05))
    assert found is not None
    for _ in range(200):
        if kept(folder):
            break
        found.join(0.05)
    found.stop()
    found.join(5)
    assert kept(folder) and not found.is_alive()


def test_a_ledger_from_an_older_backup_is_not_served(world: World, folder: Path) -> None:
    world.bind("loan")
    keeper(world, folder).look()
    world.sql(
        "UPDATE aims_head SET size = 1, frontier = (SELECT '[\"' || leaf || '\"]' FROM aims_ledger WHERE position = 0)"
    )
    world.sql("DELETE FROM aims_ledger WHERE position = 1")
    with pytest.raises(IntegrityError, match="rows were removed"):
        keep_checkpoints(world.store, folder, HOUR)


def test_what_keeps_a_checkpoint_from_being_written_is_logged_and_stops_nothing(
    world: World, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = keeper(world, folder)
    folder.rmdir()
    with caplog.at_level(logging.ERROR):
        assert found.look() is None
    assert "no checkpoint was written" in caplog.text and "cannot be written" in caplog.text


def test_without_a_folder_nothing_is_kept_and_a_folder_needs_a_key(
    world: World, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keep_checkpoints(world.store, None, HOUR) is None
    with pytest.raises(InputError, match="no such folder"):
        keep_checkpoints(world.store, folder / "gone", HOUR)
    monkeypatch.delenv("AIMS_GATES_KEY")
    with pytest.raises(InputError, match="has no key"):
        keep_checkpoints(world.store, folder, HOUR)
