"""The registry against a model of its rules small enough to be read: whatever is done in whatever order, they agree.

``AIMS_GATES_SOAK_STEPS`` sets how many steps are taken in all (default 150; 20,000 in a long run).
"""

import os
import shutil
import tempfile
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
    precondition,
    rule,
    run_state_machine_as_test,
)
from mlflow.exceptions import MlflowException

from aims_gates import ledger
from aims_gates.errors import RefusedError
from aims_gates.evidence import sign
from aims_gates.model import Subject
from aims_gates.predicates import Evidence, Waiver, Withdrawal, say, type_of
from aims_gates.registry import acts, lifecycle, promotion, reading
from aims_gates.registry.store import gated_store

STEPS = int(os.environ.get("AIMS_GATES_SOAK_STEPS", "150"))
LIFE = timedelta(days=30)
VERSIONS = st.sampled_from([1, 2])


@dataclass
class Version:
    """What the model remembers of a version.

    Attributes:
        outcomes: Of its evidence, in order, with their times.
        asked: How many pieces of evidence there were when promotion was last asked for, and at which step; None before.
        approved: When it was approved; None while it is not.
    """

    outcomes: list[tuple[bool, datetime]]
    revoked: bool = False
    asked: tuple[int, int] | None = None
    approved: datetime | None = None
    waived: bool = False


