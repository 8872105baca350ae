"""A review that is due takes nothing down at once: the next promotion has the plan's days of grace, and says so."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from aims_gates.decision.grace import grace_of, in_grace
from aims_gates.documents.canonical import plain

TODAY = date(2026, 6, 1)


def ended(kit, days_ago, *, outcome="pass", left=400):
    """A finding whose review was due some days before the story begins."""
    until = TODAY - timedelta(days=days_ago)
    stale = outcome == "fail"
    renewal = (TODAY + timedelta(days=left)).isoformat()
    return kit.finding(outcome, until=until.isoformat(), renewal=renewal, stale=stale)


def told(story, kit, found, **changes):
    """The usual story up to the last approval, on this finding."""
    made = kit.plan(**changes)
    story.begun(made)
    story.predict()
    story.check(found, outcome=found.outcome)
    story.request()
    for rule in made.approvals:
        story.approve(rule.role)
    decision = story.decide()
    return decision, decision.controls[0]


@pytest.mark.parametrize("outcome", ["pass", "fail"])
@pytest.mark.parametrize(("days_ago", "allowed"), [(1, True), (30, True), (31, False), (200, False)])
def test_a_promotion_is_let_through_in_grace_and_refused_after_it(story, kit, outcome, days_ago, allowed):
    decision, control = told(story, kit, ended(kit, days_ago, outcome=outcome))
    assert (decision.allowed, control.state) == (allowed, "met" if allowed else "stale")
    last = (TODAY + timedelta(days=30 - days_ago)).isoformat()
    assert control.grace == (last if allowed else "")
    assert ("renewal due" in control.reason and last in control.reason) is allowed


@pytest.mark.parametrize(("days", "allowed"), [(0, False), (4, False), (5, True), (180, True)])
def test_the_plan_says_how_long(story, kit, days, allowed):
    assert told(story, kit, ended(kit, 5), grace_days=days)[0].allowed is allowed


def test_grace_lasts_no_longer_than_what_else_the_fact_asks(story, kit):
    decision, control = told(story, kit, ended(kit, 5, left=3))
    assert decision.allowed and control.grace == "2026-06-04"
    assert not story.decide(now=story.now + timedelta(days=4)).allowed


@pytest.mark.parametrize(
    "changes",
    [{"renewal": None}, {"renewal": "soon"}, {"until": None, "stale": True}, {"until": "soon"}, {"outcome": "error"}],
)
def test_what_ends_otherwise_has_no_grace(story, kit, changes):
    decision, control = told(story, kit, replace(ended(kit, 5), **changes))
    assert not decision.allowed and control.grace == ""


def test_information_has_no_grace_and_stays_as_it_is(kit):
    found = replace(ended(kit, 5), limit=None)
    assert grace_of(found, TODAY, 30) is None and in_grace(found, TODAY, 30) is found


def test_a_grant_that_stands_falls_neither_in_grace_nor_after_it(story, kit):
    told(story, kit, ended(kit, 5))
    story.grant()
    for days in (0, 20, 40, 400):
        assert story.ledger().standing("production", story.now + timedelta(days=days)) is not None
    assert not story.decide(now=story.now + timedelta(days=40)).allowed


def test_a_grant_that_stands_does_not_fall_when_a_record_changes(story, kit):
    from aims_gates.attestation.statements.records import RecordApproval, RecordSubmission

    about = ("system/monitoring", "credit", "records/systems/credit/monitoring.yaml")
    texts = ["sha256:" + digit * 64 for digit in "78"]
    made = kit.plan()
    story.begun(replace(made, requirements=tuple(replace(rule, least_basis="attested") for rule in made.requirements)))
    story.predict()
    for text in texts:
        read = {"monitoring": {"file": "monitoring.yaml", "digest": text}}
        story.say(RecordSubmission(*about, text), "developer", about=text)
        if text == texts[0]:
            story.say(RecordApproval(*about, text, role="risk"), "risk", about=text)
        else:
            story.grant()
        story.check(kit.finding(rests_on=("record:monitoring",)), records_read=read)
        assert story.decide().controls[0].state == ("met" if text == texts[0] else "missing")
    assert story.ledger().standing("production", story.now) is not None
    story.say(RecordApproval(*about, texts[1], role="risk"), "risk", about=texts[1])
    assert story.decide().controls[0].state == "met"


def test_a_plan_and_a_finding_without_a_word_on_it_are_written_as_before(kit):
    assert "grace_days" not in plain(kit.plan()) and plain(kit.plan(grace_days=0))["grace_days"] == 0
    assert "renewal" not in plain(kit.finding())
