"""The dated table in docs/mlflow-versions.md: one row for each version, replaced when that version is run again."""

import re
from datetime import date
from pathlib import Path

__all__ = ["PAGE", "rows", "write"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mlflow-versions.md"
_TABLE = re.compile(r"(<!-- table -->\n\| .*?\n\|[-| ]+\|\n)(.*?)(<!-- end -->)", re.DOTALL)


def rows(text: str) -> dict[str, str]:
    """The page's rows by their first cell."""
    match = _TABLE.search(text)
    assert match is not None, "the page has no table"
    return {line.split("|")[1].strip(): line for line in match[2].splitlines()}


def write(cells: tuple[str, ...], today: date | None = None) -> None:
    """Put a row into the page; the first cell says which, the date is added."""
    text = PAGE.read_text(encoding="utf-8")
    line = f"| {' | '.join((*cells, (today or date.today()).isoformat()))} |"
    merged = {**rows(text), cells[0]: line}
    PAGE.write_text(
        _TABLE.sub(lambda match: match[1] + "".join(f"{row}\n" for row in merged.values()) + match[3], text),
        encoding="utf-8",
    )
