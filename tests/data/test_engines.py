"""Every computed gate says the same wherever the data live: a DuckDB file, pandas, Polars and Spark."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from aims_gates import Case, DataError, Dataset, GateError, InputError
from aims_gates.data._spark.engine import session
from aims_gates.documents.strict_yaml import read
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.packs.find import find_gates

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
GATES = (
    "data_quality",
    "drift",
    "explainability",
    "fairness",
    "leakage",
    "performance",
    "privacy",
    "provenance",
    "representativeness",
    "robustness",
    "security",
    "uncertainty",
)
COMPAS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "compas"
RACE, CITY = 'race "a".b 🙂', "chunk"


@pytest.fixture(scope="module", autouse=True)
def _light(request: pytest.FixtureRequest) -> Iterator[None]:
    """A Spark that starts fast: no query here runs long enough to be worth compiling well."""
    if shutil.which("java") is None or not any(_on_spark(item, request) for item in request.session.items):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        spark = session()
    spark.conf.set("spark.sql.codegen.wholeStage", "false")
    spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    spark.conf.set("spark.sql.shuffle.partitions", "1")
    yield
    spark.stop()


def _on_spark(item: pytest.Item, request: pytest.FixtureRequest) -> bool:
    return item.path == request.path and item.get_closest_marker("spark") is not None


def people(rows: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    """Rows with all that makes engines differ: missing values, NaN, ties, weights, odd names, texts that sort badly."""
    random = np.random.default_rng(seed)
    score = np.round(random.beta(2, 3, rows), 3)
    wide = random.normal(shift, 1, rows)
    wide[random.random(rows) < 0.1] = np.nan
    start = np.datetime64("2025-01-01T00:00:00")
    frame = pd.DataFrame(
        {
            "id": np.arange(rows),
            "y": (random.random(rows) < score).astype(int),
            "d": (score >= 0.5).astype(int),
            "s": score,
            "w": np.round(random.random(rows) + 0.5, 2),
            RACE: random.choice(["Öst", "it's", 'say "x"', "éa", "Za", ""], rows, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]),
            CITY: random.choice([1.0, 2.5, 1e20, 1e-7], rows),
            "sensitive": random.random(rows) < 0.4,
            "wide": wide,
            "few": random.integers(0, 4, rows),
            "when": start + random.integers(0, 120 * 86_400, rows).astype("timedelta64[s]"),
            "note": [f"text {value}" * (value % 3 + 1) for value in random.integers(0, 10**6, rows)],
        }
    )
    frame.loc[random.random(rows) < 0.03, RACE] = None
    return frame


def _suite() -> list[dict[str, Any]]:
    return [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": RACE, "mostly": 0.9}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "s", "min_value": 0.1, "max_value": 0.9}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "few", "value_set": [0, 1, 2]}},
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "wide", "min_value": -1, "max_value": 1}},
        {"type": "expect_column_median_to_be_between", "kwargs": {"column": "s", "min_value": 0, "max_value": 1}},
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "note", "regex": "^text [0-9]+"}},
        {"type": "expect_column_value_lengths_to_be_between", "kwargs": {"column": "note", "max_value": 20}},
        {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "id"}},
    ]


def _perturbed() -> pd.DataFrame:
    frame = people(900, 1).assign(s=lambda f: f["s"] * 0.98)
    frame.loc[frame.index % 31 == 0, "d"] = 1 - frame["d"]
    return frame


def _attacks() -> pd.DataFrame:
    random = np.random.default_rng(4)
    names = random.choice(["jail.break", 'in"ject', "ü"], 900)
    return pd.DataFrame(
        {"class": names, "won": random.random(900) < 0.02, "prompt": random.integers(0, 400, 900).astype(str)}
    )


def _reasons(seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    codes = np.array(["income", "débt ", "", None, "R.4"], dtype=object)
    listed = {f"reason_{place}": random.choice(codes, 900) for place in (1, 2, 3)}
    return pd.DataFrame({"id": np.arange(900).astype(float), **listed})


def large() -> Mapping[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Gate -> data, roles, parameters."""
    base = people(900, 1)
    who = {"target": ["y"], "prediction": ["d"], "score": ["s"]}
    moved = people(900, 2, 0.4).replace({RACE: {"Za": "neu 🙂"}})
    methods = {"wide": "ks", "s": "wasserstein", "w": "psi", "note": "hellinger", RACE: "chisquare", "when": "ks"}
    return {
        "fairness": (
            {"evaluation": base},
            {**who, "sensitive": [RACE, "sensitive"], "weight": ["w"]},
            {"control": [CITY], "min_group_size": 20},
        ),
        "drift": ({"reference": base, "production": moved}, {"id": ["id"]}, {"method": methods}),
        "performance": (
            {"evaluation": base, "champion": _perturbed()},
            {**who, "slice": [RACE, CITY], "weight": ["w"]},
            {},
        ),
        "data_quality": ({"evaluation": base}, {"target": ["y"], "timestamp": ["when"]}, {"suite": _suite()}),
        "representativeness": ({"evaluation": moved, "reference": base}, {"sensitive": [RACE, CITY]}, {}),
        "leakage": (
            {"evaluation": pd.concat([people(500, 3), base.iloc[:40]]), "reference": base},
            {"target": ["y"], "prediction": ["d"], "score": ["s"], "timestamp": ["when"], "id": ["id"]},
            {},
        ),
        "privacy": (
            {"evaluation": base, "members": _perturbed()},
            {"target": ["y"], "score": ["s"]},
            {
                "quasi_identifiers": [RACE, CITY],
                "confidential": ["y"],
                "limits": {"membership_auc": {"op": "<=", "value": 0.6}},
            },
        ),
        "robustness": ({"evaluation": base, "perturbed": _perturbed()}, who, {}),
        "security": (
            {"attacks": _attacks()},
            {"attack_class": ["class"], "succeeded": ["won"], "prompt": ["prompt"]},
            {},
        ),
        "uncertainty": ({"evaluation": base}, {"target": ["y"], "score": ["s"]}, {}),
        "explainability": (
            {"evaluation": base, "explanations": _reasons(5), "explanations_again": _reasons(6)},
            {"id": ["id"], "prediction": ["d"]},
            {"codes": ["income", "débt"]},
        ),
    }


