"""``aims-gates systems``: the systems of your packs."""

from typing import Any

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.governance.records.reader import read_system, system_names
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """List the systems of your packs."""


@command.command("list")
@settings_options
@as_json
def list_systems(settings: Settings, json_: bool) -> None:
    """Every system: tier, profile, kind, what it gives, owner, registered models."""
    rows: list[dict[str, Any]] = [
        {
            "id": record.system.name,
            "tier": record.system.tier,
            "profile": record.system.profile or record.system.tier,
            "kind": record.system.kind,
            "output": record.system.output,
            "owner": record.system.owner,
            "models": list(record.system.models),
        }
        for pack in settings.packs
        for record in (read_system(pack, name) for name in system_names(pack))
    ]
    columns = ("id", "tier", "profile", "kind", "output", "owner")
    shown = [(*(str(row[name] or "-") for name in columns), " ".join(row["models"])) for row in rows]
    emit(rows, json_, lambda: table(("SYSTEM", "TIER", "PROFILE", "KIND", "OUTPUT", "OWNER", "MODELS"), shown))
