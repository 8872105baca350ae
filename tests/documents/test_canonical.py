"""Canonical bytes are RFC 8785's, vector for vector; a folder's digest covers its files and nothing else."""

import hashlib
import inspect
import json
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.documents import canonical
from aims_gates.errors import InputError, IntegrityError
from aims_gates.model import Limit

# RFC 8785, appendix B: IEEE 754 bits and their canonical text.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
# Section 3.2.2 and 3.2.3: the sample object, and the sorting of keys by UTF-16 code units.
SAMPLE = r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
 "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
SAMPLE_BYTES = bytes.fromhex(
    "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e33333333"
    "3333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c"
    "5c5c5c222f227d"
)
KEYS = r"""{"\u20ac": 5, "\r": 1, "\ufb33": 7, "1": 2, "\ud83d\ude00": 6, "\u0080": 3, "\u00f6": 4}"""


@pytest.mark.parametrize(("bits", "text"), NUMBERS.items())
def test_numbers_are_written_as_the_appendix_of_rfc_8785_says(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical.canonical_bytes(number) == text.encode()


@pytest.mark.parametrize("bits", ["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])
def test_nan_and_infinity_cannot_be_signed(bits: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    with pytest.raises(InputError, match="not a JSON value that can be signed"):
        canonical.canonical_bytes({"value": [number]})


def test_the_sample_object_of_rfc_8785_gives_its_bytes() -> None:
    assert canonical.canonical_bytes(json.loads(SAMPLE)) == SAMPLE_BYTES


def test_keys_are_sorted_by_their_utf_16_code_units() -> None:
    assert list(json.loads(canonical.canonical_bytes(json.loads(KEYS))).values()) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), object(), {1, 2}, {1: "a"}, "\ud800", b"bytes"],
    ids=["large", "small", "object", "set", "number as key", "half a pair", "bytes"],
)
def test_what_json_cannot_hold_exactly_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        canonical.canonical_bytes([value])


def test_a_value_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(InputError):
        canonical.canonical_bytes(value)


@dataclass(frozen=True)
class Holder:
    inner: Any


def test_a_noun_is_signed_as_its_plain_form() -> None:
    assert canonical.canonical_bytes(Limit("<=", 0.1)) == b'{"op":"<=","value":0.1}'
    assert canonical.plain(Limit) is Limit
    assert canonical.canonical_bytes(Holder((Limit("<", 1),))) == b'{"inner":[{"op":"<","value":1}]}'
    with pytest.raises(InputError):
        canonical.canonical_bytes(Holder(MappingProxyType({})))


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(), st.lists, max_leaves=9)
)
def test_the_bytes_are_json_and_read_back_the_same(value: Any) -> None:
    assert json.loads(canonical.canonical_bytes(value)) == value


def test_digests_name_their_algorithm_and_nothing_else_is_a_digest() -> None:
    empty = f"sha256:{hashlib.sha256(b'').hexdigest()}"
    assert canonical.digest_bytes(b"") == empty
    assert canonical.digest({"a": 1}) == canonical.digest_bytes(b'{"a":1}')
    assert canonical.is_digest(empty)
    for text in (
        "",
        empty[7:],
        empty.upper(),
        f"{empty}\n",
        empty.replace("sha256", "sha1"),
        f"{empty}0",
        empty[:-1] + "٣",
    ):
        assert not canonical.is_digest(text)


def model(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"flavors: {}")
    (folder / "sub" / "weights.bin").write_bytes(b"\0\1")
    return folder


def test_a_manifest_lists_path_size_and_digest_sorted(tmp_path: Path) -> None:
    assert canonical.manifest(model(tmp_path / "m")) == [
        ["MLmodel", 11, hashlib.sha256(b"flavors: {}").hexdigest()],
        ["sub/weights.bin", 2, hashlib.sha256(b"\0\1").hexdigest()],
    ]


def test_two_folders_of_the_same_bytes_have_one_digest_and_any_change_another(tmp_path: Path) -> None:
    one, two = model(tmp_path / "one"), model(tmp_path / "two")
    before = canonical.folder_digest(one)
    assert canonical.folder_digest(two) == before
    (two / "sub" / "weights.bin").write_bytes(b"\0\2")
    assert canonical.folder_digest(two) != before
    (one / "added").write_bytes(b"")
    assert canonical.folder_digest(one) != before


