"""How much of the story hangs on the split: both recipes on other splits of the same applications.

    python study.py [SPLITS] [HELD_OUT]

Prints one line for each split and the counts. It looks at every evaluation set there is, which is the reason why
README.md says that the recipe's results are not those of a first look.
"""

import sys
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import prepare
from sklearn.metrics import roc_auc_score
from train import WRONG_YES, features_of, mitigated, plain

from aims_gates import Limit, intervals

__all__ = ["look"]

GROUPS = ("white", "black", "hispanic")
FOUR_FIFTHS = Limit(">=", 0.8)


def look(model: object, held_out: pd.DataFrame) -> tuple[str, str]:
    """The verdict of the four-fifths rule, and the numbers in a line."""
    features, label = held_out[features_of(model)], held_out[prepare.TARGET].to_numpy()
    yes = np.asarray(model.predict(features))  # type: ignore[attr-defined]
    score = model.predict_proba(features)[:, 1]  # type: ignore[attr-defined]
    n = [int((held_out["race"] == group).sum()) for group in GROUPS]
    x = [int(yes[(held_out["race"] == group).to_numpy()].sum()) for group in GROUPS]
    verdict = intervals.judge_ratio(intervals.RatePairs.of(x, n), FOUR_FIFTHS).outcome
    shown = [f"{group} {a / b:.3f} of {b}" for group, a, b in zip(GROUPS, x, n, strict=True)]
    for place in (1, 2):
        low, high = intervals.ratio_score(x[place], n[place], x[0], n[0])
        ratio = x[place] / n[place] / (x[0] / n[0])
        shown.append(f"{GROUPS[place]}/white {ratio:.3f} ({float(low):.3f} to {float(high):.3f})")
    cost = (WRONG_YES * ((yes == 1) & (label == 0)).sum() + ((yes == 0) & (label == 1)).sum()) / len(label)
    shown.append(f"roc_auc {roc_auc_score(label, score):.3f}, accuracy {(yes == label).mean():.3f}, cost {cost:.3f}")
    return verdict, "; ".join(shown)


def main(splits: int, held_out: float) -> None:
    """Print every split, then the counts."""
    prepare.HELD_OUT = held_out
    table, counts = prepare.prepared(), Counter[tuple[str, str]]()
    for word in map(str, range(1, splits + 1)):
        reference, evaluation = prepare.split(table, word)
        for name, recipe in (("plain", plain), ("mitigated", mitigated)):
            verdict, numbers = look(recipe(reference), evaluation)
            counts[name, verdict] += 1
            print(f"{word:>3} {name:<9} {verdict:<12} {numbers}", flush=True)
    for (name, verdict), count in sorted(counts.items()):
        print(f"{name} {verdict}: {count} of {splits}")


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, float(sys.argv[2]) if len(sys.argv) > 2 else prepare.HELD_OUT)
