"""Permutation importance, from predictions on copies of the evaluation rows in which one column is shuffled.

``aims-gates predict --perturb`` makes them (perturbations ``permute:COLUMN:REPEAT``). Source: L. Breiman, Machine
Learning 45 (2001) 5-32.
"""

from aims_gates import Case, DataError, Dataset, intervals

from .importance import Feature
from .reasons import key_sql

__all__ = ["permuted_features"]

_PERMUTED = "^permute:(.*):[0-9]+$"


def permuted_features(case: Case, confidence: float) -> tuple[list[Feature], str]:
    """The features by importance, and what importance means: accuracy lost, or growth of the mean absolute error.

    Per row the losses of all repeats are averaged; the interval is Student's, over rows.

    Raises:
        DataError: a column is missing, nothing is permuted, or rows do not match.
        InputError: a role is missing.
    """
    base, changed = case.dataset("evaluation"), case.dataset("perturbed")
    key, prediction, target, by = (case.needed_column(role) for role in ("id", "prediction", "target", "perturbation"))
    base.complete(key, prediction, target)
    changed.complete(key, by)
    changed.require(prediction, values=False)
    quantity = _quantity(base, prediction, target)
    d, y, e = (
        _value(data, name, quantity) for data, name in ((base, prediction), (base, target), (changed, prediction))
    )
    name = f"CAST({changed.quote(by)} AS VARCHAR)"
    left = f"SELECT {key_sql(base, key)} AS k, {d} AS d, {y} AS y FROM data"
    right = (
        f"SELECT {key_sql(changed, key)} AS k, regexp_extract({name}, '{_PERMUTED}', 1) AS f, {e} AS e "
        f"FROM {changed.table} WHERE {name} LIKE 'permute:%'"
    )
    loss = "abs(e - y) - abs(d - y)" if quantity else "CAST(d = y AS INTEGER) - CAST(coalesce(e = y, FALSE) AS INTEGER)"
    joined = f"SELECT r.f AS f, l.k AS k, {loss} AS v FROM ({left}) AS l JOIN ({right}) AS r ON l.k = r.k"
    rows = f"SELECT f, k, avg(v) AS v, count(*) - count(v) AS z FROM ({joined}) AS j GROUP BY f, k"
    sql = f"SELECT f, count(*), avg(v), stddev_samp(v), sum(z) FROM ({rows}) AS p GROUP BY f ORDER BY avg(v) DESC, f"
    result = base.query(sql)
    _matched(base, changed, f"SELECT count(*) FROM ({joined}) AS j", name)
    if any(row[4] for row in result):
        raise DataError("permuted rows lack a prediction", where=changed.where, remedy="See why the model gave none.")
    features = []
    for place, (feature, n, mean, deviation, _) in enumerate(result, 1):
        ends = intervals.mean_interval(float(mean), float(deviation or 0.0), int(n), confidence)
        low, high = ends or (None, None)
        features.append(Feature(str(feature), float(mean), low, high, place))
    return features, "growth of the mean absolute error" if quantity else "accuracy lost when it is shuffled"


def _quantity(data: Dataset, prediction: str, target: str) -> bool:
    if data.kind(prediction) != "numeric" or data.kind(target) != "numeric":
        return False
    p, y = data.quote(prediction), data.quote(target)
    return bool(data.query(f"SELECT 1 FROM data WHERE {p} % 1 <> 0 OR {y} % 1 <> 0 LIMIT 1"))


def _value(data: Dataset, name: str, quantity: bool) -> str:
    if quantity or data.kind(name) in ("numeric", "boolean"):
        return f"CAST({data.quote(name)} AS DOUBLE)"
    return f"CAST({data.quote(name)} AS VARCHAR)"


def _matched(base: Dataset, changed: Dataset, joined: str, name: str) -> None:
    row = changed.query(f"SELECT count(*) FROM data WHERE {name} LIKE 'permute:%'")[0][0]
    if not row:
        remedy = "List columns under permute in the file that `aims-gates predict --perturb` reads."
        raise DataError("no column was permuted", where=changed.where, remedy=remedy)
    if base.query(joined)[0][0] != row:
        remedy = "Make both tables in one run of `aims-gates predict --perturb`."
        raise DataError("the permuted rows are not those of the evaluation data", where=changed.where, remedy=remedy)
