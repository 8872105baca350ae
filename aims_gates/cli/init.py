"""``aims-gates init``: a pack with one system to fill in, or a worked example to look around in."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.documents.files import write_new
from aims_gates.documents.shell import quoted
from aims_gates.errors import AimsGatesError, InputError

__all__ = ["command"]

_TIERS = ("high", "limited", "minimal")
#: What asks for the least: for a first look, where neither tier nor profile is named.
_LEAST = "starter-minimal"

#: What YAML reads as something other than text.
_WORDS = ("true", "false", "null")

_AIMS = """\
# Settings of the aims-gates commands in this folder; paths are relative to this file.
packs: [.]
registry: aims+sqlite:///registry.db
tracking: sqlite:///tracking.db
"""

_SYSTEM = """\
# One AI system. What this file leaves out comes from records/organization/defaults.yaml.
name: {name}
title: {title}
# What it is for, for whom, and what is decided with it. Its digest binds everything else.
purpose: >-
  REPLACE <{name}.purpose> with a sentence or two: what this system is for, and who is affected by it.
owner: REPLACE <system_owner> with the role or person who answers for it
# prohibited, high, limited or minimal: the result of your classification.
tier: {tier}
profile: {profile}
# The registered models in MLflow that belong to this system.
models: [{name}]
# Where the data are, from this pack's root: CSV, Parquet (file, folder, glob) or a database table.
data:
  evaluation: data/evaluation.parquet
  reference: data/reference.parquet
  production: data/production.parquet
{schemas}# Which column is what. Predictions and scores are added by aims-gates itself.
roles:
  target: REPLACE
  sensitive: [REPLACE]
# Facts on which a profile's applies_when looks.
facts:
  affects_people: true
  generative: false
# What only the system knows about a gate's work.
gates:
  data_quality:
    suite: {{file: suite.json}}
"""

_SCHEMAS = """\
# What the columns of each set hold, so that nobody guesses. Profile {profile} requires it: propose each, and read it.
#   aims-gates data schema propose data/evaluation.parquet --output records/systems/{name}/evaluation.schema.yaml
# schema:
#   evaluation: {{file: evaluation.schema.yaml}}
#   reference: {{file: reference.schema.yaml}}
#   production: {{file: production.schema.yaml}}
"""

_SUITE = """\
{
  "name": "evaluation",
  "expectations": [
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
  ]
}
"""

_REQUIREMENTS = """\
# Fixed before training. Write the digest that this prints: aims-gates digest data/evaluation.parquet
decided_on: {today}
decided_by: REPLACE <system_owner> with the role or person who fixed it
evaluation:
  file: data/evaluation.parquet
  digest: REPLACE <{name}.data.evaluation.digest>
