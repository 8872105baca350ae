"""``aims-gates try`` on hostile files: JSON alone, an error or an open verdict with its remedy, never a pass.

Each case changes one thing of a set that passes. The gates' own bad input is in tests/gates/test_bad_input.py.
"""

import datetime
import gzip
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

N = 400
FAIRNESS = ["--role", "target=y", "--role", "prediction=d", "--role", "sensitive=g", "--param", "confidence=0.9"]
PERFORMANCE = ["--role", "target=y", "--role", "prediction=d"]


def table() -> pa.Table:
    draw = np.random.default_rng(1)
    y = draw.integers(0, 2, N)
    d = np.where(draw.random(N) < 0.9, y, 1 - y)
    groups = np.array(["a", "b"])[np.arange(N) % 2]
    return pa.table({"k": np.arange(N), "g": groups, "y": y, "d": d, "w": np.ones(N), "x": draw.normal(size=N)})


def csv(delimiter: str = ",") -> str:
    columns = table().to_pydict()
    rows = zip(*columns.values(), strict=True)
    return "".join(f"{delimiter.join(map(str, row))}\n" for row in [tuple(columns), *rows])


def tried(command: Any, gate: str, data: Sequence[str], *arguments: str) -> dict[str, Any]:
    """The JSON of a run, having checked what holds for any input."""
    given = [part for each in data for part in ("--data", each)]
    found = command("try", gate, *given, *arguments, "--json")
    said: dict[str, Any] = json.loads(found.out, parse_constant=lambda text: pytest.fail(text))
    assert found.err == "" and "Traceback" not in found.out
    assert found.code == {"pass": 0, "fail": 2, "inconclusive": 3, "error": 1}[said["outcome"]]
    for finding in said["findings"]:
        assert "the gate raised" not in str(finding["note"]), finding
        assert finding["outcome"] != "error" or (finding["note"] and finding["remedy"]), finding
    return said


def test_the_set_itself_passes(command: Any, tmp_path: Path) -> None:
    parquet.write_table(table(), tmp_path / "d.parquet")
    (tmp_path / "d.csv").write_text(csv())
    for file in ("d.parquet", "d.csv"):
        assert tried(command, "fairness", [f"evaluation={file}"], *FAIRNESS)["outcome"] == "pass"
        assert tried(command, "performance", [f"evaluation={file}"], *PERFORMANCE)["outcome"] == "pass"


