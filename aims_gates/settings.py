"""Where things are: packs, registry, tracking, key. From flags, then the environment, then ``aims.yaml``.

``aims.yaml`` is read from the current folder or the file that ``--config`` names; its paths are relative to itself.
"""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from aims_gates.attestation.signing.keys import ENVIRONMENT, Key, read_private
from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import parse, read
from aims_gates.errors import InputError

__all__ = [
    "ADVISORIES",
    "DEFAULT_WORKSPACE",
    "SCHEMES",
    "Settings",
    "called",
    "chosen_workspace",
    "database_uri",
    "load",
    "maybe_signer",
    "signer",
]

#: Registry schemes of ours -> what SQLAlchemy calls them. The driver is named: SQLAlchemy 2.0 and 2.1 choose others.
SCHEMES = {
    "aims+sqlite": "sqlite",
    "aims+postgresql": "postgresql+psycopg",
    "aims+postgresql+psycopg2": "postgresql+psycopg2",
    "aims+postgresql+psycopg": "postgresql+psycopg",
}
_FORMS = "aims+sqlite:///FILE or aims+postgresql://USER@HOST/DATABASE"
FILE = "aims.yaml"
#: The environment variable that says where packages are looked up.
ADVISORIES = "AIMS_GATES_ADVISORIES"
#: The workspace of a registry without workspaces.
DEFAULT_WORKSPACE = "default"


def called(workspace: str, name: str, here: str = DEFAULT_WORKSPACE) -> str:
    """What a registered model goes by in messages: with its workspace where that is another than ``here``."""
    return name if workspace == here else f"{workspace}/{name}"


def chosen_workspace() -> str | None:
    """The workspace that MLflow's own client asks a server for (``mlflow.set_workspace``, ``MLFLOW_WORKSPACE``)."""
    context = sys.modules.get("mlflow.utils.workspace_context")  # not imported for this: that takes seconds
    chosen = context.get_request_workspace() if context else os.environ.get("MLFLOW_WORKSPACE", "").strip()
    return chosen or None


class _SettingsFile(StrictModel):
    packs: tuple[str, ...] = (".",)
    registry: str | None = None
    tracking: str | None = None
    key: str | None = None
    artifacts: str | None = None
    trusted_keys: tuple[str, ...] = ()
    advisories: str | None = None


@dataclass(frozen=True)
class Settings:
    """What a command works with.

    Attributes:
        packs: The user's packs; the bundled one comes in any case.
        registry: Registry URI, e.g. ``aims+sqlite:///registry.db`` or a server's ``https://...``; the tracking server
            where none is named and that is reached over HTTP, else None.
        tracking: Tracking URI; None leaves MLflow's own choice.
        key: Private key file; None leaves it to ``AIMS_GATES_KEY``.
        artifacts: The folder that an MLflow server on this machine serves artifacts from
            (its ``--artifacts-destination``); None where artifacts are plain local files.
        trusted_keys: Public key files whose word counts where there is no ledger (portable grants).
        advisories: Where the packages that a model asks for are looked up: ``osv``, ``pypi``, ``off`` or an address
            (:func:`aims_gates.mlflow_plugin.client.packages.service_of`); None for nowhere.
    """

    packs: tuple[Path, ...] = ()
    registry: str | None = None
    tracking: str | None = None
    key: Path | None = None
    artifacts: Path | None = None
    trusted_keys: tuple[Path, ...] = ()
    advisories: str | None = None

    @property
    def workspace(self) -> str:
        """The workspace that MLflow works in here (``mlflow.set_workspace``, ``MLFLOW_WORKSPACE``), else ``default``.

        A server says itself whether it has workspaces; an embedded registry has them where ``MLFLOW_ENABLE_WORKSPACES``
        is true.
        """
        served = (self.registry or "").startswith(("http://", "https://"))
        if not served and os.environ.get("MLFLOW_ENABLE_WORKSPACES", "").strip().lower() not in ("true", "1"):
            return DEFAULT_WORKSPACE
        return chosen_workspace() or DEFAULT_WORKSPACE

    def need_registry(self) -> str:
        """The registry URI.

        Raises:
            InputError: none is named.
        """
        if self.registry is None:
            remedy = f"Pass --registry {_FORMS}, or a server's address; MLFLOW_REGISTRY_URI and aims.yaml name it too."
            raise InputError("no registry is named", remedy=remedy)
        return self.registry


