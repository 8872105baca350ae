"""What to do next, by what has to change: the steps that lead from a no towards a yes, shortest first. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aims_gates.decision.approvals import outdated
from aims_gates.decision.question import UNREGISTERED, Ask, PromotionContext
from aims_gates.decision.rights import outcome_of
from aims_gates.decision.signing import STATUS, signatures
from aims_gates.documents.shell import invocation, quoted
from aims_gates.model import Action, Cause, ControlState, Finding, State

__all__ = ["actions", "cause_of", "needs_new_version", "next_steps", "take_in"]

#: Ends the command that checks a model that is still to be made.
_NEW = "NEW_VERSION"
#: The order in which actions stand, by their cause; what makes a new version comes first.
_ORDER: tuple[Cause, ...] = ("model", "training-data", "data", "record", "people")
#: Unmet controls in the order in which they are told of.
_URGENT: tuple[tuple[State, ...], ...] = (("failed",), ("inconclusive",), ("missing", "stale"))

#: In these states the evidence counts, and what it says has to be mended; in the others it has to be made again.
_JUDGED: tuple[State, ...] = ("failed", "inconclusive")


def cause_of(finding: Finding) -> Cause:
    """What has to change where a finding does not pass; where it does not say, what is not of a record is the model."""
    if finding.cause is not None:
        return finding.cause
    return "record" if "record" in (finding.over or {}) else "model"


def needs_new_version(cause: Cause) -> bool:
    """Whether a change of this kind makes a new version of the model."""
    return cause in ("model", "training-data")


def actions(
    context: PromotionContext, controls: Sequence[ControlState], approvals: Mapping[str, Any]
) -> tuple[Action, ...]:
    """The shortest ordered list for the whole decision: fix, then check, then ask, then approve."""
    fixes = _fixes(context.ask, [state for state in controls if state.blocks])
    registered = context.registration is not None or context.ask.version == UNREGISTERED
    taking = [] if registered else [Action(take_in(context.ask), "people")]
    steps: dict[str, Action] = {}
    for step in [*taking, *(fixes or [Action(text, "people") for text in _formalities(context, approvals)])]:
        steps.setdefault(step.text, step)
    return tuple(steps.values())


def take_in(ask: Ask) -> str:
    """What to do about a version of which the ledger knows no registrar."""
    if ask.version == UNREGISTERED:
        return f"register the model as a new version of {ask.name}"
    if not (ask.version.isascii() and ask.version.isdigit()):
        return f"register the model through the gated registry (no registrar is on record for {ask.version})"
    return invocation("adopt", ask.name, ask.version, options="--key YOUR.key")


def next_steps(
    context: PromotionContext,
    state: State,
    findings: Iterable[Finding],
    approvals: Mapping[str, Any],
    commands: Sequence[str] = (),
) -> tuple[str, ...]:
    """What to do about one control.

    Args:
        context: What the ledger holds.
        state: The control's state.
        findings: Those that bear on it.
        approvals: As :func:`aims_gates.decision.approvals.approvals_of` gives them.
        commands: What would help where evidence no longer counts and a check would not.
    """
    if state == "awaiting-approval":
        return _approve(context, approvals)
    if state not in ("missing", "stale", "failed", "inconclusive"):
        return ()
    if state == "stale" and commands:
        return tuple(commands)
    bad = [finding for finding in findings if outcome_of(finding) not in (None, "pass")]
    remedies = dict.fromkeys(finding.remedy for finding in bad if finding.remedy)
    renewed = state in _JUDGED and (not bad or any(needs_new_version(cause_of(finding)) for finding in bad))
    version = _NEW if renewed or context.ask.version == UNREGISTERED else context.ask.version
    return (*remedies, f"aims-gates check --model {quoted(context.ask.name, '--version', version)}")


def _fixes(ask: Ask, blocking: Sequence[ControlState]) -> list[Action]:
    """The remedies of the controls that block, by cause and what failed first, and the checks after them."""
    unmet = [state for states in _URGENT for state in blocking if state.state in states]
    remedies = sorted([*_remedies(unmet), *signatures(ask.name, unmet)], key=lambda step: _ORDER.index(step.cause))
    checks = list(dict.fromkeys(state.next[-1] for state in unmet if state.next[-1] != STATUS))
    new = [step for step in checks if step.endswith(_NEW)]
    if new:
        return _with_new_version(ask, remedies, new)
    last: Cause = remedies[-1].cause if remedies else "people"
    return [*remedies, *(Action(text, last) for text in checks)]


def _with_new_version(ask: Ask, remedies: Sequence[Action], checks: Iterable[str]) -> list[Action]:
    """What makes the new version, its registration, what the same version would do with, and the checks."""
    fixes = [step for step in remedies if step.new_version]
    others = [step for step in remedies if not step.new_version]
    fixed = "fixed " if fixes or ask.version != UNREGISTERED else ""
    register = Action(f"register the {fixed}model as a new version of {ask.name}", "model", new_version=True)
    return [*fixes, register, *others, *(Action(text, "model", new_version=True) for text in checks)]


def _remedies(unmet: Iterable[ControlState]) -> Iterator[Action]:
    """What each finding asks for; the records that are not there are named together where they are several."""
    bad = [
        (finding, state.state in _JUDGED)
        for state in unmet
        for _, finding in state.findings
        if outcome_of(finding) not in (None, "pass")
    ]
    absent = {str((finding.over or {})["record"]) for finding, _ in bad if _no_record(finding)}
    if len(absent) > 1:
        yield Action(f"{len(absent)} records are missing: `aims-gates records new --due`", "record")
    for finding, judged in bad:
        if finding.remedy and not (len(absent) > 1 and _no_record(finding)):
            cause = cause_of(finding)
            yield Action(finding.remedy, cause, judged and needs_new_version(cause))


def _no_record(finding: Finding) -> bool:
    return finding.missing and "record" in (finding.over or {})


def _formalities(context: PromotionContext, approvals: Mapping[str, Any]) -> Sequence[str]:
    """What is left where no control stands in the way of a request."""
    name, version = context.ask.name, context.ask.version
    if version == UNREGISTERED:
        return [take_in(context.ask)]
    if context.makers_unknown:
        return ["log the model again, signed in to the server, and register that as a new version"]
    if not context.plan.trial and (context.request is None or outdated(context, context.request)):
        return [_open_request(context)]
    if approvals["missing"]:
        return _approve(context, approvals)
    return [invocation("promote", name, version)] if context.ask.digest is None else []


def _open_request(context: PromotionContext) -> str:
    return invocation("request open", context.ask.name, context.ask.version, options="--key YOUR.key")


def _approve(context: PromotionContext, approvals: Mapping[str, Any]) -> tuple[str, ...]:
    if context.request is None or outdated(context, context.request):
        return (_open_request(context),)
    short = context.request.digest[7:19]
    roles = [item["role"] for item in approvals["missing"] for _ in range(item["count"])]
    return tuple(
        f"aims-gates approve {quoted(short, '--role', role, '--key', role.upper() + '.key')}" for role in roles
    )
