"""``aims-gates halt``: take a model out of production at once."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, signing_command
from aims_gates.documents.shell import invocation, quoted
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@signing_command(
    click.argument("name"),
    click.option("--reason", required=True, help="What happened; the review afterwards begins here."),
)
def command(name: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Take NAME out of production: its grants and requests end, its governed aliases are removed; role on-call.

    A halt is a signed order that stops a model at once and needs nobody's approval.

    From then on no bytes that were granted under NAME load: by no alias, stage or version number, not as `latest`,
    under no other name or workspace that holds a copy, and not from the server's artifacts. Versions that were never
    granted load as before, so that the fixed one can be checked.

    \b
    What ends that:
      aims-gates rollback NAME VERSION   exactly that version of NAME loads again
      a new request, granted             those bytes load again under NAME
      aims-gates resume NAME             all of them do; it gives no grant back

    Not covered: runs:/ID and models:/m-ID read without a server of ours, and copies of the files that lie elsewhere and
    that nobody has checked or staged.
    """
    from aims_gates.cli.signed import attested, by_server

    if by_server(settings, key):
        done = attested(settings, "/halt", {"name": name, "reason": reason})
        aliases, versions = list(done.aliases), list(done.reaches)
    else:
        from aims_gates.mlflow_plugin.client.release import halt, reaches, use

        use(settings)
        aliases = halt(settings, name, reason, signer(settings, key))
        versions = reaches(settings, name)
    echo(f"{name} is halted; removed: {', '.join(aliases) or 'no alias stood'}")
    if versions:
        echo(f"no longer loads: {', '.join(versions)}")
        echo(f"next: aims-gates rollback {quoted(name)} VERSION, or to lift the halt: {invocation('resume', name)}")
