"""The lock file is whole and in step with pyproject; no file names a registry or somebody's machine."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
ENTRIES = re.findall(
    r"^([a-z0-9.-]+)==([^ ]+)(?: ; ([^\\]+?))? \\\n((?:    --hash=\S+(?: \\)?\n)+)", LOCK, re.MULTILINE
)


def asked() -> list[Requirement]:
    project = PROJECT["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "all" for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras, *PROJECT["dependency-groups"]["dev"]]]


@pytest.mark.parametrize("requirement", asked(), ids=str)
def test_what_the_project_asks_for_is_in_the_lock(requirement: Requirement) -> None:
    locked = [Version(version) for name, version, _, _ in ENTRIES if name == canonicalize_name(requirement.name)]
    assert locked, "run `make lock`"
    assert all(version in requirement.specifier for version in locked), "run `make lock`"


def test_every_line_of_the_lock_is_pinned_and_hashed() -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(ENTRIES) == len(lines) > 100
    assert all(re.search(r"sha256:[0-9a-f]{64}", hashes) for _, _, _, hashes in ENTRIES)


def test_all_is_every_extra_that_is_named_for_what_people_do() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["all"] == ["aims-gates[delta,docx,gates,server,spark]"]
    held = {line for name in ("delta", "docx", "gates", "server", "spark") for line in extras[name]}
    for earlier in ("audit", "bom", "streams", "s3", "postgresql"):
        assert set(extras[earlier]) <= held


def test_the_lock_names_no_index() -> None:
    assert "://" not in LOCK
    assert "-index" not in re.sub(r"^\s*# .*$", "", LOCK, flags=re.MULTILINE)
