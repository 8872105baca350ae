"""Which sources a server registers and reads."""

from pathlib import Path

import pytest

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.store.locations import (
    ARTIFACT_ROOT_ENV_VAR,
    ARTIFACTS_DESTINATION_ENV_VAR,
    SERVE_ARTIFACTS_ENV_VAR,
    SOURCES_ENV_VAR,
    check_allowed,
    check_readable,
    check_source,
)

OWN = ("runs:/1/model", "models:/m-1", "models:/loan/1", "mlflow-artifacts:/0/models/m-1/artifacts")
OTHERS = ("s3://models/x", "http://host/x", "/etc", "file:///etc", "dbfs:/x", "mlflow-artifacts://host/x")
CLIMBING = ("mlflow-artifacts:/0/%252e%252e/x", "runs:/1/../../x", "s3://told/../other/x", "s3://toldx/y", "s3://told")


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SERVE_ARTIFACTS_ENV_VAR, "true")
    monkeypatch.setenv(ARTIFACTS_DESTINATION_ENV_VAR, str(tmp_path / "artifacts"))
    monkeypatch.setenv(ARTIFACT_ROOT_ENV_VAR, "mlflow-artifacts:/")
    return tmp_path / "artifacts"


def test_a_server_registers_what_is_its_own(serving: Path) -> None:
    for source in (*OWN, f"{serving}/0/m", f"file://{serving}/0/m"):
        check_source(source)
    for source in (*OTHERS, *CLIMBING):
        with pytest.raises(InputError):
            check_source(source)


def test_prefixes_that_it_was_told_of_are_its_own_too(serving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOURCES_ENV_VAR, "s3://told, gs://other/")
    for source in ("s3://told/x", "gs://other/y"):
        check_source(source)
        check_readable(source, source)
    for source in (*CLIMBING, "gs://others/y"):
        with pytest.raises(InputError):
            check_source(source)


def test_a_folder_that_it_was_told_of_is_registered_from_and_read_but_none_that_a_link_leads_to(
    serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, other = tmp_path / "team", tmp_path / "other"
    for folder in (team / "model", other):
        folder.mkdir(parents=True)
    (team / "link").symlink_to(other)
    for told in (str(team), f"file://{team}"):
        monkeypatch.setenv(SOURCES_ENV_VAR, f"s3://told,{told}")
        check_source(f"{told}/model")
        check_allowed(team / "model", f"{told}/model")
        for elsewhere in (team / "link", other, tmp_path / "team2"):
            with pytest.raises(InputError, match="outside its artifact folders"):
                check_allowed(elsewhere, str(elsewhere))


def test_it_reads_nothing_else_with_its_own_rights(serving: Path) -> None:
    check_readable("mlflow-artifacts:/0/x", "models:/m-1")
    for source in ("s3://models/x", "http://host/x", "s3://told/../x"):
        with pytest.raises(InputError, match="does not read"):
            check_readable(source, "runs:/1/model")


def test_embedded_everything_is_as_mlflow_has_it() -> None:
    for source in (*OWN, *OTHERS):
        check_source(source)
        check_readable(source, source)
