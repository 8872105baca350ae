"""What a check of the demo's second version costs, phase by phase, as multiples of ``import mlflow`` in the same run.

``python -m tests.bench.check FOLDER`` measures on a finished demo (``make demo``), in processes of their own: a
preview, so that nothing is written. A phase's cost is its own CPU, of this process and of those it started; imports
are counted apart, wherever they happen, and name the packages that they bring.
"""

import builtins
import contextlib
import functools
import importlib
import io
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.bench.process import cpu, output_of

__all__ = ["Phases", "costs", "demo", "lines", "main"]

_CLIENT = "aims_gates.mlflow_plugin.client"
#: Where a phase begins and ends: module, function, phase. A gate is a phase of its own.
_PLACES = (
    ("aims_gates.cli.check", "show", "reports"),
    (f"{_CLIENT}.check", "_own_copy", "reading"),
    (f"{_CLIENT}.check", "look_ahead", "before the model runs"),
    (f"{_CLIENT}.check", "add_both", "predicting"),
    (f"{_CLIENT}.check", "look_through", "scanning the model's files"),
    (f"{_CLIENT}.check", "_sign_and_append", "signing"),
    (f"{_CLIENT}.check", "_decision", "deciding"),
    (f"{_CLIENT}.check", "_logged", "reports"),
    (f"{_CLIENT}.check", "ledger_rows", "ledger"),
)
_SHOWN = 0.05


def _cpu() -> float:
    """CPU seconds of this process and of the children that ended."""
    return sum(cpu())


class Phases:
    """CPU seconds by phase, each without the phases within it.

    Attributes:
        spent: Phase -> seconds.
    """

    def __init__(self, clock: Callable[[], float] = _cpu) -> None:
        self.spent: Counter[str] = Counter()
        self._clock, self._stack, self._last = clock, ["everything else"], clock()

    def _charge(self) -> None:
        now = self._clock()
        self.spent[self._stack[-1]] += now - self._last  # type: ignore[assignment]
        self._last = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge what happens within to this phase."""
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def finish(self) -> dict[str, float]:
        """The seconds by phase until now."""
        self._charge()
        return dict(self.spent)

    def watch(self, module: ModuleType, function: str, name: str | None = None) -> None:
        """Make each call of a module's function a phase; without a name the first argument's id names it."""
        original = getattr(module, function)

        @functools.wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name or f"gate {args[0].id}"):
                return original(*args, **kwargs)

        setattr(module, function, watched)

    def watch_imports(self) -> None:
        """Charge the import of a package that is not there yet to it, and what it imports with it."""
        original = builtins.__import__
        importing = False

        def watched(name: str, *args: Any, **kwargs: Any) -> Any:
            nonlocal importing
            top = name.partition(".")[0]
            level = args[3] if len(args) > 3 else kwargs.get("level", 0)
            if importing or level or name in sys.modules or top == "aims_gates":
                return original(name, *args, **kwargs)
            importing = True
            try:
                with self.phase(f"import {top}"):
                    return original(name, *args, **kwargs)
            finally:
                importing = False

        builtins.__import__ = watched


def _measured() -> dict[str, float]:
    """A preview of version 2 in this process, in the current folder."""
    phases = Phases()
    phases.watch_imports()
    with phases.phase("our own modules"):
        from aims_gates.cli import collect_rarely
        from aims_gates.cli import main as run_command
        from aims_gates.mlflow_plugin.client.light_import import import_lightly

        collect_rarely()  # as the console script does
        import_lightly()

        for module, function, name in _PLACES:
            phases.watch(importlib.import_module(module), function, name)
        phases.watch(importlib.import_module("aims_gates.evaluation.run_plan"), "run_gate")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = run_command(["check", "--model", "mortgage", "--version", "2", "--preview"])
    assert code in (0, 4), out.getvalue()
    return phases.finish()


def demo(folder: Path) -> None:
    """The demo, made in this folder."""
    script = Path(__file__).parents[2] / "examples" / "pipelines" / "credit_scoring" / "run.py"
    output_of(folder.parent, str(script), "--dir", str(folder))


def costs(folder: Path, times: int = 3) -> tuple[float, dict[str, float], float]:
    """CPU seconds of ``import mlflow`` (the cheapest of a few); the cheapest check by phase; the cheapest one again.

    Again means that version 2 was checked and signed before, so that its predictions are used once more: a signed check
    in a copy of the demo sees to that.
    """
    code = "import mlflow, tests.bench.process as bench; print(sum(bench.cpu()))"
    mlflow = min(float(output_of(folder, "-c", code)) for _ in range(times))
    first = [json.loads(output_of(folder, "-m", "tests.bench.check", "--one")) for _ in range(times)]
    with tempfile.TemporaryDirectory(prefix="aims-bench-") as place:
        copy = Path(shutil.copytree(folder, Path(place) / "demo"))
        version = ("-m", "aims_gates", "check", "--model", "mortgage", "--version", "2", "--json")
        output_of(copy, *version, cache=f"{place}/answers")
        runs = [output_of(copy, "-m", "tests.bench.check", "--one", cache=f"{place}/answers") for _ in range(times)]
        again = [json.loads(run) for run in runs]
    return mlflow, min(first, key=lambda phases: sum(phases.values())), min(sum(run.values()) for run in again)


def lines(mlflow: float, phases: Mapping[str, float], again: float | None = None) -> list[str]:
    """The table: what costs most first; what costs next to nothing together; and the same check again."""
    said = [f"check of the demo's version 2 (import mlflow: {mlflow:.2f} CPU s)"]
    rows = sorted(phases.items(), key=lambda pair: -pair[1])
    shown = [(name, seconds) for name, seconds in rows if seconds >= _SHOWN * mlflow]
    rest = sum(phases.values()) - sum(seconds for _, seconds in shown)
    total = sum(phases.values())
    again_row = [] if again is None else [("the same again", again)]
    for name, seconds in [*shown, ("each less than that", rest), ("all", total), *again_row]:
        said.append(f"  {name:<36} {seconds:7.2f} s {seconds / mlflow:6.2f} x import mlflow")
    return said


def main(arguments: list[str]) -> None:
    """Measure one check here (``--one``), or the table on a demo's folder."""
    if arguments == ["--one"]:
        print(json.dumps(_measured()))
    else:
        print("\n".join(lines(*costs(Path(arguments[0])))))


if __name__ == "__main__":
    main(sys.argv[1:])
