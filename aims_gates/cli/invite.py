"""``aims-gates start --invite``: from one person's trial to a profile that counts, with a second person."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aims_gates.cli.options import echo
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.people import least_people
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system, system_names
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.model import Evidence, Plan
from aims_gates.portfolio.fleet import view
from aims_gates.settings import Settings

__all__ = ["invited"]


def invited(settings: Settings, model: str | None, person: str) -> None:
    """Print what a second person does, and what is approved anew under the profile of the system's tier.

    Nothing is written. What was registered stays: versions, runs and evidence.

    Raises:
        InputError: there is no such system here, or it is not on trial.
    """
    record = _system(settings, model)
    if record.system.profile != "starter-solo":
        remedy = f"See who is needed: aims-gates plan {quoted(record.system.name)}"
        raise InputError(f"the system {record.system.name!r} is not on trial", where="--invite", remedy=remedy)
    plan = _next_plan(settings, record)
    with open_ledger(settings.need_registry()) as connection:
        trust = history(connection).current()
        now = datetime.now(UTC)
        views = [view(connection, settings.workspace, name, now).ledger for name in record.system.models]
    people = {entry.person for entry in (trust.keys if trust else ()) if not entry.service}
    for line in (*_joining(record, plan, person), "", *_people(plan, people, person), "", *_anew(plan, views)):
        echo(line)


def _joining(record: SystemRecord, plan: Plan, person: str) -> Iterator[str]:
    """What the second person runs, and then the first."""
    key = f"keys/{_file(person)}"
    roles = [word for role in dict.fromkeys(rule.role for rule in plan.approvals) for word in ("--role", role)]
    yield f"{person}, on a machine of their own, so that the key never leaves it:"
    yield f"  aims-gates keys new {quoted(key)}"
    yield f"and sends {key}.pub. You:"
    yield f"  aims-gates keys trust {quoted(f'{key}.pub', '--person', person, *roles)}"
    yield from (f"  {line}" for line in _later(record, plan))


def _people(plan: Plan, people: set[str], person: str) -> Iterator[str]:
    needed = least_people(plan).least
    listed = ", ".join(sorted(people)) or "nobody"
    yield f"The profile {plan.profile} needs {needed} different people; on the trust list: {listed}."
    lacking = needed - len({*people, person})
    if lacking > 0:
        yield f"With {person} it lacks {lacking} more: aims-gates start --invite PERSON"


def _system(settings: Settings, model: str | None) -> SystemRecord:
    packs = list(settings.packs)
    names = [name for pack in packs for name in system_names(pack)]
    records = [read_system(find_system(packs, name), name) for name in names]
    chosen = [record for record in records if model is None or model in record.system.models]
    if len(chosen) != 1:
        message = f"{len(chosen)} systems here" + (f" list the model {model!r}" if model else ", and none is named")
        raise InputError(message, where="--invite", remedy="Name its model: --model NAME; or begin: aims-gates start")
    return chosen[0]


def _next_plan(settings: Settings, record: SystemRecord) -> Plan:
    """The plan under the profile of the system's tier, as if what is proposed were confirmed."""
    system = record.system.model_copy(update={"profile": None, "proposed": ()})
    return Planner(settings.packs).plan(replace(record, system=system))


def _file(person: str) -> str:
    """A file's name for a person: letters and digits of what stands before an @."""
    return "".join(letter for letter in person.partition("@")[0].lower() if letter.isalnum()) or "second"


def _later(record: SystemRecord, plan: Plan) -> list[str]:
    """The commands from the trust list to a request."""
    name, models = record.system.name, record.system.models
    return [
        f"aims-gates start --model {quoted(models[0])}  # on a terminal: asks for what is proposed",
        f"aims-gates system set-tier {quoted(name, plan.tier)}  # profile {plan.profile}, not the trial's",
        f"aims-gates records new --due {quoted(name)}",
        "aims-gates records fill",
        *(f"aims-gates bind {quoted(model, '--system', name)}" for model in models),
    ]


def _anew(plan: Plan, views: Sequence[StatementView]) -> Iterator[str]:
    """What stays, and what has to be approved under the next plan."""
    now = datetime.now(UTC)
    roles = ", ".join(f"{approver.count} x {approver.role}" for approver in plan.approvals) or "nobody"
    for ledger in views:
        versions = sorted(ledger.registrations(), key=int)
        evidence = len(ledger.of(Evidence))
        what = f"{ledger.name}, versions {', '.join(versions) or 'none'}, their runs"
        yield f"Stays as it is: {what}, {evidence} pieces of evidence."
        for grant in ledger.in_force(now):
            version = grant.predicate.version
            yield f"To be approved anew: {ledger.name} version {version} as {grant.predicate.alias} ({roles}):"
            yield f"  aims-gates check --model {quoted(ledger.name, '--version', version)}"
            yield f"  aims-gates request open {quoted(ledger.name, version)}"
    due = [requirement.control for requirement in plan.requirements if requirement.enforcement == "block"]
    yield f"{len(due)} controls block under {plan.profile}: aims-gates profile show {quoted(plan.profile)}"
