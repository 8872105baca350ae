"""``aims-gates data schema``: declare how the columns of a file are read."""

from pathlib import Path

import click

from aims_gates.cli.options import as_json, emit
from aims_gates.documents.files import write_new

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


@schema.command(epilog="Example: aims-gates data schema propose loans.csv --output loans.schema.yaml")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the schema to a new YAML file.")
@as_json
def propose(files: tuple[str, ...], output: Path | None, json_: bool) -> int:
    """Propose one schema for files that hold the same columns.

    It says what was guessed of each column and what else it could have been. Where two readings fit the type is
    REPLACE: nothing reads the file by this schema before somebody has said which is meant.
    """
    from aims_gates.data.propose import propose_schema, schema_yaml

    proposal = propose_schema(files)
    if output is not None:
        write_new(output, schema_yaml(proposal, files))
        open_ = f"{len(proposal.open)} to be decided" if proposal.open else "read them before they count"
        click.echo(f"wrote {output}: {len(proposal.columns)} fields; {open_}", err=True)
    if output is not None and not json_:
        return 0
    plain = {"schema": proposal.schema, "columns": proposal.columns, "notes": list(proposal.notes)}
    emit(plain, json_, lambda: schema_yaml(proposal, files).rstrip("\n"))
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
