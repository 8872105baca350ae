"""Rows of production that stand in the reference or the evaluation set: such a set is no record of what users met."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from aims_gates import AimsGatesError, Case, Dataset, Finding, Outcome
from aims_gates.gatekit import common_sql

from .columns import Column
from .settings import Settings

__all__ = ["overlaps"]

_PASS_ROWS = 20_000_000
#: Where no row of production has the same values in so many columns, none has the same in all.
_TELLING = 2
#: Standard errors beyond which a share is more than chance.
_BEYOND = 3.0
#: What came out, or comes late, is no part of what came in.
_NOT_IN = ("target", "prediction", "score", "weight", "timestamp", "id")


def overlaps(case: Case, settings: Settings, production: Dataset, columns: Mapping[str, Column]) -> Iterator[Finding]:
    """row_overlap_share with the reference, and with the evaluation set where the case has one.

    Args:
        case: The data sets.
        settings: The limit.
        production: The set that is looked at.
        columns: The reference's columns that were compared; those in roles of outcomes are left out.
    """
    limit = settings.limits.get("row_overlap_share")
    if limit is None or settings.shares_rows:
        return
    out = {name for role in _NOT_IN for name in case.roles.get(role, ())}
    for role in ("reference", "evaluation"):
        other = case.data.get(role)
        if other is None:
            continue
        names = [name for name in columns if name not in out and name in other.columns]
        if not names:
            continue
        by = {"dataset": role}
        try:
            telling = sorted(names, key=lambda name: -max(columns[name].prefix, columns[name].values))[:_TELLING]
            yield _overlap(settings, (production, other), names, telling, by)
        except AimsGatesError as error:
            yield Finding("row_overlap_share", by=by, outcome="error", note=error.message, remedy=error.remedy)


def _overlap(
    settings: Settings, sets: tuple[Dataset, Dataset], names: Sequence[str], telling: Sequence[str], by: dict[str, str]
) -> Finding:
    """How many rows of production stand in another set, and whether chance could do that.

    A new row stands in a sample about as often as the sample's rows stand there more than once (I. J. Good, Biometrika
    40 (1953) 237-264): where rows repeat by nature, equal rows tell nothing.
    """
    limit, (production, other) = settings.limits["row_overlap_share"], sets
    apart = len(names) > len(telling) and not _any(production, other, telling)
    shared, repeated = (0, 0) if apart else _counts(production, other, names)
    n, chance = production.rows, repeated / other.rows
    value = shared / n
    note = f"{shared:,} of {n:,} rows stand in the {by['dataset']} data too, compared by {', '.join(names[:10])}"
    finding = Finding("row_overlap_share", value, n=n, by=by, limit=limit)
    error = (chance * (1 - chance) * (1 / n + 1 / other.rows)) ** 0.5
    if limit.met(value):
        return _with(finding, "pass", note)
    if not limit.met(value - chance - _BEYOND * error):
        remedy = f"Give production rows that users met, and none of the {by['dataset']} data."
        if len(names) == 1:
            return _with(
                finding, "inconclusive", f"{note}: one column does not tell a copied row from an equal one", remedy
            )
        return _with(finding, "fail", note, remedy)
    repeats = f"{chance:.3g} of its own rows are repeated there, so equal rows may be different cases"
    return _with(replace(finding, limit=None), None, f"{note}; {repeats}")


def _with(finding: Finding, outcome: Outcome | None, note: str, remedy: str | None = None) -> Finding:
    return replace(finding, outcome=outcome, note=note, remedy=remedy)


def _counts(production: Dataset, other: Dataset, names: Sequence[str]) -> tuple[int, int]:
    """Production rows whose content stands in the other set, and rows of the other set whose content is there twice.

    By a 64-bit hash of the content, in slices of it, so that memory stays bounded.
    """
    slices, (ours, theirs) = _slices(production, other), _hashed(production, other, names)
    shared = repeated = 0
    for place in range(slices):
        part = f"WHERE h % {slices} = {place}"
        grouped = f"SELECT h, count(*) AS n FROM ({{}}) AS s {part} GROUP BY h"
        mine, known = grouped.format(ours), grouped.format(theirs)
        same = f"SELECT coalesce(sum(p.n), 0) FROM ({mine}) AS p JOIN ({known}) AS r ON p.h = r.h"
        twice = f"SELECT coalesce(sum(n), 0) FROM ({known}) AS r WHERE n > 1"
        both, again = production.query(f"SELECT ({same}), ({twice})")[0]
        shared, repeated = shared + int(both), repeated + int(again)
    return shared, repeated


def _slices(production: Dataset, other: Dataset) -> int:
    return -(-(production.rows + other.rows) // _PASS_ROWS)


def _any(production: Dataset, other: Dataset, names: Sequence[str]) -> bool:
    """Whether some row of production has in these columns what some row of the other set has."""
    slices, (ours, theirs) = _slices(production, other), _hashed(production, other, names)
    for place in range(slices):
        mine, known = (f"SELECT h FROM ({rows}) AS s WHERE h % {slices} = {place}" for rows in (ours, theirs))
        if production.query(f"SELECT count(*) FROM ({mine}) AS p WHERE h IN ({known})")[0][0]:
            return True
    return False


def _hashed(production: Dataset, other: Dataset, names: Sequence[str]) -> tuple[str, str]:
    """``SELECT h``: the hash of these columns of each row, of production and of the other set."""
    content = f"hash({', '.join(common_sql(production, other, name) for name in names)})"
    return f"SELECT {content} AS h FROM data", f"SELECT {content} AS h FROM {other.table}"
