import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aims_gates.model import Finding, Limit
from aims_gates.reports import format


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (Finding("r", 0.71, 0.63, 0.803, limit=Limit(">=", 0.8)), "r: 0.710 (0.630 to 0.803), limit at least 0.80"),
        (Finding("r", 0.71, 0.63, 0.78, limit=Limit(">=", 0.8)), "r: 0.71 (0.63 to 0.78), limit at least 0.80"),
        (Finding("r", 0.79996, limit=Limit(">=", 0.8)), "r: 0.79996, limit at least 0.80"),
        (Finding("r", 0.0004, limit=Limit("<=", 0.2)), "r: 0.0004, limit at most 0.20"),
        (Finding("r", 1e-9, limit=Limit("<", 0.2)), "r: 1.0e-09, limit below 0.20"),
        (Finding("r", 3.0, limit=Limit("<=", 0.0)), "r: 3, limit at most 0"),
        (Finding("r", 1.0, limit=Limit(">=", 0.95)), "r: 1.00, limit at least 0.95"),
        (Finding("r", 12345.678), "r: 12,345.68"),
        (Finding("r", 0.5, low=0.4), "r: 0.50 (at least 0.40)"),
        (Finding("r", 0.5, p_value=0.0001), "r: 0.50, p < 0.001"),
        (Finding("r", None, limit=Limit(">", 0.125)), "r: not computed, limit above 0.125"),
        (Finding("r", 0.5, over={"sensitive": ["race", "sex"]}), "r (over race and sex): 0.50"),
        (
            Finding("r", 0.5, by={"race": "a"}, over={"column": "b", "chunk": 3}),
            "r (race = a, column b, chunk 3): 0.50",
        ),
    ],
)
def test_a_finding_reads_as_people_write_it(finding, said):
    assert format.sentence(finding) == said


@given(st.floats(-10, 10), st.floats(-10, 10).map(lambda x: round(x, 4)))
def test_a_value_never_reads_as_its_limit_unless_six_decimals_cannot_tell(value, bound):
    finding = Finding("m", value, limit=Limit("<=", bound))
    assume(abs(value - bound) > 2e-6)
    assert float(format.seen(finding)) != float(format.limit(finding).removeprefix("at most "))


@pytest.mark.parametrize(
    ("days", "said"),
    [(0.0, "just now"), (0.02, "28 minutes"), (0.05, "1 hour"), (1.0, "1 day"), (400.7, "400 days"), (None, "")],
)
def test_an_age_is_in_plain_words(days, said):
    assert format.age(days) == said


@pytest.mark.parametrize(
    ("text", "said", "runs"),
    [
        ("aims-gates check x", "", ("aims-gates check x",)),
        ("Fix it, then `aims-gates check x`.", "Fix it, then.", ("aims-gates check x",)),
        ("Look at `psi` in drift.", "Look at `psi` in drift.", ()),
    ],
)
def test_commands_are_told_from_sentences(text, said, runs):
    assert format.commands(text) == (said, runs)


def test_a_mean_that_a_finding_is_about_has_no_more_digits_than_a_reader_takes_in() -> None:
    found = Finding("calibration_share", 0.2, over={"bin": "0.1 to 0.2", "mean_score": 0.15210993808371243})
    assert format.about(found) == "bin 0.1 to 0.2, mean_score 0.1521"


def test_evidence_that_nobody_trusted_signed_says_so() -> None:
    assert format.evidence({"gate": "drift", "signers": ["ci"]}) == "drift, signed by ci"
    assert format.evidence({"gate": "drift", "signers": []}) == "drift, signed by nobody whose key is trusted"
