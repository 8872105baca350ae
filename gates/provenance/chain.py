"""The chain as a record states it: sources, and steps that each turn known digests into a new one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aims_gates import InputError

__all__ = ["Chain", "Problem", "empty_fields", "read_chain"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NOTHING = re.compile(r"\W*|n/?a|none|null|unknown|tb[ad]|todo.*|fixme.*|replace.*", re.IGNORECASE)
_STEP = ("name", "inputs", "transform", "output", "actor", "at")


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to do."""

    kind: str
    where: Mapping[str, str]
    said: str
    remedy: str


@dataclass(frozen=True)
class Chain:
    """The record ``provenance``.

    Attributes:
        sources: name, digest, and the facts of a data sheet.
        steps: name, inputs (digests), transform (commit or id), output (digest), actor, at (ISO time).
    """

    sources: tuple[Mapping[str, Any], ...]
    steps: tuple[Mapping[str, Any], ...]

    def problems(self, now: datetime) -> Iterator[Problem]:
        """Facts a step lacks, inputs nobody made or supplied, outputs that lead nowhere, times that turn back."""
        known = {str(source.get("digest")) for source in self.sources}
        makers: dict[str, str] = {}
        outputs, used = {str(step.get("output")) for step in self.steps}, set()
        latest: datetime | None = None
        for place, step in enumerate(self.steps):
            where = {"step": str(step.get("name") or place)}
            for name in empty_fields(step, _STEP):
                yield Problem("step_fact", {**where, "fact": name}, f"the step has no {name}", "Record it.")
            for digest in _inputs(step):
                used.add(digest)
                yield from _input(digest, where, known, makers, outputs)
            output = str(step.get("output"))
            yield from _shape(output, where)
            if output in makers:
                message, remedy = f"the step {makers[output]!r} made the same output", "Record each output once."
                yield Problem("broken_link", {**where, "output": output}, message, remedy)
            makers[output] = where["step"]
            moment = _time(step.get("at"))
            if moment is None or moment > now or (latest is not None and moment < latest):
                message = f"its time {step.get('at')!r} is none, lies in the future, or before the step above"
                yield Problem("broken_link", where, message, "Record when each step ran, in order, as ISO times.")
            latest = moment if moment is not None and (latest is None or moment > latest) else latest
        for output in [*makers][:-1]:
            if output not in used:
                message = f"no later step uses its output {output[:19]}..."
                yield Problem(
                    "broken_link", {"step": makers[output]}, message, "Record the step that used it, or leave it out."
                )

    @property
    def end(self) -> str:
        """The digest that the chain ends at."""
        return str(self.steps[-1].get("output"))


def _input(
    digest: str, where: Mapping[str, str], known: set[str], makers: Mapping[str, str], outputs: set[str]
) -> Iterator[Problem]:
    yield from _shape(digest, where)
    if digest in makers or digest in known:
        return
    place = {**where, "input": digest}
    if digest in outputs:
        yield Problem("broken_link", place, "its input is made by this or a later step", "Put the steps in order.")
    else:
        remedy = "Record the source it came from under sources, or the step that made it."
        yield Problem("unknown_source", place, "its input is neither a source nor the output of a step", remedy)


def _shape(digest: str, where: Mapping[str, str]) -> Iterator[Problem]:
    if not _DIGEST.fullmatch(digest):
        remedy = "Write what `aims-gates digest FILE` prints."
        yield Problem("broken_link", {**where, "digest": digest}, "this is no digest (sha256:...)", remedy)


def _inputs(step: Mapping[str, Any]) -> list[str]:
    inputs = step.get("inputs")
    return [str(element) for element in inputs] if isinstance(inputs, list | tuple) else [str(inputs)] if inputs else []


def _time(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def empty_fields(entry: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    """The fields that are not there, empty, or a placeholder."""
    for name in names:
        value = entry.get(name)
        if value is None or value in ([], {}) or (isinstance(value, str) and _NOTHING.fullmatch(value.strip())):
            yield name


def read_chain(record: Mapping[str, Any]) -> Chain:
    """Read the record.

    Raises:
        InputError: it is no list of sources and steps, or has no step.
    """
    parts = []
    for name in ("sources", "steps"):
        entries = record.get(name)
        if (
            not isinstance(entries, list | tuple)
            or not entries
            or not all(isinstance(entry, Mapping) for entry in entries)
        ):
            remedy = "Write sources and steps as lists of mappings, each with at least one entry."
            raise InputError(f"the record provenance has no {name}", where="provenance.yaml", remedy=remedy)
        parts.append(tuple(entries))
    return Chain(*parts)
