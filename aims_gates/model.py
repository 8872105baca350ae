"""The nouns. Values only: nothing here reads, writes or decides.

Every noun is a frozen dataclass of plain JSON values, so that what is signed is what is used:
``dataclasses.asdict`` gives the wire form, :func:`aims_gates.documents.strict_yaml.parse` reads it back.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = [
    "Advisory",
    "Approver",
    "Artifacts",
    "ControlState",
    "Decision",
    "Enforcement",
    "Evidence",
    "Finding",
    "LEAST_ISOLATION",
    "Limit",
    "Mode",
    "ModelRef",
    "Outcome",
    "Packages",
    "Plan",
    "Requirement",
    "State",
    "Step",
    "Subject",
    "worst",
]

Outcome = Literal["pass", "fail", "inconclusive", "error"]


State = Literal["met", "failed", "inconclusive", "missing", "stale", "waived", "not-applicable", "awaiting-approval"]


Enforcement = Literal["block", "warn", "note"]


Mode = Literal["observe", "warn", "enforce"]


#: How far each way keeps a model's process apart: nothing, a disposable container or job that its operator vouches for,
#: namespaces of its own. What no name stands for is nothing.
LEAST_ISOLATION: Mapping[str, int] = {"none": 0, "container": 1, "job": 1, "bwrap": 2}


_SEVERITY: Mapping[str, int] = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}


def worst(outcomes: "list[Outcome]") -> Outcome:
    """The worst of these outcomes; nothing at all is ``inconclusive``, never ``pass``."""
    return max(outcomes, key=_SEVERITY.__getitem__, default="inconclusive")


@dataclass(frozen=True)
class Limit:
    """What a value must be: ``value <op> limit.value``.

    Attributes:
        op: One of ``<=``, ``<``, ``>=``, ``>``.
        value: The bound, in the unit of the measure.
    """

    op: Literal["<=", "<", ">=", ">"]
    value: float

    def met(self, value: float) -> bool:
        """Whether the value keeps the limit. NaN never does."""
        match self.op:
            case "<=":
                return value <= self.value
            case "<":
                return value < self.value
            case ">=":
                return value >= self.value
            case _:
                return value > self.value

    def verdict(self, value: float | None, low: float | None = None, high: float | None = None) -> Outcome:
        """Judge an interval: wholly inside passes, wholly outside fails, else inconclusive.

        Without an interval the point decides. A value that is absent or not finite is
        ``inconclusive``: unknown is never a pass.
        """
        if value is None or not math.isfinite(value):
            return "inconclusive"
        ends = [value if low is None else low, value if high is None else high]
        if not all(math.isfinite(end) or end == math.inf for end in ends):
            return "inconclusive"
        inside = [self.met(end) for end in ends]
        if all(inside):
            return "pass"
        return "inconclusive" if any(inside) else "fail"


@dataclass(frozen=True)
class Finding:
    """One measured or read fact against one limit.

    Attributes:
        measure: The name the library or standard gives it, e.g. ``selection_rate``.
        value: The statistic; None when it could not be computed (``note`` says why).
        low, high: The interval's ends, in the unit of ``value``.
        p_value: A test's p-value, where the measure is a test.
        n: Rows (or their weight) in the measure's denominator.
        by: The group: one key per sensitive or control column, values as text.
        over: What the finding is about otherwise, e.g. ``{"column": "age"}``.
        limit: What it must be; None makes the finding information.
        outcome: None for information.
        controls: The Annex A controls it bears on; empty means all that the gate evidences.
        note, remedy: Plain words: what to know about the number, and what to do.
        until: ISO date of the last day on which it holds, by dates in what it rests on; None: as long as its evidence
            lives. On later days it is stale.
        stale: It fails, but held once: time, a change or an event has overtaken it.
    """

    measure: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    n: float | None = None
    by: Mapping[str, str] = field(default_factory=dict)
    over: Mapping[str, Any] | None = None
    limit: Limit | None = None
    outcome: Outcome | None = None
    controls: tuple[str, ...] = ()
    note: str | None = None
    remedy: str | None = None
    until: str | None = None
    stale: bool = False


@dataclass(frozen=True)
class Subject:
    """What evidence is about: always a digest.

    Attributes:
        kind: ``model`` (a folder), ``prompt``, ``rules``, ``service``, ``system`` or ``organization``.
        digest: ``sha256:<64 hex digits>``.
        name: For people only; never used to decide.
    """

    kind: Literal["model", "prompt", "rules", "service", "system", "organization"]
    digest: str
    name: str = ""


@dataclass(frozen=True)
class ModelRef:
    """One version of a registered model or prompt: what is governed.

    Attributes:
        workspace: Where the registry has it; ``default`` in one without workspaces.
        name: The registered name.
        version: As MLflow writes it: decimal digits.
    """

    workspace: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.workspace}/{self.name}/{self.version}"

    @property
    def label(self) -> str:
        """How signed statements name it: ``name/version``."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class Advisory:
    """A published advisory on a package that a model asks for.

    Attributes:
        package: Its normalized name.
        version: The version that the model asks for.
        ids: The advisory's ids, ``MAL-``, ``PYSEC-``, ``GHSA-`` and ``CVE-`` ones; the scanner's own choice first.
        fixed: Versions that fix it; empty where there is none.
    """

    package: str
    version: str
    ids: tuple[str, ...]
    fixed: tuple[str, ...] = ()

    @property
    def malicious(self) -> bool:
        """Whether the package itself is an attack: OSV's ids for these begin with ``MAL-``."""
        return any(name.startswith("MAL-") for name in self.ids)


