"""The table of systems: each gets its tier and its articles, from the function and from the command line."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.cli import main
from aims_gates.documents.strict_yaml import Document
from aims_gates.governance.classification import bundle, classify, read_answers

from .forms import SYSTEMS, TODAY, form

EXITS = {"prohibited": 2, "undetermined": 3}


def day(case: dict[str, Any]) -> date:
    return date.fromisoformat(case["as_of"]) if "as_of" in case else TODAY


def test_the_table_has_forty_systems_and_more_each_named_once() -> None:
    names = [case["name"] for case in SYSTEMS]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("case", SYSTEMS, ids=lambda case: case["name"])
def test_a_system_gets_its_tier_and_its_articles(case: dict[str, Any]) -> None:
    answers, rules = read_answers(Document(form(case), case["name"]), today=TODAY)
    result = classify(rules, answers, as_of=day(case))
    assert (result.tier, list(result.articles)) == (case["tier"], case["articles"])
    assert [each.id for each in result.overlays] == case.get("overlays", [])
    assert result.route == case.get("route")
    assert list(result.raised_by) == case.get("raised_by", [])
    asked = {each.id for each in result.missing}
    assert asked >= set(case.get("missing", [])) and bool(asked) == ("missing" in case)
    duties = {due.article for due in result.obligations}
    assert duties >= set(case.get("due", [])) and not duties & set(case.get("free", []))
    if "refused" in case:
        assert result.exemption is not None and not result.exemption.granted
        assert all(any(word in why for why in result.exemption.refused_because) for word in case["refused"])
    if "coming" in case:
        coming = result.coming[0]
        assert {"date": coming.date.isoformat(), "tier": coming.tier} == case["coming"]


@pytest.mark.parametrize("case", SYSTEMS, ids=lambda case: case["name"])
def test_the_command_gives_the_same_tier(
    case: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(form(case)))
    code = main(["classify", "--file", str(path), "--json", "--as-of", day(case).isoformat()])
    value = json.loads(capsys.readouterr().out)
    assert (value["tier"], value["articles"]) == (case["tier"], case["articles"])
    assert code == EXITS.get(case["tier"], 3 if value["missing"] else 0)


def test_every_prohibited_practice_and_every_use_of_the_bundle_is_in_the_table() -> None:
    met = {article for case in SYSTEMS for article in case["articles"]}
    rules = bundle()
    wanted = {rule.article for rule in (*rules.prohibited, *rules.uses, *rules.transparency)}
    assert wanted | {exit_.article for exit_ in rules.scope} <= met
