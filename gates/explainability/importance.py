"""A table of importances, made where the model is: feature, importance, and low and high where it has intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from aims_gates import DataError, Dataset, Finding, Limit, Outcome

__all__ = ["Feature", "importance_findings", "read_importances"]

_SHOWN = 20


@dataclass(frozen=True)
class Feature:
    """A feature and how much it matters; ``rank`` 1 matters most."""

    name: str
    value: float
    low: float | None
    high: float | None
    rank: int


def importance_findings(
    features: Sequence[Feature], forbidden: Sequence[str], limit: Limit | None, message: str | None = None
) -> Iterator[Finding]:
    """importance of the twenty most important features, and forbidden_importance of every forbidden one.

    The latter is the feature's share of all positive importance; it passes when the whole interval keeps the limit.
    ``message`` is what importance means here.
    """
    total = sum(max(0.0, feature.value) for feature in features)
    for feature in features[:_SHOWN]:
        note = f"{feature.rank} of {len(features)}" + (f"; {message}" if message else "")
        yield Finding("importance", feature.value, feature.low, feature.high, over={"feature": feature.name}, note=note)
    for pattern in dict.fromkeys(map(str, forbidden)):
        matched = [feature for feature in features if fnmatchcase(feature.name, pattern)]
        yield from (_forbidden(feature, len(features), total, limit) for feature in matched)
        if not matched:
            yield _absent(pattern, features, limit)


def read_importances(data: Dataset) -> list[Feature]:
    """A table of importances, most important first.

    Raises:
        DataError: a column is missing or incomplete, or a feature stands twice.
    """
    data.complete("feature", "importance")
    ends = [name for name in ("low", "high") if name in data.columns]
    for name in ("importance", *ends):
        if data.kind(name) != "numeric" or data.query(
            f"SELECT 1 FROM data WHERE isinf(CAST({name} AS DOUBLE)) LIMIT 1"
        ):
            remedy = "Write finite numbers."
            raise DataError(f"the column {name!r} holds no finite numbers", where=data.where, remedy=remedy)
    if len(ends) == 2 and data.query("SELECT 1 FROM data WHERE low > importance OR high < importance LIMIT 1"):
        remedy = "low and high are the ends of an interval around importance."
        raise DataError("an importance lies outside its own interval", where=data.where, remedy=remedy)
    if data.query("SELECT 1 FROM data GROUP BY feature HAVING count(*) > 1 LIMIT 1"):
        raise DataError("a feature stands twice", where=data.where, remedy="Give one row per feature.")
    low, high = ("low", "high") if len(ends) == 2 else ("NULL", "NULL")
    sql = f"SELECT CAST(feature AS VARCHAR), importance, {low}, {high} FROM data ORDER BY importance DESC, feature"
    return [
        Feature(
            str(name), float(value), None if low is None else float(low), None if high is None else float(high), place
        )
        for place, (name, value, low, high) in enumerate(data.query(sql), 1)
    ]


def _forbidden(feature: Feature, features: int, total: float, limit: Limit | None) -> Finding:
    over, note = {"feature": feature.name}, f"{feature.rank} of {features} by importance"
    if total <= 0:
        nothing: Outcome | None = "inconclusive" if limit else None
        note = "no feature matters at all"
        return Finding("forbidden_importance", over=over, limit=limit, outcome=nothing, note=note)
    value, low, high = (None if x is None else max(0.0, x) / total for x in (feature.value, feature.low, feature.high))
    outcome = limit.verdict(value, low, high) if limit else None
    if low is None:
        note += "; the table gives no interval, so the value alone decides"
    remedies = {"fail": "Train without it and what stands for it.", "inconclusive": "Permute more often, on more rows."}
    remedy = remedies.get(outcome or "")
    return Finding(
        "forbidden_importance", value, low, high, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy
    )


def _absent(pattern: str, features: Sequence[Feature], limit: Limit | None) -> Finding:
    alike = [feature.name for feature in features if pattern.strip("*_").lower() in feature.name.lower()]
    note = "not among the features of the table"
    if alike:
        note += f"; these sound alike: {', '.join(alike[:5])}"
    outcome = limit.verdict(0.0) if limit else None
    if outcome == "pass" and alike:
        outcome = "inconclusive"
    remedy = f'Forbid them too, with a pattern such as "{pattern}*", or name the feature exactly.' if alike else None
    return Finding(
        "forbidden_importance",
        0.0,
        over={"feature": pattern},
        limit=limit,
        outcome=outcome,
        note=note,
        remedy=remedy,
    )
