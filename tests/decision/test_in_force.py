"""What stands: grants, and what the registry asks of the ledger about them."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.people import Halt, Rejection, Request, Revocation, Withdrawal
from aims_gates.attestation.statements.policy import Activation, Freed, KeyRevocation, OpenMode
from aims_gates.attestation.statements.registry import Recorded, Registration, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.decision.rules import Ask, decide
from aims_gates.errors import RefusedError
from aims_gates.ledger import registry_acts, size
from aims_gates.ledger.verify import verify


def ask(world, about, version="1"):
    return Ask("default", "credit", version, about, "production", world.now, "developer")


def test_nothing_stands_before_the_first_grant(story):
    story.approved()
    assert story.ledger().standing("production", story.now) is None and story.ledger().grants() == []


def test_the_latest_grant_of_an_alias_stands(story, kit):
    story.approved()
    first = story.grant()
    assert (
        story.ledger().standing("production", story.now) == first
        and story.ledger().standing("shadow", story.now) is None
    )
    second = story.grant("2", about=kit.OTHER)
    other = story.grant("2", about=kit.OTHER, alias="shadow")
    assert (
        story.ledger().standing("production", story.now) == second
        and story.ledger().standing("shadow", story.now) == other
    )
    assert story.ledger().grants(version="2") == [second, other]
    assert story.ledger().grants(alias="production") == [first, second]
    assert story.ledger().grants("2", "shadow") == [other]
    assert story.ledger().in_force(story.now) == [second, other]


def test_an_alias_whose_grant_ended_is_not_in_force(story, kit):
    story.approved()
    story.grant()
    shadow = story.grant("2", about=kit.OTHER, alias="shadow")
    story.say(Transition("default", "credit", None, "production", "alias deleted", "developer"))
    assert story.ledger().in_force(story.now) == [shadow]


def test_a_grant_before_it_does_not_come_back_when_the_latest_is_revoked(story):
    story.approved()
    story.grant()
    story.say(Revocation(story.grant("2").digest, "unsound"), "policy")
    assert story.ledger().standing("production", story.now) is None


@pytest.mark.parametrize(
    "said",
    [
        Halt("default", "credit", "complaints"),
        Transition("default", "credit", None, None, "model deleted", "developer"),
        Transition("default", "credit", None, "production", "alias deleted", "developer"),
        Transition("default", "credit", "1", None, "version deleted", "developer"),
        Transition("default", "credit", "1", "production", "archived", "developer"),
    ],
)
def test_what_ends_a_grant_ends_it_until_the_next(story, said):
    story.approved()
    story.grant()
    story.say(said, *(["on-call"] if isinstance(said, Halt) else []))
    assert story.ledger().standing("production", story.now) is None
    again = story.grant()
    assert story.ledger().standing("production", story.now) == again


@pytest.mark.parametrize(
    "said",
    [
        Halt("default", "another", "complaints"),
        Halt("elsewhere", "credit", "complaints"),
        Transition("default", "another", None, None, "model deleted", "developer"),
        Transition("default", "credit", "2", None, "version deleted", "developer"),
        Transition("default", "credit", "1", "shadow", "alias deleted", "developer"),
    ],
)
def test_what_is_about_others_ends_nothing(story, said):
    story.approved()
    granted = story.grant()
    story.say(said, *(["on-call"] if isinstance(said, Halt) else []))
    assert story.ledger().standing("production", story.now) == granted


def test_a_halt_by_one_who_is_not_on_call_ends_nothing(story):
    story.approved()
    granted = story.grant()
    story.say(Halt("default", "credit", "complaints"), "risk")
    assert story.ledger().standing("production", story.now) == granted


def test_a_model_made_anew_has_no_grants(story):
    story.approved()
    story.grant()
    story.create()
    assert story.ledger().standing("production", story.now) is None and story.ledger().grants() == []


@pytest.mark.parametrize("ended", ["", "revoked", "untrusted", "rebound"])
def test_a_name_once_bound_is_governed_whatever_became_of_its_binding(story, kit, ended):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("second", roles=("policy",)))
    story.say(OpenMode(True, "tests"), "policy")
    assert story.ledger().open() and not story.ledger().governed()
    bound = story.bind(by="second")
    if ended == "revoked":
        story.say(Revocation(bound.digest, "wrong"), "policy")
    if ended == "untrusted":
        story.say(KeyRevocation(kit.key_of("second").public, "lost", since=0), "policy")
    assert story.ledger().governed() and not story.ledger().open()
    freed = story.say(Freed("default", "credit", "no longer used"), "policy")
    assert story.ledger().freed_by() == freed and not story.ledger().governed() and story.ledger().open()
    if ended == "rebound":
        story.bind()
        assert story.ledger().governed() and story.ledger().freed_by() is None
    else:
        story.say(Revocation(freed.digest, "it is used"), "policy")
        assert story.ledger().governed() and story.ledger().freed_by() is None


def test_a_name_is_let_go_by_a_person_who_owns_policies_alone(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("robot", roles=("policy",), service=True))
    story.bind()
    for by in ("risk", "on-call", "robot"):
        story.say(Freed("default", "credit", f"by {by}"), by)
        assert story.ledger().governed()
    story.say(Freed("default", "another", "that one"), "policy")
    assert story.ledger().governed()


def test_to_let_a_name_go_ends_its_grants(story):
    story.approved()
    story.grant()
    story.say(Freed("default", "credit", "no longer used"), "policy")
    assert story.ledger().standing("production", story.now) is None


def test_the_ledger_finds_a_halt_of_another_name_that_held_the_bytes(world, kit):
    world.approved()
    world.grant(name="another")
    world.say(Halt("default", "another", "complaints"), "on-call")
    asked = ask(world, kit.BYTES)
    bearing = registry_acts.about(world.connection, "default", "credit", kit.BYTES, "1")
    assert not decide(asked, bearing).allowed and decide(asked, bearing) == decide(asked, world.rows)


# Authority


def test_the_registry_asks_is_answered_and_grants(world, kit):
    world.approved()
    decision = registry_acts.judge(world.connection, ask(world, kit.BYTES))
    assert decision == world.decide() and decision.allowed
    granted = registry_acts.grant(world.connection, ask(world, kit.BYTES), decision, "file:///store")
    said = granted.predicate
    assert (said.version, said.alias, said.digest, said.location) == ("1", "production", kit.BYTES, "file:///store")
    assert (said.transition, said.mode, said.actor) == ("production", "enforce", "developer")
    assert said.request == decision.request and granted.statement.subject == kit.BYTES
    assert registry_acts.standing(world.connection, "default", "credit", "production") == granted
    assert registry_acts.standing(world.connection, "default", "credit", "shadow") is None
    assert registry_acts.bound(world.connection, "default", "credit") == world.rows[2]
    assert registry_acts.bound(world.connection, "default", "another") is None
    assert verify(world.connection).ok


def test_a_denial_is_recorded(world, kit):
    world.checked()
    decision = registry_acts.judge(world.connection, ask(world, kit.BYTES))
    made = registry_acts.record(world.connection, ask(world, kit.BYTES), decision)
    row = registry_acts.act(world.connection, Registration("default", "credit", "2", "s", None, "a", "test"), world.now)
    assert row.position == size(world.connection) - 1 and made.startswith("sha256:")
    recorded = registry_acts.about(world.connection, "default", "credit", kit.BYTES)
    assert type_of(Recorded) not in {each.type for each in recorded}
    assert verify(world.connection).ok


def test_nothing_is_granted_on_a_no_or_on_other_bytes(world, kit):
    world.approved()
    yes, no = (registry_acts.judge(world.connection, ask(world, about)) for about in (kit.BYTES, kit.OTHER))
    for question, decision in (
        (ask(world, kit.OTHER), no),
        (ask(world, kit.OTHER), yes),
        (ask(world, None), yes),
    ):
        before = size(world.connection)
        with pytest.raises(RefusedError, match="a decision that allows these bytes"):
            registry_acts.grant(world.connection, question, decision, "file:///store")
        assert size(world.connection) == before


def test_the_rows_about_a_model_are_those_that_bear_on_it(world, kit):
    world.approved()
    world.check(about=kit.OTHER)
    world.say(Halt("default", "another", "stop"), "on-call", about="sha256:" + "0" * 64)
    positions = [row.position for row in registry_acts.about(world.connection, "default", "credit")]
    assert positions == list(range(9))
    there = [row.position for row in registry_acts.about(world.connection, "default", "credit", kit.OTHER)]
    assert there == [0, 1, 2, 3, 6, 7, 8, 9]
    assert [row.position for row in registry_acts.about(world.connection, "default", "none")] == [0]


def test_a_refusal_before_any_request_says_what_failed(world, kit):
    world.trust()
    world.create()
    world.bind(kit.plan(steps=(kit.step(trusted_predictions=True),)))
    world.register()
    world.predict()
    world.check(kit.finding("fail"), facts={"name": "credit", "version": "1"})
    decision = registry_acts.judge(world.connection, ask(world, None))
    assert not decision.allowed and decision.subject == kit.BYTES
    assert [state.state for state in decision.controls if state.control == "A.6.2.4"] == ["failed"]


def test_the_bytes_that_evidence_says_a_version_has(story, kit):
    story.checked()
    assert story.ledger().evidenced_bytes("1") is None
    story.check(facts={"name": "credit", "version": "1"})
    assert story.ledger().evidenced_bytes("1") == kit.BYTES and story.ledger().evidenced_bytes("2") is None
    story.check(facts={"name": "credit", "version": "1", "workspace": "elsewhere"}, about=kit.OTHER)
    story.check(facts={"name": "another", "version": "1"}, about=kit.OTHER)
    story.check(facts={"name": "credit", "version": "1"}, about=kit.OTHER, by="risk")
    assert story.ledger().evidenced_bytes("1") == kit.BYTES
    story.check(facts={"name": "credit", "version": "1", "workspace": "default"}, about=kit.OTHER)
    assert story.ledger().evidenced_bytes("1") == kit.OTHER
    story.create()
    assert story.ledger().evidenced_bytes("1") is None


def test_while_nobody_activates_a_profile_any_of_them_binds(story, kit):
    story.trust()
    story.bind()
    assert story.ledger().unbound() is None
    assert story.ledger().active(kit.plan().profile_digest)


def test_from_the_first_activation_on_a_binding_needs_one_of_its_own_profile_before_it(story, kit):
    story.trust()
    story.bind()
    active = Activation("limited", kit.plan().profile_digest, kit.person("developer"))
    story.say(replace(active, profile="high", digest=kit.TABLE), "policy")
    assert story.ledger().unbound() is None  # bound before
    story.bind()
    assert "was not activated before" in (story.ledger().unbound() or "")
    row = story.say(active, "policy")
    assert "was not activated before" in (story.ledger().unbound() or "")
    story.bind()
    assert story.ledger().unbound() is None
    story.say(Revocation(row.digest, "a slip"), "policy")
    assert "was not activated before" in (story.ledger().unbound() or "")


@pytest.mark.parametrize(("by", "author"), [("policy", "policy"), ("risk", "developer")])
def test_an_activation_by_the_author_or_without_the_role_counts_for_nothing(story, kit, by, author):
    story.trust()
    story.say(Activation("limited", kit.plan().profile_digest, kit.person(author)), by)
    story.bind()
    ruled = by == "policy"  # what nobody may sign is no statement at all
    assert (story.ledger().unbound() is not None) == ruled


@pytest.mark.parametrize("ending", ["nothing", "withdrawn", "rejected", "revoked approval", "halted", "granted"])
@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_what_bears_on_a_version_decides_as_the_whole_ledger_does(world, kit, ending, version):
    """Two versions with requests of their own, one without: what is left out changes no decision."""
    world.approved()
    world.register("2")
    world.register("3")
    world.predict(about=kit.OTHER)
    world.check(about=kit.OTHER)
    other = world.request("2", about=kit.OTHER)
    approved = world.approve("risk")
    first = next(row for row in world.rows if isinstance(row.predicate, Request))
    match ending:
        case "withdrawn":
            world.say(Withdrawal(first.digest, "not yet"), "developer")
        case "rejected":
            world.say(Rejection(other.digest, "compliance", "not good"), "compliance")
        case "revoked approval":
            world.say(Revocation(approved.digest, "a mistake"), "risk")
        case "halted":
            world.say(Halt("default", "credit", "harm"), "on-call")
        case "granted":
            world.grant(request=first.digest)
    subject = {"1": kit.BYTES, "2": kit.OTHER, "3": None}[version]
    for about, digest in ((None, None), (None, subject), (subject, subject)):
        bearing = registry_acts.about(world.connection, "default", "credit", about, version)
        asked = ask(world, digest, version)
        assert decide(asked, bearing) == decide(asked, world.rows)
