"""What shops ask of forecasts: WAPE, bias, pinball loss, by horizon, and against a seasonal-naive forecast."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_pinball_loss

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["y"], "prediction": ["d"]}


def forecasts(rows: int = 400, seed: int = 5) -> pd.DataFrame:
    """Sales, forecasts a little too high, a horizon and a shop."""
    random = np.random.default_rng(seed)
    y = random.gamma(4, 5, rows)
    d = y + random.normal(1, 4, rows)
    return pd.DataFrame({"y": y, "d": d, "horizon": np.arange(rows) % 2 + 1, "shop": np.arange(rows) // 8})


def of(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    """The one finding of a measure, overall or of a slice."""
    (finding,) = (finding for finding in findings if finding.measure == measure and dict(finding.by) == by)
    return finding


LIMITS: dict[str, Any] = {"wape": {"op": "<=", "value": 0.3}, "mean_error": {"op": "<=", "value": 1.0}}


@pytest.mark.parametrize("by", [{}, {"horizon": "2"}])
def test_values_are_the_formula_s_and_scikit_learn_s(run: Run, by: dict[str, str]) -> None:
    frame = forecasts()
    roles = {**ROLES, "slice": ["horizon"]}
    asked = {"limits": LIMITS, "slice_limits": LIMITS, "quantile": 0.9}
    findings = run("performance", {"evaluation": frame}, roles, task="forecast", **asked)
    part = frame if not by else frame[frame.horizon == 2]
    error = part.d - part.y
    wape, bias, pinball = (of(findings, name, **by) for name in ("wape", "mean_error", "pinball_loss"))
    assert wape.value == pytest.approx(error.abs().sum() / part.y.abs().sum(), abs=1e-12)
    assert bias.value == pytest.approx(error.mean(), abs=1e-12)
    assert pinball.value == pytest.approx(mean_pinball_loss(part.y, part.d, alpha=0.9), abs=1e-12)
    assert wape.outcome == "pass" and bias.outcome == "inconclusive" and pinball.outcome is None


def test_a_forecast_that_leans_low_has_a_bias_below_0(run: Run) -> None:
    frame = forecasts().assign(d=lambda f: f.y - 2 + f.y % 1)
    bias = of(run("performance", {"evaluation": frame}, ROLES, limits=LIMITS), "mean_error")
    assert bias.value is not None and bias.low is not None and bias.low < bias.value < -1
    assert bias.outcome == "pass"


def test_intervals_are_the_delta_method_s_and_hold_for_clusters(run: Run) -> None:
    frame = forecasts()
    plain = of(run("performance", {"evaluation": frame}, ROLES, limits=LIMITS), "wape")
    residual = (frame.d - frame.y).abs() - float(plain.value or 0) * frame.y
    reach = 1.959964 * np.sqrt((residual**2).mean() / len(frame)) / frame.y.mean()
    assert plain.high is not None and plain.value is not None
    assert plain.high - plain.value == pytest.approx(reach, rel=1e-6)
    together = frame.assign(d=lambda f: f.y + np.random.default_rng(1).normal(0, 9, 50)[f.shop])
    roles = {**ROLES, "cluster": ["shop"]}
    for name in ("wape", "mean_error"):
        alone = of(run("performance", {"evaluation": together}, ROLES, limits=LIMITS), name)
        linked = of(run("performance", {"evaluation": together}, roles, limits=LIMITS), name)
        assert linked.value == alone.value
        assert float(linked.high or 0) - float(linked.low or 0) > 2 * (float(alone.high or 0) - float(alone.low or 0))


def test_weights_in_another_unit_change_nothing(run: Run) -> None:
    frame = forecasts().assign(w=1.0, v=1000.0)
    for name in LIMITS:
        one, thousand = (
            of(run("performance", {"evaluation": frame}, {**ROLES, "weight": [w]}, limits=LIMITS), name) for w in "wv"
        )
        assert (one.value, one.low, one.high) == pytest.approx((thousand.value, thousand.low, thousand.high))


def test_nothing_sold_has_no_share_that_is_missed(run: Run) -> None:
    frame = forecasts().assign(y=0.0)
    finding = of(run("performance", {"evaluation": frame}, ROLES, limits=LIMITS, task="forecast"), "wape")
    assert finding.outcome == "inconclusive" and "0 in every row" in str(finding.note)


def test_a_seasonal_naive_forecast_is_a_champion(run: Run) -> None:
    frame = forecasts().assign(key=range(400))
    naive = frame.assign(d=frame.y.shift(7, fill_value=float(frame.y.mean())))
    limits = {"mean_absolute_error_champion_difference": {"op": "<=", "value": 0.0}}
    sets = {"evaluation": frame, "champion": naive}
    gap = of(run("performance", sets, {**ROLES, "id": ["key"]}, limits=limits), next(iter(limits)))
    assert gap.value == pytest.approx((frame.d - frame.y).abs().mean() - (naive.d - naive.y).abs().mean())
    assert gap.outcome == "pass"


#: Four sales with two forecasts, made on two days. Of 100 sold 7 and 18 are missed.
SMALL = pd.DataFrame({"y": [10, 20, 30, 40], "d": [12, 18, 33, 40], "cutoff": [1, 1, 2, 2], "horizon": [1, 2, 1, 2]})
NAIVE = SMALL.assign(d=[8, 26, 24, 44])
AGAINST = "wape_champion_difference"


def test_a_backtest_by_cut_off_and_horizon_has_the_values_worked_out_by_hand(run: Run) -> None:
    roles = {**ROLES, "slice": ["cutoff", "horizon"]}
    findings = run("performance", {"evaluation": SMALL}, roles, limits=LIMITS, quantile=0.75)
    for by, wape, bias, pinball in (
        ({}, 7 / 100, 3 / 4, (2 / 4 + 2 * 3 / 4 + 3 / 4) / 4),
        ({"cutoff": "1"}, 4 / 30, 0, (2 / 4 + 2 * 3 / 4) / 2),
        ({"cutoff": "2"}, 3 / 70, 3 / 2, (3 / 4) / 2),
        ({"horizon": "1"}, 5 / 40, 5 / 2, (2 / 4 + 3 / 4) / 2),
        ({"horizon": "2"}, 2 / 60, -1, (2 * 3 / 4) / 2),
    ):
        values = [of(findings, name, **by).value for name in ("wape", "mean_error", "pinball_loss")]
        assert values == pytest.approx([wape, bias, pinball], abs=1e-12), by


def test_the_gap_to_a_champion_s_wape_is_worked_out_by_hand(run: Run) -> None:
    limits = {AGAINST: {"op": "<=", "value": 0.0}}
    findings = run("performance", {"evaluation": SMALL, "champion": NAIVE}, ROLES, limits=limits, quantile=0.75)
    finding = of(findings, AGAINST)
    # Gaps of the errors: 0, -4, -3, -4; less -.11 times the sales: 1.1, -1.8, .3, .4, with a mean square of 1.175.
    assert finding.value == pytest.approx(0.07 - 0.18, abs=1e-12)
    assert finding.high == pytest.approx(-0.11 + 1.959964 * np.sqrt(1.175 / 4) / 25, abs=1e-7)
    assert finding.low == pytest.approx(-0.11 - 1.959964 * np.sqrt(1.175 / 4) / 25, abs=1e-7)
    assert finding.outcome == "pass"
    ours, theirs = (mean_pinball_loss(frame.y, frame.d, alpha=0.75) for frame in (SMALL, NAIVE))
    assert of(findings, "pinball_loss_champion_difference").value == pytest.approx(ours - theirs, abs=1e-12)
    roles = {**ROLES, "slice": ["horizon"]}
    other = run("performance", {"evaluation": NAIVE, "champion": SMALL}, roles, limits=limits)
    ahead = [of(other, AGAINST, horizon=horizon) for horizon in "12"]
    # By horizon: 8 less 5 of 40 sold, and 10 less 2 of 60.
    assert [f.value for f in ahead] == pytest.approx([3 / 40, 8 / 60], abs=1e-12)
    assert {f.outcome for f in ahead} == {None} and all(
        f.low is not None and f.low < float(f.value or 0) for f in ahead
    )
    absolute = of(other, "mean_absolute_error_champion_difference", horizon="2")
    assert (absolute.value, absolute.n) == pytest.approx((4, 2), abs=1e-12)
    assert of(other, AGAINST).value == pytest.approx(0.11, abs=1e-12) and of(other, AGAINST).outcome == "fail"


def test_a_champion_s_gap_is_wider_for_clusters_and_not_asked_for_without_a_limit(run: Run) -> None:
    random = np.random.default_rng(1)
    frame = forecasts().assign(d=lambda f: f.y + random.normal(0, 9, 50)[f.shop])
    sets = {"evaluation": frame, "champion": frame.assign(d=frame.y + random.normal(0, 5, len(frame)))}
    limits = {AGAINST: {"op": "<=", "value": 0.0}}
    alone = of(run("performance", sets, ROLES, limits=limits), AGAINST)
    linked = of(run("performance", sets, {**ROLES, "cluster": ["shop"]}, limits=limits), AGAINST)
    assert linked.value == alone.value
    slices = {**ROLES, "cluster": ["shop"], "slice": ["horizon"]}
    whole = frame.assign(horizon=1)
    one = of(run("performance", {**sets, "evaluation": whole}, slices, limits=limits), AGAINST, horizon="1")
    assert (one.value, one.low, one.high) == pytest.approx((linked.value, linked.low, linked.high))
    assert float(linked.high or 0) - float(linked.low or 0) > 1.5 * (float(alone.high or 0) - float(alone.low or 0))
    assert AGAINST not in {f.measure for f in run("performance", sets, ROLES, limits={"r2": {"op": ">=", "value": 0}})}
