"""Each perturbed row beside the row it was made from, as SQL."""

from dataclasses import dataclass

from aims_gates import Case, DataError, Dataset, InputError
from aims_gates.gatekit import cluster_sql

__all__ = ["Pairs", "read_pairs"]

_MOST_NAMES = 1000


@dataclass(frozen=True)
class Pairs:
    """What is compared.

    Attributes:
        data: The evaluation set.
        sql: ``SELECT p, d, e, y, s, t, c``: perturbation (NULL where none is named), prediction before and after,
            truth, score before and after (NULL where there is none), cluster.
        unmoved, right, still: SQL that is true where the prediction is the same value as before, and where it is the
            truth before and after; never NULL.
        names: Perturbation -> rows; one of the name None where no role says.
        by: The column with the role perturbation.
        judged: Whether there is a truth.
        scored: Whether both have scores.
        tolerance: How far a quantity may move; None where predictions are labels.
    """

    data: Dataset
    sql: str
    unmoved: str
    right: str
    still: str
    names: dict[str | None, int]
    by: str | None
    judged: bool
    scored: bool
    tolerance: float | None
    clustered: bool


def read_pairs(case: Case) -> Pairs:
    """Match the two sets by the role ``id`` where given, else by place.

    Raises:
        DataError: a set or column is missing, or the perturbed rows are not those of the evaluation set.
        InputError: a role or parameter makes no sense.
    """
    base, changed = case.dataset("evaluation"), case.dataset("perturbed")
    prediction, by = case.needed_column("prediction"), case.column("perturbation")
    target, score, key = case.column("target"), case.column("score"), case.column("id")
    base.complete(*filter(None, (prediction, target, key)))
    changed.require(prediction)
    if by:
        changed.complete(by)
        if key is None:
            remedy = "Name the column that identifies a row: --role id=COLUMN."
            raise InputError("several perturbations can only be matched by an id", where=case.gate, remedy=remedy)
    if key:
        changed.complete(key)
    labelled = [(base, prediction), (changed, prediction), *([(base, target)] if target else [])]
    _alike(*labelled)
    _finite(*labelled)
    scored = score is not None and all(score in data.columns for data in (base, changed))
    clustered = cluster_sql(case, base) is not None
    own = {"d": prediction, "y": target, "s": score if scored else None, "k": key, "c": case.column("cluster")}
    left = _side(base, own)
    again = target if target in changed.columns else None
    right = _side(changed, {"e": prediction, "y2": again, "t": score if scored else None, "k": key, "p": by})
    if key:
        _once(base, key, None)
        _once(changed, key, by)
        joined = f"({left}) AS a JOIN ({right}) AS b ON a.k = b.k"
    else:
        joined = f"({left}) AS a POSITIONAL JOIN ({right}) AS b"
    sql = f"SELECT CAST(p AS VARCHAR) AS p, d, e, y, y2, s, t, c FROM {joined}"
    alike = base.same_sql(target, target, changed, ("y", "y2")) if target and again else None
    _same(base, changed, sql, alike, by_place=key is None)
    right, still = _truths(base, changed, prediction, target)
    return Pairs(
        base,
        sql,
        f"coalesce({base.same_sql(prediction, prediction, changed, ('d', 'e'))}, false)",
        right,
        still,
        _names(base, sql),
        by,
        target is not None,
        scored,
        _tolerance(case, base, prediction),
        clustered,
    )


def _truths(base: Dataset, changed: Dataset, prediction: str, target: str | None) -> tuple[str, str]:
    """SQL that is true where the prediction is the truth before, and after."""
    if target is None:
        return "false", "false"
    right = base.same_sql(prediction, target, names=("d", "y"))
    still = changed.same_sql(prediction, target, base, ("e", "y"))
    return f"coalesce({right}, false)", f"coalesce({still}, false)"


