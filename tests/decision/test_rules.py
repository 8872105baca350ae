"""The rule book, rule by rule, and the laws that hold over all of it."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import (
    Approval,
    BreakGlass,
    Halt,
    Rejection,
    Resume,
    Revocation,
    RollbackOrder,
    Waiver,
    Withdrawal,
)
from aims_gates.attestation.statements.policy import Adoption, Binding, Freed, KeyRevocation, OpenMode, Scheduled
from aims_gates.attestation.statements.registry import NOBODY, Creation, Recorded, Registration, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.decision.evidence import age_days
from aims_gates.decision.orders import break_glass_bytes
from aims_gates.decision.rules import Ask, decide, frozen
from aims_gates.documents.canonical import digest, plain
from aims_gates.errors import InputError
from aims_gates.model import Action, Approver, Finding, Limit, Requirement, Subject

CONTROL = "A.6.2.4"

#: What nothing shows of A.6.2.4 where fairness alone is looked at.
WITHOUT = "; without comparison with the champion, robustness, security"


def state(decision, control=CONTROL):
    return next(each for each in decision.controls if each.control == control)


def waiver(kit, story, days=30, **changes):
    end = (story.now + timedelta(days=days)).date().isoformat()
    said = Waiver("credit", kit.BYTES, CONTROL, "risk", "late data", "small", "weekly review", end)
    return story.say(replace(said, **changes), changes.get("role", "risk"))


def waived(kit, **changes):
    """A story whose only gap is a failed control, which a waiver in role covers."""
    story = kit.Story().checked()
    story.check(kit.finding("fail"))
    waiver(kit, story, **changes)
    story.request()
    story.approve("risk")
    story.approve("compliance")
    return story


# The whole


def test_everything_in_place_is_a_yes(story, kit):
    decision = story.approved().decide()
    assert decision.allowed and decision.criteria_met and decision.exit == 0
    assert (decision.problems, decision.actions, decision.transition) == ((), (), "production")
    assert (decision.name, decision.version, decision.subject) == ("credit", "1", kit.BYTES)
    assert (decision.system, decision.tier, decision.profile) == ("credit", "limited", "limited")
    assert decision.plan == digest(kit.plan()) and decision.request == story.rows[6].digest
    assert decision.at == "2026-06-01T12:09:00+00:00"
    assert decision.approvals["missing"] == [] and decision.approvals["refused"] == []
    assert [(each["person"], each["role"]) for each in decision.approvals["given"]] == [
        ("risk-owner@example.org", "risk"),
        ("compliance-owner@example.org", "compliance"),
    ]
    assert decision.approvals["needed"] == [{"role": "risk", "count": 1}, {"role": "compliance", "count": 1}]


def test_a_control_shows_its_findings_its_evidence_and_why(story, kit):
    met = state(story.approved().decide())
    assert (met.state, met.blocks) == ("met", False)
    assert met.reason == f"fairness: evidence criteria met{WITHOUT}"
    assert (met.title, met.why, met.enforcement) == ("Verification and validation", "it must work", "block")
    assert met.findings == (("fairness", kit.finding()),) and met.next == ()
    [shown] = met.evidence
    assert shown == {
        "gate": "fairness",
        "statement": story.rows[5].digest,
        "position": 5,
        "standing": "counts",
        "age_days": 0.0,
        "expires_days": 30,
        "signers": [kit.person("ci")],
    }
    separation = state(story.decide(), "A.3.2")
    assert (separation.state, separation.reason, separation.findings) == ("met", "approved", ())


def test_rows_that_have_nothing_to_do_with_the_question_are_ignored(story, kit):
    story.approved()
    aims = {"workspace": "default", "name": "credit"}
    story.say(Recorded({"id": "test"}, story.now.isoformat(), (), aims))
    story.say(Halt("default", "another", "not this one"), "on-call")
    story.say(Halt("elsewhere", "credit", "not this one"), "on-call")
    story.check(kit.finding("fail"), gate="unasked")
    story.check(kit.finding("fail"), about=kit.OTHER)
    assert story.decide().allowed


def test_the_order_in_which_rows_are_handed_over_does_not_matter(story):
    story.approved().rows.reverse()
    assert story.decide().allowed


# Rule 1


def test_a_model_without_a_binding_is_refused_with_the_command_that_fixes_it(story):
    story.trust()
    decision = story.decide()
    assert (decision.allowed, decision.criteria_met, decision.exit, decision.mode) == (False, False, 3, "enforce")
    assert decision.problems == ("'credit' is bound to no system",)
    bind = "aims-gates bind credit --system SYSTEM --key POLICY.key"
    assert decision.actions == ("aims-gates adopt credit 1 --key YOUR.key", bind)
    story.register()
    assert story.decide().actions == (bind,)
    assert decision.controls == () and decision.approvals == {"needed": [], "given": [], "missing": []}
    assert decision.at == "2026-06-01T12:01:00+00:00"


def test_a_binding_of_another_model_binds_nothing(story):
    story.trust()
    story.bind(name="another")
    story.bind(workspace="elsewhere")
    assert not story.decide().allowed


def test_the_latest_binding_counts(story, kit):
    story.approved()
    story.bind(kit.plan(profile="stricter"))
    decision = story.decide()
    assert decision.profile == "stricter" and not decision.allowed
    assert "the plan changed since the request was opened" in decision.problems and decision.exit == 3
    assert decision.actions == ("aims-gates request open credit 1 --key YOUR.key",)


def test_an_older_binding_does_not_come_back_when_the_latest_is_revoked(story, kit):
    story.approved()
    newer = story.bind()
    story.say(Revocation(newer.digest, "wrong"), "policy")
    assert story.decide().problems == ("'credit' has a binding that was revoked",)


def test_the_author_of_a_change_cannot_bind_it_alone(story, kit):
    story.trust()
    story.bind(author="policy")  # the login of the one who signs
    assert story.decide().problems == ("'credit' has a binding that nobody signed but the author of the change",)
    story.bind(author="POLICY-owner@example.org ")
    assert not story.ledger().binding()
    story.bind(author="policy-owner@example.org2")
    assert story.ledger().binding()
    story.bind(author=None)
    assert story.ledger().binding()


def test_the_author_may_sign_beside_another_policy_owner(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("second", roles=("policy",)))
    made = story.bind(author="policy")
    story.rows[-1] = replace(made, signers=(*made.signers, kit.key_of("second").public))
    assert story.ledger().binding()


def test_a_service_account_binds_nothing(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("robot", roles=("policy",), service=True))
    story.bind(by="robot")
    assert story.decide().problems == ("'credit' has a binding that no person signed whose key counts",)


def test_only_a_policy_key_binds(story):
    story.trust()
    story.bind(by="risk")
    assert story.decide().problems == ("'credit' is bound to no system",)


# Rule 2


def test_bytes_that_nobody_hashed_are_refused(story, kit):
    decision = story.approved().decide(about=None)
    assert not decision.allowed and decision.exit == 3 and decision.subject == kit.BYTES
    assert decision.problems == ("the version's bytes are not staged and hashed yet",)
    assert decision.actions == ("aims-gates promote credit 1",)


def test_without_bytes_and_request_there_is_no_evidence_either(story):
    decision = story.checked().decide(about=None)
    assert decision.subject is None
    assert state(decision).reason == "fairness: nobody has hashed the bytes yet"


def test_other_bytes_than_those_requested_are_an_integrity_failure(story, kit):
    decision = story.approved().decide(about=kit.OTHER)
    assert not decision.allowed and decision.exit == 5
    assert "the bytes differ from those in the request" in decision.problems
    story.check(about=kit.OTHER)
    assert story.decide(about=kit.OTHER).actions == ("aims-gates request open credit 1 --key YOUR.key",)


def test_withdrawing_the_request_does_not_make_other_bytes_right(story, kit):
    asked = story.approved(modes=(Scheduled("observe", "2026-01-01"),)).rows[6]
    story.say(Withdrawal(asked.digest, "never mind"), "developer")
    assert story.decide().allowed
    assert story.decide(about=kit.OTHER).exit == 5


# Rule 3


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("pass", "pass"), "met"),
        (("pass", None), "met"),
        (("pass", "fail"), "failed"),
        (("pass", "error"), "failed"),
        (("pass", "inconclusive"), "inconclusive"),
        (("inconclusive", "fail"), "failed"),
        ((None,), "missing"),
    ],
)
def test_a_control_is_met_when_all_its_findings_pass_and_one_is_under_a_limit(story, kit, outcomes, expected):
    story.checked()
    story.check(*(kit.finding(outcome) for outcome in outcomes))
    assert state(story.decide()).state == expected


def test_the_reason_names_the_finding(story, kit):
    story.checked()
    story.check(kit.finding(), kit.finding("fail", measure="impact_ratio"))
    assert state(story.decide()).reason == "fairness: impact_ratio failed"
    story.check(kit.finding("error", measure="impact_ratio"))
    assert state(story.decide()).reason == "fairness: impact_ratio could not be judged"
    story.check(kit.finding("inconclusive"))
    assert state(story.decide()).reason == "fairness: the data cannot tell"
    story.check(kit.finding(None))
    assert state(story.decide()).reason == "fairness: nothing under a limit bears on it"


def test_findings_of_other_controls_do_not_bear_on_it(story, kit):
    story.checked()
    story.check(kit.finding(), kit.finding("fail", controls=("A.7.4",)))
    assert state(story.decide()).state == "met"
    story.check(kit.finding(controls=("A.7.4",)))
    assert state(story.decide()).state == "missing"


def test_a_finding_that_names_no_control_bears_on_all_of_its_gate(story, kit):
    story.checked()
    story.check(kit.finding(), kit.finding("fail", controls=()))
    assert state(story.decide()).state == "failed"


def test_every_gate_of_a_control_must_pass(story, kit):
    both = kit.plan(
        steps=(kit.step(), kit.step("drift")),
        requirements=(replace(kit.plan().requirements[0], gates=("fairness", "drift")),),
    )
    story.approved(both)
    assert story.decide().allowed
    story.check(kit.finding("fail"), gate="drift")
    assert state(story.decide()).reason == "drift: gap failed"


def test_evidence_about_other_bytes_is_none(story, kit):
    story.trust()
    story.bind()
    story.check(about=kit.OTHER)
    found = state(story.decide())
    assert (found.state, found.reason) == ("missing", "fairness: there is no evidence about these bytes")
    assert found.next == ("aims-gates check --model credit --version 1",) and found.evidence == ()


# Rule 4


def test_an_old_pass_does_not_come_back_when_the_newer_evidence_is_revoked(story, kit):
    story.approved()
    newer = story.check(kit.finding("inconclusive"))
    story.say(Revocation(newer.digest, "wrong data"), "policy")
    assert story.decide().exit == 3
    found = state(story.decide())
    assert (found.state, found.reason) == ("missing", "fairness: its evidence was revoked")


def test_an_old_pass_does_not_come_back_when_the_signer_of_the_newer_is_untrusted(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("ci-2", roles=("ci",)))
    story.bind()
    story.check()
    newer = story.check(kit.finding("fail"), by="ci-2")
    story.say(KeyRevocation(kit.key_of("ci-2").public, "lost", since=newer.position), "policy")
    found = state(story.decide())
    assert (found.state, found.reason) == ("missing", "fairness: the key that signed its evidence was revoked")


def test_a_pass_brought_again_by_its_signer_stays_at_its_old_place(story, kit):
    story.checked()
    story.check(kit.finding("fail"))
    old = story.rows[5]
    story.rows.append(replace(old, position=len(story.rows), at=story.now))
    assert state(story.decide()).state == "failed"
    both = tuple(sorted((*old.signers, kit.key_of("developer").public)))
    story.rows.append(replace(old, position=len(story.rows), at=story.now, signers=both))
    assert state(story.decide()).state == "failed"


@pytest.mark.parametrize("by", ["developer", "risk", "policy", "stranger"])
def test_evidence_needs_a_key_that_may_sign_it(story, by):
    story.trust()
    story.bind()
    story.predict()
    story.check(by=by)
    assert state(story.decide()).state == "missing"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gate_digest": "sha256:" + "0" * 64}, "another version of the gate"),
        ({"params": {"limit": 0.2}}, "other limits or parameters"),
        ({"facts": {"system": "another"}}, "made for the system 'another'"),
        ({"params": {}}, "other limits or parameters"),
        ({"produced_at": "yesterday"}, "no usable time"),
        ({"produced_at": "2026-06-01T12:00:00"}, "no usable time"),
        ({"produced_at": "2026-05-02T11:00:00+00:00"}, "30 days old; it counts for 30"),
        ({"data": {"evaluation": "sha256:" + "0" * 64}}, "another evaluation set"),
    ],
)
def test_evidence_that_no_longer_counts_is_stale(story, changes, said):
    story.checked()
    story.check(**changes)
    found = state(story.decide())
    assert found.state == "stale" and said in found.reason and found.blocks
    assert found.next == ("aims-gates check --model credit --version 1",)


@pytest.mark.parametrize("pin", ["purpose", "specification"])
def test_evidence_made_under_another_purpose_or_specification_is_stale_where_the_step_pins_it(story, kit, pin):
    bound = {f"{pin}_digest": kit.TABLE}
    story.checked(kit.plan(**bound, steps=(kit.step(pins=(pin,)),)))
    for facts in ({}, {pin: kit.OTHER}):
        story.check(facts=facts)
        found = state(story.decide())
        assert (found.state, found.reason) == (
            "stale",
            f"fairness: its evidence was made under another {pin} than the one bound",
        )
    story.check(facts={pin: kit.TABLE})
    assert state(story.decide()).state == "met"


def test_a_finding_holds_to_its_own_last_day_and_is_stale_from_the_next(story, kit):
    story.checked()
    story.check(kit.finding(until="2026-06-03"))
    last = datetime(2026, 6, 3, 23, 59, 59, tzinfo=UTC)
    assert state(story.decide(now=last)).state == "met"
    late = story.decide(now=last + timedelta(seconds=1))
    assert (state(late).state, state(late).reason, late.exit) == ("stale", "fairness: gap held until 2026-06-03", 3)


@pytest.mark.parametrize("until", ["soon", "2026-13-01", ""])
def test_a_last_day_that_is_none_has_passed(story, kit, until):
    story.checked()
    story.check(kit.finding(until=until))
    assert state(story.decide()).state == "stale"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stale": True}, "stale"),
        ({"until": "2026-05-01"}, "stale"),
        ({"until": "2027-05-01"}, "failed"),
        ({"until": "2027-05-01", "stale": True}, "stale"),
    ],
)
def test_a_fail_that_held_once_is_stale_and_one_that_did_not_is_failed(story, kit, changes, expected):
    story.checked()
    story.check(kit.finding("fail", **changes))
    found = state(story.decide())
    assert found.state == expected and found.blocks


def test_an_error_or_a_plain_fail_beside_what_was_overtaken_is_failed(story, kit):
    story.checked()
    overtaken = kit.finding("fail", stale=True)
    assert "was overtaken by a change or an event" in state(_with(story, overtaken)).reason
    assert state(_with(story, overtaken, kit.finding("fail"))).state == "failed"
    assert state(_with(story, overtaken, kit.finding("error", stale=True))).state == "failed"
    assert state(_with(story, kit.finding(None, stale=True), kit.finding())).state == "met"


def _with(story, *findings):
    story.check(*findings)
    return story.decide()


@pytest.mark.parametrize("role", ["evaluation", "reference"])
def test_evidence_about_other_data_than_newer_evidence_is_stale(story, kit, role):
    drift = kit.step("drift", controls=("A.7.4",))
    asked = (*kit.plan().requirements, Requirement("A.7.4", "Quality of data", "it must be good", "block", ("drift",)))
    story.checked(kit.plan(steps=(kit.step(), drift), requirements=asked, evaluation_digest=None))
    old, new = {role: kit.TABLE}, {role: kit.OTHER}
    story.check(data=old)
    story.check(kit.finding(controls=("A.7.4",)), gate="drift", data=new)
    assert state(story.decide()).reason == f"fairness: newer evidence is about other {role} data"
    assert state(story.decide(), "A.7.4").state == "met"
    story.check(data=new)
    assert state(story.decide()).state == "met"


def test_what_a_record_lacks_is_fixed_without_a_new_version(story, kit):
    story.checked()
    record = kit.finding("fail", over={"record": "system/card"}, remedy="Complete card.yaml.")
    check = "aims-gates check --model credit --version"
    assert _with(story, record).actions == ("Complete card.yaml.", f"{check} 1")
    measured = kit.finding("fail", remedy="Train again.")
    fixed = ("Train again.", "register the fixed model as a new version of credit", "Complete card.yaml.")
    assert _with(story, record, measured).actions == (*fixed, f"{check} NEW_VERSION")
    aged = kit.finding("fail", stale=True, over={"record": "system/card"}, remedy="Review card.yaml.")
    assert _with(story, aged).actions == ("Review card.yaml.", f"{check} 1")


def test_a_request_that_leads_nowhere_any_more_is_not_to_be_approved(story, kit):
    story.approved()
    story.bind(kit.plan(approvals=(Approver("risk"), Approver("legal"))))
    waiting = state(story.decide(), "A.3.2")
    assert (waiting.state, waiting.next) == ("awaiting-approval", ("aims-gates request open credit 1 --key YOUR.key",))


def test_what_is_not_there_is_missing_and_blocks_all_the_same(story, kit):
    story.checked()
    record = kit.finding("fail", over={"record": "system/card"}, missing=True, note="no card", remedy="Write it.")
    decision = _with(story, record)
    assert (state(decision).state, state(decision).reason) == ("missing", "fairness: no card")
    assert not decision.allowed and decision.exit == 3 and state(decision).blocks
    assert _with(story, kit.finding("error", missing=True)).controls[0].state == "missing"
    assert _with(story, kit.finding("pass", missing=True)).controls[0].state == "met"
    failing = _with(story, record, kit.finding("fail"))
    assert state(failing).state == "failed" and failing.exit == 2


def test_several_records_that_are_not_there_are_one_action(story, kit):
    story.checked()
    missing = [
        kit.finding("fail", over={"record": f"system/{name}"}, missing=True, remedy=f"Write {name}.", cause="record")
        for name in ("card", "logging", "card")
    ]
    decision = _with(story, *missing)
    check = Action("aims-gates check --model credit --version 1", "record")
    assert decision.steps == (Action("2 records are missing: `aims-gates records new --due`", "record"), check)


def test_actions_are_grouped_by_cause_and_say_whether_a_new_version_is_needed(story, kit):
    story.checked()
    causes = ("people", "record", "data", "training-data", "model")
    decision = _with(story, *(kit.finding("fail", cause=cause, remedy=f"Fix the {cause}.") for cause in causes))
    assert [(step.text, step.cause, step.new_version) for step in decision.steps] == [
        ("Fix the model.", "model", True),
        ("Fix the training-data.", "training-data", True),
        ("register the fixed model as a new version of credit", "model", True),
        ("Fix the data.", "data", False),
        ("Fix the record.", "record", False),
        ("Fix the people.", "people", False),
        ("aims-gates check --model credit --version NEW_VERSION", "model", True),
    ]
    same = _with(story, *(kit.finding("fail", cause=cause, remedy=f"Fix the {cause}.") for cause in causes[:3]))
    assert not any(step.new_version for step in same.steps)
    assert same.actions[-1] == "aims-gates check --model credit --version 1"


def test_any_gate_digest_that_the_plan_accepts_will_do(story, kit):
    newer = "sha256:" + "1" * 64
    story.approved(kit.plan(steps=(kit.step(digests=(newer, kit.GATE)),)))
    assert story.decide().allowed


def test_evidence_counts_to_the_last_moment_of_its_life_and_no_longer(story):
    row = story.checked().rows[5]
    assert state(story.decide(now=row.at + timedelta(days=30))).state == "met"
    late = story.decide(now=row.at + timedelta(days=30, microseconds=1))
    assert state(late).state == "stale" and late.exit == 3


def test_the_age_is_that_of_the_older_of_two_times(story):
    row = story.checked().rows[5]
    later = row.at + timedelta(days=1)
    assert age_days(row, (row.at - timedelta(days=2)).isoformat(), later) == 3
    assert age_days(row, (row.at + timedelta(days=9)).isoformat(), later) == 1
    assert age_days(row, row.at.isoformat(), row.at) == 0
    assert age_days(row, row.at.isoformat(), row.at - timedelta(seconds=1)) is None


def test_a_clock_behind_the_ledger_makes_evidence_stale(story):
    row = story.checked().rows[5]
    assert state(story.decide(now=row.at - timedelta(seconds=1))).state == "stale"


def test_evidence_on_no_evaluation_set_is_not_bound_to_one(story):
    story.checked()
    story.check(data={})
    assert state(story.decide()).state == "met"


@pytest.mark.parametrize(
    ("evidence", "prediction"),
    [
        ({"predictions": None}, {}),
        ({"predictions": "sha256:" + "0" * 64}, {}),
        ({"data": {}}, {}),
        ({}, {"output": "sha256:" + "0" * 64}),
        ({}, {"data": "sha256:" + "0" * 64}),
        ({}, {"about": "sha256:" + "0" * 64}),
        ({}, {"by": "risk"}),
        ({}, None),
    ],
)
def test_where_predictions_must_be_signed_other_evidence_is_advisory(story, kit, evidence, prediction):
    story.trust()
    story.bind(kit.plan(steps=(kit.step(trusted_predictions=True),)))
    if prediction is not None:
        story.predict(**prediction)
    story.check(**evidence)
    found = state(story.decide())
    assert found.state == "missing" and "advisory" in found.reason


def test_signed_predictions_on_the_fixed_set_make_evidence_count(story, kit):
    story.approved(kit.plan(steps=(kit.step(trusted_predictions=True),)))
    assert story.decide().allowed


def test_without_a_fixed_set_no_predictions_are_trusted(story, kit):
    story.checked(kit.plan(steps=(kit.step(trusted_predictions=True),), evaluation_digest=None))
    assert "advisory" in state(story.decide()).reason


@pytest.mark.parametrize("how", ["revoked", "untrusted"])
def test_predictions_that_no_longer_count_carry_nothing(story, kit, how):
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("ci-2", roles=("ci",)))
    story.bind(kit.plan(steps=(kit.step(trusted_predictions=True),)))
    table = story.predict(by="ci-2")
    story.check()
    assert state(story.decide()).state == "met"
    if how == "revoked":
        story.say(Revocation(table.digest, "wrong rows"), "policy")
    else:
        story.say(KeyRevocation(kit.key_of("ci-2").public, "lost", since=0), "policy")
    assert "advisory" in state(story.decide()).reason


@pytest.mark.parametrize(
    ("least", "was", "met"),
    [
        ("", "", True),
        ("container", "", False),
        ("container", "none", False),
        ("container", "vault", False),
        ("container", "job", True),
        ("container", "bwrap", True),
        ("bwrap", "container", False),
        ("bwrap", "bwrap", True),
        ("vault", "bwrap", False),
    ],
)
def test_predictions_count_only_in_the_isolation_that_the_plan_asks_for(story, kit, least, was, met):
    """Rule 14, for the table that evidence cites and for one that was made beside it."""
    story.trust()
    story.bind(kit.plan(steps=(tables_step(kit),), isolation=least))
    story.predict(isolation=was, tables={"perturbed": PERTURBED})
    story.check(data={"evaluation": kit.TABLE, "perturbed": PERTURBED})
    found = state(story.decide())
    assert found.state == ("met" if met else "missing")
    assert met or f"were not made in isolation, and your profile requires at least {least}" in found.reason
    story.predict(isolation="bwrap")
    story.check(data={"evaluation": kit.TABLE, "perturbed": PERTURBED})
    assert (state(story.decide()).state == "met") is met
    assert (
        met
        or least == "vault"
        or f"and your profile requires at least {least} name its" in state(story.decide()).reason
    )


def test_a_plan_and_predictions_that_name_no_isolation_keep_their_bytes(kit):
    assert "isolation" not in plain(kit.plan()) and plain(kit.plan(isolation="bwrap"))["isolation"] == "bwrap"
    said = Predictions(kit.TABLE, kit.OUTPUT, 1, "2026-01-01T00:00:00+00:00")
    subject = Subject("model", kit.BYTES)
    assert not {"isolation", "verified"} & set(say(said, subject).predicate)
    assert say(replace(said, isolation="job", verified=("no network",)), subject).predicate["isolation"] == "job"


PERTURBED = "sha256:" + "5" * 64
OTHER_TABLE = "sha256:" + "6" * 64


def tables_step(kit):
    return kit.step(trusted_predictions=True, tables=("perturbed",))


@pytest.mark.parametrize("apart", [False, True])
def test_evidence_on_a_table_that_signed_predictions_name_counts(story, kit, apart):
    """They may be those that the evidence cites, or others by the same bytes on the same set."""
    story.trust()
    story.bind(kit.plan(steps=(tables_step(kit),)))
    story.predict(tables={} if apart else {"perturbed": PERTURBED})
    if apart:
        story.predict(output=OTHER_TABLE, tables={"perturbed": PERTURBED})
    story.check(data={"evaluation": kit.TABLE, "perturbed": PERTURBED})
    assert state(story.decide()).state == "met"


@pytest.mark.parametrize(
    "prediction",
    [
        {"tables": {}},
        {"tables": {"perturbed": OTHER_TABLE}},
        {"tables": {"attacks": PERTURBED}},
        {"data": OTHER_TABLE},
        {"about": OTHER_TABLE},
        {"by": "risk"},
    ],
)
def test_evidence_on_a_table_that_no_signed_predictions_name_is_advisory(story, kit, prediction):
    story.trust()
    story.bind(kit.plan(steps=(tables_step(kit),)))
    story.predict()
    story.predict(**{"tables": {"perturbed": PERTURBED}, **prediction})
    story.check(data={"evaluation": kit.TABLE, "perturbed": PERTURBED})
    found = state(story.decide())
    assert found.state == "missing" and "name its perturbed data" in found.reason


def test_a_table_is_no_longer_named_by_predictions_that_were_revoked(story, kit):
    story.trust()
    story.bind(kit.plan(steps=(tables_step(kit),)))
    story.predict()
    named = story.predict(output=OTHER_TABLE, tables={"perturbed": PERTURBED})
    story.check(data={"evaluation": kit.TABLE, "perturbed": PERTURBED})
    assert state(story.decide()).state == "met"
    story.say(Revocation(named.digest, "wrong rows"), "policy")
    assert state(story.decide()).state == "missing"


def test_without_a_fixed_set_no_table_is_named(story, kit):
    step = kit.step(tables=("attacks",))
    story.trust()
    story.bind(kit.plan(steps=(step,), evaluation_digest=None))
    story.predict(tables={"attacks": PERTURBED})
    story.check(data={"attacks": PERTURBED})
    assert "name its attacks data" in state(story.decide()).reason


def test_a_gate_that_reads_the_others_must_be_newer_than_they_are(story, kit):
    card = replace(kit.plan().requirements[0], control="A.8.2", gates=("model_card",))
    made = kit.plan(
        steps=(kit.step(), kit.step("model_card", last=True)), requirements=(kit.plan().requirements[0], card)
    )
    story.checked(made)
    story.check(kit.finding(controls=("A.8.2",)), gate="model_card")
    assert state(story.decide(), "A.8.2").state == "met"
    story.check()
    found = state(story.decide(), "A.8.2")
    assert (found.state, found.reason) == ("stale", "model_card: other evidence is newer than it")
    assert found.evidence[0]["standing"] == "stale"


def test_a_gate_that_reads_the_others_may_stand_alone(story, kit):
    story.checked(kit.plan(steps=(kit.step(last=True),)))
    assert state(story.decide()).state == "met"


# Rule 5


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("fail", "missing", "failed"),
        ("missing", "stale", "missing"),
        ("stale", "inconclusive", "stale"),
        ("inconclusive", "pass", "inconclusive"),
    ],
)
def test_the_worst_gate_gives_the_state(story, kit, first, second, expected):
    requirement = replace(kit.plan().requirements[0], gates=("one", "two"))
    story.trust()
    story.bind(kit.plan(steps=(kit.step("two"), kit.step("one")), requirements=(requirement,)))
    story.register()
    for gate, how in (("one", first), ("two", second)):
        if how == "stale":
            story.check(gate=gate, params={})
        elif how != "missing":
            story.check(kit.finding(how), gate=gate)
    assert state(story.decide()).state == expected


def test_a_control_whose_gates_do_not_apply_is_not_applicable_with_the_fact(story, kit):
    away = kit.step(applies=False, reason="affects_people is false")
    story.approved(kit.plan(steps=(away,)))
    found = state(story.decide())
    assert (found.state, found.reason, found.blocks) == ("not-applicable", "affects_people is false", False)
    assert story.decide().allowed


def test_a_gate_that_does_not_apply_leaves_the_others_due(story, kit):
    steps = (kit.step("drift", applies=False, reason="no reference"), kit.step())
    story.trust()
    story.bind(kit.plan(steps=steps, requirements=(replace(kit.plan().requirements[0], gates=("fairness", "drift")),)))
    assert state(story.decide()).state == "missing"


def test_a_control_that_no_gate_evidences_is_missing(story, kit):
    story.checked(kit.plan(requirements=(Requirement("A.9.9", "title", "why", "block", ()),)))
    found = state(story.decide(), "A.9.9")
    assert (found.state, found.reason, found.blocks) == ("missing", "no gate evidences it", True)


def test_a_gate_that_the_plan_names_and_does_not_define_is_missing(story, kit):
    requirement = replace(kit.plan().requirements[0], gates=("fairness", "drift"))
    story.checked(kit.plan(requirements=(requirement,)))
    found = state(story.decide())
    assert (found.state, found.reason) == ("missing", "the plan does not say how drift is to run")


def test_a_waiver_in_role_lets_a_failed_control_through(kit):
    decision = waived(kit).decide()
    found = state(decision)
    assert decision.allowed and found.state == "waived" and not found.blocks
    assert found.reason == "waived until 2026-07-01: late data"
    assert decision.exit == 0 and found.next == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "compliance"},
        {"digest": "sha256:" + "0" * 64},
        {"system": "another"},
        {"control": "A.7.4"},
        {"days": 91},
        {"expires": "soon"},
        {"expires": "20260630"},
    ],
)
def test_a_waiver_out_of_role_cap_or_place_is_none(kit, changes):
    decision = waived(kit, **changes).decide()
    assert not decision.allowed and state(decision).state == "failed" and decision.exit == 2


def test_a_waiver_signed_out_of_its_role_is_none(story, kit):
    story.checked()
    story.check(kit.finding("fail"))
    end = (story.now + timedelta(days=9)).date().isoformat()
    said = Waiver("credit", kit.BYTES, CONTROL, "risk", "reason", "risk", "control", end)
    story.say(said, "compliance")
    assert state(story.decide()).state == "failed"


def test_a_waiver_lives_to_its_cap_and_ends_with_its_day(kit):
    story = waived(kit, days=90)
    end = datetime(2026, 8, 30, 23, 59, 59, tzinfo=UTC)
    assert state(story.decide(now=end)).state == "waived"
    after = story.decide(now=end + timedelta(seconds=1))
    assert state(after).state == "stale" and after.exit == 6
    assert state(after).reason.endswith("; its waiver ended on 2026-08-30")


def test_a_waiver_counts_days_in_utc(kit):
    story = waived(kit, days=0)
    east = timezone(timedelta(hours=13))
    assert state(story.decide(now=datetime(2026, 6, 2, 12, tzinfo=east))).state == "waived"
    assert state(story.decide(now=datetime(2026, 6, 2, 13, tzinfo=east))).state == "failed"


def test_an_ended_waiver_beside_a_failed_control_is_still_a_failed_control(kit):
    story = waived(kit, days=1)
    decision = story.decide(now=story.now + timedelta(days=3))
    assert decision.exit == 2 and "its waiver ended on" in state(decision).reason


def test_an_ended_waiver_does_not_hide_one_that_stands(kit):
    story = waived(kit, days=30)
    waiver(kit, story, days=1)
    decision = story.decide(now=story.now + timedelta(days=3))
    assert decision.allowed and state(decision).state == "waived"


def test_a_waiver_of_a_met_control_changes_nothing(story, kit):
    story.approved()
    waiver(kit, story, days=1)
    assert state(story.decide()).state == "met"
    assert state(story.decide(now=story.now + timedelta(days=3))).reason == f"fairness: evidence criteria met{WITHOUT}"


def test_a_waiver_from_the_future_does_not_stand_yet(kit):
    story = waived(kit)
    row = next(row for row in story.rows if "waiver" in row.type)
    assert state(story.decide(now=row.at)).state == "waived"
    assert state(story.decide(now=row.at - timedelta(seconds=1))).state == "failed"


def test_a_revoked_waiver_is_none(kit):
    story = waived(kit)
    row = next(row for row in story.rows if "waiver" in row.type)
    story.say(Revocation(row.digest, "no longer small"), "compliance")
    assert state(story.decide()).state == "waived", "neither its signer nor of the role that accepted the risk"
    story.say(Revocation(row.digest, "no longer small, I see"), "risk")
    assert state(story.decide()).state == "failed"


@pytest.mark.parametrize("hand", ["developer", "Developer ", "DEVELOPER-owner@example.org"])
def test_a_waiver_by_one_who_had_a_hand_in_the_version_is_none(story, kit, hand):
    story.trust(*map(kit.trusted, kit.ROLES[3:]), kit.trusted("policy"), kit.trusted("ci"),
                kit.trusted("developer", roles=("developer", "risk")))  # fmt: skip
    story.bind()
    story.register(actor=hand)
    story.check(kit.finding("fail"), facts={})
    said = Waiver("credit", kit.BYTES, CONTROL, "risk", "reason", "risk", "control", "2026-06-20")
    story.say(said, "developer")
    assert state(story.decide()).state == "failed"
    waiver(kit, story)
    assert state(story.decide()).state == "waived"
    story.say(replace(said, reason="again"), "developer")
    assert state(story.decide()).state == "waived"


def test_a_waiver_cannot_stand_in_for_approvals(story, kit):
    story.checked()
    story.request()
    waiver(kit, story, control="A.3.2")
    decision = story.decide()
    assert state(decision, "A.3.2").state == "awaiting-approval" and not decision.allowed


# Rule 6


def test_only_block_stops(story, kit):
    base = kit.plan().requirements
    story.approved(kit.plan(requirements=(replace(base[0], enforcement="warn"), base[1])))
    newer = story.check(kit.finding("fail"))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    found = state(decision)
    assert newer and decision.allowed and found.state == "failed" and not found.blocks and decision.exit == 0


@pytest.mark.parametrize(
    ("tier", "blocks", "allowed"), [("limited", True, False), ("limited", False, True), ("high", False, False)]
)
def test_inconclusive_blocks_where_the_plan_says_so_and_always_at_high(story, kit, tier, blocks, allowed):
    story.checked(kit.plan(tier=tier, inconclusive_blocks=blocks))
    story.check(kit.finding("inconclusive"))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    assert decision.allowed is allowed and state(decision).blocks is not allowed
    assert decision.exit == (0 if allowed else 3)


@pytest.mark.parametrize(
    ("outcome", "note", "allowed"),
    [
        ("inconclusive", "fails alone, but not beside the values judged with it", False),
        ("inconclusive", "the interval reaches over the limit", True),
        ("inconclusive", None, True),
        ("pass", "fails alone", True),
    ],
)
def test_what_fails_alone_blocks_where_inconclusive_is_only_shown(story, kit, outcome, note, allowed):
    story.checked(kit.plan(tier="limited", inconclusive_blocks=False))
    story.check(replace(kit.finding(outcome), note=note))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    assert decision.allowed is allowed
    assert (state(decision).state == "failed") is not allowed


def test_missing_blocks_also_where_inconclusive_does_not(story, kit):
    story.trust()
    story.bind(kit.plan(inconclusive_blocks=False))
    assert state(story.decide()).blocks


# Rule 7


def test_without_a_request_it_awaits_one(story):
    decision = story.checked().decide()
    assert not decision.allowed and decision.exit == 4
    assert decision.problems == ("no request is open for this version",)
    assert decision.actions == ("aims-gates request open credit 1 --key YOUR.key",)
    found = state(decision, "A.3.2")
    assert (found.state, found.reason, found.blocks) == ("awaiting-approval", "approvals are outstanding", True)
    assert found.next == decision.actions
    assert decision.approvals["missing"] == decision.approvals["needed"] and decision.approvals["given"] == []


def test_with_a_request_it_awaits_the_approvers(story):
    asked = story.checked() and story.request()
    story.approve("risk")
    decision = story.decide()
    short = asked.digest[7:19]
    assert decision.exit == 4 and decision.problems == ()
    assert decision.approvals["missing"] == [{"role": "compliance", "count": 1}]
    assert decision.actions == (f"aims-gates approve {short} --role compliance --key COMPLIANCE.key",)
    assert state(decision, "A.3.2").next == decision.actions


def test_every_open_slot_is_an_action_of_its_own(story, kit):
    story.checked(kit.plan(approvals=(Approver("risk", 2),)))
    asked = story.request()
    assert (
        state(story.decide(), "A.3.2").next
        == (f"aims-gates approve {asked.digest[7:19]} --role risk --key RISK.key",) * 2
    )


def test_a_plan_without_approvals_needs_only_a_request(story, kit):
    story.checked(kit.plan(approvals=(), requirements=kit.plan().requirements[:1]))
    assert story.decide().exit == 4
    story.request()
    assert story.decide().allowed


def test_separation_of_duties_without_approvals_has_nothing_to_show(story, kit):
    story.checked(kit.plan(approvals=()))
    assert state(story.decide(), "A.3.2").reason == "no gate evidences it"


def test_approvals_are_missing_even_where_no_control_speaks_of_them(story, kit):
    story.checked(kit.plan(requirements=kit.plan().requirements[:1]))
    story.request()
    decision = story.decide()
    assert not decision.allowed and decision.exit == 4


def asked_of_two(story, kit, second):
    """A request under a plan that asks two people of one role to approve; ``second`` is on the list beside ``risk``."""
    story.trust(*map(kit.trusted, kit.ROLES), second)
    story.bind(kit.plan(approvals=(Approver("risk", 2),)))
    story.register()
    story.check()
    return story.request()


@pytest.mark.parametrize("times", [1, 2])
def test_n_of_m_in_a_role_are_that_many_people(story, kit, times):
    asked_of_two(story, kit, kit.trusted("risk-2", roles=("risk",)))
    story.approve("risk")
    story.approve("risk")
    if times == 2:
        story.approve("risk", by="risk-2")
    assert story.decide().allowed is (times == 2)
    assert story.decide().approvals["missing"] == ([] if times == 2 else [{"role": "risk", "count": 1}])


def test_two_keys_of_one_person_are_one_person(story, kit):
    entry = kit.trusted("risk-2", roles=("risk",), person=kit.person("risk"))
    asked_of_two(story, kit, entry)
    story.approve("risk")
    story.approve("risk", by="risk-2")
    assert not story.decide().allowed


def test_a_person_with_two_roles_fills_one_slot(story, kit):
    story.trust(kit.trusted("policy"), kit.trusted("ci"), kit.trusted("developer"),
                kit.trusted("risk", roles=("risk", "compliance")), kit.trusted("compliance"))  # fmt: skip
    story.bind()
    story.register()
    story.check()
    story.request()
    story.approve("risk")
    story.approve("compliance", by="risk")
    assert story.decide().approvals["missing"] == [{"role": "compliance", "count": 1}]
    story.approve("compliance")
    assert story.decide().allowed


def test_slots_are_filled_so_that_as_many_as_can_be_are(story, kit):
    flexible = ("risk", "compliance", "legal")
    story.trust(*map(kit.trusted, ("policy", "ci", "developer")), kit.trusted("a", roles=flexible),
                kit.trusted("b", roles=flexible), kit.trusted("c", roles=("risk",)))  # fmt: skip
    story.bind(kit.plan(approvals=(Approver("risk"), Approver("compliance"), Approver("legal"))))
    story.register()
    story.check()
    story.request()
    story.approve("risk", by="a")
    story.approve("legal", by="a")
    story.approve("risk", by="b")
    story.approve("compliance", by="b")
    assert story.decide().approvals["missing"] == [{"role": "legal", "count": 1}]
    story.approve("risk", by="c")
    assert story.decide().allowed


def test_co_signing_an_approval_in_a_role_one_does_not_hold_fills_nothing(story, kit):
    story.checked(kit.plan(approvals=(Approver("risk", 2),)))
    asked = story.request()
    story.say(Approval(asked.digest, "risk"), "risk", "compliance", "developer")
    decision = story.decide()
    assert [each["person"] for each in decision.approvals["given"]] == [kit.person("risk")]
    assert not decision.allowed


def test_one_approval_may_be_signed_by_two_people_of_the_role(story, kit):
    asked = asked_of_two(story, kit, kit.trusted("risk-2", roles=("risk",)))
    story.say(Approval(asked.digest, "risk"), "risk", "risk-2")
    assert story.decide().allowed


def test_an_approval_in_a_role_that_nobody_needs_fills_nothing(story):
    story.checked()
    story.request()
    story.approve("risk")
    story.approve("legal", by="compliance")
    assert not story.decide().allowed


def test_a_service_account_is_nobody(story, kit):
    story.trust(kit.trusted("policy"), kit.trusted("ci"), kit.trusted("developer"), kit.trusted("compliance"),
                kit.trusted("risk", service=True))  # fmt: skip
    story.bind()
    story.register()
    story.check()
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().approvals["missing"] == [{"role": "risk", "count": 1}]


@pytest.mark.parametrize(
    ("hand", "facts", "actor", "asks"),
    [
        ("requester", {}, "developer", "risk"),
        ("registrar", {}, "RISK-owner@example.org", "developer"),
        ("registrar by login", {}, "rLogin", "developer"),
        ("run creator", {"run_creator": "rlogin"}, "developer", "developer"),
        ("commit author", {"commit_author": "risk-owner@example.org "}, "developer", "developer"),
        ("one of several authors", {"commit_author": ["someone", "rlogin"]}, "developer", "developer"),
    ],
)
def test_who_had_a_hand_in_it_does_not_approve_it(story, kit, hand, facts, actor, asks):
    story.trust(kit.trusted("policy"), kit.trusted("ci"), kit.trusted("developer"), kit.trusted("compliance"),
                kit.trusted("risk", logins=("rlogin",)), kit.trusted("risk-2", roles=("risk",)))  # fmt: skip
    story.bind()
    story.register(actor=actor)
    story.check(facts=facts)
    story.request(by=asks)
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    assert not decision.allowed, hand
    [refused] = decision.approvals["refused"]
    assert refused["person"] == kit.person("risk")
    assert refused["reason"] == "had a hand in this version or its request"
    assert refused["statement"] == story.rows[-2].digest and refused["at"] == "2026-06-01T12:05:00+00:00"
    story.approve("risk", by="risk-2")
    assert story.decide().allowed


def test_a_hand_in_it_is_remembered_when_newer_evidence_does_not_tell(story, kit):
    story.checked()
    story.check(facts={"run_creator": "risk"})
    story.check(facts={})
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert not story.decide().allowed


def test_a_hand_in_the_predictions_or_in_a_gate_nobody_asked_for_counts_too(story, kit):
    story.checked()
    story.predict(facts={"run_creator": "risk"})
    story.check(gate="unasked", facts={"run_creator": "compliance"})
    story.check(about=kit.OTHER, facts={"commit_author": "somebody"})
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert len(story.decide().approvals["refused"]) == 2


def test_a_login_is_remembered_when_the_person_left_the_list(story, kit):
    story.checked()
    story.check(facts={"run_creator": "rlogin"})
    story.trust(*map(kit.trusted, ("policy", "ci", "developer", "compliance")),
                kit.trusted("risk", logins=("rlogin",)), version=2)  # fmt: skip
    story.request()
    story.approve("risk")
    story.approve("compliance")
    story.trust(*map(kit.trusted, ("policy", "ci", "developer", "compliance")), version=3)
    assert not story.decide().allowed


@pytest.mark.parametrize("outcome", ["pass", "inconclusive"])
def test_a_re_run_that_gives_the_same_voids_nothing(story, kit, outcome):
    story.checked(kit.plan(inconclusive_blocks=False))
    story.check(kit.finding(outcome))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    story.check(kit.finding(outcome, value=0.08))
    assert story.decide().allowed
    story.check(kit.finding("pass"))
    assert story.decide().allowed


def test_a_re_run_on_other_inputs_voids_the_approvals(story, kit):
    story.approved()
    story.check(data={"evaluation": kit.TABLE, "reference": kit.OTHER})
    decision = story.decide()
    assert not decision.allowed and decision.exit == 4 and decision.approvals["given"] == []
    assert {each["reason"] for each in decision.approvals["refused"]} == {
        "the inputs of fairness changed since the request was opened"
    }
    assert decision.actions == ("aims-gates request open credit 1 --key YOUR.key",)


def approved_without_drift(story, kit, *requirements, steps):
    """Approved, and allowed, while the gate ``drift``, which a note asks for, has not run."""
    noted = Requirement("A.7.4", "title", "why", "note", ("drift",))
    story.trust()
    story.bind(kit.plan(steps=steps, requirements=(*requirements, noted)))
    story.register()
    story.check()
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().allowed


def test_a_gate_that_has_run_only_since_voids_the_approvals(story, kit):
    approved_without_drift(story, kit, *kit.plan().requirements, steps=(kit.step(), kit.step("drift")))
    story.check(gate="drift")
    assert not story.decide().allowed


def test_a_gate_that_has_not_run_hides_no_other_that_got_worse(story, kit):
    first, second = kit.plan().requirements
    warning = replace(first, enforcement="warn")
    approved_without_drift(story, kit, warning, second, steps=(kit.step("drift"), kit.step()))
    story.check(kit.finding("fail"))
    assert not story.decide().allowed


@pytest.mark.parametrize("afterwards", ["", "revoked", "old", "untrusted"])
def test_an_outcome_that_got_worse_voids_the_approvals_whatever_becomes_of_it(story, kit, afterwards):
    base = kit.plan().requirements
    story.approved(kit.plan(requirements=(replace(base[0], enforcement="warn"), base[1])))
    worse = story.check(kit.finding("fail"))
    if afterwards == "revoked":
        story.say(Revocation(worse.digest, "reason"), "policy")
    if afterwards == "untrusted":
        story.say(KeyRevocation(kit.key_of("ci").public, "lost", since=0), "policy")
    decision = story.decide(now=story.now + timedelta(days=40 if afterwards == "old" else 0))
    assert not decision.allowed
    assert decision.approvals["refused"][0]["reason"] == "fairness got worse for A.6.2.4 since the request was opened"


def test_a_new_control_in_a_finding_is_compared_with_a_pass(story, kit):
    base = kit.plan().requirements
    story.approved(kit.plan(requirements=(*base, Requirement("A.7.4", "t", "w", "note", ("fairness",)))))
    story.check(kit.finding(), kit.finding("pass", controls=("A.7.4",)))
    assert story.decide().allowed
    story.check(kit.finding(), kit.finding("inconclusive", controls=("A.7.4",)))
    assert story.decide().approvals["refused"][0]["reason"].startswith("fairness got worse for A.7.4")


@pytest.mark.parametrize("worse", ["fail", "error"])
def test_an_error_is_as_bad_as_a_fail(story, kit, worse):
    base = kit.plan().requirements
    story.checked(kit.plan(requirements=(replace(base[0], enforcement="warn"), base[1])))
    story.check(kit.finding("inconclusive"))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().allowed
    story.check(kit.finding(worse))
    assert not story.decide().allowed


def test_an_error_is_no_worse_than_a_fail(kit):
    story = waived(kit)
    story.check(kit.finding("error"))
    assert story.decide().allowed
    story.request()
    story.approve("risk")
    story.approve("compliance")
    story.check(kit.finding("fail"))
    assert story.decide().allowed


def test_a_request_that_misstates_its_evidence_gathers_no_approvals(story, kit):
    story.checked()
    story.check(kit.finding("inconclusive"))
    [truth] = frozen([story.ledger().count(kit.plan(), kit.step(), kit.BYTES, story.now)])
    assert truth.outcomes == {CONTROL: "inconclusive"} and truth.inputs == {"evaluation": kit.TABLE}
    lie = replace(truth, outcomes={CONTROL: "error"})
    story.request(evidence=(lie,))
    story.approve("risk")
    decision = story.decide()
    assert decision.approvals["refused"][0]["reason"] == "the request says of fairness what the ledger does not"
    story.request(evidence=(replace(truth, statement=digest("no such statement")),))
    story.approve("risk")
    assert story.decide().approvals["refused"]


def test_frozen_leaves_out_what_is_missing(story, kit):
    story.trust()
    assert frozen([story.ledger().count(kit.plan(), kit.step(), kit.BYTES, story.now)]) == ()


def test_the_worst_outcome_is_frozen(story, kit):
    story.checked()
    [made] = frozen([story.ledger().count(kit.plan(), kit.step(), kit.BYTES, story.now)])
    assert (made.gate, made.statement, made.outcomes) == ("fairness", story.rows[5].digest, {CONTROL: "pass"})
    story.check(kit.finding("fail"), kit.finding("pass"), kit.finding(None), kit.finding("inconclusive", controls=()))
    [made] = frozen([story.ledger().count(kit.plan(), kit.step(), kit.BYTES, story.now)])
    assert made.outcomes == {CONTROL: "fail"}


@pytest.mark.parametrize(("days", "allowed"), [(90, True), (91, False)])
def test_an_approval_lives_as_long_as_the_plan_says(story, kit, days, allowed):
    story.approved(kit.plan(steps=(kit.step(expires_days=900),)))
    first = story.rows[-2].at
    assert story.decide(now=first + timedelta(days=days)).allowed is allowed
    assert not story.decide(now=first + timedelta(days=90, microseconds=1)).allowed
    assert not story.decide(now=first - timedelta(seconds=1)).allowed


def test_an_approval_counts_from_its_own_moment_on(story):
    story.approved()
    assert story.decide(now=story.rows[-1].at).allowed
    assert not story.decide(now=story.rows[-1].at - timedelta(microseconds=1)).allowed


def test_an_age_is_shown_with_two_decimals(story):
    row = story.checked().rows[5]
    [shown] = state(story.decide(now=row.at + timedelta(hours=30))).evidence
    assert shown["age_days"] == 1.25
    [shown] = state(story.decide(now=row.at - timedelta(hours=1))).evidence
    assert shown["age_days"] is None


def test_an_approval_before_its_request_is_none(story):
    story.approved()
    asked, approved = story.rows[6], story.rows[7]
    story.rows[6], story.rows[7] = replace(approved, position=6), replace(asked, position=7)
    assert not story.decide().allowed


def test_an_approval_of_another_request_is_none(story):
    story.approved()
    story.request(reason="once more")
    assert not story.decide().allowed


def test_a_revoked_approval_is_none(story):
    story.approved()
    story.say(Revocation(story.rows[-1].digest, "a mistake"), "compliance")
    assert not story.decide().allowed


@pytest.mark.parametrize("since", [None, 0])
def test_a_revoked_key_counts_until_its_revocation_or_from_the_place_it_names(story, kit, since):
    story.approved()
    story.say(KeyRevocation(kit.key_of("risk").public, "lost", since), "policy")
    assert story.decide().allowed is (since is None)
    story.request()
    story.approve("compliance")
    story.approve("risk")
    assert not story.decide().allowed


def test_a_rejection_ends_the_request(story, kit):
    asked = story.approved().rows[6]
    no = story.say(Rejection(asked.digest, "compliance", "too few rows"), "compliance")
    decision = story.decide()
    assert not decision.allowed and decision.exit == 2
    assert decision.problems == ("compliance-owner@example.org rejected the request: too few rows",)
    assert decision.actions == ("aims-gates request open credit 1 --key YOUR.key",)
    story.say(Revocation(no.digest, "changed my mind"), "risk")
    story.say(KeyRevocation(kit.key_of("compliance").public, "lost", since=0), "policy")
    assert story.decide().exit == 2


@pytest.mark.parametrize(("role", "by"), [("compliance", "risk"), ("risk", "developer"), ("ci", "ci")])
def test_a_rejection_out_of_role_is_none(story, role, by):
    asked = story.approved().rows[6]
    story.say(Rejection(asked.digest, role, "no"), by)
    assert story.decide().allowed


def test_a_rejection_of_another_request_is_none(story):
    story.approved()
    story.say(Rejection("sha256:" + "0" * 64, "risk", "no"), "risk")
    assert story.decide().allowed


@pytest.mark.parametrize("how", ["withdrawn", "revoked", "untrusted"])
def test_a_request_taken_back_is_none(story, kit, how):
    asked = story.approved().rows[6]
    if how == "withdrawn":
        story.say(Withdrawal(asked.digest, "never mind"), "developer")
    elif how == "revoked":
        story.say(Revocation(asked.digest, "never mind"), "policy")
    else:
        story.say(KeyRevocation(kit.key_of("developer").public, "lost", since=0), "policy")
    decision = story.decide()
    assert not decision.allowed and decision.request is None and decision.exit == 4


# Rule 8


def test_a_version_without_a_registrar_is_refused_in_every_mode(story):
    story.trust()
    story.bind(modes=(Scheduled("observe", "2026-01-01"),))
    story.check()
    decision = story.decide()
    assert decision.mode == "observe" and not decision.allowed
    assert "there is no record of who registered this version" in decision.problems
    assert decision.actions[0] == "aims-gates adopt credit 1 --key YOUR.key"


@pytest.mark.parametrize("version", ["01", "+1", " 1", "１", "1.0", "2"])
def test_a_version_spelled_differently_is_another_version(story, version):
    decision = story.approved().decide(version=version)
    assert not decision.allowed and decision.exit == 3


def test_a_halt_ends_what_was_requested_before(story):
    story.approved(modes=(Scheduled("observe", "2026-01-01"),))
    story.say(Halt("default", "credit", "complaints"), "on-call")
    decision = story.decide()
    assert not decision.allowed and decision.exit == 2 and decision.request is None
    assert "this model was halted; promotion needs a request opened after the halt" in decision.problems
    story.request()
    assert story.decide().allowed


def test_a_halt_stays_when_its_signer_is_untrusted(story, kit):
    story.approved()
    story.say(Halt("default", "credit", "complaints"), "on-call")
    story.say(KeyRevocation(kit.key_of("on-call").public, "lost", since=0), "policy")
    assert not story.decide().allowed


def test_a_version_registered_after_the_halt_needs_a_request_like_any_other(story, kit):
    story.approved()
    story.say(Halt("default", "credit", "complaints"), "on-call")
    story.register("2")
    assert story.decide(version="2").problems == ("no request is open for this version",)


def test_a_model_deleted_and_made_again_starts_anew(story):
    story.approved()
    story.create()
    decision = story.decide()
    assert not decision.allowed
    assert "there is no record of who registered this version" in decision.problems
    assert "no request is open for this version" in decision.problems
    story.register()
    assert not story.decide().allowed
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().allowed


def test_the_registrar_of_a_model_made_again_is_the_one_who_has_a_hand_in_it(story):
    story.approved()
    story.create()
    story.register(actor="compliance")
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().approvals["missing"] == [{"role": "compliance", "count": 1}]


# Rule 9


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_observe_and_warn_let_an_unmet_control_through_and_say_so(story, kit, mode):
    story.checked(modes=(Scheduled(mode, "2026-01-01"),))
    story.check(kit.finding("fail"))
    decision = story.decide()
    assert decision.allowed and not decision.criteria_met and decision.mode == mode
    assert decision.exit == 2 and state(decision).blocks


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ((), "enforce"),
        ((("observe", "2026-06-02"),), "enforce"),
        ((("observe", "2026-06-01"),), "observe"),
        ((("observe", "2026-01-01"), ("warn", "2026-05-01"), ("enforce", "2026-07-01")), "warn"),
        ((("enforce", "2026-06-01"), ("warn", "2026-05-01"), ("observe", "2026-01-01")), "enforce"),
        ((("observe", "2026-05-01"), ("warn", "2026-05-01")), "warn"),
        ((("enforce", "2026-05-01"), ("warn", "2026-05-01")), "enforce"),
        ((("observe", "2026-05-01"), ("warn", "soon")), "enforce"),
        ((("observe", "2026-5-1"),), "enforce"),
    ],
)
def test_the_mode_is_the_last_that_has_begun_and_enforce_in_doubt(story, modes, expected):
    story.checked(modes=tuple(Scheduled(*each) for each in modes))
    assert story.decide().mode == expected


def test_a_mode_begins_with_its_day_in_utc(story):
    story.checked(modes=(Scheduled("observe", "2026-06-02"),))
    east = timezone(timedelta(hours=9))
    assert story.decide(now=datetime(2026, 6, 2, 8, 59, tzinfo=east)).mode == "enforce"
    assert story.decide(now=datetime(2026, 6, 2, 9, tzinfo=east)).mode == "observe"


@pytest.mark.parametrize(
    ("expires", "allowed"), [("2026-06-02", True), ("2026-06-01", True), ("2026-05-31", False), ("never", False)]
)
def test_an_expired_profile_lets_nothing_through_in_any_mode(story, kit, expires, allowed):
    story.approved(kit.plan(profile_expires=expires), modes=(Scheduled("observe", "2026-01-01"),))
    decision = story.decide()
    assert decision.allowed is allowed and decision.exit == (0 if allowed else 6)
    assert decision.problems == (() if allowed else (f"the profile 'limited' expired on {expires}",))


# Rule 10


def rolled(kit, **changes):
    """Version 1 was granted, then 2; on call orders version 1 back."""
    story = kit.Story().approved(kit.plan(rollback_days=10))
    story.grant()
    story.register("2")
    story.grant("2", about=kit.OTHER)
    story.wait(days=changes.pop("after", 1))
    story.say(replace(RollbackOrder("default", "credit", "1", "complaints"), **changes), "on-call")
    story.check(kit.finding("fail"))
    return story


def test_an_order_on_call_carries_a_version_granted_before(kit):
    decision = rolled(kit).decide()
    assert decision.allowed and decision.transition == "rollback" and decision.exit == 0
    assert not decision.criteria_met and decision.controls == () and decision.request is None
    assert decision.problems == () and decision.actions == ()
    assert decision.approvals == {"needed": [], "given": [], "missing": []}
    assert (decision.system, decision.subject, decision.mode) == ("credit", kit.BYTES, "enforce")


def test_an_order_does_not_stand_in_the_way_of_a_version_that_may_pass_anyway(story, kit):
    story.approved()
    story.say(RollbackOrder("default", "credit", "1", "complaints"), "on-call")
    decision = story.decide()
    assert decision.allowed and decision.transition == "production" and decision.criteria_met


def test_an_order_needs_hashed_bytes(kit):
    decision = rolled(kit).decide(about=None)
    assert not decision.allowed and decision.exit == 3
    assert decision.problems == ("the version's bytes are not staged and hashed yet",)


def test_an_order_needs_the_bytes_that_were_granted(kit):
    decision = rolled(kit).decide(about=kit.OTHER)
    assert not decision.allowed and decision.exit == 5
    assert decision.problems == ("the bytes differ from those granted",)


def test_an_order_for_a_version_never_granted_is_refused(story, kit):
    story.checked()
    story.say(RollbackOrder("default", "credit", "1", "complaints"), "on-call")
    decision = story.decide()
    assert decision.exit == 2 and decision.transition == "rollback"
    assert decision.problems == ("version 1 was never granted, or its grant was revoked",)


def test_a_revoked_grant_is_no_ground_and_neither_is_the_one_before_it(kit):
    story = rolled(kit)
    again = replace(story.rows[9].predicate, actor="somebody else")
    story = kit.Story().approved(kit.plan(rollback_days=10))
    story.grant()
    later = story.say(again, about=kit.BYTES)
    story.say(Revocation(later.digest, "unsound"), "policy")
    story.say(RollbackOrder("default", "credit", "1", "complaints"), "on-call")
    story.check(kit.finding("fail"))
    assert not story.decide().allowed


def test_the_window_runs_from_the_end_of_the_grant(kit):
    story = rolled(kit, after=9.99)
    assert story.decide().allowed
    late = rolled(kit, after=11).decide()
    assert not late.allowed and late.exit == 2
    assert late.problems == ("the rollback window of 10 days has passed",)
    end = next(row.at for row in story.rows if row.position == 11)
    assert story.decide(now=end + timedelta(days=10)).allowed
    assert not story.decide(now=end + timedelta(days=10, microseconds=1)).allowed


@pytest.mark.parametrize("how", ["alias deleted", "version deleted", "halted", "another version", "another alias"])
def test_a_grant_ends_too_when_it_is_taken_away_or_halted(story, kit, how):
    story.approved(kit.plan(rollback_days=10))
    story.grant()
    said = {
        "alias deleted": Transition("default", "credit", None, "production", how, "developer"),
        "version deleted": Transition("default", "credit", "1", None, how, "developer"),
        "another version": Transition("default", "credit", "2", None, how, "developer"),
        "another alias": Transition("default", "credit", "1", "shadow", how, "developer"),
    }.get(how)
    story.say(said) if said else story.say(Halt("default", "credit", "complaints"), "on-call")
    stands = how.startswith("another")
    assert (story.ledger().standing("production", story.now) is not None) is stands
    story.wait(days=11)
    story.say(RollbackOrder("default", "credit", "1", "complaints"), "on-call")
    story.check(kit.finding("fail"))
    assert story.decide().allowed is stands


def test_an_order_lives_a_day(kit):
    story = rolled(kit)
    order = next(row for row in story.rows if "rollback" in row.type)
    assert story.decide(now=order.at + timedelta(hours=24)).allowed
    assert not story.decide(now=order.at + timedelta(hours=24, microseconds=1)).allowed
    assert not story.decide(now=order.at - timedelta(microseconds=1)).allowed


def test_an_order_carries_once(kit):
    story = rolled(kit)
    story.grant(transition="rollback")
    assert not story.decide().allowed
    order = next(row for row in story.rows if "rollback" in row.type)
    story.rows.append(replace(order, position=len(story.rows), at=story.now))
    assert not story.decide().allowed


@pytest.mark.parametrize(
    "changes", [{"version": "2"}, {"version": "01"}, {"name": "another"}, {"workspace": "elsewhere"}]
)
def test_an_order_for_another_version_or_model_is_none(kit, changes):
    assert not rolled(kit, **changes).decide().allowed


def test_an_order_after_a_revoked_one_carries(kit):
    story = rolled(kit)
    order = next(row for row in story.rows if "rollback" in row.type)
    story.say(RollbackOrder("default", "credit", "1", "as I said"), "on-call")
    story.say(Revocation(order.digest, "said twice"), "policy")
    assert story.decide().allowed


def test_the_latest_order_counts(kit):
    story = rolled(kit)
    story.say(RollbackOrder("default", "credit", "2", "no, that one"), "on-call")
    assert not story.decide().allowed


@pytest.mark.parametrize("how", ["revoked", "halted", "untrusted", "made anew"])
def test_an_order_ends(kit, how):
    story = rolled(kit)
    order = next(row for row in story.rows if "rollback" in row.type)
    if how == "revoked":
        story.say(Revocation(order.digest, "wrong version"), "policy")
    elif how == "halted":
        story.say(Halt("default", "credit", "everything"), "on-call")
    elif how == "untrusted":
        story.say(KeyRevocation(kit.key_of("on-call").public, "lost", since=0), "policy")
    else:
        story.create()
    assert not story.decide().allowed


def test_an_order_needs_a_person_on_call(kit):
    story = rolled(kit)
    order = next(row for row in story.rows if "rollback" in row.type)
    story.rows[order.position] = replace(order, signers=(kit.key_of("risk").public,))
    assert not story.decide().allowed
    entries = [kit.trusted(role) for role in kit.ROLES if role != "on-call"]
    story.rows[order.position] = order
    story.rows[0] = replace(
        story.rows[0],
        statement=kit.Story().trust(*entries, kit.trusted("on-call", service=True)).statement,
    )
    assert not story.decide().allowed


def test_a_rollback_needs_a_binding_still(kit):
    story = rolled(kit)
    story.say(Revocation(story.rows[2].digest, "retired"), "policy")
    assert not story.decide().allowed


# Rules 13, 14 and 18: what takes away aims at one row, and must not set another free


def measured(kit, story, **newer):
    """Fairness saw one evaluation set, and drift, which only warns, a newer one; approved since."""
    drift = kit.step("drift", controls=("A.7.4",))
    asked = (*kit.plan().requirements, Requirement("A.7.4", "Quality of data", "it must be good", "warn", ("drift",)))
    story.checked(kit.plan(steps=(kit.step(), drift), requirements=asked, evaluation_digest=None))
    story.check(data={"evaluation": kit.TABLE})
    row = story.check(kit.finding(controls=("A.7.4",)), **{"gate": "drift", "data": {"evaluation": kit.OTHER}} | newer)
    story.request()
    story.approve("risk")
    story.approve("compliance")
    return row


@pytest.mark.parametrize("outcome", ["pass", "fail"])
@pytest.mark.parametrize("how", ["revoked", "untrusted", "another gate version", "older than its life", "no data"])
def test_what_becomes_of_newer_evidence_about_other_data_does_not_bring_the_old_back(story, kit, outcome, how):
    made = replace(kit.finding(outcome), controls=("A.7.4",))
    newer = measured(kit, story)
    newer = story.check(made, gate="drift", by="ci", data={"evaluation": kit.OTHER})
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert not story.decide().allowed
    other = {"gate": "drift", "gate_digest": "sha256:" + "9" * 64}
    match how:
        case "revoked":
            story.say(Revocation(newer.digest, "tidy"), "policy")
        case "untrusted":
            story.say(KeyRevocation(kit.key_of("ci").public, "lost"), "policy")
        case "another gate version":
            story.check(made, data={"evaluation": kit.OTHER}, **other)
            story.check(made, data={"evaluation": kit.TABLE}, **other)
        case "older than its life":
            story.check(made, data={"evaluation": kit.TABLE}, gate="drift", produced_at="2026-01-01T00:00:00+00:00")
        case "no data":
            story.check(kit.finding("fail", controls=("A.7.4",)), gate="drift", data={})
    assert not story.decide().allowed
    assert state(story.decide()).reason == "fairness: newer evidence is about other evaluation data"


def test_a_gate_that_stands_by_the_old_data_again_makes_them_count(story, kit):
    measured(kit, story)
    failed = story.check(kit.finding("fail", controls=("A.7.4",)), gate="drift", data={"evaluation": kit.TABLE})
    assert state(story.decide()).state == "stale", f"{failed.digest} fails"
    story.check(kit.finding(controls=("A.7.4",)), gate="drift", data={"evaluation": kit.TABLE})
    assert state(story.decide()).state == "met"


@pytest.mark.parametrize(("outcome", "newer"), [("pass", {"gate_digest": "sha256:" + "9" * 64}), ("fail", {})])
def test_evidence_that_does_not_count_does_not_bring_void_approvals_back(story, kit, outcome, newer):
    """The gate saw other inputs since the request; what then speaks of the old ones fails or is of another version."""
    base = kit.plan().requirements
    story.checked(kit.plan(requirements=(replace(base[0], enforcement="warn"), base[1])))
    story.check(kit.finding(outcome))
    story.request()
    story.approve("risk")
    story.approve("compliance")
    assert story.decide().allowed
    story.check(kit.finding(outcome), data={"evaluation": kit.TABLE, "reference": kit.OTHER})
    assert not story.decide().allowed
    story.check(kit.finding(outcome), **newer)
    assert not story.decide().allowed
    story.check(kit.finding("pass"))
    assert story.decide().allowed


def test_where_the_evaluation_set_is_fixed_beforehand_another_one_makes_nothing_stale(story, kit):
    story.approved()
    story.bind(kit.plan(steps=(kit.step(), kit.step("drift"))))
    story.check(gate="drift", data={"evaluation": kit.OTHER})
    assert state(story.decide()).state == "met"


def test_a_waiver_that_one_with_a_hand_signed_too_stays_none_when_their_key_is_untrusted(story, kit):
    story.trust(*map(kit.trusted, kit.ROLES[:2] + kit.ROLES[3:]), kit.trusted("developer", roles=("developer", "risk")),
                kit.trusted("asker", roles=("developer",)))  # fmt: skip
    story.bind()
    story.register()
    story.check(kit.finding("fail"), facts={})
    story.say(Waiver("credit", kit.BYTES, CONTROL, "risk", "r", "r", "c", "2026-06-20"), "risk", "developer")
    story.request(by="asker")
    story.approve("risk")
    story.approve("compliance")
    assert state(story.decide()).state == "failed"
    story.say(KeyRevocation(kit.key_of("developer").public, "lost", since=0), "policy")
    assert state(story.decide()).state == "failed"


@pytest.mark.parametrize("how", ["withdrawn", "revoked", "halted"])
def test_whoever_asked_keeps_a_hand_in_it_whatever_becomes_of_the_request(kit, how):
    """Both who break the glass had a hand: one registered, one asked."""
    story = kit.Story()
    glass = ("developer", "break-glass")
    story.trust(*map(kit.trusted, ("policy", "ci", "on-call")), kit.trusted("developer", roles=glass),
                kit.trusted("risk", roles=("risk", *glass)))  # fmt: skip
    story.create()
    story.bind()
    story.register()
    story.check(kit.finding("fail"))
    asked = story.request(by="risk")
    said = BreakGlass("default", "credit", "1", kit.BYTES, "down", "2026-06-02T00:00:00+00:00")
    if how != "halted":
        story.say(said, "developer")
        story.say(said, "risk")
        assert not story.decide().allowed
    match how:
        case "withdrawn":
            story.say(Withdrawal(asked.digest, "never mind"), "risk")
        case "revoked":
            story.say(Revocation(asked.digest, "never mind"), "policy")
        case "halted":
            story.say(Halt("default", "credit", "harm"), "on-call")
            story.say(replace(said, said_at=""), "developer")
            story.say(replace(said, said_at=""), "risk")
    decision = story.decide()
    assert not decision.allowed and "somebody who had no hand" in decision.problems[-1]


def test_an_order_to_roll_back_that_carries_nothing_does_not_shut_break_glass(kit):
    """Else taking the order back would open it."""
    story = broken(kit, "risk", "compliance")
    order = story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert story.decide().allowed and story.decide().transition == "break-glass"
    story.say(Revocation(order.digest, "mistaken"), "policy")
    assert story.decide().transition == "break-glass"
    alone = broken(kit, "risk")
    alone.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert "never granted" in alone.decide().problems[0] and not alone.decide().allowed


def test_an_adoption_that_was_revoked_is_no_ground_to_roll_back_to(story, kit):
    story.approved()
    said = Adoption("default", "credit", "1", "production", kit.BYTES, "s", "risk", "2026-08-01")
    adopted = story.say(said, "policy")
    story.grant(transition="adopted", request=adopted.digest)
    story.grant("2", about=kit.OTHER)
    story.check(kit.finding("fail"))
    story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert story.decide().transition == "rollback" and story.decide().allowed
    story.say(Revocation(adopted.digest, "unsound"), "policy")
    assert not story.decide().allowed


# Rule 15


@pytest.mark.parametrize("way", ["request", "observed", "rollback", "break-glass"])
def test_a_halt_reaches_the_same_bytes_under_another_name(kit, way):
    story = broken(kit, "risk", "compliance") if way == "break-glass" else kit.Story()
    if way != "break-glass":
        modes = (Scheduled("observe", "2026-01-01"),) if way == "observed" else ()
        story.approved(modes=modes) if way == "request" else story.checked(modes=modes)
    if way == "rollback":
        story.grant()
        story.grant("2", about=kit.OTHER)
        story.check(kit.finding("fail"))
        story.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert story.decide().allowed
    story.grant(name="another")
    assert story.decide().allowed
    story.say(Halt("default", "another", "complaints"), "on-call")
    decision = story.decide()
    assert not decision.allowed
    assert any("these bytes were halted, as 'another'" in problem for problem in decision.problems) or way == "rollback"


def test_bytes_that_were_halted_under_another_name_wait_for_that_name_to_be_resumed(story, kit):
    story.approved()
    story.grant(name="another")
    story.say(Halt("default", "another", "complaints"), "on-call")
    assert not story.decide().allowed
    story.request(reason="the complaint was about something else")
    story.approve("risk")
    story.approve("compliance")
    decision = story.decide()
    assert not decision.allowed and any("another was halted" in problem for problem in decision.problems)
    story.say(Resume("default", "another", "the complaint was answered"), "policy")
    assert story.decide().allowed


# Rule 17


def test_a_name_let_go_is_bound_to_nothing_until_it_is_bound_again(story, kit):
    story.approved()
    freed = story.say(Freed("default", "credit", "no longer used"), "policy")
    assert story.decide().problems == ("'credit' was bound to a system and let go",)
    story.say(Revocation(freed.digest, "it is used"), "policy")
    assert story.decide().problems == ("'credit' was bound to a system and let go by a word that counts no longer",)
    story.bind()
    assert story.decide().allowed


# Rule 11


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Finding("m", 0.3, limit=Limit("<=", 0.1), outcome="pass", controls=(CONTROL,)), "failed"),
        (Finding("m", None, limit=Limit("<=", 0.1), outcome="pass", controls=(CONTROL,)), "failed"),
        (Finding("m", 0.3, p_value=0.4, limit=Limit(">=", 0.35), outcome="pass", controls=(CONTROL,)), "met"),
        (Finding("m", 0.3, p_value=0.2, limit=Limit(">=", 0.35), outcome="pass", controls=(CONTROL,)), "failed"),
        (Finding("m", 0.05, limit=Limit("<=", 0.1), controls=(CONTROL,)), "failed"),
        (Finding("m", outcome="pass", controls=(CONTROL,)), "missing"),
        (Finding("m", outcome="fail", controls=(CONTROL,)), "failed"),
        (Finding("m", 0.05, controls=(CONTROL,)), "missing"),
    ],
)
def test_a_pass_whose_number_does_not_keep_its_limit_is_none(story, made, expected):
    story.checked()
    story.check(made)
    assert state(story.decide()).state == expected


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_a_number_cannot_even_be_said(story, kit, value):
    story.checked()
    with pytest.raises(InputError):
        story.check(kit.finding(value=value))


@pytest.mark.parametrize("op", ["<=", "<", ">=", ">"])
def test_nan_keeps_no_limit(op):
    assert not Limit(op, 0.1).met(math.nan)
    assert Limit(op, 0.1).verdict(math.nan) == "inconclusive"


def test_a_predicate_that_cannot_be_read_is_an_error_and_no_yes(story):
    story.approved()
    broken = replace(story.rows[2].statement, payload=story.rows[2].statement.payload.replace(b'"limited"', b'"lower"'))
    story.rows[2] = replace(story.rows[2], statement=broken)
    with pytest.raises(InputError):
        story.decide()


# Exit codes and actions


def test_the_exit_codes_come_in_the_order_5_2_6_3_4(story, kit):
    old = kit.plan(profile_expires="2026-05-31")
    requirement = replace(kit.plan().requirements[0], control="A.7.4", gates=("drift",))
    old = replace(old, requirements=(*old.requirements, requirement), steps=(*old.steps, kit.step("drift")))
    story.trust()
    story.create()
    story.bind(old)
    story.register()
    story.check()
    story.request()
    assert story.decide().exit == 6  # an expired profile, missing evidence, awaiting approval
    story.check(kit.finding("fail"))
    assert story.decide().exit == 2
    assert story.decide(about=kit.OTHER).exit == 5
    story.bind(replace(old, profile_expires=None))
    story.check()
    assert story.decide().exit == 3


def test_what_failed_says_how_to_fix_it(story, kit):
    story.checked()
    story.check(
        kit.finding("fail", remedy="Balance the groups."),
        kit.finding("error", remedy="Balance the groups."),
        kit.finding("inconclusive", remedy="Get 300 more rows."),
        kit.finding("pass", remedy="Nothing to do."),
        kit.finding(None, remedy="Just so you know."),
    )
    decision = story.decide()
    check = "aims-gates check --model credit --version NEW_VERSION"
    assert state(decision).next == ("Balance the groups.", "Get 300 more rows.", check)
    assert decision.actions == (
        "Balance the groups.",
        "Get 300 more rows.",
        "register the fixed model as a new version of credit",
        check,
    )


def test_what_failed_without_a_remedy_needs_a_new_version_all_the_same(story, kit):
    story.checked()
    story.check(kit.finding("inconclusive"))
    check = "aims-gates check --model credit --version NEW_VERSION"
    assert state(story.decide()).next == (check,)
    assert story.decide().actions == ("register the fixed model as a new version of credit", check)


def test_a_version_that_must_be_fixed_is_not_worth_other_steps(story, kit):
    base = kit.plan().requirements
    more = tuple(replace(base[0], control=f"A.7.{n}", gates=("drift",)) for n in (2, 3))
    noted = replace(base[0], control="A.7.4", gates=("noted",), enforcement="note")
    steps = (kit.step(), kit.step("drift"), kit.step("noted"))
    story.trust()
    story.bind(kit.plan(requirements=(*more, noted, *base), steps=steps))
    story.register()
    story.check(kit.finding("fail", remedy="Fix it."))
    story.check(kit.finding("fail", remedy="Optional.", controls=("A.7.4",)), gate="noted")
    assert story.decide().actions == (
        "Fix it.",
        "register the fixed model as a new version of credit",
        "aims-gates check --model credit --version NEW_VERSION",
    )


def test_what_is_missing_is_checked_before_anybody_is_asked(story, kit):
    base = kit.plan().requirements
    story.trust()
    story.bind(kit.plan(requirements=(*base, replace(base[0], control="A.7.2"))))
    story.register()
    assert story.decide().actions == ("aims-gates check --model credit --version 1",)
    story.check(kit.finding(controls=()))
    assert story.decide().actions == ("aims-gates request open credit 1 --key YOUR.key",)


def test_the_question_is_answered_for_any_iterable_of_rows(story, kit):
    story.approved()
    ask = Ask("default", "credit", "1", kit.BYTES, "production", story.now)
    assert decide(ask, iter(story.rows)).allowed
    assert not decide(replace(ask, workspace="elsewhere"), iter(story.rows)).allowed


# Laws: whatever the story, taking away never turns no into yes


def told(kit, data):
    """A random story: complete, then bent here and there."""
    base = kit.plan().requirements
    enforcement = data.draw(st.sampled_from(["block", "warn"]))
    approvals = data.draw(st.sampled_from([(), (Approver("risk"),), (Approver("risk"), Approver("compliance"))]))
    made = kit.plan(
        requirements=(replace(base[0], enforcement=enforcement), base[1])[: 1 + bool(approvals)],
        steps=(kit.step(trusted_predictions=data.draw(st.booleans())),),
        isolation=data.draw(st.sampled_from(["", "container"])),
        approvals=approvals,
        tier=data.draw(st.sampled_from(["minimal", "high"])),
        inconclusive_blocks=data.draw(st.booleans()),
    )
    story = kit.Story()
    story.trust(*map(kit.trusted, kit.ROLES), kit.trusted("ci-2", roles=("ci",)))
    story.create()
    story.bind(made, modes=data.draw(st.sampled_from([(), (Scheduled("observe", "2026-01-01"),)])))
    story.register()
    apart = data.draw(st.sampled_from(["bwrap", "none"]))
    story.predict(by=data.draw(st.sampled_from(["ci", "ci-2"])), isolation=apart)
    outcomes = st.sampled_from(["pass", "pass", "pass", "inconclusive", "fail"])
    story.check(kit.finding(data.draw(outcomes)))
    story.request()
    acts = [
        lambda: story.approve("risk"),
        lambda: story.approve("compliance"),
        lambda: story.check(kit.finding(data.draw(outcomes)), by=data.draw(st.sampled_from(["ci", "ci-2"]))),
        lambda: waiver(kit, story),
        lambda: story.say(Rejection(story.rows[6].digest, "risk", "no"), "risk"),
        lambda: story.request(reason="again"),
        lambda: story.say(Halt("default", "credit", "stop"), "on-call"),
        lambda: story.grant(),
        lambda: story.say(RollbackOrder("default", "credit", "1", "back"), "on-call"),
        lambda: story.say(Withdrawal(story.rows[6].digest, "no"), "developer"),
    ]
    for index in [*data.draw(st.lists(st.sampled_from(range(len(acts))), max_size=4)), 0, 1]:
        acts[index]()
    return story


LAW = settings(max_examples=120, deadline=None, derandomize=True)


def holds(before, after):
    assert before.allowed or not after.allowed
    assert not (after.allowed and after.mode == "enforce") or after.exit == 0
    assert before.criteria_met or not after.criteria_met


@LAW
@given(data=st.data())
def test_a_failing_finding_more_never_turns_no_into_yes(kit, data):
    story = told(kit, data)
    places = [row.position for row in story.rows if "test-result" in row.type]
    place = data.draw(st.sampled_from(places))
    before, row = story.decide(), story.rows[place]
    worse = replace(row.predicate, findings=(*row.predicate.findings, kit.finding("fail")))
    story.rows[place] = replace(row, statement=kit.Story().say(worse, "ci").statement)
    holds(before, story.decide())


@LAW
@given(data=st.data(), days=st.sampled_from([0.5, 1.5, 20, 31, 91]))
def test_age_never_turns_no_into_yes(kit, data, days):
    story = told(kit, data)
    holds(story.decide(), story.decide(now=story.now + timedelta(days=days)))


@LAW
@given(data=st.data())
def test_a_revocation_never_turns_no_into_yes(kit, data):
    story = told(kit, data)
    before = story.decide()
    story.say(Revocation(data.draw(st.sampled_from(story.rows)).digest, "wrong"), "policy")
    holds(before, story.decide())


@LAW
@given(data=st.data())
def test_an_approval_less_never_turns_no_into_yes(kit, data):
    story = told(kit, data)
    before = story.decide()
    gone = data.draw(st.sampled_from([row.position for row in story.rows if "approval" in row.type]))
    holds(before, decide(Ask("default", "credit", "1", kit.BYTES, "production", story.now),
                         [row for row in story.rows if row.position != gone]))  # fmt: skip


@LAW
@given(data=st.data(), role=st.sampled_from(["ci", "ci-2", "developer", "risk", "compliance", "on-call"]))
def test_an_untrusted_key_never_turns_no_into_yes(kit, data, role):
    story = told(kit, data)
    before, since = story.decide(), data.draw(st.none() | st.integers(0, len(story.rows)))
    story.say(KeyRevocation(kit.key_of(role).public, "lost", since), "policy")
    holds(before, story.decide())


@LAW
@given(data=st.data(), name=st.sampled_from(["binding", "registration", "request", "trust", "predictions"]))
def test_what_is_unknown_is_no(kit, data, name):
    story = told(kit, data)
    before = story.decide()
    story.rows = [row for row in story.rows if f"aims-gates:{name}/" not in row.type]
    after = story.decide()
    if name == "predictions" or before.mode == "observe":
        assert before.allowed or not after.allowed or name == "request"
    else:
        assert not after.allowed or after.transition == "rollback"


# Rule 11


def broken(kit, *people, **changes):
    """Version 1 failed its gate; these people order it through."""
    story = kit.Story()
    holders = [kit.trusted(role, roles=("break-glass", role)) for role in people]
    others = [kit.trusted(role) for role in kit.ROLES if role not in people]
    story.trust(*holders, *others)
    story.create()
    story.bind()
    story.register()
    story.predict()
    story.check(kit.finding("fail"))
    said = BreakGlass("default", "credit", "1", kit.BYTES, "the old one is down", "2026-06-02T00:00:00+00:00")
    for role in people:
        story.say(replace(said, **changes), role)
    return story


def test_two_people_break_the_glass_once_and_nothing_counts_as_met(kit):
    story = broken(kit, "risk", "compliance")
    decision = story.decide()
    assert decision.allowed and decision.transition == "break-glass" and decision.exit == 0
    assert not decision.criteria_met and decision.actions == ()
    assert decision.problems[0] == (
        "break-glass by compliance-owner@example.org, risk-owner@example.org: the old one is down; the old one is down"
    )
    assert [state.state for state in decision.controls if state.blocks]
    story.grant(transition="break-glass")
    again = story.decide()
    assert not again.allowed and again.transition == "production"


def test_a_break_glass_order_needs_two_people_and_one_without_a_hand(kit):
    assert not broken(kit, "risk").decide().allowed
    story = broken(kit, "risk")
    story.say(story.rows[-1].predicate, "risk")
    assert not story.decide().allowed, "one person twice"
    assert broken(kit, "developer", "risk").decide().allowed
    hands = broken(kit, "developer", "risk")
    hands.check(kit.finding("fail"), facts={"run_creator": "risk"})
    decision = hands.decide()
    assert not decision.allowed
    assert decision.problems[-1] == "a break-glass order needs somebody who had no hand in this version"


@pytest.mark.parametrize(
    "changes", [{"version": "2"}, {"digest": "sha256:" + "0" * 64}, {"expires": "soon"}, {"expires": "2026-06-01"}]
)
def test_a_break_glass_order_is_for_these_bytes_of_this_version_until_its_end(kit, changes):
    assert not broken(kit, "risk", "compliance", **changes).decide().allowed


def test_a_break_glass_order_lives_for_a_day_whatever_it_says(kit):
    story = broken(kit, "risk", "compliance", expires="2030-01-01T00:00:00+00:00")
    assert story.decide().allowed
    story.wait(hours=24)
    assert not story.decide().allowed


@pytest.mark.parametrize("how", ["halt", "revoked", "unhashed", "other bytes asked for", "unregistered", "unbound"])
def test_break_glass_overrides_no_more_than_unmet_controls(kit, how):
    story = broken(kit, "risk", "compliance")
    about = kit.BYTES
    match how:
        case "halt":
            story.say(Halt("default", "credit", "harm"), "on-call")
        case "revoked":
            story.say(Revocation(story.rows[-1].digest, "mistaken"), "policy")
        case "unhashed":
            about = None
        case "other bytes asked for":
            story.request(about=kit.OTHER)
        case "unregistered":
            story.rows = [row for row in story.rows if row.type != type_of(Registration)]
        case "unbound":
            bound = next(row for row in story.rows if row.type == type_of(Binding))
            story.say(Revocation(bound.digest, "wrong system"), "policy")
    assert not story.decide(about=about).allowed


def test_an_order_after_a_halt_breaks_the_glass(kit):
    story = broken(kit, "risk", "compliance")
    story.say(Halt("default", "credit", "harm"), "on-call")
    said = replace(story.rows[-2].predicate, reason="the harm was elsewhere", said_at="")
    story.say(said, "risk")
    story.say(said, "compliance")
    assert story.decide().allowed and break_glass_bytes(story.ledger(), "1") == kit.BYTES


def test_an_adopted_grant_ends_on_its_day_and_with_its_adoption(story, kit):
    story.trust()
    story.create()
    said = Adoption("default", "credit", "1", "production", kit.BYTES, "file:///store", "risk", "2026-08-01")
    adopted = story.say(said, "policy")
    story.grant(transition="adopted", mode="observe", request=adopted.digest, expires="2026-08-01")
    standing = story.ledger().standing
    assert standing("production", datetime(2026, 8, 1, 23, tzinfo=UTC)) is not None
    assert standing("production", datetime(2026, 8, 2, tzinfo=UTC)) is None
    assert not story.decide().allowed
    story.say(Revocation(adopted.digest, "it harms"), "policy")
    assert story.ledger().standing("production", story.now) is None


def test_an_adopted_grant_without_a_date_stands_for_nothing(story, kit):
    story.trust()
    story.create()
    story.grant(transition="adopted", mode="observe", expires="some day")
    assert story.ledger().standing("production", story.now) is None


@pytest.mark.parametrize("makers", [(), ("somebody",), None])
def test_where_a_server_records_makers_a_model_that_nobody_is_known_to_have_made_is_refused(story, kit, makers):
    story.approved()
    found = Ask("default", "credit", "1", kit.BYTES, "production", story.now, kit.person("developer"), makers)
    decision = decide(found, story.rows)
    assert decision.allowed == (makers != ())
    if makers == ():
        assert any("no record of who made this model" in each for each in decision.problems)
        assert "log the model again, signed in to the server" in decision.actions[0]


def test_a_version_that_a_service_registered_for_nobody_is_refused(story, kit):
    story.approved()
    story.say(Registration("default", "credit", "1", "models:/m-1", "run", "a job", NOBODY))
    decision = story.decide()
    assert not decision.allowed and any("named nobody for whom it did" in each for each in decision.problems)


def test_a_prompt_is_told_the_way_that_there_is_and_no_check(story, kit):
    prompt = Creation("default", "credit", "prompt", kit.person("developer"), "test")
    story.trust(), story.say(prompt)
    unbound = story.decide()
    assert "prompts cannot be granted on evidence yet" in unbound.problems[0]
    assert [step for step in unbound.actions if "open-mode on --prompts" in step] == list(unbound.actions)
    story.bind(kind="prompt"), story.register(), story.predict(), story.check()
    bound = story.decide()
    assert not bound.allowed and "prompts cannot be granted on evidence yet" in bound.problems
    assert not any("aims-gates check" in step for state in bound.controls for step in state.next)
    assert not any("aims-gates check" in step for step in bound.actions)


def test_a_prompt_whose_evidence_is_met_is_granted_like_a_model(story, kit):
    story.trust(), story.say(Creation("default", "credit", "prompt", kit.person("developer"), "test"))
    story.bind(kind="prompt"), story.register(), story.predict(), story.check(), story.request()
    for rule in kit.plan().approvals:
        story.approve(rule.role)
    assert story.decide().allowed


@pytest.mark.parametrize(
    ("kind", "words", "opened"),
    [
        ("model", [("", True)], True),
        ("model", [("prompt", True)], False),
        ("prompt", [("prompt", True)], True),
        ("prompt", [("", True)], True),
        ("prompt", [("", True), ("prompt", False)], False),
        ("prompt", [("prompt", True), ("", False)], False),
        ("model", [("", True), ("prompt", False)], True),
    ],
)
def test_open_mode_of_a_kind_is_the_last_word_on_it(story, kit, kind, words, opened):
    story.trust(), story.say(Creation("default", "credit", kind, kit.person("developer"), "test"))
    for scope, on in words:
        story.say(OpenMode(on, "why", scope=scope), "policy")
    assert story.ledger().open() is opened and story.ledger().kind == kind
    assert story.ledger().open("model") is (("", True) in words and ("", False) not in words)


def test_a_met_control_says_which_of_its_parts_nothing_shows(story, kit):
    story.begun()
    names = ("accuracy_champion_difference", "flip_rate")
    story.check(findings=tuple(kit.finding(measure=name) for name in names))
    assert state(story.decide()).reason.endswith(
        "evidence criteria met; without comparison with the champion, robustness, security"
    )
    story.check(findings=(kit.finding("fail"),))
    assert "without" not in state(story.decide()).reason
