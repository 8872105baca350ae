"""Two profiles compared, in words: what was added and removed, and which way each limit, life and approval moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from aims_gates.errors import InputError
from aims_gates.governance.controls import order, title_of
from aims_gates.model import BASES, LEAST_ISOLATION, Limit
from aims_gates.packs.gate import Gate
from aims_gates.packs.limits import better, limit_of
from aims_gates.profiles import ControlRule, GateRule, Profile

__all__ = ["OutcomeChange", "compare"]

Way = Literal["tightened", "loosened", "changed"]
_STRICT: Mapping[str, int] = {"note": 0, "warn": 1, "block": 2}
#: Fields that are compared part by part, or say nothing of what is due.
_PARTS = frozenset(
    ["id", "title", "summary", "extends", "controls", "gates", "approvals", "waivers", "expires", "inconclusive"]
)
_DAYS = ("approval_days", "rollback_days", "grace_days")


@dataclass(frozen=True)
class OutcomeChange:
    """One difference.

    Attributes:
        way: Whether the new profile asks for more (``tightened``), for less (``loosened``), or for something else.
        place: The field, e.g. ``gates.fairness.limits.demographic_parity_ratio``.
        said: The difference in words.
    """

    way: Way
    place: str
    said: str


def compare(old: Profile, new: Profile, gates: Mapping[str, Gate]) -> tuple[OutcomeChange, ...]:
    """What the new profile asks for that the old one does not, and the other way round.

    Args:
        old, new: Parents merged in.
        gates: The gates there are; their defaults stand where a profile says nothing.
    """
    parts = (_whole(old, new), _controls(old, new), _gates(old, new, gates), _approvals(old, new), _waivers(old, new))
    return tuple(chain.from_iterable(parts))


def _whole(old: Profile, new: Profile) -> Iterator[OutcomeChange]:
    yield from _end(old.expires, new.expires)
    if old.inconclusive != new.inconclusive:
        blocks = new.inconclusive == "blocks"
        message = "an inconclusive finding now blocks" if blocks else "an inconclusive finding no longer blocks"
        yield OutcomeChange("tightened" if blocks else "loosened", "inconclusive", message)
    for name in _DAYS:
        yield from _days(name, name.replace("_", " "), getattr(old, name), getattr(new, name))
    yield from _isolation(old.isolation or "none", new.isolation or "none")
    yield from _basis("least_basis", "controls", old.least_basis, new.least_basis)
    yield from _other_fields(old.model_dump(mode="json"), new.model_dump(mode="json"))


def _end(old: str | None, new: str | None) -> Iterator[OutcomeChange]:
    """The day on which the profile ends."""
    if old != new:
        later = (new or "9999") > (old or "9999")
        message = f"the profile ends on {new or 'no date'} instead of {old or 'no date'}"
        yield OutcomeChange("loosened" if later else "tightened", "expires", message)


def _isolation(old: str, new: str) -> Iterator[OutcomeChange]:
    if old != new:
        weaker = LEAST_ISOLATION[new] < LEAST_ISOLATION[old]
        message = f"models must run in isolation {new} at least instead of {old}"
        yield OutcomeChange("loosened" if weaker else "tightened", "isolation", message)


def _basis(place: str, named: str, old: str, new: str) -> Iterator[OutcomeChange]:
    """How a control has to be known at least; empty where any basis will do, which is as good as declared."""
    before, after = old or BASES[-1], new or BASES[-1]
    if before != after:
        stronger = BASES.index(after) < BASES.index(before)
        message = f"{named}: known at least as {after} instead of {before}"
        yield OutcomeChange("tightened" if stronger else "loosened", place, message)


def _other_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[OutcomeChange]:
    """The fields of which no side asks for more."""
    for name in sorted({*old, *new} - _PARTS - {*_DAYS, "isolation", "least_basis"}):
        if old.get(name) != new.get(name):
            text = "changed" if name == "leaves_out" else f"{new.get(name)!r} instead of {old.get(name)!r}"
            yield OutcomeChange("changed", name, f"{name.replace('_', ' ')}: {text}")


def _days(place: str, what: str, before: int, after: int) -> Iterator[OutcomeChange]:
    if before != after:
        yield OutcomeChange(
            "tightened" if after < before else "loosened", place, f"{what}: {after} instead of {before}"
        )


def _controls(old: Profile, new: Profile) -> Iterator[OutcomeChange]:
    for control in sorted({*old.controls, *new.controls}, key=order):
        title = title_of(control) or "not in the catalogue"
        named, place = f"{control} ({title})", f"controls.{control}"
        if control not in old.controls:
            rule = new.controls[control]
            yield OutcomeChange("tightened", place, f"{named} added, {rule.enforcement}: {rule.why}")
        elif control not in new.controls:
            yield OutcomeChange("loosened", place, f"{named} removed")
        else:
            yield from _control(named, place, old.controls[control], new.controls[control])
            if old.controls[control].least_basis or new.controls[control].least_basis:
                yield from _basis(
                    f"{place}.least_basis", named, old.basis_asked(control)[0], new.basis_asked(control)[0]
                )


def _control(named: str, place: str, old: ControlRule, new: ControlRule) -> Iterator[OutcomeChange]:
    if old.enforcement != new.enforcement:
        way: Way = "tightened" if _STRICT[new.enforcement] > _STRICT[old.enforcement] else "loosened"
        yield OutcomeChange(way, f"{place}.enforcement", f"{named}: {new.enforcement} instead of {old.enforcement}")
    for gate in new.gates:
        if gate not in old.gates:
            yield OutcomeChange("tightened", f"{place}.gates", f"{named}: the gate {gate} is due too")
    for gate in old.gates:
        if gate not in new.gates:
            yield OutcomeChange("loosened", f"{place}.gates", f"{named}: the gate {gate} is no longer due")
    if old.why != new.why:
        yield OutcomeChange("changed", f"{place}.why", f"{named}: another reason: {new.why}")


def _used(profile: Profile) -> set[str]:
    return {gate for rule in profile.controls.values() for gate in rule.gates}


def _gates(old: Profile, new: Profile, gates: Mapping[str, Gate]) -> Iterator[OutcomeChange]:
    """The gates that both use; one that only one of them uses shows under its controls."""
    for gate in sorted(_used(old) & _used(new)):
        before, after = old.gates.get(gate, GateRule()), new.gates.get(gate, GateRule())
        defaults = gates[gate].manifest.parameters if gate in gates else {}
        defaults_by_name = {name: parameter.default for name, parameter in defaults.items()}
        place, usual = f"gates.{gate}", gates[gate].manifest.expires_days if gate in gates else 0
        life = before.expires_days or usual, after.expires_days or usual
        yield from _days(f"{place}.expires_days", f"{gate}: days for which evidence counts", *life)
        yield from _params(gate, defaults_by_name | before.params, defaults_by_name | after.params)
        for waived in set(after.accept) - set(before.accept):
            yield OutcomeChange("loosened", f"{place}.accept", f"{gate}: also accepts the version {waived[:19]}")
        for waived in set(before.accept) - set(after.accept):
            yield OutcomeChange("tightened", f"{place}.accept", f"{gate}: no longer accepts the version {waived[:19]}")
        if before.applies_when != after.applies_when:
            message = f"{gate}: applies when {_listed(after.applies_when)} instead of {_listed(before.applies_when)}"
            yield OutcomeChange("changed", f"{place}.applies_when", message)


def _listed(facts: Mapping[str, Any]) -> str:
    return " and ".join(f"{name} is {value!r}" for name, value in facts.items()) or "always"


def _params(gate: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[OutcomeChange]:
    for name in sorted({*old, *new} - {"limits"}):
        if old.get(name) != new.get(name):
            message = f"{gate}: {name} is {new.get(name)!r} instead of {old.get(name)!r}"
            yield OutcomeChange("changed", f"gates.{gate}.params.{name}", message)
    before, after = (rule.get("limits") or {} for rule in (old, new))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for measure in sorted({*before, *after}):
            yield from _limit(gate, measure, before.get(measure), after.get(measure))


def _limit(gate: str, measure: str, old: Any, new: Any) -> Iterator[OutcomeChange]:
    place = f"gates.{gate}.params.limits.{measure}"
    try:
        before, after = limit_of(measure, old), limit_of(measure, new)
    except InputError:
        if old != new:
            yield OutcomeChange("changed", place, f"{gate}: the limit on {measure} is {new!r} instead of {old!r}")
        return
    if before == after:
        return
    if before is None or after is None:
        message = f"{gate}: {measure} must be {_words(after)}" if after else f"{gate}: no limit on {measure} any more"
        yield OutcomeChange("tightened" if after else "loosened", place, message)
    else:
        message = f"{gate}: {measure} must be {_words(after)} instead of {_words(before)}"
        yield OutcomeChange(_way(measure, before, after), place, message)


def _words(limit: Limit | None) -> str:
    return f"{limit.op} {limit.value:g}" if limit else "anything"


def _way(measure: str, before: Limit, after: Limit) -> Way:
    """Which way a limit moved: by the measure's better side, else by the side that both limits leave open."""
    floors = [limit.op in (">=", ">") for limit in (before, after)]
    if floors[0] != floors[1]:
        return "changed"
    more = {"more": True, "less": False, None: floors[1]}[better(measure)]
    if before.value != after.value:
        return "tightened" if (after.value > before.value) == more else "loosened"
    return "tightened" if len(after.op) == 1 else "loosened"


def _approvals(old: Profile, new: Profile) -> Iterator[OutcomeChange]:
    before = {approval_rule.role: approval_rule.count for approval_rule in old.approvals}
    after = {approval_rule.role: approval_rule.count for approval_rule in new.approvals}
    for role in sorted({*before, *after}):
        then, now = before.get(role, 0), after.get(role, 0)
        if then != now:
            message = f"approvals by {role}: {now or 'none'} instead of {then or 'none'}"
            yield OutcomeChange("tightened" if now > then else "loosened", f"approvals.{role}", message)


def _waivers(old: Profile, new: Profile) -> Iterator[OutcomeChange]:
    yield from _days("waivers.max_days", "longest waiver in days", old.waivers.max_days, new.waivers.max_days)
    for role in sorted({*new.waivers.roles} - {*old.waivers.roles}):
        yield OutcomeChange("loosened", "waivers.roles", f"{role} may grant waivers too")
    for role in sorted({*old.waivers.roles} - {*new.waivers.roles}):
        yield OutcomeChange("tightened", "waivers.roles", f"{role} may no longer grant waivers")
