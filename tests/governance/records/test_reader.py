"""Systems and records: merged from organization, family and system; mistakes named with file, line and remedy."""

import json
from pathlib import Path

import pytest

from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError
from aims_gates.governance.records.reader import System, find_system, read_system, system_names
from aims_gates.governance.records.requirements import Requirements
from aims_gates.reports.card import FIELDS

SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: minimal
models: [loans]
"""
FIXED = digest_bytes(b"rows")
REQUIREMENTS = f'decided_on: "2026-01-05"\ndecided_by: lending\nevaluation:\n  file: e.csv\n  digest: {FIXED}\n'


def write(pack: Path, text: str = SYSTEM, name: str = "loans", **records: str) -> Path:
    folder = pack / "records" / "systems" / name
    folder.mkdir(parents=True, exist_ok=True)
    for record, content in {"system": text, **records}.items():
        (folder / f"{record}.yaml").write_text(content)
    return folder


def refused(pack: Path, text: str = SYSTEM, **records: str) -> InputError:
    """The error of a system; it must say where, and carry a remedy where the shape alone does not."""
    write(pack, text, **records)
    with pytest.raises(InputError) as caught:
        read_system(pack, "loans")
    assert caught.value.where is not None
    return caught.value


def organization(pack: Path, text: str) -> None:
    (pack / "records" / "organization").mkdir(parents=True, exist_ok=True)
    (pack / "records" / "organization" / "defaults.yaml").write_text(text)


def family(pack: Path, text: str, name: str = "credit") -> None:
    (pack / "records" / "families").mkdir(parents=True, exist_ok=True)
    (pack / "records" / "families" / f"{name}.yaml").write_text(text)


def test_a_minimal_system_needs_one_file_of_at_most_25_required_fields(tmp_path: Path) -> None:
    required = [name for name, field in System.model_fields.items() if field.is_required()]
    assert len(required) == 5
    fixed = [name for name, field in Requirements.model_fields.items() if field.is_required()]
    hand_written = [field for field in FIELDS if field.required]
    assert len(required) + len(fixed) + len(hand_written) <= 25
    write(tmp_path)
    found = read_system(tmp_path, "loans")
    assert found.system.models == ("loans",) and found.requirements is None
    assert found.records["system"]["owner"] == "head-of-lending"


def test_defaults_come_from_the_family_and_then_from_the_organization(tmp_path: Path) -> None:
    organization(
        tmp_path,
        "owner: the-board\nworkspace: all\nfacts: {affects_people: true, generative: false}\nroles: {target: y}\n",
    )
    family(tmp_path, "owner: head-of-credit\nfacts: {affects_people: false}\ngates: {fairness: {positive: granted}}\n")
    text = SYSTEM.replace("owner: head-of-lending\n", "family: credit\nfacts: {has_suppliers: true}\n")
    write(tmp_path, text)
    found = read_system(tmp_path, "loans").system
    assert found.owner == "head-of-credit" and found.workspace == "all"
    assert found.facts == {"affects_people": False, "generative": False, "has_suppliers": True}
    assert found.roles == {"target": "y"} and found.gates == {"fairness": {"positive": "granted"}}


def test_a_mistake_in_the_defaults_is_named_in_the_defaults(tmp_path: Path) -> None:
    organization(tmp_path, "# for all\nownr: the-board\n")
    error = refused(tmp_path)
    assert error.where is not None and error.where.endswith("defaults.yaml:2") and "unknown field" in error.message
    organization(tmp_path, "owner: the-board\ntier: dangerous\n")
    error = refused(tmp_path)
    assert error.where is not None and error.where.endswith("defaults.yaml:2") and "tier" in error.message
    organization(tmp_path, "- owner\n")
    assert refused(tmp_path).remedy


def test_a_family_that_is_not_there_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, SYSTEM + "family: nobody\n")
    assert error.where is not None and error.where.endswith("system.yaml:6")
    assert "nobody.yaml" in error.message and error.remedy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tier: minimal\n", "tier: low\n", "tier"),
        ("tier: minimal\n", "", "'tier' is missing"),
        ("owner:", "ownr:", "unknown field"),
        ("owner: head-of-lending\n", "owner: a\nowner: b\n", "is there twice"),
        ("purpose: Decide which small loans are granted to applicants.", "purpose: loans", "purpose"),
        ("models: [loans]", "models: []", "models"),
        ("models: [loans]", "models: &m [loans]", "anchor"),
        ("models: [loans]", "models: !!python/tuple [loans]", "tag"),
        ("models: [loans]", "models: [1]", "models"),
        ("name: loans", "name: Loans", "name"),
        ("name: loans", "name: other", "differs from the folder"),
        ("owner: head-of-lending", "owner: REPLACE with a name", "still to be filled in"),
    ],
)
def test_a_field_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    error = refused(tmp_path, SYSTEM.replace(old, new))
    assert said in error.message and error.where is not None
    assert "system.yaml:" in error.where


def test_what_init_left_blank_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    error = refused(tmp_path, SYSTEM + "roles:\n  target: y\n  sensitive: [REPLACE]\n")
    assert error.where is not None and error.where.endswith("system.yaml:8")
    error = refused(tmp_path, requirements=REQUIREMENTS.replace("lending", "REPLACE with a role"))
    assert error.where is not None and "requirements.yaml:2" in error.where


def test_a_file_parameter_is_replaced_by_the_content_of_the_file(tmp_path: Path) -> None:
    folder = write(tmp_path, SYSTEM + "gates: {data_quality: {suite: {file: suite.json}}}\n")
    (folder / "suite.json").write_text(json.dumps({"expectations": [1]}))
    before = read_system(tmp_path, "loans")
    assert before.system.gates == {"data_quality": {"suite": {"expectations": [1]}}}
    (folder / "suite.json").write_text(json.dumps({"expectations": [2]}))
    assert read_system(tmp_path, "loans").digest != before.digest


@pytest.mark.parametrize("value", ["{file: gone.json}", "{file: [suite.json]}", "{file: 3}"])
def test_a_file_parameter_that_names_no_file_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    error = refused(tmp_path, SYSTEM + f"gates:\n  data_quality:\n    suite: {value}\n")
    assert error.where is not None and error.where.endswith("system.yaml:8") and error.remedy


def test_a_record_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, card="- a\n- b\n")
    assert error.where is not None and "card.yaml" in error.where and error.remedy


def test_requirements_need_a_digest_and_say_which_command_prints_it(tmp_path: Path) -> None:
    error = refused(tmp_path, requirements=REQUIREMENTS.replace(FIXED, "unknown"))
    assert error.where is not None and error.where.endswith("requirements.yaml:5")
    assert error.remedy is not None and "aims-gates digest e.csv" in error.remedy
    write(tmp_path, requirements=REQUIREMENTS)
    found = read_system(tmp_path, "loans")
    assert found.requirements is not None and found.requirements.evaluation.digest == FIXED


def test_an_unknown_system_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no system 'x'") as caught:
        find_system([tmp_path], "x")
    assert "init" in (caught.value.remedy or "")
    write(tmp_path)
    assert system_names(tmp_path) == ["loans"]
    with pytest.raises(InputError) as caught:
        find_system([tmp_path], "x")
    assert "loans" in (caught.value.remedy or "")


def test_a_system_in_two_packs_is_refused(tmp_path: Path) -> None:
    for pack in ("a", "b"):
        write(tmp_path / pack)
    with pytest.raises(InputError, match="two packs"):
        find_system([tmp_path / "a", tmp_path / "b"], "loans")


def test_data_are_found_from_the_packs_root(tmp_path: Path) -> None:
    data = "data: {evaluation: data/e.csv, reference: 'duckdb:///data/f.db#t', production: 'postgresql://h/d#t'}\n"
    write(tmp_path, SYSTEM + data + "roles: {sensitive: [a, b], target: y}\n")
    found = read_system(tmp_path, "loans")
    assert found.location("evaluation") == str(tmp_path / "data" / "e.csv")
    assert found.location("reference") == f"duckdb:///{tmp_path / 'data' / 'f.db'}#t"
    assert found.location("production") == "postgresql://h/d#t" and found.location("champion") is None
    assert found.columns() == {"sensitive": ("a", "b"), "target": ("y",)}


def test_the_purpose_digest_looks_at_words_only(tmp_path: Path) -> None:
    write(tmp_path)
    before = read_system(tmp_path, "loans").purpose_digest
    write(tmp_path, SYSTEM.replace("purpose: Decide which", "purpose: >-\n  Decide\n  which"))
    assert read_system(tmp_path, "loans").purpose_digest == before
    write(tmp_path, SYSTEM.replace("small", "large"))
    assert read_system(tmp_path, "loans").purpose_digest != before


def test_a_bill_of_materials_in_json_is_a_record_and_other_json_is_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "bom.json").write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6"}')
    (folder / "suite.json").write_text('{"name": "a suite"}')
    records = read_system(tmp_path, "loans").records
    assert records["bom"] == {"bomFormat": "CycloneDX", "specVersion": "1.6"}
    assert "suite" not in records
    assert "bom" not in read_system(tmp_path, "loans", whole=False).records


def test_a_bill_of_materials_is_read_as_strictly_as_yaml(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for content, said in (('{"a": 1, "a": 2}', "twice"), ("[]", "mapping"), ("{", "JSON")):
        (folder / "bom.json").write_text(content)
        with pytest.raises(InputError, match=said) as caught:
            read_system(tmp_path, "loans")
        assert caught.value.where is not None and "bom.json" in caught.value.where
    (folder / "bom.json").write_text("{}")
    (folder / "bom.yaml").write_text("a: 1")
    with pytest.raises(InputError, match="the record 'bom' is there twice"):
        read_system(tmp_path, "loans")
