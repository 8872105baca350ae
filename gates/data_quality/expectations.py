"""A suite's findings: the common expectations from one pass in SQL, the rest from great-expectations itself.

What the library runs sees a pandas frame that holds only the columns it needs.
"""

import io
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aims_gates import Dataset, Finding, Limit

from .pushdown import Answer, push
from .suite import Expectation, Suite

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["judge_suite"]

_MARK = "aims_gates_place"
_ABOUT_COLUMNS = ("expect_table_column", "expect_column_to_exist")
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
        results.update(_validate(suite, left, data))
    findings = []
    for item in suite.expectations:
        if absent[item.place]:
            finding = _missing(item, absent[item.place], data)
        else:
            finding = _finding(item, results[item.place], data)
        findings.append(_weighed(finding, item, severities))
    return findings, non_null


def _over(item: Expectation) -> dict[str, Any]:
    place: dict[str, Any] = {"expectation": item.place}
    return {"column": ", ".join(item.columns), **place} if item.columns else place


def _absent(item: Expectation, data: Dataset) -> list[str]:
    """Columns it names that are not there; whether a column exists may be the question itself."""
    if item.type == "expect_column_to_exist":
        return []
    return [name for name in item.columns if name not in data.columns]


def _missing(item: Expectation, names: Sequence[str], data: Dataset) -> Finding:
    note = f"there is no column {', '.join(map(repr, names))} in the {data.role} data"
    remedy = f"Add it, or name one that is there: {', '.join(data.columns[:40])}."
    return Finding(item.type, over=_over(item), n=data.rows, outcome="fail", note=note, remedy=remedy)


def _error(item: Expectation, note: str, remedy: str) -> Finding:
    return Finding(item.type, over=_over(item), outcome="error", note=note, remedy=remedy)


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


# Running -------------------------------------------------------------------------------------------------------------


@contextmanager
def _quiet() -> Iterator[None]:
    """great-expectations without its warnings, log lines and bars, and without taking over the user's GX project."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    # Some expectations draw a bar whatever the settings say.
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        from great_expectations.data_context.data_context.context_factory import project_manager
        from great_expectations.exceptions.exceptions import DataContextError

        try:
            project = project_manager.get_current_project()
        except DataContextError:
            project = None
        try:
            yield
        finally:
            project_manager.set_project(project)
            logger.setLevel(level)


def _validate(suite: Suite, items: Sequence[Expectation], data: Dataset) -> dict[int, Any]:
    """Place -> what great-expectations returned, or the finding that says why it could not run."""
    with _quiet():
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        built, results = _build(items)
        if not built:
            return results
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        source = context.data_sources.add_pandas("aims_gates").add_dataframe_asset("data")
        definition = source.add_batch_definition_whole_dataframe("all")
        about_names = [item for item in items if item.place in built and _about_names(item)]
        others = [item for item in items if item.place in built and not _about_names(item)]
        for expectations, frame in ((about_names, _names), (others, _frame)):
            if expectations:
                batch = definition.get_batch({"dataframe": frame(expectations, data)})
                for group in _rounds(expectations):
                    results.update(_round(batch, group, built, suite.parameters))
    for item in items:
        note = "great-expectations gave no result for it"
        results.setdefault(item.place, _error(item, note, "Look at its arguments."))
    return results


def _rounds(items: Iterable[Expectation]) -> list[list[Expectation]]:
    """Expectations that may run together.

    Two quantile expectations of one column in one suite share a metric: great-expectations 1.24 judges the second on
    the first one's quantiles. So no two of a type and the same columns run in one validation.
    """
    rounds: list[list[Expectation]] = []
    taken: dict[tuple[Any, ...], int] = {}
    for item in items:
        turn = taken.get((item.type, item.columns), 0)
        taken[item.type, item.columns] = turn + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(item)
    return rounds


def _round(
    batch: Any, items: Sequence[Expectation], built: Mapping[int, Any], parameters: Mapping[str, Any]
) -> dict[int, Any]:
    """One validation; where the library gives up on all because of one, each alone."""
    import great_expectations as gx

    try:
        validated = batch.validate(
            gx.ExpectationSuite(name="aims_gates", expectations=[built[item.place] for item in items]),
            result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
            expectation_parameters=dict(parameters) or None,
        )
    except Exception as error:  # noqa: BLE001 - whatever the library raises is a finding of that expectation
        if len(items) > 1:
            alone = [_round(batch, [item], built, parameters) for item in items]
            return {place: result for outcome in alone for place, result in outcome.items()}
        note = f"great-expectations could not run it: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return {items[0].place: _error(items[0], note, "Check its arguments, and the suite's parameters.")}
    # What could not run is listed first, so the place is read from the mark, not from the order.
    return {result.expectation_config.meta[_MARK]: result for result in validated.results}


def _build(items: Iterable[Expectation]) -> tuple[dict[int, Any], dict[int, Any]]:
    """Expectations as great-expectations' objects; a finding for each that it does not know or refuses."""
    from great_expectations.exceptions.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.metadata_types import FailureSeverity

    built, refused = {}, {}
    for item in items:
        try:
            expectation_configuration = ExpectationConfiguration(
                type=item.type,
                kwargs=dict(item.kwargs),
                meta={_MARK: item.place},
                severity=FailureSeverity(item.severity),
            )
            built[item.place] = expectation_configuration.to_domain_obj()
        except GreatExpectationsError as error:
            note = f"great-expectations does not know it: {error}"
            refused[item.place] = _error(item, note, "Check its spelling, or import what defines it.")
        except (TypeError, ValueError) as error:
            note = f"its arguments do not fit: {' '.join(str(error).split())[:300]}"
            refused[item.place] = _error(item, note, "Check its kwargs in great-expectations' gallery.")
    return built, refused


