"""Bad records, of every kind that there is: each is named with file, line and remedy, by ``records validate``."""

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import problems
from aims_gates.errors import AimsGatesError
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import read_record, record_files

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pipelines" / "credit_scoring"
TODAY = date(2026, 11, 17)
SYSTEM = "records/systems/mortgage"
FOLDERS = {"organization": EXAMPLE / "records" / "organization", "system": EXAMPLE / SYSTEM}
FILES = {
    f"{group}/{stem}": path
    for group, folder in FOLDERS.items()
    for stem, path in record_files(folder).items()
    if f"{group}/{stem}" in SHAPES
}
Place = tuple[str | int, ...]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "pack"))


def in_pack(pack: Path, name: str) -> Path:
    return pack / FILES[name].relative_to(EXAMPLE)


def found_by_file(pack: Path) -> dict[str, list[AimsGatesError]]:
    """The problems of a pack by file; each of them says where, on which line, and what to do."""
    found: dict[str, list[AimsGatesError]] = {}
    for each in check_packs([pack], TODAY):
        assert each.remedy, each
        assert re.search(r"\.(yaml|md):\d+$", str(each.where)), each
        found.setdefault(str(each.where).rpartition(":")[0], []).append(each)
    return found


def every(pack: Path, edit: Callable[[str], str]) -> None:
    for name in FILES:
        place = in_pack(pack, name)
        changed = edit(place.read_text("utf-8"))
        assert changed != place.read_text("utf-8"), name
        place.write_text(changed, "utf-8")


def test_the_example_holds_every_record_that_a_tier_asks_for() -> None:
    assert set(SHAPES) - set(FILES) == {"system/bias_audit"}  # a city's law asks for it


@pytest.mark.parametrize(
    ("field", "new", "said"),
    [
        ("owner: .*\n", "", "owner"),
        ("owner: .*\n", "owner:\n", "owner"),
        ("approver: .*", 'approver: ""', "approver"),
        ("version: .*", "version: TBD", "placeholder"),
        ("approved_on: .*", "approved_on: 2026-11-18", "lies in the future"),
        ("approved_on: .*", "approved_on: yesterday", "approved_on"),
        ("next_review: .*", "next_review: 2026-11-16", "expired: its review was due on 2026-11-16"),
        ("next_review: .*", "next_review: 2020-01-01", "next_review must lie after approved_on"),
        ("approver: .*", "approver: a-stranger@example.org", "is not an active person in organization/roles"),
        ("owner: .*", "ownr: somebody", "ownr"),
    ],
    ids=["missing", "null", "empty", "placeholder", "future", "no date", "expired", "contradictory", "unknown", "typo"],
)
def test_the_same_fault_in_every_record_is_named_in_each_with_its_line(
    pack: Path, field: str, new: str, said: str
) -> None:
    every(pack, lambda text: re.sub(f"^{field}", new, text, count=1, flags=re.MULTILINE))
    found = found_by_file(pack)
    for name in FILES:
        messages = [each.message for each in found.get(str(in_pack(pack, name)), [])]
        assert any(said in message for message in messages), (name, messages)


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Every place in a record, from the outside in."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def without(value: Any, path: Place) -> Any:
    """The value with one place taken out."""
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {k: without(v, rest) if k == key and rest else v for k, v in value.items() if k != key or rest}
    return [without(v, rest) if i == key and rest else v for i, v in enumerate(value) if i != key or rest]


def with_empty(value: Any, path: Place) -> Any:
    """The value with nothing in one place."""
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {k: (with_empty(v, rest) if rest else "") if k == key else v for k, v in value.items()}
    return [(with_empty(v, rest) if rest else "") if i == key else v for i, v in enumerate(value)]


@pytest.mark.parametrize("name", sorted(FILES))
def test_any_field_emptied_and_any_needed_field_taken_out_is_named_with_its_line(name: str) -> None:
    document = read_record(FILES[name])
    assert problems(SHAPES[name], document) == []
    needed = 0
    for path in places(document.value):
        emptied = type(document)(with_empty(document.value, path), document.where, document.lines)
        wrong = problems(SHAPES[name], emptied)
        assert wrong or _free(path), f"{name}: {path} may be empty"
        gone = type(document)(without(document.value, path), document.where, document.lines)
        for place, said, _ in problems(SHAPES[name], gone):
            needed += 1
            error = document.error(place, said)
            assert re.search(r"\.(yaml|md)(:\d+)?$", str(error.where)), error
    assert needed >= 5  # owner, approver, approved_on, next_review and version at least


def _free(path: Place) -> bool:
    """Whether the shape leaves it open: a log line of one's own, and what an open nonconformity does not know yet."""
    return "sample" in path or path[-1] in ("text", "cause", "action")


