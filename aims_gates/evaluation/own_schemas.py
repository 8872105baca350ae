"""The schemas that a profile asks of the data sets that its gates read: what to write where one has none."""

from collections.abc import Iterable
from pathlib import PurePath

from aims_gates.documents.shell import quoted
from aims_gates.governance.records.reader import SCHEMA, SystemRecord

__all__ = ["NOT_DECLARED", "declare_them"]

#: Sets whose shape something else gives: the event log is described by the record about it.
NOT_DECLARED = frozenset({"logs"})


def declare_them(record: SystemRecord, roles: Iterable[str]) -> str:
    """The lines that propose a schema for each of these sets, and those that name it in system.yaml.

    Args:
        record: The system.
        roles: The roles of its sets that have none.
    """
    names = list(roles)
    folder = PurePath("records") / "systems" / record.system.name
    proposals = "; ".join(
        f"aims-gates data schema propose {quoted(record.system.data.get(role, 'FILE'))} "
        f"--output {quoted(str(folder / f'{role}{SCHEMA}'))}"
        for role in names
    )
    lines = ", ".join(f"{role}: {{file: {role}{SCHEMA}}}" for role in names)
    return f"{proposals}; read it, then add to {folder / 'system.yaml'}: schema: {{{lines}}}. Bind again."
