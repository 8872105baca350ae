"""Deadlines: one that was missed stays missed until a corrective action answers for it. More functions for facts.

A nonconformity answers for a delay that it names under ``about`` (``incidents/I-1/late``; ``incidents/I-1`` alone is
about the incident, not about when it was told), where it states cause, action, owner and date, somebody other than its
owner accepted that, and the date has not passed. That its effect is checked later blocks nothing. What still waits is
answered by nothing: it has to be done first.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Protocol

from aims_gates.packs.lacking import Lacking
from aims_gates.packs.role_holders import is_placeholder

__all__ = ["ANSWERS", "NONCONFORMITIES", "Clock", "functions"]

NONCONFORMITIES = "organization/nonconformities"
#: The functions whose answer hangs on the nonconformities.
ANSWERS = ("accepted", "answered", "corrected", "kept", "raised")
_STATED = ("cause", "action", "owner", "due", "accepted_by", "accepted_on")


class Clock(Protocol):
    """Days since and until a date; what was done lies in the past, and text that is no date is refused."""

    def since(self, text: Any) -> int: ...

    def until(self, text: Any) -> int: ...

    def day(self, text: Any) -> date: ...


def _field(entry: Any, name: str) -> Any:
    """A field of an entry; None where it is not there. The interpreter's mappings raise instead."""
    if not isinstance(entry, dict):
        raise Lacking(f"{entry!r} is no entry with fields")
    return dict.get(entry, name)


class _Deadlines:
    def __init__(self, clock: Clock, records: Mapping[str, Mapping[str, Any]], active: Callable[[Any], bool]) -> None:
        self._clock, self._records, self._active = clock, records, active

    def concerns(self, entry: Any) -> bool:
        """Whether an entry is about this system: it names it, all of them (``*``), or none."""
        own, system = self._records.get("system", {}).get("name"), _field(entry, "system")
        if system is not None and not isinstance(system, str):
            raise Lacking("the field 'system' is no name")
        return own is None or system in (None, "*", own)

    def accepted(self, nonconformity: Any) -> bool:
        """Whether a nonconformity has a corrective action that was accepted and is not overdue."""
        name = f"nonconformity {_field(nonconformity, 'id')}"
        for field in _STATED:
            if is_placeholder(str(_field(nonconformity, field) or "")):
                raise Lacking(f"{name} does not state {field!r}")
        accepted_by, done = _field(nonconformity, "accepted_by"), _field(nonconformity, "closed_on")
        if str(accepted_by) == str(_field(nonconformity, "owner")):
            raise Lacking(f"{name}: its owner has accepted the action alone")
        if not self._active(accepted_by):
            raise Lacking(f"{name}: {accepted_by}, who accepted it, is no active person of organization/roles")
        if self._before(_field(nonconformity, "accepted_on"), _field(nonconformity, "opened_on")):
            raise Lacking(f"{name} was accepted before it was opened")
        due = _field(nonconformity, "due")
        if self._clock.until(due) < 0 if done is None else self._late(done, due):
            raise Lacking(f"{name} was due on {due}")
        return True

    def _before(self, done: Any, begun: Any) -> bool:
        """Whether something done lies before it was begun; a date to come is refused."""
        self._clock.since(done)
        return self._clock.day(done) < self._clock.day(begun)

    def _late(self, done: Any, due: Any) -> bool:
        self._clock.since(done)
        return self._clock.day(done) > self._clock.day(due)

    def _about(self, place: str) -> Iterator[Any]:
        for entry in self._records.get(NONCONFORMITIES, {}).get("nonconformities") or ():
            if place in (_field(entry, "about") or ()) and self.concerns(entry):
                yield entry

    def raised(self, entry: Any, kind: Any) -> int:
        """How many nonconformities name an entry."""
        return sum(1 for _ in self._about(f"{kind}/{_field(entry, 'id')}"))

    def answered(self, entry: Any, kind: Any, begun: Any, done: Any, most: Any) -> bool:
        """Whether what began on one day was done within so many days, still may be, or is answered for."""
        if not self.concerns(entry):
            return True
        place, start = f"{kind}/{_field(entry, 'id')}", _field(entry, str(begun))
        waited = self._clock.since(start)
        end = _field(entry, str(done))
        if end is None:
            if waited > int(most):
                raise Lacking(f"{place} has waited {waited} days since {start}, and at most {int(most)} are allowed")
            return True
        if self._before(end, start):
            raise Lacking(f"{place}: {end} lies before {start}, when it began")
        days = (self._clock.day(end) - self._clock.day(start)).days
        late = f"{place}: {end} is {days} days after {start}, and at most {int(most)} are allowed"
        return days <= int(most) or self._answer(place, start, late)

    def kept(self, entry: Any, kind: Any, done: Any, due: Any) -> bool:
        """Whether something was done by its date, still may be, or a new date was accepted in its place."""
        if not self.concerns(entry):
            return True
        place, end, limit = f"{kind}/{_field(entry, 'id')}", _field(entry, str(done)), _field(entry, str(due))
        late = self._clock.until(limit) < 0 if end is None else self._late(end, limit)
        done_on = "is not done" if end is None else f"was done on {end}"
        return not late or self._answer(place, limit, f"{place} was due on {limit}, and {done_on}")

    def corrected(self, place: Any, since: Any) -> bool:
        """Whether a corrective action answers for what was done late, and should have been on this day."""
        return self._answer(str(place), since, f"{place} is late, and was due by {since}")

    def _answer(self, place: str, since: Any, late: str) -> bool:
        """Whether a nonconformity that was opened since then answers for what is late.

        Raises:
            Lacking: none does; it says what is late, and what the nonconformity lacks.
        """
        why = f"no nonconformity is about {place}/late"
        for nonconformity in self._about(f"{place}/late"):
            try:
                if self._clock.day(_field(nonconformity, "opened_on")) < self._clock.day(since):
                    raise Lacking(f"nonconformity {_field(nonconformity, 'id')} is older than what was late")
                return self.accepted(nonconformity)
            except Lacking as lacking:
                why = str(lacking)
        raise Lacking(f"{late}; {why}")


def functions(
    clock: Clock, records: Mapping[str, Mapping[str, Any]], active: Callable[[Any], bool]
) -> Mapping[str, Callable[..., Any]]:
    """The functions for facts, on these records.

    Args:
        clock: The day that is asked about.
        records: Every record by name.
        active: Whether somebody is an active person of the organization.
    """
    deadlines = _Deadlines(clock, records, active)
    return {
        "accepted": deadlines.accepted,
        "answered": deadlines.answered,
        "concerns": deadlines.concerns,
        "corrected": deadlines.corrected,
        "kept": deadlines.kept,
        "raised": deadlines.raised,
    }
