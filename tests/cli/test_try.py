"""``aims-gates try``: JSON as the contract has it, nothing else on standard output, exit codes 0, 2, 3 and 1."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

KEYS = {
    "measure", "by", "over", "value", "low", "high", "p_value", "n", "limit", "outcome", "controls", "note", "remedy",
    "missing", "cause", "basis",
}  # fmt: skip
ROLES = ["--role", "target=y", "--role", "prediction=p"]


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    rows = "".join(f"{i % 2},{i % 2 if i % 10 else 1 - i % 2},{'ab'[i % 3 == 0]}\n" for i in range(400))
    (tmp_path / "d.csv").write_text(f"y,p,g\n{rows}")
    return ["--data", "evaluation=d.csv"]


def limits(**given: tuple[str, float]) -> list[str]:
    return ["--param", "limits=" + json.dumps({name: {"op": op, "value": v} for name, (op, v) in given.items()})]


def test_the_json_is_as_the_contract_has_it_and_alone(command: Any, data: list[str]) -> None:
    found = command("try", "performance", *data, *ROLES, *limits(accuracy=(">=", 0.8)), "--json")
    assert found.code == 0 and found.err == ""
    said = json.loads(found.out, parse_constant=lambda text: pytest.fail(text))
    assert set(said) == {"gate", "outcome", "findings", "data"}
    assert set(said["data"]) == {"evaluation"} and set(said["data"]["evaluation"]) == {
        "where",
        "rows",
        "columns",
        "notes",
    }
    assert all(
        set(column) == {"type", "format", "read_as"} for column in said["data"]["evaluation"]["columns"].values()
    )
    assert (said["gate"], said["outcome"]) == ("performance", "pass")
    for finding in said["findings"]:
        assert set(finding) == KEYS
        numbers = [finding[name] for name in ("value", "low", "high", "p_value", "n")]
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert finding["limit"] is None or set(finding["limit"]) == {"op", "value"}
    accuracy = next(each for each in said["findings"] if each["measure"] == "accuracy" and not each["by"])
    assert accuracy["limit"] == {"op": ">=", "value": 0.8} and accuracy["outcome"] == "pass"
    assert accuracy["n"] == 400 and accuracy["value"] == pytest.approx(0.9)


@pytest.mark.parametrize(("limit", "outcome", "code"), [(0.8, "pass", 0), (0.99, "fail", 2), (0.9, "inconclusive", 3)])
def test_the_exit_code_is_the_outcomes(command: Any, data: list[str], limit: float, outcome: str, code: int) -> None:
    found = command("try", "performance", *data, *ROLES, *limits(accuracy=(">=", limit)), "--json")
    assert (json.loads(found.out)["outcome"], found.code) == (outcome, code)


def test_a_role_may_have_several_columns_where_that_makes_sense(command: Any, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("p,a,b\n" + "1,x,u\n0,x,v\n1,y,u\n0,y,v\n" * 60)
    arguments = ["--data", "evaluation=d.csv", "--role", "prediction=p", "--role", "sensitive=a"]
    found = command("try", "fairness", *arguments, "--role", "sensitive=b", "--json")
    groups = [set(each["by"]) for each in json.loads(found.out)["findings"]]
    assert {"a", "b"} in groups and {"a"} in groups


BAD = [
    (["--data", "evaluation=gone.csv"], "gone.csv"),
    (["--data", "evaluation=d.csv", "--data", "evaluation=d.csv"], "given twice"),
    (["--data", "evaluation"], "not KEY=VALUE"),
    (["--data", "=d.csv"], "not KEY=VALUE"),
    (["--data", "evaluation="], "not KEY=VALUE"),
    (["--data", "evaluatoin=d.csv"], "needs evaluation data"),
    (["--data", "evaluation=d.csv", "--data", "production=d.csv"], "takes no 'production' data"),
    (["--data", "evaluation=empty.csv"], "empty.csv"),
    (["--data", "evaluation=d.csv", "--role", "targe=y"], "no role 'targe'"),
    (["--data", "evaluation=d.csv", "--role", "target"], "not KEY=VALUE"),
    (["--data", "evaluation=d.csv", "--role", "target=p"], "given twice"),
    (["--data", "evaluation=d.csv", "--role", "slice=g", "--role", "slice=g"], "given twice"),
    (["--data", "evaluation=d.csv", "--role", "score=nothing"], "nothing"),
    (["--data", "evaluation=d.csv", "--param", "limitz={}"], "no parameter 'limitz'"),
    (["--data", "evaluation=d.csv", "--param", "confidence=high"], "confidence"),
    (["--data", "evaluation=d.csv", "--param", 'confidence="high"'], "confidence cannot be 'high'"),
    (["--data", "evaluation=d.csv", "--param", "confidence=NaN"], "confidence"),
    (["--data", "evaluation=d.csv", "--param", "bins=1", "--param", "bins=2"], "given twice"),
    (["--data", "evaluation=d.csv", "--param", "limits={"], "not JSON"),
    (["--data", "evaluation=d.csv", "--param", 'limits={"a":1,"a":2}'], "is there twice"),
    (["--data", "evaluation=d.csv", *limits(accuracy=("<=", 0.9))], "wrong way round"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD)
def test_bad_input_is_an_error_that_names_place_and_remedy(
    command: Any, data: list[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty.csv").write_text("")
    found = command("try", "performance", *arguments, *ROLES, "--json")
    assert found.code == 1
    value = json.loads(found.out)
    (finding,) = value["findings"]
    assert value["outcome"] == finding["outcome"] == "error" and said in finding["note"]
    assert finding["remedy"]


def test_unquoted_text_says_how_to_quote_it(command: Any, data: list[str]) -> None:
    found = command("try", "fairness", *data, "--role", "sensitive=g", "--param", "missing=drop", "--json")
    assert """--param missing='"drop"'""" in json.loads(found.out)["findings"][0]["remedy"]


def test_a_role_the_gate_needs_is_asked_for(command: Any, data: list[str]) -> None:
    found = command("try", "fairness", *data, "--role", "prediction=p", "--json")
    assert found.code == 1 and json.loads(found.out)["findings"][0]["remedy"] == "Add --role sensitive=COLUMN."


def test_an_unknown_gate_is_code_1_with_the_gates_there_are(command: Any) -> None:
    found = command("try", "fairnes", "--json")
    assert found.code == 1 and found.out == "" and "fairness" in found.err


def test_without_json_people_read_a_table(command: Any, data: list[str]) -> None:
    found = command("try", "performance", *data, *ROLES)
    assert found.code == 0 and "accuracy" in found.out and "{" not in found.out


def test_a_gate_of_a_pack_is_found_and_its_crash_is_an_error(command: Any, tmp_path: Path, data: list[str]) -> None:
    folder = tmp_path / "p" / "gates" / "mine"
    folder.mkdir(parents=True)
    manifest = "id: mine\ntitle: T\nsummary: S.\ncontrols: [A.7.4]\nphase: p\nkind: computed\nsubject: model\n"
    (folder / "gate.yaml").write_text(manifest + "inputs: {data: {evaluation: required}}\nexpires_days: 3\n")
    (folder / "gate.py").write_text("def run(case):\n    raise ZeroDivisionError('by nought')\n")
    found = command("try", "mine", "--pack", "p", *data, "--json")
    assert found.code == 1 and "ZeroDivisionError" in json.loads(found.out)["findings"][0]["note"]
