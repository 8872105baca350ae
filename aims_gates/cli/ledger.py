"""``aims-gates ledger``: verify, export, checkpoint."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.cli.options import as_json, emit, key_option, settings_options
from aims_gates.settings import Settings, signer

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Verify, export or checkpoint the ledger."""


@command.command("verify")
@click.option("--checkpoint", "checkpoints", type=_FILE, multiple=True, help="A checkpoint made before. Repeatable.")
@click.option("--export", "exported", type=_FILE, help="Verify an exported file instead of a registry.")
@settings_options
@as_json
def verify(checkpoints: tuple[Path, ...], exported: Path | None, settings: Settings, json_: bool) -> int:
    """Verify the whole ledger (tree, signatures, who may say what) and the registry's state against it.

    The exit code is 0 when all holds and 5 when anything does not.
    """
    from aims_gates.ledger import export
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.verify import verify as verify_ledger
    from aims_gates.registry.reconcile import reconcile

    kept = [export.read_checkpoint(path) for path in checkpoints]
    if exported is not None:
        found, problems = export.verify_export(exported, kept), []
    else:
        with open_ledger(settings.need_registry()) as connection:
            found = verify_ledger(connection, kept)
            problems = reconcile(connection, settings.artifacts) if found.ok else []
    problems = [*found.problems, *problems]
    value = {"ok": not problems, "size": found.size, "root": found.root, "problems": problems}
    summary = f"{found.size} rows, root {found.root}"
    emit(value, json_, lambda: "\n".join([f"x {each}" for each in problems] or [f"the ledger holds: {summary}"]))
    return 5 if problems else 0


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
@click.argument("path", type=_FILE)
@key_option
@settings_options
def checkpoint(path: Path, key: Path | None, settings: Settings) -> None:
    """Sign the ledger's size and root into PATH; keep it elsewhere. Later: ledger verify --checkpoint PATH."""
    from aims_gates.ledger import export
    from aims_gates.ledger.connect import open_ledger

    signing = signer(settings, key)
    with open_ledger(settings.need_registry()) as connection:
        export.write_checkpoint(connection, path, signing, datetime.now(UTC))
    click.echo(f"wrote {path}")
