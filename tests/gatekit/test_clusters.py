"""Rates, ratios and bands of rows that have weights and go together, against the same formulas in NumPy."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates.data import Dataset, intervals
from aims_gates.gatekit import (
    Bin,
    RatioSums,
    SampleRate,
    Tally,
    bin_sql,
    calibration_bins,
    calibration_error,
    choose_bands,
    cluster_ratios,
    one_band,
    read_bands,
    tally_rows,
)

ROWS = "SELECT k AS k0, kind, w, c FROM data"


def linked(n: int = 600, seed: int = 3) -> pd.DataFrame:
    """Rows of about 60 clusters, of three kinds (2 is outside of the rate), in two slices."""
    draw = np.random.default_rng(seed)
    c = draw.integers(0, 60, n)
    leaning = draw.uniform(0.1, 0.9, 60)[c]
    kind = np.where(draw.uniform(size=n) < 0.2, 2, (draw.uniform(size=n) < leaning).astype(int))
    return pd.DataFrame({"k": np.where(draw.uniform(size=n) < 0.5, "a", "b"), "kind": kind,
                         "w": draw.integers(1, 5, n) / 2, "c": c,
                         "t": draw.normal(2, 1, n) + leaning, "b": draw.uniform(1, 2, n)})  # fmt: skip


def sizes_by_hand(part: pd.DataFrame) -> tuple[float, float, int]:
    """Rate, effective size and clusters of kind 1 among 0 and 1."""
    inside = part[part.kind < 2]
    w, hit = inside.w.to_numpy(), (inside.kind == 1).to_numpy()
    rate = float((w * hit).sum() / w.sum())
    residual = (inside.w * (hit - rate)).groupby(inside.c).sum()
    totals = inside.w.groupby(inside.c).sum()
    kish = w.sum() ** 2 / (w * w).sum()
    n = intervals.clustered_n(
        w.sum(),
        (totals**2).sum(),
        (w * (hit - rate) ** 2).sum(),
        (residual**2).sum(),
        len(totals),
        (-rate, 1 - rate),
        kish,
    )
    return rate, n, len(totals)


def test_a_rate_of_rows_that_go_together_has_the_size_of_the_formula() -> None:
    frame = linked()
    tallies = tally_rows(Dataset.open(frame, role="evaluation"), ROWS, 3, keys=1, cluster=True)
    assert set(tallies) == {("a",), ("b",)}
    for (key,), tally in tallies.items():
        part = frame[frame.k == key]
        rate, (value, n, clusters) = tally.rate([1], [0, 1]), sizes_by_hand(part)
        assert rate.value == pytest.approx(value, rel=1e-12)
        assert rate.n == pytest.approx(n, rel=1e-9) and rate.df == clusters - 1
        assert rate.n < intervals.effective_n(part[part.kind < 2].w.sum(), (part[part.kind < 2].w ** 2).sum())
        for kind in range(3):
            own = part[part.kind == kind].w
            expected = (len(own), own.sum(), (own**2).sum())
            assert (tally.rows[kind], tally.weights[kind], tally.squares[kind]) == pytest.approx(expected)


def test_rows_alone_weigh_by_kish_or_by_their_count() -> None:
    frame = linked()
    data, inside = Dataset.open(frame, role="evaluation"), frame[frame.kind < 2].w
    sampled, counted = (tally_rows(data, ROWS.replace("k AS k0, ", ""), 3, sampling=how)[()] for how in (True, False))
    assert sampled.rate([1], [0, 1]).n == pytest.approx(inside.sum() ** 2 / (inside**2).sum())
    assert counted.rate([1], [0, 1]).n == pytest.approx(inside.sum())
    assert sampled.rate([1], [0, 1]).df == math.inf
    assert Tally(np.array([2.0, 2.0]), np.array([2.0, 6.0]), np.array([2.0, 18.0])).rate(
        [1], [0, 1]
    ).n == pytest.approx(3.2)
    assert sampled.rate([0], []) == SampleRate(None, 0.0) and SampleRate(None, 0.0).interval(0.95) == (0.0, 1.0)


def test_the_interval_of_clusters_is_that_of_fewer_rows_by_students_quantile() -> None:
    independent, clustered = (SampleRate(0.3, 200.0, df).interval(0.95) for df in (math.inf, 7.0))
    assert independent == pytest.approx(intervals.exact_rate(60, 200, 0.95))
    assert SampleRate(0.3, 200.0).counts(0.95) == (60.0, 200.0) and SampleRate(0.0, 9.0).counts(0.95) == (0.0, 9.0)
    assert SampleRate(0.3, 200.0, 7.0).counts(0.95, 4)[1] < SampleRate(0.3, 200.0, 7.0).counts(0.95)[1]
    fewer = 200 * (1.959964 / 2.364624) ** 2
    assert SampleRate(0.3, 200.0, 7.0).counts(0.95)[1] == pytest.approx(fewer, rel=1e-5)
    assert clustered[0] < independent[0] < 0.3 < independent[1] < clustered[1]


def test_a_ratio_of_clusters_has_cochrans_error() -> None:
    frame = linked()
    data = Dataset.open(frame, role="evaluation")
    sums = cluster_ratios(data, "SELECT k AS k0, c, w, t, b FROM data", [("t", "b"), ("t", "1")], keys=1)
    for key in ("a", "b"):
        part = frame[frame.k == key]
        for ratio, base in zip(sums[key,], (part.b, pd.Series(1.0, part.index)), strict=True):
            top, bottom = (part.w * part.t).groupby(part.c).sum(), (part.w * base).groupby(part.c).sum()
            value, clusters = top.sum() / bottom.sum(), len(top)
            residual = ((top - value * bottom) ** 2).sum()
            error, df = ratio.error(value, bottom.sum()) or (math.nan, math.nan)
            assert error == pytest.approx(math.sqrt(residual * clusters / (clusters - 1)) / bottom.sum(), rel=1e-9)
            assert (
                ratio.error(value, -bottom.sum()) == pytest.approx((error, df))
                and df == clusters - 1 == ratio.clusters - 1
            )
    assert set(cluster_ratios(data, "SELECT c, w, t FROM data", [("t", "1")])) == {()}
    assert RatioSums(1, 1.0, 1.0, 1.0).error(1.0, 1.0) is None and RatioSums(2, 1.0, 1.0, 1.0).error(1.0, 0.0) is None
    assert RatioSums(2, 1.0, 2.0, 1.0).error(1.0, 1.0) == (0.0, 1.0)


def scored(n: int = 900) -> pd.DataFrame:
    draw = np.random.default_rng(5)
    s = draw.beta(2, 3, n)
    s[:200] = 0.25
    return pd.DataFrame({"k": np.where(draw.uniform(size=n) < 0.3, "a", None), "s": s, "w": draw.integers(1, 4, n) / 2,
                         "y": (draw.uniform(size=n) < s).astype(int), "c": draw.integers(0, 90, n)})  # fmt: skip


@pytest.mark.parametrize("cluster", [False, True])
@pytest.mark.parametrize("bands", ["quantile", "equal", [0.2, 0.5]])
def test_bands_hold_what_numpy_counts_in_them(bands: Any, cluster: bool) -> None:
    frame = scored()
    data, rows = Dataset.open(frame, role="evaluation"), "SELECT k, s, y, w, c FROM data"
    chosen = read_bands(data, rows, bands, 10)
    slices = calibration_bins(data, rows, chosen, key="k", cluster=cluster)
    assert list(slices) == [None, "a"]
    for key, bins in slices.items():
        part = frame[frame.k.isna() if key is None else frame.k == key]
        places = np.searchsorted(chosen.starts, chosen.index_of(part.s.to_numpy()), side="right")
        assert [one.place for one in bins] == sorted(set(places.tolist()))
        for one in bins:
            own = part[places == one.place]
            assert one.weight == pytest.approx(own.w.sum()) and one.share == pytest.approx(
                (own.w * own.y).sum() / own.w.sum()
            )
            assert one.mean_score == pytest.approx((own.w * own.s).sum() / own.w.sum())
            assert one.spans == (own.s.min() < own.s.max())
            kish = own.w.sum() ** 2 / (own.w**2).sum()
            assert one.n == pytest.approx(kish) if not cluster else one.n <= kish + 1e-6, (one, kish)
            if bands == "quantile":
                assert one.name == f"{own.s.min():.4g} to {own.s.max():.4g}"
    if bands == "quantile":
        alone = [one for one in slices[None] if not one.spans]
        assert [one.name for one in alone] == ["0.25 to 0.25"]  # more than a band's share have it


def test_scores_outside_count_nowhere_and_the_ends_count() -> None:
    frame = pd.DataFrame({"s": [-0.1, 0.0, 0.5, 1.0, 1.1, None], "y": 1, "w": [1, 1, 1, 1, 1, 1]})
    data = Dataset.open(frame, role="evaluation")
    for bands in ("quantile", "equal", [0.5]):
        bins = calibration_bins(data, "SELECT s, y, w FROM data", read_bands(data, "SELECT s, w FROM data", bands, 2))[
            None
        ]
        assert sum(one.weight for one in bins) == 3 and bins[-1].place == 1
    assert [row[0] for row in data.query(f"SELECT {bin_sql('s', 4)} FROM data WHERE s BETWEEN 0 AND 1 ORDER BY s")] == [
        0,
        2,
        3,
    ]


def test_the_calibration_error_is_the_mean_distance_and_its_ends_are_sums_of_the_bands_ends() -> None:
    bins = [_bin(0, 100, 0.2, 0.3), _bin(1, 300, 0.9, 0.7)]
    value, low, high = calibration_error(bins, 0.95)
    assert value == pytest.approx(0.25 * 0.1 + 0.75 * 0.2)
    ends = [one.rate.interval(0.95, 2) for one in bins]
    assert low == pytest.approx(0.25 * max(0.0, 0.3 - ends[0][1]) + 0.75 * (ends[1][0] - 0.7))
    assert high == pytest.approx(0.25 * (0.3 - ends[0][0]) + 0.75 * (ends[1][1] - 0.7))
    assert calibration_error([_bin(0, 1, 1.0, 0.0)], 0.95)[2] == 1.0
    assert calibration_error(bins, 0.95, 10)[2] > high


def test_one_band_that_spans_scores_and_holds_nine_tenths_tells_nothing() -> None:
    assert (
        one_band([_bin(0, 90, 0.5, 0.5), _bin(1, 10, 0.5, 0.5)])
        == "90% of the rows lie in one band (0): no error within it is seen"
    )
    assert one_band([_bin(0, 89, 0.5, 0.5), _bin(1, 11, 0.5, 0.5)]) is None
    assert one_band([_bin(0, 100, 0.5, 0.5, spans=False)]) is None


class _Listed:
    """Scores of one weight each, as arrays have them."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = np.array(scores)

    def ends(self) -> tuple[float, float] | None:
        return (float(self.scores.min()), float(self.scores.max())) if len(self.scores) else None

    def weights(self, bands: Any) -> list[tuple[float, float]]:
        places, counts = np.unique(bands.index_of(self.scores), return_counts=True)
        return list(zip(places.tolist(), counts.tolist(), strict=True))


def test_quantile_bands_are_filled_one_after_the_other() -> None:
    even = choose_bands(_Listed([place / 100 for place in range(100)]), "quantile", 10)
    counts = np.bincount(np.searchsorted(even.starts, even.index_of(np.arange(100) / 100), side="right"))
    assert counts.tolist() == [10] * 10
    assert (
        choose_bands(_Listed([]), "quantile", 10).starts
        == ()
        == choose_bands(_Listed([0.5] * 9), "quantile", 10).starts
    )
    heavy = choose_bands(_Listed([0.1] * 2 + [0.2] * 60 + [0.3, 0.9]), "quantile", 4)
    assert np.searchsorted(heavy.starts, heavy.index_of(np.array([0.1, 0.2, 0.3, 0.9])), side="right").tolist() == [
        0,
        1,
        2,
        2,
    ]


def _bin(place: int, rows: int, share: float, mean: float, *, spans: bool = True) -> Bin:
    counts = np.array([rows * (1 - share), rows * share])
    return Bin(place, str(place), float(rows), mean, Tally(counts, counts, counts).rate([1], [0, 1]), spans)
