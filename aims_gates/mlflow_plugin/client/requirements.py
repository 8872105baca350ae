"""The packages that a model's folder asks for, read from the files that MLflow installs from.

A model's author wrote these files, so nothing of them is handed on as it stands: what comes out are names and versions
that :mod:`packaging` parsed, and words for all else.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from aims_gates.documents.strict_yaml import MAX_BYTES, Document, read_bytes, read_yaml
from aims_gates.errors import InputError

__all__ = ["RequiredPackages"]

_Reader = Callable[[str, bytes], None]
_MOST_PINS, _MOST_SHOWN = 2_000, 200
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z])[=\s]*(.*)")
_OF_ONE_LINE = re.compile(r"\s--(hash|config-settings?|global-option)\b.*$")
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_INCLUDE = ("-r", "--requirement")
#: These change nothing about a requirement that names its version.
_HARMLESS = (
    *("-c", "--constraint", "--no-binary", "--only-binary", "--pre", "--prefer-binary", "--require-hashes"),
    *("--use-feature",),
)
#: MLflow writes these without a version where the environment that it describes has none of its own.
_INSTALLERS = ("pip", "setuptools", "wheel")


class RequiredPackages:
    """What a model's folder asks for.

    Attributes:
        files: The files that ask.
        pins: ``name==version``, normalized, without local parts such as ``+cu118``; in order, each once.
        unknown: Requirement -> why it names no package and version that can be looked up.
        unread: File -> why it could not be read.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        """Read them.

        Args:
            folder: The model. Files of models inside it are read too.
            names: Its files, none of them a link.
        """
        self._folder, self._names = folder, frozenset(names)
        self._pins: dict[str, None] = {}
        self.unknown: dict[str, str] = {}
        self.unread: dict[str, str] = {}
        self._readers = {"requirements.txt": self._text, "conda.yaml": self._conda, "python_env.yaml": self._python}
        self._waiting: dict[tuple[str, _Reader], None] = {}
        for name in sorted(self._names):
            base = posixpath.basename(name)
            if base == "MLmodel":
                self._file(name, self._named)
            elif base in self._readers:
                self._waiting[name, self._readers[base]] = None
        read: set[tuple[str, _Reader]] = set()
        while left := [entry for entry in self._waiting if entry not in read]:
            for entry in left:
                read.add(entry)
                self._file(*entry)
        self.files = tuple(dict.fromkeys(name for name, _ in self._waiting))

    @property
    def pins(self) -> tuple[str, ...]:
        """The packages that can be looked up."""
        return tuple(self._pins)

    def _file(self, name: str, reader: _Reader) -> None:
        try:
            if name not in self._names:
                raise InputError("the model names it and does not hold it")
            data = read_bytes(self._folder / name)
            if len(data) > MAX_BYTES:
                raise InputError(f"larger than {MAX_BYTES:,} bytes")
            reader(name, data)
            if len(self._pins) > _MOST_PINS:
                raise InputError(f"more than {_MOST_PINS:,} packages")
        except InputError as error:
            self.unread[name] = error.message

    def _named(self, name: str, data: bytes) -> None:
        """The files that an ``MLmodel`` names as its environment, whatever they are called."""
        flavors = _mapping(read_yaml(data, name), "flavors")
        for flavor in flavors.values():
            env = flavor.get("env") if isinstance(flavor, dict) else None
            for kind, file in (env if isinstance(env, dict) else {"conda": env}).items():
                if isinstance(file, str):
                    reader = self._python if kind == "virtualenv" else self._conda
                    self._waiting[_beside(name, file), reader] = None

    def _text(self, name: str, data: bytes) -> None:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"not UTF-8 text (byte {error.start})") from None
        self._lines(name, re.sub(r"\\\r?\n", " ", text).splitlines())

    def _conda(self, name: str, data: bytes) -> None:
        """``pip`` lines are requirements; conda's own packages, but for Python and the installers, are unknown."""
        for part in _list(read_yaml(data, name), "dependencies"):
            if isinstance(part, dict) and list(part) == ["pip"]:
                self._lines(name, _texts(part["pip"], "dependencies: pip"))
            elif not isinstance(part, str):
                raise InputError("dependencies: holds something else than packages and pip's list")
            elif re.split(r"[\s=<>!~\[]", part.strip(), maxsplit=1)[0] not in ("python", *_INSTALLERS):
                self._cannot(part, "it is a package of conda's, and advisories are on those of PyPI")

    def _python(self, name: str, data: bytes) -> None:
        document = read_yaml(data, name)
        build = _texts(_list(document, "build_dependencies"), "build_dependencies")
        self._lines(name, [line for line in build if line.strip() not in _INSTALLERS])
        self._lines(name, _texts(_list(document, "dependencies"), "dependencies"))

    def _lines(self, name: str, lines: Iterable[str]) -> None:
        for line in lines:
            text = _COMMENT.sub("", line).strip()
            if text.startswith("-"):
                self._option(name, text)
            elif text:
                self._requirement(_OF_ONE_LINE.sub("", text).strip())

    def _option(self, name: str, text: str) -> None:
        parts = _OPTION.fullmatch(text)
        option, value = parts.groups() if parts else (text, "")
        if option in _INCLUDE:
            self._waiting[_beside(name, value.strip()), self._text] = None
        elif option in ("-e", "--editable"):
            self._cannot(text, "it is a path or an address, not a name and version")
        elif option not in _HARMLESS:
            self._cannot(text, "packages may come from elsewhere, and advisories are on those of PyPI")

    def _requirement(self, text: str) -> None:
        try:
            requirement = Requirement(text)
            versions = set(_versions(requirement))
        except (InvalidRequirement, InvalidVersion):
            path = "/" in text or text.startswith(".")
            self._cannot(text, f"it is {'a path or an address, ' if path else ''}not a name and version")
            return
        if requirement.url is not None:
            self._cannot(text, "it is an address, not a name and version")
        elif len(versions) != 1:
            self._cannot(
                text, "it names several versions" if versions else "it names no single version (name==version)"
            )
        else:
            # A local part names a build of that version; advisories name the version.
            self._pins.setdefault(f"{canonicalize_name(requirement.name)}=={versions.pop().public}")

    def _cannot(self, text: str, why: str) -> None:
        shown = repr(_CREDENTIALS.sub("//***@", text))[1:-1]
        self.unknown[shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]} ..."] = why


def _versions(requirement: Requirement) -> Iterator[Version]:
    for part in requirement.specifier:
        if part.operator in ("==", "===") and not part.version.endswith(".*"):
            yield Version(part.version)


def _beside(name: str, file: str) -> str:
    """A file that another one names, as the manifest writes it; whatever lies outside the model is not in that."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), file))


def _mapping(document: Document, key: str) -> Mapping[str, Any]:
    value = document.value.get(key, {}) if isinstance(document.value, dict) else None
    if not isinstance(value, dict):
        raise InputError(f"{key}: not a mapping")
    return value


def _list(document: Document, key: str) -> list[Any]:
    value = document.value.get(key, []) if isinstance(document.value, dict) else None
    if not isinstance(value, list):
        raise InputError(f"{key}: not a list")
    return value


def _texts(value: Any, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise InputError(f"{key}: not a list of text")
    return [part for line in value for part in line.splitlines()]
