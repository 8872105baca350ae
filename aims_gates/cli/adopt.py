"""``aims-gates adopt``: take in a registry that is already in use."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.cli.options import as_json, emit, key_option, settings_options, table
from aims_gates.cli.ramp import show_ramp
from aims_gates.documents.canonical import plain
from aims_gates.errors import AimsGatesError
from aims_gates.model import ModelRef
from aims_gates.settings import Settings, called, signer

__all__ = ["command"]

_VERSION = re.compile(r"[1-9][0-9]*", re.ASCII)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME VERSION... | NAMES...]")
@click.option("--owner", help="The person who answers for what is adopted; on the trust list.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Its last day: at most 180 days from now.")
@click.option("--dry-run", is_flag=True, help="Only say what stands there and what a promotion would be told.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="The first day of what would have been refused.")
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan to a .md or .html file."
)
@key_option
@settings_options
@as_json
def command(
    names: tuple[str, ...],
    owner: str | None,
    until: datetime | None,
    dry_run: bool,
    since: datetime | None,
    output: Path | None,
    key: Path | None,
    settings: Settings,
    json_: bool,
) -> int:
    """Take in an existing MLflow registry in place: the models NAMES, or all; or single versions of one model.

    Alone it writes nothing and shows a way in: for each model a proposed tier, what is missing and how long that takes,
    and a plan of 30, 60 and 90 days; with what observe and warn let through (--since) that enforce would have refused.

    To adopt a version is to let it stay in production for a time, without evidence, while somebody answers for it.

    \b
    A usual way in:
      aims-gates adopt
      aims-gates adopt --dry-run
      aims-gates adopt --owner PERSON --until DATE --key POLICY.key
      # in system.yaml: modes: {observe: DATE, warn: DATE, enforce: DATE}
      aims-gates bind MODEL --system SYSTEM --key POLICY.key
      aims-gates adopt MODEL VERSION --key YOUR.key
      aims-gates status --sort state

    Point --registry at the same database (aims+sqlite:///mlflow.db), make a trust list, look with --dry-run, then
    adopt: each version in production keeps running under a grant of its own kind, with an owner and an end. It never
    counts as met, and every new promotion is decided as usual. A name that open mode leaves to itself is taken in
    where it is named. Runs where the database is; role policy.

    NAME VERSION, without --owner and --until, takes in a version that was registered before aims-gates was there, or
    past it: its bytes are hashed, and you sign for them as its registrar (role developer or policy). Run, source, tags
    and logged model stay as they are. It shows as "taken in on DATE, not registered here", and is from then on checked
    and asked for like any other; whoever took it in cannot approve it.
    """
    from aims_gates.ledger.connect import open_database
    from aims_gates.mlflow_plugin.client.release import use
    from aims_gates.mlflow_plugin.store.adoption import adopt, survey

    use(settings)
    if len(names) > 1 and owner is None and until is None and all(map(_VERSION.fullmatch, names[1:])):
        return _versions(settings, names[0], names[1:], key, json_)
    if dry_run:
        with open_database(settings.need_registry()) as connection:
            problems = survey(connection, datetime.now(UTC), names)
    elif owner is None and until is None:
        show_ramp(settings, names, since.date() if since else date.min, output, json_)
        return 0
    elif owner is None or until is None:
        raise click.UsageError("say --owner and --until both, or neither to see a way in")
    else:
        problems = adopt(settings, owner, until.date(), signer(settings, key), names)
    emit([_plain(problem) for problem in problems], json_, lambda: _text(problems, dry_run))
    return 2 if any(problem.trouble for problem in problems) else 0


def _versions(settings: Settings, name: str, versions: tuple[str, ...], key: Path | None, json_: bool) -> int:
    """Take in versions that were registered past aims-gates; what cannot be is said, and the others are taken in."""
    from aims_gates.mlflow_plugin.client.intake import take_in

    signing, done, problems = signer(settings, key), [], []
    for version in versions:
        try:
            done.append(take_in(settings, ModelRef(settings.workspace, name, version), signing))
        except AimsGatesError as error:
            problems.append(error)
    if len(versions) == 1 and problems:
        raise problems[0]
    rows = [{"statement": row.digest, "position": row.position, **plain(row.predicate)} for row in done]
    lines = [_taken_in(row) for row in rows] + [f"NOT taken in: {error}" for error in problems]
    emit(rows, json_, lambda: "\n".join(lines))
    return 2 if problems else 0


def _taken_in(intake: dict[str, Any]) -> str:
    run = f", run {intake['run_id']}" if intake["run_id"] else ""
    what = f"{intake['name']} version {intake['version']}"
    return f"{what} is taken in as {intake['digest'][:19]}{run}, at ledger position {intake['position']}"


def _plain(candidate: Any) -> dict[str, Any]:
    fields = {
        field: getattr(candidate, field) for field in ("workspace", "name", "version", "alias", "location", "digest")
    }
    return fields | {
        "missing": list(candidate.missing),
        "trouble": candidate.trouble,
        "system": candidate.decision.system,
    }


def _told(candidate: Any) -> str:
    return str(candidate.trouble or "; ".join(candidate.missing[:3]))


def _text(candidates: list[Any], dry_run: bool) -> str:
    if not candidates:
        return "nothing stands in production without a grant"
    rows = [
        (
            called(candidate.workspace, candidate.name),
            candidate.version,
            candidate.alias,
            candidate.decision.system or "-",
            _told(candidate),
        )
        for candidate in candidates
    ]
    done = sum(candidate.trouble is None for candidate in candidates)
    what = "would be adopted" if dry_run else "adopted"
    shown = table(("MODEL", "VERSION", "ALIAS", "SYSTEM", "A PROMOTION WOULD BE TOLD"), rows)
    return f"{shown}\n{done} of {len(candidates)} {what}"
