"""``aims-gates try``: one gate on files, without MLflow."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json, settings_options
from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import read_json
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.model import Finding, Outcome
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.settings import Settings

if TYPE_CHECKING:
    from aims_gates.data import Dataset

__all__ = ["EXITS", "command"]

#: Roles that one column has; others (sensitive, slice, a gate's own) may have several.
_ONE = frozenset({"target", "prediction", "score", "weight", "timestamp", "id"})
#: As :data:`aims_gates.data.open.ENGINES`, which must not be imported for a help text.
ENGINES = ("duckdb", "pandas", "polars", "spark")
EXITS = {"pass": 0, "fail": 2, "inconclusive": 3, "error": 1}


def _pairs(options: Iterable[str], option: str) -> list[tuple[str, str]]:
    pairs = []
    for option_text in options:
        name, equals, value = option_text.partition("=")
        if not equals or not name or not value:
            raise InputError(
                f"{option_text!r} is not KEY=VALUE", where=option, remedy=f"Write it as {option} KEY=VALUE."
            )
        pairs.append((name, value))
    return pairs


def _once(pairs: list[tuple[str, str]], option: str) -> dict[str, str]:
    for name, _ in pairs:
        if [other for other, _ in pairs].count(name) > 1:
            raise InputError(f"{name!r} is given twice", where=option, remedy="Give it once.")
    return dict(pairs)


def _roles(pairs: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    roles: dict[str, tuple[str, ...]] = {}
    for role, column in pairs:
        if role in roles and (role in _ONE or column in roles[role]):
            message = f"the role {role!r} is given twice: {', '.join((*roles[role], column))}"
            raise InputError(message, where="--role", remedy="Give one column for it.")
        roles[role] = (*roles.get(role, ()), column)
    return roles


def _json(name: str, text: str) -> Any:
    try:
        return read_json(text.encode(), f"--param {name}").value
    except InputError as error:
        if text[:1] in '[{"0123456789-':
            raise
        raise InputError(
            error.message, where=error.where, remedy=f"""Text needs quotes: --param {name}='"{text}"'"""
        ) from error


def _check_names(gate: Gate, option: str, what: str, needs: Mapping[str, str], names: Collection[str]) -> None:
    """Refuse a name that the gate does not know, and the lack of one that it requires.

    Args:
        gate: The gate that is tried.
        option: The option that gives the names, and an example of its value.
        what: What the names stand for: data or a role.
        needs: The names that the gate knows -> ``required`` or ``optional``.
        names: Those that were given.
    """
    flag, example = option.split(" ")
    for name, need in needs.items():
        if need == "required" and name not in names:
            message = f"the gate {gate.id!r} needs {what.format(name)}"
            raise InputError(message, where=flag, remedy=f"Add {flag} {name}={example}.")
    for name in names:
        if name not in needs:
            message = f"the gate {gate.id!r} takes no {what.format(repr(name))}"
            raise InputError(message, where=flag, remedy=f"It takes: {', '.join(needs) or 'none'}.")


def _open(
    gate: Gate, data: dict[str, str], schemas: dict[str, str], engine: Any, opened: "dict[str, Dataset]"
) -> dict[str, tuple[str, ...]]:
    """Open each set; gives the columns that schemas name for the gate's roles."""
    from aims_gates.data import Dataset

    inputs = gate.manifest.inputs
    _check_names(gate, "--data FILE", "{} data", inputs.data, data)
    for role in schemas:
        if role not in data:
            raise InputError(f"there is no {role} data", where="--schema", remedy=f"Add --data {role}=FILE.")
    roles: dict[str, tuple[str, ...]] = {}
    for role, place in data.items():
        opened[role] = Dataset.open(place, role=role, engine=engine, schema=schemas.get(role))
        declared = opened[role].declared
        for name, columns in ({} if declared is None else declared.roles()).items():
            if name in inputs.roles:
                roles.setdefault(name, columns)
    return roles


