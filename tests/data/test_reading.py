"""What a file holds is read in one way by whatever reads it, or refused with both readings."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyarrow import parquet

from aims_gates import DataError, Dataset

ENGINES = ("duckdb", "pandas", "polars", pytest.param("spark", marks=pytest.mark.spark))
Open = Callable[..., Dataset]


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens a file of the test's folder, written first where its text is given."""

    def open_(name: str, text: str | None = None) -> Dataset:
        if text is not None:
            (tmp_path / name).write_text(text, encoding="utf-8")
        return Dataset.open(str(tmp_path / name), role="evaluation", engine=request.param)

    yield open_
    if request.param == "spark":
        from aims_gates.data._spark.engine import session

        session().catalog.clearCache()


def rows(data: Dataset) -> list[tuple[Any, ...]]:
    return sorted(data.query("SELECT * FROM data"), key=repr)


# Sets of several files ------------------------------------------------------------------------------------------------


def test_whole_numbers_and_fractions_in_parts_are_fractions(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for place, values in enumerate(([0, 1], [0.6, 0.25])):
        pd.DataFrame({"score": values}).to_parquet(tmp_path / "parts" / f"{place}.parquet")
    data = opened("parts")
    assert (data.type("score"), rows(data)) == ("DOUBLE", [(0.0,), (0.25,), (0.6,), (1.0,)])


PARTS: dict[str, tuple[Any, Any, str, list[Any]]] = {
    "signed and not": (pa.array([-1], pa.int64()), pa.array([2**64 - 1], pa.uint64()), "HUGEINT", [-1, 2**64 - 1]),
    "days and times": (
        pa.array([0], pa.date32()),
        pa.array([3_600_000_000], pa.timestamp("us")),
        "TIMESTAMP",
        [pd.Timestamp(1970, 1, 1), pd.Timestamp(1970, 1, 1, 1)],
    ),
    "nothing and text": (pa.nulls(1), pa.array(["a"]), "VARCHAR", [None, "a"]),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_are_widened_to_what_holds_all_of_them(opened: Open, tmp_path: Path, case: str) -> None:
    one, other, kind, values = PARTS[case]
    (tmp_path / "parts").mkdir()
    for place, column in enumerate((one, other)):
        parquet.write_table(pa.table({"x": column}), tmp_path / "parts" / f"{place}.parquet")
    data = opened("parts")
    assert (data.type("x"), [x for (x,) in data.query("SELECT x FROM data")]) == (kind, values)


@pytest.mark.parametrize("values", [["0.5"], [True]])
def test_parts_of_types_that_do_not_go_together_are_refused_by_name(opened: Open, tmp_path: Path, values: Any) -> None:
    (tmp_path / "parts").mkdir()
    for place, column in enumerate(([1.5], values)):
        pd.DataFrame({"x": column}).to_parquet(tmp_path / "parts" / f"{place}.parquet")
    with pytest.raises(DataError, match=r"'x' is DOUBLE in 0.parquet, (VARCHAR|BOOLEAN) in 1.parquet"):
        opened("parts")


def test_columns_that_only_some_parts_have_are_named(opened: Open, tmp_path: Path) -> None:
    for folder, write in (("parts", pd.DataFrame.to_parquet), ("texts", pd.DataFrame.to_csv)):
        (tmp_path / folder).mkdir()
        ending = folder == "texts"
        for place, frame in enumerate((pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [1], "c": [3]}))):
            write(frame, tmp_path / folder / f"{place}.{'csv' if ending else 'parquet'}", index=False)
    for name in ("parts", "texts/*.csv"):
        with pytest.raises(DataError, match=r"'b'.* not in 1\..*'c'.* in 1\..* alone"):
            opened(name)


def test_text_files_with_their_columns_in_another_order_are_read_by_name(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b\n1,x\n")
    (tmp_path / "2.csv").write_text("b,a\ny,2\n")
    assert rows(opened("*.csv")) == [(1, "x"), (2, "y")]


def test_quotes_in_one_file_alone_are_quotes(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "p1.csv").write_text("n,sex\n1,M\n2,F\n")
    (tmp_path / "p2.csv").write_text('n,sex\n3,"M"\n4,"F"\n')
    assert opened("p*.csv").query("SELECT sex, count(*) FROM data GROUP BY 1 ORDER BY 1") == [("F", 2), ("M", 2)]


def test_quotes_that_come_late_are_quotes(opened: Open) -> None:
    text = "n,sex\n" + "".join(f"{n},M\n" for n in range(30_000)) + '1,"M"\n'
    assert opened("late.csv", text).query("SELECT DISTINCT sex FROM data") == [("M",)]


def test_what_spark_leaves_out_is_left_out(opened: Open, tmp_path: Path) -> None:
    for place, name in enumerate(("a", "_temporary/0/a", ".staging/a", "_b", ".c", "_kept=1/a")):
        path = tmp_path / "set" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"x": [place]}).to_parquet(path)
    assert rows(opened("set")) == [(0,), (5,)]
    assert rows(opened("set/*.parquet")) == [(0,)]
    assert rows(opened("set/_b.parquet")) == [(3,)]