"""

_DEFAULTS = """\
# Defaults for every system of the organization; a family (records/families/NAME.yaml) and a system override them.
workspace: default
"""


def _schemas(folder: Path) -> dict[str, str]:
    """A proposed schema of each set that is there, by role."""
    from aims_gates.data.propose import propose_schema, schema_yaml

    places = {role: f"data/{role}.parquet" for role in ("evaluation", "reference", "production")}
    there = {role: place for role, place in places.items() if (folder / place).exists()}
    return {role: schema_yaml(propose_schema([folder / place]), [place]) for role, place in there.items()}


def _declared(folder: Path, name: str, profile: str, roles: Iterable[str]) -> str:
    """The lines of system.yaml that name schemas; where none could be proposed, how to, if the profile wants them."""
    from aims_gates.profiles import open_profile

    lines = [f"  {role}: {{file: {role}.schema.yaml}}\n" for role in roles]
    if lines:
        return "".join(["# What the columns of each set hold, as proposed from them: read it.\nschema:\n", *lines])
    wants = open_profile(profile, _packs(folder))[0].schemas
    return _SCHEMAS.format(name=name, profile=profile) if wants else ""


def _packs(folder: Path) -> list[Path]:
    return [folder] if (folder / "profiles").is_dir() else []


def _files(pack: Path, name: str, tier: str, profile: str) -> dict[str, str]:
    from aims_gates.setup.due_records import card_skeleton

    today = datetime.now(UTC).date()
    folder = f"records/systems/{name}"
    schemas = _schemas(pack)
    title = name.replace("-", " ").replace("_", " ").capitalize()
    declared = _declared(pack, name, profile, schemas)
    system = _SYSTEM.format(name=name, title=title, tier=tier, profile=profile, schemas=declared)
    files = {
        "aims.yaml": _AIMS,
        "records/organization/defaults.yaml": _DEFAULTS,
        f"{folder}/system.yaml": system,
        f"{folder}/suite.json": _SUITE,
        **{f"{folder}/{role}.schema.yaml": text for role, text in schemas.items()},
    }
    if tier != "minimal":
        files[f"{folder}/requirements.yaml"] = _REQUIREMENTS.format(name=name, today=today.isoformat())
        files[f"{folder}/card.yaml"] = card_skeleton({"system": name}, today)
    return files


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--system", "name", help="The system's name. Default: my-system.")
@click.option("--tier", type=click.Choice(_TIERS), help="Its risk tier. Default: that of --profile, else minimal.")
@click.option(
    "--profile", help=f"Its profile, e.g. starter. Default: the tier's own; without --tier the least: {_LEAST}."
)
@click.option("--example", help="A worked example instead: credit-scoring (tier high, every record, a trained model).")
@click.option("--no-start", is_flag=True, help="With --example: write its files only; train and register nothing.")
def command(
    folder: Path, name: str | None, tier: str | None, profile: str | None, example: str | None, no_start: bool
) -> None:
    """Start a pack with one system in FOLDER (the current one by default). Existing files are never touched.

    With --example a complete one is written: records with dates around today, keys, a gated registry, and a model that
    is trained, checked, approved and in production, by the commands it prints (about a minute). Then look around with
    `aims-gates check`, `aims-gates explain mortgage 1 --to production` and `aims-gates report soa`.
    """
    nothing_said = (example, name, tier, profile) == (None, None, None, None)
    if nothing_said and sys.stdin.isatty() and sys.stdout.isatty():
        example, tier = _asked()
    if example is not None:
        _example(example, folder, no_start)
    else:
        _empty(folder, "my-system" if name is None else name, *_tier_and_profile(folder, tier, profile))


def _tier_and_profile(folder: Path, tier: str | None, profile: str | None) -> tuple[str, str]:
    """Tier and profile as one: --tier high gives the profile high, --profile starter the tier that it is for."""
    from aims_gates.profiles import open_profile

    if profile is None:
        return (tier, tier) if tier is not None else ("minimal", _LEAST)
    for_tier = open_profile(profile, _packs(folder))[0].tier
    if for_tier == "any":
        remedy = f"Lay it over a profile: --profile {quoted(f'{tier or _TIERS[0]}+{profile}')}"
        raise InputError(f"{profile!r} is an overlay and stands on no system alone", where="--profile", remedy=remedy)
    if tier not in (None, for_tier):
        remedy = f"Leave out --tier, or choose a profile of tier {tier}: aims-gates profile list"
        raise InputError(f"the profile {profile!r} is for tier {for_tier}", where="--profile", remedy=remedy)
    return for_tier, profile


def _asked() -> tuple[str | None, str | None]:
    """What to start with, asked on a terminal."""
    click.echo("1  a worked example: credit scoring at tier high, every record filled in (about a minute)")
    click.echo("2  an empty pack at tier minimal: the least that is asked for")
    click.echo("3  an empty pack at tier limited")
    click.echo("4  an empty pack at tier high")
    chosen = click.prompt("Start with", type=click.Choice(["1", "2", "3", "4"]), default="1")
    return ("credit-scoring", None) if chosen == "1" else (None, ("minimal", "limited", "high")[int(chosen) - 2])


def _example(example: str, folder: Path, no_start: bool) -> None:
    from aims_gates.packs.examples import about, write_example

    info = about(example)
    lacking = [need for need in info.needs if importlib.util.find_spec(need) is None]
    if lacking and not no_start:
        remedy = f"Run: pip install 'aims-gates[{info.extra}]'; or write the files alone: --no-start"
        raise InputError(f"this example needs {', '.join(lacking)}", where=f"--example {example}", remedy=remedy)
    written = write_example(example, folder, datetime.now(UTC).date())
    click.echo(f"wrote {len(written)} files to {folder.resolve()}: {info.title}", err=True)
    if no_start:
        click.echo(f"\nNext:\n  cd {quoted(folder)}\n  python {quoted(info.start)}")
        return
    # In a process of its own: it works in its folder, with its own modules and MLflow's settings.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, info.start], cwd=folder, env=environment, check=False)
    if done.returncode != 0:
        raise AimsGatesError(
            f"{info.start} stopped with exit code {done.returncode}",
            where=str(folder),
            remedy="Its output above says why. Remove registry.db there and run it again.",
        )
    click.echo(
        f"""
Next, in {folder}:
  aims-gates check
  aims-gates report soa
  aims-gates status
  delete or change a file under records/, check again, and:
  aims-gates explain {quoted(info.system)} 1 --to production"""
    )


def _empty(folder: Path, name: str, tier: str, profile: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name in _WORDS:
        remedy = "Begin with a small letter; then small letters, digits, - and _."
        raise InputError(f"{name!r} cannot be a system's name", where="--system", remedy=remedy)
    files = _files(folder, name, tier, profile)
    taken = [path for path in files if (folder / path).exists() and path.startswith("records/systems")]
    if taken:
        raise InputError(
            "the system is already there", where=str(folder / taken[0]), remedy="Choose another --system NAME."
        )
    for path, text in files.items():
        place = folder / path
        if place.exists():
            continue
        write_new(place, text)
        click.echo(f"wrote {place}")
    click.echo(
        f"""
Tier {tier}, profile {profile}.

Next:
  1. Fill in every REPLACE in {folder / "records/systems" / name} (aims-gates records fill), and see what is due:
     aims-gates plan {quoted(name)}; write the records that it requires: aims-gates records new --due {quoted(name)}
  2. Keys: aims-gates keys new keys/policy, then
     aims-gates keys trust keys/policy.pub --person YOU --role policy --first --key keys/policy.key
     and the same, without --first, for CI (--role ci --service), developers (--role developer) and approvers.
  3. Bind: aims-gates bind {quoted(name)} --system {quoted(name)} --key keys/policy.key
  4. Log a model with MLflow, register it, and: aims-gates check --model {quoted(name)} --version 1 --key keys/ci.key"""
    )