def test_a_renamed_file_changes_the_digest(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    before = canonical.folder_digest(folder)
    (folder / "MLmodel").rename(folder / "MLmodel2")
    assert canonical.folder_digest(folder) != before


def test_what_a_stock_load_writes_is_left_out_in_the_root_and_nowhere_else(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    before = canonical.folder_digest(folder)
    (folder / canonical.LEFT_OUT).write_text("written by mlflow")
    assert canonical.folder_digest(folder) == before
    (folder / "sub" / canonical.LEFT_OUT).write_text("hidden")
    assert canonical.folder_digest(folder) != before


def test_a_folder_of_the_left_out_name_does_not_hide_its_files(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    before = canonical.folder_digest(folder)
    (folder / canonical.LEFT_OUT).mkdir()
    (folder / canonical.LEFT_OUT / "code.py").write_text("pass")
    assert canonical.folder_digest(folder) != before


@pytest.mark.parametrize("target", ["MLmodel", "sub", "absent", "/etc/hostname"])
def test_a_link_is_refused_wherever_it_leads(tmp_path: Path, target: str) -> None:
    folder = model(tmp_path / "m")
    (folder / "link").symlink_to(target)
    with pytest.raises(IntegrityError, match="'link' is neither"):
        canonical.folder_digest(folder)


def test_a_pipe_is_refused_and_not_read(tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    os.mkfifo(folder / "sub" / "pipe")
    with pytest.raises(IntegrityError, match="'sub/pipe' is neither"):
        canonical.folder_digest(folder)


def test_a_folder_that_is_missing_empty_a_file_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty" / "only" / "folders").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    model(tmp_path / "m")
    (tmp_path / "link").symlink_to("m")
    for name, said in {"missing": "no such", "empty": "no files", "file": "no such", "link": "no such"}.items():
        with pytest.raises(IntegrityError, match=said):
            canonical.folder_digest(tmp_path / name)


def test_a_folder_with_only_the_left_out_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / canonical.LEFT_OUT).write_text("x")
    with pytest.raises(IntegrityError, match="no files"):
        canonical.folder_digest(tmp_path)


def test_a_folder_nested_deeper_than_the_stack_is_read(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep /= "d"
        deep.mkdir()
    (deep / "f").write_bytes(b"")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        assert len(canonical.manifest(tmp_path)) == 1
    finally:
        sys.setrecursionlimit(limit)


def test_a_path_too_long_to_open_is_an_error_and_not_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("n" * 250).mkdir()
        os.chdir("n" * 250)
    with pytest.raises(IntegrityError, match="cannot be read"):
        canonical.manifest(tmp_path)


def test_a_file_is_digested_in_blocks_to_the_same_value(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    assert canonical.digest_file(tmp_path / "big") == canonical.digest_bytes(b"x" * 3_000_000)


@pytest.mark.parametrize(
    ("data", "fine"),
    [
        (b"model_name: loan\nmodel_version: '1'\n", True),
        (b"\x80\x04", False),
        (b"weights: 1\n", False),
        (b"model_name: " + b"x" * 2000, False),
    ],
)
def test_the_left_out_file_may_hold_only_a_name_and_a_version(tmp_path: Path, data: bytes, fine: bool) -> None:
    canonical.check_left_out(tmp_path)
    (tmp_path / canonical.LEFT_OUT).write_bytes(data)
    if fine:
        canonical.check_left_out(tmp_path)
    else:
        with pytest.raises(IntegrityError, match="no digest covers it"):
            canonical.check_left_out(tmp_path)


def test_a_left_out_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / canonical.LEFT_OUT).mkdir()
    with pytest.raises(IntegrityError, match="cannot be read"):
        canonical.check_left_out(tmp_path)


def test_the_digest_of_a_text_minds_words_and_not_how_they_are_set() -> None:
    assert canonical.text_digest("Suggest  loans\n to a clerk ") == canonical.text_digest("Suggest loans to a clerk")
    assert canonical.text_digest("Suggest loans") != canonical.text_digest("suggest loans")
    assert canonical.text_digest("a b") == canonical.digest("a b")
