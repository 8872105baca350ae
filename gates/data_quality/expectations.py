"""A suite's findings: the common expectations from one pass in SQL, the rest from great-expectations itself."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aims_gates import Dataset, Finding, Limit

from .pushdown import Answer, push
from .running import error_of, over_of, run_library
from .suite import Expectation, Suite

__all__ = ["judge_suite"]

#: Aggregates whose observed value says nothing about single rows, so it may be shown.
_SHOWN = ("of_type", "in_type_list", "expect_table_", "quantile")


def judge_suite(
    suite: Suite, data: Dataset, severities: Sequence[str], library: bool = False
) -> tuple[list[Finding], Mapping[str, int]]:
    """One finding for each expectation, in the suite's order; and how many values each column holds, counted with them.

    Args:
        suite: What to expect.
        data: The set; its rows are read for the columns that the library needs only.
        severities: Those that fail the gate; others become information.
        library: Whether great-expectations runs all of them, which must come to the same.
    """
    data.require()
    absent = {item.place: _absent(item, data) for item in suite.expectations}
    to_run = [item for item in suite.expectations if not absent[item.place]]
    answers, non_null = push([] if library else to_run, data)
    results: dict[int, Any] = dict(answers)
    left = [item for item in to_run if item.place not in results]
    if left:
        results.update(run_library(suite, left, data))
    findings = []
    for item in suite.expectations:
        if absent[item.place]:
            finding = _missing(item, absent[item.place], data)
        else:
            finding = _finding(item, results[item.place], data)
        findings.append(_weighed(finding, item, severities))
    return findings, non_null


def _absent(item: Expectation, data: Dataset) -> list[str]:
    """Columns it names that are not there; whether a column exists may be the question itself."""
    if item.type == "expect_column_to_exist":
        return []
    return [name for name in item.columns if name not in data.columns]


def _missing(item: Expectation, names: Sequence[str], data: Dataset) -> Finding:
    note = f"there is no column {', '.join(map(repr, names))} in the {data.role} data"
    remedy = f"Add it, or name one that is there: {', '.join(data.columns[:40])}."
    return Finding(item.type, over=over_of(item), n=data.rows, outcome="fail", note=note, remedy=remedy)


def _weighed(finding: Finding, item: Expectation, severities: Sequence[str]) -> Finding:
    """A finding of a severity that does not fail the gate, as information; an error stays one."""
    if item.severity in severities or finding.outcome in (None, "error"):
        return finding
    expectation_text = f"wanted {finding.limit.op} {finding.limit.value:g}: " if finding.limit else ""
    notes = [
        f"severity {item.severity}, {expectation_text}{finding.outcome}",
        *([finding.note] if finding.note else []),
    ]
    return replace(finding, limit=None, outcome=None, note="; ".join(notes))


def _boundless(item: Expectation) -> bool:
    """Whether a range is expected and neither of its ends given."""
    bounds = (item.kwargs.get("min_value"), item.kwargs.get("max_value"))
    ranged = item.type.endswith("_to_be_between") and "quantile" not in item.type
    return ranged and bounds == (None, None)


def _finding(item: Expectation, result: Any, data: Dataset) -> Finding:
    if isinstance(result, Finding):
        return result
    if isinstance(result, Answer):
        return _read(item, result.success, result.result, item.kwargs, data)
    raised = _raised(result.exception_info)
    if raised is not None:
        return error_of(
            item, f"great-expectations could not compute it: {raised}", "Check the column's type and the arguments."
        )
    kwargs = {**item.kwargs, **dict(result.expectation_config.kwargs)}
    return _read(item, bool(result.success), dict(result.result), kwargs, data)


def _read(
    item: Expectation, success: bool, answer: Mapping[str, Any], kwargs: Mapping[str, Any], data: Dataset
) -> Finding:
    if "unexpected_percent" in answer and "element_count" in answer:
        return _mapped(item, success, answer)
    observed = _number(answer.get("observed_value"))
    limits = _limits(kwargs, observed) if observed is not None else []
    if observed is not None and limits:
        limit = _deciding(limits, observed, success)
        return _judged(Finding(item.type, observed, n=data.rows, over=over_of(item), limit=limit), item, success)
    if _number(answer.get("unexpected_count")) is not None:
        count = Finding(
            item.type, _number(answer["unexpected_count"]), n=data.rows, over=over_of(item), limit=Limit("<=", 0)
        )
        return _judged(replace(count, note="the number of unexpected values"), item, success)
    return _yes_or_no(item, success, answer, data)


def _raised(info: Any) -> str | None:
    """The first line of the exception, whether one is given for the expectation or one for each metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if isinstance(entry, Mapping) and entry.get("raised_exception"):
            return str(entry.get("exception_message") or "an exception without a message").strip().splitlines()[0][:300]
    return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    return float(value) if math.isfinite(value) else None


