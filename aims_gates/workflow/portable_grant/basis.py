"""What a grant rests on: the signed words of people, found in a ledger and checked again where it is carried to.

A promotion rests on its request and the approvals of it; a rollback on its order and on the grant that it returns to;
break-glass on the orders of two people; an adoption on itself. Of these only the first says that anybody approved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aims_gates.attestation.statements.people import Approval, BreakGlass, Request, RollbackOrder
from aims_gates.attestation.statements.policy import Adoption
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row, TrustHistory, alike
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import unfilled
from aims_gates.errors import IntegrityError
from aims_gates.model import Approver

__all__ = ["Basis", "rests_on", "weighed"]

_AGAIN = "Do not rely on it. Have the grant issued again, and ask who made this file."


@dataclass(frozen=True)
class Basis:
    """What people said for a grant.

    Attributes:
        origin: The grant that criteria or orders stood behind: the one a rollback returned to, else the grant itself.
        people: Whose word it rests on, each with ``person``, ``role`` (an approver's), ``said`` and ``at``.
    """

    origin: Row
    people: tuple[dict[str, str], ...] = field(default=())


def rests_on(ledger: StatementView, grant: Row) -> list[Row]:
    """The rows that a grant of this ledger rests on, in order; those that no longer count are left out."""
    return sorted(_resting(ledger, grant), key=lambda row: row.position)


def _resting(ledger: StatementView, grant: Row) -> Iterator[Row]:
    before = [row for row in ledger.rows if row.position < grant.position and row.digest not in ledger.revoked]
    granted: Grant = grant.predicate
    match granted.transition:
        case "rollback":
            yield from _of(before, RollbackOrder, granted)[-1:]
            yield from _returned_to(ledger, before, granted)
        case "break-glass":
            yield from _orders(ledger, before, grant)
        case "adopted":
            yield from _named(before, Adoption, granted)
        case _:
            yield from _named(before, Request, granted)
            approvals = (row for row in before if row.type == type_of(Approval))
            yield from (row for row in approvals if row.predicate.request == granted.request)


def _returned_to(ledger: StatementView, before: Sequence[Row], granted: Grant) -> Iterator[Row]:
    """The grant that a rollback returns to, and what that rests on."""
    for row in [row for row in _of(before, Grant, granted) if row.predicate.transition != "rollback"][-1:]:
        yield row
        yield from _resting(ledger, row)


def _orders(ledger: StatementView, before: Sequence[Row], grant: Row) -> Iterator[Row]:
    """The break-glass orders since the grant before: of each person the last one."""
    last = max((row.position for row in ledger.grants() if row.position < grant.position), default=-1)
    orders = [row for row in _of(before, BreakGlass, grant.predicate) if row.position > last]
    yield from {person: row for row in orders for person in ledger.persons(row)}.values()


def _named(before: Sequence[Row], kind: type, granted: Grant) -> Iterator[Row]:
    """The row that a grant names as what it was asked for by."""
    return (row for row in _of(before, kind, granted) if row.digest == granted.request)


def _of(rows: Sequence[Row], kind: type, granted: Grant) -> list[Row]:
    """Rows of a type about the version that was granted."""
    typed = [row for row in rows if row.type == type_of(kind)]
    return [row for row in typed if _about(row.predicate) == _about(granted)]


def _about(predicate: object) -> tuple[object, ...]:
    return tuple(getattr(predicate, name) for name in ("workspace", "name", "version"))


def weighed(past: TrustHistory, grant: Row, basis: Sequence[Row], required: Sequence[Approver], where: str) -> Basis:
    """Check what a grant rests on, by the lists of trust alone.

    Args:
        past: The lists of trust.
        grant: The grant's row.
        basis: The rows that it is to rest on, in order.
        required: The approvals that the plan asked for.
        where: The file's name, for messages.

    Raises:
        IntegrityError: something is missing, is about other bytes, or was said by nobody who might.
    """
    places = [row.position for row in basis]
    if places != sorted(set(places)) or not all(place < grant.position for place in places):
        raise _unfit("what it rests on does not stand before it", where)
    return _Weighing(past, list(basis), tuple(required), where).of(grant)


def _word(predicate_type: str) -> str:
    """What kind of statement it is, as people write it: ``break-glass``."""
    return predicate_type.partition(":")[2].partition("/")[0]


def _unfit(message: str, where: str) -> IntegrityError:
    return IntegrityError(message, where=where, remedy=_AGAIN)


@dataclass
class _Weighing:
    past: TrustHistory
    left: list[Row]
    required: tuple[Approver, ...]
    where: str

    def of(self, grant: Row) -> Basis:
        granted: Grant = grant.predicate
        match granted.transition:
            case "rollback":
                basis = self._rollback(grant)
            case "break-glass":
                basis = self._break_glass(grant)
            case "adopted":
                row = self._one(Adoption, granted)
                if row.digest != granted.request:
                    raise _unfit("its adoption is not the one that it names", self.where)
                basis = Basis(grant, tuple(self._people(row)))
            case _:
                basis = self._approved(grant)
        if self.left:
            raise _unfit("it carries rows that it does not rest on", self.where)
        return basis

    def _take(self, kind: type, granted: Grant) -> list[Row]:
        """The rows of a type, taken out of what is left; each is about the granted version and bytes."""
        taken = [row for row in self.left if row.type == type_of(kind)]
        self.left = [row for row in self.left if row not in taken]
        for row in taken:
            digest = getattr(row.predicate, "digest", granted.digest)
            if _about(row.predicate) != _about(granted) or digest != granted.digest:
                raise _unfit("what it rests on is about another version or other bytes", self.where)
        return taken

    def _one(self, kind: type, granted: Grant) -> Row:
        taken = self._take(kind, granted)
        if len(taken) != 1:
            raise _unfit(f"it does not carry its {_word(type_of(kind))}", self.where)
        return taken[0]

    def _people(self, row: Row, role: str | None = None) -> list[dict[str, str]]:
        """Whose word a row is: people in that role, no service accounts."""
        entries = [entry for entry in self.past.holders(row) if not entry.service]
        people = sorted({entry.person for entry in entries if role is None or role in entry.roles})
        word, at = _word(row.type), row.at.isoformat(timespec="seconds")
        if not people and role is None:
            raise _unfit(f"its {word} was signed by nobody who may say so", self.where)
        return [{"person": person, "role": role or "", "said": word, "at": at} for person in people]

    def _approved(self, grant: Row) -> Basis:
        request = self._one(Request, grant.predicate)
        requesters = self.past.holders(request)
        if request.digest != grant.predicate.request or not requesters:
            raise _unfit("its request is not the one that was granted, or nobody's who may ask", self.where)
        approvals = [row for row in self.left if row.type == type_of(Approval)]
        self.left = [row for row in self.left if row not in approvals]
        own = {alike(entry.person) for entry in requesters}
        words: list[dict[str, str]] = []
        for row in approvals:
            about = (row.predicate.request, row.statement.subject)
            if about != (request.digest, grant.predicate.digest) or row.position < request.position:
                raise _unfit("an approval is about another request or other bytes", self.where)
            words += [word for word in self._people(row, row.predicate.role) if alike(word["person"]) not in own]
        missing = unfilled(self.required, words)
        if missing:
            roles = ", ".join(f"{slot['count']} in the role {slot['role']}" for slot in missing)
            raise _unfit(f"approvals that its plan requires are not there: {roles}", self.where)
        return Basis(grant, tuple(words))

    def _rollback(self, grant: Row) -> Basis:
        order = self._one(RollbackOrder, grant.predicate)
        earlier = self._one(Grant, grant.predicate)
        if not earlier.position < order.position or earlier.predicate.transition == "rollback":
            raise _unfit("it does not carry the grant that it returns to", self.where)
        before = self.of(earlier)
        return Basis(before.origin, (*self._people(order), *before.people))

    def _break_glass(self, grant: Row) -> Basis:
        people = [word for row in self._take(BreakGlass, grant.predicate) for word in self._people(row)]
        if len({alike(word["person"]) for word in people}) < 2:
            raise _unfit("break-glass takes the orders of two people", self.where)
        return Basis(grant, tuple(people))
