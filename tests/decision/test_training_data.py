"""Which training sets count as accepted: of each the latest judgement, while nobody took it back."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.evidence import GateVerdict, TrainingDataAcceptance
from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import KeyRevocation
from aims_gates.decision.training_data import judged_sets, last_accepted, sets_of_run

FIRST, SECOND = ("sha256:" + mark * 64 for mark in "12")


def judge(story, data=FIRST, outcome="pass", run="r1", about=None, **changes):
    verdicts = (GateVerdict("data_quality", "sha256:" + "a" * 64, outcome),)
    statement = TrainingDataAcceptance("default", "credit", "credit", data, 900, outcome, verdicts, run=run)
    return story.say(replace(statement, **changes), "ci", about=about or data)


def accepted(story, data=FIRST):
    judged = judged_sets(story.ledger(), "credit").get(data)
    return None if judged is None else (judged.accepted, judged.reason)


def test_what_nobody_judged_is_unknown_and_what_was_accepted_may_be_trained_on(story):
    story.trust()
    assert accepted(story) is None and last_accepted(story.ledger(), "credit") is None
    row = judge(story)
    assert accepted(story) == (True, "")
    assert last_accepted(story.ledger(), "credit").row.digest == row.digest


@pytest.mark.parametrize("outcome", ["fail", "inconclusive", "error"])
def test_the_latest_judgement_of_a_set_decides_whichever_way_it_goes(story, outcome):
    story.trust()
    judge(story)
    judge(story, outcome=outcome)
    standing, reason = accepted(story)
    assert not standing and reason.startswith("was refused on ")
    judge(story, said_at=story.now.isoformat())
    assert accepted(story) == (True, "")


def test_an_acceptance_that_was_taken_back_or_whose_key_was_does_not_count(story, kit):
    story.trust()
    row = judge(story)
    story.say(Revocation(row.digest, "the suite was empty"), "ci")
    assert accepted(story) == (False, "was accepted, and that was revoked")
    judge(story, SECOND)
    story.say(KeyRevocation(kit.key_of("ci").public, "lost", since=0), "policy")
    assert accepted(story, SECOND) == (False, "was accepted by a key that was revoked")


def test_nobody_revokes_a_refusal(story):
    story.trust()
    row = judge(story, outcome="fail")
    for role in ("policy", "ci"):
        story.say(Revocation(row.digest, f"by {role}"), role)
    assert accepted(story)[1].startswith("was refused on ")


@pytest.mark.parametrize("changes", [{"workspace": "team-b"}, {"system": "other"}, {"about": SECOND}])
def test_another_systems_sets_and_a_subject_that_is_another_set_say_nothing(story, changes):
    story.trust()
    judge(story, **changes)
    assert accepted(story) is None


def test_the_last_accepted_set_is_the_one_judged_last_that_still_is(story):
    story.trust()
    judge(story, FIRST)
    judge(story, SECOND)
    assert last_accepted(story.ledger(), "credit").data == SECOND
    judge(story, SECOND, outcome="fail")
    assert last_accepted(story.ledger(), "credit").data == FIRST


def test_the_sets_of_a_run_are_all_that_were_judged_in_it_as_they_stand_since(story):
    story.trust()
    judge(story, FIRST, outcome="fail")
    judge(story, SECOND)
    judge(story, SECOND, outcome="fail", run="r2")
    judge(story, "sha256:" + "3" * 64, run="")
    sets = sets_of_run(story.ledger(), "credit", "r1")
    assert [(judged.data, judged.accepted) for judged in sets] == [(FIRST, False), (SECOND, False)]
    assert sets_of_run(story.ledger(), "credit", "") == []
