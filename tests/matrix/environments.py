"""An environment of its own for each version, in ``.matrix/``; with hard links it costs little more than its name."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.matrix.plan import ENVIRONMENTS, ROOT, Version, requirements

__all__ = ["beside", "full", "plain", "python_of"]

_COMPANIONS = ("mlflow", "mlflow-skinny", "mlflow-tracing")


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


def _uv(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", *arguments], check=True, cwd=ROOT)


def _make(name: str, *packages: str) -> Path:
    folder = ENVIRONMENTS / name
    _uv("venv", "--quiet", "--python", sys.executable, str(folder))
    _uv("pip", "install", "--quiet", "--link-mode", "hardlink", "--python", str(python_of(folder)), *packages)
    return python_of(folder)


def _install(name: str, version: Version, extra: str, *packages: str) -> Path:
    """An environment with this version of MLflow; where its companions are not to be had, with others' beside it."""
    if python_of(ENVIRONMENTS / name).exists():
        return python_of(ENVIRONMENTS / name)
    python = _make(name, f"mlflow{extra}=={version.companions or version.number}", *packages)
    if version.companions:
        _uv("pip", "uninstall", "--quiet", "--python", str(python), *_COMPANIONS)
        _uv("pip", "install", "--quiet", "--no-deps", "--python", str(python), f"mlflow=={version.number}")
    return python


def full(version: Version) -> Path:
    """This version with aims-gates, its extras and its tests; gives the interpreter."""
    python = _install(version.number, version, "[auth]", *requirements())
    _uv("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--python", str(python), "-e", str(ROOT))
    return python


def plain(version: Version) -> Path:
    """This version alone, with what a data scientist has beside it; gives the interpreter."""
    older = ("numpy<2", "pandas<2.3", "scikit-learn<1.4", "setuptools<80") if version.number.startswith("2.9") else ()
    return _install(f"plain-{version.number}", version, "", "scikit-learn", *older)


def beside(version: Version, extra: str = "") -> Path:
    """This version, with pip, and nothing else, made anew each time; gives the interpreter.

    Companions that are not to be had are there by their metadata alone, as pip must find them to leave MLflow alone.
    """
    folder = ENVIRONMENTS / f"wheel-{version.number}{'-server' if extra else ''}"
    shutil.rmtree(folder, ignore_errors=True)
    python = _install(folder.name, version, extra, "pip")
    if version.companions:
        (packages,) = folder.glob("lib/python*/site-packages")
        for name in _COMPANIONS[1:]:
            metadata = packages / f"{name.replace('-', '_')}-{version.number}.dist-info"
            metadata.mkdir()
            text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version.number}\n"
            (metadata / "METADATA").write_text(text, encoding="utf-8")
    return python
