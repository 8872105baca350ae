"""Binding what is in use, open mode for prompts, and what halt and resume tell whoever types them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

UNTIL = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
BIND = ("bind", "loans", "--system", "loans", "--author", "somebody", "--key", "keys/policy.key")


@pytest.fixture
def pack(command: Any, shops: ModuleType, tmp_path: Path) -> Iterator[Any]:
    """A pack and a trust list; the model it lists stands in production in open mode."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    shops.write_pack(tmp_path)
    shops.write_keys(tmp_path)
    shops.use(tmp_path)
    by = ("--reason", "others have not begun", "--key", "keys/policy.key")
    assert command("db", "open-mode", "on", *by).code == 0
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
    client = mlflow.MlflowClient()
    client.create_registered_model("loans")
    client.create_model_version("loans", str(tmp_path / "model"))
    client.set_registered_model_alias("loans", "production", "1")
    yield client
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def test_a_first_binding_that_would_end_what_loads_is_refused_and_names_the_ways(command: Any, pack: Any) -> None:
    said = command(*BIND)
    assert said.code == 2 and "alias 'production' (version 1) would stop loading" in said.err
    assert "aims-gates adopt loans" in said.err and "--adopt" in said.err and "delete the alias" in said.err
    assert pack.get_model_version_by_alias("loans", "production").version in (1, "1")
    pack.delete_registered_model_alias("loans", "production")
    assert command(*BIND).code == 0


def test_a_binding_adopts_what_stands_there_and_it_loads_on(command: Any, pack: Any) -> None:
    assert command(*BIND, "--adopt").code == 1
    assert command(*BIND, "--adopt", "--owner", "nobody", "--until", UNTIL).code == 2
    said = command(*BIND, "--adopt", "--owner", "risk", "--until", UNTIL)
    assert said.code == 0 and f"adopted: loans version 1 (production), owner risk, until {UNTIL}" in said.out
    assert pack.get_model_version_by_alias("loans", "production").version in (1, "1")
    assert command(*BIND).code == 0  # bound again: nothing to lose


def test_what_cannot_be_adopted_is_not_bound_either(command: Any, pack: Any, tmp_path: Path) -> None:
    (tmp_path / "model").rename(tmp_path / "gone")
    said = command(*BIND, "--adopt", "--owner", "risk", "--until", UNTIL)
    assert said.code == 1 and "cannot be adopted" in said.err
    assert pack.get_model_version_by_alias("loans", "production").version in (1, "1")


def test_open_mode_for_prompts_says_so(command: Any, pack: Any) -> None:
    by = ("--reason", "they have no checks yet", "--key", "keys/policy.key")
    said = command("db", "open-mode", "on", "--prompts", *by)
    assert said.out == "open mode is on for prompts: prompts that no system is bound to are not governed\n"
    assert command("db", "open-mode", "off", "--prompts", *by).out.endswith("every prompt is governed\n")
    mlflow.genai.register_prompt(name="support", template="Answer {{q}}")
    with pytest.raises(MlflowException, match="--prompts"):
        mlflow.genai.set_prompt_alias("support", alias="production", version=1)
    for command_ in (("explain", "support", "1"), ("promote", "support", "1")):
        said = command(*command_)
        assert "cannot be" in said.out + said.err and "--prompts" in said.out + said.err
        assert "not found" not in said.err and "aims-gates check" not in said.out + said.err


def test_halt_explain_and_status_list_what_is_stopped_and_resume_ends_it(command: Any, pack: Any) -> None:
    assert command(*BIND, "--adopt", "--owner", "risk", "--until", UNTIL).code == 0
    source = pack.get_model_version("loans", "1").source
    pack.create_registered_model("copy")
    pack.create_model_version("copy", source)
    none = command("resume", "loans", "--reason", "x", "--key", "keys/policy.key")
    assert none.code == 1 and "was never halted" in none.err
    said = command("halt", "loans", "--reason", "harm", "--key", "keys/oncall.key")
    assert said.code == 0 and "no longer loads: copy version 1, loans version 1" in said.out
    assert "aims-gates resume loans" in said.out
    for name in ("loans", "copy"):
        with pytest.raises(MlflowException, match="loans was halted on"):
            pack.get_model_version_download_uri(name, "1")
    assert "loads under no name: loans was halted on" in command("explain", "loans", "1").out
    assert "The halt reaches: copy version 1, loans version 1" in command("status", "loans").out
    said = command("resume", "loans", "--reason", "it was another", "--key", "keys/policy.key")
    assert said.code == 0 and "policy resumed loans" in said.out and "no alias was set" in said.out
    assert pack.get_model_version_download_uri("copy", "1")
