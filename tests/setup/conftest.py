"""Warnings of MLflow's own that a first import or a script's data set raises."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "ignore:.*Any type hint is inferred as AnyType:UserWarning",
        "ignore:.*Add type hints to the `predict` method:UserWarning",
        "ignore:The specified dataset source:UserWarning",
        "ignore:Starting with pandas version 4.0",
        "ignore:.*Hint. Inferred schema contains integer column:UserWarning",
    ):
        config.addinivalue_line("filterwarnings", line)
