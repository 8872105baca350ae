"""A registry with a system bound in it, real keys and real evidence, in a temporary folder."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from aims_gates import database, ledger
from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.people import Approval, Halt, Request, Revocation, RollbackOrder
from aims_gates.attestation.statements.policy import Binding, Freed, Scheduled, Trust, TrustedKey
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.cli import main
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import frozen
from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.ledger.registry_acts import about
from aims_gates.mlflow_plugin.store.ledger_view import view
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Approver, Evidence, Finding, Limit, Plan, Requirement, Step, Subject
from tests.support import let_through, load

pytest_configure = let_through

GATE = digest_bytes(b"gate")


def plan(**changes: Any) -> Plan:
    """Two controls, one gate, one approval."""
    made = Plan(
        system="mortgage",
        tier="high",
        profile="starter",
        profile_digest=digest_bytes(b"profile"),
        purpose_digest=digest_bytes(b"purpose"),
        transition="production",
        requirements=(
            Requirement("A.6.2.4", "Verification and validation", "loans are decided", "block", ("performance",)),
            Requirement("A.7.4", "Quality of data", "loans are decided", "block", ("performance",)),
        ),
        steps=(Step("performance", "Performance", (GATE,), {}, ("A.6.2.4", "A.7.4"), 30),),
        approvals=(Approver("risk"),),
        waiver_roles=("risk",),
    )
    return replace(made, **changes)


@dataclass
class World:
    """A store and the people around it."""

    folder: Path
    store: Any
    keys: dict[str, Key] = field(default_factory=dict)
    workspace: str = "default"

    @property
    def uri(self) -> str:
        return f"aims+{self.store.db_uri}"

    def key(self, person: str) -> Key:
        return self.keys.setdefault(person, Key(Ed25519PrivateKey.generate()))

    def sign(self, predicate: Any, subject: Subject, person: str) -> str:
        """Append a signed statement; gives its digest."""
        with self.store.transaction() as transaction:
            envelope = sign(say(predicate, subject), self.key(person))
            return ledger.append(transaction.connection, envelope, datetime.now(UTC)).digest

    def trust_anew(self, change: Callable[[Trust], Trust]) -> None:
        """The next trust list: what ``change`` makes of the one that counts."""
        with self.store.primary() as session:
            now = ledger.history(session.connection()).current()
        assert now is not None
        listed = change(replace(now, version=now.version + 1))
        self.sign(listed, Subject("organization", digest_bytes(b"trust")), "policy")

    def change_keys(self, **changes: dict[str, Any]) -> None:
        """The next trust list, where these people's keys have these attributes."""
        by_key = {self.key(name).public: said for name, said in changes.items()}

        def change(listed: Trust) -> Trust:
            return replace(listed, keys=tuple(replace(each, **by_key.get(each.key, {})) for each in listed.keys))

        self.trust_anew(change)

    def trust(self, **more: tuple[str, ...]) -> None:
        """Each of the usual people in their role, and more where they are named."""
        people = {
            "policy": ("policy",),
            "ci": ("ci",),
            "dev": ("developer",),
            "risk": ("risk",),
            "oncall": ("on-call",),
            **more,
        }
        entries = [
            TrustedKey(self.key(name).public, name.title(), roles, service=name in ("ci", "server"))
            for name, roles in people.items()
        ]
        self.sign(Trust(1, tuple(entries)), Subject("organization", digest_bytes(b"trust")), "policy")

    def bind(self, name: str, kind: Any = "model", mode: str | None = None, **changes: Any) -> str:
        modes = (Scheduled(mode, "2020-01-01"),) if mode else ()
        said = Binding(self.workspace, name, kind, plan(**changes), digest_bytes(b"system"), modes, author="somebody")
        return self.sign(said, Subject("system", digest_bytes(b"system"), "mortgage"), "policy")

    def evidence(self, subject: str, outcome: Any = "pass", controls: tuple[str, ...] = ("A.6.2.4", "A.7.4")) -> str:
        findings = tuple(
            Finding("accuracy", value=0.9, n=100, limit=Limit(">=", 0.8), outcome=outcome, controls=(each,))
            for each in controls
        )
        at = datetime.now(UTC).isoformat()
        said = Evidence(
            "performance", GATE, {}, findings, outcome, at, {"evaluation": digest_bytes(b"e")}, {"evaluation": 100}
        )
        return self.sign(said, Subject("model", subject), "ci")

    def seen(self, name: str) -> StatementView:
        with self.store.primary() as session:
            return view(session.connection(), self.workspace, name, versions=True)

    def all_of(self, name: str, subject: str | None = None) -> StatementView:
        with self.store.primary() as session:
            return StatementView(about(session.connection(), self.workspace, name, subject), self.workspace, name)

    def revoke_evidence(self, name: str, version: int) -> None:
        """Revoke all evidence about a version that was granted."""
        subject = self.seen(name).grants(version=str(version))[-1].predicate.digest
        for row in self.all_of(name, subject).rows:
            if row.type == type_of(Evidence):
                self.revoke(row.digest)

    def request(self, name: str, version: int, subject: str, **changes: Any) -> str:
        made = self.seen(name).binding()
        asked = made.predicate.plan if made else plan()
        seen = self.all_of(name, subject)
        counted = [seen.count(asked, step, subject, datetime.now(UTC)) for step in asked.steps]
        said = Request(self.workspace, name, str(version), subject, digest(asked), frozen(counted))
        return self.sign(replace(said, **changes), Subject("model", subject), "dev")

    def approve(self, request: str, subject: str, person: str = "risk") -> str:
        return self.sign(Approval(request, "risk"), Subject("model", subject), person)

    def revoke(self, statement: str, person: str = "policy") -> str:
        return self.sign(Revocation(statement, "found wrong"), Subject("organization", statement), person)

    def let_go(self, name: str) -> str:
        said = Freed(self.workspace, name, "no longer used")
        return self.sign(said, Subject("system", digest_bytes(b"system")), "policy")

    def halt(self, name: str) -> str:
        return self.sign(Halt(self.workspace, name, "harm seen"), Subject("system", digest_bytes(b"system")), "oncall")

    def order_rollback(self, name: str, version: int) -> str:
        said = RollbackOrder(self.workspace, name, str(version), "the new one misbehaves")
        return self.sign(said, Subject("system", digest_bytes(b"system")), "oncall")

    def model(self, name: str, text: str = "weights", create: bool = True) -> int:
        """Register a model folder that holds this text; gives the version."""
        source = self.folder / "models" / digest_bytes(text.encode())[-8:]
        source.mkdir(parents=True, exist_ok=True)
        (source / "MLmodel").write_text("flavors: {}\n")
        (source / "model.bin").write_text(text)
        if create:
            self.store.create_registered_model(name)
        return int(self.store.create_model_version(name, str(source)).version)

    def ready(self, name: str, version: int) -> str:
        """Stage, evidence, request and approval; gives the subject's digest."""
        subject = str(self.store.stage_version(name, version))
        self.evidence(subject)
        self.approve(self.request(name, version, subject), subject)
        return subject

    def promoted(self, name: str = "loan", text: str = "weights") -> int:
        """A bound model whose new version stands as 'production'."""
        fresh = self.seen(name).binding() is None
        if fresh:
            self.bind(name)
        version = self.model(name, text, create=fresh)
        self.ready(name, version)
        self.store.set_registered_model_alias(name, "production", version)
        return version

    def by_hand(self, name: str, alias: str, version: int) -> None:
        """Write an alias row as somebody with the database in hand."""
        self.sql(
            "INSERT INTO registered_model_aliases (workspace, name, alias, version) "
            f"VALUES ('{self.workspace}', '{name}', '{alias}', {version})"
        )

    def sql(self, statement: str) -> list[Any]:
        """Run SQL as somebody who owns the database, and takes its guards away before writing."""
        with self.store.engine.begin() as connection:
            if not statement.startswith("SELECT"):
                database.drop(connection)
            found = connection.execute(text(statement))
            return list(found) if found.returns_rows else []


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty registry's SQLite file: MLflow's migrations take seconds, so they run once."""
    path = tmp_path_factory.mktemp("empty") / "registry.db"
    store = gated_store(f"aims+sqlite:///{path}")
    store._dispose_engine()
    return path.read_bytes()


@pytest.fixture(params=["sqlite", "postgresql"])
def world(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_server_around: None
) -> Iterator[World]:
    """A registry with a trust list, on each database."""
    if request.param == "sqlite":
        (tmp_path / "registry.db").write_bytes(request.getfixturevalue("empty_database"))
        uri = f"aims+sqlite:///{tmp_path / 'registry.db'}"
    else:
        uri = f"aims+{request.getfixturevalue('postgresql_url')}"
        monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(tmp_path))
    store = gated_store(uri)
    made = World(tmp_path, store)
    made.trust()
    yield made
    store._dispose_engine()


@pytest.fixture(autouse=True)
def no_server_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test inherits a server's or a user's settings."""
    for name in list(os.environ):
        if name.startswith(("_MLFLOW_SERVER", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "AIMS_GATES_ARTIFACTS")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def tracking(tmp_path: Path, empty_database: bytes) -> Iterator[Path]:
    """MLflow's fluent API on a tracking store of this test's own."""
    (tmp_path / "tracking.db").write_bytes(empty_database)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'tracking.db'}")
    yield tmp_path
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="session")
def shops() -> ModuleType:
    """The builders of tests/shop.py."""
    return load("aims_gates_shop", "shop.py")


