"""Digests of data sets in the facts of a version, written anew where the sets have changed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aims_gates.documents.yaml_edit import replaced
from aims_gates.documents.yaml_values import Place
from aims_gates.governance.record_schemas.template import scalar
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import SystemRecord, read_record, record_files

__all__ = ["moved", "refreshed"]

_SHEETS = "datasheets"


def moved(record: SystemRecord, digests: Mapping[str, str]) -> dict[str, str]:
    """The digest on a data set's sheet and the one that it now has, where they differ.

    A sheet is that of the role by whose name it goes. The evaluation set that requirements.yaml fixes is left out: it
    stays what it was.

    Args:
        record: The system, read whole.
        digests: What its data sets are now, by role.
    """
    fixed = record.requirements.evaluation.digest if record.requirements else None
    sheets = record.records.get(_SHEETS, {}).get("datasets") or ()
    pairs = {sheet["digest"]: digests.get(sheet["name"], sheet["digest"]) for sheet in sheets}
    return {before: now for before, now in pairs.items() if before not in (now, fixed)}


def refreshed(folder: Path, digests: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """The record files of a system that name one of these digests as a fact, each with its new text.

    Args:
        folder: The system's folder.
        digests: New digests by old ones.

    Raises:
        InputError: a record cannot be read.
    """
    for name, path in record_files(folder).items():
        if path.suffix != ".yaml":
            continue
        facts = parts_of(f"system/{name}", read_record(path).value).facts
        values = {place: digests[leaf] for place, leaf in _leaves(facts, ()) if leaf in digests}
        if values:
            yield path, replaced(path.read_bytes().decode("utf-8-sig"), values, scalar)


def _leaves(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    """The texts in a value, each with its place; facts stand where they stand in their record."""
    if isinstance(value, str):
        yield place, value
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _leaves(part, (*place, key))
