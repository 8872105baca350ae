"""aims-gates server: what would be started, and what is refused before anything is."""

import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from aims_gates.cli.server import OPTIONAL
from aims_gates.mlflow_plugin.server.routes import optional
from tests.support import await_health, stopped_at_the_end


def test_a_dry_run_says_what_it_would_start_and_makes_nothing(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_FLASK_SERVER_SECRET_KEY", "not to be shown")
    said = command("server", "--dry-run", "--port", "5999", "--workers", "3", "--", "--allowed-hosts", "a.example")
    assert said.code == 0 and "not to be shown" not in said.out
    assert "--app-name aims-gates" in said.out and "--workers 3" in said.out and "--allowed-hosts a.example" in said.out
    assert f"--registry-store-uri aims+sqlite:///{tmp_path}/registry.db" in said.out
    assert "AIMS_GATES_AUTH=basic\n" in said.out and "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false" in said.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_what_a_dry_run_prints_starts_the_server_as_it_is_printed(command: Any, tmp_path: Path) -> None:
    here = tmp_path / "it's here"
    here.mkdir()
    os.chdir(here)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = command("server", "--dry-run", "--port", str(port), "--registry", "aims+sqlite:///registry.db").out
    os.chdir(tmp_path)
    assert list(here.iterdir()) == []
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(["sh", "-euc", script], stdout=log, stderr=log, start_new_session=True)
    with stopped_at_the_end(process):
        address = f"http://127.0.0.1:{port}"
        await_health(address, process, tmp_path / "log.txt")
        password = (here / "aims-admin-password").read_text().strip()
        said = requests.get(f"{address}/api/2.0/aims/status", auth=("admin", password), timeout=30)
        assert said.status_code == 200 and said.json()["user"]["name"] == "admin"
    assert (here / "aims-admin-password").stat().st_mode & 0o777 == 0o600 and password not in script
    assert {"aims-auth.ini", "aims-users.db", "registry.db"} <= {path.name for path in here.iterdir()}


def test_what_a_dry_run_prints_leaves_what_is_there_and_takes_secrets_from_the_shell(
    command: Any, tmp_path: Path
) -> None:
    (tmp_path / "aims-auth.ini").write_text("[mlflow]\n")
    *lines, _ = command("server", "--dry-run").out.splitlines()
    show = 'echo "$MLFLOW_FLASK_SERVER_SECRET_KEY $MLFLOW_AUTH_ADMIN_PASSWORD"'

    def shell(**more: str) -> list[str]:
        script, environment = "\n".join([*lines, show]), {**os.environ, **more}
        done = subprocess.run(["sh", "-ec", script], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    ours = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "secret", "MLFLOW_AUTH_ADMIN_PASSWORD": "password"}
    assert shell(**ours) == ["secret", "password"] and not (tmp_path / "aims-admin-password").exists()
    first, second = shell(), shell()
    assert first[1] == second[1] and first[0] != second[0] and min(map(len, first)) > 30
    assert (tmp_path / "aims-auth.ini").read_text() == "[mlflow]\n"


def test_ways_to_sign_in_are_told_to_the_workers(command: Any, tmp_path: Path) -> None:
    said = command(
        "server", "--dry-run", "--oidc", str(tmp_path / "oidc.yaml"), "--trusted-proxy", "10.0.0.1",
        "--trusted-proxy", "10.0.0.2", "--server-key", str(tmp_path / "server.key"),
    )  # fmt: skip
    assert "AIMS_GATES_AUTH=basic,oidc,proxy\n" in said.out
    assert "AIMS_GATES_TRUSTED_PROXIES=10.0.0.1,10.0.0.2\n" in said.out
    assert f"AIMS_GATES_OIDC={tmp_path}/oidc.yaml\n" in said.out
    assert f"AIMS_GATES_KEY={tmp_path}/server.key\n" in said.out
    bare = command("server", "--dry-run", "--no-auth").out
    assert "AIMS_GATES_AUTH=none\n" in bare and "MLFLOW_AUTH" not in bare


def test_optional_parts_and_forwarding_proxies_are_told_to_the_workers(command: Any) -> None:
    said = command("server", "--dry-run", "--serve", "mcp", "--serve", "gateway", "--forwarding-proxy", "127.0.0.1")
    assert "AIMS_GATES_SERVE=gateway,mcp\n" in said.out and "AIMS_GATES_FORWARDING_PROXIES=127.0.0.1\n" in said.out
    assert "AIMS_GATES_AUTH=basic\n" in said.out, "a proxy that forwards names nobody"
    assert "AIMS_GATES_SERVE" not in command("server", "--dry-run").out


def test_a_public_address_is_told_to_the_workers_and_to_mlflow(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "inside.example")
    said = command("server", "--dry-run", "--public-url", "https://MLflow.example.org/").out
    assert "AIMS_GATES_PUBLIC_URL=https://mlflow.example.org\n" in said
    assert "MLFLOW_SERVER_ALLOWED_HOSTS=inside.example,mlflow.example.org,mlflow.example.org:443\n" in said
    assert "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS=https://mlflow.example.org\n" in said
    assert "PUBLIC_URL" not in command("server", "--dry-run").out
    monkeypatch.setenv("AIMS_GATES_PUBLIC_URL", "https://b.example")
    assert "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS=https://b.example\n" in command("server", "--dry-run").out


def test_the_help_names_every_optional_part_and_no_job_runs_whatever_the_environment_says(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert optional() == OPTIONAL
    monkeypatch.setenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "true")
    assert "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false\n" in command("server", "--dry-run").out


@pytest.mark.parametrize("part", ["assistant", "skills", "jobs", "sandbox"])
def test_what_is_never_served_cannot_be_switched_on(command: Any, part: str) -> None:
    said = command("server", "--dry-run", "--serve", part)
    assert said.code == 1 and f"'{part}' is never served" in said.err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--registry", "sqlite:///registry.db"), "not gated"),
        (("--backend", "http://elsewhere:5000"), "need a database"),
        (("--backend", "./mlruns"), "need a database"),
        (("--auth", "none", "--trusted-proxy", "10.0.0.1"), "exclude each other"),
        (("--serve", "everything"), "no optional part of MLflow"),
        (("--public-url", "mlflow.example.org"), "no address of a server"),
    ],
)
def test_what_makes_no_server_is_refused(command: Any, arguments: tuple[str, ...], why: str) -> None:
    said = command("server", "--dry-run", *arguments)
    assert said.code == 1 and why in said.err


