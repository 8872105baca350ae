"""The tier that a system states, held against the classification of its answers as of today."""

from datetime import date
from pathlib import Path

from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.governance.classification import RANK, tier_today
from aims_gates.governance.records.reader import SystemRecord, read_record, record_files

__all__ = ["require_tier", "tier_problem"]

RECORD = "classification"
_ANSWER = "Answer what is missing: aims-gates classify --system {name} --ask"


def tier_problem(record: SystemRecord, today: date) -> AimsGatesError | None:
    """What is wrong with the tier; None where nothing is, or where the system has no classification record.

    A prohibited system is a :class:`~aims_gates.errors.RefusedError`: no mending of files lets it through.
    """
    path = record_files(record.folder).get(RECORD)
    return None if path is None else _problem(record, path, today)


def _problem(record: SystemRecord, path: Path, today: date) -> AimsGatesError | None:
    system, stated = record.system, record.document
    try:
        document = read_record(path)
        result = tier_today(document, (record.pack,), today)
    except InputError as error:
        return error
    if result.tier == "prohibited":
        message = f"{system.name}: the answers give a prohibited practice ({', '.join(result.articles)})"
        remedy = "No waiver lifts this. If an answer is wrong, mend it and have it reviewed."
        return RefusedError(message, where=document.place(("answers",)), remedy=remedy)
    if not result.complete:
        message = f"the tier is {result.tier}: {len(result.missing)} questions are open"
        return document.error(("answers",), message, _ANSWER.format(name=system.name))
    if RANK[system.tier] < RANK[result.tier]:
        message = f"{system.tier!r} is lower than the classification's {result.tier!r} ({document.where})"
        return stated.error(("tier",), message, f"Write {result.tier}; a tier is lowered only by new answers.")
    if result.purpose_sha256 != record.purpose_digest:
        message = f"differs from the purpose in {stated.place(('purpose',))}"
        remedy = "Make them one text; if the purpose has changed, classify and assess again."
        return document.error(("purpose",), message, remedy)
    return None


def require_tier(record: SystemRecord, today: date) -> None:
    """Refuse a system whose tier is not what its answers give today, or higher.

    Raises:
        RefusedError: the answers give a prohibited practice or a higher tier, are incomplete, speak of another purpose,
            or do not give the result that the record carries; naming file, line and remedy.
    """
    problem = tier_problem(record, today)
    if problem is not None:
        raise RefusedError(problem.message, where=problem.where, remedy=problem.remedy)
