"""The data of the benchmark: a reference and a slightly moved production set, in Parquet, made by DuckDB."""

from pathlib import Path

import duckdb

__all__ = ["NUMBERS", "TEXTS", "touch", "write", "write_all"]

_ALL = 16
#: Above so many rows the sets have fewer columns: the scratch folder has an end.
_WIDE = 20_000_000
NUMBERS = [f"x{place}" for place in range(_ALL)]
TEXTS = [f"c{place}" for place in range(4)]


def columns_of(rows: int) -> tuple[list[str], list[str]]:
    """The numbers and texts that sets of this size hold."""
    return (NUMBERS, TEXTS) if rows <= _WIDE else (NUMBERS[:3], TEXTS[:1])


def write(folder: Path, rows: int) -> None:
    """Both sets; seeded, so that every run has the same."""
    numbers, texts = columns_of(rows)
    con = duckdb.connect()
    con.execute("SET threads = 1; SET memory_limit = '1GB'; SET enable_progress_bar = false")
    for name, moved, seed in (("reference", 0.0, 0.1), ("production", 0.02, 0.2)):
        con.execute(f"SELECT setseed({seed})")
        normal = "sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())"
        columns = [f"{normal} + {moved} AS {column}" for column in numbers]
        columns += [
            f"'v' || CAST(floor(pow(random(), 2) * {6 + 3 * place}) AS INTEGER) AS {column}"
            for place, column in enumerate(texts)
        ]
        columns += [
            "0.001 + 0.998 * random() AS score",
            "random() AS u",
            "chr(97 + CAST(floor(4 * random()) AS INTEGER)) AS g",
        ]
        inner = f"SELECT i AS id, {', '.join(columns)} FROM range({rows}) AS r(i)"
        labels = 'CAST(u < score AS TINYINT) AS target, CAST(score >= 0.5 AS TINYINT) AS prediction, g AS "group"'
        con.execute(
            f"COPY (SELECT * EXCLUDE (u, g), {labels} FROM ({inner})) TO '{folder / name}.parquet' (FORMAT parquet)"
        )


def write_all(folder: Path, rows: int, quality: list[str]) -> None:
    """Both sets, and in ``quality/`` these columns alone, since data_quality looks at every column of its set."""
    (folder / "quality").mkdir(parents=True, exist_ok=True)
    write(folder, rows)
    sql = f"SELECT {', '.join(quality)} FROM read_parquet('{folder / 'production.parquet'}')"
    con = duckdb.connect()
    con.execute("SET threads = 1; SET memory_limit = '1GB'; SET enable_progress_bar = false")
    con.execute(f"COPY ({sql}) TO '{folder / 'quality' / 'production.parquet'}' (FORMAT parquet)")


def touch(folder: Path, name: str, columns: list[str]) -> None:
    """Read every value of some columns once: the least that any measure of them can cost."""
    con = duckdb.connect()
    con.execute("SET threads = 1")
    each = [f"sum(length({column}))" if column in (*TEXTS, '"group"') else f"sum({column})" for column in columns]
    con.execute(f"SELECT {', '.join(each)} FROM read_parquet('{folder / name}.parquet')").fetchall()
