"""``aims-gates bind``: a registered model belongs to a system, under its plan; signed by a policy owner."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import alike
from aims_gates.cli.bind_changed import bind_changed
from aims_gates.cli.options import as_json, echo, key_option, settings_options
from aims_gates.cli.plan import plan_of
from aims_gates.documents.canonical import digest
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError, RefusedError
from aims_gates.governance.records.reader import find_system, read_system
from aims_gates.ledger.table import Source
from aims_gates.mlflow_plugin.store.binding import refuse_live
from aims_gates.model import Plan, Subject
from aims_gates.portfolio.rebinding import binding_of, last_author
from aims_gates.settings import Settings, signer

__all__ = ["command", "refuse_author"]


@click.command()
@click.argument("model", required=False)
@click.option("--system", help="The system, by name.")
@click.option(
    "--author", help="Who wrote the change; must not be the signer. Default: git's last author of its records."
)
@click.option("--adopt", "adopting", is_flag=True, help="Take in what stands in production without a grant.")
@click.option("--owner", help="With --adopt: the person who answers for it; on the trust list.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="With --adopt: its last day, at most 180 from now.")
@click.option("--free", is_flag=True, help="Let the name go instead: nobody governs it until it is bound again.")
@click.option("--reason", help="With --free: why; it stands in the ledger.")
@click.option("--changed", is_flag=True, help="Bind anew every model whose system's files differ from its binding.")
@click.option("--dry-run", is_flag=True, help="With --changed: show the difference and whose signature it wants.")
@click.option("--yes", is_flag=True, help="With --changed: do not ask before signing.")
@key_option
@settings_options
@as_json
def command(
    model: str | None,
    system: str | None,
    author: str | None,
    adopting: bool,
    owner: str | None,
    until: datetime | None,
    free: bool,
    reason: str | None,
    changed: bool,
    dry_run: bool,
    yes: bool,
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> None:
    """Bind the registered MODEL (or prompt) to a system: sign its tier, purpose and whole plan.

    To bind a name is to say, signed, which system's plan decides about its promotions.

    From then on the decision applies this plan. Changed files, packs or gates change nothing until you bind again. A
    name that was bound once stays governed, whatever becomes of its binding: revoked, it is refused everything until it
    is bound again. --free ends that (role policy): the grants of the name end, and what was granted may be deleted.

    What stands in production loads by its grant alone from then on. So a first binding is refused while a governed
    alias or stage Production stands that no grant is there for: adopt it (--adopt, or aims-gates adopt before), or
    take it away. Prompts cannot be granted on evidence yet: what was adopted loads until its last day.

    --changed compares every system of your packs with the bindings of its models, shows one difference over all, field
    by field, and signs all new bindings with one key after one confirmation; where anything is invalid, all problems
    are listed and nothing is signed. Some fields the system's owner may sign (role owner), where a policy owner bound
    the system before: docs/system-fields.md has the table. All else wants a policy owner.
    """
    if adopting and (owner is None or until is None):
        raise click.UsageError("--adopt needs --owner and --until")
    if changed:
        _nothing_beside(model, system, free, adopting)
        bind_changed(settings, author, key, dry_run=dry_run, yes=yes, json_=json_)
    elif model and system and not free:
        _bind(settings, model, system, author, key, owner if adopting else None, until if adopting else None)
    elif model and free and reason and not system:
        _free(model, reason, key, settings)
    else:
        raise click.UsageError("say MODEL and --system SYSTEM, or MODEL with --free and --reason WHY; or --changed")


def _nothing_beside(*others: Any) -> None:
    if any(others):
        raise click.UsageError("--changed is about every system: name no model and no system")


def _bind(
    settings: Settings, model: str, system: str, author: str | None, key: Path | None, owner: str | None,
    until: datetime | None,
) -> None:  # fmt: skip
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_database, open_ledger

    binding = _binding(settings, model, system, author)
    plan = binding.plan
    signing = signer(settings, key)
    registry = settings.need_registry()
    taking = _taking(settings, binding, owner, until.date()) if owner and until else None
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
    return binding_of(record, model, plan_of(settings, system), author or last_author(record.folder))


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
