"""The catalogue: the controls of Annex A and clauses 4 to 10 as data, and their reader.

A new control, or a new gate for one, is an entry in ``catalogue.yaml``; no code knows a control by name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from aims_gates.documents.strict_yaml import Document, parse, read_yaml
from aims_gates.errors import InputError

__all__ = [
    "DECISION_STEPS",
    "OWN_CONTROL",
    "ApprovalControls",
    "Clause",
    "Control",
    "Criterion",
    "approval_controls",
    "catalogue",
    "clause_or_control",
    "clauses",
    "control",
    "is_own",
    "left_out",
    "order",
    "owners",
    "title_of",
]

#: Entries of ``gates`` that the decision itself takes; no pack has a folder for them.
DECISION_STEPS = frozenset({"approvals", "evidence_integrity"})

#: The ids of an organization's own controls, which clause 6.1.3 lets it add: X.1, X.2.3.
OWN_CONTROL = r"X(\.[1-9]\d*)+"

Phase = Literal["organization", "design", "development", "verification", "deployment", "operation", "retirement"]
Tier = Literal["prohibited", "high", "limited", "minimal", "gpai_overlay"]
Due = Literal["deny", "required", "recommended", "conditional", "not-applicable"]


@dataclass(frozen=True)
class Criterion:
    """What good evidence of a control shows.

    Attributes:
        says: In our words.
        checks: What looks at it: ``GATE.FACT`` or ``GATE.MEASURE``, or one of :data:`DECISION_STEPS`.
    """

    says: str
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Control:
    """One control of Annex A, in our words.

    Attributes:
        id, title: As Annex A numbers and names it, e.g. ``A.6.2.4``.
        category, category_title: The group it belongs to, e.g. ``A.6``.
        paraphrase: What it asks, in one sentence.
        lifecycle_phase: The phases of an AI system's life it bears on.
        level: Evidenced per organization (``org``), per model, or both.
        gates: Ids of the gates that can evidence it; see :data:`DECISION_STEPS`.
        evidence: What good evidence shows, each with what checks it.
        stale_when: What makes evidence old.
        tiers: What the shipped profiles ask at each tier.
        condition: When a ``conditional`` tier asks for it.
        crosswalk: Places in ``eu_ai_act``, ``nist_ai_rmf`` and ``iso27001_2022``; informative.
        max_age_days: By tier, the days after which what evidences it is too old; empty where events decide, not days.
        references: Other documents to read beside it, by number; informative.
        risk_sources: Where the risks come from that it treats (the standard's Annex C lists such sources).
        parts: What a reader expects of it and a profile may leave out: name -> the ``GATE.MEASURE`` (with ``*``) under
            a limit that shows it. Where it is met without one, its state says so.
    """

    id: str
    title: str
    category: str
    category_title: str
    paraphrase: str
    lifecycle_phase: tuple[Phase, ...]
    level: Literal["org", "model", "both"]
    gates: tuple[str, ...]
    evidence: tuple[Criterion, ...]
    stale_when: tuple[str, ...]
    tiers: Mapping[Tier, Due]
    crosswalk: Mapping[str, tuple[str, ...]]
    references: tuple[str, ...]
    risk_sources: tuple[str, ...]
    condition: str | None = None
    max_age_days: Mapping[Tier, int] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)

    @property
    def guidance(self) -> str:
        """Where the standard's guidance on it stands: Annex B has the same numbers."""
        return f"B{self.id.removeprefix('A')}"


@dataclass(frozen=True)
class Clause:
    """One clause of the management system and the gates that read its records.

    Attributes:
        id, title: As the standard numbers and names it.
        gates: Ids of the gates that read its records; see :data:`DECISION_STEPS`.
        part_of: The clause that a profile asks for instead; None for a clause of its own.
        facts: Of a part, the facts of its gates that bear on it; empty for all.
        leaves_out: What of the clause no gate looks at; empty for nothing known.
    """

    id: str
    title: str
    gates: tuple[str, ...]
    part_of: str | None = None
    facts: tuple[str, ...] = ()
    leaves_out: str = ""


@dataclass(frozen=True)
class ApprovalControls:
    """The controls on which approvals bear without a gate.

    Attributes:
        separation: The one that they meet: those who made a version do not release it.
        ageing: They live no longer than what evidences this one.
    """

    separation: str
    ageing: str


@dataclass(frozen=True)
class _Catalogue:
    standard: str
    approvals: ApprovalControls
    owners: Mapping[str, str]
    controls: tuple[Control, ...]


@dataclass(frozen=True)
class _Clauses:
    clauses: tuple[Clause, ...]


def order(identifier: str) -> tuple[int, ...]:
    """Sorts ids as people count: ``A.9.4`` before ``A.10.2``; clauses (``9.3``), then controls, then one's own."""
    return ("AX".find(identifier[:1]), *(int(part) for part in identifier.split(".") if part.isdecimal()))


def _document(name: str) -> Document:
    source = files(__name__).joinpath(name)
    return read_yaml(source.read_bytes(), str(source))


@cache
def _read() -> _Catalogue:
    return parse(_Catalogue, _document("catalogue.yaml"))


@cache
def catalogue() -> Mapping[str, Control]:
    """Every control by id, in natural order."""
    controls = sorted(_read().controls, key=lambda entry: order(entry.id))
    return MappingProxyType({entry.id: entry for entry in controls})


def approval_controls() -> ApprovalControls:
    """The controls on which approvals bear without a gate."""
    return _read().approvals


def owners() -> Mapping[str, str]:
    """The role that usually answers for a control: by its id, its category or its level."""
    return _read().owners


@cache
def clauses() -> Mapping[str, Clause]:
    """Clauses 4.1 to 10.2 by number, in natural order, with the parts of 7.5, 9.2 and 9.3."""
    entries = parse(_Clauses, _document("clauses.yaml")).clauses
    return MappingProxyType({entry.id: entry for entry in sorted(entries, key=lambda entry: order(entry.id))})


def control(identifier: str) -> Control:
    """The control of this id.

    Raises:
        InputError: there is none; the remedy names the nearest ones.
    """
    if identifier not in catalogue():
        near = get_close_matches(identifier.upper(), catalogue(), n=3, cutoff=0.5)
        remedy = (
            f"Did you mean {', '.join(sorted(near, key=order))}?" if near else "`aims-gates controls list` shows all."
        )
        raise InputError(f"there is no control {identifier!r}", remedy=remedy)
    return catalogue()[identifier]


def clause_or_control(identifier: str) -> Clause | Control:
    """The control, or the clause, of this id.

    Raises:
        InputError: there is neither; the remedy names the nearest controls.
    """
    return clauses()[identifier] if identifier in clauses() else control(identifier)


def is_own(identifier: str) -> bool:
    """Whether this is the id of a control of the organization's own."""
    return re.fullmatch(OWN_CONTROL, identifier) is not None


def left_out(identifier: str, judged: Iterable[str]) -> tuple[str, ...]:
    """The parts of a control that nothing shows.

    Args:
        identifier: Its id; a clause has no parts.
        judged: ``GATE.MEASURE`` of each finding under a limit that bears on it.
    """
    entry, measures = catalogue().get(identifier), tuple(judged)
    parts = entry.parts.items() if entry else ()
    return tuple(name for name, pattern in parts if not any(fnmatchcase(measure, pattern) for measure in measures))


def title_of(identifier: str) -> str | None:
    """The short title of a control or clause; None where there is neither.

    A control of the organization's own has its title in its statement of applicability.
    """
    if is_own(identifier):
        return "control of our own"
    entry = catalogue().get(identifier) or clauses().get(identifier)
    return entry.title if entry else None
