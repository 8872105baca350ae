"""The system that a model belongs to, as the files here say it, and its plan."""

from typing import Any

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.system_fields import fields_of
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system, system_names
from aims_gates.model import Plan
from aims_gates.packs.gate import Gate
from aims_gates.settings import Settings

__all__ = ["differs", "local_plan", "positive_label", "system_of"]


def system_of(settings: Settings, system: str | None, model: str | None) -> SystemRecord:
    """The system by its name, or the one that lists a registered model.

    Raises:
        InputError: there is none, or more than one.
    """
    packs = list(settings.packs)
    if system is not None:
        return read_system(find_system(packs, system), system)
    records = [read_system(pack, name) for pack in packs for name in system_names(pack)]
    system_records = [record for record in records if model is None or model in record.system.models]
    if len(system_records) == 1:
        return system_records[0]
    known = ", ".join(sorted(record.system.name for record in records)) or "none"
    if not records:
        raise InputError("there is no system here", remedy="Name a pack with --pack, or start one: aims-gates init")
    many = f"{len(system_records)} systems list" if system_records else "no system lists"
    message = f"{many} the model {model!r}" if model else f"there are {len(records)} systems here, and none is named"
    raise InputError(
        message, remedy=f"Name one with --system (systems here: {known}), or list the model in its system.yaml."
    )


def local_plan(settings: Settings, record: SystemRecord) -> tuple[Plan | AimsGatesError, dict[str, Gate]]:
    """The plan as the files here say it, or why they make none, and the gates there are."""
    planner = Planner(settings.packs)
    try:
        return planner.plan(record), planner.gates
    except AimsGatesError as error:
        return error, planner.gates


def positive_label(record: SystemRecord) -> Any:
    """The favourable label that the system declares for one of its gates; None where none, or a list, is declared."""
    for gate in ("performance", "fairness"):
        positive = record.system.gates.get(gate, {}).get("positive")
        if positive is not None and not isinstance(positive, list):
            return positive
    return None


def differs(record: SystemRecord, binding: Row) -> bool:
    """Whether a system's file says another thing than what was bound; a binding that names no fields is as good."""
    fields = fields_of(record.system.content())
    return binding.predicate.system_digest != record.digest or binding.predicate.fields not in ({}, fields)
