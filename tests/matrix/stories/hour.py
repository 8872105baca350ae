"""docs/first-hour.md, all its steps in this process: ``python hour.py FOLDER``; ends with 0 where all went as told."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import mlflow
import pandas as pd

import aims_gates
from aims_gates.cli import main

PAGE = Path(aims_gates.__file__).parents[1] / "docs" / "first-hour.md"
PEOPLE = {
    "policy": ("policy-owner", "policy", "--first"),
    "ci": ("ci", "ci", "--service"),
    "developer": ("developer", "developer"),
    "owner": ("head-of-maintenance", "owner"),
}


def step(expected: int, *arguments: str) -> str:
    """One command, whose exit code must be this; gives what it printed."""
    out = StringIO()
    with redirect_stdout(out):
        code = main(list(arguments))
    if code != expected:
        sys.exit(f"{' '.join(arguments)}: exit code {code}, not {expected}\n{out.getvalue()[-2000:]}")
    return out.getvalue()


def run(name: str) -> None:
    """One of the page's programs."""
    exec(compile(Path("files", name).read_text(), name, "exec"), {"__name__": "__main__"})


def story() -> None:
    """From an empty folder to a model that is loaded from production."""
    step(0, "init", "--system", "pumps")
    shutil.copytree("files/records", "records", dirs_exist_ok=True)
    for name, (person, role, *more) in PEOPLE.items():
        step(0, "keys", "new", f"keys/{name}")
        step(
            0, "keys", "trust", f"keys/{name}.pub", "--person", person, "--role", role, *more,
            "--key", "keys/policy.key",
        )  # fmt: skip
    step(0, "bind", "pumps", "--system", "pumps", "--key", "keys/policy.key")
    run("train.py")
    step(2, "check", "--model", "pumps", "--version", "1", "--key", "keys/ci.key")
    step(2, "promote", "pumps", "1")
    run("fix.py")
    step(4, "check", "--model", "pumps", "--version", "1", "--key", "keys/ci.key")
    step(0, "request", "open", "pumps", "1", "--reason", "first", "--key", "keys/developer.key")
    request = json.loads(step(0, "request", "list", "--json"))[0]["id"]
    step(0, "approve", request, "--role", "owner", "--key", "keys/owner.key")
    step(0, "promote", "pumps", "1")
    stands()


def stands() -> None:
    """What was granted stands: ledger and registry agree, and the model loads."""
    for command in ("verify", "reconcile"):
        step(0, "ledger", command)
    mlflow.set_tracking_uri("sqlite:///tracking.db")
    mlflow.set_registry_uri("aims+sqlite:///registry.db")
    table = pd.DataFrame({"vibration": [3.0], "temperature": [60.0]})
    assert len(aims_gates.load_model("models:/pumps@production").predict(table)) == 1


def upgraded() -> None:
    """The same folder on another MLflow: MLflow's upgrade, then ours; guards stand, and what was granted."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DatabaseError

    for name in ("registry", "tracking"):
        command = [sys.executable, "-W", "ignore", "-m", "mlflow", "db", "upgrade", f"sqlite:///{name}.db"]
        subprocess.run(command, check=True, capture_output=True)
    step(0, "db", "upgrade")
    step(0, "db", "check")
    stands()
    engine = create_engine("sqlite:///registry.db")
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE registered_model_aliases SET version = 2"))
        sys.exit("the database let an alias be moved by hand")
    except DatabaseError as error:
        assert "aims-gates" in str(error.orig)


def prepare(folder: Path) -> None:
    """The page's files."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in re.findall(r"```\w+ file=(\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    place = Path(sys.argv[1]).resolve()
    upgrade = sys.argv[2:] == ["--upgraded"]
    if not upgrade:
        prepare(place)
    os.chdir(place)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    upgraded() if upgrade else story()
