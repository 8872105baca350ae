"""The six phases of a version's life: what the system's history records of them, and what the ledger saw. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from aims_gates.portfolio.fleet import ModelView

__all__ = ["PHASES", "VersionPhase", "phases"]

Name = Literal["design", "development", "testing", "deployment", "monitoring", "retirement"]
#: In order, as organization/lifecycle has them.
PHASES: tuple[Name, ...] = get_args(Name)


@dataclass(frozen=True)
class VersionPhase:
    """One phase of a version.

    Attributes:
        phase: Which.
        state: ``done``, ``now`` (the first that is not done) or ``to come``.
        on: The ISO day on which it was done, or since when it lasts; empty where nothing says so.
        source: Where that stands: a record, or a row of the ledger.
    """

    phase: Name
    state: Literal["done", "now", "to come"]
    on: str = ""
    source: str = ""


def phases(seen: ModelView, records: Mapping[str, Mapping[str, Any]]) -> tuple[VersionPhase, ...]:
    """All six phases of the version looked at.

    A deployment is what the ledger granted, whatever a record says; monitoring lasts while the grant stands.

    Args:
        seen: The version.
        records: The records of its system; empty where none are known.
    """
    done = dict(_recorded(records))
    granted = seen.ledger.grants(seen.version) if seen.version else []
    done.pop("deployment", None)
    if granted:
        done["deployment"] = (granted[0].at.date().isoformat(), f"ledger, row {granted[0].position}")
    now = next((name for name in PHASES if name not in done), None)
    watched = _watched(records)
    found = []
    for name in PHASES:
        on, source = done.get(name, ("", ""))
        if name == "monitoring" and name == now and seen.grant is not None and granted:
            on, source = max(watched, done["deployment"]) if watched else done["deployment"]
        found.append(VersionPhase(name, "done" if name in done else "now" if name == now else "to come", on, source))
    return tuple(found)


def _recorded(records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Name, tuple[str, str]]]:
    given = (records.get("history") or {}).get("history")
    for each in given if isinstance(given, list | tuple) else ():
        if isinstance(each, Mapping) and each.get("phase") in PHASES and each.get("done_on"):
            yield each["phase"], (str(each["done_on"]), "record history")


def _watched(records: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """The end of the last window on record."""
    given = (records.get("monitoring") or {}).get("windows")
    ends = [str(each["ended_on"]) for each in given or () if isinstance(each, Mapping) and each.get("ended_on")]
    return (max(ends), "record monitoring, last window") if ends else None
