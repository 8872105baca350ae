"""``aims-gates ledger``: verify, reconcile, export, checkpoint."""

import os
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.cli.options import as_json, emit, key_option, settings_options
from aims_gates.errors import InputError
from aims_gates.ledger.remote import STAGING_SECONDS, Remote, is_remote
from aims_gates.ledger.replay import Verification
from aims_gates.settings import Settings, signer

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Verify, reconcile, export or checkpoint the ledger."""


@command.command("verify")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A checkpoint made before, or a folder of them. Repeatable.",
)
@click.option("--since", type=_FILE, help="Only what was appended since this checkpoint; the registry is not compared.")
@click.option("--export", "exported", type=_FILE, help="Verify an exported file instead of a registry.")
@click.option("--every-statement", is_flag=True, help="Also verify the statements that a checkpoint attests.")
@settings_options
@as_json
def verify(
    checkpoints: tuple[Path, ...],
    since: Path | None,
    exported: Path | None,
    every_statement: bool,
    settings: Settings,
    json_: bool,
) -> int:
    """Verify the whole ledger (tree, signatures, who may say what) and the registry's state against it.

    Every row is hashed into the tree and compared with the index, and every statement verified: its signature, its
    form, and whether its signers might say it. Who signed a checkpoint did that for the rows before it, and it says so.
    With --checkpoint, of a place that the database's owner cannot write, statements are therefore verified after the
    largest of them only, and rows before it by their bytes, which must be those of then; --every-statement trusts
    nobody with that. The answer says how many rows were verified in which way. Where anything does not hold, all
    statements are.

    The exit code is 0 when all holds and 5 when anything does not.
    """
    from aims_gates.ledger import export
    from aims_gates.ledger.attest import attested
    from aims_gates.ledger.checkpoint import read_checkpoint

    problems: list[str] = []
    begin = None if since is None else read_checkpoint(since)
    if begin is not None and (exported is not None or is_remote(settings.need_registry())):
        remedy = "Leave --since out, or run this on the registry's machine."
        raise InputError("a part of the ledger is verified in its database only", where="--since", remedy=remedy)
    envelopes = _envelopes(checkpoints)
    if exported is not None:
        verification = export.verify_export(exported, envelopes)
    elif is_remote(settings.need_registry()):
        verification, problems = _remote(settings.need_registry(), envelopes)
    elif begin is not None:
        verification = _since(settings, envelopes, begin)
    else:
        verification, problems = _whole(settings, envelopes, 0 if every_statement else attested(envelopes))
    problems = [*verification.problems, *problems]
    how = {"rows_by_bytes": verification.by_bytes, "rows_by_statement": verification.by_statement}
    value = {"ok": not problems, "size": verification.size, "root": verification.root, "problems": problems, **how}
    lines = [*_told(problems, "the ledger holds", verification.size, verification.root), _how(verification)]
    emit(value, json_, lambda: "\n".join(lines))
    return 5 if problems else 0


def _envelopes(checkpoints: Sequence[Path]) -> list[Envelope]:
    """The checkpoints in files and folders.

    Raises:
        InputError: files or folders were named and hold none.
    """
    from aims_gates.ledger.checkpoint_folder import read_kept

    envelopes = [envelope for path in checkpoints for envelope in read_kept(path)]
    if checkpoints and not envelopes:
        remedy = "Name the folder that aims-gates ledger checkpoint --into wrote to."
        raise InputError("there is no checkpoint", where=str(checkpoints[0]), remedy=remedy)
    return envelopes


def _since(settings: Settings, envelopes: list[Envelope], begin: Envelope) -> Verification:
    """What was appended since a checkpoint, verified by itself."""
    from aims_gates.ledger.connect import open_database
    from aims_gates.ledger.verify import verify as verify_ledger

    with open_database(settings.need_registry()) as connection:
        return verify_ledger(connection, envelopes, since=begin)


def _whole(settings: Settings, envelopes: list[Envelope], spared: int) -> tuple[Verification, list[str]]:
    """The whole ledger, and where it holds what the registry differs in."""
    from aims_gates.ledger.connect import open_database
    from aims_gates.ledger.segments import verify_in_processes
    from aims_gates.mlflow_plugin.store.reconcile import reconcile

    with open_database(settings.need_registry()) as connection:
        verification = verify_in_processes(connection, envelopes, os.cpu_count() or 1, attested=spared)
        return verification, reconcile(connection, settings.artifacts) if verification.ok else []


def _told(problems: Sequence[str], well: str, size: int, root: str) -> list[str]:
    return [f"x {problem}" for problem in problems] or [f"{well}: {size} rows, root {root}"]


@command.command("reconcile")
@settings_options
@as_json
def reconcile_(settings: Settings, json_: bool) -> int:
    """Compare the registry with the ledger: do both tell the same story?

    Names, versions and where they came from, governed aliases and stages, storage locations, the released bytes and the
    database's own guards. It is what ledger verify does last, and takes a fraction of its time; that the rows of the
    ledger itself are those of then, only ledger verify says.

    Nothing is fixed: what to do about each line stands in docs/operations.md. The exit code is 0 when both agree and 5
    when anything differs.
    """
    from aims_gates.ledger.connect import open_database
    from aims_gates.ledger.table import tree_head
    from aims_gates.mlflow_plugin.store.reconcile import reconcile

    if is_remote(settings.need_registry()):
        with closing(Remote(settings.need_registry())) as server:
            value = _server_reconciles(server)
    else:
        with open_database(settings.need_registry()) as connection:
            size, root = tree_head(connection)
            problems = reconcile(connection, settings.artifacts)
        value = {"ok": not problems, "size": size, "root": root.hex(), "problems": problems}
    well = "the registry and the ledger agree"
    emit(value, json_, lambda: "\n".join(_told(value["problems"], well, value["size"], value["root"])))
    return 0 if value["ok"] else 5


def _server_reconciles(server: Remote) -> dict[str, Any]:
    predicate = server.get("/ledger/reconcile", timeout=STAGING_SECONDS)
    problems = [str(problem) for problem in predicate["problems"]]
    return {"ok": not problems, "size": int(predicate["size"]), "root": str(predicate["root"]), "problems": problems}


def _how(verification: Verification) -> str:
    read, stated = verification.by_bytes, verification.by_statement
    left = verification.size - read
    message = f"verified: {read} rows by their bytes and the index, of these {stated} by their statement"
    message += f"; the other {read - stated} statements a checkpoint attests" if read > stated else ""
    return message + (f"; the {left} rows before were not read" if left > 0 else "")


def _remote(registry: str, envelopes: Sequence[Envelope]) -> tuple[Verification, list[str]]:
    """Fetch every row and verify here; the server compares its registry with its ledger, which no other machine can."""
    from aims_gates.ledger import export

    with closing(Remote(registry)) as server:
        with TemporaryDirectory(prefix="aims-ledger-") as folder:
            place = Path(folder) / "ledger.jsonl"
            export.export(server, place)
            verification = export.verify_export(place, envelopes)
        return verification, _server_reconciles(server)["problems"]


@command.command("export")
@click.argument("path", type=_FILE)
@settings_options
def export_(path: Path, settings: Settings) -> None:
    """Write the whole ledger to one file, verifiable elsewhere: aims-gates ledger verify --export PATH."""
    from aims_gates.ledger import export
    from aims_gates.ledger.connect import open_ledger

    with open_ledger(settings.need_registry()) as connection:
        size = export.export(connection, path)
    click.echo(f"wrote {path} ({size} rows)")


@command.command("checkpoint")
@click.argument("path", type=_FILE, required=False)
@click.option(
    "--since", type=_FILE, help="With PATH: a checkpoint kept elsewhere; only what came after it is verified first."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Instead of PATH: a folder of checkpoints. The ledger must be that of the last one there, grown.",
)
@key_option
@settings_options
def checkpoint(path: Path | None, since: Path | None, into: Path | None, key: Path | None, settings: Settings) -> None:
    """Sign the ledger's size and root into PATH; keep it elsewhere. Later: ledger verify --checkpoint PATH.

    First every statement is verified, since a checkpoint attests that; after one that attests it for the rows before
    (the last one --into the folder, or --since), those that came later. What does not hold is not signed: exit code 5.

    With --into it is one line for cron: a new file for each checkpoint, none where nothing was appended, exit code 5
    where the ledger lost or changed rows since the last. A server does the same by itself (aims-gates server
    --checkpoints). Over HTTP the server proves that its ledger grew, and signs where no personal key is named.
    """
    if (path is None) == (into is None):
        raise click.UsageError("name one file, or --into FOLDER")
    if since is not None and into is not None:
        raise click.UsageError("--into goes on from the last checkpoint in the folder by itself: leave --since out")
    if into is not None:
        _keep(settings, into, key)
    elif path is not None:
        _write(settings, path, since, key)


def _keep(settings: Settings, folder: Path, key: Path | None) -> None:
    from aims_gates.ledger.checkpoint_folder import keep
    from aims_gates.ledger.connect import open_database

    if is_remote(settings.need_registry()):
        path = _keep_from_afar(settings, folder, key)
    else:
        signing = signer(settings, key)
        with open_database(settings.need_registry()) as connection:
            path = keep(connection, folder, signing, datetime.now(UTC))
    click.echo(f"wrote {path}" if path else "nothing was appended since the last checkpoint, which holds")


def _keep_from_afar(settings: Settings, folder: Path, key: Path | None) -> Path | None:
    from aims_gates.cli.signed import by_server
    from aims_gates.ledger.attest import signed_checkpoint
    from aims_gates.ledger.checkpoint_folder import keep_from_afar

    signing = None if by_server(settings, key) else signer(settings, key)
    server = Remote(settings.need_registry())

    def signed() -> Envelope:
        if signing is None:
            return _attested(server)
        return signed_checkpoint(server, signing, datetime.now(UTC))

    try:
        return keep_from_afar(server, folder, signed)
    finally:
        server.close()


def _write(settings: Settings, path: Path, since: Path | None, key: Path | None) -> None:
    from aims_gates.cli.signed import by_server
    from aims_gates.ledger.attest import write_checkpoint
    from aims_gates.ledger.checkpoint import read_checkpoint
    from aims_gates.ledger.connect import open_ledger

    if by_server(settings, key):
        _fetched(settings.need_registry(), path)
        click.echo(f"wrote {path}")
        return
    signing, before = signer(settings, key), None if since is None else read_checkpoint(since)
    with open_ledger(settings.need_registry()) as connection:
        write_checkpoint(connection, path, signing, datetime.now(UTC), before)
    click.echo(f"wrote {path}")


def _fetched(registry: str, path: Path) -> None:
    from aims_gates.ledger.checkpoint import write_envelope

    server = Remote(registry)
    try:
        envelope = _attested(server)
    finally:
        server.close()
    write_envelope(path, envelope)


def _attested(server: Remote) -> Envelope:
    """A checkpoint that the server signed, once its signature was seen to hold."""
    from aims_gates.attestation.signing.envelope import open_envelope
    from aims_gates.ledger import history
    from aims_gates.ledger.checkpoint import claimed

    envelope = Envelope.from_json(server.post("/checkpoint", {})["envelope"], "checkpoint")
    claimed(envelope)
    open_envelope(envelope, history(server).keys(), "checkpoint")
    return envelope
