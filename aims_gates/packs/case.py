"""What a gate may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aims_gates.errors import DataError, InputError
from aims_gates.model import Act, Artifacts, Finding, Subject

if TYPE_CHECKING:
    from aims_gates.data import Dataset

__all__ = ["LIMITS", "VERSIONS", "Case"]

#: The entry of :attr:`Case.run` with the versions of the system's models, as the registry lists them; not there where
#: no registry is at hand.
VERSIONS = "registered_versions"
#: The entry with the limits of the plan, by gate.
LIMITS = "planned_limits"


@dataclass(frozen=True)
class Case:
    """What a gate may look at. A gate gets nothing else.

    Attributes:
        gate: The gate's own id.
        params: Its parameters, defaults filled in.
        roles: Column roles: role -> columns (``target``, ``prediction``, ``score``, ``sensitive`` ...).
        data: Data sets by role: ``evaluation``, ``reference``, ``production``, ``champion``.
        subject: The model (or prompt, ...) on trial; None under ``aims-gates try``.
        records: The system's records by name (``system``, ``card``, ``requirements`` ...).
        findings: What the gates before this one found, by gate id (the model card reads them).
        run: Facts of the MLflow run, for display.
        now: The time of the check, with a time zone.
        attached: Where a gate leaves a file beside its findings: name -> bytes. It proves nothing.
        artifacts: What a scanner says of the model's files; None where none looked.
        acts: What the ledger holds of acts, by kind (:data:`aims_gates.model.ACTS`), oldest first; empty where it is
            not at hand.
    """

    gate: str
    params: Mapping[str, Any]
    roles: Mapping[str, tuple[str, ...]]
    data: "Mapping[str, Dataset]"
    now: datetime
    subject: Subject | None = None
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    attached: dict[str, bytes] = field(default_factory=dict)
    artifacts: Artifacts | None = None
    acts: Mapping[str, tuple[Act, ...]] = field(default_factory=dict)

    def number(self, name: str, low: float, high: float) -> float:
        """A parameter between two bounds, as a float.

        Raises:
            InputError: it is none.
        """
        value = self.params[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            remedy = f"Choose a number from {low:g} to {high:g}."
            raise InputError(f"{name} cannot be {value!r}", where=self.gate, remedy=remedy)
        return float(value)

    def column(self, role: str) -> str | None:
        """The one column in a role; None where there is none.

        Raises:
            InputError: there are several.
        """
        names = self.roles.get(role, ())
        if len(names) > 1:
            raise InputError(f"several columns have the role {role!r}", where=self.gate, remedy="Name one.")
        return names[0] if names else None

    def needed_column(self, role: str) -> str:
        """The one column in a role that must be there.

        Raises:
            InputError: there are several, or none.
        """
        name = self.column(role)
        if name is None:
            remedy = f"Name one: --role {role}=COLUMN."
            raise InputError(f"no column has the role {role!r}", where=self.gate, remedy=remedy)
        return name

    def dataset(self, role: str) -> "Dataset":
        """A data set that must be there.

        Raises:
            DataError: it is not.
        """
        if role not in self.data:
            raise DataError(f"there is no {role} data", where=self.gate, remedy=f"Give --data {role}=FILE.")
        return self.data[role]
