"""What only verifies and loads imports on Windows as well: it needs no module and no call that POSIX alone has."""

import subprocess
import sys

CODE = """
import sys, os, mlflow, filelock, sqlalchemy, pandas, pyarrow, click, alembic.migration
import mlflow.store.model_registry.sqlalchemy_workspace_store
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("getuid", "geteuid", "fork", "killpg", "setsid", "O_NOFOLLOW", "O_DIRECTORY"):
    if hasattr(os, name):
        delattr(os, name)
import importlib
for module in sys.argv[1:]:
    importlib.import_module(module)
"""
MODULES = (
    "aims_gates",
    "aims_gates.mlflow_plugin.client.api",
    "aims_gates.mlflow_plugin.client.release",
    "aims_gates.mlflow_plugin.store.store",
    "aims_gates.mlflow_plugin.entry",
    "aims_gates.mlflow_plugin.client.evaluator",
    "aims_gates.ledger.checkpoint_folder",
    "aims_gates.workflow.portable_grant",
    *(
        f"aims_gates.cli.{name}"
        for name in ("ledger", "grant", "digest", "doctor", "explain", "promote", "keys", "check")
    ),
)


def test_what_verifies_and_loads_imports_without_posix() -> None:
    command = [sys.executable, "-W", "ignore", "-c", CODE, *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