def found(gate: str, sets: Mapping[str, Dataset], roles: Mapping[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The findings as they stand in JSON, without the words that say where a set lies."""
    manifest = find_gates()[gate]
    params = manifest.params(more.pop("params", None) or {}, "test")
    case = Case(gate, params, {role: tuple(names) for role, names in roles.items()}, dict(sets), NOW, **more)
    listed = [asdict(finding) for finding in run_gate(manifest, case)]
    for finding in listed:
        for role, data in sets.items():
            finding["note"] = finding["note"] and finding["note"].replace(data.where, role)
    return listed


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def compare(expected: list[dict[str, Any]], actual: list[dict[str, Any]], what: str) -> None:
    for one, other in zip(expected, actual, strict=False):
        assert alike(one, other), f"{what}:\n{one}\n{other}"
    assert len(expected) == len(actual), what


def _opened(frame: pd.DataFrame, role: str, engine: str, folder: Path) -> Dataset:
    path = folder / f"{role}.parquet"
    if engine == "pandas":
        return Dataset.open(frame, role=role)
    if engine == "polars":
        return Dataset.open(pl.from_pandas(frame.reset_index(drop=True)).lazy(), role=role)
    if not path.exists():
        frame.reset_index(drop=True).to_parquet(path)
    return Dataset.open(path, role=role, engine="spark" if engine == "spark" else "duckdb")


def _large(gate: str, engine: str, folder: Path, **more: list[str]) -> list[dict[str, Any]]:
    data, roles, params = large()[gate]
    roles = {**roles, **more}
    sets = {role: _opened(frame, role, engine, folder) for role, frame in data.items()}
    return found(gate, sets, roles, params=params)


@pytest.mark.parametrize("gate", large())
def test_a_larger_case_says_the_same_of_frames_and_of_a_file(gate: str, tmp_path: Path) -> None:
    file = _large(gate, "duckdb", tmp_path)
    assert any(finding["value"] is not None for finding in file), file
    for engine in ("pandas", "polars"):
        compare(file, _large(gate, engine, tmp_path), f"{gate} on {engine}")


@pytest.mark.spark
@pytest.mark.parametrize("gate", large())
def test_a_larger_case_says_the_same_on_spark(gate: str, tmp_path: Path) -> None:
    compare(_large(gate, "duckdb", tmp_path), _large(gate, "spark", tmp_path), gate)


@pytest.mark.spark
@pytest.mark.parametrize("gate", ["fairness", "performance", "uncertainty", "robustness"])
def test_rows_that_go_together_say_the_same_on_spark(gate: str, tmp_path: Path) -> None:
    clustered = [_large(gate, engine, tmp_path, cluster=["few"]) for engine in ("duckdb", "spark")]
    assert all(finding["outcome"] != "error" for finding in clustered[0])
    compare(*clustered, gate)


def _sample(gate: str, name: str, engine: str) -> list[dict[str, Any]]:
    path = find_gates()[gate].folder / "samples" / name
    content = read(path).value
    sets = {}
    for role, given in (content.get("data") or {}).items():
        place = path.parent / given if isinstance(given, str) else pd.DataFrame({k: list(v) for k, v in given.items()})
        sets[role] = Dataset.open(place, role=role, engine=engine)  # type: ignore[arg-type]
    more = {"records": content.get("records") or {}, "params": content.get("params")}
    return found(gate, sets, content.get("roles") or {}, **more)


def _samples(gate: str) -> list[str]:
    return sorted(path.name for path in (find_gates()[gate].folder / "samples").glob("*.yaml"))


@pytest.mark.parametrize("gate", GATES)
def test_every_sample_says_the_same_read_by_pandas_and_by_polars(gate: str) -> None:
    for name in _samples(gate):
        expected = _sample(gate, name, "duckdb")
        for engine in ("pandas", "polars"):
            compare(expected, _sample(gate, name, engine), f"{gate}/{name} on {engine}")


@pytest.mark.spark
@pytest.mark.parametrize("gate", GATES)
def test_a_sample_that_passes_and_one_that_fails_say_the_same_on_spark(gate: str) -> None:
    seen: set[str] = set()
    for name in _samples(gate):
        outcome = read(find_gates()[gate].folder / "samples" / name).value["outcome"]
        if outcome in ("pass", "fail") and outcome not in seen:
            seen.add(outcome)
            compare(_sample(gate, name, "duckdb"), _sample(gate, name, "spark"), f"{gate}/{name}")


# What is particular to Spark ------------------------------------------------------------------------------------------

ODD = pd.DataFrame(
    {
        "a": [1.5, None, 1e20, 1e-7, 12345678.5, float("inf")],
        'q "x".`y` 🙂': ["a", "b", None, "ü", "NA", "a"],
        "n": [1, 2, 3, 4, 5, 6],
        "t": [pd.Timestamp(text) for text in ("2024-01-01", "2024-01-09 10:00:00.5", "2023-12-31", "1999-05-05")]
        + [pd.Timestamp("2024-02-29"), pd.NaT],
        "b": [True, False, None, True, True, False],
    }
)
QUERIES = (
    "SELECT CAST(a AS VARCHAR), count(*) FROM data GROUP BY 1 ORDER BY 1",
    "SELECT CAST(b AS VARCHAR), CAST(t AS VARCHAR), CAST(n AS VARCHAR) FROM data ORDER BY n",
    "SELECT time_bucket(INTERVAL '2 week', t) AS s, time_bucket(INTERVAL '3 month', t), "
    "time_bucket(INTERVAL '5 minute', t), epoch(t) FROM data ORDER BY 1, 4",
    'SELECT "q ""x"".`y` 🙂", count(*) FILTER (n > 2), isinf(max(a)), isfinite(max(a)) FROM data GROUP BY 1 ORDER BY 1',
    "SELECT n / 2, n / 0, 0 / 0, n % 2 FROM data ORDER BY n",
    "SELECT n FROM data ORDER BY a, n",
    "SELECT n FROM data ORDER BY a DESC NULLS FIRST",
    "SELECT sum(n) FILTER (b) OVER (ORDER BY a), count(*) FILTER (b) OVER (), n FROM data ORDER BY n",
    "SELECT b, median(n), quantile_cont(n, 0.25), arg_min(n, a) FROM data GROUP BY b ORDER BY b",
    "SELECT x, y, count(*) FROM (SELECT n % 3 AS x, b AS y FROM data) AS r GROUP BY GROUPING SETS ((x), (y)) "
    "ORDER BY 1, 2",
    "SELECT count(DISTINCT hash(x, y)) FROM (SELECT 1 AS x, CAST(NULL AS INTEGER) AS y UNION ALL SELECT NULL, 1 "
    "UNION ALL SELECT 1, NULL) AS r",
    "SELECT n FROM (SELECT * FROM data LIMIT 2 OFFSET 3) AS r ORDER BY n",
    "SELECT try_cast('2024' AS TIMESTAMP), try_cast('2024-01-05T10:00:00' AS TIMESTAMP), try_cast('x' AS TIMESTAMP)",
    "SELECT regexp_replace(CAST(CAST(n AS DOUBLE) AS VARCHAR), '\\.0+$', ''), lower(' Ü'), trim(' x '), length('🙂') "
    "FROM data ORDER BY n",
    "SELECT n IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, CAST(n = 1 AS TINYINT) FROM data ORDER BY n",
)


def plain(rows: list[tuple[Any, ...]]) -> str:
    return str([tuple(float(x) if isinstance(x, int | float) else x for x in row) for row in rows])


@pytest.mark.spark
@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_means_on_spark_what_it_means_on_duckdb(sql: str) -> None:
    duck, spark = (Dataset.open(ODD, role="evaluation", engine=engine) for engine in ("duckdb", "spark"))
    assert plain(spark.query(sql)) == plain(duck.query(sql))


@pytest.mark.spark
def test_what_spark_would_compute_otherwise_is_refused() -> None:
    data = Dataset.open(ODD, role="evaluation", engine="spark")
    for sql in ("SELECT unnest([1, 2]), unnest([3, 4]) FROM data", "SELECT nothing FROM data", "SELECT FROM WHERE"):
        with pytest.raises(GateError):
            data.query(sql)


@pytest.mark.spark
def test_a_spark_data_frame_stays_there_and_its_digest_knows_no_order() -> None:
    spark = session()
    rows = spark.createDataFrame(
        [(1, "a", 0.5), (2, None, float("nan")), (3, "c", 2.5)], "n INT, `g.h` STRING, x DOUBLE"
    )
    data = Dataset.open(rows, role="evaluation")
    assert (data.columns, data.type("n"), data.kind("g.h"), data.rows) == (
        ("n", "g.h", "x"),
        "INTEGER",
        "categorical",
        3,
    )
    assert data.query('SELECT count("g.h"), count(x), sum(x) FROM data') == [(2, 2, 3.0)]
    assert data.arrow(["g.h"]).to_pydict() == {"g.h": ["a", None, "c"]}
    turned = Dataset.open(rows.orderBy("n", ascending=False).repartition(3), role="evaluation")
    changed = Dataset.open(rows.selectExpr("n", "`g.h`", "x + 1 AS x"), role="evaluation")
    assert data.digest.startswith("sha256:")
    assert turned.digest == data.digest != changed.digest


@pytest.mark.spark
def test_rows_without_an_order_are_not_paired_by_place_nor_cut_by_number() -> None:
    data = Dataset.open(session().range(10).selectExpr("id AS d"), role="evaluation")
    for sql in (
        f"SELECT a.x FROM (SELECT d AS x FROM data) AS a POSITIONAL JOIN (SELECT d AS y FROM {data.table}) AS b",
        "SELECT d FROM (SELECT * FROM data LIMIT 3 OFFSET 3) AS r",
    ):
        with pytest.raises(DataError, match="no order") as caught:
            data.query(sql)
        assert caught.value.remedy and "id" in caught.value.remedy


@pytest.mark.spark
def test_sets_on_two_engines_are_not_compared_in_one_query() -> None:
    duck, spark = (Dataset.open(ODD, role="evaluation", engine=engine) for engine in ("duckdb", "spark"))
    for here, there in ((duck, spark), (spark, duck)):
        with pytest.raises(DataError, match="lies on Spark") as caught:
            here.query(f"SELECT count(*) FROM data WHERE n IN (SELECT n FROM {there.table})")
        assert "engine" in str(caught.value.remedy)


@pytest.mark.spark
def test_only_so_many_values_leave_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aims_gates.data._spark.table.MOST_VALUES", 11)
    data = Dataset.open(ODD, role="evaluation", engine="spark")
    assert data.arrow(["n"]).num_rows == 6
    for reads in (lambda: data.arrow(["n", "a"]), lambda: list(data.batches("SELECT n FROM data UNION ALL FROM data"))):
        with pytest.raises((DataError, GateError)):
            reads()
    with pytest.raises(DataError, match="12 single values") as caught:
        data.pandas(["n", "a"])
    assert "psi" in str(caught.value.remedy)


@pytest.mark.spark
def test_the_callers_session_keeps_its_settings() -> None:
    spark = session()
    zone, ansi = "spark.sql.session.timeZone", "spark.sql.ansi.enabled"
    before = spark.conf.get(zone)
    spark.conf.set(zone, "Asia/Tokyo")
    spark.conf.set(ansi, "false")
    try:
        data = Dataset.open(spark.sql("SELECT TIMESTAMP '2024-01-01 09:00:00' AS t"), role="evaluation")
        assert data.query("SELECT CAST(t AS VARCHAR), epoch(t) FROM data") == [("2024-01-01 00:00:00+00", 1704067200.0)]
        assert (spark.conf.get(zone), spark.conf.get(ansi)) == ("Asia/Tokyo", "false")
    finally:
        spark.conf.set(zone, before)
        spark.conf.set(ansi, "true")


@pytest.mark.spark
def test_rows_of_several_files_keep_their_place_whatever_the_files_are_called(tmp_path: Path) -> None:
    for place, name in enumerate(("1 a+b%20.parquet", "2 it's.parquet", "3 ü.parquet")):
        ODD.iloc[2 * place : 2 * place + 2].to_parquet(tmp_path / name)
    data = Dataset.open(tmp_path, role="evaluation", engine="spark")
    for first in (0, 1, 3):
        found = data.query(f"SELECT n FROM (SELECT * FROM data LIMIT 3 OFFSET {first}) AS r ORDER BY n")
        assert [n for (n,) in found] == [first + 1, first + 2, first + 3]


@pytest.mark.spark
def test_types_that_spark_does_not_know_keep_their_names_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "types.parquet"
    duckdb.sql(
        f"COPY (SELECT TIMESTAMP_NS '2024-01-01 00:00:00.1' AS ns, TIME '10:11:12' AS t, CAST(7 AS UBIGINT) AS u, "
        f"CAST(3 AS UTINYINT) AS small, [1, 2] AS list, CAST(1.25 AS DECIMAL(9, 2)) AS d) TO '{path}' (FORMAT parquet)"
    )
    duck, spark = (Dataset.open(path, role="evaluation", engine=engine) for engine in ("duckdb", "spark"))
    sql = f"SELECT {', '.join(f'CAST({duck.quote(name)} AS VARCHAR)' for name in duck.columns[1:])} FROM data"
    assert spark.query(sql) == duck.query(sql)
    assert [spark.type(name) for name in spark.columns] == [duck.type(name) for name in duck.columns]
    assert spark.query("SELECT epoch(ns) FROM data") == duck.query("SELECT epoch(ns) FROM data")


@pytest.mark.spark
def test_a_damaged_file_is_an_error_on_spark_too(tmp_path: Path) -> None:
    ODD.to_parquet(tmp_path / "0.parquet")
    (tmp_path / "1.parquet").write_bytes((tmp_path / "0.parquet").read_bytes()[:-30])
    for name, other in (("names", {"b": [1]}), ("types", {"n": ["x"]})):
        (tmp_path / name).mkdir()
        ODD[["n"]].to_parquet(tmp_path / name / "0.parquet")
        pd.DataFrame(other).to_parquet(tmp_path / name / "1.parquet")
    for source in (
        tmp_path / "names",
        tmp_path / "types",
        tmp_path / "1.parquet",
        tmp_path / "gone.parquet",
        "s3a://no/such/place",
    ):
        with pytest.raises(DataError) as caught:
            Dataset.open(source, role="evaluation", engine="spark").query("SELECT sum(n) FROM data")
        assert caught.value.remedy


# Frames and readers ---------------------------------------------------------------------------------------------------


def test_frames_of_other_libraries_are_read_through_arrow() -> None:
    table = pa.Table.from_pandas(ODD[["n", "b"]])
    relation = duckdb.connect().from_arrow(table)
    frames = (relation, narwhals.from_native(pl.from_arrow(table)), narwhals.from_native(pl.from_arrow(table)).lazy())
    for frame in (*frames, table.to_reader()):
        data = Dataset.open(frame, role="evaluation")
        assert data.query("SELECT sum(n), count(b) FROM data") == [(21, 5)]


@pytest.mark.parametrize("engine", ["pandas", "polars"])
def test_a_library_reads_a_file_as_duckdb_does(tmp_path: Path, engine: Any) -> None:
    rows = 'id;g;x;when;flag\n1;F;1.5;2024-01-01;true\n2;;;2024-01-02;no\n3;"a;""b""";2;;NA\n'
    (tmp_path / "t.csv").write_text(rows)
    ODD.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        duck, other = (Dataset.open(tmp_path / name, role="evaluation", engine=each) for each in ("duckdb", engine))
        assert plain(other.query("FROM data")) == plain(duck.query("FROM data"))
        assert [other.kind(c) for c in other.columns] == [duck.kind(c) for c in duck.columns]
        assert (other.digest, other.where) == (duck.digest, duck.where)


def test_an_engine_says_what_it_does_not_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no engine 'dask'"):
        Dataset.open(ODD, role="evaluation", engine="dask")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not databases"):
        Dataset.open("sqlite:///x.db#t", role="evaluation", engine="pandas")
    (tmp_path / "latin.csv").write_bytes("name,b\nJosé,1\n".encode("latin-1"))
    for engine in ("pandas", "polars"):
        with pytest.raises(DataError, match="UTF-8"):
            Dataset.open(tmp_path / "latin.csv", role="evaluation", engine=engine)  # type: ignore[arg-type]


# The command ----------------------------------------------------------------------------------------------------------


def tried(*arguments: str, before: str = "pass", **env: str) -> subprocess.CompletedProcess[str]:
    """``aims-gates try`` in a process of its own, as a user's shell would start it."""
    code = f"import sys; {before}; from aims_gates.cli import entry; sys.exit(entry())"
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1", **env}
    command = [sys.executable, "-c", code, "try", *arguments, "--json"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)


@pytest.mark.spark
def test_compas_on_spark_gives_the_same_json_and_nothing_else() -> None:
    if not COMPAS.is_dir():
        pytest.skip("the shared data are not here")
    file = next(path for path in sorted(COMPAS.iterdir()) if path.name.endswith(".csv.gz"))
    asked = [
        "fairness",
        "--data",
        f"evaluation={file}",
        "--role",
        "target=two_year_recid",
        "--role",
        "score=score_text",
    ]
    rule = json.dumps({"op": "!=", "value": "Low"})
    runs = [
        tried(*asked, "--role", "sensitive=race", "--param", f"decision={rule}", "--engine", engine)
        for engine in ("duckdb", "spark")
    ]
    assert [run.stderr for run in runs] == ["", ""]
    duck, spark = (json.loads(run.stdout) for run in runs)
    assert alike(duck, spark)
    assert runs[0].returncode == runs[1].returncode
    rates = {
        finding["by"]["race"]: round(100 * finding["value"], 2)
        for finding in spark["findings"]
        if finding["measure"] == "false_positive_rate" and finding["value"] is not None
    }
    assert (rates["African-American"], rates["Caucasian"]) == (44.85, 23.45)


def fairness_of_two_rows(folder: Path) -> tuple[str, ...]:
    """The arguments that try the gate ``fairness`` on two rows."""
    (folder / "d.csv").write_text("p,g\n1,a\n0,b\n")
    return (
        *("fairness", "--data", f"evaluation={folder / 'd.csv'}"),
        *("--role", "prediction=p", "--role", "sensitive=g"),
    )


@pytest.mark.parametrize("library", ["pyspark", "sqlglot"])
def test_without_the_extra_a_message_names_it(tmp_path: Path, library: str) -> None:
    asked = fairness_of_two_rows(tmp_path)
    run = tried(*asked, "--engine", "spark", before=f"sys.modules[{library!r}] = None")
    (finding,) = json.loads(run.stdout)["findings"]
    assert (run.returncode, finding["outcome"]) == (1, "error")
    assert "'spark'" in finding["note"] and "pip install 'aims-gates[spark]'" in finding["remedy"]


def test_without_java_a_message_says_which(tmp_path: Path) -> None:
    asked = fairness_of_two_rows(tmp_path)
    for where in ({"PATH": str(tmp_path), "JAVA_HOME": ""}, {"JAVA_HOME": str(tmp_path)}):
        run = tried(*asked, "--engine", "spark", **where)
        (finding,) = json.loads(run.stdout)["findings"]
        assert (run.returncode, finding["outcome"]) == (1, "error")
        assert "Java" in finding["note"] and "Java 17 or 21" in finding["remedy"]
