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


def phases(model: ModelView, records: Mapping[str, Mapping[str, Any]]) -> tuple[VersionPhase, ...]:
    """All six phases of the version looked at.

    A deployment is what the ledger granted, whatever a record says; monitoring lasts while the grant stands.

    Args:
        model: The version.
        records: The records of its system; empty where none are known.
    """
    done = dict(_recorded(records))
    granted = model.ledger.grants(model.version) if model.version else []
    done.pop("deployment", None)
    if granted:
        done["deployment"] = (granted[0].at.date().isoformat(), f"ledger, row {granted[0].position}")
    now = next((name for name in PHASES if name not in done), None)
    watched = _watched(records)
    version_phases = []
    for name in PHASES:
        on, source = done.get(name, ("", ""))
        if name == "monitoring" and name == now and model.grant is not None and granted:
            on, source = max(watched, done["deployment"]) if watched else done["deployment"]
        version_phases.append(
            VersionPhase(name, "done" if name in done else "now" if name == now else "to come", on, source)
        )
    return tuple(version_phases)


def _recorded(records: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Name, tuple[str, str]]]:
    history = (records.get("history") or {}).get("history")
    for entry in history if isinstance(history, list | tuple) else ():
        if isinstance(entry, Mapping) and entry.get("phase") in PHASES and entry.get("done_on"):
            yield entry["phase"], (str(entry["done_on"]), "record history")


def _watched(records: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """The end of the last window on record."""
    windows = (records.get("monitoring") or {}).get("windows")
    ends = [str(entry["ended_on"]) for entry in windows or () if isinstance(entry, Mapping) and entry.get("ended_on")]
    return (max(ends), "record monitoring, last window") if ends else None
