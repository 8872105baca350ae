"""The registry's state against the ledger: whatever somebody wrote by hand is named."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import create_engine

from aims_gates import database
from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.statements.policy import Freed
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.ledger import append
from aims_gates.ledger.connect import open_ledger
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.model import Subject


def by_hand(shop: Any, statement: str) -> None:
    """Run SQL as somebody who owns the database, and takes its guards away first."""
    engine = create_engine(f"sqlite:///{shop.folder / 'registry.db'}")
    with engine.begin() as connection:
        database.drop(connection)
        connection.exec_driver_sql(statement)
    engine.dispose()


def point(shop: Any, alias: str) -> None:
    columns = "INSERT INTO registered_model_aliases (alias, version, name, workspace)"
    by_hand(shop, f"{columns} VALUES ('{alias}', 2, 'loans', 'default')")


def problems(shop: Any) -> list[str]:
    with open_ledger(shop.settings.registry) as connection:
        return reconcile(connection)


def test_a_registry_as_its_store_left_it_agrees_with_the_ledger(shop: Any) -> None:
    assert problems(shop) == []


def test_an_alias_of_a_name_that_was_let_go_is_told_of_until_it_is_taken_away(shop: Any) -> None:
    said = say(Freed("default", "loans", "no longer used"), Subject("model", digest_bytes(b"loans")))
    with open_ledger(shop.settings.registry, write=True) as connection:
        row = append(connection, sign(said, shop.key("policy")), datetime.now(UTC))
    [found] = problems(shop)
    assert found.startswith(f"loans version 1 (production): the name was let go at ledger row {row.position}")
    by_hand(shop, "DELETE FROM registered_model_aliases")
    assert not any("let go" in each for each in problems(shop))


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "INSERT INTO registered_model_aliases VALUES ('champion', 2, 'loans', 'default')",
            "loans version 2 (champion)",
        ),
        ("UPDATE registered_model_aliases SET version = 2", "loans version 2 (production)"),
        ("UPDATE model_versions SET current_stage = 'Production' WHERE version = 2", "loans version 2 (stage"),
        (
            "UPDATE model_versions SET storage_location = '/elsewhere' WHERE version = 1",
            "storage location is /elsewhere",
        ),
        ("DELETE FROM registered_model_aliases", "the registry does not point there"),
        (
            "INSERT INTO registered_models (name, workspace) VALUES ('smuggled', 'default')",
            "smuggled: it stands in the registry, and the ledger has no record of its creation",
        ),
        ("DELETE FROM registered_models", "loans: it is gone from the registry, and the ledger has no record"),
        (
            "INSERT INTO model_versions (name, workspace, version, source, current_stage) "
            "VALUES ('loans', 'default', 9, '/elsewhere', 'None')",
            "loans version 9: it stands in the registry, and the ledger has no record of who registered it",
        ),
        ("DELETE FROM model_versions WHERE version = 2", "loans version 2: it is gone from the registry, where"),
        ("UPDATE model_versions SET source = '/x' WHERE version = 2", "loans version 2: its source or run is not"),
        ("UPDATE model_versions SET run_id = 'x' WHERE version = 2", "loans version 2: its source or run is not"),
    ],
)
def test_a_row_written_by_hand_is_named(shop: Any, statement: str, said: str) -> None:
    columns = "INSERT INTO registered_model_aliases (alias, version, name, workspace) VALUES"
    by_hand(shop, statement.replace("INSERT INTO registered_model_aliases VALUES", columns))
    found = problems(shop)
    assert found and any(said in each for each in found)
    value = shop.said("ledger", "verify")
    assert value["ok"] is False and value["problems"] == found


def test_an_open_alias_written_by_hand_promises_nothing(shop: Any) -> None:
    point(shop, "candidate")
    assert all("not guarded" in each for each in problems(shop))


def test_a_look_alike_of_a_governed_alias_is_governed(shop: Any) -> None:
    point(shop, "Ｐroduction")
    assert problems(shop) != []
