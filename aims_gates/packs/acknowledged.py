"""What people acknowledged: more functions for facts, over the acts of the ledger.

``acknowledged(record, share)``  so large a share of the people on the trust list acknowledged the record's text as it
                                 reads; false where nobody ever acknowledged any, so that the record decides
``completed(person, course, n)`` the person acknowledged the course, or organization/training notes that they finished
                                 it, no longer ago than ``n`` days
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from aims_gates.packs.deadlines import Clock
from aims_gates.packs.lacking import Lacking

__all__ = ["functions", "looked_at"]

_TRAINING = "organization/training"
_ASKED = re.compile(r"""\backnowledged\(\s*["']([^"']+)["']""")
_COMPLETED = re.compile(r"\bcompleted\(")
Acts = Mapping[str, Iterable[Mapping[str, Any]]]
Records = Mapping[str, Mapping[str, Any]]


def looked_at(expression: str, acts: Acts, records: Records) -> Iterator[str]:
    """What the functions of an expression look at: ``act:DIGEST`` and ``record:NAME``.

    Args:
        expression: Calls of these functions are searched for in it.
        acts: What the ledger holds, by kind, as plain values.
        records: Every record by name.
    """
    for name in _ASKED.findall(expression):
        if name in records:
            yield f"record:{name}"
            lists = list(acts.get("trust_lists", ()))
            yield from (f"act:{act['row']}" for act in (*_present(name, acts, records), *lists[-1:]))
    if _COMPLETED.search(expression):
        yield from (f"act:{act['row']}" for act in _about(acts) if str(act["about"]).startswith("course "))


def functions(clock: Clock, records: Records, acts: Acts) -> Mapping[str, Callable[..., Any]]:
    """What expressions may call.

    Args:
        clock: The day that is asked about.
        records: Every record by name.
        acts: What the ledger holds, by kind, as plain values.
    """
    return {
        "acknowledged": lambda name, share: _acknowledged(str(name), float(share), clock, records, acts),
        "completed": lambda person, course, days: _completed(str(person), str(course), int(days), clock, records, acts),
    }


def _about(acts: Acts) -> Iterable[Mapping[str, Any]]:
    return acts.get("acknowledgements", ())


def _present(name: str, acts: Acts, records: Records) -> list[Mapping[str, Any]]:
    """The acknowledgements of a record's text as it now reads."""
    # All shapes of records come with it.
    from aims_gates.governance.records.parts import parts_of

    digest = parts_of(name, records[name]).digests()["digest"]
    return [act for act in _about(acts) if act["about"] == name and act.get("digest") == digest]


def _acknowledged(name: str, share: float, clock: Clock, records: Records, acts: Acts) -> bool:
    lists = list(acts.get("trust_lists", ()))
    if name not in records or not lists or not any(act["about"] == name for act in _about(acts)):
        return False
    people: Mapping[str, str] = lists[-1].get("people", {})
    today = [person for person, last in people.items() if not last or clock.until(last) >= 0]
    missing = sorted(set(today) - {act["person"] for act in _present(name, acts, records)})
    signed = len(today) - len(missing)
    if today and signed >= share * len(today):
        return True
    counted = f"{signed} of {len(today)} people on the trust list acknowledged {name} as it reads"
    raise Lacking(f"{counted}, and {share:.0%} have to; missing: {', '.join(missing) or 'anybody'}")


def _completed(person: str, course: str, days: int, clock: Clock, records: Records, acts: Acts) -> bool:
    own = [act["on"] for act in _about(acts) if act["about"] == f"course {course}" and act["person"] == person]
    noted = records.get(_TRAINING, {}).get("completed") or []
    entries = [entry for entry in noted if isinstance(entry, Mapping)]
    own += [entry.get("date") for entry in entries if (entry.get("person"), entry.get("course")) == (person, course)]
    if any(clock.since(day) <= days for day in own):
        return True
    raise Lacking(f"{person} has not finished the course {course} within {days} days")
