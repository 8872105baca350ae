"""gate.yaml: what a gate says of itself."""

import math
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import Field, model_validator

from aims_gates.documents.schema import StrictModel
from aims_gates.model import Cause, Finding
from aims_gates.packs.facts import Fact
from aims_gates.packs.limits import Way

__all__ = ["BeforeTraining", "Manifest", "Measures", "Parameter"]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "number": (int, float),
    "integer": (int,),
    "string": (str,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list, tuple),
}


Kind = Literal["any", "number", "integer", "string", "boolean", "object", "array"]


class Measures(StrictModel):
    """The measures that a parameter of limits may name (``*`` stands for any text), by the way each improves.

    Attributes:
        more: Better when higher. A limit the other way round is refused.
        less: Better when lower. A limit the other way round is refused.
        either: Neither is better in itself.
        numbers: Whether a bare number is a limit too.
    """

    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    numbers: bool = False

    def way(self, measure: str) -> Way | None:
        """The way in which a measure improves; None where there is no such measure."""
        ways: tuple[tuple[Way, tuple[str, ...]], ...]
        ways = (("more", self.more), ("less", self.less), ("either", self.either))
        return next((way for way, names in ways if any(fnmatchcase(measure, name) for name in names)), None)


class Parameter(StrictModel):
    """One parameter of a gate.

    Attributes:
        type: The JSON types of its values, one or several. ``null`` stands for "not given" and is always taken.
        summary: What it does, in a sentence; its unit, where it has one.
        default: Its value where neither profile nor system sets it. ``false`` and ``0`` are values, ``null`` is none.
        owner: Who may set it: ``profile`` for limits and whatever moves a verdict, ``system`` for what only the system
            knows (labels, the path of a suite). A profile may set both.
        measures: Of a parameter of limits: what may be limited, and which way round.
        classes: Of a parameter that names a label: whether a list of labels will do, each judged against the rest.
    """

    type: list[Kind] | Kind
    summary: str
    default: Any = None
    owner: Literal["profile", "system"] = "profile"
    measures: Measures | None = None
    classes: bool = False

    def accepts(self, value: Any) -> bool:
        """Whether the value has one of the declared JSON types (None stands for 'not given')."""
        kinds = [self.type] if isinstance(self.type, str) else self.type
        if value is None or "any" in kinds:
            return True
        if isinstance(value, bool):
            return "boolean" in kinds
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return any(isinstance(value, _TYPES[kind]) for kind in kinds)


class Inputs(StrictModel):
    """What a gate looks at, each ``required`` or ``optional``.

    Attributes:
        data: Data sets by role: ``evaluation``, ``reference``, ``production`` or a name of the gate's own.
        roles: Columns by role: ``target``, ``prediction``, ``score``, ``weight``, ``sensitive`` or a name of its own.
        records: Records that it reads: ``organization/NAME``, or NAME for the system's own.
        preview: Data sets and roles that are optional, since a system may give others instead, and without which
            `aims-gates try-model`, which has nothing else, leaves the gate out.
    """

    data: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)
    roles: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)
    records: dict[str, Literal["required", "optional"]] = Field(default_factory=dict)
    preview: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _preview_needs_inputs(self) -> "Inputs":
        strange = [name for name in self.preview if name not in {*self.data, *self.roles}]
        if strange:
            raise ValueError(f"preview names {strange[0]!r}, which is under neither data nor roles")
        return self


class BeforeTraining(StrictModel):
    """That a gate judges a training set before anything is trained on it, where no model is there yet.

    Attributes:
        training: The data role in which it finds that set; none where it reads records alone.
        accepted: The data role in which it finds the set accepted before; where there is none it is left out.
        params: Parameters that are set so for this, over those of profile and system.
        needs: Parameters without which it has nothing to judge by, and is left out.
    """

    training: str | None = None
    accepted: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()


class Causes(StrictModel):
    """What has to change where a finding of gate.py does not pass: ``model`` or ``training-data`` (a new version is
    needed), ``data``, ``record`` or ``people`` (the same version will do).

    Attributes:
        fail: Where a number is beyond its limit. Unless given: the model; of a gate on records, the record.
        inconclusive: Where the data cannot tell.
        error: Where nothing could be judged, or an input is not there.
        measures: By measure (``*`` stands for any text), in place of ``fail``.
    """

    fail: Cause | None = None
    inconclusive: Cause = "data"
    error: Cause = "data"
    measures: dict[str, Cause] = Field(default_factory=dict)


