"""What to do next: the commands that lead from a no towards a yes, shortest first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aims_gates.decision.approvals import outdated
from aims_gates.decision.question import Ask, PromotionContext
from aims_gates.decision.rights import outcome_of
from aims_gates.documents.shell import quoted
from aims_gates.model import ControlState, Finding, State

__all__ = ["actions", "next_steps", "take_in"]

#: Ends the command that checks a model that is still to be made.
_NEW = "NEW_VERSION"


def actions(
    context: PromotionContext, controls: Sequence[ControlState], approvals: Mapping[str, Any]
) -> tuple[str, ...]:
    """The shortest ordered list for the whole decision: fix, then check, then ask, then approve."""
    fixes = _fixes(context.ask.name, [state for state in controls if state.blocks])
    taking = [] if context.registration is not None else [take_in(context.ask)]
    return tuple(dict.fromkeys([*taking, *(fixes or _formalities(context, approvals))]))


def take_in(ask: Ask) -> str:
    """What to do about a version of which the ledger knows no registrar."""
    if not (ask.version.isascii() and ask.version.isdigit()):
        return f"register the model through the gated registry (no registrar is on record for {ask.version})"
    return f"aims-gates adopt {quoted(ask.name, ask.version)} --key YOUR.key"


def next_steps(
    context: PromotionContext, state: State, findings: Iterable[Finding], approvals: Mapping[str, Any]
) -> tuple[str, ...]:
    """What to do about one control.

    Args:
        context: What the ledger holds.
        state: The control's state.
        findings: Those that bear on it.
        approvals: As :func:`aims_gates.decision.approvals.approvals_of` gives them.
    """
    if state == "awaiting-approval":
        return _approve(context, approvals)
    if state not in ("missing", "stale", "failed", "inconclusive"):
        return ()
    bad = [finding for finding in findings if outcome_of(finding) not in (None, "pass")]
    remedies = dict.fromkeys(finding.remedy for finding in bad if finding.remedy)
    # A record is fixed without a new model; what was measured is not.
    same_version = state in ("missing", "stale") or all(_of_record(finding) for finding in bad)
    version = context.ask.version if same_version else _NEW
    return (*remedies, f"aims-gates check --model {quoted(context.ask.name, '--version', version)}")


def _of_record(finding: Finding) -> bool:
    """Whether a finding is about a record, which people fix without a new model."""
    return "record" in (finding.over or {})


def _fixes(name: str, blocking: Sequence[ControlState]) -> list[str]:
    """The remedies of the controls that block, what failed first, and the checks after them."""
    order: tuple[tuple[State, ...], ...] = (("failed",), ("inconclusive",), ("missing", "stale"))
    unmet = [state for states in order for state in blocking if state.state in states]
    remedies = [step for state in unmet for step in state.next[:-1]]
    checks = [state.next[-1] for state in unmet]
    new = [step for step in checks if step.endswith(_NEW)]
    return [*remedies, *([f"register the fixed model as a new version of {name}", *new] if new else checks)]


def _formalities(context: PromotionContext, approvals: Mapping[str, Any]) -> Sequence[str]:
    """What is left where no control stands in the way of a request."""
    name, version = context.ask.name, context.ask.version
    if context.makers_unknown:
        return ["log the model again, signed in to the server, and register that as a new version"]
    if not context.plan.trial and (context.request is None or outdated(context, context.request)):
        return [_open_request(context)]
    if approvals["missing"]:
        return _approve(context, approvals)
    return [f"aims-gates promote {quoted(name, version)}"] if context.ask.digest is None else []


def _open_request(context: PromotionContext) -> str:
    return f"aims-gates request open {quoted(context.ask.name, context.ask.version)} --key YOUR.key"


def _approve(context: PromotionContext, approvals: Mapping[str, Any]) -> tuple[str, ...]:
    if context.request is None:
        return (_open_request(context),)
    short = context.request.digest[7:19]
    roles = [item["role"] for item in approvals["missing"] for _ in range(item["count"])]
    return tuple(
        f"aims-gates approve {quoted(short, '--role', role, '--key', role.upper() + '.key')}" for role in roles
    )
