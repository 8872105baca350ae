"""``import mlflow`` without what nothing here asks for, which is a quarter of its time.

MLflow imports its parts for generative AI, with FastAPI beneath them, whenever it is imported, and Polars and PySpark
wherever they are installed. In the processes of the command line and of models, the former are imported when something
of them is used, and the latter are passed over while MLflow is imported, as where they are not installed. A process
that is not ours, such as a notebook, imports MLflow as it always does.

The process of a model reads this file as it stands, so it imports the standard library alone.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["import_lightly", "lighter"]

#: Imported when something of them is used.
_LATER = ("mlflow.genai", "mlflow.gateway")
#: What MLflow, and scikit-learn for its own tests, can do without.
_PASSED_OVER = ("polars", "pyspark", "pytest")
_LOCK = threading.RLock()


class _PutOff(ModuleType):
    """A package whose code runs when an attribute is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            _run(self)
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> list[str]:
        _run(self)
        return sorted(vars(self))


def _run(module: _PutOff) -> None:
    """Run the package's code; where it fails, the next use runs it anew."""
    with _LOCK:
        loader = module.__loader__
        if not isinstance(loader, _Later) or loader.running:
            return
        before, loader.running = dict(vars(module)), True
        try:
            loader.loader.exec_module(module)
        except BaseException:
            vars(module).clear()
            vars(module).update(before)
            raise
        finally:
            loader.running = False
        module.__loader__ = module.__spec__.loader = loader.loader  # type: ignore[union-attr]


class _StandIn:
    """Stands before a loader, and is like it in all that is not said here."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)


class _Later(_StandIn):
    """Makes a module and leaves its code for later."""

    running = False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _PutOff(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing yet."""


class _MLflow(_StandIn):
    """Runs MLflow's own code without what is passed over."""

    def __init__(self, loader: Any, finder: "_Finder") -> None:
        super().__init__(loader)
        self.finder = finder

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self.loader  # type: ignore[union-attr]
        with self.finder.passing_over():
            self.loader.exec_module(module)


class _Finder:
    """Puts off what is used later, and passes over what MLflow can do without, while MLflow is imported."""

    def __init__(self) -> None:
        self._depth = 0

    @contextmanager
    def passing_over(self) -> Iterator[None]:
        """What can be done without is not there."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Only for what is treated here: the other finders answer for the rest."""
        if self._depth and fullname in _PASSED_OVER:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        if fullname == "mlflow" or fullname in _LATER:
            return self._changed(PathFinder.find_spec(fullname, path, target))
        package = sys.modules.get("mlflow.genai") if fullname.startswith("mlflow.genai.") else None
        if isinstance(package, _PutOff) and not self._depth:
            _run(package)  # its parts import one another in circles, and hold only if it begins
        return None

    def _changed(self, spec: ModuleSpec | None) -> ModuleSpec | None:
        if spec is not None and spec.loader is not None:
            loader: Any = _MLflow(spec.loader, self) if spec.name == "mlflow" else _Later(spec.loader)
            spec.loader = loader
        return spec


def import_lightly() -> None:
    """Have MLflow imported so in this process, unless it is there already."""
    if "mlflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


@contextmanager
def lighter() -> Iterator[None]:
    """The same, for whatever else is imported within too."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    with finder.passing_over():
        yield
