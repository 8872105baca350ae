"""Released copies in a bucket of an S3 server: written once, read back, listed before a promotion, hashed at load."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
from moto.server import ThreadedMotoServer

from aims_gates import load_model
from aims_gates.documents.canonical import digest_bytes, folder_digest
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.server.artifacts import WRITES, ArtifactGuard
from aims_gates.mlflow_plugin.store.locations import Bucket, Released, bucket
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.released_remote import holds, put
from aims_gates.settings import Settings

from .conftest import World

pytestmark = [
    pytest.mark.parametrize("world", ["sqlite"], indirect=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:moto.*"),
]
ROOT = "s3://models/team/aims-released"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 server on this machine, with one bucket."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "only",
            "AWS_SECRET_ACCESS_KEY": "for-tests",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "NO_PROXY": host,
        }.items():
            patch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="models", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield client
    server.stop()


@pytest.fixture
def released(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The released root, empty."""
    for each in s3.list_objects_v2(Bucket="models").get("Contents", ()):
        s3.delete_object(Bucket="models", Key=each["Key"])
    monkeypatch.setenv("AIMS_GATES_RELEASED", ROOT)
    found = bucket()
    assert found is not None
    return found


def keys(s3: Any) -> set[str]:
    return {each["Key"] for each in s3.list_objects_v2(Bucket="models").get("Contents", ())}


def told(world: World) -> list[str]:
    with world.store.primary() as session:
        return reconcile(session.connection())


def test_a_version_is_released_into_the_bucket_and_any_client_reads_it_there(
    world: World, s3: Any, released: Bucket
) -> None:
    version = world.promoted()
    subject = world.seen("loan").grants()[-1].predicate.digest
    found = world.store.get_model_version_by_alias("loan", "production")
    where = world.store.get_model_version_download_uri("loan", version)
    assert found.version == version and where == released.location(subject)
    hexed = subject.removeprefix("sha256:")
    assert keys(s3) == {
        f"team/aims-released/{hexed}/MLmodel",
        f"team/aims-released/{hexed}/model.bin",
        f"team/aims-released/manifests/{hexed}.json",
    }
    assert told(world) == []
    assert not (world.folder / "aims-released").exists()


def test_bytes_changed_in_the_bucket_do_not_load_and_are_named(world: World, s3: Any, released: Bucket) -> None:
    world.promoted()
    subject = world.seen("loan").grants()[-1].predicate.digest
    key = f"team/aims-released/{subject.removeprefix('sha256:')}/model.bin"
    s3.put_object(Bucket="models", Key=key, Body=b"weighty")  # of the same length as what was granted
    with pytest.raises(IntegrityError, match="the bytes were altered"):
        load_model("models:/loan@production", settings=Settings(registry=world.uri))
    assert any("were altered" in line for line in told(world))


@pytest.mark.parametrize("change", ["added", "removed", "longer", "manifest"])
def test_a_copy_whose_files_are_not_those_that_were_staged_is_not_promoted(
    world: World, s3: Any, released: Bucket, change: str
) -> None:
    world.bind("loan")
    version = world.model("loan")
    hexed = world.ready("loan", version).removeprefix("sha256:")
    place = f"team/aims-released/{hexed}"
    if change == "removed":
        s3.delete_object(Bucket="models", Key=f"{place}/model.bin")
    elif change == "manifest":
        s3.put_object(Bucket="models", Key=f"team/aims-released/manifests/{hexed}.json", Body=b"[]")
    else:
        name = "extra.py" if change == "added" else "model.bin"
        s3.put_object(Bucket="models", Key=f"{place}/{name}", Body=b"something longer")
    with pytest.raises(MlflowException, match="altered") as raised:
        world.store.set_registered_model_alias("loan", "production", version)
    assert raised.value.get_http_status_code() == 403


def test_an_interrupted_copy_is_not_staged_and_is_written_again(
    world: World, s3: Any, released: Bucket, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    (model / "code").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    (model / "code" / "a.py").write_text("a = 1\n")

    def crash(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(model, released, crash)
    expected = folder_digest(model)
    assert keys(s3) and not holds(released, expected)
    assert put(model, released) == expected and holds(released, expected)
    before = keys(s3)
    assert put(model, released, crash) == expected, "what is there is not written again"
    assert keys(s3) == before


def test_a_store_that_does_not_answer_refuses(world: World, released: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bind("loan")
    version = world.model("loan")
    world.ready("loan", version)
    monkeypatch.setenv("AIMS_GATES_RELEASED", "s3://no-such-bucket/aims-released")
    with pytest.raises(InputError, match="object store for released copies failed"):
        world.store.stage_version("loan", version)
    with pytest.raises(MlflowException) as raised:
        world.store.set_registered_model_alias("loan", "production", version)
    assert raised.value.get_http_status_code() == 403


def test_a_server_lets_nobody_write_there_by_any_of_mlflows_ways(world: World, s3: Any, released: Bucket) -> None:
    guarded = ArtifactGuard(world.store, lambda *_: True).over(S3ArtifactRepository)
    inside = guarded(f"{ROOT}/{'0' * 64}")
    above = guarded("s3://models/team")
    file = world.folder / "file"
    file.write_text("x")
    arguments: dict[str, tuple[Any, ...]] = {
        "log_artifact": (str(file), "a"),
        "log_artifacts": (str(world.folder), "a"),
        "delete_artifacts": ("a",),
        "create_multipart_upload": (str(file), 1, "a"),
        "complete_multipart_upload": (str(file), "id", [], "a"),
        "abort_multipart_upload": (str(file), "id", "a"),
        "create_presigned_upload_url": ("a",),
    }
    known = {name for name in WRITES if hasattr(S3ArtifactRepository, name)}
    for name in sorted(known & set(arguments)):
        with pytest.raises(MlflowException, match="only staging writes released copies"):
            getattr(inside, name)(*arguments[name])
    with pytest.raises(MlflowException, match="only staging writes released copies"):
        above.delete_artifacts("")
    assert {"log_artifact", "create_multipart_upload"} <= known and keys(s3) == set()


@pytest.mark.parametrize("address", ["/srv/released", "file:///srv/aims-released", "s3://models/elsewhere"])
def test_a_place_that_cannot_be_meant_is_refused(world: World, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMS_GATES_RELEASED", address)
    with pytest.raises(InputError, match="cannot be kept there"):
        world.store.released()


def test_without_it_copies_stay_on_this_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMS_GATES_RELEASED", raising=False)
    assert isinstance(world.store.released(), Released) and "AIMS_GATES_RELEASED" not in os.environ
    assert not holds(world.store.released(), digest_bytes(b"nothing"))
