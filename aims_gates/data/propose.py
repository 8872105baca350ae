"""A schema proposed from files: what was guessed of each column, and what else it could have been."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aims_gates.data.dataset import Dataset
from aims_gates.data.schema.classes import MARKS
from aims_gates.data.schema.declared import UNDECIDED
from aims_gates.data.schema.reading import Reading

__all__ = ["ProposedSchema", "propose_schema", "schema_yaml"]

_TYPES = {"numeric": "number", "boolean": "boolean", "datetime": "datetime", "categorical": "string"}
_WHOLE = ("INT", ",0)")


@dataclass(frozen=True)
class ProposedSchema:
    """A schema to be read by a person before it counts.

    Attributes:
        schema: The Table Schema with its dialect, as JSON values.
        columns: Column -> what it was read as, what else it could have been, and what has to be decided.
        notes: What is worth knowing of the files.
    """

    schema: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def open(self) -> tuple[str, ...]:
        """The columns of which somebody has to decide how they are read."""
        return tuple(name for name, known in self.columns.items() if "decide" in known)


def propose_schema(sources: Sequence[Any]) -> ProposedSchema:
    """One schema for all of these files.

    Raises:
        DataError: a file cannot be read, or does not hold the columns of the first.
    """
    sets = [Dataset.open(source, role="data") for source in sources]
    first = sets[0]
    proposals = [{name: _proposed(data, name) for name in _names(data)} for data in sets]
    fields, columns = [], {}
    for name in proposals[0]:
        item, known = _merged([proposal[name] for proposal in proposals if name in proposal])
        fields.append({"name": name, **item})
        columns[name] = known
    schema: dict[str, Any] = {"fields": fields}
    if first.dialect is not None and first.dialect.delimiter != ",":
        schema = {"dialect": {"delimiter": first.dialect.delimiter}, **schema}
    notes = [note for data in sets for note in data.described()["notes"]]
    for data, proposal in zip(sets[1:], proposals[1:], strict=True):
        alone = sorted(set(proposal) ^ set(proposals[0]))
        notes += [f"{data.where}: {', '.join(map(repr, alone))} is not in every file"] if alone else []
    return ProposedSchema(schema, columns, tuple(dict.fromkeys(notes)))


def _names(data: Dataset) -> list[str]:
    return [reading.name for reading in data.readings] or list(data.columns)


def _proposed(data: Dataset, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    readings = {reading.name: reading for reading in data.readings}
    reading = readings.get(name)
    if reading is None:
        kind = data.type(name)
        whole = kind.endswith(_WHOLE[1]) or _WHOLE[0] in kind
        declared = "date" if kind == "DATE" else "integer" if whole else _TYPES[data.kind(name)]
        return {"type": declared}, {"read_as": declared, "could_be": []}
    if reading.left_out:
        return {"type": "string", "role": reading.left_out}, {"read_as": "no data", "could_be": ["data"]}
    item: dict[str, Any] = dict(reading.field)
    quote = item.pop("quoteChar", None)
    item.setdefault("type", "string")
    if reading.doubt:
        item |= _marks(data, reading)
    known = {"read_as": reading.could_be[0] if reading.doubt else reading.read_as, "could_be": list(reading.could_be)}
    known["could_be"] = known["could_be"][1:] if reading.doubt else known["could_be"]
    if reading.doubt:
        known["decide"] = reading.doubt
    if quote is not None:
        known["decide"] = f"{reading.doubt} (dialect: quoteChar)"
    return item, known


def _marks(data: Dataset, reading: Reading) -> dict[str, Any]:
    """The marks of missing values that stand in the column."""
    name, listed = data.quote(reading.name), ", ".join(f"'{mark}'" for mark in MARKS)
    marks = data.query(f"SELECT DISTINCT {name} FROM data WHERE {name} IN ({listed}) ORDER BY 1")
    return {"missingValues": ["", *(str(mark) for (mark,) in marks)]} if marks else {}


def _merged(proposals: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One field for what several files say of a column."""
    item, known = proposals[0]
    others = [other for other, _ in proposals if other != item]
    if not others:
        return item, known
    kinds = {item["type"], *(other["type"] for other in others)}
    if kinds == {"integer", "number"}:
        return {**item, "type": "number"}, {**known, "read_as": "numbers"}
    listed = " and ".join(sorted(kinds))
    return {"type": "string"}, {"read_as": "text", "could_be": sorted(kinds), "decide": f"the files differ: {listed}"}


def schema_yaml(proposal: ProposedSchema, files: Sequence[str]) -> str:
    """The schema as YAML, with a comment for what was guessed and for what has to be decided."""
    return "\n".join(_lines(proposal, files)) + "\n"


def _lines(proposal: ProposedSchema, files: Sequence[str]) -> Iterator[str]:
    yield f"# Proposed from {', '.join(files)}. Read it before it counts, and give fields their roles."
    for note in proposal.notes:
        yield f"# {note}"
    if "dialect" in proposal.schema:
        yield f"dialect: {_flow(proposal.schema['dialect'])}"
    yield "fields:"
    for item in proposal.schema["fields"]:
        yield from _field_lines(item, proposal.columns[item["name"]])


def _field_lines(item: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """A field; where two readings fit its type is a placeholder, with what it would be by either beside it."""
    could = f"; could be: {', or '.join(known['could_be'])}" if known["could_be"] else ""
    if "decide" in known:
        parts = ", ".join(f"{part}: {_flow(value)}" for part, value in item.items() if part != "name")
        yield f"# DECIDE: {known['decide']}"
        yield f"- name: {_flow(item['name'])}"
        yield f"  type: {UNDECIDED}  # {parts}, if it holds {known['read_as']}{could}"
        return
    yield f"- name: {_flow(item['name'])}"
    for part, value in item.items():
        if part != "name":
            comment = f"  # {known['read_as']}{could}" if part == "type" else ""
            yield f"  {part}: {_flow(value)}{comment}"


def _flow(value: Any) -> str:
    """A value on one line; JSON is YAML."""
    plain = isinstance(value, str) and value.isidentifier() and value.lower() not in ("true", "false", "null", "y", "n")
    return value if plain else json.dumps(value, ensure_ascii=False)
