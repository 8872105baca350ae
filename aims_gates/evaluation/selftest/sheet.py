"""The sheet: each published figure beside the recomputed one, on which machine, by which code."""

import math
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import digest, digest_file
from aims_gates.packs.find import bundled

__all__ = ["FigureRow", "Sheet", "code_digest", "sheet"]

_LIBRARIES = ("duckdb", "numpy", "pandas", "pyarrow", "scipy", "fairlearn", "scikit-learn")


@dataclass(frozen=True)
class FigureRow:
    """One figure.

    Attributes:
        id: Which example, and which number of it.
        source: Who published it, and where.
        published: The number as printed.
        recomputed: The number here; None where it could not be computed.
        tolerance: How far the two may be apart: half a unit of the last printed digit (a whole one
            where the source cuts digits off), or rounding alone where it prints all.
        ok: Whether they agree.
        note: Why there is no number.
    """

    id: str
    source: str
    published: str
    recomputed: float | None
    tolerance: float
    ok: bool
    note: str | None = None

    @classmethod
    def of(
        cls,
        id: str,
        source: str,
        published: str,
        recomputed: float | None,
        tolerance: float,
        note: str | None = None,
    ) -> "FigureRow":
        """The row with its verdict: no number, or one that is not finite, never agrees."""
        finite = recomputed is not None and math.isfinite(recomputed)
        number = recomputed if finite else None
        ok = number is not None and abs(number - float(published)) <= tolerance
        return cls(id, source, published, number, tolerance, ok, note if finite else note or "not a finite number")


@dataclass(frozen=True)
class Sheet:
    """All rows, and what computed them.

    Attributes:
        made_at: ISO time.
        seconds: How long it took.
        version: Of aims-gates.
        code: Digest over the code of aims-gates and of the gates that it ships.
        machine: Python, operating system and processor.
        libraries: Versions of what computes beside it.
        agree, of: How many rows agree, of how many.
    """

    made_at: str
    seconds: float
    version: str
    code: str
    machine: dict[str, str]
    libraries: dict[str, str]
    agree: int
    of: int
    figures: tuple[FigureRow, ...]

    @property
    def ok(self) -> bool:
        """Whether every figure agrees; an empty sheet proves nothing."""
        return self.of > 0 and self.agree == self.of


def sheet(rows: Iterable[FigureRow], made_at: datetime, seconds: float) -> Sheet:
    """The sheet of these rows, made here."""
    figures = tuple(rows)
    return Sheet(
        made_at.isoformat(timespec="seconds"),
        round(seconds, 1),
        version("aims-gates"),
        code_digest(),
        {"python": platform.python_version(), "system": platform.platform(), "processor": platform.machine()},
        dict(_installed()),
        sum(row.ok for row in figures),
        len(figures),
        figures,
    )


def _installed() -> Iterable[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def code_digest() -> str:
    """Digest over the Python and YAML files of aims-gates and of its gates, wherever they are installed."""
    package = Path(__file__).parents[2]
    roots = {"aims_gates": package, "gates": bundled() / "gates"}
    entries: list[Any] = [
        [f"{name}/{path.relative_to(root).as_posix()}", digest_file(path)]
        for name, root in roots.items()
        for path in sorted(root.rglob("*"))
        if path.suffix in {".py", ".yaml"} and "bundled" not in path.relative_to(root).parts
    ]
    return digest(sorted(entries))
