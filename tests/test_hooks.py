"""The hooks of .pre-commit-config.yaml run this checkout's own tools, download nothing, and find what they are for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import read

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / ".pre-commit-config.yaml"
HOOKS: list[dict[str, Any]] = [hook for repo in read(CONFIG).value["repos"] for hook in repo["hooks"]]


def test_every_hook_is_local_and_runs_what_is_installed() -> None:
    assert {repo["repo"] for repo in read(CONFIG).value["repos"]} == {"local"}
    assert all(hook["language"] == "system" and "additional_dependencies" not in hook for hook in HOOKS)
    assert all(hook["entry"].startswith((".venv/bin/python -m ", "make ")) for hook in HOOKS)


def test_what_the_hooks_name_exists() -> None:
    paths = [word for hook in HOOKS for word in hook["entry"].split() if word.startswith("tests/")]
    assert paths and all((ROOT / path).is_file() for path in paths)
    assert "\ntypes:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    ("text", "hook"), [("import os\n", "ruff-check"), ("x = {  }\n", "ruff-format"), ("X = 1\n", None)]
)
def test_style_and_format_are_refused_by_their_hook(tmp_path: Path, text: str, hook: str | None) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    for name in ("pyproject.toml", CONFIG.name):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    (tmp_path / "module.py").write_text(text)
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home"), "GIT_CONFIG_GLOBAL": os.devnull}
    for name in [name for name in environment if name.startswith("GIT_") and name != "GIT_CONFIG_GLOBAL"]:
        del environment[name]
    for command in (["git", "init", "-q"], ["git", "add", "module.py", CONFIG.name]):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    for name in ("ruff-check", "ruff-format"):
        command = [sys.executable, "-m", "pre_commit", "run", name, "--all-files"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == (1 if name == hook else 0), done.stdout + done.stderr
