"""Every test begins clean: one of these two runs second, and would begin with what the other leaves."""

import os
import re
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import fluent
from mlflow.tracking._model_registry import utils as registry_utils
from mlflow.tracking._tracking_service import utils as tracking_utils

ROOT = Path(__file__).resolve().parents[1]
LEFT = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "AIMS_GATES_KEY", "LEFT_BY_A_TEST")


@pytest.mark.parametrize("turn", ["first", "second"])
def test_nothing_of_another_test_is_left(turn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [name for name in LEFT if name in os.environ] == []
    assert Path.cwd() == ROOT
    assert tracking_utils._tracking_uri is None and registry_utils._registry_uri is None
    assert mlflow.active_run() is None and mlflow.last_active_run() is None
    assert fluent._active_experiment_id is None
    opened = tracking_utils._tracking_store_registry._get_store_with_resolved_uri
    assert opened.cache_info().currsize == 0

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_registry_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_experiment("left")
    mlflow.start_run()
    assert opened.cache_info().currsize == 1
    os.environ.update(dict.fromkeys(LEFT, "left"))
    os.chdir(tmp_path)


def test_every_switch_of_the_suite_reaches_the_tests(pytestconfig: pytest.Config) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    read = set(re.findall(r"""environ\.get\(\s*["']AIMS_GATES_(\w+)""", text)) - {"ARTIFACTS_DESTINATION"}
    choices = pytestconfig.pluginmanager.get_plugin("aims_gates_clean").CHOICES
    assert read <= set(choices)