@dataclass
class Traded:
    """A shop whose version 1 is in production and whose version 2 was checked; and what was said on the way."""

    shop: Any
    printed: str
    code: int
    second_before: Any
    second: Any
    published: Path
    """What version 1's run held under ``aims_gates`` after its check; the run itself is shared by every copy."""


@pytest.fixture(scope="session")
def traded(shops: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traded]:
    """Built once; tests that change it take ``shop`` instead."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    shop = shops.open_shop(tmp_path_factory.mktemp("traded"))
    out = StringIO()
    with redirect_stdout(out):
        config = shops.where_flags(shop.folder)
        code = main(["check", "--model", "loans", "--version", "1", *shop.sign("ci"), *config])
    published = mlflow.artifacts.download_artifacts(
        run_id=shop.runs[0],
        artifact_path="aims_gates",
        dst_path=str(tmp_path_factory.mktemp("published")),
    )
    shop.approve(1)
    assert shop.run("promote", "loans", "1") == 0
    second_before = shop.said("explain", "loans", "2")
    second = shop.said("check", "--model", "loans", "--version", "2", *shop.sign("ci"))
    yield Traded(shop, out.getvalue(), code, second_before, second, Path(published))
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.fixture
def shop(traded: Traded, shops: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A copy of the traded shop for a test that changes it; released bytes stay the first one's (see ``bytes_of``)."""
    made = shops.Shop(tmp_path / "shop", traded.shop.runs)
    shutil.copytree(traded.shop.folder, made.folder)
    shops.use(made.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.get_tracking_uri())
    monkeypatch.chdir(made.folder)
    yield made
    shops.use(traded.shop.folder)
