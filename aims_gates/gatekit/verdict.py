"""The verdict on a value with an interval: fail on the corrected interval, pass on the plain one."""

from aims_gates.data.intervals import simultaneous
from aims_gates.model import FAILS_ALONE, Limit, Outcome

__all__ = ["fails_alone", "judge_interval", "outcome_remedy"]

Ends = tuple[float, float]


def judge_interval(
    limit: Limit, value: float, plain: Ends, corrected: Ends | None = None
) -> tuple[Outcome, str | None]:
    """The outcome, and why it is open.

    Several values are judged beside each other, and one of them misses a limit by chance more easily than a single one.
    So a value fails only when its *corrected* interval lies outside the limit, and passes when its *plain* interval
    lies inside; whatever is left is inconclusive. One whose plain interval lies outside "fails alone", and says so.

    Args:
        limit: What the value must be.
        value: The statistic.
        plain: Ends of its interval.
        corrected: Ends of the interval widened for the number of values judged together; None where there is one only.
    """
    several = None if corrected is None or corrected == plain else simultaneous(*corrected)
    if limit.verdict(value, *(plain if corrected is None else corrected)) == "fail":
        return "fail", several
    alone = limit.verdict(value, *plain)
    if alone == "pass":
        return "pass", None
    if alone == "fail" and several:
        return "inconclusive", fails_alone(several)
    why = "the interval reaches over the limit: more rows are needed"
    return "inconclusive", f"{why}; {several}" if several else why


def fails_alone(several: str | None, who: str = "") -> str:
    """The note of what misses its limit alone, but not after correction; ``several`` is the corrected interval."""
    whose = f" ({who})" if who else ""
    return f"{FAILS_ALONE}{whose}, but not beside the values judged with it: {several}"


def outcome_remedy(outcome: Outcome | None, fail: str, more: str = "Evaluate on more rows.") -> str | None:
    """What to do: ``fail`` where it failed, ``more`` where it is inconclusive, else nothing."""
    return {"fail": fail, "inconclusive": more}.get(outcome or "")
