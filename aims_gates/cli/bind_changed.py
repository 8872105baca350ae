"""``aims-gates bind --changed``: one difference over all systems, and one signature for it."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import TrustHistory, alike
from aims_gates.cli.options import echo, emit, table
from aims_gates.decision.system_fields import SIGNERS, FieldChange
from aims_gates.documents.canonical import plain
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.ledger import append, history
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import bound
from aims_gates.model import Subject
from aims_gates.portfolio.rebinding import ChangedBinding, changed, plan_changes
from aims_gates.settings import Settings, called, signer

__all__ = ["bind_changed"]


def bind_changed(
    settings: Settings, author: str | None, key: Path | None, *, dry_run: bool, yes: bool, json_: bool
) -> None:
    """Show in what the packs differ from the bindings, and sign the new ones: all of them or, with a problem, none.

    Raises:
        InputError: something is invalid, or the signer may not sign all of it; every problem is named.
        RefusedError: a binding changed while it was being looked at.
    """
    signing = signer(settings, key) if key or not dry_run else None
    with open_ledger(settings.need_registry()) as connection:
        rebinding, past = changed(settings, connection, author), history(connection)
    problems = [*rebinding.problems, *(_of_signer(signing, rebinding.changed, past) if signing else ())]
    emit(_plain(rebinding.changed, problems), json_, lambda: _text(settings, rebinding.changed))
    if problems:
        lines = "\n  x ".join([f"nothing is signed: {len(problems)} to fix first", *map(_line, problems)])
        raise InputError(lines, remedy="Fix them, then look again: aims-gates bind --changed --dry-run")
    if dry_run or not rebinding.changed or signing is None:
        return
    if not yes and sys.stdin.isatty():
        click.confirm(f"Sign {len(rebinding.changed)} bindings?", abort=True, err=True)
    rows = _sign(settings, rebinding.changed, signing)
    echo(f"{len(rows)} bindings signed, ledger positions {', '.join(map(str, rows))}", err=json_)


def _sign(settings: Settings, listed: Sequence[ChangedBinding], key: Key) -> list[int]:
    """Append a binding for each model, in one transaction where the database is in hand; gives their positions."""
    positions = []
    with open_ledger(settings.need_registry(), write=True) as connection:
        for item in listed:
            row = bound(connection, item.after.workspace, item.after.name)
            if row is None or row.predicate != item.before:
                message = f"{item.after.name!r} was bound anew while this was being looked at"
                raise RefusedError(message, remedy="Look again: aims-gates bind --changed --dry-run")
        for item in listed:
            binding: Binding = item.after
            subject = Subject("system", binding.system_digest, binding.plan.system)
            positions.append(append(connection, sign(say(binding, subject), key), datetime.now(UTC)).position)
    return positions


def _of_signer(key: Key, listed: Sequence[ChangedBinding], past: TrustHistory) -> Iterator[AimsGatesError]:
    """Why somebody may not sign these bindings, each reason by the model."""
    trust = past.current()
    entry = next((entry for entry in (trust.keys if trust else ()) if entry.key == key.public), None)
    if entry is None:
        yield InputError("the key is not on the trust list", remedy="Use another, or: aims-gates keys list")
        return
    for item in listed:
        binding = item.after
        if (
            not binding.plan.trial
            and binding.author is not None
            and alike(entry.person) in past.people_of(binding.author)
        ):
            remedy = f"Have another one sign it who is {SIGNERS[item.signer]}."
            yield InputError(f"{entry.person} wrote this change", where=binding.name, remedy=remedy)
        if "policy" in entry.roles:
            continue
        if item.signer == "policy":
            message = f"{', '.join(_wanting(item))} wants a policy owner, and {entry.person} is none"
            yield InputError(message, where=binding.name, remedy="Have a policy owner sign it.")
        elif not (item.before.owner and alike(entry.person) in past.people_of(item.before.owner)):
            message = f"{entry.person} is neither a policy owner nor {item.before.owner!r}, who owns the system"
            yield InputError(message, where=binding.name, remedy="Have one of them sign it.")


def _wanting(item: ChangedBinding) -> list[str]:
    """The fields of a change that want a policy owner."""
    named = [change.field for change in item.fields or () if change.signer == "policy"]
    return named or (["a field (which, is not on record)"] if item.fields is None else ["the plan"])


def _line(problem: AimsGatesError) -> str:
    return str(problem).replace("\n  remedy: ", " ")


def _plain(listed: Sequence[ChangedBinding], problems: Sequence[AimsGatesError]) -> dict[str, Any]:
    return {
        "changed": [
            {
                "system": item.after.plan.system,
                "workspace": item.after.workspace,
                "model": item.after.name,
                "file": item.where,
                "signer": item.signer,
                "fields": None
                if item.fields is None
                else [plain(change) | {"signer": change.signer, "why": change.rule.why} for change in item.fields],
                "plan": plan_changes(item.before.plan, item.after.plan),
            }
            for item in listed
        ],
        "problems": [{"where": item.where, "message": item.message, "remedy": item.remedy} for item in problems],
    }


def _text(settings: Settings, listed: Sequence[ChangedBinding]) -> str:
    """The difference: models that differ alike stand together."""
    if not listed:
        return "no binding differs from the files"
    groups: dict[tuple[Any, ...], list[ChangedBinding]] = {}
    for item in listed:
        groups.setdefault((item.after.plan.system, item.where, item.signer, *_difference(item)), []).append(item)
    blocks = []
    for (system, where, by, *lines), items in groups.items():
        models = ", ".join(called(item.after.workspace, item.after.name, settings.workspace) for item in items)
        blocks.append(
            "\n".join([f"{system}: {models} ({where}), wants {SIGNERS[by]}", *(f"  {line}" for line in lines)])
        )
    return "\n".join(
        [
            *blocks,
            f"{len(listed)} bindings differ from the files of {len({i.after.plan.system for i in listed})} systems",
        ]
    )


def _difference(item: ChangedBinding) -> list[str]:
    """A model's difference, line by line: its system's fields, then what follows for the plan."""
    lines = [] if item.fields else ["the fields of the system differ; which, is not on record"]
    if item.fields:
        lines = table(("FIELD", "", "WANTS", "BECAUSE"), [_row(item, change) for change in item.fields]).split("\n")
    elif item.before.system_digest == item.after.system_digest:
        lines = []
    return lines + [f"plan: {line}" for line in plan_changes(item.before.plan, item.after.plan)]


def _row(item: ChangedBinding, change: FieldChange) -> tuple[str, str, str, str]:
    before = getattr(item.before.plan, change.field, None) if change.field in ("tier", "profile") else None
    after = getattr(item.after.plan, change.field, None)
    how = f"{before} -> {after}" if isinstance(before, str) and before != after else change.how
    return change.field, how, SIGNERS[change.signer], change.rule.why
