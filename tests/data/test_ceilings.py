"""A small file that holds too much is refused before it is unpacked; honest data are not."""

import gzip
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aims_gates.data._duckdb.ceilings import check_gzip, most_unpacked
from aims_gates.data.dataset import Dataset
from aims_gates.errors import DataError, InputError


def rows(file: Path) -> int:
    return Dataset.open(file, role="evaluation").rows


def zeros(file: Path, millions: int, joined: int = 1) -> Path:
    """Rows of zeros in gzip, four million bytes for each million, ``joined`` files end to end."""
    part = gzip.compress(b"0,0\n" * (1_000_000 * millions // joined))
    file.write_bytes(gzip.compress(b"a,b\n") + part * joined)
    return file


def test_gzip_that_unpacks_to_more_than_a_hundred_times_its_size_is_refused(tmp_path: Path) -> None:
    file = zeros(tmp_path / "bomb.csv.gz", 280, joined=20)
    assert file.stat().st_size < 1_200_000
    start = time.process_time()
    with pytest.raises(DataError, match="AIMS_GATES_UNPACKED") as refused:
        rows(file)
    assert "unpack to more than 1073741824" in str(refused.value)
    assert time.process_time() - start < 15


@pytest.mark.parametrize("joined", [1, 3])
def test_the_ceiling_is_the_setting_and_counts_every_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joined: int
) -> None:
    file = zeros(tmp_path / "rows.csv.gz", 3, joined)
    for setting, error, words in (
        ("11.9MB", InputError, r"11\.9MB"),
        ("11MB", DataError, "11000000 bytes are allowed"),
    ):
        monkeypatch.setenv("AIMS_GATES_UNPACKED", setting)
        with pytest.raises(error, match=words):
            rows(file)
    monkeypatch.setenv("AIMS_GATES_UNPACKED", "12MiB")
    assert rows(file) == 3_000_000


@pytest.mark.parametrize(
    ("text", "size"), [("5", 5), ("2 KB", 2000), ("2KiB", 2048), ("3g", 3 * 10**9), ("1TiB", 2**40)]
)
def test_a_size_is_a_number_with_a_unit(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("AIMS_GATES_UNPACKED", text)
    assert most_unpacked(10**12) == size


def test_a_ceiling_grows_with_the_file() -> None:
    assert most_unpacked(1) == 2**30 and most_unpacked(10**9) == 10**11


def test_parquet_that_promises_too_much_is_refused_by_its_footer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bomb.parquet"
    long = pa.table({"a": pa.array(["\0" * 100_000] * 1_100)})
    with pq.ParquetWriter(file, long.schema, compression="zstd", compression_level=1, use_dictionary=False) as writer:
        for _ in range(10):
            writer.write_table(long)
    assert file.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="are allowed"):
        rows(file)
    pq.write_table(pa.table({"a": [0] * 1_000_000, "b": [1] * 1_000_000}), file)
    for setting, error, words in (("1999999", DataError, "2000000 values; 1999999"), ("many", InputError, "many")):
        monkeypatch.setenv("AIMS_GATES_VALUES", setting)
        with pytest.raises(error, match=words):
            rows(file)
    monkeypatch.setenv("AIMS_GATES_VALUES", "2000000")
    assert rows(file) == 1_000_000


def test_a_word_that_a_dictionary_holds_once_is_not_given_to_every_row(tmp_path: Path) -> None:
    file = tmp_path / "dictionary.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array(["\0" * 1_000_000]))
    pq.write_table(pa.table({"a": words}), file, compression="zstd")
    data = Dataset.open(file, role="evaluation")
    assert data.rows == 10_000
    with pytest.raises(DataError, match="10000000000 bytes of memory"):
        data.arrow(["a"])


@pytest.mark.parametrize("packed", [False, True])
def test_one_endless_line_is_refused_by_its_beginning(tmp_path: Path, packed: bool) -> None:
    file = tmp_path / "line.csv"
    text = b"a" * 50_000_000
    file.write_bytes(gzip.compress(text) if packed else text)
    with pytest.raises(DataError, match="first line is longer"):
        rows(file)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_that_is_too_wide_is_refused_and_says_how_wide_it_may_be(tmp_path: Path, mark: str) -> None:
    file = tmp_path / "wide.csv"
    file.write_text(mark.join(f"c{number}" for number in range(10_001)) + "\n" + mark.join("1" * 10_001) + "\n")
    with pytest.raises(DataError, match="10001 columns; 10000 are allowed"):
        rows(file)
    parquet = tmp_path / "wide.parquet"
    pq.write_table(pa.table({f"c{number}": [1] for number in range(10_001)}), parquet)
    with pytest.raises(DataError, match="10001 columns"):
        rows(parquet)


def test_gzip_that_is_cut_short_or_damaged_is_said_to_be(tmp_path: Path) -> None:
    data = gzip.compress(b"a,b\n" + b"".join(b"%d,2\n" % number for number in range(200_000)))
    changed = data[:-5] + bytes([data[-5] ^ 1]) + data[-4:]
    for number, broken in enumerate((data[:-20], data[:-1], data[:5000], data + b"\x1f\x8b\x08", changed)):
        file = tmp_path / f"{number}.csv.gz"
        file.write_bytes(broken)
        with pytest.raises(DataError, match="cut short or damaged"):
            rows(file)


def test_many_small_files_joined_to_one_are_counted_without_delay(tmp_path: Path) -> None:
    file = tmp_path / "joined.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n") * 100_000)
    start = time.process_time()
    check_gzip([str(file)], "joined")
    assert time.process_time() - start < 5
