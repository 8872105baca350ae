"""evidently's own report of the two sets, attached to the findings. It takes the rows into memory."""

import warnings
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from aims_gates import Case, Dataset, Finding

__all__ = ["attach_html"]

NAME = "evidently.html"
#: evidently holds all rows, twice, and its page grows with them.
_MOST_ROWS = 500_000


def attach_html(case: Case, reference: Dataset, production: Dataset, columns: Sequence[str]) -> Iterator[Finding]:
    """Attach evidently's page on these columns, made by its own methods; information that names it.

    It decides nothing: the verdicts are this gate's. It is left out, and that is said, above 500,000 rows and where
    evidently cannot be imported (0.7.23 cannot beside pandas 3.1).
    """
    rows = reference.rows + production.rows
    if rows > _MOST_ROWS:
        note = f"evidently's own page is left out: it would take all {rows:,} rows into memory"
        yield Finding("evidently_report", note=note, remedy="Attach it on a sample of rows.")
        return
    try:
        page = _page(reference, production, columns)
    except ImportError as error:
        note = f"evidently's own page is left out: evidently cannot be imported here ({error})"
        remedy = "pip install 'aims-gates[gates]', which brings evidently and a pandas before 3.1 that it works with."
        yield Finding("evidently_report", note=note, remedy=remedy)
        return
    case.attached[NAME] = page
    digest = sha256(page).hexdigest()
    note = f"evidently's own page is attached as {NAME}, sha256:{digest}; the verdicts are this gate's, not its"
    yield Finding("evidently_report", n=rows, note=note)


def _page(reference: Dataset, production: Dataset, columns: Sequence[str]) -> bytes:
    import numpy as np

    state = np.random.get_state()
    try:
        with warnings.catch_warnings(), TemporaryDirectory() as place:
            warnings.simplefilter("ignore")
            from evidently import Report
            from evidently.presets import DataDriftPreset

            current, before = (data.pandas(columns) for data in (production, reference))
            snapshot = Report([DataDriftPreset(columns=list(columns))]).run(current, before)
            snapshot.save_html(str(Path(place) / NAME))
            return (Path(place) / NAME).read_bytes()
    finally:
        np.random.set_state(state)
