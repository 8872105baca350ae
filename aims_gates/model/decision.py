"""What was decided: allow or deny, and a state for every control."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aims_gates.model.findings import Basis, Cause, Finding
from aims_gates.model.plan import Enforcement

__all__ = ["TRIAL_GRANT", "Action", "ControlState", "Decision", "Mode", "State"]

State = Literal["met", "failed", "inconclusive", "missing", "stale", "waived", "not-applicable", "awaiting-approval"]
Mode = Literal["observe", "warn", "enforce"]

#: How a trial grant is spoken of wherever one is shown.
TRIAL_GRANT = "a trial grant: no control counts as met by it, and it cannot be carried elsewhere"


@dataclass(frozen=True)
class Action:
    """One thing to do.

    Attributes:
        text: A sentence or a command.
        cause: What it changes: see :data:`aims_gates.model.Cause`.
        new_version: Whether only a new version of the model can do; else the same version will do.
    """

    text: str
    cause: Cause
    new_version: bool = False


@dataclass(frozen=True)
class UnsignedText:
    """A record that a control rests on: the proper person has not approved its text, or its entries are not signed.

    Attributes:
        file: The record's file, within its pack.
        role: The role in which it is approved; ``policy`` for a system's own file, which its binding carries;
            empty where the text is approved.
        submitted: Who put this text forward; nobody where empty.
        earlier: Who approved an earlier text of it; nobody where empty.
        entries: Whether its entries are not those that people signed: one is signed by nobody, or a signed one is gone.
    """

    file: str
    role: str
    submitted: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    entries: bool = False


@dataclass(frozen=True)
class ControlState:
    """One control in a decision.

    Attributes:
        control, title, why, enforcement: As the profile says.
        state: See :data:`State`.
        reason: The state in one plain sentence.
        findings: ``(gate, finding)`` pairs that bear on it.
        evidence: For each gate: statement digest, age in days, signer, expiry.
        next: The exact next commands, most useful first.
        blocks: Whether this state, under this enforcement, stops a promotion.
        basis: How it is known: the weakest of the findings it needs; of approvals alone, ``performed``.
        least_basis: The weakest that the profile takes; empty where any will do.
        bases: The basis of each of ``findings``, in their order.
        grace: ISO date of the last day on which it is met in spite of a review that is due; empty where none is.
        unsigned: The texts whose signature would make it known as the profile requires, by file.
    """

    control: str
    title: str
    why: str
    enforcement: Enforcement
    state: State
    reason: str
    findings: tuple[tuple[str, Finding], ...] = ()
    evidence: tuple[Mapping[str, Any], ...] = ()
    next: tuple[str, ...] = ()
    blocks: bool = True
    basis: Basis = "declared"
    least_basis: Basis | Literal[""] = ""
    bases: tuple[Basis, ...] = ()
    unsigned: tuple[UnsignedText, ...] = ()
    grace: str = ""


@dataclass(frozen=True)
class Decision:
    """Allow or deny, with a state for every control. See :mod:`aims_gates.decision.rules`.

    Attributes:
        allowed: The answer.
        mode: ``observe``, ``warn`` or ``enforce``; under the first two ``allowed`` is about the
            registry's act, ``criteria_met`` about the evidence.
        criteria_met: Whether the evidence criteria and approvals are met.
        name, version, subject, system, tier, profile, plan, request: What it is about.
        controls: A state for each required control.
        approvals: ``needed``, ``given``, ``missing``: what and who.
        steps: The shortest ordered list of actions; ``actions`` are their texts.
        problems: Refusals that belong to no control (no binding, halted, prohibited ...).
        exit: The exit code, as the command line documents.
        at: ISO time, UTC.
        transition: ``rollback`` or ``break-glass`` where an order, not fresh evidence, carries the promotion; ``trial``
            under a trial profile.
    """

    allowed: bool
    mode: Mode
    criteria_met: bool
    name: str
    version: str
    subject: str | None
    system: str | None
    tier: str | None
    profile: str | None
    plan: str | None
    request: str | None
    controls: tuple[ControlState, ...]
    approvals: Mapping[str, Any]
    steps: tuple[Action, ...]
    problems: tuple[str, ...]
    exit: int
    at: str
    transition: Literal["production", "rollback", "break-glass", "trial"] = "production"

    @property
    def actions(self) -> tuple[str, ...]:
        """What to do, in order, as text."""
        return tuple(step.text for step in self.steps)
