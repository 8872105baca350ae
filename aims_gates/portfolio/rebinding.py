"""What the packs say of their systems now, beside what is bound: one difference over all of them."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from aims_gates.attestation.statements.policy import Binding, Scheduled
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.system_fields import FieldChange, Signer, changes, fields_of, for_policy
from aims_gates.decision.trial import binding_refusal
from aims_gates.documents.canonical import digest, plain
from aims_gates.documents.shell import quoted
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system, system_names
from aims_gates.governance.records.tier import require_tier
from aims_gates.ledger import rows
from aims_gates.ledger.registry_acts import views_of
from aims_gates.ledger.table import Source, names
from aims_gates.model import Plan
from aims_gates.settings import Settings

__all__ = ["ChangedBinding", "Plans", "Rebinding", "binding_of", "changed", "compare", "last_author", "plan_changes"]


class Plans:
    """Plans as the packs of some settings give them; gates and profiles are read once for all systems."""

    def __init__(self, settings: Settings) -> None:
        self.packs = settings.packs
        self._planner = Planner(settings.packs)

    def systems(self) -> list[str]:
        """The systems of the user's packs, by name."""
        return sorted({name for pack in self.packs for name in system_names(pack)})

    def places(self) -> list[tuple[Path, str]]:
        """The packs, each with the name of a system in it."""
        return [(pack, name) for pack in self.packs for name in system_names(pack)]

    def read(self, system: str) -> SystemRecord:
        """A system, its tier compared with its classification.

        Raises:
            InputError, RefusedError: naming file, line and remedy.
        """
        record = read_system(find_system(list(self.packs), system), system, whole=False)
        require_tier(record, datetime.now(UTC).date())
        return record

    def plan(self, record: SystemRecord) -> Plan:
        """A system's plan; no gate is imported."""
        return self._planner.plan(record)


@dataclass(frozen=True)
class ChangedBinding:
    """A model whose binding differs from the files.

    Attributes:
        before: The binding that counts.
        after: The one that the files give.
        fields: The fields of the system that differ; None where the binding has none on record.
        signer: Whose signature it wants.
        where: The system's file.
    """

    before: Binding
    after: Binding
    fields: tuple[FieldChange, ...] | None
    signer: Signer
    where: str


@dataclass(frozen=True)
class Rebinding:
    """Everything that differs, and everything that keeps it from being bound.

    Attributes:
        changed: The models whose bindings differ, by system and name.
        problems: What is invalid, each naming file, place and remedy.
    """

    changed: tuple[ChangedBinding, ...]
    problems: tuple[AimsGatesError, ...] = field(default=())


def last_author(folder: Path, path: str = ".") -> str | None:
    """Who last changed a path in a folder, as git says; None where git does not know."""
    try:
        completed = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%ae", "--", path],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.strip() or None


def _modes(record: SystemRecord) -> tuple[Scheduled, ...]:
    modes = []
    for mode, start in record.system.modes.items():
        try:
            date.fromisoformat(start)
        except ValueError as error:
            raise record.document.error(
                ("modes", mode), f"{start!r} is not a date", "Write it as YYYY-MM-DD."
            ) from error
        modes.append(Scheduled(mode, start))
    return tuple(sorted(modes, key=lambda scheduled: scheduled.start))


def binding_of(record: SystemRecord, model: str, plan: Plan, author: str | None) -> Binding:
    """What is to be signed: the model belongs to the system, under this plan.

    Raises:
        InputError: the system does not list the model, or a mode's date is none.
    """
    system = record.system
    if model not in system.models:
        remedy = f"Add {model!r} to models."
        raise record.document.error(("models",), f"the system does not list the model {model!r}", remedy)
    return Binding(
        system.workspace,
        model,
        system.kind,
        plan,
        record.digest,
        _modes(record),
        author,
        system.owner,
        fields_of(system.content()),
    )


def compare(before: Binding, after: Binding, where: str) -> ChangedBinding | None:
    """In what two bindings of a model differ; None where in nothing that counts."""
    same = before.system_digest == after.system_digest and digest(before.plan) == digest(after.plan)
    if same and before.modes == after.modes:
        return None
    fields = tuple(changes(before.fields, after.fields)) if before.fields else None
    return ChangedBinding(before, after, fields, "policy" if for_policy(before, after) else "owner", where)


