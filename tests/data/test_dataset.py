"""Data sets: every kind of source reads the same, and bad ones are refused with a remedy."""

import gc
import gzip
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
from pyarrow import parquet

from aims_gates import DataError, Dataset, GateError
from aims_gates.data._duckdb import frames
from aims_gates.data._duckdb.engine import scratch
from aims_gates.data._duckdb.frames import arrow_digest

FRAME = pd.DataFrame(
    {
        "amount": [1.5, None, 3.0, 4.0],
        "group": ["a", None, "N/A", "NA"],
        'a "quoted".name 🙂': [True, False, True, True],
        "chunk": [1, 2, 3, 4],
    }
)
ODD = 'a "quoted".name 🙂'


def sources(folder: Path) -> dict[str, Any]:
    FRAME.to_csv(folder / "t.csv", index=False)
    FRAME.to_csv(folder / "t.csv.gz", index=False)
    FRAME.to_csv(folder / "semicolon.csv", index=False, sep=";")
    FRAME.to_parquet(folder / "t.parquet")
    (folder / "parts").mkdir()
    FRAME.iloc[:2].to_parquet(folder / "parts" / "0.parquet")
    FRAME.iloc[2:].to_parquet(folder / "parts" / "1.parquet")
    with duckdb.connect(str(folder / "t.db")) as connection:
        connection.execute(f"CREATE TABLE \"my table\" AS FROM '{folder / 't.parquet'}'")
    engine = sa.create_engine(f"sqlite:///{folder / 't.sqlite'}")
    FRAME.to_sql("t", engine, index=False)
    engine.dispose()
    return {
        "csv": folder / "t.csv",
        "gz": str(folder / "t.csv.gz"),
        "semicolon": folder / "semicolon.csv",
        "parquet": folder / "t.parquet",
        "folder": folder / "parts",
        "glob": str(folder / "parts" / "*.parquet"),
        "duckdb": f"duckdb:///{folder / 't.db'}#my table",
        "sqlite": f"sqlite:///{folder / 't.sqlite'}#t",
        "pandas": FRAME,
        "polars": pl.from_pandas(FRAME),
        "lazy": pl.from_pandas(FRAME).lazy(),
        "arrow": pa.Table.from_pandas(FRAME),
    }


def test_every_kind_of_source_gives_the_same_rows_kinds_and_columns(tmp_path: Path) -> None:
    for name, source in sources(tmp_path).items():
        data = Dataset.open(source, role="evaluation")
        assert data.columns == tuple(FRAME.columns), name
        assert data.rows == 4, name
        assert data.query('SELECT amount, CAST("group" AS VARCHAR) FROM data ORDER BY chunk') == [
            (1.5, "a"),
            (None, None),
            (3.0, "N/A"),
            (4.0, "NA"),
        ], name
        assert data.kind("amount") == "numeric"
        assert data.kind("group") == "categorical"
        assert data.query(f"SELECT lower(CAST({data.quote(ODD)} AS VARCHAR)) FROM data LIMIT 1")[0][0] in ("true", "1")
        assert data.digest.startswith("sha256:")


def test_not_a_number_reads_as_missing_from_every_source(tmp_path: Path) -> None:
    table = pa.table({"x": [1.0, float("nan")]})
    pq = tmp_path / "x.parquet"
    pl.from_arrow(table).write_parquet(pq)  # type: ignore[union-attr]
    for source in (table, pl.DataFrame({"x": [1.0, float("nan")]}), pq, pd.DataFrame({"x": [1.0, float("nan")]})):
        assert Dataset.open(source, role="evaluation").query("SELECT count(x), sum(x) FROM data") == [(1, 1.0)]


@pytest.mark.parametrize("value", [1.0, float("inf"), float("nan")])
def test_not_a_number_reads_as_missing_whatever_a_files_statistics_say(tmp_path: Path, value: float) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"x": [value, float("nan"), -1.0, 1.0]}), path)
    statistics = parquet.ParquetFile(path).metadata.row_group(0).column(0).statistics
    assert (statistics.null_count, statistics.max) == (0, 1.0 if np.isnan(value) else value)
    data = Dataset.open(path, role="evaluation")
    held = 2 if np.isnan(value) else 3
    assert data.query("SELECT count(x), count(*) FILTER (x IS NULL), max(x) FROM data") == [
        (held, 4 - held, 1.0 if np.isnan(value) else value)
    ]


