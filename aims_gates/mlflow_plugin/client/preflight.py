"""What keeps a check from being made or signed, looked for before any model runs: all of it at once, in file order.

Only what is cheap to know is looked at: the system's file and its binding, the data sets and their columns, the model's
signature, the records that the plan reads, who registered the version, and whether the key counts.
"""

# mypy: allow-untyped-calls

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, NamedTuple

from aims_gates.attestation.trust_list import Row
from aims_gates.data import Dataset
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.shell import invocation, quoted
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError
from aims_gates.governance.records.contradictions import ContradictionError
from aims_gates.governance.records.lint import check_system
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.mlflow_plugin.client.check_context import CheckContext
from aims_gates.mlflow_plugin.client.check_predictions import looks_at_predictions, perturbations_due
from aims_gates.mlflow_plugin.client.model_file import describe, need_table, need_values
from aims_gates.mlflow_plugin.client.systems import differs
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.model import Plan
from aims_gates.packs.gate import Gate
from aims_gates.packs.manifest import Manifest

__all__ = ["Preflight", "look_ahead", "of_key"]

#: A problem stops every check, or those that are signed, or none: then it is told beside others that do.
Stops = Literal["always", "signing", "never"]
#: Unless all are asked for, so many problems of records are shown, and so many others.
_RECORDS, _OTHERS = 3, 8
#: Which error stands for several: the one whose exit code comes first.
_WORST: tuple[type[AimsGatesError], ...] = (IntegrityError, InputError, RefusedError)


class Problem(NamedTuple):
    """One thing that is wrong."""

    error: AimsGatesError
    stops: Stops
    of_record: bool = False


@dataclass(frozen=True)
class Preflight:
    """A check that is about to be made.

    Attributes:
        context, record, target: As :func:`aims_gates.mlflow_plugin.client.check.check_target` takes them.
        name: The registered model.
        rows: What the ledger holds about it.
        binding: The one in force; None where there is none.
        local: The plan by the files here, or why they make none.
        gates: Those there are.
        given: Data sets handed in, by role.
        sets: Takes the data sets that could be opened, by role: whoever looks at them need not read them again.
    """

    context: CheckContext
    record: SystemRecord
    target: CheckTarget
    name: str
    rows: Sequence[Row]
    binding: Row | None
    local: Plan | AimsGatesError
    gates: Mapping[str, Gate]
    given: Mapping[str, Any] = field(default_factory=dict)
    sets: dict[str, Dataset] = field(default_factory=dict)

    @property
    def signs(self) -> bool:
        """Whether evidence is to be signed and recorded."""
        return self.context.key is not None and self.context.gated

    def due(self) -> list[Manifest]:
        """The gates that are due and here."""
        plan = self.binding.predicate.plan if self.binding else self.local
        steps = plan.steps if isinstance(plan, Plan) else ()
        return [self.gates[step.gate].manifest for step in steps if step.applies and step.gate in self.gates]


def look_ahead(check: Preflight) -> list[str]:
    """Find every problem; what a preview says of those that would keep it from being signed.

    Raises:
        AimsGatesError: something keeps this check from being made or signed. It tells all there is, and has the exit
            code of the worst.
    """
    problems = list(_problems(check))
    stopping = [
        problem for problem in problems if problem.stops == "always" or (check.signs and problem.stops == "signing")
    ]
    if stopping:
        raise _error(check, problems, stopping)
    signing = [problem for problem in problems if problem.stops == "signing"]
    denied = [problem for problem in problems if isinstance(problem.error, ContradictionError)]
    return [*_noted("With a key this check is refused", check, signing), *_noted("Records disagree", check, denied)]


def _noted(head: str, check: Preflight, problems: Sequence[Problem]) -> list[str]:
    """Problems as notes below a heading that counts them; nothing where there is none."""
    return [f"{head}: {_many(problems)}.", *_lines(check, problems, remedies=False)] if problems else []


