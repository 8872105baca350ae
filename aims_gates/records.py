"""Systems and their records: reviewed files under records/ of a pack.

``records/systems/<name>/system.yaml`` names purpose, owner, tier, registered models, data and column roles. What it
leaves out comes from ``records/families/<family>.yaml``, then from ``records/organization/defaults.yaml``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aims_gates.canonical import digest, is_digest
from aims_gates.errors import InputError
from aims_gates.strict_yaml import Document, parse, read

__all__ = ["Requirements", "System", "SystemRecord", "find_system", "read_system", "system_names"]

_MERGED = ("data", "roles", "facts", "gates", "modes")


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EvaluationSet(_Shape):
    """The held-out set fixed before training: its file (from the pack's root) and the digest of its bytes."""

    file: str = Field(min_length=1)
    digest: str


class Requirements(_Shape):
    """requirements.yaml: what was fixed before evaluation, by whom and when."""

    decided_on: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    decided_by: str = Field(min_length=1)
    evaluation: EvaluationSet
    notes: str = ""


class System(_Shape):
    """system.yaml, defaults merged in.

    Attributes:
        name: The folder's name.
        purpose: What it is for, in words; its digest must be the same everywhere.
        owner: Who answers for it.
        tier: The classification's result.
        models: The registered models that belong to it.
        profile: Profile id; the tier's own name when left out.
        kind: What is registered under these names.
        data: Data locations by role, from the pack's root (files, folders, globs, database tables).
        roles: Column roles: role -> column or columns.
        facts: Signed facts on which ``applies_when`` looks.
        gates: Per gate, the parameters that only the system knows; ``{file: F}`` is replaced by the file's content.
        modes: Date from which observe, warn or enforce holds.
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
    data: dict[str, str] = Field(default_factory=dict)
    roles: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    facts: dict[str, bool | str] = Field(default_factory=dict)
    gates: dict[str, dict[str, Any]] = Field(default_factory=dict)
    modes: dict[Literal["observe", "warn", "enforce"], str] = Field(default_factory=dict)


@dataclass(frozen=True)
class SystemRecord:
    """A system with its records, as read.

    Attributes:
        pack: The pack's root; data locations are relative to it.
        folder: records/systems/<name>.
        system: system.yaml with defaults merged in, file parameters read in.
        requirements: requirements.yaml, or None.
        records: Every record of the system by name (``system``, ``requirements``, ``card`` ...), for gates.
        document: system.yaml as read, for messages.
    """

    pack: Path
    folder: Path
    system: System
    requirements: Requirements | None
    records: Mapping[str, Mapping[str, Any]]
    document: Document

    @property
    def digest(self) -> str:
        """Digest of the resolved system."""
        return digest(self.system.model_dump(mode="json"))

    @property
    def purpose_digest(self) -> str:
        """Digest of the purpose text, surrounding space and line breaks set aside."""
        return digest(" ".join(self.system.purpose.split()))

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Column roles, each as a tuple."""
        return {role: (names,) if isinstance(names, str) else names for role, names in self.system.roles.items()}

    def location(self, role: str) -> str | None:
        """A data set's location: an absolute path, or a URL as written; None when the system names none."""
        found = self.system.data.get(role)
        return found if found is None or "://" in found else str(self.pack / found)


def system_names(pack: Path) -> list[str]:
    """The systems of a pack, by name."""
    return sorted(path.parent.name for path in (pack / "records" / "systems").glob("*/system.yaml"))


def find_system(packs: list[Path], name: str) -> Path:
    """The pack that holds this system.

    Raises:
        InputError: none does, or two do.
    """
    found = [pack for pack in packs if name in system_names(pack)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"two packs hold a system {name!r}", where=", ".join(map(str, found)), remedy="Rename one.")
    known = sorted({each for pack in packs for each in system_names(pack)})
    said = f"Systems here: {', '.join(known)}." if known else "Name a pack with --pack, or start one: aims-gates init"
    raise InputError(f"there is no system {name!r}", remedy=said)


def _defaults(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document = read(path)
    if not isinstance(document.value, dict):
        raise document.error((), "must be a mapping of system fields to defaults")
    unknown = set(document.value) - set(System.model_fields)
    if unknown:
        raise document.error((min(unknown),), "unknown field", "Check the spelling, or remove it.")
    return document.value


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) | dict(top)
    for part in _MERGED:
        ours, theirs = top.get(part), base.get(part)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[part] = theirs | ours
    return merged


def _with_files(system: System, folder: Path) -> System:
    """Parameters of the form ``{file: F}`` replaced by the content of F, so that the plan pins it."""
    gates = {
        gate: {
            name: read(folder / value["file"]).value if isinstance(value, dict) and set(value) == {"file"} else value
            for name, value in params.items()
        }
        for gate, params in system.gates.items()
    }
    return system.model_copy(update={"gates": gates})


def _records(folder: Path) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read(path)
        if not isinstance(document.value, dict):
            raise document.error((), "a record is a mapping", "See docs/records.md.")
        found[path.stem] = document.value
    return found


def read_system(pack: Path, name: str) -> SystemRecord:
    """Read a system and its records.

    Raises:
        InputError: naming file, line, field and remedy.
    """
    folder = pack / "records" / "systems" / name
    document = read(folder / "system.yaml")
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
    system = _with_files(system, folder)
    records = _records(folder)
    requirements = None
    if "requirements" in records:
        requirements = parse(Requirements, read(folder / "requirements.yaml"))
        if not is_digest(requirements.evaluation.digest):
            source = read(folder / "requirements.yaml")
            remedy = "Write the digest that this prints: aims-gates digest FILE"
            raise source.error(("evaluation", "digest"), "not a digest (sha256:...)", remedy)
    full = {**records, "system": system.model_dump(mode="json")}
    return SystemRecord(pack, folder, system, requirements, full, document)
