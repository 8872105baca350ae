"""The registry against a model of its rules small enough to be read: whatever is done in whatever order, they agree.

``AIMS_GATES_SOAK_STEPS`` sets how many steps are taken in all (default 150; 20,000 in a long run).
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from mlflow.exceptions import MlflowException

from aims_gates import ledger
from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.statements.people import Approval, Request, Waiver, Withdrawal
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.decision.rules import frozen
from aims_gates.documents.canonical import digest
from aims_gates.errors import RefusedError
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store import ledger_view, lifecycle, promotion, reads
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Evidence, Subject

STEPS = int(os.environ.get("AIMS_GATES_SOAK_STEPS", "150"))
LIFE = timedelta(days=30)
#: Which of the versions that are there, by its place among them.
VERSIONS = st.integers(0, 3)
ROLLBACK = timedelta(days=90)
#: How often each act comes up. What cannot be done as things stand gives its turn to another.
ACTS = {
    "register": 1, "bind": 1, "check": 3, "request": 3, "approve": 3, "prepare": 3, "revoke": 1, "waive": 1,
    "withdraw": 1, "promote": 5, "order": 2, "rollback": 2, "take_away": 1, "halt": 1, "delete": 1, "age": 2,
}  # fmt: skip
#: All that the steps must do in a long run; what may be refused, both ways.
KINDS = frozenset(
    (
        *("register", "bind", "check", "request", "approve", "revoke", "waive", "withdraw", "halt", "age", "order"),
        *("take away", "promote: yes", "promote: no", "rollback: yes", "rollback: no", "delete: yes", "delete: no"),
    )
)


@dataclass
class Version:
    """What the model remembers of a version.

    Attributes:
        outcomes: Of its evidence, in order, with their times.
        asked: How many pieces of evidence there were when promotion was last asked for, and at which step; None before.
        approved: When it was approved; None while it is not.
        granted: Whether it ever was.
        ended: When its last grant ended; None while it stands.
        order: When a rollback to it was ordered, while nothing has used up or stopped that order.
    """

    outcomes: list[tuple[bool, datetime]]
    revoked: bool = False
    asked: tuple[int, int] | None = None
    approved: datetime | None = None
    waived: bool = False
    granted: bool = False
    ended: datetime | None = None
    order: datetime | None = None


class Rules(RuleBasedStateMachine):
    """Up to four versions of one model, under the profile of tests/mlflow_plugin: one gate, one approval by risk."""

    worlds: ClassVar[Any] = None
    empty: ClassVar[bytes] = b""
    counts: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="aims-gates-stateful-"))
        (self.folder / "registry.db").write_bytes(self.empty)
        self.world = self.worlds.World(self.folder, gated_store(f"aims+sqlite:///{self.folder / 'registry.db'}"))
        self.world.sign = lambda predicate, subject, by: self.say(predicate, subject.digest, by).digest
        self.late, self.step = timedelta(0), 0
        self.versions: dict[int, Version] = {}
        self.bound, self.halted, self.alias = False, -1, None
        self.patch = pytest.MonkeyPatch()
        for module in (ledger_view, promotion, lifecycle, reads):
            if hasattr(module, "now"):
                self.patch.setattr(module, "now", self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    def say(self, predicate: Any, subject: str, by: str) -> Any:
        with self.world.store.transaction() as transaction:
            made = sign(say(predicate, Subject("model", subject)), self.world.key(by))
            return ledger.append(transaction.connection, made, self.now())

    def did(self, what: str) -> None:
        self.step += 1
        self.counts[what] += 1

    def pick(self, place: int) -> int:
        """A version that is there."""
        return sorted(self.versions)[place % len(self.versions)]

    def subject(self, version: int) -> str:
        return str(self.world.store.stage_version("loan", version))

    @initialize(bound=st.integers(0, 4), ready=st.booleans())
    def begin(self, bound: int, ready: bool) -> None:
        self.world.trust()
        self.registered = 0
        for _ in range(2):
            self.register()
        if bound:
            self.bind()
        if bound and ready:
            self.prepare(0)

    @rule(
        act=st.sampled_from([act for act, often in ACTS.items() for _ in range(often)]),
        place=VERSIONS,
        yes=st.booleans(),
        days=st.sampled_from([1, 20, 35]),
    )
    def take_a_step(self, act: str, place: int, yes: bool, days: int) -> None:
        if not getattr(self, f"can_{act}", lambda: True)():
            act = "promote" if yes or not self.bound else "prepare"
        more = {"check": (place, yes), "approve": (place, "risk" if yes or place else "dev"), "age": (days,)}
        none = ("register", "bind", "take_away", "halt")
        getattr(self, act)(*more.get(act, () if act in none else (place,)))

    def can_bind(self) -> bool:
        return not self.bound

    def can_request(self) -> bool:
        return self.bound

    can_prepare = can_request

    def can_halt(self) -> bool:
        return self.alias is not None or any(each.asked for each in self.versions.values())

    def can_age(self) -> bool:
        return self.late < timedelta(days=70)

    def can_take_away(self) -> bool:
        return self.alias is not None

    def can_order(self) -> bool:
        return any(each.granted for each in self.versions.values())

    can_rollback = can_order

    def can_delete(self) -> bool:
        return len(self.versions) > 1

    def prepare(self, place: int) -> None:
        """All that a version needs, in the order of a working day: by single steps one seldom gets there."""
        self.check(place, True)
        self.request(place)
        self.approve(place, "risk")

    def can_register(self) -> bool:
        return len(self.versions) < 4 and self.registered < 9

    def register(self) -> None:
        number = self.world.model("loan", f"text {self.registered}", create=self.registered == 0)
        self.registered += 1
        assert number == self.registered, "a number is not given twice"
        self.versions[number] = Version([])
        self.did("register")

    def bind(self) -> None:
        self.world.bind("loan")
        self.bound = True
        self.did("bind")

    def check(self, place: int, passes: bool) -> None:
        version = self.pick(place)
        subject = self.subject(version)
        outcome = "pass" if passes else "fail"
        made = self.worlds.Finding("accuracy", value=0.9 if passes else 0.7, n=100, limit=self.worlds.Limit(">=", 0.8))
        findings = tuple(replace(made, outcome=outcome, controls=(each,)) for each in ("A.6.2.4", "A.7.4"))
        said = Evidence("performance", self.worlds.GATE, {}, findings, outcome, self.now().isoformat(), {}, {})
        self.say(said, subject, "ci")
        self.versions[version].outcomes.append((passes, self.now()))
        self.versions[version].revoked = False
        self.did("check")

    def revoke(self, place: int) -> None:
        version = self.pick(place)
        found = [row for row in self.world.all_of("loan", self.subject(version)).rows if row.type == type_of(Evidence)]
        if not found:
            return
        self.did("revoke")
        if not self.versions[version].outcomes[-1][0]:
            with pytest.raises(RefusedError, match="nobody may revoke evidence that fails"):
                self.world.revoke(found[-1].digest)
            return
        self.world.revoke(found[-1].digest)
        self.versions[version].revoked = True

    def request(self, place: int) -> None:
        version = self.pick(place)
        self.did("request")
        seen = self.world.all_of("loan", self.subject(version))
        plan = seen.binding().predicate.plan
        counted = [seen.count(plan, step, self.subject(version), self.now()) for step in plan.steps]
        frozen_ = frozen(each for each in counted if each.standing == "counts")
        self.say(
            Request("default", "loan", str(version), self.subject(version), digest(plan), frozen_),
            self.subject(version),
            "dev",
        )
        mine = self.versions[version]
        mine.asked, mine.approved = (len(mine.outcomes) if frozen_ else 0, self.step), None

    def approve(self, place: int, by: str) -> None:
        version = self.pick(place)
        asked = self.world.seen("loan").latest_request(str(version))
        if asked is None:
            return
        self.did("approve")
        try:
            self.say(Approval(asked.digest, "risk"), self.subject(version), by)
        except RefusedError:
            assert by == "dev"
            return
        self.versions[version].approved = self.now()

    def withdraw(self, place: int) -> None:
        version = self.pick(place)
        asked = self.world.seen("loan").latest_request(str(version))
        if asked is not None:
            self.did("withdraw")
            self.say(Withdrawal(asked.digest, "not now"), self.subject(version), "dev")
            self.versions[version].asked = None

    def waive(self, place: int) -> None:
        version = self.pick(place)
        self.did("waive")
        until = (self.now() + timedelta(days=80)).date().isoformat()
        for control in ("A.6.2.4", "A.7.4"):
            said = Waiver(
                "mortgage", self.subject(version), control, "risk", "late data", "small", "weekly review", until
            )
            self.say(said, self.subject(version), "risk")
        self.versions[version].waived = True

    def halt(self) -> None:
        self.did("halt")
        self.world.halt("loan")
        self.halted = self.step
        self.ends()
        for each in self.versions.values():
            each.order = None

    def ends(self) -> None:
        """What stands does no longer."""
        if self.alias is not None:
            self.versions[self.alias].ended = self.now()
        self.alias = None

    def age(self, days: int) -> None:
        self.late += timedelta(days=days)
        self.did("age")

    def take_away(self) -> None:
        self.world.store.delete_registered_model_alias("loan", "production")
        self.ends()
        self.did("take away")

    def ordered(self, version: int) -> bool:
        """Whether an order to roll back to this version is open."""
        order = self.versions[version].order
        return order is not None and self.now() - order <= timedelta(hours=24)

    def expected(self, version: int) -> bool:
        """The rules, in a few lines. An open order lets a version back that was granted, if its grant ended lately."""
        mine = self.versions[version]
        recent = mine.ended is None or self.now() - mine.ended <= ROLLBACK
        return self.usual(version) or (self.bound and self.ordered(version) and mine.granted and recent)

    def usual(self, version: int) -> bool:
        mine = self.versions[version]
        if not self.bound or mine.asked is None or mine.asked[1] <= self.halted or mine.approved is None:
            return False
        if self.now() - mine.approved > timedelta(days=90):
            return False
        known, _ = mine.asked
        fresh = bool(mine.outcomes) and not mine.revoked and self.now() - mine.outcomes[-1][1] <= LIFE
        if len(mine.outcomes) > 0 and known == 0:
            return False  # evidence came in that the request did not freeze
        # What failed since the request is overtaken by a pass that counts, and by nothing else.
        since = mine.outcomes[-1:] if fresh and mine.outcomes[-1][0] else mine.outcomes[known:]
        worse = known > 0 and mine.outcomes[known - 1][0] and not all(passed for passed, _ in since)
        if worse:
            return False
        return mine.waived or (fresh and mine.outcomes[-1][0])

    def promote(self, place: int) -> None:
        version = self.pick(place)
        self.did("promote: yes" if self.point(version) else "promote: no")

    def point(self, version: int) -> bool:
        """Set the alias, and compare the answer with what is expected."""
        wanted = self.expected(version)
        try:
            self.world.store.set_registered_model_alias("loan", "production", version)
            allowed = True
        except MlflowException as error:
            assert error.get_http_status_code() == 403, error
            allowed = False
        assert allowed is wanted, f"version {version}: {self.versions[version]}"
        if allowed:
            self.ends()
            self.alias, self.versions[version].granted, self.versions[version].ended = version, True, None
            for each in self.versions.values():
                each.order = None
        return allowed

    def order(self, place: int) -> None:
        """A person on call orders a rollback; the latest order is the one that counts."""
        version = self.pick(place)
        self.world.order_rollback("loan", version)
        for each in self.versions.values():
            each.order = None
        self.versions[version].order = self.now()
        self.did("order")

    def rollback(self, place: int) -> None:
        """To the version of an open order; where there is none, one is given."""
        if not any(map(self.ordered, self.versions)):
            self.order(place)
        (version,) = filter(self.ordered, self.versions)
        self.did("rollback: yes" if self.point(version) else "rollback: no")

    def delete(self, place: int) -> None:
        """Of a bound model nothing that was granted may go, and nothing that stands; all else may, and is gone."""
        version = self.pick(place)
        if self.versions[version].granted:
            with pytest.raises(MlflowException) as caught:
                self.world.store.delete_model_version("loan", version)
            assert caught.value.get_http_status_code() == 403
            self.did("delete: no")
            return
        self.world.store.delete_model_version("loan", version)
        del self.versions[version]
        with pytest.raises(MlflowException):
            self.world.store.set_registered_model_alias("loan", "production", version)
        self.did("delete: yes")

    @invariant()
    def what_stands_resolves_and_nothing_else(self) -> None:
        if not self.versions:
            return
        try:
            found = int(self.world.store.get_model_version_by_alias("loan", "production").version)
        except MlflowException:
            found = None
        assert found == self.alias

    def teardown(self) -> None:
        with self.world.store.primary() as session:
            assert verify(session.connection()).ok
            if self.halted < 0:
                assert reconcile(session.connection()) == []
        self.patch.undo()
        self.world.store._dispose_engine()
        shutil.rmtree(self.folder, ignore_errors=True)


def test_the_registry_and_a_model_of_its_rules_agree(
    worlds: Any, empty_database: bytes, record_property: Callable[[str, object], None]
) -> None:
    Rules.worlds, Rules.empty = worlds, empty_database
    Rules.counts.clear()
    length = 50
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Rules,
        settings=settings(
            max_examples=max(1, STEPS // length),
            stateful_step_count=length,
            deadline=None,
            derandomize=STEPS <= 150,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    record_property("steps", Rules.counts.total())
    for kind in sorted(KINDS):
        record_property(kind, Rules.counts[kind])
    record_property("disagreements", 0)
    assert set(Rules.counts) <= KINDS
    assert STEPS < 1000 or set(Rules.counts) == KINDS, "a long run gets everywhere"
