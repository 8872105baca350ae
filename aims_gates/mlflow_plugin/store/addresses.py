"""Whether two versions lie at one place: their addresses as they are compared, through copies, runs, logged models."""

# mypy: allow-untyped-calls

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from sqlalchemy.orm import Session

from aims_gates.errors import AimsGatesError
from aims_gates.mlflow_plugin.internals.store import parse_model_uri
from aims_gates.mlflow_plugin.store.authorship import made_by
from aims_gates.mlflow_plugin.store.locations import in_workspace
from aims_gates.mlflow_plugin.store.paths import forms
from aims_gates.mlflow_plugin.store.subjects import underlying_address
from aims_gates.model import ModelRef

__all__ = ["Addresses", "Version"]

_LONGEST_CHAIN = 16
#: Addresses that name a run, a logged model or a version, and no place.
_NAMED = ("models", "runs")
#: What MLflow writes where a prompt version has no artifacts.
_NOWHERE = frozenset({"dummy-source", "prompt-template"})


@dataclass(frozen=True)
class Version:
    """A registered version and its addresses: where it was registered from, and where it lies (empty if there)."""

    workspace: str
    name: str
    number: int
    source: str
    location: str

    @property
    def ref(self) -> ModelRef:
        """Which version it is."""
        return ModelRef(self.workspace, self.name, str(self.number))


class Addresses:
    """Where versions lie. What was once looked up in the tracking store is kept: it does not change.

    Args:
        version_address: Where a registered version's bytes are (:func:`underlying_address`).
    """

    def __init__(self, version_address: Callable[[str, str], str]) -> None:
        self._version_address = version_address
        self._known: dict[Version, frozenset[str]] = {}

    def of(self, session: Session, version: Version, *, resolve: bool = True) -> frozenset[str]:
        """The places of a version as they are compared, and the logged models that its addresses name.

        Args:
            session: On the registry's database.
            version: The version.
            resolve: Ask the tracking store where runs and logged models lie.
        """
        known = self._known.get(version)
        if known is not None:
            return known
        addresses, failed = list(_chain(session, version)), False
        if resolve:
            resolved = [self._resolved(version.workspace, address) for address in addresses if _is_named(address)]
            addresses += [address for address in resolved if address is not None]
            failed = None in resolved  # its run stands for it, and it is looked up again the next time
        places = _places(addresses)
        places |= {id for address in addresses for kind, id in made_by(address) if kind == "model" or failed}
        if resolve and not failed:
            self._known[version] = frozenset(places)
        return frozenset(places)

    def _resolved(self, workspace: str, address: str) -> str | None:
        """Where a run's or logged model's bytes lie; None where that cannot be told."""
        try:
            with in_workspace(workspace):
                return underlying_address(address, self._version_address)
        except (AimsGatesError, MlflowException):
            return None


def _places(addresses: Iterable[str]) -> set[str]:
    """The addresses that are places, as they are compared."""
    return {place for address in addresses if not _is_named(address) for place in forms(address)}


def _is_named(address: str) -> bool:
    return address.partition(":")[0] in _NAMED


def _chain(session: Session, version: Version) -> Iterator[str]:
    """A version's addresses, and those of the versions that it was copied from."""
    source, location = version.source, version.location
    for _ in range(_LONGEST_CHAIN):
        yield from (address for address in (source, location) if address and address not in _NOWHERE)
        try:
            parsed: Any = parse_model_uri(source) if source.startswith("models:") else None
        except MlflowException:
            return
        if parsed is None or not parsed.name or not parsed.version:
            return
        key = {"workspace": version.workspace, "name": parsed.name, "version": int(parsed.version)}
        before: Any = session.get(SqlModelVersion, key)
        if before is None:
            return
        source, location = str(before.source), str(before.storage_location or "")
