"""JSON lines: one object a line."""

from pathlib import Path

import pytest

from aims_gates import Dataset
from aims_gates.errors import DataError


def opened(folder: Path, text: str) -> Dataset:
    path = folder / "log.jsonl"
    path.write_text(text, "utf-8")
    return Dataset.open(path, role="logs")


def test_keys_are_columns_dates_stay_text_and_a_key_that_a_line_lacks_is_missing(tmp_path: Path) -> None:
    lines = (
        '{"time": "2026-01-01T00:00:00+02:00", "n": 1.5, "ok": true, "in": {"a":1}}\n{"n": 2, "time": "2026-01-02"}\n'
    )
    data = opened(tmp_path, lines)
    assert data.columns == ("time", "n", "ok", "in")
    assert data.query("SELECT * FROM data") == [
        ("2026-01-01T00:00:00+02:00", 1.5, True, '{"a":1}'),
        ("2026-01-02", 2.0, None, None),
    ]


@pytest.mark.parametrize("text", ['{"a": 1}\nfree text\n', "[1, 2]\n", '{"a": 1}\n{"a": \n', '"a"\n'])
def test_a_line_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="a line is no JSON"):
        opened(tmp_path, text)