class Rules(RuleBasedStateMachine):
    """Two versions of one model, under the profile of tests/registry: one gate, one approval by risk."""

    worlds: ClassVar[Any] = None
    empty: ClassVar[bytes] = b""

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
        for module in (acts, promotion, lifecycle, reading):
            if hasattr(module, "now"):
                self.patch.setattr(module, "now", self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    def say(self, predicate: Any, subject: str, by: str) -> Any:
        with self.world.store.transaction() as transaction:
            made = sign(say(predicate, Subject("model", subject)), self.world.key(by))
            return ledger.append(transaction.connection, made, self.now())

    def subject(self, version: int) -> str:
        return str(self.world.store.stage_version("loan", version))

    @initialize()
    def begin(self) -> None:
        self.world.trust()
        for number, text in ((1, "one"), (2, "two")):
            self.world.model("loan", text, create=number == 1)
            self.versions[number] = Version([])

    @rule()
    def bind(self) -> None:
        if not self.bound:
            self.world.bind("loan")
            self.bound = True

    @rule(version=VERSIONS, passes=st.booleans())
    def check(self, version: int, passes: bool) -> None:
        self.step += 1
        subject = self.subject(version)
        outcome = "pass" if passes else "fail"
        made = self.worlds.Finding("accuracy", value=0.9 if passes else 0.7, n=100, limit=self.worlds.Limit(">=", 0.8))
        findings = tuple(replace(made, outcome=outcome, controls=(each,)) for each in ("A.6.2.4", "A.7.4"))
        said = Evidence("performance", self.worlds.GATE, {}, findings, outcome, self.now().isoformat(), {}, {})
        self.say(said, subject, "ci")
        self.versions[version].outcomes.append((passes, self.now()))
        self.versions[version].revoked = False

    @rule(version=VERSIONS)
    def revoke(self, version: int) -> None:
        found = [row for row in self.world.all_of("loan", self.subject(version)).rows if row.type == type_of(Evidence)]
        if found:
            self.step += 1
            self.world.revoke(found[-1].digest)
            self.versions[version].revoked = True

    @precondition(lambda self: self.bound)
    @rule(version=VERSIONS)
    def request(self, version: int) -> None:
        self.step += 1
        seen = self.world.all_of("loan", self.subject(version))
        plan = seen.binding().predicate.plan
        counted = [seen.count(plan, step, self.subject(version), self.now()) for step in plan.steps]
        from aims_gates.canonical import digest
        from aims_gates.decision import frozen
        from aims_gates.predicates import Request

        frozen_ = frozen(each for each in counted if each.standing == "counts")
        self.say(
            Request("default", "loan", str(version), self.subject(version), digest(plan), frozen_),
            self.subject(version),
            "dev",
        )
        mine = self.versions[version]
        mine.asked, mine.approved = (len(mine.outcomes) if frozen_ else 0, self.step), None

    @rule(version=VERSIONS, by=st.sampled_from(["risk", "dev"]))
    def approve(self, version: int, by: str) -> None:
        asked = self.world.seen("loan").asked(str(version))
        if asked is None:
            return
        self.step += 1
        from aims_gates.predicates import Approval

        try:
            self.say(Approval(asked.digest, "risk"), self.subject(version), by)
        except RefusedError:
            assert by == "dev"
            return
        self.versions[version].approved = self.now()

    @rule(version=VERSIONS)
    def withdraw(self, version: int) -> None:
        asked = self.world.seen("loan").asked(str(version))
        if asked is not None:
            self.step += 1
            self.say(Withdrawal(asked.digest, "not now"), self.subject(version), "dev")
            self.versions[version].asked = None

    @rule(version=VERSIONS)
    def waive(self, version: int) -> None:
        self.step += 1
        until = (self.now() + timedelta(days=80)).date().isoformat()
        for control in ("A.6.2.4", "A.7.4"):
            said = Waiver(
                "mortgage", self.subject(version), control, "risk", "late data", "small", "weekly review", until
            )
            self.say(said, self.subject(version), "risk")
        self.versions[version].waived = True

    @rule()
    def halt(self) -> None:
        self.step += 1
        self.world.halt("loan")
        self.halted, self.alias = self.step, None

    @rule(days=st.sampled_from([1, 20, 35]))
    def age(self, days: int) -> None:
        if self.late < timedelta(days=70):
            self.late += timedelta(days=days)

    @rule()
    def take_away(self) -> None:
        if self.alias is not None:
            self.world.store.delete_registered_model_alias("loan", "production")
            self.alias = None

    def expected(self, version: int) -> bool:
        """The rules, in a few lines."""
        mine = self.versions[version]
        if not self.bound or mine.asked is None or mine.asked[1] <= self.halted or mine.approved is None:
            return False
        if self.now() - mine.approved > timedelta(days=90):
            return False
        known, _ = mine.asked
        fresh = bool(mine.outcomes) and not mine.revoked and self.now() - mine.outcomes[-1][1] <= LIFE
        if len(mine.outcomes) > 0 and known == 0:
            return False  # evidence came in that the request did not freeze
        worse = known > 0 and mine.outcomes[known - 1][0] and not mine.outcomes[-1][0]
        if worse:
            return False
        return mine.waived or (fresh and mine.outcomes[-1][0])

    @rule(version=VERSIONS)
    def promote(self, version: int) -> None:
        self.step += 1
        wanted = self.expected(version)
        try:
            self.world.store.set_registered_model_alias("loan", "production", version)
            allowed = True
        except MlflowException as error:
            assert error.get_http_status_code() == 403, error
            allowed = False
        assert allowed is wanted, f"version {version}: {self.versions[version]}"
        if allowed:
            self.alias = version

    @rule(version=VERSIONS)
    def delete(self, version: int) -> None:
        """Of a bound model nothing that was granted may go, and nothing that stands."""
        if self.alias == version or self.world.seen("loan").grants(version=str(version)):
            with pytest.raises(MlflowException):
                self.world.store.delete_model_version("loan", version)

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
            from aims_gates.ledger.verify import verify
            from aims_gates.registry.reconcile import reconcile

            assert verify(session.connection()).ok
            if self.halted < 0:
                assert reconcile(session.connection()) == []
        self.patch.undo()
        self.world.store._dispose_engine()
        shutil.rmtree(self.folder, ignore_errors=True)


def test_the_registry_and_a_model_of_its_rules_agree(worlds: Any, empty_database: bytes) -> None:
    Rules.worlds, Rules.empty = worlds, empty_database
    length = 30
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Rules,
        settings=settings(
            max_examples=max(1, STEPS // length),
            stateful_step_count=length,
            deadline=None,
            derandomize=STEPS <= 150,
            suppress_health_check=list(HealthCheck),
        ),
    )
