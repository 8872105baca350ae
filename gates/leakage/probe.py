"""The probe: does one column alone give the label away? Learned on the training set, measured on the evaluation set."""

from collections.abc import Iterator
from dataclasses import dataclass

from aims_gates import DataError, Dataset, Finding, InputError, Outcome, intervals

from .sets import Sets

__all__ = ["probe_findings"]

_MOST_CLASSES = 20
#: A number with at most so many values is looked at as a category too: 2 may mean yes where 1 and 3 mean no.
_FEW_VALUES = 50


@dataclass(frozen=True)
class _Area:
    value: float
    positives: float
    negatives: float


def probe_findings(sets: Sets) -> Iterator[Finding]:
    """single_feature_auc (single_feature_r2 where the target is a quantity) of every feature; nothing without a target.

    Raises:
        DataError: the target is not in both sets, is of another kind in each, or holds infinities.
        InputError: its labels are not declared.
    """
    target = sets.columns["target"]
    names = [name for name in ("single_feature_auc", "single_feature_r2") if name in sets.asked]
    if target is None:
        note = "no column has the role target, so no column was asked whether it gives the label away"
        yield from (Finding(name, limit=sets.limits[name], outcome="inconclusive", note=note) for name in names)
        if not names:
            yield Finding("single_feature_auc", note=note, remedy="Name it: --role target=COLUMN.")
        return
    for data in (sets.training, sets.evaluation):
        data.require(target)
        if data.kind(target) == "numeric" and data.query(
            f"SELECT 1 FROM data WHERE isinf(CAST({data.quote(target)} AS DOUBLE)) LIMIT 1"
        ):
            raise DataError(f"{target!r} holds infinite values", where=data.where, remedy="Remove or cap them.")
    kinds = {sets.training.kind(target), sets.evaluation.kind(target)}
    if len(kinds) > 1 and not kinds <= {"numeric", "boolean"}:
        message = f"the target {target!r} is {sets.training.kind(target)} there and {sets.evaluation.kind(target)} here"
        where = f"{sets.training.where}, {sets.evaluation.where}"
        raise DataError(message, where=where, remedy="Write the labels alike in both sets.")
    labels = _labels(sets, target)
    for name in sets.features:
        if name == target:
            continue
        if labels is None:
            if sets.training.kind(name) == "numeric" and sets.evaluation.kind(name) == "numeric":
                yield _correlation(sets, name, target)
        else:
            yield _area(sets, name, labels)


def _labels(sets: Sets, target: str) -> list[str] | None:
    """SQL of 1, 0 or NULL for each label that is told from the rest; None where the target is a quantity."""
    data = sets.training
    if sets.positive is not None and not isinstance(sets.positive, list):
        return [data.label_sql(target, sets.positive)]
    if not data.query(f"SELECT 1 FROM data WHERE {data.label_sql(target)} = 2 LIMIT 1"):
        return [data.label_sql(target)]
    column = data.quote(target)
    values = data.query(f"SELECT DISTINCT {column} FROM data WHERE {column} IS NOT NULL LIMIT {_MOST_CLASSES + 1}")
    if len(values) > _MOST_CLASSES:
        if data.kind(target) == "numeric":
            return None
        remedy = "Name the favourable label with 'positive', or another target."
        raise DataError(f"the target has more than {_MOST_CLASSES} classes", where=data.where, remedy=remedy)
    return [data.label_sql(target, value) for (value,) in sorted(values, key=str)]