def test_the_types_of_a_csv_are_found_in_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("code,x\n" + "1,1\n" * 50_000 + "A7,2\n")
    data = Dataset.open(path, role="evaluation")
    assert data.kind("code") == "categorical"
    assert data.kind("x") == "numeric"


@pytest.mark.parametrize("value", ["F", "T", "yes", "no", "Y", "NULL"])
def test_letters_that_look_like_truth_values_stay_text(tmp_path: Path, value: str) -> None:
    path = tmp_path / "one.csv"
    path.write_text(f"sex,n\n{value},1\n{value},2\n")
    data = Dataset.open(path, role="evaluation")
    assert data.query("SELECT DISTINCT sex FROM data") == [(value,)]


def test_a_row_that_starts_with_a_hash_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "hash.csv"
    path.write_text("a,b\n#x,1\n#y,2\nz,3\n")
    assert Dataset.open(path, role="evaluation").rows == 3


def test_the_digest_is_of_the_files_bytes_and_of_a_frames_rows(tmp_path: Path) -> None:
    made = sources(tmp_path)
    by = {name: Dataset.open(source, role="evaluation").digest for name, source in made.items()}
    assert by["csv"] != by["gz"] != by["parquet"]
    assert by["folder"] == by["glob"]
    assert by["pandas"] == by["polars"] == by["arrow"]
    chunked = pa.concat_tables([pa.Table.from_pandas(FRAME.iloc[:1]), pa.Table.from_pandas(FRAME.iloc[1:])])
    assert Dataset.open(chunked, role="evaluation").digest == by["arrow"]
    changed = FRAME.assign(amount=[1.5, None, 3.0, 4.5])
    assert Dataset.open(changed, role="evaluation").digest != by["pandas"]


def test_one_data_set_can_be_named_in_the_query_of_another() -> None:
    first = Dataset.open(pd.DataFrame({"a": [1, 2]}), role="reference")
    second = Dataset.open(pd.DataFrame({"a": [2, 3]}), role="production")
    assert second.query(f"SELECT a FROM data WHERE a NOT IN (SELECT a FROM {first.table})") == [(3,)]
    assert first.query("SELECT sum(a) FROM data") == [(3,)]


def test_times_with_a_zone_are_read_and_a_query_that_breaks_off_leaves_the_connection_free() -> None:
    times = pa.array([datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in range(20)])
    data = Dataset.open(pa.table({"t": times, "l": [[when] for when in times]}), role="evaluation")
    assert data.query("SELECT max(t), 1 FROM data") == [(datetime(2024, 1, 1, 19, tzinfo=UTC), 1)]
    assert data.query("SELECT t FROM data WHERE t > ? ORDER BY t", ["2024-01-01 17:30:00+00"])[0][0].hour == 18
    with suppress(DataError):  # without the package pytz
        data.query("SELECT l FROM data")
    assert data.query("SELECT count(*) FROM data") == [(20,)]


def test_a_query_that_does_not_fit_is_the_gates_fault() -> None:
    with pytest.raises(GateError, match="does not fit"):
        Dataset.open(FRAME, role="evaluation").query("SELECT nothing_like_it FROM data")


def test_a_missing_column_is_an_error_that_names_it_and_those_there_are() -> None:
    with pytest.raises(DataError, match="no column 'age'") as caught:
        Dataset.open(FRAME, role="evaluation").require("amount", "age")
    assert "amount, group" in str(caught.value.remedy)


