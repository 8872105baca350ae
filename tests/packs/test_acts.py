"""Facts that ask what was done: an act in the ledger answers before what the record says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aims_gates import Case, Finding
from aims_gates.model import ACTS, Act
from aims_gates.packs.facts import Fact, judge

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HALT = Act("halts", datetime(2026, 1, 5, tzinfo=UTC), ("ann",), "default/loans", "sha256:1", {"reason": "a drill"})
ROLLBACK = Act("rollbacks", datetime(2026, 1, 6, tzinfo=UTC), ("bo",), "default/loans", "sha256:2", {"version": "1"})
DRILLED = {"drills": [{"date": "2026-01-02"}]}


def one(done: str, require: str = "size(record.drills) > 0", **changes: Any) -> Finding:
    fact = {"id": "drilled", "controls": ["A.9.2"], "record": "system/kill_switch", "says": "it was", "remedy": "Do."}
    records = {"system": {"tier": "high"}, **({"kill_switch": changes["record"]} if "record" in changes else {})}
    acts = {"halts": (HALT,), "rollbacks": (ROLLBACK,)} if changes.get("acts", True) else {}
    case = Case("kill_switch", {"most": 30}, {}, {}, NOW, records=records, acts=acts, run={"commit": "abc"})
    (finding,) = judge([Fact.model_validate({**fact, "done": done, "require": require})], case)
    return finding


@pytest.mark.parametrize(
    ("done", "rests_on"),
    [
        ("acts.halts.exists(h, days_since(h.on) <= params.most)", ("act:sha256:1",)),
        ('acts.halts.exists(h, h.reason == "a drill" && h.by == ["ann"])', ("act:sha256:1",)),
        ("size(acts.halts) + size(acts.rollbacks) == 2", ("act:sha256:1", "act:sha256:2")),
        ('acts["halts"].exists(h, h.at < "2026-01-06")', ("act:sha256:1", "act:sha256:2")),
        ('size(acts.halts) > 0 && system.tier == "high"', ("act:sha256:1", "record:system")),
        ('size(acts.halts) > 0 && run.commit == "abc"', ("act:sha256:1", "run")),
        ("size(acts.halts) > 0 && size(record.drills) > 0", ("act:sha256:1", "record:kill_switch")),
    ],
)
def test_what_was_done_here_is_what_the_fact_rests_on(done: str, rests_on: tuple[str, ...]) -> None:
    finding = one(done, record=DRILLED)
    assert (finding.outcome, finding.value, finding.rests_on) == ("pass", 1.0, rests_on)


@pytest.mark.parametrize("acts", [True, False])
def test_where_nothing_was_done_the_record_decides(acts: bool) -> None:
    never = "acts.halts.exists(h, days_since(h.on) > 100)"
    assert (one(never, record=DRILLED, acts=acts).outcome, one(never, record={}, acts=acts).outcome) == ("pass", "fail")
    assert one(never, record=DRILLED, acts=acts).rests_on == ("record:kill_switch",)


def test_what_was_done_needs_no_record_and_ages() -> None:
    done = one("acts.halts.exists(h, days_since(h.on) <= params.most)")
    assert (done.outcome, done.missing, done.until) == ("pass", False, "2026-02-04")
    assert one("size(acts.resumes) > 0").missing


def test_an_expression_that_cannot_be_judged_does_not_pass() -> None:
    assert one("acts.halts").outcome == "fail"
    assert one("acts.dances.exists(d, true)", record=DRILLED).outcome == "fail"
    assert one("acts.halts + 1", record=DRILLED).rests_on == ("record:kill_switch",)


def test_every_kind_of_act_can_be_asked_for_where_no_ledger_is_at_hand() -> None:
    for kind in ACTS:
        assert one(f"size(acts.{kind}) > 0", record=DRILLED, acts=False).outcome == "pass"


REVIEWED = {"owner": "a", "approver": "b", "version": "1", "approved_on": "2025-06-01", "checked": "2025-12-20"}


@pytest.mark.parametrize(
    ("review", "require", "outcome", "until", "renewal"),
    [
        ("2026-01-10", ["current(record)"], "fail", "2026-01-10", "2027-02-19"),
        ("2026-02-01", ["current(record)"], "pass", "2026-02-01", "2027-02-19"),
        ("2026-02-01", ["current(record)", "days_since(record.checked) <= 60"], "pass", "2026-02-01", "2026-02-18"),
        ("2026-01-10", ["current(record)", "days_since(record.checked) <= 20"], "fail", "2026-01-09", None),
        ("2026-01-10", ["current(record)", "days_since(record.checked) <= 22"], "fail", "2026-01-10", None),
        ("2026-02-01", ["days_since(record.checked) <= 30"], "pass", "2026-01-19", None),
        ("2027-12-01", ["current(record)"], "pass", None, None),
    ],
)
def test_a_review_that_ends_a_fact_is_told_from_whatever_else_ends(
    review: str, require: list[str], outcome: str, until: str | None, renewal: str | None
) -> None:
    fact = {"id": "it", "controls": ["A.9.2"], "record": "system/kill_switch", "says": "it is", "remedy": "Do."}
    case = Case("kill_switch", {}, {}, {}, NOW, records={"kill_switch": {**REVIEWED, "next_review": review}})
    (finding,) = judge([Fact.model_validate({**fact, "require": require})], case)
    assert (finding.outcome, finding.until, finding.renewal) == (outcome, until, renewal)
