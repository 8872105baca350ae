"""Great Expectations' own page of a suite's results, attached to the findings. It takes the rows into memory."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from aims_gates import Case, Dataset, Finding

from .running import run_whole
from .suite import Suite

__all__ = ["attach_html"]

#: Great Expectations holds all rows.
_MOST_ROWS = 500_000
#: What the page would fetch from elsewhere when somebody opens it: style sheets, scripts, a logo.
_REMOTE = re.compile(
    r"<script\b[^>]*\bsrc=\"https?:[^>]*>\s*</script>|<(?:link|img)\b[^>]*\b(?:href|src)=\"https?:[^>]*>", re.IGNORECASE
)


def attach_html(case: Case, suite: Suite, sets: Sequence[Dataset]) -> Iterator[Finding]:
    """Attach Great Expectations' page of each set; information that names it.

    It decides nothing: the verdicts are this gate's. No value of a row stands in it, and what it would fetch from
    elsewhere is taken out. It is left out, and that is said, above 500,000 rows and where the library refuses the
    suite.
    """
    for data in sets:
        by = {"dataset": data.role} if len(sets) > 1 else {}
        if data.rows > _MOST_ROWS:
            note = f"Great Expectations' own page is left out: it would take all {data.rows:,} rows into memory"
            yield Finding("expectations_report", by=by, note=note, remedy="Attach it on a sample of rows.")
            continue
        try:
            page = _page(suite, data)
        except ImportError as error:
            note = f"Great Expectations' own page is left out: the library cannot be imported here ({error})"
            yield Finding("expectations_report", by=by, note=note, remedy="pip install 'aims-gates[gates]'")
            continue
        except Exception as error:  # noqa: BLE001 - the page decides nothing, and the findings say what is wrong
            text = " ".join(str(error).split())[:200]
            note = f"Great Expectations' own page is left out: {type(error).__name__}: {text}"
            yield Finding("expectations_report", by=by, note=note, remedy="See this gate's findings on the suite.")
            continue
        name = f"{data.role}-great-expectations.html" if len(sets) > 1 else "great-expectations.html"
        case.attached[name] = page
        digest = sha256(page).hexdigest()
        note = f"Great Expectations' own page is attached as {name}, sha256:{digest}; the verdicts are this gate's"
        yield Finding("expectations_report", n=data.rows, by=by, note=note)


def _page(suite: Suite, data: Dataset) -> bytes:
    result = run_whole(suite, data)
    from great_expectations.render import renderer, view

    page: Any = renderer.ValidationResultsPageRenderer(run_info_at_end=True)  # type: ignore[attr-defined]
    look: Any = view.DefaultJinjaPageView()  # type: ignore[attr-defined]
    return _REMOTE.sub("", str(look.render(page.render(result)))).encode()
