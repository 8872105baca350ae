"""A version that was registered past aims-gates, taken in by somebody who answers for it."""

import pytest

from aims_gates.attestation.statements.registry import Intake
from aims_gates.decision.question import UNREGISTERED
from aims_gates.decision.refusals import intake_notes


@pytest.fixture
def taken_in(story, kit):
    """A bound model whose version 1 nobody registered here."""

    def take(by="developer", creator="", digest=kit.BYTES):
        story.trust()
        story.create()
        story.bind()
        created = "2026-01-01T00:00:00+00:00"
        intake = Intake("default", "credit", "1", digest, "models:/m-1", "run", None, created, {}, creator)
        story.say(intake, by, about=digest)
        return story

    return take


def problems(decision):
    return " | ".join(decision.problems)


def test_a_version_that_was_taken_in_is_promoted_as_one_that_was_registered(taken_in):
    story = taken_in()
    story.predict()
    story.check()
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().allowed


def test_it_says_for_good_that_it_was_not_registered_here(taken_in):
    story = taken_in()
    (note,) = intake_notes(story.ledger(), "1")
    assert note == "Version 1 was taken in on 2026-06-01, not registered here, by developer-owner@example.org."
    assert intake_notes(story.ledger(), "2") == []
    story.register("2")
    assert intake_notes(story.ledger(), "2") == []


def test_other_bytes_than_those_that_were_taken_in_are_refused(taken_in, kit):
    story = taken_in(digest=kit.OTHER)
    decision = story.decide()
    assert not decision.allowed and decision.exit == 5
    assert "the bytes differ from those that were taken in on 2026-06-01" in problems(decision)


def test_whoever_made_its_run_cannot_approve_it(taken_in):
    story = taken_in(creator="risk-owner@example.org")
    story.predict()
    story.check()
    story.request()
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    refused = [approval["person"] for approval in decision.approvals["refused"]]
    assert not decision.allowed and refused == ["risk-owner@example.org"]


def test_a_model_that_is_not_registered_yet_is_said_to_be_that(story):
    story.begun()
    decision = story.decide(version=UNREGISTERED)
    assert not decision.allowed and "the model is not registered yet" in problems(decision)
    register = "register the model as a new version of credit"
    assert register in decision.actions
    story.predict()
    story.check()
    assert story.decide(version=UNREGISTERED).actions == (register,)
