"""Profiles: for a tier, what is required, with which limits, who approves, how long evidence lives.

A profile is a YAML file; one may extend another. Reading resolves and checks it: unknown controls and gates, a gate
that does not evidence the control it stands under, a profile that extends itself, a limit the wrong way round.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from aims_gates.canonical import digest, is_digest
from aims_gates.controls import catalogue
from aims_gates.errors import InputError, PackError, ProfileError
from aims_gates.limits import read_limit
from aims_gates.model import Enforcement
from aims_gates.packs import Gate, find_profile
from aims_gates.strict_yaml import Document, parse, read

__all__ = [
    "ApprovalRule",
    "ControlRule",
    "GateRule",
    "Profile",
    "Resolved",
    "lint",
    "open_profile",
    "problems_of",
    "read_profile",
]

#: Roles of keys that have other work than to approve (:data:`aims_gates.predicates.ROLES`).
NOT_APPROVERS = ("policy", "ci", "developer", "on-call")


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ControlRule(_Shape):
    """A control the profile requires: why, which gates evidence it, and what an unmet state does."""

    why: str = Field(min_length=1)
    gates: tuple[str, ...] = ()
    enforcement: Enforcement = "block"


class GateRule(_Shape):
    """A gate's limits and parameters, life of its evidence, and the digests accepted beside the present one."""

    params: dict[str, Any] = Field(default_factory=dict)
    expires_days: int | None = Field(default=None, gt=0)
    accept: tuple[str, ...] = ()
    applies_when: dict[str, bool | str] = Field(default_factory=dict)


class ApprovalRule(_Shape):
    """``count`` people of ``role``."""

    role: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    count: int = Field(default=1, gt=0, le=9)


class WaiverRule(_Shape):
    """The longest life of a waiver, and the roles that may grant one (none: no waivers)."""

    max_days: int = Field(default=90, gt=0)
    roles: tuple[str, ...] = ()


class Profile(_Shape):
    """A profile as its file says it, parents merged in."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    tier: Literal["high", "limited", "minimal"]
    summary: str = ""
    leaves_out: str = ""
    extends: str | None = None
    expires: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    controls: dict[str, ControlRule] = Field(min_length=1)
    gates: dict[str, GateRule] = Field(default_factory=dict)
    approvals: tuple[ApprovalRule, ...] = ()
    approval_days: int = Field(default=90, gt=0)
    waivers: WaiverRule = WaiverRule()
    inconclusive: Literal["blocks", "shows"] = "blocks"
    rollback_days: int = Field(default=90, gt=0)


@dataclass(frozen=True)
class Resolved:
    """A profile, its digest, and where its parts stand.

    Attributes:
        profile: Parents merged in.
        digest: ``sha256:...`` of the merged content.
        document: The file itself, for messages.
    """

    profile: Profile
    digest: str
    document: Document


def _merge(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """The child over the parent; ``controls`` and ``gates`` entry by entry, and a gate's params key by key."""
    merged = dict(parent) | dict(child)
    for part in ("controls", "gates"):
        ours, theirs = child.get(part, {}), parent.get(part, {})
        if not (isinstance(ours, dict) and isinstance(theirs, dict)):
            continue  # the shape check names it
        merged[part] = dict(theirs)
        for name, rule in ours.items():
            base = theirs.get(name)
            merged[part][name] = _merge_rule(base, rule) if isinstance(base, dict) and isinstance(rule, dict) else rule
    return merged


def _merge_rule(base: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) | dict(rule)
    theirs, ours = base.get("params"), rule.get("params")
    return merged | {"params": theirs | ours} if isinstance(theirs, dict) and isinstance(ours, dict) else merged


def _content(name: str, packs: list[Path], seen: tuple[str, ...]) -> tuple[dict[str, Any], Document]:
    document = find_profile(name, packs)
    return _inherited(document, name, packs, seen), document


