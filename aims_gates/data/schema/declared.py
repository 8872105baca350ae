"""A declared schema: a Table Schema of Frictionless Data Package 2 with its Table Dialect, and a role for each field.

Nothing in it is guessed and nothing is passed over: a property that is not understood is an error.
"""

import codecs
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aims_gates.documents.strict_yaml import Document, read
from aims_gates.errors import InputError

__all__ = ["LEFT_OUT", "UNDECIDED", "Declared", "DeclaredDialect", "DeclaredField", "read_schema"]

#: Roles of columns that are no data.
LEFT_OUT = ("index", "ignored")
#: The type of a field of which somebody has to say how it is read.
UNDECIDED = "REPLACE"
_TYPES = ("string", "integer", "number", "boolean", "date", "datetime", "year")
_COMMON = ("name", "type", "title", "description", "missingValues", "constraints", "role", "example")
_OWN: Mapping[str, tuple[str, ...]] = {
    "integer": ("groupChar",),
    "number": ("decimalChar", "groupChar"),
    "boolean": ("trueValues", "falseValues"),
    "date": ("format",),
    "datetime": ("format",),
}
_CONSTRAINTS = ("required", "unique", "enum", "minimum", "maximum")
_TOP = ("fields", "missingValues", "primaryKey", "dialect", "encoding", "partitions", "title", "description", "name")
_TOP_PASSED = ("$schema", "fieldsMatch")
_DIALECT = {"delimiter", "quoteChar", "escapeChar", "doubleQuote", "header", "commentChar", "skipInitialSpace"}
_REMEDY = "See docs/guides/schemas.md; start from: aims-gates data schema propose FILE"


@dataclass(frozen=True)
class DeclaredField:
    """One column, as Table Schema describes it."""

    name: str
    type: str
    role: str = ""
    format: str = ""
    decimal: str = "."
    group: str = ""
    missing: tuple[str, ...] = ("",)
    true: tuple[str, ...] = ("true", "True", "TRUE", "1")
    false: tuple[str, ...] = ("false", "False", "FALSE", "0")
    constraints: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DeclaredDialect:
    """How the text of a file is cut into cells; what is None is found by the file itself."""

    delimiter: str | None = None
    quote: str = '"'
    escape: str | None = None
    header: bool = True
    comment: str = ""


@dataclass(frozen=True)
class Declared:
    """A schema as declared.

    Attributes:
        fields: In the schema's order.
        key: The columns that no two rows share.
        dialect: See :class:`DeclaredDialect`.
        encoding: Of text files.
        partitions: Keys of ``key=value`` folders below the folder of the set that are columns of it.
        where: The file it was read from, for messages.
    """

    fields: tuple[DeclaredField, ...]
    key: tuple[str, ...] = ()
    dialect: DeclaredDialect = DeclaredDialect()
    encoding: str = "utf-8"
    partitions: tuple[str, ...] = ()
    where: str = "schema"

    def roles(self) -> dict[str, tuple[str, ...]]:
        """Role -> its columns, of those that are data."""
        roles: dict[str, tuple[str, ...]] = {}
        for item in self.fields:
            if item.role and item.role not in LEFT_OUT:
                roles[item.role] = (*roles.get(item.role, ()), item.name)
        return roles


def read_schema(source: str | Path | Mapping[str, Any]) -> Declared:
    """A schema from a file (YAML or JSON), or as its content.

    Raises:
        InputError: naming everything in it that is wrong, with lines.
    """
    document = Document(source, "schema", {}) if isinstance(source, Mapping) else read(Path(source))
    problems = list(_problems(document.value))
    if problems:
        place, message = problems[0]
        listed = "; ".join(f"{document.place(path)}: {text}" if path else text for path, text in problems)
        if len(problems) == 1:
            raise document.error(place, message, _REMEDY)
        raise InputError(f"{len(problems)} things are wrong: {listed}", where=document.where, remedy=_REMEDY)
    return _declared(document.value, document.where)


_Problem = tuple[tuple[str | int, ...], str]


def _problems(value: Any) -> Iterator[_Problem]:
    if not isinstance(value, Mapping) or not isinstance(value.get("fields"), list) or not value["fields"]:
        yield (), "a schema is a mapping with a list of fields"
        return
    yield from (((name,), f"{name!r} is not read here") for name in value if name not in (*_TOP, *_TOP_PASSED))
    names = [item.get("name") for item in value["fields"] if isinstance(item, Mapping)]
    for place, item in enumerate(value["fields"]):
        yield from ((("fields", place, *path), text) for path, text in _field_problems(item, names))
    if value.get("fieldsMatch", "exact") not in ("exact", "equal", ["exact"], ["equal"]):
        yield ("fieldsMatch",), "all fields are there, and no others: write equal, or nothing"
    for part in ("primaryKey", "partitions"):
        yield from _listed(part, value.get(part), names)
    yield from _texts("missingValues", value.get("missingValues"))
    yield from _encoding(value.get("encoding"))
    yield from _dialect_problems(value.get("dialect", {}))


