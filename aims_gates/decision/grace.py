"""A record's review that is due takes nothing down at once: how long what rests on it still counts (rule 22). Pure.

A finding that ends with a record's review (:attr:`aims_gates.model.Finding.renewal`) counts for the plan's days of
grace more, and no longer than it would if the review were made anew. A grant that stands falls by none of this.
"""

from dataclasses import replace
from datetime import date, timedelta

from aims_gates.attestation.trust_list import day
from aims_gates.model import Finding

__all__ = ["grace_of", "in_grace"]


def grace_of(finding: Finding, today: date, days: int) -> date | None:
    """The last day of grace of a finding whose review is due; None where none is due, or its grace has passed.

    Args:
        finding: Any.
        today: The day of the question, UTC.
        days: The plan's days of grace.
    """
    ended = day(finding.until or "")
    renewal = day(finding.renewal or "")
    if finding.limit is None or finding.outcome not in ("pass", "fail") or ended is None or renewal is None:
        return None
    last = min(ended + timedelta(days=days), renewal)
    return last if ended < today <= last else None


def in_grace(finding: Finding, today: date, days: int) -> Finding:
    """The finding as it counts today: in grace it holds as it did on the last day before its review was due."""
    if finding.limit is None or grace_of(finding, today, days) is None:
        return finding
    return replace(finding, outcome="pass", value=finding.limit.value, until=None, stale=False)
