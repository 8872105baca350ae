"""``aims-gates doctor --registry``: what a registry holds that nobody answers for."""

from collections.abc import Iterator
from typing import Literal

from aims_gates.documents.shell import quoted
from aims_gates.errors import AimsGatesError
from aims_gates.ledger.connect import open_database
from aims_gates.settings import Settings, called

__all__ = ["Check", "State", "registry_checks"]

State = Literal["ok", "optional", "wrong"]
#: What was looked at, how it stands, what was found, and what mends it.
Check = tuple[str, State, str, str]
_KINDS = {
    "version": "version not taken in",
    "binding": "model not bound",
    "alias": "alias without grant",
    "bytes": "bytes gone",
}


def registry_checks(settings: Settings) -> Iterator[Check]:
    """A line for each gap of the registry, in the order in which they are mended; one that says so where none is."""
    from aims_gates.mlflow_plugin.client.release import use

    use(settings)
    try:
        checks = [*_of_database(settings), *_of_bindings(settings)]
    except AimsGatesError as error:
        yield "registry's models", "wrong", error.message, error.remedy or ""
        return
    yield from checks or [("registry's models", "ok", "every version, binding and alias is accounted for", "")]


def _of_database(settings: Settings) -> Iterator[Check]:
    from aims_gates.mlflow_plugin.store.ungoverned import gaps

    with open_database(settings.need_registry()) as connection:
        listed = gaps(connection, settings.tracking, _systems(settings))
    for gap in sorted(listed, key=lambda gap: list(_KINDS).index(gap.kind)):
        state: State = "optional" if gap.free else "wrong"
        name = called(gap.workspace, gap.name, settings.workspace)
        yield _KINDS[gap.kind], state, f"{name}: {gap.message}", gap.command


def _systems(settings: Settings) -> dict[tuple[str, str], str]:
    """The system of the packs that lists each registered model; a malformed one lists none here."""
    from aims_gates.portfolio.rebinding import Plans

    plans = Plans(settings)
    result: dict[tuple[str, str], str] = {}
    for system in plans.systems():
        try:
            record = plans.read(system)
        except AimsGatesError:
            continue  # told with the bindings
        result |= {(record.system.workspace, model): system for model in record.system.models}
    return result


def _of_bindings(settings: Settings) -> Iterator[Check]:
    from aims_gates.portfolio.rebinding import changed

    with open_database(settings.need_registry()) as connection:
        rebinding = changed(settings, connection)
    command = "aims-gates bind --changed --dry-run"
    for item in rebinding.changed:
        fields = ", ".join(change.field for change in item.fields or ()) or "the plan"
        name = called(item.after.workspace, item.after.name, settings.workspace)
        only = f"aims-gates bind {quoted(item.after.name, '--system', item.after.plan.system)} --key POLICY.key"
        yield "binding differs", "wrong", f"{name}: {fields} differs from {item.where}", f"{command}; or {only}"
    for problem in rebinding.problems:
        where = f"{problem.where}: " if problem.where else ""
        yield "system invalid", "wrong", f"{where}{problem.message}", problem.remedy or ""
