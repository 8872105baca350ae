"""Systems and their records: reviewed files under records/ of a pack.

``records/systems/<name>/system.yaml`` names purpose, owner, tier, registered models, data and column roles. What it
leaves out comes from ``records/families/<family>.yaml``, then from ``records/organization/defaults.yaml``. The other
files beside it are the system's records; those under ``records/organization/`` are everybody's, and those under
``records/organization/standard/`` stand in for a system of tier minimal that has none of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, create_model

from aims_gates.documents.canonical import digest, is_digest, text_digest
from aims_gates.documents.location import Location
from aims_gates.documents.schema import StrictModel
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import Document, parse, read, read_yaml
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas.data import DataSample
from aims_gates.governance.records.requirements import Requirements

__all__ = [
    "System",
    "SystemRecord",
    "find_system",
    "read_draft",
    "read_record",
    "read_system",
    "record_files",
    "system_names",
]

#: With this word ``aims-gates init`` marks what only people know.
BLANK = "REPLACE"
SCHEMA = ".schema.yaml"
_MERGED = ("data", "schema", "roles", "facts", "gates", "samples", "modes")


class System(StrictModel):
    """system.yaml, defaults merged in.

    Attributes:
        name: The folder's name.
        purpose: What it is for, in words; its digest must be the same everywhere.
        owner: Who answers for it.
        tier: The classification's result.
        models: The registered models that belong to it.
        title: The name that people read.
        profile: Profile id, overlays after ``+`` (``limited+gpai-user``); the tier's own name when left out.
        family: The file under records/families whose fields hold where this one says nothing.
        workspace: The registry's workspace that holds the models.
        kind: What is registered under these names.
        output: What it gives: a prediction, content, a recommendation, or a decision.
        data: Data locations by role, from the pack's root (files, folders, globs, database tables).
        schema_: ``schema`` in the file: what each of those is declared to hold (``{file: NAME.schema.yaml}``).
        roles: Column roles: role -> column or columns.
        perturbations: What ``check`` predicts besides, on perturbed rows: what ``predict --perturb`` reads from a file.
        facts: Signed facts on which ``applies_when`` looks.
        gates: Per gate, the parameters that only the system knows; ``{file: F}`` is replaced by the file's content.
        samples: By role, what further data have to be: ``digest``, ``least_rows``, ``days`` that they span.
        modes: Date from which observe, warn or enforce holds.
        proposed: The fields (``roles.target``) whose values nobody has confirmed: they serve a trial alone.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    purpose: str = Field(min_length=20)
    owner: str = Field(min_length=1)
    tier: Literal["prohibited", "high", "limited", "minimal"]
    models: tuple[str, ...] = Field(min_length=1)
    title: str = ""
    profile: str | None = None
    family: str | None = None
    workspace: str = "default"
    kind: Literal["model", "prompt"] = "model"
    output: Literal["prediction", "content", "recommendation", "decision"] | None = None
    data: dict[str, str] = Field(default_factory=dict)
    schema_: dict[str, dict[str, Any]] = Field(default_factory=dict, alias="schema")
    roles: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    perturbations: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, bool | str] = Field(default_factory=dict)
    gates: dict[str, dict[str, Any]] = Field(default_factory=dict)
    samples: dict[str, DataSample] = Field(default_factory=dict)
    modes: dict[Literal["observe", "warn", "enforce"], str] = Field(default_factory=dict)
    proposed: tuple[str, ...] = ()

    def content(self) -> dict[str, Any]:
        """Its fields as JSON; without those that came later and are empty: digests from before them hold."""
        later = {name for name in ("proposed", "samples", "schema_") if not getattr(self, name)}
        return self.model_dump(mode="json", by_alias=True, exclude=later)


#: The same fields, none of them required: what a family or the organization may set for its systems.
_OPTIONAL: dict[str, Any] = {
    name: (field.rebuild_annotation() | None, Field(None, alias=field.alias))
    for name, field in System.model_fields.items()
}
_Defaults = create_model("_Defaults", __base__=StrictModel, **_OPTIONAL)