def _run(
    gate: Gate, opened: "dict[str, Dataset]", roles: dict[str, tuple[str, ...]], params: dict[str, Any]
) -> tuple[Finding, ...]:
    inputs = gate.manifest.inputs
    _check_names(gate, "--role COLUMN", "role {}", inputs.roles, roles)
    filled = gate.params(params, "--param")
    case = Case(gate.id, filled, roles, opened, datetime.now(UTC))
    findings = run_gate(gate, case)
    for name, content in case.attached.items():
        file = Path(f"{gate.id}-{Path(name).name}")
        write_whole(file, content)
        click.echo(f"wrote {file}", err=True)
    return findings


@click.command(
    epilog="Example: aims-gates try fairness --data evaluation=scored.csv --role prediction=yes --role sensitive=race"
)
@click.argument("gate_id", metavar="GATE")
@click.option(
    "--data", "data", multiple=True, metavar="ROLE=FILE", help="CSV, Parquet, or a table: duckdb:///f.db#t. Repeatable."
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE=COLUMN",
    help="target, prediction, score, sensitive ... Repeatable; sensitive may have several columns.",
)
@click.option(
    "--schema",
    "schemas",
    multiple=True,
    metavar="ROLE=FILE",
    help="What the data of that role are declared to hold; see: aims-gates data schema propose FILE. Repeatable.",
)
@click.option(
    "--param", "params", multiple=True, metavar="KEY=JSON", help="A parameter; see: aims-gates gates show GATE."
)
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="duckdb",
    show_default=True,
    help="What reads and measures the data: duckdb in place, spark (needs aims-gates[spark]), or pandas or polars,"
    " which read the file whole. The numbers are the same.",
)
@settings_options
@as_json
def command(
    gate_id: str,
    data: tuple[str, ...],
    roles: tuple[str, ...],
    schemas: tuple[str, ...],
    params: tuple[str, ...],
    engine: str,
    settings: Settings,
    json_: bool,
) -> int:
    """Run one gate on files; no MLflow, no profile, nothing recorded.

    The exit code is 0 for pass, 2 for fail, 3 for inconclusive, 1 for an error.
    """
    gates = find_gates(settings.packs)
    if gate_id not in gates:
        raise InputError(f"there is no gate {gate_id!r}", remedy=f"Choose from: {', '.join(sorted(gates))}.")
    gate = gates[gate_id]
    opened: dict[str, Dataset] = {}
    try:
        filled = {name: _json(name, text) for name, text in _once(_pairs(params, "--param"), "--param").items()}
        places, own = _once(_pairs(data, "--data"), "--data"), _roles(_pairs(roles, "--role"))
        declared = _open(gate, places, _once(_pairs(schemas, "--schema"), "--schema"), engine, opened)
        findings = _run(gate, opened, {**declared, **own}, filled)
    except AimsGatesError as error:
        place = f"{error.where}: " if error.where else ""
        findings = (
            Finding(
                gate.id,
                outcome="error",
                controls=tuple(gate.manifest.controls),
                note=f"{place}{error.message}",
                remedy=error.remedy,
            ),
        )
    outcome = outcome_of(findings)
    _print(gate.id, outcome, findings, opened, json_)
    return EXITS[outcome]


def _print(
    gate: str, outcome: Outcome, findings: tuple[Finding, ...], opened: "dict[str, Dataset]", json_: bool
) -> None:
    described = {role: data.described() for role, data in opened.items()}
    if json_:
        import json

        from aims_gates.reports.json import gate_json

        click.echo(
            json.dumps(
                {**gate_json(gate, outcome, findings), "data": described}, indent=1, ensure_ascii=False, allow_nan=False
            )
        )
        return
    from aims_gates.reports.text import show_gate

    show_gate(gate, outcome, findings)
    for role, data in opened.items():
        if data.declared is None:
            click.echo(_read_as(role, described[role]), err=True)


def _read_as(role: str, described: Mapping[str, Any]) -> str:
    """How a set without a schema was read, column by column."""
    columns = ", ".join(f"{name}: {column['read_as']}" for name, column in described["columns"].items())
    notes = "".join(f"\n  {note}" for note in described["notes"])
    return f"{role} was read without a schema, as {columns}{notes}"
