"""Break-glass and adoption on a real registry."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from aims_gates.attestation.statements.people import BreakGlass
from aims_gates.attestation.statements.policy import Trust, TrustedKey, TrustedUser
from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError, RefusedError
from aims_gates.mlflow_plugin.client.break_glass import break_glass
from aims_gates.mlflow_plugin.store.adoption import adopt, survey
from aims_gates.model import ModelRef, Subject
from aims_gates.settings import Settings

from .conftest import World


def people(world: World) -> None:
    """Risk and on call hold the role break-glass too."""
    roles = {
        "policy": ("policy",), "ci": ("ci",), "dev": ("developer",), "risk": ("risk", "break-glass"),
        "oncall": ("on-call", "break-glass"),
    }  # fmt: skip
    entries = [
        TrustedKey(world.key(name).public, name.title(), said, service=name == "ci") for name, said in roles.items()
    ]
    world.sign(Trust(2, tuple(entries)), Subject("organization", digest_bytes(b"trust")), "policy")


def order(world: World, name: str, version: int, person: str, **changes: Any) -> None:
    found = world.store.stage_version(name, version)
    ends = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    said = BreakGlass("default", name, str(version), changes.get("digest", found), "the old one is down", ends)
    world.sign(said, Subject("model", found), person)


def test_two_orders_let_exactly_these_bytes_through_once(world: World) -> None:
    people(world)
    world.bind("loan")
    version = world.model("loan")
    order(world, "loan", version, "risk")
    with pytest.raises(MlflowException, match="refused"):
        world.store.set_registered_model_alias("loan", "production", version)
    order(world, "loan", version, "oncall")
    world.store.set_registered_model_alias("loan", "production", version)
    grant = world.seen("loan").grants()[-1].predicate
    assert (grant.transition, grant.version, grant.request) == ("break-glass", "1", None)
    assert world.store.get_model_version_by_alias("loan", "production").version == version
    with pytest.raises(MlflowException, match="refused"):
        world.store.set_registered_model_alias("loan", "champion", version)


def test_an_order_for_other_bytes_lets_nothing_through(world: World) -> None:
    people(world)
    world.bind("loan")
    version = world.model("loan")
    for person in ("risk", "oncall"):
        order(world, "loan", version, person, digest=digest_bytes(b"other"))
    with pytest.raises(MlflowException, match="refused"):
        world.store.set_registered_model_alias("loan", "production", version)


def test_an_order_needs_a_reason_and_an_end_within_a_day(world: World) -> None:
    for reason, hours in (("  ", 1), ("down", 0), ("down", 25), ("down", float("nan"))):
        with pytest.raises(InputError):
            break_glass(
                Settings(registry=world.uri), ModelRef("default", "loan", "1"), reason, hours, world.key("risk")
            )


def found(world: World) -> list[Any]:
    with world.store.primary() as session:
        return survey(session.connection(), datetime.now(UTC))


def test_what_stands_is_adopted_with_an_owner_and_an_end_and_loads(world: World) -> None:
    version = world.model("loan")
    world.by_hand("loan", "champion", version)
    world.sql("UPDATE model_versions SET current_stage = 'Production'")
    world.store.set_registered_model_alias("loan", "candidate", version)
    assert [(each.alias, each.missing[0]) for each in found(world)] == [
        ("champion", "'loan' is bound to no system"),
        ("stage:Production/1", "'loan' is bound to no system"),
    ]
    with pytest.raises(MlflowException):
        world.store.get_model_version_by_alias("loan", "champion")
    until = datetime.now(UTC).date() + timedelta(days=90)
    done = adopt(Settings(registry=world.uri), "Risk", until, world.key("policy"))
    assert [each.trouble for each in done] == [None, None] and found(world) == []
    assert world.store.get_model_version_by_alias("loan", "champion").version == version
    assert [each.version for each in world.store.get_latest_versions("loan", ["Production"])] == [version]
    grant = world.seen("loan").grants(alias="champion")[0].predicate
    assert (grant.transition, grant.mode, grant.expires) == ("adopted", "observe", until.isoformat())
    assert world.seen("loan").standing("champion", datetime.now(UTC) + timedelta(days=92)) is None


def test_what_cannot_be_read_is_named_and_left_as_it_is(world: World) -> None:
    version = world.model("loan")
    world.by_hand("loan", "champion", version)
    world.sql("UPDATE model_versions SET source = '/nowhere', storage_location = '/nowhere'")
    until = datetime.now(UTC).date() + timedelta(days=9)
    done = adopt(Settings(registry=world.uri), "Risk", until, world.key("policy"))
    assert "cannot be read" in str(done[0].trouble) and world.seen("loan").grants() == []


def test_adoption_needs_a_policy_owner_a_person_and_a_day_within_half_a_year(world: World) -> None:
    world.by_hand("loan", "champion", world.model("loan"))
    today = datetime.now(UTC).date()
    settings = Settings(registry=world.uri)
    for days in (0, 181):
        with pytest.raises(InputError):
            adopt(settings, "Risk", today + timedelta(days=days), world.key("policy"))
    for owner, key in (("Nobody", "policy"), ("Ci", "policy"), ("Risk", "dev")):
        with pytest.raises(RefusedError):
            adopt(settings, owner, today + timedelta(days=9), world.key(key))
    assert world.seen("loan").grants() == []


def test_who_is_known_by_a_login_alone_may_answer_for_what_is_adopted(world: World) -> None:
    entries = [
        TrustedKey(world.key("policy").public, "Policy", ("policy",)),
        TrustedKey(world.key("server").public, "Server", ("server",), service=True),
    ]
    users = (TrustedUser("rita", "Rita", ("risk",)), TrustedUser("job", "Job", ("developer",), service=True))
    world.sign(Trust(2, tuple(entries), users), Subject("organization", digest_bytes(b"trust")), "policy")
    world.by_hand("loan", "champion", world.model("loan"))
    until, settings = datetime.now(UTC).date() + timedelta(days=9), Settings(registry=world.uri)
    with pytest.raises(RefusedError):
        adopt(settings, "Job", until, world.key("policy"))
    assert [each.trouble for each in adopt(settings, "Rita", until, world.key("policy"))] == [None]
