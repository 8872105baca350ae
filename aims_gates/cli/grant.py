"""``aims-gates grant`` and ``aims-gates verify-grant``: a grant to carry where the model is deployed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.cli.options import as_json, echo, emit, key_option, settings_options
from aims_gates.documents.canonical import plain
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError
from aims_gates.ledger.remote import Remote, is_remote
from aims_gates.settings import Settings, load, signer
from aims_gates.workflow.portable_grant import ACCEPTABLE

__all__ = ["command", "verify_command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Carry a grant to where the model is deployed; there, verify-grant checks the model against it."""


@command.command("export")
@click.argument("name")
@click.option("--alias", default="production", show_default=True, help="Whose grant.")
@click.option("--out", type=_FILE, required=True, help="The file to write, e.g. NAME.grant.json.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it may be relied on (at most 180).")
@click.option("--checkpoint", type=_FILE, help="A checkpoint of the ledger since the grant, signed by somebody else.")
@click.option("--checkpoint-key", type=_FILE, help="Instead: sign a checkpoint now, with this key of somebody else's.")
@key_option
@settings_options
def export(
    name: str,
    alias: str,
    out: Path,
    days: int,
    checkpoint: Path | None,
    checkpoint_key: Path | None,
    key: Path | None,
    settings: Settings,
) -> None:
    """Write the grant that stands for NAME's alias into one file that is verified without database or network.

    Two different people sign it: the issuer (a key of role policy, or over HTTP without a personal key the server) and
    whoever signed the checkpoint (role policy, ci or server). A key that makes evidence (role ci) issues nothing. With
    a personal key and a server, the server signs the checkpoint; a server that issues takes the newest one in its
    folder that another key signed.

    Where the model is deployed: aims-gates verify-grant FILE MODEL_DIR, with --trusted-key for each of the two. What is
    halted or revoked after the export the file cannot know, so keep --days short and export again. The file holds the
    approvals and the lists of trust: keep it where the names in them may be read.
    """
    if checkpoint is not None and checkpoint_key is not None:
        raise click.UsageError("name a checkpoint, or a key that signs one")
    from aims_gates.cli.signed import by_server
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.workflow.portable_grant import issue

    if by_server(settings, key):
        until = _issued_by_server(
            settings.need_registry(), name, alias, days, _envelope(settings, checkpoint, checkpoint_key), out
        )
        echo(f"wrote {out}: {name}, alias {alias}, to be relied on until {until}")
        return
    signing, at = signer(settings, key), datetime.now(UTC)
    envelope = _envelope(settings, checkpoint, checkpoint_key) or _of_server(settings.need_registry())
    with open_ledger(settings.need_registry()) as connection:
        portable_grant = issue(connection, settings.workspace, name, alias, signing, at, days, out, envelope)
    echo(
        f"wrote {out}: {name} version {portable_grant.version}, {portable_grant.digest}, "
        f"to be relied on until {portable_grant.until}"
    )


def _envelope(settings: Settings, checkpoint: Path | None, key: Path | None) -> Envelope | None:
    """The checkpoint that was named, or one signed now; None where neither is asked for."""
    from aims_gates.attestation.signing.keys import read_private
    from aims_gates.ledger.attest import signed_checkpoint
    from aims_gates.ledger.checkpoint import read_checkpoint
    from aims_gates.ledger.connect import open_ledger

    if checkpoint is not None:
        return read_checkpoint(checkpoint)
    if key is None:
        return None
    signing = read_private(key)
    with open_ledger(settings.need_registry()) as connection:
        return signed_checkpoint(connection, signing, datetime.now(UTC))


def _of_server(registry: str) -> Envelope:
    """A checkpoint that the server signs now, for a grant that a person issues.

    Raises:
        InputError: the ledger is a database: nobody else is there to sign one.
    """
    if not is_remote(registry):
        remedy = (
            "Pass --checkpoint FILE (aims-gates ledger checkpoint FILE --key OTHER.key), or --checkpoint-key OTHER.key."
        )
        raise InputError("a portable grant needs a checkpoint that somebody else signed", remedy=remedy)
    server = Remote(registry)
    try:
        return Envelope.from_json(server.post("/checkpoint", {})["envelope"], "checkpoint")
    finally:
        server.close()


def _issued_by_server(registry: str, name: str, alias: str, days: int, checkpoint: Envelope | None, out: Path) -> str:

    server = Remote(registry)
    body: dict[str, Any] = {"name": name, "alias": alias, "days": days}
    try:
        answer = server.post(
            "/grants/export", body | ({} if checkpoint is None else {"checkpoint": checkpoint.to_json()})
        )
    finally:
        server.close()
    write_whole(out, json.dumps(answer["file"], indent=1).encode() + b"\n")
    return str(answer["until"])


@click.command()
@click.argument("file", type=_FILE)
@click.argument("model_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--trusted-key",
    "keys",
    type=_FILE,
    multiple=True,
    help="A public key you trust (.pub): the issuer's, and the checkpoint signer's. Repeatable. "
    "Default: trusted_keys in aims.yaml.",
)
@click.option(
    "--accept",
    type=click.Choice(list(ACCEPTABLE)),
    multiple=True,
    help="Rely on a grant that came about so, without approvals. Repeatable.",
)
@as_json
def verify_command(file: Path, model_dir: Path, keys: tuple[Path, ...], accept: tuple[str, ...], json_: bool) -> None:
    """Check that MODEL_DIR holds exactly the bytes that FILE says were granted. No database, no network.

    FILE is what `aims-gates grant export` wrote.

    Two different people whose keys you trust must have signed it: the issuer (a policy owner or the registry's server)
    and the signer of the checkpoint. The approvals in it are verified by the lists of trust that it carries.

    The exit code is 0 when all of it holds; 5 when bytes, a signature, the tree or an approval do not, or when it is to
    be relied on for more than 180 days; 2 when it has expired, was not enforced, or came about by break-glass or
    adoption and you do not --accept that; 3 for a file of version 0.1, which is to be issued again.
    """
    from aims_gates.attestation.signing.keys import read_public
    from aims_gates.workflow.portable_grant import verify_grant

    trusted = tuple(read_public(path) for path in keys or load().trusted_keys)
    carried = verify_grant(file, model_dir, trusted, datetime.now(UTC), accept)
    value = plain(carried.said) | {
        "signers": list(carried.signers),
        "checkpoint_signers": list(carried.checkpoint_signers),
        "people": list(carried.people),
        "origin": carried.origin,
    }
    emit(value, json_, lambda: "\n".join(_lines(carried)))
    if carried.origin == "break-glass" and not json_:
        click.secho("  BREAK-GLASS: it was promoted against unmet controls", fg="red", bold=True)


def _lines(carried: Any) -> list[str]:
    statement = carried.said
    signers, witnesses = (", ".join(key[:12] for key in keys) for keys in (carried.signers, carried.checkpoint_signers))
    words = [
        f"{word['said']} by {word['person']}{' as ' + word['role'] if word['role'] else ''}" for word in carried.people
    ]
    return [
        f"{statement.name} version {statement.version}: these are the bytes that were granted ({statement.digest})",
        f"  system {statement.system}, tier {statement.tier}, profile {statement.profile}, alias {statement.alias}",
        f"  granted {statement.granted_at} ({statement.transition}): {'; '.join(words) or 'no approvals asked for'}",
        f"  row {statement.position} of {statement.size}, root {statement.root[:12]}, checkpoint signed by {witnesses}",
        f"  to be relied on until {statement.until}; issued by {signers}",
    ]
