"""``aims-gates profile activate``: models may be bound under a profile as its file now says it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.cli.bind import refuse_author
from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.errors import InputError, ProfileError
from aims_gates.packs.find import find_gates
from aims_gates.portfolio.rebinding import last_author
from aims_gates.settings import Settings, signer

__all__ = ["activate"]


@click.command()
@click.argument("name")
@click.option("--author", help="Who wrote the change; must not be the signer. Default: git's last author of the file.")
@click.option("--reason", default="", help="Why, for the ledger.")
@key_option
@settings_options
def activate(name: str, author: str | None, reason: str, key: Path | None, settings: Settings) -> None:
    """Activate the profile NAME as it now stands (with overlays: high+management-system); role policy.

    Signed and logged, by somebody who is not the author of the change. From the first activation on, a model is bound
    only under a profile whose present content was activated. Bindings of before stand until the model is bound again.
    """
    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.attestation.statements.policy import Activation
    from aims_gates.attestation.statements.wording import say
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.model import Subject
    from aims_gates.profiles import problems_of, read_profile

    packs = settings.packs
    gates = find_gates(packs)
    problems: list[ProfileError] = list(problems_of(name, gates, packs))
    if problems:
        raise problems[0]
    resolved = read_profile(name, gates, packs)
    file = Path(resolved.document.where)
    author = author or last_author(file.parent, file.name)
    if author is None:
        remedy = "Name the author of the change: --author NAME"
        raise InputError("git does not say who wrote this profile", where=str(file), remedy=remedy)
    signing = signer(settings, key)
    activation = Activation(name, resolved.digest, author, reason)
    with open_ledger(settings.need_registry(), write=True) as connection:
        refuse_author(connection, signing.public, author, "activate it")
        envelope = sign(say(activation, Subject("rules", resolved.digest, name)), signing)
        row = append(connection, envelope, datetime.now(UTC))
    echo(f"{name} is active ({resolved.digest[7:19]}) at ledger position {row.position}")
