"""Where bytes are: what MLflow's addresses mean on this machine.

Inside an MLflow server the proxied scheme ``mlflow-artifacts:`` is a folder (or bucket) of the
server's own; outside, a client reads it over HTTP.
"""

# mypy: allow-untyped-calls

import os
import urllib.parse
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlflow.utils.file_utils import local_file_uri_to_path
from mlflow.utils.uri import is_local_uri

from aims_gates.documents.canonical import is_digest
from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.environment import (
    ARTIFACT_ROOT_ENV_VAR,
    ARTIFACTS_DESTINATION_ENV_VAR,
    SERVE_ARTIFACTS_ENV_VAR,
    in_server,
)
from aims_gates.mlflow_plugin.internals.store import in_workspace, workspaces_on

__all__ = [
    "RELEASED",
    "RELEASED_ENV_VAR",
    "SOURCES_ENV_VAR",
    "Bucket",
    "Released",
    "bucket",
    "check_allowed",
    "check_readable",
    "check_source",
    "in_server",
    "in_workspace",
    "inside",
    "local_path",
    "proxied_path",
    "proxied_root",
    "released_root",
]

#: Name of the folder that holds released copies.
RELEASED = "aims-released"
_PROXY = "mlflow-artifacts"

#: The user's own word for the same, outside the server.
DESTINATION_ENV_VAR = "AIMS_GATES_ARTIFACTS_DESTINATION"
#: An object store's address for released copies, which are folders of this machine otherwise.
RELEASED_ENV_VAR = "AIMS_GATES_RELEASED"
#: Addresses, joined by commas, beneath which a server reads models beside its own artifacts.
SOURCES_ENV_VAR = "AIMS_GATES_MODEL_SOURCES"
_SOURCES = frozenset({"runs", "models", _PROXY})
_LOG_IT = "Log the model to the server (mlflow.<flavor>.log_model) and register it from there."


@dataclass(frozen=True)
class Bucket:
    """The released root in an object store, as MLflow's artifact repositories reach it.

    Attributes:
        address: Prefix of a copy's storage location, for instance ``s3://models/aims-released``.
    """

    address: str

    def location(self, digest: str) -> str:
        """The copy's storage location, as the registry keeps it."""
        return f"{self.address}/{digest.removeprefix('sha256:')}"

    def digest(self, location: str) -> str | None:
        """The digest that a storage location names, where it names a copy of ours."""
        text = f"sha256:{location.removeprefix(self.address).removeprefix('/')}"
        return text if is_digest(text) and location == self.location(text) else None


@dataclass(frozen=True)
class Released(Bucket):
    """The released root: a folder of this machine, and how clients address it.

    Attributes:
        folder: Where copies stand, each named by the hex of its digest.
    """

    folder: Path

    def copy(self, digest: str) -> Path:
        """Where the copy with this digest stands, or would."""
        return self.folder / digest.removeprefix("sha256:")


def proxied_root() -> str | None:
    """The server's artifacts destination, where this process serves artifacts or was told of it; else None.

    ``AIMS_GATES_ARTIFACTS_DESTINATION`` tells a command that runs on the server's machine where the
    server keeps what it serves, so that it can stage there.
    """
    if os.environ.get(SERVE_ARTIFACTS_ENV_VAR):
        return os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR)
    return os.environ.get(DESTINATION_ENV_VAR) or None


def _safe_parts(path: str, where: str) -> PurePosixPath:
    """The relative path, refused where any part could climb out, however often it was escaped."""
    plain = path
    while (unquoted := urllib.parse.unquote(plain)) != plain:
        plain = unquoted
    if ".." in plain.replace("\\", "/").split("/") or "\x00" in plain:
        raise InputError(
            "the address climbs out of its folder", where=where, remedy="Register the model at an address without '..'."
        )
    return PurePosixPath(path.lstrip("/"))


def local_path(address: str) -> Path | None:
    """The folder that a plain path or ``file:`` address names; None for every other scheme."""
    if not address or not is_local_uri(address, is_tracking_or_registry_uri=False):
        return None
    _safe_parts(address, address)
    return Path(local_file_uri_to_path(address)).absolute()


def proxied_path(address: str) -> Path | None:
    """The server's own folder behind ``mlflow-artifacts:/...``; None where there is none on this machine."""
    root = proxied_root()
    parsed = urllib.parse.urlparse(address)
    folder = local_path(root) if root else None
    if parsed.scheme != _PROXY or folder is None:
        return None
    return folder / _scoped(_safe_parts(parsed.path, address))


