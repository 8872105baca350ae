"""Released artifacts over HTTP: written by nobody, read by whoever may read a model that was released with them.

Every write of the server's to an artifact store goes through one of MLflow's artifact repositories, whichever route,
spelling, verb or header it came by. So the repositories themselves are guarded, below MLflow's own decoding of paths:

- nothing under ``aims-released/`` is written, by anybody; staging writes files without a repository;
- nothing is written where the artifacts of a version lie that is or was granted, or stands in production, but for
  what nobody governs in open mode;
- a released copy is read by those who may read a registered model with a version released there;
- while a halt stops bytes, neither their released copy is read nor what it was made of, by whatever address;
- whoever writes into a run's or logged model's folder is recorded as one who made it.

Unknown means no: an error on the way to an answer refuses.
"""

# mypy: allow-untyped-calls

import asyncio
import functools
import inspect
import logging
import os
import posixpath
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModelAlias
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from aims_gates.documents.canonical import is_digest
from aims_gates.errors import AimsGatesError
from aims_gates.ledger.table import halt_said
from aims_gates.mlflow_plugin.internals.store import active_workspace, guard_repositories
from aims_gates.mlflow_plugin.store import authorship
from aims_gates.mlflow_plugin.store.governed_names import PRODUCTION, governed_alias
from aims_gates.mlflow_plugin.store.halted import reached, refuse, stopped_bytes
from aims_gates.mlflow_plugin.store.identity import Principal, principal
from aims_gates.mlflow_plugin.store.ledger_view import free, view
from aims_gates.mlflow_plugin.store.locations import RELEASED, bucket, in_workspace, proxied_root
from aims_gates.mlflow_plugin.store.paths import beneath, forms, released_digest
from aims_gates.mlflow_plugin.store.refusals import refusal
from aims_gates.mlflow_plugin.store.subjects import underlying_address

__all__ = ["READS", "WRITES", "ArtifactGuard"]

_log = logging.getLogger(__name__)

#: Methods of artifact repositories that write; True where they reach everything beneath the path.
WRITES: Mapping[str, bool] = {
    "log_artifact": False,
    "log_artifacts": True,
    "log_artifact_from_stream": False,
    "log_artifact_from_async_stream": False,
    "delete_artifacts": True,
    "create_multipart_upload": False,
    "complete_multipart_upload": False,
    "abort_multipart_upload": False,
    "create_presigned_upload_url": False,
}
#: Methods that read.
READS = ("list_artifacts", "get_local_path", "download_artifacts", "get_download_presigned_url")
_DELETED = "Deleted_Internal"
#: The parameters of those methods that say where, folder first.
_FOLDERS, _FILES = ("artifact_path", "path"), ("artifact_file_name", "local_file")

MayRead = Callable[[Principal, str], bool]


@dataclass(frozen=True)
class _Source:
    """Where a granted version's artifacts lie: as places, and as the ids of run or logged model that paths name."""

    workspace: str
    name: str
    version: int
    places: frozenset[str]
    ids: frozenset[tuple[str, str]]


