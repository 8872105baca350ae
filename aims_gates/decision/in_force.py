"""What counts: which statements of a ledger stand at this moment, and why the others do not. Pure.

Every choice is the *latest* statement by place in the ledger, and only then a look at whether it counts: an old pass
never comes back because a newer failure expired, was revoked, or was signed by a key that was untrusted since. For the
same reason whatever only takes away (a halt, a rejection, a withdrawal, a revocation) stays when its signer's key is
untrusted later. The same statement brought again by the same signers is the old one, at its old place.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import (
    Approval,
    BreakGlass,
    Halt,
    Rejection,
    Request,
    Revocation,
    RollbackOrder,
    Waiver,
    Withdrawal,
)
from aims_gates.attestation.statements.policy import Activation, Binding, Freed, OpenMode
from aims_gates.attestation.statements.registry import Creation, Grant, Registration, Transition
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.trust_list import Row, TrustHistory, alike, day
from aims_gates.decision import rights
from aims_gates.documents.canonical import digest_of
from aims_gates.model import LEAST_ISOLATION, Evidence, Mode, Plan, Step

__all__ = ["Ask", "Counted", "StatementView", "age_days"]

#: How long an on-call order to roll back may wait for its alias write.
ORDER_LIFE = timedelta(hours=24)
Standing = Literal["counts", "missing", "stale"]
_DAY = timedelta(days=1)
_STRICT: Mapping[Mode, int] = {"observe": 0, "warn": 1, "enforce": 2}


@dataclass(frozen=True)
class Ask:
    """The question: may this version be promoted now?

    Attributes:
        workspace, name, version: The registered model's version; the version as MLflow writes it.
        digest: Digest of the staged bytes; None while nobody has hashed them (then the request's subject stands in,
            and the answer cannot be yes).
        alias: The governed alias.
        now: The time of the question, with a time zone.
        actor: Who asks.
        makers: Who made the model, by the server's own record: nobody (empty) where it has none; None where no server
            keeps such a record.
    """

    workspace: str
    name: str
    version: str
    digest: str | None
    alias: str
    now: datetime
    actor: str = ""
    makers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Counted:
    """A step's evidence, and whether it counts."""

    step: Step
    standing: Standing
    reason: str
    row: Row | None = None
    evidence: Evidence | None = None