PURPOSES = ("requirements", "card", "classification", "impact_assessment", "user_information")


@pytest.mark.parametrize("record", PURPOSES)
def test_a_purpose_changed_in_one_place_is_named_there(pack: Path, record: str) -> None:
    place = pack / SYSTEM / f"{record}.yaml"
    place.write_text(place.read_text().replace("the model refuses nobody", "the model refuses some", 1))
    (found,) = [each for each in check_packs([pack], TODAY) if "differs from the purpose in" in each.message]
    assert str(found.where).startswith(f"{place}:")
    assert "system.yaml:3" in found.message
    assert "one text" in str(found.remedy)


def test_a_purpose_changed_in_system_yaml_is_named_in_all_others(pack: Path) -> None:
    place = pack / SYSTEM / "system.yaml"
    place.write_text(place.read_text().replace("the model refuses nobody", "the model refuses some", 1))
    found = [Path(str(each.where).rpartition(":")[0]).stem for each in check_packs([pack], TODAY) if each.where]
    assert set(PURPOSES) <= set(found)


@pytest.mark.parametrize("tier", ["minimal", "limited"])
def test_a_tier_lowered_by_hand_is_named(pack: Path, tier: str) -> None:
    place = pack / SYSTEM / "system.yaml"
    place.write_text(place.read_text().replace("tier: high", f"tier: {tier}"))
    (found,) = [each for each in check_packs([pack], TODAY) if "lower than the classification" in each.message]
    assert str(found.where) == f"{place}:8"
    assert found.remedy == "Write high; a tier is lowered only by new answers."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  - {id: data-steward@example.org, active: true}\n", "", "nobody active holds the role 'data_steward'"),
        ("holders: [data-steward@example.org]", "holders: []", "nobody active holds the role 'data_steward'"),
        ("holders: [data-steward@example.org]", "holders: [nobody@example.org]", "nobody active holds the role"),
        (
            "holders: [data-steward@example.org]",
            "holders: [data-steward@example.org, data-steward@example.org]",
            "data-steward@example.org is listed twice",
        ),
        (
            "[head-of-lending@example.org, ethics",
            "[ethics-lead@example.org, ethics",
            "ethics-lead@example.org is listed",
        ),
        ("{role: champion,", "{role: incident_owner,", "incident_owner is listed twice"),
        (
            "{role: model_validator, holders: [model-validator@example.org]",
            "{role: model_validator, holders: [data-steward@example.org]",
            "data-steward@example.org holds both model_validator and data_steward",
        ),
        (
            "{id: lending-champion@example.org, active: true}",
            "{id: ethics-lead@example.org, active: true}",
            "ethics-lead@example.org is listed twice",
        ),
    ],
)
def test_a_role_nobody_holds_or_the_wrong_person_twice_is_named(pack: Path, old: str, new: str, said: str) -> None:
    place = pack / "records" / "organization" / "roles.yaml"
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    found = [each for each in check_packs([pack], TODAY) if said in each.message]
    assert found
    assert re.fullmatch(rf"{re.escape(str(place))}:\d+", str(found[0].where)) and found[0].remedy


BOM = """{{"bomFormat": "CycloneDX", "specVersion": "1.6",
 "components": [{{"type": "library", "name": "pandas", "supplier": {{"name": "Somebody"}}}},
  {{"type": "data", "name": "credit reports", "supplier": {{"name": "{data}"}}}}],
 "services": [{{"name": "scores", "provider": {{"name": "{service}"}}}}]}}"""


def test_a_supplier_in_the_bill_of_materials_without_a_record_is_named(pack: Path) -> None:
    place = pack / SYSTEM / "bom.json"
    place.write_text(BOM.format(data="Example Credit Bureau", service="Example Credit Bureau"))
    assert check_packs([pack], TODAY) == []
    place.write_text(BOM.format(data="Another Bureau", service="A third one"))
    first, second = check_packs([pack], TODAY)
    assert first.message == "components.1.supplier: the supplier 'Another Bureau' has no record"
    assert second.message == "services.0.provider: the supplier 'A third one' has no record"
    assert (str(first.where), str(second.where)) == (f"{place}:3", f"{place}:4") and "suppliers.yaml" in str(
        second.remedy
    )
    (pack / "records" / "organization" / "suppliers.yaml").unlink()
    assert "components.1.supplier" in str([each.message for each in check_packs([pack], TODAY)])


def test_two_systems_with_one_name_are_named(pack: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(pack, tmp_path / "again"))
    found = [each for each in check_packs([pack, again], TODAY) if "is already in" in each.message]
    assert [str(each.where) for each in found] == [f"{again / SYSTEM / 'system.yaml'}:1"]
    assert found[0].remedy == "Rename one."
