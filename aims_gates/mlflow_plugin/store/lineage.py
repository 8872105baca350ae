"""Where a version came from: every run and logged model behind it, through copies of versions."""

# mypy: allow-untyped-calls

from typing import Any

from mlflow.exceptions import MlflowException

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.store import parse_model_uri, version_row
from aims_gates.mlflow_plugin.store.subjects import underlying_address

__all__ = ["copied_from", "origins"]

_LONGEST = 16


def origins(store: Any, name: str, number: int) -> list[str]:
    """The addresses behind a version: sources, runs (``runs:/ID/``) and where the bytes lie.

    Args:
        store: The registry's store.
        name, number: The version.

    Returns:
        Nothing where a version that it was copied from is not there any more.
    """
    result: list[str] = []
    for _ in range(_LONGEST):
        try:
            with store.primary() as session:
                row = version_row(store, session, name, number)
                source, run = str(row.source), row.run_id
        except MlflowException:
            return []
        result += [source, f"runs:/{run}/"] if run else [source]
        before = copied_from(source)
        if before is None:
            return [*result, *_underlying(store, source)]
        name, number = before
    return []


def copied_from(source: str) -> tuple[str, int] | None:
    """The version that a source names, ``models:/NAME/VERSION``; None for every other address."""
    if not source.startswith("models:"):
        return None
    try:
        parsed = parse_model_uri(source)
    except MlflowException:
        return None
    return (parsed.name, int(parsed.version)) if parsed.name and parsed.version else None


def _underlying(store: Any, source: str) -> list[str]:
    try:
        return [underlying_address(source, store._address_of)]
    except (InputError, MlflowException):
        return []
