"""The registry's state against the ledger: aliases, stages, storage locations and released bytes.

Reads the registry's tables as they lie, without MLflow: what is wrong there must be seen even when MLflow cannot run.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from sqlalchemy import Connection, inspect, text

from aims_gates import database
from aims_gates.attestation.statements.policy import Adoption
from aims_gates.attestation.statements.registry import Grant, Intake, Registration, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import check_left_out, folder_digest
from aims_gates.errors import AimsGatesError
from aims_gates.ledger import live_tables
from aims_gates.ledger.table import history, let_go, live, names, rows, size
from aims_gates.mlflow_plugin.store.governed_names import governed_alias
from aims_gates.mlflow_plugin.store.ledger_view import COMMON, free, now
from aims_gates.model import ModelRef
from aims_gates.settings import DEFAULT_WORKSPACE, called

__all__ = ["ALIASES", "STAGES", "prompt_digest", "reconcile"]

ALIASES = """
SELECT a.workspace, a.name, a.alias, a.version, v.storage_location, v.source
FROM registered_model_aliases a LEFT JOIN model_versions v
ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
"""
STAGES = """
SELECT workspace, name, 'stage:Production/' || version, version, storage_location, source
FROM model_versions WHERE current_stage = 'Production'
"""
#: What MLflow writes where a prompt version has no artifacts: its text stands in the registry itself.
_NO_BYTES = frozenset({"dummy-source", "prompt-template"})
_REGISTERED = frozenset(map(type_of, (Registration, Intake)))
#: What is read of a name: who registered its versions, and what changes what stands.
_READ = live_tables.LIVE_TYPES | _REGISTERED | {type_of(Adoption)}
_NAMES = "SELECT workspace, name FROM registered_models"
_VERSIONS = """
SELECT version, source, run_id FROM model_versions
WHERE workspace = :workspace AND name = :name AND current_stage <> 'Deleted_Internal'
"""
_GONE = """
SELECT version FROM model_versions
WHERE workspace = :workspace AND name = :name AND current_stage = 'Deleted_Internal'
"""
_TAGS = "SELECT key, value FROM model_version_tags WHERE workspace = :workspace AND name = :name AND version = :version"

#: Workspace and name of a registered model.
_Name = tuple[str, str]
#: Workspace, name, and an alias or stage.
_Alias = tuple[str, str, str]


@dataclass(frozen=True)
class _Registry:
    """What MLflow's tables say: whether there are any, the names in them, and the governed aliases and stages."""

    tables: bool
    names: set[_Name]
    pointed: dict[_Name, list[tuple[Any, ...]]]


def _what(grant: Grant) -> str:
    """A grant as problems speak of it."""
    return f"{called(grant.workspace, grant.name)} version {grant.version} ({grant.alias})"


def _folder(grant: Grant, artifacts: Path | None) -> Path | None:
    """Where a granted copy lies on this machine; the proxy has a folder for each workspace but the default one."""
    parsed = urlparse(grant.location)
    if parsed.scheme in ("", "file"):
        return Path(unquote(parsed.path))
    if parsed.scheme == "mlflow-artifacts" and artifacts is not None:
        path = unquote(parsed.path).lstrip("/")
        scoped = grant.workspace == DEFAULT_WORKSPACE or path.startswith("workspaces/")
        return artifacts / (path if scoped else f"workspaces/{grant.workspace}/{path}")
    return None


def _bytes(grant: Row, artifacts: Path | None) -> str | None:
    """What is wrong with a grant's released bytes, if anything."""
    predicate = grant.predicate
    if predicate.location in _NO_BYTES:
        return None
    what = _what(predicate)
    folder = _folder(predicate, artifacts)
    store = os.environ.get("AIMS_GATES_RELEASED", "").rstrip("/")
    stored = bool(store) and predicate.location.startswith(f"{store}/")
    if folder is None and not stored:
        return (
            f"{what}: its released copy at {predicate.location} cannot be read here; name the artifacts folder in "
            "aims.yaml (artifacts), or the object store in AIMS_GATES_RELEASED"
        )
    try:
        downloaded = _downloaded(predicate.location) if folder is None else _hashed(folder)
    except (AimsGatesError, OSError) as error:
        return f"{what}: its released copy cannot be read: {error}"
    if downloaded != predicate.digest:
        place = folder or predicate.location
        return f"{what}: its released bytes were altered: {downloaded} at {place}, granted {predicate.digest}"
    return None


