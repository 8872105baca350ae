"""Records that contradict each other, or themselves, are named with file, line and remedy."""

import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import read_system

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pipelines" / "credit_scoring"
TODAY = date(2026, 11, 17)
SYSTEM = "records/systems/mortgage"
ORGANIZATION = "records/organization"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "pack"))


@pytest.fixture
def edit(pack: Path) -> Callable[[str, str, str], None]:
    def edits(file: str, old: str, new: str) -> None:
        place = pack / file
        text = place.read_text()
        assert old in text, f"{old!r} is not in {file}"
        place.write_text(text.replace(old, new, 1))

    return edits


def test_the_worked_example_has_no_problems(pack: Path) -> None:
    assert check_packs([pack], TODAY) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "remedy"),
    [
        (
            f"{SYSTEM}/card.yaml",
            "the model refuses nobody",
            "the model refuses some",
            "purpose: differs from the purpose in",
            "Make them one text",
        ),
        (
            f"{SYSTEM}/user_information.yaml",
            "the model refuses nobody",
            "the model refuses some",
            "purpose: differs from",
            "classify and assess again",
        ),
        (f"{SYSTEM}/classification.yaml", "refuses nobody", "refuses some", "differs from", "one text"),
        (
            f"{SYSTEM}/classification.yaml",
            "tier: high",
            "tier: minimal",
            "differs from what the answers give",
            "Classify again",
        ),
        (
            f"{SYSTEM}/system.yaml",
            "tier: high",
            "tier: limited",
            "'limited' is lower than the classification's 'high'",
            "only by new answers",
        ),
        (
            f"{SYSTEM}/system.yaml",
            "has_suppliers: true",
            "has_suppliers: false",
            "its facts do not say so",
            "has_suppliers: true",
        ),
        (
            f"{SYSTEM}/assignments.yaml",
            "model_validator: model-validator@",
            "model_validator: data-steward@",
            "does not hold the role 'model_validator'",
            "organization/roles",
        ),
        (
            f"{SYSTEM}/assignments.yaml",
            "[model-developer@example.org]",
            "[model-validator@example.org]",
            "validator is one of the developers",
            "did not build it",
        ),
        (
            f"{SYSTEM}/oversight.yaml",
            "reviewer_role: oversight_person",
            "reviewer_role: nobody",
            "nobody holds the role 'nobody'",
            "somebody holds",
        ),
        (
            f"{SYSTEM}/components.yaml",
            "supplier: Example Credit Bureau",
            "supplier: Another Bureau",
            "the supplier 'Another Bureau' has no record",
            "suppliers.yaml",
        ),
        (
            f"{ORGANIZATION}/suppliers.yaml",
            "- supplier: Example Credit Bureau",
            "- supplier: Another Bureau",
            "'Example Credit Bureau' has no record",
            "suppliers.yaml",
        ),
        (
            f"{ORGANIZATION}/roles.yaml",
            "{id: model-validator@example.org, active: true}",
            "{id: model-validator@example.org, active: false}",
            "nobody active holds the role 'model_validator'",
            "Assign somebody",
        ),
        (
            f"{ORGANIZATION}/roles.yaml",
            "[model_validator, system_owner]",
            "[accountable_executive, system_owner]",
            "head-of-lending@example.org holds both",
            "one of the two",
        ),
        (
            f"{ORGANIZATION}/context.yaml",
            "systems: [mortgage]",
            "systems: [another]",
            "'mortgage' is not in the scope",
            "Add it",
        ),
        (
            f"{ORGANIZATION}/ai_policy.md",
            "never to say no",
            "or to say no",
            "not the one that was approved",
            "sha256: sha256:",
        ),
        (
            f"{ORGANIZATION}/concerns.yaml",
            "anonymous: A paper form in each branch and a web form without login.",
            "anonymous: TBD",
            "is empty or a placeholder",
            "Replace 'TBD'",
        ),
        (
            f"{ORGANIZATION}/concerns.yaml",
            "response_days: 10",
            "response_days: many",
            "response_days",
            "Write here: Days within which",
        ),
        (f"{ORGANIZATION}/concerns.yaml", "response_days: 10", "respond_days: 10", "", ""),
        (
            f"{SYSTEM}/monitoring.yaml",
            "cadence_days: 30",
            "cadence_days: 0",
            "cadence_days",
            "Write here: Days between windows",
        ),
    ],
)
def test_a_contradiction_is_named_with_file_line_and_remedy(
    pack: Path, edit: Callable[[str, str, str], None], file: str, old: str, new: str, message: str, remedy: str
) -> None:
    edit(file, old, new)
    found = check_packs([pack], TODAY)
    assert found
    assert all(each.where and each.remedy for each in found)
    (named,) = [each for each in found if message in each.message and remedy in str(each.remedy)][:1]
    assert re.search(r"\.(yaml|md)(:\d+)?$", str(named.where))


