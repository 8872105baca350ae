"""What the guards look at follows the ledger row by row, and can be made from the whole of it."""

import pytest
from sqlalchemy import text

from aims_gates import database
from aims_gates.attestation.statements.people import Halt, Revocation
from aims_gates.attestation.statements.policy import Adoption
from aims_gates.attestation.statements.registry import Transition
from aims_gates.ledger import size
from aims_gates.ledger.installation import upgrade
from aims_gates.ledger.live_tables import differences
from aims_gates.ledger.table import bearing


@pytest.fixture
def granted(world):
    """A world with a grant."""
    world.approved()
    world.grant()
    return world


def live(world):
    found = world.connection.execute(text("SELECT alias, version FROM aims_grants_live ORDER BY alias"))
    return [tuple(row) for row in found]


def names(world):
    found = world.connection.execute(text("SELECT name, kind, binding FROM aims_names"))
    return [tuple(row) for row in found]


def in_step(world):
    return differences(world.connection, bearing(world.connection), size(world.connection)) == []


def test_a_grant_stands_until_another_of_its_alias(granted):
    granted.grant(version="2")
    granted.grant(version="2", alias="champion")
    assert live(granted) == [("champion", "2"), ("production", "2")] and in_step(granted)


@pytest.mark.parametrize(
    ("moved", "left"),
    [
        (Transition("default", "credit", "1", "production", "deleted", "x"), ["champion"]),
        (Transition("default", "credit", "1", None, "gone", "x"), []),
        (Transition("default", "credit", "2", None, "gone", "x"), ["champion", "production"]),
        (Transition("default", "credit", None, None, "renamed", "x"), []),
        (Transition("default", "other", None, None, "renamed", "x"), ["champion", "production"]),
    ],
)
def test_a_transition_takes_away_what_it_names(granted, moved, left):
    granted.grant(alias="champion")
    granted.say(moved)
    assert [alias for alias, _ in live(granted)] == left and in_step(granted)


def test_a_halt_and_a_new_creation_take_away_everything(granted):
    granted.say(Halt("default", "credit", "harm"), "on-call")
    assert live(granted) == [] and in_step(granted)
    granted.grant()
    assert len(live(granted)) == 1
    granted.create()
    assert live(granted) == [] and in_step(granted)


def test_a_revoked_grant_does_not_stand_and_the_same_words_again_do_not_either(granted):
    grant = granted.rows[-1]
    granted.say(Revocation(grant.digest, "wrong"), "policy")
    assert live(granted) == [] and in_step(granted)
    granted.grant()
    assert granted.rows[-1].digest == grant.digest and live(granted) == [] and in_step(granted)


def test_a_grant_that_was_adopted_falls_with_its_adoption(world):
    world.checked()
    said = Adoption("default", "credit", "1", "production", world.rows[0].digest, "/x", "risk-owner", "2026-12-01")
    adopted = world.say(said, "policy")
    world.grant(transition="adopted", request=adopted.digest, expires="2026-12-01")
    assert live(world) == [("production", "1")] and in_step(world)
    world.say(Revocation(adopted.digest, "wrong"), "policy")
    assert live(world) == [] and in_step(world)
    world.grant(transition="adopted", request=adopted.digest, expires="2026-12-02")
    assert live(world) == [] and in_step(world)


def test_a_name_keeps_its_kind_and_its_binding_until_that_is_revoked(world):
    world.trust()
    bound = world.bind()
    assert names(world) == [("credit", "model", bound.digest)]
    world.create()
    assert names(world) == [("credit", "model", bound.digest)] and in_step(world)
    world.say(Revocation(bound.digest, "wrong"), "policy")
    assert names(world) == [("credit", "model", None)] and in_step(world)
    again = world.bind()
    assert names(world) == [("credit", "model", again.digest)] and in_step(world)


def test_what_differs_is_said(granted):
    database.drop(granted.connection)
    granted.connection.execute(text("DELETE FROM aims_grants_live"))
    granted.connection.execute(text("UPDATE aims_names SET kind = 'prompt'"))
    found = differences(granted.connection, bearing(granted.connection), size(granted.connection))
    assert len(found) == 3 and sum("does not hold" in each for each in found) == 2
    upgrade(granted.connection)
    assert in_step(granted) and live(granted) == [("production", "1")]


def test_many_terms_are_asked_for_in_parts(world):
    world.trust()
    made = [world.create() for _ in range(3)]
    wanted = [f"statement {row.digest}" for row in made] + [f"subject {each}" for each in range(1000)]
    from aims_gates.ledger import history, rows

    found = list(rows(world.connection, wanted, history(world.connection).keys()))
    assert {row.digest for row in found} == {row.digest for row in made}
