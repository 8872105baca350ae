"""``aims-gates bind``: a registered model belongs to a system, under its plan; signed by a policy owner."""

import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import Binding, Scheduled
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import alike
from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.cli.plan import plan_of
from aims_gates.documents.canonical import digest
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError, RefusedError
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system
from aims_gates.ledger.table import Source
from aims_gates.mlflow_plugin.store.binding import refuse_live
from aims_gates.model import Plan, Subject
from aims_gates.settings import Settings, signer

__all__ = ["command", "last_author", "refuse_author"]


def last_author(folder: Path, path: str = ".") -> str | None:
    """Who last changed a path in a folder, as git says; None where git does not know."""
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%ae", "--", path],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.strip() or None


def _modes(record: SystemRecord) -> tuple[Scheduled, ...]:
    modes = []
    for mode, start in record.system.modes.items():
        try:
            datetime.strptime(start, "%Y-%m-%d")
        except ValueError as error:
            raise record.document.error(
                ("modes", mode), f"{start!r} is not a date", "Write it as YYYY-MM-DD."
            ) from error
        modes.append(Scheduled(mode, start))
    return tuple(sorted(modes, key=lambda scheduled: scheduled.start))


@click.command()
@click.argument("model")
@click.option("--system", help="The system, by name.")
@click.option(
    "--author", help="Who wrote the change; must not be the signer. Default: git's last author of its records."
)
@click.option("--adopt", "adopting", is_flag=True, help="Take in what stands in production without a grant.")
@click.option("--owner", help="With --adopt: the person who answers for it; on the trust list.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="With --adopt: its last day, at most 180 from now.")
@click.option("--free", is_flag=True, help="Let the name go instead: nobody governs it until it is bound again.")
@click.option("--reason", help="With --free: why; it stands in the ledger.")
@key_option
@settings_options
def command(
    model: str,
    system: str | None,
    author: str | None,
    adopting: bool,
    owner: str | None,
    until: datetime | None,
    free: bool,
    reason: str | None,
    key: Path | None,
    settings: Settings,
) -> None:
    """Bind the registered MODEL (or prompt) to a system: sign its tier, purpose and whole plan.

    To bind a name is to say, signed, which system's plan decides about its promotions.

    From then on the decision applies this plan. Changed files, packs or gates change nothing until you bind again. A
    name that was bound once stays governed, whatever becomes of its binding: revoked, it is refused everything until it
    is bound again. --free ends that (role policy): the grants of the name end, and what was granted may be deleted.

    What stands in production loads by its grant alone from then on. So a first binding is refused while a governed
    alias or stage Production stands that no grant is there for: adopt it (--adopt, or aims-gates adopt before), or
    take it away. Prompts cannot be granted on evidence yet: what was adopted loads until its last day.
    """
    if free != (system is None) or (free and not reason):
        raise click.UsageError("say --system SYSTEM, or --free with --reason WHY")
    if system is None:
        _free(model, str(reason), key, settings)
        return
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_database, open_ledger

    if adopting and (owner is None or until is None):
        raise click.UsageError("--adopt needs --owner and --until")
    binding = _binding(settings, model, system, author)
    plan = binding.plan
    signing = signer(settings, key)
    registry = settings.need_registry()
    taking = _taking(settings, binding, owner, until.date()) if adopting and owner and until else None
    opened = open_ledger(registry, write=True) if taking is None else open_database(registry, write=True)
    with opened as connection:
        if not plan.trial:
            refuse_author(connection, signing.public, binding.author, "sign its binding")
        _refuse_inactive(connection, plan)
        _refuse_trial(connection, binding)
        adopted = taking(connection, signing) if taking is not None else []
        refuse_live(connection, registry, binding.workspace, model, datetime.now(UTC))
        subject = Subject("system", binding.system_digest, system)
        row = append(connection, sign(say(binding, subject), signing), datetime.now(UTC))
    what = f"tier {plan.tier}, profile {plan.profile}, plan {digest(plan)[7:19]}"
    for alias in adopted:
        echo(f"adopted: {model} {alias}, owner {owner}, until {until:%Y-%m-%d}")
    echo(f"{model} is bound to {system} ({what}) at ledger position {row.position}")


def _binding(settings: Settings, model: str, system: str, author: str | None) -> Binding:
    """What is to be signed: the model belongs to the system, under the plan that its records give today.

    Raises:
        InputError: the system is unknown, does not list the model, or its records give no plan.
    """
    record = read_system(find_system(list(settings.packs), system), system)
    if model not in record.system.models:
        remedy = f"Add {model!r} to models."
        raise record.document.error(("models",), f"the system does not list the model {model!r}", remedy)
    plan, modes = plan_of(settings, system), _modes(record)
    author = author or last_author(record.folder)
    return Binding(record.system.workspace, model, record.system.kind, plan, record.digest, modes, author)


def _taking(settings: Settings, binding: Binding, owner: str, until: date) -> Callable[[Any, Key], list[str]]:
    """Reads what stands without a grant; what comes back adopts it in the transaction of the binding."""
    from aims_gates.mlflow_plugin.client.release import use
    from aims_gates.mlflow_plugin.store.adoption import readings, take_in

    use(settings)
    read = {
        place: known
        for place, known in readings(settings, until, (binding.name,)).items()
        if place[0] == binding.workspace
    }

    def take(connection: Any, key: Key) -> list[str]:
        done = take_in(connection, read, owner, until, key)
        troubles = [f"{problem.alias}: {problem.trouble}" for problem in done if problem.trouble]
        if troubles:
            remedy = "Fix that, or take the alias or stage away first."
            raise InputError(f"it cannot be adopted: {'; '.join(troubles)}", where=binding.name, remedy=remedy)
        return [f"version {problem.version} ({problem.alias})" for problem in done]

    return take


def _free(model: str, reason: str, key: Path | None, settings: Settings) -> None:
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.workflow import requests

    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        draft = requests.let_go(connection, settings.workspace, model, reason)
        row, person = requests.sign_and_append(connection, draft, signing, datetime.now(UTC))
    echo(f"{model} was let go by {person} at ledger position {row.position}; take its aliases away: reconcile tells")


def _refuse_inactive(connection: Source, plan: Plan) -> None:
    from aims_gates.decision.in_force import StatementView
    from aims_gates.ledger import rows

    policy_rows = rows(connection, ["trust", "revocation", "profiles"])
    if not StatementView(policy_rows, "", "").active(plan.profile_digest):
        remedy = f"Have a policy owner who did not write it run: aims-gates profile activate {quoted(plan.profile)}"
        raise RefusedError(f"this content of the profile {plan.profile!r} is not active", remedy=remedy)


def _refuse_trial(connection: Source, binding: Binding) -> None:
    """Refuse what may not follow a trial, and a trial that may not follow what was before."""
    from aims_gates.decision.trial import binding_refusal
    from aims_gates.ledger.registry_acts import statements

    ledger = statements(connection, binding.workspace, binding.name)
    earlier = [row.predicate.plan for row in ledger.of(Binding, ledger.concerns)]
    problem = binding_refusal(earlier, binding.plan, ledger.trust.current())
    if problem is not None:
        remedy = f"See who is needed, and have them make keys: aims-gates start --invite {quoted(binding.name)}"
        raise RefusedError(problem, where=binding.name, remedy=remedy)


def refuse_author(connection: Source, public: str, author: str | None, what: str) -> None:
    """Refuse the author of a change to put it into force.

    Args:
        connection: The ledger.
        public: The signer's public key.
        author: Who wrote the change; None where nobody knows.
        what: What the signer is about to do, in words.

    Raises:
        InputError: the signer is the author.
    """
    from aims_gates.ledger import history

    past = history(connection)
    trust = past.current()
    person = next((entry.person for entry in (trust.keys if trust else ()) if entry.key == public), None)
    if author is not None and person is not None and alike(person) in past.people_of(author):
        remedy = "Have another policy owner sign it."
        raise InputError(f"{person} wrote this change and may not {what}", remedy=remedy)
