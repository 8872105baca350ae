"""Makes card payments up: nobody paid, and nobody was defrauded. The same bytes on every machine."""

from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["FEATURES", "TARGET", "as_delivered", "mended", "quarter", "write"]

FEATURES = ("amount", "hour", "merchant_age_days", "disputes_before", "foreign")
TARGET = "fraud"


def quarter(seed: int, rows: int) -> pd.DataFrame:
    """Payments of a quarter: one in seven is fraud, more of it at night, abroad and at young merchants."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "amount": np.round(draw.gamma(2.0, 40.0, rows), 2),
            "hour": draw.integers(0, 24, rows),
            "merchant_age_days": draw.integers(5, 3000, rows),
            "disputes_before": draw.poisson(0.3, rows),
            "foreign": draw.integers(0, 2, rows),
            "age_band": np.resize(["18-34", "35-54", "55+"], rows),
        }
    )
    risk = -4.2 + 0.012 * frame.amount + 1.1 * frame.foreign + 0.9 * frame.disputes_before
    risk += 1.2 * (frame.hour < 6) + 1.0 * (frame.merchant_age_days < 200)
    frame[TARGET] = (draw.random(rows) < 1 / (1 + np.exp(-risk))).astype(int)
    return frame


def as_delivered(frame: pd.DataFrame) -> pd.DataFrame:
    """What the new processor sent: amounts in cents, some of them missing, and payments labelled twice, both ways."""
    bad = frame.assign(amount=frame.amount * 100)
    bad.loc[::16, "amount"] = None
    twice = bad.iloc[1:40].assign(**{TARGET: 1 - bad[TARGET].iloc[1:40]})
    return pd.concat([bad, twice], ignore_index=True)


def mended(delivered: pd.DataFrame) -> pd.DataFrame:
    """The same in euros, without the payments of which the amount or the label is not known."""
    whole = delivered.dropna(subset=["amount"])
    features = [name for name in whole.columns if name != TARGET]
    known = whole[~whole.duplicated(features, keep=False)]
    return known.assign(amount=(known.amount / 100).round(2))


def write(frame: pd.DataFrame, place: str) -> Path:
    """Write a set, each number in one fixed way."""
    path = Path(place)
    path.write_bytes(frame.to_csv(index=False, float_format="%.2f", lineterminator="\n").encode())
    return path
