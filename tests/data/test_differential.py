"""Odd files, by seed, through every engine's reader: with a schema each reads what pandas does with declared types."""

import csv
import io
import math
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import DataError, Dataset, InputError

FILES = 100
ENGINES = ("duckdb", "polars")
_TEXTS = ("Oslo", "a;b", 'say "x"', "NA", "  padded ", "naïve", "line\nbreak", "#7", "1,5", "'quoted'", "0x1F", "")


class Odd:
    """A file with its schema, and its values as pandas reads them with declared types."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.decimal = self.draw.choice(".,")
        self.delimiter = self.draw.choice(";\t|") if self.decimal == "," else self.draw.choice(",;\t|")
        self.encoding = self.draw.choice(("utf-8", "utf-8-sig", "latin-1", "utf-16"))
        self.format = self.draw.choice(("%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y"))
        self.mark = self.draw.choice(("", "NA", "k.A.", "-"))
        self.quoting = self.draw.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
        self.newline = self.draw.choice(("\n", "\r\n"))
        self.broken = self.draw.random() < 0.15
        self.kinds = [self.draw.choice(("integer", "number", "date", "boolean", "string")) for _ in range(5)]
        self.names = ["id", *(f"c {place}" for place in range(len(self.kinds)))]
        self.values = [[self._value(kind) for kind in self.kinds] for _ in range(self.draw.randrange(2, 40))]

    def _value(self, kind: str) -> Any:
        draw = self.draw
        if draw.random() < 0.1:
            return None
        match kind:
            case "integer":
                return draw.choice((draw.randrange(-9, 9), draw.randrange(-(2**62), 2**62), 2**63 + draw.randrange(99)))
            case "number":
                return draw.choice((draw.gauss(0, 1), draw.gauss(0, 1e12), float(draw.randrange(9)), math.inf))
            case "date":
                return date(1990, 1, 1) + timedelta(days=draw.randrange(20_000))
            case "boolean":
                return draw.random() < 0.5
            case _:
                return draw.choice(_TEXTS[:-1])

    def _cell(self, value: Any) -> str:
        if value is None:
            return self.mark
        if isinstance(value, bool):
            return "ja" if value else "nein"
        if isinstance(value, date):
            return value.strftime(self.format)
        return repr(value).replace(".", self.decimal) if isinstance(value, float) else str(value)

    def write(self, file: Path) -> None:
        text = io.StringIO(newline="")
        rows = csv.writer(text, delimiter=self.delimiter, quoting=self.quoting, lineterminator=self.newline)
        rows.writerow(self.names)
        for place, row in enumerate(self.values):
            rows.writerow([str(place), *map(self._cell, row)])
        whole = text.getvalue()
        if self.broken:
            whole = whole + f"99{self.delimiter}x{self.newline}"
        file.write_bytes(whole.encode(self.encoding, "replace"))

    def schema(self) -> dict[str, Any]:
        fields: list[dict[str, Any]] = [{"name": "id", "type": "integer"}]
        for name, kind in zip(self.names[1:], self.kinds, strict=True):
            more = {"number": {"decimalChar": self.decimal}, "date": {"format": self.format}}.get(kind, {})
            more = {"trueValues": ["ja"], "falseValues": ["nein"]} if kind == "boolean" else more
            fields.append({"name": name, "type": kind, **more})
        return {
            "encoding": self.encoding,
            "dialect": {"delimiter": self.delimiter},
            "missingValues": [self.mark],
            "fields": fields,
        }

    def by_pandas(self, file: Path) -> list[tuple[Any, ...]]:
        """The oracle: pandas with declared types, which knows nothing of ours."""
        dates = [name for name, kind in zip(self.names[1:], self.kinds, strict=True) if kind == "date"]
        exact = {
            name: str for name, kind in zip(self.names[1:], self.kinds, strict=True) if kind in ("integer", "string")
        }
        frame = pd.read_csv(
            file, sep=self.delimiter, encoding=self.encoding, decimal=self.decimal, keep_default_na=False,
            na_values=[self.mark], true_values=["ja"], false_values=["nein"], dtype=exact, float_precision="round_trip",
        )  # fmt: skip
        for name in dates:
            frame[name] = pd.to_datetime(frame[name], format=self.format)
        return [_plain_row(row, self.kinds) for row in frame.itertuples(index=False)]

    def by_spark(self, spark: Any, file: Path) -> list[tuple[Any, ...]] | str:
        """Spark's own reader, which makes cells of text, and the values that the schema declares of those."""
        types = ", ".join(f"`{name}` STRING" for name in self.names)
        options = {
            "sep": self.delimiter, "quote": '"', "escape": '"', "header": True, "multiLine": True, "mode": "FAILFAST",
            "encoding": {"utf-8-sig": "utf-8", "latin-1": "ISO-8859-1"}.get(self.encoding, self.encoding),
            "nullValue": "\x00", "emptyValue": "",
        }  # fmt: skip
        try:
            rows = spark.read.options(**options).schema(types).csv(str(file)).collect()
        except Exception as error:
            if "MALFORMED" not in str(error):
                raise
            return "refused"
        kinds = ["integer", *self.kinds]
        values = [[self._value_of(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in rows]
        return [tuple(row) for row in sorted(values)]

    def _value_of(self, cell: str | None, kind: str) -> Any:
        if cell is None or cell == self.mark:
            return None
        match kind:
            case "integer":
                return int(cell)
            case "number":
                return float(cell.replace(self.decimal, "."))
            case "date":
                return datetime.strptime(cell, self.format).date().isoformat()
            case "boolean":
                return {"ja": True, "nein": False}[cell]
        return cell


def _plain_row(row: Any, kinds: list[str]) -> tuple[Any, ...]:
    return tuple(_plain(value, kind) for value, kind in zip(row, ["integer", *kinds], strict=True))


def _plain(value: Any, kind: str) -> Any:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind == "integer":
        return int(value)
    if kind == "date":
        return pd.Timestamp(value).date().isoformat()
    return {"number": float, "boolean": bool, "string": str}[kind](value)


def _read(odd: Odd, file: Path, engine: Any) -> list[tuple[Any, ...]] | str:
    try:
        data = Dataset.open(file, role="evaluation", engine=engine, schema=odd.schema())
        names = ", ".join(f"CAST({data.quote(n)} AS VARCHAR)" if k == "date" else data.quote(n) for n, k in
                          zip(odd.names, ["integer", *odd.kinds], strict=True))  # fmt: skip
        rows = data.query(f"SELECT {names} FROM data ORDER BY id")
    except (DataError, InputError):
        return "refused"
    return [_plain_row(row, odd.kinds) for row in rows]


def _differing(folder: Path, seeds: range, engines: tuple[str, ...]) -> tuple[int, list[str]]:
    """How many files all engines read as pandas does; and what was read otherwise, or by some engines alone."""
    read, wrong = 0, []
    for seed in seeds:
        odd, file = Odd(seed), folder / f"{seed}.csv"
        odd.write(file)
        answers = {engine: _read(odd, file, engine) for engine in engines}
        refused = [engine for engine, rows in answers.items() if rows == "refused"]
        if refused:
            wrong += [f"{seed}: {refused} alone refuse it"] if len(refused) < len(engines) else []
            continue
        expected = odd.by_pandas(file)
        wrong += [f"{seed}: {engine} reads otherwise" for engine, rows in answers.items() if rows != expected]
        read += 1
    return read, wrong


@pytest.mark.long
def test_no_reader_reads_an_odd_file_otherwise(tmp_path: Path) -> None:
    read, wrong = _differing(tmp_path, range(FILES), ENGINES)
    assert wrong == []
    assert read >= 0.7 * FILES


@pytest.mark.spark
def test_spark_reads_odd_files_as_the_others_do(tmp_path: Path) -> None:
    read, wrong = _differing(tmp_path, range(FILES), ("duckdb", "spark"))
    assert wrong == []
    assert read >= 0.7 * FILES


@pytest.mark.long
@pytest.mark.spark
def test_the_readers_of_spark_and_of_ours_make_the_same_of_odd_files(tmp_path: Path) -> None:
    from aims_gates.data._spark.engine import session

    read, wrong = 0, []
    for seed in range(FILES):
        odd, file = Odd(seed), tmp_path / f"{seed}.csv"
        odd.write(file)
        ours, theirs = _read(odd, file, "spark"), odd.by_spark(session(), file)
        wrong += [f"{seed}: {ours!r} by ours, {theirs!r} by Spark"] if ours != theirs else []
        read += ours != "refused"
    assert wrong == []
    assert read >= 0.7 * FILES
