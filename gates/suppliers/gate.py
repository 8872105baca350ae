"""Components as people list them, against the packages of the model's own files and the bill of materials."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aims_gates import Case, Finding
from aims_gates.gatekit import HOLDS, holds

__all__ = ["run"]

_PACKAGES = "packages_as_recorded"
#: Components of a bill of materials that somebody was paid or asked for; libraries are the model's packages.
_BOUGHT = ("machine-learning-model", "data")


def run(case: Case) -> Iterator[Finding]:
    """``packages_as_recorded``: each package listed has the version that the model asks for; ``packages_listed``: the
    others; ``bill_suppliers``: who supplies what the bill of materials lists has a record.

    A package that is listed and that the model does not ask for is a note.
    """
    listed = _mappings(case.records.get("components", {}).get("components"))
    yield from _packages(case, [entry for entry in listed if entry.get("kind") == "software"])
    yield from _bill(case)


def _packages(case: Case, listed: list[Mapping[str, Any]]) -> Iterator[Finding]:
    required = _required(case)
    if required is None:
        note = "nobody has read which packages the model's files ask for, or not all could be read"
        needed = bool(listed) or case.params["package_suppliers"]
        yield Finding(_PACKAGES, limit=HOLDS if needed else None, outcome="inconclusive" if needed else None, note=note)
        return
    for entry in listed:
        yield _compared(entry, required)
    names = {_normal(entry.get("name")) for entry in listed}
    others = sorted(set(required) - names)
    if case.params["package_suppliers"]:
        note = f"no component of components.yaml: {', '.join(others[:20])}" if others else "each package is a component"
        yield holds("packages_listed", not others, note=note, remedy="List them, of kind software, with a supplier.")
    else:
        note = f"{len(required)} packages that the model asks for, {len(others)} of them no component on record"
        yield Finding("packages_listed", float(len(others)), n=len(required), note=note)


def _compared(entry: Mapping[str, Any], required: Mapping[str, str]) -> Finding:
    name, version = _normal(entry.get("name")), str(entry.get("version"))
    over = {"component": str(entry.get("name"))}
    if name not in required:
        note = f"{entry.get('supplier')} is named for {entry.get('name')}, which the model does not ask for"
        return Finding(_PACKAGES, over=over, note=note)
    note = f"the model asks for {name} {required[name]}, components.yaml says {version}"
    remedy = "Write the version that the model asks for, and evaluate it anew."
    return holds(_PACKAGES, required[name] == version, over=over, note=note, remedy=remedy)


def _required(case: Case) -> dict[str, str] | None:
    """Package -> version, as the files of the model on trial ask for them."""
    artifacts = case.artifacts
    if artifacts is None or artifacts.required is None:
        return None
    if case.subject is None or artifacts.subject != case.subject.digest:
        return None
    return {name: version for name, _, version in (pin.partition("==") for pin in artifacts.required)}


def _bill(case: Case) -> Iterator[Finding]:
    """Suppliers and providers that the bill of materials names, and no record does."""
    bill = case.records.get("bom")
    if bill is None:
        return
    suppliers = _mappings(case.records.get("organization/suppliers", {}).get("suppliers"))
    known = {str(entry.get("supplier")) for entry in suppliers}
    bought = [
        *(entry.get("supplier") for entry in _mappings(bill.get("components")) if entry.get("type") in _BOUGHT),
        *(entry.get("provider") for entry in _mappings(bill.get("services"))),
    ]
    named = {str(party.get("name")) for party in bought if isinstance(party, Mapping) and party.get("name")}
    strangers = sorted(named - known)
    note = f"no record of {', '.join(strangers)}" if strangers else f"{len(named)} named, each has a record"
    yield holds("bill_suppliers", not strangers, note=note, remedy="Add them to organization/suppliers.")


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _normal(name: Any) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", str(name)).lower()
