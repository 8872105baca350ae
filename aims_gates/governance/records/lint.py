"""What is wrong with the records of a pack: their shapes, their dates, and where they contradict each other.

Every problem is an :class:`~aims_gates.errors.AimsGatesError` with file, line, field and remedy.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import text_digest
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import Document, problems
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.contradictions import contradictions
from aims_gates.governance.records.leaves import date_problems, leaves
from aims_gates.governance.records.reader import (
    SystemRecord,
    read_record,
    read_system,
    record_files,
    system_names,
)
from aims_gates.governance.records.tier import tier_problem

__all__ = ["check_packs", "check_system"]

#: Records whose shape is checked elsewhere.
_OTHERS = {"system", "requirements", "card", "classification", "defaults", "classification-rules"}
_PURPOSES = ("requirements", "card", "classification", "impact_assessment", "user_information")
#: What every plan is made from.
_ALWAYS_READ = {"system", "requirements", "classification"}
Documents = Mapping[str, Document]


def check_packs(packs: Iterable[Path], today: date) -> list[AimsGatesError]:
    """Every problem of the records of these packs, in the order of their files."""
    errors: list[AimsGatesError] = []
    systems: list[SystemRecord] = []
    for pack in packs:
        organization = _organization(pack, today, errors)
        for name in system_names(pack):
            record = _system_records(pack, name, organization, today, errors)
            systems += [] if record is None else [record]
    return _distinct([*errors, *_twice(systems)])


def check_system(
    packs: Iterable[Path], pack: Path, name: str, reads: Iterable[str], today: date
) -> list[AimsGatesError]:
    """Those problems of :func:`check_packs` that are in the records which a system's plan reads.

    Args:
        packs: All packs: a model may be listed by two systems.
        pack, name: The system.
        reads: Names of records as gates write them (``card``, ``organization/roles``). What every plan is made from
            (the system, its requirements, its classification) is read in any case.
        today: The day.
    """
    all_problems: list[AimsGatesError] = []
    organization = _organization(pack, today, all_problems)
    own = _system_records(pack, name, organization, today, all_problems)
    others = [
        record
        for place in packs
        for other in system_names(place)
        if (place.resolve(), other) != (pack.resolve(), name) and (record := _quietly(place, other)) is not None
    ]
    all_problems += _twice([*others, *([] if own is None else [own])])
    files = _files(pack, name, {*reads, *_ALWAYS_READ})
    return _distinct(problem for problem in all_problems if _file_of(problem) in files)


def _quietly(pack: Path, name: str) -> SystemRecord | None:
    """Another system, for what it lists; its own problems are its own."""
    try:
        return read_system(pack, name, whole=False)
    except InputError:
        return None


def _distinct(all_problems: Iterable[AimsGatesError]) -> list[AimsGatesError]:
    """Each problem once: a purpose that differs is found on two ways."""
    return list({str(problem): problem for problem in all_problems}.values())


def _files(pack: Path, name: str, reads: Set[str]) -> set[str]:
    """The files of these records; what a system takes over from its family or the organization is its own."""
    shared, own = pack / "records" / "organization", pack / "records" / "systems" / name
    files = {str(shared / "defaults.yaml"), *(str(path) for path in (pack / "records" / "families").glob("*.yaml"))}
    for folder, group in ((shared, "organization/"), (own, ""), (shared / "standard", "")):
        try:
            files |= {str(path) for stem, path in record_files(folder).items() if f"{group}{stem}" in reads}
        except InputError as error:
            files.add(_file_of(error))
    return files


def _file_of(problem: AimsGatesError) -> str:
    """The file that a problem is in."""
    return re.sub(r":[0-9]+$", "", problem.where or "")


def _organization(pack: Path, today: date, errors: list[AimsGatesError]) -> dict[str, Document]:
    """The organization's records of a pack; their problems go to ``errors``."""
    folder = pack / "records" / "organization"
    organization = _documents(folder, "organization", errors)
    standard = _documents(folder / "standard", "system", errors)
    for document in [*organization.values(), *standard.values()]:
        errors += [*date_problems(document, today), *_approval(document, organization)]
    errors += _policy(organization)
    errors += _roles(organization)
    return organization


def _system_records(
    pack: Path, name: str, organization: Documents, today: date, errors: list[AimsGatesError]
) -> SystemRecord | None:
    """A system, None where it cannot be read; the problems of its records go to ``errors``."""
    own = _documents(pack / "records" / "systems" / name, "system", errors)
    for document in own.values():
        errors += [*date_problems(document, today), *_approval(document, organization)]
    try:
        record = read_system(pack, name)
    except InputError as error:
        errors.append(error)
        return None
    errors += _system(record, {**organization, **own}, today)
    return record