def test_a_column_that_stands_twice_may_not_be_named_but_others_may(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("id,score,Score,x\n1,2,3,4\n")
    data = Dataset.open(path, role="evaluation")
    data.require("id", "x")
    for name in ("score",):
        with pytest.raises(DataError, match="is there twice"):
            data.require(name)
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(DataError, match="is there twice"):
        Dataset.open(frame, role="evaluation").require("a")


def test_a_row_without_a_value_makes_a_column_incomplete() -> None:
    data = Dataset.open(pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, None]}), role="evaluation")
    data.complete("a")
    with pytest.raises(DataError, match="2 rows have no value in 'b'"):
        data.complete("a", "b")
    with pytest.raises(DataError, match="no column 'c'"):
        data.complete("c")


def test_a_set_without_rows_and_a_column_without_values_are_refused(tmp_path: Path) -> None:
    (tmp_path / "head.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="no rows"):
        Dataset.open(tmp_path / "head.csv", role="evaluation").require("a")
    data = Dataset.open(pd.DataFrame({"a": [1, 2], "b": [None, None]}), role="evaluation")
    data.require("a")
    data.require("b", values=False)
    with pytest.raises(DataError, match="'b' of the evaluation data holds no value"):
        data.require("a", "b")


def bad_files(folder: Path) -> dict[str, tuple[Any, str]]:
    (folder / "empty.csv").write_text("")
    (folder / "caret.csv").write_text("a^b\n1^2\n3^4\n")
    (folder / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n4\n")
    (folder / "latin.csv").write_bytes("name,b\nJosé,1\n".encode("latin-1"))
    (folder / "utf16.csv").write_bytes("a,b\n1,2\n".encode("utf-16"))
    (folder / "cut.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 1000)[:40])
    (folder / "book.csv").write_bytes(b"PK\x03\x04rest")
    (folder / "text.parquet").write_text("a,b\n1,2\n")
    FRAME.to_parquet(folder / "whole.parquet")
    (folder / "cut.parquet").write_bytes((folder / "whole.parquet").read_bytes()[:-20])
    (folder / "nothing").mkdir()
    (folder / "noise.csv").write_bytes(bytes(range(1, 256)) * 20)
    for kind, other in (("names", {"b": [1]}), ("types", {"a": ["x"]})):
        (folder / kind).mkdir()
        pd.DataFrame({"a": [1, 2]}).to_parquet(folder / kind / "0.parquet")
        pd.DataFrame(other).to_parquet(folder / kind / "1.parquet")
    with duckdb.connect(str(folder / "t.db")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    return {
        "missing": (folder / "missing.csv", "no such file"),
        "glob": (str(folder / "*.feather"), "no file matches"),
        "folder": (folder / "nothing", "no .parquet"),
        "empty": (folder / "empty.csv", "empty"),
        "caret": (folder / "caret.csv", "delimiter"),
        "ragged": (folder / "ragged.csv", "delimiter"),
        "latin": (folder / "latin.csv", "UTF-8"),
        "utf16": (folder / "utf16.csv", "UTF-8"),
        "gz": (folder / "cut.csv.gz", "cut short"),
        "excel": (folder / "book.csv", "Excel"),
        "noise": (folder / "noise.csv", "as one table"),
        "names": (folder / "names", "not hold the same columns"),
        "types": (folder / "types", ""),
        "text": (folder / "text.parquet", "no Parquet"),
        "cut": (folder / "cut.parquet", "cut short"),
        "no table": (f"duckdb:///{folder / 't.db'}", "not named"),
        "wrong table": (f"duckdb:///{folder / 't.db'}#u", "no table"),
        "no database": ("duckdb:///nowhere.db#t", "no such database"),
        "no sqlite": (f"sqlite:///{folder / 'nowhere.sqlite'}#t", "no such database"),
        "web": ("https://example.org/a.parquet", "https addresses are not read"),
        "bucket": ("s3://bucket/a.parquet", "s3 addresses are not read"),
        "wrong address": ("nonsense://x#t", "cannot be read"),
        "mixed": (pd.DataFrame({"a": [1, "x"]}), "mixed types"),
        "no columns": (pd.DataFrame(), "no columns"),
        "no frame": ({"a": 1}, "cannot be read as a table"),
    }


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_bad_input_is_an_error_with_place_and_remedy(tmp_path: Path, engine: Any) -> None:
    for name, (source, words) in bad_files(tmp_path).items():
        if engine != "duckdb" and "://" in str(source):
            continue
        with pytest.raises(DataError) as caught:
            Dataset.open(source, role="evaluation", engine=engine).query("SELECT count(a) FROM data")
        assert words in caught.value.message, name
        assert caught.value.remedy, name
        assert caught.value.where, name


def test_a_password_is_never_shown() -> None:
    with pytest.raises(DataError) as caught:
        Dataset.open("postgresql+nodriver://me:secret@localhost/x#t", role="evaluation")
    assert "secret" not in str(caught.value)


def test_text_is_parsed_once_and_what_was_written_goes_with_the_set(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_text("a,it's\n1,x\n2,\n")
    before = set(scratch().iterdir())
    data = Dataset.open(path, role="evaluation")
    path.unlink()
    assert data.query("FROM data") == [(1, "x"), (2, None)]
    (written,) = set(scratch().iterdir()) - before
    assert written.suffix == ".parquet"
    del data
    gc.collect()
    assert not written.exists()


def test_a_csv_file_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "big.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"".join(b"%d,x%d\n" % (n, n * n) for n in range(50_000)))[:-40])
    before = set(scratch().iterdir())
    with pytest.raises(DataError):
        Dataset.open(path, role="evaluation")
    assert set(scratch().iterdir()) == before


@pytest.mark.parametrize("rows", [0, 1, 65_535, 65_536, 131_073])
def test_the_digest_of_rows_hangs_on_the_rows_and_not_on_their_chunks(rows: int) -> None:
    table = pa.table({
        "n": pa.array([None if n % 5 == 0 else n / 2 for n in range(rows + 7)], pa.float64()),
        "t": pa.array([None if n % 3 == 0 else f"v{n}" for n in range(rows + 7)], pa.string()),
        "b": pa.array([n % 7 == 0 for n in range(rows + 7)], pa.bool_()),
    })  # fmt: skip
    part = table.slice(7)
    cuts = [0, rows // 3, rows // 3 + 1, rows]
    pieces = [part.slice(begin, end - begin).combine_chunks() for begin, end in pairwise(cuts)]
    found = {arrow_digest(each) for each in (part, part.combine_chunks(), pa.concat_tables(pieces))}
    assert len(found) == 1
    if rows:
        other = part.set_column(1, "t", pc.utf8_upper(part["t"])) if rows > 2 else part.slice(1)
        assert arrow_digest(other) not in found


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "+05:30"])
def test_times_with_a_zone_come_over_as_pyarrow_would_bring_them_without_its_warning(zone: str, unit: str) -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01 12:00:01", "2026-07-02 03:04:05", None])).dt.tz_localize("UTC")
    zoned = times.dt.tz_convert(zone).dt.as_unit(unit)
    with warnings.catch_warnings():  # pandas 3.1 deprecates what pyarrow asks it for
        warnings.simplefilter("ignore")
        expected = pa.array(zoned, from_pandas=True)
    table = frames._arrow(pd.DataFrame({"at": zoned}))
    assert table.column("at").combine_chunks().equals(expected) and table.schema.field("at").type == expected.type


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl", "latin.csv", "folder"])
def test_a_file_that_changes_after_it_was_opened_has_no_digest(tmp_path: Path, name: str) -> None:
    path, schema = tmp_path / name, {"fields": [{"name": "x", "type": "integer"}], "encoding": "latin-1"}

    def write(value: int) -> None:
        frame = pd.DataFrame({"x": [value, 2]})
        if name.endswith("csv"):
            frame.to_csv(path, index=False)
        elif name.endswith("jsonl"):
            frame.to_json(path, orient="records", lines=True)
        else:
            file = path / "part.parquet" if name == "folder" else path
            file.parent.mkdir(exist_ok=True)
            frame.to_parquet(file)

    def opened() -> Dataset:
        return Dataset.open(path, role="evaluation", schema=schema if name == "latin.csv" else None)

    write(1)
    before = opened()
    write(3)
    for _ in range(2):
        with pytest.raises(DataError, match="changed after it was opened"):
            _ = before.digest
    assert opened().digest.startswith("sha256:")
