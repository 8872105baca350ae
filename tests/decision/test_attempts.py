"""Trying again on other data (rule 23), and what was tried before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aims_gates.attestation.statements.people import Request, Revocation
from aims_gates.decision.attempts import TriedBefore, attempts_of, replacement_lines
from aims_gates.documents.canonical import plain
from aims_gates.model import DataRule, Requirement

DRIFT = "A.7.4"
MONTH = {
    "september": ("2026-09-01T00:00:00+00:00", "2026-09-30T00:00:00+00:00"),
    "october": ("2026-10-01T00:00:00+00:00", "2026-10-31T00:00:00+00:00"),
}


def drifting(kit, looks=None, **changes):
    """A story up to the registered version, in which drift is judged too, under a plan with these changes."""
    params = {} if looks is None else {"params": {"looks": looks}}
    requirement = Requirement(DRIFT, "Quality of data", "it must be good", "block", ("drift",))
    steps = (kit.step(), kit.step("drift", controls=(DRIFT,), **params))
    plan = kit.plan(steps=steps, requirements=(*kit.plan().requirements, requirement), **changes)
    story = kit.Story().begun(plan)
    story.predict()
    story.check()
    return story


def finding(kit, outcome, **changes):
    made = kit.finding(outcome, controls=(DRIFT,), rests_on=("data:production", "data:reference"), **changes)
    return replace(made, cause="training-data" if outcome == "fail" else None)


def judge(story, kit, outcome, production, window=None, **changes):
    """Evidence on drift about these production data."""
    usual = {"data": {"production": production, "reference": kit.TABLE}, "rows": {"production": 900}}
    usual["windows"] = {} if window is None else {"production": MONTH[window]}
    return story.check(finding(kit, outcome), gate="drift", **(usual | changes))


def of(decision):
    return next(state for state in decision.controls if state.control == DRIFT)


def granted(story, **request):
    story.request(**request)
    for role in ("risk", "compliance"):
        story.approve(role)
    return story.decide()


def test_a_pass_on_other_data_does_not_undo_a_failure(kit):
    story = drifting(kit)
    failed = judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    decision = granted(story)
    assert not decision.allowed and (of(decision).state, of(decision).blocks) == ("stale", True)
    assert f"failed on other production data on 2026-06-01 ({failed.digest[7:19]})" in of(decision).reason
    assert decision.actions == ("aims-gates request open credit 1 --replaced WHY --key YOUR.key",)


def test_approvers_who_are_told_why_can_let_it_through(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    assert granted(story, replaced="the export had lost its decimals").allowed


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_reason_that_says_nothing_is_none(kit, reason):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    assert not granted(story, replaced=reason).allowed


def test_a_reason_is_for_the_data_that_were_before_approvers_and_no_others(kit):
    story = drifting(kit, approvals=())
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    story.request(replaced="the export had lost its decimals")
    assert of(story.decide()).state == "met"
    judge(story, kit, "pass", kit.OUTPUT)
    assert of(story.decide()).state == "stale"


def test_a_reason_in_a_request_that_does_not_know_the_gate_is_none(kit):
    story = drifting(kit, approvals=())
    story.request(replaced="whatever comes")
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    assert of(story.decide()).state == "stale"


def test_the_same_data_judged_again_and_another_model_are_no_second_try(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "fail", kit.OTHER, about=kit.OTHER)
    judge(story, kit, "pass", kit.BYTES)
    assert granted(story).allowed


def test_a_failure_under_other_limits_answered_another_question(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES, params={"limit": 0.2})
    judge(story, kit, "pass", kit.OTHER)
    assert granted(story).allowed


@pytest.mark.parametrize("between", ["pass", "inconclusive"])
def test_no_number_of_tries_undoes_it(kit, between):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, between, kit.OTHER)
    judge(story, kit, "pass", kit.OUTPUT)
    assert of(granted(story)).state == "stale"


def test_a_revoked_failure_is_still_one(kit):
    story = drifting(kit)
    failed = judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    story.say(Revocation(failed.digest, "does not suit"), "ci")
    assert of(granted(story)).state == "stale"


def test_a_later_window_of_production_says_what_is_so_now(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES, "september")
    judge(story, kit, "pass", kit.OTHER, "october")
    assert granted(story).allowed


@pytest.mark.parametrize(("first", "second"), [("october", "september"), ("october", "october"), (None, "october")])
def test_an_earlier_or_unknown_window_undoes_nothing(kit, first, second):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES, first)
    judge(story, kit, "pass", kit.OTHER, second)
    assert of(granted(story)).state == "stale"


def test_a_window_that_cannot_be_read_undoes_nothing(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES, "september")
    windows = {"production": ("yesterday", "2026-10-31T00:00:00+00:00")}
    story.check(finding(kit, "pass"), gate="drift", data={"production": kit.OTHER, "reference": kit.TABLE},
                windows=windows)  # fmt: skip
    assert of(granted(story)).state == "stale"


def test_a_later_window_against_another_reference_is_a_second_try(kit):
    story = drifting(kit, evaluation_digest=None)
    judge(story, kit, "fail", kit.BYTES, "september")
    judge(story, kit, "pass", kit.OTHER, "october", data={"production": kit.OTHER, "reference": kit.OUTPUT})
    assert "failed on other reference data" in of(story.decide()).reason


@pytest.mark.parametrize(
    "changes", [{"cause": "data"}, {"cause": "record"}, {"missing": True}, {"outcome": "error", "value": None}]
)
def test_bad_data_and_errors_are_no_attempt(kit, changes):
    story = drifting(kit)
    bad = replace(finding(kit, "fail"), **changes)
    story.check(bad, gate="drift", data={"production": kit.BYTES, "reference": kit.TABLE})
    judge(story, kit, "pass", kit.OTHER)
    assert granted(story).allowed


def test_what_was_signed_before_findings_named_their_data_rests_on_all_of_them(kit):
    story = drifting(kit)
    old = replace(kit.finding("fail", controls=(DRIFT,)), rests_on=())
    story.check(old, gate="drift", data={"production": kit.BYTES})
    judge(story, kit, "pass", kit.OTHER)
    assert of(story.decide()).state == "stale"


def test_a_failure_that_rests_on_no_data_is_left_to_the_latest_evidence(kit):
    story = drifting(kit)
    story.check(replace(finding(kit, "fail"), rests_on=("record:monitoring",)), gate="drift",
                data={"production": kit.BYTES})  # fmt: skip
    judge(story, kit, "pass", kit.OTHER)
    assert of(granted(story)).state == "met"


# Said beforehand


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        (DataRule(least_rows=1000), "its production data have 900 rows, fewer than the 1,000, said beforehand"),
        (DataRule(days=28), "its production data span an unknown time, not the 28 days, said beforehand"),
        (DataRule(digest="sha256:" + "0" * 64), "its production data are not those, said beforehand"),
    ],
)
def test_data_are_those_that_were_said_beforehand(kit, sample, problem):
    story = drifting(kit, samples={"production": sample})
    judge(story, kit, "pass", kit.BYTES)
    assert of(story.decide()).reason == f"drift: {problem}"


def test_data_that_keep_what_was_said_count(kit):
    story = drifting(kit, samples={"production": DataRule(kit.BYTES, 900, 29), "attacks": DataRule(least_rows=10**6)})
    judge(story, kit, "pass", kit.BYTES, "september")
    assert granted(story).allowed
    judge(story, kit, "pass", kit.BYTES, windows={"production": (MONTH["september"][0], "2026-09-02T00:00:00+00:00")})
    assert "span 1.0 days" in of(story.decide()).reason


# For approvers


def test_approvers_see_both_sets_and_both_results(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    judge(story, kit, "pass", kit.OTHER)
    ledger = story.ledger()
    plan = ledger.binding().predicate.plan
    counted = [ledger.count(plan, step, kit.BYTES, story.now) for step in plan.steps]
    [line] = replacement_lines(ledger, counted)
    assert line == (
        f"drift: gap 0.4 fail, limit <= 0.1 on production {kit.BYTES[:19]} (2026-06-01); "
        f"gap 0.05 pass, limit <= 0.1 on {kit.OTHER[:19]} since"
    )


def test_a_measure_that_is_gone_is_told_as_not_measured(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    story.check(replace(finding(kit, "pass"), measure="another"), gate="drift", data={"reference": kit.TABLE})
    ledger = story.ledger()
    plan = ledger.binding().predicate.plan
    counted = [ledger.count(plan, step, kit.BYTES, story.now) for step in plan.steps]
    [line] = replacement_lines(ledger, counted)
    assert line.endswith("; not measured on none since")
    assert replacement_lines(ledger, [replace(item, standing="stale") for item in counted]) == ()


def test_attempts_since_the_last_grant_are_counted(kit):
    story = drifting(kit)
    judge(story, kit, "fail", kit.BYTES)
    grant = story.grant()
    judge(story, kit, "fail", kit.OTHER, facts={"version": "2"})
    judge(story, kit, "fail", kit.OTHER, facts={"version": "2"})
    judge(story, kit, "pass", kit.OUTPUT)
    judge(story, kit, "inconclusive", kit.TABLE)
    attempts = attempts_of(story.rows, grant.position, None)
    assert len(attempts.unmet) == 2
    assert attempts.unmet[0].startswith("version 2, drift: gap 0.4 fail, limit <= 0.1 (2026-06-01, ")
    assert attempts.unmet[1].startswith("version ?, drift: gap")
    assert attempts.lines() == tuple(f"tried before: {line}" for line in attempts.unmet)
    assert len(attempts_of(story.rows, -1, None).unmet) == 3


def test_what_judges_no_data_is_no_attempt(kit):
    story = drifting(kit)
    story.check(kit.finding("fail", rests_on=("record:card",)), gate="drift")
    assert attempts_of(story.rows, -1, None) == TriedBefore((), 0)


def test_versions_judged_on_one_set_are_counted_with_the_chance_of_luck(kit):
    story = drifting(kit)
    for about in (kit.BYTES, kit.OTHER, kit.OTHER):
        story.check(kit.finding("pass", rests_on=("data:evaluation",)), about=about)
    attempts = attempts_of(story.rows, -1, kit.TABLE)
    assert attempts.versions == 2 and attempts.by_luck == pytest.approx(1 - 0.975**2)
    [line] = attempts.lines()
    assert line.startswith("2 of the latest versions were judged on this evaluation set") and "in 5% of cases" in line


def test_requests_from_before_this_rule_keep_their_bytes(kit):
    story = drifting(kit)
    assert "replaced" not in plain(story.request().predicate)
    assert plain(replace(story.request().predicate, replaced="why"))["replaced"] == "why"
    assert isinstance(story.rows[-1].predicate, Request) and story.now - story.rows[-1].at == timedelta(minutes=1)


@pytest.mark.parametrize(("looks", "allowed"), [(2, False), (3, True), (None, True)])
def test_a_window_beyond_those_that_the_plan_allows_counts_for_nothing(kit, looks, allowed):
    story = drifting(kit, looks=looks)
    third = "sha256:" + "3" * 64
    params = {} if looks is None else {"params": {"looks": looks}}
    for production, window in ((kit.BYTES, "september"), (kit.BYTES, "september"), (kit.OTHER, None), (third, None)):
        judge(story, kit, "pass", production, window, **params)
    decision = granted(story, replaced="the weeks as they came")
    assert decision.allowed is allowed
    if not allowed:
        assert (of(decision).state, of(decision).blocks) == ("stale", True)
        assert "the plan says that 2 windows of production are looked at" in of(decision).reason
