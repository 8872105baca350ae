"""The rates of groups, and the gaps that fairlearn names, by fairlearn itself."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aims_gates import Dataset, Finding
from aims_gates.gatekit import agreement, sampled_rows

from .cells import MISSING, Cell, Table, count_cells, tabulate
from .groups import available, set_aside
from .measures import NAMED_GAPS
from .question import Question

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

__all__ = ["crosscheck"]

#: What fairlearn names by itself, or takes from scikit-learn.
_NAMED = ("selection_rate", "true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate")
Figure = tuple[str, float, float]


def crosscheck(
    question: Question,
    decided: str,
    cells: Sequence[Cell],
    sets: Iterable[tuple[str, ...]],
    findings: Sequence[Finding],
) -> Finding:
    """Whether rates and gaps are fairlearn's, on these rows or on a seeded sample of them.

    Args:
        question: The case; ``question.crosscheck`` rows are compared at most.
        decided: SQL of the decision.
        cells: What the gate counted of all rows.
        sets: The sets of sensitive columns.
        findings: The gate's; of a sample the gaps are not compared.
    """
    data = question.data
    groups = [f"coalesce(CAST({data.quote(name)} AS VARCHAR), '{MISSING}') AS {data.quote(name)}"
              for name in question.sensitive]  # fmt: skip
    weight = f"CAST({data.quote(question.weight)} AS DOUBLE)" if question.weight else "1.0"
    parts = ", ".join([*groups, f"{question.label or 0} AS aims_y", f"{decided} AS aims_d", f"{weight} AS aims_w"])
    frame, whole = sampled_rows(data, f"SELECT {parts} FROM data", question.crosscheck)
    if not whole:
        question, cells = _of_sample(question, frame)
    figures = _figures(question, cells, sets, findings if whole else (), frame)
    return agreement("fairlearn", figures, len(frame), whole)


def _figures(
    question: Question,
    cells: Sequence[Cell],
    sets: Iterable[tuple[str, ...]],
    findings: Sequence[Finding],
    frame: "pd.DataFrame",
) -> Iterator[Figure]:
    for columns in sets:
        table = tabulate(question, cells, columns, {})
        rows = frame[~(frame[list(columns)] == MISSING).any(axis=1)] if question.drop_missing else frame
        yield from _rates(question, table, rows, columns)
        if question.reference == "max" and not any(sizes.any() for sizes in set_aside(question, table)):
            yield from _gaps(findings, rows, columns)


def _of_sample(question: Question, frame: "pd.DataFrame") -> tuple[Question, list[Cell]]:
    """The same question about the sampled rows, and what the gate counts of them."""
    groups = {name: frame[name].where(frame[name] != MISSING) for name in question.sensitive}
    sample = replace(
        question,
        data=Dataset.open(frame.assign(**groups), role="evaluation"),
        label="aims_y" if question.label else None,
        decided="aims_d",
        weight="aims_w",
        score=None,
        control=(),
        ruled=False,
        declared=False,
        cluster=None,
        target="aims_y" if question.label else None,
        prediction="aims_d",
    )
    return sample, count_cells(sample, "aims_d")


def _rates(question: Question, table: Table, frame: "pd.DataFrame", columns: Sequence[str]) -> Iterator[Figure]:
    from fairlearn.metrics import MetricFrame

    names = [name for name in _functions() if name in available(question)]
    weights = {"sample_weight": frame["aims_w"]}
    by_group = MetricFrame(
        metrics={name: _functions()[name] for name in names},
        y_true=frame["aims_y"],
        y_pred=frame["aims_d"],
        sensitive_features=frame[list(columns)],
        sample_params=dict.fromkeys(names, weights),
    ).by_group
    for name in names:
        top, bottom = table.sums(name)
        for place, group in enumerate(table.names):
            if bottom[place] > 0:
                theirs = by_group.loc[group if len(columns) > 1 else group[0], name]
                yield f"{name} of {table.name(place)}", float(top[place] / bottom[place]), float(theirs)


def _gaps(findings: Sequence[Finding], frame: "pd.DataFrame", columns: Sequence[str]) -> Iterator[Figure]:
    import fairlearn.metrics

    for name in NAMED_GAPS:
        ours = next((one for one in findings if one.measure == name and not one.by and _about(one, columns)), None)
        if ours is not None and ours.value is not None:
            theirs = getattr(fairlearn.metrics, name)(
                frame["aims_y"],
                frame["aims_d"],
                sensitive_features=frame[list(columns)],
                sample_weight=frame["aims_w"],
            )
            yield f"{name} by {', '.join(columns)}", ours.value, float(theirs)


def _about(finding: Finding, columns: Sequence[str]) -> bool:
    return (finding.over or {}).get("sensitive") == list(columns)


def _functions() -> Mapping[str, Any]:
    import fairlearn.metrics
    from sklearn.metrics import accuracy_score

    return {"accuracy": accuracy_score, **{name: getattr(fairlearn.metrics, name) for name in _NAMED}}