def _documents(folder: Path, group: str, errors: list[AimsGatesError]) -> dict[str, Document]:
    """The records of a folder that can be read, under their full names; problems of shape go to ``errors``."""
    documents: dict[str, Document] = {}
    try:
        files = record_files(folder)
    except InputError as error:
        errors.append(error)
        return documents
    for stem, path in files.items():
        name = f"{group}/{stem}"
        try:
            documents[name] = read_record(path)
        except InputError as error:
            errors.append(error)
            continue
        if name in SHAPES:
            wrong = problems(SHAPES[name], documents[name])
            errors += [
                documents[name].error(place, message, remedy or _for(name, place)) for place, message, remedy in wrong
            ]
            places = {place for place, _, _ in wrong}
            errors += [error for place, error in _blanks(documents[name]) if place not in places]
        elif stem not in _OTHERS and (near := get_close_matches(name, SHAPES, n=1, cutoff=0.8)):
            remedy = f"Rename it to {near[0].split('/')[1]}{path.suffix}, or to something of your own."
            errors.append(InputError(f"no gate reads a record {name!r}", where=str(path), remedy=remedy))
    return documents


def _for(name: str, path: tuple[str | int, ...]) -> str:
    """The remedy for a field: what it is for."""
    part: Any = SHAPES[name].model_json_schema(by_alias=True)
    definitions = part.get("$defs", {})
    message = ""
    for key in path:
        part = definitions.get(str(part.get("$ref", "")).rsplit("/", 1)[-1], part)
        part = part.get("items", {}) if isinstance(key, int) else part.get("properties", {}).get(key, {})
        message = part.get("description", message)
    return f"Write here: {message}" if message else f"See: aims-gates schema {quoted(name)}"


def _blanks(document: Document) -> Iterator[tuple[tuple[str | int, ...], InputError]]:
    for path, value in leaves(document.value, ()):
        if placeholder(value):
            yield path, document.error(path, "is empty or a placeholder", f"Replace {value!r}, or take the field out.")


def _text(value: Any) -> str:
    return text_digest(str(value))


def _approval(document: Document, documents: Documents) -> Iterator[InputError]:
    approver = document.value.get("approver")
    if approver is None:
        return
    if approver == document.value.get("owner"):
        yield document.error(("approver",), "its owner has approved it alone", "Have somebody else approve it.")
    roles = documents.get("organization/roles")
    people = _entries(roles.value.get("people")) if roles is not None else []
    if people and not any(person.get("id") == approver and person.get("active") is True for person in people):
        remedy = "Have somebody approve it who is active, or add the person to people in organization/roles."
        yield document.error(("approver",), f"{approver} is not an active person in organization/roles", remedy)


def _policy(documents: Documents) -> Iterator[InputError]:
    policy = documents.get("organization/ai_policy")
    if policy is not None and "text" in policy.value and policy.value.get("sha256") != _text(policy.value["text"]):
        remedy = f"When this text has been approved, write: sha256: {_text(policy.value['text'])}"
        yield policy.error(("sha256",), "the text is not the one that was approved", remedy)


def _holders(documents: Documents) -> dict[str, set[str]]:
    """Active holders by role."""
    roles = documents.get("organization/roles")
    if roles is None:
        return {}
    people = _entries(roles.value.get("people"))
    active = {person.get("id") for person in people if person.get("active") is True}
    return {
        str(role.get("role")): {str(holder) for holder in role.get("holders") or () if holder in active}
        for role in _entries(roles.value.get("roles"))
    }


