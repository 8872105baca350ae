"""Names are compared after folding, and a version is spelled in one way."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates.errors import InputError
from aims_gates.registry.names import OPEN_ALIASES, folded, governed_alias, governed_stage, version_number


@pytest.mark.parametrize(
    "alias",
    [
        "production",
        "prod",
        "champion",
        "live",
        "latest",
        "canary",
        "",
        "сandidate",
        "staging-eu",
        "Ｓｔａｇｉｎｇ",
        "teſt",
    ],
)
def test_an_alias_that_is_not_open_is_governed(alias: str) -> None:
    assert governed_alias(alias)


@pytest.mark.parametrize("alias", ["staging", "STAGING", "Qa"])
def test_an_open_alias_is_open_in_any_case(alias: str) -> None:
    assert not governed_alias(alias)


@given(st.text())
def test_folding_is_stable(name: str) -> None:
    assert folded(folded(name)) == folded(name) == unicodedata.normalize("NFKC", folded(name))


@given(st.text())
def test_only_an_open_name_in_plain_ascii_is_open(name: str) -> None:
    assert governed_alias(name) == (
        name.encode(errors="replace").decode().lower() not in OPEN_ALIASES or not name.isascii()
    )


@pytest.mark.parametrize("stage", ["Production", "PRODUCTION", " production ", "ｐroduction"])
def test_stage_production_is_governed_in_every_spelling(stage: str) -> None:
    assert governed_stage(stage)


@pytest.mark.parametrize("stage", ["Staging", "Archived", "None", "", None])
def test_other_stages_are_open(stage: object) -> None:
    assert not governed_stage(stage)


@given(st.integers(1, 2**31 - 1))
def test_plain_digits_and_integers_are_one_version(number: int) -> None:
    assert version_number(number) == version_number(str(number)) == number


@given(st.text().filter(lambda text: not (text.isascii() and text.isdigit() and not text.startswith("0"))))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        version_number(text)


@pytest.mark.parametrize("version", [True, None, 1.0, b"1", 0, -1, 2**31, "1\n", "１"])
def test_other_types_and_numbers_are_refused(version: object) -> None:
    with pytest.raises(InputError) as caught:
        version_number(version)
    assert caught.value.remedy
