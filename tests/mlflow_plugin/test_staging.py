"""Released copies: named by their digest, write-once, taken up where a copy stopped."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aims_gates.documents.canonical import folder_digest
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.store import locations
from aims_gates.mlflow_plugin.store import released as staging
from aims_gates.mlflow_plugin.store.locations import Released, inside, local_path, proxied_path, released_root
from aims_gates.mlflow_plugin.store.released import stage, staged


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "code" / "deep").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "model.bin").write_bytes(b"x" * 10_000)
    (folder / "code" / "deep" / "a.py").write_text("a = 1\n")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Released:
    return released_root(str(tmp_path / "registry.db"))


def test_a_staged_copy_has_the_digest_of_its_source_and_is_read_only(model: Path, root: Released) -> None:
    digest = stage(model, root)
    copy = staged(root, digest)
    assert digest == folder_digest(model) and copy is not None and copy.name == digest.removeprefix("sha256:")
    assert root.location(digest) == str(copy) and root.digest(str(copy)) == digest
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*") if path.is_file()} == {0o444}
    assert {path.stat().st_mode & 0o777 for path in copy.rglob("*") if path.is_dir()} == {0o555}


def test_staging_twice_copies_once(model: Path, root: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = stage(model, root)
    monkeypatch.setattr(staging, "_copy_file", lambda *_: pytest.fail("copied again"))
    assert stage(model, root) == digest


def test_the_file_that_a_stock_load_writes_is_left_out_and_may_come_later(model: Path, root: Released) -> None:
    digest = stage(model, root)
    (model / "registered_model_meta").write_text("model_name: x\n")
    assert stage(model, root) == digest
    copy = root.copy(digest)
    assert not (copy / "registered_model_meta").exists() and copy.stat().st_mode & 0o200
    (copy / "registered_model_meta").write_text("model_name: x\n")
    assert staged(root, digest) == copy


def test_beside_a_models_code_nobody_can_leave_bytecode(model: Path, root: Released) -> None:
    (model / "code").mkdir(exist_ok=True)
    (model / "code" / "steps.py").write_text("x = 1\n")
    expected = stage(model, root)
    kept = root.copy(expected) / "code" / "__pycache__"
    assert list(kept.iterdir()) == [] and kept.stat().st_mode & 0o222 == 0
    assert folder_digest(root.copy(expected)) == expected == folder_digest(model)
    assert not (root.copy(expected) / "__pycache__").exists()


def test_an_interrupted_copy_is_taken_up_where_it_stopped(
    model: Path, root: Released, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    real = staging._copy_file

    def until_the_second(source: Path, target: Path) -> None:
        if len(copied) == 1:
            raise OSError(28, "No space left on device")
        copied.append(source.name)
        real(source, target)

    monkeypatch.setattr(staging, "_copy_file", until_the_second)
    with pytest.raises(InputError, match="No space left"):
        stage(model, root)
    assert staged(root, folder_digest(model)) is None
    monkeypatch.setattr(
        staging, "_copy_file", lambda source, target: (copied.append(source.name), real(source, target))
    )
    assert staged(root, stage(model, root)) is not None
    assert sorted(copied) == ["MLmodel", "a.py", "model.bin"]
    assert [each.name for each in root.folder.iterdir() if each.name.endswith(".partial")] == []


def test_a_damaged_partial_copy_is_thrown_away(model: Path, root: Released) -> None:
    partial = root.folder / f".{folder_digest(model).removeprefix('sha256:')}.partial"
    partial.mkdir(parents=True)
    (partial / "model.bin").write_bytes(b"y" * 10_000)
    with pytest.raises(IntegrityError, match="changed while it was copied"):
        stage(model, root)
    assert staged(root, stage(model, root)) is not None


def test_what_a_killed_copy_left_is_in_nobodys_way(model: Path, root: Released) -> None:
    code = (
        "import os, pathlib, shutil, signal\n"
        "from aims_gates.mlflow_plugin.store import locations, released\n"
        "real, kill = shutil.copyfile, lambda: os.kill(os.getpid(), signal.SIGKILL)\n"
        "shutil.copyfile = lambda *files, **options: (real(*files, **options), kill())\n"
        f"root = locations.released_root({str(model.parent / 'registry.db')!r})\n"
        f"released.stage(pathlib.Path({str(model)!r}), root)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert [path.name for path in root.folder.rglob("*.aims-part")] != []
    assert staged(root, stage(model, root)) is not None
    assert [path.name for path in root.folder.rglob("*.aims-part")] == []


@pytest.mark.parametrize("change", ["edit", "add", "remove", "link"])
def test_an_altered_copy_is_found(model: Path, root: Released, change: str) -> None:
    digest = stage(model, root)
    copy = root.copy(digest)
    (copy / "code" / "deep").chmod(0o755)
    match change:
        case "edit":
            (copy / "model.bin").chmod(0o644)
            (copy / "model.bin").write_bytes(b"x" * 9_999 + b"y")
        case "add":
            (copy / "code" / "deep" / "b.py").write_text("")
        case "remove":
            (copy / "model.bin").unlink()
        case _:
            (copy / "extra").symlink_to(model / "model.bin")
    with pytest.raises(IntegrityError):
        staged(root, digest)
    with pytest.raises(IntegrityError):
        stage(model, root)


def test_a_source_with_a_link_is_refused(model: Path, root: Released) -> None:
    (model / "data").symlink_to("/etc/hostname")
    with pytest.raises(IntegrityError, match="neither a file nor a folder"):
        stage(model, root)


def test_progress_counts_to_the_end(model: Path, root: Released) -> None:
    seen: list[tuple[int, int]] = []
    stage(model, root, lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def test_a_server_that_serves_local_artifacts_releases_beneath_them(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locations.ARTIFACTS_DESTINATION_ENV_VAR, f"file://{tmp_path}/served")
    monkeypatch.setenv(locations.SERVE_ARTIFACTS_ENV_VAR, "true")
    root = released_root("/elsewhere/registry.db")
    digest = stage(model, root)
    assert root.location(digest) == f"mlflow-artifacts:/aims-released/{digest.removeprefix('sha256:')}"
    assert proxied_path(root.location(digest)) == tmp_path / "served" / "aims-released" / digest.removeprefix("sha256:")


@pytest.mark.parametrize("destination", ["s3://bucket/x", "gs://bucket"])
def test_a_server_with_artifacts_in_a_bucket_says_that_it_cannot_release(
    destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locations.ARTIFACTS_DESTINATION_ENV_VAR, destination)
    monkeypatch.setenv(locations.SERVE_ARTIFACTS_ENV_VAR, "true")
    with pytest.raises(InputError, match="no local folder"):
        released_root("/elsewhere/registry.db")


def test_a_registry_without_a_file_has_no_released_root() -> None:
    for database in (None, ":memory:"):
        with pytest.raises(InputError):
            released_root(database)


@pytest.mark.parametrize(
    "address", ["/models/../secret", "file:///models/%2e%2e/secret", "file:///a/%252e%252e/b", "/a/b\x00"]
)
def test_an_address_that_climbs_out_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        local_path(address)


def test_other_schemes_are_no_local_path(tmp_path: Path) -> None:
    assert (
        local_path("s3://bucket/x") is None and local_path("") is None and proxied_path("mlflow-artifacts:/x") is None
    )
    assert inside(tmp_path / "a", tmp_path) and not inside(tmp_path.parent, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(model: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    with pytest.raises(InputError) as caught:
        stage(model, Released(closed / "aims-released", "x"))
    assert caught.value.remedy
    shutil.rmtree(closed)
