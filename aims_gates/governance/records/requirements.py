"""requirements.yaml: what was fixed before evaluation, and its limits as numbers."""

from pydantic import Field

from aims_gates.documents.schema import StrictModel

__all__ = ["EvaluationSet", "Requirements", "Threshold"]

#: A comparison and a number, or the placeholder that waits for them.
_WORDED = r"^([A-Za-z<>= ]*[a-z<>=] *-?\d[\d.e-]*\s*(%|percent)?|REPLACE.*)$"


class EvaluationSet(StrictModel):
    """The held-out set fixed before training: its file (from the pack's root) and the digest of its bytes."""

    file: str = Field(min_length=1)
    digest: str


class Threshold(StrictModel):
    """A limit of a gate, in words that are read (``at least 0.8``, ``at most 0.2``), and why it is that one."""

    gate: str = Field(min_length=1)
    measure: str = Field(min_length=1)
    limit: str = Field(pattern=_WORDED, description="What this system has to reach: 'at least 0.8', 'at most 0.2'.")
    reason: str = Field(default="", description="Why it is this limit and no other, for those whom it is about.")


class Requirements(StrictModel):
    """requirements.yaml: what was fixed before evaluation, by whom and when.

    Attributes:
        decided_on, decided_by: When (an ISO date) and by which role.
        evaluation: The held-out set.
        purpose, users: What the system is for, word for word as in system.yaml, and who works with it.
        metrics: The measures that decide.
        limits: What the system must reach, per kind: ``performance``, ``fairness``, ``robustness``, ``data`` ...
        thresholds: The same as numbers, a row for each limit of a gate; the plan's where it asks more.
        notes: Anything else.
    """

    decided_on: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    decided_by: str = Field(min_length=1)
    evaluation: EvaluationSet
    purpose: str = ""
    users: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    limits: dict[str, str] = Field(default_factory=dict)
    thresholds: tuple[Threshold, ...] = ()
    notes: str = ""
