"""What the records of a pack say already, by the keys under which it would be asked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.reader import read_record, record_files
from aims_gates.governance.records.skeleton import KINDS, starting

__all__ = ["known_from_records"]

#: What is asked for new records anew; so is the day of approval, which no field of the table holds.
_ANEW = ("next_review", "policy_text_approved")


def known_from_records(pack: Path, system: str) -> Mapping[str, Any]:
    """What is filled in of those facts that several records need; not what two records say differently.

    Args:
        pack: The pack's root.
        system: Whose records count beside the organization's.

    Raises:
        InputError: a record cannot be read.
    """
    values: dict[str, list[Any]] = {}
    folders = {"organization": pack / "records" / "organization", "system": pack / "records" / "systems" / system}
    for group, folder in folders.items():
        for stem, path in record_files(folder).items():
            if (name := f"{group}/{stem}") in KINDS or stem == "card":
                for key, value in _pairs(starting(name), read_record(path).value):
                    values.setdefault(key, []).append(value)
    return {key: value[0] for key, value in values.items() if all(value[0] == other for other in value)}


def _pairs(start: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Keys of the table, each with what stands in its place."""
    if isinstance(start, dict) and isinstance(value, dict):
        for name, part in start.items():
            if name in value:
                yield from _pairs(part, value[name])
    elif isinstance(start, list) and isinstance(value, list):
        yield from _pairs_of_lists(start, value)
    elif isinstance(start, str) and (key := _key(start)) and _filled(value):
        yield key, value


def _pairs_of_lists(start: list[Any], value: list[Any]) -> Iterator[tuple[str, Any]]:
    if len(start) == 1 and isinstance(start[0], str):
        if (key := _key(start[0])) and value and all(map(_filled, value)):
            yield key, value if len(value) > 1 else value[0]
        return
    if len(start) == len(value) == 1:
        yield from _pairs(start[0], value[0])
        return
    for part in start:
        twins = [entry for entry in value if _matches(part, entry)]
        if len(twins) == 1 and sum(_matches(other, twins[0]) for other in start) == 1:
            yield from _pairs(part, twins[0])


def _matches(start: Any, entry: Any) -> bool:
    """Whether an entry has all that the table writes as it stands: ``role: data_steward``."""
    if not isinstance(start, dict) or not isinstance(entry, dict):
        return False
    fixed = {name: part for name, part in start.items() if isinstance(part, str) and part[:1] not in ("$", "~")}
    return bool(fixed) and all(entry.get(name) == part for name, part in fixed.items())


def _key(text: str) -> str:
    head = text.partition("~")[0].strip()
    key = head.removeprefix("$") if head.startswith("$") else ""
    return "" if key in _ANEW or key.startswith("item") else key


def _filled(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and not placeholder(value))
