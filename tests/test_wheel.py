"""What the wheel carries: the kernel, the whole pack, the licence; and nothing of the workshop."""

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aims_gates.governance.records.lint import check_packs
from aims_gates.packs.find import find_gates, find_profile, profile_names

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return place


def files(root: Path) -> set[str]:
    made = {"__pycache__", "data", "keys"}
    found = (path for path in root.rglob("*") if path.is_file() and not made & set(path.relative_to(root).parts))
    return {path.relative_to(root).as_posix() for path in found}


def test_the_wheel_carries_every_file_of_the_pack(unpacked: Path) -> None:
    for part in ("gates", "profiles", "examples/pipelines"):
        assert files(unpacked / "aims_gates" / "bundled" / part) == files(ROOT / part)


def test_the_wheel_carries_the_whole_kernel_with_its_data_and_types(unpacked: Path) -> None:
    kernel = {name for name in files(unpacked / "aims_gates") if not name.startswith("bundled/")}
    assert kernel == files(ROOT / "aims_gates")
    assert {"py.typed", "governance/controls/catalogue.yaml", "governance/controls/clauses.yaml"} <= kernel


def test_the_wheel_holds_no_other_room_and_its_licence(unpacked: Path) -> None:
    tops = sorted(path.name for path in unpacked.iterdir())
    assert len(tops) == 2
    assert tops[0] == "aims_gates"
    assert (unpacked / tops[1] / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_gates_and_profiles_are_found_from_an_empty_folder(unpacked: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "from aims_gates.packs import find as packs\n"
        f"assert packs.__file__.startswith({str(unpacked)!r})\n"
        "print(*(f'{name}={gate.digest}' for name, gate in packs.find_gates().items()), *packs.profile_names())"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    here = [f"{name}={gate.digest}" for name, gate in find_gates().items()]
    assert done.stdout.split() == [*here, *profile_names()]
    for name in profile_names():
        assert find_profile(name).value


def test_the_worked_example_is_written_from_the_wheel(unpacked: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r})\n"
        "from aims_gates.cli import main\n"
        "sys.exit(main(['init', '--example', 'credit-scoring', '--no-start']))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert check_packs([tmp_path], datetime.now(UTC).date()) == []


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's bin folder: the wheel is installed in it, and what the wheel needs comes from this one."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    (own,) = place.glob("lib/python*/site-packages")
    (own / "needed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return python.parent


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def trained(environment: Path, tmp_path: Path) -> Run:
    """Runs commands of the new environment in a folder where an ordinary script has trained a model."""
    page = (ROOT / "docs/five-minutes.md").read_text(encoding="utf-8")
    training = page.split("```python file=train.py\n")[1].split("```")[0]
    (tmp_path / "train.py").write_text(training, encoding="utf-8")
    variables = {"PATH": f"{environment}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb"}

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)

    where = run("python", "-c", "import aims_gates; print(aims_gates.__file__)")
    assert where.stdout.startswith(str(environment.parent)), where.stderr
    done = run("python", "train.py")
    assert done.returncode == 0, done.stderr
    return run


@pytest.mark.long
def test_findings_on_ones_own_model_take_one_command(trained: Run, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    typed = ("model", "test.csv")
    shown = trained("aims-gates", "try-model", typed[0], "--data", typed[1])
    assert shown.returncode in (2, 3), shown.stderr
    assert shown.stdout.startswith("PREVIEW") and "are given 'yes' at" in shown.stdout
    assert "fairness" in shown.stdout and "A.6.2.4" in shown.stdout and "Traceback" not in shown.stderr
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.long
def test_a_trial_grant_takes_four_commands_and_three_typed_values(trained: Run) -> None:
    typed = ("loans", "train.csv", "test.csv")
    start = ["aims-gates", "start", "--model", typed[0], "--train", typed[1], "--data", typed[2], "--solo", "--yes"]
    first = trained(*start)
    assert first.returncode == 0, first.stderr
    # The others are taken as they were printed, with nothing to fill in.
    printed = re.findall(r"^  \d+\. (aims-gates .*)$", first.stdout, re.MULTILINE)
    done = [trained(*shlex.split(command)) for command in printed]
    assert [one.returncode for one in done] == [0, 0], [one.stdout + one.stderr for one in done]
    assert "trial grant" in done[-1].stdout and "Traceback" not in "".join(one.stderr for one in done)
    assert len(["pip install aims-gates", shlex.join(start), *printed]) == 4
    assert "trial grant" in trained("aims-gates", "status").stdout
