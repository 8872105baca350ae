"""Names that say nothing do not come back: a local or a parameter names the thing it holds."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("aims_gates", "gates", "examples", "docs")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
EMPTY = frozenset({"asked", "each", "found", "given", "held", "kept", "made", "said", "seen", "told", "wanted"})


def empty_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of every variable and parameter with an empty name; a class's fields are a document's words."""
    fields = {
        id(statement.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Store)
            and id(node) not in fields
            and node.id in EMPTY
        ):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg) and node.arg in EMPTY:
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name in EMPTY:
            yield node.lineno, str(node.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_locals_and_parameters_name_the_thing(path: Path) -> None:
    assert list(empty_names(ast.parse(path.read_text()))) == []


def test_the_rule_sees_every_kind_of_name() -> None:
    code = """
class Held:
    kept: int = 0
    def found(self, asked, *given, **told): return asked
for each in (): pass
said = [made for made in ()]
(lambda seen: seen)
with open("x") as wanted: pass
try: pass
except OSError as held: pass
"""
    assert {name for _, name in empty_names(ast.parse(code))} == EMPTY - {"found", "kept"}
