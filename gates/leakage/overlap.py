"""Rows that stand in both sets, rows that stand twice, and the order in time. Counted exactly, over all rows."""

from collections.abc import Iterator

from aims_gates import DataError, Dataset, Finding

from .sets import Sets

__all__ = ["overlap_findings", "time_finding"]

_PASS_ROWS = 20_000_000
_DAY = 86_400.0


def overlap_findings(sets: Sets) -> Iterator[Finding]:
    """row_overlap_share, duplicate_share, and id_overlap_share where both sets have the role ``id``'s column.

    They are facts about these two sets, not estimates, and have no interval.
    """
    content = f"hash({', '.join(sets.values(name) for name in sets.features)})"
    shared, distinct = _counts(sets, content)
    yield _share(sets, "row_overlap_share", shared, _overlap_note(sets, shared, distinct))
    twice = sets.evaluation.rows - distinct
    yield _share(sets, "duplicate_share", twice, f"{twice:,} rows repeat the features of an earlier one")
    key = sets.columns["id"]
    if key is None or any(key not in data.columns for data in (sets.training, sets.evaluation)):
        if "id_overlap_share" in sets.asked:
            yield _needs(sets, "id_overlap_share", "id")
        return
    same, _ = _counts(sets, f"hash({sets.values(key)})", f"{Dataset.quote(key)} IS NOT NULL")
    yield _share(sets, "id_overlap_share", same, f"{same:,} rows whose {key} stands in the training set too")


def _counts(sets: Sets, content: str, where: str = "TRUE") -> tuple[int, int]:
    """Evaluation rows whose content stands in the training set, and the evaluation set's distinct contents.

    By a 64-bit hash of the content: two sets of ten million rows give one false match in 180,000 such pairs. Done in
    slices of the hash, so that memory stays bounded.
    """
    slices = -(-(sets.training.rows + sets.evaluation.rows) // _PASS_ROWS)
    hashes = f"SELECT {content} AS h FROM {{}} WHERE {where}"
    ours, theirs = hashes.format("data"), hashes.format(sets.training.table)
    both = distinct = 0
    for place in range(slices):
        part = f"WHERE h % {slices} = {place}"
        sql = (
            f"SELECT coalesce(sum(n) FILTER (t.h IS NOT NULL), 0), count(*) FROM "
            f"(SELECT h, count(*) AS n FROM ({ours}) {part} GROUP BY h) AS e "
            f"LEFT JOIN (SELECT DISTINCT h FROM ({theirs}) {part}) AS t ON e.h = t.h"
        )
        same, once = sets.evaluation.query(sql)[0]
        both, distinct = both + int(same), distinct + int(once)
    return both, distinct


def _overlap_note(sets: Sets, shared: int, distinct: int) -> str:
    names = ", ".join(sets.features[:10]) + (" ..." if len(sets.features) > 10 else "")
    notes = [f"{shared:,} of {sets.evaluation.rows:,} rows stand in the training set, compared by {names}"]
    if sets.numbered:
        notes.append(f"left out because they number the rows: {', '.join(sets.numbered)}")
    if shared and distinct < sets.evaluation.rows / 2:
        notes.append(f"there are only {distinct:,} different rows: equal rows may be different cases here")
    return "; ".join(notes)


def _share(sets: Sets, measure: str, rows: int, note: str) -> Finding:
    limit, n = sets.limits.get(measure), sets.evaluation.rows
    outcome = limit.verdict(rows / n) if limit else None
    remedy = "Split again so that no case stands on both sides, and train again." if outcome == "fail" else None
    return Finding(measure, rows / n, n=n, limit=limit, outcome=outcome, note=note, remedy=remedy)


def _needs(sets: Sets, measure: str, role: str) -> Finding:
    note = f"it is under a limit and the two sets have no column in the role {role}"
    remedy = f"Name one that both have: --role {role}=COLUMN; or set its limit to null."
    return Finding(measure, limit=sets.limits[measure], outcome="inconclusive", note=note, remedy=remedy)


def time_finding(sets: Sets) -> Iterator[Finding]:
    """time_gap_days: from the latest training row to the earliest evaluation row; nothing where no role says which.

    Raises:
        DataError: a value is no time.
    """
    name, limit = sets.columns["timestamp"], sets.limits.get("time_gap_days")
    if name is None or limit is None:
        if "time_gap_days" in sets.asked:
            yield _needs(sets, "time_gap_days", "timestamp")
        return
    latest, earliest = _time(sets.training, name, "max"), _time(sets.evaluation, name, "min")
    gap = (earliest - latest) / _DAY
    outcome = limit.verdict(gap)
    note = f"days from the latest {name} of training to the earliest of evaluation"
    remedy = "Evaluate on rows that are later than all of training, or set this limit to null and say why."
    yield Finding(
        "time_gap_days",
        gap,
        n=sets.evaluation.rows,
        over={"column": name},
        limit=limit,
        outcome=outcome,
        note=note,
        remedy=remedy if outcome == "fail" else None,
    )


def _time(data: Dataset, name: str, end: str) -> float:
    data.require(name)
    quoted = data.quote(name)
    if data.kind(name) == "numeric":
        remedy = "Write ISO times."
        raise DataError(f"the numbers in {name!r} are no times", where=data.where, remedy=remedy)
    time = quoted if data.kind(name) == "datetime" else f"try_cast({quoted} AS TIMESTAMP)"
    sql = f"SELECT epoch({end}({time})), count(*) - count({time}) FROM data"
    shared, bad = data.query(sql)[0]
    if bad:
        remedy = "Write ISO times in every row: a row without one may lie on the wrong side."
        raise DataError(f"{bad:,} values of {name!r} are no times", where=data.where, remedy=remedy)
    return float(shared)
