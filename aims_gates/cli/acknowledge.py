"""``aims-gates acknowledge``: one's own signature that one has read a policy, or finished a course."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.keys import Key
from aims_gates.cli.options import as_json, emit, key_option, settings_options, table
from aims_gates.errors import InputError
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.table import Source
from aims_gates.portfolio.acknowledgements import AcknowledgementStatus, Asked, acknowledged, asked, course_digest
from aims_gates.settings import Settings, signer
from aims_gates.workflow.acknowledge import acknowledge
from aims_gates.workflow.requests import sign_and_append

__all__ = ["command"]


@click.command()
@click.argument("what", metavar="[POLICY|COURSE]", required=False)
@click.option("--list", "list_", is_flag=True, help="Show who still has to, and sign nothing.")
@click.option("--person", help="Who acknowledges. Default, and nobody else: whoever holds the key.")
@click.option(
    "--within",
    type=click.IntRange(1),
    default=365,
    show_default=True,
    help="With --list: days for which a course counts.",
)
@click.option("--yes", is_flag=True, help="Ask nothing, for scripts.")
@key_option
@settings_options
@as_json
def command(
    what: str | None,
    list_: bool,
    person: str | None,
    within: int,
    yes: bool,
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> None:
    """Sign, for yourself alone, that you have read a POLICY as it now reads, or finished a COURSE.

    POLICY is ai_policy or use_policy. A COURSE is named under `competence` of a role in organization/roles.

    The signature holds for that very text: where a word of it changes, everybody is asked again. Once one person has
    acknowledged a policy, the gates count the people on the trust list (services apart) and no longer look at the share
    that is typed in a record: 9 in 10 for ai_policy, everybody for use_policy at tier high. Twice by one person counts
    once. A course is signed again when it was taken again.

    \b
    Examples:
      aims-gates acknowledge --list                    who still has to sign what
      aims-gates acknowledge ai_policy --key ME.key    I have read it
      aims-gates acknowledge data-protection --key ME.key

    What was signed by mistake is taken back with `aims-gates revoke`.
    """
    items = _chosen(what, asked(settings.packs), list_)
    if list_:
        with open_ledger(settings.need_registry()) as ledger:
            states = acknowledged(ledger, items, datetime.now(UTC).date(), within)
        emit([_row(state) for state in states], json_, lambda: _text(states))
        return
    signing, (item,) = signer(settings, key), items
    if not (yes or json_) and sys.stdin.isatty() and not click.confirm(_question(item), err=True):
        raise InputError("nothing was signed", where=str(item.file), remedy="Read it first.")
    with open_ledger(settings.need_registry(), write=True) as ledger:
        result = _signed(ledger, item, signing, person)
    emit(result, json_, lambda: f"{result['by']} acknowledged {result['what']} ({result['digest'][7:19]})")


def _chosen(what: str | None, items: list[Asked], list_: bool) -> list[Asked]:
    """Those that are meant: all where none is named and they are only listed.

    Raises:
        InputError: none is named, or there is none of this name.
    """
    if what is None and list_:
        return items
    names = ", ".join(dict.fromkeys(item.name for item in items)) or "none: write organization/ai_policy"
    if what is None:
        raise InputError("no policy or course is named", remedy=f"Name one: {names}. Who has to: --list")
    chosen = [item for item in items if what in (item.name, item.what, str(item.file) if item.digest else item.name)]
    if not chosen:
        raise InputError(f"there is no policy or course {what!r}", remedy=f"Choose from: {names}.")
    if len({item.what for item in chosen}) > 1 or (len(chosen) > 1 and not list_):
        places = ", ".join(str(item.file) for item in chosen)
        raise InputError(f"{what!r} is named in several places", where=places, remedy="Name one pack: --pack FOLDER")
    return chosen


def _question(item: Asked) -> str:
    return f"Have you read {item.file}?" if item.digest else f"Have you finished the course {item.name}?"


def _signed(ledger: Source, item: Asked, key: Key, person: str | None) -> dict[str, Any]:
    """Say it; a text that the person acknowledged before as it reads is not signed again."""
    trust, now = history(ledger).current(), datetime.now(UTC)
    holder = next((entry.person for entry in (trust.keys if trust else ()) if entry.key == key.public), None)
    name = person or holder or ""
    digest = item.digest or course_digest(item.name, holder or name)
    draft = acknowledge(item.what, digest, name, holder)
    row = {"what": item.what, "file": str(item.file), "digest": digest, "by": holder}
    (state,) = acknowledged(ledger, [item], now.date(), 0)
    if item.digest and holder in state.signed:
        return {**row, "statement": None, "on": state.signed[str(holder)]}
    signed, _ = sign_and_append(ledger, draft, key, now)
    return {**row, "statement": signed.digest, "on": now.date().isoformat()}


def _row(state: AcknowledgementStatus) -> dict[str, Any]:
    item, signed = state.asked, len(state.people) - len(state.missing)
    return {
        "what": item.what,
        "file": str(item.file),
        "digest": item.digest or None,
        "people": list(state.people),
        "acknowledged": [{"by": person, "on": day} for person, day in sorted(state.signed.items())],
        "missing": list(state.missing),
        "share": signed / len(state.people) if state.people else None,
    }


def _text(states: Sequence[AcknowledgementStatus]) -> str:
    lines = [
        (state.asked.name, f"{len(state.people) - len(state.missing)} of {len(state.people)}",
         ", ".join(state.missing) or "-")
        for state in states
    ]  # fmt: skip
    if not states:
        return "no policy and no course here; begin: aims-gates records new organization/ai_policy"
    return table(("POLICY OR COURSE", "SIGNED", "MISSING"), lines)
