"""profile test and profile diff at the command line."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

STARTER = "starter-limited"


@pytest.fixture
def pack(tmp_path: Path, shops: ModuleType) -> Path:
    shops.write_pack(tmp_path)
    return tmp_path


def test_profile_test_proves_that_every_rule_fires(pack: Path, command: Any) -> None:
    said = command("profile", "test", "shop", STARTER)
    assert said.code == 0, said.out
    assert all(line.endswith("rules fire") for line in said.out.splitlines())
    rows = json.loads(command("profile", "test", "shop", "--json").out)
    assert rows[0]["rules"] == rows[0]["fired"] == len(rows[0]["trials"])
    assert "A.6.2.4 by performance: a failing finding" in command("profile", "test", "shop", "--all").out


def test_a_rule_that_cannot_fire_is_named_and_fails_the_command(pack: Path, command: Any) -> None:
    path = pack / "profiles" / "shop.yaml"
    path.write_text(path.read_text().replace("value: 0.6", "value: 0.0"))
    said = command("profile", "test", "shop")
    assert said.code == 1
    assert "every value that roc_auc can have keeps >= 0" in said.err


def test_fixtures_beside_a_profile_count_too(pack: Path, command: Any) -> None:
    fixtures = pack / "profiles" / "shop.tests.yaml"
    fixtures.write_text("- {name: well, evidence: {performance: pass}, expect: allow}\n")
    assert command("profile", "test", "shop").code == 0
    fixtures.write_text("- {name: well, evidence: {performance: fail}, expect: allow}\n")
    said = command("profile", "test", "shop")
    assert (said.code, "fixture 1 (well)" in said.out) == (1, True)
    assert "shop.tests" not in command("profile", "list").out


def test_profile_diff_says_in_words_what_differs(pack: Path, command: Any) -> None:
    older = pack / "older.yaml"
    older.write_text((pack / "profiles" / "shop.yaml").read_text().replace("value: 0.6", "value: 0.7"))
    said = command("profile", "diff", "older.yaml", "shop")
    assert said.code == 0
    assert said.out.splitlines() == ["Asks for less:", "  performance: roc_auc must be >= 0.6 instead of >= 0.7"]
    [change] = json.loads(command("profile", "diff", "shop", "older.yaml", "--json").out)
    assert (change["way"], change["place"]) == ("tightened", "gates.performance.params.limits.roc_auc")
    assert command("profile", "diff", "shop", "shop").out.strip() == "the two ask for the same"


def test_what_if_names_the_models_in_production_that_a_change_refuses(pack: Path, kit: Any, command: Any) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("told_here", Path(__file__).with_name("test_status.py"))
    assert spec is not None and spec.loader is not None
    status = module_from_spec(spec)
    spec.loader.exec_module(status)
    list(status.tell(pack, kit))
    text = (pack / "profiles" / "shop.yaml").read_text()
    stricter, looser = pack / "stricter.yaml", pack / "looser.yaml"
    stricter.write_text(text.replace("{role: compliance}", "{role: compliance}, {role: owner}"))
    looser.write_text(text.replace("max_days: 30", "max_days: 60"))
    said = command("profile", "diff", "shop", "stricter.yaml", "--what-if")
    assert said.code == 2, said.err
    line = next(each for each in said.out.splitlines() if each.startswith("loans"))
    assert "refused" in line and "A.3.2" in line
    value = json.loads(command("profile", "diff", "shop", "stricter.yaml", "--what-if", "--json").out)
    assert [(each["name"], each["refused"], list(each["controls"])) for each in value["models"]] == [
        ("loans", True, ["A.3.2"])
    ]
    stands = command("profile", "diff", "shop", "looser.yaml", "--what-if")
    assert (stands.code, "stands" in stands.out) == (0, True)
    assert "no version in production" in command("profile", "diff", STARTER, STARTER, "--what-if").out


def test_help_says_that_binding_is_what_puts_a_profile_into_force(command: Any) -> None:
    assert "aims-gates bind" in command("profile", "--help").out
