"""What a halt reaches, and what ends it."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.people import BreakGlass, Halt, Resume, Revocation, RollbackOrder
from aims_gates.attestation.statements.policy import Adoption, KeyRevocation
from aims_gates.decision.halts import describe_halt, halted_elsewhere, may_resume, stopping
from aims_gates.decision.hands import hands_in_grants
from aims_gates.ledger import registry_acts

HALT = Halt("default", "credit", "complaints")
RESUME = Resume("default", "credit", "the complaints were about another model")


def stopped(story, about, name="credit", version=None):
    return stopping(story.ledger().of_name("default", name), about, version)


def halted(story, **binding):
    """Version 1 was granted and halted; gives the halt."""
    story.approved(**binding)
    asked = story.rows[6]
    story.grant(request=asked.digest)
    return story.say(HALT, "on-call")


def test_a_halt_stops_what_was_granted_before_it_under_every_name(story, kit):
    halt = halted(story)
    assert stopped(story, kit.BYTES) == halt
    assert stopped(story, kit.BYTES, "a copy") == halt
    assert stopped(story, kit.BYTES, version="7") == halt


def test_what_was_never_granted_is_not_stopped(story, kit):
    halted(story)
    assert stopped(story, kit.OTHER) is None
    story.grant("2", about=kit.OTHER)
    assert stopped(story, kit.OTHER) is None, "granted after the halt"


def test_a_grant_of_another_name_is_not_stopped_by_this_ones_halt(story, kit):
    story.approved()
    story.grant(name="another")
    story.say(HALT, "on-call")
    assert stopped(story, kit.BYTES) is None and stopped(story, kit.BYTES, "another") is None


def test_a_halt_by_one_who_is_not_on_call_stops_nothing(story, kit):
    story.approved()
    story.grant()
    story.say(HALT, "risk")
    assert stopped(story, kit.BYTES) is None


def test_a_halt_stays_when_its_signers_key_is_untrusted_later(story, kit):
    halt = halted(story)
    story.say(KeyRevocation(kit.key_of("on-call").public, "lost", since=0), "policy")
    assert stopped(story, kit.BYTES) == halt


def test_a_grant_on_a_request_after_the_halt_lets_these_bytes_load_under_its_own_name(story, kit):
    halt = halted(story)
    granted = story.grant("2", request=story.request("2").digest)
    assert stopped(story, kit.BYTES) is None and stopped(story, kit.BYTES, version="1") is None
    assert stopped(story, kit.BYTES, "a copy") == halt
    story.say(Revocation(granted.digest, "in haste"), "policy")
    assert stopped(story, kit.BYTES) == halt


def test_a_grant_on_a_request_from_before_the_halt_ends_nothing(story, kit):
    halt = halted(story)
    story.grant(request=story.rows[6].digest)
    assert stopped(story, kit.BYTES) == halt
    story.grant()
    assert stopped(story, kit.BYTES) == halt


@pytest.mark.parametrize("version", ["1", "2", None])
def test_after_a_rollback_exactly_the_version_rolled_back_to_loads(story, kit, version):
    halt = halted(story)
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert stopped(story, kit.BYTES, version="1") == halt
    story.grant(transition="rollback")
    assert stopped(story, kit.BYTES, version=version) == (halt if version == "2" else None)
    assert stopped(story, kit.BYTES, "a copy") == halt


def test_a_rollback_ordered_before_the_halt_ends_nothing(story, kit):
    story.approved()
    story.grant()
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    halt = story.say(HALT, "on-call")
    story.say(RollbackOrder("default", "credit", "2", "back"), "on-call")
    story.grant(transition="rollback")
    assert stopped(story, kit.BYTES) == halt


def test_a_break_glass_or_an_adoption_after_the_halt_is_a_grant_like_others(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES[:5]), kit.trusted("on-call", roles=("on-call", "break-glass")))
    story.create()
    story.grant()
    story.say(HALT, "on-call")
    glass = BreakGlass("default", "credit", "1", kit.BYTES, "needed", "2026-06-02T00:00:00+00:00")
    story.say(glass, "on-call")
    assert stopped(story, kit.BYTES) is not None
    story.grant(transition="break-glass")
    assert stopped(story, kit.BYTES) is None
    again = story.say(replace(HALT, reason="again"), "on-call")
    assert stopped(story, kit.BYTES) == again
    adoption = Adoption("default", "credit", "1", "production", kit.BYTES, "s3://x", "Owner", "2026-08-01")
    story.grant(transition="adopted", request=story.say(adoption, "policy").digest)
    assert stopped(story, kit.BYTES) is None


@pytest.mark.parametrize("by", ["policy", "risk", "compliance"])
def test_a_policy_owner_or_an_approver_of_the_plan_resumes(story, kit, by):
    halt = halted(story)
    resumed = story.say(RESUME, by)
    assert stopped(story, kit.BYTES) is None and stopped(story, kit.BYTES, "a copy") is None
    story.say(Revocation(resumed.digest, "in haste"), "policy")
    assert stopped(story, kit.BYTES) == halt


@pytest.mark.parametrize("by", ["on-call", "developer", "ci", "legal"])
def test_nobody_else_resumes(story, kit, by):
    story.trust(*map(kit.trusted, (*kit.ROLES, "legal")))
    story.create()
    story.bind()
    story.grant()
    halt = story.say(HALT, "on-call")
    story.say(RESUME, by)
    assert stopped(story, kit.BYTES) == halt


@pytest.mark.parametrize("hand", ["registered", "requested", "on behalf of", "made"])
def test_whoever_had_a_hand_in_what_was_granted_does_not_resume_it(story, kit, hand):
    story.trust(*map(kit.trusted, kit.ROLES[:3]), kit.trusted("compliance"), kit.trusted("on-call"),
                kit.trusted("risk", roles=("risk", "developer")))  # fmt: skip
    story.create()
    story.bind()
    story.register(actor="risk" if hand == "registered" else "developer")
    story.register("2", actor="compliance")  # never granted
    story.check(facts={"run_creator": "risk"} if hand == "made" else {})
    behalf = "risk" if hand == "on behalf of" else None
    asked = story.request(by="risk" if hand == "requested" else "developer", on_behalf_of=behalf)
    story.request("2", by="developer")
    story.grant(request=asked.digest)
    halt = story.say(HALT, "on-call")
    story.say(RESUME, "risk")
    assert stopped(story, kit.BYTES) == halt
    hands = hands_in_grants(story.ledger())
    assert kit.person("risk") in hands and kit.person("compliance") not in hands
    story.say(RESUME, "compliance")
    assert stopped(story, kit.BYTES) is None


def test_a_resume_is_of_one_name_and_of_the_halts_before_it(story, kit):
    halted(story)
    story.grant(name="another")
    story.say(Halt("default", "another", "that too"), "on-call")
    story.say(RESUME, "policy")
    assert stopped(story, kit.BYTES).predicate.name == "another"
    story.say(replace(RESUME, name="another"), "policy")
    assert stopped(story, kit.BYTES) is None
    later = story.say(replace(HALT, reason="again"), "on-call")
    assert stopped(story, kit.BYTES) == later


def test_a_resume_counts_no_longer_when_its_signer_is_untrusted(story, kit):
    halt = halted(story)
    story.say(RESUME, "risk")
    story.say(KeyRevocation(kit.key_of("risk").public, "lost", since=halt.position), "policy")
    assert stopped(story, kit.BYTES) == halt


def test_where_no_binding_counts_policy_owners_alone_resume(story, kit):
    story.trust()
    assert may_resume(story.ledger()) == ("policy",)
    story.bind()
    assert may_resume(story.ledger()) == ("policy", "risk", "compliance")


@pytest.mark.parametrize("resumed", [False, True])
def test_the_ledger_finds_the_halts_of_every_name_that_held_the_bytes(world, kit, resumed):
    world.approved()
    world.grant()
    halt = world.say(HALT, "on-call")
    if resumed:
        world.say(RESUME, "risk")
    for name in ("credit", "a copy"):
        found = registry_acts.stopping(world.connection, "default", name, kit.BYTES)
        assert found == (None if resumed else halt)
    assert registry_acts.stopping(world.connection, "default", "credit", kit.OTHER) is None


def test_the_ledger_knows_who_had_a_hand_in_what_is_resumed(world, kit):
    world.trust(*map(kit.trusted, kit.ROLES[:3]), kit.trusted("compliance"), kit.trusted("on-call"),
                kit.trusted("risk", roles=("risk", "developer")))  # fmt: skip
    world.create()
    world.bind()
    world.register(actor="risk")
    world.grant()
    halt = world.say(HALT, "on-call")
    world.say(RESUME, "risk")
    assert registry_acts.stopping(world.connection, "default", "a copy", kit.BYTES) == halt


def test_a_halt_of_another_name_refuses_the_same_bytes_here_until_it_is_resumed(story, kit):
    story.approved()
    story.grant(name="another")
    halt = story.say(replace(HALT, name="another"), "on-call")
    refused = story.decide()
    assert not refused.allowed and any("another was halted on" in said for said in refused.problems)
    assert halted_elsewhere(story.ledger(), kit.BYTES) == halt and halted_elsewhere(story.ledger(), None) is None
    assert halted_elsewhere(story.ledger(), kit.OTHER) is None
    story.say(replace(RESUME, name="another"), "policy")
    assert halted_elsewhere(story.ledger(), kit.BYTES) is None
    assert not story.decide().allowed, "a request from before the halt is void"
    story.request(reason="resumed")
    story.approve("risk"), story.approve("compliance")
    assert story.decide().allowed


def test_an_order_from_before_a_halt_elsewhere_carries_nothing(story, kit):
    story.approved()
    story.grant(), story.grant(name="another")
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    story.say(replace(HALT, name="another"), "on-call")
    assert not story.decide().allowed
    story.say(RollbackOrder("default", "credit", "1", "back, knowing of it"), "on-call")
    assert story.decide().transition == "rollback" and story.decide().allowed


def test_a_halt_is_told_in_words_and_of_another_workspace_without_its_name(story, kit):
    halt = halted(story)
    said = describe_halt(story.ledger(), halt, "default")
    assert said.startswith("credit was halted on 2026-06-01") and said.endswith(
        f"by {kit.person('on-call')}: complaints"
    )
    other = describe_halt(story.ledger(), halt, "elsewhere")
    assert "credit" not in other and "complaints" not in other and halt.digest[7:19] in other
