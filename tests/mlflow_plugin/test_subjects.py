"""Every address MLflow gives leads to the same bytes, read where they are."""

import os
from pathlib import Path

import mlflow
import pytest

from aims_gates.documents.canonical import digest_bytes, folder_digest
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.internals.versions import installed, minor
from aims_gates.mlflow_plugin.store import locations
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.subjects import (
    local_folder,
    model_subject,
    prompt_subject,
    rules_subject,
    service_subject,
)

from .conftest import World


def test_one_digest_by_every_address_and_a_stock_load_of_the_released_version_leaves_it_whole(
    tracking: Path, world: World
) -> None:
    if "postgresql" in world.uri:
        pytest.skip("released copies are read through a server there")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", artifact_location=str(tracking / "artifacts")))
    code = tracking / "says_nothing.py"
    code.write_text(
        "import mlflow\n\nclass Nothing(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n        return []\n\n"
        "mlflow.models.set_model(Nothing())\n"
    )
    with mlflow.start_run() as run:
        made = mlflow.pyfunc.log_model(name="model", python_model=str(code), pip_requirements=["mlflow"])
    world.store.create_registered_model("m")
    version = int(world.store.create_model_version("m", made.model_uri, model_id=made.model_id).version)
    with local_folder(made.model_uri) as folder:
        assert folder.is_relative_to(tracking / "artifacts")
        expected = folder_digest(folder)
    assert model_subject(f"runs:/{run.info.run_id}/model").digest == expected
    assert model_subject(str(folder)).digest == model_subject(folder.as_uri()).digest == expected
    assert model_subject(f"models:/m/{version}", version_address=world.store._address_of).digest == expected
    assert world.store.stage_version("m", version) == expected == world.store.stage_version("m", version)

    world.bind("m")
    world.ready("m", version)
    world.store.set_registered_model_alias("m", "production", version)
    assert world.store.stage_version("m", version) == expected
    mlflow.set_registry_uri(world.uri)
    try:
        mlflow.pyfunc.load_model("models:/m@production")
    finally:
        mlflow.set_registry_uri("")
        os.environ.pop("MLFLOW_REGISTRY_URI", None)
    copy = world.store.released().copy(expected)
    assert (copy / "registered_model_meta").is_file() == (minor(installed()) < (3, 18))  # MLflow wrote it before
    with world.store.primary() as session:
        assert reconcile(session.connection()) == []
        (copy / "MLmodel").chmod(0o644)
        (copy / "MLmodel").write_text((copy / "MLmodel").read_text() + " ")
        assert "altered" in reconcile(session.connection())[0]


@pytest.mark.parametrize("address", ["models:/m@production", "models:/m/Production", "models:/m/latest"])
def test_an_address_that_may_move_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="may move"):
        model_subject(address)


def test_an_unknown_id_is_an_error_with_a_remedy(tracking: Path) -> None:
    for address in ("models:/m-00000000000000000000000000000000", "runs:/0123/model"):
        with pytest.raises(InputError) as caught:
            model_subject(address)
        assert caught.value.remedy


def test_a_version_that_leads_to_itself_is_refused() -> None:
    with pytest.raises(InputError, match="leads to itself"):
        model_subject("models:/m/1", version_address=lambda *_: "models:/m/1")


def test_a_missing_folder_is_an_integrity_error(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        model_subject(str(tmp_path / "nothing"))


def test_a_server_reads_only_beneath_its_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served = tmp_path / "served"
    for folder in (served / "1" / "model", tmp_path / "secret"):
        folder.mkdir(parents=True)
        (folder / "MLmodel").write_text("flavors: {}\n")
    (served / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setenv(locations.ARTIFACTS_DESTINATION_ENV_VAR, str(served))
    monkeypatch.setenv(locations.SERVE_ARTIFACTS_ENV_VAR, "true")
    expected = folder_digest(served / "1" / "model")
    assert (
        model_subject("mlflow-artifacts:/1/model").digest
        == model_subject(str(served / "1" / "model")).digest
        == expected
    )
    for address in (str(tmp_path / "secret"), "mlflow-artifacts:/../secret", "mlflow-artifacts:/%2e%2e/secret"):
        with pytest.raises(InputError):
            model_subject(address)
    with pytest.raises((InputError, IntegrityError)):
        model_subject("mlflow-artifacts:/link")


def test_a_rule_set_is_the_bytes_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_bytes(b"if x then y\n")
    found = rules_subject(tmp_path / "rules.txt")
    assert (found.kind, found.digest, found.name) == ("rules", digest_bytes(b"if x then y\n"), "rules.txt")
    with pytest.raises(InputError):
        rules_subject(tmp_path / "none")


def test_a_prompt_is_its_template_and_its_configuration() -> None:
    plain = prompt_subject("Hello {{name}}", {"temperature": 0})
    assert plain.kind == "prompt" and plain == prompt_subject("Hello {{name}}", {"temperature": 0})
    others = [
        prompt_subject("Hello", {"temperature": 0}),
        prompt_subject("Hello {{name}}"),
        prompt_subject([{"role": "user"}]),
    ]
    assert len({plain.digest, *(other.digest for other in others)}) == 4
    with pytest.raises(InputError):
        prompt_subject("")


def test_a_service_is_pinned_by_provider_dated_model_parameters_and_prompt() -> None:
    prompt = prompt_subject("Hello").digest
    one = service_subject("acme", "acme-large", "2026-01-31", {"temperature": 0}, prompt)
    two = service_subject("acme", "acme-large", "2026-02-28", {"temperature": 0}, prompt)
    assert one.kind == "service" and one.digest != two.digest
    for provider, model, dated, named in (
        ("", "m", "2026-01-31", prompt),
        ("a", "m", "latest", prompt),
        ("a", "m", "2026-01-31", "x"),
    ):
        with pytest.raises(InputError):
            service_subject(provider, model, dated, {}, named)