def _scoped(path: PurePosixPath) -> PurePosixPath:
    """With workspaces on, the proxy keeps each workspace's artifacts in a folder of its own."""
    if not workspaces_on():
        return path
    from aims_gates.mlflow_plugin.internals.server.handlers import scoped_path

    return PurePosixPath(scoped_path(str(path)) or ".")


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links followed, lies beneath a root."""
    return path.resolve().is_relative_to(root.resolve())


def bucket() -> Bucket | None:
    """The released root in an object store, where ``AIMS_GATES_RELEASED`` names one.

    Raises:
        InputError: it names a folder, or a place whose last part is not ``aims-released``.
    """
    address = os.environ.get(RELEASED_ENV_VAR, "").rstrip("/")
    if not address:
        return None
    parsed = urllib.parse.urlsplit(address)
    if local_path(address) is not None or parsed.scheme == _PROXY or not parsed.path.endswith(f"/{RELEASED}"):
        remedy = f"Write an object store's address that ends in /{RELEASED}, e.g. s3://models/{RELEASED}."
        raise InputError("released copies cannot be kept there", where=f"{RELEASED_ENV_VAR}={address}", remedy=remedy)
    return Bucket(address)


def released_root(database: str | None) -> Bucket:
    """Where released copies go.

    In the object store that ``AIMS_GATES_RELEASED`` names. Else, under a server that serves artifacts from a local
    folder: beneath it, so that every client can download them. Else beside the SQLite file.

    Args:
        database: Path of the registry's SQLite file; None for another database.

    Raises:
        InputError: no local place is known (artifacts in a bucket, a registry without a file).
    """
    if (store := bucket()) is not None:
        return store
    folder = proxied_path(f"{_PROXY}:/{RELEASED}")
    if folder is not None:
        return Released(f"{_PROXY}:/{RELEASED}", folder)
    if proxied_root() is not None or database is None or database == ":memory:":
        raise InputError(
            "there is no local folder for released copies",
            where=proxied_root() or "registry",
            remedy="Serve artifacts from a local folder (--artifacts-destination); elsewhere on that machine name it "
            f"in {DESTINATION_ENV_VAR}. Or name an object store in {RELEASED_ENV_VAR}.",
        )
    folder = Path(database).absolute().parent / RELEASED
    return Released(str(folder), folder)


def check_allowed(folder: Path, address: str) -> None:
    """A server reads only beneath its own artifact roots and folders it was told of, whatever path a caller registered.

    Raises:
        InputError: the folder is elsewhere.
    """
    if not in_server():
        return
    own = [root for root in (proxied_root(), os.environ.get(ARTIFACT_ROOT_ENV_VAR)) if root]
    roots = [local_path(root) for root in (*own, *_told())]
    if not any(root is not None and inside(folder, root) for root in roots):
        raise InputError("the server reads no files outside its artifact folders", where=address, remedy=_LOG_IT)


def check_readable(underlying: str, address: str) -> None:
    """A server reads with its own rights, so only from its own artifacts and the prefixes it was told of.

    Args:
        underlying: Where the bytes are, not on this machine.
        address: What was registered, for the message.

    Raises:
        InputError: they are elsewhere.
    """
    own = [root for root in (proxied_root(), os.environ.get(ARTIFACT_ROOT_ENV_VAR)) if root]
    own += [store.address] if (store := bucket()) else []
    if in_server() and not _beneath(underlying, [*own, f"{_PROXY}:/", *_told()]):
        raise InputError("the server does not read from there", where=address, remedy=_LOG_IT)


def check_source(source: str) -> None:
    """A server registers what it may read: runs, logged models and versions of its own, its artifacts, told prefixes.

    Raises:
        InputError: the source is elsewhere (a caller's own bucket, path or web address), or names another server.
    """
    if not in_server():
        return
    parsed = urllib.parse.urlsplit(source)
    if (parsed.scheme in _SOURCES and not parsed.netloc) or _beneath(source, _told()):
        _safe_parts(parsed.path, source)
        return
    folder = local_path(source)
    if folder is None:
        raise InputError("the server registers no model from there", where=source, remedy=_LOG_IT)
    check_allowed(folder, source)


def _told() -> list[str]:
    return [part.strip() for part in os.environ.get(SOURCES_ENV_VAR, "").split(",") if part.strip()]


def _beneath(address: str, roots: list[str]) -> bool:
    """Whether an address lies beneath one of these, as both are spelled."""
    return any(address.startswith(f"{root.rstrip('/')}/") and _safe_parts(address, address) for root in roots)
