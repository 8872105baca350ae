"""Where the records of a system contradict each other: each problem names both places."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.governance.records.unfinished import unfinished

__all__ = ["ContradictionError", "contradictions"]

Documents = Mapping[str, Document]


class ContradictionError(InputError):
    """What one record says and another denies: each can be read, and gates judge by each."""


def contradictions(record: SystemRecord, documents: Documents) -> Iterator[ContradictionError]:
    """What one record says and another denies.

    Args:
        record: The system.
        documents: The organization's records and the system's own, by full name.
    """
    for error in (
        *_before_testing(documents),
        *_no_customers(record, documents),
        *_called_done(documents),
        *_closed_early(documents),
        *_findings(documents),
        *_roles(documents),
        *_split(documents),
        *_kept_elsewhere(record, documents),
        *_labelled_by_nobody(documents),
        *_contracts(documents),
    ):
        yield ContradictionError(error.message, where=error.where, remedy=error.remedy)


def _entries(document: Document | None, field: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The entries of a list of a record, with their places."""
    listed = document.value.get(field) if document is not None else None
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(entry, dict):
            yield (field, index), entry


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _before_testing(documents: Documents) -> Iterator[InputError]:
    """Windows, rates and lines of a log from before the system had been tested."""
    history = documents.get("system/history")
    tested = [(place, _day(entry.get("done_on"))) for place, entry in _entries(history, "history")
              if entry.get("phase") == "testing"]  # fmt: skip
    days = [(place, day) for place, day in tested if day is not None]
    if history is None or not days:
        return
    place, first = min(days, key=lambda row: row[1])
    logging = documents.get("system/logging")
    sample = logging.value.get("sample") if logging is not None else None
    lists = [("system/monitoring", "windows", "ended_on"), ("system/oversight", "rates", "measured_on")]
    claims: list[tuple[Document, Place, Any]] = [
        (documents[name], (*at, key), entry.get(key))
        for name, field, key in lists
        for at, entry in _entries(documents.get(name), field)
    ]
    if logging is not None and isinstance(sample, dict):
        claims.append((logging, ("sample", "time"), sample.get("time")))
    for document, at, value in claims:
        day = _day(value)
        if day is not None and day < first:
            message = f"{value} lies before testing was done ({first}, {history.place((*place, 'done_on'))})"
            yield document.error(at, message, "Write what was measured of the tested version, or mend the history.")


def _no_customers(record: SystemRecord, documents: Documents) -> Iterator[InputError]:
    """Deliveries and notices to customers of a system that has none."""
    customers = documents.get("system/customers")
    if customers is None or record.system.facts.get("has_customers") is not False:
        return
    pack = customers.value.get("pack")
    delivered = [("pack", "delivered_on")] if isinstance(pack, dict) and pack.get("delivered_on") else []
    for place in (*delivered, *(at for at, _ in _entries(customers, "notices"))):
        message = (
            f"something went to customers, and {record.document.place(('facts', 'has_customers'))} says there are none"
        )
        yield customers.error(place, message, "Write has_customers: true, or take it out.")


def _called_done(documents: Documents) -> Iterator[InputError]:
    """Duties to report that are done, by one word, and to come, by another; or done before it was classified."""
    duties, classified = documents.get("organization/reporting_obligations"), documents.get("system/classification")
    answered = _day(classified.value.get("date")) if classified is not None else None
    system = classified.value.get("system") if classified is not None else None
    for place, item in _entries(duties, "high_tier"):
        assert duties is not None
        if item.get("state") != "done":
            continue
        words = unfinished(f"{item.get('detail')} {item.get('receipt')}")
        if words:
            at = duties.place((*place, "detail"))
            yield duties.error(
                (*place, "state"), f"it is done, and {at} says {words!r}", "Write open until it is done."
            )
        done = _day(item.get("done_on"))
        if classified is not None and answered and done and done < answered and item.get("system") == system:
            message = f"{done} lies before the system was classified ({answered}, {classified.place(('date',))})"
            yield duties.error((*place, "done_on"), message, "Write the day on which it was done, or do it anew.")


def _closed_early(documents: Documents) -> Iterator[InputError]:
    """Nonconformities that were closed before somebody looked whether the action worked."""
    record = documents.get("organization/nonconformities")
    for place, entry in _entries(record, "nonconformities"):
        assert record is not None
        closed, effective = _day(entry.get("closed_on")), _day(entry.get("effective_on"))
        if closed is not None and (effective is None or effective > closed):
            at = record.place((*place, "effective_on" if effective else "closed_on"))
            message = f"closed on {closed}, before a check showed that the action worked ({at})"
            yield record.error((*place, "closed_on"), message, "Leave it open until effective_on.")


