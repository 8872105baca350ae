"""The example's world, in the current folder: who holds which key, the gated registry, how a version is registered."""

import getpass
import logging
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
from stage import aims, python
from train import features_of

__all__ = [
    "MODEL",
    "approved",
    "client",
    "code_digest",
    "into_production",
    "keys_and_binding",
    "records_signed",
    "register",
]

MODEL = "mortgage"
#: Key file -> who holds it, and the role in which it signs. The records name these people.
_PEOPLE = {
    "policy": ("aims-manager@example.org", "policy"),
    "scientist": ("model-developer@example.org", "developer"),
    "ci": ("continuous integration", "ci"),
    "owner": ("head-of-lending@example.org", "owner"),
    "risk": ("model-validator@example.org", "risk"),
    "compliance": ("ethics-lead@example.org", "compliance"),
    "top": ("managing-director@example.org", "top-management"),
    "oncall": ("incident-desk@example.org", "on-call"),
}
#: Others whom the records name. They would sign on the server alone, by their login.
_STAFF = ("data-steward", "underwriting-lead", "lending-champion", "internal-auditor")
#: Key files of the members of the model review board, who hold its role beside their own.
_BOARD = ("owner", "risk", "compliance")
#: Key file and role in which it approves texts of records. Of the board the author of the texts does not count.
_APPROVERS = (
    ("top", "top-management"),
    ("compliance", "compliance"),
    ("risk", "risk"),
    ("compliance", "board"),
    ("risk", "board"),
)


def keys_and_binding(quiet: bool = False) -> None:
    """A key for each role, the trust list, and the model bound to its system."""
    for name, (person, role) in _PEOPLE.items():
        aims(f"keys new keys/{name}", quiet=True)
        words = [f"keys trust keys/{name}.pub --key keys/policy.key --role {role}"]
        words += ["--first"] if name == "policy" else []
        words += [f"--login {getpass.getuser()}"] if name == "scientist" else []
        words += ["--service"] if name == "ci" else []
        words += ["--role board"] if name in _BOARD else []
        aims(" ".join(words), "--person", person, quiet=quiet)
    for name in _STAFF:
        who = f"{name}@example.org"
        aims(f"keys trust --user {who} --person {who} --role staff --key keys/policy.key", quiet=quiet)
    aims(f"bind {MODEL} --system {MODEL} --key keys/policy.key", "--author", "model-developer@example.org", quiet=quiet)


def records_signed() -> None:
    """Every text of the records, put forward by its author and approved by another person."""
    aims("records submit --all-due --key keys/owner.key", quiet=True)
    for name, role in _APPROVERS:
        aims(f"records approve --all-due --role {role} --yes --key keys/{name}.key", quiet=True)


def client() -> Any:
    """MLflow's plain client, with nothing of ours but the registry's address."""
    import mlflow

    warnings.filterwarnings("ignore", module="mlflow")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    mlflow.set_tracking_uri(f"sqlite:///{Path('tracking.db').resolve()}")
    mlflow.set_registry_uri(f"aims+sqlite:///{Path('registry.db').resolve()}")
    mlflow.set_experiment(MODEL)
    return mlflow.MlflowClient()


def code_digest() -> str:
    """What stands for a commit where the folder is under no version control: the digest of the code that trains."""
    here = Path(__file__).parent
    return sha256((here / "prepare.py").read_bytes() + (here / "train.py").read_bytes()).hexdigest()[:40]


def register(model: Any, reference: pd.DataFrame, run: str) -> str:
    """Log and register a model as anybody would; gives the version."""
    import mlflow

    example = reference[features_of(model)]
    python(f'mlflow.sklearn.log_model(model, name="model", registered_model_name="{MODEL}")')
    # A folder inside somebody's repository is not under its version control: the code's own digest stands here.
    with mlflow.start_run(run_name=run, tags={"mlflow.source.git.commit": code_digest()}):
        signature = mlflow.models.infer_signature(example, model.predict(example))
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=signature,
            registered_model_name=MODEL,
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
    version = str(info.registered_model_version)
    print(f"registered as version {version}", flush=True)
    return version


def approved(version: str, reason: str, quiet: bool = False) -> None:
    """A request and two approvals, by three people."""
    opened = aims(f"request open {MODEL} {version} --key keys/scientist.key", "--reason", reason, quiet=quiet)
    request = opened.split()[1]
    text = "rates by group read", "card read"
    for role, comment in zip(("risk", "compliance"), text, strict=True):
        aims(f"approve {request} --role {role} --key keys/{role}.key", "--comment", comment, quiet=quiet)


def into_production(mlflow_client: Any, version: str) -> Callable[[], None]:
    """The plain client's call, printed now and made when called."""
    python(f'MlflowClient().set_registered_model_alias("{MODEL}", "production", "{version}")')
    return lambda: mlflow_client.set_registered_model_alias(MODEL, "production", version)