def _hashed(folder: Path) -> str:
    check_left_out(folder)
    return folder_digest(folder)


def _downloaded(location: str) -> str:
    from aims_gates.mlflow_plugin.store.subjects import local_folder

    with local_folder(location) as folder:
        return _hashed(folder)


def _pointed(view: StatementView, row: tuple[Any, ...]) -> tuple[str | None, Row | None]:
    """What is wrong with an alias or stage as the registry has it, and the grant behind it."""
    workspace, name, alias, version, location, source = row
    what = f"{called(workspace, name)} version {version} ({alias})"
    freed = view.freed_by()
    if freed is not None:
        message = f"the name was let go at ledger row {freed.position}, and nothing governs where this points"
        return f"{what}: {message}; take it away, or bind the name again", None
    if free(view):
        return None, None  # what no system was ever bound to is not governed
    grant = view.standing(alias, now())
    if grant is None or grant.predicate.version != str(version):
        return f"{what}: the registry points there, and no grant in the ledger stands for it", None
    if (location or source) != grant.predicate.location:
        return f"{what}: its storage location is {location or source}, granted {grant.predicate.location}", grant
    return None, grant


def _registry(connection: Connection) -> _Registry:
    if not inspect(connection).has_table("registered_model_aliases"):
        return _Registry(False, set(), {})
    there = {(row[0], row[1]) for row in connection.execute(text(_NAMES))}
    return _Registry(True, there, _pointing(connection))


def _pointing(connection: Connection) -> dict[_Name, list[tuple[Any, ...]]]:
    """The registry's governed aliases and stages, by name."""
    by_name: dict[_Name, list[tuple[Any, ...]]] = {}
    aliases = (row for row in connection.execute(text(ALIASES)) if governed_alias(row[2]))
    for row in (*aliases, *connection.execute(text(STAGES))):
        by_name.setdefault((row[0], row[1]), []).append(tuple(row))
    return by_name


def _registered(connection: Connection, view: StatementView, there: bool) -> Iterator[str]:
    """Whether a name and its versions were made, changed or removed past the registry."""
    ended = any(row.position > view.born and _is_end(row, view) for row in view.rows)
    what = called(view.workspace, view.name)
    if view.born < 0 and there and not view.intakes():
        yield f"{what}: it stands in the registry, and the ledger has no record of its creation"
    elif view.born >= 0 and not ended and not there:
        yield f"{what}: it is gone from the registry, and the ledger has no record of that"
    elif (view.born >= 0 or there) and not ended:
        yield from _versions(connection, view)


def _is_end(row: Row, view: StatementView) -> bool:
    """Whether a row says that the name was deleted or renamed."""
    transition = row.predicate
    return (
        isinstance(transition, Transition)
        and (transition.workspace, transition.name) == (view.workspace, view.name)
        and not transition.alias
    )


def _versions(connection: Connection, view: StatementView) -> Iterator[str]:
    place = {"workspace": view.workspace, "name": view.name}
    by_version = {str(row[0]): (row[1], row[2] or None) for row in connection.execute(text(_VERSIONS), place)}
    gone = {str(row[0]) for row in connection.execute(text(_GONE), place)}
    versions = {row.predicate.version for row in view.rows if row.type in _REGISTERED}
    since = view.registrations()
    for version in sorted(versions | set(by_version), key=lambda version_text: (len(version_text), version_text)):
        what, since_text = f"{called(view.workspace, view.name)} version {version}", since.get(version)
        if since_text is None:
            if version in by_version and versions:
                yield f"{what}: it stands in the registry, and the ledger has no record of who registered it"
        elif version not in by_version and version not in gone:
            yield f"{what}: it is gone from the registry, where a deleted version leaves its row"
        elif version in by_version and by_version[version] != (
            since_text.predicate.source,
            since_text.predicate.run_id,
        ):
            yield f"{what}: its source or run is not the one it was registered with ({since_text.predicate.source})"