def _area(sets: Sets, name: str, labels: list[str]) -> Finding:
    """The largest area under the ROC curve that the column alone reaches for some label."""
    areas = [area for label in labels for area in _areas(sets, name, label)]
    limit, over = sets.limits.get("single_feature_auc"), {"column": name}
    if not areas:
        why = "only one label occurs in the training or in the evaluation set"
        return Finding(
            "single_feature_auc", over=over, limit=limit, outcome="inconclusive" if limit else None, note=why
        )
    best = max(areas, key=lambda area: area.value)
    ends = intervals.auc_interval(best.value, best.positives, best.negatives, sets.confidence)
    n = best.positives + best.negatives
    outcome: Outcome | None = None
    note: str | None = None
    if limit is not None:
        outcome = limit.verdict(best.value, *ends)
        if outcome == "inconclusive" and not limit.met(best.value):
            # A probe is an alarm: it rings on the value itself, unless that rests on a handful of rows.
            enough = min(best.positives, best.negatives) >= sets.least
            outcome, note = ("fail", None) if enough else ("inconclusive", f"fewer than {sets.least} rows of a label")
        elif outcome == "inconclusive":
            note = "the interval reaches over the limit: evaluate on more rows"
    remedy = None
    if outcome == "fail":
        remedy = (
            f"Find out whether {name!r} is known before the decision; leave it out, or exclude it here and say why."
        )
    return Finding(
        "single_feature_auc", best.value, *ends, n=n, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy
    )


def _areas(sets: Sets, name: str, label: str) -> Iterator[_Area]:
    """By rank (either direction) where the column has an order, by category where it has few values or none."""
    column, data = sets.values(name), sets.evaluation
    number = {sets.training.kind(name), data.kind(name)} <= {"numeric", "datetime"}
    if number:
        area = _ranked(data, f"SELECT {column} AS v, {label} AS y FROM data")
        if area:
            yield _Area(max(area.value, 1 - area.value), area.positives, area.negatives)
        values = sets.training.query(
            f"SELECT count(*) FROM (SELECT 1 FROM data GROUP BY {column} LIMIT {_FEW_VALUES + 1})"
        )
        if values[0][0] > _FEW_VALUES:
            return
    rates = f"SELECT {column} AS c, avg({label}) AS r FROM {sets.training.table} WHERE {label} IN (0, 1) GROUP BY 1"
    base = f"SELECT avg({label}) FROM {sets.training.table} WHERE {label} IN (0, 1)"
    rows = f"SELECT {column} AS c, {label} AS y FROM data"
    joined = f"({rows}) AS e LEFT JOIN ({rates}) AS t ON e.c IS NOT DISTINCT FROM t.c"
    area = _ranked(data, f"SELECT coalesce(r, ({base})) AS v, y FROM {joined}")
    if area:
        yield area


def _ranked(data: Dataset, rows: str) -> _Area | None:
    """Mann and Whitney's share of pairs ranked rightly, ties counting half; missing values are the lowest."""
    counts = f"SELECT v, count(*) FILTER (y = 1) AS p, count(*) FILTER (y = 0) AS q FROM ({rows}) GROUP BY v"
    below = f"SELECT p, q, sum(q) OVER (ORDER BY v NULLS FIRST) - q / 2.0 AS beaten FROM ({counts})"
    area, m, n = data.query(f"SELECT sum(p * beaten), sum(p), sum(q) FROM ({below})")[0]
    return _Area(float(area) / (float(m) * float(n)), float(m), float(n)) if m and n else None


def _correlation(sets: Sets, name: str, target: str) -> Finding:
    """Squared correlation of the column and a quantity."""
    if sets.evaluation.kind(target) != "numeric":
        remedy = "Give the target the same type in both sets."
        raise InputError(f"the target {target!r} is no number", where=sets.evaluation.where, remedy=remedy)
    x, y = Dataset.quote(name), Dataset.quote(target)
    sql = f"SELECT CASE WHEN var_pop({x}) > 0 AND var_pop({y}) > 0 THEN corr({x}, {y}) END, count(*) FROM data"
    finite = f"isfinite(CAST({x} AS DOUBLE)) AND isfinite(CAST({y} AS DOUBLE))"
    r, n = sets.evaluation.query(f"{sql} WHERE {finite}")[0]
    limit, over = sets.limits.get("single_feature_r2"), {"column": name}
    if r is None:
        return Finding("single_feature_r2", n=n, over=over, note="constant, so it says nothing of the target")
    outcome: Outcome | None = limit.verdict(r * r) if limit else None
    if outcome == "fail" and n < sets.least:
        outcome = "inconclusive"
    message = f"Find out whether {name!r} is known before the decision." if outcome == "fail" else None
    return Finding("single_feature_r2", r * r, n=n, over=over, limit=limit, outcome=outcome, remedy=message)
