"""Our figures beside a library's own, computed from the same rows in the same run."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from aims_gates.data import Dataset
from aims_gates.model import Finding, Limit

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

__all__ = ["AGREEMENT", "agreement", "sampled_rows"]

#: The measure of the finding: the greatest difference of a figure from the library's, of a large figure relative to it.
AGREEMENT = "agreement"
#: Sums in another order differ by rounding alone.
_TOLERANCE = 1e-9
_SEED = 20_260_105
_SHOWN = 3


def sampled_rows(data: Dataset, sql: str, most: int) -> tuple["pd.DataFrame", bool]:
    """The rows of a query, or a seeded sample of about ``most`` where the set has more; and whether they are all.

    Args:
        data: The set; ``sql`` gives one row for each of its rows.
        sql: The query.
        most: How many rows are compared at most.
    """
    import pyarrow as pa

    share, draw = most / max(data.rows, 1), np.random.default_rng(_SEED)
    parts = [
        batch if share >= 1 else batch.filter(pa.array(draw.random(batch.num_rows) < share))
        for batch in data.batches(sql)
    ]
    return pa.Table.from_batches(parts).to_pandas(), share >= 1


def agreement(library: str, figures: Iterable[tuple[str, float, float]], rows: int, whole: bool) -> Finding:
    """Whether figures are the library's own to 1e-9; an error where one is not, or the library is not there.

    Args:
        library: The distribution, ``fairlearn``.
        figures: What each is, ours, and the library's; the library is imported as they are read. One that is undefined
            (NaN) for both is left out.
        rows: On how many rows they were compared.
        whole: Whether these are all rows.
    """
    limit = Limit("<=", _TOLERANCE)
    try:
        name = f"{library} {version(library)}"
        pairs = [(what, ours, theirs) for what, ours, theirs in figures if not (np.isnan(ours) and np.isnan(theirs))]
    except ImportError as error:
        note = f"the figures were to be compared with those of {library}, which cannot be imported here ({error})"
        remedy = "pip install 'aims-gates[gates]', or set crosscheck to 0 where the profile lets you."
        return Finding(AGREEMENT, n=rows, limit=limit, outcome="error", note=note, remedy=remedy, missing=True)
    if not pairs:
        note = f"{name} has no figure that this gate computes of these rows"
        return Finding(AGREEMENT, n=rows, outcome=None, note=note)
    gaps = {what: abs(ours - theirs) / max(1.0, abs(theirs)) for what, ours, theirs in pairs}
    differ = [pair for pair in pairs if not limit.met(gaps[pair[0]])]
    where = f"{rows:,} rows" if whole else f"a seeded sample of {rows:,} rows"
    if differ:
        texts = [f"{what}: {ours:.12g} here, {theirs:.12g} by {name}" for what, ours, theirs in differ[:_SHOWN]]
        more = [f"{len(differ) - _SHOWN} more"] if len(differ) > _SHOWN else []
        remedy = "Report this with both values: either the library changed a definition or this gate is wrong."
        note = "; ".join([*texts, *more])
        return Finding(AGREEMENT, n=rows, limit=limit, outcome="error", note=note, remedy=remedy)
    worst = max(gaps.values())
    note = f"{len(pairs)} figures agree with {name} to {max(worst, 1e-16):.0e}, on {where}"
    return Finding(AGREEMENT, worst, n=rows, limit=limit, outcome="pass", note=note)