@dataclass(frozen=True)
class SystemRecord:
    """A system with its records, as read.

    Attributes:
        pack: The pack's root; data locations are relative to it.
        folder: records/systems/<name>.
        system: system.yaml with defaults merged in, file parameters read in.
        requirements: requirements.yaml, or None.
        records: Every record by name, for gates: the system's own (``system``, ``requirements``, ``card`` ...) and
            the organization's (``organization/roles`` ...).
        document: system.yaml as read, for messages.
        files: The file of each record, from the pack's root.
    """

    pack: Path
    folder: Path
    system: System
    requirements: Requirements | None
    records: Mapping[str, Mapping[str, Any]]
    document: Document
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Digest of the resolved system."""
        return digest(self.system.content())

    def provenance(self, name: str) -> dict[str, str]:
        """The file of a record and the digests of its parts, whatever its layout, as evidence names them.

        Raises:
            KeyError: there is no such record.
            InputError: it holds what has no canonical form.
        """
        from aims_gates.governance.records.parts import parts_of

        digests = {"digest": self.digest} if name == "system" else parts_of(name, self.records[name]).digests()
        return {"file": self.files.get(name, ""), **digests}

    @property
    def purpose_digest(self) -> str:
        """Digest of the purpose text, surrounding space and line breaks set aside."""
        return text_digest(self.system.purpose)

    @property
    def specification_digest(self) -> str | None:
        """Digest of what was fixed before evaluation, as a whole; None where nothing was."""
        requirements = self.records.get("requirements")
        return None if requirements is None else digest(requirements)

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Column roles, each as a tuple."""
        return {role: (names,) if isinstance(names, str) else names for role, names in self.system.roles.items()}

    def location(self, role: str) -> str | None:
        """A data set's location, from the pack's root, with its schema: a path or a URL; None when none is named.

        The event log may be named by the record about it instead.
        """
        data = self.system.data.get(role)
        if data is None and role == "logs":
            data = self.records.get("logging", {}).get("location")
        if data is None:
            return None
        for prefix in ("duckdb:///", "sqlite:///"):
            if data.startswith(prefix) and not data.startswith(f"{prefix}/"):
                data = f"{prefix}{(self.pack / data.removeprefix(prefix)).resolve()}"
        return Location(data if "://" in data else str(self.pack / data), self.system.schema_.get(role))


def system_names(pack: Path) -> list[str]:
    """The systems of a pack, by name."""
    return sorted(path.parent.name for path in (pack / "records" / "systems").glob("*/system.yaml"))


def find_system(packs: list[Path], name: str) -> Path:
    """The pack that holds this system.

    Raises:
        InputError: none does, or two do.
    """
    paths = [pack for pack in packs if name in system_names(pack)]
    if len(paths) == 1:
        return paths[0]
    if paths:
        raise InputError(f"two packs hold a system {name!r}", where=", ".join(map(str, paths)), remedy="Rename one.")
    known = sorted({system_name for pack in packs for system_name in system_names(pack)})
    message = (
        f"Systems here: {', '.join(known)}." if known else "Name a pack with --pack, or start one: aims-gates init"
    )
    raise InputError(f"there is no system {name!r}", remedy=message)


def _defaults(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document = read(path)
    if not isinstance(document.value, dict):
        raise document.error((), "must be a mapping of system fields to defaults", "Write it as: owner: NAME")
    parse(_Defaults, document)
    values: dict[str, Any] = document.value
    return values


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) | dict(top)
    for part in _MERGED:
        ours, theirs = top.get(part), base.get(part)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[part] = theirs | ours
    return merged


def _with_files(system: System, folder: Path, document: Document) -> System:
    """Parameters of the form ``{file: F}`` replaced by the content of F, so that the plan pins it."""
    gates = {
        gate: {name: _content(value, folder, document, ("gates", gate, name)) for name, value in params.items()}
        for gate, params in system.gates.items()
    }
    schemas = {role: _content(value, folder, document, ("schema", role)) for role, value in system.schema_.items()}
    return system.model_copy(update={"gates": gates, "schema_": schemas})


def _content(value: Any, folder: Path, document: Document, path: tuple[str, ...]) -> Any:
    if not (isinstance(value, dict) and set(value) == {"file"}):
        return value
    if not isinstance(value["file"], str):
        raise document.error((*path, "file"), "not the name of a file", "Write {file: NAME}, beside system.yaml.")
    place = folder / value["file"]
    if not place.is_file():
        raise document.error((*path, "file"), f"there is no file {place}", "Write it, or fix the name.")
    return read(place).value


def _refuse_open_schemas(system: System, folder: Path) -> None:
    """Refuse schemas in which it is still to be said how a column is read; what names no file is met later."""
    names = [value.get("file") for value in system.schema_.values()]
    places = [folder / name for name in dict.fromkeys(names) if isinstance(name, str)]
    for place in places:
        if place.is_file():
            _refuse_blanks(read(place))


def _refuse_blanks(document: Document, value: Any = None, path: tuple[str | int, ...] = ()) -> None:
    """Refuse what ``aims-gates init`` left to be filled in."""
    value = document.value if not path else value
    if isinstance(value, str) and value.startswith(BLANK):
        raise document.error(path, "still to be filled in", f"Replace {value!r}.")
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        _refuse_blanks(document, part, (*path, name))


