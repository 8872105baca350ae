"""Records classified under earlier bundles hold as they stand, and their answers can be moved to the newest."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import Document
from aims_gates.governance.classification import DEFAULT, bundle, classify, read_answers, recheck

from .forms import SYSTEMS, TODAY, form

#: As they were written before the third reading of the Act; never made anew.
KEPT: list[dict[str, Any]] = json.loads(Path(__file__).with_name("kept_records.json").read_text())


@pytest.mark.parametrize("record", KEPT, ids=lambda record: record["system"])
def test_a_record_of_an_earlier_bundle_gives_the_result_that_it_carries(record: dict[str, Any]) -> None:
    assert record["bundle"] != DEFAULT
    assert recheck(Document(record, "record"), today=TODAY).value() == record["result"]


def test_the_records_are_of_every_earlier_bundle() -> None:
    assert {record["bundle"] for record in KEPT} == {"eu-2024-1689", "eu-2026-1744", "eu-2026-1744-r2", "neutral"}


SECOND = [
    case
    for case in SYSTEMS
    if "bundle" not in case and set(case.get("yes", [])) <= set(bundle("eu-2026-1744-r2").questions())
]


@pytest.mark.parametrize("case", SECOND, ids=lambda case: case["name"])
def test_answers_to_the_second_reading_give_the_same_tier_under_the_third(case: dict[str, Any]) -> None:
    asked = bundle("eu-2026-1744-r2").questions()
    value = form(case)
    value["answers"] = {key: answer for key, answer in value.get("answers", {}).items() if key in asked}
    day = date.fromisoformat(case["as_of"]) if "as_of" in case else TODAY
    results = {}
    for name in ("eu-2026-1744-r2", DEFAULT):
        answers, rules = read_answers(Document({**value, "bundle": name, "role": "provider"}, name), today=TODAY)
        results[name] = classify(rules, answers, as_of=day)
    before, after = results["eu-2026-1744-r2"], results[DEFAULT]
    assert (after.tier, after.articles) == (before.tier, before.articles)
    # One question is new for whoever builds on another's model; every other new one lifts nothing while it is open.
    added = {missing.id for missing in after.missing} - {missing.id for missing in before.missing}
    assert added <= ({"gpai.modified"} if "gpai.user" in case.get("yes", []) else set())
