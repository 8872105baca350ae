"""Whose word counts, and what governs a name: the statements of a ledger, its bindings and its modes. Pure.

Every choice is the *latest* statement by place in the ledger, and only then a look at whether it counts: an old pass
never comes back because a newer failure expired, was revoked, or was signed by a key that was untrusted since. For the
same reason whatever only takes away (a halt, a rejection, a withdrawal, a revocation) stays when its signer's key is
untrusted later. The same statement brought again by the same signers is the old one, at its old place.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Self, TypeVar, cast

from aims_gates.attestation.statements.people import Revocation, Withdrawal
from aims_gates.attestation.statements.policy import Activation, Binding, Freed, OpenMode
from aims_gates.attestation.statements.registry import Creation, Grant
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.trust_list import Row, TrustHistory, alike, day
from aims_gates.decision import rights
from aims_gates.decision.system_fields import for_policy, listed_fields
from aims_gates.model import Mode

__all__ = ["Statements"]

_STRICT: Mapping[Mode, int] = {"observe": 0, "warn": 1, "enforce": 2}
_Answer = TypeVar("_Answer")


class Statements:
    """The rows that bear on a name, in order, and what governs it.

    Attributes:
        workspace, name: The registered model or prompt.
        rows: The registry's acts, and what a trusted key said that had not said it before.
        trust: Which keys counted at which place in the ledger.
        revoked, withdrawn: Digests of the statements that were lawfully taken back.
        trust_lists: The trust lists that were in force, in order.
        born: Position of the name's latest creation; -1 where none is on record.
    """

    def __init__(self, rows: Iterable[Row], workspace: str, name: str) -> None:
        ordered = sorted(rows, key=lambda row: row.position)
        self.workspace, self.name, self._every = workspace, name, ordered
        self.trust = TrustHistory.of(ordered)
        self.rows = list(self._first_statements(ordered))
        self._by_type: dict[str, list[Row]] = {}
        for row in self.rows:
            self._by_type.setdefault(row.type, []).append(row)
        taken = rights.counting(self.trust, [*self.of(Revocation), *self.of(Withdrawal)], self.rows)
        self.revoked = {rights.target_of(row) for row in taken if row.type == type_of(Revocation)}
        self.withdrawn = {rights.target_of(row) for row in taken if row.type == type_of(Withdrawal)}
        in_force = {position for position, _ in self.trust.lists}
        self.trust_lists = [row for row in ordered if row.position in in_force]
        born = [row.position for row in self.of(Creation, self.concerns)]
        self.born = born[-1] if born else -1
        self._answers: dict[Hashable, Any] = {}

    def once(self, question: Hashable, answer: Callable[[], _Answer]) -> _Answer:
        """The answer to a question about these rows, worked out when it is first asked."""
        if question not in self._answers:
            self._answers[question] = answer()
        return cast(_Answer, self._answers[question])

    def _first_statements(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The registry's acts, and what a trusted key said that had not said it before."""
        pairs: set[tuple[str, str]] = set()
        for row in rows:
            if row.type in REGISTRY_ACTS:
                yield row
                continue
            fresh = {(row.digest, entry.key) for entry in self.trust.admitted(row)} - pairs
            if fresh:
                pairs |= fresh
                yield row

    def of(self, kind: type, keep: Callable[[Any], bool] = lambda _: True) -> list[Row]:
        """The statements of a kind, of whatever name, in order: the registry's acts, and what a trusted key said.

        Args:
            kind: The class of their predicates.
            keep: Which predicates to keep; all by default.
        """
        return [row for row in self._by_type.get(type_of(kind), ()) if keep(row.predicate)]

    @cached_property
    def by_digest(self) -> Mapping[str, Row]:
        """The rows by the digest of what they say; of the same said twice, the first."""
        return {row.digest: row for row in reversed((*self.trust_lists, *self.rows))}

    def concerns(self, predicate: Any) -> bool:
        """Whether a predicate that names a registered model names this one."""
        return bool(predicate.workspace == self.workspace and predicate.name == self.name)

    def of_name(self, workspace: str, name: str) -> Self:
        """The same rows, asked about another name."""
        return self if (workspace, name) == (self.workspace, self.name) else type(self)(self._every, workspace, name)

    def persons(self, row: Row, role: str | None = None) -> list[str]:
        """The people who signed a row (in this role); a service account is no person."""
        entries = [entry for entry in self.trust.holders(row) if not entry.service]
        return sorted({entry.person for entry in entries if role is None or role in entry.roles})

    def binding(self) -> Row | None:
        """The latest binding; None too when it does not count (:meth:`unbound`)."""
        rows = self.of(Binding, self.concerns)
        return None if self.unbound() is not None else rows[-1]

    def unbound(self) -> str | None:
        """Why no binding counts; None where one does."""
        rows = self.of(Binding, self.concerns)
        if not rows:
            return "is bound to no system" + ("; in open mode nothing is asked of it" if self.open() else "")
        let_go = self.of(Freed, self.concerns)
        if let_go and let_go[-1].position > rows[-1].position:
            return "was bound to a system and let go" + ("" if self.freed_by() else " by a word that counts no longer")
        since = let_go[-1].position if let_go else -1
        return self._why_not([row for row in rows if row.position > since])

    def _why_not(self, bindings: list[Row]) -> str | None:
        """Why the last of these bindings, in order, does not count; one by a system's owner rests on the one before."""
        policy = [place for place, row in enumerate(bindings) if self.persons(row, "policy")]
        standing, why = None, None
        for row in bindings[policy[-1] if policy else 0 :]:
            why = self._objection(row, standing)
            standing = row if why is None else None
        return why

    def _objection(self, row: Row, before: Row | None) -> str | None:
        """What speaks against a binding, beside the one before it that counts."""
        if row.digest in self.revoked:
            return "has a binding that was revoked"
        policy = {alike(person) for person in self.persons(row, "policy")}
        signers = policy or {alike(person) for person in self.persons(row)}
        if not signers:
            return "has a binding that no person signed whose key counts"
        author, plan = row.predicate.author, row.predicate.plan
        others = signers - self.trust.people_of(author) if author is not None else signers
        if not others and not plan.trial:
            return "has a binding that nobody signed but the author of the change"
        if not self.active(plan.profile_digest, row.position):
            return f"has a binding under a content of the profile {plan.profile!r} that was not activated before"
        return None if policy else self._beyond_owner(row.predicate, before, others)

    def _beyond_owner(self, binding: Binding, before: Row | None, signers: set[str]) -> str | None:
        """Why a binding that no policy owner signed does not count: what it changes, or who signed it."""
        if before is None:
            return "has a binding that wants a policy owner: none that counts stands before it"
        fields, owner = for_policy(before.predicate, binding), before.predicate.owner
        if fields:
            return f"has a binding that wants a policy owner, for it changes {listed_fields(fields)}"
        if not owner or not signers & self.trust.people_of(owner):
            return f"has a binding that wants a policy owner, or the system's owner ({owner or 'not on record'})"
        return None

    @property
    def kind(self) -> Literal["model", "prompt"]:
        """The kind fixed when the name was created; a name without a record is a model, which is the stricter."""
        born = self.of(Creation, self.concerns)
        kind: Literal["model", "prompt"] = born[-1].predicate.kind if born else "model"
        return kind

    def freed_by(self) -> Row | None:
        """The word of a policy owner that this name is governed by nobody; None where it was bound or granted since."""
        rows = self.of(Freed, self.concerns)
        if not rows or rows[-1].digest in self.revoked or not self.persons(rows[-1]):
            return None
        since = (*self.of(Binding, self.concerns), *self.of(Grant, self.concerns))
        return None if any(row.position > rows[-1].position for row in since) else rows[-1]

    def governed(self) -> bool:
        """Whether this name was ever bound or granted, and nobody freed it since: whatever became of its binding."""
        return bool(self.of(Binding, self.concerns) or self.of(Grant, self.concerns)) and self.freed_by() is None

    def open(self, kind: Literal["model", "prompt"] | None = None) -> bool:
        """Whether open mode is on and this name is not :meth:`governed`.

        Args:
            kind: As if the name were of this kind; the one that it has when None.
        """
        rows = self.of(OpenMode, lambda predicate: predicate.scope in ("", kind or self.kind))
        on = bool(rows) and rows[-1].predicate.on and rows[-1].digest not in self.revoked and self.persons(rows[-1])
        return bool(on) and not self.governed()

    def active(self, profile: str, before: int | None = None) -> bool:
        """Whether models may be bound under this profile's digest; all may be while nobody has activated any.

        An activation that nobody but the author of the change signed counts for nothing, yet makes it the rule.

        Args:
            profile: Digest of the profile's merged content.
            before: The place in the ledger that is asked about; its end when None.
        """
        rows = [row for row in self.of(Activation) if before is None or row.position < before]
        return not rows or any(
            row.predicate.digest == profile
            and row.digest not in self.revoked
            and {alike(person) for person in self.persons(row)} - self.trust.people_of(row.predicate.author)
            for row in rows
        )

    def mode(self, binding: Binding, now: datetime) -> Mode:
        """The mode in force: the last that has begun; enforce where none has, or where a date is none.

        Under a trial profile it is observe.
        """
        if binding.plan.trial:
            return "observe"
        if any(day(scheduled.start) is None for scheduled in binding.modes):
            return "enforce"
        today = now.astimezone(UTC).date().isoformat()
        begun = [scheduled for scheduled in binding.modes if scheduled.start <= today]
        return max(begun, key=lambda scheduled: (scheduled.start, _STRICT[scheduled.mode])).mode if begun else "enforce"