def _problems(check: Preflight) -> Iterator[Problem]:
    sets = check.sets
    data = list(_of_data(check, sets))
    system = [*_of_system(check), *_of_columns(check, sets)]
    yield from sorted(system, key=lambda problem: _line(problem.error))
    yield from data
    yield from _of_signature(check, sets)
    yield from _of_records(check)
    yield from _of_registry(check)


def _line(error: AimsGatesError) -> int:
    """The line that a problem stands on; first where it names none."""
    match = re.search(r":(\d+)$", error.where or "")
    return int(match[1]) if match else 0


def _caught(act: Callable[[], object], stops: Stops) -> Iterator[Problem]:
    try:
        act()
    except AimsGatesError as error:
        yield Problem(error, stops)


def _of_system(check: Preflight) -> Iterator[Problem]:
    """What makes no plan, or another system than the one that is bound."""
    if isinstance(check.local, AimsGatesError):
        yield Problem(check.local, "always")
    yield from _caught(lambda: perturbations_due(check.record, check.due()), "always")
    if check.binding is not None and differs(check.record, check.binding):
        # Its column roles and data locations decide what is measured, and the plan does not hold them.
        message = f"the system differs from the one that {check.name!r} is bound to, so this check cannot be signed"
        bind = f"aims-gates bind {quoted(check.name, '--system', check.record.system.name)}"
        remedy = f"Undo the change, or have a policy owner bind it: {bind}"
        yield Problem(InputError(message, where=check.record.document.where, remedy=remedy), "signing")


def _of_data(check: Preflight, sets: dict[str, Dataset]) -> Iterator[Problem]:
    """The data sets that gates look at and that cannot be opened; ``sets`` takes the others, by role."""
    roles = {role for manifest in check.due() for role in manifest.inputs.data}
    for role in check.record.system.data:
        place = check.record.location(role)
        if role not in roles or role in check.given or place is None:
            continue
        try:
            sets[role] = Dataset.open(place, role=role)
        except AimsGatesError as error:
            runs = role == "evaluation" and looks_at_predictions(check.due())
            yield Problem(error, "always" if runs else "signing")


def _of_columns(check: Preflight, sets: Mapping[str, Dataset]) -> Iterator[Problem]:
    """Roles whose columns no evaluation set has, where a gate that is due needs them there."""
    needed = {
        role
        for manifest in check.due()
        if manifest.inputs.data.get("evaluation") == "required"
        for role, need in manifest.inputs.roles.items()
        if need == "required" and role not in ("prediction", "score")
    }
    evaluation = sets.get("evaluation")
    if evaluation is None:
        return
    for role, columns in check.record.columns().items():
        absent = [name for name in columns if name not in evaluation.columns]
        if role in needed and absent:
            message = f"there is no column {', '.join(map(repr, absent))} in the evaluation data"
            remedy = f"Name columns that are there: {', '.join(evaluation.columns[:60])}."
            yield Problem(check.record.document.error(("roles", role), message, remedy), "signing")


def _of_signature(check: Preflight, sets: Mapping[str, Dataset]) -> Iterator[Problem]:
    """What the model's signature asks for and the evaluation set does not have."""
    evaluation = sets.get("evaluation")
    if evaluation is None or check.context.predictions is not None or not looks_at_predictions(check.due()):
        return
    try:
        model = describe(check.target.address)
    except AimsGatesError:
        return  # whoever opens the whole model says why
    yield from _caught(partial(need_table, model, check.target.address), "always")
    yield from _caught(lambda: evaluation.require(*(model.required or ()), values=False), "always")
    yield from _caught(partial(need_values, model, evaluation), "always")


def _of_records(check: Preflight) -> Iterator[Problem]:
    """What ``records validate`` says of the records that the plan reads."""
    reads = {name for manifest in check.due() for name in manifest.inputs.records}
    record, today = check.record, datetime.now(UTC).date()
    for error in check_system(check.context.settings.packs, record.pack, record.system.name, reads, today):
        # What one record says and another denies is for the gates to judge, by the control that it bears on.
        yield Problem(error, "never" if isinstance(error, ContradictionError) else "signing", of_record=True)


