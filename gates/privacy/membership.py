"""Membership inference: how well the model's error tells the rows it was trained on from those it never saw."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aims_gates import Case, Dataset, Finding, intervals
from aims_gates.gatekit import common_sql, outcome_remedy

from .question import Question

__all__ = ["membership_findings"]

_MEASURE = "membership_auc"
_ONE_ROW = "Give the attack one row of each person."
#: The share of evaluation rows among the members from which on the two are not told apart.
_MOST_SHARED = 0.05
_UNKNOWN = "the two sets have no column in common but the label and what the model answered, which shows no shared rows"
_APART = "Give rows that the model was trained on as members, others as evaluation, both with their columns or an id."
_NOTE = (
    "0.5: the error tells nothing of who was in the training set; 1: it tells all (an attacker who knows the label and "
    "what the model answers, by the size of the error alone; a cleverer one may do better)"
)


def membership_findings(case: Case, question: Question) -> Iterator[Finding]:
    """membership_auc, where it has a limit: members against the evaluation rows, which must be no members.

    The attack takes the smaller error for a member's (S. Yeom, I. Giacomelli, M. Fredrikson and S. Jha, IEEE CSF 2018);
    its area under the ROC curve is the share of pairs that it tells apart, ties counting half. Interval: Newcombe's
    (2006).

    Raises:
        DataError: a column is missing or has rows without a value.
        InputError: labels are not declared.
    """
    limit = question.limits.get(_MEASURE)
    if limit is None:
        return
    missing = [role for role in ("members", "evaluation") if role not in case.data]
    if missing:
        remedy = "Predict the training rows (aims-gates predict), and give them as --data members=FILE."
        note = f"there is no {missing[0]} data, so the attack was not tried"
        yield Finding(_MEASURE, limit=limit, outcome="inconclusive", note=note, remedy=remedy, missing=True)
        return
    confidence = case.number("confidence", 0.5, 0.999999)
    members, others = (_errors(case, case.data[role]) for role in ("members", "evaluation"))
    area = _area(members, others)
    n = len(members) + len(others)
    if case.column("cluster") is not None:
        note = f"{_NOTE}; rows of one person go together, and no sound interval is known for that"
        yield Finding(_MEASURE, area, n=n, limit=limit, outcome="inconclusive", note=note, remedy=_ONE_ROW)
        return
    ends = intervals.auc_interval(area, len(members), len(others), confidence)
    outcome, shared = limit.verdict(area, *ends), _shared(case)
    if shared is None or shared > _MOST_SHARED:
        mixed = _UNKNOWN if shared is None else f"{shared:.0%} of the evaluation rows stand among the members"
        note = f"{_NOTE}; {mixed}, so the attack is easier to fool than it looks"
        outcome = "inconclusive" if outcome == "pass" else outcome
        yield Finding(_MEASURE, area, *ends, n=n, limit=limit, outcome=outcome, note=note, remedy=_APART)
        return
    advice = outcome_remedy(outcome, "Regularize the model, train on more rows, or train it with differential privacy.")
    yield Finding(_MEASURE, area, *ends, n=n, limit=limit, outcome=outcome, note=_NOTE, remedy=advice)


def _shared(case: Case) -> float | None:
    """The share of evaluation rows that stand among the members, by the role id, else by all columns that both have.

    None where no column says so.
    """
    members, evaluation = (case.data[role] for role in ("members", "evaluation"))
    answers = {name for role in ("target", "prediction", "score", "weight") for name in case.roles.get(role, ())}
    names = [name for name in evaluation.columns if name in members.columns and name not in answers]
    keys = [name for name in case.roles.get("id", ()) if name in names]
    if not names:
        return None
    content = ", ".join(common_sql(evaluation, members, name) for name in keys or names)
    sql = f"SELECT count(*) FROM data WHERE hash({content}) IN (SELECT hash({content}) FROM {members.table})"
    return int(evaluation.query(sql)[0][0]) / evaluation.rows


def _errors(case: Case, data: Dataset) -> npt.NDArray[np.float64]:
    """The error of each row, ascending: of the score where there is one, else of the prediction."""
    data.require()
    target, score = case.needed_column("target"), case.column("score")
    answer = score or case.needed_column("prediction")
    data.complete(target, answer)
    if score:
        if data.query(f"SELECT 1 FROM data WHERE {data.label_sql(target, case.params['positive'])} = 2 LIMIT 1"):
            raise data.strange_labels(target)
        error = f"abs({data.label_sql(target, case.params['positive'])} - CAST({data.quote(score)} AS DOUBLE))"
    elif data.kind(target) == data.kind(answer) == "numeric":
        error = f"abs(CAST({data.quote(target)} AS DOUBLE) - CAST({data.quote(answer)} AS DOUBLE))"
    else:
        error = f"CASE WHEN {data.same_sql(answer, target)} THEN 0.0 ELSE 1.0 END"
    parts = [batch.column(0).to_numpy(zero_copy_only=False) for batch in data.batches(f"SELECT {error} AS e FROM data")]
    errors: npt.NDArray[np.float64] = np.sort(np.concatenate(parts).astype(np.float64))
    return errors


def _area(members: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> float:
    """The share of pairs in which the member has the smaller error, ties counting half."""
    below, beside = (np.searchsorted(members, others, side=side) for side in ("left", "right"))
    return float((below + beside).sum() / (2 * len(members) * len(others)))
