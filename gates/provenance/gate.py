"""The chain from raw data to the training set, followed, and its end compared with the digest of the set itself."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from aims_gates import Case, Finding
from aims_gates.gatekit import HOLDS, holds

from .chain import Chain, Problem, empty_fields, read_chain

__all__ = ["run"]

_PROBLEMS = ("step_fact", "broken_link", "unknown_source")
#: Facts of a source, by the topic of gate.yaml's ``findings`` that they belong to.
_FACTS = {
    "source_origin": ("name", "digest", "source", "collected", "selection", "licence", "legal_basis"),
    "source_use": ("purpose", "categories", "retention"),
}


def run(case: Case) -> Iterator[Finding]:
    """The chain of the record ``provenance``, where there is one, and the training set's own digest."""
    record = case.records.get("provenance")
    chain = None if record is None else read_chain(record)
    if chain is not None:
        yield from _followed(chain, case)
        for source in chain.sources:
            yield from _facts(source)
    yield _training(case, chain)


def _followed(chain: Chain, case: Case) -> Iterator[Finding]:
    problems = list(chain.problems(case.now))
    for kind in _PROBLEMS:
        of_kind = [problem for problem in problems if problem.kind == kind]
        yield from (_problem(problem) for problem in of_kind)
        if not of_kind:
            note = f"{len(chain.sources)} sources, {len(chain.steps)} steps"
            yield _finding(f"no_{kind}", True, note)


def _problem(problem: Problem) -> Finding:
    return _finding(f"no_{problem.kind}", False, problem.said, problem.remedy, problem.where)


def _facts(source: Mapping[str, Any]) -> Iterator[Finding]:
    over = {"source": str(source.get("name") or source.get("digest") or "without a name")}
    for topic, names in _FACTS.items():
        missing = list(empty_fields(source, names))
        for name in missing:
            message = f"the source has no {name}"
            yield _finding("source_fact", False, message, "Find out and record it.", {**over, "fact": name}, topic)
        if not missing:
            yield _finding("source_fact", True, f"states {', '.join(names)}", over=over, topic=topic)


def _training(case: Case, chain: Chain | None) -> Finding:
    """Whether the recorded end is the training set, by the digest of its bytes."""
    sheets = case.records.get("datasheets", {}).get("datasets") or ()
    ends = {chain.end} if chain is not None else {str(s.get("digest")) for s in sheets if isinstance(s, Mapping)}
    if "reference" not in case.data:
        note = "the digest of the training set was not computed: there is no reference data"
        remedy = "Name the training set as data.reference in system.yaml."
        if chain is None:
            return Finding("ends_at_training_set", note=note, remedy=remedy)
        return Finding("ends_at_training_set", limit=HOLDS, outcome="inconclusive", note=note, remedy=remedy)
    digest = case.data["reference"].digest
    message = f"the training set is {digest}"
    remedy = "Record the step that made these bytes, or train on the set that the chain ends at."
    # The bytes changed since they were recorded: the record was overtaken, and says nothing about these.
    return replace(_finding("ends_at_training_set", digest in ends, message, remedy), stale=digest not in ends)


def _finding(
    measure: str,
    yes: bool,
    note: str,
    remedy: str | None = None,
    over: Mapping[str, str] | None = None,
    topic: str | None = None,
) -> Finding:
    return holds(measure, yes, controls=() if topic is None else (topic,), note=note, remedy=remedy, over=over)
