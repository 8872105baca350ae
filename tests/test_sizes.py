"""Sizes stay small enough to be read: functions, files, and how many ways there are through a block."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from radon.complexity import cc_visit

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for folder in ("aims_gates", "gates", "examples") for path in (ROOT / folder).rglob("*.py"))
LONGEST_FUNCTION, LONG_FUNCTION, MOST_LONG_FUNCTIONS = 60, 45, 16
LONGEST_FILE = 400
MOST_PATHS = 15


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Place and lines of every function in a file, from its ``def``, decorators apart."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield f"{_name(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def is_data(path: Path) -> bool:
    """Whether a file is a table of texts: nothing in it is done."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in ast.walk(tree))


def test_no_function_is_too_long_and_few_are_long() -> None:
    lines = {place: length for path in SOURCES for place, length in functions(path)}
    assert {place: length for place, length in lines.items() if length > LONGEST_FUNCTION} == {}
    long = {place: length for place, length in lines.items() if length > LONG_FUNCTION}
    assert len(long) <= MOST_LONG_FUNCTIONS, long


def test_no_file_is_too_long_but_tables_of_texts() -> None:
    lines = {_name(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES if not is_data(path)}
    assert {name: length for name, length in lines.items() if length > LONGEST_FILE} == {}


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_block_has_too_many_paths(path: Path) -> None:
    """By radon, which counts comprehensions and boolean operators too; a class counts as its methods do."""
    blocks = cc_visit(path.read_text(encoding="utf-8"))
    many = {f"{_name(path)}:{block.lineno} {block.name}": block.complexity for block in blocks}
    assert {place: paths for place, paths in many.items() if paths > MOST_PATHS} == {}
