"""How profiles are laid one over the other: a child over its parent, an overlay over a profile."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.model import BASES, LEAST_ISOLATION

__all__ = ["Layered", "Weakened", "laid_over", "merged", "weakened", "weakened_in"]

_STRICT = {"note": 0, "warn": 1, "block": 2}


@dataclass(frozen=True)
class Weakened:
    """A least basis below that of the profile which is extended.

    Attributes:
        path: Where in the profile.
        where: ``file:line``.
        before, after: What the extended profile asks, and what is asked in its place; empty for any basis.
    """

    path: Place
    where: str
    before: str
    after: str


@dataclass(frozen=True)
class Layered(Document):
    """A document made of two; a place is that of the one which says more of it, in doubt of the upper one.

    ``weakened`` is what the profiles that it is made of ask less than those which they extend.
    """

    lower: Document | None = None
    weakened: tuple[Weakened, ...] = ()

    def place(self, path: Place) -> str:
        """``file:line`` of this path, or of the nearest part around it."""
        if self.lower is not None and _depth(self.lower, path) > _own_depth(self, path):
            return self.lower.place(path)
        return super().place(path)


def _own_depth(document: Document, path: Place) -> int:
    return max((end for end in range(len(path) + 1) if path[:end] in document.lines), default=-1)


def _depth(document: Document, path: Place) -> int:
    lower = document.lower if isinstance(document, Layered) else None
    return max(_own_depth(document, path), -1 if lower is None else _depth(lower, path))


def merged(parent: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    """The child over the parent; ``controls`` and ``gates`` entry by entry, and a gate's params key by key."""
    result = dict(parent) | dict(child)
    for part in ("controls", "gates"):
        ours, theirs = child.get(part, {}), parent.get(part, {})
        if not (isinstance(ours, dict) and isinstance(theirs, dict)):
            continue  # the shape check names it
        result[part] = dict(theirs)
        for name, rule in ours.items():
            base = theirs.get(name)
            result[part][name] = _rule(base, rule) if isinstance(base, dict) and isinstance(rule, dict) else rule
    return result


def weakened_in(*documents: Document) -> tuple[Weakened, ...]:
    """What is known of these documents to weaken others."""
    return tuple(weak for document in documents if isinstance(document, Layered) for weak in document.weakened)


def weakened(parent: Mapping[str, Any], child: Document) -> Iterator[Weakened]:
    """The places at which a profile asks for a weaker least basis than the one it extends.

    Args:
        parent: The content of the extended profile.
        child: The extending profile, as its file says it.
    """
    before, after = parent.get("least_basis", ""), child.value.get("least_basis")
    if after is not None and _rank(after) > _rank(before):
        yield Weakened(("least_basis",), child.place(("least_basis",)), before, str(after))
    theirs, ours = parent.get("controls"), child.value.get("controls")
    if not (isinstance(ours, Mapping) and isinstance(theirs, Mapping)):
        return
    for name, rule in ours.items():
        own, base = _own_basis(rule), _own_basis(theirs.get(name)) or before
        # An empty one of a control leaves it to the profile's own, which is looked at above.
        effective = own or (before if after is None else after)
        if own is not None and _rank(effective) > _rank(base):
            path = ("controls", name, "least_basis")
            yield Weakened(path, child.place(path), str(base), str(effective))


def _own_basis(rule: Any) -> Any:
    return rule.get("least_basis") if isinstance(rule, Mapping) else None


def _rank(basis: Any) -> int:
    """How weak a basis is; none asks for nothing. Of what is no basis the shape check tells."""
    return BASES.index(basis) if basis in BASES else len(BASES)


def _rule(base: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base) | dict(rule)
    theirs, ours = base.get("params"), rule.get("params")
    return merged | {"params": theirs | ours} if isinstance(theirs, dict) and isinstance(ours, dict) else merged


