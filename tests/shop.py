"""A small shop: one system under its profile, keys, a trust list, a binding and two registered versions.

It is built once per process and copied for whoever wants to change it. Everything is real: MLflow on SQLite, models of
scikit-learn, signed statements. Conftests load it by its path.
"""

import atexit
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd

from aims_gates.attestation.signing.keys import Key, new_key, read_private
from aims_gates.cli import main
from aims_gates.documents.canonical import digest_file
from aims_gates.settings import Settings, load
from tests.loans import FIELDS, PEOPLE, system_yaml

PROFILE = """\
id: shop
title: Shop
tier: high
controls:
  A.6.2.4: {why: what the model does must be measured before people rely on it, gates: [performance]}
  A.6.2.7: {why: people need its limits in writing, gates: [model_card]}
gates:
  performance: {params: {limits: {roc_auc: {op: ">=", value: 0.6}}}}
approvals: [{role: risk}, {role: compliance}]
waivers: {max_days: 30, roles: [risk]}
"""
SYSTEM = system_yaml("loans")
AIMS = "packs: [.]\nregistry: aims+sqlite:///registry.db\ntracking: sqlite:///tracking.db\n"


def frame(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Two features, a group, and an outcome that the features foretell."""
    draw = np.random.default_rng(seed)
    made = pd.DataFrame({"x": draw.normal(size=rows), "z": draw.normal(size=rows), "g": draw.choice(["a", "b"], rows)})
    made["y"] = (made.x + 0.5 * made.z + draw.normal(scale=0.7, size=rows) > 0).astype(int)
    return made


def write_pack(folder: Path) -> None:
    """Records, profile, data and aims.yaml."""
    system = folder / "records" / "systems" / "loans"
    for each in (system, folder / "profiles", folder / "data"):
        each.mkdir(parents=True, exist_ok=True)
    (folder / "aims.yaml").write_text(AIMS)
    (folder / "profiles" / "shop.yaml").write_text(PROFILE)
    (system / "system.yaml").write_text(SYSTEM)
    sentence = "A sentence about it that is long enough to say something."
    card = {name: "apache-2.0" if name == "license" else f"{name}: {sentence}" for name in FIELDS}
    (system / "card.yaml").write_text("".join(f"{name}: {json.dumps(text)}\n" for name, text in card.items()))
    data = folder / "data" / "evaluation.csv"
    frame().to_csv(data, index=False)
    fixed = f"{{file: data/evaluation.csv, digest: {digest_file(data)}}}"
    (system / "requirements.yaml").write_text(
        f'decided_on: "2026-01-05"\ndecided_by: head-of-lending\nevaluation: {fixed}\n'
        "thresholds: [{gate: performance, measure: roc_auc, limit: at least 0.6, reason: enough to work with}]\n"
    )


def where_flags(folder: Path) -> tuple[str, ...]:
    """The options that name this shop, whatever MLflow was last pointed at in this process."""
    registry, tracking = f"aims+sqlite:///{folder / 'registry.db'}", f"sqlite:///{folder / 'tracking.db'}"
    return "--config", str(folder / "aims.yaml"), "--registry", registry, "--tracking", tracking


def quiet(*arguments: str) -> int:
    """Run a command, its output thrown away."""
    with redirect_stdout(StringIO()):
        return main(arguments)


def write_keys(folder: Path, *settings: str) -> None:
    """A key for each person, and a trust list that names them."""
    for name in PEOPLE:
        new_key(folder / "keys" / f"{name}.key")
    policy = str(folder / "keys" / "policy.key")
    for name, role in PEOPLE.items():
        first = ["--first"] if name == "policy" else []
        service = ["--service"] if name == "ci" else []
        public = str(folder / "keys" / f"{name}.pub")
        said = ["keys", "trust", public, "--person", name, "--role", role, "--key", policy, *first, *service, *settings]
        assert quiet(*said) == 0


@dataclass(frozen=True)
class Shop:
    """The shop in its folder."""

    folder: Path
    runs: tuple[str, ...]

    @property
    def settings(self) -> Settings:
        where = where_flags(self.folder)
        return load(Path(where[1]), registry=where[3], tracking=where[5])

    def key(self, name: str) -> Key:
        return read_private(self.folder / "keys" / f"{name}.key")

    def sign(self, name: str) -> list[str]:
        """The options that sign as this person."""
        return ["--key", str(self.folder / "keys" / f"{name}.key")]

    def run(self, *arguments: str) -> int:
        """A command with this shop's settings; its output is thrown away."""
        return quiet(*arguments, *where_flags(self.folder))

    def said(self, *arguments: str) -> Any:
        """What a command with --json prints."""
        out = StringIO()
        with redirect_stdout(out):
            main([*arguments, "--json", *where_flags(self.folder)])
        return json.loads(out.getvalue())

    def check(self, version: int) -> int:
        return self.run("check", "--model", "loans", "--version", str(version), *self.sign("ci"))

    def approve(self, version: int) -> None:
        """Open a request and approve it in both roles."""
        request = self.said("request", "open", "loans", str(version), *self.sign("dev"))["id"]
        for role in ("risk", "compliance"):
            assert self.run("approve", request, "--role", role, *self.sign(role)) == 0

    def promote(self, version: int) -> None:
        """The whole way into production."""
        assert self.check(version) == 4
        self.approve(version)
        assert self.run("promote", "loans", str(version)) == 0


def train(strength: float) -> str:
    """Train, log and register a version in a run; gives the run's id."""
    import mlflow
    from sklearn.linear_model import LogisticRegression

    data = frame(seed=1)
    fitted = LogisticRegression(C=strength).fit(data[["x", "z"]], data.y)
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(
            fitted,
            name="model",
            input_example=data[["x", "z"]].head(3),
            registered_model_name="loans",
            pip_requirements=["scikit-learn"],
        )
    return str(run.info.run_id)


def use(folder: Path) -> None:
    """Point MLflow at the shop in this folder."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'tracking.db'}")
    mlflow.set_registry_uri(f"aims+sqlite:///{folder / 'registry.db'}")


@cache
def template() -> tuple[Path, tuple[str, ...]]:
    """The shop as everybody begins: two versions registered, bound, nothing checked."""
    import mlflow

    from aims_gates.mlflow_plugin.store.store import gated_store

    folder = Path(mkdtemp(prefix="aims-shop-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_pack(folder)
    store = gated_store(f"aims+sqlite:///{folder / 'registry.db'}")
    store._dispose_engine()
    shutil.copy(folder / "registry.db", folder / "tracking.db")
    settings = where_flags(folder)
    write_keys(folder, *settings)
    use(folder)
    mlflow.MlflowClient().create_experiment("shop", artifact_location=str(folder / "mlruns"))
    mlflow.set_experiment("shop")
    runs = tuple(train(strength) for strength in (1.0, 0.05))
    policy = str(folder / "keys" / "policy.key")
    assert quiet("bind", "loans", "--system", "loans", "--author", "somebody", "--key", policy, *settings) == 0
    return folder, runs


def open_shop(folder: Path) -> Shop:
    """A copy of the shop. Models stay in the first one's folder and are not to be changed."""
    first, runs = template()
    shutil.copytree(first, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlruns"))
    return Shop(folder, runs)
