"""``aims-gates systems``: the systems of your packs."""

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.records import read_system, system_names
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """List the systems of your packs."""


@command.command("list")
@settings_options
@as_json
def list_systems(settings: Settings, json_: bool) -> None:
    """Every system: tier, profile, owner, registered models."""
    rows = [
        {
            "id": record.system.name,
            "tier": record.system.tier,
            "profile": record.system.profile or record.system.tier,
            "owner": record.system.owner,
            "models": list(record.system.models),
        }
        for pack in settings.packs
        for record in (read_system(pack, name) for name in system_names(pack))
    ]
    shown = [(str(r["id"]), str(r["tier"]), str(r["profile"]), str(r["owner"]), " ".join(r["models"])) for r in rows]
    emit(rows, json_, lambda: table(("SYSTEM", "TIER", "PROFILE", "OWNER", "MODELS"), shown))
