"""A hostile model: what it starts ends with it, what it may not see it does not see, and what it sends is only data."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from aims_gates.documents.canonical import digest_file
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.client import isolation
from aims_gates.mlflow_plugin.client.answers import read_answer
from aims_gates.mlflow_plugin.client.isolation import (
    CHOICES,
    Isolation,
    Kind,
    choose,
    kind_of,
    missing_namespaces,
    weaker,
)
from aims_gates.mlflow_plugin.client.predict import predict_table
from aims_gates.model import LEAST_ISOLATION
from tests.support import python_model

pytestmark = pytest.mark.filterwarnings("ignore:.*type hints:UserWarning")
NONE, BWRAP = Isolation("none"), Isolation("bwrap")
namespaces = pytest.mark.skipif(missing_namespaces() is not None, reason=f"no namespaces: {missing_namespaces()}")
apart = pytest.mark.parametrize(
    "around", [pytest.param(BWRAP, id="bwrap", marks=namespaces), pytest.param(NONE, id="none")]
)


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    path = tmp_path / "evaluation.parquet"
    pd.DataFrame({"x": [1.0, 2.0, 3.0], "label": [1, 0, 1]}).to_parquet(path)
    return path


def alive(marker: str) -> list[str]:
    """Processes with this word on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


CHILD = """
marker, out = "{marker}", "{out}"
code = '''
import os, sys, time
while True:
    if os.path.exists(sys.argv[2]):
        open(sys.argv[2], "ab").write(b"rewritten")
    time.sleep(0.005)
'''
quiet = {{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
subprocess.Popen([sys.executable, "-c", code, marker, out], start_new_session=True, **quiet)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", code, marker, out])
    os._exit(0)
time.sleep(0.5)
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("around", "ends", "error"),
    [
        pytest.param(BWRAP, "return [0] * len(model_input)", None, id="bwrap", marks=namespaces),
        pytest.param(BWRAP, "os.kill(os.getpid(), 9)", InputError, id="bwrap-killed", marks=namespaces),
        pytest.param(NONE, "return [0] * len(model_input)", None, id="none"),
        pytest.param(NONE, "os.kill(os.getpid(), 9)", InputError, id="none-killed"),
        pytest.param(NONE, "time.sleep(600)", InputError, id="none-too-long"),
        pytest.param(NONE, "os.kill(os.getppid(), 9); time.sleep(600)", IntegrityError, id="none-keeper-killed"),
    ],
)
def test_nothing_that_a_model_starts_survives_it_or_rewrites_its_table(
    around: Isolation, ends: str, error: type[Exception] | None, evaluation: Path, tmp_path: Path
) -> None:
    marker, out = f"leftover-{tmp_path.name}", tmp_path / "out.parquet"
    body = CHILD.format(marker=marker, out=out) + ends
    if error is None:
        body += f"\nassert len([p for p in os.listdir('/proc') if p.isdigit()]) > 2, {marker!r}"
    model = python_model(tmp_path / "parent", body)
    if error is None:
        table = predict_table(model, evaluation, out, isolation=around)
        assert list(pd.read_parquet(out).prediction) == [0, 0, 0]
        time.sleep(0.1)
        table.unchanged()
    else:
        with pytest.raises(error):
            predict_table(model, evaluation, out, isolation=around, timeout=20 if "600" in ends else 300)
        assert not out.exists()
    assert alive(marker) == []


def test_a_table_that_is_written_to_after_it_was_made_is_refused(evaluation: Path, tmp_path: Path) -> None:
    model = python_model(tmp_path / "honest", "return [0] * len(model_input)")
    table = predict_table(model, evaluation, tmp_path / "out.parquet")
    assert table.output == digest_file(table.path)
    table.unchanged()
    pd.read_parquet(table.path).assign(prediction=1).to_parquet(table.path)
    with pytest.raises(IntegrityError, match="changed after it was written"):
        table.unchanged()


@apart
def test_predictions_are_alike_however_the_model_is_kept_apart(around: Isolation, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"a": draw.normal(size=50), "b": draw.normal(size=50)})
    fitted = LogisticRegression().fit(frame, np.where(frame.a > frame.b, "yes", "no"))
    said = fitted.predict(frame)
    mlflow.sklearn.save_model(
        fitted, tmp_path / "m", signature=infer_signature(frame, said), pip_requirements=["scikit-learn"]
    )
    frame.to_parquet(tmp_path / "e.parquet")
    table = pd.read_parquet(
        predict_table(tmp_path / "m", tmp_path / "e.parquet", tmp_path / "o.parquet", isolation=around).path
    )
    assert list(table.prediction) == list(said)
    assert (table.score.to_numpy() == fitted.predict_proba(frame)[:, 1]).all()


SPY = """
places, found = {places}, []
for path in places:
    try:
        found.append(path + ": " + str(len(open(path, "rb").read())))
    except OSError:
        pass