def _mapped(item: Expectation, success: bool, answer: Mapping[str, Any]) -> Finding:
    """An expectation of each value: the unexpected share of the values that are there."""
    n = int(answer["element_count"]) - int(answer.get("missing_count") or 0)
    share = _number(answer["unexpected_percent"])
    if n == 0 or share is None:
        empty = answer["element_count"] == 0
        note = (
            "no row meets its row_condition" if empty else "the column holds no value, so the expectation says nothing"
        )
        remedy = "Widen the condition." if empty else "Fill the column, or expect it to be null."
        limit = _share_limit(item)
        outcome: Any = "inconclusive" if empty else "error"
        return Finding(item.type, n=n, over=over_of(item), limit=limit, outcome=outcome, note=note, remedy=remedy)
    finding = Finding(item.type, share / 100, n=n, over=over_of(item), limit=_share_limit(item))
    return _judged(finding, item, success)


def _share_limit(item: Expectation) -> Limit:
    mostly = _number(item.kwargs.get("mostly", 1.0))
    return Limit("<=", round(1 - (1.0 if mostly is None else mostly), 12))


def _limits(kwargs: Mapping[str, Any], observed: float) -> list[Limit]:
    low, high = _number(kwargs.get("min_value")), _number(kwargs.get("max_value"))
    exact, threshold = _number(kwargs.get("value")), _number(kwargs.get("threshold"))
    limits = []
    if low is not None:
        limits.append(Limit(">" if kwargs.get("strict_min") else ">=", low))
    if high is not None:
        limits.append(Limit("<" if kwargs.get("strict_max") else "<=", high))
    if exact is not None:
        limits.append(Limit(">=" if observed < exact else "<=", exact))
    if threshold is not None:
        limits.append(Limit("<=", threshold))
    return limits


def _deciding(limits: Sequence[Limit], observed: float, success: bool) -> Limit:
    """The limit that is broken; where none is, the nearest."""
    fitting = [limit for limit in limits if limit.met(observed) == success]
    return min(fitting or limits, key=lambda limit: abs(limit.value - observed))


def _judged(finding: Finding, item: Expectation, success: bool) -> Finding:
    """The library's verdict; a limit that only rounding would break is moved by that rounding."""
    if not success:
        remedy = f"Fix the data, or the expectation {item.place} of the suite."
        return replace(finding, outcome="fail", remedy=remedy)
    limit, value = finding.limit, finding.value
    if (
        limit is not None
        and value is not None
        and not limit.met(value)
        and math.isclose(value, limit.value, abs_tol=1e-9)
    ):
        finding = replace(finding, limit=Limit(limit.op, value))
    return replace(finding, outcome="pass")


def _yes_or_no(item: Expectation, success: bool, answer: Mapping[str, Any], data: Dataset) -> Finding:
    """An expectation whose answer is no number: 0 where it is met, 1 where not."""
    observed = answer.get("observed_value")
    note = "0 means met, 1 not met"
    if _boundless(item):
        note += "; no bound is given, so it holds whatever the data"
    elif observed is not None and any(part in item.type for part in _SHOWN):
        note += f"; observed: {str(observed)[:200]}"
    finding = Finding(item.type, float(not success), n=data.rows, over=over_of(item), limit=Limit("<=", 0), note=note)
    return _judged(finding, item, success)
