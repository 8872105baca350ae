"""Another tier for a system: the changed text of its file, and what the change asks for. Nothing is written here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from aims_gates.decision.people import least_people
from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import read_bytes, read_yaml
from aims_gates.errors import InputError, RefusedError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.classification import RANK
from aims_gates.governance.records.reader import SystemRecord, record_files
from aims_gates.governance.records.tier import tier_problem
from aims_gates.model import Plan
from aims_gates.profiles import OVER

__all__ = ["Tier", "TierChange", "records_missing", "tier_change", "with_tier"]

Tier = Literal["minimal", "limited", "high"]


@dataclass(frozen=True)
class TierChange:
    """What another tier would change.

    Attributes:
        path: The system's file.
        before: Its bytes as they are.
        text: Its whole text as it would be.
        old: The plan as it is; None where the files give none today.
        new: The plan as it would be.
        records: The records that the new plan's gates read and that are not there.
        people: The least number of people, as it is (None with ``old``) and as it would be.
    """

    path: Path
    before: bytes
    text: str
    old: Plan | None
    new: Plan
    records: tuple[str, ...]
    people: tuple[int | None, int]

    def write(self) -> None:
        """Put the new text in the file's place, whole or not at all.

        Raises:
            InputError: the file was changed meanwhile, or cannot be written.
        """
        if read_bytes(self.path) != self.before:
            remedy = "Run the command again and look at the difference anew."
            raise InputError("the file was changed meanwhile; nothing was written", where=str(self.path), remedy=remedy)
        write_whole(self.path, self.text)

    @property
    def profile(self) -> str:
        """The new profile."""
        return self.new.profile

    def controls(self) -> dict[str, list[str]]:
        """The controls that stop a promotion, as they are added and taken away."""
        return _difference(_blocking(self.old), _blocking(self.new))

    def gates(self) -> dict[str, list[str]]:
        """The gates that apply, as they are added and taken away."""
        return _difference(_applying(self.old), _applying(self.new))


def tier_change(
    record: SystemRecord, planner: Planner, tier: Tier, profile: str | None, reason: str, today: date
) -> TierChange:
    """What becomes of a system at another tier.

    Args:
        record: The system as it is.
        planner: For its plans.
        tier: The new tier.
        profile: The new profile; by default the tier's own, with the overlays that the system has now.
        reason: Why; it stands as a comment above the tier. May be empty.
        today: The day on which its classification is asked.

    Raises:
        RefusedError: the answers of its classification give a higher tier, none, or a prohibited practice.
        InputError: the tier is lowered without a reason, the profile does not fit, or the file cannot be edited.
    """
    system = record.system
    chosen = profile or _with_overlays(system.profile or system.tier, tier)
    if RANK[tier] < RANK[system.tier] and not reason:
        remedy = "Say why, for those who review the change: --reason TEXT"
        message = f"{tier} is lower than {system.tier}: that needs a reason"
        raise InputError(message, where=record.document.where, remedy=remedy)
    changed = replace(record, system=system.model_copy(update={"tier": tier, "profile": chosen}))
    problem = tier_problem(changed, today)
    if problem is not None:
        remedy = f"Nothing was written. {problem.remedy or ''}".strip()
        raise RefusedError(f"{system.name} cannot be {tier}: {problem.message}", where=problem.where, remedy=remedy)
    new = planner.plan(changed)
    path = record.folder / "system.yaml"
    before = read_bytes(path)
    old = _plan_today(planner, record)
    values = {"tier": tier} | ({"profile": chosen} if system.profile is not None or chosen != tier else {})
    return TierChange(
        path,
        before,
        with_tier(before, str(path), values, _comment(tier, reason, today)),
        old,
        new,
        records_missing(changed, new, planner),
        (least_people(old).least if old else None, least_people(new).least),
    )


def _plan_today(planner: Planner, record: SystemRecord) -> Plan | None:
    try:
        return planner.plan(record)
    except (InputError, RefusedError):
        return None


def _with_overlays(profile: str, tier: str) -> str:
    return OVER.join([tier, *profile.split(OVER)[1:]])


def _comment(tier: str, reason: str, today: date) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in reason).split())
    return f"# {tier} since {today.isoformat()}: {words}" if words else ""


def with_tier(before: bytes, where: str, values: Mapping[str, str], comment: str) -> str:
    """A system's file with other values at its top; every other line stays as it is.

    Args:
        before: Its bytes.
        where: Its name, for messages.
        values: New values by key; a key that is not there is added after ``name``.
        comment: A whole line to stand above the first of them; empty for none.

    Raises:
        InputError: a value does not stand alone on its line, so that only a person can change it.
    """
    document = read_yaml(before, where)
    lines = before.decode("utf-8").splitlines(keepends=True)
    expected = {**document.value, **values}
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    for key, value in values.items():
        if key in document.value:
            place = _place(lines, key)
            if place is not None:
                lines[place] = re.sub(rf"^({key}\s*:\s*)[^\s#]+", rf"\g<1>{value}", lines[place])
        elif (place := _place(lines, "name")) is not None:
            lines.insert(place + 1, f"{key}: {value}{end}")
    first = _place(lines, next(iter(values)))
    if comment and first is not None:
        lines.insert(first, comment + end)
    text = "".join(lines)
    try:
        result = read_yaml(text.encode("utf-8"), where).value
    except InputError:
        result = None
    if result != expected:
        remedy = f"Write it by hand: {', '.join(f'{key}: {value}' for key, value in values.items())}"
        raise document.error((next(iter(values)),), "the value does not stand alone on its line", remedy)
    return text


def _place(lines: list[str], key: str) -> int | None:
    return next((index for index, line in enumerate(lines) if re.match(rf"{key}\s*:", line)), None)


def records_missing(record: SystemRecord, plan: Plan, planner: Planner) -> tuple[str, ...]:
    """The records that gates of a plan look at and that neither the system nor the organization has."""
    standard = record.pack / "records" / "organization" / "standard"
    shared = record_files(record.pack / "records" / "organization")
    own = record_files(record.folder).keys() | (record_files(standard).keys() if plan.tier == "minimal" else set())
    there = {f"organization/{name}" for name in shared} | {f"system/{name}" for name in own}
    return tuple(name for name in _records(plan, planner) if name not in there)


def _records(plan: Plan, planner: Planner) -> Iterable[str]:
    names: dict[str, None] = {}
    for step in plan.steps:
        manifest = planner.gates[step.gate].manifest
        reads = [name if "/" in name else f"system/{name}" for name in manifest.inputs.records]
        names |= dict.fromkeys([fact.record for fact in manifest.facts] or reads if step.applies else [])
    return names


def _blocking(plan: Plan | None) -> list[str]:
    return [rule.control for rule in plan.requirements if rule.enforcement == "block"] if plan else []


def _applying(plan: Plan | None) -> list[str]:
    return [step.gate for step in plan.steps if step.applies] if plan else []


def _difference(before: list[str], after: list[str]) -> dict[str, Any]:
    return {
        "added": [name for name in after if name not in before],
        "taken_away": [name for name in before if name not in after],
    }
