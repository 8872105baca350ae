"""What a gate read when it found something: kept by whoever runs the gate, whatever the gate says of itself."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from aims_gates.model import Finding
from aims_gates.packs.case import LIMITS, VERSIONS, Case

__all__ = ["Witness"]

_BEYOND = frozenset(("now", "records", "findings", "run", "artifacts", "acts"))


def _record(name: str) -> set[str]:
    return {f"record:{name}"}


class Witness:
    """A case of which every reading is noted.

    Which versions are registered and what the plan limits is looked up by the product itself, and rests on no record.
    Looking at a mapping as a whole reads everything in it. What another gate found rests on what that gate had read.

    Args:
        case: What the gate may look at.
        beyond: Gets the names of what the gate looked at beyond parameters, column roles, data and the subject.

    Attributes:
        case: The case to hand to the gate.
    """

    def __init__(self, case: Case, beyond: set[str] | None = None) -> None:
        self._read: set[str] = set()
        parts = {field.name: getattr(case, field.name) for field in fields(case)}
        parts["data"] = _Noted(case.data, lambda role: {f"data:{role}"}, self._read)
        parts["records"] = _Noted(case.records, _record, self._read)
        parts["findings"] = _Noted(case.findings, lambda gate: _under(case.findings[gate]), self._read)
        parts["acts"] = _Noted(case.acts, lambda kind: {f"act:{act.row}" for act in case.acts[kind]}, self._read)
        parts["run"] = _Noted(case.run, lambda name: set() if name in (LIMITS, VERSIONS) else {"run"}, self._read)
        self.case = _NotedCase(**parts)
        object.__setattr__(self.case, "_read", self._read)
        object.__setattr__(self.case, "_beyond", set() if beyond is None else beyond)

    def rests_on(self) -> tuple[str, ...]:
        """What was read so far, sorted."""
        return tuple(sorted(self._read))


def _under(findings: tuple[Finding, ...]) -> set[str]:
    return {name for finding in findings for name in finding.rests_on}


class _NotedCase(Case):
    """Looking at what a scanner says of the model's files is a reading of the model."""

    _read: set[str]
    _beyond: set[str]

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        if name in _BEYOND and "_beyond" in object.__getattribute__(self, "__dict__"):
            object.__getattribute__(self, "_beyond").add(name)
        if name == "artifacts" and value is not None:
            object.__getattribute__(self, "_read").add("model")
        return value


class _Noted(Mapping[str, Any]):
    """A mapping that notes the keys that are looked at; a key that is not there was not read."""

    def __init__(self, values: Mapping[str, Any], label: Callable[[str], set[str]], read: set[str]) -> None:
        self._values, self._label, self._into = values, label, read

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        self._into |= self._label(key)
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)
