"""Whose signature a change of a system's file wants: the one table, by field. Pure.

A binding carries the digest of each field of the system that it was made from, so two bindings of a name can be
compared without the files. What :data:`RULES` gives to the system's owner they may put into force alone, for a system
that a policy owner bound before; all else, and whatever the table does not name, wants a policy owner. Docs, ``bind``
and the decision read this table.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aims_gates.attestation.statements.policy import Binding
from aims_gates.documents.canonical import digest

__all__ = [
    "RULES",
    "SIGNERS",
    "FieldChange",
    "FieldRule",
    "Signer",
    "changes",
    "fields_of",
    "for_policy",
    "listed_fields",
    "rule_of",
]

Signer = Literal["policy", "owner"]
SIGNERS: Mapping[Signer, str] = {"policy": "a policy owner", "owner": "the system's owner"}
How = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class FieldRule:
    """A row of the table.

    Attributes:
        field: A field of system.yaml; ``data.*`` is every field below ``data``.
        signer: Whose signature a change of it wants.
        why: Why theirs.
        added: Whether the rule is for what is added alone; a change or removal wants a policy owner then.
    """

    field: str
    signer: Signer
    why: str
    added: bool = False


RULES: tuple[FieldRule, ...] = (
    FieldRule("name", "policy", "evidence and waivers are about the system of that name"),
    FieldRule("title", "owner", "only people read it"),
    FieldRule("purpose", "policy", "a system is classified and assessed for one purpose"),
    FieldRule("owner", "policy", "the owner may sign for the system, and does not appoint themselves"),
    FieldRule("tier", "policy", "it decides what is required"),
    FieldRule("profile", "policy", "it holds the limits, and the roles that approve"),
    FieldRule("family", "policy", "its fields hold where the system's file says nothing"),
    FieldRule("models", "policy", "each of them is governed by this system"),
    FieldRule("workspace", "policy", "it decides which registered models are meant"),
    FieldRule("kind", "policy", "models and prompts are granted differently"),
    FieldRule("output", "policy", "what is required depends on it"),
    FieldRule("data.*", "owner", "where data lie; the plan pins the evaluation set's bytes"),
    FieldRule("schema.*", "policy", "how a cell is read decides what is measured"),
    FieldRule("roles.sensitive.*", "owner", "one column more is measured, and none less", added=True),
    FieldRule("roles.*", "policy", "columns decide what is measured"),
    FieldRule("perturbations.*", "policy", "they decide what is measured"),
    FieldRule("facts.*", "policy", "they decide which gates apply"),
    FieldRule("gates.*", "policy", "parameters of gates, limits among them"),
    FieldRule("samples.*", "policy", "they decide which data count"),
    FieldRule("proposed", "policy", "values that nobody confirmed serve a trial alone"),
    FieldRule("modes.*", "policy", "they decide from when on anything is refused"),
)
_UNKNOWN = FieldRule("", "policy", "a field that the table does not name")


@dataclass(frozen=True)
class FieldChange:
    """A field that differs between two bindings.

    Attributes:
        field: Which, as :func:`fields_of` names it.
        how: What happened to it.
    """

    field: str
    how: How

    @property
    def rule(self) -> FieldRule:
        """The row of the table that holds for it."""
        return rule_of(self.field, self.how)

    @property
    def signer(self) -> Signer:
        """Whose signature it wants."""
        return self.rule.signer


def rule_of(field: str, how: How) -> FieldRule:
    """The first row that holds for a field; one that wants a policy owner where none does."""
    return next((rule for rule in RULES if _meant(rule, field) and (how == "added" or not rule.added)), _UNKNOWN)


def _meant(rule: FieldRule, field: str) -> bool:
    if not rule.field.endswith(".*"):
        return field == rule.field
    return field.startswith(rule.field[:-1]) or field == rule.field[:-2]


def fields_of(system: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each field of a system that says something.

    Args:
        system: system.yaml with defaults merged in, as JSON. Columns are fields of their own: ``roles.sensitive.sex``.
    """
    return {
        field: digest(value) for name, value in system.items() for field, value in _leaves(name, value) if value != ""
    }


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        place = f"{name}.{_part(key)}"
        if name == "roles":
            yield from ((f"{place}.{_part(column)}", column) for column in _columns(inner))
        elif name == "gates":
            yield from _leaves(place, inner)
        else:
            yield place, inner


def _columns(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _part(key: Any) -> str:
    """A key as a part of a field's name: one with a dot in it cannot be taken for two."""
    return json.dumps(key) if "." in str(key) else str(key)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[FieldChange]:
    """The fields in which two bindings differ, by name."""

    def how(field: str) -> How:
        if field not in before:
            return "added"
        return "changed" if field in after else "removed"

    return [
        FieldChange(field, how(field)) for field in sorted({*before, *after}) if before.get(field) != after.get(field)
    ]


def for_policy(before: Binding, after: Binding) -> list[str]:
    """What in a binding, beside the one that it follows, wants a policy owner; nothing where its owner may sign it.

    Args:
        before: The binding that counts.
        after: The one to follow it.
    """
    if not before.fields or not after.fields:
        return ["the fields of the system, which are not on record"]
    listed = changes(before.fields, after.fields)
    reasons = [change.field for change in listed if change.signer == "policy"]
    if digest(before.plan) != digest(after.plan):
        reasons.append("the plan")
    same = (
        ("kind", before.kind, after.kind),
        ("modes", before.modes, after.modes),
        ("owner", before.owner, after.owner),
    )
    reasons += [name for name, old, new in same if old != new]
    if not listed and before.system_digest != after.system_digest:
        reasons.append("a field that the table does not name")
    return list(dict.fromkeys(reasons))


def listed_fields(fields: Iterable[str], most: int = 6) -> str:
    """Some fields in a sentence."""
    names = list(fields)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
