"""``aims-gates revoke``: a statement no longer counts."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, signing_command
from aims_gates.settings import Settings

__all__ = ["command"]


@signing_command(
    click.argument("statement"),
    click.option("--reason", required=True, help="Why; kept for ever."),
)
def command(statement: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Revoke a STATEMENT (its digest, or the first digits of it): from then on it counts for nothing.

    Who may, by what it is (docs/rights.md): your own word (an approval, a waiver, an order), measurements by the role
    that made them, a grant by a person on call, and all of these and bindings by a policy owner. What denies cannot be
    revoked: a halt ends by resume, a rejection by a new request, a failure by newer evidence.
    """
    from aims_gates.cli.signed import state
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.workflow import requests

    with open_ledger(settings.need_registry()) as ledger:
        found_digest = requests.find_statement(ledger, statement)
    predicate = {"statement": found_digest, "reason": reason}
    done = state(settings, key, lambda ledger: requests.revoke(ledger, found_digest, reason), "/revoke", predicate)
    echo(f"{done.person} revoked {found_digest[7:19]} at ledger position {done.position}")
