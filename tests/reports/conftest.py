"""A fixed report, made by hand: a mortgage model refused on the four-fifths rule."""

from typing import Any

import pytest

from aims_gates.model import Action, ControlState, Decision, Finding, Limit
from aims_gates.reports import GateRun, Report

DIGEST = "sha256:" + "3f9a" * 16


def _disparity(measure: str, value: float, low: float, high: float, **changes: Any) -> Finding:
    """A measure of fairness over race, on all 786 rows."""
    return Finding(measure, value, low, high, n=786, over={"sensitive": ["race"]}, controls=("A.5.4",), **changes)


RATIO = _disparity(
    "demographic_parity_ratio",
    *(0.7142, 0.6321, 0.7966),
    limit=Limit(">=", 0.8),
    outcome="fail",
    note="worst pair: black against white; corrected for 3 pairs",
    remedy="Mitigate (for example fairlearn ThresholdOptimizer on race) or justify the gap in a waiver.",
)
ODDS = _disparity(
    "equalized_odds_difference",
    *(0.1421, 0.031, 0.254),
    limit=Limit("<=", 0.1),
    outcome="inconclusive",
    note="about 1,900 more rows in the smallest group would settle it",
)
GROUPS = tuple(
    Finding(measure, value, value - wide, value + wide, n=n, by={"race": race})
    for measure, values in {
        "selection_rate": (("white", 0.912, 0.022, 655), ("hispanic", 0.801, 0.08, 53), ("black", 0.651, 0.1, 78)),
        "true_positive_rate": (("white", 0.95, 0.02, 581), ("hispanic", 0.88, 0.09, 42), ("black", 0.79, 0.11, 55)),
    }.items()
    for race, value, wide, n in values
)
RATIOS = tuple(
    Finding("impact_ratio", value, low, high, n=n, by={"race": race}, limit=Limit(">=", 0.8), outcome=outcome)
    for race, value, low, high, n, outcome in (
        ("white", 1.0, 1.0, 1.0, 655, "pass"),
        ("hispanic", 0.878, 0.77, 0.97, 53, "inconclusive"),
        ("black", 0.7142, 0.6321, 0.7966, 78, "fail"),
    )
)
DRIFT = tuple(
    Finding("psi", value, n=786, over={"column": column}, limit=Limit("<=", 0.2), outcome=outcome)
    for column, value, outcome in (
        ("income", 0.03, "pass"),
        ("loan_amount", 0.11, "pass"),
        ("<script>alert(1)</script>", 0.31, "fail"),
        ("debt_ratio", 0.0004, "pass"),
    )
)
PERFORMANCE = (
    Finding("accuracy", 0.8842, 0.86, 0.905, n=786, limit=Limit(">=", 0.85), outcome="pass"),
    Finding("roc_auc", 0.8123, 0.77, 0.855, n=786, limit=Limit(">=", 0.75), outcome="pass"),
    Finding("accuracy_champion_difference", 0.012, -0.004, 0.028, n=786, limit=Limit(">=", -0.02), outcome="pass"),
    Finding(
        "roc_auc_champion_difference", -0.031, -0.06, -0.002, n=786, limit=Limit(">=", -0.02), outcome="inconclusive"
    ),
)


def control(name: str, title: str, state: str, reason: str, *found, gate: str = "fairness", **rest) -> ControlState:
    evidence = {
        "gate": gate,
        "statement": DIGEST,
        "position": 7,
        "standing": "counts",
        "age_days": 2.4,
        "expires_days": 90,
        "signers": ["ci"],
    }
    return ControlState(
        name,
        title,
        why=rest.pop("why", "Decisions about people's homes must not differ by race without a reason."),
        enforcement=rest.pop("enforcement", "block"),
        state=state,
        reason=reason,
        findings=tuple((gate, finding) for finding in found),
        evidence=(evidence,) if found else (),
        next=rest.pop("next", ()),
        blocks=rest.pop("blocks", state not in ("met", "waived")),
    )


CONTROLS = (
    control(
        "A.6.2.4",
        "AI system verification and validation",
        "met",
        "2 findings pass",
        *PERFORMANCE[:2],
        gate="performance",
    ),
    control(
        "A.5.4",
        "Assessing impact on individuals or groups",
        "failed",
        "1 finding fails and 1 is inconclusive.",
        RATIO,
        ODDS,
        next=(
            "aims-gates check mortgage --model mortgage-approval --version 2",
            "aims-gates waive mortgage-approval 1 --control A.5.4 --reason REASON --until DATE",
        ),
    ),
    control(
        "A.8.2",
        "System documentation and information for users",
        "missing",
        "No evidence by model_card counts.",
        why="Lenders and applicants need to know what the model is for.",
        next=("aims-gates check mortgage --model mortgage-approval --version 1 --gate model_card",),
    ),
    control(
        "A.7.4",
        "Quality of data for AI systems",
        "waived",
        "Waived until 2026-10-01: late bureau feed.",
        *DRIFT[2:3],
        gate="drift",
    ),
    control("A.2.2", "AI policy", "stale", "The policy review is 400 days old.", enforcement="warn", blocks=False),
)

DECISION = Decision(
    allowed=False,
    mode="enforce",
    criteria_met=False,
    name="mortgage-approval",
    version="1",
    subject=DIGEST,
    system="mortgage",
    tier="high",
    profile="starter",
    plan=DIGEST,
    request=None,
    controls=CONTROLS,
    approvals={"needed": [{"role": "risk", "count": 1}], "given": [], "missing": [{"role": "risk", "count": 1}]},
    steps=(
        Action(
            "Retrain with a mitigation on race and log a new version, then run "
            "`aims-gates check mortgage --model mortgage-approval --version 2`.",
            "model",
            new_version=True,
        ),
        Action("Complete the model card record.", "record"),
        Action("aims-gates request open mortgage-approval 2 --to production", "people"),
    ),
    problems=(),
    exit=2,
    at="2026-08-03T10:00:00Z",
)

GATES = (
    GateRun("fairness", "Fairness across groups", "fail", (RATIO, ODDS, *RATIOS, *GROUPS)),
    GateRun("drift", "Drift of inputs", "fail", DRIFT),
    GateRun("performance", "Performance", "inconclusive", PERFORMANCE),
)
REPORT = Report(
    decision=DECISION,
    gates=GATES,
    notes=("Predictions were not made by `aims-gates predict`, so this evidence is advisory.",),
    links={"report": "reports/mortgage-approval-1.html"},
)


@pytest.fixture
def report() -> Report:
    return REPORT
