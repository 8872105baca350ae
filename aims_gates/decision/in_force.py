"""What stands at this moment for a version and its aliases: requests, approvals, waivers, halts and grants. Pure."""

from collections.abc import Set
from datetime import UTC, date, datetime, timedelta

from aims_gates.attestation.statements.people import Approval, Halt, Rejection, Request, Waiver
from aims_gates.attestation.statements.policy import Freed
from aims_gates.attestation.statements.registry import Grant, Intake, Registration, Transition
from aims_gates.attestation.trust_list import Row, alike, day
from aims_gates.decision.evidence import EvidenceView
from aims_gates.model import Plan

__all__ = ["StatementView"]

_DAY = timedelta(days=1)


class StatementView(EvidenceView):
    """The rows that bear on a question, with what stands among them."""

    def registration(self, version: str) -> Row | None:
        """Who registered this version, since the model was created; else who took it in (:meth:`intakes`)."""
        return self.registrations().get(version)

    def registrations(self) -> dict[str, Row]:
        """The same of every version."""
        rows = self.of(Registration, self.concerns)
        return self.intakes() | {row.predicate.version: row for row in rows if row.position > self.born}

    def intakes(self) -> dict[str, Row]:
        """The latest word of a person that a version is taken in, where it counts."""
        rows = self.of(Intake, self.concerns)
        latest = {row.predicate.version: row for row in rows if row.position > self.born}
        return {version: row for version, row in latest.items() if row.digest not in self.revoked and self.persons(row)}

    def halted_at(self, digest: str | None = None) -> int:
        """Position of the last halt of this name, or of these bytes under whatever name; -1 where there is none."""
        return max(
            (row.position for row in self.of(Halt) if self.concerns(row.predicate) or self.reaches(row, digest)),
            default=-1,
        )

    def reaches(self, halt: Row, digest: str | None) -> bool:
        """Whether these bytes were granted, before a halt, under the name that was halted."""
        name = (halt.predicate.workspace, halt.predicate.name)
        return digest is not None and any(
            row.position < halt.position and (row.predicate.workspace, row.predicate.name) == name
            for row in self.of(Grant, lambda predicate: predicate.digest == digest)
        )

    def request(self, version: str) -> Row | None:
        """The latest request for this version, unless taken back, untrusted, or older than a halt of its bytes."""
        row = self.latest_request(version)
        if row is None or row.position < self.halted_at(row.predicate.digest) or not self.trust.holders(row):
            return None
        return None if row.digest in self.withdrawn | self.revoked else row

    def latest_request(self, version: str) -> Row | None:
        """The latest request for this version since the model was created, standing or not."""
        rows = [row for row in self.of(Request, self.concerns) if row.predicate.version == version]
        return rows[-1] if rows and rows[-1].position > self.born else None

    def rejection(self, request: Row) -> tuple[str, str] | None:
        """Who rejected this request, and why. It stays: only a new request leads on."""
        for row in self.of(Rejection, lambda predicate: predicate.request == request.digest):
            who = sorted(
                entry.person
                for entry in self.trust.admitted(row)
                if row.predicate.role in entry.roles and not entry.service
            )
            if who:
                return ", ".join(who), row.predicate.reason
        return None

    def approvals(self, request: Row, days: int, now: datetime) -> list[Row]:
        """The approvals of this request that are in role, after it, young enough and not revoked."""
        return [
            row
            for row in self.of(Approval, lambda predicate: predicate.request == request.digest)
            if self.persons(row, row.predicate.role)
            and row.position > request.position
            and row.digest not in self.revoked
            and row.at <= now
            and (now - row.at) / _DAY <= days
        ]

    def waivers(
        self, plan: Plan, subject: str, now: datetime, hands: Set[str] = frozenset()
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        """Waivers by control: those that stand, and those whose end has passed.

        Args:
            plan: Who may grant one, and for how long.
            subject: The bytes.
            now: The time of the question.
            hands: Who had a hand in this version, as :func:`aims_gates.attestation.trust_list.alike` compares; theirs
                do not count.
        """
        standing: dict[str, Row] = {}
        ended: dict[str, Row] = {}
        for row in self.of(Waiver, lambda predicate: predicate.digest == subject and predicate.system == plan.system):
            last = day(row.predicate.expires)
            if last is not None and self._waiver_in_role(row, plan, hands) and _capped(row, last, plan):
                within = row.at <= now and now.astimezone(UTC).date() <= last
                (standing if within else ended)[row.predicate.control] = row
        return standing, {control: row for control, row in ended.items() if control not in standing}

    def _waiver_in_role(self, row: Row, plan: Plan, hands: Set[str]) -> bool:
        """Whether a waiver was signed in a role that may, by nobody who had a hand in the version, and not revoked."""
        role = row.predicate.role
        signers = {alike(entry.person) for entry in self.trust.admitted(row)}
        in_role = role in plan.waiver_roles and bool(self.persons(row, role))
        return in_role and row.digest not in self.revoked and not signers & hands

    def grants(self, version: str | None = None, alias: str | None = None) -> list[Row]:
        """Grants since the model was created, in order."""
        return [
            row
            for row in self.of(Grant, self.concerns)
            if row.position > self.born
            and version in (None, row.predicate.version)
            and alias in (None, row.predicate.alias)
        ]

    def ends_of(self, grant: Row) -> list[Row]:
        """What took this grant's place or ended it: later grants of its alias, transitions, halts, the name let go."""
        predicate = grant.predicate
        moved = self.of(
            Transition,
            lambda other: (
                # Whatever the registry's row said then, an alias that was taken away has ended.
                self.concerns(other)
                and (
                    other.alias == predicate.alias
                    or (other.alias is None and other.version in (None, predicate.version))
                )
            ),
        )
        ends = [
            *self.grants(alias=predicate.alias),
            *moved,
            *self.of(Halt, self.concerns),
            *self.of(Freed, self.concerns),
        ]
        return [row for row in ends if row.position > grant.position]

    def taken_back(self, grant: Row) -> bool:
        """Whether a grant was revoked, or the adoption that it came from."""
        predicate = grant.predicate
        return grant.digest in self.revoked or (predicate.transition == "adopted" and predicate.request in self.revoked)

    def standing(self, alias: str, now: datetime) -> Row | None:
        """The grant that stands for this alias now: the latest, not taken away, revoked, halted or past its own end."""
        rows = self.grants(alias=alias)
        if not rows or self.ends_of(rows[-1]) or self.taken_back(rows[-1]):
            return None
        ends = rows[-1].predicate.expires
        last = None if ends is None else day(ends)
        return rows[-1] if ends is None or (last and now.astimezone(UTC).date() <= last) else None

    def in_force(self, now: datetime) -> list[Row]:
        """The grants that stand now, by alias."""
        aliases = sorted({row.predicate.alias for row in self.grants()})
        return [row for alias in aliases if (row := self.standing(alias, now)) is not None]


def _capped(waiver: Row, last: date, plan: Plan) -> bool:
    """Whether a waiver lasts no longer than the plan lets waivers last."""
    return (last - waiver.at.astimezone(UTC).date()).days <= plan.waiver_days
