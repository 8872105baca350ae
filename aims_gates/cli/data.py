"""``aims-gates data schema``: declare how the columns of a file are read."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json, emit

if TYPE_CHECKING:
    from aims_gates.data.propose import ProposedSchema

__all__ = ["command"]


@click.group()
def command() -> None:
    """What data files hold: propose and check their declared schemas."""


@command.group()
def schema() -> None:
    """A schema says what each column is, so that nothing has to be guessed: type, format, marks, role.

    It is a Frictionless Table Schema with a Table Dialect, in YAML or JSON, beside the data (loans.schema.yaml) or
    beside system.yaml, which names it under `schema:` for each set of data. See docs/guides/schemas.md.
    """


@schema.command(epilog="Example: aims-gates data schema propose loans.csv > loans.schema.yaml")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@as_json
def propose(files: tuple[str, ...], json_: bool) -> int:
    """Propose one schema for files that hold the same columns.

    It says what was guessed of each column and what else it could have been. DECIDE stands where two readings fit:
    nothing uses such a column before somebody has said which is meant.
    """
    from aims_gates.data.propose import propose_schema

    proposal = propose_schema(files)
    plain = {"schema": proposal.schema, "columns": proposal.columns, "notes": list(proposal.notes)}
    emit(plain, json_, lambda: "\n".join(_yaml(proposal, files)))
    return 0


@schema.command(epilog="Example: aims-gates data schema check loans.csv --schema loans.schema.yaml")
@click.argument("file")
@click.option("--schema", "schema_file", required=True, metavar="S", help="The schema: YAML or JSON.")
@as_json
def check(file: str, schema_file: str, json_: bool) -> int:
    """Read a file as its schema says, and name everything in which it differs: column, cell, remedy.

    Exit code 1 where it differs.
    """
    from aims_gates.data import Dataset

    data = Dataset.open(file, role="data", schema=schema_file)
    emit(data.described(), json_, lambda: f"{file}: {data.rows:,} rows, {len(data.columns)} columns, all as declared")
    return 0


def _yaml(proposal: "ProposedSchema", files: tuple[str, ...]) -> Iterator[str]:
    """The schema as YAML, with a comment for what was guessed."""
    yield f"# Proposed from {', '.join(files)}. Read it before it counts, and give fields their roles."
    for note in proposal.notes:
        yield f"# {note}"
    if "dialect" in proposal.schema:
        yield f"dialect: {_flow(proposal.schema['dialect'])}"
    yield "fields:"
    for item in proposal.schema["fields"]:
        known = proposal.columns[item["name"]]
        if "decide" in known:
            yield f"# DECIDE: {known['decide']}"
        yield f"- name: {_flow(item['name'])}"
        could = f"; could be: {', or '.join(known['could_be'])}" if known["could_be"] else ""
        for part, value in item.items():
            if part != "name":
                comment = f"  # {known['read_as']}{could}" if part == "type" else ""
                yield f"  {part}: {_flow(value)}{comment}"


def _flow(value: Any) -> str:
    """A value on one line; JSON is YAML."""
    plain = isinstance(value, str) and value.isidentifier() and value.lower() not in ("true", "false", "null", "y", "n")
    return value if plain else json.dumps(value, ensure_ascii=False)