class ArtifactGuard:
    """Decides about paths, for one server.

    Args:
        store: The gated registry store.
        may_read: Whether a caller may read a registered model.
    """

    def __init__(self, store: Any, may_read: MayRead) -> None:
        self._store = store
        self._may_read = may_read
        self._sources: dict[tuple[str, str, int, str], _Source] = {}
        self._classes: dict[Any, Any] = {}

    def install(self) -> None:
        """Guard every artifact repository that this process makes from now on."""
        guard_repositories(self.over)

    def over(self, base: Any) -> Any:
        """The guarded class over an artifact repository's."""
        if base not in self._classes:
            self._classes[base] = self._over(base)
        return self._classes[base]

    def _over(self, base: Any) -> Any:
        if getattr(base, "aims_guarded", False):
            return base
        namespace: dict[str, Any] = {"aims_guarded": True}
        for name, tree in WRITES.items():
            if hasattr(base, name):
                namespace[name] = _checked(getattr(base, name), functools.partial(self.check_write, tree=tree))
        for name in READS:
            if hasattr(base, name):
                namespace[name] = _checked(getattr(base, name), self.check_read)
        return type(f"Guarded{base.__name__}", (base,), namespace)

    def check_write(self, root: str, path: str, *, tree: bool) -> None:
        """Refuse a write that would touch what was released; record who writes where it may.

        Raises:
            MlflowException: PERMISSION_DENIED.
        """
        with _refusing("a write"):
            places = forms(root, path)
            self._refuse_released(places, tree)
            written = {origin for place in places for origin in authorship.made_by(place)}
            for source in self._protected():
                touched = any(
                    beneath(place, base) or (tree and beneath(base, place))
                    for place in places
                    for base in source.places
                )
                if (touched or written & source.ids) and not self._free(source):
                    raise refusal(
                        f"the artifacts of {source.name} version {source.version} are not written any more: "
                        "it was granted.",
                        title="artifacts of a released version",
                        id="artifacts",
                        next=["log the changed model as a new one, and register that as a new version"],
                    )
            for place in places:
                authorship.wrote(place)

    def _refuse_released(self, places: frozenset[str], tree: bool) -> None:
        roots = {root for destination in self._released_roots() for root in forms(destination)}
        above = tree and any(beneath(root, place) for root in roots for place in places)
        if above or released_digest(places) is not None:
            raise refusal(
                "only staging writes released copies.",
                title="released artifacts are written once",
                id="artifacts",
                next=["log the model as a new one, and register that as a new version"],
            )

    def _released_roots(self) -> Iterator[str]:
        if (store := bucket()) is not None:
            yield store.address
        destination = proxied_root()
        if destination is not None:
            yield posixpath.join(destination, RELEASED)
            # Each workspace has a folder of its own, and whoever manages one may delete in it.
            yield posixpath.join(destination, f"workspaces/{active_workspace(self._store)}/{RELEASED}")
        url = self._store.engine.url
        if url.get_backend_name() == "sqlite" and url.database:
            yield str(os.path.join(os.path.dirname(os.path.abspath(url.database)), RELEASED))  # noqa: PTH100, PTH118, PTH120

    def check_read(self, root: str, path: str) -> None:
        """Refuse reading a released copy to those who may read no model that was released with it, and stopped bytes.

        Raises:
            MlflowException: PERMISSION_DENIED.
        """
        with _refusing("a read"):
            places = forms(root, path)
            digest = released_digest(places)
            who = principal()
            if digest is not None and who is not None and not self.reads(who, digest):
                raise refusal(
                    "you may read no registered model that was released with these bytes.",
                    title="artifacts of a registered model",
                    id="artifacts",
                    next=["ask for READ on the registered model"],
                )
            self._refuse_halted(places, digest)

    def _refuse_halted(self, places: frozenset[str], digest: str | None) -> None:
        """Refuse bytes that a halt stops: a released copy by its digest, what it was made of by where that lies."""
        with self._store.primary() as session:
            connection = session.connection()
            if not halt_said(connection):
                return
            digests = {digest} if digest else self._granted_from(session, places)
            halts = (stopped_bytes(connection, digest) for digest in sorted(digests))
            halt = next((row for row in halts if row is not None), None)
            if halt is not None:
                raise refuse(connection, halt, active_workspace(self._store), "these artifacts", "read")

    def _granted_from(self, session: Session, places: frozenset[str]) -> set[str]:
        """The bytes within reach of a halt that were granted from artifacts at one of these places."""
        ids = {id for place in places for _, id in authorship.made_by(place)}
        digests = set()
        for version, granted in reached(session.connection()):
            lies = self._store.addresses.of(session, version)
            if lies & ids or any(beneath(place, base) for place in places for base in lies if "/" in base):
                digests.add(granted)
        return digests

    def reads(self, who: Principal, digest: str) -> bool:
        """Whether somebody may read the released copy with this digest (empty: none in particular).

        By a model of the request's own workspace: one of the same name in another says nothing of them.
        """
        if who.admin or not is_digest(digest):
            return who.admin
        ending = f"/{RELEASED}/{digest.removeprefix('sha256:')}"
        with Session(self._store.engine) as session:
            here: Any = SqlModelVersion.workspace == active_workspace(self._store)
            query: Any = select(SqlModelVersion.name).where(here, SqlModelVersion.storage_location.endswith(ending))
            names = set(session.scalars(query.where(SqlModelVersion.current_stage != _DELETED)))
        return any(self._may_read(who, name) for name in sorted(names))

    def protects_model(self, model_id: str) -> bool:
        """Whether a logged model is the source of a version that was granted."""
        return any(("model", model_id) in source.ids and not self._free(source) for source in self._protected())

    def _free(self, source: _Source) -> bool:
        """Whether nobody governs the name, in open mode: its production is nobody's business here."""
        with self._store.primary() as session:
            return free(view(session.connection(), source.workspace, source.name))

    def _protected(self) -> list[_Source]:
        """The sources of all versions that were released, or stand under a governed alias or in Production."""
        columns: Any = SqlModelVersion.workspace, SqlModelVersion.name, SqlModelVersion.version, SqlModelVersion.source
        alias = SqlRegisteredModelAlias
        released: Any = SqlModelVersion.storage_location.contains(f"{RELEASED}/")
        with Session(self._store.engine) as session:
            query: Any = select(*columns).where(or_(released, SqlModelVersion.current_stage == PRODUCTION))
            rows = {tuple(row) for row in session.execute(query.where(SqlModelVersion.current_stage != _DELETED))}
            named: Any = select(*columns, alias.alias).join(
                alias,
                (alias.workspace == SqlModelVersion.workspace)
                & (alias.name == SqlModelVersion.name)
                & (alias.version == SqlModelVersion.version),
            )
            rows |= {tuple(row[:4]) for row in session.execute(named) if governed_alias(row[4])}
        return [self._source(*row) for row in rows]

    def _source(self, workspace: str, name: str, version: int, source: str) -> _Source:
        source_found = self._sources.get((workspace, name, version, source))
        if source_found is not None:
            return source_found
        addresses, sure = [source], True
        try:
            with in_workspace(workspace):
                addresses.append(underlying_address(source, self._store._address_of))
        except (AimsGatesError, MlflowException):
            sure = False  # the ids in the address still stand for it, and it is looked up again
        fixed = [address for address in addresses if address.partition(":")[0] not in ("models", "runs")]
        places = {place for name in fixed for place in forms(name) | self._scoped(workspace, name)}
        # A run holds other artifacts too, so its id stands for the model only where the path in it is not known.
        named = {origin for address in addresses for origin in authorship.made_by(address)}
        ids = frozenset(origin for origin in named if origin[0] == "model" or not sure)
        result = _Source(workspace, name, version, frozenset(places), ids)
        if sure:
            self._sources[workspace, name, version, source] = result
        return result

    def _scoped(self, workspace: str, address: str) -> frozenset[str]:
        """With workspaces on, the proxy keeps each one's artifacts in a folder of its own."""
        parsed = urllib.parse.urlparse(address)
        if parsed.scheme != "mlflow-artifacts":
            return frozenset()
        return forms("mlflow-artifacts:/", f"workspaces/{workspace}/{parsed.path.lstrip('/')}")


