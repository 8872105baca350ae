"""The one reader of documents from outside: what it refuses, and that it fails in no other way."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aims_gates.documents.json_lines import json_lines
from aims_gates.documents.strict_yaml import MAX_BYTES, Document, parse, read, read_json, read_yaml
from aims_gates.errors import InputError

FUZZ = int(os.environ.get("AIMS_GATES_FUZZ", "150"))
Reader = Callable[[bytes, str], Document]

BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
REFUSED: dict[str, tuple[bytes, int | None, str]] = {
    "a duplicate key": (b"state: FAILED\nother: 1\nstate: PASSED", 3, "is there twice"),
    "a duplicate key in another spelling": (b'a: 1\n"a": 2', 2, "is there twice"),
    "a duplicate key of another type": (b"1: x\n'1': y", 2, "is there twice"),
    "a duplicate key in flow": (b"{a: 1, a: 2}", 1, "is there twice"),
    "an alias bomb": (BOMB, 1, "alias or anchor"),
    "an alias": (b"a: 1\nb: *a", 2, "alias or anchor"),
    "an anchor": (b"x: 1\ny: &a 1", 2, "alias or anchor"),
    "an anchor on a list": (b"x: &a [1]", 1, "alias or anchor"),
    "a tag": (b"x: !!str 1", 1, "explicit tag"),
    "a tag of one's own": (b"x: !python/object {}", 1, "explicit tag"),
    "the bare tag": (b"x: ! 1", 1, "explicit tag"),
    "the directive of YAML 1.1": (b"%YAML 1.1\n---\ntier: no", 2, "directive"),
    "a directive that declares a tag": (b"%TAG ! tag:example.org,2000:\n---\na: 1", 2, "directive"),
    "NaN": (b"a: 1\nb: .nan", 2, "not a finite"),
    "infinity": (b"a: .inf", 1, "not a finite"),
    "negative infinity": (b"a: -.INF", 1, "not a finite"),
    "a number beyond floats": (b"a: 1e999", 1, "not a finite"),
    "an underscore in a number": (b"a: 1_000", 1, "not a finite"),
    "a leading zero": (b"a: 017", 1, "not a finite"),
    "a binary number": (b"a: 0b11", 1, "not a finite"),
    "a hexadecimal number": (b"a: 0x1F", 1, "not a finite"),
    "a number of 5,000 digits": (b"a: " + b"9" * 5000, 1, "not a finite"),
    "two documents": (b"a: 1\n---\nb: 2", 2, "more than one document"),
    "a list as key": (b"? [a]\n: 1", 1, "must be text"),
    "33 levels in flow": (b"[" * 33 + b"]" * 33, 1, "32 levels"),
    "33 levels in blocks": (b"- " * 33 + b"x", 1, "32 levels"),
    "5,000 open brackets": (b"[" * 5000, 1, "32 levels"),
    "bulk": (b"[" + b"1," * 60_000 + b"1]", 1, "50000 values"),
    "more than a mebibyte": (b"a: " + b"x" * MAX_BYTES, None, "larger than"),
    "latin-1": ("a: é".encode("latin-1"), None, "UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), None, "UTF-8"),
    "a NUL": (b"a: 1\nb: \0", 2, "not YAML"),
    "half a surrogate pair": (b'a: "\\ud800"', None, "no Unicode character"),
    "an escape beyond Unicode": (b'"\\UFFFFFFFF": 1', None, "not YAML"),
    "an unfinished text": (b"a: 1\nb: 'x", 2, "not YAML"),
    "a tab": (b"a:\n\tb: 1", 2, "not YAML"),
    "a list in a mapping": (b"- a\nb: 1", 2, "not YAML"),
    "nothing": (b"", None, "empty"),
    "only a comment": (b"# later", None, "empty"),
}
REFUSED_JSON: dict[str, tuple[bytes, int | None, str]] = {
    "a duplicate key": (b'{"state": "FAILED", "state": "PASSED"}', None, "is there twice"),
    "a duplicate key within": (b'[{"a": {"b": 1, "b": 1}}]', None, "is there twice"),
    "a duplicate key in another spelling": (b'{"a": 1, "\\u0061": 2}', None, "is there twice"),
    "NaN": (b"[NaN]", None, "not a finite"),
    "infinity": (b"-Infinity", None, "not a finite"),
    "a number beyond floats": (b"1e400", None, "not a finite"),
    "5,000 open brackets": (b"[" * 5000, None, "32 levels"),
    "33 levels": (b'{"a":' * 33 + b"1" + b"}" * 33, None, "32 levels"),
    "more than a mebibyte": (b'"' + b"x" * MAX_BYTES + b'"', None, "larger than"),
    "a number of 5,000 digits": (b"1" * 5000, None, "not JSON"),
    "not UTF-8": (b'"\xff"', None, "UTF-8"),
    "half a surrogate pair": (b'["\\ud800"]', None, "no Unicode character"),
    "a comma too many": (b'{"a":\n [1,\n ]}', 3, "not JSON"),
    "two values": (b"1\n2", 2, "not JSON"),
    "an open text": (b'"\\', 1, "not JSON"),
    "nothing": (b"", 1, "not JSON"),
}


def refused(reader: Reader, case: tuple[bytes, int | None, str]) -> None:
    data, line, said = case
    with pytest.raises(InputError, match=said) as caught:
        reader(data, "in.yaml")
    assert caught.value.remedy
    assert caught.value.where == (f"in.yaml:{line}" if line else "in.yaml") or (line is None and said == "not YAML")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_yaml_that_two_readers_may_read_differently_is_refused(case: tuple[bytes, int | None, str]) -> None:
    refused(read_yaml, case)


@pytest.mark.parametrize("case", REFUSED_JSON.values(), ids=REFUSED_JSON)
def test_json_that_two_readers_may_read_differently_is_refused(case: tuple[bytes, int | None, str]) -> None:
    refused(read_json, case)


@pytest.mark.parametrize("reader", [read_yaml, read_json])
def test_reading_stops_at_the_first_level_too_many(reader: Reader) -> None:
    with pytest.raises(InputError, match="32 levels"):
        reader(b"[" * 5000 + b"}", "in")


def test_a_text_that_is_read_twice_gives_each_reader_a_value_of_its_own() -> None:
    first, second = read_yaml(b"a: [1, {b: 2}]", "one"), read_yaml(b"a: [1, {b: 2}]", "two")
    first.value["a"][1]["b"] = 3
    first.value["a"].append(4)
    assert second.value == read_yaml(b"a: [1, {b: 2}]", "three").value == {"a": [1, {"b": 2}]}
    assert (first.place(("a", 1, "b")), second.place(("a", 1, "b"))) == ("one:1", "two:1")
    for where in ("one", "two"):
        with pytest.raises(InputError) as caught:
            read_yaml(b"a: 1\na: 2", where)
        assert caught.value.where == f"{where}:2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tier: no", {"tier": "no"}),
        ("[yes, off, y, On]", ["yes", "off", "y", "On"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("[null, ~, Null]", [None, None, None]),
        ("a:", {"a": None}),
        ("[0, -5, +7, 1.5, .5, 1e3, -2.5E-3]", [0, -5, 7, 1.5, 0.5, 1000.0, -0.0025]),
        ("'017'", "017"),
        ("2026-01-31", "2026-01-31"),
        ("12:30:45", "12:30:45"),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ("1: x", {"1": "x"}),
        ("[0.1.2, 1e, 0x, NaN, '=']", ["0.1.2", "1e", "0x", "NaN", "="]),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("\ufeffa: é", {"a": "é"}),
        ("--- # one\na: 1\n...\n", {"a": 1}),
        ("[" * 32 + "]" * 32, None),
    ],
)
def test_plain_values_follow_the_core_schema_of_yaml_1_2(text: str, value: Any) -> None:
    found = read_yaml(text.encode(), "in").value
    assert value is None or (found == value and repr(found) == repr(value))


def test_json_is_read_as_it_stands_and_brackets_in_text_count_for_nothing() -> None:
    assert read_json(b'{"a": [1, 2.5, null, true, "[[{{\\"[[\\\\"]}', "in").value == {
        "a": [1, 2.5, None, True, '[[{{"[[\\']
    }
    assert read_json(b'"' + b"[" * 5000 + b'"', "in").value == "[" * 5000
    assert read_json(b'"\\ud83d\\ude00"', "in").value == "😀"
    assert read_json(b"[[],[],[]]" + b" " * 40, "in").value == [[], [], []]


WORDS = [
    "a",
    ":",
    " ",
    "\n",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    '"',
    "&a",
    "*a",
    "!t",
    "#",
    "|",
    ">",
    "%YAML",
    "---",
    "? ",
    "\\u",
    "1e9",
    "\t",
]


@pytest.mark.parametrize("reader", [read_yaml, read_json])
@settings(max_examples=FUZZ, deadline=None)
@given(
    data=st.binary(max_size=200)
    | st.lists(st.sampled_from(WORDS), max_size=60).map(lambda words: "".join(words).encode())
)
@example(data=b'"\\UFFFFFFFF"')
@example(data=b"\xef\xbb\xbf")
@example(data=b"%YAML 9999999999999.1\n---\n")
@example(data=b"|99999999999999999999\n")
@example(data=b"? ? ? ? [")
def test_any_bytes_give_a_value_or_an_input_error(reader: Reader, data: bytes) -> None:
    try:
        document = reader(data, "in")
    except InputError as error:
        assert error.where is not None and error.where.startswith("in")
        assert error.remedy
    else:
        parse(dict[str, Any] | list[Any] | str | float | bool | None, document)  # type: ignore[arg-type]


def test_a_file_is_read_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: no")
    (tmp_path / "a.json").write_text('{"a": "no"}')
    (tmp_path / "b.JSON").write_text("a: no")
    assert read(tmp_path / "a.yaml").value == read(tmp_path / "a.json").value == {"a": "no"}
    with pytest.raises(InputError, match="not JSON"):
        read(tmp_path / "b.JSON")


def test_a_file_that_is_missing_a_folder_a_pipe_or_too_large_is_an_error_that_names_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_bytes(b"#" * (MAX_BYTES + 1))
    for name, said in {
        "missing": "cannot be read",
        "": "not a file",
        "pipe": "not a file",
        "big": "larger than",
    }.items():
        with pytest.raises(InputError, match=said) as caught:
            read(tmp_path / name)
        assert caught.value.where == str(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "a\0b")


@dataclass(frozen=True)
class Inner:
    name: str
    share: float = 0.0


@dataclass(frozen=True)
class Outer:
    inner: tuple[Inner, ...]
    since: date | None = None
    labels: dict[str, int] = field(default_factory=dict)


def test_a_document_becomes_the_noun_of_its_shape() -> None:
    document = read_yaml(b"inner: [{name: a, share: 1}]\nsince: 2026-01-31\nlabels: {x: 1}", "in")
    assert parse(Outer, document) == Outer((Inner("a", 1.0),), date(2026, 1, 31), {"x": 1})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("inner:\n  - name: a\n    shrae: 1", 3, "unknown field"),
        ("inner: []\nsinse: 2026-01-31", 2, "unknown field"),
        ("inner:\n  - share: 1", 2, "'name' is missing"),
        ("labels: {}", 1, "'inner' is missing"),
        ("inner: []\nlabels:\n  a: 1\n  b: '2'", 4, "labels.b"),
        ("inner: []\nlabels:\n  a: 1.5", 3, "labels.a"),
        ("inner: []\nlabels:\n  a: true", 3, "labels.a"),
        ("inner: []\nsince: soon", 2, "since"),
        ("inner:\n  - name: 5", 2, "inner.0.name"),
    ],
)
def test_a_wrong_shape_is_an_error_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse(Outer, read_yaml(text.encode(), "in.yaml"))
    assert caught.value.where == f"in.yaml:{line}"


def test_several_problems_are_counted() -> None:
    with pytest.raises(InputError, match=r"and 1 more"):
        parse(Outer, {"inner": 5, "labels": 6}, "a call")


@pytest.mark.parametrize("value", [{"inner": [], "labels": {"a": float("nan")}}, {"inner": {1, 2}}])
def test_a_plain_value_that_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="not a JSON value") as caught:
        parse(Outer, value, "a call")
    assert caught.value.where == "a call"


def test_a_place_without_a_line_is_the_nearest_around_it() -> None:
    document = read_yaml(b"a:\n  - b: 1", "in")
    assert document.place(("a", 0, "b")) == "in:2"
    assert document.place(("a", 0, "absent", "deeper")) == "in:2"
    assert document.place(("absent",)) == "in:1"
    assert Document({}, "call").place(("a",)) == "call"
    assert str(document.error((), "odd", "Fix it.")) == "in:1: odd\n  remedy: Fix it."


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text('{}[],:"\\\\ab', max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab,:"', max_size=3), inner, max_size=3),
    max_leaves=8,
)


def placed(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    """Every place of a value, with what is there, in the order of the text."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(each for key, part in parts for each in placed(part, (*path, key)))]


@settings(max_examples=FUZZ, deadline=None)
@given(VALUES)
def test_every_value_of_a_json_file_is_on_the_line_where_it_begins(value: Any) -> None:
    text = json.dumps(value, indent=1)
    lines, rows = json_lines(text), text.split("\n")
    assert list(lines) == [path for path, _ in placed(value)]
    for path, part in placed(value):
        begins = json.dumps(part, indent=1).split("\n")[0].rstrip("[{}]") if part else json.dumps(part)
        assert begins in rows[lines[path] - 1]
        assert not path or isinstance(path[-1], int) or json.dumps(path[-1]) in rows[lines[path] - 1]


def test_a_problem_in_a_json_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1,\n\n "b": [1,\n {"c": "x"}]}')
    found = read(tmp_path / "a.json")
    assert str(found.error(("b", 1, "c"), "is wrong").where) == f"{tmp_path / 'a.json'}:4"
    assert str(found.error(("b",), "is wrong").where) == f"{tmp_path / 'a.json'}:3"
