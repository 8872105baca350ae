"""Bytes that change behind a digest, and people who are spelled twice."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from mlflow.exceptions import MlflowException

from aims_gates.attestation.statements.policy import Trust, TrustedKey
from aims_gates.attestation.trust_list import alike, check_trust
from aims_gates.cli import options
from aims_gates.documents.canonical import check_left_out
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.client.release import load_model
from aims_gates.mlflow_plugin.store.released import stage
from aims_gates.model import Evidence, Finding, Subject
from aims_gates.settings import Settings

MLMODEL = """\
flavors:
  python_function: {loader_module: payload, code: code, data: registered_model_meta, env: conda.yaml}
"""
LOADER = "def _load_pyfunc(path):\n    raise SystemExit('the bytes that nobody looked at were read')\n"


def test_a_model_cannot_keep_its_weights_in_the_file_that_no_digest_covers(world: Any) -> None:
    world.bind("loan")
    version = world.model("loan")
    source = Path(world.store.get_model_version("loan", version).source)
    (source / "code").mkdir()
    (source / "MLmodel").write_text(MLMODEL)
    (source / "code" / "payload.py").write_text(LOADER)
    world.ready("loan", version)
    world.store.set_registered_model_alias("loan", "production", version)
    copy = world.store.released().copy(world.seen("loan").grants()[-1].predicate.digest)
    (copy / "registered_model_meta").write_bytes(b"other weights")
    with pytest.raises(IntegrityError, match="MLflow never writes"):
        load_model("models:/loan@production", settings=Settings(registry=world.uri))
    with pytest.raises(MlflowException, match="MLflow never writes"):
        world.store.get_model_version_by_alias("loan", "production")


@pytest.mark.parametrize("said", ["model_name: loan\nmodel_version: 1\n", "model_name: 'a: b'\nmodel_version: '12'\n"])
def test_what_mlflow_writes_in_it_is_no_trouble(tmp_path: Path, said: str) -> None:
    check_left_out(tmp_path)
    (tmp_path / "registered_model_meta").write_text(said)
    check_left_out(tmp_path)


@pytest.mark.parametrize(
    "said", [b"x", b"model_name: PK\x03\x04\x00", b"model_name: " + b"a" * 2000, b"model_name: \xff", b"weights: [1]\n"]
)
def test_anything_else_in_it_is_refused(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "registered_model_meta").write_bytes(said)
    with pytest.raises(IntegrityError):
        check_left_out(tmp_path)


@pytest.mark.parametrize("change", ["overwrite", "add", "remove", "same size and times"])
def test_an_alias_does_not_resolve_while_its_released_copy_is_not_the_granted_one(world: Any, change: str) -> None:
    version = world.promoted()
    world.store.get_model_version_by_alias("loan", "production")
    copy = world.store.released().copy(world.seen("loan").grants()[-1].predicate.digest)
    target = copy / "model.bin"
    before = target.stat()
    if change == "add":
        (copy / "added").write_text("x")
    else:
        target.unlink()
    if change in ("overwrite", "same size and times"):
        target.write_bytes(b"WEIGHTS"[: before.st_size])
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(MlflowException, match="altered"):
        world.store.get_model_version_by_alias("loan", "production")
    with pytest.raises(MlflowException, match="altered"):
        world.store.get_model_version_download_uri("loan", version)


def test_a_part_that_a_crash_left_read_only_does_not_stop_the_next_stager(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.model("loan")
    replace = Path.replace

    def killed(self: Path, target: Path) -> Path:
        if self.name.endswith(".aims-part"):
            self.with_name(".0.aims-part").hardlink_to(self)  # as after a kill, which cleans nothing up
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "replace", killed)
        world.store.stage_version("loan", version)
    (part,) = (world.folder / "aims-released").rglob("*.aims-part")
    assert part.stat().st_mode & 0o222 == 0
    (world.folder / "kept").hardlink_to(part)
    copied = world.folder / "aims-released" / world.store.stage_version("loan", version).removeprefix("sha256:")
    assert not any(path.samefile(world.folder / "kept") for path in copied.iterdir())


def test_a_hard_link_in_the_source_does_not_reach_into_the_released_copy(world: Any, tmp_path: Path) -> None:
    source, outside = tmp_path / "model", tmp_path / "outside"
    source.mkdir()
    outside.write_text("weights")
    (source / "model.bin").hardlink_to(outside)
    root = world.store.released()
    digest = stage(source, root)
    outside.write_text("other!!")
    assert (root.copy(digest) / "model.bin").read_text() == "weights"


def test_a_pass_without_a_limit_meets_nothing(world: Any, worlds: ModuleType) -> None:
    world.bind("loan")
    version = world.model("loan")
    subject = world.store.stage_version("loan", version)
    found = tuple(Finding("accuracy", 0.9, outcome="pass", controls=(each,)) for each in ("A.6.2.4", "A.7.4"))
    said = Evidence("performance", worlds.GATE, {}, found, "pass", datetime.now(UTC).isoformat())
    world.sign(said, Subject("model", subject), "ci")
    world.approve(world.request("loan", version, subject), subject)
    with pytest.raises(MlflowException, match="missing"):
        world.store.set_registered_model_alias("loan", "production", version)


@pytest.mark.parametrize(
    "twin", ["Ri\u200bsk", "RISK\ufeff", "r\u00adisk", "Ｒｉｓｋ", " risk ", "risk\ufe0f", "ri\u2060sk", "\u202erisk"]
)
def test_one_person_in_two_spellings_is_one_person(twin: str) -> None:
    keys = (TrustedKey("00" * 32, "Risk", ("policy",)), TrustedKey("11" * 32, twin, ("risk",)))
    assert alike(twin) == alike("Risk")
    with pytest.raises(InputError, match="already spelled"):
        check_trust(Trust(1, keys))


def test_blanks_of_any_kind_are_one_blank() -> None:
    assert alike("Ann\u00a0 Lee") == alike("ann lee") != alike("annlee")


def test_what_is_printed_cannot_command_the_terminal() -> None:
    import click

    @click.command()
    def show() -> None:
        options.emit({}, False, lambda: "reason \x1b[2J\x9b1;1H\u202e\nsecond line")

    said = CliRunner().invoke(show, color=True).output
    assert not set("\x1b\x9b\u202e") & set(said) and said.count("\n") == 2
