"""Acts that the ledger holds: what was done here is looked up, and stated by nobody."""

from dataclasses import replace

import pytest

from aims_gates.attestation.statements.evidence import GateVerdict, ToolAnswer, ToolProbe, TrainingDataAcceptance
from aims_gates.attestation.statements.people import Halt, Resume, Revocation
from aims_gates.attestation.statements.policy import KeyRevocation, TrustedUser
from aims_gates.attestation.statements.records import SignedAcknowledgement
from aims_gates.decision.acts import act_stands, acts_of
from aims_gates.decision.basis import basis_of
from aims_gates.model import ACTS

POLICY_TEXT = "sha256:" + "7" * 64
HERE = ("default", "credit")
EVERYBODY = {f"{role}-owner@example.org" for role in ("policy", "developer", "risk", "compliance", "on-call")}


def acts(story, kind):
    return acts_of(story.ledger(), "credit")[kind]


def stands(story, row, before=10_000):
    return act_stands(story.ledger(), "credit", row.digest, before)


def acknowledge(story, person="risk-owner@example.org", *, by="risk", about=POLICY_TEXT):
    return story.say(SignedAcknowledgement("organization/ai_policy", person, POLICY_TEXT), by, about=about)


def test_each_kind_of_act_is_there_and_empty_where_nothing_was_done(story):
    every = acts_of(story.ledger(), "credit")
    assert tuple(every) == ACTS and set(every.values()) == {()}


def test_a_halt_and_its_end_are_acts_with_the_ledgers_time(story, kit):
    story.begun()
    halt = story.say(Halt(*HERE, "a drill"), "on-call")
    resume = story.say(Resume(*HERE, "done"), "policy")
    (stopped,), (resumed,) = acts(story, "halts"), acts(story, "resumes")
    assert (stopped.at, stopped.by, stopped.about) == (halt.at, (kit.person("on-call"),), "default/credit")
    assert stopped.plain() | resumed.plain() == {
        "reason": "done",
        "at": resume.at.isoformat(timespec="microseconds"),
        "on": "2026-06-01",
        "by": [kit.person("policy")],
        "about": "default/credit",
        "row": resume.digest,
    }
    assert stands(story, halt) and stands(story, resume)
    assert not stands(story, halt, before=halt.position)  # nobody looked at what was not done yet


@pytest.mark.parametrize("signer", ["developer", "ci"])
def test_what_somebody_said_who_may_not_is_no_act(story, signer):
    story.begun()
    assert not stands(story, story.say(Halt(*HERE, "a drill"), signer))


def test_an_act_about_another_model_is_none_here(story):
    story.begun()
    row = story.say(Halt("default", "loans", "a drill"), "on-call")
    elsewhere = story.say(Halt("other", "credit", "a drill"), "on-call")
    assert not stands(story, row) and not stands(story, elsewhere) and acts(story, "halts") == ()


def test_what_is_in_no_ledger_or_no_act_was_not_done(story):
    story.begun()
    assert not act_stands(story.ledger(), "credit", POLICY_TEXT, 99)
    assert not stands(story, story.rows[-1])  # a registration


def test_an_act_that_was_taken_back_stands_no_longer(story):
    story.begun()
    story.say(Halt(*HERE, "a drill"), "on-call")
    resume = story.say(Resume(*HERE, "done"), "policy")
    revocation = story.say(Revocation(resume.digest, "too early"), "policy")
    assert not stands(story, resume) and acts(story, "resumes") == ()
    assert stands(story, revocation)
    (act,) = acts(story, "revocations")
    assert act.details["statement"] == resume.digest


def test_a_revocation_of_what_is_not_about_this_model_is_no_act_here(story):
    story.begun()
    other = story.say(Resume("default", "loans", "done"), "policy")
    word = acknowledge(story)
    for row in (other, word):
        assert not stands(story, story.say(Revocation(row.digest, "wrong"), "policy"))
    assert not stands(story, story.say(Revocation(POLICY_TEXT, "of nothing"), "policy"))
    assert not stands(story, story.say(Revocation(story.rows[2].digest, "may not"), "on-call"))


def test_a_rollback_is_what_the_registry_granted(story):
    story.begun()
    story.grant()
    back = story.grant(transition="rollback")
    (act,) = acts(story, "rollbacks")
    assert (act.row, act.details, act.by) == (
        back.digest,
        {"version": "1", "alias": "production"},
        ("developer-owner@example.org",),
    )


def test_an_approval_in_role_of_a_request_for_this_model_is_an_act(story):
    story.checked()
    story.request()
    approval = story.approve("risk")
    assert [act.row for act in acts(story, "approvals")] == [approval.digest]
    assert not stands(story, story.approve("compliance", by="risk"))  # says that it is compliance
    unknown = replace(approval.predicate, request=POLICY_TEXT)
    assert not stands(story, story.say(unknown, "risk"))


def test_a_key_that_was_taken_back_is_an_act_of_the_organization(story, kit):
    story.begun()
    row = story.say(KeyRevocation(kit.key_of("ci").public, "lost"), "policy")
    assert stands(story, row) and acts(story, "key_drills")[0].about == "organization"