@pytest.mark.parametrize(
    ("approver", "message"),
    [
        ("aims-manager@example.org", "its owner has approved it alone"),
        ("nobody@example.org", "is not an active person in"),
    ],
)
def test_a_record_is_approved_by_somebody_else_who_is_known(pack: Path, approver: str, message: str) -> None:
    place = pack / ORGANIZATION / "context.yaml"
    place.write_text(place.read_text().replace("approver: managing-director@example.org", f"approver: {approver}"))
    (found,) = check_packs([pack], TODAY)
    assert message in found.message and "context.yaml:2" in str(found.where)


@pytest.mark.parametrize("field", ["approved_on", "date", "ended_on"])
def test_what_is_said_to_have_happened_tomorrow_is_refused(
    pack: Path, edit: Callable[[str, str, str], None], field: str
) -> None:
    text = (pack / SYSTEM / "monitoring.yaml").read_text()
    (old,) = re.findall(rf"{field}: 20\d\d-\d\d-\d\d", text)[:1]
    edit(f"{SYSTEM}/monitoring.yaml", old, f"{field}: 2026-11-18")
    (found,) = (each for each in check_packs([pack], TODAY) if "future" in each.message)
    assert "monitoring.yaml:" in str(found.where)


def test_a_record_past_its_review_is_expired(pack: Path) -> None:
    found = check_packs([pack], date(2028, 1, 1))
    assert all("expired: its review was due on" in each.message for each in found)
    assert len(found) > 30


def test_a_registered_model_of_two_systems_and_a_system_in_two_packs_are_refused(pack: Path, tmp_path: Path) -> None:
    other = pack / "records" / "systems" / "second"
    other.mkdir()
    text = (pack / SYSTEM / "system.yaml").read_text()
    (other / "system.yaml").write_text(text.replace("name: mortgage", "name: second"))
    for name in ("suite.json", "applications.schema.yaml", "production.schema.yaml"):
        shutil.copy(pack / SYSTEM / name, other)
    messages = [each.message for each in check_packs([pack], TODAY)]
    assert any("the model 'mortgage' is already one of 'mortgage'" in each for each in messages)
    again = Path(shutil.copytree(EXAMPLE, tmp_path / "again"))
    messages = [each.message for each in check_packs([pack, again], TODAY)]
    assert any("the system 'mortgage' is already in" in each for each in messages)


def test_a_misspelt_record_is_named_and_a_record_of_ones_own_is_not(pack: Path) -> None:
    (pack / SYSTEM / "kill_swich.yaml").write_text("a: 1\n")
    (pack / SYSTEM / "house_rules.yaml").write_text("a: 1\n")
    (found,) = check_packs([pack], TODAY)
    assert "kill_swich" in found.message and "kill_switch.yaml" in str(found.remedy)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("concerns.md", "---\na: 1\n---\n", "is there twice"),
        ("broken.yaml", "a: [", "not YAML"),
        ("list.yaml", "- a\n", "a record is a mapping"),
        ("plain.md", "# No front matter\n", "no front matter"),
    ],
)
def test_a_file_that_is_no_record_is_named(pack: Path, name: str, text: str, message: str) -> None:
    (pack / ORGANIZATION / name).write_text(text)
    assert any(message in each.message for each in check_packs([pack], TODAY))


def test_a_readme_beside_the_records_is_none(pack: Path) -> None:
    (pack / ORGANIZATION / "README.md").write_text("# Records\n")
    assert check_packs([pack], TODAY) == []


def test_organization_records_are_everybodys_and_standard_plans_are_for_tier_minimal(pack: Path) -> None:
    standard = pack / ORGANIZATION / "standard"
    standard.mkdir()
    shutil.move(pack / SYSTEM / "oversight.yaml", standard / "oversight.yaml")
    high = read_system(pack, "mortgage").records
    assert "oversight" not in high and "text" in high["organization/ai_policy"]
    place = pack / SYSTEM / "system.yaml"
    place.write_text(place.read_text().replace("tier: high", "tier: minimal"))
    assert read_system(pack, "mortgage").records["oversight"]["mode"] == "on-the-loop"


def test_the_lines_of_front_matter_are_those_of_the_file(pack: Path, edit: Callable[[str, str, str], None]) -> None:
    edit(f"{ORGANIZATION}/ai_policy.md", "max_review_days: 365", "max_review_days: never")
    (found,) = check_packs([pack], TODAY)
    lines = (pack / ORGANIZATION / "ai_policy.md").read_text().splitlines()
    assert lines[int(str(found.where).rsplit(":", 1)[1]) - 1] == "max_review_days: never"
