"""Prompts: governed like models, opened by a policy owner alone, adopted with their text; on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import mlflow
import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from aims_gates import ledger
from aims_gates.attestation.statements.policy import OpenMode
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger.live_tables import differences
from aims_gates.ledger.table import bearing
from aims_gates.mlflow_plugin.client.release import promote
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.mlflow_plugin.store.adoption import adopt
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.model import ModelRef, Subject
from aims_gates.settings import Settings

from .conftest import World

SUBJECT = Subject("organization", digest_bytes(b"open mode"))


def switch(world: World, on: bool, scope: Any = "prompt") -> str:
    return world.sign(OpenMode(on, "prompts have no checks yet", scope=scope), SUBJECT, "policy")


def prompt(world: World, name: str = "greeting") -> Any:
    world.store.create_prompt(name)
    world.store.create_prompt_version(name, "Hello {{name}}")
    return world.store


def refusal(act: Any, *arguments: Any) -> str:
    with pytest.raises(MlflowException) as raised:
        act(*arguments)
    assert raised.value.get_http_status_code() == 403
    return str(raised.value)


def agrees(world: World) -> bool:
    with world.store.primary() as session:
        connection = session.connection()
        found = differences(connection, bearing(connection), ledger.size(connection))
        return not [*reconcile(connection, world.folder), *found]


def test_a_prompt_that_nobody_governs_is_refused_until_a_policy_owner_opens_prompts(world: World) -> None:
    store = prompt(world)
    said = refusal(store.set_prompt_alias, "greeting", "production", 1)
    assert "aims-gates db open-mode on --prompts" in said and "aims-gates check" not in said
    store.set_prompt_alias("greeting", "staging", 1)
    switch(world, True)
    store.set_prompt_alias("greeting", "production", 1)
    assert store.get_prompt_version_by_alias("greeting", "production").template == "Hello {{name}}"
    assert agrees(world)
    switch(world, False)
    refusal(store.set_prompt_alias, "greeting", "champion", 1)
    refusal(store.get_prompt_version_by_alias, "greeting", "production")


def test_open_mode_for_prompts_opens_no_model_and_makes_none_of_a_prompt(world: World) -> None:
    switch(world, True)
    store, version = prompt(world), world.model("loan")
    refusal(store.set_registered_model_alias, "loan", "production", version)
    store.create_registered_model("later")
    refusal(store.set_registered_model_tag, "later", ModelVersionTag(IS_PROMPT_TAG_KEY, "true"))
    with pytest.raises(MlflowException, match="cannot hold a model version"):
        store.create_model_version("greeting", str(world.folder / "models"))


@pytest.mark.parametrize(("first", "then", "opened"), [("", "prompt", False), ("prompt", "", False)])
def test_of_two_words_on_open_mode_the_later_one_holds_for_prompts(
    world: World, first: str, then: str, opened: bool
) -> None:
    store, version = prompt(world), world.model("loan")
    switch(world, True, first)
    store.set_prompt_alias("greeting", "production", 1)
    switch(world, False, then)
    refusal(store.set_prompt_alias, "greeting", "champion", 1)
    if first == "":
        store.set_registered_model_alias("loan", "production", version)
    last = switch(world, True, then)
    store.set_prompt_alias("greeting", "champion", 1)
    world.revoke(last, "policy")
    refusal(store.set_prompt_alias, "greeting", "live", 1)


def test_the_database_draws_the_same_line_for_prompts(world: World) -> None:
    prompt(world)
    version = world.model("loan")
    stock = SqlAlchemyStore(world.store.db_uri)
    try:
        with pytest.raises(MlflowException, match="no grant stands"):
            stock.set_registered_model_alias("greeting", "production", 1)
        opened = switch(world, True)
        stock.set_registered_model_alias("greeting", "production", 1)
        with pytest.raises(MlflowException, match="no grant stands"):
            stock.set_registered_model_alias("loan", "production", version)
        world.revoke(opened, "policy")
        with pytest.raises(MlflowException, match="no grant stands"):
            stock.set_registered_model_alias("greeting", "champion", 1)
    finally:
        stock._dispose_engine()


def test_the_word_for_every_name_has_the_bytes_it_always_had() -> None:
    said = say(OpenMode(True, "why", said_at="2026-01-01"), SUBJECT)
    assert "scope" not in said.predicate
    assert say(OpenMode(True, "why", "prompt", said_at="2026-01-01"), SUBJECT).predicate["scope"] == "prompt"


def test_a_prompt_whose_binding_was_revoked_is_not_free(world: World) -> None:
    store = prompt(world)
    binding = world.bind("greeting", kind="prompt")
    world.revoke(binding, "policy")
    switch(world, True)
    refusal(store.set_prompt_alias, "greeting", "production", 1)


def test_a_live_prompt_is_adopted_with_its_text_and_loads_on_when_it_is_bound(world: World) -> None:
    store = prompt(world)
    switch(world, True)
    store.set_prompt_alias("greeting", "production", 1)
    until = datetime.now(UTC).date() + timedelta(days=9)
    settings = Settings(registry=world.uri)
    assert adopt(settings, "Risk", until, world.key("policy")) == []  # what open mode leaves alone is not taken in
    done = adopt(settings, "Risk", until, world.key("policy"), ("greeting",))
    assert [(each.kind, each.trouble) for each in done] == [("prompt", None)]
    world.bind("greeting", kind="prompt")
    switch(world, False)
    assert store.get_prompt_version_by_alias("greeting", "production").template == "Hello {{name}}"
    assert agrees(world)
    said = refusal(store.set_prompt_alias, "greeting", "champion", 1)
    assert "cannot be granted on evidence yet" in said and "aims-gates check" not in said
    store.set_model_version_tag("greeting", 1, ModelVersionTag(PROMPT_TEXT_TAG_KEY, "Obey {{name}}"))
    refusal(store.get_prompt_version_by_alias, "greeting", "production")


def test_commands_that_read_a_model_say_that_a_prompt_is_none(world: World, tracking: Any) -> None:
    prompt(world)
    before = mlflow.get_registry_uri()
    mlflow.set_registry_uri(world.uri)
    try:
        for address in ("prompts:/greeting/1", "models:/greeting/1", "models:/greeting@staging"):
            with pytest.raises(InputError, match="is a prompt") as raised:
                find_target(model=address)
            assert "open-mode on --prompts" in str(raised.value)
        with pytest.raises(InputError, match="is a prompt"):
            promote(Settings(registry=world.uri), ModelRef("default", "greeting", "1"), "production")
        with pytest.raises(InputError, match="is a prompt"):
            world.store.stage_version("greeting", 1)
    finally:
        mlflow.set_registry_uri(before)


def test_only_policy_opens_prompts(world: World) -> None:
    with pytest.raises(RefusedError, match="may not sign"):
        world.sign(OpenMode(True, "mine", scope="prompt"), SUBJECT, "dev")
