"""SECURITY.md's table of threats: every row is whole, and the test that it names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_PLACE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def threats():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("\n## Threats\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def test_there_are_at_least_25_threats_and_none_is_told_twice():
    names = [row[0] for row in threats()]
    assert len(names) == len(set(names)) >= 25


@pytest.mark.parametrize("row", threats(), ids=lambda row: row[0][:40])
def test_a_threat_has_a_mechanism_a_test_that_exists_and_what_remains(row):
    assert len(row) == 4 and all(row)
    found = _PLACE.fullmatch(row[2])
    assert found is not None, row[2]
    tree = ast.parse((ROOT / found[1]).read_text(encoding="utf-8"))
    assert found[2] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, row[2]
