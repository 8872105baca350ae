"""Has the evaluation set been seen before, or does a column give the answer away?"""

from collections.abc import Iterator

from aims_gates import Case, Finding
from aims_gates.gatekit import unweighted

from .overlap import overlap_findings, time_finding
from .probe import probe_findings
from .sets import read_sets

__all__ = ["run"]


def run(case: Case) -> Iterator[Finding]:
    """Overlap and duplicates by content, the probe of every column, the order in time."""
    yield from unweighted(case, "rows are compared and counted as they stand")
    sets = read_sets(case)
    yield from overlap_findings(sets)
    yield from probe_findings(sets)
    yield from time_finding(sets)