def test_a_file_below_a_delta_or_iceberg_table_is_not_read_by_itself(opened: Open, tmp_path: Path) -> None:
    for kind, log in (("delta", "_delta_log"), ("iceberg", "metadata")):
        (tmp_path / kind / log).mkdir(parents=True)
        (tmp_path / kind / log / "v1.metadata.json").write_text("{}")
        (tmp_path / kind / "data").mkdir()
        pd.DataFrame({"x": [1]}).to_parquet(tmp_path / kind / "data" / "a.parquet")
    for name in ("delta/data/a.parquet", "delta/data", "iceberg", "iceberg/data/*.parquet"):
        with pytest.raises(DataError, match=r"Delta|Iceberg"):
            opened(name)


def test_of_a_delta_table_the_rows_count_that_its_log_has(tmp_path: Path) -> None:
    folder = tmp_path / "delta"
    write_deltalake(folder, pa.table({"x": [1, 2], "g": ["a", "b"]}), partition_by=["g"])
    first = Dataset.open(folder, role="evaluation")
    assert sorted(first.query("SELECT x, g FROM data")) == [(1, "a"), (2, "b")]
    write_deltalake(folder, pa.table({"x": [3], "g": ["a"]}), mode="overwrite")
    second = Dataset.open(folder, role="evaluation")
    assert sorted(second.query("SELECT x, g FROM data")) == [(3, "a")]
    assert len(list(folder.glob("*/*.parquet"))) == 3
    assert first.digest != second.digest == Dataset.open(str(folder), role="evaluation").digest


def test_a_delta_table_whose_log_is_broken_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "00000000000000000000.json").write_text("{")
    with pytest.raises(DataError, match="the Delta table cannot be read"):
        Dataset.open(tmp_path, role="evaluation")


def test_an_index_that_pandas_wrote_is_no_data(opened: Open, tmp_path: Path) -> None:
    frame = pd.DataFrame({"f": [1, 1, 2]}, index=[5, 3, 9])
    frame.to_parquet(tmp_path / "index.parquet")
    frame.rename_axis("id").to_parquet(tmp_path / "named.parquet")
    assert opened("index.csv", frame.to_csv()).columns == ("f",)
    assert opened("again.csv", "Unnamed: 0,f\n0,1\n1,1\n").columns == ("f",)
    assert opened("index.parquet").columns == ("f",)
    assert set(opened("named.parquet").columns) == {"id", "f"}
    with pytest.raises(DataError, match="column 1 has no name: it may be an index, or data"):
        opened("data.csv", ",f\n1,1\n1,1\n")


def test_text_with_a_zero_byte_is_whole_or_refused(opened: Open) -> None:
    try:
        assert rows(opened("zero.csv", "n,g\n1,a\x00b\n2,a\n")) == [(1, "a\x00b"), (2, "a")]
    except DataError as error:
        assert "the text holds a zero byte, at which pandas ends a cell" in str(error)


# Cells ----------------------------------------------------------------------------------------------------------------

CELLS: dict[str, tuple[list[str], str, list[Any]]] = {
    "whole numbers beyond 64 bits": (["9223372036854775809", "-1"], "DECIMAL(38,0)", [9223372036854775809, -1]),
    "whole numbers beyond 38 digits": (["1" * 40, "2"], "VARCHAR", ["1" * 40, "2"]),
    "zeros that lead": (["007", "12"], "VARCHAR", ["007", "12"]),
    "signs and spaces": (["+5", " 6"], "BIGINT", [5, 6]),
    "an infinity": (["1.5", "inf", "-Infinity"], "DOUBLE", [1.5, float("inf"), float("-inf")]),
    "not a number": (["1.5", "nan"], "DOUBLE", [1.5, None]),
    "truth values": (["True", "False"], "BOOLEAN", [True, False]),
    "underscores": (["1_000", "2_000"], "VARCHAR", ["1_000", "2_000"]),
    "other bases": (["0x1F", "0b11"], "VARCHAR", ["0x1F", "0b11"]),
    "words of databases": (["epoch", "infinity"], "VARCHAR", ["epoch", "infinity"]),
    "versions": (["1.1.10", "1.1.11"], "VARCHAR", ["1.1.10", "1.1.11"]),
    "days of two digits": (["10-11-12", "09-08-07"], "VARCHAR", ["10-11-12", "09-08-07"]),
    "times with a zone": (["2026-01-01 01:00:00+01:00", "2026-01-01T00:00:00Z"], "TIMESTAMP WITH TIME ZONE", []),
    "the day first": (["31/01/2026", "01/02/2026"], "TIMESTAMP", [pd.Timestamp(2026, 1, 31), pd.Timestamp(2026, 2, 1)]),
    "the month first": (
        ["01/31/2026", "01/02/2026"],
        "TIMESTAMP",
        [pd.Timestamp(2026, 1, 31), pd.Timestamp(2026, 1, 2)],
    ),
    "a number that no double holds": (["1e400", "1"], "VARCHAR", ["1e400", "1"]),
    "powers of ten": (["1e3", "5"], "DOUBLE", [1000.0, 5.0]),
    "marks in text": (["NA", "Oslo"], "VARCHAR", ["NA", "Oslo"]),
}


