"""What stands between a version and production. MLflow is loaded only where nobody has hashed the bytes yet."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.halts import describe_halt, may_resume
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.refusals import intake_notes
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.shell import invocation, quoted
from aims_gates.errors import InputError
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import about, statements, stopping
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import Source
from aims_gates.mlflow_plugin.store.governed_names import version_number
from aims_gates.model import TRIAL_GRANT, Decision, ModelRef
from aims_gates.packs.find import find_gates
from aims_gates.reports import GateRun, Report
from aims_gates.reports.effort import open_effort
from aims_gates.settings import Settings
from aims_gates.workflow.requests import tried

__all__ = ["explain", "explain_version", "version_question"]


def explain_version(settings: Settings, ref: ModelRef) -> Report:
    """The decision as the ledger now has it, with the gates whose evidence it looked at.

    Raises:
        InputError: the version is spelled strangely.
    """
    ref = replace(ref, version=str(version_number(ref.version)))
    with open_ledger(settings.need_registry()) as connection:
        return explain(connection, ref, lambda: _hashed(settings, ref), reads=_reads(settings))


def explain(
    connection: Source,
    ref: ModelRef,
    hashed: Callable[[], str | None],
    makers: tuple[str, ...] | None = None,
    reads: Mapping[str, tuple[str, ...]] | None = None,
) -> Report:
    """As :func:`explain_version`, on a ledger in hand.

    Args:
        connection: The ledger.
        ref: The registered version.
        hashed: Gives the digest of its bytes, where nothing in the ledger names them.
        makers: Who made it, where a server records that (:class:`aims_gates.decision.question.Ask`).
        reads: Gate -> records, to estimate what it takes to close what is open; see
            :func:`aims_gates.reports.effort.open_effort`.
    """
    workspace, name, version = ref.workspace, ref.name, ref.version
    ask, rows = question(connection, ref, hashed, makers)
    subject, now = ask.digest, ask.now
    decision = decide(ask, rows)
    irregular = [*_stopped(connection, decision, workspace), *_irregular(StatementView(rows, workspace, name), now)]
    decision = replace(decision, problems=(*irregular, *decision.problems))
    binding = StatementView(rows, workspace, name).binding()
    runs: list[GateRun] = []
    if binding is not None and subject is not None:
        plan = binding.predicate.plan
        for step in plan.steps:
            counted = StatementView(rows, workspace, name).count(plan, step, subject, now)
            if counted.evidence is not None:
                runs.append(GateRun(step.gate, step.title, counted.evidence.outcome, counted.evidence.findings))
    left_out = binding.predicate.plan.leaves_out.strip() if binding is not None else ""
    notes = tuple(intake_notes(StatementView(rows, workspace, name), version))
    notes += (f"What this profile leaves out: {left_out}",) if left_out else ()
    if binding is not None:
        notes += tried(connection, ref, binding.predicate.plan.evaluation_digest).lines()
    title = f"{name} version {version}"
    effort = None
    asks = not decision.criteria_met and decision.transition != "trial"
    if binding is not None and reads is not None and asks:
        effort = open_effort(decision, binding.predicate.plan, reads)
    all_of_it = invocation("explain", name, version, options="--all")
    return Report(title, decision, tuple(runs), notes, all_of_it=all_of_it, effort=effort)


def question(
    connection: Source, ref: ModelRef, hashed: Callable[[], str | None], makers: tuple[str, ...] | None = None
) -> tuple[Ask, list[Row]]:
    """The question whether a version may be promoted now, and every row that bears on it; as :func:`explain`."""
    workspace, name, version = ref.workspace, ref.name, ref.version
    rows = about(connection, workspace, name, version=version)
    ledger = StatementView(rows, workspace, name)
    request = ledger.request(version)
    subject = request.predicate.digest if request else ledger.evidenced_bytes(version)
    if subject is None and (grants := ledger.grants(version=version)):
        subject = grants[-1].predicate.digest
    if subject is None and ledger.kind == "model":
        subject = hashed()
    rows = about(connection, workspace, name, subject)
    return Ask(workspace, name, version, subject, "production", datetime.now(UTC), makers=makers), rows


def version_question(settings: Settings, ref: ModelRef) -> tuple[Ask, list[Row]]:
    """The same of a registry's version.

    Raises:
        InputError: the version is spelled strangely.
    """
    ref = replace(ref, version=str(version_number(ref.version)))
    with open_ledger(settings.need_registry()) as connection:
        return question(connection, ref, lambda: _hashed(settings, ref))


def _stopped(connection: Source, decision: Decision, workspace: str) -> list[str]:
    """That a halt keeps this version from being loaded, and how it is lifted; a server says that when it is loaded."""
    if isinstance(connection, Remote) or decision.subject is None:
        return []
    halt = stopping(connection, workspace, decision.name, decision.subject, decision.version)
    if halt is None:
        return []
    predicate = halt.predicate
    of_name = statements(connection, predicate.workspace, predicate.name)
    roles = " or ".join(may_resume(of_name))
    lift = (
        f"aims-gates resume {quoted(predicate.name)} (role {roles}) lifts that"
        if predicate.workspace == workspace
        else ""
    )
    return ["; ".join(filter(None, [f"it loads under no name: {describe_halt(of_name, halt, workspace)}", lift]))]


def _irregular(ledger: StatementView, now: datetime) -> list[str]:
    """What stands in production without its criteria counted as met: said wherever the model is looked at."""
    lines = []
    for grant in ledger.in_force(now):
        what = f"version {grant.predicate.version} is in production ({grant.predicate.alias}) since {grant.at.date()}"
        if grant.predicate.transition == "break-glass":
            lines.append(f"{what} by BREAK-GLASS, against unmet controls; a review and a regular promotion are due")
        if grant.predicate.transition == "trial":
            lines.append(f"{what} on {TRIAL_GRANT}")
        if grant.predicate.transition == "adopted":
            lines.append(f"{what} as it was adopted, without evidence, until {grant.predicate.expires}")
    return lines


def _reads(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The records that each gate on records requires."""
    gates = find_gates(settings.packs).values()
    return {gate.id: gate.manifest.reads for gate in gates if gate.manifest.on_records}


def _hashed(settings: Settings, ref: ModelRef) -> str:
    """The digest of the version's bytes, where no request names it yet."""
    from aims_gates.mlflow_plugin.client.release import use
    from aims_gates.mlflow_plugin.client.targets import find_target
    from aims_gates.mlflow_plugin.store.subjects import model_subject

    use(settings)
    target = find_target(model=ref.name, version=ref.version)
    if target.name is None:
        raise InputError(f"{ref.name} {ref.version} is not registered", remedy="Check name and version.")
    return model_subject(target.address, ref.name).digest
