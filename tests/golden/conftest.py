"""Third parties' own deprecations are let through; ours stay errors."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """As in tests/mlflow_plugin."""
    for line in (
        "ignore:The ``noload`` loader strategy",
        "ignore::DeprecationWarning:mlflow.*",
        "ignore::FutureWarning:mlflow.*",
        "ignore:unclosed database:ResourceWarning",
    ):
        config.addinivalue_line("filterwarnings", line)
