"""``aims-gates halt``: take a model out of production at once."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="What happened; the review afterwards begins here.")
@key_option
@settings_options
def command(name: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Take NAME out of production: its grants and requests end, its governed aliases are removed; role on-call."""
    from aims_gates.cli.signed import attested, by_server

    if by_server(settings, key):
        aliases = list(attested(settings, "/halt", {"name": name, "reason": reason}).aliases)
    else:
        from aims_gates.registry.release import halt, use

        use(settings)
        aliases = halt(settings, name, reason, signer(settings, key))
    echo(f"{name} is halted; removed: {', '.join(aliases) or 'no alias stood'}")
