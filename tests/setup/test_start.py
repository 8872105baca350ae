"""From a model in MLflow's own store to one person's trial grant, and what a trial grant never is."""

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aims_gates.attestation.statements.registry import Grant
from aims_gates.cli import main
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.reader import read_system
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import statements
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.setup.interview import answer, open_questions
from aims_gates.setup.known import Known
from aims_gates.setup.proposals import Proposal
from aims_gates.setup.start import PackDraft, files_of, own_system, system_name, write_pack
from tests.setup.kinds import people

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = Path("records/systems/loans/system.yaml")
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with MLflow's default store, a small model in it, registered once, and its data."""
    folder = tmp_path_factory.mktemp("store")
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    columns = ["score_a", "years"]
    train, test = (people(seed)[[*columns, "sex", "paid"]] for seed in (1, 2))
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[columns], train.paid)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_registry_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("loans", (folder / "artifacts").as_uri()))
    with mlflow.start_run():
        mlflow.log_param("C", 1.0)
        mlflow.sklearn.log_model(
            model,
            name="loans",
            input_example=train[columns].head(3),
            registered_model_name="loans",
            pip_requirements=["scikit-learn"],
        )
    yield folder
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


@pytest.fixture(autouse=True)
def plain(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's settings but where MLflow's store is."""
    for name in ("MLFLOW_REGISTRY_URI", "AIMS_GATES_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    mlflow.set_registry_uri("")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line; gives its exit code and all that it printed."""

    def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(words)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def words(store: Path, *more: str) -> tuple[str, ...]:
    return ("start", "--model", "loans", "--train", f"{store}/train.csv", "--data", f"{store}/test.csv", *more)


@pytest.fixture(scope="module")
def tried(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one person went all the way to a trial grant."""
    folder, before = tmp_path_factory.mktemp("tried"), Path.cwd()
    environment = dict(os.environ)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{store}/mlflow.db"
    os.environ.pop("MLFLOW_REGISTRY_URI", None)
    mlflow.set_registry_uri("")
    os.chdir(folder)
    try:
        assert main(words(store, "--solo", "--yes")) == 0
        assert main(("check", "--model", "loans", "--isolation", "none")) in (0, 2, 3)
        assert main(("promote", "loans", "1")) == 0
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
    return folder


@pytest.fixture
def copy(tried: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, to change."""
    folder = Path(shutil.copytree(tried, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


def grants(folder: Path) -> list[Grant]:
    with open_ledger(f"aims+sqlite:///{folder}/registry.db") as connection:
        return [row.predicate for row in statements(connection, "default", "loans").grants()]


def test_one_person_comes_to_a_trial_grant_that_says_so_everywhere(
    tried: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tried)
    assert [(grant.transition, grant.mode) for grant in grants(tried)] == [("trial", "observe")]
    assert "trial grant" in run("promote", "loans", "1")[1]
    assert "trial grant" in run("status")[1]
    explained = run("explain", "loans", "1")[1]
    assert "not counted" in explained and "+ met" not in explained and "To close what is open" not in explained
    code, text = run("explain", "loans", "1")
    assert code in (0, 2, 3) and text.startswith("TRIAL") and "no control counts as met" in text
    value = json.loads(run("explain", "loans", "1", "--json")[1])
    assert (value["allowed"], value["transition"], value["criteria_met"]) == (True, "trial", False)
    assert {state["state"] for state in value["controls"]} <= {"met", "failed", "inconclusive"}, value["controls"]
    assert run("ledger", "verify")[0] == 0


def test_each_set_has_the_schema_that_was_proposed_of_it(tried: Path) -> None:
    system = read_system(tried, "loans").system
    assert sorted(system.schema_) == ["evaluation", "reference"]
    columns = [field["name"] for field in system.schema_["evaluation"]["fields"]]
    assert columns == ["score_a", "years", "sex", "paid"]


@pytest.mark.parametrize("solo", [True, False])
def test_what_is_to_be_decided_is_left_out_of_a_trial_and_a_placeholder_elsewhere(tmp_path: Path, solo: bool) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("paid,day\n1,01/02/2026\n0,03/04/2026\n")
    nothing = Proposal("target", (), "proposed", "", "")
    target = CheckTarget("models:/loans/1", "loans", "1", {})
    truth = Proposal("target", ("paid",), "named", "", "")
    known = Known("loans", target, (), (), truth, nothing, nothing, (), (), None, {})
    sets = str(tmp_path / "train.csv"), str(tmp_path / "test.csv")
    draft = PackDraft(known, "loans", *sets, "me", "registry", "tracking", {}, solo=solo)
    files = files_of(draft, tmp_path)
    schemas = [name for name in files if name.endswith(".schema.yaml")]
    assert len(schemas) == (0 if solo else 2)
    assert ("schema: " in files["records/systems/loans/system.yaml"]) is not solo
    assert all("type: REPLACE" in files[name] for name in schemas)


def test_the_version_keeps_its_run_in_the_gated_registry(tried: Path, store: Path) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{store}/mlflow.db", f"aims+sqlite:///{tried}/registry.db")
    plain = mlflow.MlflowClient(f"sqlite:///{store}/mlflow.db", f"sqlite:///{store}/mlflow.db")
    assert client.get_model_version("loans", "1").run_id == plain.get_model_version("loans", "1").run_id != ""


def test_nothing_that_was_written_points_at_what_is_not_there(tried: Path) -> None:
    record = read_system(tried, "loans")
    for place in (*record.system.data.values(), *read(tried / "aims.yaml").value["packs"]):
        assert (tried / place).exists(), place
    assert record.requirements is not None and (tried / record.requirements.evaluation.file).exists()
    assert (tried / read(tried / "aims.yaml").value["key"]).is_file()
    assert record.system.gates["data_quality"]["suite"]["expectations"]


def test_what_nobody_confirmed_is_a_placeholder_or_listed_as_proposed(tried: Path) -> None:
    record = read_system(tried, "loans")
    assert {"purpose", "owner", "tier", "roles.target", "gates.fairness.positive"} <= set(record.system.proposed)
    assert placeholder(record.system.purpose) and record.requirements is not None
    assert placeholder(record.requirements.decided_by) and all(map(placeholder, record.requirements.metrics))
    assert (record.system.roles["target"], record.system.roles["sensitive"]) == ("paid", ("sex",))
    text = (tried / SYSTEM).read_text()
    assert "# MLflow says: run " in text and "C=1.0" in text and "training: 400 rows" in text


def test_a_trial_grant_is_not_carried_elsewhere(copy: Path, run: Run) -> None:
    code, text = run("grant", "export", "loans", "--out", "loans.json", "--checkpoint-key", "keys/solo.key")
    assert code == 2 and "stands on a trial grant" in text and not (copy / "loans.json").exists()


def confirmed(folder: Path, *, trial: bool = False) -> None:
    """Confirm everything by hand, and leave the trial profile."""
    place = folder / SYSTEM
    lines = [line for line in place.read_text().splitlines() if not line.startswith("proposed")]
    lines = [line for line in lines if trial or not line.startswith("profile")]
    purpose = 'purpose: "To decide who gets a loan, by the bank\'s clerks."'
    place.write_text("\n".join(purpose if line.startswith("purpose") else line for line in lines) + "\n")


def test_what_was_only_proposed_holds_under_no_other_profile(copy: Path, run: Run) -> None:
    text = (copy / SYSTEM).read_text()
    (copy / SYSTEM).write_text(text.replace('profile: "starter-solo"\n', ""))
    code, said = run("bind", "loans", "--system", "loans")
    assert code == 1 and "proposed, and confirmed by nobody: purpose" in said and "aims-gates start" in said


def test_what_was_only_proposed_is_asked_again_by_records(copy: Path, run: Run) -> None:
    assert run("system", "set-tier", "loans", "limited", "--yes")[0] == 0
    assert run("records", "new", "--due", "loans")[0] == 0
    keys = {row["key"] for row in json.loads(run("records", "fill", "--list", "--json")[1])}
    assert {"system_owner", "loans.purpose"} <= keys


def test_from_a_trial_to_tier_limited_takes_people_and_nothing_of_the_trial_counts(copy: Path, run: Run) -> None:
    confirmed(copy)
    code, text = run("bind", "loans", "--system", "loans")
    assert code == 2 and "different people on the trust list; it names 1" in text
    for person in ("risk", "second", "third"):
        assert run("keys", "new", f"keys/{person}")[0] == 0
        assert run("keys", "trust", f"keys/{person}.pub", "--person", f"{person}@example.org", "--role", person)[0] == 0
    code, text = run("bind", "loans", "--system", "loans")
    assert code == 0 and "profile limited" in text
    value = json.loads(run("explain", "loans", "1", "--json")[1])
    assert (value["allowed"], value["mode"]) == (False, "enforce")
    assert "trial grant" in value["problems"][0]
    assert run("promote", "loans", "1")[0] == 2
    assert "trial grant" in run("status")[1]
    code, text = run("bind", "loans", "--system", "loans")
    (copy / SYSTEM).write_text((copy / SYSTEM).read_text() + "profile: starter-solo\n")
    code, text = run("bind", "loans", "--system", "loans")
    assert code == 2 and "may not go on trial" in text


def test_a_second_person_is_invited_and_nothing_is_registered_anew(copy: Path, run: Run) -> None:
    before = (copy / "registry.db").read_bytes()
    code, text = run("start", "--invite", "risk@example.org")
    assert code == 0 and "aims-gates keys new keys/risk\n" in text and "--role risk" in text
    assert "versions 1, their runs" in text and "To be approved anew: loans version 1 as production (1 x risk)" in text
    assert "aims-gates system set-tier loans limited" in text and "aims-gates records new --due loans" in text
    assert (copy / "registry.db").read_bytes() == before
    confirmed(copy)
    assert "is not on trial" in run("start", "--invite", "risk@example.org")[1]


def test_all_problems_are_told_at_once_and_nothing_is_written(
    store: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = run("start", "--model", "loans", "--train", "no.csv", "--data", "none.csv", "--solo", "--yes")
    assert code == 1 and "2 problems; nothing was written" in text and "no.csv" in text and "none.csv" in text
    code, text = run(*words(store, "--solo", "--yes", "--target", "nowhere", "--sensitive", "nothing"))
    assert code == 1 and "'nowhere'" in text and "'nothing'" in text
    code, text = run("start", "--model", "loans", "--solo")
    assert code == 1 and "--train and --data" in text
    code, text = run(*words(store, "--solo", "--yes", "--registry", "aims+postgresql://nobody@localhost/none"))
    assert code == 1 and "embedded registry" in text
    code, text = run(*words(store, "--solo", "--yes", "--tier", "high"))
    assert code == 1 and "minimal or limited" in text
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_nothing(
    store: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys").write_text("a file where a folder is to be")
    code, text = run(*words(store, "--solo", "--yes"))
    assert code == 1 and "keys" in text
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]
    with pytest.raises(ZeroDivisionError), write_pack(tmp_path, {"a/b/c.txt": "text"}):
        print(1 / 0)
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_folder_with_another_pack_is_left_alone_and_its_own_is_gone_on_with(
    copy: Path, store: Path, run: Run
) -> None:
    code, text = run("start", "--model", "pumps", "--train", f"{store}/train.csv", "--data", f"{store}/test.csv")
    assert code == 1 and "a pack is here already" in text
    before = len(grants(copy)), (copy / SYSTEM).read_bytes()
    code, text = run("start", "--model", "loans", "--yes")
    assert code == 0 and "going on with the system loans" in text and "aims-gates bind" not in text
    assert (len(grants(copy)), (copy / SYSTEM).read_bytes()) == before


def test_answers_stand_in_the_file_and_only_what_is_open_is_asked(copy: Path) -> None:
    asked = {question.fields[0]: question for question in open_questions(copy, "loans")}
    assert list(asked) == [
        "purpose", "owner", "tier", "roles.target", "roles.sensitive", "gates.performance.positive",
        "facts.affects_people",
    ]  # fmt: skip
    assert asked["roles.sensitive"].proposal == "sex" and asked["purpose"].proposal is None
    for field, wrong in (
        ("purpose", "short"),
        ("purpose", ""),
        ("tier", "high"),
        ("roles.target", "nowhere"),
        ("roles.sensitive", "sex, nowhere"),
        ("gates.performance.positive", "perhaps"),
        ("facts.affects_people", "maybe"),
    ):
        before = (copy / SYSTEM).read_bytes()
        with pytest.raises(InputError):
            answer(copy, "loans", asked[field], wrong)
        assert (copy / SYSTEM).read_bytes() == before
    answer(copy, "loans", asked["purpose"], "To decide who gets a loan, by the bank's clerks.")
    answer(copy, "loans", asked["gates.performance.positive"], "no")
    answer(copy, "loans", asked["roles.sensitive"], "none")
    left = [question.fields[0] for question in open_questions(copy, "loans")]
    assert left == ["owner", "tier", "roles.target", "facts.affects_people"]
    system = read_system(copy, "loans").system
    assert system.gates["performance"]["positive"] == system.gates["fairness"]["positive"] == "no"
    assert "sensitive" not in system.roles and "# MLflow says: run " in (copy / SYSTEM).read_text()
    for question in open_questions(copy, "loans"):
        answer(copy, "loans", question, "")
    assert read_system(copy, "loans").system.proposed == () and open_questions(copy, "loans") == []
    assert "Nobody has confirmed" not in (copy / SYSTEM).read_text()


def test_on_a_terminal_it_asks_and_goes_on_where_it_stopped(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "aims_gates", *words(store, "--tier", "limited")]
    printed = typed(command, tmp_path, "To decide who gets a loan, by the bank's clerks.", "q")
    assert "the same command goes on here" in printed
    assert open_questions(tmp_path, "loans")[0].fields == ("owner",)
    printed = typed([*command[:5], "loans"], tmp_path, "lending", "", "", "", "perhaps", "yes")
    assert "neither yes nor no" in printed and "aims-gates plan loans" in printed
    assert open_questions(tmp_path, "loans") == []
    system = read(tmp_path / SYSTEM).value
    assert (system["owner"], system["tier"], system["roles"]["target"]) == ("lending", "limited", "paid")
    requirements = read((tmp_path / SYSTEM).with_name("requirements.yaml")).value
    assert (requirements["purpose"], requirements["decided_by"]) == (system["purpose"], "lending")
    assert placeholder(requirements["limits"]["performance"]) and requirements["evaluation"]["digest"][:7] == "sha256:"
    assert main(("records", "new", "--due", "loans", "--folder", str(tmp_path))) == 0
    assert "wrote" not in capsys.readouterr().out
    assert "profile" not in system and not (tmp_path / "keys").exists()


def typed(command: list[str], folder: Path, *lines: str) -> str:
    """What a command prints on a terminal at which these lines are typed."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "dumb"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, "".join(f"{line}\n" for line in lines).encode())
    printed = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        printed += part
    os.close(ours)
    process.wait(timeout=60)
    return printed.decode()


@pytest.mark.parametrize(
    ("model", "name"), [("loans", "loans"), ("Loan Model 2", "loan-model"), ("9-lives", "lives"), ("a.b/c", "a-b-c")]
)
def test_a_system_is_called_after_its_model(model: str, name: str) -> None:
    assert system_name(model) == name


def test_a_model_after_which_nothing_can_be_called_is_refused(tmp_path: Path) -> None:
    for model in ("", "2024", "true", "Модель"):
        with pytest.raises(InputError, match="no system can be called"):
            system_name(model)
    assert own_system(tmp_path, "loans") is None
