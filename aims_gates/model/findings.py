"""What a gate finds, about what, under which limit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "BASES",
    "BASIS_WORDS",
    "FAILS_ALONE",
    "Basis",
    "Cause",
    "Evidence",
    "Finding",
    "Limit",
    "ModelRef",
    "Outcome",
    "Subject",
    "worst",
]

Outcome = Literal["pass", "fail", "inconclusive", "error"]
#: How a thing is known: computed on bytes or data pinned by digest; an act that the product did or witnessed; a text
#: whose present content a person signed; or typed, and signed by nobody.
Basis = Literal["measured", "performed", "attested", "declared"]
#: Weakest last.
BASES: tuple[Basis, ...] = ("measured", "performed", "attested", "declared")
#: How people read them.
BASIS_WORDS: Mapping[Basis, str] = {
    "measured": "measured",
    "performed": "done here",
    "attested": "signed",
    "declared": "typed, unsigned",
}
#: What has to change where a finding does not pass. A changed model, and changed training data, make a new version.
Cause = Literal["model", "training-data", "data", "record", "people"]

#: In the note of an inconclusive finding: it misses its limit by its own interval, but not after correction for those
#: judged beside it. Where a profile only shows what is inconclusive, such a finding blocks all the same.
FAILS_ALONE = "fails alone"

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
        rests_on: What the gate had read when it found this: ``data:<role>``, ``record:<name>``, ``model`` (the scan of
            its files), ``run`` (facts of the MLflow run), ``act:<digest>`` (an act's row in the ledger). Witnessed by
            whoever runs the gate; what a gate writes here is overwritten. Empty in what was signed before this was
            recorded.
        renewal: ISO date of the last day on which it would hold were a review made anew that ends on ``until``; None
            where no review ends then.
        missing: It does not pass because a record or an input is not there.
        cause: What has to change where it does not pass, as gate.yaml says; None where nobody said.
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
    rests_on: tuple[str, ...] = ()
    missing: bool = False
    cause: Cause | None = None
    renewal: str | None = None


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
        records_read: The records on which findings rest: name -> ``{"file": ..., "digest": ...}``, the digest of the
            text whatever its layout; beside it ``entries`` and ``facts``, the digests of what of the record is not
            text, where there is any. In what was signed before records had parts the digest is of the whole.
        windows: By role, the first and the last time (ISO, UTC) in the data, where a column has the role ``timestamp``.
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
    records_read: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    windows: Mapping[str, tuple[str, str]] = field(default_factory=dict)
