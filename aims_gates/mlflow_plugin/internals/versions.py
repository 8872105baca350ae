"""Which MLflow is installed, and which versions aims-gates was tested with; MLflow itself is not imported."""

import ast
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aims_gates.errors import InputError

__all__ = ["FLOOR", "NEWEST", "SERVER_FLOOR", "Minor", "constant", "installed", "minor", "need_tested", "spelled"]

Minor = tuple[int, int]

#: The oldest minor version for clients and the embedded store, the oldest for a server, and the newest tested.
FLOOR: Minor = (3, 10)
SERVER_FLOOR: Minor = (3, 17)
NEWEST: Minor = (3, 18)


def spelled(version: Minor) -> str:
    """``3.17``."""
    return ".".join(map(str, version))


@cache
def constant(module: str, name: str) -> str | None:
    """The text that a module of MLflow gives a name, read from its source; None where there is none.

    Args:
        module: For instance ``mlflow.server.constants``, whose import would load the whole server.
        name: A name that the module assigns.
    """
    top = find_spec("mlflow")
    folders = list(top.submodule_search_locations or ()) if top else []
    for place in (Path(folder, *module.split(".")[1:]) for folder in folders):
        source = next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
        if source is not None:
            return _assigned(ast.parse(source.read_text(encoding="utf-8")), name)
    return None


def _assigned(tree: ast.Module, name: str) -> str | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = getattr(node, "value", None)
            return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
    return None


def installed() -> str:
    """The version of MLflow's code, whether ``mlflow`` or ``mlflow-skinny`` brought it.

    Raises:
        InputError: there is none.
    """
    version = constant("mlflow.version", "VERSION")
    if version is None:
        raise InputError("MLflow is not installed", remedy=f"pip install 'mlflow>={spelled(FLOOR)}'")
    return version


def minor(version: str) -> Minor:
    """The first two numbers of a version.

    Raises:
        InputError: it does not begin with two numbers.
    """
    match = re.match(r"(\d+)\.(\d+)", version, re.ASCII)
    if match is None:
        raise InputError(f"{version!r} is no version of MLflow", remedy="Reinstall MLflow.")
    return int(match[1]), int(match[2])


def need_tested(floor: Minor, what: str) -> bool:
    """Whether the installed MLflow is one that aims-gates was tested with; False where it is newer.

    Args:
        floor: The oldest that will do.
        what: What needs it, for the message.

    Raises:
        InputError: it is older.
    """
    version = installed()
    if minor(version) < floor:
        raise InputError(
            f"{what} needs MLflow {spelled(floor)} or later; this is {version}",
            remedy=f"pip install 'mlflow>={spelled(floor)},<{spelled((NEWEST[0], NEWEST[1] + 1))}'",
        )
    return minor(version) <= NEWEST
