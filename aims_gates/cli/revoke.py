"""``aims-gates revoke``: a statement no longer counts."""

from pathlib import Path

import click

from aims_gates.canonical import is_digest
from aims_gates.cli.options import key_option, settings_options
from aims_gates.errors import InputError
from aims_gates.settings import Settings

__all__ = ["command"]


def _find(settings: Settings, start: str) -> str:
    from aims_gates.ledger import history, rows
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.table import all_terms

    with open_ledger(settings.need_registry()) as connection:
        found = [row.digest for row in rows(connection, all_terms(connection, ""), history(connection).keys())]
    matching = [
        each for each in found if each.removeprefix("sha256:").startswith(start.removeprefix("sha256:").lower())
    ]
    if len(matching) != 1 or not is_digest(matching[0]):
        said = "more than one statement begins" if matching else "no statement begins"
        raise InputError(
            f"{said} with {start!r}", remedy="Take the digest from: aims-gates explain NAME VERSION --json"
        )
    return matching[0]


@click.command()
@click.argument("statement")
@click.option("--reason", required=True, help="Why; kept for ever.")
@key_option
@settings_options
def command(statement: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Revoke a STATEMENT (its digest, or the first digits of it): evidence, an approval, a waiver, a grant."""
    from aims_gates.cli.signed import state
    from aims_gates.model import Subject
    from aims_gates.predicates import Revocation

    found = _find(settings, statement)
    row, person = state(settings, key, Revocation(found, reason), Subject("organization", found, "statement"))
    click.echo(f"{person} revoked {found[7:19]} at ledger position {row.position}")
