"""The great-expectations suite, as JSON from a file or in the parameters, checked before anything runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aims_gates import InputError

__all__ = ["SEVERITIES", "Expectation", "Suite", "read_suite"]

SEVERITIES = ("critical", "warning", "info")
_KEYS = {
    "type",
    "expectation_type",
    "kwargs",
    "severity",
    "meta",
    "notes",
    "id",
    "description",
    "rendered_content",
    "expectation_context",
}
_LARGEST = 1024 * 1024
_COLUMN_KEYS = ("column", "column_A", "column_B")


@dataclass(frozen=True)
class Expectation:
    """One expectation of a suite.

    Attributes:
        place: Its place in the suite, from 0.
        type: great-expectations' name for it.
        kwargs: Its arguments.
        severity: ``critical`` (the default), ``warning`` or ``info``.
    """

    place: int
    type: str
    kwargs: Mapping[str, Any]
    severity: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names as arguments."""
        single = [self.kwargs[key] for key in _COLUMN_KEYS if isinstance(self.kwargs.get(key), str)]
        listed = self.kwargs.get("column_list")
        return tuple(dict.fromkeys([*single, *(listed if isinstance(listed, list | tuple) else ())]))


@dataclass(frozen=True)
class Suite:
    """Expectations in order, and values for their ``$PARAMETER`` arguments."""

    expectations: tuple[Expectation, ...]
    parameters: Mapping[str, Any]


def read_suite(raw: Any) -> Suite:
    """Read a suite: a mapping as great-expectations writes it, a list of expectations, or a path.

    Raises:
        InputError: it cannot be read, is empty, or an entry is no expectation; with its place.
    """
    where = raw if isinstance(raw, str) else "parameter suite"
    content = _file(raw) if isinstance(raw, str) else raw
    listed = content.get("expectations") if isinstance(content, Mapping) else content
    if not isinstance(listed, list | tuple):
        raise InputError("this is no suite", where=where, remedy='Write {"expectations": [...]}, as GX saves a suite.')
    if not listed:
        remedy = "Add an expectation, or leave the suite out."
        raise InputError(
            "the suite holds no expectation, so it would pass whatever the data", where=where, remedy=remedy
        )
    parameters = content.get("suite_parameters") if isinstance(content, Mapping) else None
    return Suite(tuple(_one(place, entry, where) for place, entry in enumerate(listed)), parameters or {})


def _one(place: int, entry: Any, where: str) -> Expectation:
    where = f"{where}, expectation {place}"
    remedy = 'Write {"type": "expect_...", "kwargs": {...}, "severity": "critical"}.'
    if not isinstance(entry, Mapping):
        raise InputError(f"{entry!r} is no expectation", where=where, remedy=remedy)
    strange = sorted(set(entry) - _KEYS)
    if strange:
        raise InputError(f"unknown keys: {', '.join(strange)}", where=where, remedy=remedy)
    name = entry.get("type", entry.get("expectation_type"))
    kwargs = entry.get("kwargs") or {}
    if not isinstance(name, str) or not isinstance(kwargs, Mapping):
        raise InputError("an expectation needs a type, and kwargs as an object", where=where, remedy=remedy)
    severity = entry.get("severity") or SEVERITIES[0]
    if severity not in SEVERITIES:
        raise InputError(
            f"the severity {severity!r} is unknown", where=where, remedy=f"One of: {', '.join(SEVERITIES)}."
        )
    return Expectation(place, name, dict(kwargs), severity)


def _file(name: str) -> Any:
    path = Path(name)
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError("the file is larger than 1 MiB", where=name, remedy="Split the suite.")
        return json.loads(path.read_text("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except OSError as error:
        remedy = f"Check the path; the working directory is {Path.cwd()}."
        raise InputError(f"the suite cannot be read: {error.strerror}", where=name, remedy=remedy) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"the suite is no JSON: {error}", where=name, remedy="Save it again from GX.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return fields


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")
