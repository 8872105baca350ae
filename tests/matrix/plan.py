"""Which versions are run, and what is run on each."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

__all__ = ["BESIDE", "ENVIRONMENTS", "NEWEST", "OLDEST", "PLAIN", "ROOT", "VERSIONS", "Version", "requirements"]

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".matrix"


@dataclass(frozen=True)
class Version:
    """A version of MLflow.

    Attributes:
        number: For instance ``3.17.2``.
        server: Whether the server's tests are run on it.
        companions: The version of ``mlflow-skinny`` and ``mlflow-tracing`` beside it, where its own were not to be had.
    """

    number: str
    server: bool = False
    companions: str | None = None


VERSIONS = (
    Version("3.10.1"),
    Version("3.12.0"),
    Version("3.14.0"),
    Version("3.16.1"),
    Version("3.17.2", server=True),
    Version("3.18.0", server=True, companions="3.17.2"),
)
OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]
#: Clients without aims-gates, against a server of the newest version.
PLAIN = (Version("2.9.2"), Version("2.22.1"), Version("3.1.4"), NEWEST)
#: Beside which the wheel is installed: each floor, and the newest; with the extra, as a server.
BESIDE = (
    (OLDEST, ""),
    (NEWEST, ""),
    (next(version for version in VERSIONS if version.server), "[auth]"),
    (NEWEST, "[auth]"),
)


def requirements() -> list[str]:
    """What an environment holds beside MLflow: what the project asks for, its extras and what its tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    lines = [
        *project["project"]["dependencies"],
        *(line for name in ("gates", "server", "examples") for line in extras[name]),
        *project["dependency-groups"]["dev"],
    ]
    without = {"mlflow", "build", "cosmic-ray", "mypy", "pandas-stubs", "ruff"}
    return sorted({line for line in lines if Requirement(line).name not in without})
