"""A suite run by great-expectations itself, on a pandas frame that holds only the columns it needs."""

import io
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

from aims_gates import Dataset, Finding

from .suite import Expectation, Suite

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["error_of", "over_of", "run_library", "run_whole"]

_MARK = "aims_gates_place"
_ABOUT_COLUMNS = ("expect_table_column", "expect_column_to_exist")


def over_of(item: Expectation) -> dict[str, Any]:
    """Where an expectation's finding stands: its place in the suite, and its columns."""
    place: dict[str, Any] = {"expectation": item.place}
    return {"column": ", ".join(item.columns), **place} if item.columns else place


def error_of(item: Expectation, note: str, remedy: str) -> Finding:
    """The finding of an expectation that could not be computed."""
    return Finding(item.type, over=over_of(item), outcome="error", note=note, remedy=remedy)


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


def run_library(suite: Suite, items: Sequence[Expectation], data: Dataset) -> dict[int, Any]:
    """Place -> what great-expectations returned, or the finding that says why it could not run."""
    with _quiet():
        built, results = _build(items)
        if not built:
            return results
        about_names = [item for item in items if item.place in built and _about_names(item)]
        others = [item for item in items if item.place in built and not _about_names(item)]
        for expectations, frame in ((about_names, _names), (others, _frame)):
            if expectations:
                batch = _batch(frame(expectations, data))
                for group in _rounds(expectations):
                    results.update(_round(batch, group, built, suite.parameters))
    for item in items:
        note = "great-expectations gave no result for it"
        results.setdefault(item.place, error_of(item, note, "Look at its arguments."))
    return results


def run_whole(suite: Suite, data: Dataset) -> Any:
    """Great-expectations' own result of the whole suite, in one validation, without values of rows."""
    with _quiet():
        built, _ = _build(suite.expectations)
        items = [item for item in suite.expectations if item.place in built]
        return _validated(_batch(_frame(items, data)), items, built, suite.parameters)


def _batch(frame: "pd.DataFrame") -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    source = context.data_sources.add_pandas("aims_gates").add_dataframe_asset("data")
    return source.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})


def _validated(
    batch: Any, items: Iterable[Expectation], built: Mapping[int, Any], parameters: Mapping[str, Any]
) -> Any:
    import great_expectations as gx

    return batch.validate(
        gx.ExpectationSuite(name="aims_gates", expectations=[built[item.place] for item in items]),
        result_format={"result_format": "BASIC", "partial_unexpected_count": 0},
        expectation_parameters=dict(parameters) or None,
    )


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
    try:
        result = _validated(batch, items, built, parameters)
    except Exception as error:  # noqa: BLE001 - whatever the library raises is a finding of that expectation
        if len(items) > 1:
            alone = [_round(batch, [item], built, parameters) for item in items]
            return {place: result for outcome in alone for place, result in outcome.items()}
        note = f"great-expectations could not run it: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return {items[0].place: error_of(items[0], note, "Check its arguments, and the suite's parameters.")}
    # What could not run is listed first, so the place is read from the mark, not from the order.
    return {one.expectation_config.meta[_MARK]: one for one in result.results}


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
            refused[item.place] = error_of(item, note, "Check its spelling, or import what defines it.")
        except (TypeError, ValueError) as error:
            note = f"its arguments do not fit: {' '.join(str(error).split())[:300]}"
            refused[item.place] = error_of(item, note, "Check its kwargs in great-expectations' gallery.")
    return built, refused


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
