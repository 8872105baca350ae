"""Records of a system: release, watching, oversight, stopping and retiring."""

from datetime import date as Day
from typing import Literal

from aims_gates.governance.record_schemas.base import (
    CaseEntry,
    ChannelTest,
    Reviewed,
    Shape,
    Share,
    Text,
    Texts,
    When,
    says,
)

__all__ = [
    "Decommission",
    "DeploymentPlan",
    "ExternalReporting",
    "KillSwitch",
    "Logging",
    "Monitoring",
    "Oversight",
    "RollbackPlan",
]


class SmokeCheck(Shape):
    """A check right after the release."""

    check: Text = says("What must hold.")
    result: Literal["pass", "fail", "open"] = says("Whether it did in the rehearsal.", part="entries")


class DeploymentPlan(Reviewed):
    """How it is released (A.6.2.5)."""

    environment: Text = says("Where it runs.")
    rollout: Texts = says("The steps.")
    sandbox: Text | None = says("Where it is tried out apart from production, if it is.", default=None)
    rollback_to: Text = says("What it falls back to.", part="facts")
    retention_days: int = says("How long the version before is kept.", ge=0)
    smoke_checks: tuple[SmokeCheck, ...] = says("Checks right after the release.", default=())
    contacts: Texts = says("Who is called.")


class Rehearsal(Shape):
    """A rehearsal or drill."""

    date: When
    result: Literal["pass", "fail"] = says("Whether it worked.")
    receipt: Text = says("What shows it.")


class RollbackPlan(Reviewed):
    """The way back (A.6.2.5)."""

    target: Text = says("The version to return to.", part="facts")
    route: Text = says("The command or the steps.")
    retention_days: int = says("How long that version is kept.", ge=0)
    rehearsals: tuple[Rehearsal, ...] = says("Rehearsals.", part="entries", min_length=1, default=())


class Metric(Shape):
    """Something that is watched."""

    group: Literal["performance", "fairness", "drift", "reliability"] = says("Its group.")
    metric: Text = says("The measure.")
    limit: Text = says("Its limit.")


class Window(Shape):
    """A monitoring window."""

    ended_on: Day = says("Its last day.")
    within_limits: bool = says("Whether all metrics kept their limits.")
    out_of_scope_rate: Share | None = says("Share of inputs outside the declared scope.", default=None)


class Breach(Shape):
    """A limit that was broken."""

    date: When
    what: Text = says("Which limit.")
    handled_as: Text = says("The incident or nonconformity that it opened.")


class Misuse(Shape):
    """A misuse that was seen."""

    date: When
    what: Text = says("What was done.")
    reviewed_on: Day | None = says("When it was reviewed.", default=None)


class Monitoring(Reviewed):
    """How it is watched (A.6.2.6)."""

    cadence_days: int = says("Days between windows.", ge=1)
    metrics: tuple[Metric, ...] = says("What is watched.", min_length=1)
    alert_route: Text = says("Who is told.")
    on_breach: Text = says("What a breach starts.")
    alert_tests: tuple[ChannelTest, ...] = says("Trials of the route.", part="entries", min_length=1, default=())
    windows: tuple[Window, ...] = says("Windows so far; none before the first release.", part="entries", default=())
    breaches: tuple[Breach, ...] = says("Limits broken.", part="entries", default=())
    misuse: tuple[Misuse, ...] = says("Misuse seen.", part="entries", default=())


class Logging(Reviewed):
    """What is logged (A.6.2.8)."""

    fields: Texts = says(
        "Fields of each event: time, model_version, input_reference, output, confidence, operator, override."
    )
    sample: dict[str, str | float | int | bool | None] = says(
        "A line of the log.", part="entries", min_length=1, default={}
    )
    location: Text | None = says(
        "The log itself: a file (CSV, .jsonl, Parquet), folder or table; it is then read instead of the sample. Lines "
        "with line_hash (SHA-256 of their other fields as canonical JSON) and previous_hash are followed as a chain.",
        default=None,
    )
    retention_days: int = says("How long it is kept; at tier high 183 at least.", ge=1)
    integrity: Text = says("What keeps it from being rewritten.")
    tests: tuple[ChannelTest, ...] = says("Write tests.", part="entries", min_length=1, default=())


class Escalation(Shape):
    """A step of escalation."""

    step: Text = says("What happens.")
    within_hours: float = says("Within how many hours.", ge=0)


class Acknowledgement(Shape):
    """Operators who know the plan."""

    date: When
    share: Share = says("The share of them.")


class Rate(Shape):
    """A rate that shows whether oversight works."""

    rate: Literal["override_rate", "review_rate", "complaint_rate"] = says("Which.")
    value: float | None = says("What was measured.", part="entries", default=None)
    target: float = says("What it should be.")
    measured_on: Day | None = says("When.", part="entries", default=None)


class Oversight(Reviewed):
    """How people oversee it (A.9.2, A.9.3)."""

    mode: Literal["in-the-loop", "on-the-loop", "over-the-loop"] = says("How close people are to each decision.")
    reviewer_role: Text = says("The role that reviews, as in organization/roles.")
    sampling_rate: Share = says("The share of cases that people look at.")
    override: Text = says("How the output is overruled.")
    escalation: tuple[Escalation, ...] = says("Who is asked next, and how soon.", default=())
    stop: Text = says("How it is stopped.")
    operators_acknowledged: Acknowledgement | None = says("Operators who know this plan.", part="entries", default=None)
    rates: tuple[Rate, ...] = says("Override, review and complaint rates.", default=())


class KillSwitch(Reviewed):
    """How it is stopped (A.9.2)."""

    route: Text = says("The command or the steps.")
    holder: Text = says("Who may do it.")
    falls_back_to: Text = says("What takes its place.")
    drills: tuple[Rehearsal, ...] = says("Drills.", part="entries", min_length=1, default=())


class Decommission(Reviewed):
    """How it is retired (A.6.1.3)."""

    data_disposal: Text = says("What happens to its data.")
    archive: Text = says("What is kept, where and how long.")
    notices: Texts = says("Who is told.")
    successor: Text = says("What takes its place.")
    aliases: Text = says("When its aliases are removed.")


class HarmReport(CaseEntry):
    """A report of harm from outside."""

    acknowledged_on: Day | None = says("When it was acknowledged.", default=None)


class ExternalReporting(Reviewed):
    """The way in for reports of harm from outside (A.8.3)."""

    address: Text = says("A public address.")
    intake_owner: Text = says("Who reads it.")
    acknowledge_days: int = says("Days within which a report is acknowledged.", gt=0)
    tests: tuple[ChannelTest, ...] = says("Trials of the address.", part="entries", min_length=1, default=())
    reports: tuple[HarmReport, ...] = says("Reports, without their content.", part="entries", default=())
