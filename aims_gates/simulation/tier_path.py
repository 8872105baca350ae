"""What stands between a version and production at another tier, by who can do something about it. Pure.

The decision is the real one, over the real rows under another plan. A request and its approvals are for a plan, so they
do not count under another: as after a new binding, they are asked for anew.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aims_gates.attestation.statements.people import Request
from aims_gates.attestation.statements.policy import Activation, Binding
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rights import outcome_of
from aims_gates.decision.rules import Ask, decide
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import System
from aims_gates.model import ControlState, Decision, Plan, State, Subject
from aims_gates.packs.gate import Gate
from aims_gates.simulation.whatif import retold

__all__ = ["GateGap", "TierGaps", "gaps", "under_plan"]

_OPEN = ("met", "waived", "not-applicable")
_BAD: tuple[State, ...] = ("failed", "missing", "stale", "inconclusive")


@dataclass(frozen=True)
class GateGap:
    """A gate whose evidence does not carry the controls that need it.

    Attributes:
        gate, title: Which.
        controls: The controls that stop the promotion and that it evidences.
        state: What its evidence says or lacks.
        reason: The same in a sentence.
        data: The data sets it looks at: role -> location, None where the system names none.
        columns: The columns it cannot do without and that the system does not name, by role.
        foreseen: What its numbers come to under the new limits, where it was measured under others; else empty.
    """

    gate: str
    title: str
    controls: tuple[str, ...]
    state: State
    reason: str
    data: Mapping[str, str | None]
    columns: tuple[str, ...] = ()
    foreseen: str = ""


@dataclass(frozen=True)
class TierGaps:
    """The gaps by kind.

    Attributes:
        met: The controls that are met, waived or not applicable.
        data: The gates that look at data.
        records: The gates that look at records.
        shown: The controls that are not met and stop nothing.
    """

    met: tuple[ControlState, ...]
    data: tuple[GateGap, ...]
    records: tuple[GateGap, ...]
    shown: tuple[ControlState, ...]

    @property
    def new_version(self) -> bool:
        """Whether something measured fails, so that the same version will not do."""
        return any("failed" in (gap.state, gap.foreseen) for gap in self.data)


def under_plan(rows: Iterable[Row], binding: Binding, ask: Ask) -> tuple[Decision, Decision]:
    """The answer as if this binding had just been signed: as the evidence stands, and with its numbers judged anew.

    Args:
        rows: Every row that bears on the question.
        binding: The binding to try, of the model that is asked about.
        ask: The question.

    Raises:
        InputError: nobody on the trust list may sign a binding.
    """
    known = [row for row in rows if not _void(row, ask)]
    last = _signed(known, binding, ask)
    again = retold(known, binding.plan, ask)
    return decide(ask, [*known, last]), decide(ask, [*again, last])


def _void(row: Row, ask: Ask) -> bool:
    """Whether a row would say nothing any more: a request for another plan; which contents of profiles are active."""
    predicate = row.predicate
    return isinstance(predicate, Activation) or (isinstance(predicate, Request) and predicate.name == ask.name)


def _signed(rows: Sequence[Row], binding: Binding, ask: Ask) -> Row:
    """The binding as the ledger's next row, in the name of a policy owner whose word counts."""
    view = StatementView(rows, ask.workspace, ask.name)
    trust = view.trust.current()
    statement = say(replace(binding, said_at=ask.now.isoformat()), Subject("system", binding.system_digest))
    position = rows[-1].position + 1 if rows else 0
    for entry in trust.keys if trust is not None else ():
        row = Row(position, ask.now, statement, (entry.key,))
        if view.persons(row, "policy"):
            return row
    remedy = "Begin the trust list: aims-gates keys trust FILE.pub --person NAME --role policy --first --key FILE.key"
    raise InputError("nobody on the trust list may sign a binding", where="trust list", remedy=remedy)


def gaps(decision: Decision, foreseen: Decision, plan: Plan, gates: Mapping[str, Gate], system: System) -> TierGaps:
    """What is met, and which gates lack what.

    Args:
        decision, foreseen: As :func:`under_plan` gives them.
        plan: The plan that was tried.
        gates: The gates there are.
        system: What the system says of its data.
    """
    blocking = [state for state in decision.controls if state.blocks]
    unmet = list(_gaps(blocking, foreseen, plan, gates, system))
    return TierGaps(
        met=tuple(state for state in decision.controls if state.state in _OPEN),
        data=tuple(gap for gap in unmet if _computed(gates[gap.gate])),
        records=tuple(gap for gap in unmet if not _computed(gates[gap.gate])),
        shown=tuple(state for state in decision.controls if state.state not in _OPEN and not state.blocks),
    )


def _computed(gate: Gate) -> bool:
    """Whether a gate measures on data, rather than reads records."""
    inputs = gate.manifest.inputs
    return gate.manifest.kind == "computed" and ("required" in inputs.data.values() or not inputs.records)


def _gaps(
    blocking: Sequence[ControlState], foreseen: Decision, plan: Plan, gates: Mapping[str, Gate], system: System
) -> Iterator[GateGap]:
    later = {state.control: state for state in foreseen.controls}
    requirements = {requirement.control: requirement for requirement in plan.requirements}
    for step in plan.steps:
        lacking = [
            (state, of_gate)
            for state in blocking
            if step.applies and step.gate in requirements[state.control].gates
            if (of_gate := _state_of_gate(state, step.gate)) not in _OPEN
        ]
        if not lacking:
            continue
        worst, of_gate = min(lacking, key=lambda pair: _BAD.index(pair[1]))
        soon = [_state_of_gate(later[state.control], step.gate) for state, _ in lacking]
        inputs = gates[step.gate].manifest.inputs
        yield GateGap(
            gate=step.gate,
            title=step.title,
            controls=tuple(state.control for state, _ in lacking),
            state=of_gate,
            reason=_reason(worst, step.gate, of_gate),
            data=_data(inputs.data, system.data),
            columns=tuple(
                role for role, need in inputs.roles.items() if need == "required" and role not in system.roles
            ),
            foreseen=_foreseen(soon) if of_gate == "stale" else "",
        )


def _required(roles: Mapping[str, str]) -> set[str]:
    return {role for role, need in roles.items() if need == "required"}


def _data(inputs: Mapping[str, str], data: Mapping[str, str]) -> dict[str, str | None]:
    """Role -> location, of what is required or named."""
    return {role: data.get(role) for role, need in inputs.items() if need == "required" or role in data}


def _foreseen(states: Collection[State]) -> str:
    return min(states, key=[*_BAD, "awaiting-approval", *_OPEN].index) if "stale" not in states else ""


def _state_of_gate(state: ControlState, gate: str) -> State:
    """What one gate's evidence says of a control, from what the decision shows of it."""
    standing = next((str(item["standing"]) for item in state.evidence if item["gate"] == gate), "missing")
    if standing != "counts":
        return "stale" if standing == "stale" else "missing"
    outcomes = {outcome_of(finding) for name, finding in state.findings if name == gate} - {None}
    if outcomes & {"fail", "error"}:
        return "failed"
    if not outcomes:
        return "missing"
    return "met" if outcomes == {"pass"} else "inconclusive"


def _reason(state: ControlState, gate: str, of_gate: State) -> str:
    """The decision's own sentence, where it is about this gate."""
    head, _, rest = state.reason.partition(": ")
    plain: Mapping[str, str] = {
        "missing": "there is no evidence about these bytes",
        "stale": "its evidence no longer counts",
        "failed": "a finding fails",
        "inconclusive": "the data cannot tell",
    }
    return rest if head == gate and rest else plain[of_gate]
