"""``aims-gates grant`` and ``aims-gates verify-grant``: a grant to carry where the model is deployed."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.canonical import plain
from aims_gates.cli.options import as_json, emit, key_option, settings_options
from aims_gates.settings import Settings, load, signer

__all__ = ["command", "verify_command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def command() -> None:
    """Carry a grant to where the model is deployed."""


@command.command("export")
@click.argument("name")
@click.option("--alias", default="production", show_default=True, help="Whose grant.")
@click.option("--out", type=_FILE, required=True, help="The file to write, e.g. NAME.grant.json.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it may be relied on (at most 180).")
@key_option
@settings_options
def export(name: str, alias: str, out: Path, days: int, key: Path | None, settings: Settings) -> None:
    """Write the grant that stands for NAME's alias into one small signed file; role policy or ci.

    Where the model is deployed, without database or network: aims-gates verify-grant FILE MODEL_DIR. What is revoked
    after the export the file cannot know, so keep --days short and export again.
    """
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.portable import issue

    signing = signer(settings, key)
    with open_ledger(settings.need_registry()) as connection:
        said = issue(connection, settings.workspace, name, alias, signing, datetime.now(UTC), days, out)
    click.echo(f"wrote {out}: {name} version {said.version}, {said.digest}, to be relied on until {said.until}")


@click.command()
@click.argument("file", type=_FILE)
@click.argument("model_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--trusted-key",
    "keys",
    type=_FILE,
    multiple=True,
    help="A public key you trust (.pub). Default: trusted_keys in aims.yaml.",
)
@as_json
def verify_command(file: Path, model_dir: Path, keys: tuple[Path, ...], json_: bool) -> None:
    """Check that MODEL_DIR holds exactly the bytes that FILE says were granted. No database, no network.

    The exit code is 0 when signature, audit path, dates and bytes all hold; 5 when bytes or signature do not, 2 when it
    may no longer be relied on.
    """
    from aims_gates.keys import read_public
    from aims_gates.portable import verify_grant

    trusted = tuple(read_public(path) for path in keys or load().trusted_keys)
    found = verify_grant(file, model_dir, trusted, datetime.now(UTC))
    said = found.said
    lines = [
        f"{said.name} version {said.version}: these are the bytes that were granted ({said.digest})",
        f"  system {said.system}, tier {said.tier}, profile {said.profile}, alias {said.alias}",
        f"  granted {said.granted_at} ({said.transition}), row {said.position} of {said.size}, root {said.root[:12]}",
        f"  to be relied on until {said.until}; signed by {', '.join(key[:12] for key in found.signers)}",
    ]
    emit(plain(said) | {"signers": list(found.signers)}, json_, lambda: "\n".join(lines))
    if said.transition == "break-glass" and not json_:
        click.secho("  BREAK-GLASS: it was promoted against unmet controls", fg="red", bold=True)
