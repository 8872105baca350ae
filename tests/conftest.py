"""Stories and worlds: a ledger told in a few lines.

A *story* is the rows of a ledger as plain values, for whatever is pure; a *world* tells the same through real keys
and a real ledger in SQLite. Both have one registered model, ``credit``, of one system, and people named by their roles.
"""

import hashlib
import importlib.util
import os

# Before numpy is imported, here and in every process that a test starts: the matrices are small, and threads of the
# linear algebra that wait for one another burn more CPU than all the rest.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nothing of one test is used again by another, nor anything left in the home of whoever runs them.
os.environ["AIMS_GATES_CACHE"] = "off"

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import celpy
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import StaticPool

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import Approval, Request
from aims_gates.attestation.statements.policy import Binding, Trust, TrustedKey
from aims_gates.attestation.statements.records import RecordApproval, RecordEntries, RecordSubmission
from aims_gates.attestation.statements.registry import Creation, Grant, Registration
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.records import entries_signed
from aims_gates.decision.rules import Ask, decide, frozen
from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.governance.records.approvers import BOARD, approver_of, approvers_of
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.ledger import append, install, lock
from aims_gates.model import Approver, Decision, Evidence, Finding, Limit, Plan, Requirement, Step, Subject

# The interpreter of expressions raises the recursion limit, once, which Hypothesis refuses in the middle of a test.
celpy.Environment()

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BYTES = digest_bytes(b"a model's folder")
OTHER = digest_bytes(b"another model's folder")
TABLE = digest_bytes(b"an evaluation set")
OUTPUT = digest_bytes(b"a prediction table")
GATE = digest_bytes(b"a gate's code")
#: What a finding rests on that was computed on the evaluation set.
MEASURED = ("data:evaluation",)
ROLES = ("policy", "ci", "developer", "risk", "compliance", "on-call")


CHAIN = "tests/attacks/test_chain.py"
#: Files whose tests share what takes long to set up (a shop that has traded) are one file to xdist.
TRADED = frozenset(
    f"tests/mlflow_plugin/test_{name}.py" for name in ("check", "guards", "hooks", "reconcile", "release")
)
#: What takes longest, each given to one worker whole: it is begun first, or the end would wait for it.
LONGEST = (
    "tests/mlflow_plugin/test_check.py",
    "tests/attacks/test_chain.py",
    "tests/examples/test_start.py",
    "tests/attacks",
    "tests/test_docs.py",
    "tests/examples/test_credit_scoring.py",
    "tests/mlflow_plugin/test_isolation.py",
    "tests/data/test_engines.py",
    "tests/mlflow_plugin/server/test_overrun.py",
    "tests/examples/test_records.py",
    "tests/gates/test_drift.py",
    "tests/faults",
    "tests/mlflow_plugin",
)


def pytest_configure(config: pytest.Config) -> None:
    """The fixtures of tests/clean.py and tests/postgresql.py, for all folders of tests."""
    for file in ("clean", "postgresql"):
        name = f"aims_gates_{file}"
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{file}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        config.pluginmanager.register(sys.modules[name], name)


def _turn(item: pytest.Item) -> int:
    path = item.nodeid.partition("::")[0]
    path = "tests/mlflow_plugin/test_check.py" if path in TRADED else path
    return next(
        (turn for turn, start in enumerate(LONGEST) if path == start or path.startswith(f"{start}/")), len(LONGEST)
    )


def _in_share(path: str, share: str) -> bool:
    """Whether a file is in a share: of ``2/3`` it is the second third, by a checksum of its path."""
    turn, shares = map(int, share.split("/"))
    return crc32(path.encode()) % shares == turn - 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The share that ``AIMS_GATES_TEST_SHARE`` asks for; files that take long first, but for a random order."""
    share = os.environ.get("AIMS_GATES_TEST_SHARE")
    if share:
        rest = [item for item in items if not _in_share(item.nodeid.partition("::")[0], share)]
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if _in_share(item.nodeid.partition("::")[0], share)]
    if not config.pluginmanager.hasplugin("pytest_randomly"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (_turn(item), item.path not in slow))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test on Spark is left out where there is no Java."""
    if item.get_closest_marker("spark") and shutil.which("java") is None:
        pytest.skip("there is no Java here, which Spark needs")


def _scope(path: str) -> str:
    """The file or the files that one worker runs; all attacks but the chain share a server for each database."""
    if path.startswith("tests/attacks/") and path != CHAIN:
        return "tests/attacks"
    return "traded" if path in TRADED else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile``, by which files that share what takes long to set up go to one worker."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc, unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid.partition("::")[0])

    return ByFile(config, log)


def person(role: str) -> str:
    """The person of a role: nobody's name."""
    return f"{role}-owner@example.org"


