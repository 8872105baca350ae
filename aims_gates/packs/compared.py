"""What records say against each other, and against themselves: more functions for facts."""

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from aims_gates.errors import InputError
from aims_gates.governance.records.unfinished import unfinished
from aims_gates.model import Limit
from aims_gates.packs.lacking import Lacking
from aims_gates.packs.limits import beyond, limit_of, reachable, read_limit

__all__ = ["FUNCTIONS", "read_worded"]

_OPS: Mapping[str, Literal[">=", "<=", ">", "<"]] = {
    "at least": ">=",
    "no less than": ">=",
    ">=": ">=",
    "at most": "<=",
    "no more than": "<=",
    "<=": "<=",
    "above": ">",
    "more than": ">",
    ">": ">",
    "below": "<",
    "less than": "<",
    "<": "<",
}
_LIMIT = re.compile(
    rf"(?P<word>{'|'.join(map(re.escape, _OPS))})\s*(?P<number>-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?P<percent>%|percent)?",
    re.IGNORECASE,
)
#: Shares that services report and no gate measures.
_SHARES = frozenset(
    (
        "error_rate", "failure_rate", "timeout_rate", "override_rate", "review_rate", "complaint_rate", "availability",
        "uptime", "out_of_scope_rate", "abstention_rate",
    )
)  # fmt: skip


def _finished(text: Any) -> bool:
    """Whether a text about something done does not speak of it as still to come."""
    words = unfinished(str(text))
    if words:
        raise Lacking(f"it is called done, and {str(text)!r} says: {words}")
    return True


def _names(value: Any) -> set[str]:
    return {str(part) for part in value} if isinstance(value, list | tuple) else {str(value)}


def _alike(one: Any, other: Any) -> bool:
    """Whether two lists name the same, in whatever order; a single value is a list of one."""
    if _names(one) != _names(other):
        raise Lacking(f"{', '.join(sorted(_names(one)))} here, and {', '.join(sorted(_names(other)))} there")
    return True


def _each(entries: Any, key: Any) -> list[Any]:
    for entry in entries:
        if not isinstance(entry, Mapping) or key not in entry:
            raise Lacking(f"an entry has no {key}")
    return [entry[key] for entry in entries]


def _quorate(present: Any, members: Any, least: Any) -> bool:
    """Whether so many of a body's members were present, nobody counted twice and nobody from outside."""
    strangers = _names(present) - _names(members)
    if strangers:
        raise Lacking(f"no member of the board: {', '.join(sorted(strangers))}")
    if len(_names(present)) < max(int(least), 1):
        raise Lacking(f"{len(_names(present))} member(s) were present, and {int(least)} are needed")
    return True


def _apart(first: Any, second: Any) -> int:
    """Days from one date to another; negative where the other comes first."""
    try:
        return (date.fromisoformat(str(second)) - date.fromisoformat(str(first))).days
    except ValueError as error:
        raise Lacking(f"{first!r} or {second!r} is no date (YYYY-MM-DD)") from error


def _cites(text: Any, ids: Any) -> bool:
    """Whether a text names one of these ids, as a word of its own."""
    return any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", str(text)) for name in _names(ids))


def read_worded(measure: str, text: Any) -> Limit:
    """A limit in words: ``at least 0.8``, ``at most 1 %``, ``>= 0.8``.

    Raises:
        Lacking: it is none, or stands the wrong way round for its measure.
    """
    match = _LIMIT.fullmatch(str(text).strip())
    if match is None:
        raise Lacking(f"the limit on {measure} cannot be read: {text!r}; write it as 'at least 0.8' or 'at most 0.2'")
    value = float(match["number"]) / (100.0 if match["percent"] else 1.0)
    try:
        return read_limit(measure, {"op": _OPS[match["word"].lower()], "value": value})
    except InputError as error:
        raise Lacking(error.message) from error


def _breakable(measure: Any, text: Any) -> bool:
    """Whether the measure has a value that breaks the limit, and one that keeps it."""
    limit = read_worded(str(measure), text)
    share = str(measure) in _SHARES
    breaking = (
        not limit.met(0.0 if limit.op in (">=", ">") else 1.0) if share else beyond(str(measure), limit) is not None
    )
    if not breaking or not math.isfinite(limit.value):
        raise Lacking(f"no value of {measure} breaks the limit {text!r}")
    if not reachable(str(measure), limit):
        raise Lacking(f"no value of {measure} keeps the limit {text!r}")
    return True


def _no_looser(measure: Any, text: Any, thresholds: Any) -> bool:
    """Whether a limit is as strict as each that these thresholds (gate, measure, limit) set on its measure."""
    limit = read_worded(str(measure), text)
    lower = limit.op in (">=", ">")
    for row in thresholds:
        if row["measure"] != str(measure):
            continue
        least = read_worded(str(measure), row["limit"])
        if lower != (least.op in (">=", ">")) or (limit.value < least.value if lower else limit.value > least.value):
            raise Lacking(
                f"{measure} is watched at {text!r}, and the requirements ({row['gate']}) ask {row['limit']!r}"
            )
    return True


def _agreed(thresholds: Any, planned: Any, gates: Any) -> bool:
    """Whether the requirements' rows and the plan's limits are the same, for these gates and those of the rows."""
    rows = {(str(row["gate"]), str(row["measure"])): str(row["limit"]) for row in thresholds}
    limits = {(str(gate), str(name)): limit for gate in planned for name, limit in planned[gate].items()}
    for gate, name in limits:
        if limits[gate, name] is not None and gate in gates and (gate, name) not in rows:
            raise Lacking(f"the plan limits {name} ({gate}), and thresholds have no such row")
    for (gate, name), text in rows.items():
        raw = limits.get((gate, name))
        if raw is None:
            raise Lacking(f"thresholds limit {name} ({gate}), and the plan does not")
        limit, worded = limit_of(name, raw), read_worded(name, text)
        if limit is None or (limit.op, limit.value) != (worded.op, worded.value):
            raise Lacking(
                f"{name} ({gate}): thresholds say {text!r}, the plan {limit.op} {limit.value:g}" if limit else name
            )
    return True


FUNCTIONS: Mapping[str, Any] = {
    "agreed": _agreed,
    "finished": _finished,
    "alike": _alike,
    "each": _each,
    "quorate": _quorate,
    "apart": _apart,
    "cites": _cites,
    "breakable": _breakable,
    "no_looser": _no_looser,
}