def _alike(*places: tuple[Dataset, str]) -> None:
    """Labels can only be compared where all are numbers or truth values, or none is."""
    kinds = {data.kind(name) in ("numeric", "boolean") for data, name in places}
    if len(kinds) > 1:
        listed = "; ".join(
            f"{name!r} of {data.role}: {', '.join(data.common_values(name)[:2])}" for data, name in places
        )
        remedy = "Write predictions and truth in the same labels."
        raise InputError(
            f"some labels are numbers and some are text ({listed})", where=places[0][0].where, remedy=remedy
        )


def _finite(*places: tuple[Dataset, str]) -> None:
    for data, name in places:
        if data.kind(name) == "numeric" and data.query(
            f"SELECT 1 FROM data WHERE isinf(CAST({data.quote(name)} AS DOUBLE)) LIMIT 1"
        ):
            raise DataError(f"{name!r} holds infinite values", where=data.where, remedy="Remove or cap them.")


def _side(data: Dataset, columns: dict[str, str | None]) -> str:
    shown = [f"{data.quote(name) if name else 'NULL'} AS {short}" for short, name in columns.items() if short != "k"]
    if columns["k"]:
        text = f"CAST({data.quote(columns['k'])} AS VARCHAR)"
        shown.append(
            rf"regexp_replace({text}, '\.0+$', '') AS k" if data.kind(columns["k"]) == "numeric" else f"{text} AS k"
        )
    return f"SELECT {', '.join(shown)} FROM {data.table}"


def _once(data: Dataset, key: str, by: str | None) -> None:
    names = ", ".join(data.quote(name) for name in (key, by) if name)
    if data.query(f"SELECT 1 FROM data GROUP BY {names} HAVING count(*) > 1 LIMIT 1"):
        remedy = (
            "Name the column that identifies a row, and the perturbation where there are several (role perturbation)."
        )
        raise DataError(f"the same {key!r} is there twice", where=data.where, remedy=remedy)


def _same(base: Dataset, changed: Dataset, sql: str, alike: str | None, by_place: bool) -> None:
    remedy = "Perturb the evaluation rows themselves, keep their order or their id, and leave the target as it is."
    if by_place and base.rows != changed.rows:
        message = f"the perturbed data have {changed.rows:,} rows and the evaluation data {base.rows:,}"
        raise DataError(message, where=changed.where, remedy=remedy)
    counted = f"count(*) FILTER (NOT coalesce({alike or 'true'}, false))"
    matched, differing = base.query(f"SELECT count(*), {counted} FROM ({sql})")[0]
    if matched != changed.rows:
        message = f"{changed.rows - matched:,} perturbed rows are not in the evaluation data"
        raise DataError(message, where=changed.where, remedy=remedy)
    if differing:
        message = f"{differing:,} perturbed rows have another target than the rows they are matched with"
        raise DataError(message, where=changed.where, remedy=remedy)


def _names(data: Dataset, sql: str) -> dict[str | None, int]:
    result = data.query(f"SELECT p, count(*) FROM ({sql}) GROUP BY p ORDER BY p LIMIT {_MOST_NAMES + 1}")
    if len(result) > _MOST_NAMES:
        remedy = "Name the column that says how a row was perturbed."
        raise DataError(f"there are more than {_MOST_NAMES:,} perturbations", where=data.where, remedy=remedy)
    return {name: int(rows) for name, rows in result}


def _tolerance(case: Case, data: Dataset, prediction: str) -> float | None:
    tolerance, name = case.params["tolerance"], data.quote(prediction)
    number = data.kind(prediction) == "numeric"
    if tolerance is not None:
        if not number or tolerance < 0:
            remedy = "Give 0 or more, for predictions that are numbers; leave it out for labels."
            raise InputError(f"tolerance cannot be {tolerance!r}", where="parameter tolerance", remedy=remedy)
        return float(tolerance)
    if number and data.query(f"SELECT 1 FROM data WHERE {name} % 1 <> 0 LIMIT 1"):
        remedy = "Say how far a prediction may move: --param tolerance=NUMBER."
        raise InputError(f"{prediction!r} holds quantities, not labels", where=data.where, remedy=remedy)
    return None
