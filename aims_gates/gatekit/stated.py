"""Findings that are yes or no."""

from collections.abc import Mapping
from typing import Any

from aims_gates.model import Finding, Limit

__all__ = ["HOLDS", "holds"]

#: The limit of a finding that is 1 where something holds and 0 where it does not.
HOLDS = Limit(">=", 1.0)


def holds(
    measure: str,
    yes: bool,
    *,
    note: str | None = None,
    remedy: str | None = None,
    controls: tuple[str, ...] = (),
    over: Mapping[str, Any] | None = None,
) -> Finding:
    """1 and pass where it holds; 0, fail and the remedy where it does not."""
    return Finding(
        measure,
        float(yes),
        over=over,
        limit=HOLDS,
        outcome="pass" if yes else "fail",
        controls=controls,
        note=note,
        remedy=None if yes else remedy,
    )
