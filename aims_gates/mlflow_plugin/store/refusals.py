"""How a refusal reaches people: one MLflow exception, plain text, and JSON beside it.

A refusal is PERMISSION_DENIED (HTTP 403), a lost race RESOURCE_CONFLICT (409). Never a 5xx: MLflow's
client would try those again for minutes.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    TEMPORARILY_UNAVAILABLE,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from aims_gates.documents.spelling import escaped
from aims_gates.errors import AimsGatesError
from aims_gates.mlflow_plugin.store.session import conflict, is_conflict
from aims_gates.model import ControlState, Decision

__all__ = ["answering", "denied", "invalid", "refusal"]

# mypy: allow-untyped-calls

_log = logging.getLogger(__name__)


def refusal(
    message: str, *, title: str, state: str = "failed", id: str = "registry", next: Iterable[str] = ()
) -> MlflowException:
    """A refusal that belongs to no control.

    Args:
        message: What was refused and why.
        title: What is amiss, in a few words.
        state: As a control's state.
        id: Stands where a control's id would.
        next: What to do.
    """
    steps = list(next)
    text = escaped("\n".join([f"aims-gates: {message}", *_numbered(steps)]))
    entry = {"id": id, "title": title, "state": state, "next": steps}
    return MlflowException(text, PERMISSION_DENIED, aims_decision=None, aims_controls=[entry])


def invalid(error: AimsGatesError) -> MlflowException:
    """An argument that is not valid: HTTP 400."""
    return MlflowException(str(error), INVALID_PARAMETER_VALUE)


def _numbered(steps: list[str]) -> list[str]:
    return ["Next:", *(f"  {number}. {step}" for number, step in enumerate(steps, 1))] if steps else []


def _entry(state: ControlState) -> dict[str, Any]:
    return {"id": state.control, "title": state.title, "state": state.state, "next": list(state.next)}


def _entries(decision: Decision) -> list[dict[str, Any]]:
    entries = [_entry(state) for state in decision.controls if state.blocks]
    if decision.system is None:
        bind = {"id": "binding", "title": decision.problems[0], "state": "missing", "next": list(decision.actions)}
        return [bind, *entries]
    if not entries:
        title = "; ".join(decision.problems) or "approvals are outstanding"
        state = "awaiting-approval" if decision.approvals.get("missing") else "missing"
        return [{"id": "request", "title": title, "state": state, "next": list(decision.actions)}]
    return entries


def denied(
    decision: Decision, target: str, recorded: str | None, extra: Iterable[str] = (), page: str | None = None
) -> MlflowException:
    """The refusal that a decision amounts to: control ids first, then the shortest list of actions.

    Args:
        decision: The decision.
        target: The alias or stage that was asked for.
        recorded: Digest of the decision's statement in the ledger; None where it could not be written.
        extra: Actions beyond those of the decision.
        page: Address of the version's page; None where it is not known.
    """
    what = f"{decision.name} version {decision.version} may not become {target!r}"
    frame = f" (system {decision.system}, tier {decision.tier}, profile {decision.profile})" if decision.system else ""
    lines = [f"aims-gates refused: {what}{frame}."]
    blocked = [state for state in decision.controls if state.blocks]
    if blocked:
        lines.append(
            "Your profile requires " + ", ".join(f"{state.control} ({state.state})" for state in blocked) + "."
        )
    lines.extend(f"{problem[:1].upper()}{problem[1:]}." for problem in decision.problems)
    missing = ", ".join(f"{lack['count']} {lack['role']}" for lack in decision.approvals.get("missing", ()))
    if missing:
        lines.append(f"Approvals missing: {missing}.")
    steps = list(dict.fromkeys([*decision.actions, *extra]))
    lines.extend(_numbered(steps))
    if page is not None:
        lines.append(f"The version's page: {page}")
    shown: Mapping[str, Any] = {"aims_decision": recorded, "aims_controls": _entries(decision)}
    return MlflowException(escaped("\n".join(lines)), PERMISSION_DENIED, **shown)


@contextmanager
def answering(act: str, *, gated: bool = False) -> Iterator[None]:
    """Turn whatever goes wrong in the block into an answer MLflow's client understands.

    Args:
        act: What is being done, for the message.
        gated: On the way to a promotion every unexpected error is a refusal; elsewhere all but ours
            is answered, or raised, as by the stock store.

    Raises:
        MlflowException: always that on the way to a promotion; elsewhere whatever the stock store raises.
    """
    try:
        yield
    except MlflowException as error:
        if not gated or error.get_http_status_code() < 500:
            raise
        raise _unexpected(act, error) from error
    except AimsGatesError as error:
        steps = [error.remedy] if error.remedy else []
        message = f"{act} was refused: {error.where + ': ' if error.where else ''}{error.message}"
        raise refusal(message, title=error.message, state="missing", next=steps) from error
    except SQLAlchemyError as error:
        if is_conflict(error):
            raise conflict(error) from error
        if gated:
            raise _unexpected(act, error) from error
        code = TEMPORARILY_UNAVAILABLE if isinstance(error, OperationalError) else BAD_REQUEST
        raise MlflowException(str(error), code) from error
    except Exception as error:
        if not gated:
            raise
        raise _unexpected(act, error) from error


def _unexpected(act: str, error: Exception) -> MlflowException:
    _log.exception("%s failed", act)
    message = f"{act} was refused: it could not be decided ({type(error).__name__}). Unknown means no."
    return refusal(
        message, title="the decision failed", state="inconclusive", next=["look into the log of this registry"]
    )
