"""A version's bill of materials in CycloneDX 1.6: model, data sets, libraries, tools, suppliers, compute and roles.

Made from signed evidence and from records, the same bytes each time: no clock, no chance. Needs the extra ``bom``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from aims_gates import __version__
from aims_gates.documents.canonical import digest, is_digest
from aims_gates.errors import InputError
from aims_gates.model import Evidence

if TYPE_CHECKING:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component

__all__ = ["Parts", "bill", "unknown_suppliers"]

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Parts:
    """What a bill is made from.

    Attributes:
        name, version, digest: The model version and its subject digest.
        system, tier, purpose: Of its system; empty where unknown.
        evidence: Statement digest -> evidence about exactly these bytes.
        records: The system's and the organization's records; empty where unknown.
    """

    name: str
    version: str
    digest: str
    system: str = ""
    tier: str = ""
    purpose: str = ""
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    records: Records = field(default_factory=dict)


def unknown_suppliers(records: Records) -> list[tuple[int, str]]:
    """Place and supplier of each component in the record ``components`` that organization/suppliers does not hold."""
    known = {str(row.get("supplier", "")).casefold() for row in _rows(records, "organization/suppliers", "suppliers")}
    return [
        (place, str(supplier_row["supplier"]))
        for place, supplier_row in enumerate(_rows(records, "components", "components"))
        if supplier_row.get("supplier") and str(supplier_row["supplier"]).casefold() not in known
    ]


def bill(parts: Parts, serial: UUID | None = None) -> str:
    """The bill as JSON, validated against the CycloneDX 1.6 schema.

    Args:
        parts: What it is made from.
        serial: Its serial number; None makes one from the content.

    Raises:
        InputError: the extra ``bom`` is not installed, or the parts do not make a valid bill.
    """
    try:
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator
    except ImportError as error:
        remedy = "Install the extra: pip install 'aims-gates[gates]'"
        raise InputError("CycloneDX's own library is not installed", remedy=remedy) from error
    output_as_string = make_outputter(_bom(parts, serial), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(output_as_string)
    if wrong is not None:
        raise InputError(f"the bill does not keep the CycloneDX schema: {wrong}", remedy="Fix the record it names.")
    return json.dumps(json.loads(output_as_string), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _bom(parts: Parts, serial: UUID | None) -> "Bom":
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType

    model = _model(parts)
    others = [*_data(parts), *_libraries(parts), *_tools(parts), *_supplied(parts)]
    tool = Component(
        name="aims-gates", version=__version__, type=ComponentType.APPLICATION, bom_ref=f"tool:aims-gates@{__version__}"
    )
    # A bill kept as a record does not change the next one.
    records = {name: record for name, record in parts.records.items() if name != "bom"}
    seed = digest([parts.name, parts.version, parts.digest, sorted(parts.evidence), digest(records)])
    metadata = BomMetaData(component=model, timestamp=_newest(parts), properties=_properties(_about(parts)))
    metadata.tools.components.add(tool)
    bom = Bom(serial_number=serial or uuid5(NAMESPACE_URL, seed), components=others, metadata=metadata)
    bom.register_dependency(model, others)
    return bom


def _newest(parts: Parts) -> datetime:
    """The time of the newest evidence; without any, the beginning of time as computers count it."""
    times = [datetime.fromisoformat(evidence.produced_at) for evidence in parts.evidence.values()]
    return max((moment.astimezone(UTC) for moment in times), default=datetime(1970, 1, 1, tzinfo=UTC))


def _properties(pairs: Iterable[tuple[str, object]]) -> "list[Property]":
    from cyclonedx.model import Property

    return [Property(name=f"aims-gates:{name}", value=str(value)) for name, value in pairs if value not in (None, "")]


def _hash(text: str) -> "list[Any]":
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=text.removeprefix("sha256:"))] if is_digest(text) else []


def _about(parts: Parts) -> Iterator[tuple[str, object]]:
    """System, people's roles and compute, and the statements behind the bill."""
    yield "system", parts.system
    yield "tier", parts.tier
    for role, person in sorted(_mapping(parts.records, "assignments", "assignments").items()):
        yield f"role:{role}", person
    for row in _rows(parts.records, "organization/roles", "roles"):
        yield f"organization-role:{row.get('role')}", ", ".join(map(str, row.get("holders") or ()))
    yield from _flat("compute", _mapping(parts.records, "resources", "compute"))
    for name in ("hardware", "people", "services", "lock_digest"):
        yield name, _words((parts.records.get("resources") or {}).get(name))
    for statement, evidence in sorted(parts.evidence.items()):
        yield f"evidence:{evidence.gate}", statement


