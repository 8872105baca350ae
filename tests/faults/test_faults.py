"""Faults around a promotion: a full disk, bytes that are gone or slow, a wrong clock, a connection that is lost.

Each is refused with an answer that a client understands, leaves registry and ledger with one story, and hinders nobody
once it is over.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException

from aims_gates.errors import AimsGatesError, InputError, IntegrityError
from aims_gates.mlflow_plugin.store import ledger_view, promotion
from tests.support import file_size_limit

SQLITE = pytest.mark.parametrize("prepared", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("prepared", ["postgresql"], indirect=True)


def promote(prepared: Any, version: int = 1) -> int:
    """Ask for production; gives the HTTP code."""
    try:
        prepared.world.store.set_registered_model_alias("loan", "production", version)
    except MlflowException as error:
        return int(error.get_http_status_code())
    return 200


def standing(prepared: Any) -> int | None:
    """The version that a client gets."""
    try:
        return int(prepared.world.store.get_model_version_by_alias("loan", "production").version)
    except MlflowException:
        return None


@contextmanager
def no_page_left(engine: sqlalchemy.Engine) -> Iterator[None]:
    """SQLite's own answer to a full disk, from the next page on."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sqlalchemy.event.listen(engine, "connect", limit)
    engine.dispose()
    try:
        yield
    finally:
        sqlalchemy.event.remove(engine, "connect", limit)
        engine.dispose()


@SQLITE
def test_a_full_disk_refuses_a_promotion_and_leaves_one_story(prepared: Any) -> None:
    with no_page_left(prepared.world.store.engine):
        assert promote(prepared) == 403
        assert standing(prepared) is None
    assert prepared.story() == []
    assert promote(prepared) == 200 and standing(prepared) == 1


FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$
"""


@POSTGRESQL
@pytest.mark.parametrize("table", ["aims_ledger", "aims_head", "registered_model_aliases"])
def test_a_server_whose_disk_is_full_refuses_a_promotion_and_leaves_one_story(prepared: Any, table: str) -> None:
    """The server's own answer (SQLSTATE 53100) to the write of that table, which rolls all of it back."""
    with prepared.world.store.engine.begin() as connection:
        connection.exec_driver_sql(FULL)
        connection.exec_driver_sql(
            f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )
    assert promote(prepared) == 403 and standing(prepared) is None
    with prepared.world.store.engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION full_disk CASCADE")
    assert prepared.story() == []
    assert promote(prepared) == 200 and standing(prepared) == 1 and prepared.story() == []


@SQLITE
def test_a_full_disk_leaves_no_released_copy_and_staging_goes_on_later(prepared: Any) -> None:
    store = prepared.world.store
    version = prepared.world.model("loan", "w" * 500_000, create=False)
    before = sorted(path.name for path in store.released().folder.iterdir() if not path.name.startswith("."))
    with file_size_limit(100_000), pytest.raises(InputError, match=r"cannot write the released copy"):
        store.stage_version("loan", version)
    after = sorted(path.name for path in store.released().folder.iterdir() if not path.name.startswith("."))
    assert after == before
    assert store.stage_version("loan", version).startswith("sha256:") and prepared.story() == []


def test_bytes_that_are_gone_are_never_promoted_nor_served(prepared: Any) -> None:
    store, root = prepared.world.store, prepared.world.store.released()
    copy = root.copy(prepared.subjects["1"])
    aside = copy.with_name("aside")
    copy.rename(aside)
    assert promote(prepared) == 403 and standing(prepared) is None
    aside.rename(copy)
    assert promote(prepared) == 200
    copy.rename(aside)
    assert standing(prepared) is None, "a store that is gone serves nothing"
    assert any("cannot be read" in line for line in prepared.story())
    assert store.stage_version("loan", 1) == prepared.subjects["1"], "made again of what it was made of"
    assert standing(prepared) == 1 and prepared.story() == []
    shutil.move(copy, copy.with_name("aside-too"))
    (Path(store.get_model_version("loan", 1).source) / "model.bin").write_text("other")
    with pytest.raises(IntegrityError, match="no longer holds its bytes"):
        store.stage_version("loan", 1)
    assert standing(prepared) is None


def test_a_source_that_is_gone_cannot_be_staged(prepared: Any) -> None:
    version = prepared.world.model("loan", "three", create=False)
    shutil.rmtree(prepared.world.store.get_model_version("loan", version).source)
    with pytest.raises((AimsGatesError, MlflowException)):
        prepared.world.store.stage_version("loan", version)
    assert promote(prepared, version) == 403 and prepared.story() == []


def test_while_bytes_are_copied_slowly_others_promote(prepared: Any) -> None:
    version = prepared.world.model("loan", "slow", create=False)
    copying, go_on = threading.Event(), threading.Event()

    def progress(*_: int) -> None:
        copying.set()
        assert go_on.wait(60)

    thread = threading.Thread(target=prepared.world.store.stage_version, args=("loan", version, progress))
    thread.start()
    try:
        assert copying.wait(60)
        assert promote(prepared) == 200, "no lock is held while bytes are copied"
    finally:
        go_on.set()
        thread.join(60)
    assert promote(prepared, version) == 403 and prepared.story() == []


@pytest.mark.parametrize("days", [-2, 60], ids=["back", "forward"])
def test_a_clock_that_was_turned_promotes_nothing_and_a_ledger_shows_it(
    prepared: Any, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    assert promote(prepared, 2) == 200
    with monkeypatch.context() as patch:
        wrong = datetime.now(UTC) + timedelta(days=days)
        for module in (promotion, ledger_view):
            patch.setattr(module, "now", lambda: wrong)
        assert promote(prepared) == 403
        assert standing(prepared) == 2, "a grant does not age"
    assert promote(prepared) == 200
    assert any("its time goes back" in line for line in prepared.story()), "the denial bears a time that cannot be"


def test_while_somebody_else_writes_a_promotion_is_a_conflict_and_goes_through_afterwards(
    prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = prepared.world.store
    monkeypatch.setattr(store.ManagedSessionMaker, "timeout_ms", 100)
    other = sqlalchemy.create_engine(store.engine.url)
    with other.begin() as holding:
        holding.exec_driver_sql("UPDATE aims_head SET size = size")
        assert promote(prepared) == 409
        assert standing(prepared) is None, "what is read meanwhile is what was committed"
        holding.rollback()
    other.dispose()
    assert prepared.story() == []
    assert promote(prepared) == 200 and standing(prepared) == 1 and prepared.story() == []


@POSTGRESQL
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_connection_lost_in_the_commit_is_answered_and_leaves_one_story(prepared: Any, done: bool) -> None:
    engine = prepared.world.store.engine
    other, cut = sqlalchemy.create_engine(engine.url), []

    def lose(connection: sqlalchemy.Connection) -> None:
        if cut:
            return
        driver: Any = connection.connection.dbapi_connection
        cut.append(driver.info.backend_pid)
        if done:
            driver.commit()
        with other.begin() as second:
            second.execute(sqlalchemy.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": cut[0]})

    sqlalchemy.event.listen(engine, "commit", lose)
    try:
        code = promote(prepared)
    finally:
        sqlalchemy.event.remove(engine, "commit", lose)
        other.dispose()
    assert cut and code in ((200, 403, 409) if done else (403, 409))
    assert standing(prepared) == (1 if done else None) and prepared.story() == []
    assert promote(prepared, 2) == 200 and standing(prepared) == 2 and prepared.story() == []
