"""Rule 20: what a trial profile lets through, and what never comes of it."""

from dataclasses import replace
from typing import Any

import pytest

from aims_gates.attestation.statements.people import BreakGlass, RollbackOrder
from aims_gates.decision.rules import Ask, decide
from aims_gates.decision.trial import binding_refusal
from aims_gates.documents.canonical import digest, plain
from aims_gates.errors import RefusedError
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.workflow.portable_grant import compose


def trial(kit: Any) -> Any:
    return kit.plan(trial=True, approvals=(), profile="starter-solo", requirements=kit.plan().requirements[:1])


def test_a_plan_that_is_no_trial_keeps_its_digest(kit: Any) -> None:
    assert "trial" not in plain(kit.plan())
    assert plain(trial(kit))["trial"] is True
    assert digest(kit.plan()) != digest(kit.plan(trial=True))


def test_on_trial_nothing_is_refused_for_want_of_evidence_and_nothing_counts_as_met(kit: Any, story: Any) -> None:
    story.begun(trial(kit), author=kit.person("policy"))  # one person wrote and signed it
    decision = story.decide()
    assert (decision.allowed, decision.criteria_met, decision.mode, decision.transition) == (
        True, False, "observe", "trial",
    )  # fmt: skip
    assert decision.exit == 3 and decision.controls[0].state == "missing"
    story.predict()
    story.check()
    decision = story.decide()
    assert (decision.allowed, decision.criteria_met, decision.exit, decision.problems) == (True, False, 0, ())


def test_a_plan_of_another_profile_still_wants_another_to_sign_than_its_author(kit: Any, story: Any) -> None:
    story.begun(author=kit.person("policy"))
    assert story.decide().problems == ("'credit' has a binding that nobody signed but the author of the change",)


@pytest.mark.parametrize("makers", [(), ("developer",)])
def test_a_registry_that_is_served_gives_no_trial_grant(kit: Any, story: Any, makers: tuple[str, ...]) -> None:
    story.checked(trial(kit))
    ask = Ask("default", "credit", "1", kit.BYTES, "production", story.now, "", makers)
    decision = decide(ask, story.rows)
    assert not decision.allowed and "embedded registry alone" in decision.problems[0]


def test_no_order_makes_another_grant_of_a_trial(kit: Any, story: Any) -> None:
    story.checked(trial(kit))
    breaking = [kit.trusted(name, roles=("break-glass",)) for name in ("first", "second")]
    story.trust(*map(kit.trusted, kit.ROLES), *breaking, version=2)
    story.grant(transition="trial", mode="observe")
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert story.decide().transition == "trial"
    _break_glass(kit, story)
    ask = Ask("default", "credit", "1", kit.BYTES, "production", story.now, "", ("developer",))
    assert not decide(ask, story.rows).allowed  # a registry that is served gives none, whoever orders it


def _break_glass(kit: Any, story: Any) -> None:
    """The orders of two people to let the bytes through."""
    ends = story.now.replace(hour=23).isoformat()
    for holder in ("first", "second"):
        story.say(BreakGlass("default", "credit", "1", kit.BYTES, "now", ends), holder)


def test_a_trial_grant_is_no_ground_for_a_rollback_under_another_profile(kit: Any, story: Any) -> None:
    story.checked(trial(kit))
    story.grant(transition="trial", mode="observe")
    story.bind()
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert not story.decide().allowed
    assert _rolled_back(kit, story).problems == ("version 1 was granted on trial alone",)


def _rolled_back(kit: Any, story: Any) -> Any:
    from aims_gates.decision.orders import rollback
    from aims_gates.decision.question import PromotionContext

    ask = Ask("default", "credit", "1", kit.BYTES, "production", story.now)
    return rollback(PromotionContext(ask, story.ledger(), story.ledger().binding()), story.decide())


def test_from_a_trial_another_profile_wants_as_many_people_as_its_plan_needs(kit: Any, story: Any) -> None:
    one = kit.trusted("policy", roles=("policy", "ci", "developer", "risk", "compliance"))
    story.trust(one)
    story.create()
    story.bind(trial(kit))
    story.register()
    story.bind()
    refusal = " ".join(story.decide().problems)
    assert "on trial" in refusal and "it names 1" in refusal
    story.trust(one, kit.trusted("developer"), kit.trusted("risk"), kit.trusted("ci"), version=2)
    assert "on trial" in " ".join(story.decide().problems)  # the binding came before them
    breaking = [kit.trusted(name, roles=("break-glass",)) for name in ("first", "second")]
    story.trust(one, *breaking, version=3)
    _break_glass(kit, story)
    assert not story.decide().allowed  # such a binding carries no order either
    story.trust(one, kit.trusted("developer"), kit.trusted("risk"), kit.trusted("ci"), version=4)
    story.bind(said_at="2026-06-01T13:00:00+00:00")
    assert "on trial" not in " ".join(story.decide().problems)


def test_a_service_account_is_no_person_of_these(kit: Any) -> None:
    from aims_gates.attestation.statements.policy import Trust

    listed = Trust(1, tuple(kit.trusted(role) for role in ("policy", "developer", "ci")))
    assert binding_refusal([trial(kit)], kit.plan(), listed) is not None
    whole = replace(listed, keys=(*listed.keys, kit.trusted("risk")))
    assert binding_refusal([trial(kit)], kit.plan(), whole) is None
    assert binding_refusal([kit.plan()], kit.plan(), listed) is None
    assert binding_refusal([trial(kit)], kit.plan(), None) is not None


def test_nothing_goes_back_to_a_trial(kit: Any, story: Any) -> None:
    story.begun()
    story.bind(trial(kit))
    decision = story.decide()
    assert not decision.allowed and "may not go on trial" in decision.problems[0]


def test_a_trial_grant_is_not_carried_elsewhere(kit: Any, world: Any) -> None:
    world.checked(trial(kit))
    world.grant(transition="trial", mode="observe")
    checkpoint = signed_checkpoint(world.connection, kit.key_of("ci"), world.now)
    with pytest.raises(RefusedError, match="stands on a trial grant"):
        compose(world.connection, "default", "credit", "production", kit.key_of("policy"), world.now, 30, checkpoint)
