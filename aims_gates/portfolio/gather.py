"""What the packs and the ledger of a user's settings hold, read once for the reports over all models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from aims_gates.attestation.trust_list import TrustHistory
from aims_gates.errors import NoLedgerError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import (
    SystemRecord,
    find_system,
    read_record,
    read_system,
    record_files,
    system_names,
)
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import let_through
from aims_gates.model import Plan
from aims_gates.portfolio.due import Deadline, due_fields, due_keys, due_of, sort_due
from aims_gates.portfolio.fleet import ModelStatus, ModelView, status, views
from aims_gates.settings import DEFAULT_WORKSPACE, Settings, called

__all__ = ["Gathered", "gather", "record_paths", "system_of"]


@dataclass(frozen=True)
class Gathered:
    """Everything known.

    Attributes:
        now: The moment.
        systems: The systems of the packs, without their other records.
        plans: System -> plan as the files now say it; none for a prohibited system.
        seen: The registered models of the ledger.
        trust: The trust list and its past.
        folders: The packs.
        workspace: The one that is worked in; models of others go by ``WORKSPACE/NAME``.
        let_through: Workspace and name -> promotions let through that would have been refused.
    """

    now: datetime
    systems: tuple[SystemRecord, ...]
    plans: dict[str, Plan]
    seen: tuple[ModelView, ...]
    trust: TrustHistory = field(default_factory=TrustHistory)
    folders: tuple[Path, ...] = ()
    workspace: str = DEFAULT_WORKSPACE
    let_through: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def called(self, model: ModelView) -> str:
        """What a registered model goes by here."""
        return called(model.workspace, model.name, self.workspace)

    def statuses(self) -> list[ModelStatus]:
        """A line for each model of the ledger, then for each that only a pack names."""
        model_statuses = [
            replace(
                status(model, [due.due for due in due_of(model)]),
                model=self.called(model),
                would_refuse=self.let_through.get((model.workspace, model.name), 0),
            )
            for model in self.seen
        ]
        known = {self.called(model) for model in self.seen}
        return model_statuses + [line for line in self._unregistered() if line.model not in known]

    def _unregistered(self) -> Iterator[ModelStatus]:
        for record in self.systems:
            plan = self.plans.get(record.system.name)
            due = sum(requirement.enforcement == "block" for requirement in plan.requirements) if plan else 0
            state = "unbound" if plan else "prohibited"
            for model in record.system.models:
                yield ModelStatus(model, record.system.name, record.system.tier, state=state, missing=due)

    def schedule(self) -> list[Deadline]:
        """Everything that has a date, by date."""
        deadlines = [due for model in self.seen for due in due_of(model)]
        deadlines += due_keys(self.trust)
        for pack in self.folders:
            for path in record_paths(pack):
                deadlines += due_fields(read_record(path).value, path.relative_to(pack).as_posix())
        return sort_due(deadlines)


def system_of(settings: Settings, name: str) -> SystemRecord | None:
    """The system of this name; None where no pack of the user holds it.

    Raises:
        InputError: it is malformed, or two packs hold it.
    """
    packs = [pack for pack in settings.packs if name in system_names(pack)]
    return read_system(find_system(packs, name), name) if packs else None


def grace_of_systems(packs: Sequence[Path]) -> dict[str, int]:
    """Days of grace by system, as the profiles say; under ``""`` the fewest, for what all systems share.

    Raises:
        InputError: a system, a profile or a gate is malformed.
    """
    return _with_fewest({name: plan.grace_days for name, plan in _plans(packs).items()})


def course_days_of_systems(packs: Sequence[Path]) -> dict[str, int]:
    """Days for which a course counts by system, as its plan's gate ``training`` says; under ``""`` the fewest.

    Raises:
        InputError: a system, a profile or a gate is malformed.
    """
    steps = {name: step for name, plan in _plans(packs).items() for step in plan.steps if step.gate == "training"}
    return _with_fewest({name: int(step.params["max_days"]) for name, step in steps.items()})


def _plans(packs: Sequence[Path]) -> dict[str, Plan]:
    """The plans of all systems that are not prohibited."""
    planner = Planner(packs)
    systems = {name: read_system(pack, name, whole=False) for pack in packs for name in system_names(pack)}
    return {name: planner.plan(item) for name, item in systems.items() if item.system.tier != "prohibited"}


def _with_fewest(days: dict[str, int]) -> dict[str, int]:
    """The days, and under ``""`` the fewest of them, for what all systems share."""
    return {"": min(days.values()), **days} if days else {}


def record_paths(pack: Path) -> list[Path]:
    """Every record file of a pack: the organization's, the standard ones, the systems'."""
    root = pack / "records"
    folders = [root / "organization", root / "organization" / "standard"]
    folders += [root / "systems" / name for name in system_names(pack)]
    return [path for folder in folders for name, path in record_files(folder).items() if name != "defaults"]


def gather(settings: Settings, now: datetime, since: date = date.min) -> Gathered:
    """Read packs and ledger; where there is no ledger yet, the packs alone.

    Args:
        settings: Where they are.
        now: The moment.
        since: The first day of what observe and warn let through.

    Raises:
        InputError: a system, a profile or a gate is malformed.
        IntegrityError: a ledger row does not hold.
    """
    packs = settings.packs
    planner = Planner(packs)
    systems = tuple(read_system(pack, name, whole=False) for pack in packs for name in system_names(pack))
    plans = {record.system.name: planner.plan(record) for record in systems if record.system.tier != "prohibited"}
    models, trust, passed = _ledger(settings, now, since)
    return Gathered(now, systems, plans, models, trust, packs, settings.workspace, passed)


def _ledger(
    settings: Settings, now: datetime, since: date
) -> tuple[tuple[ModelView, ...], TrustHistory, dict[tuple[str, str], int]]:
    if settings.registry is None:
        return (), TrustHistory(), {}
    try:
        with open_ledger(settings.registry) as connection:
            return tuple(views(connection, now)), history(connection), let_through(connection, since)
    except NoLedgerError:
        return (), TrustHistory(), {}