def test_people_acknowledge_for_themselves_alone(story):
    story.begun()
    own = acknowledge(story)
    (act,) = acts(story, "acknowledgements")
    assert (act.row, act.about, act.details["person"]) == (
        own.digest,
        "organization/ai_policy",
        "risk-owner@example.org",
    )
    assert not stands(story, acknowledge(story, "compliance-owner@example.org"))
    assert not stands(story, acknowledge(story, about=POLICY_TEXT.replace("7", "8")))  # of one text, over another
    service = acknowledge(story, "ci-owner@example.org", by="ci")
    assert not stands(story, service)


def test_the_trust_list_in_force_says_who_there_is(story, kit):
    first = story.trust()
    assert stands(story, first)
    (act,) = acts(story, "trust_lists")
    assert (act.row, act.by) == (first.digest, ("policy-owner@example.org",))
    assert act.details["people"] == dict.fromkeys(sorted(EVERYBODY), "")
    user = TrustedUser("ann", "ann@example.org", ("risk",), not_after="2026-12-31")
    last = kit.trusted("risk", not_after="2026-09-30")
    both = kit.trusted("second", person=last.person)
    second = story.say(
        replace(first.predicate, version=2, keys=(kit.trusted("policy"), last, both), users=(user,)), "policy"
    )
    (act,) = acts(story, "trust_lists")
    assert act.row == second.digest and stands(story, first)  # evidence may rest on the list before
    assert act.details["people"] == {last.person: "", "ann@example.org": "2026-12-31", "policy-owner@example.org": ""}
    story.say(KeyRevocation("user:ann", "left"), "policy")
    assert "ann@example.org" not in acts(story, "trust_lists")[0].details["people"]


def test_a_finding_is_as_weak_as_the_weaker_of_act_and_record(story, kit):
    story.begun()
    halt = story.say(Halt(*HERE, "a drill"), "on-call")
    checked = story.check(records_read={"kill_switch": {"file": "kill_switch.yaml", "digest": POLICY_TEXT}})
    for rests_on, basis in (
        ((f"act:{halt.digest}",), "performed"),
        ((f"act:{halt.digest}", "data:evaluation"), "performed"),
        ((f"act:{halt.digest}", "record:kill_switch"), "declared"),
        ((f"act:{POLICY_TEXT}",), "declared"),
        (("act:",), "declared"),
    ):
        found = kit.finding(rests_on=rests_on)
        assert basis_of(found, checked.predicate, story.ledger(), "credit", checked.position) == basis
    assert basis_of(kit.finding(rests_on=(f"act:{halt.digest}",)), checked.predicate, story.ledger(), "credit", 0) == (
        "declared"
    )


def test_a_judgement_of_training_data_is_an_act_of_the_key_that_signed_it_a_service_or_not(story, kit):
    story.begun()
    verdicts = (GateVerdict("data_quality", POLICY_TEXT, "pass"),)
    judgement = TrainingDataAcceptance("default", "credit", "credit", POLICY_TEXT, 900, "pass", verdicts, run="r1")
    row = story.say(judgement, "ci", about=POLICY_TEXT)
    (act,) = acts(story, "training_data")
    assert stands(story, row) and (act.row, act.about, act.details["run"]) == (row.digest, "credit", "r1")
    for other in (replace(judgement, system="other"), replace(judgement, workspace="team-b")):
        assert not stands(story, story.say(other, "ci", about=POLICY_TEXT))
    assert not stands(story, story.say(replace(judgement, rows=901), "ci"))  # over other bytes
    story.say(Revocation(row.digest, "the suite was empty"), "ci")
    assert not stands(story, row)


def test_a_probe_of_tools_is_an_act_of_the_key_that_signed_it_and_performed(story, kit):
    story.begun()
    answer = ToolAnswer("MLflow", "https://mlflow.example.org/health", "https://mlflow.example.org", True, "status 200")
    probe = ToolProbe("default", "credit", "credit", POLICY_TEXT, (answer,))
    row = story.say(probe, "ci", about=POLICY_TEXT)
    (act,) = acts(story, "probes")
    assert stands(story, row) and (act.row, act.about, act.details["record"]) == (row.digest, "credit", POLICY_TEXT)
    assert act.plain()["tools"][0]["answered"] is True
    for other in (replace(probe, system="other"), replace(probe, workspace="team-b")):
        assert not stands(story, story.say(other, "ci", about=POLICY_TEXT))
    assert not stands(story, story.say(replace(probe, tools=()), "ci"))  # over another text
    assert not stands(story, story.say(replace(probe, tools=()), "policy", about=POLICY_TEXT))
    checked = story.check()
    rests = kit.finding(rests_on=(f"act:{row.digest}",))
    assert basis_of(rests, checked.predicate, story.ledger(), "credit", checked.position) == "performed"
    story.say(Revocation(row.digest, "the wrong network"), "ci")
    assert not stands(story, row)
