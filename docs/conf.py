"""How ``make site`` builds README and docs as a site: Sphinx with MyST, on the pages as they are.

The source folder is the checkout, so that links between README, CONTRIBUTING and docs hold here as they do in it.
"""

import tomllib
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]

project = "aims-gates"
author = copyright = "aims-gates contributors"
release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "examples/pipelines/*/README.md"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"aims-gates {release}"
html_copy_source = False
html_show_sphinx = False
# Pages are shown as they are written; nothing on them is fetched from elsewhere.
html_theme_options = {"top_of_page_buttons": []}

#: The navigation, in reading order: heading -> pages.
NAVIGATION = {
    "Begin": [
        "docs/first-hour",
        "docs/guides/data-scientist",
        "docs/guides/approver-and-auditor",
        "docs/guides/mlops-engineer",
        "docs/guides/schemas",
        "docs/guides/backtest",
        "docs/README",
    ],
    "Look up": [
        "docs/controls/README",
        "docs/gates/README",
        "docs/gate-yaml",
        "docs/records/README",
        "docs/profiles/README",
        "docs/commands",
        "docs/exit-codes",
        "docs/glossary",
    ],
    "Understand": [],  # every other page of docs/
    "Examples": ["examples/pipelines/*/README"],
    "Project": ["CONTRIBUTING", "SECURITY", "CHANGELOG", "docs/adr/README"],
}
_LISTED = {entry for entries in NAVIGATION.values() for entry in entries}
NAVIGATION["Understand"] += sorted({f"docs/{path.stem}" for path in (ROOT / "docs").glob("*.md")} - _LISTED)
#: An index's pages, which it links itself: below it in the navigation.
BELOW = ("docs/controls", "docs/gates", "docs/records", "docs/profiles", "docs/adr")
HOME = """<!doctype html>
<meta charset="utf-8">
<title>aims-gates</title>
<meta http-equiv="refresh" content="0; url=README.html">
<a href="README.html">aims-gates</a>
"""


def _tree(entries: list[str], caption: str = "") -> str:
    head = ["", "", "```{toctree}", ":hidden:", ":glob:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join([*head, "", *(f"/{entry}" for entry in entries), "```", ""])


def add_navigation(app: Sphinx, page: str, text: list[str]) -> None:
    """Give the first page and the indexes their part of the navigation, which the pages themselves do not hold."""
    if page == root_doc:
        text[0] += "".join(_tree(entries, caption) for caption, entries in NAVIGATION.items())
    for folder in BELOW:
        if page == f"{folder}/README":
            text[0] += _tree([f"{folder}/*/*" if folder == "docs/records" else f"{folder}/*"])


def write_home(app: Sphinx, error: Exception | None) -> None:
    """The page that a web server shows for the folder."""
    if error is None:
        (app.outdir / "index.html").write_text(HOME, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("source-read", add_navigation)
    app.connect("build-finished", write_home)
