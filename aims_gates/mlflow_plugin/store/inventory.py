"""What an MLflow registry holds, read from its tables as they lie: each table once, however many models there are.

No model is loaded and nothing is downloaded. Where the bytes of a version are is looked up in the tables of the
tracking store, which may be another database.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.store.locations import local_path, proxied_path

__all__ = ["KnownModel", "KnownVersion", "Places", "inventory"]

_MODELS = "SELECT workspace, name, description FROM registered_models"
_VERSIONS = """
SELECT workspace, name, version, creation_time, source, storage_location, run_id, current_stage FROM model_versions
WHERE current_stage <> 'Deleted_Internal' ORDER BY version
"""
_MODEL_TAGS = "SELECT workspace, name, key, value FROM registered_model_tags"
_VERSION_TAGS = "SELECT workspace, name, version, key, value FROM model_version_tags"
_ALIASES = "SELECT workspace, name, alias, version FROM registered_model_aliases"


@dataclass(frozen=True)
class KnownVersion:
    """A version as the registry has it.

    Attributes:
        number: Its number.
        created: When it was registered.
        source, location: Where it came from, and where its bytes are (a released copy, or the source).
        run_id: Its run; None where none is named.
        stage: Its stage.
        tags: Its tags.
    """

    number: int
    created: datetime
    source: str
    location: str
    run_id: str | None
    stage: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class KnownModel:
    """A registered model as the registry has it.

    Attributes:
        workspace, name: Which.
        description, tags: What its people wrote.
        versions: Its versions, oldest first.
        aliases: Alias -> version.
    """

    workspace: str
    name: str
    description: str
    tags: Mapping[str, str]
    versions: tuple[KnownVersion, ...]
    aliases: Mapping[str, int]

    @property
    def prompt(self) -> bool:
        """Whether it is a prompt, by MLflow's tag."""
        return self.tags.get(IS_PROMPT_TAG_KEY, "").lower() == "true"


def inventory(connection: Connection) -> list[KnownModel]:
    """Every registered model, by workspace and name.

    Raises:
        InputError: the database holds no MLflow registry.
    """
    if not inspect(connection).has_table("registered_model_aliases"):
        remedy = "Name the database of an MLflow registry: --registry aims+sqlite:///FILE."
        raise InputError("there is no MLflow registry in this database", remedy=remedy)
    tags = _grouped(connection, _MODEL_TAGS, 2)
    version_tags = _grouped(connection, _VERSION_TAGS, 3)
    aliases = _grouped(connection, _ALIASES, 2)
    versions: dict[tuple[Any, ...], list[KnownVersion]] = {}
    for workspace, name, number, created, source, location, run, stage in connection.execute(text(_VERSIONS)):
        at = datetime.fromtimestamp((created or 0) / 1000, UTC)
        own = dict(version_tags.get((workspace, name, number), ()))
        version = KnownVersion(int(number), at, str(source), str(location or source), run or None, str(stage), own)
        versions.setdefault((workspace, name), []).append(version)
    return [
        KnownModel(
            workspace,
            name,
            description or "",
            dict(tags.get((workspace, name), ())),
            tuple(versions.get((workspace, name), ())),
            {alias: int(number) for alias, number in aliases.get((workspace, name), ()) if number is not None},
        )
        for workspace, name, description in sorted(tuple(row) for row in connection.execute(text(_MODELS)))
    ]


def _grouped(connection: Connection, query: str, keys: int) -> dict[tuple[Any, ...], list[Any]]:
    """Rows by their first columns, each with its last two."""
    result: dict[tuple[Any, ...], list[Any]] = {}
    for row in connection.execute(text(query)):
        result.setdefault(tuple(row[:keys]), []).append(tuple(row[keys:]))
    return result


class Places:
    """Where the bytes of versions are on this machine, as far as tables say.

    Args:
        connection: The registry's database; the tracking store's tables may be in it too.
        tracking: The tracking store's address; one that is no database is left out.
    """

    def __init__(self, connection: Connection, tracking: str | None = None) -> None:
        self._models: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._read(connection)
        if tracking is not None and tracking.startswith(("sqlite:", "postgresql")) and _is_there(tracking):
            engine = create_engine(tracking)
            try:
                with engine.connect() as other:
                    self._read(other)
            except SQLAlchemyError:
                pass  # what cannot be read is not known, and nothing is said of it
            finally:
                engine.dispose()

    def _read(self, connection: Connection) -> None:
        tables = set(inspect(connection).get_table_names())
        for table, query, into in (
            ("logged_models", "SELECT model_id, artifact_location FROM logged_models", self._models),
            ("runs", "SELECT run_uuid, artifact_uri FROM runs", self._runs),
        ):
            if table in tables:
                into.update({str(row[0]): str(row[1]) for row in connection.execute(text(query)) if row[1]})

    def folder(self, version: KnownVersion) -> Path | None:
        """The folder on this machine that holds, or held, a version's bytes; None where they are elsewhere."""
        address = version.location
        scheme, _, rest = address.partition(":")
        if scheme == "models":
            address = self._models.get(rest.strip("/"), "")
        elif scheme == "runs":
            run, _, path = rest.strip("/").partition("/")
            address = f"{self._runs[run]}/{path}" if run in self._runs else ""
        try:
            return (proxied_path(address) or local_path(address)) if address else None
        except InputError:
            return None

    def gone(self, models: Iterable[KnownModel]) -> Iterator[tuple[KnownModel, KnownVersion, Path]]:
        """The versions whose folder on this machine is missing or empty."""
        for model in models:
            for version in model.versions if not model.prompt else ():
                folder = self.folder(version)
                if folder is not None and self.is_gone(version):
                    yield model, version, folder

    def is_gone(self, version: KnownVersion) -> bool:
        """Whether a version's folder would be on this machine, and is missing or empty."""
        folder = self.folder(version)
        return folder is not None and not _holds_bytes(folder)


def _is_there(tracking: str) -> bool:
    """SQLite would make an empty file of a mistyped name."""
    place = make_url(tracking).database
    return not tracking.startswith("sqlite:") or bool(place and Path(place).is_file())


def _holds_bytes(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False
