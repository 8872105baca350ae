"""A DuckDB that answers otherwise is named: the real one, with one thing in it that it does otherwise."""

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pytest

from aims_gates.data._duckdb import engine
from aims_gates.data._duckdb.probe import problems

Breaks = Callable[[str, str], None]


class Otherwise:
    """A connection of DuckDB that understands some words of SQL as others."""

    def __init__(self, database: duckdb.DuckDBPyConnection, words: Mapping[str, str]) -> None:
        self._database, self._words = database, words

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def execute(self, query: str, *arguments: Any) -> Any:
        for word, other in self._words.items():
            query = query.replace(word, other)
        return self._database.execute(query, *arguments)


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """Let DuckDB understand a word of SQL as another."""
    connect = duckdb.connect

    def broken(word: str, other: str) -> None:
        monkeypatch.setattr(duckdb, "connect", lambda *a, **k: Otherwise(connect(*a, **k), {word: other}))
        monkeypatch.setattr(engine, "_STATE", engine._State())

    return broken


def test_the_installed_duckdb_is_sound() -> None:
    assert list(problems()) == []


@pytest.mark.parametrize(
    ("word", "other", "problem"),
    [
        ("'statistics_propagation'", "''", "NaN in a Parquet file is missing: the answer is (5, 5, 1.0, nan"),
        ("isnan(", "NOT isfinite(", "infinity in a Parquet file is no NaN, and comes last: the answer is (['1.0'"),
        ("ORDER BY y", "ORDER BY nullif(y, 'nan') NULLS FIRST", "NaN is greater than every number: the answer is"),
        ("lock_configuration", "integer_division = true; SET lock_configuration", "whole numbers divide to a fraction"),
        ("lock_configuration", "ieee_floating_point_ops = false; SET lock_configuration", "and by zero to infinity"),
        ("quantile_cont(", "quantile_disc(", "quantiles are interpolated: the answer is (1.0,"),
        ("FROM sniff_csv(", "FROM (SELECT ',' AS Delimiter, '\"' AS Quote, '\"' AS Escape) -- ", "no answer"),
        ("AS DATE) END", "AS VARCHAR) END", "a delimiter, quotes and types of a CSV file are found: the answer is"),
        (
            "ELSE CAST(nullif(\"share\", '') AS DOUBLE)",
            "ELSE 1.0",
            "fields of a CSV file are read as they stand: the answer is",
        ),
        (
            "error('a cell is not as the first ones')",
            "NULL",
            "text late in a CSV file makes its column text: no answer",
        ),
        ("SELECT", "SELEKT", "no answer"),
    ],
)
def test_a_duckdb_that_answers_otherwise_is_named(breaks: Breaks, word: str, other: str, problem: str) -> None:
    breaks(word, other)
    assert any(problem in text for text in problems())