def _inherited(document: Document, name: str, packs: list[Path], seen: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(document.value, dict):
        raise ProfileError(
            "a profile is a mapping", where=document.where, remedy="See the shape: aims-gates schema profile"
        )
    parent = document.value.get("extends")
    if parent is None:
        return dict(document.value)
    if parent in (*seen, name):
        chain = " -> ".join((*seen, name, parent))
        place = document.place(("extends",))
        raise ProfileError(f"the profile extends itself: {chain}", where=place, remedy="Remove one 'extends'.")
    try:
        base, _ = _content(str(parent), packs, (*seen, name))
    except PackError as error:
        if error.where is not None:
            raise
        raise ProfileError(
            f"extends: {error.message}", where=document.place(("extends",)), remedy=error.remedy
        ) from error
    return _merge(base, document.value)


def _parsed(content: Mapping[str, Any], document: Document) -> Profile:
    try:
        return parse(Profile, Document(content, document.where, document.lines))
    except InputError as error:
        raise ProfileError(error.message, where=error.where, remedy=error.remedy) from error


def open_profile(place: str, packs: Iterable[Path] = ()) -> tuple[Profile, Document]:
    """A profile by its id, or by the file that holds it, parents merged in; checked for its shape alone.

    Raises:
        PackError: there is no such profile.
        InputError: the file cannot be read.
        ProfileError: naming file, line, field and remedy.
    """
    path = Path(place)
    if path.suffix not in (".yaml", ".yml"):
        return _shaped(place, packs)
    document = read(path)
    return _parsed(_inherited(document, place, list(packs), ()), document), document


def _shaped(name: str, packs: Iterable[Path]) -> tuple[Profile, Document]:
    content, document = _content(name, list(packs), ())
    profile = _parsed(content, document)
    if profile.id != name:
        raise ProfileError(
            f"id {profile.id!r} differs from the file's name", where=document.place(("id",)), remedy="Make them equal."
        )
    return profile, document


def problems_of(name: str, gates: Mapping[str, Gate], packs: Iterable[Path] = ()) -> list[ProfileError]:
    """Everything wrong with a profile; where its shape is wrong, the first thing.

    Raises:
        PackError: there is no such profile.
    """
    try:
        profile, document = _shaped(name, packs)
    except ProfileError as error:
        return [error]
    return lint(profile, gates, document)


def read_profile(name: str, gates: Mapping[str, Gate], packs: Iterable[Path] = ()) -> Resolved:
    """Read, merge and check a profile.

    Args:
        name: Profile id.
        gates: The gates there are.
        packs: Where else to look for it.

    Raises:
        PackError: there is no such profile.
        ProfileError: naming file, line, field and remedy.
    """
    profile, document = _shaped(name, packs)
    problems = lint(profile, gates, document)
    if problems:
        more = f" (and {len(problems) - 1} more; see: aims-gates profile lint {name})" if len(problems) > 1 else ""
        raise ProfileError(problems[0].message + more, where=problems[0].where, remedy=problems[0].remedy)
    return Resolved(profile, digest(profile.model_dump(mode="json")), document)


def _problem(document: Document, path: tuple[str | int, ...], said: str, remedy: str) -> ProfileError:
    return ProfileError(f"{'.'.join(map(str, path))}: {said}", where=document.place(path), remedy=remedy)


def lint(profile: Profile, gates: Mapping[str, Gate], document: Document) -> list[ProfileError]:
    """Everything wrong with a profile that its shape does not show, in order."""
    problems: list[ProfileError] = []
    used: set[str] = set()
    for control, rule in profile.controls.items():
        path: tuple[str | int, ...] = ("controls", control)
        if control not in catalogue():
            remedy = "Choose from: aims-gates controls list"
            problems.append(_problem(document, path, f"there is no control {control!r}", remedy))
            continue
        used.update(rule.gates)
        if not rule.gates and not (control == "A.3.2" and profile.approvals):
            problems.append(_problem(document, path, "no gate evidences it", "Name a gate, or remove the control."))
        problems.extend(_gate_problems(control, rule, gates, document))
    for name, use in profile.gates.items():
        path = ("gates", name)
        if name not in gates:
            problems.append(
                _problem(document, path, f"there is no gate {name!r}", f"Choose from: {', '.join(sorted(gates))}.")
            )
        elif name not in used:
            problems.append(
                _problem(document, path, "no control names this gate, so it never runs", "Name it under a control.")
            )
        else:
            problems.extend(_rule_problems(name, use, gates[name], document))
    return [*problems, *_people_problems(profile, document)]


def _people_problems(profile: Profile, document: Document) -> list[ProfileError]:
    """Roles that can never approve or waive, and dates that are none."""
    problems = []
    if profile.expires is not None and not _is_date(profile.expires):
        problems.append(
            _problem(document, ("expires",), f"{profile.expires!r} is not a date", "Write it as YYYY-MM-DD.")
        )
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("approvals", index, "role"), rule.role) for index, rule in enumerate(profile.approvals)),
        *((("waivers", "roles", index), role) for index, role in enumerate(profile.waivers.roles)),
    ]
    for path, role in named:
        if role in NOT_APPROVERS:
            remedy = f"Choose another name; {', '.join(NOT_APPROVERS)} have other work."
            problems.append(_problem(document, path, f"a key with the role {role!r} cannot approve or waive", remedy))
    for index, rule in enumerate(profile.approvals):
        if rule.role in [each.role for each in profile.approvals[:index]]:
            remedy = "Write it once, with a count."
            problems.append(_problem(document, ("approvals", index), f"the role {rule.role!r} stands twice", remedy))
    return problems


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _gate_problems(
    control: str, rule: ControlRule, gates: Mapping[str, Gate], document: Document
) -> list[ProfileError]:
    problems = []
    for index, name in enumerate(rule.gates):
        path = ("controls", control, "gates", index)
        if name not in gates:
            problems.append(
                _problem(document, path, f"there is no gate {name!r}", f"Choose from: {', '.join(sorted(gates))}.")
            )
        elif control not in gates[name].manifest.controls:
            fits = sorted(each for each, gate in gates.items() if control in gate.manifest.controls)
            said = f"the gate {name!r} does not evidence {control}"
            problems.append(_problem(document, path, said, f"Gates that do: {', '.join(fits) or 'none yet'}."))
    return problems


def _rule_problems(name: str, use: GateRule, gate: Gate, document: Document) -> list[ProfileError]:
    problems = []
    path: tuple[str | int, ...] = ("gates", name)
    try:
        gate.params(use.params)
    except InputError as error:
        problems.append(_problem(document, (*path, "params"), error.message, error.remedy or "Mend it."))
    for index, each in enumerate(use.accept):
        if not is_digest(each):
            remedy = "Copy it from: aims-gates gates show"
            problems.append(_problem(document, (*path, "accept", index), "not a digest (sha256:...)", remedy))
    limits = use.params.get("limits")
    for measure, limit in (limits if isinstance(limits, dict) else {}).items():
        try:
            read_limit(measure, limit)
        except InputError as error:
            where: tuple[str | int, ...] = (*path, "params", "limits", measure)
            problems.append(_problem(document, where, error.message, error.remedy or "Mend it."))
    return problems
