"""A query reaches the data sets that are open and nothing else: no other file, no extension, no setting."""

import gc
import os
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from aims_gates import AimsGatesError, Dataset, GateError
from aims_gates.data._duckdb.engine import connection, lock, scratch

FRAME = pd.DataFrame({"n": [1, 2, 3]})
SECRET = "nobody's business"


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """One set in a folder that holds more than the set."""
    FRAME.to_parquet(tmp_path / "open.parquet")
    FRAME.to_parquet(tmp_path / "other.parquet")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "link.txt").symlink_to(tmp_path / "secret.txt")
    with duckdb.connect(str(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS n")
    return Dataset.open(tmp_path / "open.parquet", role="evaluation")


HOSTILE = {
    "a file of the machine": "SELECT content FROM read_text('/etc/passwd')",
    "a file beside the set": "SELECT content FROM read_text('{folder}/secret.txt')",
    "by a link": "SELECT content FROM read_text('{folder}/link.txt')",
    "by way of the set's own name": "SELECT content FROM read_text('{folder}/open.parquet/../secret.txt')",
    "another data set": "SELECT n FROM '{folder}/other.parquet'",
    "a pattern": "SELECT n FROM read_parquet('{folder}/*.parquet')",
    "as text": "SELECT * FROM read_csv('/etc/passwd')",
    "as bytes": "SELECT content FROM read_blob('/etc/passwd')",
    "a listing": "SELECT file FROM glob('/etc/*')",
    "another machine": "SELECT * FROM read_csv('https://127.0.0.1:1/x.csv')",
    "a bucket": "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "an extension by use": "SELECT * FROM sqlite_scan('{folder}/other.db', 't')",
    "an extension": "LOAD httpfs",
    "an extension from elsewhere": "INSTALL httpfs FROM community",
    "another database": "ATTACH '{folder}/other.db' AS other",
    "a second statement": "SELECT 1; SELECT 2",
    "a file to write": "COPY (SELECT 1) TO '{folder}/made.csv'",
    "the set itself to write": "COPY (SELECT 9 AS n) TO '{folder}/open.parquet' (FORMAT parquet, USE_TMP_FILE false)",
    "the scratch folder to write": "COPY (SELECT 9 AS n) TO '{scratch}/made.parquet' (FORMAT parquet)",
    "a setting": "SET enable_external_access = true",
    "a setting of memory": "SET memory_limit = '1TB'",
    "a variable of the caller": "SELECT * FROM frame_of_the_caller",
    "a table of its own": "CREATE TABLE memory.main.kept AS SELECT 1",
    "an export": "EXPORT DATABASE '{folder}/made'",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_query_reaches_nothing_but_the_open_sets(what: str, data: Dataset, tmp_path: Path) -> None:
    frame_of_the_caller = FRAME
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    kept = set(scratch().iterdir())
    sql = HOSTILE[what].format(folder=tmp_path, scratch=scratch())
    with pytest.raises(AimsGatesError) as caught:
        data.query(sql)
    assert caught.value.remedy and SECRET not in str(caught.value) and len(frame_of_the_caller) == 3
    with pytest.raises(AimsGatesError):
        list(data.batches(sql))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert set(scratch().iterdir()) == kept
    assert data.query("SELECT sum(n) FROM data") == [(6,)]


@pytest.mark.parametrize("what", HOSTILE)
def test_the_database_itself_refuses_too_whoever_runs_the_statement(what: str, data: Dataset, tmp_path: Path) -> None:
    allowed = ("a second statement", "a table of its own", "the scratch folder to write", "the set itself to write")
    if what in allowed:
        pytest.skip("Statements of our own do this.")
    with lock, pytest.raises(duckdb.Error):
        connection().execute(HOSTILE[what].format(folder=tmp_path, scratch=scratch()))


def test_the_settings_are_what_the_threat_table_says() -> None:
    with lock:
        found = dict(connection().execute("SELECT name, value FROM duckdb_settings()").fetchall())
    for name in ("enable_external_access", "autoinstall_known_extensions", "autoload_known_extensions"):
        assert found[name] == "false", name
    assert found["allow_community_extensions"] == found["allow_unsigned_extensions"] == "false"
    assert found["allow_persistent_secrets"] == found["python_enable_replacements"] == "false"
    assert found["lock_configuration"] == "true"


def test_sets_opened_one_after_the_other_stay_open_together_and_one_that_is_gone_is_closed(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.to_csv(tmp_path / "b.csv", index=False)
    with duckdb.connect(str(tmp_path / "c.db")) as other:
        other.execute("CREATE TABLE t AS SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'd.sqlite'}")
    FRAME.to_sql("t", engine, index=False)
    engine.dispose()
    FRAME.to_parquet(tmp_path / "e.parquet")
    given = (tmp_path / "a.parquet", tmp_path / "b.csv", f"duckdb:///{tmp_path / 'c.db'}#t",
             f"sqlite:///{tmp_path / 'd.sqlite'}#t", FRAME, tmp_path / "e.parquet")  # fmt: skip
    sets: list[Any] = [Dataset.open(source, role="evaluation") for source in given]
    joined = " JOIN ".join([sets[0].table, *(f"{each.table} USING (n)" for each in sets[1:])])
    assert sets[0].query(f"SELECT sum(n) FROM {joined}") == [(6,)]
    assert all(each.query("SELECT sum(n) FROM data") == [(6,)] for each in sets)
    sets.clear()
    gc.collect()
    other_set = Dataset.open(_elsewhere(tmp_path), role="evaluation")
    for name in ("a.parquet", "e.parquet", "c.db"):
        with lock, pytest.raises(duckdb.Error, match="disabled by configuration"):
            connection().execute(f"SELECT * FROM read_blob('{tmp_path / name}')")
    assert other_set.query("SELECT sum(n) FROM data") == [(6,)]


def _elsewhere(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    FRAME.to_parquet(folder / "elsewhere" / "f.parquet")
    return folder / "elsewhere" / "f.parquet"


def test_a_living_set_whose_file_is_gone_is_an_error_of_its_own_alone(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "gone.parquet")
    gone = Dataset.open(tmp_path / "gone.parquet", role="reference")
    (tmp_path / "gone.parquet").unlink()
    other = Dataset.open(_elsewhere(tmp_path), role="evaluation")
    assert other.query("SELECT sum(n) FROM data") == [(6,)]
    with pytest.raises(AimsGatesError, match="is gone"):
        gone.query("SELECT sum(n) FROM data")


ODD = ['a"b', "a'b", "a]b", "a;b--", "a) FROM data; DROP SCHEMA memory.main; --", "%s", "{n}", "data", "*", "a\\'b"]


def test_a_columns_name_is_a_name_and_never_sql(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: [place] for place, name in enumerate(ODD)})
    frame.to_parquet(tmp_path / "odd.parquet")
    frame.to_csv(tmp_path / "odd.csv", index=False)
    for source in (frame, tmp_path / "odd.parquet", tmp_path / "odd.csv"):
        data = Dataset.open(source, role="evaluation")
        for place, name in enumerate(ODD):
            assert data.query(f"SELECT {data.quote(name)} FROM data") == [(place,)], name
            assert data.arrow([name]).column(0).to_pylist() == [place]


def test_a_table_of_a_database_may_have_any_name(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "odd'.db")) as other:
        for place, name in enumerate(ODD):
            other.execute("CREATE TABLE " + Dataset.quote(name) + f" AS SELECT {place} AS n")
    for place, name in enumerate(ODD):
        if "." not in name:
            data = Dataset.open(f"duckdb:///{tmp_path / chr(111)}dd'.db#{name}", role="evaluation")
            assert data.query("SELECT n FROM data") == [(place,)]


@pytest.mark.spark
def test_a_query_on_spark_reads_no_file_and_is_one_select(tmp_path: Path) -> None:
    from aims_gates.data._spark.engine import session

    FRAME.to_parquet(tmp_path / "open.parquet")
    FRAME.to_parquet(tmp_path / "other.parquet")
    data = Dataset.open(tmp_path / "open.parquet", role="evaluation", engine="spark")
    try:
        for sql in (
            f"SELECT n FROM read_parquet('{tmp_path}/other.parquet')",
            "SELECT * FROM read_csv('/etc/passwd')",
            f'SELECT n FROM parquet."{tmp_path}/other.parquet"',
            f'SELECT * FROM text."{os.devnull}"',
            "SELECT 1; SELECT 2",
            f"CREATE TABLE t USING parquet LOCATION '{tmp_path}/other.parquet'",
            "SELECT reflect('java.lang.System', 'getenv', 'HOME') FROM data",
            "SELECT java_method('java.lang.System', 'getProperty', 'user.home') FROM data",
            "DROP VIEW data",
        ):
            with pytest.raises(GateError):
                data.query(sql)
        assert data.query("SELECT sum(n) FROM data") == [(6,)]
    finally:
        session().stop()
