"""What the tests make of a mutant: a process that has imported every library is forked for each.

A mutant is killed by a test that fails, by an error at import, or by a minute of CPU. Only tests that run the
changed line are asked (a line that is run at import: those that run any line of the file), the quickest first.
"""

import ast
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import accumulate
from pathlib import Path
from xml.etree import ElementTree

import coverage
import pytest

from .mutants import Mutant

__all__ = ["Coverage", "import_libraries", "survives"]

_SECONDS = 60  # of CPU, so that a busy machine kills no mutant
_TOGETHER = 20
_QUIET = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:cov"]
_QUIET += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the libraries are imported already


def import_libraries() -> None:
    """What the tests import and nobody mutates; what is forked later has it already."""
    import duckdb  # noqa: F401
    import evidently  # noqa: F401
    import fairlearn.metrics  # noqa: F401
    import mlflow  # noqa: F401
    import pandas  # noqa: F401
    import polars  # noqa: F401
    import pyarrow  # noqa: F401
    import scipy.stats  # noqa: F401
    import sklearn.metrics  # noqa: F401

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        pytest.main(["--collect-only", *_QUIET, "tests/gatekit", "tests/decision/test_rules.py"])


class Coverage:
    """Which tests run which lines, and how long each takes, from one run of them all.

    Args:
        file: What coverage wrote, with a context for each test.
        times: What pytest wrote as JUnit's XML.
    """

    def __init__(self, file: Path, times: Path) -> None:
        self.data = coverage.CoverageData(str(file))
        self.data.read()
        self.seconds = {
            f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": float(case.get("time", 0))
            for case in ElementTree.parse(times).iter("testcase")
        }

    def tests(self, path: Path, mutant: Mutant) -> list[str]:
        """Node ids of the tests to ask, the quickest first, as many as take 20 s together."""
        contexts = self.data.contexts_by_lineno(str(path.resolve()))
        lines = _statement(path, mutant.line) if mutant.within else contexts.keys()
        tests = {context.partition("|")[0] for line in lines for context in contexts.get(line, []) if context}
        quickest = sorted(tests, key=lambda test: (self.seconds.get(test, 0), test))
        together = accumulate(self.seconds.get(test, 0) for test in quickest)
        return [test for test, seconds in zip(quickest, together, strict=True) if seconds <= _TOGETHER] or quickest[:1]


def _statement(path: Path, line: int) -> range:
    """The lines of the innermost statement that a line belongs to: coverage knows a statement by its first."""
    spans = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return min(spans, key=len)


def survives(mutant: Mutant, path: Path, tests: Sequence[str]) -> bool:
    """Whether every test passes with the mutant in the file's place; the file is put back.

    A line that no test runs survives.
    """
    if not tests:
        return True
    original = path.read_bytes()
    path.write_text(mutant.source, encoding="utf-8")
    try:
        return _passes(tests)
    finally:
        path.write_bytes(original)


def _passes(tests: Sequence[str]) -> bool:
    child = os.fork()
    if child == 0:
        _ask(tests)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _ask(tests: Sequence[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    sys.dont_write_bytecode = True
    for name in [name for name in sys.modules if name.partition(".")[0] in ("aims_gates", "tests")]:
        if not name.startswith("tests.mutation"):
            del sys.modules[name]
    os._exit(pytest.main([*_QUIET, *tests]))
