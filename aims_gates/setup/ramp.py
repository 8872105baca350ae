"""A way in for a registry that is already in use: per model a tier to begin with, what is missing, and by when.

Pure, and quick for hundreds of models: what the registry's tables, the ledger and the packs say comes in; no model is
loaded. Tiers are proposals and minutes are rules of thumb; the result says so of itself.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from aims_gates.documents.shell import quoted
from aims_gates.reports.effort import EFFORT, record_effort
from aims_gates.setup.tier_signs import HIGH, LIMITED, PEOPLE_COLUMNS, PROTECTED

__all__ = [
    "STAGES",
    "WorkItem",
    "ModelFacts",
    "ModelRamp",
    "TierProposal",
    "Stage",
    "TierNeeds",
    "propose",
    "ramp",
    "stages",
]

Tier = Literal["high", "limited", "minimal", "prohibited"]
#: Day -> what is reached by then.
STAGES: Mapping[int, str] = {
    30: "observe: what is in production is adopted, every system is classified and bound, and nothing is refused yet",
    60: "enforce for the tiers minimal and limited: records, checks and approvals are there",
    90: "enforce for the tier high: records, checks and approvals are there",
}
_TIERS: Mapping[str, Tier] = {"high": "high", "limited": "limited", "minimal": "minimal", "prohibited": "prohibited"}
_SHARED = "write the organization's records"
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class TierProposal:
    """A tier to begin with.

    Attributes:
        tier: Which.
        because: By what.
        decided: Whether a classification, or the system's file, says so; else it is a proposal.
    """

    tier: Tier
    because: tuple[str, ...]
    decided: bool = False


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a registered model without loading it.

    Attributes:
        name: What it goes by.
        words: Its name, description and tags.
        tags: Its own tags, and the newest version's.
        columns: The columns of its signature; None where nobody could read one.
        newest: Its newest version; empty where it has none.
        live: What is in production and has no grant: alias or stage -> version.
        not_taken_in: Whether nobody is on record as the newest version's registrar.
        gone: Whether the newest version's bytes are gone.
        system: The system that it is bound to, or that a pack lists it under; empty where there is none.
        tier: That system's tier, and whether a classification gives it.
        records: The records that the system has.
        bound: Whether a binding counts.
        granted: Whether a grant other than by adoption stands.
        let_through: Promotions that observe and warn let through that would have been refused.
    """

    name: str
    words: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    newest: str = ""
    live: Mapping[str, int] = field(default_factory=dict)
    not_taken_in: bool = False
    gone: bool = False
    system: str = ""
    tier: Tier | None = None
    classified: bool = False
    records: frozenset[str] = frozenset()
    bound: bool = False
    granted: bool = False
    let_through: int = 0


@dataclass(frozen=True)
class TierNeeds:
    """What a tier's profile asks of a system.

    Attributes:
        records: The system's own records, and the organization's (``organization/...``), which are written once.
        approvals: Role of each approval.
    """

    records: frozenset[str] = frozenset()
    approvals: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkItem:
    """A piece of work.

    Attributes:
        what: In a few words.
        minutes: A rule of thumb.
        people: The roles that do it.
        day: By when: a key of :data:`STAGES`.
        command: What begins it.
        shared: Whether it is done once for all models of a system.
    """

    what: str
    minutes: int
    people: tuple[str, ...]
    day: int
    command: str
    shared: bool = False


@dataclass(frozen=True)
class ModelRamp:
    """A model's way in."""

    facts: ModelFacts
    proposal: TierProposal
    missing: tuple[WorkItem, ...]

    @property
    def minutes(self) -> int:
        """Of all that is missing."""
        return sum(item.minutes for item in self.missing)


@dataclass(frozen=True)
class Stage:
    """What is done by a day: over how many models, how long it takes, and who does it."""

    day: int
    reached: str
    models: int
    minutes: int
    people: Mapping[str, int]
    work: Mapping[str, int]


def propose(facts: ModelFacts) -> TierProposal:
    """The tier that a model is begun with: what the system says, else what names, tags and columns look like.

    Nothing known is not taken for harmless: minimal is proposed only where a signature was read.
    """
    if facts.tier is not None:
        by = "its classification" if facts.classified else "its system's file, without a classification"
        return TierProposal(facts.tier, (f"{by} ({facts.system})",), facts.classified)
    tagged = next((_TIERS[value.lower()] for key, value in facts.tags.items() if _is_tier(key, value)), None)
    if tagged is not None:
        return TierProposal(tagged, ("a tag says so",))
    return _by_words(facts)


def _by_words(facts: ModelFacts) -> TierProposal:
    """What names, tags and columns look like."""
    words = {word for text in facts.words for word in _words(text)}
    columns = {word for name in facts.columns or () for word in _words(name)}
    high = [*(name for name, signs in HIGH.items() if words & signs), *_about(columns & PROTECTED)]
    if high:
        return TierProposal("high", tuple(high))
    limited = [*sorted(words & LIMITED), *_about(columns & PEOPLE_COLUMNS)]
    if limited:
        return TierProposal("limited", tuple(limited))
    if facts.columns is None:
        return TierProposal("limited", ("no signature could be read, so nothing is known of its inputs",))
    return TierProposal("minimal", ("nothing in its name, tags and columns speaks of people",))


