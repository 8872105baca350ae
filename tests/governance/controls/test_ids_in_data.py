"""Which control is which is data: no code names one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aims_gates.governance.controls import approval_controls, catalogue, owners

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for folder in ("aims_gates", "gates") for path in (ROOT / folder).rglob("*.py"))
IDENTIFIER = re.compile(r"A\.\d+(\.\d+)*")


def named(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is a control's id, or its category's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and IDENTIFIER.fullmatch(node.value):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_code_names_a_control(path: Path) -> None:
    assert list(named(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_the_rule_sees_an_id_wherever_it_stands() -> None:
    code = 'x = {"A.3.2": 1}\nf(controls=("A.10.2",))\ny = "A.7"\nz = "see A.7.5"\n'
    assert sorted(named(ast.parse(code))) == [(1, "A.3.2"), (2, "A.10.2"), (3, "A.7")]


def test_what_the_catalogue_says_beside_its_controls_is_about_them() -> None:
    bearing = approval_controls()
    assert all("approvals" in catalogue()[control].gates for control in (bearing.separation, bearing.ageing))
    categories = {entry.category for entry in catalogue().values()}
    levels = {entry.level for entry in catalogue().values()}
    assert set(owners()) <= {*catalogue(), *categories, *levels} and {"org", "model", "both"} <= set(owners())
