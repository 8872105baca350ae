"""What a halt reaches: every version of the bytes that were granted, under any name; and what lets which load again."""

import shutil
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from aims_gates.attestation.statements.people import Resume
from aims_gates.documents.canonical import digest_bytes
from aims_gates.mlflow_plugin.client.explain import explain_version
from aims_gates.model import ModelRef, Subject
from aims_gates.settings import Settings

from .conftest import World


def stopped(act: Any, *arguments: Any) -> str:
    """The refusal, which names the halt and what to do."""
    with pytest.raises(MlflowException) as raised:
        act(*arguments)
    said = str(raised.value)
    assert raised.value.get_http_status_code() == 403 and "was halted on" in said and "harm seen" in said, said
    assert "by Oncall" in said and "aims-gates resume loan" in said
    return said


def loads(world: World, name: str, version: int) -> bool:
    try:
        return bool(world.store.get_model_version_download_uri(name, version))
    except MlflowException as error:
        assert error.get_http_status_code() == 403 and "halted" in str(error)
        return False


def resume(world: World, person: str = "policy") -> str:
    said = Resume(world.workspace, "loan", "it was another model")
    return world.sign(said, Subject("model", digest_bytes(b"resume")), person)


def test_a_halted_version_loads_by_no_number_alias_or_stage(world: World) -> None:
    version = world.promoted()
    store = world.store
    store.set_registered_model_alias("loan", "candidate", version)
    store.transition_model_version_stage("loan", version, "Production", False)
    assert loads(world, "loan", version)
    world.halt("loan")
    said = stopped(store.get_model_version_download_uri, "loan", version)
    assert (
        said.startswith(f"aims-gates: loan version {version} may not be loaded") and "aims-gates rollback loan" in said
    )
    stopped(store.get_model_version_by_alias, "loan", "production")
    stopped(store.get_latest_versions, "loan", ["Production"])
    assert store.get_model_version("loan", version).version == version  # what is there can still be looked at
    assert [each.version for each in store.get_latest_versions("loan")] == [version]


def test_mlflows_own_loader_is_refused_by_number_latest_and_open_alias(world: World, tracking: Path) -> None:
    version = world.promoted()
    world.store.set_registered_model_alias("loan", "candidate", version)
    world.halt("loan")
    before = mlflow.get_registry_uri()
    mlflow.set_registry_uri(world.uri)
    try:
        for address in ("models:/loan/1", "models:/loan/latest", "models:/loan@candidate", "models:/loan@production"):
            stopped(mlflow.pyfunc.load_model, address)
    finally:
        mlflow.set_registry_uri(before)


def test_what_was_never_granted_stays_loadable_so_that_the_fixed_version_can_be_made(world: World) -> None:
    world.promoted()
    waiting = world.model("loan", "waiting", create=False)
    world.ready("loan", waiting)
    world.halt("loan")
    fixed = world.model("loan", "fixed", create=False)
    assert loads(world, "loan", waiting) and loads(world, "loan", fixed)
    world.ready("loan", fixed)
    world.store.set_registered_model_alias("loan", "production", fixed)
    assert loads(world, "loan", fixed) and not loads(world, "loan", 1)


def test_a_halt_reaches_copies_under_other_names_however_they_were_made(world: World) -> None:
    store = world.store
    early = world.model("early")  # the same folder, registered before the grant
    version = world.promoted()
    copied = store.copy_model_version(store.get_model_version("loan", version), "copied")
    released = store.create_model_version("copied", store.get_model_version_download_uri("loan", version)).version
    again = world.model("early", create=False)
    link = world.folder / "link"
    link.symlink_to(world.folder / "models" / digest_bytes(b"weights")[-8:])
    store.create_model_version("early", f"file://{link}")
    for name, number in (("early", early), ("copied", copied.version), ("copied", released), ("early", again)):
        assert loads(world, name, int(number))
    world.halt("loan")
    copies = [("early", number) for number in (1, 2, 3)] + [("copied", number) for number in (1, 2)]
    assert [each for each in copies if loads(world, *each)] == []
    other = world.model("elsewhere", "others")
    assert loads(world, "elsewhere", other)


