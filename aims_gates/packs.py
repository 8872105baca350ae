"""A pack is a folder that holds gates/ and profiles/ and may hold records/.

The checkout is one, the wheel carries it as ``aims_gates/bundled/``, a user's folder is another, and a
distribution offers one through the entry-point group ``aims_gates.packs``. All are read by the code below:
manifests first, code only when a gate runs. A gate's digest is of the very bytes that are compiled.
"""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import find_spec, module_from_spec, spec_from_loader
from itertools import chain
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aims_gates.canonical import digest, digest_bytes
from aims_gates.controls import catalogue, clauses
from aims_gates.declarative import Fact, judge
from aims_gates.errors import GateError, InputError, PackError
from aims_gates.limits import Way
from aims_gates.model import Case, Finding
from aims_gates.strict_yaml import Document, parse, read, read_yaml

__all__ = [
    "Gate",
    "Manifest",
    "Measures",
    "Parameter",
    "bundled",
    "find_gates",
    "find_profile",
    "installed",
    "profile_names",
]

_HERE = Path(__file__).parent
_SKIPPED = {"samples", "__pycache__"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "number": (int, float),
    "integer": (int,),
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
}


Kind = Literal["any", "number", "integer", "string", "boolean", "object", "array"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measures(_Shape):
    """The measures that a parameter of limits may name (``*`` stands for any text), by the way each improves.

    Attributes:
        more, less: Better when higher; better when lower. A limit the other way round is refused.
        either: Neither is better in itself.
        numbers: Whether a bare number is a limit too.
    """

    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    numbers: bool = False

    def way(self, measure: str) -> Way | None:
        """The way in which a measure improves; None where there is no such measure."""
        ways: tuple[tuple[Way, tuple[str, ...]], ...]
        ways = (("more", self.more), ("less", self.less), ("either", self.either))
        return next((way for way, names in ways if any(fnmatchcase(measure, name) for name in names)), None)


class Parameter(_Shape):
    """One parameter of a gate.

    ``owner`` says who may set it: ``profile`` for limits and anything that moves a verdict,
    ``system`` for what only the system knows (labels, a suite's path). A profile may set both. ``measures`` says of a
    parameter of limits what may be limited and which way round.
    """

    type: list[Kind] | Kind
    summary: str
    default: Any = None
    owner: Literal["profile", "system"] = "profile"
    measures: Measures | None = None

    def accepts(self, value: Any) -> bool:
        """Whether the value has one of the declared JSON types (None stands for 'not given')."""
        kinds = [self.type] if isinstance(self.type, str) else self.type
        if value is None or "any" in kinds:
            return True
        if isinstance(value, bool):
            return "boolean" in kinds
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return any(isinstance(value, _TYPES[kind]) for kind in kinds)


class Inputs(_Shape):
    """What a gate looks at: data sets and column roles, each ``required`` or ``optional``."""

    data: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)
    roles: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)
    records: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)