me = os.getpid()
for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
    for name in ("environ", "cmdline", "cwd", "maps"):
        try:
            path = "/proc/" + pid + "/" + name
            text = os.readlink(path) if name == "cwd" else open(path, "rb").read().decode(errors="replace")
            if "s3cret" in text:
                found.append(path)
        except OSError:
            pass
found += ["variable " + name for name, value in os.environ.items() if "s3cret" in value]
try:
    socket.create_connection(("127.0.0.1", {port}), 1)
    found.append("network")
except OSError:
    pass
for path in ("/model/x", "/job/x", {model!r} + "/x", "/usr/x", sys.prefix + "/lib/x"):
    try:
        open(path, "w").close()
        found.append("wrote " + path)
    except OSError:
        pass
open(os.path.join(os.environ["HOME"], "cache"), "w").close()
return [json.dumps(found)] * len(model_input)
"""
#: A parent with a secret in its environment, on its command line and in the name of its folder.
PARENT = """
import json, sys
from pathlib import Path
import pandas as pd
from aims_gates.mlflow_plugin.client.isolation import choose
from aims_gates.mlflow_plugin.client.predict import predict_table
model, evaluation, out, kind = sys.argv[1:5]
table = predict_table(Path(model), evaluation, Path(out), isolation=choose(kind))
print(json.dumps([table.isolation.kind, json.loads(pd.read_parquet(out).prediction[0])]))
"""


def as_nobody(place: Path) -> list[str]:
    """A command that runs the rest as another account, which sees this interpreter even where it lies in /root."""
    home = Path.home().resolve()
    words = ["bwrap", "--bind", "/", "/", "--dev-bind", "/dev", "/dev"]
    for root in {Path(each).resolve() for each in (sys.prefix, sys.base_prefix)}:
        if root.is_relative_to(home):
            folders = [each for each in reversed(root.parents) if each.is_relative_to(home) and each != home]
            words += ["--perms", "0755", "--tmpfs", str(home)]
            words += [word for each in folders for word in ("--perms", "0755", "--dir", str(each))]
            words += ["--ro-bind", str(root), str(root)]
    shutil.chown(place, "nobody")
    for each in place.rglob("*"):
        shutil.chown(each, "nobody")
    return [*words, "--cap-add", "ALL", "--", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


@namespaces
@pytest.mark.parametrize("account", ["this", "another"])
def test_a_model_sees_no_key_no_label_no_parent_and_no_network(
    account: str, evaluation: Path, request: pytest.FixtureRequest
) -> None:
    if account == "another" and (os.geteuid() != 0 or shutil.which("setpriv") is None):
        pytest.skip("only root can run it as somebody else")
    # pytest's own folders are its account's alone.
    work = Path(tempfile.mkdtemp(prefix="s3cret-", dir="/tmp"))
    request.addfinalizer(lambda: shutil.rmtree(work))
    key = work / "ci.key"
    key.write_text("s3cret")
    key.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as server:
        model = work / "model"
        places = [str(key), str(evaluation), "/etc/passwd", "/etc/shadow", f"/proc/{os.getpid()}/environ"]
        python_model(model, SPY.format(places=places, port=server.getsockname()[1], model=str(model)))
        shutil.copy(evaluation, work / "evaluation.parquet")
        words = [
            sys.executable,
            "-c",
            PARENT,
            str(model),
            str(work / "evaluation.parquet"),
            str(work / "o.parquet"),
            "bwrap",
        ]
        before = as_nobody(work) if account == "another" else []
        environment = {
            **os.environ,
            "AIMS_GATES_KEY": "s3cret",
            "MLFLOW_TRACKING_URI": f"sqlite:///{work}/t.db",
            "HOME": str(work),
        }
        ran = subprocess.run(
            [*before, *words, "--key", str(key)], cwd=work, env=environment, capture_output=True, text=True
        )
    assert ran.returncode == 0, ran.stderr[-3000:]
    kind, found = json.loads(ran.stdout.splitlines()[-1])
    assert (kind, found) == ("bwrap", [])


def test_where_namespaces_are_missing_auto_is_none_and_bwrap_says_how_to_have_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing_namespaces.cache_clear()
    try:
        found = choose("auto")
        assert found.kind == "none" and "not installed" in found.reason and "not installed" in found.said()
        with pytest.raises(InputError, match="apt-get install bubblewrap") as caught:
            choose("bwrap")
        for words in ("GitLab", "GitHub", "Kubernetes", "docs/isolation.md"):
            assert words in str(caught.value.remedy)
        refuses = tmp_path / "bwrap"
        refuses.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
        refuses.chmod(0o755)
        missing_namespaces.cache_clear()
        isolation._known_options.cache_clear()
        assert "No permissions" in choose("auto").reason
    finally:
        monkeypatch.undo()
        missing_namespaces.cache_clear()
        isolation._known_options.cache_clear()


def test_a_container_that_holds_a_key_or_other_processes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="a signing key is at hand"):
        choose("container", key=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        with pytest.raises(InputError, match=r"other processes run here \(.*\d+"):
            choose("container", key=False)
        with pytest.raises(InputError, match="no pod of Kubernetes"):
            choose("job", key=False)
        other.kill()


@namespaces
def test_a_container_of_its_own_says_what_was_verified_of_it() -> None:
    code = (
        "from aims_gates.mlflow_plugin.client.isolation import choose; print(choose('container', key=False).verified)"
    )
    words = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid", "--unshare-net", "--"]
    environment = {name: value for name, value in os.environ.items() if name != "AIMS_GATES_KEY"}
    ran = subprocess.run([*words, sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    for fact in ("own PID namespace", "no other process", "no signing key", "no network"):
        assert fact in ran.stdout, ran.stderr[-2000:]
    assert "Kubernetes" not in ran.stdout
    environment["AIMS_GATES_KEY"] = "here"
    ran = subprocess.run([*words, sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ran.returncode != 0 and "a signing key is at hand" in ran.stderr


def test_an_isolation_that_nobody_knows_is_none() -> None:
    assert kind_of("vault") == "none" and kind_of("bwrap") == "bwrap"
    assert weaker("vault", "container") and weaker("none", "container") and not weaker("job", "container")
    assert weaker("container", "bwrap") and not weaker("bwrap", "bwrap") and not weaker("none", "none")
    assert set(LEAST_ISOLATION) == set(get_args(Kind)) and set(CHOICES) == {"auto", *LEAST_ISOLATION} - {"spark"}


def message(parts: Any, *blocks: bytes, report: Any = None) -> bytes:
    header = json.dumps({"report": report or {}, "parts": parts}).encode()
    return b"".join((len(header).to_bytes(8, "little"), header, *blocks))


NUMBERS = np.array([1.0, 2.0]).tobytes()


def test_an_answer_is_read_as_it_was_sent() -> None:
    report, tables = read_answer(
        message({"a": [["prediction", "int64", [None, 16]], ["score", "float64", [None, 16]]]},
                np.array([3, 4]).tobytes(), NUMBERS, report={"positive": "1"}),
        {"a": 2}, "model",
    )  # fmt: skip
    assert report == {"positive": "1"} and tables["a"].to_pydict() == {"prediction": [3, 4], "score": [1.0, 2.0]}


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00" * 7,
        (2**63).to_bytes(8, "little") + b"{}",
        message([]),
        message({"b": [["prediction", "float64", [None, 16]]]}, NUMBERS),
        message({"a": [["prediction", "float64", [None, 8]]]}, NUMBERS[:8]),
        message({"a": [["prediction", "float64", [None, 2**40]]]}, NUMBERS),
        message({"a": [["prediction", "float64", [None, -1]]]}, NUMBERS),
        message({"a": [["prediction", "float64", [None, True]]]}, NUMBERS),
        message({"a": [["prediction", "float64", [None, None]]]}),
        message({"a": [["prediction", "float64", [None, 16]]]}, NUMBERS, b"more"),
        message({"a": [["prediction", "object", [None, 16]]]}, NUMBERS),
        message({"a": [["prediction", "__class__", [None, 16]]]}, NUMBERS),
        message({"a": [["granted", "float64", [None, 16]]]}, NUMBERS),
        message({"a": [["score", "float64", [None, 16]]]}, NUMBERS),
        message(
            {"a": [["prediction", "float64", [None, 16]], ["score", "float64", [None, 16]]]}, NUMBERS, b"\xff" * 16
        ),
        message({"a": [["prediction", "large_string", [None, 24, 2]]]}, np.array([0, 9, 2]).tobytes(), b"ab"),
        message({"a": [["prediction", "large_string", [None, 24, 2]]]}, np.array([0, 1, 2]).tobytes(), b"\xff\xff"),
        message({"a": [["prediction", "large_string", [None, 16]]]}, NUMBERS),
        (8).to_bytes(8, "little") + b"[" * 8,
    ],
)
def test_an_answer_that_is_no_table_of_predictions_is_refused(sent: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_answer(sent, {"a": 2}, "model")
    assert caught.value.remedy


def test_an_answer_that_is_too_long_is_not_read_to_its_end(evaluation: Path, tmp_path: Path) -> None:
    body = """
    for number in os.listdir("/proc/self/fd"):
        try:
            if int(number) > 2 and "pipe" in os.readlink("/proc/self/fd/" + number):
                while True:
                    os.write(int(number), b"0" * (1 << 20))
        except OSError:
            pass
    return [0] * len(model_input)
    """
    with pytest.raises(InputError, match="sent more than"):
        predict_table(python_model(tmp_path / "long", body), evaluation, tmp_path / "out.parquet")
