"""Loading what was released, going back to what was granted before, and stopping at once."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.tracking._model_registry.utils import _get_store

import aims_gates
from aims_gates.attestation.statements.registry import Grant
from aims_gates.decision.in_force import StatementView
from aims_gates.errors import InputError, IntegrityError, RefusedError
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import about
from aims_gates.mlflow_plugin.client.release import load_model, promote, stage_version, use
from aims_gates.mlflow_plugin.internals.versions import installed, minor
from aims_gates.model import ModelRef
from aims_gates.settings import Settings

GRANTED = "models:/loans@production"


def grant(shop: Any, alias: str = "production") -> Any:
    with open_ledger(shop.settings.registry) as connection:
        return StatementView(about(connection, "default", "loans"), "default", "loans").standing(
            alias, datetime.now(UTC)
        )


def released(shop: Any) -> Path:
    """The folder of the version in production."""
    found = grant(shop).predicate
    assert isinstance(found, Grant)
    return Path(found.location.removeprefix("file://"))


@pytest.fixture
def bytes_of(traded: Any) -> Iterator[Path]:
    """The released folder, put back afterwards as it was."""
    folder = released(traded.shop)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield folder
    for path in list(folder.rglob("*")):
        if path.is_file() and path not in before:
            path.unlink()
    for path, content in before.items():
        if path.read_bytes() != content:
            path.chmod(0o644)
            path.write_bytes(content)


def weights(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.name.startswith("model."))


def alter(path: Path) -> None:
    """Change one byte, as somebody with the folder in hand."""
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("address", [GRANTED, "models:/loans/1"])
def test_what_was_granted_loads(shop: Any, shops: Any, address: str) -> None:
    loaded = aims_gates.load_model(address)
    assert len(loaded.predict(shops.frame()[["x", "z"]])) == 400


def test_settings_may_be_named(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_model(GRANTED, settings=shop.settings) is not None


@pytest.mark.parametrize("address", ["models:/loans/2", "models:/loans@champion", "models:/cards@production"])
def test_what_was_never_granted_is_refused(shop: Any, address: str) -> None:
    with pytest.raises(RefusedError, match="no grant stands") as caught:
        aims_gates.load_model(address)
    assert "aims-gates explain" in (caught.value.remedy or "")


@pytest.mark.parametrize("address", ["models:/loans", "models:/loans/latest", "runs:/0/model", "loans", "models:/m-1"])
def test_an_address_that_no_grant_can_stand_for_is_refused(shop: Any, address: str) -> None:
    with pytest.raises(InputError) as caught:
        aims_gates.load_model(address)
    assert "models:/NAME@production" in (caught.value.remedy or "")


def test_an_altered_byte_is_found_before_anything_is_unpickled(shop: Any, bytes_of: Path) -> None:
    alter(weights(bytes_of))
    with pytest.raises(IntegrityError, match="altered") as caught:
        aims_gates.load_model(GRANTED)
    assert "ledger verify" in (caught.value.remedy or "")


def test_an_added_file_is_found(shop: Any, bytes_of: Path) -> None:
    (bytes_of / "extra.py").write_text("print('hello')\n")
    with pytest.raises(IntegrityError, match="altered"):
        aims_gates.load_model("models:/loans/1")


def test_a_revoked_grant_no_longer_loads_by_alias_or_by_version(shop: Any) -> None:
    assert shop.run("revoke", grant(shop).digest, "--reason", "harm seen", *shop.sign("policy")) == 0
    for address in (GRANTED, "models:/loans/1"):
        with pytest.raises(RefusedError, match="no grant stands"):
            aims_gates.load_model(address)


def test_an_older_grant_does_not_come_back_when_the_newer_is_revoked(shop: Any) -> None:
    first = grant(shop).digest
    mlflow.MlflowClient().set_registered_model_alias("loans", "champion", "1")
    second = grant(shop, "champion").digest
    assert first != second
    assert shop.run("revoke", second, "--reason", "harm seen", *shop.sign("policy")) == 0
    with pytest.raises(RefusedError):
        aims_gates.load_model("models:/loans/1")
    assert aims_gates.load_model(GRANTED) is not None


def test_a_halt_takes_the_alias_away_and_nothing_loads(shop: Any) -> None:
    assert shop.run("halt", "loans", "--reason", "harm seen", *shop.sign("oncall")) == 0
    assert mlflow.MlflowClient().get_registered_model("loans").aliases == {}
    for address in (GRANTED, "models:/loans/1"):
        with pytest.raises(RefusedError):
            aims_gates.load_model(address)
    assert shop.run("promote", "loans", "1") == 2


def test_the_next_version_takes_over_and_rollback_returns(shop: Any) -> None:
    shop.approve(2)
    asked = shop.said("request", "list")[0]
    assert asked["version"] == "2" and "production is version 1" in asked["changes"]
    assert shop.run("promote", "loans", "2") == 0
    assert grant(shop).predicate.version == "2"
    assert shop.run("rollback", "loans", "1", "--reason", "it misbehaves", *shop.sign("oncall")) == 0
    assert grant(shop).predicate.version == "1"
    assert mlflow.MlflowClient().get_model_version_by_alias("loans", "production").version in (1, "1")
    aims_gates.load_model(GRANTED)
    assert shop.said("ledger", "verify")["ok"] is True


def test_a_lost_copy_is_made_again_by_promote_as_a_server_does(world: Any, tracking: Path) -> None:
    version, settings = world.promoted(), Settings(registry=world.uri)
    digest = world.seen("loan").grants()[-1].predicate.digest
    copy = world.store.released().copy(digest)
    copy.rename(tracking / "aside")
    before = mlflow.get_registry_uri()
    use(settings)
    try:
        assert promote(settings, ModelRef(settings.workspace, "loan", str(version)), "production") == digest
        assert copy.is_dir() and world.store.get_model_version_by_alias("loan", "production").version == version
        copy.rename(tracking / "aside again")
        (Path(world.store.get_model_version("loan", version).source) / "model.bin").write_text("other")
        with pytest.raises(IntegrityError, match="no longer holds its bytes"):
            promote(settings, ModelRef(settings.workspace, "loan", str(version)), "production")
        with pytest.raises(InputError, match="loan version 9"):
            stage_version(settings, ModelRef(settings.workspace, "loan", "9"))
    finally:
        _get_store(world.uri)._dispose_engine()
        mlflow.set_registry_uri(before)


def test_rollback_is_for_those_on_call_and_to_versions_granted_before(shop: Any) -> None:
    assert shop.run("rollback", "loans", "2", "--reason", "x", *shop.sign("oncall")) == 2
    assert shop.run("rollback", "loans", "1", "--reason", "x", *shop.sign("dev")) in (2, 5)
    assert grant(shop).predicate.version == "1"


def test_a_stock_load_leaves_the_ledger_content_and_any_other_change_does_not(shop: Any, bytes_of: Path) -> None:
    mlflow.pyfunc.load_model(GRANTED)
    assert (bytes_of / "registered_model_meta").is_file() == (minor(installed()) < (3, 18))  # MLflow wrote it before
    assert shop.said("ledger", "verify") == shop.said("ledger", "verify") | {"ok": True, "problems": []}
    aims_gates.load_model(GRANTED)
    alter(bytes_of / "MLmodel")
    said = shop.said("ledger", "verify")
    assert said["ok"] is False and re.search("loans version 1 .*released bytes were altered", said["problems"][0])
    assert shop.run("ledger", "verify") == 5