def database_uri(registry: str) -> str:
    """The database behind a registry URI of ours, as SQLAlchemy writes it.

    Raises:
        InputError: the URI is not one of ours, or is reached over HTTP.
    """
    scheme, colon, rest = registry.partition(":")
    if colon and scheme in SCHEMES:
        return f"{SCHEMES[scheme]}:{rest}"
    if scheme in ("http", "https"):
        remedy = "Run this on the server's machine with --registry aims+sqlite:///FILE."
        raise InputError(
            "this needs the registry's database, which is not reached over HTTP", where=registry, remedy=remedy
        )
    raise InputError("this registry is not gated", where=registry, remedy=f"Write {_FORMS}.")


def _absolute(uri: str, folder: Path) -> str:
    """A relative SQLite path, made absolute from the file that names it."""
    for prefix in ("aims+sqlite:///", "sqlite:///"):
        if uri.startswith(prefix) and not uri.startswith(f"{prefix}/"):
            return f"{prefix}{(folder / uri.removeprefix(prefix)).resolve()}"
    return uri


def _from_file(path: Path) -> Settings:
    settings_file, folder = parse(_SettingsFile, read(path)), path.resolve().parent
    return Settings(
        packs=tuple(folder / pack for pack in settings_file.packs),
        registry=_absolute(settings_file.registry, folder) if settings_file.registry else None,
        tracking=_absolute(settings_file.tracking, folder) if settings_file.tracking else None,
        key=folder / settings_file.key if settings_file.key else None,
        artifacts=folder / settings_file.artifacts if settings_file.artifacts else None,
        trusted_keys=tuple(folder / trusted_key for trusted_key in settings_file.trusted_keys),
        advisories=settings_file.advisories,
    )


def load(
    config: Path | None = None,
    packs: tuple[Path, ...] = (),
    registry: str | None = None,
    tracking: str | None = None,
    key: Path | None = None,
) -> Settings:
    """Settings from these flags, the environment and ``aims.yaml``, in this order.

    Raises:
        InputError: the file that --config names is missing, or aims.yaml is malformed.
    """
    path = config or Path(FILE)
    settings = _from_file(path) if config is not None or path.is_file() else Settings()
    here = Path.cwd()
    registry = registry or os.environ.get("MLFLOW_REGISTRY_URI")
    tracking = tracking or os.environ.get("MLFLOW_TRACKING_URI")
    tracking = _absolute(tracking, here) if tracking else settings.tracking
    registry = _absolute(registry, here) if registry else settings.registry
    if registry is None and tracking is not None and tracking.partition(":")[0].lower() in ("http", "https"):
        registry = tracking  # as for MLflow: who names no registry means the tracking server's
    advisories = os.environ.get(ADVISORIES) or settings.advisories
    return replace(
        settings,
        packs=packs or settings.packs,
        registry=registry,
        tracking=tracking,
        key=key or settings.key,
        advisories=advisories,
    )


def signer(settings: Settings, key: Path | None = None) -> Key:
    """The private key: the file named, then ``AIMS_GATES_KEY``, then aims.yaml.

    Raises:
        KeyFileError: there is none, or it cannot be used.
    """
    return read_private(key or (None if os.environ.get(ENVIRONMENT) else settings.key))


def maybe_signer(settings: Settings, key: Path | None = None) -> Key | None:
    """As :func:`signer`, but None where no key is named anywhere."""
    return signer(settings, key) if key or settings.key or os.environ.get(ENVIRONMENT) else None
