"""What machines say: predictions, checkpoints of the ledger, grants to carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aims_gates.attestation.statements.base import OfModel, OfVersion, Said
from aims_gates.model import Approver, Mode, Outcome

__all__ = [
    "Checkpoint",
    "FirstPortableGrant",
    "GateVerdict",
    "PortableGrant",
    "Predictions",
    "ToolAnswer",
    "ToolProbe",
    "TrainingDataAcceptance",
]


@dataclass(frozen=True)
class Predictions:
    """The subject, run over ``data``, gave the table ``output``, and further ``tables`` (role -> digest).

    ``isolation`` is how its process was kept apart, and ``verified`` what was looked at of that where nothing but its
    surroundings did so (:mod:`aims_gates.mlflow_plugin.client.isolation`); empty in what was signed before that was
    recorded. ``parts`` are name -> digest of the files of a table that is a folder, of which ``output`` is the digest
    of a folder's data set; empty where it is one file.
    """

    data: str
    output: str
    rows: int
    produced_at: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""
    verified: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GateVerdict:
    """What one gate said of a training set.

    Attributes:
        gate, digest: Which gate, and the digest of its bytes.
        outcome: The worst of the findings that were needed.
    """

    gate: str
    digest: str
    outcome: Outcome


@dataclass(frozen=True)
class TrainingDataAcceptance(OfModel, Said):
    """The data gates judged a set before a model was trained on it; the subject is the set.

    ``name`` is the system's first registered model.

    Attributes:
        system: The system that is to be trained.
        data, rows: Digest of the set, and how many rows it has.
        outcome: ``pass``: accepted. Anything else: refused.
        gates: What each gate said.
        place: Where the set lay, from the pack's root; empty for a table in memory.
        compared: Digest of the set accepted before, against which drift was judged; empty where there was none.
        run: The MLflow run in which the model was to be trained; empty where none was active.
        problems: What was not met, one line each.
        groups: Rows by group, for each column in the role ``sensitive``.
    """

    system: str
    data: str
    rows: int
    outcome: Outcome
    gates: tuple[GateVerdict, ...]
    place: str = ""
    compared: str = ""
    run: str = ""
    problems: tuple[str, ...] = ()
    groups: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class ToolAnswer:
    """What one tool or service said when it was asked.

    Attributes:
        name, address: As the record has them.
        host: Scheme, host and port of the address, as written.
        answered: Whether it answered with a status of 200 to 299.
        result: What came back, in words.
    """

    name: str
    address: str
    host: str
    answered: bool
    result: str


@dataclass(frozen=True)
class ToolProbe(OfModel, Said):
    """The tools and services of a system were asked whether they are there; the subject is the record's text.

    Attributes:
        system: Whose they are.
        record: Digest of the text of its record ``resources``, which names them.
        tools: What each said.
    """

    system: str
    record: str
    tools: tuple[ToolAnswer, ...]


@dataclass(frozen=True)
class Checkpoint(Said):
    """The ledger had this size and this root (hex) when it was signed; to be kept elsewhere.

    ``frontier`` (hex) is what later rows are appended to; the root is made of it (:mod:`aims_gates.ledger.merkle`).
    ``trust`` attests that every statement was verified before this was signed: the digest (hex) of the trust lists and
    key revocations by which that was done (:mod:`aims_gates.ledger.replay`); empty where nobody did it.
    """

    size: int
    root: str
    frontier: tuple[str, ...] = ()
    trust: str = ""


@dataclass(frozen=True)
class FirstPortableGrant(OfVersion, Said):
    """A portable grant as version 0.1 said it: read where a ledger holds one, never said again, relied on by nobody.

    Attributes:
        grant: Digest of the grant's statement; the fields up to the mode and transition repeat the grant and its plan.
        granted_at: When it was granted (ISO time).
        position, size, root: The grant's row, and the checkpoint's tree in which it stands (hex).
        until: ISO date until which it may be relied on.
    """

    grant: str
    alias: str
    digest: str
    system: str
    tier: str
    profile: str
    mode: Mode
    transition: str
    granted_at: str
    position: int
    size: int
    root: str
    until: str


@dataclass(frozen=True)
class PortableGrant(FirstPortableGrant):
    """A grant stood when this was said, in a ledger of this size and root (see
    :mod:`aims_gates.workflow.portable_grant`).

    Attributes:
        basis: Digests of the statements that the grant rests on: request and approvals, or orders.
        required: The approvals that the plan asked for.
    """

    basis: tuple[str, ...] = ()
    required: tuple[Approver, ...] = ()
