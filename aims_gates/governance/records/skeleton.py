"""New records: what is known is written in, the rest is left to be asked, each fact once.

What a record starts with stands in ``starting.yaml``. A value that nobody has confirmed is written as a placeholder,
which no gate takes for a value::

    REPLACE                                        a question of its own
    REPLACE <incident_owner>                       a question that is asked once for all its places
    REPLACE <next_review>, proposed: 2027-11-30    the same, with a value proposed

"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from aims_gates.documents.strict_yaml import read
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.template import BLANK, template
from aims_gates.governance.records.requirements import Requirements

__all__ = ["KINDS", "blank", "owner_role", "parsed", "skeleton", "starting", "wording"]

_PROPOSED = "~"
_KEY = "$"
_FORM = re.compile(r"REPLACE(?: <(?P<key>[\w.-]+)>)?(?:, proposed: (?P<proposal>.*)|[ :].*)?", re.DOTALL)
#: The key of the question for a limit of the system's own.
_LIMIT = re.compile(r"[\w-]+\.limit\.(?P<gate>\w+)\.(?P<measure>\w+)")
#: Fields of requirements.yaml, which has its own reader, with the words for its comments.
_WORDS: Mapping[str, str] = {
    "decided_on": "The day on which this was fixed, before training (YYYY-MM-DD).",
    "decided_by": "The role or person who fixed it.",
    "evaluation": "The set that is held out: its file, and the digest that this prints: aims-gates digest FILE",
    "purpose": "The purpose, word for word as in system.yaml.",
    "users": "Who works with it.",
    "metrics": "The measures that decide.",
    "limits": "What the system must reach, by kind: performance, fairness, robustness, data.",
    "thresholds": "The same as numbers: a row for each limit of a gate, as 'at least 0.8' or 'at most 0.2', and why. "
    "They hold where they are stricter than the profile's; at tier high no other limit will do.",
    "notes": "Anything else.",
}
_OPTIONAL: Mapping[str, Any] = {"thresholds": (), "notes": ""}
_WITH_WORDS: dict[str, Any] = {
    name: (field.rebuild_annotation(), Field(description=_WORDS[name], default=_OPTIONAL.get(name, ...)))
    for name, field in Requirements.model_fields.items()
}
#: Records that are written and asked about field by field.
KINDS: Mapping[str, type[BaseModel]] = {
    **SHAPES,
    "system/requirements": create_model("Requirements", __doc__="What was fixed before training.", **_WITH_WORDS),
}


def blank(key: str = "", proposal: str = "") -> str:
    """The placeholder of a question, by the key under which it is asked once, with the value proposed."""
    shared = f" <{key}>" if key else ""
    return f"{BLANK}{shared}{f', proposed: {proposal}' if proposal else ''}"


def parsed(text: str) -> tuple[str, str]:
    """Key and proposal of a placeholder, each empty where it has none."""
    match = _FORM.fullmatch(text.strip())
    return (match["key"] or "", match["proposal"] or "") if match else ("", "")


def wording(key: str) -> str:
    """What is asked by a key that several places share; empty where each place says it."""
    questions = _table()["questions"] if ":" not in key else {}
    if limit := _LIMIT.fullmatch(key):
        return f"What {limit['measure']} ({limit['gate']}) has to be for this system: 'at least 0.8', 'at most 0.2'."
    return str(questions.get(key) or questions.get(f"system.{key.partition('.')[2]}", ""))


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = read(Path(__file__).with_name("starting.yaml")).value
    return table


def starting(name: str) -> Mapping[str, Any]:
    """What a record starts with, as the table has it, without what all records have."""
    values: Mapping[str, Any] = _table()["records"].get(name, {})
    return values


def _by_group(part: str, name: str) -> str:
    roles = _table()[part]
    return str(roles.get(name, roles[name.split("/")[0]]))


def owner_role(name: str) -> str:
    """The role that keeps a record up to date by convention."""
    return _by_group("owners", name)


def skeleton(name: str, known: Mapping[str, Any], today: date, *, fields: type[BaseModel] | None = None) -> str:
    """The text of a new record.

    Args:
        name: ``organization/X`` or ``system/X``.
        known: What is known, by key: text, numbers, booleans and lists of them. ``system`` is the system's name.
        today: The day from which proposed dates count.
        fields: The record's shape; by default that of :data:`KINDS`.
    """
    shape = fields or KINDS[name]
    start: dict[str, Any] = {}
    if "approver" in shape.model_fields:
        roles = {"owner": f"{_KEY}{owner_role(name)}", "approver": f"{_KEY}{_by_group('approvers', name)}"}
        start = {**roles, **_table()["reviewed"]}
    return template(name, shape, _Resolver(known, today).value({**start, **starting(name)}))


class _Resolver:
    """Values of the table, with what is known in the place of keys."""

    def __init__(self, known: Mapping[str, Any], today: date) -> None:
        self._known = known
        self._days = {
            "today": today.isoformat(),
            "in-a-year": (today + timedelta(days=364)).isoformat(),
            "in-ten-years": (today + timedelta(days=3652)).isoformat(),
        }

    def value(self, value: Any, item: Any = None) -> Any:
        if isinstance(value, dict) and "each" in value:
            return [self.value(value["entry"], part) for part in self._known.get(value["each"], ())] or None
        if isinstance(value, dict):
            return {key: self.value(part, item) for key, part in value.items()}
        if isinstance(value, list):
            return [part for entry in value for part in self._entries(entry, item)]
        if not isinstance(value, str):
            return value
        head, _, proposal = value.partition(_PROPOSED)
        if head and not head.startswith(_KEY):
            return value
        return self._asked(head.strip().removeprefix(_KEY), proposal.strip(), item)

    def _entries(self, entry: Any, item: Any) -> Sequence[Any]:
        value = self.value(entry, item)
        return value if isinstance(value, list) and not isinstance(entry, list) else [value]

    def _asked(self, key: str, proposal: str, item: Any) -> Any:
        if key == "item" or key.startswith("item."):
            return item if key == "item" else item[key.removeprefix("item.")]
        if key in self._known:
            return self._known[key]
        return blank(self._name(key), self._proposal(proposal, item))

    def _name(self, key: str) -> str:
        """A key as it stands in files: those of one system begin with its name."""
        own = str(self._known.get("system", "system"))
        return f"{own}.{key.removeprefix('system.')}" if key.startswith("system.") else key

    def _proposal(self, proposal: str, item: Any) -> str:
        if proposal.startswith(_KEY):
            key = proposal.removeprefix(_KEY)
            value = item[key.removeprefix("item.")] if key.startswith("item.") else self._known.get(key)
            return "" if value is None else str(value)
        return self._days.get(proposal, proposal)
