"""``aims-gates doctor``: what is wrong with this installation."""

import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path

import click

from aims_gates.attestation.signing.keys import ENVIRONMENT, read_private
from aims_gates.cli.doctor_registry import Check, State, registry_checks
from aims_gates.cli.options import as_json, emit, settings_options_looking
from aims_gates.errors import AimsGatesError
from aims_gates.packs.find import find_gates
from aims_gates.settings import SCHEMES, Settings, database_uri

__all__ = ["command"]

_NEEDED: Mapping[str, tuple[int, ...]] = {"pandas": (2, 2), "pyarrow": (17, 0)}
#: Each minor version of DuckDB may answer otherwise; the first that was tested, and the first that was not.
_DUCKDB = ((2, 0), (2, 1))
#: What may be absent: what needs it, the extra that brings it, and the least version where it is there.
_OPTIONAL: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "great-expectations": ("data_quality, for other than common expectations", "gates", (1, 24)),
    "evidently": ("the page that drift attaches", "gates", (0, 7)),
    "river": ("drift in streams", "gates", (0, 21)),
    "pip-audit": ("check --advisories", "gates", (2, 10)),
    "cyclonedx-python-lib": ("bom", "gates", (9,)),
    "flask": ("the embedded registry and the server", "server", (3,)),
    "pyjwt": ("sign-in at a server", "server", (2, 9)),
    "psycopg": ("registries on PostgreSQL", "postgresql", (3, 2)),
    "boto3": ("artifacts on S3", "server", (1, 34)),
    "pyspark": ("data on Spark", "spark", (4,)),
    "deltalake": ("folders of Delta", "delta", (1,)),
}


def _state(good: bool) -> State:
    return "ok" if good else "wrong"


def _python() -> Iterator[Check]:
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield "python", _state(good), sys.version.split()[0], "Use Python 3.11, 3.12 or 3.13."


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _versions() -> Iterator[Check]:
    for name, least in _NEEDED.items():
        installed = _installed(name)
        remedy = f"pip install -U '{name}>={'.'.join(map(str, least))}'"
        good = installed is not None and _numbers(installed) >= least
        yield name, _state(good), installed or "not installed", remedy
    for name, (purpose, extra, least) in _OPTIONAL.items():
        installed = _installed(name)
        remedy = f"pip install -U 'aims-gates[{extra}]'"
        if installed is None:
            yield name, "optional", f"not installed; needed by {purpose}", remedy
        elif _numbers(installed) < least:
            yield name, "wrong", f"{installed} is too old for {purpose}", remedy
        else:
            yield name, "ok", installed, ""


def _duckdb() -> Iterator[Check]:
    least, below = (".".join(map(str, bound)) for bound in _DUCKDB)
    remedy = f"pip install 'duckdb>={least},<{below}'"
    installed = _installed("duckdb")
    if installed is None:
        yield "duckdb", "wrong", "not installed", remedy
        return
    tested = _DUCKDB[0] <= _numbers(installed) < _DUCKDB[1]
    yield "duckdb", _state(tested), installed if tested else f"{installed}, which was not tested", remedy
    from aims_gates.data.open import engine_problems

    wrong = engine_problems()
    yield "duckdb's answers", _state(not wrong), "; ".join(wrong) or "right", remedy


def _mlflow() -> Iterator[Check]:
    from aims_gates.mlflow_plugin.internals.versions import (
        FLOOR,
        SERVER_FLOOR,
        installed,
        minor,
        need_tested,
        spelled,
    )

    try:
        newer = "" if need_tested(FLOOR, "aims-gates") else ", newer than what was tested"
    except AimsGatesError as error:
        yield "mlflow", "wrong", error.message, error.remedy or ""
        return
    serves = "" if minor(installed()) >= SERVER_FLOOR else f"; a server needs {spelled(SERVER_FLOOR)}"
    yield "mlflow", "ok", f"{installed()}{newer}{serves}", ""
    if find_spec("mlflow.server") is not None and find_spec("flask") is not None:  # mlflow-skinny holds no store
        yield from _store()


def _store() -> Iterator[Check]:
    from aims_gates.mlflow_plugin.internals.verify import need_store

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is newer is said already
            need_store()
        yield "registry store", "ok", "MLflow is as it must be", ""
    except AimsGatesError as error:
        yield "registry store", "wrong", error.message, error.remedy or ""


