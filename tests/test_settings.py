"""Settings: flags, then the environment, then aims.yaml."""

from pathlib import Path

import pytest

from aims_gates.attestation.signing.keys import ENVIRONMENT, new_key
from aims_gates.errors import InputError, KeyFileError
from aims_gates.model import ModelRef
from aims_gates.settings import SCHEMES, Settings, database_uri, load, maybe_signer, signer


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_empty_folder_has_no_pack_and_no_registry(folder: Path) -> None:
    found = load()
    assert found.packs == () and found.registry is None and found.key is None
    with pytest.raises(InputError, match="no registry is named") as caught:
        found.need_registry()
    assert "MLFLOW_REGISTRY_URI" in (caught.value.remedy or "")


def test_paths_in_aims_yaml_are_relative_to_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder / "pack"
    place.mkdir()
    text = "packs: [., more]\nregistry: aims+sqlite:///r.db\ntracking: sqlite:///t.db\nkey: k/ci.key\nartifacts: a\n"
    (place / "aims.yaml").write_text(text)
    found = load(place / "aims.yaml")
    assert found.packs == (place / ".", place / "more")
    assert found.registry == f"aims+sqlite:///{place / 'r.db'}" and found.tracking == f"sqlite:///{place / 't.db'}"
    assert found.key == place / "k" / "ci.key" and found.artifacts == place / "a"
    monkeypatch.chdir(place)
    assert load().registry == found.registry


def test_flags_go_before_the_environment_and_that_before_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "aims.yaml").write_text("registry: aims+sqlite:///file.db\ntracking: http://server:5000\n")
    assert load().registry == f"aims+sqlite:///{folder / 'file.db'}" and load().tracking == "http://server:5000"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "aims+sqlite:////tmp/env.db")
    assert load().registry == "aims+sqlite:////tmp/env.db"
    assert load(registry="aims+sqlite:///flag.db").registry == f"aims+sqlite:///{folder / 'flag.db'}"
    assert load(packs=(Path("p"),), key=Path("k")).key == Path("k")


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("registry: a\nregistri: b\n", "unknown field", 2),
        ("registry: a\nregistry: b\n", "is there twice", 2),
        ("packs: here\n", "packs", 1),
        ("registry: [a]\n", "registry", 1),
    ],
)
def test_a_malformed_aims_yaml_is_named_with_its_line(folder: Path, text: str, said: str, line: int) -> None:
    (folder / "aims.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load()
    assert said in caught.value.message and caught.value.where == f"aims.yaml:{line}"


def test_a_settings_file_that_is_named_must_be_there(folder: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load(folder / "gone.yaml")


def test_a_registry_of_ours_names_its_database() -> None:
    assert all(database_uri(f"{scheme}:///r.db") == f"{made}:///r.db" for scheme, made in SCHEMES.items())
    assert set(SCHEMES.values()) == {"sqlite", "postgresql+psycopg2", "postgresql+psycopg"}
    assert database_uri("aims+postgresql://a@b/c") == "postgresql+psycopg://a@b/c"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://server:5000", "not reached over HTTP"),
        ("sqlite:///r.db", "not gated"),
        ("r.db", "not gated"),
        ("", "not"),
    ],
)
def test_a_registry_that_is_not_gated_is_refused_with_what_to_write(uri: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        database_uri(uri)
    assert "aims+sqlite:///FILE" in (caught.value.remedy or "")


def test_a_key_comes_from_the_flag_then_the_environment_then_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {name: new_key(folder / f"{name}.key").public for name in ("flag", "environment", "file")}
    assert maybe_signer(load()) is None
    with pytest.raises(KeyFileError, match="no key is named"):
        signer(load())
    (folder / "aims.yaml").write_text("key: file.key\n")
    assert signer(load()).public == made["file"]
    monkeypatch.setenv(ENVIRONMENT, str(folder / "environment.key"))
    assert signer(load()).public == made["environment"]
    assert signer(load(), folder / "flag.key").public == made["flag"]


def test_a_key_that_others_may_read_is_refused(folder: Path) -> None:
    new_key(folder / "ci.key")
    (folder / "ci.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="others may read") as caught:
        maybe_signer(load(), folder / "ci.key")
    assert "chmod 600" in (caught.value.remedy or "")


def test_a_version_is_named_with_the_workspace_that_mlflow_works_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "north")
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    ref = ModelRef(Settings(registry="aims+sqlite:///registry.db").workspace, "loan", "10")
    assert (str(ref), ref.label) == ("north/loan/10", "loan/10")