def _listed(part: str, value: Any, names: list[Any]) -> Iterator[_Problem]:
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    if value is not None and not listed:
        yield (part,), "not the name of a field, or a list of names"
    yield from (((part,), f"there is no field {name!r}") for name in listed if name not in names)


def _texts(part: str, value: Any) -> Iterator[_Problem]:
    if value is not None and not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
        yield (part,), "not a list of texts (quote them)"


def _encoding(value: Any) -> Iterator[_Problem]:
    try:
        codecs.lookup(value or "utf-8")
    except (LookupError, TypeError):
        yield ("encoding",), f"{value!r} is no encoding"


def _field_problems(item: Any, names: list[Any]) -> Iterator[_Problem]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str) or not item.get("name"):
        yield (), "a field has a name and a type"
        return
    name, kind = item["name"], item.get("type")
    if names.count(name) > 1:
        yield ("name",), f"the field {name!r} is there twice"
    if item.get("role") in LEFT_OUT and kind is None:
        kind = "string"
    if kind == UNDECIDED:
        yield ("type",), f"how {name!r} is read is still to be decided; write its type in place of {UNDECIDED}"
        return
    if kind not in _TYPES:
        yield ("type",), f"the type of {name!r} is {kind!r}; choose from: {', '.join(_TYPES)}"
        return
    unknown = [part for part in item if part not in (*_COMMON, *_OWN.get(kind, ()))]
    yield from (((part,), f"{part!r} of {name!r} is not read for a {kind}") for part in unknown)
    yield from _property_problems(item, name)


def _property_problems(item: Mapping[str, Any], name: str) -> Iterator[_Problem]:
    if item.get("format") in ("any", "default"):
        yield ("format",), f"the format of {name!r} leaves open what is meant; write a pattern such as %d/%m/%Y"
    for part in ("missingValues", "trueValues", "falseValues"):
        yield from _texts(part, item.get(part))
    for part in ("decimalChar", "groupChar"):
        if part in item and not _is_character(item[part]):
            yield (part,), f"{part} of {name!r} is one character"
    constraints = item.get("constraints") or {}
    strange = [part for part in constraints if part not in _CONSTRAINTS]
    yield from ((("constraints", part), f"the constraint {part!r} of {name!r} is not checked here") for part in strange)


def _is_character(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 1


def _dialect_problems(value: Any) -> Iterator[_Problem]:
    if not isinstance(value, Mapping):
        yield ("dialect",), "not a mapping, such as {delimiter: ';'}"
        return
    yield from ((("dialect", part), f"{part!r} is not read here") for part in value if part not in _DIALECT)
    for part in ("delimiter", "quoteChar", "escapeChar", "commentChar"):
        if part in value and not _is_character(value[part]):
            yield ("dialect", part), f"{part} is one character"
    if value.get("skipInitialSpace") or (value.get("doubleQuote") is False and "escapeChar" not in value):
        yield ("dialect",), "spaces count, and quotes within quotes are doubled unless there is an escapeChar"


def _declared(value: Mapping[str, Any], where: str) -> Declared:
    marks = tuple(value.get("missingValues", ("",)))
    dialect = value.get("dialect", {})
    key, partitions = value.get("primaryKey", ()), value.get("partitions", ())
    return Declared(
        tuple(_field(item, marks) for item in value["fields"]),
        (key,) if isinstance(key, str) else tuple(key),
        DeclaredDialect(
            dialect.get("delimiter"),
            dialect.get("quoteChar", '"'),
            dialect.get("escapeChar"),
            dialect.get("header", True),
            dialect.get("commentChar", ""),
        ),
        value.get("encoding", "utf-8"),
        (partitions,) if isinstance(partitions, str) else tuple(partitions),
        where,
    )


def _field(item: Mapping[str, Any], marks: tuple[str, ...]) -> DeclaredField:
    plain = DeclaredField(item["name"], item.get("type", "string"))
    return DeclaredField(
        item["name"],
        item.get("type", "string"),
        item.get("role", ""),
        item.get("format", ""),
        item.get("decimalChar", "."),
        item.get("groupChar", ""),
        tuple(item.get("missingValues", marks)),
        tuple(item.get("trueValues", plain.true)),
        tuple(item.get("falseValues", plain.false)),
        dict(item.get("constraints") or {}),
    )
