"""Whether the installed DuckDB answers as measured numbers need it: small files, queries, the one right answer to each.

Another version may differ in these without an error: whether NaN in a Parquet file is seen where the file's statistics
leave it out, where NaN and infinity stand in an order, what a division by zero is, and which delimiter, quotes and
types a CSV file is taken to have. A wrong answer to one of them moves a verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aims_gates.data._duckdb.engine import scratch
from aims_gates.data._duckdb.files import open_files
from aims_gates.data._duckdb.table import DuckTable
from aims_gates.errors import AimsGatesError

__all__ = ["problems"]


@dataclass(frozen=True)
class _Probe:
    """A question to DuckDB.

    Attributes:
        what: What is asked about, in a few words.
        file: The text of a CSV file, or the numbers of the column ``x`` of a Parquet file.
        sql: The query; ``data`` is the file.
        answer: The only right one.
    """

    what: str
    file: str | tuple[float, ...]
    sql: str
    answer: tuple[Any, ...]


_NAN = float("nan")
_INFINITY = float("inf")
_TABLE = 'id;sex;share;day;note\n1;F;0.5;2024-01-31;"a;b"\n2;T;;2024-02-01;"say ""x"""\n3;F;1e3;;NA\n'
_LATE = "n,kind\n" + "".join(f"{number},{number}\n" for number in range(21_000)) + "21000,other\n"
_PROBES = (
    _Probe(
        "NaN in a Parquet file is missing",
        (1.0, _NAN, 3.0, _NAN, 2.0),
        "SELECT count(*), count(x), min(x), max(x), median(x), count(*) FILTER (x IS NULL) FROM data",
        (5, 3, 1.0, 3.0, 2.0, 2),
    ),
    _Probe(
        "infinity in a Parquet file is no NaN, and comes last",
        (1.0, _INFINITY, _NAN, -_INFINITY),
        "SELECT list(CAST(x AS VARCHAR) ORDER BY x NULLS LAST), count(*) FILTER (isfinite(x)) FROM data",
        (["-inf", "1.0", "inf", None], 1),
    ),
    _Probe(
        "NaN is greater than every number",
        (1.0,),
        "SELECT list(y::VARCHAR ORDER BY y) FROM (SELECT unnest(['nan'::DOUBLE, x, 'inf'::DOUBLE]) AS y FROM data)",
        (["1.0", "inf", "nan"],),
    ),
    _Probe(
        "whole numbers divide to a fraction, and by zero to infinity",
        (0.0, 0.0),
        "SELECT 7 / 2, CAST(1 / min(x) AS VARCHAR), isnan(min(x) / min(x)) FROM data",
        (3.5, "inf", True),
    ),
    _Probe(
        "quantiles are interpolated",
        (1.0, 2.0, 3.0, 4.0),
        "SELECT quantile_cont(x, 0.25), median(x), stddev_samp(x) FROM data WHERE x <> 'inf'",
        (1.75, 2.5, 1.2909944487358056),
    ),
    _Probe(
        "a delimiter, quotes and types of a CSV file are found",
        _TABLE,
        "SELECT list(typeof(COLUMNS(*)) ORDER BY id)[1] FROM data",
        ("BIGINT", "VARCHAR", "DOUBLE", "DATE", "VARCHAR"),
    ),
    _Probe(
        "fields of a CSV file are read as they stand",
        _TABLE,
        "SELECT list(note ORDER BY id), sum(share), count(share), count(day), list(sex ORDER BY id) FROM data",
        (["a;b", 'say "x"', "NA"], 1000.5, 2, 2, ["F", "T", "F"]),
    ),
    _Probe(
        "text late in a CSV file makes its column text",
        _LATE,
        "SELECT min(typeof(n)), min(typeof(kind)), count(*), max(n), count(*) FILTER (kind = 'other') FROM data",
        ("BIGINT", "VARCHAR", 21_001, 21_000, 1),
    ),
)


def problems() -> Iterator[str]:
    """What the installed DuckDB answers wrongly, or cannot answer."""
    for probe in _PROBES:
        with TemporaryDirectory(dir=scratch()) as folder:
            try:
                (row,) = DuckTable(open_files(str(_written(probe, Path(folder))))).query(probe.sql)
            except (AimsGatesError, ValueError) as error:
                yield f"{probe.what}: no answer ({error})"
                continue
        if row != probe.answer:
            yield f"{probe.what}: the answer is {row}, and {probe.answer} is right"


def _written(probe: _Probe, folder: Path) -> Path:
    if isinstance(probe.file, str):
        text = folder / "probe.csv"
        text.write_text(probe.file, encoding="utf-8")
        return text
    import pyarrow as pa
    from pyarrow import parquet

    file = folder / "probe.parquet"
    parquet.write_table(pa.table({"x": pa.array(probe.file, pa.float64())}), file)
    return file
