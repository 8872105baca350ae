"""libyaml's answers are those of the reader in Python, values and lines alike, or there are none."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.documents import yaml_values
from aims_gates.documents.quick_yaml import quick_values

from .test_strict_yaml import REFUSED

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(
    path for place in ("gates", "profiles", "aims_gates", "examples") for path in (ROOT / place).rglob("*.yaml")
)


def quick(text: str) -> object:
    return quick_values(text, yaml_values._plain, yaml_values.MAX_DEPTH, yaml_values.MAX_VALUES)


def by_the_book(text: str) -> object:
    builder = yaml_values._Builder(text)
    return builder.document(), builder.lines


def agree(text: str) -> bool:
    """Whether libyaml gave an answer; then both are the same."""
    answer = quick(text)
    if answer is None:
        return False
    assert repr(answer) == repr(by_the_book(text)), text
    return True


def test_shipped_documents_are_read_alike_and_nearly_all_by_libyaml() -> None:
    assert sum([agree(path.read_text("utf-8")) for path in SHIPPED]) > 0.95 * len(SHIPPED) > 100


@pytest.mark.parametrize("seed", range(12))
def test_damaged_documents_are_read_alike(seed: int) -> None:
    chance = random.Random(seed)
    for path in chance.sample(SHIPPED, 12):
        text = path.read_text("utf-8")
        start = chance.randrange(max(1, len(text) - 600))
        part = text[start : start + 600]
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(part) + 1)
            odd = chance.choice([": ", "- ", " #", "? ", *":-\n #{}[],'\"|>?@`"])
            part = part[:place] + odd + part[place + chance.randrange(2) :]
        agree(part)


_PIECES = [
    *("a", "b", "1", "0x1", "1.5", "true", "null", "~", "-", "- ", ": ", ":", "? ", "?", "#", " #", "{", "}", "[", "]"),
    *(",", ", ", "\n", "\n  ", "\n    ", " ", "'", '"', "''", "|", ">", "|-", ">+", "|2", "&a", "*a", "!", "!!str"),
    *("%", "@", "`", "é", "=", "<<", "a: ", "b: ", "- a", "\n- ", "\na: ", "\n\n", "  ", "...", "---"),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join))
def test_any_text_is_read_alike(text: str) -> None:
    agree(text)


@pytest.mark.parametrize(("data", "line", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_has_no_answer_from_libyaml(data: bytes, line: int | None, message: str) -> None:
    if len(data) < 1 << 20:
        assert quick(data.decode("utf-8", "replace")) is None
