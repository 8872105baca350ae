"""Records that the EU AI Act asks of some: the assessment of fundamental rights, special categories against bias."""

from datetime import date as Day
from typing import Literal

from aims_gates.governance.record_schemas.base import Reviewed, Shape, Text, Texts, says

__all__ = ["FundamentalRights", "SpecialCategories"]


class AffectedPeople(Shape):
    """A category of people or a group that is likely to be affected."""

    group: Text = says("Who (27(1)(c)).")
    risks: Texts = says("Which harms may reach them (27(1)(d)).")


class FundamentalRights(Reviewed):
    """The assessment of the impact on fundamental rights before first use (Art. 27 of the EU AI Act)."""

    purpose: Text = says("The purpose, word for word as in system.yaml.")
    processes: Text = says("The processes in which it is used (27(1)(a)).")
    period: Text = says("For how long it is meant to be used (27(1)(b)).")
    frequency: Text = says("How often (27(1)(b)).")
    affected: tuple[AffectedPeople, ...] = says("Who is affected, and how.", min_length=1)
    oversight: Text = says("How people oversee it, by its instructions (27(1)(e)).")
    measures: Text = says("What is done when a risk comes true (27(1)(f)).")
    governance: Text = says("Who decides then (27(1)(f)).")
    complaints: Text = says("Where people complain (27(1)(f)).")
    assessed_on: Day = says("When it was assessed.")
    first_use: Day = says("When it is or was first used.")
    data_protection: Text | None = says("The data protection assessment it refers to (27(4)).", default=None)
    authority: Text = says("The market surveillance authority that is notified (27(3)).")
    notified_on: Day | None = says(
        "When it was notified of the results; leave out before.", part="entries", default=None
    )
    not_notified_because: Text | None = says("Why nobody has to be notified, where that is so.", default=None)


class SpecialCategories(Reviewed):
    """Special categories of personal data that are processed to find or correct bias (Art. 4a of the EU AI Act)."""

    categories: Texts = says("Which special categories.")
    use: Literal["detection", "correction", "both"] = says("Whether bias is found, corrected, or both.")
    bias: Text = says("Which bias, and whom it may harm.")
    alternatives: Text = says("Why other data, synthetic or anonymous ones among them, do not do.")
    reuse_limits: Text = says("What keeps the data from being used for anything else.")
    privacy: Text = says("How they are secured, such as pseudonyms.")
    access: Text = says("Who has access, and how that is controlled and recorded.")
    passed_on: bool = says("Whether others are given the data or access to them.")
    delete_by: Day = says("When they are deleted at the latest: the bias is corrected, or their time is over.")
    deleted_on: Day | None = says("When they were deleted; leave out before.", part="entries", default=None)
    necessity: Text = says("Why it was strictly necessary, as in the records of processing.")
    processing_record: Text = says("Where those records of processing are.")
