"""A model's files are looked through before anything loads them, and the security gate judges what is there."""

import os
import pickle
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from aims_gates import Artifacts, Case, Finding
from aims_gates.documents.canonical import digest_bytes
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.mlflow_plugin.client.file_scan import look_through
from aims_gates.model import Subject
from aims_gates.packs.find import find_gates

SUBJECT = digest_bytes(b"model")


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def zipped(**members: bytes) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def objects() -> bytes:
    made = BytesIO()
    np.save(made, np.array([Evil()], dtype=object), allow_pickle=True)
    return made.getvalue()


def looked(folder: Path, **files: bytes) -> Artifacts:
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return look_through(folder, SUBJECT)


EVIL = pickle.dumps(Evil())
HONEST = pickle.dumps(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))


def judged(artifacts: Artifacts | None, kind: Any = "model", **params: Any) -> dict[str, list[Finding]]:
    gate = find_gates()["security"]
    records = {"system": {"facts": {"generative": False}}}
    subject = None if kind is None else Subject(kind, SUBJECT)
    case = Case(
        "security", gate.params(params), {}, {}, datetime(2026, 1, 1, tzinfo=UTC), subject, records, artifacts=artifacts
    )
    found: dict[str, list[Finding]] = {}
    for finding in run_gate(gate, case):
        found.setdefault(finding.measure, []).append(finding)
    return found


def test_an_honest_model_passes_and_its_formats_are_told(tmp_path: Path) -> None:
    code = cloudpickle.dumps(lambda x: x)
    found = looked(tmp_path / "m", model__pkl=HONEST, fn__pkl=code, MLmodel=b"flavors: {}\n", weights__npy=np_bytes())
    assert found.pickles == ("fn.pkl", "model.pkl") and found.code == ("fn.pkl",)
    assert (found.dangerous, found.unread, found.files) == ({}, {}, 4)
    said = judged(found)
    assert [each.outcome for each in said["dangerous_imports"]] == ["pass"]
    assert [each.outcome for each in said["unread_files"]] == ["pass"]
    assert [(each.value, each.outcome) for each in said["pickle_files"]] == [(2, None)]
    refused = judged(found, refuse=["pickle", "code"])
    assert refused["pickle_files"][0].outcome == refused["code_files"][0].outcome == "fail"
    assert "nothing is called 'pickles'" in str(judged(found, refuse=["pickles"])["security"][0].note)


def test_what_mlflow_writes_beside_a_model_is_no_pickle(tmp_path: Path) -> None:
    import mlflow

    mlflow.sklearn.save_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), tmp_path / "saved")
    answer = look_through(tmp_path / "saved", SUBJECT)
    assert answer.unread == {} and answer.dangerous == {}
    assert {name for name in answer.pickles if name.endswith(("MLmodel", ".yaml", ".txt"))} == set()


def np_bytes() -> bytes:
    made = BytesIO()
    np.save(made, np.zeros(3))
    return made.getvalue()


def evil() -> Iterator[tuple[str, dict[str, bytes]]]:
    yield "in a pickle", {"model__pkl": EVIL}
    yield "under another name", {"weights__txt": EVIL}
    yield "in protocol 0", {"notes": pickle.dumps(Evil(), protocol=0)}
    yield "after an honest one", {"model__pkl": HONEST + EVIL}
    yield "in an archive", {"model__pt": zipped(**{"archive/data.pkl": EVIL})}
    yield "in an archive in an archive", {"model__zip": zipped(inner=zipped(deep=EVIL))}
    yield "before an archive", {"model__pkl": EVIL + zipped(a=b"b")}
    yield "in an array of objects", {"array__npy": objects(), "other": objects()}


@pytest.mark.parametrize("files", [pytest.param(files, id=name) for name, files in evil()])
def test_an_import_that_no_model_needs_fails_wherever_it_is(files: dict[str, bytes], tmp_path: Path) -> None:
    found = looked(tmp_path / "m", **files)
    assert len(found.dangerous) == len(files), found
    said = judged(found)["dangerous_imports"]
    assert {each.outcome for each in said} == {"fail"} and said[0].remedy
    assert "system" in str(said[1].note)
    allowed = sorted({each for imports in found.dangerous.values() for each in imports})
    assert judged(found, allowed_imports=allowed)["dangerous_imports"][0].outcome == "pass"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut__pkl", HONEST[:-20]),
        ("packed__pkl", b"x\x9c" + b"\x00" * 40),
        ("broken__zip", zipped(a=b"b" * 5000)[:-60] + zipped(a=b"b" * 5000)[-22:]),
        ("bomb__zip", zipped(a=zipped(a=zipped(a=zipped(a=EVIL))))),
    ],
    ids=["cut", "compressed", "broken archive", "too deep"],
)
def test_what_cannot_be_read_is_an_error_until_it_is_accepted(name: str, content: bytes, tmp_path: Path) -> None:
    found = looked(tmp_path / "m", **{name: content})
    (path,) = found.unread
    said = judged(found)["unread_files"]
    assert said[0].outcome == "error" and said[0].remedy and path in said[0].by["file"]
    assert judged(found, accepted_files=[path])["unread_files"][0].outcome == "pass"


def test_a_model_that_was_not_looked_through_is_an_error_and_what_is_no_model_is_told() -> None:
    assert judged(None)["dangerous_imports"][0].outcome == "error"
    other = Artifacts(digest_bytes(b"another"), "picklescan", 1)
    assert "another model's files" in str(judged(other)["dangerous_imports"][0].note)
    assert judged(None, kind="prompt")["looked_through"][0].outcome is None
    assert judged(None, kind=None)["looked_through"][0].outcome is None


def test_without_attacks_a_system_that_generates_is_not_judged_secure(tmp_path: Path) -> None:
    assert judged(looked(tmp_path / "m", a=b"b"))["attack_success_rate"][0].outcome is None
    gate = find_gates()["security"]
    for facts in ({}, {"generative": True}, {"generative": "no"}):
        case = Case(
            "security", gate.params({}), {}, {}, datetime(2026, 1, 1, tzinfo=UTC), None, {"system": {"facts": facts}}
        )
        assert "error" in {each.outcome for each in run_gate(gate, case)}
