"""What the stories about data share: an empty folder, keys, data sheets, the plain MLflow client, a version released.

How they speak is :mod:`stage`, of ``credit_scoring``. A story's ``run.py`` puts both folders on its path.
"""

import argparse
import getpass
import json
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from stage import Unexpected, aims, must, python

__all__ = ["add_sheet", "digest", "fix_evaluation", "from_today", "keys_and_binding", "registered", "released", "tell"]

_MARK = ".aims-gates-story"
#: Key file -> who holds it, and the roles in which it signs.
_PEOPLE = {
    "policy": ("policy owner", ("policy",)),
    "scientist": ("data scientist", ("developer",)),
    "ci": ("continuous integration", ("ci",)),
    "risk": ("risk officer", ("risk",)),
}


def tell(about: str, here: Path, story: Callable[[], None], arguments: list[str] | None = None) -> int:
    """Run a story in a folder of its own, made anew from the records in ``here``; gives the exit code."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--dir", type=Path, default=Path(f".{here.name}"), help="where everything is written (made anew)"
    )
    folder, before = parser.parse_args(arguments).dir.resolve(), Path.cwd()
    for name in ("AIMS_GATES_KEY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    try:
        _fresh(folder, here)
        os.chdir(folder)
        _plain_client()
        story()
    except Unexpected as error:
        print(f"\nThe story stopped: {error}\nWhat was made so far is in {folder}.", file=sys.stderr)
        return 1
    finally:
        os.chdir(before)
    print(f"\nEverything is in {folder}: try `aims-gates datasets list` there.")
    return 0


def _fresh(folder: Path, here: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        must((folder / _MARK).is_file(), f"{folder} is not empty and was not made by this story; choose another --dir")
        shutil.rmtree(folder)
    shutil.copytree(here, folder, ignore=shutil.ignore_patterns("*.py", "README.md", "__pycache__"), dirs_exist_ok=True)
    (folder / _MARK).touch()
    (folder / "data").mkdir()
    for path in folder.rglob("*.yaml"):
        path.write_text(_dated(path.read_text("utf-8")), "utf-8")


def _dated(text: str) -> str:
    """Records speak of days around today: ``@-95`` is 95 days ago."""
    parts = text.split("@")
    dated = [parts[0]]
    for part in parts[1:]:
        number = part[: len(part) - len(part.lstrip("+-0123456789"))]
        days = number if number[:1] in ("+", "-") and number[1:].isdigit() else ""
        dated.append(from_today(int(days)) + part[len(days) :] if days else "@" + part)
    return "".join(dated)


def from_today(days: int) -> str:
    """A day before or after today, as records write it."""
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def digest(path: str | Path) -> str:
    """What `aims-gates digest FILE` prints."""
    return f"sha256:{sha256(Path(path).read_bytes()).hexdigest()}"


def add_sheet(system: str, name: str, path: str, **facts: Any) -> None:
    """The data steward describes a set: what sheet.yaml says of all, and what is said of this one."""
    from aims_gates.documents.strict_yaml import read

    folder = Path("records/systems") / system
    place, common = folder / "datasheets.yaml", read(folder / "parts" / "sheet.yaml").value
    record = json.loads(place.read_text("utf-8")) if place.exists() else read(folder / "parts" / "sheets.yaml").value
    step = {"input": digest(path), "output": digest(path), "actor": "data-steward@example.org", "at": from_today(-1)}
    chain = [{**step, "transform": "written by make.py, which makes it up"}]
    sheet = {**common, "name": name, "version": "1", "digest": digest(path), "chain": chain, **facts}
    record["datasets"] = [*record.get("datasets", []), sheet]
    place.write_text(json.dumps(record, indent=1, default=str), "utf-8")


def fix_evaluation(system: str, path: str) -> None:
    """Fix the set that models are judged on, by its digest, before anything is trained."""
    place = Path("records/systems") / system / "requirements.yaml"
    place.write_text(place.read_text("utf-8").replace("@EVALUATION", digest(path)), "utf-8")


def keys_and_binding(model: str) -> None:
    """A key for each role, the trust list, and the model bound to its system."""
    for name, (person, roles) in _PEOPLE.items():
        aims(f"keys new keys/{name}", quiet=True)
        words = [f"keys trust keys/{name}.pub --key keys/policy.key", *(f"--role {role}" for role in roles)]
        words += ["--first"] if name == "policy" else []
        words += [f"--login {getpass.getuser()}"] if name == "scientist" else []
        words += ["--service"] if name == "ci" else []
        aims(" ".join(words), "--person", person, quiet=True)
    aims(f"bind {model} --system {model} --key keys/policy.key", "--author", "data scientist", quiet=True)


def _plain_client() -> None:
    """MLflow with nothing of ours but the registry's address."""
    import mlflow

    warnings.filterwarnings("ignore", module="mlflow")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(f"sqlite:///{Path('tracking.db').resolve()}")
    mlflow.set_registry_uri(f"aims+sqlite:///{Path('registry.db').resolve()}")
    mlflow.set_experiment("stories")


def registered(system: str, training: str, fit: Callable[[pd.DataFrame], Any]) -> str:
    """Judge the set, train on it, log and register the model in one run, as anybody would; gives the version.

    Raises:
        TrainingDataRefusedError: the set is refused; nothing was trained.
    """
    import mlflow

    import aims_gates

    python("with mlflow.start_run():")
    print(f'...     aims_gates.training_data("{system}", "{training}")', flush=True)
    with mlflow.start_run(tags={"mlflow.source.git.commit": sha256(training.encode()).hexdigest()[:40]}):
        aims_gates.training_data(system, training)
        shutil.copy(training, "data/training.csv")
        frame = pd.read_csv("data/training.csv")
        fitted = fit(frame)
        example = frame[list(fitted.feature_names_in_)]
        print(f'...     mlflow.sklearn.log_model(model, name="model", registered_model_name="{system}")', flush=True)
        info = mlflow.sklearn.log_model(
            fitted,
            name="model",
            signature=mlflow.models.infer_signature(example, fitted.predict(example)),
            registered_model_name=system,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
    print(f"registered as version {info.registered_model_version}", flush=True)
    return str(info.registered_model_version)


def released(system: str, version: str, reason: str) -> None:
    """A request, an approval by somebody else, and the plain client's call."""
    import mlflow

    opened = aims(f"request open {system} {version} --key keys/scientist.key", "--reason", reason, quiet=True)
    aims(f"approve {opened.split()[1]} --role risk --key keys/risk.key", "--comment", "table read", quiet=True)
    python(f'MlflowClient().set_registered_model_alias("{system}", "production", "{version}")')
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(system, "production", version)
    stands = client.get_model_version_by_alias(system, "production").version
    must(str(stands) == version, "the alias does not name the version")
    print(f"{system} version {version} is production", flush=True)
