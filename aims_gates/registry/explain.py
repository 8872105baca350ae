"""What stands between a version and production. MLflow is loaded only where nobody has hashed the bytes yet."""

from datetime import UTC, datetime

from aims_gates.authority import about
from aims_gates.decision import decide
from aims_gates.errors import InputError
from aims_gates.ledger.connect import open_ledger
from aims_gates.registry.names import version_number
from aims_gates.reports import GateRun, Report
from aims_gates.settings import DEFAULT_WORKSPACE, Settings
from aims_gates.standing import Ask, Ledger

__all__ = ["explain_version"]


def explain_version(settings: Settings, name: str, version: str) -> Report:
    """The decision as the ledger now has it, with the gates whose evidence it looked at.

    Raises:
        InputError: the version is spelled strangely.
    """
    version = str(version_number(version))
    with open_ledger(settings.need_registry()) as connection:
        rows = about(connection, DEFAULT_WORKSPACE, name, version=version)
        ledger = Ledger(rows, DEFAULT_WORKSPACE, name)
        request = ledger.request(version)
        subject = request.predicate.digest if request else ledger.evidenced(version) or _hashed(settings, name, version)
        rows = about(connection, DEFAULT_WORKSPACE, name, subject)
    now = datetime.now(UTC)
    decision = decide(Ask(DEFAULT_WORKSPACE, name, version, subject, "production", now), rows)
    binding = Ledger(rows, DEFAULT_WORKSPACE, name).binding()
    runs: list[GateRun] = []
    if binding is not None and subject is not None:
        plan = binding.predicate.plan
        for step in plan.steps:
            counted = Ledger(rows, DEFAULT_WORKSPACE, name).count(plan, step, subject, now)
            if counted.evidence is not None:
                runs.append(GateRun(step.gate, step.title, counted.evidence.outcome, counted.evidence.findings))
    left_out = binding.predicate.plan.leaves_out.strip() if binding is not None else ""
    notes = (f"What this profile leaves out: {left_out}",) if left_out else ()
    return Report(title=f"{name} version {version}", decision=decision, gates=tuple(runs), notes=notes)


def _hashed(settings: Settings, name: str, version: str) -> str:
    """The digest of the version's bytes, where no request names it yet."""
    from aims_gates.registry.release import use
    from aims_gates.registry.subjects import model_subject
    from aims_gates.registry.targets import find_target

    use(settings)
    target = find_target(model=name, version=version)
    if target.name is None:
        raise InputError(f"{name} {version} is not registered", remedy="Check name and version.")
    return model_subject(target.address, name).digest
