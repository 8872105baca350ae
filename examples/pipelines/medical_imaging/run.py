"""Medical imaging: a set that underrepresents women is refused before training; balanced, it ends in production.

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
from make import FEATURES, TARGET, drawing, patients, write
from stage import aims, must, python, refused, say, title
from story import add_sheet, fix_evaluation, keys_and_binding, registered, released, tell

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
#: Patients by site and sex: what Hill Hospital sent at first, what Harbour Clinic added, and who is judged on.
_FIRST = {("hill", "m"): 1040, ("hill", "f"): 260, ("harbour", "m"): 200, ("harbour", "f"): 100}
_MORE = {("harbour", "f"): 940, ("harbour", "m"): 60}
_JUDGED_ON = {("hill", "m"): 150, ("hill", "f"): 150, ("harbour", "m"): 150, ("harbour", "f"): 150}


def main(arguments: list[str] | None = None) -> int:
    """Run the whole story; gives the exit code."""
    return tell(__doc__ or "", HERE, _story, arguments)


def _story() -> None:
    title("1. Images from two sites")
    say("""A company keeps a registry of its images: hospital, patients, how they were taken, consent. These were made
        by make.py and are labelled as made: they show nobody. One with a lesion, from each site's scanner:""")
    evaluation, images = patients(9, _JUDGED_ON)
    for site in ("hill", "harbour"):
        print(
            f"\n{site}:\n{drawing(images[evaluation.index[(evaluation.site == site) & (evaluation[TARGET] == 1)][0]])}"
        )
    write((evaluation, images), "data/evaluation.csv")
    add_sheet(
        "imaging", "evaluation", "data/evaluation.csv", purpose="Evaluation", selection="Half of each site and sex"
    )
    fix_evaluation("imaging", "data/evaluation.csv")
    keys_and_binding("imaging")
    _underrepresented()
    _balanced()


def _underrepresented() -> None:
    import aims_gates

    title("2. Too few women")
    say("""Hill Hospital's clinic treats mostly men, so little more than a fifth of the first set are women. A model of
        it could do worse on them, and nobody would see it in the mean.""")
    write(patients(1, _FIRST), "data/first.csv")
    gaps = "360 of 1,600 patients are women; the population has half"
    add_sheet(
        "imaging", "first", "data/first.csv", purpose="Training", selection="All patients of spring", known_gaps=gaps
    )
    trained = []
    python('with aims_gates.gated_run("imaging", training="data/first.csv"): train()')

    def train() -> None:
        with aims_gates.gated_run("imaging", training="data/first.csv"):
            trained.append("data/first.csv")

    error = refused(train, aims_gates.TrainingDataRefusedError, has=("representativeness", "sex = f"))
    gates = {gate for gate, _ in vars(error)["findings"]}
    must(gates == {"representativeness"}, f"more than the shares of groups is wrong: {gates}")
    must(trained == [], "something was trained on the set")


def _balanced() -> None:
    title("3. Balanced")
    say("""Harbour Clinic adds the images of a thousand patients, nearly all of them women. What is accepted is signed:
        the set's digest, what each gate said, and how many patients of each group there are.""")
    first, more = patients(1, _FIRST), patients(2, _MORE)
    both = pd.concat([first[0], more[0]], ignore_index=True)
    path = Path("data/balanced.csv")
    path.write_bytes(both.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode())
    selection = "All patients of spring, and those whom Harbour Clinic added"
    add_sheet("imaging", "balanced", str(path), purpose="Training", selection=selection)
    version = registered("imaging", str(path), _fit)
    say("The model is judged on each site by itself: neither scanner may fall below the floor.")
    aims(f"check --model imaging --version {version}", code=4, has=("A.7.4", "met"))
    released("imaging", version, "first version")
    aims("datasets show balanced", has=("harbour", f"imaging/{version}", "accepted"))
    aims("ledger verify", has=("the ledger holds",))


def _fit(frame: pd.DataFrame) -> object:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(60, min_samples_leaf=2, random_state=0).fit(frame[FEATURES], frame[TARGET])


if __name__ == "__main__":
    sys.exit(main())
