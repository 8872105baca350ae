"""What a classification gives: a tier with its reasons, duties and open questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Day
from typing import Any, Literal

from aims_gates.documents.canonical import plain
from aims_gates.governance.classification.obligations import SystemObligation

__all__ = ["RANK", "Coming", "ExemptionClaim", "Missing", "Overlaid", "Result", "Tier"]

Tier = Literal["prohibited", "high", "limited", "minimal", "undetermined", "out-of-scope"]

#: How strict each tier is; undetermined counts as high.
RANK: Mapping[str, int] = {"out-of-scope": 0, "minimal": 1, "limited": 2, "high": 3, "undetermined": 3, "prohibited": 4}


@dataclass(frozen=True)
class Missing:
    """What is not answered, in plain words."""

    id: str
    question: str


@dataclass(frozen=True)
class ExemptionClaim:
    """An exemption that was claimed: for which uses, whether it holds, and if not why."""

    uses: tuple[str, ...]
    granted: bool
    refused_because: tuple[str, ...]


@dataclass(frozen=True)
class Overlaid:
    """An overlay for general-purpose AI: its id and the controls that it requires at any tier."""

    id: str
    controls: tuple[str, ...]


@dataclass(frozen=True)
class Coming:
    """What the same answers will give from a later date on."""

    date: Day
    tier: Tier
    articles: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """A classification.

    Attributes:
        tier: prohibited, high, limited, minimal, undetermined or out-of-scope.
        counts_as: The tier to act on: undetermined counts as high.
        complete: Nothing is missing. An incomplete result promotes nothing.
        articles: The places that decided: ``5(1)(c)`` a prohibited practice, ``5(b)`` Annex III point 5(b), ``6(1)``,
            ``50(1)``, ``2(6)`` a scope exit, ``6(3)`` a granted exemption, ``53`` and ``55`` general-purpose AI.
        obligations: The duties of the stated roles, with the date from which each binds.
        missing: The questions still to be answered.
        route: ``sectoral`` where the sector's own product law carries the requirements, else None.
        overlays: Overlays for general-purpose AI.
        exemption: The exemption that was claimed, or None.
        raised_by: Rules of the organization that raised the tier.
        coming: What changes by itself on later dates.
        notes: Answers that deserve a second look, and other remarks.
        roles, assessor, date, as_of, system: As given.
        bundle_id, bundle_sha256: The pinned questionnaire.
        purpose_sha256: Digest of the purpose text.
        rules_sha256: Digest of the organization's rules that were applied.
    """

    tier: Tier
    counts_as: Tier
    complete: bool
    articles: tuple[str, ...]
    obligations: tuple[SystemObligation, ...]
    missing: tuple[Missing, ...]
    route: Literal["sectoral"] | None
    overlays: tuple[Overlaid, ...]
    exemption: ExemptionClaim | None
    raised_by: tuple[str, ...]
    coming: tuple[Coming, ...]
    notes: tuple[str, ...]
    roles: tuple[str, ...]
    system: str | None
    assessor: str | None
    date: Day | None
    as_of: Day
    bundle_id: str
    bundle_sha256: str
    purpose_sha256: str | None
    rules_sha256: str

    def value(self) -> dict[str, Any]:
        """The result as JSON values; dates in ISO form. An empty note is left out, as in records of earlier bundles."""
        value = {key: _value(element) for key, element in plain(self).items()}
        for duty in value["obligations"]:
            if not duty["note"]:
                del duty["note"]
        return value


def _value(value: Any) -> Any:
    if isinstance(value, Day):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _value(element) for key, element in value.items()}
    return [_value(element) for element in value] if isinstance(value, list | tuple) else value
