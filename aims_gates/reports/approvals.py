"""Approvals in plain sentences."""

from collections.abc import Mapping
from typing import Any

from aims_gates.reports.format import clean

__all__ = ["approval_lines"]


def _role(item: Mapping[str, Any]) -> str:
    return f"{clean(item.get('count', 1))} x {clean(item.get('role', ''))}"


def _person(item: Mapping[str, Any]) -> str:
    said = f"{clean(item.get('person', ''))} as {clean(item.get('role', ''))} on {clean(item.get('at', ''))[:10]}"
    return f"{said} ({clean(item['reason'])})" if item.get("reason") else said


def approval_lines(approvals: Mapping[str, Any]) -> list[str]:
    """What is needed, given, missing and not counted, one line each; nothing where none is needed."""
    lines = []
    for name, said, form in (
        ("needed", "needed", _role),
        ("given", "given", _person),
        ("missing", "missing", _role),
        ("refused", "not counted", _person),
    ):
        found = [form(item) for item in approvals.get(name) or ()]
        if found:
            lines.append(f"{said}: {'; '.join(found)}")
    return lines