@cache
def key_of(name: str) -> Key:
    """A person's key, the same in every run."""
    return Key(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def trusted(role: str, **changes: Any) -> TrustedKey:
    """A role's entry on the trust list; ``ci`` is a service account."""
    entry = TrustedKey(key_of(role).public, person(role), (role,), (role,), service=role == "ci")
    return replace(entry, **changes)


def finding(outcome: str | None = "pass", value: float | None = None, **changes: Any) -> Finding:
    """A finding under the limit ``<= 0.1`` whose number says what the outcome says."""
    number = {"pass": 0.05, "fail": 0.4, "inconclusive": 0.09, "error": None, None: 0.2}[outcome]
    limit = None if outcome is None else Limit("<=", 0.1)
    number = number if value is None else value
    made = Finding("gap", number, n=900, limit=limit, outcome=outcome, controls=("A.6.2.4",), rests_on=MEASURED)
    return replace(made, **changes)


def step(gate: str = "fairness", **changes: Any) -> Step:
    """A gate that is due."""
    return replace(Step(gate, gate.title(), (GATE,), {"limit": 0.1}, ("A.6.2.4",), 30), **changes)


def plan(**changes: Any) -> Plan:
    """Two controls: one that the gate ``fairness`` evidences, and separation of duties; risk and compliance approve."""
    made = Plan(
        system="credit",
        tier="limited",
        profile="limited",
        profile_digest=digest("profile"),
        purpose_digest=digest("purpose"),
        transition="production",
        requirements=(
            Requirement("A.6.2.4", "Verification and validation", "it must work", "block", ("fairness",)),
            Requirement("A.3.2", "Roles and responsibilities", "two people", "block", ()),
        ),
        steps=(step(),),
        approvals=(Approver("risk"), Approver("compliance")),
        waiver_roles=("risk",),
        evaluation_digest=TABLE,
    )
    return replace(made, **changes)


class Story:
    """The rows of a ledger, told one after the other, a minute apart."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.now = START

    def say(self, predicate: Any, *roles: str, about: str = BYTES) -> Row:
        """Whatever it is, signed by the keys of these roles (none: the registry's own act)."""
        if hasattr(predicate, "said_at") and not predicate.said_at:
            predicate = replace(predicate, said_at=self.now.isoformat())
        made = say(predicate, Subject("model", about))
        row = Row(len(self.rows), self.now, made, tuple(sorted(key_of(role).public for role in roles)))
        return self._append(row, roles)

    def _append(self, row: Row, roles: tuple[str, ...]) -> Row:
        self.rows.append(row)
        self.wait(minutes=1)
        return row

    def wait(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def trust(self, *entries: TrustedKey, version: int = 1, by: str = "policy") -> Row:
        """A trust list: everybody, where no entries are named."""
        return self.say(Trust(version, entries or tuple(map(trusted, ROLES))), by)

    def create(self) -> Row:
        return self.say(Creation("default", "credit", "model", person("developer"), "test"))

    def bind(self, made: Plan | None = None, by: str = "policy", **changes: Any) -> Row:
        binding = Binding("default", "credit", "model", made or plan(), digest("system"), author=person("developer"))
        return self.say(replace(binding, **changes), by)

    def register(self, version: str = "1", actor: str = "developer") -> Row:
        return self.say(Registration("default", "credit", version, "models:/m-1", "run", actor, "test"))

    def predict(self, by: str = "ci", about: str = BYTES, **changes: Any) -> Row:
        made = Predictions(TABLE, OUTPUT, 900, self.now.isoformat())
        return self.say(replace(made, **changes), by, about=about)

    def check(
        self, *findings: Finding, gate: str = "fairness", by: str = "ci", about: str = BYTES, **changes: Any
    ) -> Row:
        """Evidence of a gate; one passing finding, where none are named."""
        made = Evidence(
            gate=gate,
            gate_digest=GATE,
            params={"limit": 0.1},
            findings=findings or (finding(),),
            outcome="pass",
            produced_at=self.now.isoformat(),
            data={"evaluation": TABLE},
            rows={"evaluation": 900},
            predictions=OUTPUT,
            facts={"run_creator": "developer"},
        )
        return self.say(replace(made, **changes), by, about=about)

    def ledger(self) -> StatementView:
        return StatementView(self.rows, "default", "credit")

    def sign_texts(self, records: Iterable[SystemRecord]) -> None:
        """Have every text and entry that evidence rests on signed, and the system's own file bound.

        Args:
            records: The systems as they were when the evidence was made.
        """
        entries = [trusted(role) for role in (*ROLES, "top-management")]
        board = [
            replace(key, roles=(*key.roles, BOARD)) if {"risk", "compliance"} & {*key.roles} else key for key in entries
        ]
        self.trust(*board, version=len(self.rows))
        evidence = [row.predicate for row in self.rows if row.type == type_of(Evidence)]
        texts = {(name, tuple(sorted(read.items()))) for said in evidence for name, read in said.records_read.items()}
        for name, read in sorted(texts):
            self._sign_text(name, dict(read), records)

    def _sign_text(self, name: str, read: dict[str, str], records: Iterable[SystemRecord]) -> None:
        bound = self.ledger().binding()
        assert bound is not None
        if name == "system":
            self.bind(bound.predicate.plan, system_digest=read["digest"])
            return
        organization = name.startswith("organization/")
        full, system = name if organization else f"system/{name}", "" if organization else bound.predicate.plan.system
        about, role = (full, system, read["file"]), approver_of(full)
        known = [parts_of(name, each.records[name]) for each in records if name in each.records]
        texts = [parts.text for parts in known if parts.digests()["digest"] == read["digest"]] or [{}]
        self.say(RecordSubmission(*about, read["digest"], texts[0]), "developer", about=read["digest"])
        acting = approvers_of(full, texts[0])[0]
        for signer in ("risk", "compliance") if acting == BOARD else (role,):
            self.say(RecordApproval(*about, read["digest"], role=acting), signer, about=read["digest"])
        for parts in known:
            if "entries" in read and parts.digests().get("entries") == read["entries"]:
                now, before = parts.entry_digests(), entries_signed(self.ledger(), full, system)
                gone = tuple(sorted(before.missing(now)))
                self.say(RecordEntries(*about, now, gone, "written anew" if gone else ""), role)
                return

    def request(self, version: str = "1", by: str = "developer", about: str = BYTES, **changes: Any) -> Row:
        """A request that freezes the evidence there is."""
        ledger = self.ledger()
        bound = ledger.binding()
        made = bound.predicate.plan if bound else plan()
        counted = [ledger.count(made, each, about, self.now) for each in made.steps if each.applies]
        asked = Request("default", "credit", version, about, digest(made), frozen(counted))
        return self.say(replace(asked, **changes), by, about=about)

    def approve(self, role: str, request: Row | None = None, by: str | None = None) -> Row:
        """An approval in a role, of the latest request where none is named."""
        asked = request or [row for row in self.rows if row.type == type_of(Request)][-1]
        return self.say(Approval(asked.digest, role), by or role, about=asked.statement.subject)

    def grant(self, version: str = "1", about: str = BYTES, **changes: Any) -> Row:
        made = Grant(
            "default", "credit", version, "production", about, "file:///store", "production", "enforce", None,
            digest("decision"), person("developer"),
        )  # fmt: skip
        return self.say(replace(made, **changes), about=about)

    def begun(self, made: Plan | None = None, **binding: Any) -> "Story":
        """The usual story up to the registered version."""
        self.trust()
        self.create()
        self.bind(made, **binding)
        self.register()
        return self

    def checked(self, made: Plan | None = None, **binding: Any) -> "Story":
        """The usual story up to the evidence."""
        self.begun(made, **binding)
        self.predict()
        for each in (made or plan()).steps:
            self.check(gate=each.gate)
        return self

    def approved(self, made: Plan | None = None, **binding: Any) -> "Story":
        """The usual story up to the last approval: the answer is yes."""
        self.checked(made, **binding)
        self.request()
        for rule in (made or plan()).approvals:
            self.approve(rule.role)
        return self

    def decide(self, version: str = "1", about: str | None = BYTES, now: datetime | None = None) -> Decision:
        """The answer now."""
        ask = Ask("default", "credit", version, about, "production", now or self.now, person("developer"))
        return decide(ask, self.rows)


class World(Story):
    """The same, through real keys and a real ledger."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection

    def _append(self, row: Row, roles: tuple[str, ...]) -> Row:
        entry = row.statement if row.type in REGISTRY_ACTS else sign(row.statement, *map(key_of, roles))
        made = append(self.connection, entry, self.now)
        return super()._append(made, roles)


class Kit:
    """What tests take from here: the builders above, under one name (``kit.Story``, ``kit.plan`` ...)."""

    START, BYTES, OTHER, TABLE, OUTPUT, GATE, ROLES = START, BYTES, OTHER, TABLE, OUTPUT, GATE, ROLES
    Story, World = Story, World
    person = staticmethod(person)
    key_of = staticmethod(key_of)
    trusted = staticmethod(trusted)
    finding = staticmethod(finding)
    step = staticmethod(step)
    plan = staticmethod(plan)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """The builders."""
    return Kit


@pytest.fixture
def story() -> Story:
    """An empty story."""
    return Story()


def memory() -> Engine:
    """An in-memory SQLite database that all connections share."""
    return create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})


@contextmanager
def opened(engine: Engine) -> Iterator[World]:
    """A world in a locked transaction of a database."""
    with engine.begin() as connection:
        install(connection)
        lock(connection)
        yield World(connection)


@pytest.fixture
def world() -> Iterator[World]:
    """An empty ledger in an in-memory database."""
    engine = memory()
    with opened(engine) as made:
        yield made
    engine.dispose()


@pytest.fixture
def new_world() -> Iterator[Callable[[], World]]:
    """Makes as many empty ledgers as a test needs."""
    engines: list[Engine] = []

    def make() -> World:
        engines.append(memory())
        connection = engines[-1].connect()
        install(connection)
        lock(connection)
        return World(connection)

    yield make
    for engine in engines:
        engine.dispose()