def test_bytes_in_another_folder_are_known_from_what_was_checked_or_asked_of_them(world: World) -> None:
    version = world.promoted()
    place = Path(shutil.copytree(world.store.get_model_version("loan", version).source, world.folder / "elsewhere"))
    world.store.create_registered_model("other")
    number = int(world.store.create_model_version("other", str(place)).version)
    world.halt("loan")
    world.bind("other")
    world.request("other", number, str(world.store.stage_version("other", number)))
    assert not loads(world, "other", number)


def test_a_copy_of_a_halted_version_is_not_registered(world: World) -> None:
    version = world.promoted()
    world.halt("loan")
    found = world.store.get_model_version("loan", version)
    with pytest.raises(MlflowException, match="was halted on"):
        world.store.copy_model_version(found, "copied")
    stopped(world.store.create_model_version, "copied", f"models:/loan/{version}")


def test_the_bytes_of_a_halted_name_are_promoted_under_no_other(world: World) -> None:
    version = world.promoted()
    world.bind("other")
    number = world.model("other")
    world.ready("other", number)
    world.halt("loan")
    world.request("other", number, world.seen("loan").grants(version=str(version))[-1].predicate.digest)
    with pytest.raises(MlflowException) as raised:
        world.store.set_registered_model_alias("other", "production", number)
    assert raised.value.get_http_status_code() == 403 and "loan was halted on" in str(raised.value)
    said = explain_version(Settings(registry=world.uri), ModelRef("default", "other", str(number)))
    assert any("loan was halted on" in problem for problem in said.decision.problems)
    resume(world)
    world.ready("other", number)
    world.store.set_registered_model_alias("other", "production", number)
    assert loads(world, "other", number)


def test_a_halt_of_one_name_stops_the_grant_that_stands_under_another(world: World) -> None:
    world.promoted()
    world.promoted("other")
    world.halt("loan")
    stopped(world.store.get_model_version_by_alias, "other", "production")
    assert not loads(world, "other", 1)


def test_a_rollback_lets_exactly_the_version_rolled_back_to_load(world: World) -> None:
    first = world.promoted()
    second = world.promoted(text="second")
    same = world.model("loan", create=False)
    copy = world.model("copy")
    world.halt("loan")
    world.order_rollback("loan", first)
    world.store.set_registered_model_alias("loan", "production", first)
    assert loads(world, "loan", first)
    assert int(world.store.get_model_version_by_alias("loan", "production").version) == first
    assert not loads(world, "loan", second) and not loads(world, "loan", same) and not loads(world, "copy", copy)
    resume(world)
    assert loads(world, "loan", second) and loads(world, "loan", same) and loads(world, "copy", copy)


def test_a_resume_lifts_the_ban_and_gives_no_grant_back(world: World) -> None:
    version = world.promoted()
    world.halt("loan")
    resume(world, "risk")
    assert loads(world, "loan", version)
    with pytest.raises(MlflowException, match="no grant stands"):
        world.store.get_model_version_by_alias("loan", "production")
    world.halt("loan")
    assert not loads(world, "loan", version)


def test_a_resume_by_one_who_had_a_hand_or_no_role_lifts_nothing(world: World) -> None:
    version = world.promoted()
    world.change_keys(dev={"roles": ("developer", "policy")})
    world.halt("loan")
    resume(world, "dev")
    assert not loads(world, "loan", version)


def test_an_edited_ledger_row_about_a_halt_refuses_every_load(world: World) -> None:
    version = world.promoted()
    world.halt("loan")
    world.sql("UPDATE aims_ledger SET leaf = 'x' WHERE position = (SELECT max(position) FROM aims_ledger)")
    with pytest.raises(MlflowException) as raised:
        world.store.get_model_version_download_uri("loan", version)
    assert raised.value.get_http_status_code() == 403
