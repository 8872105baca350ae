"""A gate: its folder, manifest, digest and code."""

import sys
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.documents.strict_yaml import Document, parse, read_yaml
from aims_gates.errors import GateError, InputError, PackError
from aims_gates.governance.controls import title_of
from aims_gates.model import Finding
from aims_gates.packs.case import Case
from aims_gates.packs.loader import FINDER, import_gate
from aims_gates.packs.manifest import Manifest

__all__ = ["Gate"]

_SKIPPED = {"samples", "__pycache__"}


def _nothing(_: Case) -> Iterable[Finding]:
    return ()


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
            result = parse(Manifest, self.document)
        except InputError as error:
            raise PackError(error.message, where=error.where, remedy=error.remedy) from error
        if result.id != self.id:
            place = self.document.place(("id",))
            raise PackError(
                f"id {result.id!r} differs from the folder {self.id!r}", where=place, remedy="Make them equal."
            )
        for index, name in enumerate(result.controls):
            if title_of(name) is None:
                remedy = "`aims-gates controls list` shows all."
                raise PackError(
                    f"there is no control {name!r}", where=self.document.place(("controls", index)), remedy=remedy
                )
        for name, parameter in result.parameters.items():
            if not parameter.accepts(parameter.default):
                place = self.document.place(("parameters", name, "default"))
                raise PackError(
                    f"the default of {name!r} is no {parameter.type}", where=place, remedy="Fix the default."
                )
        self._check_facts(result)
        return result

    def _check_facts(self, manifest: Manifest) -> None:
        names = [fact.id for fact in manifest.facts]
        for index, fact in enumerate(manifest.facts):
            if names.index(fact.id) != index:
                place = self.document.place(("facts", index, "id"))
                raise PackError(f"two facts are called {fact.id!r}", where=place, remedy="Rename one.")
            strange = set(fact.controls) - set(manifest.controls)
            if strange:
                message = f"the fact {fact.id!r} names {', '.join(sorted(strange))}, which the gate does not"
                place = self.document.place(("facts", index, "controls"))
                raise PackError(message, where=place, remedy="Add it to the gate's controls, or take it off the fact.")

    def params(self, settings: Mapping[str, Any], where: str = "parameters") -> dict[str, Any]:
        """Defaults overlaid with what was given.

        Raises:
            InputError: an unknown parameter or a value of the wrong type.
        """
        known = self.manifest.parameters
        for name, value in settings.items():
            if name not in known:
                remedy = f"Choose from: {', '.join(known) or 'it takes none'}."
                raise InputError(f"the gate {self.id!r} has no parameter {name!r}", where=where, remedy=remedy)
            if not known[name].accepts(value):
                remedy = f"Give a value of type {known[name].type}: {known[name].summary}"
                raise InputError(f"{self.id}: {name} cannot be {value!r}", where=where, remedy=remedy)
        return deepcopy({name: parameter.default for name, parameter in known.items()} | dict(settings))

    def load(self) -> Callable[[Case], Iterable[Finding]]:
        """The ``run`` of its gate.py; of a gate that is all facts, one that finds nothing more.

        Raises:
            GateError: there is neither, gate.py does not import, or it has no ``run``.
        """
        return _nothing if self.manifest.facts and "gate.py" not in self.files else self._compiled()

    def _compiled(self) -> Callable[[Case], Iterable[Finding]]:
        """gate.py compiled from the bytes that were digested; siblings are ``from . import x``."""
        name = f"aims_gate_{self.id}_{self.digest[7:19]}"
        if name not in sys.modules:
            FINDER.add(name, self.folder, self.files)
            try:
                import_gate(name)
            except (Exception, SystemExit) as error:
                FINDER.drop(name)
                raise GateError(
                    f"gate.py does not import: {error!r}", where=str(self.folder), remedy="Fix it."
                ) from error
        run = getattr(sys.modules[name], "run", None)
        if not callable(run):
            raise GateError("gate.py has no function run(case)", where=str(self.folder), remedy="See CONTRIBUTING.md.")
        loaded: Callable[[Case], Iterable[Finding]] = run
        return loaded
