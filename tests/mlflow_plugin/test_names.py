"""Names are compared after folding, and a version is spelled in one way."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.exceptions import MlflowException

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.store import lifecycle, promotion
from aims_gates.mlflow_plugin.store.governed_names import (
    OPEN_ALIASES,
    folded,
    governed_alias,
    governed_stage,
    version_number,
)
from tests.mlflow_plugin.conftest import World


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


@pytest.mark.parametrize("name", ["l\u043eans", "lo\u200bans", "\uff4coans", "loans\ufe0f"])
def test_a_new_name_or_alias_that_looks_like_another_is_refused_whoever_makes_it(world: World, name: str) -> None:
    store, version = world.store, world.promoted("loans")
    point = next(f"U+{ord(char):04X}" for char in name if not char.isascii())
    with pytest.raises(MlflowException, match=re.escape(point)) as error:
        store.create_registered_model(name)
    assert error.value.get_http_status_code() == 400
    with pytest.raises(MlflowException, match=re.escape(point)):
        store.create_registered_model(name, [RegisteredModelTag("mlflow.prompt.is_prompt", "true")])
    store.create_registered_model("free")
    with pytest.raises(MlflowException, match=re.escape(point)):
        store.rename_registered_model("free", name)
    if name.isalnum():  # of others MLflow makes no aliases
        with pytest.raises(MlflowException, match=re.escape(point)) as error:
            store.set_registered_model_alias("loans", name, version)
        assert error.value.get_http_status_code() == 403
    assert sorted(model.name for model in store.search_registered_models()) == ["free", "loans"]


def test_a_name_in_one_other_alphabet_may_be_new_unless_it_looks_like_one_that_is_there(world: World) -> None:
    world.store.create_registered_model("copy")
    world.store.create_registered_model("\u043a\u0440\u0435\u0434\u0438\u0442")
    with pytest.raises(MlflowException, match="looks like 'copy'"):
        world.store.create_registered_model("\u0441\u043e\u0440\u0443")


def test_a_plain_name_may_not_look_like_one_in_another_alphabet_that_is_there(world: World) -> None:
    for name in ("plain", "\u0441\u043e\u0440\u0443"):
        world.store.create_registered_model(name)
    with pytest.raises(MlflowException, match="looks like"):
        world.store.create_registered_model("copy")


def test_a_name_and_an_alias_from_before_go_on_working(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = "l\u043eans"
    with monkeypatch.context() as before:
        for module in (lifecycle, promotion):
            before.setattr(module, "check_new_name", lambda *_: None)  # as an earlier version took it
        version = world.promoted(odd)
        world.store.set_registered_model_alias(odd, f"{odd}2", version)
    world.store.set_registered_model_alias(odd, f"{odd}2", version)
    assert world.store.get_registered_model(odd).aliases[f"{odd}2"] == version
    with pytest.raises(MlflowException, match="U\\+043E"):
        world.store.set_registered_model_alias(odd, f"{odd}3", version)