def prompt_digest(connection: Connection, ref: ModelRef) -> str:
    """The subject digest of a prompt version, whose text and configuration stand in tags that anybody may set.

    Raises:
        InputError: it has no text.
    """
    from mlflow.prompt.constants import PROMPT_TEXT_TAG_KEY

    from aims_gates.mlflow_plugin.store.base import PROMPT_CONFIG
    from aims_gates.mlflow_plugin.store.subjects import prompt_subject

    place = {"workspace": ref.workspace, "name": ref.name, "version": int(ref.version)}
    tags = {row[0]: row[1] for row in connection.execute(text(_TAGS), place)}
    config = {key: tags[key] for key in PROMPT_CONFIG if key in tags}
    return prompt_subject(tags.get(PROMPT_TEXT_TAG_KEY), config, ref.name).digest


def _prompt(connection: Connection, grant: Row) -> str | None:
    """What is wrong with a granted prompt."""
    predicate = grant.predicate
    if predicate.location not in _NO_BYTES:
        return None
    what = _what(predicate)
    try:
        digest = prompt_digest(connection, ModelRef(predicate.workspace, predicate.name, predicate.version))
    except AimsGatesError as error:
        return f"{what}: {error.message}"
    if digest != predicate.digest:
        return f"{what}: its text or configuration is not the granted one"
    return None


def _guards(connection: Connection, live: list[Row]) -> Iterator[str]:
    """Whether the database refuses by itself what no grant stands for, and by the grants of this ledger.

    Args:
        connection: The registry's database.
        live: Every row that changes what stands.
    """
    if not inspect(connection).has_table("registered_model_aliases"):
        return
    problems = database.problems(connection)
    if problems:
        more = f" (and {len(problems) - 1} more: aims-gates db check)" if len(problems) > 1 else ""
        yield f"the database is not guarded: {problems[0]}{more}"
    if not database.OURS - set(inspect(connection).get_table_names()):
        yield from live_tables.differences(connection, live, size(connection))


def reconcile(connection: Connection, artifacts: Path | None = None) -> list[str]:
    """Everything in which the registry and the ledger tell different stories; empty when they agree.

    Args:
        connection: The registry's database.
        artifacts: The folder that a server on this machine serves artifacts from; what the environment variable
            ``AIMS_GATES_ARTIFACTS_DESTINATION`` names when None.
    """
    named = os.environ.get("AIMS_GATES_ARTIFACTS_DESTINATION")
    artifacts = artifacts or (Path(named) if named else None)
    problems: list[str] = []
    grants: list[Row] = []
    common = rows(connection, COMMON)
    every = {row.position: row for row in common}
    backed: set[_Alias] = set()
    registry = _registry(connection)
    for workspace, name in sorted({*names(connection), *registry.names, *registry.pointed}):
        own = rows(connection, [f"model {workspace}/{name}", f"versions {workspace}/{name}"], types=_READ)
        every |= {row.position: row for row in own if row.type not in _REGISTERED}
        view = StatementView([*common, *own], workspace, name)
        pointed, granted = _aliases(view, registry)
        backed |= granted
        problems += pointed
        problems += _registered(connection, view, (workspace, name) in registry.names) if registry.tables else ()
        grants += view.in_force(now())
    problems += [wrong for grant in grants if (wrong := _prompt(connection, grant))]
    unguarded = list(_guards(connection, live(every.values(), history(connection))))
    let_go(connection)
    for grant in grants:
        problems += _released(grant, backed, artifacts)
    return problems + unguarded


def _aliases(view: StatementView, registry: _Registry) -> tuple[list[str], set[_Alias]]:
    """What is wrong with a name's aliases and stages, and those of them that a grant is behind."""
    problems, backed = [], set()
    for row in registry.pointed.get((view.workspace, view.name), ()):
        message, grant = _pointed(view, row)
        problems += [message] if message else []
        if grant is not None:
            backed.add((view.workspace, view.name, row[2]))
    return problems, backed


def _released(grant: Row, backed: set[_Alias], artifacts: Path | None) -> Iterator[str]:
    """Whether the registry points where a grant says, and the bytes there are those that were granted."""
    predicate = grant.predicate
    if (predicate.workspace, predicate.name, predicate.alias) not in backed:
        yield f"{_what(predicate)}: granted, but the registry does not point there"
    wrong = _bytes(grant, artifacts)
    if wrong:
        yield wrong
