"""The three models of the mortgage example: what a model says is whether an application may go on the fast track.

The label is the lender's own decision in 1990. A wrong fast track (the lender would have refused) is reckoned to cost
four times as much as a needless look by an underwriter; this fixes the operating point, `P(approved) >= 0.8`, without a
look at any data. Race is never a feature; version 2 and 3 use it in training alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from prepare import FEATURES, TARGET, TRACT
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Floats = np.ndarray[Any, Any]

__all__ = ["WRONG_YES", "features_of", "mitigated", "plain"]

#: Cost of a wrong fast track, in needless looks.
WRONG_YES = 4.0
#: The most by which the groups' fast-track rates may differ in training.
_BOUND = 0.005
#: Strong: a parity learnt on 80 Black and 45 Hispanic applications has to hold for others.
_SHRINKAGE = 0.01
_RESAMPLES = 10


def features_of(model: object) -> Sequence[str]:
    """The columns a trained model asks for."""
    return list(model.feature_names_in_)  # type: ignore[attr-defined]


def plain(reference: pd.DataFrame) -> FixedThresholdClassifier:
    """Version 1: a logistic regression on everything in the file but race, neighbourhood included."""
    columns = [*FEATURES, *TRACT]
    model = make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler(), LogisticRegression(max_iter=2000))
    decided = FixedThresholdClassifier(model, threshold=WRONG_YES / (WRONG_YES + 1), response_method="predict_proba")
    return decided.fit(reference[columns], reference[TARGET])


def mitigated(reference: pd.DataFrame) -> Pipeline:
    """Version 2: no neighbourhood columns, and fairlearn's exponentiated gradient under demographic parity.

    The algorithm gives a committee of logistic regressions with weights and would let chance choose a member for each
    application. Here the weighted mean of their probabilities decides (from 0.5 up; the costs stand in the training
    objective), so the same application always gets the same answer, without race being asked for. One run of it
    changes its mind about whole groups when a few rows leave, so the committees of ten resamples sit together.
    """
    from sklearn.ensemble import VotingClassifier
    from sklearn.frozen import FrozenEstimator

    columns = list(FEATURES)
    target, race = reference[TARGET].to_numpy(), reference["race"].to_numpy()
    scaler = StandardScaler().fit(reference[columns])
    scaled = scaler.transform(reference[columns])
    result: list[tuple[float, LogisticRegression]] = []
    # The matrices are small: a second thread of the linear algebra takes CPU time and makes nothing faster.
    with threadpool_limits(1):
        for seed in range(_RESAMPLES):
            rows = np.random.default_rng(seed).integers(0, len(target), len(target))
            result.extend(_committee(scaled[rows], target[rows], race[rows]))
    members = [(f"member_{place}", FrozenEstimator(member)) for place, (_, member) in enumerate(result)]
    committee = VotingClassifier(members, voting="soft", weights=[weight for weight, _ in result])
    return Pipeline([("scale", scaler), ("committee", committee)]).fit(reference[columns], target)


def _committee(features: Floats, target: Floats, race: Floats) -> list[tuple[float, LogisticRegression]]:
    """One run of the algorithm: weights and members."""
    from fairlearn.reductions import DemographicParity, ErrorRate, ExponentiatedGradient

    search = ExponentiatedGradient(
        LogisticRegression(C=_SHRINKAGE, max_iter=2000),
        DemographicParity(difference_bound=_BOUND),
        objective=ErrorRate(costs={"fp": WRONG_YES, "fn": 1.0}),
        eps=_BOUND,
        nu=1e-3,
    )
    search.fit(features, target, sensitive_features=race)
    return [(float(w), member) for w, member in zip(search.weights_, search.predictors_, strict=True) if w > 1e-6]