def _time(iso: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def age_days(row: Row, produced_at: str, now: datetime) -> float | None:
    """Age in days by the older of the statement's own time and its arrival in the ledger; None when unknowable."""
    produced = _time(produced_at)
    if produced is None or row.at > now:
        return None
    return (now - min(produced, row.at)) / _DAY


def _apart(plan: Plan, predictions: Predictions) -> bool:
    """Whether the model's process was kept apart as far as the plan asks (rule 14); what is not known was not."""
    return not plan.isolation or (
        LEAST_ISOLATION.get(predictions.isolation, 0) >= LEAST_ISOLATION.get(plan.isolation, len(LEAST_ISOLATION))
    )


def _isolated(plan: Plan) -> str:
    return f" in isolation, and your profile requires at least {plan.isolation}" if plan.isolation else ""


class StatementView:
    """The rows that bear on a question, with what stands among them."""

    def __init__(self, rows: Iterable[Row], workspace: str, name: str) -> None:
        ordered = sorted(rows, key=lambda row: row.position)
        self.workspace, self.name, self._every = workspace, name, ordered
        self.trust = TrustHistory.of(ordered)
        self.rows = list(self._first_said(ordered))
        self._by_type: dict[str, list[Row]] = {}
        for row in self.rows:
            self._by_type.setdefault(row.type, []).append(row)
        taken = rights.counting(self.trust, [*self._of(Revocation), *self._of(Withdrawal)], self.rows)
        self.revoked = {rights.named(row) for row in taken if row.type == type_of(Revocation)}
        self.withdrawn = {rights.named(row) for row in taken if row.type == type_of(Withdrawal)}
        born = [row.position for row in self._of(Creation, self._ours)]
        self.born = born[-1] if born else -1

    def _first_said(self, rows: Iterable[Row]) -> Iterator[Row]:
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

    def _of(self, kind: type, keep: Callable[[Any], bool] = lambda _: True) -> list[Row]:
        return [row for row in self._by_type.get(type_of(kind), ()) if keep(row.predicate)]

    def _ours(self, predicate: Any) -> bool:
        return bool(predicate.workspace == self.workspace and predicate.name == self.name)

    def of(self, kind: type) -> list[Row]:
        """The statements of a kind, of whatever name, in order: the registry's acts, and what a trusted key said."""
        return self._of(kind)

    def concerns(self, predicate: Any) -> bool:
        """Whether a predicate that names a registered model names this one."""
        return self._ours(predicate)

    def of_name(self, workspace: str, name: str) -> "StatementView":
        """The same rows, asked about another name."""
        return self if (workspace, name) == (self.workspace, self.name) else StatementView(self._every, workspace, name)

    def persons(self, row: Row, role: str | None = None) -> list[str]:
        """The people who signed a row (in this role); a service account is no person."""
        entries = [entry for entry in self.trust.holders(row) if not entry.service]
        return sorted({entry.person for entry in entries if role is None or role in entry.roles})

    def binding(self) -> Row | None:
        """The latest binding; None too when it does not count (:meth:`unbound`)."""
        rows = self._of(Binding, self._ours)
        return None if self.unbound() is not None else rows[-1]

    def unbound(self) -> str | None:
        """Why no binding counts; None where one does."""
        rows = self._of(Binding, self._ours)
        if not rows:
            return "is bound to no system" + ("; in open mode nothing is asked of it" if self.open() else "")
        let_go = self._of(Freed, self._ours)
        if let_go and let_go[-1].position > rows[-1].position:
            return "was bound to a system and let go" + ("" if self.freed() else " by a word that counts no longer")
        if rows[-1].digest in self.revoked:
            return "has a binding that was revoked"
        signers = {alike(person) for person in self.persons(rows[-1])}
        if not signers:
            return "has a binding that no person signed whose key counts"
        author = rows[-1].predicate.author
        alone = author is not None and not signers - self.trust.people_of(author)
        if alone:
            return "has a binding that nobody signed but the author of the change"
        plan = rows[-1].predicate.plan
        if not self.active(plan.profile_digest, rows[-1].position):
            return f"has a binding under a content of the profile {plan.profile!r} that was not activated before"
        return None

    @property
    def kind(self) -> Literal["model", "prompt"]:
        """The kind fixed when the name was created; a name without a record is a model, which is the stricter."""
        born = self._of(Creation, self._ours)
        kind: Literal["model", "prompt"] = born[-1].predicate.kind if born else "model"
        return kind

    def freed(self) -> Row | None:
        """The word of a policy owner that this name is governed by nobody; None where it was bound or granted since."""
        rows = self._of(Freed, self._ours)
        if not rows or rows[-1].digest in self.revoked or not self.persons(rows[-1]):
            return None
        since = (*self._of(Binding, self._ours), *self._of(Grant, self._ours))
        return None if any(row.position > rows[-1].position for row in since) else rows[-1]

    def governed(self) -> bool:
        """Whether this name was ever bound or granted, and nobody freed it since: whatever became of its binding."""
        return bool(self._of(Binding, self._ours) or self._of(Grant, self._ours)) and self.freed() is None

    def open(self, kind: Literal["model", "prompt"] | None = None) -> bool:
        """Whether open mode is on and this name is not :meth:`governed`.

        Args:
            kind: As if the name were of this kind; the one that it has when None.
        """
        rows = self._of(OpenMode, lambda predicate: predicate.scope in ("", kind or self.kind))
        on = bool(rows) and rows[-1].predicate.on and rows[-1].digest not in self.revoked and self.persons(rows[-1])
        return bool(on) and not self.governed()

    def active(self, profile: str, before: int | None = None) -> bool:
        """Whether models may be bound under this profile's digest; all may be while nobody has activated any.

        An activation that nobody but the author of the change signed counts for nothing, yet makes it the rule.

        Args:
            profile: Digest of the profile's merged content.
            before: The place in the ledger that is asked about; its end when None.
        """
        rows = [row for row in self._of(Activation) if before is None or row.position < before]
        return not rows or any(
            row.predicate.digest == profile
            and row.digest not in self.revoked
            and {alike(person) for person in self.persons(row)} - self.trust.people_of(row.predicate.author)
            for row in rows
        )

    def mode(self, binding: Binding, now: datetime) -> Mode:
        """The mode in force: the last that has begun; enforce where none has, or where a date is none."""
        if any(day(scheduled.start) is None for scheduled in binding.modes):
            return "enforce"
        today = now.astimezone(UTC).date().isoformat()
        begun = [scheduled for scheduled in binding.modes if scheduled.start <= today]
        return max(begun, key=lambda scheduled: (scheduled.start, _STRICT[scheduled.mode])).mode if begun else "enforce"

    def registration(self, version: str) -> Row | None:
        """Who registered this version, since the model was created."""
        return self.registrations().get(version)

    def registrations(self) -> dict[str, Row]:
        """The same of every version."""
        rows = self._of(Registration, self._ours)
        return {row.predicate.version: row for row in rows if row.position > self.born}

    def halted_at(self, digest: str | None = None) -> int:
        """Position of the last halt of this name, or of these bytes under whatever name; -1 where there is none."""
        return max(
            (row.position for row in self._of(Halt) if self._ours(row.predicate) or self.reaches(row, digest)),
            default=-1,
        )

    def reaches(self, halt: Row, digest: str | None) -> bool:
        """Whether these bytes were granted, before a halt, under the name that was halted."""
        name = (halt.predicate.workspace, halt.predicate.name)
        return digest is not None and any(
            row.position < halt.position and (row.predicate.workspace, row.predicate.name) == name
            for row in self._of(Grant, lambda predicate: predicate.digest == digest)
        )

    def request(self, version: str) -> Row | None:
        """The latest request for this version, unless taken back, untrusted, or older than a halt of its bytes."""
        row = self.asked(version)
        if row is None or row.position < self.halted_at(row.predicate.digest) or not self.trust.holders(row):
            return None
        return None if row.digest in self.withdrawn | self.revoked else row

    def asked(self, version: str) -> Row | None:
        """The latest request for this version since the model was created, standing or not."""
        rows = [row for row in self._of(Request, self._ours) if row.predicate.version == version]
        return rows[-1] if rows and rows[-1].position > self.born else None

    def requesters(self, version: str) -> set[str]:
        """Who asked for the latest request for this version, standing or not, and the human for whom a service did.

        A request that was withdrawn, or whose signer's key is untrusted since, was still theirs.
        """
        latest = self.asked(version)
        if latest is None:
            return set()
        same = [row for row in self._of(Request) if row.digest == latest.digest]
        people = {entry.person for row in same for entry in self.trust.admitted(row) if not entry.service}
        return people | set(filter(None, [latest.predicate.on_behalf_of]))

    def rejection(self, request: Row) -> tuple[str, str] | None:
        """Who rejected this request, and why. It stays: only a new request leads on."""
        for row in self._of(Rejection, lambda predicate: predicate.request == request.digest):
            who = sorted(
                entry.person
                for entry in self.trust.admitted(row)
                if row.predicate.role in entry.roles and not entry.service
            )
            if who:
                return ", ".join(who), row.predicate.reason
        return None

    def authors(self, subject: str) -> set[str]:
        """The names that the facts of any evidence or prediction about these bytes give for those who made them."""
        return {
            name
            for row in (*self._of(Evidence), *self._of(Predictions))
            if row.statement.subject == subject
            for fact in ("run_creator", "commit_author")
            for name in _names(row.predicate.facts.get(fact))
        }

    def approvals(self, request: Row, days: int, now: datetime) -> list[Row]:
        """The approvals of this request that are in role, after it, young enough and not revoked."""
        return [
            row
            for row in self._of(Approval, lambda predicate: predicate.request == request.digest)
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
        for row in self._of(Waiver, lambda predicate: predicate.digest == subject and predicate.system == plan.system):
            waiver, last = row.predicate, day(row.predicate.expires)
            capped = last is not None and (last - row.at.astimezone(UTC).date()).days <= plan.waiver_days
            people = {alike(person) for person in self.persons(row, waiver.role)}
            signers = {alike(entry.person) for entry in self.trust.admitted(row)}
            if row.digest in self.revoked or waiver.role not in plan.waiver_roles or not people or signers & hands:
                continue
            if last is not None and capped:
                within = row.at <= now and now.astimezone(UTC).date() <= last
                (standing if within else ended)[waiver.control] = row
        return standing, {control: row for control, row in ended.items() if control not in standing}

    def seen(self, step: Step, subject: str) -> list[Counted]:
        """All evidence of a step about these bytes that ever came in, in order, counting or not.

        What names another workspace is about another system there, whatever it is called: it neither meets nor fails
        anything here.
        """
        return [
            Counted(step, "stale", "", row, row.predicate)
            for row in self._of(Evidence, lambda predicate: predicate.gate == step.gate and self._here(predicate.facts))
            if row.statement.subject == subject
        ]

    def evidenced(self, version: str) -> str | None:
        """The bytes that trusted evidence says this version has; to explain with, never to promote with."""
        rows = [
            row
            for row in self._of(
                Evidence,
                lambda predicate: (predicate.facts.get("name"), predicate.facts.get("version")) == (self.name, version),
            )
            if row.position > self.born and self._here(row.predicate.facts)
        ]
        return rows[-1].statement.subject if rows else None

    def _here(self, facts: Mapping[str, Any]) -> bool:
        """Whether evidence was made in this workspace, or names none."""
        return bool(facts.get("workspace", self.workspace) == self.workspace)

    def count(self, plan: Plan, step: Step, subject: str, now: datetime) -> Counted:
        """A step's latest evidence about these bytes, and whether it counts."""
        evidence_counts = self.seen(step, subject)
        if not evidence_counts or evidence_counts[-1].row is None:
            return Counted(step, "missing", "there is no evidence about these bytes")
        row, evidence = evidence_counts[-1].row, evidence_counts[-1].row.predicate
        standing, reason = self._judge(plan, step, row, evidence, now)
        return Counted(step, standing, reason, row, evidence)

    def _judge(self, plan: Plan, step: Step, row: Row, evidence: Evidence, now: datetime) -> tuple[Standing, str]:
        age = age_days(row, evidence.produced_at, now)
        if row.digest in self.revoked:
            return "missing", "its evidence was revoked"
        if not self.trust.holders(row):
            return "missing", "the key that signed its evidence was revoked"
        if evidence.facts.get("system", plan.system) != plan.system:
            return "stale", f"its evidence was made for the system {evidence.facts['system']!r}"
        if evidence.gate_digest not in step.digests:
            return "stale", "its evidence was made by another version of the gate than your profile accepts"
        if digest_of(evidence, "params") != digest_of(step, "params"):
            return "stale", "its evidence was made with other limits or parameters than your profile sets"
        for pin in step.pins:
            if evidence.facts.get(pin) != getattr(plan, f"{pin}_digest", None):
                return "stale", f"its evidence was made under another {pin} than the one bound"
        if age is None:
            return "stale", "its evidence has no usable time, or the clock is behind the ledger"
        if not (age <= step.expires_days):
            return "stale", f"its evidence is {age:.0f} days old; it counts for {step.expires_days}"
        fixed = plan.evaluation_digest
        if fixed is not None and evidence.data.get("evaluation", fixed) != fixed:
            return "stale", "its evidence is about another evaluation set than the one fixed beforehand"
        if step.trusted_predictions and not self._trusted(plan, row, evidence):
            return "missing", "its evidence is advisory: it cites no signed predictions on the fixed evaluation set"
        if step.trusted_predictions and not self._trusted(plan, row, evidence, isolated=True):
            return "missing", f"its predictions were not made{_isolated(plan)}"
        for role in step.tables:
            if role in evidence.data and not self._named(plan, row, role, evidence.data[role]):
                return (
                    "missing",
                    f"its evidence is advisory: no signed predictions{_isolated(plan)} name its {role} data",
                )
        return "counts", ""

    def _trusted(self, plan: Plan, row: Row, evidence: Evidence, isolated: bool = False) -> bool:
        """Whether the evidence cites a signed prediction table on the evaluation set that was fixed beforehand.

        ``isolated`` asks rule 14 too.
        """
        return (
            evidence.predictions is not None
            and evidence.data.get("evaluation") == plan.evaluation_digest
            and self._predicted(
                plan,
                row,
                lambda predictions: (
                    predictions.output == evidence.predictions and (not isolated or _apart(plan, predictions))
                ),
            )
        )

    def _named(self, plan: Plan, row: Row, role: str, table: str) -> bool:
        """Whether a further table was made beside signed predictions, of whatever run on the fixed evaluation set."""
        return self._predicted(
            plan, row, lambda predictions: predictions.tables.get(role) == table and _apart(plan, predictions)
        )

    def _predicted(self, plan: Plan, row: Row, keep: Callable[[Predictions], bool]) -> bool:
        """Whether signed predictions by the row's subject, on the set fixed beforehand, stand and are such."""
        fixed = plan.evaluation_digest
        return fixed is not None and any(
            text.statement.subject == row.statement.subject
            and text.digest not in self.revoked
            and self.trust.holders(text)
            for text in self._of(Predictions, lambda predicate: predicate.data == fixed and keep(predicate))
        )

    def grants(self, version: str | None = None, alias: str | None = None) -> list[Row]:
        """Grants since the model was created, in order."""
        return [
            row
            for row in self._of(Grant, self._ours)
            if row.position > self.born
            and version in (None, row.predicate.version)
            and alias in (None, row.predicate.alias)
        ]

    def _ends(self, grant: Row) -> list[Row]:
        """What took this grant's place or ended it: later grants of its alias, transitions, halts, the name let go."""
        predicate = grant.predicate
        moved = self._of(
            Transition,
            lambda other: (
                # Whatever the registry's row said then, an alias that was taken away has ended.
                self._ours(other)
                and (
                    other.alias == predicate.alias
                    or (other.alias is None and other.version in (None, predicate.version))
                )
            ),
        )
        ends = [*self.grants(alias=predicate.alias), *moved, *self._of(Halt, self._ours), *self._of(Freed, self._ours)]
        return [row for row in ends if row.position > grant.position]

    def _taken_back(self, grant: Row) -> bool:
        """Whether a grant was revoked, or the adoption that it came from."""
        predicate = grant.predicate
        return grant.digest in self.revoked or (predicate.transition == "adopted" and predicate.request in self.revoked)

    def standing(self, alias: str, now: datetime) -> Row | None:
        """The grant that stands for this alias now: the latest, not taken away, revoked, halted or past its own end."""
        rows = self.grants(alias=alias)
        if not rows or self._ends(rows[-1]) or self._taken_back(rows[-1]):
            return None
        ends = rows[-1].predicate.expires
        last = None if ends is None else day(ends)
        return rows[-1] if ends is None or (last and now.astimezone(UTC).date() <= last) else None

    def in_force(self, now: datetime) -> list[Row]:
        """The grants that stand now, by alias."""
        aliases = sorted({row.predicate.alias for row in self.grants()})
        return [row for alias in aliases if (row := self.standing(alias, now)) is not None]

    def ordered(self, version: str) -> str | None:
        """The bytes that the latest break-glass order for this version names, whether or not it carries."""
        rows = self._of(BreakGlass, lambda predicate: self._ours(predicate) and predicate.version == version)
        return rows[-1].predicate.digest if rows else None

    def broken(self, version: str, digest: str | None, now: datetime, since: int = -1) -> tuple[list[str], str] | None:
        """The two people whose break-glass orders let these bytes through once, and their reasons; None without two.

        An order is for one version and its bytes, lives for a day at most, and ends with the next grant or halt, or
        where the place ``since`` is after it.
        """
        last = max([since, self.halted_at(digest), self.born, *(row.position for row in self.grants())])
        result: dict[str, str] = {}
        for row in self._of(BreakGlass, self._ours):
            predicate, ends = row.predicate, _time(row.predicate.expires)
            if (
                (predicate.version, predicate.digest) != (version, digest)
                or row.position <= last
                or row.digest in self.revoked
            ):
                continue
            if ends is not None and row.at <= now <= min(ends, row.at + _DAY):
                result.update((person, predicate.reason) for person in self.persons(row))
        return (sorted(result), "; ".join(result[person] for person in sorted(result))) if len(result) >= 2 else None

    def rollback(self, version: str, now: datetime) -> Row | None:
        """A person's on-call order for this version that is fresh, later than a halt, and not yet used."""
        rows = self._of(RollbackOrder, self._ours)
        if not rows or rows[-1].predicate.version != version or rows[-1].digest in self.revoked:
            return None
        order = rows[-1]
        used = any(row.position > order.position for row in self.grants())
        halted = max([self.halted_at(), *(self.halted_at(row.predicate.digest) for row in self.grants(version)[-1:])])
        fresh = order.at <= now <= order.at + ORDER_LIFE and order.position > max(halted, self.born)
        return order if fresh and not used and self.persons(order) else None

    def returnable(self, version: str, digest: str | None, days: int, now: datetime) -> tuple[int, str] | None:
        """Why these bytes of a version may not be rolled back to, with the exit code; None where they may."""
        rows = self.grants(version=version)
        fallen = {row.predicate.request for row in rows if self._taken_back(row)} - {None}
        if not rows or self._taken_back(rows[-1]) or rows[-1].predicate.request in fallen:
            return 2, f"version {version} was never granted, or its grant was revoked"
        if digest is None:
            return 3, "the version's bytes are not staged and hashed yet"
        if rows[-1].predicate.digest != digest:
            return 5, "the bytes differ from those granted"
        ended = min((row.at for row in self._ends(rows[-1])), default=now)
        if not ((now - ended) / _DAY <= days):
            return 2, f"the rollback window of {days} days has passed"
        return None


def _names(fact: Any) -> list[str]:
    """The names in a fact: one, or a list of them."""
    return [str(name) for name in (fact if isinstance(fact, list | tuple) else [fact]) if name]