@dataclass(frozen=True)
class Packages:
    """What a scanner says of the packages that a model asks for.

    Attributes:
        scanner: Its name and version.
        service: Where it looked them up: the address, or ``pypi``.
        at: When, with a time zone.
        files: The model's files that ask for packages.
        looked_up: The packages looked up, as ``name==version``.
        advisories: What is known against them.
        unknown: Requirement -> why it could not be looked up.
        unread: File -> why it could not be read.
        failed: Why nothing could be looked up; None where it could.
    """

    scanner: str
    service: str
    at: datetime
    files: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    advisories: tuple[Advisory, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    failed: str | None = None


@dataclass(frozen=True)
class Artifacts:
    """What a scanner says of a model's files, unopened.

    Attributes:
        subject: Digest of the folder that was looked through.
        scanner: Its name and version.
        files: How many files there are.
        pickles: The files that run code when they are loaded, as pickles do.
        code: Source files that are run when the model is loaded.
        dangerous: File -> what it would import that no model needs (``os.system`` ...).
        unread: File -> why it could not be looked through.
        packages: What is known against the packages that it asks for; None where nobody looked them up.
    """

    subject: str
    scanner: str
    files: int
    pickles: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    dangerous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    packages: Packages | None = None


@dataclass(frozen=True)
class Step:
    """A gate that is due, pinned.

    Attributes:
        gate: Gate id.
        title: The gate's title.
        digests: The gate digests the profile's lock accepts; the first is the one planned.
        params: All parameters, defaults filled in.
        controls: The required controls this step evidences.
        expires_days: How long its evidence counts.
        trusted_predictions: Evidence counts only on a signed prediction table.
        tables: Data sets that count only when signed predictions about the same bytes name their digest.
        last: It reads what the other gates found, so its evidence must be the newest.
        pins: What its evidence is bound to besides bytes and data: ``purpose``, ``specification``.
        applies: False where ``applies_when`` says so; ``reason`` names the fact that decided.
        reason: See ``applies``.
    """

    gate: str
    title: str
    digests: tuple[str, ...]
    params: Mapping[str, Any]
    controls: tuple[str, ...]
    expires_days: int
    trusted_predictions: bool = False
    last: bool = False
    applies: bool = True
    reason: str = ""
    pins: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """A control that the profile requires.

    Attributes:
        control, title: Annex A id and short title.
        why: The profile's own reason.
        enforcement: ``block`` stops a promotion; ``warn`` and ``note`` are shown.
        gates: The gates that evidence it; empty only where approvals alone do.
    """

    control: str
    title: str
    why: str
    enforcement: Enforcement
    gates: tuple[str, ...]


@dataclass(frozen=True)
class Approver:
    """``count`` people of ``role`` must approve."""

    role: str
    count: int = 1


@dataclass(frozen=True)
class Plan:
    """Profile, catalogue, packs and system, resolved: what is due for a transition.

    Attributes:
        system: The AI system's name.
        tier: ``high``, ``limited`` or ``minimal`` (``prohibited`` is denied before a plan exists).
        profile, profile_digest: Which profile, and the digest of its resolved content.
        profile_expires: ISO date after which the profile no longer lets anything through.
        purpose_digest: Digest of the purpose text.
        transition: ``production``.
        requirements, steps, approvals: What is due.
        approval_days: How long an approval lives.
        waiver_days, waiver_roles: Cap on a waiver's life, and who may grant one.
        evaluation_digest: Digest of the evaluation set fixed beforehand; None where none is.
        specification_digest: Digest of the requirements as a whole; None where there are none.
        inconclusive_blocks: Whether an inconclusive finding blocks (always for tier high).
        rollback_days: How long a version granted before may be rolled back to.
        leaves_out: What the profile says it does not cover.
        isolation: The least isolation in which models must have run for their predictions to count, see
            :data:`LEAST_ISOLATION`; empty where any will do.
    """

    system: str
    tier: Literal["high", "limited", "minimal"]
    profile: str
    profile_digest: str
    purpose_digest: str
    transition: str
    requirements: tuple[Requirement, ...]
    steps: tuple[Step, ...]
    approvals: tuple[Approver, ...]
    approval_days: int = 90
    waiver_days: int = 90
    waiver_roles: tuple[str, ...] = ()
    evaluation_digest: str | None = None
    inconclusive_blocks: bool = True
    rollback_days: int = 90
    profile_expires: str | None = None
    leaves_out: str = ""
    specification_digest: str | None = None
    isolation: str = ""


@dataclass(frozen=True)
class Evidence:
    """The findings of one gate on one subject; what a gate's statement carries.

    Attributes:
        gate, gate_digest: Which gate, and the digest of the bytes that were compiled.
        params: The parameters it ran with.
        findings: What it found.
        outcome: Worst outcome of the findings under a limit.
        data: Data digests by role, ``sha256:...``; ``rows`` by role beside it.
        rows: Row counts by role.
        predictions: Digest of the prediction table it cites; None when it cites none.
        produced_at: ISO time, UTC.
        facts: Run facts for display and for separation of duties: run id, creator, commit,
            commit author, library versions, seed.
    """

    gate: str
    gate_digest: str
    params: Mapping[str, Any]
    findings: tuple[Finding, ...]
    outcome: Outcome
    produced_at: str
    data: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    predictions: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


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
        actions: The shortest ordered list of actions.
        problems: Refusals that belong to no control (no binding, halted, prohibited ...).
        exit: The exit code, as the command line documents.
        at: ISO time, UTC.
        transition: ``rollback`` or ``break-glass`` where an order, not fresh evidence, carries the promotion.
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
    actions: tuple[str, ...]
    problems: tuple[str, ...]
    exit: int
    at: str
    transition: Literal["production", "rollback", "break-glass"] = "production"
