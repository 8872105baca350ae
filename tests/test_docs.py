"""Every command in README and docs runs, and gives the exit code that the page says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aims_gates.cli import EXITS
from tests.warm import warmed

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Pages that go on where the one before them ended, in the same folder.
STORY = [
    ROOT / "docs" / name
    for name in (
        "first-hour.md",
        "guides/data-scientist.md",
        "guides/approver-and-auditor.md",
        "guides/mlops-engineer.md",
    )
]
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"make \w+|git clone .*|cd .*|pip install .*")


def blocks(page: Path) -> list[tuple[str, dict[str, str], str]]:
    """The fenced blocks of a page: language, options, text."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(lang, dict(each.split("=", 1) for each in options.split()), text) for lang, options, text in found]


def commands(text: str) -> list[str]:
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def alone() -> list[Path]:
    """The pages that start in an empty folder and have something to run."""
    return [page for page in PAGES if page not in STORY and any(lang == "console" for lang, _, _ in blocks(page))]


@pytest.fixture(scope="module")
def warm() -> Iterator[Path]:
    """Where the commands of all pages but README are found: see tests/warm.py."""
    with warmed() as folder:
        yield folder


def run(page: Path, folder: Path, first: Path | None = None) -> None:
    """Run a page's commands in a folder; each must give the exit code and show the words that the page says.

    Args:
        page, folder: The page, and where to run it.
        first: A folder to look for commands in before those that are installed.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_"))}
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]
    path = os.pathsep.join(places if first is None else [str(first), *places])
    environment = {**kept, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    for language, options, text in blocks(page):
        if "file" in options:
            place = folder / options["file"]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        if language != "console":
            continue
        for command in commands(text):
            if _MAKE.fullmatch(command):
                continue
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
            )
            said = f"{page.name}: {command}\n{done.stdout}\n{done.stderr}"
            assert done.returncode == int(options.get("exit", "0")), said
            for line in options.get("shows", "").split("|"):
                assert line.replace("_", " ") in done.stdout + done.stderr or line in done.stdout, said


#: Its walk is long, and tests/test_wheel.py takes it too.
_LONG = {"five-minutes.md": [pytest.mark.long]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=_LONG.get(page.name, []), id=str(page.relative_to(ROOT))) for page in alone()],
)
def test_the_commands_of_a_page_run_as_it_says(page: Path, tmp_path: Path, warm: Path) -> None:
    run(page, tmp_path, None if page.name == "README.md" else warm)


@pytest.mark.long
def test_the_first_hour_and_the_guides_after_it_run_as_they_say(tmp_path: Path, warm: Path) -> None:
    for page in STORY:
        run(page, tmp_path, warm)


def test_the_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bmake ([a-z-]+)\b(?= |`|$)", page.read_text(encoding="utf-8"), re.M)
    }
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert {"demo", "test"} <= targets
    assert {
        name
        for name in named
        if name in {"demo", "test", "test-all", "bench", "docs", "lint", "lock", "mutation", "types"}
    } <= targets


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_of_exit_codes_is_made_from_the_code() -> None:
    rows = "".join(f"| {code} | {said} |\n" for code, said in EXITS.items())
    assert rows in (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")


def test_the_index_of_decisions_names_each_once() -> None:
    folder = ROOT / "docs" / "adr"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert sorted(re.findall(r"\]\((0[^)]*)\)", (folder / "README.md").read_text())) == pages
