"""Registries that commit a86f615 made and used, under today's commands: what they hold counts, and they are used on.

``registry/make.py`` says what was done in them, and how they were made.
"""

import json
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

from aims_gates.cli import main

ARCHIVES = Path(__file__).parent / "registry"
DATABASES = ("sqlite", "postgresql")
TRUSTED = ("--trusted-key", "keys/policy.pub", "--trusted-key", "keys/ci-next.pub")


@dataclass(frozen=True)
class Registry:
    """A registry in its user's folder, which is the current one."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def aims(self, *arguments: str, by: str | None = None, exit_code: int = 0) -> str:
        """Run a command that ends with this exit code, signed by a person where one is named; gives what it prints."""
        key = ["--key", f"keys/{by}.key"] if by else []
        self.capsys.readouterr()
        code = main([*arguments, *key])
        captured = self.capsys.readouterr()
        assert code == exit_code, f"{' '.join(arguments)}: {code}\n{captured.out}\n{captured.err}"
        return captured.out if code == 0 or captured.out else captured.err

    def explain(self, name: str, version: int, exit_code: int) -> dict[str, Any]:
        """What ``explain --json`` says of a version."""
        answer = self.aims("explain", name, str(version), "--to", "production", "--json", exit_code=exit_code)
        report: dict[str, Any] = json.loads(answer)
        return report

    def stored(self, version: int) -> dict[str, Any]:
        """What it said in commit a86f615."""
        report: dict[str, Any] = json.loads((self.folder / f"explain-{version}.json").read_text())
        return report

    def in_production(self, name: str) -> str:
        """The version that a client loads; fails where none loads."""
        client = mlflow.MlflowClient()
        version = str(client.get_model_version_by_alias(name, "production").version)
        assert client.get_model_version_download_uri(name, version)
        return version

    def released(self, name: str, version: str) -> Path:
        """The folder of a granted version's bytes."""
        address = mlflow.MlflowClient().get_model_version_download_uri(name, version)
        return self.folder / "artifacts" / address.removeprefix("mlflow-artifacts:/")


def restore(archive: Path, folder: Path) -> str:
    """Unpack a user's folder; gives its database as SQL."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, **({"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}))  # new in 3.11.4
    dump = folder / "registry.sql"
    statements = dump.read_text().replace("@ROOT@", str(folder))
    dump.unlink()
    return statements


def load_sqlite(folder: Path, statements: str) -> str:
    """Fill a new database; gives its address."""
    with closing(sqlite3.connect(folder / "registry.db")) as connection:
        connection.executescript(statements)
    return f"sqlite:///{folder / 'registry.db'}"


def load_postgresql(url: str, statements: str) -> None:
    """Fill an empty database."""
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection, connection.connection.cursor() as cursor:
        cursor.execute(statements)


@pytest.fixture(params=DATABASES)
def registry(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Registry:
    """A registry as commit a86f615 left it, its database upgraded."""
    statements = restore(ARCHIVES / f"{request.param}.tar.gz", tmp_path)
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgresql_empty_url"))
        load_postgresql(url, statements)
    else:
        url = load_sqlite(tmp_path, statements)
    for name in ("AIMS_GATES_KEY", "AIMS_GATES_SYSTEM", "AIMS_GATES_ARTIFACTS_DESTINATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"MLFLOW_REGISTRY_URI": f"aims+{url}", "MLFLOW_TRACKING_URI": url, "USER": "dev"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LOGNAME", "dev")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(url)
    mlflow.set_registry_uri(f"aims+{url}")
    opened = Registry(tmp_path, capsys)
    opened.aims("db", "upgrade")
    return opened


def test_the_ledger_verifies(registry: Registry) -> None:
    registry.aims("ledger", "verify")
    registry.aims("ledger", "verify", "--checkpoint", "kept.json")
    registry.aims("ledger", "verify", "--checkpoint", "checkpoints")
    registry.aims("ledger", "verify", "--export", "ledger.jsonl")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_versions_are_explained_as_they_were(registry: Registry, version: int) -> None:
    stored = registry.stored(version)
    report = registry.explain("loans", version, exit_code=stored["exit"])
    states = [(control["id"], control["state"]) for control in report["controls"]]
    assert states == [(control["id"], control["state"]) for control in stored["controls"]]
    for key in ("allowed", "mode", "tier", "system", "subject", "plan", "request", "profile", "approvals"):
        assert report[key] == stored[key], key


def test_what_was_approved_or_granted_is_promoted_and_rolled_back(registry: Registry) -> None:
    assert registry.in_production("loans") == "1"
    for version in ("3", "2"):
        registry.aims("promote", "loans", version)
        assert registry.in_production("loans") == version
    registry.aims("promote", "loans", "4", exit_code=2)
    assert registry.in_production("loans") == "2"
    registry.aims("rollback", "loans", "1", "--reason", "version 2 refused too many", by="oncall")
    assert registry.in_production("loans") == "1"
    registry.aims("ledger", "verify", "--checkpoint", "checkpoints")


def test_what_was_halted_stays_halted(registry: Registry) -> None:
    client = mlflow.MlflowClient()
    with pytest.raises(mlflow.MlflowException, match="halted"):
        client.get_model_version_download_uri("cards", "1")
    assert "halted" in registry.aims("promote", "cards", "1", exit_code=2)


def test_a_carried_grant_is_issued_again(registry: Registry) -> None:
    model = registry.released("loans", "1")
    answer = registry.aims("verify-grant", "loans.grant.json", str(model), *TRUSTED, exit_code=3)
    assert "Issue it again" in answer
    signers = ("--checkpoint-key", "keys/ci-next.key", "--out", "again.grant.json")
    registry.aims("grant", "export", "loans", *signers, by="policy")
    registry.aims("verify-grant", "again.grant.json", str(model), *TRUSTED)


def test_the_next_version_is_bound_checked_approved_and_promoted(registry: Registry) -> None:
    """Its old request was opened under the plan that was bound then, so it is opened again."""
    registry.aims("bind", "loans", "--system", "loans", "--author", "somebody", by="policy")
    assert registry.in_production("loans") == "1"
    registry.aims("check", "--model", "loans", "--version", "4", by="ci-next", exit_code=3)
    opened = registry.aims("request", "open", "loans", "4", "--reason", "a release", "--json", by="dev")
    for role in ("risk", "compliance"):
        registry.aims("approve", json.loads(opened)["id"], "--role", role, "--comment", "looked at it", by=role)
    registry.aims("promote", "loans", "4")
    assert registry.in_production("loans") == "4"
    registry.aims("ledger", "verify", "--checkpoint", "checkpoints")
