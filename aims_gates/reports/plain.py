"""Findings as sentences for people who read no gate's table: what, about whom, how sure, and what would settle it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aims_gates.model import Finding, Outcome
from aims_gates.reports import format

__all__ = ["PlainFinding", "measure_words", "more_rows", "plain_findings"]

_WORDS = {
    "accuracy": "share of rows predicted right",
    "catalogue_coverage": "share of the catalogue that at least one list shows",
    "gini": "how well the score ranks (Gini)",
    "mean_error": "how far forecasts lie above the truth on average (bias)",
    "ndcg": "how far lists put what is relevant first (NDCG)",
    "negative_predictive_value": "share of those called negative who are (negative predictive value)",
    "net_benefit": "what acting on the score is worth (net benefit)",
    "net_benefit_gain": "what acting on the score gains over acting on all or on none (net benefit)",
    "pinball_loss": "cost of a quantile too high or too low (pinball loss)",
    "positive_predictive_value": "share of those called positive who are (positive predictive value)",
    "score_ks": "how far the score parts the two labels (KS)",
    "sensitivity_at_specificity": "share of positive rows found at the stated specificity (sensitivity)",
    "specificity_at_sensitivity": "share of negative rows left alone at the stated sensitivity (specificity)",
    "wape": "share of the quantity that forecasts miss (WAPE)",
    "mean_absolute_error": "mean absolute error",
    "r2": "share of the variance explained (R squared)",
    "roc_auc": "chance that a positive row scores above a negative one (ROC AUC)",
}
#: The difference or ratio over groups that a limit is on -> the same for one group against the best.
_RATIOS = {"demographic_parity_ratio": "impact_ratio"}
#: Beyond so many times the rows there are, more rows are no remedy anybody would try.
_MOST_TIMES = 100


@dataclass(frozen=True)
class PlainFinding:
    """One finding in words.

    Attributes:
        gate: The gate that measured it.
        outcome: Its outcome; None for information.
        text: The sentence, interval included.
        controls: The Annex A controls it bears on.
    """

    gate: str
    outcome: Outcome | None
    text: str
    controls: tuple[str, ...]


def measure_words(measure: str) -> str:
    """A measure in plain words, its own name in brackets: ``share of rows predicted right (accuracy)``."""
    words = _WORDS.get(measure)
    if words is None:
        return format.clean(measure).replace("_", " ")
    return words if "(" in words else f"{words} ({measure.replace('_', ' ')})"


def more_rows(finding: Finding) -> int | None:
    """About how many more rows, all else alike, would decide an inconclusive finding; None where rows would not.

    An interval's half width shrinks with the square root of the rows: it falls from ``h`` (from the value to the end
    that lies beyond the limit) to the distance ``d`` between value and limit at ``n * (h / d) ** 2`` rows, so that
    ``n * ((h / d) ** 2 - 1)`` more are needed. That holds should the value stay where it is, which nobody can promise;
    a value on its limit is never settled by rows, and a hundred times the rows are no remedy.
    """
    if finding.outcome != "inconclusive" or finding.limit is None or finding.value is None or not finding.n:
        return None
    beyond = [
        end
        for end in (finding.low, finding.high)
        if end is not None and finding.limit.met(end) != finding.limit.met(finding.value)
    ]
    distance = abs(finding.value - finding.limit.value)
    if not beyond or not distance or not math.isfinite(beyond[0]):
        return None
    times = (abs(beyond[0] - finding.value) / distance) ** 2
    if not 1 < times <= _MOST_TIMES:
        return None
    return _rounded(finding.n * (times - 1))


def _rounded(rows: float) -> int:
    """Two significant digits, upwards: more would claim to know better."""
    step: int = 10 ** max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return math.ceil(round(rows / step, 6)) * step


def plain_findings(gate: str, findings: Iterable[Finding], positive: str = "", smallest: int = 5) -> list[PlainFinding]:
    """The findings under a limit as sentences, unmet first; where none is under a limit, the first few others.

    Args:
        gate: Their gate.
        findings: All of them.
        positive: The favourable label, for sentences about who gets it.
        smallest: Groups with fewer rows are left out.
    """
    every = list(findings)
    judged = [finding for finding in format.worst_first(every) if finding.outcome is not None]
    shown = judged or [f for f in every if f.value is not None and not f.by and not f.over][:3]
    visible = [finding for finding in shown if not format.withheld(finding, smallest)]
    return [PlainFinding(gate, f.outcome, _sentence(f, every, positive), f.controls) for f in visible]


def _sentence(finding: Finding, every: Sequence[Finding], positive: str) -> str:
    if finding.value is None:
        reason = ". ".join(part.rstrip(".") for part in (finding.note, finding.remedy) if part)
        return f"{_name(finding)}: {reason}" if reason else _name(finding)
    worst = _worst_group(finding, every)
    text = _of_group(worst, positive) if worst is not None else _of_measure(finding)
    bound = format.limit(finding)
    text += f"; the limit is {bound}" if bound else ""
    return text + _what_settles(finding)


def _worst_group(finding: Finding, every: Sequence[Finding]) -> Finding | None:
    """The group behind a ratio over groups: the one farthest from the best."""
    measure = _RATIOS.get(finding.measure)
    columns = set((finding.over or {}).get("sensitive", ()))
    groups = [f for f in every if f.measure == measure and set(f.by) == columns and f.value is not None]
    group = min(groups, key=lambda f: f.value or 0.0, default=None)
    return group if group is not None and group.value == finding.value else None


def _of_group(group: Finding, positive: str) -> str:
    who = ", ".join(f"{format.clean(key)} {format.clean(value)}" for key, value in group.by.items())
    what = f"are given {format.clean(positive)!r}" if positive else "are given the favourable answer"
    value, _, interval = format.seen(group).rstrip(")").partition(" (")
    return f"{who}: they {what} at {value} of the best group's rate{f', {interval}' if interval else ''}"


def _name(finding: Finding) -> str:
    where = format.about(finding)
    name = _WORDS.get(finding.measure, format.clean(finding.measure).replace("_", " "))
    return f"{name} ({where})" if where else name


def _of_measure(finding: Finding) -> str:
    return f"{_name(finding)} is {_value(finding)}"


def _value(finding: Finding) -> str:
    """``0.71, 0.63 to 0.79``."""
    return format.seen(finding).replace(" (", ", ", 1).replace(")", "", 1)


def _what_settles(finding: Finding) -> str:
    clause = next((part.strip() for part in (finding.note or "").split(";") if "would settle it" in part), None)
    if clause is not None:
        needed = int("".join(filter(str.isdigit, clause)) or 0)
        return f"; {format.clean(clause)}" if finding.n and needed <= _MOST_TIMES * finding.n else ""
    rows = more_rows(finding)
    if rows is not None:
        return f"; about {rows:,} more rows would settle it, should the value stay as it is"
    if finding.outcome == "fail" and finding.remedy:
        return f". {format.clean(finding.remedy).rstrip('.')}"
    return ""
