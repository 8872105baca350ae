"""A folder's name is no data: it neither replaces a column nor adds one, on any engine and by any way in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from aims_gates import DataError, Dataset
from aims_gates.data._spark.engine import session

#: Columns that a reader might make of a folder's or a file's name, or of a row's place.
FRAME = pd.DataFrame({
    "race": ["Black", "Asian"], "n": [1, 2], "filename": ["a", "b"], "file_row_number": [7, 8], "file_index": [5, 6],
})  # fmt: skip
ROWS = [tuple(row) for row in FRAME.itertuples(index=False)]
ENGINES = ["duckdb", "pandas", "polars"]


def _written(folder: Path) -> None:
    """The same rows below ``race=White/run=6``, as Parquet and as text."""
    below = folder / "race=White" / "run=6"
    below.mkdir(parents=True)
    FRAME.to_parquet(below / "a.parquet")
    FRAME.to_csv(below / "a.csv", index=False)
    FRAME.to_csv(below / "a.csv.gz", index=False)


WAYS = {
    "a file": "race=White/run=6/a.parquet",
    "a folder above": ".",
    "the folder of the key": "race=White",
    "a pattern": "race=*/run=*/*.parquet",
    "a pattern at every depth": "**/*.parquet",
    "text": "race=White/run=6/a.csv",
    "packed text": "race=White/run=6/a.csv.gz",
    "text by a pattern": "race=*/run=*/a.csv",
}


def _same(data: Dataset) -> None:
    assert data.columns == tuple(FRAME.columns)
    assert data.query("SELECT * FROM data ORDER BY n") == ROWS


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", WAYS)
def test_a_folders_name_neither_replaces_nor_adds_a_column(
    way: str, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(tmp_path)
    _same(Dataset.open(str(tmp_path / WAYS[way]), role="evaluation", engine=engine))
    monkeypatch.chdir(tmp_path)
    _same(Dataset.open(WAYS[way], role="evaluation", engine=engine))
    monkeypatch.chdir(tmp_path / "race=White" / "run=6")
    _same(Dataset.open(f"../../{WAYS[way]}", role="evaluation", engine=engine))
    if "run=6/" in WAYS[way]:
        _same(Dataset.open(Path(WAYS[way]).name, role="evaluation", engine=engine))


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    yield session()
    session().stop()


@pytest.mark.spark
@pytest.mark.parametrize("way", [name for name, path in WAYS.items() if not path.endswith("gz")])
def test_a_folders_name_is_no_column_on_spark(
    way: str, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(tmp_path)
    _same(Dataset.open(str(tmp_path / WAYS[way]), role="evaluation", engine="spark"))
    monkeypatch.chdir(tmp_path / "race=White")
    _same(Dataset.open(f"../{WAYS[way]}", role="evaluation", engine="spark"))


@pytest.mark.spark
def test_an_address_that_spark_reads_itself_makes_no_column_of_a_folders_name(spark: Any, tmp_path: Path) -> None:
    _written(tmp_path)
    for path in (tmp_path, tmp_path / "race=White", tmp_path / "race=White" / "run=6" / "a.parquet"):
        for file in tmp_path.rglob("*.csv*"):
            file.unlink()
        _same(Dataset.open(f"file://{path}", role="evaluation", engine="spark"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_that_stands_in_folder_names_alone_is_missing_and_the_remedy_says_so(
    engine: Any, tmp_path: Path
) -> None:
    for group in ("White", "Black"):
        (tmp_path / f"race={group}").mkdir()
        pl.DataFrame({"n": [1, 2]}).write_parquet(tmp_path / f"race={group}" / "a.parquet")
    data = Dataset.open(tmp_path, role="evaluation", engine=engine)
    assert data.columns == ("n",) and data.rows == 4
    with pytest.raises(DataError) as caught:
        data.require("race")
    assert "race=" in str(caught.value.remedy) and "n" in str(caught.value.remedy)


ODD = ["a'b.parquet", 'a"b.parquet', "a[1].parquet", "a]b.parquet", "[!a]*.parquet", "??.parquet", "{a,b}.parquet",
       "a;b--c.parquet", "a b#1%20.parquet", "\N{GRINNING FACE}.parquet", "~.parquet", "$HOME.parquet"]  # fmt: skip


@pytest.mark.parametrize("engine", [*ENGINES, pytest.param("spark", marks=pytest.mark.spark)])
def test_a_files_name_is_a_name_and_neither_sql_nor_a_pattern(
    engine: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if engine == "spark":
        request.getfixturevalue("spark")
    for place, name in enumerate(ODD):
        pd.DataFrame({"n": [place]}).to_parquet(tmp_path / name)
        (tmp_path / f"{name}.csv").write_text(f"n\n{place}\n")
    for place, name in enumerate(ODD):
        for path in (tmp_path / name, tmp_path / f"{name}.csv"):
            data = Dataset.open(path, role="evaluation", engine=engine)
            assert data.query("SELECT n FROM data") == [(place,)], name
    whole = Dataset.open(tmp_path, role="evaluation", engine=engine)
    assert whole.query("SELECT sum(n), count(*) FROM data") == [(sum(range(len(ODD))), len(ODD))]