def laid_over(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """An overlay over a profile: what both ask for is asked for, and where they differ the stricter holds.

    Both have the shape of a profile. Of the overlay only ``controls``, ``gates``, ``approvals``, ``isolation``
    and ``schemas`` count; other parameters than limits are the overlay's where it sets them.
    """
    controls, gates = dict(base["controls"]), dict(base.get("gates", {}))
    used = {gate for rule in controls.values() for gate in rule.get("gates", ())}
    for name, rule in overlay["controls"].items():
        least = _least_basis(base, controls.get(name, {}), rule)
        controls[name] = {**(_control(controls[name], rule) if name in controls else rule), **least}
    for name, rule in overlay.get("gates", {}).items():
        gates[name] = _gate(gates.get(name, {}), rule) if name in used else rule
    approvals = {approval["role"]: approval for approval in base.get("approvals", ())}
    for approver in overlay.get("approvals", ()):
        count = max(approver.get("count", 1), approvals.get(approver["role"], approver).get("count", 1))
        approvals[approver["role"]] = {"role": approver["role"], "count": count}
    return {
        **base,
        "title": f"{base['title']}, {overlay['title']}",
        "summary": _both(base, overlay, "summary"),
        "leaves_out": _both(base, overlay, "leaves_out"),
        "controls": controls,
        "gates": gates,
        "approvals": list(approvals.values()),
        **_isolation(base, overlay),
        **({"schemas": True} if base.get("schemas") or overlay.get("schemas") else {}),
    }


def _isolation(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    isolations = [layer["isolation"] for layer in (base, overlay) if layer.get("isolation")]
    return {"isolation": max(isolations, key=LEAST_ISOLATION.__getitem__)} if isolations else {}


def _both(base: Mapping[str, Any], overlay: Mapping[str, Any], field: str) -> str:
    return " ".join(text.strip() for text in (base.get(field, ""), overlay.get(field, "")) if text.strip())


def _control(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    means = max((layer.get("enforcement", "block") for layer in (base, over)), key=_STRICT.__getitem__)
    gates = list(dict.fromkeys([*base.get("gates", ()), *over.get("gates", ())]))
    return {**base, **over, "gates": gates, "enforcement": means}


def _least_basis(profile: Mapping[str, Any], base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The stronger of a control's own and the overlay's, with its reason; the profile's stands in for its own."""
    below = base if base.get("least_basis") else profile
    layers = [layer for layer in (below, over) if layer.get("least_basis")]
    strict = min(layers, key=lambda layer: BASES.index(layer["least_basis"]), default=profile)
    return {name: strict.get(name, "") if strict is not profile else "" for name in ("least_basis", "least_basis_why")}


def _gate(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **over, "params": dict(base.get("params", {}))}
    for name, value in over.get("params", {}).items():
        ours = merged["params"].get(name)
        both = isinstance(ours, dict) and isinstance(value, dict)
        merged["params"][name] = _limits(ours, value) if both else value
    days = [layer["expires_days"] for layer in (base, over) if layer.get("expires_days") is not None]
    accept = [*base.get("accept", ()), *over.get("accept", ())]
    when, more = base.get("applies_when", {}), over.get("applies_when")
    conditions = when if more is None else {fact: value for fact, value in when.items() if more.get(fact) == value}
    return merged | {
        "expires_days": min(days, default=None),
        "accept": list(dict.fromkeys(accept)),
        "applies_when": conditions,
    }


def _limits(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, entry by entry; of two limits on one measure the tighter."""
    merged = dict(base)
    for measure, limit in over.items():
        ours = base.get(measure)
        if isinstance(ours, dict) and isinstance(limit, dict) and ours.get("op") == limit.get("op") is not None:
            tighter = max if str(limit["op"]).startswith(">") else min
            merged[measure] = tighter(ours, limit, key=lambda choice: choice["value"])
        else:
            merged[measure] = ours if limit is None else limit
    return merged
