"""Whether MLflow's server is as aims-gates knows it: looked at before a worker serves anything."""

# mypy: allow-untyped-calls

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from types import CodeType
from typing import Any

from aims_gates.mlflow_plugin.internals.server.names import (
    AUTH_NAMES,
    CALLS,
    HANDLER_NAMES,
    NATIVE_NAMES,
    SIGN_IN_CALLS,
    Call,
)
from aims_gates.mlflow_plugin.internals.verify import refuse, resolve
from aims_gates.mlflow_plugin.internals.versions import installed, minor

__all__ = ["need_auth", "need_handlers", "need_native", "uncalled"]


def _looked_up(code: CodeType) -> set[str]:
    """Every name that a function, or one within it, looks up when it runs."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_looked_up, inner))


def uncalled(calls: Iterable[Call]) -> list[str]:
    """Where MLflow would go past what is replaced."""
    problems = []
    for call in (call for call in calls if call.since <= minor(installed())):
        function = inspect.unwrap(getattr(import_module(call.module), call.function, uncalled))
        missing = sorted(set(call.names) - _looked_up(function.__code__))
        if missing:
            problems.append(f"{call.module}.{call.function} does not call {' and '.join(missing)}")
    return problems


def _need(table: Mapping[str, Any], calls: Iterable[Call]) -> Mapping[str, Any]:
    here, problems = resolve(table, installed())
    problems = problems or uncalled(calls)
    if problems:
        raise refuse(problems)
    return here


@cache
def need_handlers() -> Mapping[str, Any]:
    """What is used of MLflow's server, by role.

    Raises:
        InputError: a name is not there or looks different, or what is replaced is not what MLflow calls.
    """
    return _need(HANDLER_NAMES, CALLS)


@cache
def need_native() -> Mapping[str, Any]:
    """What is used of MLflow's native application, by role.

    Raises:
        InputError: as :func:`need_handlers`.
    """
    return _need(NATIVE_NAMES, ())


@cache
def need_auth() -> Mapping[str, Any]:
    """What is used of MLflow's authentication, by role; what the installed version does not have is left out.

    Raises:
        InputError: as :func:`need_handlers`.
    """
    return _need(AUTH_NAMES, SIGN_IN_CALLS)
