"""The bill of materials: is it one, is it of this model, and does it list data, libraries and hardware?"""

from collections.abc import Iterator, Mapping
from typing import Any

from aims_gates import Case, Finding, Outcome
from aims_gates.gatekit import HOLDS, holds

from .bom import HARDWARE, SUBJECT, Bom, read_bom, schema_problem, shape_problems

__all__ = ["run"]


def run(case: Case) -> Iterator[Finding]:
    """One finding per requirement of each control; those that fail name the component."""
    record = case.records.get("bom")
    if record is None:
        note = "there is no bill of materials"
        remedy = "Write it as CycloneDX 1.5 or later into the system's records, as bom.json."
        limit, outcome = (HOLDS, "fail") if case.params["bom_required"] else (None, None)
        missing = outcome is not None
        yield Finding("bom", limit=limit, outcome=_outcome(outcome), note=note, remedy=remedy, missing=missing)
        return
    bom = read_bom(record)
    yield from _shape(bom)
    yield _bound(bom, case)
    yield from _services(bom, case)
    yield from _data(bom, case)
    yield from _listed(bom)
    hardware = bool(bom.of("device", "platform") or bom.properties(HARDWARE))
    remedy = f"Add a component of type device or platform, or the property {HARDWARE}."
    yield _finding("bom_hardware", hardware, "the hardware it was made for", remedy)


def _outcome(text: str | None) -> Outcome | None:
    return "fail" if text == "fail" else None


def _shape(bom: Bom) -> Iterator[Finding]:
    schema = schema_problem(bom)
    problems = [*shape_problems(bom), *([f"the published schema says: {schema}"] if schema else [])]
    for problem in problems:
        yield _finding("bom_shape", False, problem, "Fix it, or have your build tool write it anew.")
    if not problems:
        yield _finding("bom_shape", True, f"CycloneDX {bom.content['specVersion']}")


def _bound(bom: Bom, case: Case) -> Finding:
    """Whether it says that it is of the very model on trial."""
    if not bom.of("machine-learning-model"):
        remedy = "Add a component of type machine-learning-model with the model's digest."
        return _finding("bom_of_this_model", False, "it lists no model", remedy)
    if case.subject is None:
        note = "there is no model on trial to compare it with"
        return Finding("bom_of_this_model", limit=HOLDS, outcome="inconclusive", note=note)
    text = bom.properties(SUBJECT) | {f"sha256:{name}" for name in _hashes(bom.of("machine-learning-model"))}
    remedy = f"Write the property {SUBJECT} = {case.subject.digest}, or that SHA-256 as the model's hash."
    return _finding("bom_of_this_model", case.subject.digest in text, "the model's digest", remedy)


def _services(bom: Bom, case: Case) -> Iterator[Finding]:
    facts = case.records.get("system", {}).get("facts") or {}
    if facts.get("has_suppliers") is True:
        listed = bool(bom.content.get("services")) or any("supplier" in component for component in bom.components)
        remedy = "List outside services under services, and who supplies a component under supplier."
        yield _finding("bom_services", listed, "outside services and suppliers", remedy)


def _data(bom: Bom, case: Case) -> Iterator[Finding]:
    """Data sets with a digest each; the training set among them."""
    sets = bom.of("data")
    yield _finding("bom_data", bool(sets), "data sets", "Add a component of type data for each data set.")
    for item in sets:
        if not _hashes([item]):
            message, remedy = (
                f"the data set {item.get('name')!r} has no SHA-256",
                "Add what `aims-gates digest FILE` prints.",
            )
            yield _finding("bom_data_digest", False, message, remedy)
    if sets and "reference" in case.data:
        digest = case.data["reference"].digest
        remedy = f"Add the data set with the SHA-256 {digest.removeprefix('sha256:')}."
        listed = digest.removeprefix("sha256:") in _hashes(sets)
        yield _finding("bom_training_set", listed, "the training set's own digest", remedy)


def _listed(bom: Bom) -> Iterator[Finding]:
    parts = bom.of("library", "framework")
    remedy = "Add the libraries of the lock file, as your build tool lists them."
    yield _finding("bom_libraries", bool(parts), "libraries and frameworks", remedy)
    for part in parts:
        if not str(part.get("version") or "").strip():
            message = f"{part.get('name')!r} has no version"
            yield _finding("bom_library_version", False, message, "Add the version that is installed.")


def _hashes(components: list[Mapping[str, Any]]) -> set[str]:
    return {
        str(entry.get("content")).lower()
        for component in components
        for entry in component.get("hashes") or ()
        if isinstance(entry, Mapping) and entry.get("alg") == "SHA-256"
    }


def _finding(measure: str, listed: bool, note: str, remedy: str | None = None) -> Finding:
    message = f"not listed: {note}" if not listed and measure in _LISTS else note
    return holds(measure, listed, note=message, remedy=remedy)


_LISTS = {"bom_of_this_model", "bom_services", "bom_data", "bom_training_set", "bom_libraries", "bom_hardware"}
