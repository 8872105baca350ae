"""Findings as people write them: ``0.71 (0.63 to 0.80), limit at least 0.80``."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aims_gates.documents.spelling import escaped
from aims_gates.model import Finding, Limit

__all__ = [
    "about",
    "age",
    "clean",
    "commands",
    "is_fact",
    "limit",
    "number",
    "rank",
    "rank_of",
    "rows",
    "seen",
    "sentence",
    "state",
    "withheld",
    "worst_first",
]

_OPS: Mapping[str, str] = {"<=": "at most", "<": "below", ">=": "at least", ">": "above"}
_RANK: Mapping[str | None, int] = {"error": 0, "fail": 1, "inconclusive": 2, "pass": 3, None: 4}
#: Control characters (a terminal obeys some, XML forbids most) and unpaired surrogates.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PROGRAMS = ("aims-gates ", "mlflow ", "git ", "pip ", "python ", "make ")


def clean(text: object) -> str:
    """Text from outside without control characters, which a terminal or a parser might obey.

    What nobody sees, and letters that look like those beside them, are shown by their code point.
    """
    return escaped(_CONTROL.sub("\ufffd", str(text)))


def number(value: float, decimals: int = 2) -> str:
    """A number with this many decimals; a tiny one in powers of ten, so that it never reads as 0."""
    if not math.isfinite(value):
        return str(value)
    if decimals and value and abs(value) < 0.5 * 10**-decimals:
        return f"{value:.1e}"
    return f"{value:,.{decimals}f}"


def _hides(x: float, bound: float | None, decimals: int) -> bool:
    """Whether so few decimals make this number read as the limit, or as zero, when it is not."""
    text = f"{x:.{decimals}f}"
    zero = decimals < 4 and x != 0 and float(text) == 0
    return zero or (bound is not None and x != bound and text == f"{bound:.{decimals}f}")


def _decimals(finding: Finding) -> int:
    """Enough decimals that no number reads as the limit, or as zero, unless it is."""
    known = [x for x in (finding.value, finding.low, finding.high) if x is not None and math.isfinite(x)]
    bound = finding.limit.value if finding.limit else None
    if finding.low is None and all(float(x).is_integer() for x in [*known, *([] if bound is None else [bound])]):
        return 0
    return next((d for d in range(2, 7) if not any(_hides(x, bound, d) for x in known)), 6)


def withheld(finding: Finding, smallest: int) -> bool:
    """Whether this describes a group, or a bin of values, so small that its people could be told apart."""
    if "bin" in finding.by and finding.value is not None and finding.n is not None:
        return 0 < round(finding.value * finding.n) < smallest  # a bin's own rows are its share of the others
    if "mean_score" in (finding.over or {}) and finding.n is not None:
        return 0 < finding.n < smallest
    if not finding.by:
        return False
    few = finding.value if finding.measure == "count" else finding.n
    return few is not None and 0 < few < smallest


def state(finding: Finding) -> str | None:
    """Its outcome; ``missing`` where a record or an input is not there. None for information."""
    return "missing" if finding.missing and finding.outcome not in (None, "pass") else finding.outcome


def is_fact(finding: Finding) -> bool:
    """Whether this says of a record that something is so (1) or not (0)."""
    return "record" in (finding.over or {}) and finding.limit == Limit(">=", 1.0) and finding.value in (0.0, 1.0)


def seen(finding: Finding, smallest: int = 0) -> str:
    """The value with its interval and p-value: ``0.71 (0.63 to 0.80)``."""
    if withheld(finding, smallest):
        return f"withheld (fewer than {smallest} rows)"
    if finding.value is None:
        return "missing" if finding.missing else "not computed"
    if is_fact(finding):
        return "so" if finding.value else "not so"
    decimals = _decimals(finding)
    text = number(finding.value, decimals)
    if finding.low is not None and finding.high is not None:
        text += f" ({number(finding.low, decimals)} to {number(finding.high, decimals)})"
    elif finding.low is not None:
        text += f" (at least {number(finding.low, decimals)})"
    elif finding.high is not None:
        text += f" (at most {number(finding.high, decimals)})"
    if finding.p_value is not None:
        text += ", p < 0.001" if finding.p_value < 0.001 else f", p = {finding.p_value:.3f}"
    return text


def limit(finding: Finding) -> str:
    """The limit in words, ``at least 0.80``; empty without one."""
    if finding.limit is None or finding.missing or is_fact(finding):
        return ""
    bound: Limit = finding.limit
    places = len(f"{bound.value:.6f}".rstrip("0").partition(".")[2])
    return f"{_OPS[bound.op]} {number(bound.value, max(2, places) if _decimals(finding) else 0)}"


def _listed(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(clean(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{clean(key)} = {clean(part)}" for key, part in value.items())
    return f"{value:.4g}" if isinstance(value, float) else clean(value)


def about(finding: Finding) -> str:
    """Which group, column or chunk: ``race = black``, ``over race and sex``, ``column age``."""
    parts = [f"{clean(key)} = {clean(value)}" for key, value in finding.by.items()]
    for key, value in (finding.over or {}).items():
        parts.append(f"{'over' if key == 'sensitive' else clean(key)} {_listed(value)}")
    return ", ".join(parts)


def rows(finding: Finding, smallest: int = 0) -> str:
    """The measure's denominator, whole where it is."""
    if finding.n is None:
        return ""
    if withheld(finding, smallest):
        return f"< {smallest}"
    return number(finding.n, 0 if float(finding.n).is_integer() else 1)


