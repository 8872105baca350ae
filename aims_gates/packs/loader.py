"""A gate's code, compiled in memory from the bytes that were digested."""

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType

__all__ = ["FINDER", "import_gate"]


class _Loader(InspectLoader):
    """Compiles from memory; cached bytecode is neither read nor written."""

    def __init__(self, source: bytes, path: str, package: bool) -> None:
        self.source, self.path, self.package = source, path, package

    def is_package(self, fullname: str) -> bool:
        return self.package

    def get_source(self, fullname: str) -> str:
        return self.source.decode("utf-8")

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.source, self.path)


class _GateFinder(MetaPathFinder):
    """Finds the modules of loaded gates, by full name, in memory."""

    def __init__(self) -> None:
        self.loaders: dict[str, _Loader] = {}

    def add(self, name: str, folder: Path, files: Mapping[str, bytes]) -> None:
        """Let the modules of a gate be imported under this name."""
        for path, source in files.items():
            if path.endswith(".py"):
                parts = path.removesuffix(".py").split("/")
                full = name if parts == ["gate"] else ".".join([name, *parts]).removesuffix(".__init__")
                package = parts == ["gate"] or parts[-1] == "__init__"
                self.loaders[full] = _Loader(source, str(folder / path), package)

    def drop(self, name: str) -> None:
        """Forget a gate's modules."""
        for full in [loader for loader in self.loaders if loader == name or loader.startswith(f"{name}.")]:
            del self.loaders[full]
            sys.modules.pop(full, None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        loader = self.loaders.get(fullname)
        return spec_from_loader(fullname, loader, origin=loader.path) if loader else None


FINDER = _GateFinder()


def import_gate(name: str) -> None:
    """Import a gate whose modules were added under this name.

    Raises:
        ImportError: it has no gate.py.
    """
    if FINDER not in sys.meta_path:
        sys.meta_path.insert(0, FINDER)
    spec = FINDER.find_spec(name)
    if spec is None or spec.loader is None:
        raise ImportError("there is no gate.py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
