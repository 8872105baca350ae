"""The walks of CONTRIBUTING.md, taken literally in a copy of this checkout: what they touch stays green.

A block below a paragraph that names a file is that file, or, as ``diff``, a change of it: the ``+`` lines go where the
lines around them stand, once. Lines of a ``console`` block are run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALKS = (
    "Add a gate",
    "Add a profile",
    "Add a control, or a gate to a control",
    "Add a report",
    "Add a record, and a gate that reads it",
)
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+\.(?:yaml|py))`")
#: What no copy needs, and the variables of the pytest that runs this.
LEFT = (".git", ".venv", "build", "dist", ".demo", ".matrix", ".mutation", "__pycache__", ".*_cache", ".hypothesis")


class Block(NamedTuple):
    """A fenced block: its language, the file that the paragraph above it names, its text."""

    language: str
    path: str | None
    text: str


def blocks(heading: str) -> list[Block]:
    """The fenced blocks below a heading; a block right after another is about the same file."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    result: list[Block] = []
    end = 0
    for match in _BLOCK.finditer(section):
        paragraph = section[end : match.start()].strip().split("\n\n")[-1]
        named = _PATH.search(paragraph)
        path = named.group(1) if named else None if paragraph else result[-1].path
        result.append(Block(match.group(2), path, dedent(match.group(3))))
        end = match.end()
    return result


def change(text: str, diff: str) -> str:
    """A text with a change made: its old lines must be there once."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if not line.startswith("+"))
    new = "".join(line[1:] for line in lines if not line.startswith("-"))
    assert f"\n{text}".count(f"\n{old}") == 1, f"not there once:\n{old}"
    return f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:]


def take(block: Block, checkout: Path, environment: dict[str, str]) -> None:
    """Do what a block says."""
    if block.language == "console":
        for line in block.text.splitlines():
            command = ["sh", "-c", line.removeprefix("$ ")]
            done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return
    assert block.path is not None, f"no file is named above:\n{block.text}"
    place = checkout / block.path
    if block.language == "diff":
        place.write_text(change(place.read_text(encoding="utf-8"), block.text), encoding="utf-8")
        return
    assert not place.exists(), f"{block.path} is there already"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(block.text, encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, with its environment."""
    place = tmp_path / "checkout"
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*LEFT), symlinks=True)
    # Its own folder with a stamp of its own: `make` finds it up to date, and installs nothing into the environment.
    (place / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if entry.name != ".stamp":
            (place / ".venv" / entry.name).symlink_to(entry)
    (place / ".venv" / ".stamp").touch()
    return place


def test_each_walk_has_files_and_ends_with_commands() -> None:
    for heading in WALKS:
        steps = blocks(heading)
        assert steps[-1].language == "console", heading
        assert {step.language for step in steps} <= {"yaml", "python", "diff", "console"}
        assert any(step.path for step in steps)
    assert set(re.findall(r"^## (Add .*)$", TEXT, re.MULTILINE)) == set(WALKS)


def test_a_change_whose_place_is_not_there_is_an_error() -> None:
    assert change("a\nb\n", " a\n+c\n") == "a\nc\nb\n"
    for diff in (" x\n+c\n", "-b\n+c\n+b\n a\n", " b\n+c\n"):
        with pytest.raises(AssertionError, match="not there once"):
            change("a\n  b\n", diff)


@pytest.mark.long
@pytest.mark.parametrize("heading", WALKS)
def test_a_walk_taken_literally_leaves_what_it_touches_green(heading: str, checkout: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_", "AIMS_GATES_"))}
    path = os.pathsep.join([str(checkout / ".venv" / "bin"), os.environ["PATH"]])
    environment = {**kept, "PATH": path, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    for block in blocks(heading):
        take(block, checkout, environment)