def sentence(finding: Finding, smallest: int = 0) -> str:
    """One finding in one line: what, about whom, the value and its limit."""
    where = about(finding)
    text = f"{clean(finding.measure)}{f' ({where})' if where else ''}: {seen(finding, smallest)}"
    bound = limit(finding)
    if bound:
        text += f", limit {bound}"
    return text


def rank_of(outcome: str | None) -> int:
    """Where findings of this outcome stand in a list: errors, failures, inconclusive ones, passes, information."""
    return _RANK.get(outcome, 2)


def rank(finding: Finding) -> int:
    """Where a finding stands in a list, by :func:`rank_of`."""
    return rank_of(finding.outcome)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by :func:`rank`, else as given."""
    return sorted(findings, key=rank)


def age(days: float | None) -> str:
    """An age in plain words; empty when unknown."""
    if days is None:
        return ""
    for size, unit in ((1.0, "day"), (1 / 24, "hour"), (1 / 1440, "minute")):
        if days >= size:
            count = int(days / size)
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return "just now"


def evidence(item: Mapping[str, Any]) -> str:
    """One piece of evidence in a line: gate, statement, age, signer, end."""
    parts = [clean(item.get("gate", "")), clean(item.get("statement", ""))[:19]]
    days = item.get("age_days")
    if isinstance(days, int | float):
        past = age(days)
        parts.append(past if past == "just now" else f"{past} old")
    if isinstance(item.get("expires_days"), int):
        parts.append(f"counts for {item['expires_days']} days")
    if "signers" in item:
        people = ", ".join(map(clean, item["signers"])) or "nobody whose key is trusted"
        parts.append(f"signed by {people}")
    if item.get("standing") not in (None, "counts"):
        parts.append(f"does not count: {clean(item['standing'])}")
    return ", ".join(part for part in parts if part)


def commands(text: str) -> tuple[str, tuple[str, ...]]:
    """A sentence without its commands, and the commands (in backticks, or the text itself)."""
    text = clean(text).strip()
    if text.startswith(_PROGRAMS) and "`" not in text:
        return "", (text,)
    findall = tuple(re.findall(r"`([^`]+)`", text))
    runs = tuple(part for part in findall if part.startswith(_PROGRAMS))
    rest = text
    for part in runs:
        rest = rest.replace(f"`{part}`", "")
    return re.sub(r"\s+", " ", rest).replace(" .", ".").strip(" ") if runs else text, runs