class Manifest(_Shape):
    """gate.yaml.

    ``trusted_predictions``: at the tiers limited and high its evidence counts only on predictions that a trusted key
    signed. ``trusted_tables``: the further data sets that such a statement must name, each with the system's facts
    under which it must (as in ``applies_when``; none means always).
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    summary: str
    controls: list[str] = Field(min_length=1)
    phase: str
    kind: Literal["computed", "record", "document"]
    subject: Literal["model", "system", "organization"]
    inputs: Inputs = Inputs()
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    expires_days: int = Field(gt=0)
    trusted_predictions: bool = False
    trusted_tables: dict[str, dict[str, bool | str]] = Field(default_factory=dict)
    last: bool = False
    pins: tuple[Literal["purpose", "specification"], ...] = ()
    facts: tuple[Fact, ...] = ()

    @model_validator(mode="after")
    def _tables_are_inputs(self) -> "Manifest":
        strange = [name for name in self.trusted_tables if name not in self.inputs.data]
        if strange:
            raise ValueError(f"trusted_tables names {strange[0]!r}, which is not under inputs.data")
        return self


@dataclass(frozen=True)
class Gate:
    """A folder with gate.yaml, samples/ and, where it computes, gate.py; its bytes read once.

    Attributes:
        folder: Where it was read.
        files: POSIX path -> bytes, of everything but samples.
    """

    folder: Path
    files: Mapping[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> "Gate":
        """Read a gate's folder; no code runs.

        Raises:
            PackError: the folder or one of its files cannot be read.
        """
        try:
            paths = sorted(
                p for p in folder.rglob("*") if p.is_file() and not _SKIPPED & set(p.relative_to(folder).parts)
            )
            return cls(folder, {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})
        except OSError as error:
            raise PackError(
                f"cannot be read: {error.strerror}", where=str(folder), remedy="Check its rights."
            ) from error

    @property
    def id(self) -> str:
        """The folder's name, which gate.yaml must repeat."""
        return self.folder.name

    @cached_property
    def digest(self) -> str:
        """``sha256:...`` over the names and digests of the files that are compiled or read."""
        return digest([[name, digest_bytes(data)] for name, data in sorted(self.files.items())])

    @cached_property
    def document(self) -> Document:
        """gate.yaml as read, with its lines."""
        place = self.folder / "gate.yaml"
        if "gate.yaml" not in self.files:
            raise PackError("a gate's folder needs a gate.yaml", where=str(place), remedy="See CONTRIBUTING.md.")
        return read_yaml(self.files["gate.yaml"], str(place))

    @cached_property
    def manifest(self) -> Manifest:
        """gate.yaml, checked.

        Raises:
            PackError: with file, line and field.
        """
        try:
            found = parse(Manifest, self.document)
        except InputError as error:
            raise PackError(error.message, where=error.where, remedy=error.remedy) from error
        if found.id != self.id:
            place = self.document.place(("id",))
            raise PackError(
                f"id {found.id!r} differs from the folder {self.id!r}", where=place, remedy="Make them equal."
            )
        for index, name in enumerate(found.controls):
            if name not in catalogue() and name not in clauses():
                remedy = "`aims-gates controls list` shows all."
                raise PackError(
                    f"there is no control {name!r}", where=self.document.place(("controls", index)), remedy=remedy
                )
        for name, parameter in found.parameters.items():
            if not parameter.accepts(parameter.default):
                place = self.document.place(("parameters", name, "default"))
                raise PackError(
                    f"the default of {name!r} is no {parameter.type}", where=place, remedy="Mend the default."
                )
        self._check_facts(found)
        return found

    def _check_facts(self, found: Manifest) -> None:
        names = [fact.id for fact in found.facts]
        for index, fact in enumerate(found.facts):
            if names.index(fact.id) != index:
                place = self.document.place(("facts", index, "id"))
                raise PackError(f"two facts are called {fact.id!r}", where=place, remedy="Rename one.")
            strange = set(fact.controls) - set(found.controls)
            if strange:
                said = f"the fact {fact.id!r} names {', '.join(sorted(strange))}, which the gate does not"
                place = self.document.place(("facts", index, "controls"))
                raise PackError(said, where=place, remedy="Add it to the gate's controls, or take it off the fact.")

    def params(self, given: Mapping[str, Any], where: str = "parameters") -> dict[str, Any]:
        """Defaults overlaid with what was given.

        Raises:
            InputError: an unknown parameter or a value of the wrong type.
        """
        known = self.manifest.parameters
        for name, value in given.items():
            if name not in known:
                remedy = f"Choose from: {', '.join(known) or 'it takes none'}."
                raise InputError(f"the gate {self.id!r} has no parameter {name!r}", where=where, remedy=remedy)
            if not known[name].accepts(value):
                remedy = f"Give a value of type {known[name].type}: {known[name].summary}"
                raise InputError(f"{self.id}: {name} cannot be {value!r}", where=where, remedy=remedy)
        return deepcopy({name: parameter.default for name, parameter in known.items()} | dict(given))

    def load(self) -> Callable[[Case], Iterable[Finding]]:
        """What runs the gate: its facts, then the ``run`` of its gate.py, where it has them.

        Raises:
            GateError: there is neither, gate.py does not import, or it has no ``run``.
        """
        facts = self.manifest.facts
        run = None if facts and "gate.py" not in self.files else self._compiled()
        if not facts:
            assert run is not None
            return run
        return lambda case: chain(judge(facts, case), run(case) if run else ())

    def _compiled(self) -> Callable[[Case], Iterable[Finding]]:
        """gate.py compiled from the bytes that were digested; siblings are ``from . import x``."""
        name = f"aims_gate_{self.id}_{self.digest[7:19]}"
        if name not in sys.modules:
            _FINDER.add(name, self)
            try:
                _import(name)
            except (Exception, SystemExit) as error:
                _FINDER.drop(name)
                raise GateError(
                    f"gate.py does not import: {error!r}", where=str(self.folder), remedy="Mend it."
                ) from error
        run = getattr(sys.modules[name], "run", None)
        if not callable(run):
            raise GateError("gate.py has no function run(case)", where=str(self.folder), remedy="See CONTRIBUTING.md.")
        loaded: Callable[[Case], Iterable[Finding]] = run
        return loaded