def _boundless(item: Expectation) -> bool:
    """Whether a range is expected and neither of its ends given."""
    bounds = (item.kwargs.get("min_value"), item.kwargs.get("max_value"))
    ranged = item.type.endswith("_to_be_between") and "quantile" not in item.type
    return ranged and bounds == (None, None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _frame(items: Sequence[Expectation], data: Dataset) -> "pd.DataFrame":
    """The columns that the expectations name anywhere."""
    import pandas as pd

    named = {name for item in items for name in item.columns}
    conditions = " ".join(
        text
        for item in items
        for key, value in item.kwargs.items()
        if "condition" in key or "query" in key
        for text in _texts(value)
    )
    needed = [name for name in data.columns if name in named or name in conditions]
    return data.pandas(needed) if needed else pd.DataFrame(index=range(data.rows))


def _about_names(item: Expectation) -> bool:
    """Whether the columns' names alone answer it, so that no row is needed."""
    return item.type.startswith(_ABOUT_COLUMNS) and not any("condition" in key for key in item.kwargs)


def _names(items: Sequence[Expectation], data: Dataset) -> "pd.DataFrame":
    """One empty row under the set's column names."""
    import pandas as pd

    return pd.DataFrame({name: [False] for name in data.columns})


# Reading the answer --------------------------------------------------------------------------------------------------


def _finding(item: Expectation, result: Any, data: Dataset) -> Finding:
    if isinstance(result, Finding):
        return result
    if isinstance(result, Answer):
        return _read(item, result.success, result.result, item.kwargs, data)
    raised = _raised(result.exception_info)
    if raised is not None:
        return _error(
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
        return _judged(Finding(item.type, observed, n=data.rows, over=_over(item), limit=limit), item, success)
    if _number(answer.get("unexpected_count")) is not None:
        count = Finding(
            item.type, _number(answer["unexpected_count"]), n=data.rows, over=_over(item), limit=Limit("<=", 0)
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
        return Finding(item.type, n=n, over=_over(item), limit=limit, outcome=outcome, note=note, remedy=remedy)
    finding = Finding(item.type, share / 100, n=n, over=_over(item), limit=_share_limit(item))
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
        remedy = f"Mend the data, or the expectation {item.place} of the suite."
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
    finding = Finding(item.type, float(not success), n=data.rows, over=_over(item), limit=Limit("<=", 0), note=note)
    return _judged(finding, item, success)
