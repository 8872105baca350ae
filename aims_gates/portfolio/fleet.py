"""Where each registered model stands: what is in production, since when, and what is missing. Pure, but for `views`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.halts import halted_elsewhere, stopping
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide
from aims_gates.ledger import rows as rows_under
from aims_gates.ledger.registry_acts import about, remembered
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import Rows, Source, names
from aims_gates.model import ControlState, Decision, Plan, State

__all__ = ["ModelView", "ModelStatus", "registered", "standing_grants", "status", "view", "views"]

_PRODUCTION = "production"
#: States that time alone brings; with a standing grant they mean that renewal is due.
_TIMED: frozenset[State] = frozenset({"stale", "awaiting-approval"})


#: Transitions by which something is in production without its criteria counted as met: they show for as long.
_IRREGULAR = {"break-glass": "break-glass", "adopted": "adopted", "trial": "trial grant"}


@dataclass(frozen=True)
class ModelView:
    """A registered model as the ledger shows it at a moment.

    Attributes:
        workspace, name: Which.
        rows: Every row that bears on it and on the version looked at.
        now: The moment.
        grant: The grant that stands for production; None where none does.
        version: The version looked at: the granted one, else the newest registered; None where there is none.
        subject: Its digest, as far as the ledger knows it.
    """

    workspace: str
    name: str
    rows: tuple[Row, ...]
    now: datetime
    grant: Row | None
    version: str | None
    subject: str | None

    @cached_property
    def ledger(self) -> StatementView:
        """What counts among the rows."""
        return StatementView(self.rows, self.workspace, self.name)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan in force; None without a binding that counts."""
        row = self.ledger.binding()
        return row.predicate.plan if row is not None else None

    @cached_property
    def decision(self) -> Decision:
        """The decision on the version looked at."""
        ask = Ask(self.workspace, self.name, self.version or "", self.subject, _PRODUCTION, self.now)
        return decide(ask, self.rows)

    @property
    def missing(self) -> tuple[ControlState, ...]:
        """The controls that would stop this version now."""
        return tuple(state for state in self.decision.controls if state.blocks)

    @property
    def halted(self) -> bool:
        """Whether a halt is the last word on what runs: of this name, or of another with the same bytes."""
        granted = max((row.position for row in self.ledger.grants()), default=-1)
        if self.grant is not None:
            predicate = self.grant.predicate
            return all(
                (
                    halted_elsewhere(self.ledger, predicate.digest),
                    stopping(self.ledger, predicate.digest, predicate.version),
                )
            )
        return self.ledger.halted_at() > granted

    @property
    def state(self) -> str:
        """``met``, ``unmet n``, ``renewal due`` (in grace, with the last day on which a promotion would pass),
        ``halted``, ``unbound``, ``open`` (unbound, in open mode), ``observe``, ``warn``, ``break-glass``,
        ``adopted`` or ``trial grant``.
        """
        if self.plan is None:
            adopted = self.grant is not None and self.grant.predicate.transition == "adopted"
            return "adopted" if adopted else "open" if self.ledger.open() else "unbound"
        if self.halted:
            return "halted"
        if self.grant is not None and self.grant.predicate.transition in _IRREGULAR:
            return _IRREGULAR[self.grant.predicate.transition]
        if self.decision.mode != "enforce":
            return self.decision.mode
        return self._renewal() or (f"unmet {len(self.missing)}" if self.missing else "met")

    def _renewal(self) -> str:
        """That renewal is due of a grant that stands, and until when a promotion would pass; empty where it is not."""
        if self.grant is None or any(state.state not in _TIMED for state in self.missing):
            return ""
        grace = min((control.grace for control in self.decision.controls if control.grace), default="")
        if grace:
            return f"renewal due, grace until {grace}"
        return "" if self.decision.criteria_met else "renewal due"

    @cached_property
    def request(self) -> Row | None:
        """The newest request that waits for an answer or for its promotion."""
        granted = {row.predicate.request for row in self.ledger.grants()}
        requests = (self.ledger.request(version) for version in registered(self.ledger))
        rows = [row for row in requests if row and row.digest not in granted and not self.ledger.rejection(row)]
        return max(rows, key=lambda row: row.position, default=None)


def registered(ledger: StatementView) -> list[str]:
    """The versions registered since the model was created, oldest first."""
    return sorted(ledger.registrations(), key=int)


def standing_grants(ledger: StatementView, now: datetime) -> list[Row]:
    """The grants that stand now, that for ``production`` first."""
    return sorted(ledger.in_force(now), key=lambda row: row.predicate.alias.casefold() != _PRODUCTION)


def view(connection: Rows, workspace: str, name: str, now: datetime, version: str | None = None) -> ModelView:
    """One registered model at a moment; with ``version``, that version.

    Raises:
        IntegrityError: a row does not hold; nothing is said on such a ledger.
    """
    terms = ("trust", "revocation", f"model {workspace}/{name}", f"versions {workspace}/{name}")
    named = rows_under(connection, terms)
    ledger = StatementView(named, workspace, name)
    grants = [row for row in standing_grants(ledger, now) if version in (None, row.predicate.version)]
    grant = grants[0] if grants else None
    known = registered(ledger)
    looked = version or (grant.predicate.version if grant else known[-1] if known else None)
    request = ledger.request(looked) if looked is not None else None
    subject = grant.predicate.digest if grant else request.predicate.digest if request else None
    rows = about(connection, workspace, name, subject, looked)
    if subject is None and looked is not None:
        subject = StatementView(rows, workspace, name).evidenced_bytes(looked)
        rows = about(connection, workspace, name, subject, looked) if subject else rows
    every = {row.position: row for row in (*named, *rows)}
    return ModelView(workspace, name, tuple(every[place] for place in sorted(every)), now, grant, looked, subject)


def views(connection: Source, now: datetime) -> Iterator[ModelView]:
    """Every registered model that the ledger knows; a database is read in a few looks, however many there are.

    Raises:
        IntegrityError: a row does not hold; nothing is said on such a ledger.
    """
    known = names(connection)
    source = connection if isinstance(connection, Remote) else remembered(connection, known)
    for workspace, name in known:
        yield view(source, workspace, name, now)


@dataclass(frozen=True)
class ModelStatus:
    """One line of the table of all models.

    Attributes:
        model, system, tier, mode: Which model, of which system; empty where it is bound to none.
        version, since: What is in production, and since which day; empty where nothing is.
        state: See :attr:`ModelView.state`.
        missing: How many controls would stop the version looked at.
        request: The open request, short; empty where none is open.
        next_expiry: The next day on which something it rests on ends; empty where nothing does.
        would_refuse: Promotions that observe and warn let through and enforce would have refused.
    """

    model: str
    system: str = ""
    tier: str = ""
    mode: str = ""
    version: str = ""
    since: str = ""
    state: str = "unbound"
    missing: int = 0
    request: str = ""
    next_expiry: str = ""
    would_refuse: int = 0


def status(model: ModelView, ends: Iterable[str]) -> ModelStatus:
    """A model's line.

    Args:
        model: The model.
        ends: The ISO dates on which what it rests on ends.
    """
    decision, plan, grant = model.decision, model.plan, model.grant
    return ModelStatus(
        model=model.name,
        system=plan.system if plan else "",
        tier=plan.tier if plan else "",
        mode=decision.mode if plan else "",
        version=grant.predicate.version if grant else "",
        since=grant.at.date().isoformat() if grant else "",
        state=model.state,
        missing=len(model.missing),
        request=model.request.digest[7:19] if model.request else "",
        next_expiry=min(ends, default=""),
    )
