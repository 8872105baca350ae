"""A CycloneDX bill of materials for machine learning, as far as the controls look at it.

Source: CycloneDX 1.5 to 1.7 (ECMA-424). The shape that is checked: bomFormat, specVersion, version, serialNumber,
metadata.timestamp, and of every component its type, name, unique bom-ref and hashes. Where cyclonedx-python-lib is
installed with its validator, the whole is validated against the published schema too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aims_gates import InputError

__all__ = ["Bom", "read_bom", "schema_problem", "shape_problems"]

_TYPES = {
    "application", "framework", "library", "container", "platform", "operating-system", "device", "device-driver",
    "firmware", "file", "machine-learning-model", "data", "cryptographic-asset",
}  # fmt: skip
_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_LENGTHS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128}
#: Properties, named as `aims-gates bom` names its own.
SUBJECT = "aims-gates:subject"
HARDWARE = "aims-gates:hardware"


@dataclass(frozen=True)
class Bom:
    """The record ``bom``.

    Attributes:
        content: As read.
        components: All components, nested ones and that of the metadata too.
    """

    content: Mapping[str, Any]
    components: tuple[Mapping[str, Any], ...]

    def of(self, *types: str) -> list[Mapping[str, Any]]:
        """The components of these types."""
        return [component for component in self.components if component.get("type") in types]

    def properties(self, name: str) -> set[str]:
        """The values of a property of the whole, of its metadata, or of a model."""
        holders = [self.content, _mapping(self.content.get("metadata")), *self.of("machine-learning-model")]
        result = (mapping for holder in holders for mapping in _mappings(holder.get("properties")))
        return {str(item.get("value")) for item in result if item.get("name") == name}


def read_bom(record: Mapping[str, Any]) -> Bom:
    """Read the record.

    Raises:
        InputError: it is no CycloneDX document from 1.5 on.
    """
    version = re.fullmatch(r"1\.(\d+)", str(record.get("specVersion")))
    if record.get("bomFormat") != "CycloneDX" or version is None or int(version[1]) < 5:
        message = f"this is {record.get('bomFormat')!r} {record.get('specVersion')!r}, not CycloneDX 1.5 or later"
        raise InputError(message, where="record bom", remedy="Write it anew as CycloneDX 1.5 or later, in JSON.")
    top = _mapping(_mapping(record.get("metadata")).get("component"))
    return Bom(record, tuple(_nested([*([top] if top else []), *_mappings(record.get("components"))])))


def _nested(components: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    waiting = list(reversed(components))
    while waiting:
        result = waiting.pop()
        yield result
        waiting.extend(reversed(_mappings(result.get("components"))))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def shape_problems(bom: Bom) -> Iterator[str]:
    """What is not as CycloneDX says, in plain words."""
    content = bom.content
    version = content.get("version", 1)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        yield f"its version is {version!r}, not a whole number from 1"
    if "serialNumber" in content and not _SERIAL.fullmatch(str(content["serialNumber"])):
        yield f"its serialNumber {content['serialNumber']!r} is no urn:uuid"
    stamp = _mapping(content.get("metadata")).get("timestamp")
    try:
        datetime.fromisoformat(str(stamp))
    except ValueError:
        yield f"its metadata.timestamp is {stamp!r}, not a time"
    refs = [str(component["bom-ref"]) for component in bom.components if "bom-ref" in component]
    yield from (f"the bom-ref {ref!r} stands twice" for ref in sorted({ref for ref in refs if refs.count(ref) > 1}))
    for item in bom.components:
        yield from _component(item)


def _component(component: Mapping[str, Any]) -> Iterator[str]:
    name = component.get("name")
    if not isinstance(name, str) or not name.strip():
        yield "a component has no name"
    if component.get("type") not in _TYPES:
        yield f"the component {name!r} has the type {component.get('type')!r}, which CycloneDX does not know"
    for entry in _mappings(component.get("hashes")):
        text, length = str(entry.get("content")), _LENGTHS.get(str(entry.get("alg")))
        if not _HEX.fullmatch(text) or (length is not None and len(text) != length):
            yield f"a hash of the component {name!r} is none"


def schema_problem(bom: Bom) -> str | None:
    """What the published schema says against it; None where nothing, or where the validator is not installed."""
    try:
        from cyclonedx.exception import MissingOptionalDependencyException
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError:
        return None
    try:
        version = SchemaVersion.from_version(str(bom.content["specVersion"]))
        error = JsonStrictValidator(version).validate_str(json.dumps(bom.content, default=str))
    except (MissingOptionalDependencyException, ValueError, KeyError):
        return None
    return None if error is None else str(getattr(error, "data", error)).splitlines()[0][:300]