def _findings(documents: Documents) -> Iterator[InputError]:
    """Audits whose findings are on no list of nonconformities."""
    audits, answers = documents.get("organization/audit_programme"), documents.get("organization/nonconformities")
    for place, audit in _entries(audits, "audits"):
        assert audits is not None
        findings, name = audit.get("findings"), f"audits/{audit.get('id')}"
        raised = sum(1 for _, entry in _entries(answers, "nonconformities") if name in (entry.get("about") or ()))
        if isinstance(findings, int) and raised < findings:
            where = answers.where if answers is not None else "organization/nonconformities, which is missing"
            message = f"{findings} findings, and {raised} nonconformities are about {name} in {where}"
            yield audits.error((*place, "findings"), message, f"Add one with about: [{name}] for each finding.")


def _roles(documents: Documents) -> Iterator[InputError]:
    """Roles under the law that the classification does not have."""
    chain, classified = documents.get("system/value_chain"), documents.get("system/classification")
    if chain is None or classified is None or "role" not in classified.value:
        return
    parts = [entry.get("our_role") for _, entry in _entries(chain, "roles")] or chain.value.get("our_role")
    ours, theirs = _names(parts), _names(classified.value["role"])
    if parts is not None and ours != theirs:
        message = f"{', '.join(sorted(ours))}, and {classified.place(('role',))} says {', '.join(sorted(theirs))}"
        place = ("roles",) if "roles" in chain.value else ("our_role",)
        yield chain.error(place, message, "Mend the one that is wrong; classify anew when the roles changed.")


def _split(documents: Documents) -> Iterator[InputError]:
    """Splits of data other than the set that the requirements fix, or than any on the data sheets."""
    plan, sheets = documents.get("system/data_plan"), documents.get("system/datasheets")
    fixed = documents.get("system/requirements")
    split = plan.value.get("split") if plan is not None else None
    if plan is None or not isinstance(split, dict):
        return
    evaluation = fixed.value.get("evaluation") if fixed is not None else None
    if fixed is not None and isinstance(evaluation, dict) and split.get("test") != evaluation.get("digest"):
        message = f"another set than {fixed.place(('evaluation', 'digest'))} fixes"
        yield plan.error(("split", "test"), message, "Mend the plan, or fix the requirements before the next training.")
    digests = {entry.get("digest") for _, entry in _entries(sheets, "datasets")}
    if sheets is not None and digests and split.get("train") not in digests:
        message = f"no data set of {sheets.where} has this digest"
        yield plan.error(("split", "train"), message, "Add its data sheet, or mend the plan.")


def _kept_elsewhere(record: SystemRecord, documents: Documents) -> Iterator[InputError]:
    """Data files of the system outside the places where its plan keeps data."""
    plan = documents.get("system/data_plan")
    stored = plan.value.get("stored") if plan is not None else None
    if plan is None or not isinstance(stored, list) or not stored:
        return
    places = [str(place) for place in stored]
    for role, path in record.system.data.items():
        if ".." in path or not any(
            path == place or (place.endswith("/") and path.startswith(place)) for place in places
        ):
            at = record.document.place(("data", role))
            message = f"{path} ({at}) lies at none of these places"
            yield plan.error(("stored",), message, "Add the place, or move the data.")


def _labelled_by_nobody(documents: Documents) -> Iterator[InputError]:
    """Labels that nobody made by hand, and annotators of them; annotators other than as many as there are."""
    record = documents.get("system/data_preparation")
    labelling = record.value.get("labelling") if record is not None else None
    if record is None or not isinstance(labelling, dict):
        return
    names, number = labelling.get("labelled_by") or (), labelling.get("annotators")
    if labelling.get("not_by_hand") and (names or number is not None):
        at = record.place(("labelling", "annotators" if number is not None else "labelled_by"))
        message = f"nobody labelled by hand, and annotators are named ({at})"
        yield record.error(("labelling", "not_by_hand"), message, "Take out the one that is wrong.")
    elif names and number is not None and len(set(names)) != number:
        at = record.place(("labelling", "annotators"))
        message = f"labelled by {len(set(names))}, and {at} says {number}"
        yield record.error(("labelling", "labelled_by"), message, "Name each annotator once, or mend the number.")


def _contracts(documents: Documents) -> Iterator[InputError]:
    """Contracts with a supplier that end on one day by one record and on another by the other."""
    chain, suppliers = documents.get("system/value_chain"), documents.get("organization/suppliers")
    ends = {duty.get("party"): (place, duty.get("contract_ends")) for place, duty in _entries(chain, "duties")}
    for place, entry in _entries(suppliers, "suppliers"):
        assert suppliers is not None
        at, day = ends.get(entry.get("supplier"), ((), None))
        own = entry.get("contract_ends")
        if chain is not None and own is not None and day is not None and _day(own) != _day(day):
            message = f"the contract ends on {own}, and {chain.place((*at, 'contract_ends'))} says {day}"
            yield suppliers.error((*place, "contract_ends"), message, "Mend the one that is wrong.")


def _names(value: Any) -> set[str]:
    return {str(part) for part in value} if isinstance(value, list | tuple) else {str(value)}
