"""Rows written past the registry, installations cut short, readers beside writers: found, fixed, or harmless."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import PROMPT_TEXT_TAG_KEY

from aims_gates import database
from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import type_of
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Evidence

RACES = int(os.environ.get("AIMS_GATES_RACES", "8"))
KILLS = int(os.environ.get("AIMS_GATES_KILLS", "6"))
FORKED = multiprocessing.get_context("fork")
FORGED_HEAD = f"""UPDATE aims_head SET size = {2**60}, frontier = '["{"00" * 32}"]'"""
ROW = "INSERT INTO model_versions (workspace, name, version, source, current_stage, status, creation_time) "

EDITS = (
    "INSERT INTO aims_index VALUES ('trust', 'abc')",
    "INSERT INTO aims_index VALUES ('trust', 1.5)",
    "INSERT INTO aims_index VALUES (x'00ff', 1)",
    "INSERT INTO aims_index VALUES ('trust', -1)",
    "DELETE FROM aims_index WHERE position = 3",
    "UPDATE aims_index SET position = x'00' WHERE rowid = 1",
    "UPDATE aims_index SET term = 5 WHERE rowid = 1",
    "UPDATE aims_ledger SET leaf = x'00' WHERE position = 1",
    "UPDATE aims_ledger SET body = x'00' WHERE position = 1",
    "UPDATE aims_ledger SET body = '[]' WHERE position = 1",
    "UPDATE aims_ledger SET position = -1 WHERE position = 1",
    f"UPDATE aims_ledger SET position = {2**62} WHERE position = 1",
    FORGED_HEAD,
    "UPDATE aims_head SET size = 'abc'",
    "UPDATE aims_head SET frontier = '{}'",
    "UPDATE aims_head SET frontier = x'ff'",
    "UPDATE aims_head SET id = 2",
    "DELETE FROM aims_head",
    "UPDATE registered_model_aliases SET version = 2",
    "UPDATE registered_model_aliases SET version = 99",
    "UPDATE registered_model_aliases SET alias = 'prod'",
    "UPDATE registered_model_aliases SET name = 'other'",
    "DELETE FROM registered_model_aliases",
    "UPDATE model_versions SET storage_location = '/x' WHERE version = 1",
    "UPDATE model_versions SET current_stage = 'Production' WHERE version = 2",
    "UPDATE model_versions SET source = '/x' WHERE version = 1",
    "UPDATE model_versions SET source = '/x' WHERE version = 2",
    "UPDATE model_versions SET run_id = 'another' WHERE version = 2",
    "DELETE FROM model_versions WHERE version = 2",
    f"{ROW} VALUES ('default', 'loan', 7, '/evil', 'None', 'READY', 1)",
    "INSERT INTO registered_models (workspace, name, creation_time) VALUES ('default', 'sneaked', 1)",
    "UPDATE registered_models SET name = 'renamed'",
    "DELETE FROM registered_models",
)


def told(uri: str) -> list[str]:
    """What ``ledger verify`` tells."""
    with open_ledger(uri) as connection:
        found = verify(connection)
        return list(found.problems) or reconcile(connection)


@pytest.mark.parametrize("world", ["sqlite"], indirect=True)
def test_every_row_edited_by_hand_is_found_soon_and_without_a_crash(world: Any) -> None:
    world.promoted()
    world.model("loan", "second", create=False)
    assert told(world.uri) == []
    whole = (world.folder / "registry.db").read_bytes()
    unseen, slow = [], []
    for edit in EDITS:
        world.store.engine.dispose()
        (world.folder / "registry.db").write_bytes(whole)
        world.sql(edit)
        before = time.monotonic()
        unseen += [] if told(world.uri) else [edit]
        slow += [edit] if time.monotonic() - before > 10 else []
    assert (unseen, slow) == ([], [])


def test_what_was_done_through_the_registry_is_no_problem(world: Any) -> None:
    world.promoted()
    world.model("other", "x")
    world.store.rename_registered_model("other", "another")
    world.model("another", "y", create=False)
    world.store.delete_model_version("another", 1)
    world.model("gone", "z")
    world.store.delete_registered_model("gone")
    world.model("gone", "again")
    world.store.copy_model_version(world.store.get_model_version("loan", 1), "copied")
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello")
    world.store.set_registered_model_alias("another", "staging", 2)
    assert told(world.uri) == []


def test_a_granted_prompt_whose_text_was_changed_is_found(world: Any) -> None:
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello {{name}}")
    world.bind("greeting", kind="prompt")
    with world.store.primary() as session:
        subject = world.store.prompt_digest(world.store._get_sql_model_version(session, "greeting", 1))
    world.evidence(subject)
    world.approve(world.request("greeting", 1, subject), subject)
    world.store.set_prompt_alias("greeting", "production", 1)
    assert told(world.uri) == []
    world.store.set_model_version_tag("greeting", 1, ModelVersionTag(PROMPT_TEXT_TAG_KEY, "Obey {{name}}"))
    assert "greeting" in told(world.uri)[0]


def test_an_alias_moved_by_hand_and_then_deleted_does_not_come_back(world: Any) -> None:
    world.promoted()
    world.model("loan", "two", create=False)
    world.sql("UPDATE registered_model_aliases SET version = 2")
    world.store.delete_registered_model_alias("loan", "production")
    world.by_hand("loan", "production", 1)
    with pytest.raises(MlflowException, match="no grant stands"):
        world.store.get_model_version_by_alias("loan", "production")


def test_a_revoked_grant_is_no_ground_for_a_rollback_through_a_second_alias_of_the_same_request(world: Any) -> None:
    version = world.promoted()
    grant = next(row for row in world.seen("loan").rows if row.type == type_of(Grant))
    world.store.set_registered_model_alias("loan", "champion", version)
    world.revoke(grant.digest)
    world.store.delete_registered_model_alias("loan", "champion")
    world.revoke_evidence("loan", version)
    world.order_rollback("loan", version)
    with pytest.raises(MlflowException, match="its grant was revoked"):
        world.store.set_registered_model_alias("loan", "production", version)


def test_an_installation_that_was_cut_short_is_completed(tmp_path: Path, empty_database: bytes) -> None:
    path = tmp_path / "registry.db"
    path.write_bytes(empty_database)
    store = gated_store(f"aims+sqlite:///{path}")
    with store.engine.begin() as connection:
        database.drop(connection)
        database.mark(connection, "new")
    store._dispose_engine()
    store = gated_store(f"aims+sqlite:///{path}")
    store.create_registered_model("loan")
    with store.engine.connect() as connection:
        assert database.problems(connection) == []
    store._dispose_engine()
    assert told(f"aims+sqlite:///{path}") == []


def _open(uri: str, said: Any) -> None:
    try:
        with open_ledger(uri, write=True):
            said.put(None)
    except BaseException as error:  # noqa: BLE001 - the test looks at it
        said.put(repr(error))


def _all(workers: list[Any], said: Any, each: int = 1) -> list[Any]:
    for worker in workers:
        worker.start()
    found = [said.get(timeout=120) for _ in range(each * len(workers))]
    for worker in workers:
        worker.join()
    return found


def test_of_many_who_make_the_ledger_at_once_nobody_fails(tmp_path: Path) -> None:
    for number in range(RACES):
        said = FORKED.Queue()
        uri = f"aims+sqlite:///{tmp_path / f'{number}.db'}"
        assert _all([FORKED.Process(target=_open, args=(uri, said)) for _ in range(4)], said) == [None] * 4


def _register(uri: str, source: str, rounds: int, said: Any) -> None:
    store = gated_store(uri)
    said.put([_try(store.create_model_version, "loan", source) for _ in range(rounds)])


def _read(uri: str, rounds: int, said: Any) -> None:
    store = gated_store(uri)
    found = [_try(store.get_model_version_by_alias, "loan", "production") for _ in range(rounds)]
    said.put([*found, *(_try(_verified, uri) for _ in range(rounds))])


def _verified(uri: str) -> None:
    assert told(uri) == []


def _try(act: Any, *arguments: Any) -> str | None:
    try:
        act(*arguments)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return f"{type(error).__name__}: {error}"
    return None


def test_readers_beside_writers_see_one_story(world: Any) -> None:
    world.promoted()
    world.store.engine.dispose()  # a child must not speak on its parent's connections
    source, said = str(world.folder / "models"), FORKED.Queue()
    writers = [FORKED.Process(target=_register, args=(world.uri, source, 2 * RACES, said)) for _ in range(2)]
    readers = [FORKED.Process(target=_read, args=(world.uri, RACES, said)) for _ in range(2)]
    assert {each for found in _all([*writers, *readers], said) for each in found} == {None}


def _promote(uri: str, folder: Path, rounds: int, said: Any) -> None:
    store = gated_store(uri)
    odd = []
    for number in range(rounds):
        if number % 3 == 2:
            error = _try(store.delete_registered_model_alias, "loan", f"live{number % 2}")
        else:
            error = _try(store.set_registered_model_alias, "loan", f"live{number % 2}", 1)
        odd += [error] if error and "refused" not in error and "try again" not in error else []
    said.put(odd)


def _revoke_and_approve(world: Any, rounds: int, said: Any) -> None:
    world.store = gated_store(world.uri)
    odd = []
    for number in range(rounds):
        subject = world.seen("loan").grants(version="1")[-1].predicate.digest
        evidence = world.evidence(subject)
        world.approve(world.request("loan", 1, subject), subject)
        if number % 2:
            world.revoke(evidence)
    said.put(odd)


def test_promotions_revocations_and_approvals_at_once_tell_one_story(world: Any) -> None:
    world.promoted()
    world.store.engine.dispose()  # a child must not speak on its parent's connections
    said = FORKED.Queue()
    workers = [FORKED.Process(target=_promote, args=(world.uri, world.folder, 3 * RACES, said)) for _ in range(2)]
    workers.append(FORKED.Process(target=_revoke_and_approve, args=(world, RACES, said)))
    assert _all(workers, said) == [[], [], []]
    assert told(world.uri) == []
    _nothing_was_granted_on_revoked_evidence(world)


def _nothing_was_granted_on_revoked_evidence(world: Any) -> None:
    """At each grant's place in the ledger, the latest evidence was not revoked."""
    subject = world.seen("loan").grants()[-1].predicate.digest
    latest, revoked, granted = "", set(), 0
    for row in world.all_of("loan", subject).rows:
        if row.type == type_of(Evidence):
            latest = row.digest
        elif row.type == type_of(Revocation):
            revoked.add(row.predicate.statement)
        elif row.type == type_of(Grant):
            granted += 1
            assert latest not in revoked, f"granted at {row.position} on revoked evidence"
    assert granted


def _until_killed(world: Any, seed: int) -> None:
    world.store = gated_store(world.uri)
    number = seed * 1000
    while True:
        number += 1
        version = world.model("loan", f"weights {number}", create=False)
        world.ready("loan", version)
        _try(world.store.set_registered_model_alias, "loan", "production", version)
        _try(world.store.transition_model_version_stage, "loan", version, "Production", True)
        _try(world.store.delete_registered_model_alias, "loan", "production")


def test_whenever_it_is_killed_registry_and_ledger_tell_one_story(world: Any) -> None:
    world.promoted()
    chance = random.Random(int(os.environ.get("AIMS_GATES_SEED", "7")))
    for seed in range(1, KILLS + 1):
        world.store.engine.dispose()  # a child must not speak on its parent's connections
        worker = FORKED.Process(target=_until_killed, args=(world, seed))
        worker.start()
        time.sleep(chance.uniform(0.2, 1.2))
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()
        assert told(world.uri) == [], f"after kill {seed}"
    version = world.model("loan", "after the last kill", create=False)
    world.ready("loan", version)
    world.store.set_registered_model_alias("loan", "production", version)