def _flat(name: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, part in sorted(value.items()):
            yield from _flat(f"{name}:{key}", part)
    else:
        yield name, _words(value)


def _words(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _mapping(records: Records, record: str, name: str) -> Mapping[str, Any]:
    record_value = (records.get(record) or {}).get(name)
    return record_value if isinstance(record_value, Mapping) else {}


def _rows(records: Records, record: str, name: str) -> list[Mapping[str, Any]]:
    record_value = (records.get(record) or {}).get(name)
    return (
        [entry for entry in record_value if isinstance(entry, Mapping)]
        if isinstance(record_value, list | tuple)
        else []
    )


def _model(parts: Parts) -> "Component":
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=parts.name,
        version=parts.version,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"model:{parts.name}@{parts.version}",
        description=parts.purpose or None,
        hashes=_hash(parts.digest),
        properties=_properties(
            [("subject", parts.digest), ("kind", (parts.records.get("resources") or {}).get("model"))]
        ),
    )


def _data(parts: Parts) -> "Iterator[Component]":
    """Data sets by digest: those that evidence used, with their roles, and those in the registry of data sets."""
    from cyclonedx.model.component import Component, ComponentType

    sheets = {str(row["digest"]): row for row in _rows(parts.records, "datasheets", "datasets") if row.get("digest")}
    used: dict[str, set[str]] = {}
    counted: dict[str, int] = {}
    for evidence in parts.evidence.values():
        for role, data_digest in evidence.data.items():
            used.setdefault(data_digest, set()).add(role)
            counted[data_digest] = evidence.rows.get(role, 0)
    for data_digest in sorted({*used, *sheets}):
        sheet, roles = sheets.get(data_digest, {}), sorted(used.get(data_digest, ()))
        facts = [("role", ", ".join(roles)), ("rows", counted.get(data_digest)), ("digest", data_digest)]
        facts += [(name, _words(sheet.get(name))) for name in ("purpose", "source", "licence", "retention_until")]
        yield Component(
            name=str(sheet.get("name") or f"{' and '.join(roles)} data"),
            version=str(sheet.get("version") or data_digest[7:19]),
            type=ComponentType.DATA,
            bom_ref=f"data:{data_digest}",
            hashes=_hash(data_digest),
            properties=_properties(facts),
        )


def _libraries(parts: Parts) -> "Iterator[Component]":
    """The libraries that evidence was made with; two versions of one are two components."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    components = {
        (str(name), str(version))
        for evidence in parts.evidence.values()
        for name, version in dict(evidence.facts.get("libraries") or {}).items()
    }
    for name, version in sorted(components):
        address = PackageURL("pypi", name=name.lower().replace("_", "-"), version=version)
        ref = f"library:{name}@{version}"
        yield Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=ref, purl=address)


def _tools(parts: Parts) -> "Iterator[Component]":
    from cyclonedx.model.component import Component, ComponentType

    uses: dict[tuple[str, str], list[str]] = {}
    for row in _rows(parts.records, "resources", "tools"):
        uses.setdefault((str(row.get("tool")), str(row.get("version") or "")), []).append(str(row.get("use")))
    for (name, version), use in sorted(uses.items()):
        facts = [("use", ", ".join(use))]
        ref = f"tool:{name}@{version}:{'+'.join(use)}"
        yield Component(
            name=name,
            version=version or None,
            type=ComponentType.APPLICATION,
            bom_ref=ref,
            properties=_properties(facts),
        )


def _supplied(parts: Parts) -> "Iterator[Component]":
    """Components from suppliers."""
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.contact import OrganizationalEntity

    kinds = {"data": ComponentType.DATA, "model": ComponentType.MACHINE_LEARNING_MODEL}
    for place, component in enumerate(_rows(parts.records, "components", "components")):
        supplier = component.get("supplier")
        yield Component(
            name=str(component.get("name") or "component"),
            version=str(component["version"]) if component.get("version") else None,
            type=kinds.get(str(component.get("kind")), ComponentType.LIBRARY),
            bom_ref=f"component:{place}:{component.get('name')}",
            supplier=OrganizationalEntity(name=str(supplier)) if supplier else None,
            properties=_properties([("kind", component.get("kind")), ("pinned", component.get("pinned"))]),
        )
