"""What is measured without a suite: missing values, duplicate rows, contradicting labels, age. All in DuckDB."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from aims_gates import Case, DataError, Dataset, Finding, InputError, Limit, Outcome

from .pushdown import counted

__all__ = ["Limits", "own_findings"]

_MEASURES = ("missing_share", "duplicate_share", "label_conflict_share", "duplicate_id_share")
_OPS = ("<=", "<")
#: No features: two rows that differ in these alone still contradict each other.
_NO_FEATURES = ("target", "prediction", "score", "weight", "timestamp", "id", "cluster")
_PASS_ROWS = 20_000_000
_DAY = 86_400.0


@dataclass(frozen=True)
class Limits:
    """Limits of the own measures.

    Attributes:
        shares: Measure -> limit.
        missing: Column -> limit of its missing_share, where columns differ.
        age: Of currentness, in days.
    """

    shares: Mapping[str, Limit]
    missing: Mapping[str, Limit]
    age: Limit | None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "Limits":
        """Read the parameters ``limits`` and ``max_age_days``.

        Raises:
            InputError: an unknown measure, or a limit that makes no sense.
        """
        shares, missing = {}, {}
        for measure, value in (params.get("limits") or {}).items():
            if measure not in _MEASURES:
                message = f"limits cannot name {measure!r}"
                raise InputError(message, where="parameter limits", remedy=f"Choose from: {', '.join(_MEASURES)}.")
            if measure == "missing_share" and isinstance(value, Mapping) and "op" not in value:
                missing = {column: _limit(measure, limit) for column, limit in value.items()}
            elif value is not None:
                shares[measure] = _limit(measure, value)
        age = params.get("max_age_days")
        if age is not None and not (math.isfinite(age) and age > 0):
            raise InputError(f"max_age_days cannot be {age!r}", where="parameters", remedy="Give a number above 0.")
        return cls(shares, missing, None if age is None else Limit("<=", float(age)))


def _limit(measure: str, raw: Any) -> Limit:
    shape = raw if isinstance(raw, Mapping) else {"op": "<=", "value": raw}
    op, value = shape.get("op"), shape.get("value")
    sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if set(shape) != {"op", "value"} or op not in _OPS or not sound:
        message = f"the limit of {measure} cannot be {raw!r}"
        raise InputError(message, where="parameter limits", remedy='Write a share, or {"op": "<=", "value": 0.05}.')
    return Limit(op, float(value or 0))


def own_findings(
    data: Dataset, limits: Limits, case: Case, non_null: Mapping[str, int] | None = None
) -> Iterator[Finding]:
    """missing_share of every column, duplicate_share, label_conflict_share and currentness where roles allow.

    Shares are facts about this set, not estimates, and have no interval. ``non_null`` says how many values each column
    holds, where that was counted already.
    """
    data.require()
    yield from _missing(data, limits, counted(data)[0] if non_null is None else non_null)
    limit = limits.shares.get("duplicate_share")
    # All rows have to be sorted for it: beside a suite that is done only where it decides something.
    if limit is not None or case.params.get("suite") is None:
        ids = case.roles.get("id", ())
        compared = tuple(name for name in data.columns if name not in ids) or data.columns
        note = "rows that repeat an earlier one" + (f", {', '.join(ids)} apart" if ids else "")
        yield _share("duplicate_share", data.rows - _distinct_rows(data, compared), data, limit, note)
    yield from _duplicate_ids(data, limits, case)
    yield from _label_conflicts(data, limits, case)
    if case.roles.get("timestamp"):
        yield _currentness(data, case.roles["timestamp"][0], limits.age, case.now)
    elif limits.age is not None:
        yield _needs("currentness", "timestamp")


def _duplicate_ids(data: Dataset, limits: Limits, case: Case) -> Iterator[Finding]:
    """duplicate_id_share, where a column identifies the rows; rows without an id count as repeated."""
    limit = limits.shares.get("duplicate_id_share")
    for name in case.roles.get("id", ()):
        data.require(name)
        different = data.query(f"SELECT count(DISTINCT {Dataset.quote(name)}) FROM data")[0][0]
        note = "rows whose id stands in an earlier row, or is missing"
        yield _share("duplicate_id_share", data.rows - int(different), data, limit, note, {"column": name})
    if limit is not None and not case.roles.get("id"):
        yield _needs("duplicate_id_share", "id")


def _label_conflicts(data: Dataset, limits: Limits, case: Case) -> Iterator[Finding]:
    """label_conflict_share, where the columns in the role target are there."""
    named = case.roles.get("target", ())
    absent = [name for name in named if name not in data.columns]
    if absent:
        yield _unlabelled(data, absent, limits)
    elif named:
        out = {name for role in _NO_FEATURES for name in case.roles.get(role, ())}
        features = tuple(name for name in data.columns if name not in out)
        yield from _conflicts(data, features, list(named), limits)
    elif "label_conflict_share" in limits.shares:
        yield _needs("label_conflict_share", "target")


def _unlabelled(data: Dataset, absent: Sequence[str], limits: Limits) -> Finding:
    """Labels may come later than other data; those of the evaluation set must be there."""
    limit = limits.shares.get("label_conflict_share")
    note = f"there is no column {', '.join(map(repr, absent))} in the {data.role} data, so labels were not compared"
    outcome: Outcome | None = "error" if limit or data.role == "evaluation" else None
    remedy = f"Name the labels with --role target=COLUMN; there are: {', '.join(data.columns[:40])}."
    return Finding("label_conflict_share", limit=limit, outcome=outcome, note=note, remedy=remedy)


def _needs(measure: str, role: str) -> Finding:
    note = f"it is under a limit and there is no column in the role {role}"
    return Finding(measure, outcome="error", note=note, remedy=f"Name one: --role {role}=COLUMN.")


def _share(
    measure: str, rows: int, data: Dataset, limit: Limit | None, note: str | None, over: Mapping[str, Any] | None = None
) -> Finding:
    value = rows / data.rows
    outcome = limit.verdict(value) if limit else None
    remedy = "Fix the data where it is made." if outcome == "fail" else None
    return Finding(measure, value, n=data.rows, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy)


def _missing(data: Dataset, limits: Limits, non_null: Mapping[str, int]) -> Iterator[Finding]:
    for name in data.columns:
        limit = limits.missing.get(name, limits.shares.get("missing_share"))
        yield _share("missing_share", data.rows - non_null[name], data, limit, None, {"column": name})
    for name in limits.missing:
        if name not in data.columns:
            note = f"there is no column {name!r} in the {data.role} data"
            remedy = f"Name one that is there: {', '.join(data.columns[:40])}."
            yield Finding("missing_share", over={"column": name}, outcome="error", note=note, remedy=remedy)


def _row(names: tuple[str, ...]) -> str:
    """A 64-bit hash of a row; two of ten million different rows collide once in 400,000 such sets."""
    return f"hash({', '.join(Dataset.quote(name) for name in names)})"


def _distinct_rows(data: Dataset, names: tuple[str, ...]) -> int:
    """Counted in slices of the hash, sorted, so that memory stays bounded."""
    slices = -(-data.rows // _PASS_ROWS)
    inner = f"SELECT {_row(names)} AS h FROM data"
    columns_missing = 0
    for place in range(slices):
        sliced = f"SELECT h FROM ({inner}) AS r" + (f" WHERE h % {slices} = {place}" if slices > 1 else "")
        parts = [batch.column(0).to_numpy(zero_copy_only=False) for batch in data.batches(sliced)]
        hashes = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        hashes.sort()
        columns_missing += int(np.count_nonzero(hashes[1:] != hashes[:-1])) + bool(len(hashes))
    return columns_missing


def _conflicts(data: Dataset, features: tuple[str, ...], targets: list[str], limits: Limits) -> Iterator[Finding]:
    """Rows that have the features of another row and a different label."""
    if not features:
        return
    label = _row(tuple(targets))
    groups = f"SELECT count(*) AS n, count(DISTINCT {label}) AS k FROM data GROUP BY {_row(features)}"
    rows = data.query(f"SELECT coalesce(sum(n), 0) FROM ({groups}) WHERE k > 1")[0][0]
    limit = limits.shares.get("label_conflict_share")
    yield _share(
        "label_conflict_share", int(rows), data, limit, "rows whose features stand elsewhere with another label"
    )


def _currentness(data: Dataset, name: str, limit: Limit | None, now: datetime) -> Finding:
    """Age in days of the latest timestamp; times without a zone are taken as UTC."""
    over = {"column": name}
    try:
        data.require(name)
    except DataError as error:
        return Finding("currentness", over=over, outcome="error", note=error.message, remedy=error.remedy)
    quoted = Dataset.quote(name)
    time = quoted if data.kind(name) == "datetime" else f"try_cast({quoted} AS TIMESTAMP)"
    latest, bad = data.query(
        f"SELECT epoch(max({time})), count(*) FILTER (WHERE {quoted} IS NOT NULL AND {time} IS NULL) FROM data"
    )[0]
    if latest is None or bad:
        note = f"{bad:,} values of {name!r} are no times"
        return Finding("currentness", over=over, outcome="error", note=note, remedy="Write ISO times.")
    age = (now - datetime.fromtimestamp(float(latest), UTC)).total_seconds() / _DAY
    note = f"days from the latest {name} to {now.date().isoformat()}"
    if age < -1:
        note = f"the latest {name} lies {-age:,.1f} days in the future"
        return Finding(
            "currentness", age, n=data.rows, over=over, outcome="error", note=note, remedy="Fix the clock or the data."
        )
    outcome = limit.verdict(age) if limit else None
    remedy = "Use newer data." if outcome == "fail" else None
    return Finding("currentness", age, n=data.rows, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy)