def read_record(path: Path) -> Document:
    """A record's file: YAML, JSON, or Markdown whose front matter holds the fields and whose body becomes ``text``.

    Raises:
        InputError: naming file, line and remedy.
    """
    if path.suffix != ".md":
        document = read(path)
    else:
        front, body = _front_matter(path)
        yaml = read_yaml(front, str(path))
        value = yaml.value | {"text": body} if isinstance(yaml.value, dict) else yaml.value
        document = Document(value, yaml.where, yaml.lines)
    if not isinstance(document.value, dict):
        raise document.error((), "a record is a mapping", "Start from: aims-gates records new")
    return document


def _front_matter(path: Path) -> tuple[bytes, str]:
    """The bytes between the two ``---`` lines, set so far down that line numbers are those of the file; the body."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path), remedy="Save it as UTF-8.") from error
    front, closing, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not closing:
        remedy = "Begin the file with '---', the fields as YAML, and '---' on a line of its own."
        raise InputError("no front matter", where=str(path), remedy=remedy)
    return b"\n" + front.encode("utf-8"), body.strip()


def record_files(folder: Path) -> dict[str, Path]:
    """The record files of a folder by name. A README is none, nor is a schema of data (``*.schema.yaml``).

    Of JSON only ``bom.json`` is one, as build tools write it; other JSON files are parameters, such as a suite.

    Raises:
        InputError: two files hold the same record.
    """
    paths: dict[str, Path] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.md"), *folder.glob("bom.json")]):
        if path.stem.upper() == "README" or path.name.endswith(SCHEMA):
            continue
        if path.stem in paths:
            message = f"the record {path.stem!r} is there twice, also as {paths[path.stem].name}"
            raise InputError(message, where=str(path), remedy="Remove one.")
        paths[path.stem] = path
    return paths


def _shared_files(pack: Path, tier: str) -> dict[str, Path]:
    """The organization's records, and for tier minimal the standard plans that stand in where a system has none."""
    folder = pack / "records" / "organization"
    own = {f"organization/{name}": path for name, path in record_files(folder).items() if name != "defaults"}
    return (record_files(folder / "standard") if tier == "minimal" else {}) | own


def _merged(pack: Path, name: str) -> tuple[Document, System]:
    """system.yaml as read, and with the defaults of its family and the organization merged in."""
    document = read(pack / "records" / "systems" / name / "system.yaml")
    if not isinstance(document.value, dict):
        raise document.error((), "a system is a mapping", "Start from: aims-gates init")
    family = document.value.get("family")
    base = _defaults(pack / "records" / "organization" / "defaults.yaml")
    if family is not None:
        path = pack / "records" / "families" / f"{family}.yaml"
        if not path.is_file():
            raise document.error(("family",), f"there is no {path}", "Write it, or remove 'family'.")
        base = _overlay(base, _defaults(path))
    system = parse(System, Document(_overlay(base, document.value), document.where, document.lines))
    if system.name != name:
        raise document.error(("name",), f"{system.name!r} differs from the folder {name!r}", "Make them equal.")
    return document, system


def read_draft(pack: Path, name: str) -> SystemRecord:
    """A system that is being filled in, without its records: what only people know may still be a placeholder.

    No verdict comes of it. Facts that are not filled in are left out: unknown, as for every rule. What is proposed
    stands as if it were confirmed.

    Raises:
        InputError: naming file, line, field and remedy.
    """
    document, system = _merged(pack, name)
    facts = {fact: value for fact, value in system.facts.items() if not str(value).startswith(BLANK)}
    folder = pack / "records" / "systems" / name
    system = _with_files(system.model_copy(update={"facts": facts, "proposed": ()}), folder, document)
    return SystemRecord(pack, folder, system, None, {"system": system.content()}, document)


def read_system(pack: Path, name: str, *, whole: bool = True) -> SystemRecord:
    """Read a system and its records.

    Args:
        pack: The pack that holds it.
        name: The system.
        whole: Read every record; else system.yaml and requirements.yaml alone, which is all that a plan needs.

    Raises:
        InputError: naming file, line, field and remedy.
    """
    folder = pack / "records" / "systems" / name
    document, system = _merged(pack, name)
    _refuse_blanks(document)
    _refuse_open_schemas(system, folder)
    system = _with_files(system, folder, document)
    own = record_files(folder)
    files = {**_shared_files(pack, system.tier), **own} if whole else own
    records = {name: read_record(path).value for name, path in files.items() if whole or name == "requirements"}
    requirements = None
    if "requirements" in records:
        source = read(folder / "requirements.yaml")
        requirements = parse(Requirements, source)
        if not is_digest(requirements.evaluation.digest):
            remedy = f"Write the digest that this prints: aims-gates digest {quoted(requirements.evaluation.file)}"
            raise source.error(("evaluation", "digest"), "not a digest (sha256:...)", remedy)
        _refuse_blanks(source)
    full = {**records, "system": system.content()}
    places = {name: path.relative_to(pack).as_posix() for name, path in files.items()}
    return SystemRecord(pack, folder, system, requirements, full, document, places)
