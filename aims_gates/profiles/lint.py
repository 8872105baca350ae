"""What is wrong with a profile that its shape does not show.

Unknown controls, clauses and gates; a gate that does not evidence the control it stands under; a required control with
no gate; limits on no measure of the gate, the wrong way round, or that no value can break or keep; conditions that can
never hold; evidence that lives longer than the catalogue lets it; roles that cannot approve; a least basis weaker than
that of the extended profile.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from aims_gates.documents.canonical import is_digest
from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.errors import InputError, ProfileError
from aims_gates.governance.controls import approval_controls, catalogue, title_of
from aims_gates.model import Limit
from aims_gates.packs.gate import Gate
from aims_gates.packs.limits import beyond, limit_of, reachable, read_limit
from aims_gates.packs.manifest import Measures
from aims_gates.profiles.layers import weakened_in
from aims_gates.profiles.schema import NOT_APPROVERS, ControlRule, GateRule, Profile

__all__ = ["lint"]

#: What people write for yes and no, and YAML 1.2 reads as text.
_ANSWERS = ("yes", "no", "true", "false", "on", "off", "y", "n")


def lint(profile: Profile, gates: Mapping[str, Gate], document: Document) -> list[ProfileError]:
    """Everything wrong with a profile, in order: file and line, what, and the remedy.

    Args:
        profile: Parents and overlays merged in.
        gates: The gates there are.
        document: Where its parts stand.
    """
    return list(_Linter(profile, gates, document).problems())


class _Linter:
    def __init__(self, profile: Profile, gates: Mapping[str, Gate], document: Document) -> None:
        self.profile, self.gates, self.document = profile, gates, document

    def problem(self, path: Place, message: str, remedy: str) -> ProfileError:
        return ProfileError(f"{'.'.join(map(str, path))}: {message}", where=self.document.place(path), remedy=remedy)

    def problems(self) -> Iterator[ProfileError]:
        used: set[str] = set()
        for control, rule in self.profile.controls.items():
            if title_of(control) is None:
                near = get_close_matches(control, catalogue(), n=1, cutoff=0.7)
                remedy = f"Did you mean {near[0]}? All" if near else "Choose from all"
                remedy += ": aims-gates controls list; or a clause such as 9.3, or a control of your own such as X.1."
                yield self.problem(("controls", control), f"there is no control {control!r}", remedy)
                continue
            used.update(rule.gates)
            yield from self._control(control, rule)
        for name, use in self.profile.gates.items():
            if name not in self.gates:
                yield self._no_gate(("gates", name), name)
            elif name not in used:
                message = "no control names this gate, so it never runs"
                yield self.problem(("gates", name), message, "Name it under a control, or take it out.")
            else:
                yield from self._gate(name, use, self.gates[name])
        yield from self._ages(used)
        yield from self._people()
        yield from self._weakened()
        if self.profile.least_basis:
            silent = [rule for rule in self.profile.controls.values() if not rule.least_basis]
            yield from self._least_basis((), self.profile, [gate for rule in silent for gate in rule.gates])

    def _no_gate(self, path: Place, name: str) -> ProfileError:
        near = get_close_matches(name, self.gates, n=1, cutoff=0.7)
        remedy = f"{f'Did you mean {near[0]}? ' if near else ''}Choose from: {', '.join(sorted(self.gates))}."
        return self.problem(path, f"there is no gate {name!r}", remedy)

    def _control(self, control: str, rule: ControlRule) -> Iterator[ProfileError]:
        fits = sorted(name for name, gate in self.gates.items() if control in gate.manifest.controls)
        if not rule.gates and not (control == approval_controls().separation and self.profile.approvals):
            remedy = f"Name one of: {', '.join(fits) or 'none yet'}; or remove the control."
            yield self.problem(("controls", control), "no gate evidences it", remedy)
        for index, name in enumerate(rule.gates):
            path = ("controls", control, "gates", index)
            if name not in self.gates:
                yield self._no_gate(path, name)
            elif control not in self.gates[name].manifest.controls:
                message = f"the gate {name!r} does not evidence {control}"
                yield self.problem(path, message, f"Gates that do: {', '.join(fits) or 'none yet'}.")

        if rule.least_basis:
            yield from self._least_basis(("controls", control), rule, rule.gates)

    def _least_basis(self, place: Place, layer: ControlRule | Profile, gates: Iterable[str]) -> Iterator[ProfileError]:
        """A reason, and nothing that a gate can never reach."""
        path: Place = (*place, "least_basis")
        if not layer.least_basis_why:
            yield self.problem(path, "says no reason", "Add least_basis_why.")
        reading = sorted({name for name in gates if self._reads_records(name)})
        if layer.least_basis in ("measured", "performed") and reading:
            message = f"{', '.join(reading)} reads what people wrote, which is at best attested: it could never be met"
            yield self.problem(path, message, "Write attested, or take another gate.")

    def _weakened(self) -> Iterator[ProfileError]:
        """A least basis that asks less than the extended profile does."""
        for weak in weakened_in(self.document):
            weaker = f"{weak.after or 'any basis'} is weaker than {weak.before}, which the extended profile asks"
            remedy = f"Ask for {weak.before} at least, or extend a profile that asks for less."
            yield ProfileError(f"{'.'.join(map(str, weak.path))}: {weaker}", where=weak.where, remedy=remedy)

    def _reads_records(self, gate: str) -> bool:
        return gate in self.gates and self.gates[gate].manifest.kind != "computed"

    def _gate(self, name: str, use: GateRule, gate: Gate) -> Iterator[ProfileError]:
        path: Place = ("gates", name)
        try:
            gate.params(use.params)
        except InputError as error:
            yield self.problem((*path, "params"), error.message, error.remedy or "Fix it.")
        for index, waived in enumerate(use.accept):
            if not is_digest(waived):
                remedy = f"Copy it from: aims-gates gates show {quoted(name)}"
                yield self.problem((*path, "accept", index), "not a digest (sha256:...)", remedy)
        for fact, expected in use.applies_when.items():
            if isinstance(expected, str) and expected.casefold() in _ANSWERS:
                right = "true" if expected.casefold() in ("yes", "true", "on", "y") else "false"
                message = (
                    f"{expected!r} is a text, which no fact that is true or false equals: the gate could never apply"
                )
                yield self.problem((*path, "applies_when", fact), message, f"Write {right}, without quotes.")
        for param, value in use.params.items():
            known = gate.manifest.parameters.get(param)
            measures = known.measures if known else None
            if isinstance(value, Mapping) and (measures is not None or param == "limits"):
                for measure, limit in value.items():
                    where = (*path, "params", param, measure)
                    yield from self._limit(where, measure, limit, measures)

    def _limit(self, path: Place, measure: str, raw: Any, measures: Measures | None) -> Iterator[ProfileError]:
        way = measures.way(measure) if measures is not None else None
        if measures is not None and way is None:
            yield self._no_measure(path, measure, measures)
            return
        if isinstance(raw, Mapping) and raw and not {"op", "value"} & set(raw):
            for column, inner in raw.items():  # a limit for each column
                yield from self._limit((*path, column), measure, inner, measures)
            return
        try:
            loose = measures is not None and measures.numbers
            limit = limit_of(measure, raw, way) if loose or raw is None else read_limit(measure, raw, way=way)
        except InputError as error:
            yield self.problem(path, error.message, error.remedy or "Fix it.")
            return
        if limit is not None:
            yield from self._decides_nothing(path, measure, limit)

    def _no_measure(self, path: Place, measure: str, measures: Measures) -> ProfileError:
        names = [*measures.more, *measures.less, *measures.either]
        near = get_close_matches(measure, names, n=3, cutoff=0.6)
        remedy = f"{f'Did you mean {near[0]}? ' if near else ''}Measures: {', '.join(sorted(names))}."
        return self.problem(path, f"the gate has no measure {measure!r}", remedy)

    def _decides_nothing(self, path: Place, measure: str, limit: Limit) -> Iterator[ProfileError]:
        """A limit that every value keeps, or none."""
        if beyond(measure, limit) is None:
            message = f"can never fire: every value that {measure} can have keeps {limit.op} {limit.value:g}"
            yield self.problem(path, message, "Set a limit that some value breaks, or take it out.")
        elif not reachable(measure, limit):
            message = f"can never be kept: no value that {measure} can have is {limit.op} {limit.value:g}"
            yield self.problem(path, message, "Set a limit that some value keeps.")

    def _ages(self, used: set[str]) -> Iterator[ProfileError]:
        """Evidence, approvals and the ages that gates allow, against what the catalogue says makes them old."""
        for name in sorted(used & set(self.gates)):
            yield from self._gate_ages(name, self.profile.gates.get(name, GateRule()))
        ageing = approval_controls().ageing
        bound = self._bound(ageing)
        if bound is not None and self.profile.approval_days > bound:
            yield self._too_long(("approval_days",), self.profile.approval_days, ageing, bound)

    def _gate_ages(self, name: str, rule: GateRule) -> Iterator[ProfileError]:
        bounds = self._bounds(name)
        if not bounds:
            return
        control, longest = min(bounds, key=bounds.__getitem__), max(bounds, key=bounds.__getitem__)
        if (rule.expires_days or 0) > bounds[control]:
            yield self._too_long(("gates", name, "expires_days"), rule.expires_days or 0, control, bounds[control])
        for param, value in rule.params.items():
            if _is_age(param) and isinstance(value, int | float) and value > bounds[longest]:
                yield self._too_long(("gates", name, "params", param), value, longest, bounds[longest])

    def _bounds(self, gate: str) -> dict[str, int]:
        """The most days for each control that blocks and that this gate evidences, where the catalogue names any."""
        blocking = [
            control
            for control, rule in self.profile.controls.items()
            if gate in rule.gates and rule.enforcement == "block"
        ]
        return {control: bound for control in blocking if (bound := self._bound(control)) is not None}

    def _bound(self, control: str) -> int | None:
        """The most days the catalogue gives a control at this tier; None where it names none."""
        entry = catalogue().get(control)
        if entry is None:
            return None
        max_age_days = dict(entry.max_age_days)
        return (
            max(max_age_days.values(), default=None)
            if self.profile.tier == "any"
            else max_age_days.get(self.profile.tier)
        )

    def _too_long(self, path: Place, days: float, control: str, bound: int) -> ProfileError:
        message = f"{days:g} days is longer than the catalogue's {bound} for {control}"
        return self.problem(path, message, f"Set at most {bound}; see: aims-gates controls show {quoted(control)}")

    def _people(self) -> Iterator[ProfileError]:
        """Roles that can never approve or waive, and dates that are none."""
        profile = self.profile
        if profile.expires is not None and not _is_date(profile.expires):
            yield self.problem(("expires",), f"{profile.expires!r} is not a date", "Write it as YYYY-MM-DD.")
        named: list[tuple[Place, str]] = [
            *((("approvals", index, "role"), rule.role) for index, rule in enumerate(profile.approvals)),
            *((("waivers", "roles", index), role) for index, role in enumerate(profile.waivers.roles)),
        ]
        for path, role in named:
            if role in NOT_APPROVERS:
                remedy = f"Choose another name; {', '.join(NOT_APPROVERS)} have other work."
                yield self.problem(path, f"a key with the role {role!r} cannot approve or waive", remedy)
        for index, rule in enumerate(profile.approvals):
            if rule.role in [approval_rule.role for approval_rule in profile.approvals[:index]]:
                message = f"the role {rule.role!r} is there twice"
                yield self.problem(("approvals", index), message, "Write it once, with a count.")


def _is_age(param: str) -> bool:
    """Whether a parameter is the oldest that something may be: max_days, max_review_days, max_days_high ..."""
    return param.startswith("max_") and "days" in param.split("_")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
