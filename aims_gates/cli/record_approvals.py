"""``aims-gates records submit | approve | status | show``: texts that people sign, and entries."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.records import RecordEntries
from aims_gates.attestation.trust_list import alike
from aims_gates.cli.options import as_json, emit, key_option, settings_options, table
from aims_gates.decision.records import RecordState
from aims_gates.errors import InputError, NoLedgerError, RefusedError
from aims_gates.governance.records.approvers import approvers_of
from aims_gates.governance.records.lint import check_packs
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.table import Source
from aims_gates.portfolio.gather import course_days_of_systems, grace_of_systems
from aims_gates.portfolio.record_texts import RecordText, TextStatus, record_texts, statuses
from aims_gates.settings import Settings, signer
from aims_gates.workflow.competence import Competence
from aims_gates.workflow.record_texts import approve_record, sign_entries, signed_text, submit_record
from aims_gates.workflow.requests import Draft, sign_and_append

__all__ = ["approve", "show", "status", "submit"]

_FILES = click.argument("files", nargs=-1, metavar="FILE...", type=click.Path(path_type=Path))


@click.command()
@_FILES
@click.option("--all-due", is_flag=True, help="Every text that nobody has submitted as it now reads, and all entries.")
@click.option("--because", default="", metavar="REASON", help="Why entries that were signed are no longer there.")
@key_option
@settings_options
@as_json
def submit(
    files: tuple[Path, ...], all_due: bool, because: str, key: Path | None, settings: Settings, json_: bool
) -> None:
    """Put the text of records forward, as their author, and sign their entries. Another person approves the text then.

    What is signed is the content, whatever its layout: comments and formatting do not count, one altered word does.
    Entries (drills, incidents, courses, windows ...) are signed as they are added, and nobody approves them; a signed
    one that is gone has to be answered for, with --because, by whoever holds the role that approves the record.
    """
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as ledger:
        items = _statuses(ledger, settings)
        due = [item.record for item in items if not item.progress.submitted or item.unsigned or item.gone]
        chosen = _chosen(files, due if all_due else None, settings)
        _valid(chosen, settings)
        paths = {record.path for record in chosen}
        drafts = [pair for item in items if item.record.path in paths for pair in _to_submit(item, because)]
        signed = [(record, *_signed(ledger, draft, signing)) for record, draft in drafts]
    _report("submitted", signed, json_)


def _to_submit(item: TextStatus, because: str) -> Iterator[tuple[RecordText, Draft]]:
    """What is to be signed of a record: its entries, and its text where nobody submitted it or nothing else is due."""
    record = item.record
    entries = bool(item.unsigned or item.gone)
    if entries:
        yield record, sign_entries(record.text, record.entries, item.signed, because)
    if not item.progress.submitted or not entries:
        yield record, submit_record(record.text, record.content)


@click.command()
@click.argument("digest")
@settings_options
def show(digest: str, settings: Settings) -> None:
    """Print the text with this DIGEST as JSON, as it was submitted, whatever its file says today.

    Evidence and approvals name texts by digest: see aims-gates records status --json, and explain --json.
    """
    with open_ledger(settings.need_registry()) as ledger:
        text = signed_text(ledger, digest)
    click.echo(
        json.dumps({"record": text.record, "file": text.file, "text": text.content}, indent=1, ensure_ascii=False)
    )


@click.command()
@_FILES
@click.option("--role", help="The role in which you approve. Default: the one that the record's type asks for.")
@click.option("--all-due", is_flag=True, help="Every submitted text that waits for the role.")
@click.option("--dry-run", is_flag=True, help="Show what differs from the text that was approved before; sign nothing.")
@click.option("--yes", is_flag=True, help="Ask nothing, for scripts.")
@key_option
@settings_options
@as_json
def approve(
    files: tuple[Path, ...],
    role: str | None,
    all_due: bool,
    dry_run: bool,
    yes: bool,
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> None:
    """Approve the text of records, in the role that their type asks for. Its author cannot.

    Nor can whoever lacks a course that organization/roles asks of them, or finished it longer ago
    than the system's plan counts it (max_days of the gate training; 365 days where no plan has that gate).

    What differs from the text that was approved before is shown first; at a terminal you are then asked.

    An approval holds for that very text: where a word of it changes it has to be approved again. What waits for whom is
    shown by `aims-gates records status`.
    """
    if all_due and role is None:
        raise InputError("no role is named", remedy="Name the role in which you approve them all: --role ROLE")
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as ledger:
        person = _person(ledger, signing)
        waiting = [item for item in _statuses(ledger, settings) if _waits(item, role, person)]
        chosen = _chosen(files, [item.record for item in waiting] if all_due else None, settings)
        _valid(chosen, settings)
        counted = cache(partial(course_days_of_systems, settings.packs))
        drafts = _drafts(ledger, chosen, role, person, Competence.of(settings.packs, counted))
        _show_changes(ledger, chosen, ask=not (dry_run or yes or json_))
        signed = [] if dry_run else [(record, *_signed(ledger, draft, signing)) for record, draft in drafts]
    if not dry_run:
        _report("approved", signed, json_)


def _show_changes(ledger: Source, chosen: Iterable[RecordText], *, ask: bool) -> None:
    """Show what is about to be signed, and ask whoever sits at a terminal."""
    from aims_gates.cli.record_changes import differences

    click.echo(differences(ledger, chosen), err=True)
    if ask and sys.stdin.isatty() and not click.confirm("Approve these texts?", err=True):
        raise InputError("nothing was approved", remedy="Have the author change the text, and submit it again.")


def _drafts(
    ledger: Source, chosen: Iterable[RecordText], role: str | None, person: str | None, competence: Competence
) -> list[tuple[RecordText, Draft]]:
    """What is to be said of each; where one cannot be approved so, nothing is said of any."""
    drafts: list[tuple[RecordText, Draft]] = []
    refusals: list[RefusedError] = []
    today = datetime.now(UTC).date()
    for record in chosen:
        try:
            acting = role or approvers_of(record.text.record, record.content)[0]
            drafts.append((record, approve_record(ledger, record.text, acting, person, competence, today)))
        except RefusedError as refusal:
            refusals.append(refusal)
    if refusals:
        first, *others = refusals
        more = "".join(f"\n{other.where}: {other.message}. {other.remedy}" for other in others)
        raise RefusedError(
            f"{first.message}. {first.remedy or ''}{more}", where=first.where, remedy="Nothing was signed."
        )
    return drafts


@click.command()
@settings_options
@as_json
def status(settings: Settings, json_: bool) -> None:
    """Say of every record who submitted and who approved the text as it now reads, and what it needs."""
    try:
        with open_ledger(settings.need_registry()) as ledger:
            items = _statuses(ledger, settings)
    except NoLedgerError:
        texts = record_texts(settings.packs)
        items = [TextStatus(record, _unsigned(record), "unsigned") for record in texts]
    emit([_row(item) for item in items], json_, lambda: _text(items))


def _unsigned(record: RecordText) -> RecordState:
    role, needed = approvers_of(record.text.record, record.content)
    return RecordState(role, needed=needed)


def _statuses(ledger: Source, settings: Settings) -> list[TextStatus]:
    """What the ledger says of each text; profiles are looked at only where a review is due."""
    today, texts = datetime.now(UTC).date(), list(record_texts(settings.packs))
    overdue = any(record.next_review is not None and record.next_review < today for record in texts)
    return statuses(ledger, texts, today, grace_of_systems(settings.packs) if overdue else {})


def _waits(item: TextStatus, role: str | None, person: str | None) -> bool:
    """Whether a text waits for this person in this role; whoever has signed it as one of a board has done so."""
    authors = {alike(author) for author in item.progress.submitted}
    mine = person is not None and alike(person) in authors | {alike(name) for name in item.progress.approved_by}
    return item.progress.approval is None and bool(authors) and item.progress.role == role and not mine


def _chosen(files: Sequence[Path], due: list[RecordText] | None, settings: Settings) -> list[RecordText]:
    """The records of these files, or all that are due.

    Raises:
        InputError: no file is named, a file is no record of the packs, or nothing is due.
    """
    if due is not None:
        if not due:
            raise InputError("nothing is due", remedy="Look at them all: aims-gates records status")
        return due
    if not files:
        raise InputError("no file is named", remedy="Name the record's file, or take all that are due: --all-due")
    by_path = {record.path.resolve(): record for record in record_texts(settings.packs)}
    strange = [str(file) for file in files if file.resolve() not in by_path]
    if strange:
        remedy = "Records lie under records/ of a pack; see: aims-gates records status"
        raise InputError("no record that is approved as a text", where=", ".join(strange), remedy=remedy)
    return [by_path[file.resolve()] for file in files]


def _alone(chosen: Iterable[RecordText], settings: Settings) -> None:
    """Refuse a record of which there are two: a signature names the system, and not which of two of that name.

    Raises:
        InputError: two packs have a system of this name.
    """
    files: dict[tuple[str, str], list[Path]] = {}
    for record in record_texts(settings.packs):
        files.setdefault((record.text.record, record.text.system), []).append(record.path)
    for record in chosen:
        first, *others = files[record.text.record, record.text.system]
        if others and record.text.system:
            message = f"{record.text.record} of the system {record.text.system!r} is also {others[0]}"
            raise InputError(message, where=str(first), remedy="Rename one of the two systems. Nothing was signed.")


def _valid(chosen: Sequence[RecordText], settings: Settings) -> None:
    """Refuse to sign a record that is not valid, or holds what is still to be filled in.

    Raises:
        InputError: with every problem of these files.
    """
    _alone(chosen, settings)
    places = tuple(str(record.path) for record in chosen)
    errors = [error for error in check_packs(settings.packs, datetime.now(UTC).date()) if _at(error.where, places)]
    if errors:
        first, *others = errors
        more = "".join(f"\n{other}" for other in others)
        raise InputError(f"{first.message}{more}", where=first.where, remedy="Mend it, then sign. Nothing was signed.")


def _at(where: str | None, places: tuple[str, ...]) -> bool:
    return where is not None and any(where == place or where.startswith(f"{place}:") for place in places)


def _person(ledger: Source, key: Key) -> str | None:
    """Whose key it is; None where it is on no trust list."""
    trust = history(ledger).current()
    return next((entry.person for entry in (trust.keys if trust else ()) if entry.key == key.public), None)


def _signed(ledger: Source, draft: Draft, key: Key) -> tuple[str, str, str]:
    """Say it; gives what it is about, the statement, and who said it."""
    row, person = sign_and_append(ledger, draft, key, datetime.now(UTC))
    return "entries" if isinstance(draft.predicate, RecordEntries) else "text", row.digest, person


def _report(verb: str, signed: Sequence[tuple[RecordText, str, str, str]], json_: bool) -> None:
    rows = [
        {"file": record.text.file, "record": record.text.record, "digest": record.text.digest, "statement": statement,
         "by": person, "what": what}
        for record, what, statement, person in signed
    ]  # fmt: skip
    text = "\n".join(f"{row['by']} {verb} {row['what']} of {row['file']} ({row['digest'][7:19]})" for row in rows)
    emit(rows, json_, lambda: text)


def _row(item: TextStatus) -> dict[str, Any]:
    approval = item.progress.approval
    text = item.record.text
    return {
        "file": text.file,
        "record": text.record,
        "system": text.system or None,
        "owner": item.record.owner,
        "digest": text.digest,
        "submitted": {"by": list(item.progress.submitted)},
        "approved": None
        if approval is None
        else {
            "by": list(item.progress.approved_by),
            "role": item.progress.role,
            "at": approval.at.isoformat(timespec="seconds"),
            "digest": text.digest,
        },
        "board": None
        if not item.progress.members and item.progress.needed == 1
        else {
            "quorum": item.progress.needed,
            "members": list(item.progress.members),
            "signed": list(item.progress.approved_by),
        },
        "entries": {"there": sum(map(len, item.record.entries.values())), "unsigned": item.unsigned, "gone": item.gone},
        "state": item.state,
        "renewal": None if item.state not in ("grace", "expired") else _renewal(item),
        "needs": list(item.needs),
    }


def _renewal(item: TextStatus) -> dict[str, str]:
    """Since when its review is due, and until when a promotion may rest on it."""
    assert item.record.next_review is not None and item.grace_until is not None
    return {"due": item.record.next_review.isoformat(), "grace_until": item.grace_until.isoformat()}


def _state(item: TextStatus) -> str:
    """The state in words."""
    if item.state not in ("grace", "expired"):
        return item.state
    renewal = _renewal(item)
    grace = "grace until" if item.state == "grace" else "expired: grace ended"
    return f"renewal due since {renewal['due']}, {grace} {renewal['grace_until']}"


def _text(items: Sequence[TextStatus]) -> str:
    lines = [
        (
            item.record.text.file,
            _state(item),
            ", ".join(item.progress.approved_by) or "-",
            "; ".join(item.needs) or "-",
        )
        for item in items
    ]
    counts = ", ".join(f"{count} {state}" for state, count in Counter(item.state for item in items).items())
    if not items:
        return "no records here; begin: aims-gates records new --due"
    return f"{table(('RECORD', 'STATE', 'APPROVED BY', 'NEEDS'), lines)}\n\n{counts}"
