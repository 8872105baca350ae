"""Are the data good enough? A great-expectations suite, and what can be measured without one.

An empty suite or an empty set is an error, a missing column a failure that names it, and what great-expectations
could not compute is never a pass. Without a suite and without limits nothing is decided.
"""

from collections.abc import Iterable
from dataclasses import replace

from aims_gates import Case, Dataset, Finding, InputError, MissingDataError

from .attachment import attach_html
from .expectations import judge_suite
from .own import Limits, own_findings
from .suite import SEVERITIES, read_suite

__all__ = ["run"]


def run(case: Case) -> Iterable[Finding]:
    """The suite's findings in its order, then the gate's own; for each data set asked for."""
    severities = case.params.get("severities")
    severities = ["critical"] if severities is None else list(severities)
    if not severities or not set(severities) <= set(SEVERITIES):
        remedy = f"List some of: {', '.join(SEVERITIES)}."
        raise InputError(f"severities cannot be {severities!r}", where="parameter severities", remedy=remedy)
    limits = Limits.of(case.params)
    if isinstance(case.params.get("suite"), str) and case.subject is not None:
        remedy = "Write {file: NAME} in system.yaml: the file's content then stands in the signed plan."
        raise InputError("a suite named by its path is pinned by nobody", where="parameter suite", remedy=remedy)
    suite = None if case.params.get("suite") is None else read_suite(case.params["suite"])
    sets = _sets(case)
    for data in sets:
        findings, non_null = judge_suite(suite, data, severities) if suite is not None else ([], None)
        for finding in (*findings, *own_findings(data, limits, case, non_null)):
            yield replace(finding, over={**(finding.over or {}), "dataset": data.role}) if len(sets) > 1 else finding
    if suite is not None and case.params.get("html"):
        yield from attach_html(case, suite, sets)


def _sets(case: Case) -> list[Dataset]:
    """The data sets asked for.

    Raises:
        DataError: one was not given.
    """
    dataset = case.params.get("dataset") or "evaluation"
    names = [dataset] if isinstance(dataset, str) else list(dict.fromkeys(dataset))
    for name in names:
        if name not in case.data:
            remedy = (
                f"Give it (--data {name}=FILE), or choose dataset from: {', '.join(case.data) or 'none were given'}."
            )
            raise MissingDataError(f"there is no {name} data", where="parameter dataset", remedy=remedy)
    return [case.data[name] for name in names]
