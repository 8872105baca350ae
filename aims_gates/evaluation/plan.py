"""System, profile and gates in; plan out: what is due for a transition, pinned by digests."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from aims_gates.documents.shell import quoted
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.evaluation.own_limits import with_own_limits
from aims_gates.governance.controls import approval_controls, title_of
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Approver, DataRule, Plan, Requirement, Step
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.profiles import Profile, Resolved, read_profile

__all__ = ["Planner", "make_plan"]


class Planner:
    """Plans of systems as the files now say them; gates and profiles are read once.

    Args:
        packs: The user's packs; the bundled one comes in any case.

    Raises:
        PackError: a pack is missing, or two offer a gate of the same id.
    """

    def __init__(self, packs: Iterable[Path]) -> None:
        self._packs = tuple(packs)
        self.gates = find_gates(self._packs)
        self._profiles: dict[str, Resolved] = {}

    def plan(self, record: SystemRecord) -> Plan:
        """The plan of a system under the profile it names, or that of its tier.

        Raises:
            RefusedError: the system's tier is prohibited.
            InputError: the profile is malformed or for another tier, or the system sets what only the profile may.
        """
        name = record.system.profile or record.system.tier
        if name not in self._profiles:
            self._profiles[name] = read_profile(name, self.gates, self._packs)
        return make_plan(record, self._profiles[name], self.gates)


def make_plan(record: SystemRecord, resolved: Resolved, gates: Mapping[str, Gate]) -> Plan:
    """Resolve a system under its profile.

    Raises:
        RefusedError: the system's tier is prohibited.
        InputError: the profile is for another tier, the system sets what only the profile may, or it has values that
            nobody confirmed and the profile is no trial; all of it at once.
    """
    system, profile = record.system, resolved.profile
    problems = list(_problems(record, profile, gates))
    if problems:
        raise problems[0] if len(problems) == 1 else _together(problems)
    tier = _tier(record, profile)
    requirements = [_requirement(control, profile) for control in profile.controls]
    separation = approval_controls().separation
    if profile.approvals and separation not in profile.controls:
        why = "a promotion needs people other than those who made the version"
        requirements.append(Requirement(separation, title_of(separation) or "", why, "block", ()))
    steps = sorted((_step(record, profile, gate) for gate in _used(profile, gates)), key=lambda step: step.last)
    fixed = record.requirements.evaluation.digest if record.requirements else None
    return Plan(
        system=system.name,
        tier=tier,
        profile=profile.id,
        profile_digest=resolved.digest,
        profile_expires=profile.expires,
        purpose_digest=record.purpose_digest,
        transition="production",
        requirements=tuple(requirements),
        steps=tuple(steps),
        approvals=tuple(Approver(rule.role, rule.count) for rule in profile.approvals),
        approval_days=profile.approval_days,
        waiver_days=profile.waivers.max_days,
        waiver_roles=profile.waivers.roles,
        evaluation_digest=fixed,
        inconclusive_blocks=profile.inconclusive == "blocks" or system.tier == "high",
        rollback_days=profile.rollback_days,
        grace_days=profile.grace_days,
        leaves_out=profile.leaves_out,
        specification_digest=record.specification_digest,
        isolation="" if profile.isolation == "none" else profile.isolation,
        trial=profile.trial,
        schemas=profile.schemas,
        samples={role: DataRule(**sample.model_dump()) for role, sample in record.system.samples.items()},
    )


def _confirmed(record: SystemRecord, profile: Profile) -> None:
    """Refuse what was only proposed, but for a trial."""
    if record.system.proposed and not profile.trial:
        message = f"proposed, and confirmed by nobody: {', '.join(record.system.proposed)}"
        remedy = (
            f"Answer on a terminal: aims-gates start --model {quoted(record.system.models[0])}; or see that these "
            "values are right and take their names out of here."
        )
        raise record.document.error(("proposed",), message, remedy)


def _tier(record: SystemRecord, profile: Profile) -> Literal["high", "limited", "minimal"]:
    """The tier of system and profile alike; refused where the system is prohibited, or the profile for another tier."""
    system = record.system
    if system.tier == "prohibited":
        message = f"{system.name}: the tier is prohibited"
        remedy = "No waiver lifts this. If the classification is wrong, fix the questionnaire and have it reviewed."
        raise RefusedError(message, where=record.document.place(("tier",)), remedy=remedy)
    if profile.tier == "any":
        message = f"the profile {profile.id!r} is an overlay and stands on no system alone"
        raise record.document.error(("profile",), message, f"Lay it over a profile: {system.tier}+{profile.id}")
    below = profile.trial and (system.tier, profile.tier) == ("minimal", "limited")
    if profile.tier != system.tier and not below:
        message = f"the profile {profile.id!r} is for tier {profile.tier}, the system's tier is {system.tier}"
        raise record.document.error(("profile",), message, "Choose a profile of that tier: aims-gates profile list")
    return system.tier


def _requirement(control: str, profile: Profile) -> Requirement:
    rule = profile.controls[control]
    least, _ = profile.basis_asked(control)
    return Requirement(control, title_of(control) or "", rule.why, rule.enforcement, rule.gates, least)


def _step(record: SystemRecord, profile: Profile, gate: Gate) -> Step:
    manifest, rule = gate.manifest, profile.gates.get(gate.id)
    params = _params(record, profile, gate)
    judged = record.system.tier in ("high", "limited")
    tables = [role for role, when in manifest.trusted_tables.items() if _applies(when, record.system.facts)[0]]
    applies, reason = _applies(rule.applies_when if rule else {}, record.system.facts)
    return Step(
        gate=gate.id,
        title=manifest.title,
        digests=(gate.digest, *(rule.accept if rule else ())),
        params=params,
        controls=tuple(control for control, use in profile.controls.items() if gate.id in use.gates),
        expires_days=(rule.expires_days if rule else None) or manifest.expires_days,
        trusted_predictions=manifest.trusted_predictions and judged,
        last=manifest.last,
        applies=applies,
        reason=reason,
        pins=manifest.pins,
        tables=tuple(tables) if judged else (),
    )


def _not_the_systems(record: SystemRecord, gate: Gate) -> Iterator[InputError]:
    """Parameters of a gate that the system sets and that only a profile may set."""
    for name in record.system.gates.get(gate.id, {}):
        parameter = gate.manifest.parameters.get(name)
        if parameter is not None and parameter.owner != "system":
            remedy = "Set it in the profile and have that reviewed."
            yield record.document.error(("gates", gate.id, name), "only a profile may set this", remedy)


def _applies(when: Mapping[str, bool | str], facts: Mapping[str, bool | str]) -> tuple[bool, str]:
    """Whether a gate applies; an unknown fact means it does."""
    for fact, expected in when.items():
        if fact in facts and facts[fact] != expected:
            return False, f"the system's fact {fact} is {facts[fact]!r}"
    return True, ""


def _params(record: SystemRecord, profile: Profile, gate: Gate) -> dict[str, Any]:
    rule = profile.gates.get(gate.id)
    settings = dict(record.system.gates.get(gate.id, {})) | (rule.params if rule else {})
    return with_own_limits(gate.params(settings, record.document.place(("gates", gate.id))), gate, record)


def _problems(record: SystemRecord, profile: Profile, gates: Mapping[str, Gate]) -> Iterator[AimsGatesError]:
    """All that keeps system and profile from making a plan, in the order of the system's file."""
    acts: list[Callable[[], object]] = [partial(_confirmed, record, profile), partial(_tier, record, profile)]
    acts += [partial(_params, record, profile, gate) for gate in _used(profile, gates)]
    for act in acts:
        try:
            act()
        except AimsGatesError as error:
            yield error
    for name in record.system.gates:
        if name in gates:
            yield from _not_the_systems(record, gates[name]) if gates[name] in _used(profile, gates) else ()
            continue
        remedy = f"Choose from: {', '.join(sorted(gates))}."
        yield record.document.error(("gates", name), f"there is no gate {name!r}", remedy)


def _used(profile: Profile, gates: Mapping[str, Gate]) -> list[Gate]:
    """The gates that evidence a control of this profile."""
    return [gates[name] for name in dict.fromkeys(name for rule in profile.controls.values() for name in rule.gates)]


def _together(problems: Sequence[AimsGatesError]) -> AimsGatesError:
    """One error that tells all of these; a refusal where all of them refuse."""
    refused = all(isinstance(problem, RefusedError) for problem in problems)
    message = "\n  x ".join([f"{len(problems)} problems keep this system from a plan", *map(_told, problems)])
    return (RefusedError if refused else InputError)(message, remedy="Fix them in the system's file.")


def _told(problem: AimsGatesError) -> str:
    place = f"{problem.where}: " if problem.where else ""
    return f"{place}{problem.message}. {problem.remedy or ''}".rstrip()
