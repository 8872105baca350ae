"""The engines' folders: what does the same on DuckDB and on Spark stands in files of one name."""

from pathlib import Path

import aims_gates.data

DATA = Path(aims_gates.data.__file__).parent
#: Spark reads DuckDB's SQL by way of it; on DuckDB there is nothing to translate.
SPARK_ALONE = {"dialect"}
#: DuckDB opens databases, text, parts and lakes within limits, for Spark too; and its own answers are probed.
DUCKDB_ALONE = {
    "ceilings",
    "databases",
    "declared",
    "json_lines",
    "lakes",
    "partitions",
    "parts",
    "plain",
    "probe",
    "text",
    "text_files",
}


def modules(engine: str) -> set[str]:
    return {path.stem for path in (DATA / engine).glob("*.py")}


def test_files_of_the_two_engines_have_the_same_names() -> None:
    assert modules("_spark") - SPARK_ALONE == modules("_duckdb") - DUCKDB_ALONE
    assert modules("_spark") >= SPARK_ALONE and modules("_duckdb") >= DUCKDB_ALONE


def test_no_other_folder_of_data_holds_an_engine() -> None:
    assert not list(DATA.rglob("*spark*.py"))
    assert sorted(path.name for path in DATA.iterdir() if path.name.startswith("_") and path.name[1] != "_") == [
        "_duckdb",
        "_spark",
    ]