class _Loader(InspectLoader):
    """Compiles from memory; cached bytecode is neither read nor written."""

    def __init__(self, source: bytes, path: str, package: bool) -> None:
        self.source, self.path, self.package = source, path, package

    def is_package(self, fullname: str) -> bool:
        return self.package

    def get_source(self, fullname: str) -> str:
        return self.source.decode("utf-8")

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, self.path)


class _Finder(MetaPathFinder):
    """Finds the modules of loaded gates, by full name, in memory."""

    def __init__(self) -> None:
        self.loaders: dict[str, _Loader] = {}

    def add(self, name: str, gate: Gate) -> None:
        for path, source in gate.files.items():
            if path.endswith(".py"):
                parts = path.removesuffix(".py").split("/")
                full = name if parts == ["gate"] else ".".join([name, *parts]).removesuffix(".__init__")
                package = parts == ["gate"] or parts[-1] == "__init__"
                self.loaders[full] = _Loader(source, str(gate.folder / path), package)

    def drop(self, name: str) -> None:
        for full in [found for found in self.loaders if found == name or found.startswith(f"{name}.")]:
            del self.loaders[full]
            sys.modules.pop(full, None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader = self.loaders.get(fullname)
        return spec_from_loader(fullname, loader, origin=loader.path) if loader else None


_FINDER = _Finder()


def _import(name: str) -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    spec = _FINDER.find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError("there is no gate.py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


def bundled() -> Path:
    """The pack that aims-gates itself brings: in the wheel, or the checkout."""
    return next(place for place in (_HERE / "bundled", _HERE.parent) if (place / "gates").is_dir())


def installed() -> list[Path]:
    """Packs that installed distributions offer, found without importing them.

    Raises:
        PackError: a distribution offers a package that is not there.
    """
    found: list[Path] = []
    for point in entry_points(group="aims_gates.packs"):
        top, *rest = point.module.split(".")
        spec = find_spec(top)
        places = [Path(place, *rest) for place in (spec.submodule_search_locations or () if spec else ())]
        if not any(place.is_dir() for place in places):
            name = point.dist.name if point.dist else point.name
            raise PackError(
                f"offers the pack {point.module!r}, which is not there", where=name, remedy="Install it again."
            )
        found.extend(place for place in places if place.is_dir())
    return found


def _roots(packs: Iterable[Path]) -> list[Path]:
    roots = [bundled(), *installed(), *packs]
    for root in roots:
        if not root.is_dir():
            raise PackError("no such pack", where=str(root), remedy="Name a folder that holds gates/ or profiles/.")
    return list(dict.fromkeys(root.resolve() for root in roots))


def find_gates(packs: Iterable[Path] = ()) -> dict[str, Gate]:
    """The gates of the bundled, the installed and these packs, by id. None shadows another.

    Raises:
        PackError: a pack is missing, or two offer a gate of the same id.
    """
    found: dict[str, Gate] = {}
    for root in _roots(packs):
        for folder in sorted(path.parent for path in (root / "gates").glob("*/gate.yaml")):
            if folder.name in found:
                other = found[folder.name].folder
                raise PackError(
                    f"the gate {folder.name!r} is already in {other}", where=str(folder), remedy="Rename one."
                )
            found[folder.name] = Gate.read(folder)
    return found


def profile_names(packs: Iterable[Path] = ()) -> dict[str, Path]:
    """Every profile's file, by id; ``<id>.tests.yaml`` beside it holds its fixtures and is none.

    Raises:
        PackError: two packs offer a profile of the same id.
    """
    found: dict[str, Path] = {}
    for root in _roots(packs):
        for path in sorted((root / "profiles").glob("*.yaml")):
            if path.name.endswith(".tests.yaml"):
                continue
            if path.stem in found:
                raise PackError(
                    f"the profile {path.stem!r} is already {found[path.stem]}", where=str(path), remedy="Rename one."
                )
            found[path.stem] = path
    return found


def find_profile(name: str, packs: Iterable[Path] = ()) -> Document:
    """The one profile of this id, as read.

    Raises:
        PackError: there is none; the remedy lists those there are.
    """
    known = profile_names(packs)
    if name not in known:
        raise PackError(f"there is no profile {name!r}", remedy=f"Choose from: {', '.join(sorted(known))}.")
    return read(known[name])
