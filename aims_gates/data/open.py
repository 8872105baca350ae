"""A data set opened on an engine."""

from typing import Any, Literal, get_args

from aims_gates.data._duckdb.files import folder_manifest
from aims_gates.data._duckdb.sources import open_source
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.data.schema.declared import Declared
from aims_gates.data.tables.table import Table
from aims_gates.errors import InputError

__all__ = ["ENGINES", "Engine", "engine_problems", "folder_manifest", "open_table"]

Engine = Literal["duckdb", "pandas", "polars", "spark"]


ENGINES: tuple[str, ...] = get_args(Engine)


def open_table(source: Any, role: str, engine: str = "duckdb", schema: Declared | None = None) -> Table:
    """Find out what the source is and put it on its engine. A Spark data frame is on Spark already.

    Raises:
        DataError: naming the source and the remedy.
        InputError: the engine is unknown, or its library is not installed.
    """
    if engine not in ENGINES:
        raise InputError(f"there is no engine {engine!r}", where="engine", remedy=f"Choose from: {', '.join(ENGINES)}.")
    if type(source).__module__.startswith("pyspark.") or engine == "spark":
        from aims_gates.data._spark.sources import open_spark

        table: Table = open_spark(source, role, schema)
        return table
    if engine != "duckdb":
        from aims_gates.data.readers import read_frame

        return DuckTable(read_frame(source, role, engine, schema))
    return DuckTable(open_source(source, role, schema))


def engine_problems() -> list[str]:
    """What the installed DuckDB answers wrongly to questions that numbers rest on; nothing where it is sound."""
    from aims_gates.data._duckdb.probe import problems

    return list(problems())