def test_a_ledger_that_does_not_hold_against_its_checkpoints_is_not_served(command: Any, tmp_path: Path) -> None:
    for name in ("old", "new"):
        registry = ("--registry", f"aims+sqlite:///{name}.db")
        assert command("keys", "new", name).code == 0
        first = ("keys", "trust", f"{name}.pub", "--person", "policy", "--role", "policy", "--first")
        assert command(*first, "--key", f"{name}.key", *registry).code == 0
    (tmp_path / "kept").mkdir()
    keep = ("ledger", "checkpoint", "--into", "kept", "--key", "old.key", "--registry", "aims+sqlite:///old.db")
    assert command(*keep).code == 0 and "nothing was appended" in command(*keep).out
    assert command("ledger", "verify", "--checkpoint", "kept", "--registry", "aims+sqlite:///old.db").code == 0
    said = command("server", "--no-auth", "--checkpoints", "kept", "--registry", "aims+sqlite:///new.db")
    assert said.code == 5 and "the ledger does not hold" in said.err
    told = command("server", "--dry-run", "--checkpoints", "kept", "--checkpoint-minutes", "5").out
    assert f"AIMS_GATES_CHECKPOINTS={tmp_path}/kept\n" in told and "AIMS_GATES_CHECKPOINT_MINUTES=5\n" in told
    for more in ((), ("kept.json", "--into", "kept")):
        assert command("ledger", "checkpoint", *more, "--key", "old.key").code == 1
    (tmp_path / "empty").mkdir()
    nothing = command("ledger", "verify", "--checkpoint", "empty", "--registry", "aims+sqlite:///old.db")
    assert nothing.code == 1 and "there is no checkpoint" in nothing.err