def _entries(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _roles(documents: Documents) -> Iterator[InputError]:
    roles = documents.get("organization/roles")
    if roles is None:
        return
    yield from _named_twice(roles)
    holders = _holders(documents)
    for index, role in enumerate(_entries(roles.value.get("roles"))):
        if not holders[str(role.get("role"))]:
            remedy = "Assign somebody active, or add the person to people."
            yield roles.error(("roles", index, "holders"), f"nobody active holds the role {role.get('role')!r}", remedy)
    for index, pair in enumerate(roles.value.get("incompatible") or ()):
        if isinstance(pair, list) and len(pair) == 2:
            for person in sorted(holders.get(str(pair[0]), set()) & holders.get(str(pair[1]), set())):
                message = f"{person} holds both {pair[0]} and {pair[1]}"
                yield roles.error(("incompatible", index), message, "Give one of the two to somebody else.")


def _named_twice(roles: Document) -> Iterator[InputError]:
    """People and roles that are listed twice, and whoever counts twice in one role or in the governing body."""
    people, named = _entries(roles.value.get("people")), _entries(roles.value.get("roles"))
    body = roles.value.get("body")
    lists: list[tuple[tuple[str | int, ...], list[Any]]] = [
        (("people",), [person.get("id") for person in people]),
        (("roles",), [role.get("role") for role in named]),
        *((("roles", place, "holders"), list(role.get("holders") or ())) for place, role in enumerate(named)),
        (("body", "members"), list(body.get("members") or ()) if isinstance(body, dict) else []),
    ]
    for path, listed in lists:
        for place, entry in enumerate(listed):
            if entry is not None and entry in listed[:place]:
                yield roles.error((*path, place), f"{entry} is listed twice", "Name each once; one person counts once.")


def _system(record: SystemRecord, documents: Documents, today: date) -> Iterator[AimsGatesError]:
    yield from _purposes(record, documents)
    problem = tier_problem(record, today)
    if problem is not None:
        yield problem
    yield from _people(documents)
    yield from _suppliers(record, documents)
    yield from _bill(documents)
    yield from contradictions(record, documents)
    context = documents.get("organization/context")
    scope = context.value.get("scope") if context is not None else None
    if context is not None and isinstance(scope, dict) and record.system.name not in (scope.get("systems") or ()):
        message = f"the system {record.system.name!r} is not in the scope"
        yield context.error(("scope", "systems"), message, "Add it, or keep it out of production.")


def _purposes(record: SystemRecord, documents: Documents) -> Iterator[InputError]:
    for name in _PURPOSES:
        document = documents.get(f"system/{name}")
        if document is None or not document.value.get("purpose"):
            continue
        if _text(document.value["purpose"]) != record.purpose_digest:
            message = f"differs from the purpose in {record.document.place(('purpose',))}"
            remedy = "Make them one text; if the purpose has changed, classify and assess again."
            yield document.error(("purpose",), message, remedy)


def _people(documents: Documents) -> Iterator[InputError]:
    holders = _holders(documents)
    assigned = documents.get("system/assignments")
    assignments = assigned.value.get("assignments") if assigned is not None else None
    if assigned is not None and isinstance(assignments, dict):
        for role, person in assignments.items():
            if str(person) not in holders.get(role, set()):
                remedy = "Assign somebody who holds it, or add the person to the role in organization/roles."
                yield assigned.error(("assignments", role), f"{person} does not hold the role {role!r}", remedy)
        if assignments.get("model_validator") in (assigned.value.get("developers") or ()):
            message = "the validator is one of the developers"
            yield assigned.error(("assignments", "model_validator"), message, "Name somebody who did not build it.")
    oversight = documents.get("system/oversight")
    if oversight is not None and not holders.get(str(oversight.value.get("reviewer_role"))):
        message = f"nobody holds the role {oversight.value.get('reviewer_role')!r}"
        yield oversight.error(("reviewer_role",), message, "Name a role of organization/roles that somebody holds.")


def _suppliers(record: SystemRecord, documents: Documents) -> Iterator[InputError]:
    components = documents.get("system/components")
    if components is None:
        return
    suppliers = documents.get("organization/suppliers")
    known = {entry.get("supplier") for entry in _entries(suppliers.value.get("suppliers"))} if suppliers else set()
    listed = _entries(components.value.get("components"))
    for index, component in enumerate(listed):
        if component.get("supplier") not in known:
            message = f"the supplier {component.get('supplier')!r} has no record"
            place = ("components", index, "supplier")
            yield components.error(place, message, "Add it to records/organization/suppliers.yaml.")
    for fact in ("has_suppliers", "has_external_parties"):
        if listed and record.system.facts.get(fact) is not True:
            message = f"the system has suppliers ({components.where}), and its facts do not say so"
            yield record.document.error(("facts", fact), message, f"Write {fact}: true.")


def _bill(documents: Documents) -> Iterator[InputError]:
    """Suppliers of models, data and services in the bill of materials that have no record."""
    bill, suppliers = documents.get("system/bom"), documents.get("organization/suppliers")
    if bill is None:
        return
    known = {str(entry.get("supplier")) for entry in _entries(suppliers.value.get("suppliers"))} if suppliers else set()
    bought = [
        *((("components", place), component, "supplier")
          for place, component in enumerate(_entries(bill.value.get("components")))
          if component.get("type") in ("machine-learning-model", "data")),
        *((("services", place), service, "provider")
          for place, service in enumerate(_entries(bill.value.get("services")))),
    ]  # fmt: skip
    for path, purchase, field in bought:
        named = purchase.get(field)
        name = named.get("name") if isinstance(named, dict) else None
        if name is not None and name not in known:
            remedy = "Add it to records/organization/suppliers.yaml."
            yield bill.error((*path, field), f"the supplier {name!r} has no record", remedy)


def _twice(systems: list[SystemRecord]) -> Iterator[InputError]:
    names: dict[str, SystemRecord] = {}
    models: dict[tuple[str, str], SystemRecord] = {}
    for record in systems:
        first = names.setdefault(record.system.name, record)
        if first is not record:
            message = f"the system {record.system.name!r} is already in {first.document.where}"
            yield record.document.error(("name",), message, "Rename one.")
            continue
        for index, model in enumerate(record.system.models):
            other = models.setdefault((record.system.workspace, model), record)
            if other is not record:
                message = f"the model {model!r} is already one of {other.system.name!r}"
                yield record.document.error(("models", index), message, "A registered model belongs to one system.")