def _of_registry(check: Preflight) -> Iterator[Problem]:
    """A version that nobody registered, and a key that does not count."""
    if not check.context.gated:
        return
    ledger = StatementView(check.rows, check.record.system.workspace, check.name)
    version = check.target.version
    if version is not None and ledger.registration(version) is None:
        adopt = invocation("adopt", check.name, version, options="--key YOUR.key")
        remedy = f"No request can be opened for it. Register the model again, or take it in: {adopt}"
        message = f"there is no record of who registered {check.name} version {version}"
        yield Problem(RefusedError(message, remedy=remedy), "never")
    if check.context.key is not None:
        yield from of_key(ledger, check.context.key.public)


def of_key(ledger: StatementView, public: str) -> Iterator[Problem]:
    """Why what a key signs would not count as evidence."""
    trust = ledger.trust.current()
    entry = next((entry for entry in trust.keys if entry.key == public), None) if trust else None
    shown, sign = (
        f"the key {public[:8]}...",
        "Have a policy owner list it: aims-gates keys trust PUBLIC --person NAME --role ci",
    )
    if entry is None or public in ledger.trust.revoked:
        message = f"{shown} is not on the trust list, so what it signs does not count"
        yield Problem(IntegrityError(message, where="--key", remedy=sign), "signing")
    elif "ci" not in entry.roles:
        message = f"{shown} of {entry.person} does not have the role ci, so it may not sign evidence"
        yield Problem(RefusedError(message, where="--key", remedy=sign), "signing")


def _error(check: Preflight, problems: Sequence[Problem], stopping: Sequence[Problem]) -> AimsGatesError:
    """One error that tells all problems; a lone one of no record speaks for itself."""
    if len(problems) == 1 and not problems[0].of_record:
        return problems[0].error
    kinds = [kind for kind in _WORST if any(isinstance(problem.error, kind) for problem in stopping)]
    head = f"{'nothing is signed' if check.signs else 'nothing is checked'}: {_many(problems)}, and no model ran"
    lines = [head, *_lines(check, problems, remedies=True)]
    remedy = "Fix them"
    if any(problem.of_record for problem in problems):
        remedy += " (aims-gates records validate says how)"
    if all(problem.stops != "always" for problem in problems):
        remedy += ", or look on without signing: --preview"
    return (kinds[0] if kinds else AimsGatesError)("\n  ".join(lines), remedy=f"{remedy}.")


def _many(problems: Sequence[Problem]) -> str:
    """``7 problems in the records that this plan reads``."""
    count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
    records = sum(problem.of_record for problem in problems)
    if not records:
        return count
    return f"{count}{'' if records == len(problems) else f', {records}'} in the records that this plan reads"


def _lines(check: Preflight, problems: Sequence[Problem], *, remedies: bool) -> Iterator[str]:
    """The problems, in order; unless all were asked for the first of records and the first others."""
    left = {True: _RECORDS, False: _OTHERS}
    hidden: list[Problem] = []
    for problem in problems:
        if left[problem.of_record] == 0 and not check.context.whole:
            hidden.append(problem)
            continue
        left[problem.of_record] -= 1
        error = problem.error
        place = f"{error.where}: " if error.where else ""
        yield f"x {place}{error.message}" if remedies else f"{place}{error.message}"
        if remedies and error.remedy and not problem.of_record:
            yield f"    {error.remedy}"
    if hidden:
        files = {re.sub(r":\d+$", "", problem.error.where or "") for problem in hidden}
        blank = sum("placeholder" in problem.error.message for problem in hidden)
        filled = f", {blank} of them placeholders (aims-gates records fill)" if blank else ""
        yield f"and {len(hidden)} more in {len(files)} files{filled}: aims-gates check --all"
