"""The verdict on a value with an interval: fail on the corrected interval, pass on the plain one."""

from aims_gates.model import Limit, Outcome

__all__ = ["judge_interval", "outcome_remedy"]

Ends = tuple[float, float]


def judge_interval(
    limit: Limit, value: float, plain: Ends, corrected: Ends | None = None
) -> tuple[Outcome, str | None]:
    """The outcome, and why it is open.

    Several values are judged beside each other, and one of them misses a limit by chance more easily than a single one.
    So a value fails only when its *corrected* interval lies outside the limit, and passes when its *plain* interval
    lies inside; whatever is left is inconclusive.

    Args:
        limit: What the value must be.
        value: The statistic.
        plain: Ends of its interval.
        corrected: Ends of the interval widened for the number of values judged together; None where there is one only.
    """
    if limit.verdict(value, *(plain if corrected is None else corrected)) == "fail":
        return "fail", None
    if limit.verdict(value, *plain) == "pass":
        return "pass", None
    also = "" if corrected is None or corrected == plain else " (after correction for several values)"
    return "inconclusive", f"the interval reaches over the limit{also}: more rows are needed"


def outcome_remedy(outcome: Outcome | None, fail: str, more: str = "Evaluate on more rows.") -> str | None:
    """What to do: ``fail`` where it failed, ``more`` where it is inconclusive, else nothing."""
    return {"fail": fail, "inconclusive": more}.get(outcome or "")
