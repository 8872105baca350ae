"""Fraud detection: a bad batch is refused before anything is trained on it, and an audit grows older than a quarter.

python run.py [--dir FOLDER]
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "credit_scoring"))

import pandas as pd
from make import FEATURES, TARGET, as_delivered, mended, quarter, write
from stage import aims, must, python, refused, say, title
from story import add_sheet, digest, fix_evaluation, from_today, keys_and_binding, registered, released, tell

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
_PLAN = Path("records/systems/fraud/data_plan.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Run the whole story; gives the exit code."""
    return tell(__doc__ or "", HERE, _story, arguments)


def _story() -> None:
    title("1. The first quarter")
    say("""A company that looks for fraud keeps a registry of its data: source, collection, consent, who is in it.
        The payments are made up by make.py. Those set aside for judging were fixed by their digest beforehand.""")
    write(quarter(1, 4800), "data/q1.csv")
    write(quarter(9, 1500), "data/evaluation.csv")
    add_sheet("fraud", "q1", "data/q1.csv", period="first quarter", purpose="Training")
    add_sheet("fraud", "evaluation", "data/evaluation.csv", period="a sample of the year before", purpose="Evaluation")
    fix_evaluation("fraud", "data/evaluation.csv")
    keys_and_binding("fraud")
    version = registered("fraud", "data/q1.csv", _fit)
    aims(f"check --model fraud --version {version}", code=4, quiet=True)
    released("fraud", version, "first version")
    _bad_batch()
    _old_audit(_next_version())


def _fit(frame: pd.DataFrame) -> object:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    return model.fit(frame[list(FEATURES)], frame[TARGET])


def _bad_batch() -> None:
    import aims_gates

    title("2. A bad batch")
    say("""The second quarter comes from a new processor. Nobody has told that its amounts are in cents, that some are
        missing, and that disputed payments come twice, once with each label.""")
    write(as_delivered(quarter(2, 4800)), "data/q2_delivered.csv")
    add_sheet("fraud", "q2 as delivered", "data/q2_delivered.csv", period="second quarter", purpose="Training")
    trained = []
    python('with aims_gates.gated_run("fraud", training="data/q2_delivered.csv"): train()')

    def train() -> None:
        with aims_gates.gated_run("fraud", training="data/q2_delivered.csv"):
            trained.append("data/q2_delivered.csv")

    reasons = (
        "label_conflict_share",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_between",
        "drift",
    )
    refused(train, aims_gates.TrainingDataRefusedError, has=reasons)
    must(trained == [], "something was trained on the bad batch")
    aims("datasets list", has=("q2 as delivered", "refused"))


def _next_version() -> str:
    title("3. The batch, mended")
    say("""The data steward has it delivered in euros, and leaves out the payments of which amount or label is not
        known. That makes other bytes, with a data sheet of their own. They are compared with the first quarter.""")
    write(mended(pd.read_csv("data/q2_delivered.csv")), "data/q2.csv")
    gaps = "payments without an amount, and those labelled both ways"
    add_sheet("fraud", "q2", "data/q2.csv", period="second quarter", purpose="Training", known_gaps=gaps)
    return registered("fraud", "data/q2.csv", _fit)


def _old_audit(version: str) -> None:
    title("4. An audit that is older than a quarter")
    say("""The model is fine. But the audit of the data's quality is 95 days old by now, and the profile asks for one
        within a quarter: quality of data (A.7.4) is stale.""")
    text = _PLAN.read_text("utf-8")
    _PLAN.write_text(text.replace(f"done_on: {from_today(-20)}", f"done_on: {from_today(-95)}"), "utf-8")
    aims(f"check --model fraud --version {version}", code=3, has=("A.7.4", "stale", "quality_audited"))
    say("Internal audit looks at the sets of this quarter and adds its report.")
    audit = f'  - {{done_on: {from_today(0)}, auditor: internal-audit@example.org, dataset: "{digest("data/q2.csv")}", '
    _PLAN.write_text(
        f"{_PLAN.read_text('utf-8')}{audit}within_limits: true, report: reports/data-audit.pdf}}\n", "utf-8"
    )
    aims(f"check --model fraud --version {version}", code=4, quiet=True)
    released("fraud", version, "second quarter")
    aims("datasets show q2", has=(f"fraud/{version}", "accepted"))
    aims("ledger verify", has=("the ledger holds",))


if __name__ == "__main__":
    sys.exit(main())
