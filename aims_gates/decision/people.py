"""The least number of people who can carry a plan to a grant, by the rules that the decision applies. Pure.

Each duty on the way is somebody's. Two duties conflict where the decision counts nothing when one person has both
(rules 1 and 7 of :mod:`aims_gates.decision.rules`). The least number is
found exactly: the smallest number of people to whom the duties can be given without a conflict (the chromatic number
of the graph of conflicts; a plan has a handful of duties).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aims_gates.attestation.trust_list import TrustHistory, alike
from aims_gates.decision.approvals import unfilled
from aims_gates.governance.records.approvers import BOARD
from aims_gates.model import Plan

__all__ = ["SERVICES", "Conflict", "PromotionDuty", "PeopleNeeded", "Staffing", "least_people", "staffing"]

#: Roles that a service account fills: it signs what was measured and counts as no person.
SERVICES = ("ci",)
_APPROVES = "approves:"
_BOARD = "signs:board:"
_HANDS = {"makes": "makes the model", "registers": "registers the version", "requests": "opens the request"}


@dataclass(frozen=True)
class PromotionDuty:
    """Something that a person does on the way to a grant.

    Attributes:
        id: ``writes``, ``governs``, ``makes``, ``registers``, ``requests``, ``approves:ROLE:PLACE`` or
            ``signs:board:PLACE``.
        what: The same in words.
        roles: Any one of these on the trust list lets a person do it; empty where nobody has to be on it.
    """

    id: str
    what: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conflict:
    """Two duties that one person may not have, and why."""

    between: tuple[str, str]
    reason: str


@dataclass(frozen=True)
class PeopleNeeded:
    """What a plan needs of people.

    Attributes:
        least: The least number of distinct people.
        people: A smallest assignment: by person the duties.
        duties, conflicts: All of them.
    """

    least: int
    people: tuple[tuple[PromotionDuty, ...], ...]
    duties: tuple[PromotionDuty, ...]
    conflicts: tuple[Conflict, ...]


@dataclass(frozen=True)
class Staffing:
    """A trust list held against what a plan needs.

    Attributes:
        people: How many distinct people are on it.
        holders: By role that is needed, who holds it now.
        unheld: The needed roles that nobody holds.
        enough: Whether its people can carry the plan; those whose duty needs no role may stand outside the list.
    """

    people: int
    holders: Mapping[str, tuple[str, ...]]
    unheld: tuple[str, ...]
    enough: bool


def least_people(plan: Plan, *, author_known: bool = True, quorum: int = 0) -> PeopleNeeded:
    """The fewest people who can carry a plan to a grant, who does what, and what keeps duties apart.

    Args:
        plan: What is due.
        author_known: Whether the binding names who wrote the change (git does, or ``--author``); where nobody is named
            the decision cannot keep author and signer apart. Under a trial profile it keeps nobody apart.
        quorum: How many members of a board have to sign a record's text; 0 where no board decides.
    """
    duties = tuple(_duties(plan, quorum))
    conflicts = tuple(_conflicts(duties, author_known and not plan.trial))
    apart = {frozenset(conflict.between) for conflict in conflicts}
    assignments = (
        (count, _assigned([duty.id for duty in duties], count, apart)) for count in range(1, len(duties) + 1)
    )
    count, person_of = next((count, person_of) for count, person_of in assignments if person_of is not None)
    people = [tuple(duty for duty in duties if person_of[duty.id] == person) for person in range(count)]
    return PeopleNeeded(count, tuple(people), duties, conflicts)


def staffing(plan: Plan, history: TrustHistory, now: datetime, *, quorum: int = 0) -> Staffing:
    """Whether the people on the trust list in force can carry a plan.

    Args:
        plan: What is due.
        history: The trust lists and key revocations of the ledger.
        now: The time at which keys have to count.
        quorum: As in :func:`least_people`.
    """
    entries = list(_entries(history, now))
    needed = dict.fromkeys(role for duty in _duties(plan, quorum) for role in duty.roles[:1])
    holders = {role: _holders(entries, role) for role in needed}
    holders |= {role: _holders(entries, role, services=True) for role in SERVICES}
    requesters = {alike(person) for role in _requesting(plan) for person in holders[role]}
    # Whoever may approve may also ask, so that nobody need be a developer.
    unheld = tuple(role for role in holders if not holders[role] and not (role == "developer" and requesters))
    people = {alike(person) for _, person, service in entries if not service}
    enough = not unheld and _quorate(holders, quorum) and _carried(plan, holders, requesters)
    return Staffing(len(people), holders, unheld, enough)


def _quorate(holders: Mapping[str, Collection[str]], quorum: int) -> bool:
    """Whether a board has as many members as have to sign."""
    return len({alike(person) for person in holders.get(BOARD, ())}) >= quorum


def _carried(plan: Plan, holders: Mapping[str, Collection[str]], requesters: Collection[str]) -> bool:
    """Whether, beside one who asks, every approval finds a person of its own.

    Author, maker and registrar need no role: they may stand outside the list, or be the requester.
    """
    approvals = [
        {"person": alike(person), "role": rule.role} for rule in plan.approvals for person in holders[rule.role]
    ]
    return any(
        not unfilled(plan.approvals, [approval for approval in approvals if approval["person"] != requester])
        for requester in requesters
    )


def _holders(entries: Sequence[tuple[str, str, bool]], role: str, *, services: bool = False) -> tuple[str, ...]:
    """The people who hold a role, and where a service may, the services."""
    return tuple(sorted({person for name, person, service in entries if name == role and (services or not service)}))


def _requesting(plan: Plan) -> tuple[str, ...]:
    """The roles that may open a request."""
    return ("developer", *dict.fromkeys(rule.role for rule in plan.approvals))


def _duties(plan: Plan, quorum: int) -> Iterator[PromotionDuty]:
    yield PromotionDuty("writes", "writes the system's file and records")
    for hand, what in _HANDS.items():
        yield PromotionDuty(hand, what, _requesting(plan) if hand == "requests" else ())
    for rule in plan.approvals:
        for place in range(1, rule.count + 1):
            which = f" ({place} of {rule.count})" if rule.count > 1 else ""
            yield PromotionDuty(f"{_APPROVES}{rule.role}:{place}", f"approves as {rule.role}{which}", (rule.role,))
    for place in range(1, quorum + 1):
        yield PromotionDuty(f"{_BOARD}{place}", f"signs as the board ({place} of {quorum})", (BOARD,))
    yield PromotionDuty("governs", "signs the trust list and the binding", ("policy",))


def _conflicts(duties: Sequence[PromotionDuty], author_known: bool) -> Iterator[Conflict]:
    if author_known:
        reason = "the author of a change may not sign the binding, or the activation, that puts it into force (rule 1)"
        yield Conflict(("writes", "governs"), reason)
    board = [duty for duty in duties if duty.id.startswith(_BOARD)]
    for place, member in enumerate(board):
        yield Conflict(("writes", member.id), "the author of a record's text may not sign it as the board (rule 21)")
        for other in board[place + 1 :]:
            yield Conflict((member.id, other.id), "each member of a board counts once (rule 21)")
    approvals = [duty for duty in duties if duty.id.startswith(_APPROVES)]
    for place, approval in enumerate(approvals):
        for hand in _HANDS:
            reason = (
                "whoever made a version (the run's creator, the commit's author), registered it or asked for it may "
                f"not approve it as {approval.roles[0]} (rule 7)"
            )
            yield Conflict((hand, approval.id), reason)
        for other in approvals[place + 1 :]:
            yield Conflict((approval.id, other.id), "each person fills one of the approvals asked for (rule 7)")


def _assigned(duties: Sequence[str], count: int, apart: Collection[frozenset[str]]) -> dict[str, int] | None:
    """Duty -> person (from 0) without a conflict among so many people, by trying all in order; None where none is.

    Nobody is told from anybody else, so each duty goes to somebody who has one already or to the next person.
    """
    person_of: dict[str, int] = {}

    def place(index: int) -> bool:
        if index == len(duties):
            return True
        duty, people = duties[index], len(set(person_of.values()))
        taken = {person for other, person in person_of.items() if frozenset((duty, other)) in apart}
        for person in sorted(set(range(min(people + 1, count))) - taken):
            person_of[duty] = person
            if place(index + 1):
                return True
            del person_of[duty]
        return False

    return person_of if place(0) else None


def _entries(history: TrustHistory, now: datetime) -> Iterator[tuple[str, str, bool]]:
    """Role, person, service: of the keys and logins whose word would count if it were said now."""
    trust = history.current()
    if trust is None:
        return
    today = now.astimezone(UTC).date().isoformat()
    listed = [(key, key.key) for key in trust.keys] + [(user, f"user:{user.login}") for user in trust.users]
    for entry, name in listed:
        within = (entry.not_before or today) <= today <= (entry.not_after or today)
        if within and name not in history.told:
            yield from ((role, entry.person, entry.service) for role in entry.roles)
