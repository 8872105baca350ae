"""Shares of acknowledgements over the trust list, and courses that people finished."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aims_gates import Case, Finding
from aims_gates.governance.records.parts import parts_of
from aims_gates.model import Act
from aims_gates.packs.facts import Fact, judge

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
THEN = datetime(2026, 10, 2, tzinfo=UTC)
POLICY = "organization/ai_policy"
TEXT = {"owner": "ann", "text": "We help people decide."}
DIGEST = parts_of(POLICY, TEXT).digests()["digest"]
SHARE = 'acknowledged("organization/ai_policy", 0.9)'
LIST = Act("trust_lists", THEN, ("p",), "organization", "sha256:list", {"people": {"ann": "", "bo": "2026-12-31"}})


def word(person: str, digest: str = DIGEST, about: str = POLICY, at: datetime = THEN) -> Act:
    details = {"person": person, "digest": digest}
    return Act("acknowledgements", at, (person,), about, f"sha256:{person}{about[-1]}", details)


def judged(
    *acts: Act, done: str = SHARE, require: str = "record.share >= 0.9", training: Any = None, trust: Act | None = LIST
) -> Finding:
    fact = Fact.model_validate(
        {"id": "aware", "controls": ["7.3"], "record": "organization/training", "says": "they are", "remedy": "Ask.",
         "done": done, "require": require}
    )  # fmt: skip
    records = {POLICY: TEXT, "organization/training": training or {"share": 0.5}}
    every = {"acknowledgements": acts, "trust_lists": (trust,) if trust else ()}
    (finding,) = judge([fact], Case("training", {}, {}, {}, NOW, records=records, acts=every))
    return finding


def test_a_share_of_the_people_on_the_trust_list_rests_on_their_signatures() -> None:
    finding = judged(word("ann"), word("bo"))
    assert finding.outcome == "pass"
    assert set(finding.rests_on) == {"act:sha256:anny", "act:sha256:boy", "act:sha256:list", f"record:{POLICY}"}


def test_whoever_is_missing_is_named_and_the_typed_share_no_longer_counts() -> None:
    finding = judged(word("ann"), training={"share": 1.0})
    assert finding.outcome == "fail"
    assert "1 of 2 people" in str(finding.note) and "90% have to; missing: bo" in str(finding.note)


def test_twice_by_one_person_counts_once() -> None:
    assert judged(word("ann"), word("ann")).outcome == "fail"


def test_a_text_that_changed_since_is_asked_about_again() -> None:
    finding = judged(word("ann", "sha256:before"), word("bo", "sha256:before"), training={"share": 1.0})
    assert "0 of 2 people" in str(finding.note) and "missing: ann, bo" in str(finding.note)
    assert not any(name.startswith(("act:sha256:ann", "act:sha256:bo")) for name in finding.rests_on)


def test_somebody_on_no_trust_list_counts_for_nobody() -> None:
    assert "missing: bo" in str(judged(word("ann"), word("mallory")).note)


def test_whose_key_ended_is_not_waited_for() -> None:
    ended = Act("trust_lists", THEN, ("p",), "organization", "sha256:l", {"people": {"ann": "", "bo": "2026-11-16"}})
    assert judged(word("ann"), trust=ended).outcome == "pass"


def test_an_empty_trust_list_is_nobodys_agreement() -> None:
    nobody = Act("trust_lists", THEN, ("p",), "organization", "sha256:l", {"people": {}})
    assert judged(word("ann"), trust=nobody, training={"share": 1.0}).outcome == "fail"


@pytest.mark.parametrize("trust", [LIST, None])
def test_where_nobody_acknowledged_anything_the_record_decides(trust: Act | None) -> None:
    words = () if trust else (word("ann"), word("bo"))
    assert judged(*words, trust=trust).outcome == "fail"
    assert judged(*words, trust=trust, training={"share": 1.0}).rests_on == ("record:organization/training",)


COURSE = 'completed("ann", "privacy", 365)'
ENTRY = {"person": "ann", "course": "privacy", "date": "2026-10-01"}


@pytest.mark.parametrize(
    ("acts", "entries", "outcome"),
    [
        ((word("ann", about="course privacy"),), [], "pass"),
        ((), [ENTRY], "pass"),
        ((word("bo", about="course privacy"),), [], "fail"),
        ((word("ann", about="course safety"),), [{**ENTRY, "course": "safety"}], "fail"),
        ((word("ann", about="course privacy", at=datetime(2025, 10, 2, tzinfo=UTC)),), [], "fail"),
        ((), [{**ENTRY, "date": "2027-01-01"}], "fail"),
        ((), ["ann"], "fail"),
    ],
)
def test_a_course_is_finished_by_signature_or_by_entry(acts: Any, entries: Any, outcome: str) -> None:
    finding = judged(*acts, done="false", require=COURSE, training={"completed": entries})
    assert finding.outcome == outcome
    assert {f"act:{act.row}" for act in acts} | {"record:organization/training"} == set(finding.rests_on)


def test_who_has_not_finished_a_course_is_named() -> None:
    assert "ann has not finished the course privacy within 365 days" in str(judged(done="false", require=COURSE).note)


def test_a_finished_course_ends_on_its_day() -> None:
    assert judged(word("ann", about="course privacy"), done="false", require=COURSE).until == "2027-10-02"