@pytest.mark.parametrize("case", CELLS)
def test_cells_are_read_as_they_stand(opened: Open, case: str) -> None:
    cells, kind, values = CELLS[case]
    data = opened("cells.csv", "n;x\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells)))
    assert data.type("x") == kind
    if kind.endswith("ZONE"):
        assert data.query("SELECT DISTINCT epoch(x) FROM data") == [(1767225600.0,)]
    else:
        assert [x for (x,) in data.query("SELECT x FROM data ORDER BY n")] == values


DOUBTS = {
    "whole numbers that doubles round": (
        ["9007199254740993.0", "1.0"],
        "so that whole numbers beyond 64 bits stay exact",
    ),
    "days and months": (["01/02/2026", "03/04/2026"], "day first, or as dates with the month first"),
    "both orders": (["13/01/2026", "01/13/2026"], "more than one way"),
    "decimal commas": (["1237,73", "1543,6"], "decimal comma, or as text"),
    "thousands": (["1,234", "5,678"], "decimal comma, or as whole numbers whose thousands"),
    "points": (["1.234,5", "7,5"], "thousands are set apart"),
    "a mark": (["1.5", "NA"], "a missing value, or as text"),
    "truth and a mark": (["True", "None"], "a missing value, or as text"),
    "a zone here and there": (["2026-01-01 00:00:00", "2026-01-01 00:00:00Z"], "lack their zone"),
    "quotes": (["'M'", "'F'"], "single quotes"),
    "large numbers and fractions": (["9223372036854775809", "1.5"], "rounded to 15 digits, or as text"),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_a_column_with_two_readings_names_both_where_it_is_used_and_nowhere_else(opened: Open, case: str) -> None:
    cells, words = DOUBTS[case]
    data = opened("cells.csv", "n;x\n" + "".join(f"{n};{cell}\n" for n, cell in enumerate(cells)))
    assert data.kind("n") == "numeric"
    for use in (lambda: data.kind("x"), lambda: data.require("x"), lambda: data.arrow(["x"])):
        with pytest.raises(DataError, match=words) as caught:
            use()
        assert "data schema propose" in str(caught.value.remedy)


REFUSED = {
    "no header": ("1,2,0\n3,4,1\n", "line 1 may be the header or the first row"),
    "no header of words": ("M,yes\nF,no\nM,no\nF,yes\n", "line 1 may be the header or the first row"),
    "a comment": ("# made by me\na,b\n1,2\n", "line 1 may be a comment or the header"),
    "two headers": ("a,b\n1,2\na,b\n3,4\n", "line 1 stands 1 more times below: .* or it is the first row"),
    "two headers of words": ("a,b\nx,y\na,b\nx,z\n", "line 1 stands 1 more times below: .* or it is the first row"),
    "a line cut short": ("a,b\n1,2\n3\n", "lines differ in length"),
    "a column without a name": ("a,,b\n1,2,3\n", "column 2 has no name"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_with_two_readings_is_refused(opened: Open, case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(DataError, match=words):
        opened("file.csv", text)


def test_what_the_first_rows_say_is_checked_in_all_of_them(opened: Open) -> None:
    text = "a,b,c\n" + "1,2026-01-01,1.5\n" * 10_500 + "x,2026-01-01 01:00:00,9\n"
    data = opened("late.csv", text)
    assert [data.type(name) for name in data.columns] == ["VARCHAR", "TIMESTAMP", "DOUBLE"]
    assert data.query("SELECT count(*), max(a), max(c) FROM data") == [(10_501, "x", 9.0)]


def test_frames_keep_large_whole_numbers(tmp_path: Path) -> None:
    large = 2**63 + 1
    for frame in (pd.DataFrame({"x": [large, None, -1]}, dtype=object), pl.DataFrame({"x": [large, None]})):
        data = Dataset.open(frame, role="evaluation")
        assert (large,) in data.query("SELECT x FROM data")
        assert data.kind("x") == "numeric"


def test_lines_of_json_are_read_by_every_engine_alike(opened: Open) -> None:
    data = opened("log.jsonl", '{"id": 9223372036854775809, "x": "NA"}\n{"id": 2, "x": "b"}\n')
    assert sorted(int(n) for (n,) in data.query("SELECT id FROM data")) == [2, 9223372036854775809]