def _plugin() -> Iterator[Check]:
    names = {point.name for point in entry_points(group="mlflow.model_registry_store")}
    for scheme in SCHEMES:
        remedy = "Install aims-gates into the environment that runs MLflow: pip install aims-gates"
        yield (
            f"scheme {scheme}",
            _state(scheme in names),
            "known to MLflow" if scheme in names else "unknown to MLflow",
            remedy,
        )


def _gates(settings: Settings) -> Iterator[Check]:
    try:
        gates = find_gates(settings.packs)
        for gate in gates.values():
            _ = gate.manifest
        yield "gates", _state(bool(gates)), f"{len(gates)} found", "Reinstall aims-gates."
    except AimsGatesError as error:
        yield "gates", "wrong", error.message, error.remedy or ""


def _key(settings: Settings) -> Iterator[Check]:
    if not (settings.key or os.environ.get(ENVIRONMENT)):
        yield "key", "optional", "none named; commands that sign need --key", ""
        return
    try:
        yield (
            "key",
            "ok",
            f"public {read_private(None if os.environ.get(ENVIRONMENT) else settings.key).public[:12]}...",
            "",
        )
    except AimsGatesError as error:
        yield "key", "wrong", error.message, error.remedy or ""


def _registry(settings: Settings) -> Iterator[Check]:
    if settings.registry is None:
        yield "registry", "optional", "none named; set MLFLOW_REGISTRY_URI or write aims.yaml", ""
        return
    from sqlalchemy.engine import make_url

    from aims_gates.ledger import history, rows
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.remote import is_remote

    try:
        place = None if is_remote(settings.registry) else make_url(database_uri(settings.registry)).database
        if place and Path(place).is_file() and stat.S_IMODE(Path(place).stat().st_mode) & 0o002:
            yield "registry", "wrong", "everybody may write its file", f"chmod o-w {place}"
        with open_ledger(settings.registry) as connection:
            past = history(connection)
            newest = max((row.at for row in rows(connection, ("trust",), past.keys())), default=None)
        yield "registry", "ok", settings.registry, ""
        yield (
            "trust list",
            _state(past.current() is not None),
            f"{len(past.lists)} versions",
            "aims-gates keys trust --first ...",
        )
        late = newest is not None and newest > datetime.now(UTC)
        yield (
            "clock",
            _state(not late),
            "behind the ledger" if late else "not behind the ledger",
            "Set this machine's clock.",
        )
    except AimsGatesError as error:
        yield "registry", "wrong", error.message, error.remedy or ""


@click.command()
@settings_options_looking
@as_json
def command(settings: Settings, looking: bool, json_: bool) -> int:
    """Say what is wrong with this installation: versions, DuckDB's answers, plugin, gates, key, registry, clock.

    With --registry also what the registry holds that nobody answers for, each with the command that mends it: versions
    registered before aims-gates or past it, models without a binding, bindings that differ from their system's file,
    aliases that no grant stands for, and versions whose bytes are gone. Runs where the database is.

    What is optional and absent, and what open mode leaves to itself, is marked "--" and is no fault. The exit code is 1
    where something is wrong.
    """
    checks: list[Callable[[], Iterator[Check]]] = [
        _python,
        _mlflow,
        _versions,
        _duckdb,
        _plugin,
        lambda: _gates(settings),
        lambda: _key(settings),
        lambda: _registry(settings),
    ]
    if looking:
        checks.append(lambda: registry_checks(settings))
    results = [check for result in checks for check in result()]
    rows = [
        {
            "check": name,
            "ok": state != "wrong",
            "state": state,
            "found": message,
            "remedy": None if state == "ok" else remedy or None,
        }
        for name, state, message, remedy in results
    ]
    emit(rows, json_, lambda: "\n".join(map(_line, results)))
    return 1 if any(state == "wrong" for _, state, _, _ in results) else 0


def _line(check: Check) -> str:
    name, state, message, remedy = check
    mark = {"ok": "ok", "optional": "--", "wrong": "NO"}[state]
    return f"{mark:<3} {name:<20} {message}" + (f"\n    {remedy}" if state != "ok" and remedy else "")
