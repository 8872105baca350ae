"""A release: refused where something is not as it must be, and tried out whole in a copy that leaves nothing behind."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import aims_gates

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / ".ci" / "release.py"
KINDS = {
    kind["directory"] for kind in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """.ci/release.py"""
    spec = spec_from_file_location("aims_gates_release", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that a release changes."""
    for name in ("pyproject.toml", "CHANGELOG.md", "aims_gates/__init__.py", "changelog.d/template.jinja"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_fragment_is_of_a_kind_that_a_release_takes() -> None:
    names = [path.name for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md"]
    assert [name for name in names if not re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(KINDS)})\.md", name)] == []
    readme = (ROOT / "changelog.d" / "README.md").read_text()
    assert all(f"`{kind}`" in readme for kind in KINDS)


@pytest.mark.parametrize("version", ["99.0.0", "99.0", "99.0.0rc1"])
def test_a_version_that_follows_is_taken(script: ModuleType, version: str) -> None:
    script.check_version(ROOT, version)


@pytest.mark.parametrize("version", ["0.0.1", aims_gates.__version__, "next", "v99.0.0", "99.0.0-rc1"])
def test_a_version_that_does_not_follow_or_is_not_in_its_form_is_refused(script: ModuleType, version: str) -> None:
    with pytest.raises(script.ReleaseError):
        script.check_version(ROOT, version)


def test_fragments_move_into_the_changelog_by_kind_and_are_gone(script: ModuleType, project: Path) -> None:
    folder = project / "changelog.d"
    (folder / "one.added.md").write_text("A gate\nof two lines.\n")
    (folder / "two.fixed.md").write_text("- A bug.\n- Another.\n")
    section = script.write_changelog(project, "99.0.0", "2026-12-01")
    assert section == (
        "## 99.0.0 (2026-12-01)\n\n### Added\n\n- A gate\n  of two lines.\n\n### Fixed\n\n- A bug.\n- Another."
    )
    assert [path.name for path in folder.iterdir()] == ["template.jinja"]
    (folder / "three.security.md").write_text("A hole.\n")
    script.write_changelog(project, "99.1.0", "2026-12-02")
    text = (project / "CHANGELOG.md").read_text()
    assert 0 < text.index("<!-- releases -->") < text.index("## 99.1.0") < text.index("## 99.0.0")


@pytest.mark.parametrize("names", [[], ["one.other.md"], ["one.added.md", "two.md"]])
def test_no_fragment_and_a_fragment_of_no_kind_are_refused(script: ModuleType, project: Path, names: list[str]) -> None:
    for name in names:
        (project / "changelog.d" / name).write_text("A change.\n")
    with pytest.raises(script.ReleaseError, match=r"changelog\.d"):
        script.write_changelog(project, "99.0.0", "2026-12-01")


def test_the_version_is_written_everywhere_or_not_at_all(script: ModuleType, project: Path) -> None:
    script.set_version(project, "99.0.0")
    assert script.current(project) == "99.0.0"
    assert '__version__ = "99.0.0"' in (project / "aims_gates" / "__init__.py").read_text()
    with pytest.raises(script.ReleaseError):
        script.set_version(project, "99.1.0")


def test_what_is_built_from_the_same_files_and_differs_is_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def builds(*command: object, folder: Path, **environment: str) -> str:
        out = Path(str(command[-1]))
        out.mkdir()
        (out / "wheel").write_text(environment["PYTHONHASHSEED"])
        return ""

    monkeypatch.setattr(script, "run", builds)
    with pytest.raises(script.ReleaseError, match="differ"):
        script.build(tmp_path, "0")


def test_the_script_neither_commits_nor_tags_nor_pushes() -> None:
    calls = re.findall(r'run\(\s*"git", "([a-z-]+)"', SCRIPT.read_text())
    assert calls and set(calls) == {"status", "ls-files", "init", "add", "log"}


@pytest.mark.long
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")
def test_a_dry_run_builds_and_tries_both_and_changes_nothing() -> None:
    def state() -> str:
        command = ["sh", "-c", "git status --porcelain; git tag; git rev-parse HEAD; cat pyproject.toml CHANGELOG.md"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    before = state()
    command = [sys.executable, str(SCRIPT), "99.0.0", "--dry-run", "--offline"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "## 99.0.0 (" in done.stdout and "byte for byte the same" in done.stdout
    for artifact in ("aims_gates-99.0.0-py3-none-any.whl", "aims_gates-99.0.0.tar.gz"):
        assert re.search(rf"[0-9a-f]{{64}}  {re.escape(artifact)}", done.stdout)
    assert state() == before
