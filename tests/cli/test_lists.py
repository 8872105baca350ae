"""The commands that read: gates, controls, profiles, systems, plans, schemas, digests, doctor."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from aims_gates.cli import doctor
from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest_file
from aims_gates.governance.controls import catalogue
from aims_gates.packs.find import find_gates


def test_gates_list_shows_every_gate_from_an_empty_folder(command: Any) -> None:
    rows = json.loads(command("gates", "list", "--json").out)
    assert {row["id"] for row in rows} == set(find_gates())
    assert all(row["controls"] and row["digest"].startswith("sha256:") for row in rows)
    text = command("gates", "list").out
    assert all(row["id"] in text for row in rows)


def test_gates_show_says_what_a_gate_takes(command: Any) -> None:
    said = command("gates", "show", "fairness")
    assert said.code == 0 and "sensitive (required)" in said.out and "min_group_size" in said.out
    value = json.loads(command("gates", "show", "fairness", "--json").out)
    assert value["parameters"]["positive"]["owner"] == "system"


def test_gates_say_what_their_records_take_people_and_nothing_where_all_is_computed(command: Any) -> None:
    rows = {row["id"]: row["effort"] for row in json.loads(command("gates", "list", "--json").out)}
    assert rows["fairness"] is None
    assert {name for name, effort in rows.items() if effort is None} < set(rows)
    assert all(effort["minutes"] > 0 and effort["people"] for effort in rows.values() if effort is not None)
    shown = json.loads(command("gates", "show", "oversight", "--json").out)["effort"]
    assert shown == rows["oversight"] and shown["estimate"] is True
    minutes = f"{shown['minutes']} min"
    assert f"effort      about {minutes}utes of people in 2 roles" in command("gates", "show", "oversight").out
    assert any(minutes in line for line in command("gates", "list").out.splitlines() if line.startswith("oversight"))
    assert "effort  " not in command("gates", "show", "fairness").out


def test_controls_list_shows_each_control_in_order(command: Any) -> None:
    rows = json.loads(command("controls", "list", "--json").out)
    assert [row["id"] for row in rows] == list(catalogue())
    assert [line.split()[0] for line in command("controls", "list").out.splitlines()[1:]] == list(catalogue())


@pytest.mark.parametrize("words", [("controls", "show", "A.5.4"), ("explain", "A.5.4")])
def test_a_control_is_shown_in_our_words_with_its_gates(command: Any, words: tuple[str, ...]) -> None:
    said = command(*words)
    assert said.code == 0 and "fairness" in said.out and "the standard's own text needs a licensed copy" in said.out
    assert json.loads(command(*words, "--json").out)["id"] == "A.5.4"


def test_profile_list_show_and_lint(command: Any) -> None:
    rows = json.loads(command("profile", "list", "--json").out)
    assert {"starter-minimal", "starter-limited"} <= {row["id"] for row in rows}
    shown = json.loads(command("profile", "show", "starter-limited").out)
    assert "A.7.4" in shown["controls"] and shown["digest"].startswith("sha256:")
    assert command("profile", "lint").out.strip() == "no problems"


def test_lint_prints_every_problem_of_every_profile(command: Any, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    for name in ("one", "two"):
        text = f"id: {name}\ntitle: T\ntier: high\ncontrols:\n  A.99.1: {{why: x}}\n  A.99.2: {{why: x}}\n"
        (tmp_path / "profiles" / f"{name}.yaml").write_text(text)
    said = command("profile", "lint", "--pack", ".", "--json")
    rows = json.loads(said.out)
    assert said.code == 1 and len(rows) == 4
    assert all(row["message"] and row["remedy"] and ".yaml:" in row["where"] for row in rows)
    assert command("profile", "lint", "--pack", ".").out.count("remedy:") == 4
    assert command("profile", "lint", "one", "--pack", ".").out.count("remedy:") == 2
    assert command("profile", "lint", "three", "--pack", ".").code == 1


def test_plan_shows_controls_gates_limits_and_people(command: Any, shops: ModuleType, tmp_path: Path) -> None:
    shops.write_pack(tmp_path)
    said = command("plan", "loans")
    assert said.code == 0
    for words in ("A.6.2.4", "performance", "roc_auc >= 0.6", "1 x risk, 1 x compliance", "sha256:"):
        assert words in said.out
    value = json.loads(command("plan", "loans", "--json").out)
    assert value["tier"] == "high" and value["digest"].startswith("sha256:")


def test_plan_says_how_many_people_it_takes_and_which_role_nobody_holds(
    command: Any, shops: ModuleType, tmp_path: Path
) -> None:
    shops.write_pack(tmp_path)
    said = command("plan", "loans", "--people")
    assert said.code == 0 and "3 people at least" in said.out and "no trust list yet" in said.out
    assert "may not approve it as compliance" in said.out
    registry = ("--registry", "aims+sqlite:///registry.db")
    command("keys", "new", "policy")
    first = ("keys", "trust", "policy.pub", "--person", "ann", "--key", "policy.key", *registry)
    command(*first, "--first", "--role", "policy", "--role", "risk")
    value = json.loads(command("plan", "loans", "--people", "--json", *registry).out)
    assert value["least"] == 3 and [person["person"] for person in value["people"]] == [1, 2, 3]
    assert value["trust_list"]["unheld"] == ["compliance", "ci"] and not value["trust_list"]["enough"]
    assert value["trust_list"]["holders"]["risk"] == ["ann"]
    assert "--role ci --service" in command("plan", "loans", "--people", *registry).out


def test_systems_list_reads_every_system_of_the_packs(command: Any, shops: ModuleType, tmp_path: Path) -> None:
    shops.write_pack(tmp_path)
    (row,) = json.loads(command("systems", "list", "--json").out)
    assert row == {
        "id": "loans", "tier": "high", "profile": "shop", "owner": "head-of-lending",
        "kind": "model", "output": None, "models": ["loans"],
    }  # fmt: skip
    heading, line = command("systems", "list").out.splitlines()
    assert heading.split() == ["SYSTEM", "TIER", "PROFILE", "KIND", "OUTPUT", "OWNER", "MODELS"]
    assert line.split() == ["loans", "high", "shop", "model", "-", "head-of-lending", "loans"]
    record = tmp_path / "records" / "systems" / "loans" / "system.yaml"
    record.write_text(record.read_text() + "output: decision\n")
    assert "decision" in command("systems", "list").out


@pytest.mark.parametrize("name", ["system", "requirements", "profile", "gate"])
def test_schemas_are_json_schemas(command: Any, name: str) -> None:
    assert json.loads(command("schema", name).out)["type"] == "object"


def test_an_unknown_schema_names_those_there_are(command: Any) -> None:
    said = command("schema", "card")
    assert said.code == 1 and "requirements" in said.err


def test_a_digest_is_the_one_that_evidence_states(command: Any, tmp_path: Path) -> None:
    rows = pd.DataFrame({"x": [1, 2]})
    rows.to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "parts").mkdir()
    rows.to_parquet(tmp_path / "parts" / "1.parquet")
    for source in ("d.csv", "parts", "parts/*.parquet"):
        said = command("digest", source)
        assert (said.code, said.out.strip()) == (0, Dataset.open(source, role="evaluation").digest)
    assert command("digest", "d.csv").out.strip() == digest_file(tmp_path / "d.csv")
    assert command("digest", "parts").out == command("digest", "parts/*.parquet").out


def test_the_digest_of_nothing_is_an_error(command: Any) -> None:
    for source in ("gone.csv", "gone/*.csv", "duckdb:///gone.db#t"):
        said = command("digest", source)
        assert said.code == 1 and "gone" in said.err and "remedy" in said.err


def test_doctor_is_content_here(command: Any) -> None:
    said = command("doctor", "--json")
    rows = {row["check"]: row for row in json.loads(said.out)}
    assert said.code == 0 and all(row["ok"] for row in rows.values())
    assert {"python", "mlflow", "gates", "key", "registry", "scheme aims+sqlite"} <= set(rows)


def test_doctor_tells_what_is_absent_from_what_is_wrong(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = doctor.version
    changed: dict[str, str | None] = {"pyspark": None, "river": None}

    def version(name: str) -> str:
        answer = changed[name] if name in changed else installed(name)
        if answer is None:
            raise PackageNotFoundError(name)
        return answer

    monkeypatch.setattr(doctor, "version", version)
    said = command("doctor")
    assert said.code == 0
    assert "--  pyspark" in said.out and "pip install -U 'aims-gates[spark]'" in said.out
    rows = {row["check"]: row for row in json.loads(command("doctor", "--json").out)}
    assert (rows["river"]["ok"], rows["river"]["state"]) == (True, "optional")
    assert "aims-gates[gates]" in rows["river"]["remedy"]
    for name, old in (("river", "0.1.0"), ("duckdb", "1.1.3"), ("pandas", None)):
        changed |= {"river": None, "duckdb": installed("duckdb"), "pandas": installed("pandas")} | {name: old}
        said = command("doctor")
        assert said.code == 1 and f"NO  {name} " in said.out


def test_doctor_says_what_is_wrong_and_how_to_fix_it(
    command: Any, shops: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.write_pack(tmp_path)
    shops.write_keys(tmp_path)
    assert command("doctor").code == 0
    (tmp_path / "keys" / "ci.key").chmod(0o640)
    (tmp_path / "registry.db").chmod(0o666)
    (tmp_path / "aims.yaml").write_text(shops.AIMS + "key: keys/ci.key\n")
    said = command("doctor")
    assert said.code == 1 and "chmod 600" in said.out and "chmod o-w" in said.out
    (tmp_path / "gates" / "broken").mkdir(parents=True)
    (tmp_path / "gates" / "broken" / "gate.yaml").write_text("id: other\n")
    assert "NO  gates" in command("doctor").out