class _refusing:
    """Whatever goes wrong in the block is a refusal."""

    def __init__(self, act: str) -> None:
        self._act = act

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception) and not (
            isinstance(error, MlflowException) and error.get_http_status_code() < 500
        ):
            _log.error("%s of artifacts could not be judged", self._act, exc_info=error)
            raise refusal(
                f"{self._act} of artifacts was refused: it could not be judged. Unknown means no.",
                title="artifacts",
                state="inconclusive",
                id="artifacts",
                next=["look into the log of this server"],
            ) from error


def _checked(method: Callable[..., Any], check: Callable[[str, str], None]) -> Callable[..., Any]:
    """The method, asked for first."""
    signature = inspect.signature(method)

    def place(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, str]:
        arguments = signature.bind(*args, **kwargs).arguments
        folder = next((str(arguments[name]) for name in _FOLDERS if arguments.get(name)), "")
        file = next((os.path.basename(os.fspath(arguments[name])) for name in _FILES if arguments.get(name)), "")  # noqa: PTH119
        return str(args[0].artifact_uri), "/".join(part for part in (folder, file) if part)

    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def later(*args: Any, **kwargs: Any) -> Any:
            await asyncio.to_thread(check, *place(args, kwargs))
            return await method(*args, **kwargs)

        return later

    @functools.wraps(method)
    def now(*args: Any, **kwargs: Any) -> Any:
        check(*place(args, kwargs))
        return method(*args, **kwargs)

    return now
