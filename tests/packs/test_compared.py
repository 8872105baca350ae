"""What records say against each other and themselves."""

from datetime import date
from typing import Any

import pytest

from aims_gates.errors import DataError
from aims_gates.packs.cel import Names


def holds(expression: str, value: Any) -> Any:
    return Names(date(2026, 11, 30), {"system": {"v": value}}).evaluate(expression, "system")


@pytest.mark.parametrize(
    "text",
    ["Not yet begun", "Declaration drafted and filed", "Entry prepared", "Filing is pending", "It has not been sent"],
)
def test_what_is_still_to_come_is_not_finished(text: str) -> None:
    with pytest.raises(DataError, match="called done"):
        holds("finished(record.v)", text)


@pytest.mark.parametrize(
    "text", ["Entry 0417 in the database", "Notice in each form", "Letter of the authority, file 3"]
)
def test_what_is_there_is_finished(text: str) -> None:
    assert holds("finished(record.v)", text) is True


@pytest.mark.parametrize("value", ["provider", ["provider"], [{"r": "provider"}]])
def test_a_word_is_a_list_of_one_and_order_does_not_count(value: Any) -> None:
    names = 'each(record.v, "r")' if isinstance(value, list) and isinstance(value[0], dict) else "record.v"
    assert holds(f'alike({names}, ["provider"])', value) is True
    with pytest.raises(DataError, match="deployer"):
        holds(f'alike({names}, ["provider", "deployer"])', value)


def test_an_entry_without_the_key_is_named() -> None:
    with pytest.raises(DataError, match="no r"):
        holds('alike(each(record.v, "r"), ["x"])', [{"r": "x"}, {}])


@pytest.mark.parametrize(
    ("who", "why"), [(["a"], "1 member"), (["a", "a"], "1 member"), (["a", "z"], "no member of the board: z")]
)
def test_a_quorum_is_of_different_members(who: list[str], why: str) -> None:
    assert holds('quorate(["a", "b"], ["a", "b", "c"], 2)', None) is True
    with pytest.raises(DataError, match=why):
        holds('quorate(record.v, ["a", "b", "c"], 2)', who)


@pytest.mark.parametrize(
    ("measure", "limit", "why"),
    [
        ("demographic_parity_ratio", "at least 0.0", "no value"),
        ("demographic_parity_ratio", "at least -1", "no value"),
        ("balanced_accuracy", "at least 0", "no value"),
        ("demographic_parity_difference", "at most 1.0", "no value"),
        ("error_rate", "at most 100 %", "no value"),
        ("availability", "at least 0", "no value"),
        ("roc_auc", "at least 1.2", "keeps"),
        ("roc_auc", "at most 0.9", "wrong way round"),
        ("psi", "small", "cannot be read"),
        ("latency", "at most inf", "cannot be read"),
        ("latency", "", "cannot be read"),
    ],
)
def test_a_limit_that_nothing_breaks_or_keeps_is_none(measure: str, limit: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        holds(f'breakable("{measure}", record.v)', limit)


@pytest.mark.parametrize(
    ("measure", "limit"),
    [("roc_auc", "at least 0.55"), ("psi", "at most 0.2"), ("error_rate", "at most 1 %"), ("latency", "below 300")],
)
def test_a_limit_that_can_be_broken_and_kept_is_one(measure: str, limit: str) -> None:
    assert holds(f'breakable("{measure}", record.v)', limit) is True


@pytest.mark.parametrize(("limit", "fine"), [("at least 0.8", True), ("at least 0.9", True), ("at least 0.79", False)])
def test_a_limit_is_compared_with_that_of_the_requirements(limit: str, fine: bool) -> None:
    row = '{"gate": "fairness", "measure": "impact_ratio", "limit": "at least 0.8"}'
    expression = f'no_looser("impact_ratio", record.v, [{row}])'
    if fine:
        assert holds(expression, limit) is True
        return
    with pytest.raises(DataError, match="fairness"):
        holds(expression, limit)


def test_a_text_names_an_id_as_a_word_of_its_own() -> None:
    assert holds('cites(record.v, ["N-1"])', "nonconformity N-1, minor") is True
    assert holds('cites(record.v, ["N-1"])', "nonconformity N-12") is False


def test_days_are_counted_both_ways() -> None:
    assert holds('apart("2026-01-01", record.v) == 2', "2026-01-03") is True
    assert holds('apart("2026-01-03", record.v) == -2', "2026-01-01") is True