def _about(words: Iterable[str]) -> list[str]:
    return [f"a column about {word}" for word in sorted(words)]


def _is_tier(key: str, value: str) -> bool:
    return key.lower().replace("-", "_").rpartition(".")[2] in ("tier", "risk", "risk_tier") and value.lower() in _TIERS


def _words(text: str) -> Iterator[str]:
    return (word.lower() for word in _WORD.findall(text))


def ramp(models: Iterable[ModelFacts], needs: Mapping[str, TierNeeds]) -> list[ModelRamp]:
    """Each model's way in, those in production first, then by tier and name.

    Args:
        models: What is known.
        needs: Tier -> what its profile asks.
    """
    result = []
    for facts in models:
        proposal = propose(facts)
        need = needs.get(proposal.tier, TierNeeds())
        result.append(ModelRamp(facts, proposal, tuple(_missing(facts, proposal.tier, need))))
    order = ("prohibited", "high", "limited", "minimal")
    return sorted(result, key=lambda item: (not item.facts.live, order.index(item.proposal.tier), item.facts.name))


def _missing(facts: ModelFacts, tier: Tier, need: TierNeeds) -> Iterator[WorkItem]:
    name, system = facts.name, facts.system or "SYSTEM"
    if facts.live:
        command = f"aims-gates adopt {quoted(name)} --owner PERSON --until DATE --key POLICY.key"
        yield _work("adopt", "adopt what is in production", 30, command)
    if facts.gone:
        yield _work("restore", f"restore the bytes of version {facts.newest}", 30, "aims-gates doctor --registry")
    if facts.not_taken_in:
        command = f"aims-gates adopt {quoted(facts.name, facts.newest)} --key YOUR.key"
        yield _work("take in", f"take version {facts.newest} in", 30, command)
    if not facts.system:
        yield _work("system", "write the system's file", 30, "aims-gates init --system NAME")
    if not facts.classified:
        yield _work("classify", "classify the system", 30, f"aims-gates classify --system {quoted(system)}")
    if not facts.bound:
        command = f"aims-gates bind {quoted(name, '--system', system)} --key POLICY.key"
        yield _work("bind", "bind the model", 30, command)
    if not facts.granted and facts.newest:
        yield from _to_grant(facts, need, 90 if tier in ("high", "prohibited") else 60)


def _to_grant(facts: ModelFacts, need: TierNeeds, day: int) -> Iterator[WorkItem]:
    """What lies between a bound model and a grant."""
    system = facts.system or "SYSTEM"
    for record in sorted(need.records - facts.records):
        if not record.startswith("organization/"):
            command = f"aims-gates records new {quoted(record, '--system', system)}"
            yield _record(record, f"write the record {record}", day, command)
    command = f"aims-gates check --model {quoted(facts.name, '--version', facts.newest)} --key CI.key"
    yield _work("check", "check the model", day, command)
    for role in need.approvals:
        command = f"aims-gates request open {quoted(facts.name, facts.newest)} --key YOUR.key"
        yield WorkItem(f"approve as {role}", EFFORT["approve"][0], (role,), day, command)


def _work(kind: str, what: str, day: int, command: str) -> WorkItem:
    minutes, people = EFFORT[kind]
    return WorkItem(what, minutes, people, day, command, kind in ("system", "classify"))


def _record(record: str, what: str, day: int, command: str = "") -> WorkItem:
    effort = record_effort([record])
    return WorkItem(what, effort.minutes, effort.people, day, command, shared=True)


def stages(ramps: Collection[ModelRamp], organization: Collection[str] = ()) -> list[Stage]:
    """The plan: what is done by day 30, 60 and 90.

    Args:
        ramps: Each model's way in.
        organization: The organization's records that are missing; they are written once, by day 60.
    """
    return [_stage(day, reached, ramps, organization if day == 60 else ()) for day, reached in STAGES.items()]


def _stage(day: int, reached: str, ramps: Collection[ModelRamp], organization: Collection[str]) -> Stage:
    listed = {
        (item.facts.system or item.facts.name if missing.shared else item.facts.name, missing.what): missing
        for item in ramps
        for missing in item.missing
        if missing.day == day
    }
    done = [*listed.values(), *(_record(record, _SHARED, day) for record in organization)]
    minutes: Counter[str] = Counter()
    for missing in done:
        minutes.update(dict.fromkeys(missing.people, missing.minutes))
    models = {item.facts.name for item in ramps if any(missing.day == day for missing in item.missing)}
    work = Counter(_kind(missing.what) for missing in done)
    total = sum(missing.minutes for missing in done)
    return Stage(day, reached, len(models), total, dict(sorted(minutes.items())), dict(work))


def _kind(what: str) -> str:
    """A piece of work without what is the model's own."""
    starts = {"write the record": "write a record", "take version": "take a version in", "restore": "restore bytes"}
    return next((kind for start, kind in starts.items() if what.startswith(start)), what)
