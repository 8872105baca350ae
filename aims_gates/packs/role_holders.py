"""Who holds which role, by organization/roles: more functions for facts."""

from collections.abc import Callable, Mapping
from typing import Any

from aims_gates.packs.lacking import Lacking

__all__ = ["active_people", "holders_in", "is_placeholder", "known_in"]


def is_placeholder(text: str) -> bool:
    """Whether a text says nothing. The shapes of records are only loaded once a text is asked about."""
    from aims_gates.governance.record_schemas.base import placeholder

    return placeholder(text)


def _roles(records: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    roles = records.get("organization/roles")
    if roles is None:
        raise Lacking("the record organization/roles is missing")
    return roles


def active_people(roles: Mapping[str, Any]) -> set[Any]:
    """Ids of the active people of a record of roles."""
    people = roles.get("people") or []
    return {person.get("id") for person in people if isinstance(person, Mapping) and person.get("active") is True}


def holders_in(records: Mapping[str, Mapping[str, Any]]) -> Callable[[Any], list[str]]:
    """A function that gives the active holders of a role."""

    def holders(role: Any) -> list[str]:
        roles = _roles(records)
        active = active_people(roles)
        return [
            str(holder)
            for entry in roles.get("roles") or []
            if isinstance(entry, Mapping) and entry.get("role") == str(role)
            for holder in entry.get("holders") or []
            if holder in active and not is_placeholder(str(holder))
        ]

    return holders


def known_in(records: Mapping[str, Mapping[str, Any]]) -> Callable[[Any], bool]:
    """A function that says whether somebody is an active person."""
    return lambda person: str(person) in active_people(_roles(records)) and not is_placeholder(str(person))
