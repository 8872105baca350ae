"""The site: built from the pages as they are, with search; a link that leads nowhere stops it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """As `make site` does it."""
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir"]
    return subprocess.run([*command, "docs", ".", str(out)], cwd=source, capture_output=True, text=True, check=False)


def test_the_target_builds_as_it_is_tried_here() -> None:
    assert (
        "sphinx --quiet --fail-on-warning --keep-going --conf-dir docs . build/site" in (ROOT / "Makefile").read_text()
    )


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A checkout with two pages."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs" / "page.md").write_text("# A page\n\n## A part of it\n\n[back](../README.md)\n")
    # The navigation of the whole site names pages that are not here.
    conf = tmp_path / "docs" / "conf.py"
    conf.write_text(conf.read_text() + '\nNAVIGATION = {"Pages": ["docs/page"]}\n')
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("docs/page.md#a-part-of-it", None),
        ("docs/gone.md", "docs/gone.md"),
        ("docs/page.md#gone", "gone"),
        ("#gone", "gone"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error_that_names_it(pages: Path, link: str, message: str | None) -> None:
    (pages / "README.md").write_text(f"# Home\n\n[a page](docs/page.md)\n\n[a link]({link})\n")
    done = build(pages, pages / "site")
    assert (done.returncode == 0) == (message is None), done.stderr
    assert message is None or (message in done.stderr and "README.md" in done.stderr)


@pytest.mark.long
def test_the_whole_site_has_every_page_search_and_a_first_page(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr
    sources = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    missing = [page for page in sources if not (tmp_path / page.relative_to(ROOT).with_suffix(".html")).is_file()]
    assert missing == []
    assert "README.html" in (tmp_path / "index.html").read_text()
    index = (tmp_path / "searchindex.js").read_text().removeprefix("Search.setIndex(").rstrip(")")
    assert "docs/controls/A.5.4" in json.loads(index)["docnames"]
    navigation = (tmp_path / "README.html").read_text()
    for page in ("docs/first-hour", "docs/guides/data-scientist", "docs/controls/README", "docs/gate-yaml"):
        assert f'href="{page}.html"' in navigation
    fetched = re.findall(r'<(?:script|link)[^>]+(?:src|href)="(https?:[^"]+)"', navigation)
    assert fetched == []