def changed(settings: Settings, connection: Source, author: str | None = None) -> Rebinding:
    """Every model of the packs that is bound to its system otherwise than the files now say.

    Args:
        settings: Where the packs are.
        connection: The ledger.
        author: Who wrote the changes; git's last author of a system's records when None.

    Raises:
        InputError: a gate is malformed.
        IntegrityError: a ledger row does not hold.
    """
    plans, bound, result = Plans(settings), _bound(connection), []
    problems: list[AimsGatesError] = []
    for system in plans.systems():
        try:
            record = plans.read(system)
            result += _of_system(record, plans.plan(record), bound, author)
        except AimsGatesError as error:
            problems.append(error)
    problems += [*_inactive(connection, result), *_trials(connection, result)]
    return Rebinding(tuple(result), tuple(problems))


def _of_system(
    record: SystemRecord, plan: Plan, bound: dict[tuple[str, str], Binding], author: str | None
) -> list[ChangedBinding]:
    result = []
    for model in record.system.models:
        before = bound.get((record.system.workspace, model))
        if before is None or before.plan.system != record.system.name:
            continue
        difference = compare(before, binding_of(record, model, plan, None), record.document.where)
        if difference is not None:
            by = author or last_author(record.folder)
            after = binding_of(record, model, plan, by)
            result.append(ChangedBinding(before, after, difference.fields, difference.signer, difference.where))
    return result


def _bound(connection: Source) -> dict[tuple[str, str], Binding]:
    """The bindings that count, by workspace and name; the ledger is read once."""
    bindings = {place: view.binding() for place, view in views_of(connection, names(connection)).items()}
    return {place: row.predicate for place, row in bindings.items() if row is not None}


def _inactive(connection: Source, listed: Sequence[ChangedBinding]) -> Iterator[AimsGatesError]:
    """The contents of profiles that no policy owner has put into force."""
    view = StatementView(rows(connection, ("trust", "revocation", "profiles")), "", "")
    for profile in sorted(
        {item.after.plan.profile for item in listed if not view.active(item.after.plan.profile_digest)}
    ):
        remedy = f"Have a policy owner who did not write it run: aims-gates profile activate {quoted(profile)}"
        yield InputError(f"this content of the profile {profile!r} is not active", remedy=remedy)


def _trials(connection: Source, listed: Sequence[ChangedBinding]) -> Iterator[AimsGatesError]:
    """Bindings that may not follow the ones before: a trial after others, others after a trial with too few people."""
    places = [(item.after.workspace, item.after.name) for item in listed]
    for item, view in zip(listed, views_of(connection, places).values(), strict=True):
        earlier = [row.predicate.plan for row in view.of(Binding, view.concerns)]
        problem = binding_refusal(earlier, item.after.plan, view.trust.current())
        if problem is not None:
            remedy = f"See who is needed, and have them make keys: aims-gates start --invite {quoted(item.after.name)}"
            yield InputError(problem, where=item.after.name, remedy=remedy)


def plan_changes(before: Plan, after: Plan) -> list[str]:
    """In what two plans differ, one short line each."""
    old, new = plain(before), plain(after)
    lines = [
        f"{name}: {_short(old[name])} -> {_short(new[name])}"
        for name in new
        if name not in _PARTS and old[name] != new[name]
    ]
    controls = [{item.control: plain(item) for item in plan.requirements} for plan in (before, after)]
    steps = [{item.gate: plain(item) for item in plan.steps} for plan in (before, after)]
    return [*lines, *_sets("control", *controls), *_sets("gate", *steps)]


_PARTS = ("requirements", "steps")


def _sets(what: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    parts = {
        "no longer": sorted({*before} - {*after}),
        "new": sorted({*after} - {*before}),
        "otherwise": [
            _inside(name, before[name], after[name])
            for name in sorted({*before} & {*after})
            if before[name] != after[name]
        ],
    }
    for how, listed in parts.items():
        if listed:
            yield f"{what}s {how}: {', '.join(listed)}"


def _inside(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    return f"{name} ({', '.join(key for key in after if before.get(key) != after[key])})"


def _short(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sha256:"):
        return value[7:15]
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value) or "none"
    text = " ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
