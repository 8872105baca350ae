"""An exact edit changes a value where it stands, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.documents.strict_yaml import read_yaml
from aims_gates.documents.yaml_edit import replaced
from aims_gates.governance.record_schemas.template import scalar

TEXT = """\
# A comment on top.
owner: REPLACE   # who
people:
  # The first.
  - id: REPLACE
    active: true
  - id: b@example.org
    active: true   # stays
  - {id: REPLACE, active: true}
members: [REPLACE, b@example.org]
steps:
  - REPLACE
  - last
words: >-
  REPLACE
  folded
end: "kept"
"""


def value(text: str) -> dict[str, object]:
    result: dict[str, object] = read_yaml(text.encode(), "x.yaml").value
    return result


def test_a_value_is_replaced_where_it_stands_and_comments_stay() -> None:
    text = replaced(TEXT, {("owner",): "a: b # c", ("words",): "two\nlines"}, scalar)
    assert value(text) == {**value(TEXT), "owner": "a: b # c", "words": "two\nlines"}
    assert text.splitlines()[1].endswith("   # who")
    assert [line for line in text.splitlines() if "#" in line and "owner" not in line] == [
        line for line in TEXT.splitlines() if "#" in line and "owner" not in line
    ]
    assert text.endswith('end: "kept"\n')


def test_a_list_becomes_several_entries() -> None:
    text = replaced(TEXT, {("members", 0): ["c", "d"], ("steps", 0): ["one", "two: 2"]}, scalar)
    assert value(text)["members"] == ["c", "d", "b@example.org"]
    assert value(text)["steps"] == ["one", "two: 2", "last"]


def test_an_entry_that_became_the_same_as_another_is_taken_out() -> None:
    text = replaced(TEXT, {("members", 0): "b@example.org", ("people", 2, "id"): "b@example.org"}, scalar)
    assert value(text)["members"] == ["b@example.org"]
    assert value(text)["people"] == [{"id": "REPLACE", "active": True}, {"id": "b@example.org", "active": True}]
    assert "# stays" in text and "# The first." in text


def test_what_has_parts_is_not_replaced() -> None:
    with pytest.raises(KeyError):
        replaced(TEXT, {("people",): "x"}, scalar)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), min_size=1))
def test_any_text_is_read_back_as_it_was_written(text: str) -> None:
    for edited in (replaced(TEXT, {("owner",): text}, scalar), replaced(TEXT, {("members", 1): text}, scalar)):
        assert text in (value(edited)["owner"], value(edited)["members"][-1])  # type: ignore[index]
