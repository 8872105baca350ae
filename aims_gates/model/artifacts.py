"""What scanners say of a model's files, and of the packages that it asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Advisory", "Artifacts", "Packages"]


@dataclass(frozen=True)
class Advisory:
    """A published advisory on a package that a model asks for.

    Attributes:
        package: Its normalized name.
        version: The version that the model asks for.
        ids: The advisory's ids, ``MAL-``, ``PYSEC-``, ``GHSA-`` and ``CVE-`` ones; the scanner's own choice first.
        fixed: Versions that fix it; empty where there is none.
    """

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...] = ()

    @property
    def malicious(self) -> bool:
        """Whether the package itself is an attack: OSV's ids for these begin with ``MAL-``."""
        return any(name.startswith("MAL-") for name in self.ids)


@dataclass(frozen=True)
class Packages:
    """What a scanner says of the packages that a model asks for.

    Attributes:
        scanner: Its name and version.
        service: Where it looked them up: the address, or ``pypi``.
        at: When, with a time zone.
        files: The model's files that ask for packages.
        looked_up: The packages looked up, as ``name==version``.
        advisories: What is known against them.
        unknown: Requirement -> why it could not be looked up.
        unread: File -> why it could not be read.
        failed: Why nothing could be looked up; None where it could.
    """

    scanner: str
    service: str
    at: datetime
    files: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    advisories: tuple[Advisory, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None


@dataclass(frozen=True)
class Artifacts:
    """What a scanner says of a model's files, unopened.

    Attributes:
        subject: Digest of the folder that was looked through.
        scanner: Its name and version.
        files: How many files there are.
        pickles: The files that run code when they are loaded, as pickles do.
        code: Source files that are run when the model is loaded.
        dangerous: File -> what it would import that no model needs (``os.system`` ...).
        unread: File -> why it could not be looked through.
        required: The packages that its own files (MLmodel, requirements.txt, conda.yaml) ask for, as ``name==version``;
            normalized, sorted; None where nobody read them, or not all could be read.
        packages: What is known against the packages that it asks for; None where nobody looked them up.
    """

    subject: str
    scanner: str
    files: int
    pickles: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    dangerous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] | None = None
    packages: Packages | None = None
