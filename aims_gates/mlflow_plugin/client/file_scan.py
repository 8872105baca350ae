"""A model's files looked through before anything loads them: what would run, and what it would import.

Pickles are read by picklescan, opcode by opcode; nothing is unpickled. It knows what no model needs (``os.system``,
``subprocess``, ``eval`` ...); that it finds nothing does not make code harmless, which is why a model runs isolated.
"""

# mypy: allow-untyped-calls

import logging
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING

from aims_gates.documents.canonical import manifest
from aims_gates.mlflow_plugin.client.packages import look_up
from aims_gates.mlflow_plugin.client.requirements import RequiredPackages
from aims_gates.model import Artifacts

if TYPE_CHECKING:
    from picklescan.scanner import Global

__all__ = ["look_through"]

_PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle")
#: What is run, or may hold what is run, and is no pickle.
_CODE = (".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".jar", ".sh", ".keras", ".h5", ".hdf5", ".pb")
#: Functions and classes whose code the pickle itself carries: as good and as bad as a source file.
_CARRIES_CODE = "cloudpickle."
_PROTOCOL = tuple(bytes([0x80, number]) for number in range(2, 6))
_NUMPY = b"\x93NUM"
_MOST_BYTES, _MOST_MEMBERS, _DEEPEST = 4 << 30, 100_000, 3


class _Scan:
    """What is gathered on the way."""

    def __init__(self) -> None:
        self.pickles: set[str] = set()
        self.code: set[str] = set()
        self.dangerous: dict[str, set[str]] = {}
        self.unread: dict[str, str] = {}

    def file(self, name: str, data: IO[bytes], depth: int = 0) -> None:
        """One file, or one member of an archive."""
        if name.lower().endswith(_CODE):
            self.code.add(name)
        try:
            head = data.read(4)
            # An archive may stand behind something else: what begins as no archive is read as both.
            archive = zipfile.is_zipfile(data)
            if archive:
                self._archive(name, data, depth)
            if not archive or not head.startswith(b"PK"):
                self._pickle(name, data, head)
        except Exception as error:  # noqa: BLE001 - whatever a scanner chokes on, the file was not read
            self.unread[name] = f"{type(error).__name__}: {error}"

    def _archive(self, name: str, data: IO[bytes], depth: int) -> None:
        if depth >= _DEEPEST:
            raise ValueError(f"archives in archives, more than {_DEEPEST} deep")
        with zipfile.ZipFile(data) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if len(members) > _MOST_MEMBERS or size > _MOST_BYTES:
                raise ValueError(f"it unpacks to {len(members):,} files and {size:,} bytes")
            for member in members:
                if not member.is_dir():
                    with archive.open(member) as file:
                        # One byte more than it says is an error of zipfile's own.
                        self.file(f"{name}/{member.filename}", BytesIO(file.read()), depth + 1)

    def _pickle(self, name: str, data: IO[bytes], head: bytes) -> None:
        from picklescan.scanner import SafetyLevel, scan_numpy, scan_pickle_bytes

        named, marked = name.lower().endswith(_PICKLES), head.startswith(_PROTOCOL)
        data.seek(0)
        scan = scan_numpy if head == _NUMPY else scan_pickle_bytes
        result = scan(data, name)
        dangerous = any(imported.safety is SafetyLevel.Dangerous for imported in result.globals)
        # Any text may begin like a pickle of the oldest kind, which is text too; but it does not end as one.
        if not (named or marked or dangerous or (result.globals and not result.scan_err)):
            return
        self.pickles.add(name)
        if result.scan_err:
            self.unread[name] = "it is a pickle in part only"
        elif not result.globals and not marked:
            self.unread[name] = "it is called a pickle and cannot be read as one; it may be compressed"
        self._imports(name, result.globals)

    def _imports(self, name: str, imports: "Iterable[Global]") -> None:
        """What a pickle imports: code that it carries, and what no model needs."""
        from picklescan.scanner import SafetyLevel

        for imported in imports:
            if f"{imported.module}.".startswith(_CARRIES_CODE):
                self.code.add(name)
            elif imported.safety is SafetyLevel.Dangerous:
                self.dangerous.setdefault(name, set()).add(f"{imported.module}.{imported.name}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the scanner's own log: what it says there is in the findings."""
    logger = logging.getLogger("picklescan")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def look_through(folder: Path, subject: str, service: str | None = None) -> Artifacts:
    """Look through every file of a model's folder.

    Args:
        folder: The model.
        subject: Its digest, which the answer carries.
        service: Where the packages that it asks for are looked up, from
            :func:`aims_gates.mlflow_plugin.client.packages.service_of`; None for nowhere.

    Raises:
        IntegrityError: the folder holds links, or is empty.
    """
    look, names = _Scan(), [str(row[0]) for row in manifest(folder)]
    with _quiet():
        for name in names:
            with (folder / name).open("rb") as file:
                look.file(name, file)
    return Artifacts(
        subject=subject,
        scanner=f"picklescan {version('picklescan')}",
        files=len(names),
        pickles=tuple(sorted(look.pickles)),
        code=tuple(sorted(look.code)),
        dangerous={name: tuple(sorted(imports)) for name, imports in sorted(look.dangerous.items())},
        unread=dict(sorted(look.unread.items())),
        required=_required(folder, names),
        packages=None if service is None else look_up(folder, names, service),
    )


def _required(folder: Path, names: list[str]) -> tuple[str, ...] | None:
    """The packages that the model's files ask for; None where one of these files cannot be read."""
    packages = RequiredPackages(folder, names)
    return None if packages.unread else tuple(sorted(packages.pins))
