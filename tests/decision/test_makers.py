"""What the server's record of makers means for the decision."""

from dataclasses import replace
from typing import Any

import pytest

from aims_gates.decision.rules import Ask, decide


def ask(kit: Any, story: Any, makers: tuple[str, ...] | None) -> Any:
    said = Ask("default", "credit", "1", kit.BYTES, "production", story.now, kit.person("developer"), makers)
    return decide(said, story.rows)


def test_a_maker_on_record_may_not_approve(kit: Any, story: Any) -> None:
    story.approved()
    assert ask(kit, story, None).allowed and ask(kit, story, ("developer",)).allowed
    decision = ask(kit, story, ("developer", "risk"))
    assert not decision.allowed
    assert [said["person"] for said in decision.approvals["refused"]] == [kit.person("risk")]


def test_where_no_maker_is_on_record_approvals_do_not_count(kit: Any, story: Any) -> None:
    story.approved()
    decision = ask(kit, story, ())
    assert not decision.allowed and decision.exit == 3
    assert any("no record of who made" in said for said in decision.problems)
    assert any("log the model again" in said for said in decision.actions)


def test_a_plan_that_asks_for_no_approvals_asks_for_no_makers(kit: Any, story: Any) -> None:
    made = kit.plan(approvals=(), requirements=kit.plan().requirements[:1])
    story.checked(made)
    story.request()
    assert ask(kit, story, ()).allowed


def test_watching_lets_it_through_and_says_so(kit: Any, story: Any) -> None:
    from aims_gates.attestation.statements.policy import Scheduled

    story.approved(modes=(Scheduled("observe", "2020-01-01"),))
    decision = ask(kit, story, ())
    assert decision.allowed and not decision.criteria_met and decision.problems


@pytest.mark.parametrize("makers", [None, (), ("developer",)])
def test_a_service_that_registers_for_nobody_is_nobody(kit: Any, story: Any, makers: Any) -> None:
    from aims_gates.attestation.statements.registry import NOBODY, Registration

    story.approved()
    story.say(Registration("default", "credit", "1", "models:/m-1", "run", "build", NOBODY))
    decision = ask(kit, story, makers)
    assert not decision.allowed and any("named nobody" in said for said in decision.problems)
    assert replace(decision, problems=()).exit == 3
