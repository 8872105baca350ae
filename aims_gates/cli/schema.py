"""``aims-gates schema``: the JSON Schema of a record, for editors."""

import json
from collections.abc import Mapping

import click
from pydantic import BaseModel

from aims_gates.errors import InputError
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.records.reader import System
from aims_gates.governance.records.requirements import Requirements
from aims_gates.packs.manifest import Manifest
from aims_gates.profiles import Profile

__all__ = ["command"]

_SCHEMAS: Mapping[str, type[BaseModel]] = {
    "system": System,
    "requirements": Requirements,
    "profile": Profile,
    "gate": Manifest,
    **SHAPES,
}


_OTHERS = ", ".join(name for name in _SCHEMAS if name not in SHAPES)


@click.command(help=f"Print the JSON Schema of NAME: {_OTHERS}, or a record (`aims-gates records list`).")
@click.argument("name")
def command(name: str) -> None:
    """Print the JSON Schema of a record."""
    if name not in _SCHEMAS:
        raise InputError(f"there is no schema {name!r}", remedy=f"Choose from: {', '.join(_SCHEMAS)}.")
    click.echo(json.dumps(_SCHEMAS[name].model_json_schema(), indent=1))
