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
    known = {str(each.get("supplier", "")).casefold() for each in _rows(records, "organization/suppliers", "suppliers")}
    return [
        (place, str(each["supplier"]))
        for place, each in enumerate(_rows(records, "components", "components"))
        if each.get("supplier") and str(each["supplier"]).casefold() not in known
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
        remedy = "Install the extra: pip install 'aims-gates[bom]'"
        raise InputError("CycloneDX's own library is not installed", remedy=remedy) from error
    made = make_outputter(_bom(parts, serial), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(made)
    if wrong is not None:
        raise InputError(f"the bill does not keep the CycloneDX schema: {wrong}", remedy="Mend the record it names.")
    return json.dumps(json.loads(made), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


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
    made = Bom(serial_number=serial or uuid5(NAMESPACE_URL, seed), components=others, metadata=metadata)
    made.register_dependency(model, others)
    return made


def _newest(parts: Parts) -> datetime:
    """The time of the newest evidence; without any, the beginning of time as computers count it."""
    times = [datetime.fromisoformat(each.produced_at) for each in parts.evidence.values()]
    return max((each.astimezone(UTC) for each in times), default=datetime(1970, 1, 1, tzinfo=UTC))


def _properties(given: Iterable[tuple[str, object]]) -> "list[Property]":
    from cyclonedx.model import Property

    return [Property(name=f"aims-gates:{name}", value=str(value)) for name, value in given if value not in (None, "")]


def _hash(text: str) -> "list[Any]":
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=text.removeprefix("sha256:"))] if is_digest(text) else []


def _about(parts: Parts) -> Iterator[tuple[str, object]]:
    """System, people's roles and compute, and the statements behind the bill."""
    yield "system", parts.system
    yield "tier", parts.tier
    for role, person in sorted(_mapping(parts.records, "assignments", "assignments").items()):
        yield f"role:{role}", person
    for each in _rows(parts.records, "organization/roles", "roles"):
        yield f"organization-role:{each.get('role')}", ", ".join(map(str, each.get("holders") or ()))
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
    found = (records.get(record) or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _rows(records: Records, record: str, name: str) -> list[Mapping[str, Any]]:
    found = (records.get(record) or {}).get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []


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

    sheets = {
        str(each["digest"]): each for each in _rows(parts.records, "datasheets", "datasets") if each.get("digest")
    }
    used: dict[str, set[str]] = {}
    counted: dict[str, int] = {}
    for evidence in parts.evidence.values():
        for role, found in evidence.data.items():
            used.setdefault(found, set()).add(role)
            counted[found] = evidence.rows.get(role, 0)
    for found in sorted({*used, *sheets}):
        sheet, roles = sheets.get(found, {}), sorted(used.get(found, ()))
        facts = [("role", ", ".join(roles)), ("rows", counted.get(found)), ("digest", found)]
        facts += [(name, _words(sheet.get(name))) for name in ("purpose", "source", "licence", "retention_until")]
        yield Component(
            name=str(sheet.get("name") or f"{' and '.join(roles)} data"),
            version=str(sheet.get("version") or found[7:19]),
            type=ComponentType.DATA,
            bom_ref=f"data:{found}",
            hashes=_hash(found),
            properties=_properties(facts),
        )


def _libraries(parts: Parts) -> "Iterator[Component]":
    """The libraries that evidence was made with; two versions of one are two components."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    found = {
        (str(name), str(version))
        for evidence in parts.evidence.values()
        for name, version in dict(evidence.facts.get("libraries") or {}).items()
    }
    for name, version in sorted(found):
        address = PackageURL("pypi", name=name.lower().replace("_", "-"), version=version)
        ref = f"library:{name}@{version}"
        yield Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=ref, purl=address)


def _tools(parts: Parts) -> "Iterator[Component]":
    from cyclonedx.model.component import Component, ComponentType

    uses: dict[tuple[str, str], list[str]] = {}
    for each in _rows(parts.records, "resources", "tools"):
        uses.setdefault((str(each.get("tool")), str(each.get("version") or "")), []).append(str(each.get("use")))
    for (name, version), said in sorted(uses.items()):
        facts = [("use", ", ".join(said))]
        ref = f"tool:{name}@{version}:{'+'.join(said)}"
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
    for place, each in enumerate(_rows(parts.records, "components", "components")):
        supplier = each.get("supplier")
        yield Component(
            name=str(each.get("name") or "component"),
            version=str(each["version"]) if each.get("version") else None,
            type=kinds.get(str(each.get("kind")), ComponentType.LIBRARY),
            bom_ref=f"component:{place}:{each.get('name')}",
            supplier=OrganizationalEntity(name=str(supplier)) if supplier else None,
            properties=_properties([("kind", each.get("kind")), ("pinned", each.get("pinned"))]),
        )
