"""Approvals in plain sentences."""

from collections.abc import Mapping
from typing import Any

from aims_gates.reports.format import clean

__all__ = ["approval_lines"]


def _role(item: Mapping[str, Any]) -> str:
    return f"{clean(item.get('count', 1))} x {clean(item.get('role', ''))}"


def _person(item: Mapping[str, Any]) -> str:
    message = f"{clean(item.get('person', ''))} as {clean(item.get('role', ''))} on {clean(item.get('at', ''))[:10]}"
    return f"{message} ({clean(item['reason'])})" if item.get("reason") else message


def approval_lines(approvals: Mapping[str, Any]) -> list[str]:
    """What is needed, given, missing and not counted, one line each; nothing where none is needed."""
    lines = []
    for name, title, form in (
        ("needed", "needed", _role),
        ("given", "given", _person),
        ("missing", "missing", _role),
        ("refused", "not counted", _person),
    ):
        forms = [form(item) for item in approvals.get(name) or ()]
        if forms:
            lines.append(f"{title}: {'; '.join(forms)}")
    return lines
