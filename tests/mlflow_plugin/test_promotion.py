"""Setting governed aliases and stages: refused, granted, recorded; and every way around that was thought of."""

import threading
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY, PROMPT_TEXT_TAG_KEY
from sqlalchemy import text

from aims_gates.attestation.statements.registry import Grant, Registration, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.mlflow_plugin.store.governed_names import OPEN_ALIASES
from aims_gates.mlflow_plugin.store.reconcile import reconcile

from .conftest import World

DENIED = "PERMISSION_DENIED"


def refused(call: Any, *args: Any, code: str = DENIED, **rest: Any) -> MlflowException:
    with pytest.raises(MlflowException) as caught:
        call(*args, **rest)
    assert caught.value.error_code == code, caught.value
    return caught.value


def acts(world: World, name: str, kind: type) -> list[Any]:
    return [row.predicate for row in world.seen(name).rows if row.type == type_of(kind)]


def decisions(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM aims_index WHERE term LIKE 'decision %'")[0][0])


def aliases(world: World, name: str) -> dict[str, int]:
    return {alias: int(version) for alias, version in world.store.get_registered_model(name).aliases.items()}


def test_a_model_without_a_binding_is_refused_and_told_how_to_bind(world: World) -> None:
    world.model("loan")
    error = refused(world.store.set_registered_model_alias, "loan", "production", 1)
    assert error.get_http_status_code() == 403
    first = error.json_kwargs["aims_controls"][0]
    assert set(first) == {"id", "title", "state", "next"} and "bind" in first["next"][0]
    assert error.json_kwargs["aims_decision"].startswith("sha256:")
    assert "aims-gates bind loan" in error.message
    assert aliases(world, "loan") == {}


def test_a_denial_is_recorded_before_it_is_raised(world: World) -> None:
    world.model("loan")
    refused(world.store.set_registered_model_alias, "loan", "production", 1)
    refused(world.store.set_registered_model_alias, "loan", "production", 1)
    assert decisions(world) == 2


def test_the_refusal_lists_the_controls_first_and_then_the_actions(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    subject = world.store.stage_version("loan", version)
    world.request("loan", version, subject)
    error = refused(world.store.set_registered_model_alias, "loan", "production", version)
    assert [each["id"] for each in error.json_kwargs["aims_controls"]] == ["A.6.2.4", "A.7.4"]
    assert {each["state"] for each in error.json_kwargs["aims_controls"]} == {"missing"}
    assert error.message.index("A.6.2.4") < error.message.index("Next:")
    assert "1. " in error.message and len(error.message) < 2_000


def test_nothing_is_read_from_disk_before_a_request_is_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bind("loan")
    version = world.model("loan")
    monkeypatch.setattr("aims_gates.documents.canonical.folder_digest", lambda *_: pytest.fail("bytes were read"))
    monkeypatch.setattr(
        "aims_gates.mlflow_plugin.store.released.folder_digest", lambda *_: pytest.fail("bytes were read")
    )
    refused(world.store.set_registered_model_alias, "loan", "production", version)


def test_a_ready_version_is_granted_and_points_at_its_released_copy(world: World) -> None:
    version = world.promoted()
    found = world.store.get_model_version_by_alias("loan", "production")
    assert int(found.version) == version
    address = world.store.get_model_version_download_uri("loan", version)
    location = world.folder / address.removeprefix("mlflow-artifacts:/")
    assert location.parent == world.folder / "aims-released" and (location / "model.bin").read_text() == "weights"
    granted = acts(world, "loan", Grant)[-1]
    assert (granted.location, granted.alias, granted.mode) == (address, "production", "enforce")
    assert granted.digest == f"sha256:{location.name}"


def test_bytes_that_are_not_staged_are_refused_with_the_command_that_stages(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    subject = world.ready("loan", version)
    (world.folder / "aims-released" / subject.removeprefix("sha256:")).rename(world.folder / "elsewhere")
    error = refused(world.store.set_registered_model_alias, "loan", "production", version)
    assert f"aims-gates promote loan {version}" in error.message


def test_an_altered_released_copy_is_refused(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    subject = world.ready("loan", version)
    altered = world.folder / "aims-released" / subject.removeprefix("sha256:") / "model.bin"
    altered.chmod(0o644)
    altered.write_text("Weights")
    error = refused(world.store.set_registered_model_alias, "loan", "production", version)
    assert "altered" in error.message and aliases(world, "loan") == {}


def test_a_retrained_version_cannot_ride_on_the_evidence_of_another(world: World) -> None:
    world.promoted()
    second = world.model("loan", "other weights", create=False)
    subject = world.store.stage_version("loan", second)
    world.approve(world.request("loan", second, subject), subject)
    refused(world.store.set_registered_model_alias, "loan", "production", second)
    assert aliases(world, "loan") == {"production": 1}


@pytest.mark.parametrize(
    "alias",
    [
        "production",
        "Production",
        "PRODUCTION",
        "prod",
        "champion",
        "ｐｒｏｄｕｃｔｉｏｎ",
        "рroduction",
        "live",
        "сandidate",
        "ſtagıng",
    ],
)
def test_every_alias_but_the_open_ones_is_gated_in_any_spelling(world: World, alias: str) -> None:
    version = world.model("loan")
    refused(world.store.set_registered_model_alias, "loan", alias, version)
    refused(world.store.set_registered_model_alias, name="loan", alias=alias, version=str(version))
    assert aliases(world, "loan") == {}


@pytest.mark.parametrize("alias", sorted(OPEN_ALIASES | {"Staging", "CANDIDATE"}))
def test_open_aliases_behave_as_stock(world: World, alias: str) -> None:
    version = world.model("loan")
    world.store.set_registered_model_alias("loan", alias, version)
    assert int(world.store.get_model_version_by_alias("loan", alias).version) == version
    world.store.delete_registered_model_alias("loan", alias)
    assert aliases(world, "loan") == {}


@pytest.mark.parametrize(
    "spelling", ["01", "+1", " 1", "1 ", "１", "١", "1.0", "1e0", "", "0", "-1", True, None, "9" * 5_000, 2**31]
)
def test_a_version_in_another_spelling_is_refused(world: World, spelling: Any) -> None:
    world.promoted()
    refused(world.store.set_registered_model_alias, "loan", "champion", spelling, code="INVALID_PARAMETER_VALUE")
    refused(
        world.store.transition_model_version_stage,
        "loan",
        spelling,
        "Production",
        False,
        code="INVALID_PARAMETER_VALUE",
    )
    assert aliases(world, "loan") == {"production": 1}


def test_a_version_that_is_not_there_is_answered_as_stock_answers(world: World) -> None:
    world.promoted()
    refused(world.store.set_registered_model_alias, "loan", "champion", 7, code="RESOURCE_DOES_NOT_EXIST")
    refused(world.store.set_registered_model_alias, "nobody", "champion", 7, code="RESOURCE_DOES_NOT_EXIST")
    refused(world.store.set_registered_model_alias, "loan", "latest", 1, code="INVALID_PARAMETER_VALUE")
    refused(world.store.set_registered_model_alias, "loan", "v1", 1, code="INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("stage", ["Production", "production", "PRODUCTION"])
def test_stage_production_is_gated(world: World, stage: str) -> None:
    version = world.model("loan")
    refused(world.store.transition_model_version_stage, "loan", version, stage, False)
    refused(
        world.store.transition_model_version_stage,
        name="loan",
        version=str(version),
        stage=stage,
        archive_existing_versions=True,
    )
    assert world.store.get_model_version("loan", version).current_stage == "None"


def test_stages_other_than_production_behave_as_stock(world: World) -> None:
    version = world.model("loan")
    assert world.store.transition_model_version_stage("loan", version, "Staging", False).current_stage == "Staging"
    assert world.store.transition_model_version_stage("loan", "1", "archived", False).current_stage == "Archived"
    refused(
        world.store.transition_model_version_stage, "loan", version, "nonsense", False, code="INVALID_PARAMETER_VALUE"
    )


def test_stage_production_is_granted_archives_on_record_and_resolves(world: World) -> None:
    world.bind("loan")
    first = world.model("loan")
    world.ready("loan", first)
    world.store.transition_model_version_stage("loan", first, "Production", False)
    second = world.model("loan", "other", create=False)
    world.ready("loan", second)
    world.store.transition_model_version_stage("loan", second, "Production", True)
    assert world.store.get_model_version("loan", first).current_stage == "Archived"
    assert [(each.version, each.act) for each in acts(world, "loan", Transition)] == [("1", "archived for version 2")]
    found = world.store.get_latest_versions("loan", ["Production"])
    assert [int(each.version) for each in found] == [second]
    world.store.transition_model_version_stage("loan", second, "Archived", False)
    assert acts(world, "loan", Transition)[-1].act == "moved to stage Archived"


def test_two_versions_may_be_in_production_at_once(world: World) -> None:
    world.bind("loan")
    for number, weights in enumerate(("one", "two"), 1):
        version = world.model("loan", weights, create=number == 1)
        world.ready("loan", version)
        world.store.transition_model_version_stage("loan", version, "Production", False)
    world.store.transition_model_version_stage("loan", 2, "Archived", False)
    assert [int(each.version) for each in world.store.get_latest_versions("loan", ["Production"])] == [1]


def test_a_stage_written_by_hand_does_not_resolve(world: World) -> None:
    world.model("loan")
    world.sql("UPDATE model_versions SET current_stage = 'Production'")
    refused(world.store.get_latest_versions, "loan", ["Production"])
    assert len(world.store.get_latest_versions("loan")) == 1


def test_an_alias_written_by_hand_does_not_load(world: World) -> None:
    world.model("loan")
    world.by_hand("loan", "production", 1)
    error = refused(world.store.get_model_version_by_alias, "loan", "production")
    assert error.json_kwargs["aims_controls"][0]["id"] == "grant"


def test_a_granted_alias_moved_by_hand_does_not_load(world: World) -> None:
    world.promoted()
    world.model("loan", "worse", create=False)
    world.sql("UPDATE registered_model_aliases SET version = 2")
    refused(world.store.get_model_version_by_alias, "loan", "production")


def test_a_storage_location_changed_by_hand_does_not_load(world: World) -> None:
    world.promoted()
    world.sql("UPDATE model_versions SET storage_location = '/somewhere/else'")
    refused(world.store.get_model_version_by_alias, "loan", "production")
    refused(world.store.get_model_version_download_uri, "loan", 1)


@pytest.mark.parametrize("forged", ["DELETE FROM aims_names", "UPDATE aims_names SET governed = 0"])
def test_where_a_versions_bytes_are_is_asked_of_the_ledger_whatever_the_guards_table_says(
    world: World, forged: str
) -> None:
    world.promoted()
    world.sql(forged)
    world.sql("UPDATE model_versions SET storage_location = '/somewhere/else'")
    refused(world.store.get_model_version_download_uri, "loan", 1)


def test_a_revoked_or_halted_grant_no_longer_loads(world: World) -> None:
    world.promoted()
    row = next(row for row in world.seen("loan").rows if row.type == type_of(Grant))
    world.revoke(row.digest)
    refused(world.store.get_model_version_by_alias, "loan", "production")


def test_after_a_halt_nothing_loads_and_a_rollback_brings_the_old_version_back(world: World) -> None:
    first = world.promoted()
    second = world.promoted(text="second")
    world.revoke_evidence("loan", first)
    refused(world.store.set_registered_model_alias, "loan", "production", first)
    world.order_rollback("loan", first)
    world.store.set_registered_model_alias("loan", "production", first)
    assert acts(world, "loan", Grant)[-1].transition == "rollback"
    assert int(world.store.get_model_version_by_alias("loan", "production").version) == first
    world.halt("loan")
    refused(world.store.get_model_version_by_alias, "loan", "production")
    refused(world.store.set_registered_model_alias, "loan", "production", second)


def test_an_order_to_roll_back_to_what_was_never_granted_does_not_hold_up_its_own_promotion(world: World) -> None:
    world.promoted()
    second = world.model("loan", "second", create=False)
    world.order_rollback("loan", second)
    said = refused(world.store.set_registered_model_alias, "loan", "production", second)
    assert "never granted" in str(said)
    world.ready("loan", second)
    world.store.set_registered_model_alias("loan", "production", second)
    assert acts(world, "loan", Grant)[-1].transition == "production"


def test_deleting_a_governed_alias_is_allowed_logged_and_ends_the_grant(world: World) -> None:
    world.promoted()
    world.store.delete_registered_model_alias("loan", "production")
    said = acts(world, "loan", Transition)[-1]
    assert (said.alias, said.version, said.act) == ("production", "1", "alias deleted")
    world.by_hand("loan", "production", 1)
    refused(world.store.get_model_version_by_alias, "loan", "production")


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_observe_and_warn_let_through_and_the_grant_says_so(world: World, mode: str) -> None:
    world.bind("loan", mode=mode)
    version = world.model("loan")
    world.store.set_registered_model_alias("loan", "production", version)
    assert acts(world, "loan", Grant)[-1].mode == mode
    assert int(world.store.get_model_version_by_alias("loan", "production").version) == version


def test_a_version_without_a_recorded_registrar_is_refused(world: World) -> None:
    world.bind("loan")
    world.model("loan")
    world.sql(
        "INSERT INTO model_versions "
        "(workspace, name, version, source, storage_location, current_stage, status, creation_time) "
        "SELECT workspace, name, 2, source, storage_location, 'None', 'READY', creation_time FROM model_versions"
    )
    world.ready("loan", 2)
    assert "who registered" in refused(world.store.set_registered_model_alias, "loan", "production", 2).message


def test_a_version_that_changed_between_hashing_and_the_lock_is_a_conflict(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    prepare = type(world.store)._prepare

    def and_then_change(self: Any, *args: Any) -> Any:
        found = prepare(self, *args)
        world.sql("UPDATE model_versions SET source = '/another', creation_time = creation_time + 1")
        return found

    monkeypatch.setattr(type(world.store), "_prepare", and_then_change)
    refused(world.store.set_registered_model_alias, "loan", "production", version, code="RESOURCE_CONFLICT")
    assert aliases(world, "loan") == {}


def test_evidence_revoked_between_hashing_and_the_lock_is_a_denial(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.bind("loan")
    version = world.model("loan")
    subject = world.store.stage_version("loan", version)
    statement = world.evidence(subject)
    world.approve(world.request("loan", version, subject), subject)
    prepare = type(world.store)._prepare

    def and_then_revoke(self: Any, *args: Any) -> Any:
        found = prepare(self, *args)
        world.revoke(statement)
        return found

    monkeypatch.setattr(type(world.store), "_prepare", and_then_revoke)
    refused(world.store.set_registered_model_alias, "loan", "production", version)
    assert aliases(world, "loan") == {}


def test_an_unexpected_error_on_the_way_is_a_refusal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("aims_gates.ledger.registry_acts.grant", broken)
    error = refused(world.store.set_registered_model_alias, "loan", "production", version)
    assert "ZeroDivisionError" in error.message and aliases(world, "loan") == {}
    assert world.store.get_model_version_download_uri("loan", version).startswith(str(world.folder / "models"))


def test_an_edited_ledger_row_refuses_everything_about_the_model(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    world.sql("UPDATE aims_ledger SET body = replace(body, 'embedded', 'Embedded')")
    refused(world.store.set_registered_model_alias, "loan", "production", version)


def test_a_locked_database_is_a_conflict_and_changes_nothing(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    world.store.ManagedSessionMaker.timeout_ms = 200
    with world.store.engine.connect() as other:
        other.execute(text("UPDATE aims_head SET size = size"))
        error = refused(world.store.set_registered_model_alias, "loan", "production", version, code="RESOURCE_CONFLICT")
        refused(world.store.create_registered_model, "other", code="RESOURCE_CONFLICT")
    assert error.get_http_status_code() == 409 and aliases(world, "loan") == {}
    world.store.set_registered_model_alias("loan", "production", version)


def test_promotions_from_many_threads_lose_no_row_and_tell_one_story(world: World) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    errors: list[Exception] = []

    def work(alias: str) -> None:
        try:
            for _ in range(3):
                world.store.set_registered_model_alias("loan", alias, version)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"live{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    size, rows = world.sql("SELECT size, (SELECT count(*) FROM aims_ledger) FROM aims_head")[0]
    assert size == rows and len(acts(world, "loan", Grant)) == 12 and len(aliases(world, "loan")) == 4


def test_the_registrar_is_recorded_with_the_version_however_it_was_called(world: World) -> None:
    world.store.create_registered_model("loan")
    world.store.create_model_version("loan", "s3://bucket/a", "run1", [ModelVersionTag("k", "v")])
    world.store.create_model_version(
        name="loan", source="s3://bucket/b", run_id=None, tags=None, run_link="x", model_id=None
    )
    said = acts(world, "loan", Registration)
    assert [(each.version, each.source, each.run_id) for each in said] == [
        ("1", "s3://bucket/a", "run1"),
        ("2", "s3://bucket/b", None),
    ]
    assert {each.via for each in said} == {"embedded"}


def test_a_copy_of_a_granted_version_is_not_granted(world: World) -> None:
    world.promoted()
    copied = world.store.copy_model_version(world.store.get_model_version("loan", 1), "copy")
    refused(world.store.set_registered_model_alias, "copy", "production", copied.version)


def test_a_bound_prompt_is_gated_and_its_text_cannot_change_after_the_grant(world: World) -> None:
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello {{name}}")
    world.bind("greeting", kind="prompt")
    refused(world.store.set_prompt_alias, "greeting", "production", 1)
    with world.store.primary() as session:
        subject = world.store.prompt_digest(world.store._get_sql_model_version(session, "greeting", 1))
    world.evidence(subject)
    world.approve(world.request("greeting", 1, subject), subject)
    world.store.set_prompt_alias("greeting", "production", 1)
    assert world.store.get_prompt_version_by_alias("greeting", "production").template == "Hello {{name}}"
    world.store.set_model_version_tag("greeting", 1, ModelVersionTag(PROMPT_TEXT_TAG_KEY, "Obey {{name}}"))
    refused(world.store.get_model_version_by_alias, "greeting", "production")


def test_the_prompt_tag_cannot_make_a_prompt_of_a_model(world: World) -> None:
    world.model("loan")
    for value in ("true", "True", "TRUE"):
        refused(world.store.set_registered_model_tag, "loan", RegisteredModelTag(IS_PROMPT_TAG_KEY, value))
    world.sql(
        "INSERT INTO registered_model_tags (workspace, name, key, value) "
        f"VALUES ('default', 'loan', '{IS_PROMPT_TAG_KEY}', 'true')"
    )
    refused(world.store.set_registered_model_alias, "loan", "production", 1)
    world.store.delete_registered_model_tag("loan", IS_PROMPT_TAG_KEY)


def test_a_prompt_cannot_become_a_model_or_hold_one(world: World) -> None:
    world.store.create_registered_model("trick", [RegisteredModelTag(IS_PROMPT_TAG_KEY, "TRUE")])
    refused(world.store.delete_registered_model_tag, "trick", IS_PROMPT_TAG_KEY)
    refused(world.store.set_registered_model_tag, "trick", RegisteredModelTag(IS_PROMPT_TAG_KEY, "false"))
    world.store.set_registered_model_tag("trick", RegisteredModelTag(IS_PROMPT_TAG_KEY, "true"))
    for tags in (None, [ModelVersionTag(IS_PROMPT_TAG_KEY, "true")]):
        refused(world.store.create_model_version, "trick", "/models/evil", None, tags, code="INVALID_PARAMETER_VALUE")
    assert world.store.search_model_versions("name = 'trick'") == []


def test_what_the_store_wrote_and_what_was_written_by_hand_are_told_apart(world: World) -> None:
    def told() -> list[str]:
        with world.store.primary() as session:
            found = reconcile(session.connection(), world.folder)
        return [
            each for each in found if not each.startswith("the database is not guarded")
        ]  # writing by hand takes the guards away

    version = world.promoted()
    world.store.transition_model_version_stage("loan", version, "Production", False)
    world.store.create_prompt("greeting")
    world.store.create_prompt_version("greeting", "Hello")
    world.store.set_prompt_alias("greeting", "staging", 1)
    assert told() == []
    world.by_hand("loan", "champion", version)
    assert len(told()) == 1 and "champion" in told()[0]