TURNS = range(N)
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
#: Column -> values that are no label or no weight.
COLUMNS: dict[str, tuple[str, pa.Array]] = {
    "whole numbers of 64 bits": ("y", pa.array([2**63 - 1 if i % 2 else -(2**63) for i in TURNS], pa.int64())),
    "unsigned numbers of 64 bits": ("y", pa.array([2**64 - 1 if i % 2 else 0 for i in TURNS], pa.uint64())),
    "decimal fractions": ("y", pa.array([Decimal("0.5") if i % 2 else Decimal(0) for i in TURNS])),
    "times with a zone": ("y", pa.array([START + datetime.timedelta(hours=i) for i in TURNS])),
    "durations": ("d", pa.array([datetime.timedelta(seconds=i % 2) for i in TURNS])),
    "dates": ("d", pa.array([datetime.date(2024, 1, 1 + i % 2) for i in TURNS])),
    "structures": ("y", pa.array([{"a": i % 2} for i in TURNS])),
    "lists": ("d", pa.array([[1] if i % 2 else [] for i in TURNS])),
    "maps": ("d", pa.array([[("a", i % 2)] for i in TURNS], pa.map_(pa.string(), pa.int64()))),
    "bytes": ("y", pa.array([bytes([i % 256, 0, 255]) for i in TURNS])),
    "NaN among labels": ("y", pa.array([float("nan") if i % 7 == 0 else float(i % 2) for i in TURNS])),
    "infinity among labels": ("y", pa.array([float("inf") if i == 3 else float(i % 2) for i in TURNS])),
    "halves": ("d", pa.array([0.5 if i % 2 else 1.0 for i in TURNS])),
    "no type at all": ("y", pa.nulls(N)),
    "True and 0": ("y", pa.array(["True" if i % 2 else "0" for i in TURNS])),
    "empty texts": ("y", pa.array(["" if i % 2 else "1" for i in TURNS])),
    "NUL in a text": ("y", pa.array(["\x00" if i % 2 else "1" for i in TURNS])),
    "three digits": ("y", pa.array([i % 3 for i in TURNS])),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(("gate", "roles"), [("fairness", FAIRNESS), ("performance", PERFORMANCE)])
def test_a_column_of_another_kind_never_passes(
    command: Any, tmp_path: Path, gate: str, roles: list[str], name: str
) -> None:
    column, values = COLUMNS[name]
    made = table()
    parquet.write_table(made.set_column(made.schema.get_field_index(column), column, values), tmp_path / "d.parquet")
    assert tried(command, gate, ["evaluation=d.parquet"], *roles)["outcome"] in ("error", "fail", "inconclusive")


@pytest.mark.parametrize("first", [-1.0, float("nan"), float("inf"), -float("inf"), 1e308])
def test_a_weight_that_is_none_never_passes(command: Any, tmp_path: Path, first: float) -> None:
    made = table().drop_columns(["w"]).append_column("w", pa.array([first, *[1e308 if first == 1e308 else 1.0] * 399]))
    parquet.write_table(made, tmp_path / "d.parquet")
    for gate, roles in (("fairness", FAIRNESS), ("performance", PERFORMANCE)):
        assert tried(command, gate, ["evaluation=d.parquet"], *roles, "--role", "weight=w")["outcome"] == "error"


Made = Callable[[Path], None]


def _bytes(name: str, content: bytes) -> Made:
    return lambda folder: (folder / name).write_bytes(content) and None


def _parquet(change: Callable[[bytes], bytes]) -> Made:
    def make(folder: Path) -> None:
        parquet.write_table(table(), folder / "d.parquet")
        (folder / "d.parquet").write_bytes(change((folder / "d.parquet").read_bytes()))

    return make


CSV = csv()
#: What makes the file d.csv, d.csv.gz or d.parquet.
FILES: dict[str, Made] = {
    "another delimiter": _bytes("d.csv", csv("^").encode()),
    "another encoding": _bytes("d.csv", CSV.replace(",a,", ",ä,").encode("latin-1")),
    "two bytes a letter": _bytes("d.csv", CSV.encode("utf-16")),
    "no header": _bytes("d.csv", CSV.split("\n", 1)[1].encode()),
    "only a header": _bytes("d.csv", CSV.split("\n", 1)[0].encode()),
    "a short line": _bytes("d.csv", f"{CSV}1,2\n".encode()),
    "a long line": _bytes("d.csv", f"{CSV}1,a,1,1,1,1,9,9\n".encode()),
    "an open quote": _bytes("d.csv", f'{CSV}1,"a\n'.encode()),
    "a sum at the end": _bytes("d.csv", f"{CSV}TOTAL,,,,,\n".encode()),
    "a name twice": _bytes("d.csv", CSV.replace("k,g,y,d,w,x", "k,g,y,y,w,d", 1).encode()),
    "a name twice in another case": _bytes("d.csv", CSV.replace("k,g,y,d,w,x", "k,g,y,d,w,Y", 1).encode()),
    "blank lines": _bytes("d.csv", b"\n\n\n"),
    "a web page": _bytes("d.csv", b"<html><body>404</body></html>"),
    "JSON": _bytes("d.csv", b'[{"y": 1, "d": 1, "g": "a"}]'),
    "every byte": _bytes("d.csv", bytes(range(256)) * 40),
    "nothing": _bytes("d.csv", b""),
    "gzip cut short": _bytes("d.csv.gz", gzip.compress(CSV.encode())[:-20]),
    "gzip that is none": _bytes("d.csv.gz", CSV.encode()),
    "Parquet without its end": _parquet(lambda content: content[:-40]),
    "half of Parquet": _parquet(lambda content: content[: len(content) // 2]),
    "Parquet without its start": _parquet(lambda content: content[200:]),
    "marks of Parquet alone": _parquet(lambda content: b"PAR1PAR1"),
    "text called Parquet": _parquet(lambda content: CSV.encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_strange_file_is_an_error(command: Any, tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path)
    (file,) = tmp_path.glob("d.*")
    assert tried(command, "fairness", [f"evaluation={file.name}"], *FAIRNESS)["outcome"] == "error"


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + CSV.encode(), CSV.replace("\n", "\r\n").encode(), csv("\t").encode(), csv(";").encode(),
     csv("|").encode(), CSV.replace("\n", ",\n").encode()],
    ids=["a byte-order mark", "line ends of Windows", "tabs", "semicolons", "bars", "a comma at each end"],
)  # fmt: skip
def test_a_file_that_only_looks_different_gives_the_same_numbers(command: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plain.csv").write_text(CSV)
    (tmp_path / "d.csv").write_bytes(content)
    plain, other = (
        tried(command, "fairness", [f"evaluation={file}"], *FAIRNESS)["findings"] for file in ("plain.csv", "d.csv")
    )
    assert [(f["measure"], f["by"], f["value"], f["n"]) for f in other] == [
        (f["measure"], f["by"], f["value"], f["n"]) for f in plain
    ]


@pytest.mark.parametrize(
    "place",
    ["gone.csv", "*.parquet", "empty", "/dev/null", "sqlite:///gone.db#t", "duckdb:///gone.db#t", "foo://x#t",
     "https://localhost/x.csv", "s3://bucket/x.parquet", "sqlite:///gone.db"],
)  # fmt: skip
def test_a_place_where_nothing_is_is_an_error_and_stays_empty(command: Any, tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    assert tried(command, "fairness", [f"evaluation={place}"], *FAIRNESS)["outcome"] == "error"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_a_production_set_of_another_schema_is_an_error_for_drift(command: Any, tmp_path: Path) -> None:
    made = table()
    parquet.write_table(made, tmp_path / "before.parquet")
    for name, values in (("x", pa.array(["a"] * N)), ("x", pa.nulls(N)), ("x", pa.array([float("inf")] * N))):
        changed = made.set_column(made.schema.get_field_index(name), name, values)
        parquet.write_table(changed, tmp_path / "after.parquet")
        data = ["reference=before.parquet", "production=after.parquet"]
        assert tried(command, "drift", data)["outcome"] == "error"
    parquet.write_table(made.drop_columns(["x"]), tmp_path / "after.parquet")
    assert tried(command, "drift", ["reference=before.parquet", "production=after.parquet"])["outcome"] == "error"