class Manifest(StrictModel):
    """gate.yaml.

    Attributes:
        id: The name of the gate's folder, repeated.
        title: What it is, in a few words; stands in tables.
        summary: What it looks at and decides, in a sentence or two.
        controls: Ids of the Annex A controls and clauses that it can evidence; ``aims-gates controls list`` shows all.
        phase: The phase of the life cycle in which it first matters: organization, design, development, verification,
            deployment, operation or retirement. For readers; no rule depends on it.
        kind: ``computed`` from data by gate.py, from a ``record`` by facts, or from a ``document``.
        subject: What its evidence is about: the bytes of a ``model``, a ``system``, or the ``organization``.
        inputs: What it looks at.
        parameters: What profiles and systems can set, by name.
        expires_days: Days that its evidence counts for, where the profile does not say otherwise.
        trusted_predictions: Whether at the tiers limited and high its evidence counts only on predictions that a
            trusted key signed.
        trusted_tables: The further data sets that such a signed statement must name, each with the system's facts under
            which it must (as in a profile's ``applies_when``; ``{}`` means always).
        last: Whether it runs after all others, and is handed their findings.
        pins: What its evidence is bound to besides bytes and data: when the system's ``purpose`` or ``specification``
            changes, it no longer counts.
        facts: What must be so in the records, one finding each. A gate with facts needs no gate.py.
        findings: The controls on which a finding of gate.py bears, by its measure, or by the topic that it names in
            place of a control; one that is not listed and names no control bears on all of the gate's.
        causes: What has to change where a finding of gate.py does not pass.
        before_training: How it judges a training set before anything is trained on it; without it, it does not.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    summary: str
    controls: list[str] = Field(min_length=1)
    phase: str
    kind: Literal["computed", "record", "document"]
    subject: Literal["model", "system", "organization"]
    inputs: Inputs = Inputs()
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    expires_days: int = Field(gt=0)
    trusted_predictions: bool = False
    trusted_tables: dict[str, dict[str, bool | str]] = Field(default_factory=dict)
    last: bool = False
    pins: tuple[Literal["purpose", "specification"], ...] = ()
    facts: tuple[Fact, ...] = ()
    findings: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    causes: Causes = Causes()
    before_training: BeforeTraining | None = None

    @property
    def on_records(self) -> bool:
        """Whether people write what it judges, or a part of it."""
        return self.kind != "computed" or bool(self.facts)

    @property
    def reads(self) -> tuple[str, ...]:
        """The full names of the records of which it requires something: those of its facts, else all that it reads."""
        names = [name if "/" in name else f"system/{name}" for name in self.inputs.records]
        return tuple(dict.fromkeys(fact.record for fact in self.facts) or names)

    def controls_of(self, measure: str, names: Iterable[str]) -> tuple[str, ...]:
        """The controls on which a finding bears.

        Args:
            measure: The finding's measure.
            names: The controls, or topics of ``findings``, that it names.
        """
        controls = [control for name in names for control in self.findings.get(name, (name,))]
        return tuple(dict.fromkeys(controls)) or self.findings.get(measure, tuple(self.controls))

    def cause_of(self, finding: Finding) -> Cause | None:
        """What has to change where a finding does not pass; None where it passes or is information."""
        if finding.outcome in (None, "pass") or finding.cause is not None:
            return finding.cause
        if "record" in (finding.over or {}) or self.kind != "computed":
            return "record"
        if finding.outcome != "fail":
            return self.causes.inconclusive if finding.outcome == "inconclusive" else self.causes.error
        named = (cause for name, cause in self.causes.measures.items() if fnmatchcase(finding.measure, name))
        return next(named, self.causes.fail or "model")

    @model_validator(mode="after")
    def _findings_bear_on_own_controls(self) -> "Manifest":
        for name, controls in self.findings.items():
            strange = sorted(set(controls) - set(self.controls))
            if strange or not controls:
                what = f"{strange[0]!r}, which is not under controls" if strange else "no control"
                raise ValueError(f"findings.{name} names {what}")
        return self

    @model_validator(mode="after")
    def _before_training_fits(self) -> "Manifest":
        before = self.before_training or BeforeTraining()
        strange = sorted({*filter(None, (before.training, before.accepted))} - set(self.inputs.data))
        strange += sorted({*before.params, *before.needs} - set(self.parameters))
        if strange:
            raise ValueError(f"before_training names {strange[0]!r}, which is under neither inputs.data nor parameters")
        return self

    @model_validator(mode="after")
    def _tables_are_inputs(self) -> "Manifest":
        strange = [name for name in self.trusted_tables if name not in self.inputs.data]
        if strange:
            raise ValueError(f"trusted_tables names {strange[0]!r}, which is not under inputs.data")
        return self
