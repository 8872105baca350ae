"""The measures of all rows by scikit-learn itself."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aims_gates import Dataset, Finding
from aims_gates.gatekit import agreement, sampled_rows

from .measured import Measured
from .rows import Rows

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

__all__ = ["crosscheck"]

#: Measure -> function of sklearn.metrics, whether of scores, and its further arguments.
_BINARY: Mapping[str, tuple[str, bool, Mapping[str, Any]]] = {
    "accuracy": ("accuracy_score", False, {}),
    "balanced_accuracy": ("balanced_accuracy_score", False, {}),
    "precision": ("precision_score", False, {"zero_division": float("nan")}),
    "recall": ("recall_score", False, {"zero_division": float("nan")}),
    "f1": ("f1_score", False, {"zero_division": float("nan")}),
    "roc_auc": ("roc_auc_score", True, {}),
    "log_loss": ("log_loss", True, {"labels": [0, 1]}),
    "brier": ("brier_score_loss", True, {}),
}
_CLASSES = {name: _BINARY[name] for name in ("accuracy", "balanced_accuracy")}
_NUMERIC: Mapping[str, tuple[str, bool, Mapping[str, Any]]] = {
    "r2": ("r2_score", False, {}),
    "mean_absolute_error": ("mean_absolute_error", False, {}),
    "mean_squared_error": ("mean_squared_error", False, {}),
    "root_mean_squared_error": ("root_mean_squared_error", False, {}),
}
_MEASURES = {"binary": _BINARY, "classes": _CLASSES, "numeric": _NUMERIC, "graded": {}}


def crosscheck(
    rows: Rows, most: int, measured: Mapping[str, Measured], measure: Callable[[Rows], Mapping[str, Measured]]
) -> Finding:
    """Whether the measures are scikit-learn's, on these rows or on a seeded sample of them.

    Args:
        rows: The case.
        most: How many rows are compared at most.
        measured: What the gate found of all rows.
        measure: How it would measure others, for a sample.
    """
    frame, whole = sampled_rows(rows.data, rows.base(), most)
    ours = measured if whole else measure(_of_sample(rows, frame))
    return agreement("scikit-learn", _figures(rows, frame, ours), len(frame), whole)


def _of_sample(rows: Rows, frame: "pd.DataFrame") -> Rows:
    from dataclasses import replace

    right = "d = y" if rows.kind == "classes" else "NULL"
    data = Dataset.open(frame.drop(columns="k"), role="evaluation")
    score = "s" if rows.score else None
    lists = rows.lists and replace(rows.lists, query="q", item=None, catalogue=None)
    rows = replace(rows, data=data, cluster=None, lists=lists)
    return replace(rows, target="y", prediction="d", score=score, weight="w", right=right)


def _figures(rows: Rows, frame: "pd.DataFrame", ours: Mapping[str, Measured]) -> Iterator[tuple[str, float, float]]:
    import sklearn.metrics

    weight = frame["w"].astype(float)
    if rows.kind == "binary":
        frame = frame.assign(d=frame["d"].replace(2, 3))
        if (frame["d"] == 3).any():  # a decision that is neither label, which scikit-learn would take for a class
            frame = frame.drop(columns="d")
    for name, (function, of_scores, more) in _MEASURES[rows.kind].items():
        column, value = ("s" if of_scores else "d"), ours.get(name)
        if value is None or value.value is None or column not in frame or frame[column].isna().all():
            continue
        if function == "log_loss" and not frame["s"].between(0, 1).all():
            continue
        theirs = getattr(sklearn.metrics, function)(frame["y"], frame[column], sample_weight=weight, **more)
        yield name, value.value, float(theirs)
    if rows.lists and (ndcg := ours.get("ndcg")) and ndcg.value is not None:
        yield "ndcg", ndcg.value, _ndcg(frame, rows.lists.k)


def _ndcg(frame: "pd.DataFrame", k: int) -> float:
    """The mean of scikit-learn's NDCG over queries, those of a length together; one alone has a place without gain."""
    import numpy as np
    from sklearn.metrics import ndcg_score

    total = weight = 0.0
    queries = frame.groupby("q", sort=False)
    lengths = queries["y"].transform("size")
    for length, part in frame.assign(w=frame["w"].astype(float)).groupby(lengths):
        ordered = part.sort_values("q", kind="stable")
        y, s, w = (ordered[name].to_numpy(float).reshape(-1, int(str(length))) for name in ("y", "s", "w"))
        if y.shape[1] == 1:
            y, s = np.pad(y, [(0, 0), (0, 1)]), np.hstack([s, s - 1])
        total += w[:, 0].sum() * ndcg_score(y, s, k=k, sample_weight=w[:, 0])
        weight += w[:, 0].sum()
    return float(total / weight)
