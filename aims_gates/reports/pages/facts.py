"""What a page may say: facts of records and of signed findings. What is missing is collected, and named all at once."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Finding, Plan
from aims_gates.portfolio import ModelView
from aims_gates.reports import format

__all__ = ["Facts"]

Records = Mapping[str, Mapping[str, Any]]


@dataclass
class Facts:
    """The facts of one version, or of an organization.

    Attributes:
        now: The moment.
        records: Records by name (``user_information``, ``organization/roles``).
        places: Name of a record -> its file, for messages.
        system: The system, for a page about a version.
        seen: The version as the ledger shows it.
        systems: Every system of the packs.
        plans: System -> plan.
        views: Every model as the ledger shows it, for a page about the organization.
        missing: What was looked for and not found; see :meth:`complete`.
    """

    now: datetime
    records: Records
    places: Mapping[str, str] = field(default_factory=dict)
    system: SystemRecord | None = None
    seen: ModelView | None = None
    systems: tuple[SystemRecord, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    views: tuple[ModelView, ...] = ()
    missing: list[str] = field(default_factory=list)

    def place(self, record: str) -> str:
        """The file of a record, or where it would lie."""
        if record in self.places:
            return self.places[record]
        name = self.system.system.name if self.system else "SYSTEM"
        folder = "organization" if record.startswith("organization/") else f"systems/{name}"
        return f"records/{folder}/{record.removeprefix('organization/')}.yaml"

    def value(self, record: str, path: str, *, empty: bool = False) -> Any:
        """A field of a record; None where there is nothing, which is noted. With ``empty``, an empty list will do."""
        result: Any = self.records.get(record)
        for key in path.split("."):
            result = result.get(key) if isinstance(result, Mapping) else None
        if (
            result is None
            or (result in ("", [], ()) and not empty)
            or (isinstance(result, str) and placeholder(result))
        ):
            self.missing.append(f"{self.place(record)}: {path}")
            return None
        return result

    def text(self, record: str, path: str) -> str:
        """A field as text."""
        value = self.value(record, path)
        return "" if value is None else " ".join(str(value).split())

    def texts(self, record: str, path: str, *, empty: bool = False) -> tuple[str, ...]:
        """A list of texts; ``empty`` as in :meth:`value`."""
        value = self.value(record, path, empty=empty)
        return tuple(" ".join(str(item).split()) for item in value) if isinstance(value, list | tuple) else ()

    def entries(self, record: str, path: str, *keys: str, empty: bool = False) -> tuple[tuple[str, ...], ...]:
        """A list of mappings, as rows of these keys; what is missing in one is noted, unless its key ends in ``?``."""
        value = self.value(record, path, empty=empty)
        rows = []
        for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
            fields = item if isinstance(item, Mapping) else {}
            lacks = [key for key in keys if key[-1] != "?" and fields.get(key) in (None, "", [])]
            self.missing += [f"{self.place(record)}: {path}.{index}.{key}" for key in lacks]
            rows.append(tuple(_shown(fields.get(key.rstrip("?"))) for key in keys))
        return tuple(rows)

    def version(self) -> ModelView:
        """The version that the page is about.

        Raises:
            InputError: it is bound to no system, or the ledger knows no bytes of it.
        """
        model = self.seen
        if model is None or model.plan is None or model.subject is None:
            name = "the model" if model is None else f"{model.name} {model.version}"
            remedy = "Bind it, then: aims-gates check --model NAME --version VERSION --key CI.key"
            raise InputError(f"no signed evidence about {name} is in the ledger", remedy=remedy)
        return model

    def findings(self, *gates: str) -> list[tuple[str, Finding]]:
        """Findings under a limit in evidence of these gates that counts, each once; a gate without any is noted."""
        model = self.version()
        assert model.plan is not None
        counting = _counting(model, gates)
        result: dict[str, tuple[str, Finding]] = {}
        for state in model.decision.controls:
            standing = {item.get("gate") for item in state.evidence if item.get("statement") in counting}
            for gate, finding in state.findings:
                if gate in gates and gate in standing and finding.outcome is not None:
                    result.setdefault(f"{gate} {format.sentence(finding)}", (gate, finding))
        due = {step.gate for step in model.plan.steps if step.applies}
        evidenced = {gate for gate, _ in result.values()}
        for gate in gates:
            if gate in due and gate not in evidenced:
                todo = f"aims-gates check --model {quoted(model.name)} --version {quoted(model.version)}"
                self.missing.append(f"signed evidence of {gate} that counts: {todo}")
        return list(result.values())

    def measured(self, *gates: str, smallest: int = 5) -> tuple[tuple[str, ...], ...]:
        """The same as rows: measure, about whom, value with interval, limit, rows."""
        return tuple(
            (finding.measure.replace("_", " "), format.about(finding), format.seen(finding, smallest),
             format.limit(finding), format.rows(finding, smallest))
            for _, finding in self.findings(*gates)
        )  # fmt: skip

    def heads(self) -> dict[str, str]:
        """What stands above every page about a version: which bytes of which system, as of when."""
        model = self.version()
        assert model.plan is not None and model.subject is not None
        return {
            "System": model.plan.system,
            "Model": f"{model.name} version {model.version}",
            "Bytes": model.subject,
            "As of": self.now.date().isoformat(),
        }

    def complete(self, page: str) -> None:
        """Whether nothing was missing.

        Raises:
            InputError: naming every fact that is.
        """
        if self.missing:
            listed = "\n".join(f"  - {fromkey}" for fromkey in dict.fromkeys(self.missing))
            remedy = "Write them into the records (aims-gates schema NAME says what each is for), then ask again."
            raise InputError(f"the page {page!r} lacks facts:\n{listed}", remedy=remedy)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else " ".join(str(value).split())


def _counting(model: ModelView, gates: Collection[str]) -> set[Any]:
    """The digests of the evidence of these gates that counts."""
    items = (item for state in model.decision.controls for item in state.evidence)
    return {item["statement"] for item in items if item.get("standing") == "counts" and item.get("gate") in gates}
